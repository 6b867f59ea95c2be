//! One message of the queue, taken apart: its own attributes first, its body only when it is run.

use aws_lambda_events::sqs::SqsMessage;
use switchhook_core::occurrence::Sequence;

/// The attribute of a moved message that keeps its original place; see `switchhook_aws::sqs`.
use switchhook_aws::sqs::SEQUENCE_ATTRIBUTE;

/// A message as Lambda hands it over.
#[derive(Clone, Debug)]
pub struct Message {
    /// SQS's id of the message.
    pub id: String,
    /// What settles the message.
    pub receipt_handle: String,
    /// The message group: the entity, or its digest.
    pub group: String,
    /// The event's place in the accepted order.
    pub sequence: Sequence,
    /// How often the message was received.
    pub receives: u32,
    /// The envelope, as text.
    pub body: String,
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
            group: attribute("MessageGroupId")?.clone(),
            sequence: moved_sequence(&message).unwrap_or(own),
            receives: attribute("ApproximateReceiveCount")?.parse().unwrap_or(1),
            body: message.body.unwrap_or_default(),
        })
    }
}

/// The original place of a message that came through a dead-letter queue: the oldest of all where
/// SQS itself moved it, since that keeps no place.
fn moved_sequence(message: &SqsMessage) -> Option<Sequence> {
    let kept = message.message_attributes.get(SEQUENCE_ATTRIBUTE);
    let kept = kept.and_then(|attribute| attribute.string_value.as_ref()?.parse().ok());
    let moved = message.attributes.contains_key("DeadLetterQueueSourceArn");
    kept.or_else(|| moved.then_some(Sequence::default()))
}
