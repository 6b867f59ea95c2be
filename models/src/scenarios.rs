//! The small worlds that are explored, each about one thing that can go wrong.

use switchhook_core::dedup::Window;
use switchhook_core::states::Word;

use crate::scenario::{Event, Fault, Nature, Post, Scenario};

mod variants;
mod wishes;

pub use variants::{
    ONE_DELIVERY, VARIANT_EXPIRES, VARIANT_FAILS, VARIANT_FORGOTTEN, VARIANT_LAPSE,
    VARIANT_POSTHUMOUS, VARIANT_REDRIVE, VARIANT_SLOTS, VARIANTS, VARIANTS_TWICE,
};
pub use wishes::{
    CLOCKS, EARLIEST, SLOW_STOP, STACK, START_AGAIN, STOP_AGAIN, STOP_DEAD, STOP_REPEATED,
    STOP_REPEATED_DEAD, STOP_START_STOP, STOP_VARIANT,
};

const DAY: i64 = 24 * 60 * 60;
/// A dedup window, in seconds.
const WINDOW: u32 = 7_200;

/// What most worlds have in common.
const PLAIN: Scenario = Scenario {
    name: "",
    about: "",
    events: &[],
    posts: &[],
    moments: &[],
    ingress_faults: 0,
    faults: 2,
    kinds: Fault::USUAL,
    consumers: 1,
    redrives: 0,
    is_moved_by_others: false,
    consumer_skew: 0,
    lapses: 0,
    is_repaired: false,
    is_overtaken: false,
    most_receives: 8,
};

/// All of them.
pub const ALL: &[Scenario] = &[
    CRASHES,
    COPIES,
    TWO_GROUPS,
    TIE,
    WINDOW_ENDS,
    SLOTS,
    SKEW,
    REGISTERS_SET,
    POISON,
    KILLER,
    KILLER_AHEAD,
    REPEATED,
    REPAIRED,
    REDRIVE,
    REDRIVE_IN_WINDOW,
    REDRIVE_AFTER_WINDOW,
    FORGOTTEN,
    MOVED_BACK,
    STORED,
    LAPSE,
    POSTHUMOUS,
    VARIANTS,
    VARIANTS_TWICE,
    ONE_DELIVERY,
    VARIANT_FAILS,
    VARIANT_LAPSE,
    VARIANT_SLOTS,
    VARIANT_EXPIRES,
    VARIANT_FORGOTTEN,
    VARIANT_REDRIVE,
    VARIANT_POSTHUMOUS,
    STOP_REPEATED,
    STOP_START_STOP,
    STOP_AGAIN,
    START_AGAIN,
    STOP_DEAD,
    STOP_REPEATED_DEAD,
    STOP_VARIANT,
    SLOW_STOP,
    STACK,
    CLOCKS,
    EARLIEST,
];

/// Two events of one entity, and everything fails now and then.
pub const CRASHES: Scenario = Scenario {
    name: "crashes",
    about: "two events of an entity; the ingress, the consumer and its requests fail at any point",
    events: &[Event::sound("started", 0), Event::sound("ended", 0)],
    posts: &[Post::of(0), Post::of(1)],
    ingress_faults: 1,
    ..PLAIN
};

/// One happening, sent again and again.
pub const COPIES: Scenario = Scenario {
    name: "copies",
    about: "one event sent twice, and a third time where the ingress gave no answer; two consumers",
    events: &[Event::sound("ended", 0)],
    posts: &[Post::of(0), Post::of(0)],
    ingress_faults: 1,
    consumers: 2,
    faults: 3,
    ..PLAIN
};

/// Two entities whose events change a third state beside their own.
pub const TWO_GROUPS: Scenario = Scenario {
    name: "two groups",
    about: "a STOP of one source and a START of another change one item of the suppression list; two consumers",
    events: &[
        Event::word("stop", 0, Word::Stop),
        Event {
            source: "other",
            ..Event::word("start", 1, Word::Start)
        },
    ],
    posts: &[Post::of(0), Post::of(1)],
    consumers: 2,
    ..PLAIN
};

/// The same with one source, where both have the same time.
pub const TIE: Scenario = Scenario {
    name: "tie",
    about: "of two entities' words of one time, through one source, the STOP holds; two consumers",
    events: &[
        Event {
            own: Some(-10),
            ..Event::word("stop", 0, Word::Stop)
        },
        Event {
            own: Some(-10),
            ..Event::word("start", 1, Word::Start)
        },
    ],
    faults: 1,
    ..TWO_GROUPS
};

