//! What is explored: a few events, who sends them, and what may go wrong how often.
//!
//! A scenario is small, so that everything in it can be explored; which scenarios there are is in
//! [`crate::scenarios`].

use switchhook_core::dedup::{DedupKey, Window};
use switchhook_core::entity::Entity;
use switchhook_core::ids::{DeliveryId, EventId};
use switchhook_core::kind::EntityType;
use switchhook_core::occurrence::Sequence;
use switchhook_core::states::Position;
use switchhook_core::time::Timestamp;
use uuid::Uuid;

use crate::variants::Variant;

/// How many registers a state has.
pub const REGISTERS: usize = 2;

/// The entity that events of all groups may change beside their own.
pub const SHARED: u8 = u8::MAX;

/// Where an event stands among those that set its register.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    /// By the accepted order: its provider tells no time.
    Accepted,
    /// By its own time.
    Time(i64),
    /// By its own time, a wish to be left alone after all others of that time.
    Stop(i64),
}

/// More than any place: that of a wish to be left alone stands behind all others of its time.
const STOPS: u128 = 1 << 127;

/// What an event does to its run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Nature {
    /// It is handled.
    Sound,
    /// Its body ends the consumer's process as soon as it is touched.
    Killer,
    /// Its handler panics.
    Panics,
    /// It cannot be handled.
    Hopeless,
}

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// What readers call it.
    pub name: &'static str,
    /// The entity that it is about, which is its message group.
    pub entity: u8,
    /// How long its key stands for one happening.
    pub window: Window,
    /// Its place.
    pub order: Order,
    /// The register that it sets.
    pub register: usize,
    /// Whether it sets the same register of [`SHARED`] too.
    pub is_shared: bool,
    /// Whether its body is in the body store.
    pub is_stored: bool,
    /// What it does to its run.
    pub nature: Nature,
}

impl Event {
    /// An event that is handled, ordered by acceptance, of a key that names one happening.
    #[must_use]
    pub const fn sound(name: &'static str, entity: u8) -> Self {
        Self {
            name,
            entity,
            window: Window::Record,
            order: Order::Accepted,
            register: 0,
            is_shared: false,
            is_stored: false,
            nature: Nature::Sound,
        }
    }
}

/// What the provider sends: an event, once it is time.
#[derive(Clone, Copy, Debug)]
pub struct Post {
    /// The event's place in [`Scenario::events`].
    pub event: usize,
    /// From which moment on it is sent.
    pub from: usize,
    /// How far the clock of the ingress that takes it is off, in seconds.
    pub skew: i64,
}

impl Post {
    /// A post at once, to an ingress whose clock is right.
    #[must_use]
    pub const fn of(event: usize) -> Self {
        Self {
            event,
            from: 0,
            skew: 0,
        }
    }
}

/// What can go wrong with one request of the consumer.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Fault {
    /// It fails and nothing was done.
    Refused,
    /// It is done, and its answer is lost.
    AnswerLost,
    /// No answer comes, and it is done later.
    DoneLater,
    /// It is done twice: the SDK repeats what got no answer.
    DoneTwice,
    /// The process dies before it is sent.
    DiesBefore,
    /// It is done, and the process dies.
    DiesAfter,
    /// The process dies, and it is done later.
    DiesAndDoneLater,
}

impl Fault {
    /// All of them but the repeated request.
    pub const USUAL: &[Self] = &[
        Self::Refused,
        Self::AnswerLost,
        Self::DoneLater,
        Self::DiesBefore,
        Self::DiesAfter,
        Self::DiesAndDoneLater,
    ];

    /// The usual ones, but what is done is done before anything else happens.
    pub const IN_TIME: &[Self] = &[
        Self::Refused,
        Self::AnswerLost,
        Self::DiesBefore,
        Self::DiesAfter,
    ];

    /// Tells whether it is one of a read too: of those that differ only in what is done, the first.
    #[must_use]
    pub const fn is_of_reads(self) -> bool {
        matches!(self, Self::Refused | Self::DiesBefore)
    }

    /// Tells whether it is the end of the process.
    #[must_use]
    pub const fn is_death(self) -> bool {
        matches!(
            self,
            Self::DiesBefore | Self::DiesAfter | Self::DiesAndDoneLater
        )
    }
}

