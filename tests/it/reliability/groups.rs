//! Invariant 6: an event that fails stops its own group, and nothing else.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use consumer::router::Event;
use consumer::routes::routes;
use switchhook_core::data;
use switchhook_core::kind::Kind;
use switchhook_core::states::Call as CallState;
use tests::TestClock;

use super::rig::{Rig, batch, call, with_a_mistake};
use crate::doubles::{Call, Fault};

/// The clock of [`slow`].
static CLOCK: OnceLock<Arc<TestClock>> = OnceLock::new();

/// A handler that takes most of the function's time.
fn slow(_: &mut CallState, _: &Event<'_, data::Call>) {
    CLOCK.get().unwrap().advance(28);
}

#[tokio::test]
async fn a_panic_fails_its_event_alone_and_the_rest_of_its_group_waits_untried() {
    let rig = with_a_mistake().await;
    for (event, id) in [
        ("started", "call_1"),
        ("started", "call_2"),
        ("answered", "call_1"),
        ("ended", "call_1"),
        ("transferred", "call_1"),
        ("ended", "call_2"),
        ("ended", "call_3"),
    ] {
        rig.post(&call(event, id, 1)).await;
    }
    let messages = rig.receive().await;
    let bodies = |event: &str| -> Vec<_> {
        let of_event = messages.iter().filter(|m| {
            let envelope: serde_json::Value = serde_json::from_str(m.body().unwrap()).unwrap();
            envelope["kind"] == format!("call.{event}") && envelope["entity"] == "voice/call/call_1"
        });
        of_event.filter_map(|m| m.message_id.clone()).collect()
    };
    let expected = [bodies("answered"), bodies("ended"), bodies("transferred")].concat();
    assert_eq!(expected.len(), 3);
    let deadline = rig.deadline(30);
    assert_eq!(rig.run_until(batch(&messages), deadline).await, expected);
    let delays = rig.redelivery.take_delays();
    assert!(
        delays.len() == 1 && delays[0].0 == 3,
        "delayed in one request: {delays:?}"
    );
    for (id, recorded) in [("call_1", 1), ("call_2", 2), ("call_3", 1)] {
        let entity = format!("voice/call/{id}");
        assert_eq!(rig.records(&entity).await.len(), recorded, "{id}");
        assert_eq!(
            rig.version(&entity).await,
            1,
            "{id}: events of one entity are one write"
        );
    }
    assert_eq!(
        rig.state("voice/call/call_1").await["outcome"],
        serde_json::Value::Null
    );
    rig.delete_done(messages, &expected).await;
    rig.test.clock.advance(delays[0].1.into());
    let again = rig.receive().await;
    let order: Vec<_> = again.iter().filter_map(|m| m.message_id.clone()).collect();
    assert_eq!(order, expected, "in their order");
    assert!(rig.test.stack.dead_letters().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_failure_delays_its_group_alone_and_longer_each_time() {
    let rig = Rig::open().await;
    rig.post(&call("answered", "call_1", 1)).await;
    let outage =
        |call: &Call| matches!(call, Call::PutState(of) if of.as_str() == "voice/call/call_1");
    rig.ledger.set_outage(Some(outage));
    let mut delays = Vec::new();
    for n in 0..14 {
        rig.post(&call("ended", &format!("other_{n}"), 1)).await;
        let (_, failed) = rig.run_once().await;
        assert_eq!(failed.unwrap().len(), 1);
        assert_eq!(rig.records(&format!("voice/call/other_{n}")).await.len(), 1);
        let delay = rig.redelivery.take_delays();
        assert_eq!(delay.len(), 1);
        rig.test.clock.advance(delay[0].1.into());
        delays.push(delay[0].1);
    }
    assert!(delays.is_sorted(), "{delays:?}");
    assert!(
        delays[0] <= 2 && (675..=900).contains(&delays[13]),
        "{delays:?}"
    );
}

#[tokio::test]
async fn when_the_delay_cannot_be_set_the_group_comes_again_all_the_same() {
    let rig = Rig::open().await;
    rig.post(&call("started", "call_1", 1)).await;
    rig.post(&call("ended", "call_1", 2)).await;
    rig.redelivery.fault.set(Some(Fault::Refuse));
    rig.ledger.fail_at(1, Fault::Refuse);
    assert_eq!(rig.run_once().await.1.unwrap().len(), 2);
    rig.settle().await;
    assert_eq!(rig.records("voice/call/call_1").await.len(), 2);
}

#[tokio::test]
async fn with_no_time_left_nothing_is_started_and_everything_comes_again() {
    let rig = Rig::open().await;
    for id in ["call_1", "call_2"] {
        for event in ["started", "ended"] {
            rig.post(&call(event, id, 1)).await;
        }
    }
    let messages = rig.receive().await;
    let mut ids: Vec<_> = messages
        .iter()
        .filter_map(|m| m.message_id.clone())
        .collect();
    ids.sort();
    for secs in [-60, 0, 1] {
        let mut failed = rig.run_until(batch(&messages), rig.deadline(secs)).await;
        failed.sort();
        assert_eq!(failed, ids, "{secs}");
        let calls = rig.ledger.take_calls();
        assert!(
            calls.iter().all(|call| matches!(call, Call::Read { .. })),
            "{calls:?}"
        );
    }
    let delays = rig.redelivery.take_delays();
    assert!(
        delays.iter().all(|(_, secs)| *secs == 0),
        "it was not their fault: {delays:?}"
    );
    let enough = rig.deadline(0).checked_add(Duration::from_millis(2_500));
    let failed = rig.run_until(batch(&messages), enough.unwrap()).await;
    assert!(failed.is_empty(), "{failed:?}");
    rig.settle().await;
    for id in ["call_1", "call_2"] {
        assert_eq!(rig.records(&format!("voice/call/{id}")).await.len(), 2);
    }
}

#[tokio::test]
async fn what_an_event_leaves_no_time_for_comes_again_untried() {
    let clock = TestClock::at("2026-03-04T05:06:07.089Z");
    CLOCK.set(Arc::clone(&clock)).unwrap();
    let rig = Rig::with(routes().on(Kind::CallAnswered, slow), clock).await;
    for event in ["started", "answered", "ended"] {
        rig.post(&call(event, "call_1", 1)).await;
    }
    let messages = rig.receive().await;
    let failed = rig.run_until(batch(&messages), rig.deadline(30)).await;
    assert_eq!(failed, [messages[2].message_id.clone().unwrap()]);
    assert_eq!(rig.records("voice/call/call_1").await.len(), 2);
    assert_eq!(rig.redelivery.take_delays(), [(1, 0)], "at once");
}

/// A write that never answers takes the time of its own group, not the answer for the batch.
#[tokio::test]
async fn what_hangs_is_broken_off_in_time_and_the_other_groups_commit() {
    let rig = Rig::open().await;
    rig.post(&call("started", "call_1", 1)).await;
    rig.post(&call("started", "call_2", 1)).await;
    let messages = rig.receive().await;
    rig.ledger.fail_at(1, Fault::Hang);
    let failed = rig.run_until(batch(&messages), rig.deadline(3)).await;
    assert_eq!(failed.len(), 1, "{failed:?}");
    let mut recorded = 0;
    for id in ["call_1", "call_2"] {
        recorded += rig.records(&format!("voice/call/{id}")).await.len();
    }
    assert_eq!(recorded, 1);
    rig.delete_done(messages, &failed).await;
    let delays = rig.redelivery.take_delays();
    rig.test.clock.advance(delays[0].1.into());
    rig.settle().await;
    for id in ["call_1", "call_2"] {
        assert_eq!(rig.records(&format!("voice/call/{id}")).await.len(), 1);
    }
}

/// Whoever is asked for everything again deletes nothing.
#[tokio::test]
async fn a_ledger_that_cannot_be_read_fails_the_whole_batch() {
    let rig = Rig::open().await;
    rig.post(&call("ended", "call_1", 1)).await;
    rig.post(&call("ended", "call_2", 1)).await;
    rig.ledger.set_outage(Some(|_| true));
    let mut delays = Vec::new();
    for _ in 0..8 {
        let (ids, failed) = rig.run_once().await;
        assert_eq!((failed.unwrap(), ids.len()), (ids, 2));
        let delayed = rig.redelivery.take_delays();
        assert_eq!(delayed.len(), 2, "each group of its own");
        let longest = delayed.iter().map(|(_, secs)| *secs).max().unwrap();
        rig.test.clock.advance(longest.into());
        delays.push(longest);
    }
    assert_eq!(rig.ledger.take_calls().len(), 8, "nothing but the reads");
    assert!(
        delays.is_sorted() && delays[0] <= 2 && delays[7] > 100,
        "{delays:?}"
    );
}

/// A read that never answers leaves time to say which messages come again, and so does a delay.
#[tokio::test]
async fn a_read_and_a_delay_that_hang_are_broken_off_in_time() {
    let rig = Rig::open().await;
    rig.post(&call("ended", "call_1", 1)).await;
    rig.ledger.fail_at(0, Fault::Hang);
    rig.redelivery.fault.set(Some(Fault::Hang));
    let messages = rig.receive().await;
    let failed = rig.run_until(batch(&messages), rig.deadline(3)).await;
    assert_eq!(failed.len(), 1);
    rig.redelivery.fault.set(None);
    rig.settle().await;
    assert_eq!(rig.records("voice/call/call_1").await.len(), 1);
}

#[tokio::test]
async fn a_batch_that_is_of_no_fifo_queue_is_refused_whole() {
    let rig = Rig::open().await;
    rig.post(&call("ended", "call_1", 1)).await;
    let messages = rig.receive().await;
    for name in [
        "SequenceNumber",
        "MessageGroupId",
        "ApproximateReceiveCount",
    ] {
        let mut odd = batch(&messages);
        odd.records[0].attributes.remove(name);
        assert!(rig.refuses(odd).await, "{name}");
    }
    let mut nameless = batch(&messages);
    nameless.records[0].message_id = Some(String::new());
    assert!(rig.refuses(nameless).await);
    assert!(rig.records("voice/call/call_1").await.is_empty());
}
