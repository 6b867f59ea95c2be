//! Amazon SQS: the FIFO queue between the functions, and its dead-letter queue.

use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, MessageAttributeValue,
    SendMessageBatchRequestEntry,
};
use switchhook_core::envelope::{Envelope, deduplication_id, deduplication_id_of_moved};
use switchhook_core::intake::Ready;
use switchhook_core::ports::{
    DeadLetter, DeadLetterQueue, EventQueue, PortError, PortFuture, Redelivery, message_body,
};

use crate::on_demand::OnDemand;

/// The most messages of one batch request (quotas of SQS).
pub(crate) const MAX_BATCH_ENTRIES: usize = 10;
/// The most bytes of one message, and of one batch request together (quotas of SQS, August 2025).
pub(crate) const MAX_BATCH_BYTES: usize = 1 << 20;

/// The message attribute that keeps a moved message's original place in the accepted order.
pub const SEQUENCE_ATTRIBUTE: &str = "sequence_number";
/// The message attribute that says why a message is a dead letter.
pub const REASON_ATTRIBUTE: &str = "reason";
/// The message attribute of a dead letter that keeps the message group it had.
pub const GROUP_ATTRIBUTE: &str = "group";
/// The message attribute of a dead letter that says how many attempts of the event were counted.
pub const ATTEMPTS_ATTRIBUTE: &str = "attempts";
/// The message attribute that runs an event however long ago it was accepted.
pub const FORCED_ATTRIBUTE: &str = "forced";

/// How many batches of one delivery are sent side by side.
const MAX_LANES: usize = 8;

const SENDING: &str = "sending to the queue";

/// A queue of SQS.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: OnDemand<Client>,
    url: String,
}

impl SqsQueue {
    /// Uses the queue at `url`.
    #[must_use]
    pub fn new(client: impl Into<OnDemand<Client>>, url: String) -> Self {
        let client = client.into();
        Self { client, url }
    }

    /// Sends one event that no delivery brought: an operator's word.
    ///
    /// # Errors
    ///
    /// When the queue did not take it.
    pub async fn send_envelope(&self, envelope: &Envelope) -> Result<(), PortError> {
        self.send_one(Message::new(envelope)?).await
    }

    async fn send_one(&self, message: Message) -> Result<(), PortError> {
        let send = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_group_id(message.group)
            .message_deduplication_id(message.dedup_id)
            .message_body(message.body)
            .send();
        send.await
            .map(drop)
            .map_err(|error| PortError::new(SENDING, error))
    }

    /// Sends messages one batch after the other.
    async fn send_lane(&self, messages: &[Message]) -> Result<(), PortError> {
        for batch in batches(messages) {
            self.send_batch(batch).await?;
        }
        Ok(())
    }

    /// Sends up to ten messages; what fails of them is tried once more.
    async fn send_batch(&self, messages: &[Message]) -> Result<(), PortError> {
        let mut entries = messages
            .iter()
            .enumerate()
            .map(entry)
            .collect::<Result<Vec<_>, _>>()?;
        for attempts_left in [1_u8, 0] {
            let sent = self.request_batch(entries.clone()).await?;
            if sent.is_empty() {
                return Ok(());
            }
            if attempts_left == 0 {
                return Err(PortError::new(SENDING, refused(&sent)));
            }
            entries.retain(|entry| sent.iter().any(|failed| failed.id() == entry.id()));
        }
        Ok(())
    }

    async fn request_batch(
        &self,
        entries: Vec<SendMessageBatchRequestEntry>,
    ) -> Result<Vec<BatchResultErrorEntry>, PortError> {
        let request = self.client.send_message_batch().queue_url(&self.url);
        let sent = request.set_entries(Some(entries)).send().await;
        sent.map(|output| output.failed)
            .map_err(|error| PortError::new(SENDING, error))
    }
}

struct Message {
    group: String,
    dedup_id: String,
    body: String,
}

impl Message {
    fn new(envelope: &Envelope) -> Result<Self, PortError> {
        Ok(Self {
            group: envelope.entity.message_group(),
            dedup_id: deduplication_id(envelope.id),
            body: message_body(envelope)?,
        })
    }
}

fn entry((index, message): (usize, &Message)) -> Result<SendMessageBatchRequestEntry, PortError> {
    SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_group_id(&message.group)
        .message_deduplication_id(&message.dedup_id)
        .message_body(&message.body)
        .build()
        .map_err(|error| PortError::new(SENDING, error))
}

fn refused(failed: &[BatchResultErrorEntry]) -> String {
    let codes: Vec<_> = failed.iter().map(BatchResultErrorEntry::code).collect();
    format!(
        "{} messages were refused: {}",
        failed.len(),
        codes.join(", ")
    )
}

/// Splits messages into lists that are sent side by side. Those of one message group stay in one list
/// and in their order, so that the order of an entity's events is that of the delivery.
fn lanes(messages: Vec<Message>) -> Vec<Vec<Message>> {
    let count = messages.len().div_ceil(MAX_BATCH_ENTRIES).min(MAX_LANES);
    let mut lanes: Vec<Vec<Message>> = std::iter::repeat_with(Vec::new).take(count).collect();
    for message in messages {
        let mut hasher = DefaultHasher::new();
        message.group.hash(&mut hasher);
        let lanes_count = u64::try_from(lanes.len()).unwrap_or(1);
        let lane = hasher.finish().checked_rem(lanes_count).unwrap_or_default();
        let lane = usize::try_from(lane).unwrap_or_default();
        if let Some(lane) = lanes.get_mut(lane) {
            lane.push(message);
        }
    }
    lanes
}

