//! The commit of several new events of one entity at once: one write of its state, then their records
//! one after the other. One entity's backlog drains nearly twice as fast by it, at a tenth of the state
//! writes.
//!
//! The order that the commit rests on is the same: the state before any record. A crash in between
//! leaves a state that the redelivery makes again. Whatever is not plain (a duplicate, a second state, a
//! body in the store, an error) ends the row: it and what follows go the way of single events, which
//! knows what to do about each failure.

use std::panic::{AssertUnwindSafe, catch_unwind};

use switchhook_core::body::Carried;
use switchhook_core::entity::Entity;
use switchhook_core::envelope::Envelope;
use switchhook_core::ledger::{
    Beginning, Known, Record, RecordHead, RecordKey, Snapshot, StateItem,
};
use switchhook_core::occurrence::{Occurrence, Role};
use switchhook_core::ports::{PortError, Written};
use switchhook_core::states::Stored;

use crate::commit::{Committed, Committer, Outcome, known};
use crate::error::HandleError;
use crate::message::Message;
use crate::outcome::record_keys;
use crate::record::{carried_bytes, record_of};

/// An event and the message that carries it.
type Queued<'a> = (&'a Message, &'a Envelope);

/// Events at the front of a group that are committed together.
struct Row {
    entity: Entity,
    current: StateItem,
    next: Option<Stored>,
    events: Vec<(Record, Committed)>,
}

/// What the commit of a row came to.
#[derive(Debug, Default)]
pub(crate) struct Bulk {
    /// How the first events of the row were committed.
    pub(crate) committed: Vec<Committed>,
    /// The error of the event behind them, which may be committed later.
    pub(crate) error: Option<PortError>,
}

impl Committer {
    /// Commits as many events at the front of a group as can be committed together, none where that
    /// would be fewer than two. What is written is written into `snapshot` too.
    pub(crate) async fn commit_row(
        &self,
        group: &[Queued<'_>],
        snapshot: &mut Snapshot,
        has_time: impl Fn() -> bool,
    ) -> Bulk {
        let Some(row) = self.row(group, snapshot, has_time) else {
            return Bulk::default();
        };
        match self.write_row_state(&row, snapshot).await {
            Ok(true) => self.write_row_records(row.events, snapshot).await,
            // Somebody else wrote it meanwhile, or it is refused for what one of them holds.
            Ok(false) => Bulk::default(),
            Err(error) if error.is_permanent => Bulk::default(),
            Err(error) => Bulk {
                committed: Vec::new(),
                error: Some(error),
            },
        }
    }

    /// Plans everything before anything is written.
    fn row(
        &self,
        group: &[Queued<'_>],
        snapshot: &Snapshot,
        has_time: impl Fn() -> bool,
    ) -> Option<Row> {
        let (_, first) = group.first()?;
        let current = snapshot.states.get(&first.entity).cloned();
        let mut row = Row {
            entity: first.entity.clone(),
            current: current.unwrap_or_default(),
            next: None,
            events: Vec::new(),
        };
        for (message, envelope) in group {
            if !has_time() || !self.belongs(message, envelope, &row, snapshot) {
                break;
            }
            let planned = AssertUnwindSafe(|| self.plan_in_row(message, envelope, &row, snapshot));
            // A panic is its own event's: it comes again where the event runs by itself.
            let Ok(Ok(Some((next, record, committed)))) = catch_unwind(planned) else {
                break;
            };
            row.next = next;
            row.events.push((record, committed));
        }
        (row.events.len() >= 2).then_some(row)
    }

    /// Returns whether an event is a new one of the row's entity, its body in the message.
    fn belongs(
        &self,
        message: &Message,
        envelope: &Envelope,
        row: &Row,
        snapshot: &Snapshot,
    ) -> bool {
        let known = known(envelope, snapshot);
        let is_new = known == Known::No;
        let refusal = self.refusal(message, envelope, snapshot);
        let begins = known.begin(refusal, message.receives);
        let is_in_row = |key: RecordKey| row.events.iter().any(|(record, _)| record.key == key);
        envelope.entity == row.entity
            && !matches!(envelope.body, Carried::Stored(_))
            && is_new
            && begins == Beginning::TouchBody
            && !record_keys(envelope).any(is_in_row)
    }

    /// Applies an event to the row's state; `None` where it changes another state too.
    fn plan_in_row(
        &self,
        message: &Message,
        envelope: &Envelope,
        row: &Row,
        snapshot: &Snapshot,
    ) -> Result<Option<(Option<Stored>, Record, Committed)>, HandleError> {
        let Some((raw, resting)) = carried_bytes(&envelope.body)? else {
            return Ok(None);
        };
        let mut event = Occurrence::read(envelope.clone(), message.sequence, raw)?;
        event.role = Role::New;
        let record = record_of(&event, resting, self.expires_at(envelope))?;
        let mut next = row.next.clone();
        for route in self.routes(envelope.kind) {
            match route.entity(&event) {
                None => {}
                Some(entity) if entity != row.entity => return Ok(None),
                Some(_) => {
                    let current = next.as_ref().or(row.current.stored.as_ref());
                    next = Some(self.next(route, &row.entity, current, &event)?);
                }
            }
        }
        let committed = Committed::new(Outcome::Recorded, &event, snapshot);
        Ok(Some((next, record, committed)))
    }

    /// Writes the state if it changed; false where it is not the one that was read.
    async fn write_row_state(&self, row: &Row, snapshot: &mut Snapshot) -> Result<bool, PortError> {
        let changed = row
            .next
            .as_ref()
            .filter(|next| row.current.stored.as_ref() != Some(next));
        let Some(next) = changed else {
            return Ok(true);
        };
        let version = row.current.version;
        let (item, is_written) = match self.ledger().put_state(&row.entity, next, version).await? {
            Written::Done => {
                let (version, stored) = (version.saturating_add(1), Some(next.clone()));
                (StateItem { version, stored }, true)
            }
            Written::Refused(current) => (current, false),
        };
        snapshot.states.insert(row.entity.clone(), item);
        Ok(is_written)
    }

    async fn write_row_records(
        &self,
        events: Vec<(Record, Committed)>,
        snapshot: &mut Snapshot,
    ) -> Bulk {
        let mut bulk = Bulk::default();
        for (record, committed) in events {
            let head = match self.ledger().put_record(&record).await {
                Ok(Written::Done) => RecordHead::from(&record),
                Ok(Written::Refused(head)) => head,
                // Alone it becomes a dead letter.
                Err(error) if error.is_permanent => return bulk,
                Err(error) => {
                    bulk.error = Some(error);
                    return bulk;
                }
            };
            let is_own = head.id == record.id;
            snapshot.records.insert(record.key, head);
            if !is_own {
                return bulk; // a duplicate: it, and what follows, begins again
            }
            bulk.committed.push(committed);
        }
        bulk
    }
}
