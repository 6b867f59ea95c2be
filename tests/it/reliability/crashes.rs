//! Invariant 5: whatever call of the ledger fails, loses its answer or is the last of its run, every
//! event is in the ledger exactly once in the end, and the states are those of a faultless run.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use switchhook_core::entity::Entity;
use switchhook_core::ledger::Record;
use switchhook_core::ports::Ledger;
use switchhook_core::time::Clock;

use super::many;
use super::rig::{Rig, batch, call, text};
use crate::doubles::{Call, Fault};

/// How many faults one after the other nothing is lost or held against by: with one more, an event
/// that was in all of them has had five attempts of its own, and is a dead letter by right.
const MOST_FAULTS: usize = 6;

/// Ten deliveries of four entities, of which one is a copy, one a variant, and one a STOP that comes
/// again without id and time: `(path, body)`.
fn deliveries(n: usize) -> Vec<(&'static str, String)> {
    let (a, b, c) = (
        format!("call_a{n}"),
        format!("call_b{n}"),
        format!("conv_{n}"),
    );
    let number = number(n);
    let stop = format!(
        r#"{{"event":"sms.received","data":{{"conversation_id":"{c}","from":"{number}","to":"+15550100004","text":"STOP"}}}}"#
    );
    let voice = |body| ("/webhooks/voice", body);
    let contact = format!(r#"{{"phone_number":"{number}","first_name":"Ann"}}"#);
    vec![
        voice(call("started", &a, 1)),
        voice(call("ended", &b, 9)),
        voice(call("answered", &a, 2)),
        voice(stop.clone()),
        voice(call("started", &a, 1)), // a copy
        ("/webhooks/voice/contact", contact),
        voice(call("ended", &b, 9).replace("ended\",\"caller", "variant\",\"caller")),
        voice(text(&c, &format!("in_2_{n}"), &number, "start", 4)),
        voice(stop),
        voice(call("ended", &a, 0)), // older, and late
    ]
}

fn number(n: usize) -> String {
    format!("+1555{n:07}")
}

fn entities(n: usize) -> Vec<String> {
    let number = number(n);
    vec![
        format!("voice/call/call_a{n}"),
        format!("voice/call/call_b{n}"),
        format!("voice/conversation/conv_{n}"),
        format!("voice/contact/{number}"),
        format!("_/opt_out/{number}/sms"),
    ]
}

/// What the ledger holds of one scenario, with nothing in it that differs from one to the next.
async fn outcome(rig: &Rig, n: usize, ids: &[String]) -> BTreeMap<String, String> {
    let mut told = BTreeMap::new();
    let mut sequences = Vec::new();
    for (place, entity) in entities(n).iter().enumerate() {
        let records = rig.records(entity).await;
        sequences.extend(records.iter().map(|record| record.sequence.0));
        let entity = Entity::from_name(entity.clone());
        let variants = rig.test.stack.ledger().variants_of(&entity).await.unwrap();
        let lines = records.iter().map(|record| line(record, ids));
        sequences.extend(variants.iter().map(|variant| variant.sequence.0));
        let variants = variants.iter().map(|variant| {
            let id = variant.id.delivery.to_string();
            format!("variant {:?} {}", place_of(&id, ids), variant.digest.len())
        });
        let lines: Vec<_> = lines.chain(variants).collect();
        told.insert(format!("{place} records"), lines.join("\n"));
    }
    sequences.sort_unstable();
    for (place, entity) in entities(n).iter().enumerate() {
        let state = neutral(rig.state(entity).await.to_string(), n, ids);
        told.insert(format!("{place} state"), state);
        let positions = positions(rig, entity, &sequences).await;
        told.insert(format!("{place} positions"), neutral(positions, n, ids));
    }
    told
}

fn place_of(id: &str, ids: &[String]) -> Option<usize> {
    ids.iter().position(|other| other == id)
}

fn line(record: &Record, ids: &[String]) -> String {
    let place = |id: String| place_of(&id, ids);
    let mut deliveries: Vec<_> = record
        .deliveries
        .iter()
        .map(|id| place(id.to_string()))
        .collect();
    deliveries.sort_unstable();
    format!(
        "{} {:?} {deliveries:?} {}",
        record.kind,
        place(record.id.delivery.to_string()),
        record.variants.len()
    )
}

fn neutral(mut text: String, n: usize, ids: &[String]) -> String {
    for (place, id) in ids.iter().enumerate() {
        text = text.replace(id, &format!("delivery {place}"));
    }
    // Of a STOP and its repetition in one millisecond either id may be the greater one.
    text.replace("delivery 8.", "delivery 3.")
        .replace(&number(n), "NUMBER")
}

/// Returns the positions of a state, with places for sequence numbers.
async fn positions(rig: &Rig, entity: &str, sequences: &[u128]) -> String {
    let entity = Entity::from_name(entity.to_owned());
    let stored = rig.test.stack.ledger().state(&entity).await.unwrap();
    let positions = stored.map_or_else(|| "{}".to_owned(), |stored| stored.positions);
    let positions: BTreeMap<String, Value> = serde_json::from_str(&positions).unwrap();
    let place = |part: &str| {
        let number: Option<u128> = part.parse().ok();
        let place = number.and_then(|number| sequences.iter().position(|other| *other == number));
        place.map_or_else(|| part.to_owned(), |place| format!("place {place}"))
    };
    let lines = positions.iter().map(|(position, names)| {
        // Rank and time come first.
        let parts = position.split(':').enumerate();
        let parts = parts.map(|(n, part)| if n < 2 { part.to_owned() } else { place(part) });
        format!("{} {names}", parts.collect::<Vec<_>>().join(":"))
    });
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    lines.join("\n")
}

/// Posts the deliveries of a scenario at the rig's time.
async fn post(rig: &Rig, n: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for (path, body) in deliveries(n) {
        ids.push(rig.post_to(path, &body).await);
    }
    ids
}

/// Runs a scenario with a plan of faults until nothing is left.
async fn settled(rig: &Rig, n: usize, plan: Vec<Option<Fault>>) -> BTreeMap<String, String> {
    let accepted = rig.test.clock.now();
    let accepted = [accepted.to_string(), accepted.as_microsecond().to_string()];
    let ids = post(rig, n).await;
    rig.ledger.plan(plan);
    rig.settle().await;
    rig.ledger.plan(Vec::new());
    let mut outcome = outcome(rig, n, &ids).await;
    for told in outcome.values_mut() {
        for accepted in &accepted {
            *told = told.replace(accepted, "ACCEPTED"); // contacts have no time of their own
        }
    }
    outcome
}

/// Returns what differs from the faultless run, for people.
fn differences(outcome: &BTreeMap<String, String>, faultless: &BTreeMap<String, String>) -> String {
    let differing = faultless
        .iter()
        .filter(|(name, expected)| outcome[*name] != **expected);
    let lines = differing
        .map(|(name, expected)| format!("{name}:\n{}\ninstead of\n{expected}", outcome[name]));
    lines.collect::<Vec<_>>().join("\n")
}

fn at(number: usize, fault: Fault) -> Vec<Option<Fault>> {
    let mut plan = vec![None; number];
    plan.push(Some(fault));
    plan
}

/// Has the fault at each call of a run in turn.
async fn survives_at_every_call(fault: Fault) {
    let rig = Rig::open().await;
    let faultless = settled(&rig, 0, Vec::new()).await;
    assert_eq!(faultless["0 records"].lines().count(), 3);
    assert_eq!(faultless["2 records"].lines().count(), 2);
    let calls = rig.ledger.take_calls().len();
    assert!(calls > 20, "{calls}");
    for number in 0..calls {
        let outcome = settled(&rig, number + 1, at(number, fault)).await;
        let differences = differences(&outcome, &faultless);
        assert!(
            differences.is_empty(),
            "{fault:?} at call {number}: {differences}"
        );
    }
    assert!(rig.test.stack.dead_letters().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_failure_of_any_call_loses_nothing_and_doubles_nothing() {
    survives_at_every_call(Fault::Refuse).await;
}

#[tokio::test]
async fn a_lost_answer_of_any_call_loses_nothing_and_doubles_nothing() {
    survives_at_every_call(Fault::LoseAnswer).await;
}

#[tokio::test]
async fn a_crash_before_any_call_loses_nothing_and_doubles_nothing() {
    survives_at_every_call(Fault::CrashBefore).await;
}

#[tokio::test]
async fn a_crash_after_any_call_loses_nothing_and_doubles_nothing() {
    survives_at_every_call(Fault::CrashAfter).await;
}

#[test]
fn faults_one_after_the_other_lose_nothing_and_double_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let rig = runtime.block_on(Rig::open());
    let faultless = runtime.block_on(settled(&rig, 0, Vec::new()));
    let fault = prop_oneof![
        3 => Just(None),
        1 => proptest::sample::select(Fault::ALL.as_slice()).prop_map(Some),
    ];
    let plans = vec(fault, 1..60).prop_map(|plan| {
        let mut left = MOST_FAULTS;
        let bounded = plan.into_iter().map(|fault| {
            let fault = fault.filter(|_| left > 0);
            left -= usize::from(fault.is_some());
            fault
        });
        bounded.collect::<Vec<_>>()
    });
    let mut runner = TestRunner::new(many(24));
    let n = std::cell::Cell::new(0);
    let outcome = runner.run(&plans, |plan| {
        n.set(n.get() + 1);
        let outcome = runtime.block_on(settled(&rig, n.get(), plan));
        let differences = differences(&outcome, &faultless);
        prop_assert!(differences.is_empty(), "{}", differences);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test]
async fn a_crash_between_the_state_and_the_record_leaves_a_state_that_is_made_again() {
    const CALL: &str = "voice/call/call_1";
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        let rig = Rig::open().await;
        rig.post(&call("ended", "call_1", 6)).await;
        rig.ledger.fail_at(2, fault); // read, state, record
        assert_eq!(rig.run_once().await.1, None);
        let recorded = usize::from(fault == Fault::CrashAfter);
        assert_eq!(
            (rig.version(CALL).await, rig.records(CALL).await.len()),
            (1, recorded)
        );
        let state = rig.state(CALL).await;
        rig.ledger.take_calls();
        rig.test.clock.advance(181);
        assert_eq!(rig.run_once().await.1, Some(Vec::new()));
        let calls = rig.ledger.take_calls();
        let wrote = calls
            .iter()
            .filter(|call| !matches!(call, Call::Read { .. }))
            .count();
        assert_eq!(wrote, 1 - recorded, "{calls:?}");
        let records = rig.records(CALL).await;
        assert_eq!((records.len(), records[0].deliveries.len()), (1, 1));
        assert_eq!((rig.version(CALL).await, rig.state(CALL).await), (1, state));
    }
}

/// The record is the commit point and comes last: whoever sees it sees its state too.
#[tokio::test]
async fn there_is_no_record_whose_state_was_not_written() {
    let rig = Rig::open().await;
    for (n, fault) in [Fault::Refuse, Fault::CrashBefore].into_iter().enumerate() {
        let id = format!("call_{n}");
        rig.post(&call("ended", &id, 6)).await;
        rig.ledger.fail_at(1, fault); // read, state
        rig.run_once().await;
        let entity = format!("voice/call/{id}");
        assert_eq!(
            (rig.version(&entity).await, rig.records(&entity).await.len()),
            (0, 0)
        );
        rig.ledger.plan(Vec::new());
        rig.settle().await;
        assert_eq!(
            (rig.version(&entity).await, rig.records(&entity).await.len()),
            (1, 1)
        );
    }
}

/// The run ended after the commit, before its messages were deleted.
#[tokio::test]
async fn a_batch_that_comes_again_after_its_commit_changes_nothing() {
    let rig = Rig::open().await;
    let ids = post(&rig, 0).await;
    let messages = rig.receive().await;
    assert_eq!(messages.len(), ids.len());
    rig.run(batch(&messages)).await.unwrap();
    let first = outcome(&rig, 0, &ids).await;
    rig.ledger.take_calls();
    for _ in 0..2 {
        rig.test.clock.advance(181);
        rig.run(batch(&rig.receive().await)).await.unwrap();
    }
    assert_eq!(outcome(&rig, 0, &ids).await, first);
    let calls = rig.ledger.take_calls();
    assert!(
        calls.iter().all(|call| matches!(call, Call::Read { .. })),
        "{calls:?}"
    );
    rig.settle().await;
}

/// A run that was thought dead writes after the next one: its version and its record are refused.
#[tokio::test]
async fn a_late_write_of_a_dead_run_changes_nothing() {
    let rig = Rig::open().await;
    rig.post(&call("ended", "call_1", 6)).await;
    let entity = Entity::from_name("voice/call/call_1".to_owned());
    let before = rig
        .ledger
        .read(std::slice::from_ref(&entity), &[])
        .await
        .unwrap();
    rig.settle().await;
    let stored = rig
        .test
        .stack
        .ledger()
        .state(&entity)
        .await
        .unwrap()
        .unwrap();
    let mut older = stored.clone();
    older.state = "{}".to_owned();
    assert!(before.states.is_empty());
    let written = rig.ledger.put_state(&entity, &older, 0).await.unwrap();
    assert_ne!(written, switchhook_core::ports::Written::Done);
    let records = rig.records(entity.as_str()).await;
    let written = rig.ledger.put_record(&records[0]).await.unwrap();
    assert_ne!(written, switchhook_core::ports::Written::Done);
    assert_eq!(
        rig.test
            .stack
            .ledger()
            .state(&entity)
            .await
            .unwrap()
            .unwrap(),
        stored
    );
}
