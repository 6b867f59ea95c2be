//! Laws that hold for any bytes, each a function that panics where one does not.
//!
//! The same functions are properties of the tests, which feed them varied cases of `events/`, and
//! targets of the coverage-guided fuzzer in `fuzz/`. They see only what does no I/O, and the
//! consumer's commit on maps: what faults do is for the simulation.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a law that does not hold should end the run on the spot"
)]

mod bytes;
mod configuration;
mod delivery;
mod input;
mod order;
mod request;
mod seeds;
mod shelf;
mod verification;
mod way;
mod words;

pub use bytes::bytes;
pub use configuration::configuration;
pub use delivery::delivery;
pub use order::order;
pub use request::request;
pub use seeds::seeds;
pub use verification::verification;
pub use way::forms;
pub use words::words;

/// A law: it panics where it does not hold for these bytes.
pub type Law = fn(&[u8]);

/// Every law by its name.
pub const ALL: &[(&str, Law)] = &[
    ("bytes", bytes),
    ("configuration", configuration),
    ("delivery", delivery),
    ("order", order),
    ("request", request),
    ("verification", verification),
    ("words", words),
];
