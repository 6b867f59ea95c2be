//! The domain of Switchhook: what a delivery is, who may send it, what it says and what it changes.
//!
//! Nothing here does I/O: there is no runtime, AWS SDK, clock, environment or randomness in this
//! crate. Time comes in as a value, and everything outside is reached through the traits of
//! [`ports`], which other crates implement.
//!
//! The path of a delivery through these modules: [`request`] → [`admission`] (with [`config`],
//! [`schemes`]) → [`intake`] (with [`content`], [`providers`]) → [`envelope`] → the queue →
//! [`occurrence`] → [`states`] and [`ledger`].

pub mod address;
pub mod admission;
pub mod attempts;
pub mod body;
pub mod canonical;
pub mod channel;
pub mod config;
pub mod content;
pub mod data;
pub mod dedup;
pub mod entity;
pub mod envelope;
pub mod erasure;
pub mod ids;
pub mod intake;
pub mod json;
pub mod keywords;
pub mod kind;
pub mod ledger;
pub mod nearest;
pub mod occurrence;
pub mod phone;
pub mod ports;
pub mod providers;
pub mod report;
pub mod request;
pub mod retention;
pub mod schemes;
pub mod states;
pub mod time;
