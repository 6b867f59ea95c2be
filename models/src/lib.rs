//! The protocol, explored: every order of failures of a small world, and what must hold in all.
//!
//! The queue, the ledger, the network and the people are modelled here; what the receiver decides is
//! not. Those decisions are the functions of `switchhook-core` that the receiver itself calls. A
//! [`scenario`] says what happens and how often something fails, a [`broken::Broken`] breaks one
//! rule on purpose, the [`laws`] say what must hold, and [`check`] explores.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a model with a mistake should stop on the spot"
)]

pub mod broken;
pub mod check;
pub mod consumer;
pub mod laws;
pub mod ledger;
pub mod model;
pub mod run;
pub mod scenario;
pub mod scenarios;
pub mod words;
pub mod world;
