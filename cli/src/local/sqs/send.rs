//! Sending: limits, deduplication, and the end of the queue.

use md5::{Digest as _, Md5};
use rusqlite::params;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

use super::attributes::Attributes;
use super::batch::Batch;
use super::fault::{Code, Fault, invalid, missing, refused};
use super::queue::Queue;
use super::settings::MAX_BYTES;
use super::store::Session;

/// How long a deduplication id is remembered, from its first send.
const DEDUP_SECS: i64 = 300;
const MAX_ID: usize = 128;

/// `SendMessage`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendMessage {
    #[serde(default)]
    queue_url: String,
    #[serde(flatten)]
    message: Outgoing,
}

/// A message to be sent.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Outgoing {
    #[serde(default)]
    message_body: String,
    message_group_id: Option<String>,
    message_deduplication_id: Option<String>,
    #[serde(default)]
    delay_seconds: i64,
    #[serde(default)]
    message_attributes: Attributes,
    #[serde(default)]
    message_system_attributes: Attributes,
}

/// Sends one message.
pub(super) fn send(session: &Session<'_>, request: &SendMessage) -> Result<Value, Fault> {
    let queue = Queue::fifo_at(session, &request.queue_url)?;
    append(session, &queue, &request.message)
}

/// Sends up to ten messages, in their order.
pub(super) fn send_batch(session: &Session<'_>, batch: &Batch<Outgoing>) -> Result<Value, Fault> {
    let queue = Queue::fifo_at(session, &batch.queue_url)?;
    batch.check()?;
    let size = batch
        .items()
        .fold(0, |size: usize, item| size.saturating_add(item.size()));
    if size > MAX_BYTES {
        let message = format!("the batch has {size} bytes, and {MAX_BYTES} are allowed");
        return Err(refused(Code::BatchRequestTooLong, message));
    }
    batch.each(|message| append(session, &queue, message))
}

fn append(session: &Session<'_>, queue: &Queue, message: &Outgoing) -> Result<Value, Fault> {
    message.check(queue)?;
    let key = message.key(queue)?;
    let sent = match key.find(session, queue)? {
        Some(first) => first,
        None => key.insert(session, queue, message)?,
    };
    let mut answer = json!({
        "MessageId": sent.id,
        "SequenceNumber": sequence_number(sent.seq),
        "MD5OfMessageBody": body_md5(&message.message_body),
    });
    for (name, attributes) in [
        ("MD5OfMessageAttributes", &message.message_attributes),
        (
            "MD5OfMessageSystemAttributes",
            &message.message_system_attributes,
        ),
    ] {
        if let (Some(answer), Some(md5)) = (answer.as_object_mut(), attributes.md5()) {
            answer.insert(name.to_owned(), md5.into());
        }
    }
    Ok(answer)
}

impl Outgoing {
    /// Returns what counts towards the limit of 1 MiB.
    fn size(&self) -> usize {
        self.message_body
            .len()
            .saturating_add(self.message_attributes.size())
    }

    fn check(&self, queue: &Queue) -> Result<(), Fault> {
        if self.message_body.is_empty() {
            return Err(missing("MessageBody"));
        }
        let (size, limit) = (self.size(), queue.settings.max_bytes());
        if size > limit {
            let message = format!("the message has {size} bytes, and {limit} are allowed");
            return Err(invalid(message));
        }
        if !is_plain_text(&self.message_body) {
            let message = "the message holds characters outside the allowed set";
            return Err(refused(Code::InvalidMessageContents, message));
        }
        if self.delay_seconds != 0 {
            return Err(invalid("a message of a FIFO queue has no delay of its own"));
        }
        self.message_attributes.check()?;
        self.message_system_attributes.check_system()
    }

    fn key(&self, queue: &Queue) -> Result<Key<'_>, Fault> {
        let group = self
            .message_group_id
            .as_deref()
            .ok_or_else(|| missing("MessageGroupId"))?;
        let dedup = match &self.message_deduplication_id {
            Some(id) => id.clone(),
            None if queue.settings.is("ContentBasedDeduplication", "true") => {
                hex::encode(Sha256::digest(&self.message_body))
            }
            None => {
                let message = "without content-based deduplication a message of a FIFO queue \
                    needs a `MessageDeduplicationId`";
                return Err(invalid(message));
            }
        };
        for (name, id) in [
            ("MessageGroupId", group),
            ("MessageDeduplicationId", &dedup),
        ] {
            check_id(name, id)?;
        }
        let per_group = queue.settings.is("DeduplicationScope", "messageGroup");
        Ok(Key {
            group,
            scope: if per_group {
                hex::encode(Sha256::digest(group))
            } else {
                String::new()
            },
            dedup,
        })
    }
}

