//! Reading the whole table for what names somebody, and deleting it.
//!
//! Neither function of the receiver uses it; the command line does. Nothing in an item has to be as it was
//! written: a damaged one may name people, too.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};
use switchhook_core::entity::Entity;
use switchhook_core::ledger::RawBody;
use switchhook_core::ports::PortError;

use super::item::{self, ATTEMPTS_SORT, Item, RECORD_PREFIX, STATE, VARIANT_PREFIX};
use super::{DynamoDbLedger, READING};

/// The most items of one `BatchWriteItem` (quotas of `DynamoDB`).
const MAX_BATCH_ITEMS: usize = 25;
/// How often a throttled request is repeated: for about two minutes.
const MAX_ROUNDS: u32 = 20;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

const DELETING: &str = "deleting items of the ledger";

/// Attributes that are ours and name nobody.
const OWN: [&str; 14] = [
    "pk",
    "sk",
    "id",
    "of",
    "source",
    "provider",
    "kind",
    "sequence",
    "digest",
    "hour",
    "positions",
    "deliveries",
    "variants",
    "raw_stored",
];

/// What an item of the table is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Part {
    /// The state of an entity.
    State,
    /// A record.
    Record,
    /// A variant of a record.
    Variant,
    /// What counts the attempts of a message: it names nobody.
    Attempts,
    /// An item that is none of ours.
    Other,
}

/// An item of the table, whatever is in it.
#[derive(Clone, Debug)]
pub struct TableItem {
    /// The partition.
    pub entity: Entity,
    /// The sort key.
    pub sort: String,
    /// What it is.
    pub part: Part,
    /// The kind of a record's event.
    pub kind: Option<String>,
    /// All its texts but for keys and ids.
    pub texts: Vec<String>,
    /// The data of a record, or a state: JSON.
    pub data: Option<String>,
    /// Its exact bytes, where it has them.
    pub raw: Option<RawBody>,
    /// The headers that matter.
    pub headers: BTreeMap<String, String>,
}

/// Where a page of items ends, to ask for the next one.
#[derive(Clone, Debug)]
pub struct PageEnd(Item);

/// Some items, and the end of their page where there is another one.
pub type Page = (Vec<TableItem>, Option<PageEnd>);

impl DynamoDbLedger {
    /// Reads some items of a segment, one of so many that the table is read in side by side.
    ///
    /// # Errors
    ///
    /// When the table cannot be read.
    pub async fn scan_page(
        &self,
        (segment, segments): (i32, i32),
        after: Option<PageEnd>,
    ) -> Result<Page, PortError> {
        let after = after.map(|PageEnd(key)| key);
        let read = patiently(READING, || {
            let scan = self.client.scan().table_name(&self.table);
            let scan = scan.segment(segment).total_segments(segments);
            scan.consistent_read(true)
                .set_exclusive_start_key(after.clone())
                .send()
        });
        let page = read.await?;
        let items = page.items.unwrap_or_default();
        Ok((
            items.iter().map(table_item).collect(),
            page.last_evaluated_key.map(PageEnd),
        ))
    }

    /// Reads some items of an entity.
    ///
    /// # Errors
    ///
    /// When the table cannot be read.
    pub async fn partition_page(
        &self,
        entity: &Entity,
        after: Option<PageEnd>,
    ) -> Result<Page, PortError> {
        let after = after.map(|PageEnd(key)| key);
        let read = patiently(READING, || {
            let query = self.client.query().table_name(&self.table);
            let name = AttributeValue::S(entity.to_string());
            let query = query
                .key_condition_expression("pk = :entity")
                .expression_attribute_values(":entity", name);
            query
                .consistent_read(true)
                .set_exclusive_start_key(after.clone())
                .send()
        });
        let page = read.await?;
        let items = page.items.unwrap_or_default();
        Ok((
            items.iter().map(table_item).collect(),
            page.last_evaluated_key.map(PageEnd),
        ))
    }

    /// Deletes items by their partitions and sort keys, up to 25 a request; those that are gone are no
    /// error. Those of an earlier request are gone before those of a later one.
    ///
    /// # Errors
    ///
    /// When the table does not answer: some may be gone all the same.
    pub async fn delete_items(&self, keys: &[(&Entity, &str)]) -> Result<(), PortError> {
        for keys in keys.chunks(MAX_BATCH_ITEMS) {
            let requests = keys
                .iter()
                .map(|(entity, sort)| delete_request(entity, sort));
            let mut left = requests.collect::<Result<Vec<_>, _>>()?;
            let mut pauses = Pauses::default();
            while !left.is_empty() {
                let written = patiently(DELETING, || {
                    let write = self.client.batch_write_item();
                    write.request_items(&self.table, left.clone()).send()
                });
                let unprocessed = written.await?.unprocessed_items.unwrap_or_default();
                left = unprocessed.into_values().flatten().collect();
                if !left.is_empty() && !pauses.next().await {
                    let throttled = "items were left unprocessed: the table is throttled";
                    return Err(PortError::new(DELETING, throttled));
                }
            }
        }
        Ok(())
    }
}

