//! The dead-letter queue, for people: its letters received, held, put back, sent again or deleted.
//!
//! A queue has no listing: to look at a letter is to receive it, and so to hide it from everybody
//! else until it is put back. [`DeadLetters`] remembers what it holds, keeps it hidden for as long
//! as it is used, gives out no letter twice, and comes to an end while more and more come. What a
//! letter means is not decided here.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};
use jiff::SignedDuration;
use switchhook_core::envelope::{Envelope, deduplication_id_of_moved};
use switchhook_core::json::Misplaced;
use switchhook_core::occurrence::Sequence;
use switchhook_core::ports::PortError;
use switchhook_core::time::{Clock, Timestamp};

use crate::sqs::{
    ATTEMPTS_ATTRIBUTE, FORCED_ATTRIBUTE, GROUP_ATTRIBUTE, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES,
    REASON_ATTRIBUTE, SEQUENCE_ATTRIBUTE, text,
};

/// How long letters stay hidden when whoever looked at them vanished.
const HOLD_SECS: i32 = 15 * 60;
/// After how long they are hidden anew: soon enough for requests that have to be repeated.
const RENEW_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// More than the attributes of a message that is sent again count.
const ATTRIBUTE_BYTES: usize = 256;

const READING: &str = "reading the dead-letter queue";
const HOLDING: &str = "holding dead letters";
const SENDING: &str = "sending a dead letter to the queue";
const DELETING: &str = "deleting dead letters";

/// One dead letter.
#[derive(Clone, Debug)]
pub struct Letter {
    /// SQS's id of it.
    pub message_id: String,
    /// The event's message, unchanged.
    pub body: String,
    /// The message group that the event had; `None` where SQS itself moved it.
    pub kept_group: Option<String>,
    /// The message group of the letter.
    pub own_group: String,
    /// The event's place in the accepted order; `None` where SQS itself moved it.
    pub sequence: Option<Sequence>,
    /// Why it is here; `None` where SQS itself moved it.
    pub reason: Option<String>,
    /// How many attempts of the event were counted; `None` where SQS itself moved it.
    pub attempts: Option<usize>,
    /// Since when it is here.
    pub dead_since: Timestamp,
    /// Its place among the letters.
    pub place: Sequence,
}

impl Letter {
    /// Reads the event.
    ///
    /// # Errors
    ///
    /// When it is not what this version writes.
    pub fn envelope(&self) -> Result<Envelope, Misplaced> {
        serde_json::from_str(&self.body).map_err(Misplaced::from)
    }

    /// Returns the message group to go back to: the one it had, where that is known.
    #[must_use]
    pub fn group(&self, envelope: Option<&Envelope>) -> String {
        let of_event = || envelope.map(|envelope| envelope.entity.message_group());
        let kept = self.kept_group.clone().or_else(of_event);
        kept.unwrap_or_else(|| self.own_group.clone())
    }
}

/// A letter on its way back to the queue.
#[derive(Clone, Debug)]
pub struct Redriven {
    /// The letter's id, which becomes the deduplication id: sent twice it is there once.
    pub message_id: String,
    /// The message group.
    pub group: String,
    /// The event's place in the accepted order. SQS keeps none of what it moves itself: such an
    /// event is the oldest of all.
    pub sequence: Sequence,
    /// Whether it is run however old it is.
    pub forced: bool,
    /// The event's message.
    pub body: String,
}

impl Redriven {
    fn size(&self) -> usize {
        self.body.len().saturating_add(ATTRIBUTE_BYTES)
    }
}

/// Letters that were not given out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Unseen {
    /// Those that somebody else holds.
    pub held_elsewhere: u64,
    /// Those that SQS does not give out yet: they wait behind others of their group.
    pub waiting: u64,
}

/// The dead-letter queue, the queue it belongs to, and the letters in hand.
pub struct DeadLetters {
    client: Client,
    url: String,
    queue_url: String,
    wait_secs: i32,
    clock: Arc<dyn Clock>,
    /// Receipt handles by message ids.
    held: HashMap<String, String>,
    held_since: Timestamp,
    /// The look that goes on.
    look: Option<Look>,
}

/// From the first letters taken to the last.
#[derive(Clone, Copy)]
struct Look {
    began: Timestamp,
    /// How many letters SQS counted then: about right.
    there: u64,
    given: u64,
    is_over: bool,
}

impl Look {
    /// While events go on dying there would be no end of it. Neither sign is enough: this
    /// machine's clock may be behind SQS's, and SQS's count behind what is there.
    fn give(&mut self, letters: &[Letter]) {
        let count = u64::try_from(letters.len()).unwrap_or(u64::MAX);
        self.given = self.given.saturating_add(count);
        let are_new = letters.iter().all(|letter| letter.dead_since > self.began);
        self.is_over = are_new && self.given >= self.there;
    }
}

impl std::fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeadLetters")
            .field("url", &self.url)
            .field("held", &self.held.len())
            .finish_non_exhaustive()
    }
}

