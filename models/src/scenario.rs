//! What is explored: a few events, who sends them, and what may go wrong how often.
//!
//! A scenario is small, so that everything in it can be explored; which scenarios there are is in
//! [`crate::scenarios`].

use switchhook_core::body::Carried;
use switchhook_core::config::OptInScope;
use switchhook_core::data;
use switchhook_core::dedup::{DedupKey, Window};
use switchhook_core::entity::Entity;
use switchhook_core::envelope::{Envelope, Version};
use switchhook_core::ids::{DeliveryId, EventId};
use switchhook_core::kind::{EntityType, Kind};
use switchhook_core::occurrence::{Occurrence, Place, Role, Sequence};
use switchhook_core::states::{Position, Word};
use switchhook_core::time::Timestamp;
use uuid::Uuid;

use crate::broken::Broken;

/// How many registers a state has.
pub const REGISTERS: usize = 2;

/// The entity that events of all groups may change beside their own: one item of the suppression list.
pub const SHARED: u8 = u8::MAX;

/// Where an event stands among those that set its register.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    /// By the accepted order.
    Accepted,
    /// By time.
    Time,
    /// By time, the earliest one before all others.
    Earliest,
}

/// What a person says with an event.
#[derive(Clone, Copy, Debug)]
pub struct Says {
    /// To be left alone, or not any more.
    pub word: Word,
    /// How far a START reaches.
    pub scope: OptInScope,
}

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
    /// The source that it comes from.
    pub source: &'static str,
    /// Its own time as the sender writes it, in seconds of the story.
    pub own: Option<i64>,
    /// Its place.
    pub order: Order,
    /// The register that it sets.
    pub register: usize,
    /// The word that it adds to its own state and to [`SHARED`].
    pub says: Option<Says>,
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
            source: "source",
            own: None,
            order: Order::Accepted,
            register: 0,
            says: None,
            is_stored: false,
            nature: Nature::Sound,
        }
    }

    /// An event that is ordered by its own time, which is that many seconds of the story.
    #[must_use]
    pub const fn timed(name: &'static str, entity: u8, own: i64) -> Self {
        Self {
            own: Some(own),
            order: Order::Time,
            ..Self::sound(name, entity)
        }
    }

    /// A STOP or START that reaches no further than its source.
    #[must_use]
    pub const fn word(name: &'static str, entity: u8, word: Word) -> Self {
        Self {
            order: Order::Time,
            says: Some(Says {
                word,
                scope: OptInScope::Source,
            }),
            ..Self::sound(name, entity)
        }
    }
}

/// What the provider sends, once it is time.
#[derive(Clone, Copy, Debug)]
pub struct Post {
    /// The event's place in [`Scenario::events`].
    pub event: usize,
    /// The bytes in which it holds the event, each a number; mostly once.
    pub bodies: &'static [u8],
    /// The own time that is written in these bytes, where it is not the event's.
    pub own: Option<i64>,
    /// Whether it is an earlier post that is sent again, as far as only the provider knows.
    pub is_retry: bool,
    /// From which moment on it is sent.
    pub from: usize,
    /// How far the clock of the ingress that takes it is off, in seconds.
    pub skew: i64,
}

impl Post {
    /// A post at once, to an ingress whose clock is right.
    #[must_use]
    pub const fn of(event: usize) -> Self {
        Self::at(event, 0)
    }

    /// A post from a moment on.
    #[must_use]
    pub const fn at(event: usize, from: usize) -> Self {
        Self {
            event,
            bodies: &[0],
            own: None,
            is_retry: false,
            from,
            skew: 0,
        }
    }

