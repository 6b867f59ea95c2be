//! Nothing is lost, and nothing counts twice.

use std::collections::BTreeSet;

use switchhook_core::dedup::Window;

use super::{acknowledged, is_within};
use crate::ledger::Record;
use crate::scenario::Config;
use crate::world::{RETENTION_SECS, World};

/// So long after its acceptance an event is surely known, in seconds: a ledger that forgets on time
/// and a consumer that asks how old an event is promise no more.
const SURELY_SECS: u64 = 2 * 24 * 60 * 60;

pub(super) fn nothing_lost(world: &World, config: &Config) -> bool {
    let enqueued = |id: &u8| world.known.enqueued.contains_key(id);
    acknowledged(world).filter(enqueued).all(|id| {
        is_under_way(world, id)
            || world.known.forgotten.contains(&id)
            || has_bytes(world, config, id)
    })
}

/// Tells whether a delivery is in the queue or a dead letter.
fn is_under_way(world: &World, id: u8) -> bool {
    let queued = world.queue.iter().map(|message| message.delivery);
    let dead = world.letters.iter().map(|letter| letter.delivery);
    queued.chain(dead).any(|other| other == id)
}

/// Tells whether the ledger has the bytes of a delivery for as long as it must have them.
fn has_bytes(world: &World, config: &Config, id: u8) -> bool {
    let delivery = world.delivery(id);
    let until = delivery.accepted + RETENTION_SECS;
    let what = (delivery.event, delivery.bytes);
    let mut records = world.ledger.records.iter();
    let mut kept = world.ledger.kept.iter();
    records.any(|record| {
        (record.event, record.bytes) == what
            && record.expires >= until
            && is_of(world, config, record, id)
    }) || kept.any(|kept| (kept.event, kept.bytes) == what && kept.expires >= until)
}

/// Tells whether a delivery is of a record's happening.
fn is_of(world: &World, config: &Config, record: &Record, id: u8) -> bool {
    let delivery = world.delivery(id);
    let window = config.event(record.event).window;
    delivery.event == record.event && is_within(window, delivery.accepted, record.accepted)
}

pub(super) fn counted_once(world: &World, config: &Config) -> bool {
    let commits = &world.known.commits;
    commits.iter().enumerate().all(|(place, one)| {
        let event = world.event_of(one.delivery);
        let accepted = world.accepted(one.delivery);
        let mut before = commits.iter().take(place).map(|commit| commit.delivery);
        !before.any(|other| {
            let apart = accepted.abs_diff(world.accepted(other));
            world.event_of(other) == event
                && match config.event(event).window {
                    Window::Record => apart < SURELY_SECS,
                    Window::Secs(secs) => apart < u64::from(secs),
                }
        })
    })
}

/// Tells whether no record tells of more deliveries than the queue took of its happening, each that
/// is done with is counted by one record, and the variants are those that differ from its bytes.
pub(super) fn copies_counted(world: &World, config: &Config) -> bool {
    let records = &world.ledger.records;
    let enqueued = || world.known.enqueued.keys().copied();
    let is_done = |id: &u8| !is_under_way(world, *id) && !world.known.forgotten.contains(id);
    let mut done = enqueued().filter(is_done);
    let is_counted = done.all(|id| {
        let delivery = world.delivery(id);
        let counting = records.iter().filter(|record| {
            record.event == delivery.event && record.counted.contains(&delivery.request)
        });
        let counting: Vec<_> = counting.collect();
        let is_shown = |record: &&Record| {
            record.bytes == delivery.bytes || record.variants.contains(&delivery.bytes)
        };
        counting.len() == 1 && counting.iter().all(is_shown)
    });
    is_counted
        && records.iter().all(|record| {
            let copies = enqueued().filter(|id| is_of(world, config, record, *id));
            let copies: Vec<_> = copies.map(|id| world.delivery(id)).collect();
            let requests: BTreeSet<_> = copies.iter().map(|copy| copy.request).collect();
            let bytes: BTreeSet<_> = copies.iter().map(|copy| copy.bytes).collect();
            record.told(config) <= requests.len()
                && record.counted.is_subset(&requests)
                && record.variants.is_subset(&bytes)
                && !record.variants.contains(&record.bytes)
        })
}
