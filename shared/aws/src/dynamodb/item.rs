//! Items of the ledger's table: how records and states are written and read again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use switchhook_core::attempts::Attempt;
use switchhook_core::dedup;
use switchhook_core::entity::Entity;
use switchhook_core::ids::DeliveryId;
use switchhook_core::ledger::{
    RawBody, Record, RecordHead, RecordKey, Snapshot, StateItem, Variant,
};
use switchhook_core::states::{StateExpiry, Stored};
use switchhook_core::time::{self, Timestamp};

/// An item as the SDK hands it over.
pub type Item = HashMap<String, AttributeValue>;

/// The sort key of an entity's state.
pub(super) const STATE: &str = "state";
/// The attribute of a state that expires: from when on that is counted.
const KEPT_FROM: &str = "kept_from";
/// The start of the sort key of every record.
pub const RECORD_PREFIX: &str = "event#";

/// The start of the sort key of every variant.
pub const VARIANT_PREFIX: &str = "variant#";

/// The start of the partitions of attempts: no source is called so.
const ATTEMPTS: &str = "_/attempts/";
/// Their sort key, and the attribute that holds the set.
pub(super) const ATTEMPTS_SORT: &str = "attempts";

/// The attribute that is the partition of the time index. What has none is not in it.
pub const SHARD: &str = "shard";
/// How many shards each kind of entry of the time index has: one for each first hex digit of a digest.
///
/// A partition takes 1,000 write units a second (guide to `DynamoDB`, "Best practices for designing and
/// using partition keys effectively"), it is not split within a key whose sort keys only rise (AWS
/// Database Blog, "Scaling `DynamoDB`", part 2), and an index that is throttled throttles its table
/// (guide, "GSI back pressure"). An entry costs one unit, so 16 shards take 16,000 events a second.
const SHARDS: u8 = 16;

/// An item is not what was written.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the item's attribute `{0}` is missing or not what was written")]
pub struct ItemError(&'static str);

/// Returns the key of an entity's state.
#[must_use]
pub fn state_key(entity: &Entity) -> Item {
    key(entity, STATE.to_owned())
}

/// Returns the key of a record.
#[must_use]
pub fn record_key(record: &RecordKey) -> Item {
    key(&record.entity, format!("{RECORD_PREFIX}{}", record.name))
}

/// Returns the key of a variant: under its record's name, so that those of one record lie together.
#[must_use]
pub fn variant_key(variant: &Variant) -> Item {
    let (record, digest) = (&variant.record, &variant.digest);
    let sort = format!("{VARIANT_PREFIX}{}#{digest}", record.name);
    key(&record.entity, sort)
}

/// Returns the key of a message's attempts.
#[must_use]
pub fn attempts_key(message_id: &str) -> Item {
    key_of(&format!("{ATTEMPTS}{message_id}"), ATTEMPTS_SORT.to_owned())
}

fn key(entity: &Entity, sort: String) -> Item {
    key_of(entity.as_str(), sort)
}

fn key_of(partition: &str, sort: String) -> Item {
    Item::from([
        ("pk".to_owned(), text(partition)),
        ("sk".to_owned(), AttributeValue::S(sort)),
    ])
}

/// Returns a key as one text, to sort and to tell equal ones by.
#[must_use]
pub fn key_text(key: &Item) -> String {
    let part = |name| {
        key.get(name)
            .and_then(|value| value.as_s().ok())
            .map_or("", String::as_str)
    };
    format!("{}\n{}", part("pk"), part("sk"))
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

/// Writes a state.
#[must_use]
pub fn state_item(entity: &Entity, stored: &Stored, version: u64) -> Item {
    let mut item = state_key(entity);
    item.insert("version".to_owned(), number(version));
    item.insert("state".to_owned(), text(&stored.state));
    item.insert("positions".to_owned(), text(&stored.positions));
    if let Some(expiry) = stored.expiry {
        let kept_from = number(expiry.kept_from.as_millisecond());
        item.insert(KEPT_FROM.to_owned(), kept_from);
        if let Some(expires_at) = expiry.expires_at {
            item.insert("expires_at".to_owned(), number(expires_at.as_second()));
        }
    }
    if entity.opted_out().is_some() {
        let shard = Entries::OptOuts.shard_of(entity.as_str());
        item.insert(SHARD.to_owned(), text(&shard));
        // Always the same: a changed state then costs the index no write.
        item.insert("received_at".to_owned(), number(0));
    }
    item
}

/// The kinds of entries of the time index, each in its own partitions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Entries {
    /// The records, each by its event's id.
    Events,
    /// The places of the suppression list, each by its entity's name.
    OptOuts,
}

impl Entries {
    const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::OptOuts => "opt_outs",
        }
    }

    /// Returns the shard of an entry, by the first hex digit of its name's SHA-256: constant, and so
    /// independent of time, source and entity.
    #[must_use]
    pub fn shard_of(self, name: &str) -> String {
        let digest = dedup::sha256_hex(name.as_bytes());
        let digit = digest.chars().next().unwrap_or('0');
        format!("{}#{digit}", self.name())
    }

    /// Returns all shards.
    pub fn shards(self) -> impl Iterator<Item = String> {
        (0..SHARDS).map(move |digit| format!("{}#{digit:x}", self.name()))
    }
}

