//! Duplicates whose bytes differ from those recorded: their bytes are kept, their fields stand at the
//! record's place, and they count in the record, whatever happens in between.

use std::sync::Arc;

use consumer::commit::{Committer, Outcome};
use consumer::message::{AgeLimit, Message};
use consumer::routes::routes;
use serde_json::json;
use switchhook::local::bodies::FileBodies;
use switchhook_core::entity::Entity;
use switchhook_core::envelope::Envelope;
use switchhook_core::ledger::{RawBody, Record, Variant};
use switchhook_core::occurrence::Sequence;
use switchhook_core::time::{Clock, Timestamp};
use tests::TestClock;

use super::rig::Rig;

const DAY_SECS: i64 = 24 * 60 * 60;
const CALL: &str = "voice/call/c1";

/// The end of call `c1`, with this transcript.
fn ended(transcript: &str, second: u32) -> String {
    format!(
        r#"{{"event":"call.ended","timestamp":"2026-02-03T04:05:{second:02}Z","data":{{"call_id":"c1","transcript":"{transcript}"}}}}"#
    )
}

fn transferred(transcript: &str, second: u32) -> String {
    ended(transcript, second).replace("call.ended", "call.transferred")
}

async fn variants(rig: &Rig, entity: &str) -> Vec<Variant> {
    let entity = Entity::from_name(entity.to_owned());
    rig.test.stack.ledger().variants_of(&entity).await.unwrap()
}

