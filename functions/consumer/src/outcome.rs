//! What the commit of an event did.

use switchhook_core::dedup::DedupKey;
use switchhook_core::envelope::Envelope;
use switchhook_core::ledger::{RecordKey, Snapshot};
use switchhook_core::occurrence::{Occurrence, Role};

use crate::handlers::opt_outs;

/// What became of an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It is recorded now.
    Recorded,
    /// It was recorded before, and this copy of it is counted.
    Duplicate,
    /// It was recorded before with other bytes, and these are kept and counted.
    Variant,
    /// It was recorded before, and this delivery of it is counted already: its message came again,
    /// or the delivery holds it twice.
    Known,
}

/// What a commit did, and what of it people should see.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Committed {
    /// What became of the event.
    pub outcome: Outcome,
    /// Whether it has an own time that is not believed.
    pub has_implausible_time: bool,
    /// Whether its body was recorded under another slug too, which nothing in it proves.
    pub is_slug_replay: bool,
    /// Whether it put somebody on the suppression list who could not be read.
    pub is_unplaced_opt_out: bool,
}

impl Committed {
    /// A commit that touched no body.
    #[must_use]
    pub const fn unread(outcome: Outcome) -> Self {
        Self {
            outcome,
            has_implausible_time: false,
            is_slug_replay: false,
            is_unplaced_opt_out: false,
        }
    }

    pub(crate) fn new(outcome: Outcome, event: &Occurrence, snapshot: &Snapshot) -> Self {
        let is_recorded = outcome == Outcome::Recorded;
        let is_written = is_recorded || event.role != Role::New;
        Self {
            outcome,
            has_implausible_time: is_written && event.has_implausible_time(),
            is_slug_replay: is_recorded && is_under_other_slug(&event.envelope, snapshot),
            is_unplaced_opt_out: is_written && opt_outs::is_unplaced_stop(event),
        }
    }
}

/// Returns the keys of the records that matter to an event: its own, and those of the same body under
/// other slugs.
pub(crate) fn record_keys(envelope: &Envelope) -> impl Iterator<Item = RecordKey> {
    let keys = std::iter::once(&envelope.dedup).chain(&envelope.under_other_slugs);
    keys.flat_map(|key| keys_of(envelope, key))
}

fn keys_of(envelope: &Envelope, key: &DedupKey) -> impl Iterator<Item = RecordKey> {
    let names = key.candidates(envelope.received_at).into_iter();
    names.map(|name| RecordKey {
        entity: envelope.entity.clone(),
        name,
    })
}

fn is_under_other_slug(envelope: &Envelope, snapshot: &Snapshot) -> bool {
    let mut others = envelope.under_other_slugs.iter();
    others.any(|key| keys_of(envelope, key).any(|key| snapshot.records.contains_key(&key)))
}
