//! An event's way behind the ingress: its message, the body store, and the consumer's own commit.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use consumer::commit::{Committer, Outcome};
use consumer::error::HandleError;
use consumer::message::{AgeLimit, Message};
use consumer::routes::routes;
use futures_util::FutureExt;
use switchhook_core::attempts::Attempt;
use switchhook_core::body::{self, Carried, MAX_INLINE_BYTES};
use switchhook_core::content::MAX_INFLATED_BYTES;
use switchhook_core::entity::Entity;
use switchhook_core::envelope::Envelope;
use switchhook_core::intake::Ready;
use switchhook_core::ledger::{
    Beginning, Entry, RawBody, Record, RecordHead, RecordKey, Snapshot, StateItem, Variant,
};
use switchhook_core::occurrence::Sequence;
use switchhook_core::ports::{Added, BodyStore, Ledger, PortFuture, Written, message_body};
use switchhook_core::states::Stored;
use switchhook_core::time::{Clock, Timestamp};

use crate::input::now;

/// The most bytes of a message (quotas of SQS).
const MAX_MESSAGE_BYTES: usize = 1 << 20;

thread_local! {
    static WAY: Way = Way::new();
    static FORMS: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
}

/// Returns the forms in which bodies travelled, in all laws that this thread checked.
#[must_use]
pub fn forms() -> BTreeSet<&'static str> {
    FORMS.with_borrow(BTreeSet::clone)
}

/// An event survives queue, body store and commit; returns its bytes behind them, as its record
/// tells them.
pub(crate) fn survives(event: &Ready) -> Vec<u8> {
    let message = message_body(event.envelope()).expect("an envelope can be written");
    assert!(
        message.len() <= MAX_MESSAGE_BYTES,
        "{} bytes",
        message.len()
    );
    assert!(message.chars().all(is_taken_by_sqs));
    let group = event.envelope().entity.message_group();
    assert!((1..=128).contains(&group.len()) && group.chars().all(|c| c.is_ascii_graphic()));
    let received: Envelope = serde_json::from_str(&message).expect("an envelope can be read");
    assert_eq!(&received, event.envelope());
    WAY.with(|way| way.of(event, &received))
}

/// API reference of `SendMessage`.
fn is_taken_by_sqs(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// The real commit on stores in memory.
struct Way {
    shelf: Arc<Shelf>,
    committer: Committer,
}

/// The message of an event, received once.
fn message(envelope: &Envelope) -> Message {
    Message {
        id: String::new(),
        receipt_handle: String::new(),
        group: envelope.entity.message_group(),
        sequence: Sequence(1),
        receives: 1,
        age_limit: AgeLimit::Kept,
        body: String::new(),
    }
}

impl Way {
    fn new() -> Self {
        let shelf = Arc::new(Shelf::default());
        let port = || Arc::<Shelf>::clone(&shelf);
        let committer = Committer::new(port(), port(), Arc::new(Noon), routes());
        Self { shelf, committer }
    }

    fn of(&self, event: &Ready, received: &Envelope) -> Vec<u8> {
        *self.shelf.items() = Items::default();
        if let Some((key, bytes)) = event.oversized() {
            at_once(self.shelf.put(key, bytes.clone())).expect("a map takes it");
        }
        note_form(&received.body);
        if let Carried::Stored(pointer) = &received.body {
            self.is_missed(&pointer.key, received);
        }
        assert!(self.commits(received).is_ok());
        assert!(self.is_known(received), "its own record is not known");
        self.shelf.told(received)
    }

    fn commits(&self, envelope: &Envelope) -> Result<(), HandleError> {
        let mut snapshot = self.snapshot(envelope);
        assert_eq!(self.begin(envelope, &snapshot), Beginning::TouchBody);
        let message = message(envelope);
        let commit = self
            .committer
            .commit(&message, envelope.clone(), &mut snapshot);
        assert_eq!(at_once(commit)?.outcome, Outcome::Recorded);
        Ok(())
    }

    fn is_known(&self, envelope: &Envelope) -> bool {
        self.begin(envelope, &self.snapshot(envelope)) == Beginning::Nothing
    }

    /// How the run of its message begins, received once.
    fn begin(&self, envelope: &Envelope, snapshot: &Snapshot) -> Beginning {
        self.committer
            .begin(&message(envelope), envelope, snapshot)
    }

    fn snapshot(&self, envelope: &Envelope) -> Snapshot {
        let read = self.committer.snapshot(std::iter::once(envelope));
        at_once(read).expect("maps can be read")
    }

    /// A body that is gone, or is another one, is no body.
    fn is_missed(&self, key: &str, envelope: &Envelope) {
        let body = self
            .shelf
            .items()
            .bodies
            .remove(key)
            .expect("it was stored");
        self.is_refused(envelope, "body_missing");
        let mut other = body.to_vec();
        other[0] ^= 1;
        for other in [other, body.slice(1..).to_vec()] {
            self.shelf
                .items()
                .bodies
                .insert(key.to_owned(), other.into());
            self.is_refused(envelope, "body_damaged");
        }
        self.shelf.items().bodies.insert(key.to_owned(), body);
    }

    fn is_refused(&self, envelope: &Envelope, reason: &str) {
        let refused = self.commits(envelope).expect_err("it has no body");
        assert_eq!(refused.reason(), reason);
        let items = self.shelf.items();
        assert!(items.record.is_none() && items.states.is_empty());
    }
}

/// Maps answer at once.
fn at_once<T>(answer: impl Future<Output = T>) -> T {
    answer.now_or_never().expect("nothing waits")
}

fn note_form(body: &Carried) {
    let form = match body {
        Carried::Inline(base64) => {
            assert!(base64.decode().expect("base64").len() <= MAX_INLINE_BYTES);
            "inline"
        }
        Carried::Deflated(base64) => {
            assert!(base64.decode().expect("base64").len() <= MAX_INLINE_BYTES);
            "deflated"
        }
        Carried::Stored(pointer) => {
            assert!(pointer.length > MAX_INLINE_BYTES);
            "stored"
        }
    };
    FORMS.with_borrow_mut(|forms| forms.insert(form));
}

/// The clock stands still.
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        now()
    }
}

