//! What must hold in every state of every story.
//!
//! No decision of the receiver is used here: windows and orders are worked out anew.

use std::collections::BTreeSet;

use switchhook_core::dedup::Window;

use crate::ledger::Registers;
use crate::scenario::{Config, Order, RETENTION_DAYS, SHARED};
use crate::world::World;

/// One law.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Law {
    /// A 2xx is sent only after the queue has accepted the event.
    Durable,
    /// What was acknowledged is in the queue, in the ledger or a dead letter.
    NothingLost,
    /// A happening is recorded once within its window.
    CountedOnce,
    /// A record tells how many copies there were, of its own happening only.
    CopiesCounted,
    /// Events of an entity that were never dead letters are recorded in the accepted order.
    InOrder,
    /// Nobody is a dead letter for attempts of others.
    Isolated,
    /// When all is settled, states are those of the recorded events.
    Converged,
    /// No event is received for ever.
    Ends,
}

impl Law {
    /// Returns what it says.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Durable => "1: a 2xx means that the queue has the event",
            Self::NothingLost => "5: nothing acknowledged is lost",
            Self::CountedOnce => "5: nothing counts twice within its window",
            Self::CopiesCounted => "5: copies are counted once each",
            Self::InOrder => "6: events of an entity are recorded in the accepted order",
            Self::Isolated => "6: nobody is dead-lettered for the attempts of others",
            Self::Converged => "7: settled states are those of the recorded events",
            Self::Ends => "6: no event is received for ever",
        }
    }

    /// Tells whether it holds.
    #[must_use]
    pub fn holds(self, world: &World, config: &Config) -> bool {
        match self {
            Self::Durable => acknowledged(world).all(|id| world.known.enqueued.contains_key(&id)),
            Self::NothingLost => nothing_lost(world),
            Self::CountedOnce => counted_once(world, config),
            Self::CopiesCounted => copies_counted(world, config),
            Self::InOrder => in_order(world, config),
            Self::Isolated => world.known.wronged.is_none(),
            Self::Converged => !world.is_settled() || converged(world, config),
            Self::Ends => {
                let most = u32::from(config.scenario.most_receives);
                world.queue.iter().all(|message| message.receives <= most)
            }
        }
    }
}

fn acknowledged(world: &World) -> impl Iterator<Item = u8> {
    let numbered = (0_u8..).zip(&world.deliveries);
    numbered.filter_map(|(id, delivery)| delivery.is_acknowledged.then_some(id))
}

fn nothing_lost(world: &World) -> bool {
    let queued = world.queue.iter().map(|message| message.delivery);
    let dead = world.letters.iter().map(|letter| letter.delivery);
    let recorded = world
        .ledger
        .records
        .iter()
        .flat_map(|record| record.counted.iter().copied());
    let forgotten = world.known.forgotten.iter().copied();
    let known: BTreeSet<u8> = queued
        .chain(dead)
        .chain(recorded)
        .chain(forgotten)
        .collect();
    let enqueued = |id: &u8| world.known.enqueued.contains_key(id);
    acknowledged(world)
        .filter(enqueued)
        .all(|id| known.contains(&id))
}

fn counted_once(world: &World, config: &Config) -> bool {
    let commits = &world.known.commits;
    commits.iter().enumerate().all(|(place, one)| {
        let event = world.event_of(one.delivery);
        let (window, accepted) = (config.event(event).window, world.accepted(one.delivery));
        let mut before = commits.iter().take(place).map(|commit| commit.delivery);
        !before.any(|other| {
            world.event_of(other) == event && is_within(window, world.accepted(other), accepted)
        })
    })
}

/// Tells whether two accepted times are those of one happening.
fn is_within(window: Window, one: i64, other: i64) -> bool {
    let apart = one.abs_diff(other);
    match window {
        Window::Record => apart < u64::from(RETENTION_DAYS) * 24 * 60 * 60,
        Window::Secs(secs) => apart < u64::from(secs),
    }
}

/// Tells whether no record tells of more copies than the queue took of its happening, and each
/// delivery that is done with is counted by one record.
fn copies_counted(world: &World, config: &Config) -> bool {
    let records = &world.ledger.records;
    let enqueued = || world.known.enqueued.keys();
    let is_told_right = records.iter().all(|record| {
        let window = config.event(record.event).window;
        let is_copy = |id: &u8| {
            world.event_of(*id) == record.event
                && is_within(window, world.accepted(*id), record.accepted)
        };
        let copies = enqueued().filter(|id| is_copy(id)).count();
        record.told(config) <= copies && record.counted.iter().all(is_copy)
    });
    let is_done = |id: &u8| {
        let queued = world.queue.iter().map(|message| message.delivery);
        let dead = world.letters.iter().map(|letter| letter.delivery);
        !queued.chain(dead).any(|other| other == *id) && !world.known.forgotten.contains(id)
    };
    let mut done = enqueued().filter(|id| is_done(id));
    is_told_right
        && done.all(|id| {
            let counting = records.iter().filter(|record| record.counted.contains(id));
            counting.count() == 1
        })
}

fn in_order(world: &World, config: &Config) -> bool {
    let never_dead = |delivery: &u8| !world.known.were_dead.contains(delivery);
    let commits = world.known.commits.iter();
    let commits: Vec<_> = commits
        .filter(|commit| never_dead(&commit.delivery))
        .collect();
    let entity = |delivery: u8| config.event(world.event_of(delivery)).entity;
    commits.iter().enumerate().all(|(place, later)| {
        let mut before = commits.iter().take(place);
        before.all(|earlier| {
            entity(earlier.delivery) != entity(later.delivery) || earlier.sequence < later.sequence
        })
    })
}

/// Where an event truly stands among those of its register, whatever the receiver thinks.
fn true_place(world: &World, config: &Config, delivery: u8) -> (i64, bool, u8) {
    let sequence = world.known.enqueued[&delivery];
    match config.event(world.event_of(delivery)).order {
        Order::Accepted => (0, false, sequence),
        Order::Time(time) => (time, false, sequence),
        Order::Stop(time) => (time, true, sequence),
    }
}

fn converged(world: &World, config: &Config) -> bool {
    let entities: BTreeSet<u8> = config.scenario.events.iter().map(|e| e.entity).collect();
    let entities = entities.into_iter().chain([SHARED]);
    entities.into_iter().all(|entity| {
        let state = world
            .ledger
            .states
            .get(&entity)
            .cloned()
            .unwrap_or_default();
        (0..state.registers.len())
            .all(|register| holds_newest(world, config, entity, register, &state.registers))
    })
}

/// Tells whether a register holds the newest recorded event, or a dead letter that is newer.
fn holds_newest(
    world: &World,
    config: &Config,
    entity: u8,
    register: usize,
    registers: &Registers,
) -> bool {
    let sets = |delivery: u8| {
        let event = config.event(world.event_of(delivery));
        event.register == register
            && (event.entity == entity || (entity == SHARED && event.is_shared))
    };
    let place = |delivery: &u8| true_place(world, config, *delivery);
    let recorded = world.known.commits.iter().map(|commit| commit.delivery);
    let newest = recorded.filter(|id| sets(*id)).max_by_key(place);
    let held = registers[register]
        .get()
        .and_then(|value| u8::try_from(*value).ok());
    if held == newest {
        return true;
    }
    let is_ahead = |held: u8| newest.is_none_or(|newest| place(&held) > place(&newest));
    held.is_some_and(|held| is_excused(world, config, held) && is_ahead(held))
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
