//! The ledger: every accepted event once (its record), and the current state of every entity.
//!
//! Here is what they are, how a duplicate is told, and in which order they are written. Reading and
//! writing them is the port [`crate::ports::Ledger`].

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::attempts;
use crate::body::Pointer;
use crate::dedup::DedupKey;
use crate::entity::Entity;
use crate::ids::{DeliveryId, EventId};
use crate::kind::Kind;
use crate::occurrence::Sequence;
use crate::states::Stored;
use crate::time::Timestamp;

/// The most delivery ids that a record counts.
pub const MAX_COUNTED_DELIVERIES: usize = 100;

/// Days before the end of retention from which an event might no longer be known as a duplicate.
const TOO_OLD_MARGIN_DAYS: u16 = 2;

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// Returns until when a record is kept.
#[must_use]
pub fn kept_until(kept_from: Timestamp, retention_days: u16) -> Timestamp {
    let lifetime = i64::from(retention_days).saturating_mul(DAY_MILLIS);
    let until = kept_from.as_millisecond().saturating_add(lifetime);
    Timestamp::from_millisecond(until).unwrap_or(Timestamp::MAX)
}

/// Tells whether an event was accepted so long ago that a record of it may be forgotten already.
#[must_use]
pub fn is_too_old(received_at: Timestamp, retention_days: u16, now: Timestamp) -> bool {
    let days = retention_days.saturating_sub(TOO_OLD_MARGIN_DAYS);
    let limit = i64::from(days).saturating_mul(DAY_MILLIS);
    let (now, then) = (now.as_millisecond(), received_at.as_millisecond());
    now.saturating_sub(then) > limit
}

/// One write of a commit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step<C> {
    /// A changed state.
    State(C),
    /// The record.
    Record,
}

/// Returns the writes of a commit in their order: the states, then the record.
///
/// INVARIANT: the record is the commit point and comes last. Without it the redelivery makes the
/// states again; with it the redelivery is a duplicate.
pub fn commit_steps<C>(changes: Vec<C>) -> impl Iterator<Item = Step<C>> {
    let states = changes.into_iter().map(Step::State);
    states.chain(std::iter::once(Step::Record))
}

/// How a record keeps the exact bytes of its event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RawBody {
    /// As they are.
    Plain(Vec<u8>),
    /// As a raw deflate stream.
    Deflated(Vec<u8>),
    /// In the body store.
    Stored(Pointer),
}

/// The name of a record: its entity, and its dedup key with the slot of its window.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct RecordKey {
    /// The partition.
    pub entity: Entity,
    /// The name within it.
    pub name: String,
}

/// One accepted event.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its place in the ledger.
    pub key: RecordKey,
    /// The event's id.
    pub id: EventId,
    /// The provider's name.
    pub provider: String,
    /// What happened.
    pub kind: Kind,
    /// The sender's own name for it.
    pub provider_event: Option<String>,
    /// The slug of the URL.
    pub slug: Option<String>,
    /// The accepted time.
    pub received_at: Timestamp,
    /// When it happened, where the provider says so.
    pub occurred_at: Option<Timestamp>,
    /// Its place in the accepted order.
    pub sequence: Sequence,
    /// The deliveries that it came in, up to [`MAX_COUNTED_DELIVERIES`].
    pub deliveries: BTreeSet<DeliveryId>,
    /// What it says: JSON.
    pub data: String,
    /// Its exact bytes.
    pub raw: RawBody,
    /// The headers that matter.
    pub headers: BTreeMap<String, String>,
    /// When it may be forgotten.
    pub expires_at: Timestamp,
}

/// As much of a record as it takes to tell duplicates.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordHead {
    /// The event's id.
    pub id: EventId,
    /// The accepted time.
    pub received_at: Timestamp,
    /// The deliveries that it came in.
    pub deliveries: BTreeSet<DeliveryId>,
}

impl From<&Record> for RecordHead {
    fn from(record: &Record) -> Self {
        Self {
            id: record.id,
            received_at: record.received_at,
            deliveries: record.deliveries.clone(),
        }
    }
}

