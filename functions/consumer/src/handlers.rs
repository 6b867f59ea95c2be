//! Handlers: plain functions that apply one kind of event to one state.
//!
//! They converge by construction: they touch registers only, each register always in the same
//! order. They do no I/O and cannot fail.

pub mod agents;
pub mod appointments;
pub mod calls;
pub mod campaigns;
pub mod contact_lists;
pub mod contacts;
pub mod conversations;
pub mod emails;
pub mod leads;
pub mod messages;
pub mod opt_outs;
