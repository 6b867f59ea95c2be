//! The records by their accepted time: the shards of the time index, read side by side and merged.
//!
//! Neither function of the receiver uses it; the command line does.

use std::collections::VecDeque;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use switchhook_core::entity::Entity;
use switchhook_core::ids::EventId;
use switchhook_core::kind::Kind;
use switchhook_core::ledger::{Record, RecordKey};
use switchhook_core::ports::PortError;
use switchhook_core::time::{self, Timestamp};

use super::item::{self, Entries, Item, ItemError, SHARD};
use super::{DynamoDbLedger, READING, TIME_INDEX};

/// The most items of a shard that are asked for at a time.
const MAX_PAGE: usize = 1_000;
const HOUR_MILLIS: i64 = 60 * 60 * 1_000;

/// One entry of the time index.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The record's key.
    pub key: RecordKey,
    /// The event's id.
    pub id: EventId,
    /// The kind of event.
    pub kind: Kind,
    /// The accepted time.
    pub received_at: Timestamp,
}

/// The records that come first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// The newest.
    NewestFirst,
    /// The oldest.
    OldestFirst,
}

/// Reads the records of a span of accepted times in order, by the time and then by the event's id.
#[derive(Debug)]
pub struct Timeline {
    ledger: DynamoDbLedger,
    span: Span,
    order: Order,
    /// How many items of a shard are asked for next.
    page: usize,
    shards: Vec<Shard>,
}

/// Milliseconds since 1970, both included.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: i64,
    last: i64,
}

impl Span {
    /// Returns the whole milliseconds from `since` until before `until`.
    fn new(since: Timestamp, until: Timestamp) -> Self {
        Self {
            first: rounded_up(since),
            last: rounded_up(until).saturating_sub(1),
        }
    }

    /// `DynamoDB` refuses a span whose end is before its start.
    const fn is_empty(self) -> bool {
        self.first > self.last
    }
}

fn rounded_up(at: Timestamp) -> i64 {
    let millis = at.as_millisecond();
    millis.saturating_add(i64::from(time::to_millis(at) < at))
}

#[derive(Debug)]
struct Shard {
    name: String,
    /// What was read and not returned yet.
    read: VecDeque<Listed>,
    next: NextPage,
}

#[derive(Clone, Debug)]
enum NextPage {
    First,
    After(Item),
    None,
}

impl Timeline {
    /// Returns the next records, as many as are known to be the next; `None` when there are no more.
    ///
    /// # Errors
    ///
    /// When the table cannot be read.
    pub async fn next(&mut self) -> Result<Option<Vec<Listed>>, PortError> {
        loop {
            let limit = self.limit();
            let records = self.take_before(limit);
            if !records.is_empty() {
                return Ok(Some(records));
            }
            if limit == Some(i64::MAX) {
                return Ok(None);
            }
            self.read_on(limit).await?;
        }
    }

    /// Returns the rank before which every shard is read: that of the first shard's last record. Others
    /// of the same time may follow it, in an order of `DynamoDB`'s own. `None` where a shard is to be
    /// read before anything is known, the greatest number where all are read to their ends.
    fn limit(&self) -> Option<i64> {
        let open = self
            .shards
            .iter()
            .filter(|shard| !matches!(shard.next, NextPage::None));
        let last = open.map(|shard| shard.read.back().map(|last| rank(self.order, last)));
        last.min().unwrap_or(Some(i64::MAX))
    }

    fn take_before(&mut self, limit: Option<i64>) -> Vec<Listed> {
        let Some(limit) = limit else {
            return Vec::new();
        };
        let mut records = Vec::new();
        let is_before = |listed: &Listed| rank(self.order, listed) < limit;
        for shard in &mut self.shards {
            while shard.read.front().is_some_and(is_before) {
                records.extend(shard.read.pop_front());
            }
        }
        records.sort_unstable_by_key(|listed| (listed.received_at, listed.id));
        if self.order == Order::NewestFirst {
            records.reverse();
        }
        records
    }

    /// Reads a page of the shard that ends first, and of those that would soon be next to hold the
    /// others up: entries are spread evenly.
    async fn read_on(&mut self, limit: Option<i64>) -> Result<(), PortError> {
        let page = self.page;
        let is_short = |shard: &Shard| {
            let last = shard.read.back().map(|last| rank(self.order, last));
            shard.read.len() < page || last == limit
        };
        let wanted: Vec<bool> = self.shards.iter().map(is_short).collect();
        let (ledger, span, order) = (&self.ledger, self.span, self.order);
        let reads = self.shards.iter_mut().zip(wanted);
        let reads = reads.filter_map(|(shard, is_wanted)| {
            is_wanted.then(|| shard.read_page(ledger, span, order, page))
        });
        try_join_all(reads).await?;
        self.page = page.saturating_mul(2).min(MAX_PAGE);
        Ok(())
    }
}

