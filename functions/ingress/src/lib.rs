//! The ingress: HTTP in, queue out.
//!
//! [`event`] turns API Gateway's events into requests and answers back; [`service`] lets a request
//! in, makes its events durable and answers; [`sources`] keeps the sources document at hand. What
//! a request means is decided in `switchhook-core`; this crate knows no provider.

pub mod answer;
pub mod event;
mod report;
pub mod service;
pub mod sources;
