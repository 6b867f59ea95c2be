//! An invocation in its story: what it has in hand, what it read, and what it waits for.

use std::collections::{BTreeMap, BTreeSet};

use switchhook_core::attempts::{Attempt, Settled};

use crate::ledger::{Added, Record, State, Write};
use crate::world::Message;

/// What an event's run waits for.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Await {
    /// A copy is counted.
    Count(Added),
    /// An attempt is counted.
    Attempt(Write),
    /// Something is read.
    Read(Read),
    /// Something is written; what follows it.
    Commit(Write, Vec<Write>),
    /// An attempt is taken back.
    TakeBack(Write),
    /// A dead letter is sent.
    Bury(Write),
}

impl Await {
    /// Returns what is written; nothing where something is read.
    #[must_use]
    pub fn write(&self) -> Option<Write> {
        match self {
            Self::Count(added) => Some(Write::Add(added.clone())),
            Self::Attempt(write)
            | Self::Commit(write, _)
            | Self::TakeBack(write)
            | Self::Bury(write) => Some(write.clone()),
            Self::Read(_) => None,
        }
    }
}

/// What an event is to the ledger while it is run.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub enum Part {
    /// An event of its own.
    #[default]
    New,
    /// A duplicate of this record with other bytes.
    Variant(Record),
    /// A duplicate of this record that says STOP in the same bytes.
    RepeatedStop(Record),
}

/// What an event's run reads.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Read {
    /// Its body, from the body store.
    Body,
    /// The state that all groups share.
    Shared,
}

/// An event that runs.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Current {
    /// Its message.
    pub message: u8,
    /// How far the counting of its attempt is.
    pub attempt: Attempt,
    /// Whether its body was touched.
    pub is_open: bool,
    /// What it is.
    pub part: Part,
    /// What it waits for.
    pub awaits: Await,
}

/// A group's part of a batch.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Group {
    /// The messages that did not run yet.
    pub left: Vec<u8>,
    /// The event that runs.
    pub current: Option<Current>,
}

/// An invocation of the consumer.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Run {
    /// The batch, as it was received.
    pub messages: Vec<Message>,
    /// Whether one event runs at a time.
    pub is_one_by_one: bool,
    /// What became of the event that settled last.
    pub last: Settled,
    /// What was read of records.
    pub records: Vec<Record>,
    /// What was read of states.
    pub states: BTreeMap<u8, State>,
    /// Groups.
    pub groups: Vec<Group>,
    /// The messages that are to come again.
    pub failed: BTreeSet<u8>,
    /// Attempts that were counted before anything ran, for the broken rule that does so.
    pub beforehand: BTreeMap<u8, Attempt>,
}

impl Group {
    /// A group of one message.
    #[must_use]
    pub fn of(message: u8) -> Self {
        Self {
            left: vec![message],
            current: None,
        }
    }
}

impl Run {
    /// Returns a message of the batch.
    #[must_use]
    pub fn message(&self, id: u8) -> &Message {
        let found = self.messages.iter().find(|message| message.id == id);
        found.expect("it is of this batch")
    }
}
