//! The ledger's table in memory, as `DynamoDB` has it: conditions, versions, and a time to live that
//! is kept late.

use std::collections::{BTreeMap, BTreeSet};

use switchhook_core::entity::Entity;
use switchhook_core::ids::DeliveryId;
use switchhook_core::ledger::{
    MAX_COUNTED_DELIVERIES, Record, RecordHead, RecordKey, Snapshot, StateItem,
};
use switchhook_core::ports::Written;
use switchhook_core::states::Stored;

use crate::broken::Broken;
use crate::world::World;

/// How late an item may go that is past its time to live.
const MOST_LATE_MILLIS: i64 = 2 * 24 * 3_600_000;

/// A record in the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) record: Record,
    /// When the time to live takes it.
    goes_at: i64,
}

/// The table, and what an observer of its stream saw.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: BTreeMap<(Entity, String), Row>,
    pub(crate) states: BTreeMap<Entity, StateItem>,
    pub(crate) damaged: BTreeSet<Entity>,
    /// The receives at which messages were tried, by their ids. What expires is expired by more than
    /// SQS keeps a message, so that here nothing does.
    attempts: BTreeMap<String, BTreeSet<u32>>,
    /// The same, with those that were taken back.
    tried: BTreeMap<String, BTreeSet<u32>>,
    /// Records in the order they were inserted, each as it was last.
    pub(crate) inserted: Vec<Record>,
}

impl Table {
    pub(crate) fn read(
        &mut self,
        world: &World,
        states: &[Entity],
        records: &[RecordKey],
    ) -> Snapshot {
        self.forget(world);
        let mut snapshot = Snapshot::default();
        for entity in states {
            if self.damaged.contains(entity) {
                snapshot.damaged.insert(entity.clone());
            } else if let Some(item) = self.states.get(entity) {
                snapshot.states.insert(entity.clone(), item.clone());
            }
        }
        for key in records {
            if let Some(row) = self.rows.get(&name(key)) {
                snapshot
                    .records
                    .insert(key.clone(), RecordHead::from(&row.record));
            }
        }
        snapshot
    }

    pub(crate) fn put_state(
        &mut self,
        world: &World,
        entity: Entity,
        stored: Stored,
        read_version: u64,
    ) -> Written<StateItem> {
        let current = self.states.get(&entity).cloned().unwrap_or_default();
        match world.broken {
            Some(Broken::UnversionedState | Broken::RecordBeforeState) => {}
            _ if current.version != read_version => {
                world.note(
                    "ledger",
                    format!("refuses version {read_version} of {entity}"),
                );
                return Written::Refused(current);
            }
            _ => {}
        }
        let version = current.version + 1;
        world.note(
            "ledger",
            format!("{entity} is {} (version {version})", stored.state),
        );
        let stored = Some(stored);
        self.states.insert(entity, StateItem { version, stored });
        Written::Done
    }

    pub(crate) fn put_record(&mut self, world: &World, record: Record) -> Written<RecordHead> {
        self.forget(world);
        let name = name(&record.key);
        let is_unconditional = world.broken == Some(Broken::UnconditionalRecord);
        if let Some(row) = self.rows.get(&name)
            && !is_unconditional
        {
            world.note("ledger", "refuses a record that is there");
            return Written::Refused(RecordHead::from(&row.record));
        }
        world.note(
            "ledger",
            format!("RECORD {} of {}", world.name(record.id), record.key.entity),
        );
        let late = world.draw(|chance| chance.i64(0..MOST_LATE_MILLIS));
        let goes_at = record.expires_at.as_millisecond() + late;
        self.inserted.push(record.clone());
        self.rows.insert(name, Row { record, goes_at });
        Written::Done
    }

    pub(crate) fn count_delivery(&mut self, world: &World, key: &RecordKey, delivery: DeliveryId) {
        self.forget(world);
        if world.broken == Some(Broken::CopiesUncounted) {
            return;
        }
        let Some(row) = self.rows.get_mut(&name(key)) else {
            return;
        };
        if row.record.deliveries.len() < MAX_COUNTED_DELIVERIES {
            row.record.deliveries.insert(delivery);
            let id = row.record.id;
            let seen = self.inserted.iter_mut().find(|record| record.id == id);
            seen.unwrap().deliveries.insert(delivery);
            let (copy, id) = (world.name_of_delivery(delivery), world.name(id));
            world.note("ledger", format!("{copy} is a copy of {id}"));
        }
    }

    pub(crate) fn add_attempt(
        &mut self,
        world: &World,
        message_id: String,
        receive: u32,
    ) -> BTreeSet<u32> {
        let tried = self.tried.entry(message_id.clone()).or_default();
        tried.insert(receive);
        let is_first = tried.len() == 1;
        let counted = self.attempts.entry(message_id).or_default();
        counted.insert(receive);
        match world.broken {
            Some(Broken::ReceiveCountJudges) => (1..=receive).collect(),
            Some(Broken::FirstAttemptIsFifth) if is_first => (receive..receive + 5).collect(),
            _ => counted.clone(),
        }
    }

    pub(crate) fn take_back_attempt(&mut self, world: &World, message_id: &str, receive: u32) {
        if world.broken == Some(Broken::TakeBackLost) {
            return;
        }
        if let Some(counted) = self.attempts.get_mut(message_id) {
            counted.remove(&receive);
        }
    }

    /// Returns at how many receives a message was ever tried.
    pub(crate) fn tried(&self, message_id: &str) -> usize {
        self.tried.get(message_id).map_or(0, BTreeSet::len)
    }

    /// Drops the records whose time to live took them.
    fn forget(&mut self, world: &World) {
        let now = world.now().as_millisecond();
        self.rows.retain(|_, row| now < row.goes_at);
    }
}

fn name(key: &RecordKey) -> (Entity, String) {
    (key.entity.clone(), key.name.clone())
}
