//! The integration tests, one binary: everything through its real boundary.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a failed step should fail the test on the spot"
)]

mod bill;
mod conformance;
mod convergence;
mod deployed;
mod doubles;
mod kill;
mod lambda;
mod local;
mod pipeline;
mod programs;
mod reliability;
mod retries;
mod secrecy;
mod telemetry;
mod template;
mod tidy;
mod timeline;