/// Reads a state.
///
/// # Errors
///
/// When an attribute is missing or of another type.
pub fn read_state(item: &Item) -> Result<StateItem, ItemError> {
    let stored = Stored {
        state: string(item, "state")?,
        positions: string(item, "positions")?,
        expiry: state_expiry(item)?,
    };
    Ok(StateItem {
        version: numeral(item, "version")?,
        stored: Some(stored),
    })
}

fn state_expiry(item: &Item) -> Result<Option<StateExpiry>, ItemError> {
    if !item.contains_key(KEPT_FROM) {
        return Ok(None);
    }
    let has_end = item.contains_key("expires_at");
    Ok(Some(StateExpiry {
        kept_from: millis(item, KEPT_FROM)?,
        expires_at: has_end.then(|| expires_at(item)).transpose()?,
    }))
}

/// Writes a record.
///
/// # Errors
///
/// When headers or a pointer cannot be written as JSON, which none of ours brings about.
pub fn record_item(record: &Record) -> Result<Item, serde_json::Error> {
    let mut item = record_key(&record.key);
    let mut put = |name: &str, value| item.insert(name.to_owned(), value);
    put("id", text(&record.id.to_string()));
    put("source", text(record.key.entity.source()));
    put("provider", text(&record.provider));
    put("kind", text(record.kind.as_str()));
    put("received_at", number(record.received_at.as_millisecond()));
    put(
        SHARD,
        text(&Entries::Events.shard_of(&record.id.to_string())),
    );
    put("sequence", text(&record.sequence.to_string()));
    put(
        "deliveries",
        AttributeValue::Ss(record.deliveries.iter().map(ToString::to_string).collect()),
    );
    put("data", text(&record.data));
    put("expires_at", number(record.expires_at.as_second()));
    if let Some(name) = &record.provider_event {
        put("provider_event", text(name));
    }
    if let Some(slug) = &record.slug {
        put("slug", text(slug));
    }
    if let Some(at) = record.occurred_at {
        put("occurred_at", text(&at.to_string()));
    }
    if let Some(digest) = &record.digest {
        put("digest", digest_value(digest));
    }
    if !record.variants.is_empty() {
        let digests = record.variants.iter().cloned().collect();
        put("variants", AttributeValue::Ss(digests));
    }
    if record.is_repeatable_stop {
        put("repeatable_stop", AttributeValue::Bool(true));
    }
    put_bytes(&mut item, &record.raw, &record.headers)?;
    Ok(item)
}

/// Writes a variant. Without a shard it is not in the time index, and so not among the events.
///
/// # Errors
///
/// As [`record_item`].
pub fn variant_item(variant: &Variant) -> Result<Item, serde_json::Error> {
    let mut item = variant_key(variant);
    let mut put = |name: &str, value| item.insert(name.to_owned(), value);
    put("id", text(&variant.id.to_string()));
    put("of", text(&variant.of.to_string()));
    put("received_at", number(variant.received_at.as_millisecond()));
    put("sequence", text(&variant.sequence.to_string()));
    put("expires_at", number(variant.expires_at.as_second()));
    put_bytes(&mut item, &variant.raw, &variant.headers)?;
    Ok(item)
}

