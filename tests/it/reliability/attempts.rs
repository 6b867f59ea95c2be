//! Invariants 5 and 6: an event that fails or ends the run again and again is a dead letter after
//! five attempts of its own, whatever was in the batch with it; an outage is nobody's fault.

use std::process::{Command, Stdio};

use aws_sdk_sqs::types::Message;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use switchhook_core::kind::Kind;
use switchhook_core::time::Clock;

use super::rig::{Rig, batch, call, noise, with_a_mistake};
use crate::doubles::{Call, Fault};

const CALL: &str = "voice/call/call_1";
const OTHER: &str = "voice/call/call_2";
const DAY: i64 = 24 * 60 * 60;
/// The receives at which an event is tried and counted.
const COUNTED: [u32; 5] = [3, 4, 5, 6, 7];

/// Posts an event whose body lies in the body store and ends every run that fetches it; returns the
/// body's key.
async fn post_killer(rig: &Rig, event: &str, id: &str) -> String {
    let body = call(event, id, 2);
    let body = format!(
        r#"{},"noise":"{}"}}"#,
        body.strip_suffix('}').unwrap(),
        STANDARD.encode(noise())
    );
    let key = format!("voice/{}.0", rig.post(&body).await);
    rig.deadly.set_deadly(&key, true);
    key
}

async fn letters(rig: &Rig) -> Vec<Message> {
    rig.test.stack.dead_letters().await.unwrap()
}

/// Returns reason, counted attempts and former message id of the only dead letter.
async fn only_letter(rig: &Rig) -> (String, String, String) {
    let letters = letters(rig).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    let attribute = |name: &str| {
        let attributes = letters[0].message_attributes.as_ref().unwrap();
        attributes[name].string_value.clone().unwrap()
    };
    let own = letters[0].attributes.as_ref().unwrap();
    let id = &own[&aws_sdk_sqs::types::MessageSystemAttributeName::MessageDeduplicationId];
    (attribute("reason"), attribute("attempts"), id.clone())
}

fn added(calls: &[Call]) -> Vec<u32> {
    let added = calls.iter().filter_map(|call| match call {
        Call::AddAttempt(receive) => Some(*receive),
        _ => None,
    });
    added.collect()
}

#[tokio::test]
async fn a_poison_event_is_a_dead_letter_at_its_fifth_attempt_and_alone() {
    let rig = with_a_mistake().await;
    for (event, id) in [
        ("started", "call_1"),
        ("answered", "call_1"),
        ("ended", "call_1"),
        ("ended", "call_2"),
    ] {
        rig.post(&call(event, id, 1)).await;
    }
    rig.settle().await;
    let (reason, attempts, message) = only_letter(&rig).await;
    assert_eq!((reason.as_str(), attempts.as_str()), ("panic", "5"));
    assert_eq!(added(&rig.ledger.take_calls())[..5], COUNTED);
    let (receives, expires_at) = rig.attempts(&message).await.unwrap();
    assert_eq!(receives, COUNTED);
    let left = expires_at - rig.test.clock.now().as_second();
    assert!((14 * DAY..=15 * DAY).contains(&left), "{left}");
    assert_eq!(rig.records(CALL).await.len(), 2);
    assert_eq!(rig.records(OTHER).await.len(), 1);
}

/// Killers are received as often as those behind them, and before those in other groups.
#[tokio::test]
async fn what_ends_every_run_is_a_dead_letter_unrun_and_takes_no_other_with_it() {
    let rig = Rig::open().await;
    let killer = post_killer(&rig, "started", "call_1").await;
    rig.post(&call("ended", "call_1", 6)).await;
    rig.post(&call("ended", "call_2", 6)).await;
    rig.settle().await;
    let (reason, attempts, message) = only_letter(&rig).await;
    assert_eq!((reason.as_str(), attempts.as_str()), ("attempts", "6"));
    assert_eq!(rig.attempts(&message).await.unwrap().0, [3, 4, 5, 6, 7, 8]);
    let fetched = rig.deadly.take_fetched();
    assert_eq!(fetched, vec![killer; 7], "two runs uncounted, five counted");
    for entity in [CALL, OTHER] {
        let records = rig.records(entity).await;
        assert_eq!(records.len(), 1, "{entity}");
        assert_eq!(records[0].kind, Kind::CallEnded, "{entity}");
    }
}