/// Refuses an id that is not 1 to 128 letters, digits and punctuation.
pub(super) fn check_id(name: &str, id: &str) -> Result<(), Fault> {
    if (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let message = format!("`{name}` is 1 to {MAX_ID} ASCII letters, digits and punctuation");
    Err(invalid(message))
}

/// Where a message goes, and what makes it the same as another.
struct Key<'m> {
    group: &'m str,
    /// The digest of the group, or empty when the whole queue shares its deduplication ids. A group may
    /// hold a number, which must not outlive the message.
    scope: String,
    dedup: String,
}

/// What the sender is told.
struct Sent {
    id: String,
    seq: i64,
}

impl Key<'_> {
    /// Finds the first send under this key, should it be less than five minutes ago.
    fn find(&self, session: &Session<'_>, queue: &Queue) -> Result<Option<Sent>, Fault> {
        session.execute("DELETE FROM dedup WHERE until <= ?1", [session.now])?;
        let sql = "SELECT id, seq FROM dedup WHERE queue = ?1 AND scope = ?2 AND dedup = ?3";
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Sent {
                id: row.get(0)?,
                seq: row.get(1)?,
            })
        };
        Ok(session.first(sql, params![queue.id, self.scope, self.dedup], read)?)
    }

    fn insert(
        &self,
        session: &Session<'_>,
        queue: &Queue,
        message: &Outgoing,
    ) -> Result<Sent, Fault> {
        let id = Uuid::now_v7().to_string();
        let attributes = serde_json::to_string(&message.message_attributes)?;
        let system = serde_json::to_string(&message.message_system_attributes)?;
        session.execute(
            "INSERT INTO messages (queue, grp, id, dedup, sent, attributes, system_attributes, body)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                queue.id,
                self.group,
                id,
                self.dedup,
                session.now,
                attributes,
                system,
                message.message_body
            ],
        )?;
        let seq = session.last_seq();
        session.execute(
            "INSERT INTO dedup VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                queue.id,
                self.scope,
                self.dedup,
                id,
                seq,
                session.after_secs(DEDUP_SECS)
            ],
        )?;
        Ok(Sent { id, seq })
    }
}

/// Returns the MD5 of a body, as SDKs compare it.
pub(super) fn body_md5(body: &str) -> String {
    hex::encode(Md5::digest(body))
}

/// Returns the sequence number as SQS tells it: digits that sort as text.
pub(super) fn sequence_number(seq: i64) -> String {
    format!("{seq:020}")
}

/// Tells whether SQS carries these characters: those of XML 1.0.
pub(super) fn is_plain_text(text: &str) -> bool {
    text.chars().all(|c| {
        matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
            || c >= '\u{10000}'
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Laptop, check};
    use super::*;

    #[test]
    fn the_alphabet_is_that_of_sqs() {
        for (text, is_plain) in [
            (
                "tab\tline\r\n ~é\u{d7ff}\u{e000}\u{fffd}\u{10000}\u{10ffff}",
                true,
            ),
            ("nul\0", false),
            ("escape\u{1b}", false),
            ("\u{fffe}", false),
            ("\u{ffff}", false),
        ] {
            assert_eq!(is_plain_text(text), is_plain, "{text:?}");
        }
    }

    #[test]
    fn ids_are_graphic_ascii_of_limited_length() {
        let longest = "x".repeat(MAX_ID);
        for (id, is_good) in [
            ("a-!~/{}", true),
            (longest.as_str(), true),
            (&format!("{longest}x"), false),
            ("", false),
            ("a b", false),
            ("é", false),
        ] {
            assert_eq!(check_id("Id", id).is_ok(), is_good, "{id}");
        }
    }

    #[test]
    fn sequence_numbers_sort_as_text() {
        assert_eq!(sequence_number(42), "00000000000000000042");
        assert!(sequence_number(9) < sequence_number(10));
    }

    #[tokio::test]
    async fn a_repeat_is_known_for_five_minutes_from_the_first_send() {
        check(
            "send A a0 D = new
             pass 200
             send A other D = repeat
             receive 1 = a0
             delete a0
             pass 99
             send A other D = repeat
             send B other D = repeat
             pass 1
             send A other D = new
             receive 10 = other",
        )
        .await;
    }

    #[tokio::test]
    async fn a_group_may_have_deduplication_ids_of_its_own() {
        check(
            "set DeduplicationScope messageGroup
             set FifoThroughputLimit perMessageGroupId
             send A a0 D = new
             send B b0 D = new
             send A a1 D = repeat
             receive 10 = a0 b0",
        )
        .await;
    }

    #[tokio::test]
    async fn sizes_count_attributes() {
        let laptop = Laptop::start().await;
        for (body_bytes, wanted) in [(MAX_BYTES - 9, true), (MAX_BYTES - 8, false)] {
            let request = json!({
                "QueueUrl": "queue.fifo", "MessageGroupId": "A",
                "MessageDeduplicationId": body_bytes.to_string(),
                "MessageBody": "x".repeat(body_bytes),
                "MessageAttributes": { "ab": { "DataType": "String", "StringValue": "c" } },
            });
            let sent = laptop.call("SendMessage", &request).await;
            assert_eq!(sent.is_ok(), wanted, "{body_bytes}");
        }
    }
}
