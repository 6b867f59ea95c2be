//! The consumer: queue in, ledger out.
//!
//! [`batch`] takes a batch of messages apart into groups and answers which are to come again; a run
//! tries one event and handles its failure; [`commit`] brings one event into the ledger, several at once where they are plain; [`router`]
//! finds the handler of its kind among [`routes`]. Handlers are plain functions of a state and an event. Nothing here calls anything
//! outside but the ledger, the body store and the queues: what reaches the user's own systems
//! happens after the commit, from the ledger.

pub mod batch;
mod bulk;
pub mod commit;
pub mod error;
pub mod handlers;
pub mod message;
mod outcome;
mod record;
mod report;
pub mod router;
pub mod routes;
mod run;
