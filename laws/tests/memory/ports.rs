//! Ports in memory that take what the real ones take: a queue that writes every message before it
//! sends one, a body store that hands out copies. Each call waits once, so that the events of a batch
//! are all as far as each other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use switchhook_core::attempts::Attempt;
use switchhook_core::config::Sources;
use switchhook_core::entity::Entity;
use switchhook_core::intake::Ready;
use switchhook_core::ledger::{Entry, Record, RecordHead, RecordKey, Snapshot, StateItem, Variant};
use switchhook_core::ports::{
    Added, BodyStore, EventQueue, Ledger, PortError, PortFuture, SourceStore, Written, message_body,
};
use switchhook_core::states::Stored;
use switchhook_core::time::{Clock, Timestamp};

async fn wait() {
    tokio::task::yield_now().await;
}

fn done<'a, T: Send + 'a>(answer: T) -> PortFuture<'a, T> {
    Box::pin(async move {
        wait().await;
        Ok(answer)
    })
}

/// A message on the queue.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) body: String,
    /// The length of the event's exact bytes.
    pub(crate) bytes: usize,
}

/// The queue, and the store of large bodies.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) sent: Mutex<Vec<Sent>>,
    pub(crate) bodies: Mutex<HashMap<String, Bytes>>,
    /// What was recorded: reason or data of each event.
    pub(crate) records: Mutex<Vec<String>>,
}

impl EventQueue for Memory {
    fn send<'a>(&'a self, events: &'a [Ready]) -> PortFuture<'a, ()> {
        Box::pin(async move {
            wait().await;
            let message = |event: &Ready| {
                let body = message_body(event.envelope())?;
                let bytes = event
                    .oversized()
                    .map_or(body.len(), |(_, bytes)| bytes.len());
                Ok::<_, PortError>(Sent { body, bytes })
            };
            let messages = events.iter().map(message).collect::<Result<Vec<_>, _>>()?;
            *self.sent.lock().unwrap() = messages;
            Ok(())
        })
    }
}

impl BodyStore for Memory {
    fn put<'a>(&'a self, key: &'a str, body: Bytes) -> PortFuture<'a, ()> {
        self.bodies.lock().unwrap().insert(key.to_owned(), body);
        done(())
    }

    fn get<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<Bytes>> {
        let found = self.bodies.lock().unwrap().get(key).cloned();
        done(found.map(|body| Bytes::copy_from_slice(&body)))
    }
}

impl Ledger for Memory {
    fn read<'a>(&'a self, _: &'a [Entity], _: &'a [RecordKey]) -> PortFuture<'a, Snapshot> {
        done(Snapshot::default())
    }

    fn put_state<'a>(
        &'a self,
        _: &'a Entity,
        _: &'a Stored,
        _: u64,
    ) -> PortFuture<'a, Written<StateItem>> {
        done(Written::Done)
    }

    fn put_record<'a>(&'a self, record: &'a Record) -> PortFuture<'a, Written<RecordHead>> {
        let line = format!("{} {}", record.kind.as_str(), record.data);
        self.records.lock().unwrap().push(line);
        done(Written::Done)
    }

    fn put_variant<'a>(&'a self, _: &'a Variant) -> PortFuture<'a, ()> {
        done(())
    }

    fn add_entry<'a>(&'a self, _: &'a RecordKey, _: &'a Entry) -> PortFuture<'a, Added> {
        done(Added::Done)
    }

    fn add_attempt<'a>(
        &'a self,
        _: &'a str,
        receive: u32,
        _: Timestamp,
    ) -> PortFuture<'a, Attempt> {
        done(Attempt::counted(&[receive].into()))
    }

    fn take_back_attempt<'a>(&'a self, _: &'a str, _: u32) -> PortFuture<'a, ()> {
        done(())
    }
}

/// A document that was read before.
pub(crate) struct Document(pub(crate) Sources);

impl SourceStore for Document {
    fn load(&self) -> PortFuture<'_, Sources> {
        let sources = self.0.clone();
        Box::pin(async { Ok(sources) })
    }
}

/// A clock that stands still.
pub(crate) struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        "2026-03-04T12:00:00Z".parse().unwrap()
    }
}

pub(crate) fn noon() -> Arc<dyn Clock> {
    Arc::new(Noon)
}
