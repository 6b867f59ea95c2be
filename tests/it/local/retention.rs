//! `state_retention_days`: states expire so long after the newest of their events, and the suppression list
//! never does.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::sign;

use super::SECRET;
use super::dead::bench::{Bench, days_ago};
use crate::programs::{Home, eventually};

const DAYS: i64 = 45;
const CONVERSATION: &str = "other/conversation/+15550100003,+15550100004";
const OPT_OUT: &str = "_/opt_out/+15550100003/sms";

fn sources(top: &str) -> String {
    format!("{top}\n[sources.other]\nprovider = \"ai-sync\"\nsecrets = [\"{SECRET}\"]\n")
}

/// Posts a text and returns its event.
fn received(bench: &Bench, message: &str) -> Value {
    let body = json!({"event": "sms.received", "timestamp": days_ago(0),
        "data": {"from": "+15550100003", "to": "+15550100004", "message": message}});
    let body = body.to_string();
    let signature = sign(SECRET, body.as_bytes());
    let headers = [("x-webhook-signature", signature.as_str())];
    let answer = bench
        .local
        .post("/webhooks/other", &headers, body.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    let id = format!("{}.0", answer.json()["id"].as_str().unwrap());
    eventually("the event", || {
        let mut events = bench.home.events().into_iter();
        events.find(|event| event["id"] == id.as_str())
    })
}

fn item(bench: &Bench, entity: &str) -> Option<Value> {
    let key = json!({"pk": {"S": entity}, "sk": {"S": "state"}});
    let asked = json!({"TableName": "switchhook", "Key": key});
    let answer = bench.aws("DynamoDB_20120810.GetItem", &asked);
    answer.get("Item").cloned()
}

fn expires_at(item: &Value) -> Option<i64> {
    let second = item.get("expires_at")?["N"].as_str().unwrap();
    Some(second.parse().unwrap())
}

#[test]
fn states_expire_after_their_newest_event_and_the_suppression_list_never() {
    let home = Home::new();
    let top = format!("state_retention_days = {DAYS}");
    home.write("switchhook.toml", &sources(&top));
    let bench = Bench::of(home);
    received(&bench, "hello");
    let event = received(&bench, "STOP");
    let accepted: Timestamp = event["received_at"].as_str().unwrap().parse().unwrap();
    let state = item(&bench, CONVERSATION).unwrap();
    let expiry = accepted + SignedDuration::from_hours(24 * DAYS);
    assert_eq!(expires_at(&state), Some(expiry.as_second()), "{state}");
    let entry = item(&bench, OPT_OUT).unwrap();
    assert_eq!(expires_at(&entry), None, "{entry}");

    let past = json!({
        "TableName": "switchhook", "Key": {"pk": {"S": CONVERSATION}, "sk": {"S": "state"}},
        "UpdateExpression": "SET expires_at = :past",
        "ExpressionAttributeValues": {":past": {"N": "1000000000"}},
    });
    bench.aws("DynamoDB_20120810.UpdateItem", &past);
    let bench = Bench::of(bench.stop());
    eventually("the state to be deleted", || {
        item(&bench, CONVERSATION).is_none().then_some(())
    });
    assert!(item(&bench, OPT_OUT).is_some());
    received(&bench, "hello again");
    assert!(expires_at(&item(&bench, CONVERSATION).unwrap()).is_some());

    let home = bench.stop();
    home.write("switchhook.toml", &sources(""));
    let bench = Bench::of(home);
    received(&bench, "hello once more");
    let state = item(&bench, CONVERSATION).unwrap();
    assert_eq!(expires_at(&state), None, "without the setting it stays");
    assert!(state.get("kept_from").is_some(), "{state}");
}
