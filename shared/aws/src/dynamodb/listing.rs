//! Reading the ledger for people: an entity with its events, the newest events of all, one event by
//! its id, and the suppression list.
//!
//! Neither function of the receiver uses it; the command line does.

use aws_sdk_dynamodb::types::AttributeValue;
use switchhook_core::entity::Entity;
use switchhook_core::ids::{DeliveryId, EventId};
use switchhook_core::kind::Kind;
use switchhook_core::ledger::{Record, RecordKey, Snapshot, Variant};
use switchhook_core::ports::{Ledger, PortError};
use switchhook_core::states::Stored;
use switchhook_core::time::{self, Timestamp};

use super::item::{self, Item, ItemError, RECORD_PREFIX, VARIANT_PREFIX};
use super::{DynamoDbLedger, TIME_INDEX};

const READING: &str = "reading the ledger";

const HOUR_MILLIS: i64 = 60 * 60 * 1_000;
/// How many items of the time index are asked for at a time.
const PAGE: i32 = 1_000;

/// One line of the time index.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Where the record is.
    pub key: RecordKey,
    /// The event's id.
    pub id: EventId,
    /// What happened.
    pub kind: Kind,
    /// The accepted time.
    pub received_at: Timestamp,
}

/// Which of an hour's records come first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// The newest.
    NewestFirst,
    /// The oldest.
    OldestFirst,
}

