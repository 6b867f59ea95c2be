//! What providers send again: as long as they may, it is the event that came before.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use switchhook::samples::{self, Delivery, Variation};
use switchhook_core::config::Sources;
use switchhook_core::dedup;
use switchhook_core::entity::Entity;
use switchhook_core::ledger::Record;
use switchhook_core::time::Timestamp;
use tests::{TestClock, TestStack};

const NOW: &str = "2026-03-04T05:06:07Z";
const TOKEN: &str = "a-token-of-22-characters-and-more";

const SOURCES: &str = r#"
[sources.hooks]
provider = "standard-webhooks"
secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
[sources.desk]
provider = "nectar-desk"
tokens = ["a-token-of-22-characters-and-more"]
"#;

async fn stack() -> TestStack {
    TestStack::with(SOURCES, TestClock::at(NOW)).await
}

/// Builds a sample of Standard Webhooks as it is sent at a time: id and body are the same each time.
fn attempt(at: &str) -> Delivery {
    let sources = Sources::from_toml(SOURCES).unwrap();
    let known = samples::of("standard-webhooks");
    let sample = known.iter().find(|sample| sample.name == "without-type");
    let variation = Variation {
        at: at.parse().unwrap(),
        ..Variation::default()
    };
    samples::build(sample.unwrap(), sources.get("hooks").unwrap(), &variation)
}

fn header<'a>(delivery: &'a Delivery, name: &str) -> &'a str {
    let found = delivery.headers.iter().find(|header| header.0 == name);
    &found.unwrap().1
}

async fn post(test: &TestStack, delivery: &Delivery) -> u16 {
    let headers: Vec<_> = delivery
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let posted = test.post_to(&delivery.path, &headers, &delivery.body);
    posted.await.0
}

async fn records(test: &TestStack, entity: &str) -> Vec<Record> {
    test.stack.drain().await.unwrap();
    let entity = Entity::from_name(entity.to_owned());
    test.stack.ledger().events_of(&entity).await.unwrap()
}

/// Standard Webhooks signs every attempt anew; only the id stays.
#[tokio::test]
async fn an_attempt_that_is_signed_anew_is_the_same_event() {
    let test = stack().await;
    let (first, second) = (attempt(NOW), attempt("2026-03-07T08:41:12Z"));
    let entity = format!("hooks/delivery/{}", header(&first, "webhook-id"));
    assert_eq!(post(&test, &first).await, 200);
    test.clock.advance(75 * 60 * 60 + 35 * 60 + 5); // the last attempt of the specification's schedule
    assert_eq!(
        post(&test, &first).await,
        401,
        "the first one, sent again by anybody"
    );
    assert_ne!(
        header(&first, "webhook-signature"),
        header(&second, "webhook-signature")
    );
    assert_eq!(post(&test, &second).await, 200);
    let records = records(&test, &entity).await;
    assert_eq!((records.len(), records[0].deliveries.len()), (1, 2));
}

/// The specification names the id as what makes it the same event, whatever the body.
#[tokio::test]
async fn another_id_is_another_event() {
    let test = stack().await;
    let all = samples::of("standard-webhooks");
    let sources = Sources::from_toml(SOURCES).unwrap();
    let variation = Variation {
        at: NOW.parse().unwrap(),
        ..Variation::default()
    };
    for sample in all {
        let delivery = samples::build(sample, sources.get("hooks").unwrap(), &variation);
        assert_eq!(post(&test, &delivery).await, 200);
        let entity = format!("hooks/delivery/{}", header(&delivery, "webhook-id"));
        assert_eq!(records(&test, &entity).await.len(), 1, "{}", sample.name);
    }
}

/// Its id tells an event from others even where its body cannot be read.
#[tokio::test]
async fn another_id_of_the_same_unreadable_body_is_another_event() {
    let test = stack().await;
    let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let seconds = NOW.parse::<Timestamp>().unwrap().as_second().to_string();
    for id in ["msg_1", "msg_2", "msg_1"] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let tag = hmac::sign(&key, format!("{id}.{seconds}.ping").as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(tag));
        let headers = [
            ("webhook-id", id),
            ("webhook-timestamp", &seconds),
            ("webhook-signature", &signature),
        ];
        let (status, _) = test.post_to("/webhooks/hooks", &headers, b"ping").await;
        assert_eq!(status, 200);
    }
    for (id, count) in [("msg_1", 2), ("msg_2", 1)] {
        let key = dedup::digest(&[b"", id.as_bytes()]);
        let records = records(&test, &format!("hooks/delivery/{key}")).await;
        assert_eq!((records.len(), records[0].deliveries.len()), (1, count));
    }
}

/// A retry that is compressed anew has other bytes and says the same.
#[tokio::test]
async fn a_retry_that_is_compressed_anew_is_the_same_event() {
    let test = stack().await;
    let path = format!("/webhooks/desk/{TOKEN}/call-ended");
    for mtime in [1, 2] {
        let mut gzip = flate2::GzBuilder::new()
            .mtime(mtime)
            .write(Vec::new(), flate2::Compression::fast());
        gzip.write_all(br#"{"id":7}"#).unwrap();
        let body = gzip.finish().unwrap();
        let headers = [("content-encoding", "gzip")];
        assert_eq!(test.post_to(&path, &headers, &body).await.0, 200);
    }
    let records = records(&test, "desk/call/7").await;
    assert_eq!((records.len(), records[0].deliveries.len()), (1, 2));
}

/// Nectar Desk's events have no id: the same bytes later are another change, back and forth.
#[tokio::test]
async fn a_contact_that_was_changed_back_is_another_event_after_two_minutes() {
    let test = stack().await;
    let path = format!("/webhooks/desk/{TOKEN}/contact-modified");
    let [one, other] = [
        r#"{"id":31,"email":"a@b.example"}"#,
        r#"{"id":31,"email":"c@d.example"}"#,
    ];
    for (body, later) in [(one, 0), (one, 119), (other, 0), (one, 2), (one, 0)] {
        test.clock.advance(later);
        assert_eq!(test.post_to(&path, &[], body.as_bytes()).await.0, 200);
        test.stack.drain().await.unwrap(); // in this order
    }
    let records = records(&test, "desk/contact/31").await;
    let counts: Vec<_> = records.iter().map(|r| r.deliveries.len()).collect();
    assert_eq!(counts, [2, 1, 2]);
    let entity = Entity::from_name("desk/contact/31".to_owned());
    let state = test.stack.ledger().state(&entity).await.unwrap().unwrap();
    let state: serde_json::Value = serde_json::from_str(&state.state).unwrap();
    assert_eq!(state["email"], "a@b.example");
}

/// What happens once to a call is one event whenever it comes again.
#[tokio::test]
async fn the_end_of_a_call_is_one_event_for_as_long_as_its_record_lives() {
    let test = stack().await;
    let path = format!("/webhooks/desk/{TOKEN}/call-ended");
    for _ in 0..3 {
        assert_eq!(test.post_to(&path, &[], br#"{"id":7}"#).await.0, 200);
        test.clock.advance(24 * 60 * 60);
    }
    let records = records(&test, "desk/call/7").await;
    assert_eq!((records.len(), records[0].deliveries.len()), (1, 3));
}