/// A small world to explore.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What readers call it.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// What happens.
    pub events: &'static [Event],
    /// What the provider sends.
    pub posts: &'static [Post],
    /// Between the moments of the story, how many seconds pass.
    pub moments: &'static [i64],
    /// How often the ingress or its answer fails.
    pub ingress_faults: u8,
    /// How often anything else fails.
    pub faults: u8,
    /// What can go wrong.
    pub kinds: &'static [Fault],
    /// How many invocations of the consumer run side by side.
    pub consumers: usize,
    /// How often letters are redriven.
    pub redrives: u8,
    /// Whether another tool may move letters back instead, which asks nothing.
    pub is_moved_by_others: bool,
    /// How far the clocks of the consumers are off, in seconds.
    pub consumer_skew: i64,
    /// How often messages become visible while an invocation has them in hand.
    pub lapses: u8,
    /// Whether somebody repairs what cannot be handled, at any time.
    pub is_repaired: bool,
    /// Whether an event that was a dead letter may be recorded after a copy of it wrote the state and
    /// died: the state keeps the copy's later place.
    pub is_overtaken: bool,
    /// More receives than this are without end.
    pub most_receives: u8,
}

/// The real values that small numbers stand for.
#[derive(Clone, Debug)]
pub struct Names {
    keys: Vec<DedupKey>,
    entities: Vec<Entity>,
}

/// What is explored: a scenario, and how the protocol is broken in it, if it is.
#[derive(Clone, Debug)]
pub struct Config {
    /// The scenario.
    pub scenario: Scenario,
    /// What is broken.
    pub variant: Option<Variant>,
    /// The real values.
    pub names: Names,
}

/// The days that records live.
pub const RETENTION_DAYS: u16 = 30;

impl Config {
    /// Makes a configuration.
    #[must_use]
    pub fn new(scenario: Scenario, variant: Option<Variant>) -> Self {
        let key = |event: &Event| DedupKey::new(&[event.name.as_bytes()], event.window);
        let entity = |event: &Event| {
            let key = format!("entity-{}", event.entity);
            Entity::new("source", EntityType::Call, &key)
        };
        let names = Names {
            keys: scenario.events.iter().map(key).collect(),
            entities: scenario.events.iter().map(entity).collect(),
        };
        Self {
            scenario,
            variant,
            names,
        }
    }

    /// Tells whether the protocol is broken in this way.
    #[must_use]
    pub fn is(&self, variant: Variant) -> bool {
        self.variant == Some(variant)
    }

    /// Returns an event.
    #[must_use]
    pub fn event(&self, event: u8) -> &'static Event {
        &self.scenario.events[usize::from(event)]
    }

    /// Returns an event's dedup key.
    #[must_use]
    pub fn key(&self, event: u8) -> &DedupKey {
        &self.names.keys[usize::from(event)]
    }

    /// Returns an event's entity.
    #[must_use]
    pub fn entity(&self, event: u8) -> &Entity {
        &self.names.entities[usize::from(event)]
    }

    /// Returns the position of an event that was accepted at a time and a place.
    #[must_use]
    pub fn position(&self, event: u8, accepted: i64, sequence: u8) -> Position {
        let sequence = Sequence(u128::from(sequence));
        match self.event(event).order {
            Order::Time(time) => Position::by_time(at(time), sequence),
            Order::Stop(time) if self.is(Variant::TieByPlace) => {
                Position::by_time(at(time), sequence)
            }
            // The handler's own order of wishes.
            Order::Stop(time) => {
                let last = Sequence(sequence.0 + STOPS);
                Position::by_time(at(time), last)
            }
            Order::Accepted if self.is(Variant::ReceivedTimeOrder) => {
                Position::by_time(at(accepted), sequence)
            }
            Order::Accepted => Position::by_sequence(sequence),
        }
    }
}

/// Returns a time of the story.
#[must_use]
pub fn at(second: i64) -> Timestamp {
    const BEGIN: i64 = 1_800_000_000;
    Timestamp::from_second(BEGIN + second).expect("a story of some weeks")
}

/// Returns the event's id in a delivery.
#[must_use]
pub fn event_id(delivery: u8) -> EventId {
    EventId {
        delivery: DeliveryId::new(Uuid::from_u128(u128::from(delivery))),
        index: 0,
    }
}
