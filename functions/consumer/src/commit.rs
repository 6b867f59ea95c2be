//! The commit of one event: duplicates told, states written, then the record. The record is the
//! commit point and always comes last.
//!
//! A crash before it leaves at most a state that the redelivery makes again; a crash after it makes
//! the redelivery a duplicate. There is neither transaction nor lease: the queue never has two
//! copies of one event in flight, and states converge.

use std::sync::Arc;

use bytes::Bytes;
use switchhook_core::attempts::{self, Attempt, Failure};
use switchhook_core::body::{self, Carried};
use switchhook_core::canonical;
use switchhook_core::content::MAX_INFLATED_BYTES;
use switchhook_core::entity::Entity;
use switchhook_core::envelope::Envelope;
use switchhook_core::ids::DeliveryId;
use switchhook_core::ledger::{
    self, Beginning, Met, RawBody, Record, RecordHead, RecordKey, Snapshot, StateItem, Step,
};
use switchhook_core::occurrence::{Occurrence, Sequence, UnknownProvider};
use switchhook_core::ports::{BodyStore, Ledger, PortError, Written};
use switchhook_core::states::Stored;
use switchhook_core::time::{Clock, Timestamp};

use crate::message::{AgeLimit, Message};
use crate::router::{ApplyError, Route, Router};

/// How often a state or record that somebody else wrote meanwhile is read again.
const MAX_CONFLICTS: u32 = 8;

/// What became of an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It is recorded now.
    Recorded,
    /// It was recorded before, and this copy of it is counted.
    Duplicate,
    /// It was recorded before, and this delivery of it is counted already: its message came again,
    /// or the delivery tells it twice.
    Known,
}

/// Why an event is not in the ledger.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// It never will be: it becomes a dead letter.
    #[error("the event cannot be handled ({reason})")]
    Terminal {
        /// The reason that the dead letter shows.
        reason: &'static str,
        /// What it came from, if from anything.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// It will be tried again.
    #[error("the event is tried again later")]
    Passing(#[from] PortError),
    /// Something outside did not answer in the function's time; handlers do not wait.
    #[error("the event was not finished in the function's time")]
    OutOfTime,
    /// Its handler has a mistake. What a panic says may be what the event says.
    #[error("the handler panicked")]
    Panicked,
}

impl HandleError {
    pub(crate) fn terminal(reason: &'static str) -> Self {
        Self::Terminal {
            reason,
            source: None,
        }
    }

    /// Returns what log lines and dead letters call it.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Terminal { reason, .. } => reason,
            Self::Passing(_) => "passing",
            Self::OutOfTime => "time",
            Self::Panicked => "panic",
        }
    }

    /// Returns what kind of failure it is.
    #[must_use]
    pub const fn failure(&self) -> Failure {
        match self {
            Self::Terminal { .. } => Failure::ForGood,
            Self::Passing(_) | Self::OutOfTime => Failure::Passing,
            Self::Panicked => Failure::Unknown,
        }
    }

    pub(crate) fn caused(
        reason: &'static str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Terminal {
            reason,
            source: Some(Box::new(source)),
        }
    }
}

impl From<ApplyError> for HandleError {
    fn from(error: ApplyError) -> Self {
        Self::caused("state", error)
    }
}

impl From<UnknownProvider> for HandleError {
    fn from(error: UnknownProvider) -> Self {
        Self::caused("provider", error)
    }
}

/// Brings events into the ledger.
pub struct Committer {
    ledger: Arc<dyn Ledger>,
    bodies: Arc<dyn BodyStore>,
    clock: Arc<dyn Clock>,
    router: Router,
}

impl std::fmt::Debug for Committer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Committer")
            .field("router", &self.router)
            .finish_non_exhaustive()
    }
}

impl Committer {
    /// Makes a committer of its parts.
    #[must_use]
    pub fn new(
        ledger: Arc<dyn Ledger>,
        bodies: Arc<dyn BodyStore>,
        clock: Arc<dyn Clock>,
        router: Router,
    ) -> Self {
        Self {
            ledger,
            bodies,
            clock,
            router,
        }
    }

