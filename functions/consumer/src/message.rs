//! One message of the queue, taken apart: its own attributes first, its body only when it is run.

use std::collections::VecDeque;

use aws_lambda_events::sqs::SqsMessage;
use switchhook_core::envelope::Envelope;
use switchhook_core::json::Misplaced;
use switchhook_core::occurrence::Sequence;

/// The attributes of moved messages; see `switchhook_aws::sqs`.
use switchhook_aws::sqs::{FORCED_ATTRIBUTE, GROUP_ATTRIBUTE, SEQUENCE_ATTRIBUTE};

/// Whether an event may be too old to be run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AgeLimit {
    /// It may: it is dead-lettered then.
    Kept,
    /// A person wants it run however old it is.
    Waived,
}

/// A message as Lambda hands it over.
#[derive(Clone, Debug)]
pub struct Message {
    /// SQS's id of the message.
    pub id: String,
    /// What settles the message.
    pub receipt_handle: String,
    /// The message group: the entity, or its digest. A dead letter that was moved back by other
    /// means than ours keeps it as an attribute.
    pub group: String,
    /// The event's place in the accepted order.
    pub sequence: Sequence,
    /// How often the message was received.
    pub receives: u32,
    /// Whether the event may be too old.
    pub age_limit: AgeLimit,
    /// The envelope, as text.
    pub body: String,
}

/// One message, and its envelope where it can be read.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) message: Message,
    pub(crate) envelope: Result<Envelope, Misplaced>,
}

/// Messages of one group, in order.
pub(crate) type Group = VecDeque<Entry>;

impl Entry {
    pub(crate) fn new(message: Message) -> Self {
        let envelope = serde_json::from_str(&message.body).map_err(Misplaced::from);
        Self { message, envelope }
    }

    pub(crate) const fn receives(&self) -> u32 {
        self.message.receives
    }
}

/// A message lacks what every message of a FIFO queue has: nothing of the batch can be trusted.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a message has no `{0}`: is the function mapped to a FIFO queue?")]
pub struct NotFifo(&'static str);

impl TryFrom<SqsMessage> for Message {
    type Error = NotFifo;

    fn try_from(message: SqsMessage) -> Result<Self, NotFifo> {
        let attribute = |name: &'static str| message.attributes.get(name).ok_or(NotFifo(name));
        let own = attribute("SequenceNumber")?
            .parse()
            .map_err(|_| NotFifo("SequenceNumber"))?;
        Ok(Self {
            id: message
                .message_id
                .clone()
                .filter(|id| !id.is_empty())
                .ok_or(NotFifo("messageId"))?,
            receipt_handle: message
                .receipt_handle
                .clone()
                .ok_or(NotFifo("receiptHandle"))?,
            group: kept(&message, GROUP_ATTRIBUTE)
                .unwrap_or(attribute("MessageGroupId")?)
                .clone(),
            sequence: moved_sequence(&message).unwrap_or(own),
            receives: attribute("ApproximateReceiveCount")?.parse().unwrap_or(1),
            age_limit: kept(&message, FORCED_ATTRIBUTE)
                .map_or(AgeLimit::Kept, |_| AgeLimit::Waived),
            body: message.body.unwrap_or_default(),
        })
    }
}

/// The original place of a message that came through a dead-letter queue: the oldest of all where
/// SQS itself moved it, since that keeps no place.
fn moved_sequence(message: &SqsMessage) -> Option<Sequence> {
    let kept = kept(message, SEQUENCE_ATTRIBUTE).and_then(|place| place.parse().ok());
    let moved = message.attributes.contains_key("DeadLetterQueueSourceArn");
    kept.or_else(|| moved.then_some(Sequence::default()))
}

/// Returns what a moved message keeps in an attribute.
fn kept<'a>(message: &'a SqsMessage, name: &str) -> Option<&'a String> {
    message.message_attributes.get(name)?.string_value.as_ref()
}
