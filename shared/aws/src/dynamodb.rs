//! Amazon `DynamoDB`: the ledger, one table.
//!
//! Partition = entity; the sort key is `state` for its state and `event#…` for its records. Attempts
//! have partitions of their own, named after their messages. The index `by_time` has the records by
//! their accepted time, spread over 16 constant partitions. How items are written and read is in
//! [`item`], how the index is read in [`timeline`].

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure,
};
use switchhook_core::attempts::Attempt;
use switchhook_core::entity::Entity;
use switchhook_core::ledger::{Entry, Record, RecordHead, RecordKey, Snapshot, StateItem, Variant};
use switchhook_core::ports::{Added, Ledger, PortError, PortFuture, Written};
use switchhook_core::states::Stored;
use switchhook_core::time::Timestamp;

pub mod erasing;
pub mod item;
pub mod listing;
pub mod timeline;

use item::Item;

/// The index of records by their accepted time.
pub const TIME_INDEX: &str = "by_time";

/// The most keys of one `BatchGetItem` (quotas of `DynamoDB`).
const MAX_BATCH_KEYS: usize = 100;
/// How often unprocessed keys are asked for again before the batch is given up.
const MAX_ROUNDS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(20);

const READING: &str = "reading the ledger";

/// The ledger's table.
#[derive(Clone, Debug)]
pub struct DynamoDbLedger {
    client: Client,
    table: String,
}

impl DynamoDbLedger {
    /// Uses the table of this name.
    #[must_use]
    pub const fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Reads the items of `keys`, which are distinct.
    async fn batch_get(
        &self,
        keys: Vec<Item>,
        projection: Option<&str>,
    ) -> Result<Vec<Item>, PortError> {
        let mut items = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(MAX_BATCH_KEYS) {
            items.extend(self.get_chunk(keys_of(chunk.to_vec(), projection)?).await?);
        }
        Ok(items)
    }