/// Splits messages, in their order, into batches that one request takes.
fn batches(messages: &[Message]) -> Vec<&[Message]> {
    let mut batches = Vec::new();
    let mut rest = messages;
    while !rest.is_empty() {
        let mut bytes = 0_usize;
        let fitting = rest.iter().take(MAX_BATCH_ENTRIES).take_while(|message| {
            bytes = bytes.saturating_add(message.body.len());
            bytes <= MAX_BATCH_BYTES
        });
        let (batch, left) = rest.split_at(fitting.count().max(1).min(rest.len()));
        batches.push(batch);
        rest = left;
    }
    batches
}

impl EventQueue for SqsQueue {
    fn send<'a>(&'a self, events: &'a [Ready]) -> PortFuture<'a, ()> {
        boxed(async move {
            let mut messages = events
                .iter()
                .map(|event| Message::new(event.envelope()))
                .collect::<Result<Vec<_>, _>>()?;
            if messages.len() == 1
                && let Some(only) = messages.pop()
            {
                return self.send_one(only).await;
            }
            let lanes = lanes(messages);
            let sent = lanes.iter().map(|lane| self.send_lane(lane));
            futures_util::future::try_join_all(sent).await.map(drop)
        })
    }
}

impl Redelivery for SqsQueue {
    fn delay<'a>(&'a self, receipt_handles: &'a [String], secs: u32) -> PortFuture<'a, ()> {
        const DELAYING: &str = "delaying messages";
        let secs = i32::try_from(secs).unwrap_or(i32::MAX);
        boxed(async move {
            for handles in receipt_handles.chunks(MAX_BATCH_ENTRIES) {
                let entries = handles.iter().enumerate().map(|(index, handle)| {
                    ChangeMessageVisibilityBatchRequestEntry::builder()
                        .id(index.to_string())
                        .receipt_handle(handle)
                        .visibility_timeout(secs)
                        .build()
                        .map_err(|error| PortError::new(DELAYING, error))
                });
                let request = self
                    .client
                    .change_message_visibility_batch()
                    .queue_url(&self.url);
                let request = request.set_entries(Some(entries.collect::<Result<_, _>>()?));
                let changed = request
                    .send()
                    .await
                    .map_err(|e| PortError::new(DELAYING, e))?;
                if !changed.failed.is_empty() {
                    return Err(PortError::new(DELAYING, refused(&changed.failed)));
                }
            }
            Ok(())
        })
    }
}

/// Every dead letter is a group of its own: while one is in somebody's hands, SQS gives out no other
/// of its group, and a listing must see all letters of an entity.
impl DeadLetterQueue for SqsQueue {
    fn bury<'a>(&'a self, letter: &'a DeadLetter) -> PortFuture<'a, ()> {
        const BURYING: &str = "sending to the dead-letter queue";
        boxed(async move {
            let send = self
                .client
                .send_message()
                .queue_url(&self.url)
                .message_group_id(&letter.message_id)
                .message_deduplication_id(deduplication_id_of_moved(&letter.message_id))
                .message_body(&letter.body)
                .message_attributes(GROUP_ATTRIBUTE, text(&letter.group)?)
                .message_attributes(SEQUENCE_ATTRIBUTE, text(&letter.sequence.to_string())?)
                .message_attributes(REASON_ATTRIBUTE, text(&letter.reason)?)
                .message_attributes(ATTEMPTS_ATTRIBUTE, text(&letter.attempts.to_string())?)
                .send();
            send.await
                .map(drop)
                .map_err(|error| PortError::new(BURYING, error))
        })
    }
}

pub(crate) fn text(value: &str) -> Result<MessageAttributeValue, PortError> {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build()
        .map_err(|error| PortError::new("writing a message attribute", error))
}

fn boxed<'a, T>(
    future: impl Future<Output = Result<T, PortError>> + Send + 'a,
) -> PortFuture<'a, T> {
    Box::pin(future)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: usize) -> Message {
        Message {
            group: "g".into(),
            dedup_id: "d".into(),
            body: "x".repeat(bytes),
        }
    }

    #[test]
    fn lanes_keep_every_message_and_the_order_within_a_group() {
        let messages: Vec<_> = (0..100)
            .map(|n| Message {
                group: format!("group {}", n % 7),
                dedup_id: n.to_string(),
                body: String::new(),
            })
            .collect();
        let lanes = lanes(messages);
        assert!(lanes.len() > 1 && lanes.len() <= MAX_LANES);
        let ids = |lane: &[Message], group: &str| -> Vec<u32> {
            let of_group = lane.iter().filter(|message| message.group == group);
            of_group.map(|m| m.dedup_id.parse().unwrap()).collect()
        };
        for n in 0..7 {
            let group = format!("group {n}");
            let found: Vec<_> = lanes
                .iter()
                .map(|lane| ids(lane, &group))
                .filter(|ids| !ids.is_empty())
                .collect();
            let expected: Vec<u32> = (0..100).filter(|m| m % 7 == n).collect();
            assert_eq!(found, [expected]);
        }
        let few = (0..10).map(|_| message(1)).collect();
        assert_eq!(super::lanes(few).len(), 1, "one request takes ten");
    }

    #[test]
    fn batches_keep_to_ten_entries_and_one_mebibyte() {
        let sizes = |messages: &[Message]| {
            batches(messages)
                .iter()
                .map(|b| b.len())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            sizes(&Vec::from_iter((0..25).map(|_| message(1)))),
            [10, 10, 5]
        );
        let large: Vec<_> = (0..4).map(|_| message(400 << 10)).collect();
        assert_eq!(sizes(&large), [2, 2]);
        assert_eq!(sizes(&[message(MAX_BATCH_BYTES), message(1)]), [1, 1]);
        assert_eq!(sizes(&[]), Vec::<usize>::new());
    }
}
