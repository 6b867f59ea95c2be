//! A batch of messages: groups side by side, the events of a group in order.
//!
//! The first failure stops its own group only; the rest of that group goes back untried, delayed
//! together. What cannot be handled for good is dead-lettered here, with its reason, and the group
//! goes on. A panic fails its own event and no other. How often an event was tried of its own is
//! not counted yet: failures that are not for good are retried until the queue's own
//! `maxReceiveCount`.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use futures_util::FutureExt;
use futures_util::future::join_all;
use switchhook_aws::metrics;
use switchhook_core::envelope::Envelope;
use switchhook_core::json::Misplaced;
use switchhook_core::ledger::{RecordKey, Snapshot};
use switchhook_core::ports::{DeadLetter, DeadLetterQueue, PortError, Redelivery};
use switchhook_core::report::Report;
use switchhook_core::time::{Clock, Timestamp};
use tracing::Instrument;

use crate::commit::{Committer, HandleError, Outcome};
use crate::message::{Message, NotFifo};

/// The least time, in milliseconds, that must remain for another event to be started.
const MIN_REMAINING_MILLIS: i64 = 2_000;

/// The time, in milliseconds, that is kept for delaying groups and answering.
const ANSWER_MILLIS: i64 = 1_000;

/// The longest delay of a failed group: 15 minutes.
const MAX_DELAY_SECS: u32 = 15 * 60;
/// The longest delay when only the dead-letter queue failed. A second send must come before SQS
/// forgets, after five minutes, the deduplication id of a first one whose answer was lost.
const MAX_BURIAL_DELAY_SECS: u32 = 4 * 60;

/// Handles batches.
pub struct Consumer {
    committer: Committer,
    queue: Arc<dyn Redelivery>,
    dead_letters: Arc<dyn DeadLetterQueue>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer")
            .field("committer", &self.committer)
            .finish_non_exhaustive()
    }
}

/// One message, and its envelope where it can be read.
struct Entry {
    message: Message,
    envelope: Result<Envelope, Misplaced>,
}

/// What is left of a group when it stops: the messages from the failed one on, and their delay.
struct Stopped {
    messages: Vec<Message>,
    delay_secs: u32,
}