impl DeadLetters {
    /// Uses the dead-letter queue at `url` of the queue at `queue_url`. A receive waits up to
    /// `wait_secs` for letters: on AWS one that waits for none may overlook some.
    #[must_use]
    pub fn new(
        client: Client,
        url: String,
        queue_url: String,
        wait_secs: i32,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let now = clock.now();
        Self {
            client,
            url,
            queue_url,
            wait_secs,
            clock,
            held: HashMap::new(),
            held_since: now,
            look: None,
        }
    }

    /// Takes up to ten letters that were not given out before; none when there are no more, or
    /// when as many as there were at first are given out and the last of them had all come since:
    /// after that it begins anew. [`DeadLetters::unseen`] tells what is left.
    ///
    /// # Errors
    ///
    /// When the queue does not answer.
    pub async fn take(&mut self) -> Result<Vec<Letter>, PortError> {
        let mut look = match self.look.take() {
            Some(look) => look,
            None => self.begin().await?,
        };
        if look.is_over {
            return Ok(Vec::new());
        }
        loop {
            self.renew().await?;
            let received = self.receive().await?;
            if received.is_empty() {
                return Ok(Vec::new());
            }
            let mut letters = Vec::with_capacity(received.len());
            for message in received {
                let receipt = message.receipt_handle.clone().unwrap_or_default();
                let letter = letter(message)?;
                // One whose time ran out meanwhile comes again.
                let known = self.held.insert(letter.message_id.clone(), receipt);
                if known.is_none() {
                    letters.push(letter);
                }
            }
            if !letters.is_empty() {
                look.give(&letters);
                self.look = Some(look);
                return Ok(letters);
            }
        }
    }

    async fn begin(&self) -> Result<Look, PortError> {
        Ok(Look {
            began: self.clock.now(),
            there: self.unseen().await?.waiting,
            given: 0,
            is_over: false,
        })
    }

    async fn receive(&self) -> Result<Vec<Message>, PortError> {
        let receive = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .visibility_timeout(HOLD_SECS)
            .wait_time_seconds(self.wait_secs)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All");
        let received = receive.send().await;
        let received = received.map_err(|error| PortError::new(READING, error))?;
        Ok(received.messages.unwrap_or_default())
    }

    /// Sends letters to the queue, in their order, and returns the ids of those that it took.
    ///
    /// # Errors
    ///
    /// When the queue does not answer: it may have taken some all the same.
    pub async fn redrive(
        &mut self,
        mut letters: &[Redriven],
    ) -> Result<HashSet<String>, PortError> {
        self.renew().await?;
        let mut sent = HashSet::new();
        while !letters.is_empty() {
            let mut bytes = 0_usize;
            let fitting = letters.iter().take(MAX_BATCH_ENTRIES).take_while(|letter| {
                bytes = bytes.saturating_add(letter.size());
                bytes <= MAX_BATCH_BYTES
            });
            let (batch, rest) = letters.split_at(fitting.count().max(1).min(letters.len()));
            sent.extend(self.send(batch).await?);
            letters = rest;
        }
        Ok(sent)
    }

    async fn send(&self, batch: &[Redriven]) -> Result<Vec<String>, PortError> {
        let entries = batch
            .iter()
            .map(send_entry)
            .collect::<Result<Vec<_>, _>>()?;
        let send = self.client.send_message_batch().queue_url(&self.queue_url);
        let answer = send.set_entries(Some(entries)).send().await;
        let answer = answer.map_err(|error| PortError::new(SENDING, error))?;
        Ok(answer.successful.into_iter().map(|done| done.id).collect())
    }

    /// Deletes letters in hand and returns the ids of those that are gone.
    ///
    /// # Errors
    ///
    /// When the queue does not answer: it may have deleted some all the same.
    pub async fn delete(&mut self, message_ids: &[String]) -> Result<HashSet<String>, PortError> {
        self.renew().await?;
        let mut deleted = HashSet::new();
        for ids in message_ids.chunks(MAX_BATCH_ENTRIES) {
            let entries = ids.iter().filter_map(|id| {
                let delete = DeleteMessageBatchRequestEntry::builder().id(id);
                Some(delete.receipt_handle(self.held.get(id)?).build())
            });
            let entries = entries.collect::<Result<Vec<_>, _>>();
            let entries = entries.map_err(|error| PortError::new(DELETING, error))?;
            if entries.is_empty() {
                continue;
            }
            let delete = self.client.delete_message_batch().queue_url(&self.url);
            let answer = delete.set_entries(Some(entries)).send().await;
            let answer = answer.map_err(|error| PortError::new(DELETING, error))?;
            deleted.extend(answer.successful.into_iter().map(|done| done.id));
        }
        self.held.retain(|id, _| !deleted.contains(id));
        Ok(deleted)
    }

