//! What items and writes cost by DynamoDB's rules.
//!
//! An item's size is that of its names and values: text by its UTF-8 bytes, a number by half its
//! digits and one more, sets by their elements, lists and maps by 3 bytes, their elements and one byte
//! for each. A write costs one unit for each KiB begun of the larger of the old and the new item; the
//! index pays for each of its entries that is put or removed; a consistent read costs one unit for each
//! 4 KiB begun. Storage is charged for an item's size and 100 bytes, in the table and in the index.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// An item in DynamoDB's JSON.
pub type Item = Map<String, Value>;

/// The attributes of an entry of the time index.
const INDEXED: [&str; 6] = ["pk", "sk", "shard", "received_at", "id", "kind"];
/// Those without which an item has no entry.
const INDEX_KEY: [&str; 2] = ["shard", "received_at"];

/// What storage is charged for beside the item itself.
const STORAGE_OVERHEAD: usize = 100;

/// Returns the size of an item in bytes.
#[must_use]
pub fn size(item: &Item) -> usize {
    item.iter()
        .map(|(name, value)| name.len() + value_size(value))
        .sum()
}

fn value_size(value: &Value) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|typed| typed.iter().next()) else {
        return 0;
    };
    let text = |value: &Value| value.as_str().map_or(0, str::len);
    let array = || value.as_array().into_iter().flatten();
    match kind.as_str() {
        "S" => text(value),
        "N" => number_size(value),
        "B" => binary_size(value),
        "SS" => array().map(text).sum(),
        "NS" => array().map(number_size).sum(),
        "BS" => array().map(binary_size).sum(),
        "L" => {
            3 + array()
                .map(|element| 1 + value_size(element))
                .sum::<usize>()
        }
        "M" => {
            let fields = value.as_object().into_iter().flatten();
            let fields = fields.map(|(name, value)| 1 + name.len() + value_size(value));
            3 + fields.sum::<usize>()
        }
        _ => 1, // NULL, BOOL
    }
}

fn number_size(value: &Value) -> usize {
    let digits = value.as_str().unwrap_or_default();
    digits.trim_start_matches('-').len().div_ceil(2) + 1
}

fn binary_size(value: &Value) -> usize {
    let text = value.as_str().unwrap_or_default();
    STANDARD.decode(text).map_or(0, |bytes| bytes.len())
}

/// Returns the write units of replacing `old` by `new`, the index included.
#[must_use]
pub fn write(old: Option<&Item>, new: &Item) -> u64 {
    let bytes = old.map_or(0, size).max(size(new));
    kibs(bytes, 1) + index(old, new)
}

/// Returns the part of them that the index takes.
#[must_use]
pub fn index(old: Option<&Item>, new: &Item) -> u64 {
    index_write(old.and_then(indexed), indexed(new))
}

/// Returns the bytes of an item's storage: in the table, and in the index.
#[must_use]
pub fn stored(item: &Item) -> (usize, usize) {
    let entry = indexed(item).map_or(0, |entry| size(&entry) + STORAGE_OVERHEAD);
    (size(item) + STORAGE_OVERHEAD, entry)
}

/// Returns the write units of a condition that does not hold.
#[must_use]
pub fn refused(existing: Option<&Item>) -> u64 {
    kibs(existing.map_or(0, size), 1)
}

/// Returns the units of a consistent read of an item, or of one that is not there.
#[must_use]
pub fn read(item: Option<&Item>) -> u64 {
    kibs(item.map_or(0, size), 4)
}

fn index_write(old: Option<Item>, new: Option<Item>) -> u64 {
    let key = |entry: &Item| INDEX_KEY.map(|name| entry.get(name).cloned());
    match (old, new) {
        (None, None) => 0,
        (Some(entry), None) | (None, Some(entry)) => kibs(size(&entry), 1),
        (Some(old), Some(new)) if old == new => 0,
        (Some(old), Some(new)) if key(&old) == key(&new) => kibs(size(&old).max(size(&new)), 1),
        (Some(old), Some(new)) => kibs(size(&old), 1) + kibs(size(&new), 1),
    }
}

fn indexed(item: &Item) -> Option<Item> {
    let is_in = INDEX_KEY.iter().all(|name| item.contains_key(*name));
    let entry = item
        .iter()
        .filter(|(name, _)| INDEXED.contains(&name.as_str()));
    is_in.then(|| entry.map(|(n, v)| (n.clone(), v.clone())).collect())
}

fn kibs(bytes: usize, unit: usize) -> u64 {
    let units = bytes.div_ceil(unit * 1024).max(1);
    u64::try_from(units).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(value: &Value) -> Item {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn sizes_are_those_of_the_developer_guide() {
        let cases = [
            (json!({"name": {"S": "é!"}}), 4 + 3),
            (json!({"n": {"N": "-1234567"}}), 1 + 5),
            (json!({"b": {"B": "AAEC"}}), 1 + 3),
            (json!({"s": {"SS": ["ab", "c"]}}), 1 + 3),
            (
                json!({"l": {"L": [{"S": "ab"}, {"BOOL": true}]}}),
                1 + 3 + 3 + 2,
            ),
            (json!({"m": {"M": {"k": {"S": "v"}}}}), 1 + 3 + 1 + 1 + 1),
        ];
        for (value, bytes) in cases {
            assert_eq!(size(&item(&value)), bytes, "{value}");
        }
    }

    #[test]
    fn a_write_pays_for_the_larger_item_and_for_the_index_where_it_changes() {
        let plain = |bytes: usize| item(&json!({"pk": {"S": "x".repeat(bytes - 2)}}));
        assert_eq!(write(None, &plain(1024)), 1);
        assert_eq!(write(None, &plain(1025)), 2);
        assert_eq!(write(Some(&plain(3000)), &plain(10)), 3);
        let entry = |shard: &str, data: usize| {
            item(&json!({
                "pk": {"S": "e"}, "shard": {"S": shard}, "received_at": {"N": "1"},
                "data": {"S": "x".repeat(data)},
            }))
        };
        assert_eq!(write(None, &entry("h", 10)), 2);
        assert_eq!(write(None, &entry("h", 2000)), 3, "data is not indexed");
        assert_eq!(write(Some(&entry("h", 10)), &entry("h", 20)), 1);
        assert_eq!(write(Some(&entry("h", 10)), &entry("i", 10)), 3);
        assert_eq!(index(Some(&entry("h", 10)), &entry("i", 10)), 2);
        assert_eq!((read(None), read(Some(&plain(4097)))), (1, 2));
        assert_eq!(stored(&plain(500)), (600, 0));
        let (whole, key) = (size(&entry("h", 10)), "pkeshardhreceived_at".len() + 2);
        assert_eq!(stored(&entry("h", 10)), (whole + 100, key + 100));
    }
}
