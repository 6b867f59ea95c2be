//! The model's ledger: items, and conditional writes as DynamoDB does them.
//!
//! What is written when is decided elsewhere; here is only what a write does to the items.

use std::collections::{BTreeMap, BTreeSet};

use switchhook_core::ledger::{RecordHead, RecordKey, Snapshot};
use switchhook_core::states::Register;

use crate::scenario::{Config, REGISTERS, at, event_id};
use crate::variants::Variant;

/// The registers of a state: each holds the delivery whose event set it.
pub type Registers = [Register<u64>; REGISTERS];

/// A state and its version.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct State {
    /// How often it was written.
    pub version: u64,
    /// What it holds.
    pub registers: Registers,
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
    /// When that was accepted.
    pub accepted: i64,
    /// The deliveries that the consumer sees in it.
    pub deliveries: BTreeSet<u8>,
    /// Those that were in truth counted in it.
    pub counted: BTreeSet<u8>,
    /// The same as a number, for the variant that counts so.
    pub count: u8,
    /// From when on it may be forgotten.
    pub expires: i64,
}

impl Record {
    /// Returns what the consumer reads of it.
    #[must_use]
    pub fn head(&self) -> RecordHead {
        let ids = self.deliveries.iter().map(|id| event_id(*id).delivery);
        RecordHead {
            id: event_id(self.id),
            received_at: at(self.accepted),
            deliveries: ids.collect(),
        }
    }

    fn count(&mut self, delivery: u8, config: &Config) {
        self.counted.insert(delivery);
        if config.is(Variant::PlainCopyCounter) {
            self.count += 1;
        } else {
            self.deliveries.insert(delivery);
        }
    }

    /// Returns how many copies it tells people of.
    #[must_use]
    pub fn told(&self, config: &Config) -> usize {
        if config.is(Variant::PlainCopyCounter) {
            usize::from(self.count)
        } else {
            self.deliveries.len()
        }
    }
}

/// What is kept of a message's attempts.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Attempts {
    /// The receives at which it was tried.
    pub receives: BTreeSet<u32>,
    /// The same as a number, for the variant that counts so.
    pub number: u8,
}

/// All items.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Ledger {
    /// Records.
    pub records: Vec<Record>,
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
        registers: Registers,
        /// The version read.
        read: u64,
    },
    /// Puts a record.
    Record(Record),
    /// Counts a copy in a record.
    Count {
        /// The record's event.
        event: u8,
        /// The record's name.
        name: String,
        /// The copy.
        delivery: u8,
    },
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
pub enum Answer {
    /// It is done.
    Done,
    /// It is done, and these are the attempts now.
    Attempts(Attempts),
    /// The state is this one, in another version.
    OtherState(State),
    /// There is this record.
    OtherRecord(Record),
}

impl Ledger {
    /// Finds a record.
    #[must_use]
    pub fn record(&self, event: u8, name: &str) -> Option<&Record> {
        let mut records = self.records.iter();
        records.find(|record| record.event == event && record.name == name)
    }

    /// Returns the records of an event as the consumer reads them.
    #[must_use]
    pub fn snapshot(&self, event: u8, config: &Config) -> Snapshot {
        let records = self.records.iter().filter(|record| record.event == event);
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

    /// Does a write that is the ledger's.
    pub fn write(&mut self, write: &Write, config: &Config) -> Answer {
        match write {
            Write::State {
                entity,
                registers,
                read,
            } => self.put_state(*entity, registers, *read, config),
            Write::Record(record) => self.put_record(record, config),
            Write::Count {
                event,
                name,
                delivery,
            } => {
                let mut records = self.records.iter_mut();
                if let Some(record) = records.find(|r| r.event == *event && r.name == *name) {
                    record.count(*delivery, config);
                }
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

    fn put_state(
        &mut self,
        entity: u8,
        registers: &Registers,
        read: u64,
        config: &Config,
    ) -> Answer {
        let state = self.states.entry(entity).or_default();
        if state.version != read && !config.is(Variant::NoVersion) {
            return Answer::OtherState(state.clone());
        }
        state.version = read + 1;
        state.registers = registers.clone();
        Answer::Done
    }

    fn put_record(&mut self, record: &Record, config: &Config) -> Answer {
        let found = self.records.iter_mut();
        let found = found
            .into_iter()
            .find(|r| r.event == record.event && r.name == record.name);
        let Some(there) = found else {
            self.records.push(record.clone());
            return Answer::Done;
        };
        let covers = config
            .key(record.event)
            .covers(at(there.accepted), at(record.accepted));
        let is_overwritten = config.is(Variant::UnconditionalRecord)
            || (config.is(Variant::OneRecordPerKey) && !covers);
        if is_overwritten {
            *there = record.clone();
            return Answer::Done;
        }
        Answer::OtherRecord(there.clone())
    }
}
