//! The time index: every record once, in order, whatever the shards, pages and spans.

use std::collections::BTreeSet;

use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_aws::dynamodb::timeline::Order;
use switchhook_core::entity::Entity;
use switchhook_core::ids::{DeliveryId, EventId};
use switchhook_core::kind::Kind;
use switchhook_core::ledger::{RawBody, Record, RecordKey};
use switchhook_core::ports::Ledger;
use switchhook_core::time::Timestamp;
use tests::TestStack;
use uuid::{NoContext, Uuid};

const BEGIN: i64 = 1_772_600_000_000;

fn millis(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap()
}

fn id(at: Timestamp, index: u16) -> EventId {
    let seconds = u64::try_from(at.as_second()).unwrap();
    let nanos = u32::try_from(at.subsec_nanosecond()).unwrap();
    let delivery = Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanos));
    EventId {
        delivery: DeliveryId::new(delivery),
        index,
    }
}

fn record(id: EventId, received_at: Timestamp) -> Record {
    Record {
        key: RecordKey {
            // Keys that sort otherwise than times and ids.
            entity: Entity::from_name(format!("voice/call/{}", id.index % 7)),
            name: id.to_string().chars().rev().collect(),
        },
        id,
        provider: "ai-sync".into(),
        kind: Kind::CallEnded,
        provider_event: None,
        slug: None,
        received_at,
        occurred_at: None,
        sequence: "1".parse().unwrap(),
        digest: None,
        deliveries: [id.delivery].into(),
        variants: [].into(),
        is_repeatable_stop: false,
        data: "{}".into(),
        raw: RawBody::Plain(Vec::new()),
        headers: [].into(),
        expires_at: Timestamp::MAX,
    }
}

/// Records some events of years apart, many of one moment and many of moments close together, and
/// returns their times and ids in order.
async fn fill(ledger: &DynamoDbLedger) -> Vec<(Timestamp, EventId)> {
    let year = 365 * 24 * 3_600 * 1_000;
    let mut events = Vec::new();
    for offset in [0, year, year + 1, 2 * year] {
        events.push((millis(BEGIN + offset), 0));
    }
    let list = id(millis(BEGIN + 1_000), 0).delivery;
    let mut all: Vec<(Timestamp, EventId)> = (0..700)
        .map(|index| {
            let delivery = list;
            (millis(BEGIN + 1_000), EventId { delivery, index })
        })
        .collect();
    for number in 0..600_u16 {
        events.push((millis(BEGIN + 5_000 + i64::from(number) / 3), number));
    }
    all.extend(events.into_iter().map(|(at, index)| (at, id(at, index))));
    for (at, id) in &all {
        ledger.put_record(&record(*id, *at)).await.unwrap();
    }
    all.sort();
    all
}

async fn read(
    ledger: &DynamoDbLedger,
    span: (Timestamp, Timestamp),
    order: Order,
    wanted: usize,
) -> Vec<(Timestamp, EventId)> {
    let mut timeline = ledger.timeline(span, order, wanted);
    let mut read = Vec::new();
    while let Some(page) = timeline.next().await.unwrap() {
        assert!(!page.is_empty());
        read.extend(
            page.into_iter()
                .map(|listed| (listed.received_at, listed.id)),
        );
    }
    assert!(timeline.next().await.unwrap().is_none());
    read
}

#[tokio::test]
async fn every_record_of_a_span_is_read_once_in_order() {
    let test = TestStack::open().await;
    let ledger = test.stack.ledger();
    let all = fill(ledger).await;
    let half = |at: i64| Timestamp::from_microsecond(at * 1_000 + 500).unwrap();
    let (ever, moment) = ((Timestamp::MIN, Timestamp::MAX), BEGIN + 1_000);
    for (since, until) in [
        ever,
        (millis(moment), millis(moment + 1)),
        (half(moment - 1), half(moment)),
        (half(moment), half(moment)), // nothing, between two milliseconds
        (millis(moment), millis(moment)),
        (millis(moment), millis(BEGIN)), // ends before it begins
        (half(BEGIN + 5_010), half(BEGIN + 5_150)),
        (millis(BEGIN + 5_100), Timestamp::MAX),
    ] {
        let is_within = |at: &Timestamp| (since..until).contains(at);
        let mut wanted: Vec<_> = all
            .iter()
            .filter(|(at, _)| is_within(at))
            .copied()
            .collect();
        for order in [Order::OldestFirst, Order::NewestFirst] {
            for about in [0, 50, 1_000, usize::MAX] {
                let read = read(ledger, (since, until), order, about).await;
                assert_eq!(read, wanted, "{since} {until} {order:?} {about}");
            }
            wanted.reverse();
        }
    }
}

#[tokio::test]
async fn what_is_not_read_to_the_end_is_the_newest() {
    let test = TestStack::open().await;
    let all = fill(test.stack.ledger()).await;
    for limit in [1, 5, 50, 300, 1_200] {
        let ever = (Timestamp::MIN, Timestamp::MAX);
        let mut timeline = test
            .stack
            .ledger()
            .timeline(ever, Order::NewestFirst, limit);
        let mut read = Vec::new();
        while read.len() < limit {
            read.extend(timeline.next().await.unwrap().unwrap());
        }
        let newest = read.iter().take(limit).map(|listed| listed.id);
        let wanted = all.iter().rev().take(limit).map(|(_, id)| *id);
        assert!(newest.eq(wanted), "{limit}");
    }
}

#[tokio::test]
async fn events_are_found_by_their_ids_alone() {
    let test = TestStack::open().await;
    let ledger = test.stack.ledger();
    let all = fill(ledger).await;
    for (_, id) in all.iter().step_by(97) {
        assert_eq!(ledger.find(*id).await.unwrap().unwrap().id, *id);
    }
    // An accepted time that is not the id's, as when the clock was set between.
    let at = millis(BEGIN);
    let (early, late, foreign) = (id(at, 1), id(at, 2), id(at, 3));
    for (id, received_at) in [(early, BEGIN - 3_500_000), (late, BEGIN + 3_500_000)] {
        let record = record(id, millis(received_at));
        ledger.put_record(&record).await.unwrap();
        assert_eq!(ledger.find(id).await.unwrap().unwrap().id, id);
    }
    assert!(ledger.find(foreign).await.unwrap().is_none());
}

#[tokio::test]
async fn suppression_list_and_variants_are_no_events() {
    let test = TestStack::open().await;
    let ledger = test.stack.ledger();
    let names: BTreeSet<String> = (0..40)
        .map(|number| Entity::opt_out(&format!("+1555010{number:04}"), "sms").to_string())
        .collect();
    for name in &names {
        let entity = Entity::from_name(name.clone());
        ledger
            .put_state(&entity, &Default::default(), 0)
            .await
            .unwrap();
    }
    let listed = ledger.opt_outs().await.unwrap();
    let listed: BTreeSet<_> = listed.iter().map(ToString::to_string).collect();
    assert_eq!(listed, names);
    assert!(test.listed().await.is_empty());
}
