//! Invariant 5 for deliveries of several events: all of them are durable or none is confirmed, and
//! whatever a provider sends again counts once.
//!
//! Time is the runtime's own here: it stands still while the disk works.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use aws_sdk_sqs::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sqs::error::BoxError;
use consumer::routes::routes;
use ingress::service::Ingress;
use ingress::sources::SourceCache;
use lambda_http::Body;
use serde_json::{Value, json};
use switchhook_aws::sqs::SqsQueue;
use switchhook_core::body::MAX_BODY_BYTES;
use switchhook_core::body::inflate;
use switchhook_core::kind::Kind;
use switchhook_core::ledger::{RawBody, Record};
use switchhook_core::time::Clock;
use tests::{FixedSources, TestClock, TestStack, event};

use super::rig::Rig;
use crate::doubles::BodiesDouble;

const SOURCES: &str = r#"
[sources.texts]
provider = "cellcast"
users = [{ username = "hooks", password = "s3cret:with colons" }]
"#;
// printf 'hooks:s3cret:with colons' | openssl base64
const LOGIN: (&str, &str) = ("authorization", "Basic aG9va3M6czNjcmV0OndpdGggY29sb25z");
const PATH: &str = "/webhooks/texts/status";

/// Has the queue refuse the entry about one message, as often as is said; the other entries of its
/// batch are taken. SQS takes no message without a body.
#[derive(Debug)]
struct Refusal {
    about: String,
    left: AtomicU32,
}

impl Intercept for Refusal {
    fn name(&self) -> &'static str {
        "refusal"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let mut sent: Value = serde_json::from_slice(request.body().bytes().unwrap())?;
        let entries = sent["Entries"].as_array_mut().into_iter().flatten();
        let is_about = |entry: &&mut Value| entry["MessageGroupId"] == json!(self.about);
        let Some(entry) = entries.into_iter().find(is_about) else {
            return Ok(());
        };
        let (set, fetch) = (Ordering::SeqCst, Ordering::SeqCst);
        let one_less = |left: u32| left.checked_sub(1);
        if self.left.fetch_update(set, fetch, one_less).is_ok() {
            entry["MessageBody"] = json!("");
            let body = sent.to_string();
            let length = body.len().to_string();
            request.headers_mut().insert("content-length", length);
            *request.body_mut() = body.into();
        }
        Ok(())
    }
}

async fn open() -> Rig {
    Rig::with_sources(SOURCES, routes(), TestClock::at("2026-03-04T05:06:07.089Z")).await
}

/// An ingress over the queue of a stack that refuses a message's entry so many times.
fn refusing(rig: &Rig, message: usize, times: u32) -> Ingress {
    let refusal = Refusal {
        about: entity(message),
        left: AtomicU32::new(times),
    };
    let config = rig
        .client
        .config()
        .to_builder()
        .interceptor(refusal)
        .build();
    let queue = SqsQueue::new(aws_sdk_sqs::Client::from_conf(config), rig.url.clone());
    let clock = || -> Arc<dyn Clock> { Arc::<TestClock>::clone(&rig.test.clock) };
    let sources = SourceCache::new(Arc::new(FixedSources(SOURCES.to_owned())), clock());
    let bodies = Arc::new(BodiesDouble::default());
    Ingress::new(sources, Arc::new(queue), bodies, clock())
}

/// Posts to an ingress of our own and returns status and answer.
async fn post(ingress: &Ingress, body: &str) -> (i64, String) {
    let event = event("POST", PATH, &[LOGIN], body.as_bytes());
    let response = ingress.serve(&event).await;
    let Some(Body::Text(answer)) = response.body else {
        panic!("no answer")
    };
    (response.status_code, answer)
}