impl Consumer {
    /// Makes a consumer of its parts.
    #[must_use]
    pub fn new(
        committer: Committer,
        queue: Arc<dyn Redelivery>,
        dead_letters: Arc<dyn DeadLetterQueue>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            committer,
            queue,
            dead_letters,
            clock,
        }
    }

    /// Handles a batch and answers which messages are to come again.
    ///
    /// # Errors
    ///
    /// When the messages are not those of a FIFO queue: then none of them may be deleted.
    pub async fn handle(
        &self,
        batch: SqsEvent,
        deadline: Timestamp,
    ) -> Result<SqsBatchResponse, NotFifo> {
        let messages = batch.records.into_iter().map(Message::try_from);
        let entries = messages
            .map(|m| m.map(Entry::new))
            .collect::<Result<Vec<_>, _>>()?;
        let envelopes = entries
            .iter()
            .filter_map(|entry| entry.envelope.as_ref().ok());
        let snapshot = self.committer.snapshot(envelopes).await;
        let groups = by_group(entries);
        let stopped = match snapshot {
            Ok(mut snapshot) => {
                let runs = groups.into_iter().map(|group| {
                    let own = own_part(&mut snapshot, &group);
                    self.run_group(group, own, deadline)
                });
                join_all(runs.collect::<Vec<_>>())
                    .await
                    .into_iter()
                    .flatten()
                    .collect()
            }
            Err(error) => all_stopped(groups, &error),
        };
        join_all(stopped.iter().map(|group| self.delay(group))).await;
        let mut response = SqsBatchResponse::default();
        for message in stopped.into_iter().flat_map(|group| group.messages) {
            response.add_failure(message.id);
        }
        Ok(response)
    }

    /// Runs a group's events in order, until one fails.
    async fn run_group(
        &self,
        group: Vec<Entry>,
        mut snapshot: Snapshot,
        deadline: Timestamp,
    ) -> Option<Stopped> {
        let mut left = group.into_iter();
        while let Some(Entry { message, envelope }) = left.next() {
            let delay_secs = if self.is_late(deadline) {
                Some(0)
            } else {
                let span = span(envelope.as_ref().ok());
                let run = self.run(&message, envelope, &mut snapshot).instrument(span);
                let ran = tokio::time::timeout(self.remaining(deadline), run).await;
                ran.unwrap_or_else(|_| out_of_time(&message)).err()
            };
            if let Some(delay_secs) = delay_secs {
                let rest = left.map(|entry| entry.message);
                return Some(Stopped {
                    messages: std::iter::once(message).chain(rest).collect(),
                    delay_secs,
                });
            }
        }
        None
    }

    fn is_late(&self, deadline: Timestamp) -> bool {
        let now = self.clock.now().as_millisecond();
        deadline.as_millisecond().saturating_sub(now) < MIN_REMAINING_MILLIS
    }

    /// Runs one event; the error is the delay of its group in seconds.
    async fn run(
        &self,
        message: &Message,
        envelope: Result<Envelope, Misplaced>,
        snapshot: &mut Snapshot,
    ) -> Result<(), u32> {
        let about = About::of(message, envelope.as_ref().ok());
        let commit = async {
            let envelope = envelope.map_err(|error| HandleError::caused("envelope", error))?;
            self.committer
                .commit(envelope, message.sequence, message.age_limit, snapshot)
                .await
        };
        match AssertUnwindSafe(commit).catch_unwind().await {
            Ok(Ok(outcome)) => about.log(outcome),
            Ok(Err(HandleError::Terminal { reason, source })) => {
                let error = HandleError::Terminal { reason, source };
                about.log_error(reason, &error);
                self.bury(message, reason).await?;
            }
            Ok(Err(error @ HandleError::Passing(_))) => {
                about.log_error("passing", &error);
                metrics::handler_error("passing");
                return Err(backoff_secs(message));
            }
            Err(_panic) => {
                // Its text may hold what the event says.
                about.log_error("panic", &Panicked);
                metrics::handler_error("panic");
                return Err(backoff_secs(message));
            }
        }
        Ok(())
    }

    /// The time that an event may take: what remains less what it takes to answer for the batch.
    fn remaining(&self, deadline: Timestamp) -> Duration {
        let now = self.clock.now().as_millisecond();
        let left = deadline
            .as_millisecond()
            .saturating_sub(now)
            .saturating_sub(ANSWER_MILLIS);
        Duration::from_millis(u64::try_from(left).unwrap_or_default())
    }

    async fn bury(&self, message: &Message, reason: &'static str) -> Result<(), u32> {
        let letter = DeadLetter {
            body: message.body.clone(),
            group: message.group.clone(),
            message_id: message.id.clone(),
            sequence: message.sequence,
            reason: reason.to_owned(),
        };
        let buried = self.dead_letters.bury(&letter).await;
        let buried = buried.map(|()| metrics::dead_letter(reason));
        buried.map_err(|error| {
            tracing::error!(message_id = message.id, error = %Report(&error), "dead letter not sent");
            metrics::handler_error("dead_letter_not_sent");
            backoff_secs(message).min(MAX_BURIAL_DELAY_SECS)
        })
    }

    /// Delays a stopped group. When that fails, the queue's visibility time-out is the delay.
    async fn delay(&self, stopped: &Stopped) {
        let handles: Vec<_> = stopped
            .messages
            .iter()
            .map(|m| m.receipt_handle.clone())
            .collect();
        if let Err(error) = self.queue.delay(&handles, stopped.delay_secs).await {
            tracing::warn!(error = %Report(&error), "group not delayed");
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the handler panicked")]
struct Panicked;

/// What a run that was broken off comes to: as after a crash, the event comes again.
fn out_of_time(message: &Message) -> Result<(), u32> {
    tracing::error!(
        message_id = message.id,
        "event not finished in the function's time"
    );
    metrics::handler_error("time");
    Err(backoff_secs(message))
}

impl Entry {
    fn new(message: Message) -> Self {
        let envelope = serde_json::from_str(&message.body).map_err(Misplaced::from);
        Self { message, envelope }
    }
}

/// The span of a run: its log lines name the HTTP request that the event came in.
fn span(envelope: Option<&Envelope>) -> tracing::Span {
    let request_id = envelope.and_then(|envelope| envelope.request_id.as_deref());
    tracing::info_span!("event", request_id)
}

/// What log lines say of a message: ids, source and kind, never a key or what it says.
struct About {
    id: String,
    source: String,
    kind: &'static str,
}

impl About {
    fn of(message: &Message, envelope: Option<&Envelope>) -> Self {
        match envelope {
            Some(envelope) => Self {
                id: envelope.id.to_string(),
                source: envelope.entity.source().to_owned(),
                kind: envelope.kind.as_str(),
            },
            None => Self {
                id: message.id.clone(),
                source: String::new(),
                kind: "",
            },
        }
    }

    fn log(&self, outcome: Outcome) {
        let Self { id, source, kind } = self;
        match outcome {
            Outcome::Recorded => {
                tracing::info!(event_id = id, source, kind, "event recorded");
                metrics::event(source, kind);
            }
            Outcome::Duplicate => {
                tracing::info!(event_id = id, source, kind, "duplicate counted");
                metrics::duplicate(source, kind);
            }
        }
    }

    fn log_error(&self, reason: &str, error: &(dyn std::error::Error + 'static)) {
        let Self { id, source, kind } = self;
        tracing::error!(event_id = id, source, kind, reason, error = %Report(error), "event failed");
    }
}

/// Doubles with each receive, spread by a quarter so that groups do not come back together.
fn backoff_secs(message: &Message) -> u32 {
    let doubled = 1_u32
        .checked_shl(message.receives.min(16))
        .unwrap_or(MAX_DELAY_SECS);
    let delay = doubled.min(MAX_DELAY_SECS);
    let spread = message
        .id
        .bytes()
        .fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(byte)));
    let quarter = delay.checked_div(4).unwrap_or_default();
    delay.saturating_sub(
        spread
            .checked_rem(quarter.saturating_add(1))
            .unwrap_or_default(),
    )
}

/// Groups in the order of their first messages, each in its own order.
fn by_group(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut groups: Vec<Vec<Entry>> = Vec::new();
    for entry in entries {
        let place = *places
            .entry(entry.message.group.clone())
            .or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(entry),
            None => groups.push(vec![entry]),
        }
    }
    groups
}

