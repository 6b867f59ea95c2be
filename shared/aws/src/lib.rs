//! The adapters to AWS, one file a service, and what every function needs to start.
//!
//! Nothing here decides anything about deliveries: it sends, reads and writes what `switchhook-core`
//! made. The same adapters run on the laptop, where the SDK is handed a connection in process.

pub mod clock;
pub mod connection;
pub mod dead_letters;
pub mod dynamodb;
pub mod https;
mod lean;
pub mod metrics;
pub mod on_demand;
pub mod s3;
pub mod secrets_manager;
mod signing;
pub mod sqs;
pub mod telemetry;
pub mod variables;
