//! What an event costs: one read a batch, at most two writes an event of one state.

use super::rig::{Rig, batch, call, text};
use crate::doubles::Call;

/// Returns how many reads and writes the rig's ledger had since it was last asked.
fn cost(rig: &Rig) -> (usize, usize) {
    let calls = rig.ledger.take_calls();
    let reads = calls
        .iter()
        .filter(|call| matches!(call, Call::Read { .. }))
        .count();
    (reads, calls.len() - reads)
}

#[tokio::test]
async fn a_batch_is_read_at_once_and_a_new_event_is_two_writes() {
    let rig = Rig::open().await;
    for n in 0..10 {
        rig.post(&call("ended", &format!("call_{n}"), 6)).await;
    }
    assert_eq!(rig.run_once().await.0.len(), 10);
    assert_eq!(cost(&rig), (1, 20));
}

#[tokio::test]
async fn events_of_one_entity_in_a_batch_cost_one_read_and_one_write_of_its_state() {
    let rig = Rig::open().await;
    for (second, event) in ["started", "answered", "ended"].into_iter().enumerate() {
        rig.post(&call(event, "call_1", u32::try_from(second).unwrap()))
            .await;
    }
    rig.run_once().await;
    assert_eq!(cost(&rig), (1, 4));
    assert_eq!(rig.version("voice/call/call_1").await, 1);
}

#[tokio::test]
async fn a_copy_is_one_write_and_a_redelivered_message_none() {
    let rig = Rig::open().await;
    rig.post(&call("ended", "call_1", 6)).await;
    rig.run_once().await;
    cost(&rig);
    rig.post(&call("ended", "call_1", 6)).await;
    let copy = rig.receive().await;
    rig.run(batch(&copy)).await.unwrap();
    assert_eq!(cost(&rig), (1, 1));
    for _ in 0..2 {
        rig.run(batch(&copy)).await.unwrap();
        assert_eq!(cost(&rig), (1, 0));
    }
}

#[tokio::test]
async fn a_copy_in_the_same_batch_is_one_write() {
    let rig = Rig::open().await;
    for _ in 0..3 {
        rig.post(&call("ended", "call_1", 6)).await;
    }
    rig.run_once().await;
    assert_eq!(cost(&rig), (1, 2 + 2));
}

#[tokio::test]
async fn an_event_that_changes_nothing_is_one_write() {
    let rig = Rig::open().await;
    rig.post(r#"{"event":"no.such.event"}"#).await;
    rig.run_once().await;
    assert_eq!(cost(&rig), (1, 1));
}

/// The suppression list is another state, outside the group: one read and one write more.
#[tokio::test]
async fn only_a_text_that_opts_out_costs_more() {
    let rig = Rig::open().await;
    rig.post(&text("conv_1", "in_1", "+15550100003", "hello", 1))
        .await;
    rig.run_once().await;
    assert_eq!(cost(&rig), (1, 2));
    rig.post(&text("conv_1", "in_2", "+15550100003", "STOP", 2))
        .await;
    rig.run_once().await;
    assert_eq!(cost(&rig), (2, 3));
}

#[tokio::test]
async fn record_counts_a_hundred_deliveries_and_then_only_lives_longer() {
    let rig = Rig::open().await;
    for _ in 0..104 {
        rig.post(&call("ended", "call_1", 6)).await;
    }
    rig.settle().await;
    assert_eq!(
        rig.records("voice/call/call_1").await[0].deliveries.len(),
        100
    );
    let (_, writes) = cost(&rig);
    // Beyond a hundred only the expiry is raised: what is counted nowhere else must not vanish with it.
    assert_eq!(writes, 2 + 103);
    rig.post(&call("ended", "call_1", 6)).await;
    rig.run_once().await;
    assert_eq!(cost(&rig), (1, 1));
}
