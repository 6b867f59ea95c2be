//! The pipe from the ledger's stream to the bus: what it lets through, and what it makes of it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;
use switchhook_aws::dynamodb::item::{self, Item};
use switchhook_core::entity::Entity;
use switchhook_core::ledger::RecordKey;
use tests::TestStack;

use super::properties;

/// Returns what the stream tells of an item.
fn change(name: &str, item: &Item) -> Value {
    let attributes = |item: &Item| -> HashMap<String, HashMap<&str, String>> {
        let texts = item.iter().filter_map(|(name, value)| match value {
            AttributeValue::S(text) => Some((name.clone(), HashMap::from([("S", text.clone())]))),
            AttributeValue::N(text) => Some((name.clone(), HashMap::from([("N", text.clone())]))),
            _ => None,
        });
        texts.collect()
    };
    let mut keys = item.clone();
    keys.retain(|name, _| name == "pk" || name == "sk");
    serde_json::json!({
        "eventName": name,
        "dynamodb": {"Keys": attributes(&keys), "NewImage": attributes(item)},
    })
}

/// EventBridge's patterns, as far as the template uses them: values and prefixes.
fn matches(pattern: &Value, event: &Value) -> bool {
    match pattern {
        Value::Object(fields) => fields
            .iter()
            .all(|(name, inner)| matches(inner, &event[name])),
        Value::Array(choices) => choices
            .iter()
            .any(|choice| match choice["prefix"].as_str() {
                Some(prefix) => event.as_str().is_some_and(|text| text.starts_with(prefix)),
                None => choice == event,
            }),
        _ => false,
    }
}

async fn record() -> Item {
    let test = TestStack::open().await;
    let body = r#"{"event":"call.ended","data":{"call_id":"c"}}"#; // as little as there can be
    assert_eq!(test.post(body).await.0, 200);
    test.stack.drain().await.unwrap();
    let entity = Entity::from_name("voice/call/c".to_owned());
    let events = test.stack.ledger().events_of(&entity).await.unwrap();
    item::record_item(&events[0]).unwrap()
}

#[tokio::test]
async fn records_pass_when_they_are_put_and_nothing_else_does() {
    let source = &properties("Pipe")["SourceParameters"];
    let filters = source["FilterCriteria"]["Filters"].as_array().unwrap();
    assert_eq!(filters.len(), 1);
    let pattern: Value = serde_json::from_str(filters[0]["Pattern"].as_str().unwrap()).unwrap();
    let record = record().await;
    assert!(matches(&pattern, &change("INSERT", &record)));
    assert!(
        !matches(&pattern, &change("MODIFY", &record)),
        "a counted duplicate"
    );
    assert!(!matches(&pattern, &change("REMOVE", &record)), "expiry");
    let key = RecordKey {
        entity: Entity::from_name("voice/call/c".to_owned()),
        name: "k".to_owned(),
    };
    let state = item::state_key(&key.entity);
    assert!(!matches(&pattern, &change("INSERT", &state)), "a state");
    assert!(matches(
        &pattern,
        &change("INSERT", &item::record_key(&key))
    ));
}

#[tokio::test]
async fn everything_that_is_handed_on_is_in_every_record() {
    let target = &properties("Pipe")["TargetParameters"];
    let template = target["InputTemplate"].as_str().unwrap();
    let change = change("INSERT", &record().await);
    let at = |path: &str| {
        change
            .pointer(&path.replacen("$.", "/", 1).replace('.', "/"))
            .cloned()
    };
    let mut filled = String::new();
    for part in template.split('<') {
        match part.split_once('>') {
            Some((path, rest)) => {
                let value = at(path).unwrap_or_else(|| panic!("no record has `{path}`"));
                filled += &format!("{value}{rest}");
            }
            None => filled += part,
        }
    }
    let detail: Value = serde_json::from_str(&filled).expect("a JSON object");
    assert_eq!(detail["entity"], "voice/call/c");
    assert!(serde_json::from_str::<Value>(detail["data"].as_str().unwrap()).is_ok());
    let bus = &target["EventBridgeEventBusParameters"];
    assert_eq!(
        at(bus["DetailType"].as_str().unwrap()).unwrap(),
        "call.ended"
    );
    assert_eq!(bus["Source"], "switchhook");
}

#[test]
fn a_record_that_cannot_be_handed_on_holds_up_no_other_for_ever() {
    let pipe = properties("Pipe");
    let stream = &pipe["SourceParameters"]["DynamoDBStreamParameters"];
    assert_eq!(stream["OnPartialBatchItemFailure"], "AUTOMATIC_BISECT");
    let retries = stream["MaximumRetryAttempts"].as_i64().unwrap();
    assert!((1..=100).contains(&retries), "-1 is without end");
    let age = stream["MaximumRecordAgeInSeconds"].as_i64().unwrap();
    assert!(
        (3_600..86_400).contains(&age),
        "a stream keeps a record for a day"
    );
    assert_eq!(
        stream["DeadLetterConfig"]["Arn"]["Fn::GetAtt"],
        "PipeDeadLetters.Arn"
    );
    assert_eq!(
        stream["StartingPosition"], "TRIM_HORIZON",
        "what was recorded while the pipe was made"
    );
    assert_eq!(
        pipe["Source"]["Fn::If"][1]["Fn::GetAtt"],
        "Ledger.StreamArn"
    );
    assert_eq!(pipe["Target"]["Fn::GetAtt"], "Bus.Arn");
}
