//! The model's ledger: items, and conditional writes as DynamoDB does them.
//!
//! What is written when is decided elsewhere; here is only what a write does to the items.

use std::collections::{BTreeMap, BTreeSet};

use switchhook_core::ledger::{Entry, RecordHead, RecordKey, Snapshot};
use switchhook_core::occurrence::Sequence;
use switchhook_core::states::{Consent, OptOut, Register};

use crate::broken::Broken;
use crate::scenario::{Config, REGISTERS, at, digest, event_id};

/// The registers of a state: each holds the delivery whose event set it.
pub type Registers = [Register<u64>; REGISTERS];

/// What a state holds.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Content {
    /// The registers of an entity's own state.
    pub registers: Registers,
    /// The words that were said about it.
    pub consent: Consent,
    /// Of the item that all share, the words by source.
    pub list: OptOut,
}

/// A state and its version.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct State {
    /// How often it was written.
    pub version: u64,
    /// What it holds.
    pub content: Content,
}

/// A record, as much of it as matters.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Record {
    /// The event.
    pub event: u8,
    /// Its name in the ledger, with the slot of its window.
    pub name: String,
    /// The delivery that was recorded.
    pub id: u8,
    /// Its request, and its place in that.
    pub event_id: (u8, u8),
    /// Its bytes.
    pub bytes: u8,
    /// When that was accepted.
    pub accepted: i64,
    /// Its own time, where that is believed.
    pub own: Option<i64>,
    /// Its place in the accepted order.
    pub sequence: u8,
    /// Whether it is a STOP that may be said again in the same bytes.
    pub is_repeatable_stop: bool,
    /// The requests that the consumer sees in it.
    pub requests: BTreeSet<u8>,
    /// Those that were in truth counted in it.
    pub counted: BTreeSet<u8>,
    /// The same as a number, for the broken rule that counts so.
    pub count: u8,
    /// The bytes of its variants.
    pub variants: BTreeSet<u8>,
    /// From when on it may be forgotten.
    pub expires: i64,
}

impl Record {
    /// Returns what the consumer reads of it.
    #[must_use]
    pub fn head(&self) -> RecordHead {
        let (request, index) = self.event_id;
        let ids = self.requests.iter().map(|id| event_id(*id, 0).delivery);
        RecordHead {
            id: event_id(request, index),
            received_at: at(self.accepted),
            occurred_at: self.own.map(at),
            sequence: Sequence(u128::from(self.sequence)),
            digest: Some(digest(self.bytes)),
            deliveries: ids.collect(),
            variants: self.variants.iter().map(|bytes| digest(*bytes)).collect(),
            is_repeatable_stop: self.is_repeatable_stop,
            expires_at: at(self.expires),
        }
    }

    fn add(&mut self, added: &Added, config: &Config) {
        self.counted.insert(added.request);
        if config.is(Broken::PlainCopyCounter) {
            self.count += 1;
        } else if added.is_counted {
            self.requests.insert(added.request);
        }
        self.variants.extend(added.variant);
        self.expires = self.expires.max(added.expires.unwrap_or_default());
    }

    /// Takes an entry in as the consumer does in its copy of the record.
    pub fn see(&mut self, added: &Added) {
        let mut head = self.head();
        head.add(&Entry {
            delivery: added
                .is_counted
                .then(|| event_id(added.request, 0).delivery),
            variant: added.variant.map(digest),
            expires_at: added.expires.map(at),
        });
        let is_seen = |bytes: &u8| head.variants.contains(&digest(*bytes));
        self.variants.extend(added.variant.filter(is_seen));
        let is_seen = |request: &u8| head.deliveries.contains(&event_id(*request, 0).delivery);
        self.requests.extend(Some(added.request).filter(is_seen));
        self.expires = head.expires_at.as_second() - at(0).as_second();
    }

    /// Returns how many copies it tells people of.
    #[must_use]
    pub fn told(&self, config: &Config) -> usize {
        if config.is(Broken::PlainCopyCounter) {
            usize::from(self.count)
        } else {
            self.requests.len()
        }
    }
}

/// A duplicate's entry in a record.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Added {
    /// The record's event.
    pub event: u8,
    /// The record's name.
    pub name: String,
    /// The duplicate.
    pub delivery: u8,
    /// Its request.
    pub request: u8,
    /// Whether that is to be seen in the record.
    pub is_counted: bool,
    /// Its bytes, where they are new.
    pub variant: Option<u8>,
    /// The later expiry.
    pub expires: Option<i64>,
}

impl Added {
    /// Returns the entry that the receiver makes in this record.
    #[must_use]
    pub fn new(record: &Record, delivery: (u8, u8), variant: Option<u8>, entry: &Entry) -> Self {
        let (delivery, request) = delivery;
        let seconds = |time: switchhook_core::time::Timestamp| time.as_second() - at(0).as_second();
        Self {
            event: record.event,
            name: record.name.clone(),
            delivery,
            request,
            is_counted: entry.delivery.is_some(),
            variant: variant.filter(|_| entry.variant.is_some()),
            expires: entry.expires_at.map(seconds),
        }
    }

    /// Tells whether it is one in this record.
    #[must_use]
    pub fn is_of(&self, record: &Record) -> bool {
        record.event == self.event && record.name == self.name
    }
}

/// The bytes of a variant, which are kept beside its record.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Kept {
    /// The record's event.
    pub event: u8,
    /// The record's name.
    pub name: String,
    /// What they are.
    pub bytes: u8,
    /// From when on they may be forgotten.
    pub expires: i64,
}

