//! The commit of one event: duplicates told, states written, then the record. The record is the
//! commit point and always comes last.
//!
//! A crash before it leaves at most a state that the redelivery makes again; a crash after it makes
//! the redelivery a duplicate. There is neither transaction nor lease: the queue never has two
//! copies of one event in flight, and states converge. A duplicate with other bytes is a variant: it is
//! offered to the states at its record's place and kept beside the record.

use std::sync::Arc;

use bytes::Bytes;
use switchhook_core::attempts::{self, Attempt};
use switchhook_core::body::Carried;
use switchhook_core::entity::Entity;
use switchhook_core::envelope::Envelope;
use switchhook_core::kind::Kind;
use switchhook_core::ledger::{
    self, Beginning, Known, RawBody, Record, RecordHead, RecordKey, RunRefusal, Snapshot,
    StateItem, Step, Variant,
};
use switchhook_core::occurrence::{Occurrence, Role};
use switchhook_core::ports::{Added, BodyStore, Ledger, PortError, Written};
use switchhook_core::retention;
use switchhook_core::states::Stored;
use switchhook_core::time::{Clock, Timestamp};

use crate::error::HandleError;
use crate::message::{AgeLimit, Message};
use crate::outcome::record_keys;
pub use crate::outcome::{Committed, Outcome};
use crate::record::{carried_bytes, damaged, record_of};
use crate::router::{Route, Router};