impl DynamoDbLedger {
    /// Lists the records accepted in the hour of `at`, newest first.
    ///
    /// # Errors
    ///
    /// When the table cannot be read.
    pub async fn hour(&self, at: Timestamp) -> Result<Vec<Listed>, PortError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(TIME_INDEX)
            .key_condition_expression("#hour = :hour")
            .expression_attribute_names("#hour", "hour")
            .expression_attribute_values(":hour", AttributeValue::S(time::hour(at)))
            .scan_index_forward(false)
            .into_paginator()
            .items()
            .send();
        let mut listed = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| PortError::new(READING, error))?;
            listed.push(read_listed(&item).map_err(|error| PortError::new(READING, error))?);
        }
        Ok(listed)
    }

    /// Lists some of the records accepted in the hour of `at`, in this order, from `after` on. What is
    /// returned with them is where the next ones begin; `None` when there are no more.
    ///
    /// # Errors
    ///
    /// When the table cannot be read.
    pub async fn hour_page(
        &self,
        at: Timestamp,
        order: Order,
        after: Option<Item>,
    ) -> Result<(Vec<Listed>, Option<Item>), PortError> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(TIME_INDEX)
            .key_condition_expression("#hour = :hour")
            .expression_attribute_names("#hour", "hour")
            .expression_attribute_values(":hour", AttributeValue::S(time::hour(at)))
            .scan_index_forward(order == Order::OldestFirst)
            .set_exclusive_start_key(after)
            .limit(PAGE);
        let page = query.send().await.map_err(|e| PortError::new(READING, e))?;
        let listed: Result<Vec<_>, _> = page.items().iter().map(read_listed).collect();
        let listed = listed.map_err(|error| PortError::new(READING, error))?;
        Ok((listed, page.last_evaluated_key))
    }

    /// Finds an event by its id, whose time names the hour to look in: its own, else a neighbour.
    ///
    /// # Errors
    ///
    /// When the table cannot be read.
    pub async fn find(&self, id: EventId) -> Result<Option<Record>, PortError> {
        let Some(at) = id.delivery.time() else {
            return Ok(None);
        };
        let by = |millis: i64| {
            Timestamp::from_millisecond(at.as_millisecond().saturating_add(millis)).unwrap_or(at)
        };
        let (before, after) = (by(HOUR_MILLIS.saturating_neg()), by(HOUR_MILLIS));
        // Both times come from one reading of a clock, so the first question nearly always answers.
        for (hour, exactly) in [(at, true), (at, false), (before, false), (after, false)] {
            if let Some(key) = self.find_in(id, hour, exactly).await? {
                return Ok(self.records(&[key]).await?.pop());
            }
        }
        Ok(None)
    }

    async fn find_in(
        &self,
        id: EventId,
        hour: Timestamp,
        exactly: bool,
    ) -> Result<Option<RecordKey>, PortError> {
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(TIME_INDEX)
            .filter_expression("id = :id")
            .limit(PAGE)
            .expression_attribute_names("#hour", "hour")
            .expression_attribute_values(":hour", AttributeValue::S(time::hour(hour)))
            .expression_attribute_values(":id", AttributeValue::S(id.to_string()));
        query = if exactly {
            let at = AttributeValue::N(hour.as_millisecond().to_string());
            query
                .key_condition_expression("#hour = :hour AND received_at = :at")
                .expression_attribute_values(":at", at)
        } else {
            query.key_condition_expression("#hour = :hour")
        };
        let Some(item) = query.into_paginator().items().send().next().await else {
            return Ok(None);
        };
        let item = item.map_err(|error| PortError::new(READING, error))?;
        let key = item::read_record_key(&item);
        key.map(Some)
            .map_err(|error| PortError::new(READING, error))
    }

    /// Lists the entities of the suppression list, in no order.
    ///
    /// # Errors
    ///
    /// When the table cannot be read.
    pub async fn opt_outs(&self) -> Result<Vec<Entity>, PortError> {
        let mut entities = Vec::new();
        for shard in item::opt_out_shards() {
            let mut pages = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(TIME_INDEX)
                .key_condition_expression("#hour = :shard")
                .projection_expression("pk")
                .expression_attribute_names("#hour", "hour")
                .expression_attribute_values(":shard", AttributeValue::S(shard))
                .limit(PAGE)
                .into_paginator()
                .items()
                .send();
            while let Some(item) = pages.next().await {
                let item = item.map_err(|error| PortError::new(READING, error))?;
                let entity = item::string(&item, "pk").map_err(|e| PortError::new(READING, e))?;
                entities.push(Entity::from_name(entity));
            }
        }
        Ok(entities)
    }

    /// Reads the states of entities; those without one are left out.
    ///
    /// # Errors
    ///
    /// When the table cannot be read or a state is damaged.
    pub async fn states(&self, entities: &[Entity]) -> Result<Vec<(Entity, Stored)>, PortError> {
        let snapshot = self.read(entities, &[]).await?;
        if !snapshot.damaged.is_empty() {
            return Err(PortError::new(READING, "a state is damaged"));
        }
        let states = snapshot.states.into_iter();
        Ok(states
            .filter_map(|(entity, state)| Some((entity, state.stored?)))
            .collect())
    }

    /// Reads whole records; those that were forgotten meanwhile are left out.
    ///
    /// # Errors
    ///
    /// When the table cannot be read.
    pub async fn records(&self, keys: &[RecordKey]) -> Result<Vec<Record>, PortError> {
        let items = self
            .batch_get(keys.iter().map(item::record_key).collect(), None)
            .await?;
        items.iter().map(read_record).collect()
    }

    /// Reads an entity's state.
    ///
    /// # Errors
    ///
    /// When the table cannot be read.
    pub async fn state(&self, entity: &Entity) -> Result<Option<Stored>, PortError> {
        let read = self.read(std::slice::from_ref(entity), &[]).await?;
        if !read.damaged.is_empty() {
            return Err(PortError::new(READING, "the state is damaged"));
        }
        let Snapshot { mut states, .. } = read;
        Ok(states.remove(entity).and_then(|state| state.stored))
    }

    /// Lists every counted delivery with its source, in the order of the deliveries' ids.
    ///
    /// It reads the whole table: for the laptop, where there are no metrics to ask.
    ///
    /// # Errors
    ///
    /// When the table cannot be read.
    pub async fn deliveries(&self) -> Result<Vec<(String, DeliveryId)>, PortError> {
        let mut pages = self
            .client
            .scan()
            .table_name(&self.table)
            .filter_expression("attribute_exists(deliveries)")
            .projection_expression("#source, deliveries")
            .expression_attribute_names("#source", "source")
            .into_paginator()
            .items()
            .send();
        let mut deliveries = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| PortError::new(READING, error))?;
            let source = item::string(&item, "source").map_err(|e| PortError::new(READING, e))?;
            let ids = item::deliveries(&item).map_err(|error| PortError::new(READING, error))?;
            deliveries.extend(ids.into_iter().map(|id: DeliveryId| (source.clone(), id)));
        }
        deliveries.sort_by_key(|(_, id)| *id);
        Ok(deliveries)
    }

    /// Reads all records of an entity, in the accepted order.
    ///
    /// # Errors
    ///
    /// When the table cannot be read.
    pub async fn events_of(&self, entity: &Entity) -> Result<Vec<Record>, PortError> {
        let items = self.items_of(entity, RECORD_PREFIX).await?;
        let records: Result<Vec<_>, _> = items.iter().map(read_record).collect();
        let mut records = records?;
        records.sort_by_key(|record| (record.sequence, record.id));
        Ok(records)
    }

    /// Reads the variants of an entity's records, in the accepted order.
    ///
    /// # Errors
    ///
    /// When the table cannot be read.
    pub async fn variants_of(&self, entity: &Entity) -> Result<Vec<Variant>, PortError> {
        let items = self.items_of(entity, VARIANT_PREFIX).await?;
        let variants = items
            .iter()
            .map(|item| item::read_variant(item).map_err(|error| damaged(item, error)));
        let mut variants = variants.collect::<Result<Vec<_>, _>>()?;
        variants.sort_by_key(|variant| (variant.sequence, variant.id));
        Ok(variants)
    }

    async fn items_of(&self, entity: &Entity, prefix: &str) -> Result<Vec<Item>, PortError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :entity AND begins_with(sk, :prefix)")
            .expression_attribute_values(":entity", AttributeValue::S(entity.to_string()))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(|error| PortError::new(READING, error))?);
        }
        Ok(items)
    }
}

/// Which item is damaged: people must find it to repair it.
#[derive(Debug, thiserror::Error)]
#[error("item `{pk}`, `{sk}`: {error}; repair or delete it")]
struct Damaged {
    pk: String,
    sk: String,
    error: ItemError,
}

fn read_record(item: &Item) -> Result<Record, PortError> {
    item::read_record(item).map_err(|error| damaged(item, error))
}

fn damaged(item: &Item, error: ItemError) -> PortError {
    let name = |key| item::string(item, key).unwrap_or_default();
    let (pk, sk) = (name("pk"), name("sk"));
    PortError::new(READING, Damaged { pk, sk, error })
}

fn read_listed(item: &Item) -> Result<Listed, ItemError> {
    Ok(Listed {
        key: item::read_record_key(item)?,
        id: item::parsed(item, "id")?,
        kind: item::parsed(item, "kind")?,
        received_at: item::millis(item, "received_at")?,
    })
}