/// It is not always the same one that comes first among equals.
#[tokio::test]
async fn what_stands_behind_a_killer_in_its_batch_need_not_wait_for_its_end() {
    let rig = Rig::open().await;
    rig.post(&call("ended", "call_1", 6)).await;
    post_killer(&rig, "ended", "call_2").await;
    rig.post(&call("ended", "call_3", 6)).await;
    rig.post(&call("ended", "call_4", 6)).await;
    for _ in 0..2 {
        rig.receive().await; // by a run that the killer ended
        rig.test.clock.advance(181);
    }
    for _ in 0..4 {
        rig.run_once().await;
        rig.test.clock.advance(181);
    }
    assert!(letters(&rig).await.is_empty(), "the killer is not done");
    for id in ["call_1", "call_3", "call_4"] {
        let records = rig.records(&format!("voice/call/{id}")).await;
        assert_eq!(records.len(), 1, "{id}");
    }
}

/// With a process that truly dies.
#[tokio::test]
async fn what_kills_the_process_each_time_is_a_dead_letter_unrun() {
    let rig = Rig::open().await;
    for (event, id) in [
        ("answered", "call_1"),
        ("ended", "call_1"),
        ("ended", "call_2"),
    ] {
        rig.post(&call(event, id, 1)).await;
    }
    let mut deaths = 0;
    while rig.messages_left().await > 0 {
        let ended = Command::new(env!("CARGO_BIN_EXE_dying_consumer"))
            .arg(rig.test.folder.path())
            .arg(rig.test.clock.now().to_string())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_ne!(ended.code(), Some(101), "it ends by itself or by abortion");
        deaths += u32::from(!ended.success());
        assert!(deaths < 10, "it dies for ever");
        rig.test.clock.advance(181);
    }
    assert_eq!(deaths, 7, "two runs uncounted, five counted");
    let (reason, attempts, _) = only_letter(&rig).await;
    assert_eq!((reason.as_str(), attempts.as_str()), ("attempts", "6"));
    for entity in [CALL, OTHER] {
        let records = rig.records(entity).await;
        assert_eq!(records.len(), 1, "{entity}");
        assert_eq!(records[0].kind, Kind::CallEnded, "{entity}");
    }
}

/// A run that one of them ends forgets what it did with the others: what is buried must be settled
/// before the next one runs, or it would be buried again.
#[tokio::test]
async fn killers_beside_each_other_are_all_dead_letters_and_nobody_else_is() {
    let rig = Rig::open().await;
    for id in ["call_1", "call_2", "call_3"] {
        post_killer(&rig, "started", id).await;
        rig.post(&call("ended", id, 6)).await;
    }
    rig.post(&call("ended", "call_4", 6)).await;
    rig.settle().await;
    assert_eq!(letters(&rig).await.len(), 3);
    for id in ["call_1", "call_2", "call_3", "call_4"] {
        assert_eq!(
            rig.records(&format!("voice/call/{id}")).await.len(),
            1,
            "{id}"
        );
    }
}

/// Has an outage of these calls for an hour, and returns how often attempts were counted.
async fn counted_in_an_outage(outage: fn(&Call) -> bool) -> usize {
    let rig = Rig::open().await;
    for (event, id) in [
        ("started", "call_1"),
        ("ended", "call_1"),
        ("ended", "call_2"),
    ] {
        rig.post(&call(event, id, 1)).await;
    }
    rig.ledger.set_outage(Some(outage));
    let end = rig.test.clock.now().as_second() + 3_600;
    let mut runs = 0;
    while rig.test.clock.now().as_second() < end {
        runs += usize::from(!rig.run_once().await.0.is_empty());
        rig.test.clock.advance(10);
    }
    assert!(runs > 10, "{runs}");
    let counted = added(&rig.ledger.take_calls()).len();
    rig.ledger.set_outage(None);
    rig.settle().await;
    assert!(letters(&rig).await.is_empty());
    assert_eq!(rig.records(CALL).await.len(), 2);
    assert_eq!(rig.records(OTHER).await.len(), 1);
    counted
}