/// Whose record it is that stands where one was to be put.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Met {
    /// This delivery's own: its answer was lost, or the copy is counted.
    Own,
    /// That of another copy: this one is to be counted in it.
    Copy,
}

impl RecordHead {
    /// Tells whose record this is to a delivery that was to put one in its place.
    #[must_use]
    pub fn meets(&self, delivery: DeliveryId) -> Met {
        if self.deliveries.contains(&delivery) {
            Met::Own
        } else {
            Met::Copy
        }
    }

    /// Tells whether it counts as many deliveries as a record may.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.deliveries.len() >= MAX_COUNTED_DELIVERIES
    }
}

/// A state and its version, counted from 1. Version 0 is an entity without a state.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StateItem {
    /// How often the item was written.
    pub version: u64,
    /// The state; `None` with version 0.
    pub stored: Option<Stored>,
}

/// A copy of what the ledger held when it was read, kept up with what is written since.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Records by their keys; absent ones are not in it.
    pub records: HashMap<RecordKey, RecordHead>,
    /// States by their entities; absent ones are not in it.
    pub states: HashMap<Entity, StateItem>,
    /// Entities with an item that cannot be read: their events cannot be handled, all others can.
    pub damaged: HashSet<Entity>,
}

/// What the ledger holds already of an event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Known {
    /// Nothing: it is new.
    No,
    /// It is recorded, and this delivery of it is counted.
    Counted,
    /// It is recorded, and this delivery is a further copy, to be counted there.
    Copy(RecordKey),
}

/// How the run of an event begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Beginning {
    /// There is nothing to do: it is recorded, and this delivery of it is counted.
    Nothing,
    /// It is counted as a copy in this record, and that is all.
    CountCopy(RecordKey),
    /// It can never be recorded, for this reason: it becomes a dead letter.
    Refuse(&'static str),
    /// Its attempt is counted before its body is touched.
    CountAttempt,
    /// Its body is touched at once.
    TouchBody,
}

/// What becomes of a dead letter that a person redrives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Redrive {
    /// It is sent to the queue again.
    Send,
    /// It is dropped: the ledger has its event.
    Drop,
    /// It stays: the ledger may have recorded and forgotten its event.
    Refuse,
}

impl Known {
    /// Says how the run of an event begins that was received so often, and that there may be a
    /// reason to refuse.
    ///
    /// INVARIANT: what is recorded is never refused, so that no event is recorded and a dead letter
    /// because something happened to it meanwhile; and where attempts count, no body is touched
    /// before its attempt is counted.
    #[must_use]
    pub fn begin(self, refusal: Option<&'static str>, receives: u32) -> Beginning {
        match (self, refusal) {
            (Self::Counted, _) => Beginning::Nothing,
            (Self::Copy(key), _) => Beginning::CountCopy(key),
            (Self::No, Some(reason)) => Beginning::Refuse(reason),
            (Self::No, None) if attempts::is_counted(receives) => Beginning::CountAttempt,
            (Self::No, None) => Beginning::TouchBody,
        }
    }

    /// Says what becomes of a dead letter of this event.
    #[must_use]
    pub const fn redrive(&self, is_too_old: bool, is_forced: bool) -> Redrive {
        match self {
            Self::Counted | Self::Copy(_) => Redrive::Drop,
            Self::No if is_too_old && !is_forced => Redrive::Refuse,
            Self::No => Redrive::Send,
        }
    }
}

