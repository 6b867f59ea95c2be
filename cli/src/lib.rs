//! The command line of Switchhook, and the laptop's stack behind `switchhook local`.
//!
//! [`args`] says what can be asked, [`commands`] does it, [`local`] is the whole receiver in one
//! process. What a delivery means is decided in `switchhook-core`, not here.

pub mod args;
pub mod commands;
pub mod local;
pub mod outbound;
pub mod samples;
pub mod secrets;
mod urls;