const REPEATABLE: Event = Event {
    window: Window::Secs(WINDOW),
    ..Event::sound("modified", 0)
};

/// Something that may rightly happen again with the same bytes.
pub const WINDOW_ENDS: Scenario = Scenario {
    name: "window",
    about: "the same bytes within the window and after its end, with a backlog",
    events: &[REPEATABLE],
    posts: &[
        Post::of(0),
        Post {
            from: 1,
            ..Post::of(0)
        },
        Post {
            from: 2,
            ..Post::of(0)
        },
    ],
    moments: &[4_000, 5_000],
    ..PLAIN
};

/// Two copies on either side of a slot's end.
pub const SLOTS: Scenario = Scenario {
    name: "slots",
    about: "two copies whose accepted times lie in two slots of one window",
    events: &[REPEATABLE],
    posts: &[
        Post {
            skew: -1,
            ..Post::of(0)
        },
        Post {
            skew: 1,
            ..Post::of(0)
        },
    ],
    ..PLAIN
};

/// Two ingress instances whose clocks disagree.
pub const SKEW: Scenario = Scenario {
    name: "skew",
    about: "two events without a time of their own; the ingress's clocks disagree",
    events: &[Event::sound("modified", 0), Event::sound("deleted", 0)],
    posts: &[
        Post {
            skew: 60,
            ..Post::of(0)
        },
        Post {
            skew: -60,
            ..Post::of(1)
        },
    ],
    ..PLAIN
};

/// Two kinds of event that set different fields.
pub const REGISTERS_SET: Scenario = Scenario {
    name: "registers",
    about: "an event with an older time sets another register than the one before it",
    events: &[
        Event::timed("ended", 0, -20),
        Event {
            register: 1,
            ..Event::timed("disposition", 0, -30)
        },
        Event::timed("corrected", 0, -10),
    ],
    posts: &[Post::of(0), Post::of(1), Post::of(2)],
    ..PLAIN
};

/// A handler with a mistake.
pub const POISON: Scenario = Scenario {
    name: "poison",
    about: "an event whose handler panics, one behind it and one beside it",
    events: &[
        Event {
            nature: Nature::Panics,
            ..Event::sound("answered", 0)
        },
        Event::sound("ended", 0),
        Event::sound("other", 1),
    ],
    posts: &[Post::of(0), Post::of(1), Post::of(2)],
    faults: 1,
    most_receives: 9,
    ..PLAIN
};

/// A body that ends the process.
pub const KILLER: Scenario = Scenario {
    name: "killer",
    about: "an event that ends the process whenever its body is touched, and one beside it",
    events: &[
        Event {
            nature: Nature::Killer,
            ..Event::sound("deadly", 0)
        },
        Event::sound("other", 1),
    ],
    posts: &[Post::of(0), Post::of(1)],
    faults: 1,
    most_receives: 11,
    ..PLAIN
};

/// A body that ends the process before another one of its group.
pub const KILLER_AHEAD: Scenario = Scenario {
    name: "killer ahead",
    about: "an event that ends the process whenever its body is touched, and one behind it in its group",
    events: &[
        Event {
            nature: Nature::Killer,
            ..Event::sound("deadly", 0)
        },
        Event::sound("other", 0),
    ],
    ..KILLER
};

/// Requests that the SDK repeats, and an outage.
pub const REPEATED: Scenario = Scenario {
    name: "repeated",
    about: "an outage in which requests fail, and requests that the SDK sends twice",
    events: &[Event::sound("ended", 0)],
    posts: &[Post::of(0)],
    faults: 14,
    kinds: &[Fault::Refused, Fault::DoneTwice],
    most_receives: 16,
    ..PLAIN
};

/// A dead letter whose cause is repaired.
pub const REPAIRED: Scenario = Scenario {
    name: "repaired",
    about: "an event that ends the process is a dead letter, is repaired and redriven",
    events: &[Event {
        nature: Nature::Killer,
        ..Event::sound("deadly", 0)
    }],
    posts: &[Post::of(0)],
    moments: &[600],
    faults: 1,
    redrives: 2,
    is_repaired: true,
    most_receives: 19, // redriven twice, one killer may be received behind the other
    ..PLAIN
};