fn delete_request(entity: &Entity, sort: &str) -> Result<WriteRequest, PortError> {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let delete = DeleteRequest::builder()
        .key("pk", text(entity.as_str()))
        .key("sk", text(sort))
        .build();
    let delete = delete.map_err(|error| PortError::new(DELETING, error))?;
    Ok(WriteRequest::builder().delete_request(delete).build())
}

/// The pauses between the attempts of one request: each twice as long as the one before.
struct Pauses {
    rounds: u32,
    pause: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            rounds: 0,
            pause: FIRST_PAUSE,
        }
    }
}

impl Pauses {
    /// Waits; returns whether there is another attempt.
    async fn next(&mut self) -> bool {
        self.rounds = self.rounds.saturating_add(1);
        tokio::time::sleep(self.pause).await;
        self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
        self.rounds < MAX_ROUNDS
    }
}

/// Repeats a request for as long as the table throttles it, longer than the SDK does: a whole table may need
/// more than it is ready for.
async fn patiently<T, E, F>(action: &'static str, request: impl Fn() -> F) -> Result<T, PortError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    F: Future<Output = Result<T, SdkError<E, aws_smithy_runtime_api::http::Response>>>,
{
    let mut pauses = Pauses::default();
    loop {
        match request().await {
            Ok(answer) => return Ok(answer),
            Err(error) if is_throttled(&error) && pauses.next().await => {}
            Err(error) => return Err(PortError::new(action, error)),
        }
    }
}

fn is_throttled<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    matches!(
        error.code(),
        Some(
            "ProvisionedThroughputExceededException"
                | "RequestLimitExceeded"
                | "ThrottlingException"
        )
    )
}

fn table_item(item: &Item) -> TableItem {
    let text = |name| item::optional(item, name);
    let sort = text("sk").unwrap_or_default();
    let part = match sort.as_str() {
        STATE => Part::State,
        ATTEMPTS_SORT => Part::Attempts,
        sort if sort.starts_with(RECORD_PREFIX) => Part::Record,
        sort if sort.starts_with(VARIANT_PREFIX) => Part::Variant,
        _ => Part::Other,
    };
    let mut texts = Vec::new();
    for (name, value) in item {
        if !OWN.contains(&name.as_str()) {
            add_texts(value, &mut texts);
        }
    }
    TableItem {
        entity: Entity::from_name(text("pk").unwrap_or_default()),
        part,
        kind: text("kind"),
        data: text("data").or_else(|| text("state")),
        raw: item::raw(item).ok(),
        headers: item::headers(item).unwrap_or_default(),
        sort,
        texts,
    }
}

fn add_texts(value: &AttributeValue, texts: &mut Vec<String>) {
    match value {
        AttributeValue::S(text) => texts.push(text.clone()),
        AttributeValue::Ss(set) => texts.extend(set.iter().cloned()),
        AttributeValue::L(list) => list.iter().for_each(|value| add_texts(value, texts)),
        AttributeValue::M(map) => add_texts_of(map, texts),
        _ => {}
    }
}

fn add_texts_of(map: &HashMap<String, AttributeValue>, texts: &mut Vec<String>) {
    for (name, value) in map {
        texts.push(name.clone());
        add_texts(value, texts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> AttributeValue {
        AttributeValue::S(text.to_owned())
    }

    #[test]
    fn every_text_of_an_item_is_looked_through_but_for_our_own() {
        let nested = HashMap::from([("inner".to_owned(), text("d"))]);
        let item = Item::from([
            ("pk".to_owned(), text("voice/call/c")),
            ("sk".to_owned(), text("event#k")),
            ("id".to_owned(), text("id")),
            ("kind".to_owned(), text("call.ended")),
            ("data".to_owned(), text("a")),
            ("slug".to_owned(), text("b")),
            ("list".to_owned(), AttributeValue::L(vec![text("c")])),
            ("map".to_owned(), AttributeValue::M(nested)),
        ]);
        let mut read = table_item(&item);
        read.texts.sort();
        assert_eq!(read.texts, ["a", "b", "c", "d", "inner"]);
        assert_eq!(read.part, Part::Record);
        assert_eq!(read.kind.as_deref(), Some("call.ended"));
        assert_eq!(read.entity.as_str(), "voice/call/c");
        assert!(read.raw.is_none() && read.data.as_deref() == Some("a"));
    }

    #[test]
    fn parts_are_known_by_their_sort_keys() {
        for (sort, part) in [
            ("state", Part::State),
            ("event#k#7", Part::Record),
            ("variant#k#00", Part::Variant),
            ("attempts", Part::Attempts),
            ("mine", Part::Other),
        ] {
            let item = Item::from([("sk".to_owned(), text(sort))]);
            assert_eq!(table_item(&item).part, part, "{sort}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_come_to_an_end() {
        let began = tokio::time::Instant::now();
        let mut pauses = Pauses::default();
        let mut count = 1;
        while pauses.next().await {
            count += 1;
        }
        assert_eq!(count, MAX_ROUNDS);
        let waited = began.elapsed();
        assert!(waited > Duration::from_secs(60) && waited < Duration::from_secs(300));
    }
}
