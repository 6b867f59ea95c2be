//! Receive attempts: a receiver that lost an answer asks again with the same id, and gets the same.

use rusqlite::params;

use super::fault::Fault;
use super::queue::Queue;
use super::receive::{Order, Taken};
use super::settings::MAX_VISIBILITY_SECS;
use super::store::Session;

/// How long an attempt can be repeated.
const ATTEMPT_SECS: i64 = 300;

/// Returns what the same attempt took before, if all of it is still in flight as it was then.
pub(super) fn replay(
    session: &Session<'_>,
    queue: &Queue,
    attempt: &str,
    order: &Order,
) -> Result<Option<Vec<Taken>>, Fault> {
    let oldest = session.after_secs(ATTEMPT_SECS.saturating_neg());
    session.execute("DELETE FROM attempts WHERE received <= ?1", [oldest])?;
    let sql = "SELECT receipts, received, visible FROM attempts WHERE queue = ?1 AND attempt = ?2";
    let read = |row: &rusqlite::Row<'_>| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, i64>(2)?,
        ))
    };
    let Some((receipts, received, visible)) =
        session.first(sql, params![queue.id, attempt], read)?
    else {
        return Ok(None);
    };
    let taken: Vec<Taken> = serde_json::from_str(&receipts)?;
    if visible <= session.now || !all_untouched(session, &taken, visible)? {
        return Ok(None);
    }
    let longest = received.saturating_add(MAX_VISIBILITY_SECS.saturating_mul(1000));
    let visible = order.until.min(longest);
    for (seq, _) in &taken {
        session.execute(
            "UPDATE messages SET visible = ?2 WHERE seq = ?1",
            [*seq, visible],
        )?;
    }
    let sql = "UPDATE attempts SET visible = ?3 WHERE queue = ?1 AND attempt = ?2";
    session.execute(sql, params![queue.id, attempt, visible])?;
    Ok(Some(taken))
}

fn all_untouched(session: &Session<'_>, taken: &[Taken], visible: i64) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM messages WHERE seq = ?1 AND receipt = ?2 AND visible = ?3";
    for (seq, receipt) in taken {
        if session
            .first(sql, params![seq, receipt, visible], |_| Ok(()))?
            .is_none()
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Keeps what an attempt took, for its repetition.
pub(super) fn remember(
    session: &Session<'_>,
    queue: &Queue,
    attempt: &str,
    order: &Order,
    taken: &[Taken],
) -> Result<(), Fault> {
    if taken.is_empty() {
        return Ok(());
    }
    let sql = "INSERT OR REPLACE INTO attempts VALUES (?1, ?2, ?3, ?4, ?5)";
    let receipts = serde_json::to_string(taken)?;
    session.execute(
        sql,
        params![queue.id, attempt, receipts, session.now, order.until],
    )?;
    Ok(())
}

/// Forgets what was taken, when all of it is put back.
pub(super) fn forget_all(session: &Session<'_>) -> rusqlite::Result<usize> {
    session.execute("DELETE FROM attempts", [])
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[tokio::test]
    async fn an_attempt_repeats_only_what_nobody_touched() {
        check(
            "send A a0 = new
             send A a1 = new
             send B b0 = new
             receive 2 R = a0 a1
             pass 20
             receive 2 R = a0 a1
             pass 20
             receive 2 R = a0 a1
             delete a0
             receive 2 R = b0
             visible b0 40
             receive 2 R = nothing",
        )
        .await;
    }
}