impl Snapshot {
    /// Tells whether an event accepted at `received_at` is recorded.
    #[must_use]
    pub fn knows(
        &self,
        entity: &Entity,
        dedup: &DedupKey,
        id: EventId,
        received_at: Timestamp,
    ) -> Known {
        for name in dedup.candidates(received_at) {
            let key = RecordKey {
                entity: entity.clone(),
                name,
            };
            let Some(record) = self.records.get(&key) else {
                continue;
            };
            if !dedup.covers(record.received_at, received_at) {
                continue;
            }
            return match record.meets(id.delivery) {
                Met::Own => Known::Counted,
                Met::Copy => Known::Copy(key),
            };
        }
        Known::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dedup::Window;
    use crate::kind::EntityType;

    fn id(n: u8) -> EventId {
        format!("019aad2b-7c00-7000-8000-0000000000{n:02x}.0")
            .parse()
            .unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn snapshot(dedup: &DedupKey, first: i64) -> (Snapshot, Entity) {
        let entity = Entity::new("voice", EntityType::Call, "c");
        let head = RecordHead {
            id: id(1),
            received_at: at(first),
            deliveries: [id(1).delivery].into(),
        };
        let key = RecordKey {
            entity: entity.clone(),
            name: dedup.record_name(at(first)),
        };
        (
            Snapshot {
                records: [(key, head)].into(),
                ..Snapshot::default()
            },
            entity,
        )
    }

    #[test]
    fn within_the_window_it_is_a_copy_and_after_it_new() {
        let dedup = DedupKey::new(&[b"x"], Window::Secs(7200));
        let (snapshot, entity) = snapshot(&dedup, 10_000);
        for second in [10_000, 10_001, 17_199, 2_801, 9_999] {
            assert!(
                matches!(
                    snapshot.knows(&entity, &dedup, id(2), at(second)),
                    Known::Copy(_)
                ),
                "{second}"
            );
        }
        for second in [17_200, 2_800, 1_000_000] {
            assert_eq!(
                snapshot.knows(&entity, &dedup, id(2), at(second)),
                Known::No,
                "{second}"
            );
        }
    }

    #[test]
    fn the_record_is_written_last_whatever_changes() {
        let steps = |changes: &[u8]| commit_steps(changes.to_vec()).collect::<Vec<_>>();
        let [one, other] = [1, 2].map(Step::State);
        assert_eq!(steps(&[1, 2]), [one, other, Step::Record]);
        assert_eq!(steps(&[]), [Step::Record]);
    }

    #[test]
    fn a_letter_goes_back_unless_it_is_recorded_or_may_be_forgotten() {
        let (snapshot, entity) = snapshot(&DedupKey::new(&[b"x"], Window::Record), 0);
        let key = snapshot.records.into_keys().next().unwrap();
        assert_eq!(key.entity, entity);
        for (is_too_old, is_forced) in [(false, false), (false, true), (true, false), (true, true)]
        {
            for recorded in [Known::Counted, Known::Copy(key.clone())] {
                assert_eq!(recorded.redrive(is_too_old, is_forced), Redrive::Drop);
            }
            let expected = if is_too_old && !is_forced {
                Redrive::Refuse
            } else {
                Redrive::Send
            };
            assert_eq!(Known::No.redrive(is_too_old, is_forced), expected);
        }
    }

    #[test]
    fn the_own_delivery_is_a_lost_commit_and_no_copy() {
        let dedup = DedupKey::new(&[b"x"], Window::Record);
        let (mut snapshot, entity) = snapshot(&dedup, 0);
        assert_eq!(
            snapshot.knows(&entity, &dedup, id(1), at(0)),
            Known::Counted
        );
        assert!(matches!(
            snapshot.knows(&entity, &dedup, id(2), at(99_999_999)),
            Known::Copy(_)
        ));
        let head = snapshot.records.values_mut().next().unwrap();
        head.deliveries = (0..99).map(|n| id(n).delivery).collect();
        assert!(!head.is_full());
        head.deliveries.insert(id(99).delivery);
        assert!(head.is_full());
    }

    #[test]
    fn what_is_recorded_is_not_refused_and_what_is_refused_is_not_tried() {
        let (snapshot, _) = snapshot(&DedupKey::new(&[b"x"], Window::Record), 0);
        let key = snapshot.records.into_keys().next().unwrap();
        for refusal in [None, Some("too_old")] {
            for receives in [1, 3] {
                let begin = |known: &Known| known.clone().begin(refusal, receives);
                assert_eq!(begin(&Known::Counted), Beginning::Nothing);
                let copy = Known::Copy(key.clone());
                assert_eq!(begin(&copy), Beginning::CountCopy(key.clone()));
                let expected = match (refusal, receives) {
                    (Some(reason), _) => Beginning::Refuse(reason),
                    (None, 1) => Beginning::TouchBody,
                    (None, _) => Beginning::CountAttempt,
                };
                assert_eq!(begin(&Known::No), expected);
            }
        }
    }
}
