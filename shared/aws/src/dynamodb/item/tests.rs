//! Items survive being written and read.

use super::*;
use switchhook_core::body::Pointer;
use switchhook_core::ids::EventId;
use switchhook_core::kind::Kind;

fn record(raw: RawBody) -> Record {
    let id: EventId = "019aad2b-7c00-7000-8000-000000000001.0".parse().unwrap();
    Record {
        key: RecordKey {
            entity: Entity::from_name("voice/call/c/1".into()),
            name: "k#7".into(),
        },
        id,
        provider: "ai-sync".into(),
        kind: Kind::CallEnded,
        provider_event: Some("call.ended".into()),
        slug: None,
        received_at: Timestamp::from_millisecond(1_700_000_000_123).unwrap(),
        occurred_at: time::parse_rfc3339("2025-01-15T14:30:25.123Z"),
        sequence: "340282366920938463463374607431768211455".parse().unwrap(),
        digest: Some("00ff".into()),
        deliveries: [id.delivery].into(),
        variants: ["11".to_owned(), "22".to_owned()].into(),
        is_repeatable_stop: true,
        data: "{}".into(),
        raw,
        headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
        expires_at: Timestamp::from_second(1_800_000_000).unwrap(),
    }
}

#[test]
fn records_survive_their_items() {
    let pointer = Pointer {
        key: "k".into(),
        length: 3,
        sha256: "00".into(),
    };
    for raw in [
        RawBody::Plain(vec![0, 255]),
        RawBody::Deflated(vec![]),
        RawBody::Stored(pointer),
    ] {
        let record = record(raw);
        let item = record_item(&record).unwrap();
        assert_eq!(read_record(&item).unwrap(), record);
        assert_eq!(read_head(&item).unwrap(), RecordHead::from(&record));
    }
}

#[test]
fn variants_survive_their_items_and_are_not_indexed() {
    let id: EventId = "019aad2b-7c00-7000-8000-000000000002.3".parse().unwrap();
    let variant = Variant {
        record: record(RawBody::Plain(vec![])).key,
        of: record(RawBody::Plain(vec![])).id,
        digest: "00ff".into(),
        id,
        received_at: Timestamp::from_millisecond(1_700_000_000_123).unwrap(),
        sequence: "7".parse().unwrap(),
        raw: RawBody::Deflated(vec![1]),
        headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
        expires_at: Timestamp::from_second(1_800_000_000).unwrap(),
    };
    let item = variant_item(&variant).unwrap();
    assert_eq!(read_variant(&item).unwrap(), variant);
    assert_eq!(string(&item, "sk").unwrap(), "variant#k#7#00ff");
    assert!(!item.contains_key(SHARD) && !item.contains_key("deliveries"));
}

#[test]
fn states_of_the_suppression_list_alone_are_indexed_and_spread_over_their_shards() {
    let shard = |entity: &Entity| {
        let item = state_item(entity, &Stored::default(), 1);
        assert_eq!(read_state(&item).unwrap().version, 1);
        optional(&item, SHARD)
    };
    let shards: BTreeSet<_> = Entries::OptOuts.shards().collect();
    let phones = (0..500).map(|n| Entity::opt_out(&format!("+1555{n:07}"), "sms"));
    let used: BTreeSet<_> = phones.map(|entity| shard(&entity).unwrap()).collect();
    assert_eq!((used.len(), &used), (16, &shards));
    assert_eq!(shard(&Entity::from_name("voice/call/c".into())), None);
}

#[test]
fn records_of_one_entity_and_one_moment_are_spread_evenly_over_their_shards() {
    let mut record = record(RawBody::Plain(vec![]));
    let mut counts: BTreeMap<String, usize> =
        Entries::Events.shards().map(|shard| (shard, 0)).collect();
    for index in 0..1_600 {
        record.id.index = index;
        let item = record_item(&record).unwrap();
        let shard = string(&item, SHARD).unwrap();
        *counts.get_mut(&shard).expect("a shard that readers ask") += 1;
    }
    assert_eq!(counts.len(), 16);
    assert!(
        counts.values().all(|count| (60..150).contains(count)),
        "{counts:?}"
    );
}

#[test]
fn the_shard_is_the_first_digit_of_the_ids_digest() {
    // `printf %s ID | sha256sum` begins so.
    let id = "019aad2b-7c00-7000-8000-000000000001.0";
    assert_eq!(Entries::Events.shard_of(id), "events#0");
}

#[test]
fn a_missing_attribute_is_named() {
    let mut item = record_item(&record(RawBody::Plain(vec![]))).unwrap();
    item.remove("sequence");
    assert!(
        read_record(&item)
            .unwrap_err()
            .to_string()
            .contains("`sequence`")
    );
    item.remove("raw");
    assert!(read_record(&item).is_err());
}

#[test]
fn states_survive_their_items_with_and_without_an_expiry() {
    let entity = Entity::from_name("voice/call/c".into());
    let at = |millis| Timestamp::from_millisecond(millis).unwrap();
    let expiry = StateExpiry {
        kept_from: at(1_700_000_000_123),
        expires_at: Some(at(1_800_000_000_000)),
    };
    let endless = StateExpiry {
        expires_at: None,
        ..expiry
    };
    for expiry in [None, Some(expiry), Some(endless)] {
        let stored = Stored {
            state: "{}".into(),
            positions: "{}".into(),
            expiry,
        };
        let item = state_item(&entity, &stored, 3);
        let end = expiry.and_then(|expiry| expiry.expires_at);
        assert_eq!(item.contains_key("expires_at"), end.is_some());
        assert_eq!(item.contains_key("kept_from"), expiry.is_some());
        let read = read_state(&item).unwrap();
        assert_eq!((read.version, read.stored), (3, Some(stored)));
    }
}