    /// Reads up to a hundred items, asking again for what is left unprocessed.
    async fn get_chunk(&self, mut wanted: KeysAndAttributes) -> Result<Vec<Item>, PortError> {
        let mut items = Vec::new();
        let mut pause = FIRST_PAUSE;
        for _ in 0..MAX_ROUNDS {
            let request = self
                .client
                .batch_get_item()
                .request_items(&self.table, wanted);
            let output = request
                .send()
                .await
                .map_err(|e| PortError::new(READING, e))?;
            items.extend(
                output
                    .responses
                    .into_iter()
                    .flatten()
                    .flat_map(|(_, items)| items),
            );
            let left = output
                .unprocessed_keys
                .and_then(|mut left| left.remove(&self.table));
            match left {
                None => return Ok(items),
                Some(left) => wanted = left,
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
        Err(PortError::new(
            READING,
            "keys were left unprocessed: the table is throttled",
        ))
    }

    /// Adds an entry to a record that is there and, where it raises the expiry, expires sooner.
    fn update_entry(&self, record: &RecordKey, entry: &Entry) -> UpdateItemFluentBuilder {
        let mut added = Vec::new();
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(item::record_key(record)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if let Some(delivery) = entry.delivery {
            added.push("deliveries :delivery");
            let delivery = AttributeValue::Ss(vec![delivery.to_string()]);
            update = update.expression_attribute_values(":delivery", delivery);
        }
        if let Some(digest) = &entry.variant {
            added.push("variants :variant");
            let digest = AttributeValue::Ss(vec![digest.clone()]);
            update = update.expression_attribute_values(":variant", digest);
        }
        let mut expression = String::new();
        if !added.is_empty() {
            expression = format!("ADD {}", added.join(", "));
        }
        let mut condition = "attribute_exists(pk)";
        if let Some(expires_at) = entry.expires_at {
            expression.push_str(" SET expires_at = :expires_at");
            condition = "attribute_exists(pk) AND expires_at <= :expires_at";
            update = update.expression_attribute_values(":expires_at", expiry(expires_at));
        }
        update
            .update_expression(expression.trim_start())
            .condition_expression(condition)
    }

    fn update_attempts(&self, message_id: &str, receive: u32) -> UpdateItemFluentBuilder {
        let receive = AttributeValue::Ns(vec![receive.to_string()]);
        let update = self.client.update_item().table_name(&self.table);
        update
            .set_key(Some(item::attempts_key(message_id)))
            .expression_attribute_values(":receive", receive)
    }
}

fn keys_of(keys: Vec<Item>, projection: Option<&str>) -> Result<KeysAndAttributes, PortError> {
    // Both are reserved words of DynamoDB's expressions.
    let names = ["state", "sequence"].map(|name| (format!("#{name}"), name.to_owned()));
    let names = projection.map(|_| HashMap::from(names));
    KeysAndAttributes::builder()
        .set_keys(Some(keys))
        .consistent_read(true)
        .set_projection_expression(projection.map(str::to_owned))
        .set_expression_attribute_names(names)
        .build()
        .map_err(|error| PortError::new(READING, error))
}

/// What it takes to tell duplicates and to change states: neither data nor bodies.
const HEADS: &str = "pk, sk, id, received_at, occurred_at, #sequence, digest, deliveries, variants, repeatable_stop, expires_at, kept_from, version, #state, positions";

impl Ledger for DynamoDbLedger {
    fn read<'a>(
        &'a self,
        states: &'a [Entity],
        records: &'a [RecordKey],
    ) -> PortFuture<'a, Snapshot> {
        Box::pin(async move {
            let states = states.iter().map(item::state_key);
            let mut keys: Vec<_> = states.chain(records.iter().map(item::record_key)).collect();
            keys.sort_by_cached_key(item::key_text);
            keys.dedup_by_key(|key| item::key_text(key));
            let mut snapshot = Snapshot::default();
            for item in self.batch_get(keys, Some(HEADS)).await? {
                item::add_to_snapshot(&item, &mut snapshot);
            }
            Ok(snapshot)
        })
    }

    fn put_state<'a>(
        &'a self,
        entity: &'a Entity,
        stored: &'a Stored,
        read_version: u64,
    ) -> PortFuture<'a, Written<StateItem>> {
        const WRITING: &str = "writing a state";
        Box::pin(async move {
            let mut put = self
                .client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(item::state_item(
                    entity,
                    stored,
                    read_version.saturating_add(1),
                )))
                .return_values_on_condition_check_failure(
                    ReturnValuesOnConditionCheckFailure::AllOld,
                );
            put = if read_version == 0 {
                put.condition_expression("attribute_not_exists(pk)")
            } else {
                put.condition_expression("version = :read")
                    .expression_attribute_values(
                        ":read",
                        AttributeValue::N(read_version.to_string()),
                    )
            };
            written(put.send().await, WRITING, item::read_state)
        })
    }

    fn put_record<'a>(&'a self, record: &'a Record) -> PortFuture<'a, Written<RecordHead>> {
        const WRITING: &str = "writing a record";
        Box::pin(async move {
            let item = item::record_item(record).map_err(|e| PortError::new(WRITING, e))?;
            let put = self
                .client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(item))
                .condition_expression("attribute_not_exists(pk)")
                .return_values_on_condition_check_failure(
                    ReturnValuesOnConditionCheckFailure::AllOld,
                )
                .send();
            written(put.await, WRITING, item::read_head)
        })
    }

    fn put_variant<'a>(&'a self, variant: &'a Variant) -> PortFuture<'a, ()> {
        const WRITING: &str = "writing a variant";
        Box::pin(async move {
            let item = item::variant_item(variant).map_err(|e| PortError::new(WRITING, e))?;
            let put = self
                .client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(item))
                .condition_expression("attribute_not_exists(pk)")
                .send();
            match put.await {
                Ok(_) => return Ok(()),
                Err(error) if !is_condition(&error) => return Err(item_error(WRITING, error)),
                Err(_) => {}
            }
            let prolong = self
                .client
                .update_item()
                .table_name(&self.table)
                .set_key(Some(item::variant_key(variant)))
                .update_expression("SET expires_at = :expires_at")
                .condition_expression("attribute_exists(pk) AND expires_at <= :expires_at")
                .expression_attribute_values(":expires_at", expiry(variant.expires_at))
                .return_values_on_condition_check_failure(
                    ReturnValuesOnConditionCheckFailure::AllOld,
                )
                .send();
            match prolong.await {
                Ok(_) => Ok(()),
                // It expires later already.
                Err(error) if holds_item(&error) => Ok(()),
                // It expired between the two requests, or nobody answered: trying again puts it.
                Err(error) => Err(item_error(WRITING, error)),
            }
        })
    }

    fn add_entry<'a>(&'a self, record: &'a RecordKey, entry: &'a Entry) -> PortFuture<'a, Added> {
        Box::pin(async move {
            let mut entry = entry.clone();
            loop {
                if entry.is_empty() {
                    return Ok(Added::Done);
                }
                let Err(error) = self.update_entry(record, &entry).send().await else {
                    return Ok(Added::Done);
                };
                if !is_condition(&error) {
                    return Err(item_error("counting a delivery", error));
                }
                if !holds_item(&error) {
                    return Ok(Added::NoRecord);
                }
                entry.expires_at = None; // it expires later already
            }
        })
    }

    fn add_attempt<'a>(
        &'a self,
        message_id: &'a str,
        receive: u32,
        expires_at: Timestamp,
    ) -> PortFuture<'a, Attempt> {
        const COUNTING: &str = "counting an attempt";
        Box::pin(async move {
            let expires_at = expiry(expires_at);
            let update = self.update_attempts(message_id, receive);
            let update = update
                .update_expression("ADD attempts :receive SET expires_at = :expires_at")
                .expression_attribute_values(":expires_at", expires_at)
                .return_values(ReturnValue::AllNew)
                .send();
            match update.await {
                Ok(updated) => Ok(item::read_attempts(&updated.attributes.unwrap_or_default())),
                // Its key is valid, and so was the batch's read: what is there is no set of numbers.
                Err(error) if is_of_item(&error) => Ok(Attempt::Unreadable),
                Err(error) => Err(PortError::new(COUNTING, error)),
            }
        })
    }

    fn take_back_attempt<'a>(&'a self, message_id: &'a str, receive: u32) -> PortFuture<'a, ()> {
        const TAKING_BACK: &str = "taking an attempt back";
        Box::pin(async move {
            let update = self
                .update_attempts(message_id, receive)
                .update_expression("DELETE attempts :receive")
                .condition_expression("attribute_exists(pk)")
                .send();
            match update.await {
                Err(error) if !is_condition(&error) => Err(PortError::new(TAKING_BACK, error)),
                // Refused: none was counted.
                Ok(_) | Err(_) => Ok(()),
            }
        })
    }
}

