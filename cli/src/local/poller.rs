//! Plays Lambda's event source mapping: batches of ten to the consumer, and what it does not ask
//! for again is deleted.

use std::time::Duration;

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage, SqsMessageAttribute};
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use consumer::batch::Consumer;
use switchhook_aws::connection::Patience;
use switchhook_core::time::{Clock, Timestamp};

/// The consumer's time-out, as in the template.
const TIMEOUT_MILLIS: i64 = 30_000;

/// For polls, which wait up to 20 seconds for a message.
pub(super) const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(1),
    attempt: Duration::from_secs(40),
    operation: Duration::from_secs(60),
};

/// The queue did not answer, or the consumer refused a whole batch.
#[derive(Debug, thiserror::Error)]
#[error("{action} failed")]
pub struct PollError {
    action: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl PollError {
    fn new(
        action: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            action,
            source: source.into(),
        }
    }
}

/// Takes messages to the consumer.
pub struct Poller {
    client: aws_sdk_sqs::Client,
    url: String,
    consumer: Consumer,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Poller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poller")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Poller {
    pub(super) fn new(
        client: aws_sdk_sqs::Client,
        url: String,
        consumer: Consumer,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            client,
            url,
            consumer,
            clock,
        }
    }

    /// Takes one batch to the consumer and returns how many messages it was. Waits up to
    /// `wait_secs` for the first one.
    ///
    /// # Errors
    ///
    /// When the queue does not answer; its messages come again.
    pub async fn poll_once(&self, wait_secs: i32) -> Result<usize, PollError> {
        let messages = self.wait(wait_secs).await?;
        self.handle(messages).await
    }

    /// Waits up to `wait_secs` for messages. Breaking the wait off may leave messages in flight.
    ///
    /// # Errors
    ///
    /// When the queue does not answer.
    pub async fn wait(&self, wait_secs: i32) -> Result<Vec<Message>, PollError> {
        receive(&self.client, &self.url, wait_secs).await
    }

    /// Takes messages to the consumer, deletes what it does not ask for again, and returns how many
    /// they were.
    ///
    /// # Errors
    ///
    /// When the consumer refuses the batch or the queue does not answer; the messages come again.
    pub async fn handle(&self, messages: Vec<Message>) -> Result<usize, PollError> {
        if messages.is_empty() {
            return Ok(0);
        }
        let mut batch = SqsEvent::default();
        batch.records = messages.iter().map(record).collect();
        let deadline = self
            .clock
            .now()
            .as_millisecond()
            .saturating_add(TIMEOUT_MILLIS);
        let deadline = Timestamp::from_millisecond(deadline).unwrap_or(Timestamp::MAX);
        let answer = self.consumer.handle(batch, deadline).await;
        let answer = answer.map_err(|error| PollError::new("handling a batch", error))?;
        let failed: Vec<_> = answer
            .batch_item_failures
            .into_iter()
            .map(|f| f.item_identifier)
            .collect();
        let done = messages.iter().filter(|message| {
            !failed
                .iter()
                .any(|id| Some(id.as_str()) == message.message_id())
        });
        self.delete(done).await?;
        Ok(messages.len())
    }

    /// A message that is not deleted comes again and is a duplicate then.
    async fn delete(&self, done: impl Iterator<Item = &Message>) -> Result<(), PollError> {
        const DELETING: &str = "deleting messages";
        let entries = done.enumerate().map(|(index, message)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(message.receipt_handle().unwrap_or_default())
                .build()
                .map_err(|error| PollError::new(DELETING, error))
        });
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        if entries.is_empty() {
            return Ok(());
        }
        let delete = self.client.delete_message_batch().queue_url(&self.url);
        let deleted = delete.set_entries(Some(entries)).send().await;
        deleted
            .map(drop)
            .map_err(|error| PollError::new(DELETING, error))
    }
}

/// Receives up to ten messages.
pub(super) async fn receive(
    client: &aws_sdk_sqs::Client,
    url: &str,
    wait_secs: i32,
) -> Result<Vec<Message>, PollError> {
    let received = client
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(10)
        .wait_time_seconds(wait_secs)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All")
        .send()
        .await;
    let received = received.map_err(|error| PollError::new("receiving messages", error))?;
    Ok(received.messages.unwrap_or_default())
}

/// A message in the form that Lambda gives it.
fn record(message: &Message) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id.clone_from(&message.message_id);
    record.receipt_handle.clone_from(&message.receipt_handle);
    record.body.clone_from(&message.body);
    record.attributes = message
        .attributes
        .iter()
        .flatten()
        .map(|(name, value)| (name.as_str().to_owned(), value.clone()))
        .collect();
    record.message_attributes = message
        .message_attributes
        .iter()
        .flatten()
        .map(|(name, value)| {
            let mut attribute = SqsMessageAttribute::default();
            attribute.string_value.clone_from(&value.string_value);
            attribute.data_type = Some(value.data_type.clone());
            (name.clone(), attribute)
        })
        .collect();
    record
}
