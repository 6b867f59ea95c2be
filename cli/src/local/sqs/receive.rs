//! Receiving: whose turn it is, and what is taken.
//!
//! A group is free when none of its messages is in flight. A receive goes to the free group with
//! the oldest message and takes from it in order, then to the next, until it has enough. What it
//! looks at is `message_groups`, so blocked groups cost nothing however much they hold. As in SQS, only
//! the first messages of a queue are searched for groups: one group's backlog of that many makes the
//! others wait.

use std::time::Duration;

use rusqlite::params;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::attempts;
use super::fault::{Fault, invalid};
use super::messages::{self, Wanted};
use super::queue::Queue;
use super::redrive;
use super::send::check_id;
use super::settings::MAX_VISIBILITY_SECS;
use super::store::Session;

const MAX_MESSAGES: i64 = 10;
const MAX_WAIT_SECS: i64 = 20;

/// `ReceiveMessage`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceiveMessage {
    #[serde(default)]
    queue_url: String,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    receive_request_attempt_id: Option<String>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

/// What one look at a queue found.
pub(super) struct Look {
    pub(super) messages: Vec<Value>,
    /// How long the caller is ready to wait when there is nothing.
    pub(super) wait: Duration,
    /// When the next blocked group becomes free by itself.
    pub(super) next_turn: Option<Duration>,
    /// Messages went to the dead-letter queue.
    pub(super) redrove: bool,
}

impl Look {
    pub(super) fn into_answer(self) -> Value {
        if self.messages.is_empty() {
            return json!({});
        }
        json!({ "Messages": self.messages })
    }
}

/// A receive as asked for, checked.
pub(super) struct Order {
    want: usize,
    /// When the messages become visible again.
    pub(super) until: i64,
}

/// A message taken: its sequence number and its receipt.
pub(super) type Taken = (i64, String);

/// Looks once, without waiting.
pub(super) fn look(session: &Session<'_>, request: &ReceiveMessage) -> Result<Look, Fault> {
    let queue = Queue::fifo_at(session, &request.queue_url)?;
    let wait = within(
        "WaitTimeSeconds",
        request.wait_time_seconds,
        0..=MAX_WAIT_SECS,
    )?
    .unwrap_or_else(|| queue.settings.wait_secs());
    let order = request.order(session, &queue)?;
    expire(session, &queue)?;
    let (taken, redrove) = match &request.receive_request_attempt_id {
        Some(attempt) => take_as(session, &queue, &order, attempt)?,
        None => take(session, &queue, &order)?,
    };
    Ok(Look {
        messages: request.tell(session, &taken)?,
        wait: Duration::from_secs(u64::try_from(wait).unwrap_or_default()),
        next_turn: next_turn(session, &queue)?,
        redrove,
    })
}

impl ReceiveMessage {
    fn order(&self, session: &Session<'_>, queue: &Queue) -> Result<Order, Fault> {
        let want = within(
            "MaxNumberOfMessages",
            self.max_number_of_messages,
            1..=MAX_MESSAGES,
        )?;
        let visibility = within(
            "VisibilityTimeout",
            self.visibility_timeout,
            0..=MAX_VISIBILITY_SECS,
        )?
        .unwrap_or_else(|| queue.settings.visibility_secs());
        if let Some(attempt) = &self.receive_request_attempt_id {
            check_id("ReceiveRequestAttemptId", attempt)?;
        }
        // A timeout of 0 still ends after this receive, which else would take a message twice.
        let until = session
            .after_secs(visibility)
            .max(session.now.saturating_add(1));
        Ok(Order {
            want: usize::try_from(want.unwrap_or(1)).unwrap_or(1),
            until,
        })
    }

    fn tell(&self, session: &Session<'_>, taken: &[Taken]) -> Result<Vec<Value>, Fault> {
        let system = self
            .attribute_names
            .iter()
            .chain(&self.message_system_attribute_names);
        let wanted = Wanted {
            system: system.map(String::as_str).collect(),
            attributes: &self.message_attribute_names,
        };
        let told = taken
            .iter()
            .map(|(seq, receipt)| messages::tell(session, *seq, receipt, &wanted));
        told.filter_map(Result::transpose).collect()
    }
}