#[tokio::test]
async fn an_outage_of_an_hour_makes_no_dead_letter() {
    assert_eq!(counted_in_an_outage(|_| true).await, 0, "nothing was read");
    let puts = |call: &Call| matches!(call, Call::PutState(_) | Call::PutRecord(_));
    assert!(counted_in_an_outage(puts).await > 10);
    let writes = |call: &Call| !matches!(call, Call::Read { .. });
    assert!(counted_in_an_outage(writes).await > 10, "asked in vain");
}

#[tokio::test]
async fn a_passing_failure_takes_its_own_attempt_back_and_no_other() {
    let rig = Rig::open().await;
    post_killer(&rig, "started", "call_1").await;
    for _ in 0..4 {
        rig.run_once().await; // receives 3 and 4 are counted
        rig.test.clock.advance(181);
    }
    let message = rig.receive().await.remove(0).message_id.unwrap(); // the fifth receive
    assert_eq!(rig.attempts(&message).await.unwrap().0, [3, 4]);
    rig.test.clock.advance(181);
    rig.deadly.heal();
    for fault in [Fault::Refuse, Fault::LoseAnswer, Fault::Hang] {
        rig.ledger.take_calls();
        rig.ledger.fail_at(2, fault); // read, attempt, state
        let messages = rig.receive().await;
        let failed = rig.run_until(batch(&messages), rig.deadline(3)).await;
        assert_eq!(failed.len(), 1);
        let calls = rig.ledger.take_calls();
        assert!(
            matches!(
                calls[..],
                [_, Call::AddAttempt(_), _, Call::TakeBackAttempt(_)]
            ),
            "{calls:?}"
        );
        assert_eq!(rig.attempts(&message).await.unwrap().0, [3, 4]);
        rig.test.clock.advance(16 * 60);
    }
    rig.settle().await;
    assert_eq!(rig.records(CALL).await.len(), 1);
}

