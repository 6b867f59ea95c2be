//! A batch of messages: groups side by side, the events of a group in order.
//!
//! The first failure stops its own group only; the rest of that group goes back untried, delayed
//! together. A batch that holds an event received too often for comfort runs one event at a time,
//! so that the one which ends the run is told from those beside it. What becomes of one event is
//! decided in `run`.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use futures_util::future::join_all;
use switchhook_aws::metrics;
use switchhook_core::attempts::{self, Settled};
use switchhook_core::ledger::Snapshot;
use switchhook_core::ports::{DeadLetterQueue, PortError, Redelivery};
use switchhook_core::report::Report;
use switchhook_core::time::{Clock, Timestamp};

use crate::commit::Committer;
use crate::message::{Entry, Group, Message, NotFifo};
use crate::outcome::record_keys;
use crate::run::{Runner, backoff_secs};

/// Handles batches.
pub struct Consumer {
    runner: Runner,
    queue: Arc<dyn Redelivery>,
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer")
            .field("committer", &self.runner.committer)
            .finish_non_exhaustive()
    }
}

/// What is left of a group when it stops: the messages from the failed one on, and their delay.
#[derive(Default)]
struct Stopped {
    messages: Vec<Message>,
    delay_secs: u32,
}

impl Stopped {
    fn with_rest(mut self, rest: Group) -> Self {
        self.messages
            .extend(rest.into_iter().map(|entry| entry.message));
        self
    }
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
        let runner = Runner {
            committer,
            dead_letters,
            clock,
        };
        Self { runner, queue }
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
        let stopped = self.run_all(entries, deadline).await;
        join_all(stopped.iter().map(|group| self.delay(group, deadline))).await;
        let mut response = SqsBatchResponse::default();
        for message in stopped.into_iter().flat_map(|group| group.messages) {
            response.add_failure(message.id);
        }
        Ok(response)
    }

    /// Reads what is known of the batch and runs it; returns what is to come again.
    async fn run_all(&self, entries: Vec<Entry>, deadline: Timestamp) -> Vec<Stopped> {
        if !self.runner.has_time(deadline) {
            return untried(by_group(entries));
        }
        let envelopes = entries
            .iter()
            .filter_map(|entry| entry.envelope.as_ref().ok());
        let snapshot = self.runner.committer.snapshot(envelopes);
        let snapshot = self.runner.in_time(deadline, snapshot).await;
        let is_one_by_one = attempts::is_one_by_one(entries.iter().map(Entry::receives));
        let groups = by_group(entries);
        match snapshot {
            Ok(snapshot) if is_one_by_one => self.run_one_by_one(groups, snapshot, deadline).await,
            Ok(snapshot) => self.run_side_by_side(groups, snapshot, deadline).await,
            Err(error) => all_stopped(groups, &error),
        }
    }

    async fn run_side_by_side(
        &self,
        groups: Vec<Group>,
        mut snapshot: Snapshot,
        deadline: Timestamp,
    ) -> Vec<Stopped> {
        let runs = groups.into_iter().map(|mut group| {
            let mut own = own_part(&mut snapshot, &group);
            async move {
                let row = self.runner.run_row(&mut group, &mut own, deadline);
                if let Err(delay_secs) = row.await {
                    let messages = Vec::new();
                    let stopped = Stopped {
                        messages,
                        delay_secs,
                    };
                    return Some(stopped.with_rest(group));
                }
                while let Some(entry) = group.pop_front() {
                    if let Err(failed) = self.run(entry, &mut own, deadline).await {
                        return Some(failed.with_rest(group));
                    }
                }
                None
            }
        });
        let ended = join_all(runs.collect::<Vec<_>>()).await;
        ended.into_iter().flatten().collect()
    }

    /// Runs one event after the other, until one is buried.
    async fn run_one_by_one(
        &self,
        mut groups: Vec<Group>,
        mut snapshot: Snapshot,
        deadline: Timestamp,
    ) -> Vec<Stopped> {
        let (mut stopped, mut last) = (Vec::new(), Settled::default());
        while let Some((entry, group)) = next_turn(last, &mut groups) {
            match self.run(entry, &mut snapshot, deadline).await {
                Ok(settled) => last = settled,
                Err(failed) => stopped.push(failed.with_rest(std::mem::take(group))),
            }
        }
        stopped.extend(untried(groups));
        stopped
    }

    /// Runs an event; the error is what stops its group.
    async fn run(
        &self,
        Entry { message, envelope }: Entry,
        snapshot: &mut Snapshot,
        deadline: Timestamp,
    ) -> Result<Settled, Stopped> {
        let ran = self.runner.run(&message, envelope, snapshot, deadline);
        ran.await.map_err(|delay_secs| Stopped {
            messages: vec![message],
            delay_secs,
        })
    }

    /// Delays a stopped group. When that fails, the queue's visibility time-out is the delay.
    async fn delay(&self, stopped: &Stopped, deadline: Timestamp) {
        let handles: Vec<_> = stopped
            .messages
            .iter()
            .map(|m| m.receipt_handle.clone())
            .collect();
        let delayed = self.queue.delay(&handles, stopped.delay_secs);
        if let Err(error) = self.runner.at_last(deadline, delayed).await {
            tracing::warn!(error = %Report(&error), "group not delayed");
        }
    }
}

/// Takes the event that runs now, and returns the rest of its group with it.
fn next_turn(last: Settled, groups: &mut [Group]) -> Option<(Entry, &mut Group)> {
    let next = |group: &Group| group.front().map(Entry::receives);
    let turn = attempts::next_turn(last, &groups.iter().map(next).collect::<Vec<_>>())?;
    let group = groups.get_mut(turn)?;
    Some((group.pop_front()?, group))
}

/// Groups in the order of their first messages, each in its own order.
fn by_group(entries: Vec<Entry>) -> Vec<Group> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for entry in entries {
        let place = *places
            .entry(entry.message.group.clone())
            .or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push_back(entry),
            None => groups.push([entry].into()),
        }
    }
    groups
}

/// Takes a group's part out of the batch's snapshot: groups share no entity.
fn own_part(snapshot: &mut Snapshot, group: &Group) -> Snapshot {
    let mut own = Snapshot::default();
    for envelope in group
        .iter()
        .filter_map(|entry| entry.envelope.as_ref().ok())
    {
        own.states
            .extend(snapshot.states.remove_entry(&envelope.entity));
        own.damaged.extend(snapshot.damaged.take(&envelope.entity));
        for key in record_keys(envelope) {
            own.records.extend(snapshot.records.remove_entry(&key));
        }
    }
    own
}

/// What was not run comes again at once.
fn untried(groups: Vec<Group>) -> Vec<Stopped> {
    let groups = groups.into_iter().filter(|group| !group.is_empty());
    groups
        .map(|group| Stopped::default().with_rest(group))
        .collect()
}

fn all_stopped(groups: Vec<Group>, error: &PortError) -> Vec<Stopped> {
    tracing::error!(error = %Report(error), "batch not read");
    metrics::handler_error("batch_not_read");
    groups
        .into_iter()
        .filter_map(|group| {
            let delay_secs = backoff_secs(&group.front()?.message);
            let messages = group.into_iter().map(|entry| entry.message).collect();
            Some(Stopped {
                messages,
                delay_secs,
            })
        })
        .collect()
}
