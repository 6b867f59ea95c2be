//! The ledger: every accepted event once (its record), and the current state of every entity.
//!
//! Here is what they are and in which order they are written; how a duplicate is recognised is in
//! `known`. Reading and
//! writing them is the port [`crate::ports::Ledger`].

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::body::Pointer;
use crate::entity::Entity;
use crate::ids::{DeliveryId, EventId};
use crate::kind::Kind;
use crate::occurrence::{Place, Sequence, Times};
use crate::states::Stored;
use crate::time::Timestamp;

mod known;

pub use known::{Beginning, Known, Redrive, RunRefusal};

/// The most delivery ids, and the most digests of variants, that a record holds.
pub const MAX_COUNTED: usize = 100;

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
    /// The digest of the bytes that were mapped.
    pub digest: Option<String>,
    /// The deliveries that it came in, up to [`MAX_COUNTED`].
    pub deliveries: BTreeSet<DeliveryId>,
    /// The digests of its variants, up to [`MAX_COUNTED`].
    pub variants: BTreeSet<String>,
    /// Whether it says STOP in bytes that may be a word of their own when they come again.
    pub is_repeatable_stop: bool,
    /// What it says: JSON.
    pub data: String,
    /// Its exact bytes.
    pub raw: RawBody,
    /// The headers that matter.
    pub headers: BTreeMap<String, String>,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// A duplicate whose bytes differ from those recorded: what is kept of it besides its fields, which
/// are offered to the states.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Its record.
    pub record: RecordKey,
    /// The id of the event that is recorded.
    pub of: EventId,
    /// The digest of the bytes that were mapped.
    pub digest: String,
    /// Its own id.
    pub id: EventId,
    /// Its own accepted time.
    pub received_at: Timestamp,
    /// Its own number in the accepted order.
    pub sequence: Sequence,
    /// Its exact bytes.
    pub raw: RawBody,
    /// The headers that matter.
    pub headers: BTreeMap<String, String>,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// As much of a record as it takes to recognise duplicates.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordHead {
    /// The event's id.
    pub id: EventId,
    /// The accepted time.
    pub received_at: Timestamp,
    /// When it happened, where the provider says so.
    pub occurred_at: Option<Timestamp>,
    /// Its place in the accepted order.
    pub sequence: Sequence,
    /// The digest of the bytes that were mapped.
    pub digest: Option<String>,
    /// The deliveries that it came in.
    pub deliveries: BTreeSet<DeliveryId>,
    /// The digests of its variants.
    pub variants: BTreeSet<String>,
    /// Whether it says STOP in bytes that may be a word of their own when they come again.
    pub is_repeatable_stop: bool,
    /// When it expires.
    pub expires_at: Timestamp,
}

impl From<&Record> for RecordHead {
    fn from(record: &Record) -> Self {
        Self {
            id: record.id,
            received_at: record.received_at,
            occurred_at: record.occurred_at,
            sequence: record.sequence,
            digest: record.digest.clone(),
            deliveries: record.deliveries.clone(),
            variants: record.variants.clone(),
            is_repeatable_stop: record.is_repeatable_stop,
            expires_at: record.expires_at,
        }
    }
}

/// A duplicate's entry in its record, as far as there is room for it.
///
/// It raises the expiry of the record to that which a record of the duplicate would have: what is
/// counted in a record must not vanish with it sooner.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Entry {
    /// The delivery.
    pub delivery: Option<DeliveryId>,
    /// The digest of its bytes, where they differ from those recorded.
    pub variant: Option<String>,
    /// The later expiry.
    pub expires_at: Option<Timestamp>,
}

impl Entry {
    /// Returns whether there is nothing to write.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.delivery.is_none() && self.variant.is_none() && self.expires_at.is_none()
    }
}

impl RecordHead {
    /// Returns the place of the record among the events of its entity.
    #[must_use]
    pub fn place(&self) -> Place {
        Place::new(self.occurred_at, self.received_at, self.sequence)
    }

    /// Returns the two times of the record's event.
    #[must_use]
    pub fn times(&self) -> Times {
        Times::new(self.occurred_at, self.received_at)
    }

    /// Returns whether bytes of this digest differ from those recorded. Where one of the two is not
    /// known they count as equal.
    #[must_use]
    pub fn differs_from(&self, digest: Option<&str>) -> bool {
        let own = self.digest.as_deref();
        own.zip(digest).is_some_and(|(own, other)| own != other)
    }

    /// Returns the entry of a duplicate from a delivery, of this digest where its bytes differ.
    #[must_use]
    pub fn entry(
        &self,
        delivery: DeliveryId,
        variant: Option<&str>,
        expires_at: Timestamp,
    ) -> Entry {
        let has_room = |len: usize| len < MAX_COUNTED;
        let is_new = |digest: &&str| !self.variants.contains(*digest);
        let variant = variant.filter(|_| has_room(self.variants.len()));
        Entry {
            delivery: has_room(self.deliveries.len()).then_some(delivery),
            variant: variant.filter(is_new).map(str::to_owned),
            expires_at: (expires_at > self.expires_at).then_some(expires_at),
        }
    }

    /// Adds an entry that was written.
    pub fn add(&mut self, entry: &Entry) {
        self.deliveries.extend(entry.delivery);
        self.variants.extend(entry.variant.clone());
        self.expires_at = self.expires_at.max(entry.expires_at.unwrap_or_default());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_is_written_last_whatever_changes() {
        let steps = |changes: &[u8]| commit_steps(changes.to_vec()).collect::<Vec<_>>();
        let [one, other] = [1, 2].map(Step::State);
        assert_eq!(steps(&[1, 2]), [one, other, Step::Record]);
        assert_eq!(steps(&[]), [Step::Record]);
    }

    #[test]
    fn entry_holds_what_there_is_room_for_and_raises_the_expiry_only() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut head = known::tests::head(1, 0);
        let [one, other] = [1, 2].map(|n| known::tests::id(n).delivery);
        let (kept, later) = (head.expires_at, at(head.expires_at.as_second() + 1));
        let entry = head.entry(other, Some("d2"), later);
        assert_eq!(entry.delivery, Some(other));
        assert_eq!(entry.variant.as_deref(), Some("d2"));
        assert_eq!(entry.expires_at, Some(later));
        head.add(&entry);
        assert_eq!(head.deliveries, [one, other].into());
        assert_eq!((head.variants.len(), head.expires_at), (1, later));
        let again = head.entry(other, Some("d2"), kept);
        assert_eq!((again.variant, again.expires_at), (None, None));
        head.add(&Entry::default());
        assert_eq!(head.expires_at, later);

        head.deliveries = (0..100).map(|n| known::tests::id(n).delivery).collect();
        head.variants = (0..100).map(|n| n.to_string()).collect();
        let full = head.entry(known::tests::id(101).delivery, Some("new"), later);
        assert!(full.is_empty(), "{full:?}");
        head.deliveries.pop_last();
        head.variants.pop_last();
        let last = head.entry(known::tests::id(101).delivery, Some("new"), later);
        assert!(last.delivery.is_some() && last.variant.is_some());
    }
}
