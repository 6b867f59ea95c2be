//! Moves between queues: to the dead-letter queue, and back.

use rusqlite::params;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::fault::{Code, Fault, invalid, missing, refused};
use super::queue::{self, DeadLetters, Queue};
use super::store::Session;

/// `StartMessageMoveTask`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StartMessageMoveTask {
    #[serde(default)]
    source_arn: String,
    destination_arn: Option<String>,
}

/// Moves a message to the end of the dead-letter queue: its id and group stay, counts begin anew.
pub(super) fn to_dead_letters(
    session: &Session<'_>,
    from: &Queue,
    seq: i64,
    policy: &DeadLetters,
) -> Result<(), Fault> {
    let target = Queue::named(session, &policy.queue)?;
    let sql = "INSERT INTO messages
            (queue, grp, id, dedup, sent, source, attributes, system_attributes, body)
        SELECT ?2, grp, id, id, ?3, ?4, attributes, system_attributes, body
        FROM messages WHERE seq = ?1";
    session.execute(sql, params![seq, target.id, session.now, from.name])?;
    remove(session, seq)
}

/// Moves what a dead-letter queue holds to where it came from, or to the destination given.
///
/// Done when answered, unlike AWS's task. What is in flight stays, with the rest of its group, and
/// so does what was sent to the queue directly when no destination is given.
pub(super) fn move_all(
    session: &Session<'_>,
    request: &StartMessageMoveTask,
) -> Result<Value, Fault> {
    if request.source_arn.is_empty() {
        return Err(missing("SourceArn"));
    }
    let from = by_arn(session, &request.source_arn)?;
    if !is_dead_letter_queue(session, &from)? {
        return Err(invalid("the source is no queue's dead-letter queue"));
    }
    let to = request
        .destination_arn
        .as_deref()
        .map(|arn| by_arn(session, arn))
        .transpose()?;
    for (seq, source) in movable(session, &from)? {
        let target = match (&to, source) {
            (Some(to), _) => Some(to.id),
            (None, Some(source)) => Queue::find(session, &source)?.map(|queue| queue.id),
            (None, None) => None,
        };
        if let Some(target) = target {
            send_again(session, seq, target)?;
        }
    }
    Ok(json!({ "TaskHandle": Uuid::now_v7().to_string() }))
}

fn by_arn(session: &Session<'_>, arn: &str) -> Result<Queue, Fault> {
    let queue = Queue::find(session, queue::name_in(arn).unwrap_or_default())?;
    match queue {
        Some(queue) if queue.is_fifo() => Ok(queue),
        Some(_) => Err(invalid("messages of a FIFO queue move to FIFO queues only")),
        None => Err(refused(Code::ResourceNotFound, "the queue does not exist")),
    }
}

fn is_dead_letter_queue(session: &Session<'_>, queue: &Queue) -> Result<bool, Fault> {
    let names = session.all("SELECT name FROM queues", [], |row| row.get::<_, String>(0))?;
    for name in names {
        let policy = Queue::named(session, &name)?.dead_letters();
        if policy.is_some_and(|policy| policy.queue == queue.name) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn movable(session: &Session<'_>, queue: &Queue) -> Result<Vec<(i64, Option<String>)>, Fault> {
    let sql = "SELECT seq, source FROM messages JOIN message_groups
            ON message_groups.queue = messages.queue AND name = grp
        WHERE messages.queue = ?1 AND blocked_until <= ?2 ORDER BY seq";
    Ok(session.all(sql, [queue.id, session.now], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?)
}

/// Moves a message as a new one, which no deduplication id holds back.
fn send_again(session: &Session<'_>, seq: i64, target: i64) -> Result<(), Fault> {
    let sql = "INSERT INTO messages
            (queue, grp, id, dedup, sent, attributes, system_attributes, body)
        SELECT ?2, grp, ?3, ?3, ?4, attributes, system_attributes, body
        FROM messages WHERE seq = ?1";
    session.execute(
        sql,
        params![seq, target, Uuid::now_v7().to_string(), session.now],
    )?;
    remove(session, seq)
}

fn remove(session: &Session<'_>, seq: i64) -> Result<(), Fault> {
    session.execute("DELETE FROM messages WHERE seq = ?1", [seq])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    const POLICY: &str = r#"set RedrivePolicy {"deadLetterTargetArn":"arn:aws:sqs:r:1:dead.fifo","maxReceiveCount":2}"#;

    #[tokio::test]
    async fn redrive_happens_at_the_receive_and_the_group_goes_on() {
        check(&format!(
            "{POLICY}
             send A a0 = new
             send A a1 = new
             receive 1 = a0
             visible a0 0
             receive 1 = a0
             dead 10 = nothing
             visible a0 0
             receive 10 = a1
             dead 10 = a0"
        ))
        .await;
    }

    #[tokio::test]
    async fn dead_letters_go_back_as_new_messages_past_deduplication() {
        check(&format!(
            "{POLICY}
             send A a0 D = new
             receive 1 = a0
             visible a0 0
             receive 1 = a0
             visible a0 0
             receive 1 = nothing
             move
             send A a0 D = repeat
             receive 10 = a0
             visible a0 0
             receive 10 = a0"
        ))
        .await;
    }

    #[tokio::test]
    async fn dead_letters_in_flight_stay() {
        check(&format!(
            "{POLICY}
             send A a0 = new
             receive 1 = a0
             visible a0 0
             receive 1 = a0
             visible a0 0
             receive 1 = nothing
             dead 1 = a0
             move
             receive 1 = nothing
             pass 30
             move
             receive 1 = a0"
        ))
        .await;
    }

    #[tokio::test]
    async fn only_dead_letter_queues_are_moved_from() {
        check("move = InvalidParameterValue").await;
    }
}