#[tokio::test]
async fn without_an_answer_about_the_attempt_no_body_is_touched() {
    for fault in [Fault::Refuse, Fault::LoseAnswer] {
        let rig = Rig::open().await;
        post_killer(&rig, "started", "call_1").await;
        for _ in 0..2 {
            rig.run_once().await;
            rig.test.clock.advance(181);
        }
        rig.deadly.take_fetched();
        rig.ledger.fail_at(1, fault); // read, attempt
        let (ids, failed) = rig.run_once().await;
        assert_eq!(failed.as_ref(), Some(&ids));
        assert!(rig.deadly.take_fetched().is_empty(), "{fault:?}");
        let kept = rig.attempts(&ids[0]).await;
        assert!(
            kept.is_none_or(|(receives, _)| receives.is_empty()),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_buried_keeps_its_attempts_and_is_tried_again_within_five_minutes() {
    let rig = Rig::open().await;
    post_killer(&rig, "started", "call_1").await;
    rig.post(&call("ended", "call_1", 6)).await;
    for _ in 0..7 {
        assert_eq!(rig.run_once().await.1, None);
        rig.test.clock.advance(181);
    }
    rig.dead_letters.fault.set(Some(Fault::Refuse));
    for receive in 8..20 {
        let (ids, failed) = rig.run_once().await;
        assert_eq!(failed.unwrap(), ids);
        assert_eq!(ids.len(), 2, "the group waits");
        let expected: Vec<_> = (3..=receive).collect();
        assert_eq!(rig.attempts(&ids[0]).await.unwrap().0, expected);
        let delays = rig.redelivery.take_delays();
        assert!((1..=240).contains(&delays[0].1), "{delays:?}");
        assert!(receive < 10 || delays[0].1 == 240, "{delays:?}");
        rig.test.clock.advance(delays[0].1.into());
    }
    rig.dead_letters.fault.set(None);
    rig.settle().await;
    assert_eq!(only_letter(&rig).await.0, "attempts");
    assert_eq!(rig.records(CALL).await.len(), 1);
}

#[tokio::test]
async fn a_redriven_event_starts_afresh() {
    for is_repaired in [true, false] {
        let rig = Rig::open().await;
        let killer = post_killer(&rig, "started", "call_1").await;
        rig.settle().await;
        let letter = letters(&rig).await.remove(0);
        rig.deadly.set_deadly(&killer, !is_repaired);
        rig.deadly.take_fetched();
        rig.send(CALL, letter.body().unwrap(), Some("7")).await;
        rig.settle().await;
        let runs = if is_repaired { 1 } else { 7 };
        assert_eq!(rig.deadly.take_fetched().len(), runs);
        assert_eq!(rig.records(CALL).await.len(), usize::from(is_repaired));
    }
}

/// What a call of the ledger is about, for events whose order is looked at.
fn turns(calls: &[Call]) -> Vec<String> {
    let turns = calls.iter().filter_map(|call| match call {
        Call::AddAttempt(receive) => Some(format!("attempt {receive}")),
        Call::PutState(entity) => Some(entity.to_string()),
        _ => None,
    });
    turns.collect()
}

/// The one that ends the run must be told from those beside it.
#[tokio::test]
async fn one_event_runs_at_a_time_and_those_received_least_come_first() {
    let rig = Rig::open().await;
    for id in ["call_1", "call_2"] {
        rig.post(&call("started", id, 1)).await;
    }
    for _ in 0..3 {
        rig.receive().await;
        rig.test.clock.advance(181);
    }
    rig.post(&call("started", "call_3", 1)).await;
    rig.ledger.take_calls();
    rig.run_once().await;
    let expected = [
        "voice/call/call_3",
        "attempt 4",
        "voice/call/call_1",
        "attempt 4",
        "voice/call/call_2",
    ];
    assert_eq!(turns(&rig.ledger.take_calls()), expected);
}

/// Counting costs nothing before the third receive, and nothing of what is recorded.
#[tokio::test]
async fn only_what_comes_a_third_time_costs_a_request_more() {
    let rig = Rig::open().await;
    rig.post(&call("started", "call_1", 1)).await;
    rig.post(&call("ended", "call_2", 2)).await;
    for receive in 1..5 {
        rig.ledger.take_calls();
        if receive < 4 {
            rig.ledger.set_outage(Some(
                |call| matches!(call, Call::PutRecord(id) if id.index == 0),
            ));
        } else {
            rig.ledger.set_outage(None);
        }
        rig.run_once().await;
        let calls = rig.ledger.take_calls();
        let counted = if receive < 3 {
            vec![]
        } else {
            vec![receive; 2]
        };
        assert_eq!(added(&calls), counted, "{calls:?}");
        rig.test.clock.advance(16 * 60);
    }
    rig.post(&call("started", "call_1", 1)).await;
    let copy = rig.receive().await;
    for _ in 0..4 {
        rig.test.clock.advance(181);
        assert_eq!(rig.receive().await.len(), copy.len());
    }
    rig.test.clock.advance(181);
    rig.ledger.take_calls();
    rig.run_once().await;
    let calls = rig.ledger.take_calls();
    assert!(
        matches!(calls[..], [Call::Read { .. }, Call::AddEntry(_)]),
        "{calls:?}"
    );
}

/// Nobody could tell when it has had enough of them.
#[tokio::test]
async fn an_event_whose_attempts_cannot_be_read_is_a_dead_letter_and_alone() {
    for damaged in [json!({"S": "3"}), json!({"NS": ["3.5"]})] {
        let rig = Rig::open().await;
        rig.post(&call("started", "call_1", 1)).await;
        rig.post(&call("ended", "call_1", 2)).await;
        for _ in 0..2 {
            rig.receive().await;
            rig.test.clock.advance(181);
        }
        let message = rig.receive().await.remove(0).message_id.unwrap();
        let key = format!("_/attempts/{message}");
        rig.put_item(&json!({"pk": {"S": key}, "sk": {"S": "attempts"}, "attempts": damaged}))
            .await;
        rig.test.clock.advance(181);
        rig.settle().await;
        let letter = only_letter(&rig).await;
        assert_eq!(letter, ("item".to_owned(), "0".to_owned(), message));
        assert_eq!(rig.records(CALL).await.len(), 1);
    }
}