/// Takes a group's part out of the batch's snapshot: groups share no entity.
fn own_part(snapshot: &mut Snapshot, group: &[Entry]) -> Snapshot {
    let mut own = Snapshot::default();
    for envelope in group
        .iter()
        .filter_map(|entry| entry.envelope.as_ref().ok())
    {
        own.states
            .extend(snapshot.states.remove_entry(&envelope.entity));
        own.damaged.extend(snapshot.damaged.take(&envelope.entity));
        for name in envelope.dedup.candidates(envelope.received_at) {
            let key = RecordKey {
                entity: envelope.entity.clone(),
                name,
            };
            own.records.extend(snapshot.records.remove_entry(&key));
        }
    }
    own
}

fn all_stopped(groups: Vec<Vec<Entry>>, error: &PortError) -> Vec<Stopped> {
    tracing::error!(error = %Report(error), "batch not read");
    metrics::handler_error("batch_not_read");
    groups
        .into_iter()
        .filter_map(|group| {
            let delay_secs = backoff_secs(&group.first()?.message);
            let messages = group.into_iter().map(|entry| entry.message).collect();
            Some(Stopped {
                messages,
                delay_secs,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::AgeLimit;
    use switchhook_core::occurrence::Sequence;

    fn message(receives: u32) -> Message {
        Message {
            id: "5fea7756-0ea4-451a-a703-a558b933e274".into(),
            receipt_handle: String::new(),
            group: String::new(),
            sequence: Sequence(1),
            receives,
            age_limit: AgeLimit::Kept,
            body: String::new(),
        }
    }

    #[test]
    fn delays_grow_to_a_quarter_of_an_hour() {
        let delays: Vec<_> = (1..40)
            .map(|receives| backoff_secs(&message(receives)))
            .collect();
        assert!(
            delays
                .iter()
                .all(|secs| (1..=MAX_DELAY_SECS).contains(secs)),
            "{delays:?}"
        );
        assert!(
            delays[0] <= 2 && delays[5] >= 48 && delays[38] >= 675,
            "{delays:?}"
        );
    }
}