    /// The same event sent again from a moment on, in these bytes.
    #[must_use]
    pub const fn again(event: usize, from: usize, bodies: &'static [u8]) -> Self {
        Self {
            bodies,
            is_retry: true,
            ..Self::at(event, from)
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

    /// All of them.
    pub const EVERY: &[Self] = &[
        Self::Refused,
        Self::AnswerLost,
        Self::DoneLater,
        Self::DoneTwice,
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

impl Scenario {
    /// Tells whether anything is said in it.
    #[must_use]
    pub fn has_words(&self) -> bool {
        self.events.iter().any(|event| event.says.is_some())
    }
}

/// What is explored: a scenario, and how the protocol is broken in it, if it is.
#[derive(Clone, Debug)]
pub struct Config {
    /// The scenario.
    pub scenario: Scenario,
    /// What is broken.
    pub broken: Option<Broken>,
    /// Its events as the consumer reads them, but for what differs from delivery to delivery.
    occurrences: Vec<Occurrence>,
}

/// The days that records live.
pub const RETENTION_DAYS: u16 = 30;

impl Config {
    /// Makes a configuration.
    #[must_use]
    pub fn new(scenario: Scenario, broken: Option<Broken>) -> Self {
        Self {
            scenario,
            broken,
            occurrences: scenario.events.iter().map(occurrence).collect(),
        }
    }

    /// Tells whether the protocol is broken in this way.
    #[must_use]
    pub fn is(&self, broken: Broken) -> bool {
        self.broken == Some(broken)
    }

    /// Returns an event.
    #[must_use]
    pub fn event(&self, event: u8) -> &'static Event {
        &self.scenario.events[usize::from(event)]
    }

    /// Returns an event as the consumer reads it, but for what differs from delivery to delivery.
    #[must_use]
    pub fn occurrence(&self, event: u8) -> &Occurrence {
        &self.occurrences[usize::from(event)]
    }

    /// Returns an event's dedup key.
    #[must_use]
    pub fn key(&self, event: u8) -> &DedupKey {
        &self.occurrence(event).envelope.dedup
    }

    /// Returns an event's entity.
    #[must_use]
    pub fn entity(&self, event: u8) -> &Entity {
        &self.occurrence(event).envelope.entity
    }

    /// Returns the position of an event as a handler of its order has it.
    #[must_use]
    pub fn position(&self, event: u8, occurrence: &Occurrence) -> Position {
        let place = self.place(occurrence);
        match self.event(event).order {
            Order::Accepted if self.is(Broken::ReceivedTimeOrder) => Position::by_time(place),
            Order::Accepted => Position::by_sequence(place),
            Order::Time => Position::by_time(place),
            Order::Earliest if self.is(Broken::EarliestHowever) => Position::earliest(place),
            Order::Earliest => Position::earliest(Place {
                time: occurrence.earliest_time(),
                ..place
            }),
        }
    }

    fn place(&self, occurrence: &Occurrence) -> Place {
        let place = occurrence.place();
        let time = match occurrence.occurred_at {
            Some(told) if self.is(Broken::OwnTimeAsSent) => told,
            _ => place.time,
        };
        if self.is(Broken::TiesAreOpen) {
            return Place {
                time,
                sequence: Sequence::default(),
                variant: Sequence::default(),
            };
        }
        Place { time, ..place }
    }
}

fn occurrence(event: &Event) -> Occurrence {
    let scope = event.says.map(|says| says.scope);
    let key = format!("entity-{}", event.entity);
    Occurrence {
        envelope: Envelope {
            version: Version,
            id: event_id(0, 0),
            request_id: None,
            provider: String::new(),
            slug: None,
            received_at: at(0),
            retention_days: RETENTION_DAYS,
            state_retention_days: None,
            kind: Kind::CallEnded,
            provider_event: None,
            reason: None,
            entity: Entity::new(event.source, EntityType::Call, &key),
            dedup: DedupKey::new(&[event.name.as_bytes()], event.window),
            under_other_slugs: Vec::new(),
            digest: None,
            opt_in_scope: scope.unwrap_or_default(),
            reading: Default::default(),
            headers: Default::default(),
            body: Carried::stored(String::new(), &[]),
        },
        sequence: Sequence::default(),
        raw: Default::default(),
        occurred_at: None,
        data: data::Unknown::default().into(),
        role: Role::New,
    }
}

/// Returns a time of the story.
#[must_use]
pub fn at(second: i64) -> Timestamp {
    const BEGIN: i64 = 1_800_000_000;
    Timestamp::from_second(BEGIN + second).expect("a story of some weeks")
}

/// Returns the id of one event of a request.
#[must_use]
pub fn event_id(request: u8, index: u8) -> EventId {
    EventId {
        delivery: DeliveryId::new(Uuid::from_u128(u128::from(request))),
        index: u16::from(index),
    }
}

/// Returns the digest of bytes.
#[must_use]
pub fn digest(bytes: u8) -> String {
    format!("bytes-{bytes}")
}
