//! Holds the ledger and the queues against the senders' notes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use switchhook::local::data_dir::DataDir;
use switchhook::local::sqs::Queues;
use switchhook::local::stack;
use switchhook_core::ids::DeliveryId;

use super::load::{Event, Fate, Notes};
use crate::programs::Home;

pub(super) const QUEUE: &str = "switchhook.fifo";
pub(super) const DEAD_LETTERS: &str = "switchhook-dead-letters.fifo";

/// Returns how many events of each delivery the ledger has.
pub(super) async fn recorded(data: &DataDir) -> BTreeMap<DeliveryId, usize> {
    let ledger = stack::open_ledger(data).unwrap();
    let mut counted = BTreeMap::new();
    for (_, id) in ledger.deliveries().await.unwrap() {
        *counted.entry(id).or_default() += 1;
    }
    counted
}

/// Returns how many messages a queue holds, in flight or not.
pub(super) async fn depth(data: &DataDir, queue: &str) -> usize {
    let queues = Queues::open(&data.queue(), Arc::new(|| 0)).unwrap();
    let request = json!({"QueueUrl": queue, "AttributeNames": ["All"]}).to_string();
    let answer = queues.call("GetQueueAttributes", request.as_bytes()).await;
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
    ]
    .iter()
    .map(|count| answer["Attributes"][count].as_str().unwrap())
    .map(|count| count.parse::<usize>().unwrap())
    .sum()
}

/// Checks that each delivery that was acknowledged is counted once by each of its events, and no
/// delivery more often.
pub(super) fn check_deliveries(notes: &Notes, counted: &BTreeMap<DeliveryId, usize>) {
    let most = notes.keys().map(|delivery| delivery.events.len()).max();
    assert!(counted.values().max() <= most.as_ref(), "counted twice");
    for (delivery, fate) in notes {
        for id in &fate.acknowledged {
            let events = counted.get(id).copied().unwrap_or_default();
            assert_eq!(events, delivery.events.len(), "{id} was acknowledged");
        }
    }
}

/// Checks that `sources` counts each delivery that was acknowledged, and of those without an answer at
/// most all.
pub(super) fn check_hits(home: &Home, notes: &Notes) {
    let least: usize = notes.values().map(|fate| fate.acknowledged.len()).sum();
    let unanswered: usize = notes.values().map(|fate| fate.unanswered).sum();
    let hits = home.run(&["sources", "--json"]).json_lines();
    let hits: u64 = hits
        .iter()
        .map(|source| source["hits"].as_u64().unwrap())
        .sum();
    let hits = usize::try_from(hits).unwrap();
    assert!(
        (least..=least + unanswered).contains(&hits),
        "{hits} hits of {least} deliveries acknowledged and {unanswered} unanswered"
    );
}

/// Checks that each event is recorded once, with its own bytes, and counts the deliveries that told it.
pub(super) fn check_events(home: &Home, notes: &Notes) -> usize {
    let mut recorded = BTreeMap::new();
    for event in home.events() {
        let raw = STANDARD.decode(event["raw"].as_str().unwrap()).unwrap();
        let twice = recorded.insert(String::from_utf8(raw).unwrap(), event);
        assert!(twice.is_none(), "recorded twice: {twice:?}");
    }
    let told = told(notes);
    let sent: BTreeSet<_> = told.keys().map(|event| &event.bytes).collect();
    let known: BTreeSet<_> = recorded.keys().collect();
    let missing: Vec<_> = sent.difference(&known).map(|bytes| shown(bytes)).collect();
    let strange: Vec<_> = known.difference(&sent).map(|bytes| shown(bytes)).collect();
    assert!(
        missing.is_empty() && strange.is_empty(),
        "sent and not recorded: {missing:#?}, recorded and not sent: {strange:#?}"
    );
    for (event, fates) in &told {
        let record = &recorded[&event.bytes];
        let deliveries = usize::try_from(record["deliveries"].as_u64().unwrap()).unwrap();
        let least: usize = fates.iter().map(|fate| fate.acknowledged.len()).sum();
        let unanswered: usize = fates.iter().map(|fate| fate.unanswered).sum();
        assert!(
            (least..=least + unanswered).contains(&deliveries),
            "{deliveries} copies of {fates:?}"
        );
        assert_eq!(record["kind"], event.kind);
        assert_eq!(record["entity"], event.entity);
    }
    told.len()
}

/// Returns all events, each with the fates of the deliveries that tell it.
fn told(notes: &Notes) -> BTreeMap<&Event, Vec<&Fate>> {
    let mut told = BTreeMap::<_, Vec<_>>::new();
    for (delivery, fate) in notes {
        for event in &delivery.events {
            told.entry(event).or_default().push(fate);
        }
    }
    told
}

/// As much of an event as tells which it is.
fn shown(bytes: &str) -> String {
    bytes.chars().take(200).collect()
}