fn is_condition<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.code() == Some("ConditionalCheckFailedException")
}

/// Returns whether a condition was refused by an item that is there.
fn holds_item<R>(error: &SdkError<UpdateItemError, R>) -> bool {
    let refused = error.as_service_error();
    matches!(
        refused,
        Some(UpdateItemError::ConditionalCheckFailedException(refused))
            if refused.item().is_some_and(|item| !item.is_empty())
    )
}

fn expiry(expires_at: Timestamp) -> AttributeValue {
    AttributeValue::N(expires_at.as_second().to_string())
}

/// Tells a refused condition, with the item that was there, from a failure.
fn written<T, O>(
    outcome: Result<O, SdkError<PutItemError, aws_smithy_runtime_api::http::Response>>,
    writing: &'static str,
    read: impl Fn(&Item) -> Result<T, item::ItemError>,
) -> Result<Written<T>, PortError> {
    let Err(error) = outcome else {
        return Ok(Written::Done);
    };
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(refused)) => match refused.item() {
            Some(item) => read(item)
                .map(Written::Refused)
                .map_err(|e| PortError::new(writing, e)),
            None => Err(PortError::new(writing, error)),
        },
        _ => Err(item_error(writing, error)),
    }
}

/// Returns the error of a put or an update of one item: permanent where the table refuses the item
/// for what it holds (its size, a key). All else may pass: throttling, access denied, a key of KMS, a
/// missing table. One bad minute of a policy must not make dead letters of all that is queued.
fn item_error<E, R>(action: &'static str, error: SdkError<E, R>) -> PortError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    if is_of_item(&error) {
        return PortError::permanent(action, error);
    }
    PortError::new(action, error)
}

/// Returns whether an item is refused for what it holds.
fn is_of_item<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    let is_of_item = matches!(
        error.code(),
        Some("ValidationException" | "ItemCollectionSizeLimitExceededException")
    );
    let is_of_key = error
        .message()
        .is_some_and(|message| message.contains("KMS"));
    is_of_item && !is_of_key
}