fn bytes(raw: &RawBody) -> String {
    let bytes = match raw {
        RawBody::Plain(bytes) => bytes.clone(),
        RawBody::Deflated(deflated) => switchhook_core::body::inflate(deflated, 1 << 20).unwrap(),
        RawBody::Stored(_) => panic!("small bodies are not stored"),
    };
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn later_transcript_under_the_same_id_is_taken_and_both_bodies_are_kept() {
    let rig = Rig::open().await;
    let (first, second) = (ended("", 6), ended("Hello, and goodbye.", 6));
    let id = rig.post(&first).await;
    rig.settle().await;
    let later = rig.post(&second).await;
    rig.settle().await;
    let records = rig.records(CALL).await;
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!((record.deliveries.len(), record.variants.len()), (2, 1));
    assert_eq!(bytes(&record.raw), first);
    let kept = variants(&rig, CALL).await;
    assert_eq!(kept.len(), 1);
    assert_eq!(bytes(&kept[0].raw), second);
    assert_eq!(kept[0].of.to_string(), format!("{id}.0"));
    assert_eq!(kept[0].id.to_string(), format!("{later}.0"));
    assert!(kept[0].headers.contains_key("content-type"));
    let state = rig.state(CALL).await;
    assert_eq!(state["transcript"], "Hello, and goodbye.");
}

#[tokio::test]
async fn variant_stands_at_its_records_place_and_undoes_nothing_newer() {
    let rig = Rig::open().await;
    rig.post(&ended("one", 6)).await;
    rig.post(&transferred("two", 9)).await;
    rig.settle().await;
    rig.post(&ended("three", 20)).await; // a retry that has another time
    rig.settle().await;
    assert_eq!(rig.state(CALL).await["transcript"], "two");
    assert_eq!(variants(&rig, CALL).await.len(), 1);
}

#[tokio::test]
async fn of_several_variants_the_later_accepted_is_newer() {
    let rig = Rig::open().await;
    for transcript in ["one", "two", "three", "two"] {
        rig.post(&ended(transcript, 6)).await;
    }
    rig.settle().await; // all in one batch
    assert_eq!(rig.state(CALL).await["transcript"], "two");
    let records = rig.records(CALL).await;
    assert_eq!(
        (records[0].deliveries.len(), records[0].variants.len()),
        (4, 2)
    );
    assert_eq!(variants(&rig, CALL).await.len(), 2);
    rig.post(&ended("one", 6)).await; // the recorded bytes change nothing
    rig.settle().await;
    assert_eq!(rig.state(CALL).await["transcript"], "two");
    assert_eq!(rig.records(CALL).await[0].deliveries.len(), 5);
}

const TEXTS: &str = r#"
[sources.texts]
provider = "cellcast"
users = [{ username = "hooks", password = "s3cret:with colons" }]
"#;

/// Bytes decide whether anything is to be kept, not the delivery: V1 of one list.
#[tokio::test]
async fn event_that_one_delivery_holds_twice_with_other_bytes_is_kept_twice() {
    let clock = TestClock::at("2026-03-04T05:06:07.089Z");
    let rig = Rig::with_sources(TEXTS, routes(), clock).await;
    let status = |note: &str| json!({"_id": "m1", "type": "send", "status": "sent", "receiver": "+61400000123", "note": note});
    let body = json!([status("one"), status("two"), status("one")]).to_string();
    let login = [("authorization", "Basic aG9va3M6czNjcmV0OndpdGggY29sb25z")];
    for deliveries in 1..=2 {
        let (code, answer) = rig
            .test
            .post_to("/webhooks/texts/status", &login, body.as_bytes())
            .await;
        assert_eq!((code, &answer["events"]), (200, &json!(3)));
        rig.settle().await;
        let messages = rig.test.stack.ledger();
        let entities = ["texts/message/m1,+61400000123", "texts/message/m1"];
        let mut found = Vec::new();
        for entity in entities {
            let entity = Entity::from_name(entity.to_owned());
            let records = messages.events_of(&entity).await.unwrap();
            let variants = messages.variants_of(&entity).await.unwrap();
            found.extend(records.into_iter().map(|record| (record, variants.clone())));
        }
        assert_eq!(found.len(), 1);
        let (record, variants) = &found[0];
        assert_eq!(record.deliveries.len(), deliveries);
        assert_eq!((record.variants.len(), variants.len()), (1, 1));
        assert!(bytes(&variants[0].raw).contains("two"));
    }
}

#[tokio::test]
async fn what_a_record_counts_expires_with_it_and_a_variant_as_late_as_it_would_alone() {
    let rig = Rig::open().await;
    let expiry = |days: i64, from: Timestamp| from.as_second() + days * DAY_SECS;
    let start = rig.test.clock.now();
    rig.post(&ended("one", 6)).await;
    rig.settle().await;
    rig.test.clock.advance(20 * DAY_SECS);
    rig.post(&ended("two", 6)).await;
    rig.settle().await;
    let record = &rig.records(CALL).await[0];
    assert_eq!(record.expires_at.as_second(), expiry(50, start), "raised");
    let kept = variants(&rig, CALL).await;
    assert_eq!(kept[0].expires_at.as_second(), expiry(50, start));
    rig.test.clock.advance(5 * DAY_SECS);
    rig.post(&ended("two", 6)).await; // a copy of the variant
    rig.post(&ended("one", 6)).await; // a copy of the record
    rig.settle().await;
    let record = &rig.records(CALL).await[0];
    assert_eq!(record.expires_at.as_second(), expiry(55, start));
    let kept = variants(&rig, CALL).await;
    assert_eq!(kept[0].expires_at.as_second(), expiry(55, start));
    assert_eq!((kept.len(), record.variants.len()), (1, 1));
}

/// A committer of the rig's ledger, and a message that says nothing of its own.
fn committer(rig: &Rig) -> Committer {
    let bodies = Arc::new(FileBodies::new(rig.bodies()));
    let clock: Arc<dyn Clock> = Arc::<TestClock>::clone(&rig.test.clock);
    Committer::new(Arc::clone(&rig.ledger) as _, bodies, clock, routes())
}

fn message(sequence: u128) -> Message {
    Message {
        id: format!("message-{sequence}"),
        receipt_handle: String::new(),
        group: CALL.to_owned(),
        sequence: Sequence(sequence),
        receives: 1,
        age_limit: AgeLimit::Kept,
        body: String::new(),
    }
}

/// Takes the only event out of the queue.
async fn taken(rig: &Rig) -> Envelope {
    let message = rig.take_one().await;
    serde_json::from_str(message.body.as_deref().unwrap()).unwrap()
}

/// A record that lands late is met by the put of another delivery's: V4.
#[tokio::test]
async fn refused_put_of_a_record_compares_bytes() {
    let rig = Rig::open().await;
    rig.post(&ended("one", 6)).await;
    let first = taken(&rig).await;
    rig.post(&ended("two", 6)).await;
    let second = taken(&rig).await;
    rig.post(&ended("one", 6)).await;
    let copy = taken(&rig).await;
    let committer = committer(&rig);
    let stale = committer.snapshot([&first].into_iter()).await.unwrap();
    let commit = async |envelope: &Envelope, sequence| {
        let mut snapshot = stale.clone();
        let message = message(sequence);
        let committed = committer.commit(&message, envelope.clone(), &mut snapshot);
        committed.await.unwrap().outcome
    };
    assert_eq!(commit(&first, 1).await, Outcome::Recorded);
    assert_eq!(commit(&second, 2).await, Outcome::Variant);
    assert_eq!(commit(&copy, 3).await, Outcome::Duplicate);
    assert_eq!(
        commit(&first, 1).await,
        Outcome::Recorded,
        "its answer was lost"
    );
    let record = &rig.records(CALL).await[0];
    assert_eq!((record.deliveries.len(), record.variants.len()), (3, 1));
    assert_eq!(bytes(&variants(&rig, CALL).await[0].raw), ended("two", 6));
}

/// The record goes between the batch's read and the entry in it: V8.
#[tokio::test]
async fn duplicate_of_a_record_that_is_gone_begins_again_its_age_included() {
    for (transcript, age_days, outcome) in [
        ("one", 0, Some(Outcome::Recorded)),
        ("two", 0, Some(Outcome::Recorded)),
        ("one", 29, None),
        ("two", 29, None),
    ] {
        let rig = Rig::open().await;
        rig.post(&ended("one", 6)).await;
        rig.settle().await;
        rig.post(&ended(transcript, 6)).await;
        let duplicate = taken(&rig).await;
        rig.test.clock.advance(age_days * DAY_SECS);
        let committer = committer(&rig);
        let mut snapshot = committer.snapshot([&duplicate].into_iter()).await.unwrap();
        let record: Record = rig.records(CALL).await.remove(0);
        let sort = format!("event#{}", record.key.name);
        rig.delete_item(CALL, &sort).await;
        let message = message(9);
        let committed = committer.commit(&message, duplicate.clone(), &mut snapshot);
        match (committed.await, outcome) {
            (Ok(committed), Some(outcome)) => assert_eq!(committed.outcome, outcome),
            (Err(error), None) => assert_eq!(error.reason(), "too_old"),
            (committed, _) => panic!("{transcript} {age_days}: {committed:?}"),
        }
        let records = rig.records(CALL).await;
        assert_eq!(records.len(), usize::from(outcome.is_some()));
        if let [record] = &records[..] {
            assert_eq!(record.id, duplicate.id);
        }
    }
}

/// What cannot be put into the record for want of room is kept all the same.
#[tokio::test]
async fn variants_beyond_a_hundred_are_kept_and_counted_up_to_there() {
    let rig = Rig::open().await;
    for n in 0..105 {
        rig.post(&ended(&format!("take {n}"), 6)).await;
    }
    rig.settle().await;
    let record = &rig.records(CALL).await[0];
    assert_eq!((record.deliveries.len(), record.variants.len()), (100, 100));
    assert_eq!(variants(&rig, CALL).await.len(), 104);
    assert_eq!(rig.state(CALL).await["transcript"], "take 104");
}