/// What is kept of a message's attempts.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Attempts {
    /// The receives at which it was tried.
    pub receives: BTreeSet<u32>,
    /// The same as a number, for the broken rule that counts so.
    pub number: u8,
}

/// All items.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Ledger {
    /// Records.
    pub records: Vec<Record>,
    /// The bytes of variants.
    pub kept: Vec<Kept>,
    /// States by entity.
    pub states: BTreeMap<u8, State>,
    /// Attempts by what they are kept under.
    pub attempts: BTreeMap<u8, Attempts>,
}

/// A request that changes an item.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Write {
    /// Writes a state that was read in a version.
    State {
        /// Whose.
        entity: u8,
        /// What it will be.
        content: Box<Content>,
        /// The version read.
        read: u64,
    },
    /// Puts a record.
    Record(Record),
    /// Keeps the bytes of a variant.
    Keep(Kept),
    /// Adds a duplicate's entry to a record.
    Add(Added),
    /// Adds an attempt.
    AddAttempt {
        /// What it is kept under.
        under: u8,
        /// Its message.
        message: u8,
        /// Its receive.
        receive: u32,
    },
    /// Takes an attempt back.
    TakeBack {
        /// What it is kept under.
        under: u8,
        /// Its message.
        message: u8,
        /// Its receive.
        receive: u32,
    },
    /// Sends a message to the dead-letter queue.
    Bury(Buried),
}

/// A message on its way to the dead-letter queue.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Buried {
    /// SQS's id of it.
    pub message: u8,
    /// The delivery that it holds.
    pub delivery: u8,
    /// Its original place in the accepted order.
    pub sequence: u8,
    /// Why.
    pub reason: &'static str,
}

/// What a write answers.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Answer {
    /// It is done.
    Done,
    /// These bytes were kept already.
    WasKept,
    /// It is done, and these are the attempts now.
    Attempts(Attempts),
    /// The state is this one, in another version.
    OtherState(State),
    /// There is this record.
    OtherRecord(Record),
    /// There is no record.
    NoRecord,
}

impl Ledger {
    /// Finds a record.
    #[must_use]
    pub fn record(&self, event: u8, name: &str) -> Option<&Record> {
        let mut records = self.records.iter();
        records.find(|record| record.event == event && record.name == name)
    }

    /// Does a write that is the ledger's.
    pub fn write(&mut self, write: &Write, config: &Config) -> Answer {
        match write {
            Write::State {
                entity,
                content,
                read,
            } => self.put_state(*entity, content, *read, config),
            Write::Record(record) => self.put_record(record, config),
            Write::Keep(kept) => self.keep(kept, config),
            Write::Add(added) => {
                let mut records = self.records.iter_mut();
                let Some(record) = records.find(|record| added.is_of(record)) else {
                    return Answer::NoRecord;
                };
                record.add(added, config);
                Answer::Done
            }
            Write::AddAttempt { under, receive, .. } => {
                let attempts = self.attempts.entry(*under).or_default();
                attempts.receives.insert(*receive);
                attempts.number += 1;
                Answer::Attempts(attempts.clone())
            }
            Write::TakeBack { under, receive, .. } => {
                if let Some(attempts) = self.attempts.get_mut(under) {
                    attempts.receives.remove(receive);
                    attempts.number = attempts.number.saturating_sub(1);
                }
                Answer::Done
            }
            Write::Bury(_) => Answer::Done,
        }
    }

    fn put_state(&mut self, entity: u8, content: &Content, read: u64, config: &Config) -> Answer {
        let state = self.states.entry(entity).or_default();
        if state.version != read && !config.is(Broken::NoVersion) {
            return Answer::OtherState(state.clone());
        }
        state.version = read + 1;
        state.content = content.clone();
        Answer::Done
    }

    /// Puts a variant's bytes, or raises the expiry of those that are there.
    fn keep(&mut self, kept: &Kept, config: &Config) -> Answer {
        let is_it =
            |k: &&mut Kept| (k.event, &k.name, k.bytes) == (kept.event, &kept.name, kept.bytes);
        let Some(there) = self.kept.iter_mut().find(is_it) else {
            self.kept.push(kept.clone());
            return Answer::Done;
        };
        if !config.is(Broken::BytesNotProlonged) {
            there.expires = there.expires.max(kept.expires);
        }
        Answer::WasKept
    }

    fn put_record(&mut self, record: &Record, config: &Config) -> Answer {
        let mut found = self.records.iter_mut();
        let found = found.find(|r| r.event == record.event && r.name == record.name);
        let Some(there) = found else {
            self.records.push(record.clone());
            return Answer::Done;
        };
        let covers = config
            .key(record.event)
            .covers(at(there.accepted), at(record.accepted));
        let is_overwritten = config.is(Broken::UnconditionalRecord)
            || (config.is(Broken::OneRecordPerKey) && !covers);
        if is_overwritten {
            *there = record.clone();
            return Answer::Done;
        }
        Answer::OtherRecord(there.clone())
    }
}

/// Returns the records of an event as the consumer reads them.
#[must_use]
pub fn snapshot(records: &[Record], event: u8, config: &Config) -> Snapshot {
    let records = records.iter().filter(|record| record.event == event);
    let keyed = records.map(|record| {
        let key = RecordKey {
            entity: config.entity(event).clone(),
            name: record.name.clone(),
        };
        (key, record.head())
    });
    Snapshot {
        records: keyed.collect(),
        ..Snapshot::default()
    }
}
