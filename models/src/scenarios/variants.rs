//! Duplicates whose bytes differ from those recorded.

use super::{DAY, PLAIN, REPEATABLE, WINDOW};
use crate::scenario::{Event, Fault, Nature, Post, Scenario};

/// A variant that comes after a newer event.
pub const VARIANTS: Scenario = Scenario {
    name: "variants",
    about: "an event, another one of its entity, and the first one again in other bytes, in any order",
    events: &[Event::sound("ended", 0), Event::sound("corrected", 0)],
    posts: &[Post::of(0), Post::of(1), Post::again(0, 0, &[1])],
    ..PLAIN
};

/// Several variants, and a copy of one.
pub const VARIANTS_TWICE: Scenario = Scenario {
    name: "variants twice",
    about: "one event in two other bytes, and in one of them twice; all may be in one batch",
    events: &[Event::sound("ended", 0)],
    posts: &[
        Post::of(0),
        Post::again(0, 0, &[1]),
        Post::again(0, 0, &[2]),
        Post::again(0, 0, &[1]),
    ],
    ..PLAIN
};

/// One request that holds an event twice.
pub const ONE_DELIVERY: Scenario = Scenario {
    name: "one delivery",
    about: "one delivery holds an event twice, in different bytes; it is sent again",
    events: &[Event::sound("ended", 0)],
    posts: &[
        Post {
            bodies: &[0, 1],
            ..Post::of(0)
        },
        Post::again(0, 0, &[0, 1]),
    ],
    ..PLAIN
};

/// Every request of a variant may fail in every way, and be repeated by the SDK.
pub const VARIANT_FAILS: Scenario = Scenario {
    name: "variant fails",
    about: "an event and a variant of it; every request fails, is repeated or comes late, at any point",
    events: &[Event::sound("ended", 0)],
    posts: &[Post::of(0), Post::again(0, 0, &[1])],
    faults: 3,
    kinds: Fault::EVERY,
    ..PLAIN
};

/// An invocation that outlives the visibility of its messages.
pub const VARIANT_LAPSE: Scenario = Scenario {
    name: "variant lapse",
    about: "two consumers have an event and a variant of it in hand, since the first takes too long",
    events: &[Event::sound("ended", 0)],
    posts: &[
        Post::of(0),
        Post::again(0, 0, &[1]),
        Post::again(0, 0, &[0]),
    ],
    consumers: 2,
    faults: 1,
    lapses: 1,
    ..PLAIN
};

/// Variants on either side of a slot's end.
pub const VARIANT_SLOTS: Scenario = Scenario {
    name: "variant slots",
    about: "one happening in other bytes on either side of a slot's end, and after its window",
    events: &[REPEATABLE],
    posts: &[
        Post {
            skew: -1,
            ..Post::of(0)
        },
        Post {
            skew: 1,
            ..Post::again(0, 0, &[1])
        },
        Post {
            bodies: &[1],
            ..Post::at(0, 1)
        },
    ],
    moments: &[WINDOW as i64 + 2],
    ..PLAIN
};

/// Duplicates on the last day of a record, and after it where the ledger forgets late.
pub const VARIANT_EXPIRES: Scenario = Scenario {
    name: "variant expires",
    about: "an event comes again at its record's end, and in other bytes; the ledger forgets on time or late",
    events: &[Event::sound("ended", 0)],
    posts: &[
        Post::of(0),
        Post::again(0, 1, &[1]),
        Post::again(0, 2, &[0]),
        Post::again(0, 2, &[1]),
    ],
    moments: &[30 * DAY - 1, 30 * DAY, DAY],
    ..PLAIN
};

/// A letter of a variant whose record goes while it runs.
pub const VARIANT_FORGOTTEN: Scenario = Scenario {
    name: "variant forgotten",
    about: "a variant becomes a dead letter; it is redriven when its record may be forgotten, while it runs too",
    events: &[Event {
        nature: Nature::Hopeless,
        ..Event::sound("ended", 0)
    }],
    posts: &[Post::of(0), Post::again(0, 0, &[1])],
    moments: &[29 * DAY, DAY],
    faults: 1,
    consumer_skew: -3_600,
    redrives: 2,
    is_repaired: true,
    is_overtaken: true,
    ..PLAIN
};

/// Letters of an event and of its variant.
pub const VARIANT_REDRIVE: Scenario = Scenario {
    name: "variant redrive",
    about: "an event and a variant become dead letters, or one of them; repair and redrive",
    events: &[Event {
        nature: Nature::Hopeless,
        ..Event::sound("ended", 0)
    }],
    posts: &[
        Post::of(0),
        Post::again(0, 0, &[1]),
        Post::again(0, 0, &[1]),
    ],
    faults: 1,
    kinds: Fault::IN_TIME,
    redrives: 2,
    is_repaired: true,
    is_overtaken: true,
    ..PLAIN
};

/// A record that is put after its event became a dead letter, beside a variant.
pub const VARIANT_POSTHUMOUS: Scenario = Scenario {
    name: "variant posthumous",
    about: "an event is dead-lettered while its record is under way, and it comes in other bytes",
    posts: &[Post::of(0), Post::again(0, 0, &[1])],
    ..super::POSTHUMOUS
};
