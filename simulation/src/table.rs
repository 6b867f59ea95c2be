//! The ledger's table in memory, as `DynamoDB` has it: conditions, versions, and a time to live that
//! is kept late.

use std::collections::{BTreeMap, BTreeSet};

use switchhook_core::entity::Entity;
use switchhook_core::ids::EventId;
use switchhook_core::ledger::{
    Entry, MAX_COUNTED, Record, RecordHead, RecordKey, Snapshot, StateItem, Variant,
};
use switchhook_core::occurrence::Sequence;
use switchhook_core::ports::{Added, Written};
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
    /// When each of them was, in milliseconds from the beginning.
    pub(crate) inserted_at: Vec<u64>,
    /// How often a state was written.
    pub(crate) state_writes: usize,
    /// The bytes of variants, and when the time to live takes them.
    variants: BTreeMap<(Entity, String), (Variant, i64)>,
    /// Variants in the order they were kept, each as it was last.
    pub(crate) kept: Vec<Variant>,
    /// How many records met one of another delivery.
    pub(crate) met: usize,
    /// Whether somebody erases an entity while a duplicate of it is on its way.
    pub(crate) is_erasing: bool,
    /// What was erased.
    pub(crate) erased: BTreeSet<Entity>,
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
                    .insert(key.clone(), head(world, &row.record));
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
        self.state_writes += 1;
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
            self.met += usize::from(row.record.id != record.id);
            return Written::Refused(head(world, &row.record));
        }
        world.note(
            "ledger",
            format!("RECORD {} of {}", world.name(record.id), record.key.entity),
        );
        let late = world.draw(|chance| chance.i64(0..MOST_LATE_MILLIS));
        let goes_at = record.expires_at.as_millisecond() + late;
        self.inserted.push(record.clone());
        self.inserted_at.push(world.elapsed_millis());
        self.rows.insert(name, Row { record, goes_at });
        Written::Done
    }

    pub(crate) fn put_variant(&mut self, world: &World, variant: Variant) {
        self.forget(world);
        let late = world.draw(|chance| chance.i64(0..MOST_LATE_MILLIS));
        let name = (
            variant.record.entity.clone(),
            format!("{}#{}", variant.record.name, variant.digest),
        );
        let (id, of) = (world.name(variant.id), world.name(variant.of));
        if let Some((there, goes_at)) = self.variants.get_mut(&name) {
            there.expires_at = there.expires_at.max(variant.expires_at);
            *goes_at = (*goes_at).max(variant.expires_at.as_millisecond() + late);
            let mut kept = self.kept.iter_mut().rev();
            let is_it = |kept: &&mut Variant| {
                kept.record == variant.record && kept.digest == variant.digest
            };
            kept.find(is_it).unwrap().expires_at = there.expires_at;
            world.note("ledger", format!("has the bytes of {id} already"));
            return;
        }
        world.note("ledger", format!("VARIANT {id} of {of}"));
        let goes_at = variant.expires_at.as_millisecond() + late;
        self.kept.push(variant.clone());
        self.variants.insert(name, (variant, goes_at));
    }

    pub(crate) fn add_entry(&mut self, world: &World, key: &RecordKey, entry: &Entry) -> Added {
        self.forget(world);
        let name = name(key);
        if self.is_erasing && self.rows.contains_key(&name) {
            self.erase(world, &key.entity);
        }
        if entry.is_empty() {
            return Added::Done;
        }
        let Some(row) = self.rows.get_mut(&name) else {
            world.note("ledger", "has no such record any more");
            return Added::NoRecord;
        };
        if world.broken == Some(Broken::CopiesUncounted) {
            return Added::Done;
        }
        let late = world.draw(|chance| chance.i64(0..MOST_LATE_MILLIS));
        let record = &mut row.record;
        record.deliveries.extend(entry.delivery);
        record.variants.extend(entry.variant.clone());
        assert!(record.deliveries.len() <= MAX_COUNTED && record.variants.len() <= MAX_COUNTED);
        if let Some(expires_at) = entry.expires_at {
            record.expires_at = record.expires_at.max(expires_at);
            row.goes_at = row.goes_at.max(expires_at.as_millisecond() + late);
        }
        let seen = self.inserted.iter_mut().rev();
        let seen = seen.into_iter().find(|seen| seen.id == record.id);
        *seen.unwrap() = record.clone();
        let copy = entry
            .delivery
            .map(|delivery| world.name_of_delivery(delivery));
        let id = world.name(record.id);
        world.note(
            "ledger",
            format!("{} is a copy of {id}", copy.unwrap_or_default()),
        );
        Added::Done
    }

    /// Somebody erases an entity.
    fn erase(&mut self, world: &World, entity: &Entity) {
        world.note("operator", format!("erases {entity}"));
        self.is_erasing = false;
        self.rows.retain(|(of, _), _| of != entity);
        self.variants.retain(|(of, _), _| of != entity);
        self.states.remove(entity);
        self.erased.insert(entity.clone());
    }

    /// Returns whether there is a record that would make this event a duplicate, and is not its own.
    pub(crate) fn has_record_of(&self, keys: &[RecordKey], id: EventId) -> bool {
        let rows = keys.iter().filter_map(|key| self.rows.get(&name(key)));
        rows.into_iter().any(|row| row.record.id != id)
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

    /// Drops the records and variants whose time to live took them.
    fn forget(&mut self, world: &World) {
        let now = world.now().as_millisecond();
        self.rows.retain(|_, row| now < row.goes_at);
        self.variants.retain(|_, (_, goes_at)| now < *goes_at);
    }
}

/// What is read of a record.
fn head(world: &World, record: &Record) -> RecordHead {
    let mut head = RecordHead::from(record);
    match world.broken {
        Some(Broken::DeliveryDecides) => head.digest = None,
        Some(Broken::VariantAtItsOwnPlace) => {
            let newest = world.queue.archive().last().map(|message| message.sequence);
            head.sequence = Sequence(newest.unwrap_or_default());
        }
        _ => {}
    }
    head
}

fn name(key: &RecordKey) -> (Entity, String) {
    (key.entity.clone(), key.name.clone())
}
