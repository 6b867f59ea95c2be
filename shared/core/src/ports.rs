//! What the domain needs from outside: each trait is one capability, implemented by adapters.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;

use crate::attempts::Attempt;
use crate::config::Sources;
use crate::entity::Entity;
use crate::envelope::Envelope;
use crate::intake::Ready;
use crate::ledger::{Entry, Record, RecordHead, RecordKey, Snapshot, StateItem, Variant};
use crate::occurrence::Sequence;
use crate::states::Stored;
use crate::time::Timestamp;

/// A boxed future: ports are used as trait objects, once or twice an event.
pub type PortFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, PortError>> + Send + 'a>>;

/// An error of something outside.
#[derive(Debug, thiserror::Error)]
#[error("{action} failed")]
pub struct PortError {
    /// The action that failed, such as `sending to the queue`.
    pub action: &'static str,
    /// The cause.
    pub source: Box<dyn Error + Send + Sync>,
    /// Whether one item was refused for what it holds, so that a retry cannot help. Everything else
    /// is transient.
    pub is_permanent: bool,
}

impl PortError {
    /// Creates a transient error: a retry may help.
    pub fn new(action: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            action,
            source: source.into(),
            is_permanent: false,
        }
    }

    /// Creates a permanent error: one item was refused for what it holds.
    pub fn permanent(
        action: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            is_permanent: true,
            ..Self::new(action, source)
        }
    }
}

/// The queue, on the ingress's side.
pub trait EventQueue: Send + Sync {
    /// Sends all events of a delivery; `Ok` means that every one of them is durable.
    fn send<'a>(&'a self, events: &'a [Ready]) -> PortFuture<'a, ()>;
}

/// The queue, on the consumer's side.
pub trait Redelivery: Send + Sync {
    /// Delays messages that the consumer received, by their receipt handles.
    fn delay<'a>(&'a self, receipt_handles: &'a [String], secs: u32) -> PortFuture<'a, ()>;
}

/// A message that cannot be handled.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// The message's body, unchanged.
    pub body: String,
    /// The message group it had.
    pub group: String,
    /// The id it had, which becomes its deduplication id and makes it a group of its own.
    pub message_id: String,
    /// Its original place in the accepted order.
    pub sequence: Sequence,
    /// Why it cannot be handled.
    pub reason: String,
    /// How many attempts of it were counted.
    pub attempts: usize,
}

/// The dead-letter queue.
pub trait DeadLetterQueue: Send + Sync {
    /// Keeps a message for a person to look at.
    fn bury<'a>(&'a self, letter: &'a DeadLetter) -> PortFuture<'a, ()>;
}

/// Keeps large bodies.
pub trait BodyStore: Send + Sync {
    /// Keeps a body under a key; putting the same again changes nothing.
    fn put<'a>(&'a self, key: &'a str, body: Bytes) -> PortFuture<'a, ()>;

    /// Returns a body, or `None` if there is none under this key.
    fn get<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<Bytes>>;
}

/// Holds the sources document.
pub trait SourceStore: Send + Sync {
    /// Reads the document as it is now.
    fn load(&self) -> PortFuture<'_, Sources>;
}

/// What became of a conditional write.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Written<T> {
    /// It was done.
    Done,
    /// The condition did not hold: this was there.
    Refused(T),
}

/// What became of an entry in a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Added {
    /// It is in the record.
    Done,
    /// There is no record: it expired or was deleted meanwhile.
    NoRecord,
}

/// The ledger.
pub trait Ledger: Send + Sync {
    /// Reads the states of entities and the heads of records, consistently, keys distinct or not.
    fn read<'a>(
        &'a self,
        states: &'a [Entity],
        records: &'a [RecordKey],
    ) -> PortFuture<'a, Snapshot>;

    /// Writes a state if it still has the version that was read; the item refused with is current.
    fn put_state<'a>(
        &'a self,
        entity: &'a Entity,
        stored: &'a Stored,
        read_version: u64,
    ) -> PortFuture<'a, Written<StateItem>>;

    /// Writes a record if there is none of its key; the head refused with is the one there.
    fn put_record<'a>(&'a self, record: &'a Record) -> PortFuture<'a, Written<RecordHead>>;

    /// Keeps the bytes of a variant if there are none of its digest, and raises their expiry else.
    fn put_variant<'a>(&'a self, variant: &'a Variant) -> PortFuture<'a, ()>;

    /// Adds a duplicate's entry to a record.
    fn add_entry<'a>(&'a self, record: &'a RecordKey, entry: &'a Entry) -> PortFuture<'a, Added>;

    /// Adds an attempt to the set of a message, the receives at which it was tried, which is kept
    /// until `expires_at`.
    fn add_attempt<'a>(
        &'a self,
        message_id: &'a str,
        receive: u32,
        expires_at: Timestamp,
    ) -> PortFuture<'a, Attempt>;

    /// Takes an attempt out of the set of a message, if it is in it.
    fn take_back_attempt<'a>(&'a self, message_id: &'a str, receive: u32) -> PortFuture<'a, ()>;
}

/// Returns the body of the queue's message for an event: JSON of the characters that SQS takes.
///
/// JSON escapes control characters by itself; U+FFFE and U+FFFF are the others that SQS refuses (API
/// reference of `SendMessage`), and in JSON they can only stand in strings.
///
/// # Errors
///
/// When it cannot be written as JSON, which no envelope of ours brings about.
pub fn message_body(envelope: &Envelope) -> Result<String, PortError> {
    let json = serde_json::to_string(envelope)
        .map_err(|error| PortError::new("writing the envelope", error))?;
    if json.contains(['\u{fffe}', '\u{ffff}']) {
        return Ok(json
            .replace('\u{fffe}', "\\ufffe")
            .replace('\u{ffff}', "\\uffff"));
    }
    Ok(json)
}