    /// Counts the letters that were not given out.
    ///
    /// # Errors
    ///
    /// When the queue does not answer.
    pub async fn unseen(&self) -> Result<Unseen, PortError> {
        let (visible, hidden) = self.count(&self.url).await?;
        let ours = u64::try_from(self.held.len()).unwrap_or(u64::MAX);
        Ok(Unseen {
            held_elsewhere: hidden.saturating_sub(ours),
            waiting: visible,
        })
    }

    /// Counts the events that are still on the queue.
    ///
    /// # Errors
    ///
    /// When the queue does not answer.
    pub async fn queued(&self) -> Result<u64, PortError> {
        let (visible, hidden) = self.count(&self.queue_url).await?;
        Ok(visible.saturating_add(hidden))
    }

    /// Counts the messages of a queue that are visible and those that are not.
    async fn count(&self, url: &str) -> Result<(u64, u64), PortError> {
        use QueueAttributeName::{
            ApproximateNumberOfMessages as Visible, ApproximateNumberOfMessagesNotVisible as Hidden,
        };
        let ask = self.client.get_queue_attributes().queue_url(url);
        let answer = ask.attribute_names(Visible).attribute_names(Hidden).send();
        let answer = answer
            .await
            .map_err(|error| PortError::new(READING, error))?;
        let count = |name| -> u64 {
            let attributes = answer.attributes.as_ref();
            let count = attributes.and_then(|attributes| attributes.get(&name)?.parse().ok());
            count.unwrap_or_default()
        };
        Ok((count(Visible), count(Hidden)))
    }

    /// Puts back all that is in hand, so that others see it at once.
    ///
    /// # Errors
    ///
    /// When the queue does not answer: what is left appears again by itself.
    pub async fn put_back(&mut self) -> Result<(), PortError> {
        self.hide_for(0).await?;
        self.held.clear();
        Ok(())
    }

    /// Keeps what is in hand hidden.
    async fn renew(&mut self) -> Result<(), PortError> {
        let now = self.clock.now();
        if now.duration_since(self.held_since) >= RENEW_AFTER {
            self.hide_for(HOLD_SECS).await?;
            self.held_since = now;
        }
        Ok(())
    }

    /// A letter whose time ran out is nobody's and stays as it is.
    async fn hide_for(&self, secs: i32) -> Result<(), PortError> {
        let receipts: Vec<_> = self.held.values().collect();
        for receipts in receipts.chunks(MAX_BATCH_ENTRIES) {
            let entries = receipts.iter().enumerate().map(|(index, receipt)| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(*receipt)
                    .visibility_timeout(secs)
                    .build()
            });
            let entries = entries.collect::<Result<_, _>>();
            let entries = entries.map_err(|error| PortError::new(HOLDING, error))?;
            let change = self.client.change_message_visibility_batch();
            let change = change.queue_url(&self.url).set_entries(Some(entries));
            let changed = change.send().await;
            changed.map_err(|error| PortError::new(HOLDING, error))?;
        }
        Ok(())
    }
}

/// The id of an entry is the letter's: of 36 characters, which are those that SQS takes.
fn send_entry(letter: &Redriven) -> Result<SendMessageBatchRequestEntry, PortError> {
    let mut entry = SendMessageBatchRequestEntry::builder()
        .id(&letter.message_id)
        .message_group_id(&letter.group)
        .message_deduplication_id(deduplication_id_of_moved(&letter.message_id))
        .message_body(&letter.body)
        .message_attributes(SEQUENCE_ATTRIBUTE, text(&letter.sequence.to_string())?);
    if letter.forced {
        entry = entry.message_attributes(FORCED_ATTRIBUTE, text("true")?);
    }
    entry
        .build()
        .map_err(|error| PortError::new(SENDING, error))
}

fn letter(message: Message) -> Result<Letter, PortError> {
    use MessageSystemAttributeName::{MessageGroupId, SentTimestamp, SequenceNumber};
    let incomplete = || PortError::new(READING, "a message lacks what SQS gives every message");
    let kept = |name| {
        let attributes = message.message_attributes.as_ref()?;
        attributes.get(name)?.string_value.clone()
    };
    let own = |name| message.attributes.as_ref()?.get(&name);
    let millis = own(SentTimestamp).and_then(|sent| sent.parse().ok());
    let dead_since = millis.and_then(|millis| Timestamp::from_millisecond(millis).ok());
    Ok(Letter {
        kept_group: kept(GROUP_ATTRIBUTE),
        own_group: own(MessageGroupId).ok_or_else(incomplete)?.clone(),
        sequence: kept(SEQUENCE_ATTRIBUTE).and_then(|place| place.parse().ok()),
        reason: kept(REASON_ATTRIBUTE),
        attempts: kept(ATTEMPTS_ATTRIBUTE).and_then(|count| count.parse().ok()),
        dead_since: dead_since.ok_or_else(incomplete)?,
        place: own(SequenceNumber)
            .and_then(|place| place.parse().ok())
            .ok_or_else(incomplete)?,
        message_id: message.message_id.ok_or_else(incomplete)?,
        body: message.body.unwrap_or_default(),
    })
}