fn status(message: usize) -> String {
    format!(r#"{{"message_id":"m{message}","status":"Delivered","recipient":"+6140{message:07}"}}"#)
}

fn list(count: usize) -> String {
    let events: Vec<_> = (0..count).map(status).collect();
    format!("[{}]", events.join(","))
}

/// Returns every record.
async fn all_records(test: &TestStack) -> Vec<Record> {
    let ledger = test.stack.ledger();
    let listed = test.listed().await;
    let keys: Vec<_> = listed.into_iter().map(|listed| listed.key).collect();
    ledger.records(&keys).await.unwrap()
}

/// Returns the entity of a message's status.
fn entity(message: usize) -> String {
    format!("texts/message/m{message},+6140{message:07}")
}

/// Returns how many records there are of each entity.
fn by_entity(records: &[Record]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for record in records {
        *counts.entry(record.key.entity.as_str()).or_default() += 1;
    }
    counts
}

#[track_caller]
fn assert_each_once(records: &[Record], count: usize) {
    let entities: Vec<_> = (0..count).map(entity).collect();
    let wanted: BTreeMap<_, _> = entities.iter().map(|e| (e.as_str(), 1)).collect();
    assert_eq!(by_entity(records), wanted);
}

/// Has time stand still for as long as the answer lives, but a minute at most: the laptop's threads
/// take theirs, and to a paused clock a runtime that waits for them is idle.
fn still_time() -> mpsc::Sender<()> {
    let (alive, ended) = mpsc::channel();
    tokio::task::spawn_blocking(move || ended.recv_timeout(Duration::from_secs(60)));
    alive
}

#[tokio::test(start_paused = true)]
async fn a_list_of_which_one_event_is_refused_is_not_received_until_all_are_and_counts_once() {
    let _still = still_time();
    let rig = open().await;
    let ingress = refusing(&rig, 7, 2);
    let (status, answer) = post(&ingress, &list(25)).await;
    assert_eq!(
        (status, answer.as_str()),
        (503, r#"{"error":"unavailable"}"#)
    );
    rig.settle().await;
    let refused = &entity(7);
    assert!(rig.records(refused).await.is_empty(), "it was refused");
    let taken = all_records(&rig.test).await.len();
    assert!(taken > 0, "what was taken is recorded");

    let (status, answer) = post(&ingress, &list(25)).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(r#""events":25"#), "{answer}");
    rig.settle().await;
    let records = all_records(&rig.test).await;
    assert_each_once(&records, 25);
    let twice = records.iter().filter(|record| record.deliveries.len() == 2);
    assert_eq!(twice.count(), taken, "what came twice was counted once");
    let late = rig.records(refused).await;
    assert_eq!((late.len(), late[0].deliveries.len()), (1, 1));
    assert_eq!(rig.state(refused).await["status"], "delivered");
}

#[tokio::test(start_paused = true)]
async fn an_event_of_a_list_that_is_refused_once_is_sent_again_by_ourselves() {
    let _still = still_time();
    let rig = open().await;
    let ingress = refusing(&rig, 7, 1);
    let (status, answer) = post(&ingress, &list(25)).await;
    assert_eq!(status, 200, "{answer}");
    rig.settle().await;
    let records = all_records(&rig.test).await;
    assert_each_once(&records, 25);
    assert!(records.iter().all(|record| record.deliveries.len() == 1));
}

#[tokio::test(start_paused = true)]
async fn a_list_of_a_thousand_events_is_received_and_recorded() {
    let _still = still_time();
    let test = TestStack::with(SOURCES, TestClock::at("2026-03-04T05:06:07.089Z")).await;
    let (status, answer) = test.post_to(PATH, &[LOGIN], list(1_000).as_bytes()).await;
    assert_eq!(
        (status, &answer["events"]),
        (200, &json!(1_000)),
        "{answer}"
    );
    test.stack.drain().await.unwrap();
    assert!(test.stack.dead_letters().await.unwrap().is_empty());
    let records = all_records(&test).await;
    assert_each_once(&records, 1_000);
    let ids: BTreeMap<_, _> = records
        .iter()
        .map(|record| (record.id.index, record.key.entity.as_str()))
        .collect();
    assert_eq!(ids.len(), 1_000, "each has an index of its own");
    assert_eq!(ids[&999], entity(999));
}

#[tokio::test(start_paused = true)]
async fn a_list_of_one_more_is_kept_whole_as_unreadable() {
    let _still = still_time();
    let test = TestStack::with(SOURCES, TestClock::at("2026-03-04T05:06:07.089Z")).await;
    let body = list(1_001);
    let (status, answer) = test.post_to(PATH, &[LOGIN], body.as_bytes()).await;
    assert_eq!((status, &answer["events"]), (200, &json!(1)), "{answer}");
    test.stack.drain().await.unwrap();
    let records = all_records(&test).await;
    assert_eq!((records.len(), records[0].kind), (1, Kind::Unreadable));
    assert!(records[0].data.contains("more than 1000 events"));
}

#[tokio::test]
async fn events_of_a_list_in_another_charset_keep_their_bytes_and_are_read() {
    let elements = [
        "{\"message_id\":\"m0\",\"status\":\"Delivered\",\"recipient\":\"J\u{f6}rg\"}",
        r#"{"message_id":"m1","status":"Sent","recipient":"\ud83d"}"#,
    ];
    type Encode<'a> = &'a dyn Fn(&str) -> Vec<u8>;
    let list = format!("[ {} ]", elements.join(" ,\n"));
    let utf16 = |text: &str| {
        let bytes = text.encode_utf16().flat_map(u16::to_le_bytes);
        bytes.collect::<Vec<u8>>()
    };
    let latin1 = |text: &str| {
        let bytes = text.chars().map(|c| u8::try_from(c).unwrap());
        bytes.collect::<Vec<u8>>()
    };
    let cases: [(&str, &[u8], Encode<'_>); 3] = [
        ("application/json", b"\xff\xfe", &utf16),
        ("application/json; charset=utf-16", b"", &utf16),
        ("application/json; charset=iso-8859-1", b"", &latin1),
    ];
    for (content_type, mark, encode) in cases {
        let rig = open().await;
        let body = [mark, &encode(&list)].concat();
        let headers = [LOGIN, ("content-type", content_type)];
        let event = event("POST", PATH, &headers, &body);
        let answer = rig.test.stack.ingress().serve(&event).await;
        assert_eq!(answer.status_code, 200);
        rig.test.stack.drain().await.unwrap();
        let mut records = all_records(&rig.test).await;
        records.sort_by_key(|record| record.id);
        let raw = records.iter().map(|record| match &record.raw {
            RawBody::Plain(bytes) => bytes.clone(),
            RawBody::Deflated(bytes) => inflate(bytes, MAX_BODY_BYTES).unwrap(),
            RawBody::Stored(_) => panic!("stored"),
        });
        assert_eq!(
            raw.collect::<Vec<_>>(),
            elements.map(encode),
            "{content_type}"
        );
        let to = records.iter().map(|record| {
            let data: Value = serde_json::from_str(&record.data).unwrap();
            data["to"].as_str().unwrap().to_owned()
        });
        assert_eq!(
            to.collect::<Vec<_>>(),
            ["J\u{f6}rg", "\u{fffd}"],
            "{content_type}"
        );
    }
}