/// Puts the exact bytes and the headers that matter into an item.
fn put_bytes(
    item: &mut Item,
    raw: &RawBody,
    headers: &BTreeMap<String, String>,
) -> Result<(), serde_json::Error> {
    let mut put = |name: &str, value| item.insert(name.to_owned(), value);
    if !headers.is_empty() {
        put("headers", text(&serde_json::to_string(headers)?));
    }
    match raw {
        RawBody::Plain(bytes) => put("raw", AttributeValue::B(Blob::new(bytes.clone()))),
        RawBody::Deflated(bytes) => {
            put("raw_deflated", AttributeValue::B(Blob::new(bytes.clone())))
        }
        RawBody::Stored(pointer) => put("raw_stored", text(&serde_json::to_string(pointer)?)),
    };
    Ok(())
}

/// Reads as much of a record as it takes to recognise duplicates.
///
/// # Errors
///
/// When an attribute is missing or of another type.
pub fn read_head(item: &Item) -> Result<RecordHead, ItemError> {
    Ok(RecordHead {
        id: parsed(item, "id")?,
        received_at: millis(item, "received_at")?,
        occurred_at: occurred_at(item)?,
        sequence: parsed(item, "sequence")?,
        digest: digest(item),
        deliveries: deliveries(item)?,
        variants: digests_of_variants(item),
        is_repeatable_stop: item.contains_key("repeatable_stop"),
        expires_at: expires_at(item)?,
    })
}

/// Writes a digest as its bytes, half as long as their hex; what is no hex as it is.
fn digest_value(digest: &str) -> AttributeValue {
    let bytes = hex::decode(digest).ok();
    let bytes = bytes.filter(|bytes| hex::encode(bytes) == digest);
    bytes.map_or_else(|| text(digest), |bytes| AttributeValue::B(Blob::new(bytes)))
}

fn digest(item: &Item) -> Option<String> {
    match item.get("digest")? {
        AttributeValue::B(bytes) => Some(hex::encode(bytes)),
        AttributeValue::S(text) => Some(text.clone()),
        _ => None,
    }
}

fn occurred_at(item: &Item) -> Result<Option<Timestamp>, ItemError> {
    optional(item, "occurred_at")
        .map(|at| time::parse_rfc3339(&at).ok_or(ItemError("occurred_at")))
        .transpose()
}

fn expires_at(item: &Item) -> Result<Timestamp, ItemError> {
    let second = numeral(item, "expires_at")?;
    Timestamp::from_second(second).map_err(|_| ItemError("expires_at"))
}

fn digests_of_variants(item: &Item) -> BTreeSet<String> {
    let set = item.get("variants").and_then(|value| value.as_ss().ok());
    set.into_iter().flatten().cloned().collect()
}

/// Reads a variant.
///
/// # Errors
///
/// When an attribute is missing or of another type.
pub fn read_variant(item: &Item) -> Result<Variant, ItemError> {
    let sort = string(item, "sk")?;
    let named = sort
        .strip_prefix(VARIANT_PREFIX)
        .and_then(|names| names.rsplit_once('#'));
    let (name, digest) = named.ok_or(ItemError("sk"))?;
    Ok(Variant {
        record: RecordKey {
            entity: Entity::from_name(string(item, "pk")?),
            name: name.to_owned(),
        },
        of: parsed(item, "of")?,
        digest: digest.to_owned(),
        id: parsed(item, "id")?,
        received_at: millis(item, "received_at")?,
        sequence: parsed(item, "sequence")?,
        raw: raw(item)?,
        headers: headers(item)?,
        expires_at: expires_at(item)?,
    })
}

/// Reads a whole record.
///
/// # Errors
///
/// When an attribute is missing or of another type.
pub fn read_record(item: &Item) -> Result<Record, ItemError> {
    Ok(Record {
        key: read_record_key(item)?,
        id: parsed(item, "id")?,
        provider: string(item, "provider")?,
        kind: parsed(item, "kind")?,
        provider_event: optional(item, "provider_event"),
        slug: optional(item, "slug"),
        received_at: millis(item, "received_at")?,
        occurred_at: occurred_at(item)?,
        sequence: parsed(item, "sequence")?,
        digest: digest(item),
        deliveries: deliveries(item)?,
        variants: digests_of_variants(item),
        is_repeatable_stop: item.contains_key("repeatable_stop"),
        data: string(item, "data")?,
        raw: raw(item)?,
        headers: headers(item)?,
        expires_at: expires_at(item)?,
    })
}