/// Refuses a number outside its range.
fn within(
    name: &str,
    given: Option<i64>,
    range: std::ops::RangeInclusive<i64>,
) -> Result<Option<i64>, Fault> {
    match given {
        Some(number) if !range.contains(&number) => {
            let (least, most) = range.into_inner();
            Err(invalid(format!("`{name}` is between {least} and {most}")))
        }
        _ => Ok(given),
    }
}

/// Drops what has been kept for longer than the queue keeps messages.
fn expire(session: &Session<'_>, queue: &Queue) -> Result<(), Fault> {
    let oldest = session.after_secs(queue.settings.retention_secs().saturating_neg());
    let sql = "DELETE FROM messages WHERE queue = ?1 AND sent <= ?2";
    session.execute(sql, [queue.id, oldest])?;
    Ok(())
}

/// Takes up to as many messages as asked for, and tells whether it redrove others on the way.
fn take(session: &Session<'_>, queue: &Queue, order: &Order) -> Result<(Vec<Taken>, bool), Fault> {
    free_groups(session, queue)?;
    let (mut taken, mut redrove) = (Vec::new(), false);
    while taken.len() < order.want
        && let Some(group) = oldest_free_group(session, queue)?
    {
        // Each round takes or redrives at least the group's head, so the rounds end.
        redrove |= take_from(session, queue, order, &group, &mut taken)?;
    }
    Ok((taken, redrove))
}

/// Takes what this attempt took before, or else afresh.
fn take_as(
    session: &Session<'_>,
    queue: &Queue,
    order: &Order,
    attempt: &str,
) -> Result<(Vec<Taken>, bool), Fault> {
    if let Some(taken) = attempts::replay(session, queue, attempt, order)? {
        return Ok((taken, false));
    }
    let (taken, redrove) = take(session, queue, order)?;
    attempts::remember(session, queue, attempt, order, &taken)?;
    Ok((taken, redrove))
}

/// Frees the groups whose last visibility timeout is over.
fn free_groups(session: &Session<'_>, queue: &Queue) -> Result<(), Fault> {
    let sql = "UPDATE message_groups SET blocked_until = 0
        WHERE queue = ?1 AND blocked_until > 0 AND blocked_until <= ?2";
    session.execute(sql, [queue.id, session.now])?;
    Ok(())
}