    /// Reads in one request what the ledger holds of a batch.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub async fn snapshot<'a>(
        &self,
        envelopes: impl Iterator<Item = &'a Envelope>,
    ) -> Result<Snapshot, PortError> {
        let (mut states, mut records) = (Vec::new(), Vec::new());
        for envelope in envelopes {
            if !self.router.routes(envelope.kind).is_empty() {
                states.push(envelope.entity.clone());
            }
            let names = envelope.dedup.candidates(envelope.received_at);
            records.extend(names.into_iter().map(|name| RecordKey {
                entity: envelope.entity.clone(),
                name,
            }));
        }
        self.ledger.read(&states, &records).await
    }

    /// Says how the run of an event begins. Its body is not touched.
    #[must_use]
    pub fn begin(&self, message: &Message, envelope: &Envelope, snapshot: &Snapshot) -> Beginning {
        let (id, at) = (envelope.id, envelope.received_at);
        let known = snapshot.knows(&envelope.entity, &envelope.dedup, id, at);
        let is_too_old =
            message.age_limit == AgeLimit::Kept && envelope.is_too_old(self.clock.now());
        let refusal = if snapshot.damaged.contains(&envelope.entity) {
            Some("item")
        } else {
            is_too_old.then_some("too_old")
        };
        known.begin(refusal, message.receives)
    }

    /// Counts a further copy where there is a record, unless it counts as many as it may.
    ///
    /// # Errors
    ///
    /// When the ledger did not answer: it may be counted all the same.
    pub async fn count_copy(
        &self,
        record: &RecordKey,
        delivery: DeliveryId,
        snapshot: &mut Snapshot,
    ) -> Result<(), PortError> {
        let head = snapshot.records.get_mut(record);
        if head.as_ref().is_some_and(|head| head.is_full()) {
            return Ok(());
        }
        self.ledger.count_delivery(record, delivery).await?;
        if let Some(head) = head {
            head.deliveries.insert(delivery);
        }
        Ok(())
    }

    /// Counts an attempt of a message.
    ///
    /// # Errors
    ///
    /// When the ledger did not answer: it may be counted all the same.
    pub async fn count_attempt(&self, message: &Message) -> Result<Attempt, PortError> {
        let until = ledger::kept_until(self.clock.now(), attempts::REMEMBERED_DAYS);
        let added = self
            .ledger
            .add_attempt(&message.id, message.receives, until);
        added.await
    }

    /// Takes an attempt of a message back.
    ///
    /// # Errors
    ///
    /// When the ledger did not answer: the attempt may count.
    pub async fn take_back_attempt(&self, message: &Message) -> Result<(), PortError> {
        let taken = self.ledger.take_back_attempt(&message.id, message.receives);
        taken.await
    }

    /// Commits one event that is new. What is written is written into `snapshot` too, so that the
    /// next event of the batch sees it.
    ///
    /// # Errors
    ///
    /// Why the event is not in the ledger.
    pub async fn commit(
        &self,
        envelope: Envelope,
        sequence: Sequence,
        snapshot: &mut Snapshot,
    ) -> Result<Outcome, HandleError> {
        let kept_from = self.kept_from(&envelope);
        let (raw, resting) = self.bytes(&envelope.body).await?;
        let occurrence = Occurrence::read(envelope, sequence, raw)?;
        let record = record_of(&occurrence, resting, kept_from)?;
        let changes = self.plan(&occurrence, snapshot).await?;
        let mut outcome = Outcome::Recorded;
        for step in ledger::commit_steps(changes) {
            match step {
                Step::State(change) => self.write_state(change, &occurrence, snapshot).await?,
                Step::Record => outcome = self.write_record(&record, snapshot).await?,
            }
        }
        Ok(outcome)
    }

    /// Returns the time from which on the record is kept.
    fn kept_from(&self, envelope: &Envelope) -> Timestamp {
        let now = self.clock.now();
        if envelope.is_too_old(now) {
            now // else the record would be forgotten as soon as it is written
        } else {
            envelope.received_at
        }
    }

    /// Returns the exact bytes, and how the record keeps them.
    async fn bytes(&self, carried: &Carried) -> Result<(Bytes, RawBody), HandleError> {
        let damaged = || HandleError::terminal("body_damaged");
        match carried {
            Carried::Inline(base64) => {
                let bytes = base64.decode().ok_or_else(damaged)?;
                let resting = body::deflate(&bytes);
                let resting =
                    resting.map_or_else(|| RawBody::Plain(bytes.clone()), RawBody::Deflated);
                Ok((bytes.into(), resting))
            }
            Carried::Deflated(base64) => {
                let deflated = base64.decode().ok_or_else(damaged)?;
                let bytes = body::inflate(&deflated, MAX_INFLATED_BYTES).ok_or_else(damaged)?;
                Ok((bytes.into(), RawBody::Deflated(deflated)))
            }
            Carried::Stored(pointer) => {
                let found = self.bodies.get(&pointer.key).await?;
                let bytes = found.ok_or_else(|| HandleError::terminal("body_missing"))?;
                if !pointer.describes(&bytes) {
                    return Err(damaged());
                }
                Ok((bytes, RawBody::Stored(pointer.clone())))
            }
        }
    }

    /// Applies every handler before anything is written, since all that can fail for good comes
    /// first.
    async fn plan<'a>(
        &'a self,
        occurrence: &Occurrence,
        snapshot: &mut Snapshot,
    ) -> Result<Vec<Change<'a>>, HandleError> {
        let mut changes = Vec::new();
        for route in self.router.routes(occurrence.envelope.kind) {
            let Some(entity) = route.entity(occurrence) else {
                continue;
            };
            if entity != occurrence.envelope.entity {
                // A state outside the group: others may have written it since the batch was read.
                let read = self.ledger.read(std::slice::from_ref(&entity), &[]).await?;
                snapshot.states.remove(&entity);
                snapshot.states.extend(read.states);
                if read.damaged.contains(&entity) {
                    return Err(HandleError::terminal("item"));
                }
            }
            let current = snapshot.states.get(&entity).cloned().unwrap_or_default();
            let next = route.apply(current.stored.as_ref(), occurrence)?;
            changes.push(Change {
                route,
                entity,
                current,
                next,
            });
        }
        Ok(changes)
    }

    async fn write_state(
        &self,
        mut change: Change<'_>,
        occurrence: &Occurrence,
        snapshot: &mut Snapshot,
    ) -> Result<(), HandleError> {
        for _ in 0..MAX_CONFLICTS {
            if change.is_none() {
                return Ok(());
            }
            let version = change.current.version;
            match self
                .ledger
                .put_state(&change.entity, &change.next, version)
                .await?
            {
                Written::Done => {
                    let item = StateItem {
                        version: version.saturating_add(1),
                        stored: Some(change.next),
                    };
                    snapshot.states.insert(change.entity, item);
                    return Ok(());
                }
                Written::Refused(current) => {
                    change.next = change.route.apply(current.stored.as_ref(), occurrence)?;
                    snapshot
                        .states
                        .insert(change.entity.clone(), current.clone());
                    change.current = current;
                }
            }
        }
        Err(PortError::new("writing a state", "it changed too often meanwhile").into())
    }

    async fn write_record(
        &self,
        record: &Record,
        snapshot: &mut Snapshot,
    ) -> Result<Outcome, HandleError> {
        let (head, outcome) = match self.ledger.put_record(record).await? {
            Written::Done => (RecordHead::from(record), Outcome::Recorded),
            Written::Refused(mut head) => match head.meets(record.id.delivery) {
                Met::Own => (head, Outcome::Recorded),
                Met::Copy => {
                    self.ledger
                        .count_delivery(&record.key, record.id.delivery)
                        .await?;
                    head.deliveries.insert(record.id.delivery);
                    (head, Outcome::Duplicate)
                }
            },
        };
        snapshot.records.insert(record.key.clone(), head);
        Ok(outcome)
    }
}

/// A state as it is and as it will be.
struct Change<'a> {
    route: &'a Route,
    entity: Entity,
    current: StateItem,
    next: Stored,
}

impl Change<'_> {
    fn is_none(&self) -> bool {
        self.current.stored.as_ref() == Some(&self.next)
    }
}

fn record_of(
    occurrence: &Occurrence,
    raw: RawBody,
    kept_from: Timestamp,
) -> Result<Record, HandleError> {
    let envelope = &occurrence.envelope;
    let data = canonical::write(&occurrence.data).map_err(|e| HandleError::caused("data", e))?;
    Ok(Record {
        key: RecordKey {
            entity: envelope.entity.clone(),
            name: envelope.dedup.record_name(envelope.received_at),
        },
        id: envelope.id,
        provider: envelope.provider.clone(),
        kind: envelope.kind,
        provider_event: envelope.provider_event.clone(),
        slug: envelope.slug.clone(),
        received_at: envelope.received_at,
        occurred_at: occurrence.occurred_at,
        sequence: occurrence.sequence,
        deliveries: [envelope.id.delivery].into(),
        data,
        raw,
        headers: envelope.headers.clone(),
        expires_at: ledger::kept_until(kept_from, envelope.retention_days),
    })
}
