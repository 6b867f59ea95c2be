//! Invariants 5 and 6: what can never be handled goes to the dead-letter queue alone, with its reason
//! and its place, and the group goes on.

use std::sync::Arc;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use serde_json::{Value, json};
use switchhook::local::data_dir::DataDir;
use switchhook::local::stack::open_dead_letters;
use switchhook_aws::dead_letters::DeadLetters;
use switchhook_core::time::Clock;
use tests::{SECRET, TestClock, sign};

use super::rig::{Rig, batch, call, dead_letter_queue_url, noise};
use crate::doubles::Fault;

const CALL: &str = "voice/call/call_1";

async fn letters(rig: &Rig) -> Vec<Message> {
    rig.test.stack.dead_letters().await.unwrap()
}

fn attribute<'a>(letter: &'a Message, name: &str) -> &'a str {
    letter.message_attributes.as_ref().unwrap()[name]
        .string_value
        .as_deref()
        .unwrap()
}

fn own<'a>(message: &'a Message, name: &MessageSystemAttributeName) -> &'a str {
    &message.attributes.as_ref().unwrap()[name]
}

/// Returns the reason of the only dead letter.
async fn only_reason(rig: &Rig) -> String {
    let letters = letters(rig).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    attribute(&letters[0], "reason").to_owned()
}

#[tokio::test]
async fn a_poison_envelope_is_dead_lettered_alone() {
    let rig = Rig::open().await;
    rig.post(&call("started", "call_1", 1)).await;
    rig.send(CALL, "no envelope", None).await;
    rig.post(&call("ended", "call_1", 2)).await;
    rig.post(&call("ended", "call_2", 3)).await;
    let messages = rig.receive().await;
    let poison = messages
        .iter()
        .find(|m| m.body() == Some("no envelope"))
        .unwrap();
    let response = rig.run(batch(&messages)).await.unwrap();
    assert!(response.batch_item_failures.is_empty());
    assert_eq!(rig.records(CALL).await.len(), 2);
    assert_eq!(rig.records("voice/call/call_2").await.len(), 1);
    let letters = letters(&rig).await;
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!(
        (letter.body(), attribute(letter, "reason")),
        (poison.body(), "envelope")
    );
    let number = |text: &str| text.parse::<u128>().unwrap();
    let place = own(poison, &MessageSystemAttributeName::SequenceNumber);
    assert_eq!(number(attribute(letter, "sequence_number")), number(place));
    assert_eq!(attribute(letter, "group"), CALL);
    for alone in [
        MessageSystemAttributeName::MessageGroupId,
        MessageSystemAttributeName::MessageDeduplicationId,
    ] {
        assert_eq!(Some(own(letter, &alone)), poison.message_id());
    }
}