fn oldest_free_group(session: &Session<'_>, queue: &Queue) -> Result<Option<String>, Fault> {
    let sql = "SELECT name, head FROM message_groups WHERE queue = ?1 AND blocked_until = 0
        ORDER BY head LIMIT 1";
    let found = session.first(sql, [queue.id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    match found {
        Some((group, head)) if is_in_window(session, queue, head)? => Ok(Some(group)),
        // The groups behind it begin even later.
        _ => Ok(None),
    }
}

/// Returns whether a message is one of the first that are searched for groups.
fn is_in_window(session: &Session<'_>, queue: &Queue, seq: i64) -> Result<bool, Fault> {
    let sql = "SELECT MIN(seq) FROM messages WHERE queue = ?1";
    let first: Option<i64> = session.first(sql, [queue.id], |row| row.get(0))?.flatten();
    // Numbers are given once: mostly the distance says that there cannot be so many between them.
    if seq.saturating_sub(first.unwrap_or(seq)) < session.window {
        return Ok(true);
    }
    let sql = "SELECT COUNT(*) FROM
        (SELECT 1 FROM messages WHERE queue = ?1 AND seq < ?2 LIMIT ?3)";
    let before: Option<i64> =
        session.first(sql, [queue.id, seq, session.window], |row| row.get(0))?;
    Ok(before.unwrap_or_default() < session.window)
}

fn take_from(
    session: &Session<'_>,
    queue: &Queue,
    order: &Order,
    group: &str,
    taken: &mut Vec<Taken>,
) -> Result<bool, Fault> {
    let sql = "SELECT seq, receives FROM messages WHERE queue = ?1 AND grp = ?2 AND seq > ?3
        ORDER BY seq LIMIT 1";
    let dead_letters = queue.dead_letters();
    let (mut after, mut redrove) = (0, false);
    while taken.len() < order.want {
        let params = params![queue.id, group, after];
        let next = session.first(sql, params, |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
        let Some((seq, receives)) = next else {
            break;
        };
        match &dead_letters {
            Some(policy) if receives >= policy.max_receives => {
                redrive::to_dead_letters(session, queue, seq, policy)?;
                redrove = true;
            }
            _ => taken.push((seq, claim(session, seq, order)?)),
        }
        after = seq;
    }
    Ok(redrove)
}

/// Puts a message in flight and returns its receipt.
fn claim(session: &Session<'_>, seq: i64, order: &Order) -> Result<String, Fault> {
    let receipt = format!("{seq}.{}", Uuid::now_v7().simple());
    let sql = "UPDATE messages SET visible = ?2, receipt = ?3, receives = receives + 1,
            first_received = COALESCE(first_received, ?4), last_received = ?4
        WHERE seq = ?1";
    session.execute(sql, params![seq, order.until, receipt, session.now])?;
    Ok(receipt)
}

fn next_turn(session: &Session<'_>, queue: &Queue) -> Result<Option<Duration>, Fault> {
    let sql =
        "SELECT MIN(blocked_until) FROM message_groups WHERE queue = ?1 AND blocked_until > 0";
    let next: Option<i64> = session.first(sql, [queue.id], |row| row.get(0))?.flatten();
    let millis = next.and_then(|at| u64::try_from(at.saturating_sub(session.now)).ok());
    Ok(millis.map(Duration::from_millis))
}

/// Makes everything in flight visible, and forgets what attempts took.
pub(super) fn release_in_flight(session: &Session<'_>) -> Result<usize, rusqlite::Error> {
    attempts::forget_all(session)?;
    session.execute("UPDATE messages SET visible = 0 WHERE visible > 0", [])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_with_window};

    #[tokio::test]
    async fn a_batch_fills_from_the_oldest_free_group_and_then_the_next() {
        check(
            "send A a0 = new
             send B b0 = new
             send A a1 = new
             receive 10 = a0 a1 b0
             count = 0 3",
        )
        .await;
    }

    #[tokio::test]
    async fn a_group_waits_for_all_of_its_messages_in_flight() {
        check(
            "send A a0 = new
             send A a1 = new
             send A a2 = new
             receive 2 = a0 a1
             delete a0
             visible a1 40
             pass 31
             receive 10 = nothing
             pass 10
             receive 10 = a1 a2",
        )
        .await;
    }

    #[tokio::test]
    async fn a_timeout_of_nothing_takes_a_message_once_a_receive() {
        check(
            "set VisibilityTimeout 0
             send A a0 = new
             receive 10 = a0
             receive 10 = nothing
             pass 1
             receive 10 = a0",
        )
        .await;
    }

    #[tokio::test]
    async fn messages_are_kept_for_the_retention_period() {
        check(
            "send A a0 = new
             pass 345599
             receive 1 = a0
             pass 1
             receive 1 = nothing
             count = 0 0
             set MessageRetentionPeriod 60
             send A a1 = new
             pass 60
             receive 1 = nothing",
        )
        .await;
    }

    #[tokio::test]
    async fn groups_behind_the_window_wait_until_it_reaches_them() {
        check_with_window(
            3,
            "send A a0 = new
             send A a1 = new
             send A a2 = new
             send B b0 = new
             send C c0 = new
             receive 2 = a0 a1
             receive 10 = nothing
             delete a0
             receive 10 = b0
             receive 10 = nothing
             delete b0
             receive 10 = c0
             delete a1
             receive 10 = a2",
        )
        .await;
    }

    #[tokio::test]
    async fn what_was_in_flight_stays_so_until_released() {
        check(
            "send A a0 = new
             send A a1 = new
             send B b0 = new
             receive 1 = a0
             receive 1 = b0
             reopen
             receive 10 = nothing
             release = 2
             delete a0 = InvalidParameterValue
             receive 10 = a0 a1 b0",
        )
        .await;
    }

    #[tokio::test]
    async fn numbers_out_of_range_are_refused() {
        let laptop = super::super::testing::Laptop::start().await;
        for (name, value) in [
            ("MaxNumberOfMessages", 0),
            ("MaxNumberOfMessages", 11),
            ("VisibilityTimeout", 43_201),
            ("WaitTimeSeconds", 21),
        ] {
            let request = serde_json::json!({ "QueueUrl": "queue.fifo", name: value });
            let refusal = laptop.call("ReceiveMessage", &request).await.unwrap_err();
            assert_eq!(refusal, "InvalidParameterValue", "{name}");
        }
    }
}
