//! What an event costs the naive peer in DynamoDB: its three writes, by the same rules as ours.
//!
//! The peers of `benches/peers` are not run by tests, so their writes are made up here as they make them: the
//! claim of Powertools' idempotency, the state of the entity, the completion with what the handler returned.

use benches::cloud::units::{self, Item};
use serde_json::{Map, Value, json};

/// The units of each write for an event with this data.
pub(super) fn units(data: &Value) -> Value {
    let claim = item(&json!({
        "id": {"S": format!("bench-consumer.applied#{}", "0".repeat(32))},
        "status": {"S": "INPROGRESS"},
        "expiration": {"N": "1772683567"},
        "in_progress_expiration": {"N": "1770091536789"},
    }));
    let mut completed = claim.clone();
    completed.insert("status".to_owned(), json!({"S": "COMPLETED"}));
    completed.insert("data".to_owned(), typed(data));
    let mut state = item(&json!({
        "pk": {"S": "voice/call/call_123456"}, "sk": {"S": "state"},
        "updated_at": {"S": "2025-01-15T14:30:25.123Z"},
    }));
    for (name, value) in data.as_object().unwrap() {
        state.insert(name.clone(), typed(value));
    }
    json!({
        "claim": units::write(None, &claim),
        "state": units::write(None, &state),
        "completion": units::write(Some(&claim), &completed),
    })
}

/// Returns what the benchmark measured of the real peer, with a body of 1 KiB.
pub(super) fn measured_units() -> f64 {
    let path = tests::workspace_root().join("docs/performance/figures/functions.json");
    let figures: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let units = &figures["values"]["node consumer, write units/event"];
    units.as_f64().unwrap()
}

fn item(value: &Value) -> Item {
    value.as_object().unwrap().clone()
}

/// Returns a JSON value as DynamoDB's document client types it.
fn typed(value: &Value) -> Value {
    match value {
        Value::Null => json!({"NULL": true}),
        Value::Bool(value) => json!({"BOOL": value}),
        Value::Number(number) => json!({"N": number.to_string()}),
        Value::String(text) => json!({"S": text}),
        Value::Array(values) => json!({"L": values.iter().map(typed).collect::<Vec<_>>()}),
        Value::Object(fields) => {
            let fields = fields.iter();
            json!({"M": fields.map(|(name, value)| (name.clone(), typed(value))).collect::<Map<_, _>>()})
        }
    }
}
