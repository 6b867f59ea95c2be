//! Deleting received messages, and changing how long they stay invisible.
//!
//! A receipt is good while it is the message's latest and its visibility has not ended.

use rusqlite::params;
use serde::Deserialize;
use serde_json::{Value, json};

use super::batch::Batch;
use super::fault::{Code, Fault, invalid, missing, refused};
use super::queue::Queue;
use super::settings::MAX_VISIBILITY_SECS;
use super::store::Session;

/// `DeleteMessage`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteMessage {
    #[serde(default)]
    queue_url: String,
    #[serde(flatten)]
    settled: Settled,
}

/// A message that needs no more handling.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Settled {
    #[serde(default)]
    receipt_handle: String,
}

/// `ChangeMessageVisibility`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChangeMessageVisibility {
    #[serde(default)]
    queue_url: String,
    #[serde(flatten)]
    change: NewVisibility,
}

/// A message that is to be visible after so many seconds from now.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NewVisibility {
    #[serde(default)]
    receipt_handle: String,
    visibility_timeout: Option<i64>,
}

/// Deletes one message.
pub(super) fn delete(session: &Session<'_>, request: &DeleteMessage) -> Result<Value, Fault> {
    let queue = Queue::fifo_at(session, &request.queue_url)?;
    delete_one(session, &queue, &request.settled)
}

/// Deletes up to ten messages.
pub(super) fn delete_batch(session: &Session<'_>, batch: &Batch<Settled>) -> Result<Value, Fault> {
    let queue = Queue::fifo_at(session, &batch.queue_url)?;
    batch.check()?;
    batch.each(|settled| delete_one(session, &queue, settled))
}

/// Changes one message's visibility.
pub(super) fn change(
    session: &Session<'_>,
    request: &ChangeMessageVisibility,
) -> Result<Value, Fault> {
    let queue = Queue::fifo_at(session, &request.queue_url)?;
    change_one(session, &queue, &request.change)
}

/// Changes up to ten messages' visibility.
pub(super) fn change_batch(
    session: &Session<'_>,
    batch: &Batch<NewVisibility>,
) -> Result<Value, Fault> {
    let queue = Queue::fifo_at(session, &batch.queue_url)?;
    batch.check()?;
    batch.each(|change| change_one(session, &queue, change))
}

/// Deleting again what is gone succeeds.
fn delete_one(session: &Session<'_>, queue: &Queue, settled: &Settled) -> Result<Value, Fault> {
    if let Some(message) = InFlight::find(session, queue, &settled.receipt_handle)? {
        message.check_receipt(session, &settled.receipt_handle)?;
        session.execute("DELETE FROM messages WHERE seq = ?1", [message.seq])?;
    }
    Ok(json!({}))
}

fn change_one(
    session: &Session<'_>,
    queue: &Queue,
    change: &NewVisibility,
) -> Result<Value, Fault> {
    let seconds = change
        .visibility_timeout
        .ok_or_else(|| missing("VisibilityTimeout"))?;
    if !(0..=MAX_VISIBILITY_SECS).contains(&seconds) {
        let message = format!("`VisibilityTimeout` is between 0 and {MAX_VISIBILITY_SECS}");
        return Err(invalid(message));
    }
    let Some(message) = InFlight::find(session, queue, &change.receipt_handle)? else {
        return Err(invalid(
            "the message of this receipt handle does not exist any more",
        ));
    };
    message.check_receipt(session, &change.receipt_handle)?;
    let visible = message.visible_after(session, seconds)?;
    let sql = "UPDATE messages SET visible = ?2 WHERE seq = ?1";
    session.execute(sql, [message.seq, visible])?;
    Ok(json!({}))
}

/// A message that somebody received.
struct InFlight {
    seq: i64,
    receipt: Option<String>,
    visible: i64,
    received: Option<i64>,
}

