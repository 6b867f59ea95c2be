//! States are those of the recorded events, and of their variants at the places of their records.

use std::collections::BTreeSet;

use super::{times, wishes};
use crate::ledger::Content;
use crate::scenario::{Config, Order, SHARED};
use crate::world::{RETENTION_SECS, World};

/// Where something stands: by time, then in the accepted order, then among the variants of one event.
type Standing = (i64, i64, i64);

/// Returns where a recorded delivery truly stands, or a variant of its record.
fn standing(world: &World, config: &Config, recorded: u8, variant: Option<u8>) -> Standing {
    let sequence = |id: u8| i64::from(world.known.enqueued[&id]);
    let (own, accepted) = times(world, recorded);
    let (first, last) = (sequence(recorded), variant.map_or(0, sequence));
    match config.event(world.event_of(recorded)).order {
        Order::Accepted => (0, first, last),
        Order::Time => (own, first, last),
        // No time from before the records of its days were kept.
        Order::Earliest if own < accepted - RETENTION_SECS => (-accepted, -first, -last),
        Order::Earliest => (-own, -first, -last),
    }
}

pub(super) fn converged(world: &World, config: &Config) -> bool {
    let entities: BTreeSet<u8> = config.scenario.events.iter().map(|e| e.entity).collect();
    let content = |entity: u8| {
        let state = world.ledger.states.get(&entity);
        state.map_or_else(Content::default, |state| state.content.clone())
    };
    let are_newest = entities.iter().all(|entity| {
        let content = content(*entity);
        let mut held = content.registers.iter().enumerate();
        held.all(|(register, held)| {
            let held = held.get().and_then(|value| u8::try_from(*value).ok());
            holds_newest(world, config, (*entity, register), held)
        })
    });
    are_newest
        && (!config.scenario.has_words()
            || entities.iter().all(|entity| {
                wishes::is_own(world, config, *entity, content(*entity).consent.opted_out())
            }) && wishes::is_list(world, config, &content(SHARED).list))
}

/// Tells whether a register holds the newest recorded event or variant, or a dead letter that is newer.
fn holds_newest(
    world: &World,
    config: &Config,
    (entity, register): (u8, usize),
    held: Option<u8>,
) -> bool {
    let sets = |delivery: u8| {
        let event = config.event(world.event_of(delivery));
        event.register == register && event.entity == entity
    };
    let bytes = |id: u8| world.delivery(id).bytes;
    let recorded = world.known.commits.iter().map(|commit| commit.delivery);
    let recorded = recorded.map(|id| (standing(world, config, id, None), id));
    let duplicates = world.known.duplicates.iter();
    let variants = duplicates.filter(|(id, of)| bytes(*id) != bytes(*of));
    let variants = variants.map(|(id, of)| (standing(world, config, *of, Some(*id)), *id));
    let newest = recorded.chain(variants).filter(|(_, id)| sets(*id)).max();
    if held == newest.map(|(_, id)| id) {
        return true;
    }
    held.is_some_and(|held| {
        is_excused(world, config, held) && is_ahead(world, config, held, newest.map(|n| n.0))
    })
}

/// Tells whether a delivery stands behind the newest one: in its own place, or as a variant.
fn is_ahead(world: &World, config: &Config, held: u8, newest: Option<Standing>) -> bool {
    let event = world.event_of(held);
    let recorded = world.known.commits.iter().map(|commit| commit.delivery);
    let recorded = recorded.filter(|id| world.event_of(*id) == event);
    let mut places = recorded.map(|id| standing(world, config, id, Some(held)));
    let own = standing(world, config, held, None);
    newest.is_none_or(|newest| own > newest || places.any(|place| place > newest))
}

/// Tells whether a state may be ahead by this event: it is a dead letter, in this delivery or as
/// another copy. Or it was one and is recorded, where a copy may have died between state and record.
fn is_excused(world: &World, config: &Config, delivery: u8) -> bool {
    let event = world.event_of(delivery);
    let is_it = |other: u8| world.event_of(other) == event;
    let mut letters = world.letters.iter();
    let mut were_dead = world.known.were_dead.iter();
    let mut commits = world.known.commits.iter();
    letters.any(|letter| is_it(letter.delivery))
        || config.scenario.is_overtaken
            && were_dead.any(|dead| is_it(*dead))
            && commits.any(|commit| is_it(commit.delivery))
}