#[tokio::test]
async fn what_is_no_message_of_ours_is_a_dead_letter_with_its_reason() {
    let rig = Rig::open().await;
    rig.post(&call("ended", "call_1", 1)).await;
    let body = rig.take_one().await.body.unwrap();
    let poisons = [
        (String::new(), "envelope"),
        ("{}".to_owned(), "envelope"),
        ("null".to_owned(), "envelope"),
        (body.replace(r#""version":1"#, r#""version":2"#), "envelope"),
        (body.replace("call.ended", "call.unheard_of"), "envelope"),
        (
            body.replace(r#""provider":"ai-sync""#, r#""provider":"nobody""#),
            "provider",
        ),
    ];
    for (n, (poison, reason)) in poisons.iter().enumerate() {
        let poison = if poison.is_empty() { " " } else { poison }; // SQS takes no empty message
        rig.send(&format!("group-{n}"), poison, None).await;
        rig.settle().await;
        assert_eq!(only_reason(&rig).await, *reason, "{poison}");
        rig.test.clock.advance(1); // the letter just seen stays in flight
    }
    assert!(rig.records(CALL).await.is_empty());
}

/// The functions are updated side by side: an ingress may be newer than the consumer.
#[tokio::test]
async fn envelope_with_fields_of_a_newer_ingress_is_handled() {
    let rig = Rig::open().await;
    rig.post(&call("ended", "call_1", 1)).await;
    let body = rig.take_one().await.body.unwrap();
    let mut newer: Value = serde_json::from_str(&body).unwrap();
    for object in ["", "/dedup", "/reading", "/body"] {
        let object = newer.pointer_mut(object).unwrap();
        object["a_field_of_later"] = json!({"a": [1, {"b": null}]});
    }
    rig.send(CALL, &newer.to_string(), None).await;
    rig.settle().await;
    assert_eq!(letters(&rig).await, []);
    assert_eq!(rig.records(CALL).await.len(), 1);
    assert_eq!(rig.state(CALL).await["from"], "+15550100003");
}

#[tokio::test]
async fn while_the_dead_letter_queue_is_down_the_group_is_kept_and_tried_within_five_minutes() {
    let rig = Rig::open().await;
    rig.send(CALL, "no envelope", None).await;
    rig.post(&call("ended", "call_1", 2)).await;
    rig.post(&call("ended", "call_2", 3)).await;
    rig.dead_letters.fault.set(Some(Fault::Refuse));
    for _ in 0..12 {
        let (ids, failed) = rig.run_once().await;
        assert_eq!(failed.unwrap(), ids[..2], "both of the group, nothing else");
        let delays = rig.redelivery.take_delays();
        assert!(delays.len() == 1 && delays[0].0 == 2, "{delays:?}");
        assert!((1..300).contains(&delays[0].1), "{delays:?}");
        rig.test.clock.advance(delays[0].1.into());
    }
    assert!(rig.records(CALL).await.is_empty());
    assert_eq!(
        rig.records("voice/call/call_2").await.len(),
        1,
        "another group"
    );
    rig.dead_letters.fault.set(None);
    rig.settle().await;
    assert_eq!(rig.records(CALL).await.len(), 1);
    assert_eq!(only_reason(&rig).await, "envelope");
}

/// SQS takes the second send for the first one, but for five minutes only: the group must be tried
/// again before.
#[tokio::test]
async fn a_dead_letter_whose_answer_was_lost_is_there_once_however_often_it_was_received() {
    for failures in [0, 1, 5, 12] {
        let rig = Rig::open().await;
        rig.send(CALL, "no envelope", None).await;
        for n in 0..=failures {
            let fault = if n == failures {
                Fault::LoseAnswer
            } else {
                Fault::Refuse
            };
            rig.dead_letters.fault.set(Some(fault));
            assert_eq!(rig.run_once().await.1.unwrap().len(), 1);
            let delays = rig.redelivery.take_delays();
            rig.test.clock.advance(delays[0].1.into());
        }
        rig.dead_letters.fault.set(None);
        assert_eq!(rig.run_once().await.1, Some(Vec::new()));
        assert_eq!(letters(&rig).await.len(), 1, "after {failures} failures");
    }
}

/// An event that old might no longer be known as a duplicate.
#[tokio::test]
async fn an_event_that_was_accepted_too_long_ago_is_dead_lettered() {
    const DAY: i64 = 24 * 60 * 60;
    for (secs, recorded) in [(28 * DAY, true), (28 * DAY + 1, false), (300 * DAY, false)] {
        let rig = Rig::open().await;
        rig.post(&call("ended", "call_1", 1)).await;
        let body = rig.take_one().await.body.unwrap();
        rig.test.clock.advance(secs);
        rig.send(CALL, &body, None).await;
        rig.settle().await;
        assert_eq!(
            rig.records(CALL).await.len(),
            usize::from(recorded),
            "{secs}"
        );
        assert_eq!(rig.version(CALL).await, u64::from(recorded), "{secs}");
        if !recorded {
            assert_eq!(only_reason(&rig).await, "too_old");
        }
    }
}

/// Only its age is waived, and its record lives from then on.
#[tokio::test]
async fn a_forced_event_is_recorded_however_old_it_is() {
    const DAY: i64 = 24 * 60 * 60;
    let rig = Rig::open().await;
    rig.post(&call("ended", "call_1", 1)).await;
    let body = rig.take_one().await.body.unwrap();
    rig.test.clock.advance(300 * DAY);
    let now = rig.deadline(0);
    let forced = [("forced", "true"), ("sequence_number", "7")];
    for _ in 0..2 {
        rig.send_with(CALL, &body, &forced).await;
        rig.settle().await;
        let records = rig.records(CALL).await;
        assert_eq!((records.len(), records[0].sequence.0), (1, 7));
        assert!(records[0].received_at < now && records[0].expires_at > now);
    }
    let strange = body.replace(r#""provider":"ai-sync""#, r#""provider":"nobody""#);
    rig.send_with("group", &strange.replace("call_1", "call_2"), &forced)
        .await;
    rig.settle().await;
    assert_eq!(only_reason(&rig).await, "provider");
}

/// Other tools move a dead letter back as it is, in its group of one.
#[tokio::test]
async fn a_letter_that_another_tool_moved_back_has_its_group_again() {
    let rig = Rig::open().await;
    let kept = [("group", CALL), ("sequence_number", "7")];
    rig.send_with("a-message-id", "no envelope", &kept).await;
    rig.settle().await;
    let letters = letters(&rig).await;
    assert_eq!(attribute(&letters[0], "group"), CALL);
}

#[tokio::test]
async fn a_large_body_that_is_gone_or_damaged_is_a_dead_letter() {
    for (damage, reason) in [(None, "body_missing"), (Some(b"other"), "body_damaged")] {
        let rig = Rig::open().await;
        let signature = sign(SECRET, &noise());
        let headers = [("x-webhook-signature", signature.as_str())];
        let (status, answer) = rig
            .test
            .post_to("/webhooks/voice", &headers, &noise())
            .await;
        assert_eq!(status, 200);
        let event = format!("{}.0", answer["id"].as_str().unwrap());
        let path = rig.bodies().join("voice").join(event);
        match damage {
            None => std::fs::remove_file(path).unwrap(),
            Some(bytes) => std::fs::write(path, bytes).unwrap(),
        }
        rig.settle().await;
        assert_eq!(only_reason(&rig).await, reason);
    }
}

#[tokio::test]
async fn a_compressed_body_that_is_damaged_is_a_dead_letter() {
    let rig = Rig::open().await;
    rig.post(&format!(
        r#"{{"event":"no.such.event","text":"{}"}}"#,
        "x".repeat(64 << 10)
    ))
    .await;
    let message = rig.take_one().await;
    let mut envelope: Value = serde_json::from_str(message.body().unwrap()).unwrap();
    envelope["body"]["deflated"] = "AAECAwQF".into();
    rig.send("group", &envelope.to_string(), None).await;
    rig.settle().await;
    assert_eq!(only_reason(&rig).await, "body_damaged");
}

/// Whoever looks at letters keeps them from others for as long as it goes on.
#[tokio::test]
async fn letters_in_use_stay_hidden_however_long_that_takes() {
    let rig = Rig::open().await;
    let dead_letters = || async {
        let data = DataDir::new(rig.test.folder.path().to_owned());
        let clock: Arc<dyn Clock> = Arc::<TestClock>::clone(&rig.test.clock);
        open_dead_letters(&data, clock).await.unwrap()
    };
    rig.send(CALL, "no envelope", None).await;
    rig.run(batch(&rig.receive().await)).await.unwrap();
    let (mut ours, mut others) = (dead_letters().await, dead_letters().await);
    assert_eq!(ours.take().await.unwrap().len(), 1);
    for _ in 0..4 {
        rig.test.clock.advance(6 * 60);
        assert!(ours.take().await.unwrap().is_empty());
        assert!(others.take().await.unwrap().is_empty());
    }
    ours.put_back().await.unwrap();
    assert_eq!(others.take().await.unwrap().len(), 1);
}

#[tokio::test]
async fn all_that_is_dead_is_looked_at_where_this_machine_is_behind_the_queue() {
    let rig = Rig::open().await;
    for n in 0..12 {
        rig.send(&format!("voice/call/{n}"), "no envelope", None)
            .await;
    }
    rig.settle().await;
    let url = dead_letter_queue_url(&rig.client).await;
    let behind = TestClock::at("2026-03-04T05:05:07.089Z");
    let mut look = DeadLetters::new(rig.client.clone(), url, rig.url.clone(), 0, behind);
    let first = look.take().await.unwrap().len();
    assert_eq!((first, look.take().await.unwrap().len()), (10, 2));
    assert!(look.take().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_recorded_stays_so_when_its_state_is_damaged_meanwhile() {
    let rig = Rig::open().await;
    let ended = call("ended", "call_1", 1);
    rig.post(&ended).await;
    rig.run(batch(&rig.receive().await)).await.unwrap(); // and nothing is deleted
    rig.put_item(&json!({"pk": {"S": CALL}, "sk": {"S": "state"}, "version": {"N": "1"}}))
        .await;
    rig.post(&ended).await;
    rig.test.clock.advance(181);
    rig.settle().await;
    assert!(letters(&rig).await.is_empty());
    let records = rig.records(CALL).await;
    assert_eq!((records.len(), records[0].deliveries.len()), (1, 2));
    rig.post(&call("started", "call_1", 2)).await;
    rig.settle().await;
    assert_eq!(only_reason(&rig).await, "item");
}
