//! From the wire to the ledger, on the laptop's stack.

use switchhook_core::entity::Entity;
use tests::TestStack;

const ENDED: &str = r#"{"event":"call.ended","timestamp":"2026-02-03T04:05:06.007Z","data":{"call_id":"call_1","call_duration":61}}"#;

fn call() -> Entity {
    Entity::from_name("voice/call/call_1".to_owned())
}

#[tokio::test]
async fn a_signed_delivery_becomes_a_record_and_a_state() {
    let test = TestStack::open().await;
    let (status, answer) = test.post(ENDED).await;
    assert_eq!((status, &answer["events"]), (200, &1.into()));
    test.stack.drain().await.unwrap();
    let records = test.stack.ledger().events_of(&call()).await.unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(
        records[0].id.to_string(),
        format!("{}.0", answer["id"].as_str().unwrap())
    );
    let state = test.stack.ledger().state(&call()).await.unwrap().unwrap();
    let state: serde_json::Value = serde_json::from_str(&state.state).unwrap();
    assert_eq!(state["duration_secs"], 61);
    assert_eq!(state["ended_at"], "2026-02-03T04:05:06.007Z");
}

#[tokio::test]
async fn a_second_copy_is_counted_and_changes_nothing() {
    let test = TestStack::open().await;
    test.post(ENDED).await;
    test.stack.drain().await.unwrap();
    let state = test.stack.ledger().state(&call()).await.unwrap();
    for _ in 0..2 {
        test.post(ENDED).await;
    }
    test.stack.drain().await.unwrap();
    let records = test.stack.ledger().events_of(&call()).await.unwrap();
    assert_eq!((records.len(), records[0].deliveries.len()), (1, 3));
    assert_eq!(test.stack.ledger().state(&call()).await.unwrap(), state);
}
