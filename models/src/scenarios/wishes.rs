//! STOP and START, and clocks that are wrong.

use switchhook_core::config::OptInScope;
use switchhook_core::dedup::Window;
use switchhook_core::states::Word;

use super::{DAY, PLAIN, WINDOW};
use crate::scenario::{Event, Fault, Nature, Order, Post, Says, Scenario};

const HOUR: i64 = 60 * 60;
/// A time that nobody believes.
const IN_1990: i64 = -1_168_000_000;

/// A text that holds neither an id nor a time.
const fn bare(name: &'static str, word: Word) -> Event {
    Event {
        window: Window::Secs(WINDOW),
        ..Event::word(name, 0, word)
    }
}

/// A text with a time of its own.
const fn timed(name: &'static str, word: Word, own: i64) -> Event {
    Event {
        own: Some(own),
        ..Event::word(name, 0, word)
    }
}

/// A second STOP in the same bytes.
pub const STOP_REPEATED: Scenario = Scenario {
    name: "stop repeated",
    about: "STOP, START, and STOP in the same bytes, without ids and times: it is said again",
    events: &[bare("stop", Word::Stop), bare("start", Word::Start)],
    posts: &[Post::of(0), Post::at(1, 1), Post::at(0, 2)],
    moments: &[60, 60],
    ..PLAIN
};

/// Three words with ids.
pub const STOP_START_STOP: Scenario = Scenario {
    name: "stop, start, stop",
    about: "STOP, START and another STOP, each with an id and a time of its own, in any order",
    events: &[
        timed("stop", Word::Stop, -30),
        timed("start", Word::Start, -20),
        timed("stop again", Word::Stop, 50),
    ],
    posts: &[Post::of(0), Post::of(1), Post::at(2, 1)],
    moments: &[60],
    ..PLAIN
};

/// A STOP that its provider sends again after a START.
pub const STOP_AGAIN: Scenario = Scenario {
    name: "stop again",
    about: "STOP, START, and the STOP sent again in the same bytes and in others: it is not said again",
    events: &[
        Event::word("stop", 0, Word::Stop),
        Event::word("start", 0, Word::Start),
    ],
    posts: &[
        Post::of(0),
        Post::at(1, 1),
        Post::again(0, 2, &[0]),
        Post {
            own: Some(110),
            ..Post::again(0, 2, &[1])
        },
    ],
    moments: &[60, 60],
    faults: 1,
    ..PLAIN
};

/// A START that its provider sends again after a STOP.
pub const START_AGAIN: Scenario = Scenario {
    name: "start again",
    about: "START, STOP, and the START sent again in other bytes: it does not lift the STOP",
    events: &[
        Event::word("start", 0, Word::Start),
        Event::word("stop", 0, Word::Stop),
    ],
    posts: &[
        Post::of(0),
        Post::at(1, 1),
        Post {
            own: Some(110),
            ..Post::again(0, 2, &[1])
        },
    ],
    moments: &[60, 60],
    faults: 1,
    ..PLAIN
};

/// A STOP that becomes a dead letter.
pub const STOP_DEAD: Scenario = Scenario {
    name: "stop dead",
    about: "a STOP becomes a dead letter, START comes; repair and redrive",
    events: &[
        Event {
            nature: Nature::Hopeless,
            ..Event::word("stop", 0, Word::Stop)
        },
        Event::word("start", 1, Word::Start),
    ],
    posts: &[Post::of(0), Post::at(1, 1)],
    moments: &[60],
    faults: 1,
    kinds: Fault::IN_TIME,
    redrives: 2,
    is_repaired: true,
    ..PLAIN
};

/// A second STOP in the same bytes that becomes a dead letter.
pub const STOP_REPEATED_DEAD: Scenario = Scenario {
    name: "repeated stop dead",
    about: "the same, where the STOP may be a dead letter each time; repair and redrive",
    events: &[
        Event {
            nature: Nature::Hopeless,
            ..bare("stop", Word::Stop)
        },
        Event {
            entity: 1,
            ..bare("start", Word::Start)
        },
    ],
    faults: 0,
    redrives: 2,
    is_repaired: true,
    is_overtaken: true,
    ..STOP_REPEATED
};

/// A STOP and a variant of it beside another source's START.
pub const STOP_VARIANT: Scenario = Scenario {
    name: "stop variant",
    about: "a STOP, the same in other bytes, and a START of another source; two consumers",
    events: &[
        Event::word("stop", 0, Word::Stop),
        Event {
            source: "other",
            ..Event::word("start", 1, Word::Start)
        },
    ],
    posts: &[Post::of(0), Post::of(1), Post::again(0, 0, &[1])],
    consumers: 2,
    faults: 1,
    kinds: Fault::IN_TIME,
    ..PLAIN
};

/// Words that take long on their way.
pub const SLOW_STOP: Scenario = Scenario {
    name: "slow words",
    about: "two STARTs and the STOP between them are accepted in any order, up to a minute late",
    events: &[
        timed("early start", Word::Start, -240),
        timed("stop", Word::Stop, -180),
        timed("late start", Word::Start, -120),
    ],
    posts: &[Post::of(0), Post::of(1), Post::of(2)],
    moments: &[60],
    faults: 1,
    ..PLAIN
};

/// A START that counts for every source.
pub const STACK: Scenario = Scenario {
    name: "stack",
    about: "STOP through two sources and a START of the stack's scope, in any order",
    events: &[
        timed("stop", Word::Stop, -30),
        Event {
            source: "_",
            entity: 1,
            says: Some(Says {
                word: Word::Start,
                scope: OptInScope::Stack,
            }),
            ..timed("start", Word::Start, -20)
        },
        Event {
            source: "other",
            entity: 2,
            ..timed("other stop", Word::Stop, -10)
        },
    ],
    posts: &[Post::of(0), Post::of(1), Post::of(2)],
    moments: &[60],
    faults: 0,
    ..PLAIN
};

/// Senders whose clocks are wrong.
pub const CLOCKS: Scenario = Scenario {
    name: "clocks",
    about: "own times hours ahead, a minute ahead and of 1990, and two that are right and alike, in any order",
    events: &[
        Event::timed("hours ahead", 0, 5 * HOUR),
        Event::timed("a minute ahead", 0, 60),
        Event::timed("of 1990", 0, IN_1990),
        Event::timed("right", 0, -10),
        Event::timed("alike", 0, -10),
    ],
    posts: &[
        Post::of(0),
        Post::of(1),
        Post::of(2),
        Post::of(3),
        Post::of(4),
    ],
    faults: 1,
    kinds: Fault::IN_TIME,
    ..PLAIN
};

/// An event that is the first of its kind.
const fn first(name: &'static str, own: i64) -> Event {
    Event {
        order: Order::Earliest,
        ..Event::timed(name, 0, own)
    }
}

/// The same where the earliest time holds.
pub const EARLIEST: Scenario = Scenario {
    name: "earliest",
    about: "the earliest time holds: own times of 1990, from before retention, and two that are right and alike",
    events: &[
        first("of 1990", IN_1990),
        first("from before", -40 * DAY),
        first("right", -10),
        first("alike", -10),
    ],
    posts: &[
        Post::of(0),
        Post::of(1),
        Post::of(2),
        Post::of(3),
        Post::again(2, 0, &[1]),
    ],
    faults: 0,
    ..PLAIN
};
