//! The command line of Switchhook, and the laptop's stack behind `switchhook local`.
//!
//! [`args`] says what can be asked, [`commands`] does it, on the data of [`local`], the whole receiver
//! in one process, or on those of a [`deployed`] stack. What a delivery means is decided in `switchhook-core`, not here.

pub mod args;
pub mod commands;
pub mod deployed;
pub mod files;
mod hits;
pub mod local;
pub mod outbound;
pub mod samples;
pub mod secrets;
pub mod terminal;
mod urls;