/// Reads a record's key.
///
/// # Errors
///
/// When the item is no record.
pub fn read_record_key(item: &Item) -> Result<RecordKey, ItemError> {
    let sort = string(item, "sk")?;
    let name = sort
        .strip_prefix(RECORD_PREFIX)
        .ok_or(ItemError("sk"))?
        .to_owned();
    Ok(RecordKey {
        entity: Entity::from_name(string(item, "pk")?),
        name,
    })
}

/// Adds a state or the head of a record to a snapshot, or its entity to those that are damaged.
pub fn add_to_snapshot(item: &Item, snapshot: &mut Snapshot) {
    let entity = Entity::from_name(string(item, "pk").unwrap_or_default());
    let is_state = string(item, "sk").is_ok_and(|sort| sort == STATE);
    let read = if is_state {
        read_state(item).map(|state| drop(snapshot.states.insert(entity.clone(), state)))
    } else {
        read_record_key(item)
            .and_then(|key| Ok((key, read_head(item)?)))
            .map(|(key, head)| drop(snapshot.records.insert(key, head)))
    };
    if let Err(error) = read {
        tracing::error!(source = entity.source(), error = %error, "item damaged");
        snapshot.damaged.insert(entity);
    }
}

/// Reads the attempts of a message: a set of receives.
#[must_use]
pub fn read_attempts(item: &Item) -> Attempt {
    let numbers = item.get(ATTEMPTS_SORT).and_then(|set| set.as_ns().ok());
    let receives = numbers.and_then(|set| set.iter().map(|number| number.parse().ok()).collect());
    receives.map_or(Attempt::Unreadable, |receives| Attempt::counted(&receives))
}

pub(super) fn raw(item: &Item) -> Result<RawBody, ItemError> {
    let blob = |name| {
        item.get(name)?
            .as_b()
            .ok()
            .map(|blob: &Blob| blob.as_ref().to_vec())
    };
    if let Some(bytes) = blob("raw") {
        return Ok(RawBody::Plain(bytes));
    }
    if let Some(bytes) = blob("raw_deflated") {
        return Ok(RawBody::Deflated(bytes));
    }
    let pointer = string(item, "raw_stored").map_err(|_| ItemError("raw"))?;
    serde_json::from_str(&pointer)
        .map(RawBody::Stored)
        .map_err(|_| ItemError("raw_stored"))
}

pub(super) fn headers(item: &Item) -> Result<BTreeMap<String, String>, ItemError> {
    match optional(item, "headers") {
        None => Ok(BTreeMap::new()),
        Some(json) => serde_json::from_str(&json).map_err(|_| ItemError("headers")),
    }
}

pub(super) fn deliveries(item: &Item) -> Result<BTreeSet<DeliveryId>, ItemError> {
    let error = ItemError("deliveries");
    let set = item
        .get("deliveries")
        .and_then(|value| value.as_ss().ok())
        .ok_or(error)?;
    set.iter().map(|id| id.parse().map_err(|_| error)).collect()
}

pub(super) fn string(item: &Item, name: &'static str) -> Result<String, ItemError> {
    optional(item, name).ok_or(ItemError(name))
}

pub(super) fn optional(item: &Item, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}

pub(super) fn parsed<T: std::str::FromStr>(
    item: &Item,
    name: &'static str,
) -> Result<T, ItemError> {
    string(item, name)?.parse().map_err(|_| ItemError(name))
}

fn numeral<T: std::str::FromStr>(item: &Item, name: &'static str) -> Result<T, ItemError> {
    let value = item.get(name).and_then(|value| value.as_n().ok());
    value
        .and_then(|digits| digits.parse().ok())
        .ok_or(ItemError(name))
}

pub(super) fn millis(item: &Item, name: &'static str) -> Result<Timestamp, ItemError> {
    Timestamp::from_millisecond(numeral(item, name)?).map_err(|_| ItemError(name))
}

#[cfg(test)]
mod tests;