/// Returns a number that rises from record to record, and is equal where the time is.
fn rank(order: Order, listed: &Listed) -> i64 {
    let millis = listed.received_at.as_millisecond();
    match order {
        Order::OldestFirst => millis,
        Order::NewestFirst => millis.saturating_neg(),
    }
}

impl Shard {
    const fn new(name: String, next: NextPage) -> Self {
        let read = VecDeque::new();
        Self { name, read, next }
    }

    async fn read_page(
        &mut self,
        ledger: &DynamoDbLedger,
        span: Span,
        order: Order,
        page: usize,
    ) -> Result<(), PortError> {
        let after = match &self.next {
            NextPage::None => return Ok(()),
            NextPage::First => None,
            NextPage::After(key) => Some(key.clone()),
        };
        let query = ledger
            .query_shard(&self.name, Some(span))
            .scan_index_forward(order == Order::OldestFirst)
            .set_exclusive_start_key(after)
            .limit(i32::try_from(page).unwrap_or(i32::MAX));
        let output = query.send().await.map_err(|e| PortError::new(READING, e))?;
        for item in output.items() {
            let listed = read_listed(item).map_err(|error| PortError::new(READING, error))?;
            self.read.push_back(listed);
        }
        self.next = output
            .last_evaluated_key
            .map_or(NextPage::None, NextPage::After);
        Ok(())
    }
}

impl DynamoDbLedger {
    /// Reads the records accepted from `since` on and before `until`, of which about so many are wanted:
    /// that is what is asked for first, all shards together, and more each further time.
    #[must_use]
    pub fn timeline(
        &self,
        (since, until): (Timestamp, Timestamp),
        order: Order,
        wanted: usize,
    ) -> Timeline {
        let span = Span::new(since, until);
        let next = if span.is_empty() {
            NextPage::None
        } else {
            NextPage::First
        };
        let shards: Vec<_> = Entries::Events
            .shards()
            .map(|name| Shard::new(name, next.clone()))
            .collect();
        // Twice a shard's share, and some: few shards of few records have more.
        let share = wanted.checked_div(shards.len()).unwrap_or_default();
        let page = share.saturating_mul(2).saturating_add(8);
        Timeline {
            ledger: self.clone(),
            span,
            order,
            page: page.min(MAX_PAGE),
            shards,
        }
    }

    /// Finds an event by its id, which says in which shard and when it was accepted.
    ///
    /// # Errors
    ///
    /// When the table cannot be read.
    pub async fn find(&self, id: EventId) -> Result<Option<Record>, PortError> {
        let Some(at) = id.delivery.time() else {
            return Ok(None);
        };
        let millis = at.as_millisecond();
        // Both times come from one reading of a clock, so the first question nearly always answers.
        for by in [0, HOUR_MILLIS] {
            let span = Span {
                first: millis.saturating_sub(by),
                last: millis.saturating_add(by),
            };
            if let Some(key) = self.find_in(id, span).await? {
                return Ok(self.records(&[key]).await?.pop());
            }
        }
        Ok(None)
    }

    async fn find_in(&self, id: EventId, span: Span) -> Result<Option<RecordKey>, PortError> {
        let id = id.to_string();
        let query = self
            .query_shard(&Entries::Events.shard_of(&id), Some(span))
            .filter_expression("id = :id")
            .expression_attribute_values(":id", AttributeValue::S(id));
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
        let shards = Entries::OptOuts.shards();
        let shards = try_join_all(shards.map(|shard| self.opt_outs_of(shard))).await?;
        Ok(shards.into_iter().flatten().collect())
    }

    async fn opt_outs_of(&self, shard: String) -> Result<Vec<Entity>, PortError> {
        let query = self.query_shard(&shard, None).projection_expression("pk");
        let mut items = query.into_paginator().items().send();
        let mut entities = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| PortError::new(READING, error))?;
            let entity = item::string(&item, "pk").map_err(|e| PortError::new(READING, e))?;
            entities.push(Entity::from_name(entity));
        }
        Ok(entities)
    }

    /// Asks for the entries of a shard, all of them or those of a span.
    fn query_shard(&self, shard: &str, span: Option<Span>) -> QueryFluentBuilder {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(TIME_INDEX)
            .expression_attribute_names("#shard", SHARD)
            .expression_attribute_values(":shard", AttributeValue::S(shard.to_owned()));
        let Some(Span { first, last }) = span else {
            return query.key_condition_expression("#shard = :shard");
        };
        query
            .key_condition_expression("#shard = :shard AND received_at BETWEEN :first AND :last")
            .expression_attribute_values(":first", AttributeValue::N(first.to_string()))
            .expression_attribute_values(":last", AttributeValue::N(last.to_string()))
    }
}

fn read_listed(item: &Item) -> Result<Listed, ItemError> {
    Ok(Listed {
        key: item::read_record_key(item)?,
        id: item::parsed(item, "id")?,
        kind: item::parsed(item, "kind")?,
        received_at: item::millis(item, "received_at")?,
    })
}
