//! Body store and ledger in maps, with the conditions that `DynamoDB` checks.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};

use bytes::Bytes;
use switchhook_core::attempts::Attempt;
use switchhook_core::body;
use switchhook_core::body::MAX_BODY_BYTES;
use switchhook_core::entity::Entity;
use switchhook_core::envelope::Envelope;
use switchhook_core::ledger::{
    Entry, RawBody, Record, RecordHead, RecordKey, Snapshot, StateItem, Variant,
};
use switchhook_core::ports::{Added, BodyStore, Ledger, PortFuture, Written};
use switchhook_core::states::Stored;
use switchhook_core::time::Timestamp;

/// What is in them.
#[derive(Default)]
pub(crate) struct Items {
    pub(crate) bodies: BTreeMap<String, Bytes>,
    pub(crate) states: BTreeMap<Entity, StateItem>,
    pub(crate) records: HashMap<RecordKey, Record>,
    /// By record and digest.
    variants: HashMap<(RecordKey, String), Variant>,
}

impl Items {
    fn bytes(&self, raw: &RawBody) -> Vec<u8> {
        match raw {
            RawBody::Plain(bytes) => bytes.clone(),
            RawBody::Deflated(bytes) => body::inflate(bytes, MAX_BODY_BYTES).expect("deflated"),
            RawBody::Stored(pointer) => self.bodies[&pointer.key].to_vec(),
        }
    }

    fn record(&self, envelope: &Envelope) -> &Record {
        let key = RecordKey {
            entity: envelope.entity.clone(),
            name: envelope.dedup.record_name(envelope.received_at),
        };
        &self.records[&key]
    }
}

/// Body store and ledger.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Items>);

impl Shelf {
    pub(crate) fn items(&self) -> MutexGuard<'_, Items> {
        self.0.lock().unwrap()
    }

    /// The bytes that an event's own record tells of.
    pub(crate) fn told(&self, envelope: &Envelope) -> Vec<u8> {
        let items = self.items();
        let record = items.record(envelope);
        assert_eq!(record.id, envelope.id);
        items.bytes(&record.raw)
    }

    /// An event's record counts so many deliveries.
    pub(crate) fn counts(&self, envelope: &Envelope, deliveries: usize) {
        let items = self.items();
        let record = items.record(envelope);
        assert_eq!(record.deliveries.len(), deliveries);
    }

    /// A variant is counted, and kept with these bytes.
    pub(crate) fn keeps(&self, envelope: &Envelope, bytes: &[u8]) {
        let items = self.items();
        let (record, digest) = (items.record(envelope), envelope.digest.clone().unwrap());
        assert!(record.variants.contains(&digest));
        let variant = &items.variants[&(record.key.clone(), digest)];
        assert_eq!((variant.id, variant.of), (envelope.id, record.id));
        assert_eq!(items.bytes(&variant.raw), bytes, "the exact bytes");
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
        let states = states.iter().filter_map(|entity| {
            let item = items.states.get(entity)?;
            Some((entity.clone(), item.clone()))
        });
        let records = records.iter().filter_map(|key| {
            let record = items.records.get(key)?;
            Some((key.clone(), RecordHead::from(record)))
        });
        done(Snapshot {
            states: states.collect(),
            records: records.collect(),
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
        let key = record.key.clone();
        let before = self.items().records.insert(key, record.clone());
        assert_eq!(before, None, "one event, one record");
        done(Written::Done)
    }

    fn put_variant<'a>(&'a self, variant: &'a Variant) -> PortFuture<'a, ()> {
        let key = (variant.record.clone(), variant.digest.clone());
        let mut items = self.items();
        let kept = items.variants.entry(key).or_insert(variant.clone());
        kept.expires_at = kept.expires_at.max(variant.expires_at);
        done(())
    }

    fn add_entry<'a>(&'a self, record: &'a RecordKey, entry: &'a Entry) -> PortFuture<'a, Added> {
        let mut items = self.items();
        let Some(record) = items.records.get_mut(record) else {
            return done(Added::NoRecord);
        };
        record.deliveries.extend(entry.delivery);
        record.variants.extend(entry.variant.clone());
        record.expires_at = record.expires_at.max(entry.expires_at.unwrap_or_default());
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
