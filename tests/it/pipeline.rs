//! From the wire to the ledger, on the laptop's stack.

mod cellcast;

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

/// Posts bodies one after the other and returns an entity's state.
async fn state_after(entity: &str, bodies: &[&str]) -> serde_json::Value {
    let test = TestStack::open().await;
    for body in bodies {
        assert_eq!(test.post(body).await.0, 200, "{body}");
        test.clock.advance(1);
    }
    test.stack.drain().await.unwrap();
    assert!(test.stack.dead_letters().await.unwrap().is_empty());
    let entity = Entity::from_name(entity.to_owned());
    let state = test.stack.ledger().state(&entity).await.unwrap();
    serde_json::from_str(&state.expect("a state").state).unwrap()
}

fn text(id: u8, text: &str, channel: &str) -> String {
    format!(
        r#"{{"event":"sms.received","timestamp":"2026-02-03T04:05:0{id}Z","data":{{"message_id":"m{id}","from":"+15550100003","to":"+15550100004","text":"{text}","channel":"{channel}"}}}}"#
    )
}

#[tokio::test]
async fn a_number_has_one_place_in_the_suppression_list_however_its_channel_is_spelled() {
    let (stop, start) = (text(1, "STOP", "SMS"), text(2, "start", "sms"));
    let state = state_after("_/opt_out/+15550100003/sms", &[&stop, &start]).await;
    assert_eq!(state["opted_out"], false);
    let long = text(3, "Stop.", &"x".repeat(3_000));
    let state = state_after("_/opt_out/+15550100003/sms", &[&stop, &start, &long]).await;
    assert_eq!(
        (&state["opted_out"], &state["source"]),
        (&true.into(), &"voice".into())
    );
}

#[tokio::test]
async fn stop_wins_a_tie_in_the_conversation_as_in_the_list() {
    let stop = text(1, "STOP", "sms");
    let start = text(1, "START", "sms").replace("m1", "m2");
    let conversation = "voice/conversation/+15550100003,+15550100004";
    for entity in [conversation, "_/opt_out/+15550100003/sms"] {
        for bodies in [[&stop, &start], [&start, &stop]] {
            let state = state_after(entity, &bodies.map(String::as_str)).await;
            assert_eq!(state["opted_out"], true, "{entity}");
        }
    }
}

#[tokio::test]
async fn a_call_does_not_go_back_to_ringing_when_its_start_is_told_late() {
    let at_once = |event: &str, status: &str| {
        format!(
            r#"{{"event":"{event}","timestamp":"2026-02-03T04:05:06Z","data":{{"call_id":"c","call_status":"{status}"}}}}"#
        )
    };
    let (ended, started) = (
        at_once("call.ended", "completed"),
        at_once("call.started", "ringing"),
    );
    let state = state_after("voice/call/c", &[&ended, &started]).await;
    assert_eq!(state["status"], "completed");
    assert_eq!(state["started_at"], "2026-02-03T04:05:06Z");
}

#[tokio::test]
async fn data_is_one_line_however_it_was_sent() {
    let test = TestStack::open().await;
    let pretty = "{\n  \"event\": \"call.ended\",\n  \"data\": {\n    \"call_id\": \"call_1\",\n    \"custom_fields\": {\n      \"a b\": [1e999, \"x\\n y\"]\n    }\n  }\n}";
    test.post(pretty).await;
    test.stack.drain().await.unwrap();
    let records = test.stack.ledger().events_of(&call()).await.unwrap();
    assert!(!records[0].data.contains('\n'), "{}", records[0].data);
    assert!(
        records[0].data.contains(r#"{"a b":[1e999,"x\n y"]}"#),
        "{}",
        records[0].data
    );
}

#[tokio::test]
async fn a_damaged_item_stops_its_own_entity_only() {
    let test = TestStack::open().await;
    let damaged = r#"{"TableName":"switchhook","Item":{"pk":{"S":"voice/call/call_1"},"sk":{"S":"state"},"version":{"N":"1"}}}"#;
    let put = test
        .stack
        .dynamodb()
        .call("PutItem", damaged.as_bytes())
        .await;
    assert_eq!(put.status, 200, "{}", put.body);
    test.post(ENDED).await;
    test.post(&ENDED.replace("call_1", "call_2")).await;
    test.stack.drain().await.unwrap();
    let other = Entity::from_name("voice/call/call_2".to_owned());
    assert_eq!(
        test.stack.ledger().events_of(&other).await.unwrap().len(),
        1
    );
    let dead = test.stack.dead_letters().await.unwrap();
    let reason = &dead[0].message_attributes.as_ref().unwrap()["reason"];
    assert_eq!(
        (dead.len(), reason.string_value.as_deref()),
        (1, Some("item"))
    );
}

#[tokio::test]
async fn a_deep_and_large_repeatable_event_is_answered_in_time() {
    let test = TestStack::open().await;
    let deep = format!(
        "{}{}{}",
        "[".repeat(100),
        "1,".repeat(300_000) + "1",
        "]".repeat(100)
    );
    let body = format!(r#"{{"event":"agent.updated","data":{{"agent_id":"a","deep":{deep}}}}}"#);
    assert_eq!(test.post(&body).await.0, 200);
}
