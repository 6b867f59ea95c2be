//! The benchmark: what the functions cost, beside what a user would otherwise pick and the least that
//! the same requests can cost.
//!
//! It plays the Lambda Runtime API and AWS to one function process at a time ([`runtime_api`],
//! [`cloud`]), so that functions in any language are measured by the same means. Nothing of it is part
//! of the product, and it reaches no network but while it sets the peers up.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a program for developers: its numbers are its own, and a panic only ends a measurement"
)]

pub mod candidates;
pub mod certificates;
pub mod cloud;
pub mod cold;
pub mod figures;
pub mod floor;
pub mod functions;
pub mod goals;
pub mod growth;
pub mod hot;
pub mod http_server;
pub mod instructions;
pub mod laptop;
pub mod ledger;
pub mod limits;
pub mod measure;
pub mod namespace;
pub mod payloads;
pub mod plot;
pub mod process;
pub mod report;
pub mod runtime_api;
pub mod setup;
pub mod statistics;
pub mod workload;

/// The region that the functions are told.
pub const REGION: &str = "eu-central-1";
/// The bucket of large bodies.
pub const BUCKET: &str = "bodies";
/// The ledger's table.
pub const TABLE: &str = "switchhook";
