//! The known-answer cases of `events/`, read from their folders, and JSON compared as it is written.
//!
//! `events/README.md` says what the files hold. Nothing here knows what a case means: deliveries are
//! made and checked by `tests/it/conformance.rs`.
#![expect(
    clippy::panic,
    reason = "a fixture that cannot be read should fail the test on the spot"
)]

pub mod doubles;
mod fixture;
mod gateway;
pub mod json;

pub use fixture::{Case, Credential, Expected, ExpectedEvent, Piece, Request, cases, lambda_event};
