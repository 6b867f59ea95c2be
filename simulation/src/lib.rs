//! A deterministic simulation of the real ingress and consumer: providers, queue, table and body
//! store in memory, virtual time, and one seed that decides everything, the faults above all.
//!
//! What runs is the functions' own code; what is simulated is everything that they are given: ports,
//! clocks, Lambda's invocations. Not simulated are the adapters of the AWS SDK, which have tests of
//! their own. The checker reads what the providers were told, what the queue took and what the
//! ledger and the dead-letter queue hold; only the judge of dead letters knows what was done to the
//! world.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a simulation that goes wrong should end on the spot"
)]

mod backlog;
mod bodies;
mod broken;
mod burials;
mod checker;
mod clocks;
mod consent;
mod damage;
mod evidence;
mod node;
mod operator;
mod poison;
mod poller;
mod ports;
mod queue;
mod reference;
mod scenario;
mod senders;
mod states;
mod table;
mod traffic;
mod world;

pub use backlog::{Backlog, BacklogOutcome, Hog, run as run_backlog};
pub use broken::Broken;
pub use scenario::{Counts, Outcome, run};