/// Dead letters that are redriven at once and later.
pub const REDRIVE: Scenario = Scenario {
    name: "redrive",
    about: "a dead letter is redriven, at once and later, while copies of it come; then it is buried again",
    events: &[
        Event {
            nature: Nature::Hopeless,
            ..Event::sound("hopeless", 0)
        },
        Event::sound("ended", 0),
    ],
    posts: &[Post::of(0), Post::of(1)],
    moments: &[600],
    redrives: 2,
    ..PLAIN
};

/// Dead letters of what may rightly happen again, redriven before and after their window's end.
pub const REDRIVE_IN_WINDOW: Scenario = Scenario {
    name: "redrive in window",
    about: "two copies, a second less than their window apart, are dead letters; redrive before, at and after its end",
    events: &[Event {
        nature: Nature::Hopeless,
        ..REPEATABLE
    }],
    posts: &[
        Post::of(0),
        Post {
            from: 1,
            skew: -1,
            ..Post::of(0)
        },
    ],
    moments: &[WINDOW as i64, 600],
    faults: 1,
    kinds: Fault::IN_TIME,
    redrives: 2,
    is_repaired: true,
    is_overtaken: true,
    ..PLAIN
};

/// The same with a happening more, which is a copy of the second one only.
pub const REDRIVE_AFTER_WINDOW: Scenario = Scenario {
    name: "redrive after window",
    about: "the same bytes three times: a second before the first one's window ends, and at its end; redrive, nothing fails",
    posts: &[
        Post::of(0),
        Post {
            from: 1,
            skew: -1,
            ..Post::of(0)
        },
        Post {
            from: 1,
            ..Post::of(0)
        },
    ],
    moments: &[WINDOW as i64],
    faults: 0,
    ..REDRIVE_IN_WINDOW
};

/// A dead letter that is redriven when the ledger has forgotten its copy.
pub const FORGOTTEN: Scenario = Scenario {
    name: "forgotten",
    about: "a copy becomes a dead letter, another is recorded; the record is forgotten, on time or late; redrive",
    events: &[Event {
        nature: Nature::Hopeless,
        ..Event::sound("ended", 0)
    }],
    posts: &[
        Post::of(0),
        Post {
            from: 1,
            ..Post::of(0)
        },
    ],
    moments: &[600, 27 * DAY, 3 * DAY],
    redrives: 2,
    consumer_skew: -3_600,
    is_repaired: true,
    is_overtaken: true,
    ..PLAIN
};

/// The same, where somebody takes another tool than ours: each letter is in a group of its own then, so
/// that it runs beside its copies.
pub const MOVED_BACK: Scenario = Scenario {
    name: "moved back",
    about: "the same, with another tool, which asks nothing and lets a letter run beside its copies; two consumers",
    is_moved_by_others: true,
    consumers: 2,
    faults: 1,
    ..FORGOTTEN
};

/// Bodies too large for a message.
pub const STORED: Scenario = Scenario {
    name: "stored",
    about: "two events whose bodies are in the body store; one sets a shared state, one ends the process",
    events: &[
        Event {
            is_stored: true,
            ..Event::word("stop", 0, Word::Stop)
        },
        Event {
            is_stored: true,
            nature: Nature::Killer,
            ..Event::sound("deadly", 1)
        },
    ],
    posts: &[Post::of(0), Post::of(1)],
    faults: 1,
    most_receives: 11,
    ..PLAIN
};

/// An invocation that outlives the visibility of its messages.
pub const LAPSE: Scenario = Scenario {
    name: "lapse",
    about: "two consumers have the same messages in hand, since the first takes too long",
    events: &[Event::sound("started", 0), Event::sound("ended", 0)],
    posts: &[Post::of(0), Post::of(0), Post::of(1)],
    consumers: 2,
    faults: 0,
    lapses: 1,
    ..PLAIN
};

/// A record that is put after its event became a dead letter.
pub const POSTHUMOUS: Scenario = Scenario {
    name: "posthumous",
    about: "an event is dead-lettered while its record is under way, and a copy of it comes",
    events: &[Event {
        nature: Nature::Killer,
        ..Event::sound("ended", 0)
    }],
    posts: &[Post::of(0), Post::of(0)],
    faults: 1,
    is_repaired: true,
    is_overtaken: true,
    most_receives: 19, // one killer behind the other
    ..PLAIN
};