impl InFlight {
    fn find(
        session: &Session<'_>,
        queue: &Queue,
        receipt_handle: &str,
    ) -> Result<Option<Self>, Fault> {
        let seq = seq_in(receipt_handle)?;
        let sql = "SELECT receipt, visible, last_received FROM messages
            WHERE seq = ?1 AND queue = ?2";
        let read = |row: &rusqlite::Row<'_>| {
            let (receipt, visible, received) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Self {
                seq,
                receipt,
                visible,
                received,
            })
        };
        Ok(session.first(sql, params![seq, queue.id], read)?)
    }

    fn check_receipt(&self, session: &Session<'_>, receipt_handle: &str) -> Result<(), Fault> {
        if self.receipt.as_deref() == Some(receipt_handle) && self.visible > session.now {
            return Ok(());
        }
        Err(invalid("the receipt handle has expired"))
    }

    /// Returns the new end of the timeout: 0 for at once, at most 12 hours after the receive.
    fn visible_after(&self, session: &Session<'_>, seconds: i64) -> Result<i64, Fault> {
        if seconds == 0 {
            return Ok(0);
        }
        let (visible, received) = (
            session.after_secs(seconds),
            self.received.unwrap_or_default(),
        );
        let longest = received.saturating_add(MAX_VISIBILITY_SECS.saturating_mul(1000));
        if visible > longest {
            let message = format!(
                "the total visibility timeout of the message is beyond {MAX_VISIBILITY_SECS} seconds"
            );
            return Err(invalid(message));
        }
        Ok(visible)
    }
}

/// Returns the sequence number in a receipt handle, which is `NUMBER.RANDOM`.
fn seq_in(receipt_handle: &str) -> Result<i64, Fault> {
    if receipt_handle.is_empty() {
        return Err(missing("ReceiptHandle"));
    }
    let number = receipt_handle
        .split_once('.')
        .and_then(|(seq, _)| seq.parse().ok());
    let message = "the receipt handle is not one of this queue's";
    number.ok_or_else(|| refused(Code::ReceiptHandleIsInvalid, message))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Laptop, check};

    #[tokio::test]
    async fn deleted_messages_leave_no_byte_of_themselves_or_their_groups() {
        let mut laptop = Laptop::start().await;
        let scope = ["set", "DeduplicationScope", "messageGroup"];
        assert_eq!(laptop.run(&scope).await, "ok");
        let holds = |laptop: &Laptop, text: &str| {
            let bytes = laptop.bytes();
            bytes
                .windows(text.len())
                .any(|some| some == text.as_bytes())
        };
        for n in 0..60 {
            let (group, size) = (format!("wombat-{}", n % 7), 60 * n);
            let body = format!("quokka-{n}-{}", "x".repeat(size));
            assert_eq!(laptop.run(&["send", &group, &body]).await, "new");
        }
        assert!(holds(&laptop, "quokka") && holds(&laptop, "wombat"));
        for _ in 0..60 {
            let body = laptop.run(&["receive", "1"]).await;
            assert_eq!(laptop.run(&["delete", &body]).await, "ok");
        }
        assert!(!holds(&laptop, "quokka") && !holds(&laptop, "wombat"));
    }

    #[tokio::test]
    async fn stale_receipts_are_refused() {
        check(
            "send A a0 = new
             receive 1 = a0
             pass 30
             delete a0 = InvalidParameterValue
             receive 1 = a0
             delete a0 1 = InvalidParameterValue
             visible a0 5 1 = InvalidParameterValue
             delete a0 2
             delete a0 2
             visible a0 5 2 = InvalidParameterValue",
        )
        .await;
    }

    #[tokio::test]
    async fn a_message_put_back_is_first_of_its_group_again() {
        check(
            "send A a0 = new
             send A a1 = new
             receive 1 = a0
             visible a0 0
             visible a0 0 = InvalidParameterValue
             receive 10 = a0 a1
             visible a0 0
             receive 10 = nothing
             visible a1 0
             receive 10 = a0 a1",
        )
        .await;
    }

    #[tokio::test]
    async fn visibility_ends_twelve_hours_after_the_receive() {
        check(
            "send A a0 = new
             receive 1 = a0
             visible a0 43201 = InvalidParameterValue
             visible a0 -1 = InvalidParameterValue
             pass 20
             visible a0 43200 = InvalidParameterValue
             visible a0 43180
             pass 43179
             receive 1 = nothing
             pass 1
             receive 1 = a0
             visible a0 43200",
        )
        .await;
    }

    #[tokio::test]
    async fn a_batch_fails_by_entry() {
        let laptop = Laptop::start().await;
        let entries = serde_json::json!([
            { "Id": "gone", "ReceiptHandle": "1.gone" }, { "Id": "bad", "ReceiptHandle": "bad" },
        ]);
        let request = serde_json::json!({ "QueueUrl": "queue.fifo", "Entries": entries });
        let answer = laptop.call("DeleteMessageBatch", &request).await.unwrap();
        assert_eq!(answer["Successful"][0]["Id"], "gone");
        assert_eq!(answer["Failed"][0]["Id"], "bad");
        assert_eq!(answer["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
    }
}
