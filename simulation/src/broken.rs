//! Machinery broken on purpose: the checker has to find every one of these.
//!
//! None of them is a change of the functions' code; each makes a port or the poller do what a mistake
//! there would come to.

use std::collections::BTreeSet;

use switchhook_core::entity::Entity;
use switchhook_core::envelope::Envelope;
use switchhook_core::ids::EventId;
use switchhook_core::ledger::{Record, RecordKey};
use switchhook_core::states::Stored;
use switchhook_core::time::Timestamp;

use crate::world::{World, locked};

/// One mistake.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Broken {
    /// The record is written before the states.
    RecordBeforeState,
    /// The record is written whether or not there is one.
    UnconditionalRecord,
    /// States are written whatever version was read.
    UnversionedState,
    /// The ingress is told that its events are on the queue before they are.
    AnswerBeforeEnqueue,
    /// Messages are deleted as they are received.
    DeleteBeforeHandling,
    /// All messages of a batch are deleted, whatever the consumer answers.
    AnswerIgnored,
    /// The queue gives out messages while others of their group are in flight.
    GroupsIgnored,
    /// A redriven event has the deduplication id that it was first sent with.
    RedrivenUnderOldId,
    /// A redriven event has no place in the accepted order.
    RedrivenWithoutPlace,
    /// Dead letters are said to be kept and are not.
    LettersLost,
    /// The body store is written after the message that points to it was answered for.
    BodyAfterMessage,
    /// Copies are not counted.
    CopiesUncounted,
    /// The attempts of a batch are counted before any event of it runs.
    AttemptsBeforehand,
    /// Attempts are never taken back.
    TakeBackLost,
    /// How often SQS gave a message out counts as its attempts.
    ReceiveCountJudges,
    /// The first attempt of a message is counted as its fifth, so that a panic makes it a dead letter.
    FirstAttemptIsFifth,
    /// A body that cannot be read is said not to be there.
    BodyReadAsMissing,
    /// A variant is counted before its bytes are kept.
    EntryBeforeVariant,
    /// A variant is counted before its fields are offered to the states.
    EntryBeforeState,
    /// A variant counts as the newest event of all, and not at its record's place.
    VariantAtItsOwnPlace,
    /// Whether bytes are kept is decided by the delivery, and not by the bytes.
    DeliveryDecides,
    /// A record that meets another one is counted there, whatever its bytes.
    RefusedPutOnlyCounts,
    /// A variant expires when its record's first delivery would.
    VariantExpiresWithRecord,
    /// What finds no record to be counted in counts as done.
    EntryOfNothing,
    /// A STOP that came again is counted before it is put on the list.
    StopEntryBeforeList,
    /// A time that cannot be true is believed.
    ImplausibleTimeBelieved,
}

impl Broken {
    /// Every mistake.
    pub const ALL: &[Self] = &[
        Self::RecordBeforeState,
        Self::UnconditionalRecord,
        Self::UnversionedState,
        Self::AnswerBeforeEnqueue,
        Self::DeleteBeforeHandling,
        Self::AnswerIgnored,
        Self::GroupsIgnored,
        Self::RedrivenUnderOldId,
        Self::RedrivenWithoutPlace,
        Self::LettersLost,
        Self::BodyAfterMessage,
        Self::CopiesUncounted,
        Self::AttemptsBeforehand,
        Self::TakeBackLost,
        Self::ReceiveCountJudges,
        Self::FirstAttemptIsFifth,
        Self::BodyReadAsMissing,
        Self::EntryBeforeVariant,
        Self::EntryBeforeState,
        Self::VariantAtItsOwnPlace,
        Self::DeliveryDecides,
        Self::RefusedPutOnlyCounts,
        Self::VariantExpiresWithRecord,
        Self::EntryOfNothing,
        Self::StopEntryBeforeList,
        Self::ImplausibleTimeBelieved,
    ];
}

/// Tells whether something new in a state is at the place of a variant: its position has a fourth part.
pub(crate) fn is_of_variant(world: &World, entity: &Entity, stored: &Stored) -> bool {
    let places = |positions: &str| -> BTreeSet<String> {
        let positions: serde_json::Value = serde_json::from_str(positions).unwrap_or_default();
        let names = positions.as_object().into_iter().flat_map(|map| map.keys());
        let of_variants = names.filter(|name| name.split(':').count() == 4);
        of_variants.cloned().collect()
    };
    let before = places(&positions(world, entity));
    !places(&stored.positions).is_subset(&before)
}

/// Tells whether a state names an event that is a duplicate, and did not before.
pub(crate) fn is_of_duplicate(world: &World, entity: &Entity, stored: &Stored) -> bool {
    let before = positions(world, entity);
    let archive = world.queue.archive();
    let named = archive.iter().filter_map(|message| {
        let id: EventId = message.sent.dedup_id.parse().ok()?;
        let id = id.to_string();
        let is_new = stored.positions.contains(&id) && !before.contains(&id);
        is_new.then(|| serde_json::from_str::<Envelope>(&message.sent.body).ok())?
    });
    let table = locked(&world.table);
    named
        .into_iter()
        .any(|envelope| table.has_record_of(&record_keys(&envelope), envelope.id))
}

fn positions(world: &World, entity: &Entity) -> String {
    let item = locked(&world.table).states.get(entity).cloned();
    let stored = item.unwrap_or_default().stored.unwrap_or_default();
    stored.positions
}

/// Returns the keys of the records that would make an event a duplicate.
pub(crate) fn record_keys(envelope: &Envelope) -> Vec<RecordKey> {
    let names = envelope.dedup.candidates(envelope.received_at).into_iter();
    names
        .map(|name| RecordKey {
            entity: envelope.entity.clone(),
            name,
        })
        .collect()
}

/// Returns the time of an event that is not believed.
pub(crate) fn implausible_time(record: &Record) -> Option<Timestamp> {
    let data: serde_json::Value = serde_json::from_str(&record.data).ok()?;
    data["extra"]["implausible_time"].as_str()?.parse().ok()
}