/// How often a state or record that somebody else wrote meanwhile is read again.
const MAX_CONFLICTS: u32 = 8;

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
            records.extend(record_keys(envelope));
        }
        self.ledger.read(&states, &records).await
    }

    /// Says how the run of an event begins. Its body is not touched.
    #[must_use]
    pub fn begin(&self, message: &Message, envelope: &Envelope, snapshot: &Snapshot) -> Beginning {
        known(envelope, snapshot).begin(self.refusal(message, envelope, snapshot), message.receives)
    }

    pub(crate) fn ledger(&self) -> &dyn Ledger {
        self.ledger.as_ref()
    }

    pub(crate) fn routes(&self, kind: Kind) -> &[Route] {
        self.router.routes(kind)
    }

    /// Returns why an event can never be recorded, if it cannot.
    pub(crate) fn refusal(
        &self,
        message: &Message,
        envelope: &Envelope,
        snapshot: &Snapshot,
    ) -> Option<RunRefusal> {
        if snapshot.damaged.contains(&envelope.entity) {
            return Some(RunRefusal::DamagedItem);
        }
        let is_too_old =
            message.age_limit == AgeLimit::Kept && envelope.is_too_old(self.clock.now());
        is_too_old.then_some(RunRefusal::TooOld)
    }

    /// Adds a duplicate's entry to its record, its digest where the bytes differ. A record that is
    /// gone leaves the snapshot too: the event is to begin again.
    ///
    /// # Errors
    ///
    /// When the ledger did not answer: it may be counted all the same.
    pub async fn count_duplicate(
        &self,
        key: &RecordKey,
        envelope: &Envelope,
        variant: Option<&str>,
        snapshot: &mut Snapshot,
    ) -> Result<Added, PortError> {
        let Some(head) = snapshot.records.get_mut(key) else {
            return Ok(Added::NoRecord);
        };
        let expires_at = self.expires_at(envelope);
        let entry = head.entry(envelope.id.delivery, variant, expires_at);
        let added = self.ledger.add_entry(key, &entry).await?;
        match added {
            Added::Done => head.add(&entry),
            Added::NoRecord => drop(snapshot.records.remove(key)),
        }
        Ok(added)
    }

    /// Counts an attempt of a message.
    ///
    /// # Errors
    ///
    /// When the ledger did not answer: it may be counted all the same.
    pub async fn count_attempt(&self, message: &Message) -> Result<Attempt, PortError> {
        let until = retention::kept_until(self.clock.now(), attempts::REMEMBERED_DAYS);
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

    /// Commits one event: a new one, or a duplicate whose bytes matter. What is written is written into
    /// `snapshot` too, so that the next event of the batch sees it.
    ///
    /// # Errors
    ///
    /// Why the event, or a part of it, is not in the ledger.
    pub async fn commit(
        &self,
        message: &Message,
        envelope: Envelope,
        snapshot: &mut Snapshot,
    ) -> Result<Committed, HandleError> {
        let (raw, resting) = self.bytes(&envelope.body).await?;
        let mut event = Occurrence::read(envelope, message.sequence, raw)?;
        for _ in 0..MAX_CONFLICTS {
            let known = known(&event.envelope, snapshot);
            let refusal = self.refusal(message, &event.envelope, snapshot);
            let outcome = match known.begin(refusal, message.receives) {
                Beginning::Refuse(refusal) => return Err(HandleError::terminal(refusal.reason())),
                Beginning::Nothing => Some(Outcome::Known),
                Beginning::CountCopy(key) => {
                    let counted = self.count_duplicate(&key, &event.envelope, None, snapshot);
                    (counted.await? == Added::Done).then_some(Outcome::Duplicate)
                }
                Beginning::CountAttempt | Beginning::TouchBody => {
                    self.process(known, &mut event, &resting, snapshot).await?
                }
            };
            if let Some(outcome) = outcome {
                return Ok(Committed::new(outcome, &event, snapshot));
            }
            // Its record came or went meanwhile: the event begins again, its age included.
        }
        Err(PortError::new("writing an event", "its record changed too often meanwhile").into())
    }

    /// Writes an event that the ledger has not got, or the bytes of which it has not; `None` when its
    /// record came or went meanwhile.
    async fn process(
        &self,
        known: Known,
        event: &mut Occurrence,
        resting: &RawBody,
        snapshot: &mut Snapshot,
    ) -> Result<Option<Outcome>, HandleError> {
        let (key, is_variant, is_offered) = match known {
            Known::Variant(key) => (key, true, false),
            Known::VariantAgain(key) => (key, true, true),
            Known::RepeatedStop(key) => (key, false, false),
            Known::No | Known::Counted | Known::Copy(_) => {
                event.role = Role::New;
                return self.record(event, resting, snapshot).await;
            }
        };
        let Some(head) = snapshot.records.get(&key).cloned() else {
            return Ok(None);
        };
        event.role = if is_variant {
            Role::Variant(head)
        } else {
            Role::RepeatedStop(head)
        };
        let changes = if is_offered {
            Vec::new()
        } else {
            self.plan(event, snapshot).await?
        };
        for change in changes {
            self.write_state(change, event, snapshot).await?;
        }
        self.add_duplicate(&key, event, resting, snapshot).await
    }

    /// Writes the states and the record of a new event.
    async fn record(
        &self,
        event: &Occurrence,
        resting: &RawBody,
        snapshot: &mut Snapshot,
    ) -> Result<Option<Outcome>, HandleError> {
        let expires_at = self.expires_at(&event.envelope);
        let record = record_of(event, resting.clone(), expires_at)?;
        let changes = self.plan(event, snapshot).await?;
        let mut outcome = None;
        for step in ledger::commit_steps(changes) {
            match step {
                Step::State(change) => self.write_state(change, event, snapshot).await?,
                Step::Record => outcome = self.write_record(&record, snapshot).await?,
            }
        }
        Ok(outcome)
    }

    /// Adds a duplicate whose bytes matter, its states being written: its bytes where they differ, and
    /// last its entry in the record.
    ///
    /// INVARIANT: the entry comes last. Without it the redelivery does all of it again; with it the
    /// redelivery does nothing, so nothing may be left to do.
    async fn add_duplicate(
        &self,
        key: &RecordKey,
        event: &Occurrence,
        resting: &RawBody,
        snapshot: &mut Snapshot,
    ) -> Result<Option<Outcome>, HandleError> {
        let variant = self.variant_of(key, event, resting);
        if let Some(variant) = &variant {
            self.ledger.put_variant(variant).await?;
        }
        let digest = variant.as_ref().map(|variant| variant.digest.as_str());
        let counted = self.count_duplicate(key, &event.envelope, digest, snapshot);
        Ok(
            (counted.await? == Added::Done).then_some(if variant.is_some() {
                Outcome::Variant
            } else {
                Outcome::Duplicate
            }),
        )
    }

    fn variant_of(&self, key: &RecordKey, event: &Occurrence, raw: &RawBody) -> Option<Variant> {
        let Role::Variant(head) = &event.role else {
            return None;
        };
        let envelope = &event.envelope;
        Some(Variant {
            record: key.clone(),
            of: head.id,
            digest: envelope.digest.clone()?,
            id: envelope.id,
            received_at: envelope.received_at,
            sequence: event.sequence,
            raw: raw.clone(),
            headers: envelope.headers.clone(),
            expires_at: self.expires_at(envelope),
        })
    }

    pub(crate) fn expires_at(&self, envelope: &Envelope) -> Timestamp {
        envelope.expires_at(self.clock.now())
    }

    /// Returns the exact bytes, and how the record keeps them.
    async fn bytes(&self, carried: &Carried) -> Result<(Bytes, RawBody), HandleError> {
        let Carried::Stored(pointer) = carried else {
            return carried_bytes(carried)?.ok_or_else(damaged);
        };
        let found = self.bodies.get(&pointer.key).await?;
        let bytes = found.ok_or_else(|| HandleError::terminal("body_missing"))?;
        if !pointer.describes(&bytes) {
            return Err(damaged());
        }
        Ok((bytes, RawBody::Stored(pointer.clone())))
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
            let next = self.next(route, &entity, current.stored.as_ref(), occurrence)?;
            changes.push(Change {
                route,
                entity,
                current,
                next,
            });
        }
        Ok(changes)
    }

    /// Returns a state after an event. The suppression list never expires.
    pub(crate) fn next(
        &self,
        route: &Route,
        entity: &Entity,
        current: Option<&Stored>,
        occurrence: &Occurrence,
    ) -> Result<Stored, HandleError> {
        let mut next = route.apply(current, occurrence)?;
        if entity.opted_out().is_none() {
            let expiry = current.and_then(|stored| stored.expiry);
            let envelope = &occurrence.envelope;
            next.expiry = envelope.state_expiry(expiry, self.clock.now());
        }
        Ok(next)
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
                    let stored = current.stored.as_ref();
                    change.next = self.next(change.route, &change.entity, stored, occurrence)?;
                    snapshot
                        .states
                        .insert(change.entity.clone(), current.clone());
                    change.current = current;
                }
            }
        }
        Err(PortError::new("writing a state", "it changed too often meanwhile").into())
    }

    /// Puts a record; `None` where there is one of another delivery, which is in the snapshot then.
    async fn write_record(
        &self,
        record: &Record,
        snapshot: &mut Snapshot,
    ) -> Result<Option<Outcome>, HandleError> {
        let (head, outcome) = match self.ledger.put_record(record).await? {
            Written::Done => (RecordHead::from(record), Some(Outcome::Recorded)),
            Written::Refused(head) => {
                let is_own = head.id == record.id; // the answer of an earlier put was lost
                (head, is_own.then_some(Outcome::Recorded))
            }
        };
        snapshot.records.insert(record.key.clone(), head);
        Ok(outcome)
    }
}

/// Returns what is recorded of an event.
pub(crate) fn known(envelope: &Envelope, snapshot: &Snapshot) -> Known {
    let (entity, digest) = (&envelope.entity, envelope.digest.as_deref());
    snapshot.knows(
        entity,
        &envelope.dedup,
        envelope.id,
        digest,
        envelope.received_at,
    )
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
