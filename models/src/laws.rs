//! What must hold in every state of every story.
//!
//! No decision of the receiver is used here: windows, orders and words are worked out anew.

mod kept;
mod states;
mod wishes;

use switchhook_core::dedup::Window;

use crate::scenario::Config;
use crate::world::World;

/// One law.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Law {
    /// A 2xx is sent only after the queue has accepted the event.
    Durable,
    /// The bytes of what was acknowledged are in the queue, in the ledger or in a dead letter.
    NothingLost,
    /// A happening is recorded once within its window.
    CountedOnce,
    /// A record counts the deliveries and the variants of its own happening, each once.
    CopiesCounted,
    /// Events of an entity that were never dead letters are recorded in the accepted order.
    InOrder,
    /// Nobody is a dead letter for attempts of others.
    Isolated,
    /// When all is settled, states are those of the recorded events and of their variants.
    Converged,
    /// When all is settled and the last word of a source is STOP, the person is on the list.
    LeftAlone,
    /// When all is settled and a START is the last word by both clocks, the person is not.
    NotLeftAlone,
    /// No event is received for ever.
    Ends,
}

impl Law {
    /// Returns what it says.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Durable => "1: a 2xx means that the queue has the event",
            Self::NothingLost => "5: the bytes of nothing acknowledged are lost",
            Self::CountedOnce => "5: nothing counts twice within its window",
            Self::CopiesCounted => "5: copies and variants are counted once each",
            Self::InOrder => "6: events of an entity are recorded in the accepted order",
            Self::Isolated => "6: nobody is dead-lettered for the attempts of others",
            Self::Converged => "7: settled states are those of the recorded events",
            Self::LeftAlone => "list: whose last word is STOP is on it",
            Self::NotLeftAlone => "list: whose last word by both clocks is START is not on it",
            Self::Ends => "6: no event is received for ever",
        }
    }

    /// Tells whether it holds.
    #[must_use]
    pub fn holds(self, world: &World, config: &Config) -> bool {
        match self {
            Self::Durable => acknowledged(world).all(|id| world.known.enqueued.contains_key(&id)),
            Self::NothingLost => kept::nothing_lost(world, config),
            Self::CountedOnce => kept::counted_once(world, config),
            Self::CopiesCounted => kept::copies_counted(world, config),
            Self::InOrder => in_order(world, config),
            Self::Isolated => world.known.wronged.is_none(),
            Self::Converged => !world.is_settled() || states::converged(world, config),
            Self::LeftAlone => !world.is_settled() || wishes::is_left_alone(world, config),
            Self::NotLeftAlone => !world.is_settled() || wishes::is_free(world, config),
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

/// Tells whether two accepted times are those of one happening, as long as its record lives.
fn is_within(window: Window, one: i64, other: i64) -> bool {
    match window {
        Window::Record => true,
        Window::Secs(secs) => one.abs_diff(other) < u64::from(secs),
    }
}

/// Returns an own time of a delivery, if it may be true.
fn believed(world: &World, id: u8) -> Option<i64> {
    const AHEAD_SECS: i64 = 5 * 60;
    const YEAR_2000: i64 = 946_684_800 - 1_800_000_000;
    let delivery = world.delivery(id);
    let bounds = YEAR_2000..=delivery.accepted + AHEAD_SECS;
    delivery.own.filter(|own| bounds.contains(own))
}

/// Returns when the event of a delivery happened, and when it was accepted.
fn times(world: &World, id: u8) -> (i64, i64) {
    let accepted = world.accepted(id);
    let own = believed(world, id).unwrap_or(accepted);
    (own.min(accepted), accepted)
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