#[derive(Default)]
struct Items {
    bodies: BTreeMap<String, Bytes>,
    states: BTreeMap<Entity, StateItem>,
    record: Option<Record>,
}

/// Body store and ledger for one event at a time.
#[derive(Default)]
struct Shelf(Mutex<Items>);

impl Shelf {
    fn items(&self) -> MutexGuard<'_, Items> {
        self.0.lock().unwrap()
    }

    /// The bytes that the record tells of, of the event's name and place.
    fn told(&self, envelope: &Envelope) -> Vec<u8> {
        let items = self.items();
        let record = items.record.as_ref().expect("it is recorded");
        assert_eq!(record.id, envelope.id);
        assert_eq!(record.key.entity, envelope.entity);
        match &record.raw {
            RawBody::Plain(bytes) => bytes.clone(),
            RawBody::Deflated(bytes) => body::inflate(bytes, MAX_INFLATED_BYTES).expect("deflated"),
            RawBody::Stored(pointer) => items.bodies[&pointer.key].to_vec(),
        }
    }
}

fn done<'a, T: Send + 'a>(answer: T) -> PortFuture<'a, T> {
    Box::pin(std::future::ready(Ok(answer)))
}

impl BodyStore for Shelf {
    fn put<'a>(&'a self, key: &'a str, body: Bytes) -> PortFuture<'a, ()> {
        self.items().bodies.insert(key.to_owned(), body);
        done(())
    }

    fn get<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<Bytes>> {
        done(self.items().bodies.get(key).cloned())
    }
}

impl Ledger for Shelf {
    fn read<'a>(
        &'a self,
        states: &'a [Entity],
        records: &'a [RecordKey],
    ) -> PortFuture<'a, Snapshot> {
        let items = self.items();
        let found = states.iter().filter_map(|entity| {
            let item = items.states.get(entity)?;
            Some((entity.clone(), item.clone()))
        });
        let record = items.record.as_ref();
        let record = record.filter(|record| records.contains(&record.key));
        done(Snapshot {
            states: found.collect(),
            records: record
                .map(|record| (record.key.clone(), RecordHead::from(record)))
                .into_iter()
                .collect(),
            ..Snapshot::default()
        })
    }

    fn put_state<'a>(
        &'a self,
        entity: &'a Entity,
        stored: &'a Stored,
        read_version: u64,
    ) -> PortFuture<'a, Written<StateItem>> {
        let item = StateItem {
            version: read_version + 1,
            stored: Some(stored.clone()),
        };
        let before = self.items().states.insert(entity.clone(), item);
        assert_eq!(before.unwrap_or_default().version, read_version);
        done(Written::Done)
    }

    fn put_record<'a>(&'a self, record: &'a Record) -> PortFuture<'a, Written<RecordHead>> {
        let before = self.items().record.replace(record.clone());
        assert_eq!(before, None, "one event, one record");
        done(Written::Done)
    }

    fn put_variant<'a>(&'a self, _: &'a Variant) -> PortFuture<'a, ()> {
        panic!("nothing is a variant");
    }

    fn add_entry<'a>(&'a self, _: &'a RecordKey, _: &'a Entry) -> PortFuture<'a, Added> {
        panic!("nothing is a duplicate");
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
