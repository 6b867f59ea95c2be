//! Reading the ledger for people: records, and an entity with its state, events and variants.
//!
//! Neither function of the receiver uses it; the command line does.

use aws_sdk_dynamodb::types::AttributeValue;
use switchhook_core::entity::Entity;
use switchhook_core::ids::DeliveryId;
use switchhook_core::ledger::{Record, RecordKey, Snapshot, Variant};
use switchhook_core::ports::{Ledger, PortError};
use switchhook_core::states::Stored;

use super::item::{self, Item, ItemError, RECORD_PREFIX, VARIANT_PREFIX};
use super::{DynamoDbLedger, READING};

impl DynamoDbLedger {
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
    /// It reads the whole table: for checks of all that the ledger holds.
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
