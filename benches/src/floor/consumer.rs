//! The floor's consumer: one read a batch, then a state and a record for each event, one after the other.

use std::borrow::Cow;

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::ingress::Envelope;
use super::{Service, run, variable};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<'a> {
    #[serde(borrow)]
    records: Vec<Message<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    body: Cow<'a, str>,
    #[serde(borrow)]
    attributes: Attributes<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes<'a> {
    #[serde(borrow)]
    sequence_number: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "Responses")]
    responses: Responses,
}

#[derive(Deserialize)]
struct Responses {
    switchhook: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    pk: Text,
    sk: Text,
}

#[derive(Deserialize)]
struct Text {
    #[serde(rename = "S")]
    text: String,
}

struct Consumer {
    ledger: Service,
    table: String,
}

/// Runs for ever.
///
/// # Errors
///
/// At the first batch that is not as expected.
pub fn main() -> Result<()> {
    let mut consumer = Consumer {
        ledger: Service::new("dynamodb")?,
        table: variable("TABLE_NAME")?,
    };
    run(move |batch| consumer.handle(batch))
}

impl Consumer {
    fn handle(&mut self, batch: &[u8]) -> Result<String> {
        let batch: Batch<'_> = serde_json::from_slice(batch)?;
        let envelopes = batch
            .records
            .iter()
            .map(|message| serde_json::from_str(&message.body));
        let envelopes: Vec<Envelope<'_>> = envelopes.collect::<Result<_, _>>()?;
        let bodies = envelopes
            .iter()
            .map(|envelope| STANDARD.decode(envelope.body.as_bytes()));
        let bodies = bodies.collect::<Result<Vec<_>, _>>()?;
        let events = bodies.iter().map(|body| serde_json::from_slice(body));
        let events: Vec<Event<'_>> = events.collect::<Result<_, _>>()?;
        let known = self.known(&envelopes, &events)?;
        for ((message, envelope), event) in batch.records.iter().zip(&envelopes).zip(&events) {
            let record = record_key(event);
            if known
                .iter()
                .any(|key| key.pk.text == envelope.entity && key.sk.text == record)
            {
                continue;
            }
            self.put(&state(envelope, event))?;
            self.put(&record_of(message, envelope, event))?;
        }
        Ok(r#"{"batchItemFailures":[]}"#.to_owned())
    }

    fn known(&mut self, envelopes: &[Envelope<'_>], events: &[Event<'_>]) -> Result<Vec<Key>> {
        let keys = envelopes.iter().zip(events).flat_map(|(envelope, event)| {
            ["state".to_owned(), record_key(event)]
                .map(|sort| json!({"pk": {"S": envelope.entity}, "sk": {"S": sort}}))
        });
        let request = json!({"RequestItems": {&self.table: {
            "ConsistentRead": true, "Keys": keys.collect::<Vec<_>>(), "ProjectionExpression": "pk, sk, version",
        }}});
        let answer = self
            .ledger
            .call("DynamoDB_20120810.BatchGetItem", &request.to_string())?;
        let found: Found = serde_json::from_slice(&answer.body)?;
        Ok(found.responses.switchhook)
    }

    fn put(&mut self, item: &serde_json::Value) -> Result<()> {
        let request = json!({
            "TableName": self.table, "Item": item,
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        });
        self.ledger
            .call("DynamoDB_20120810.PutItem", &request.to_string())
            .map(drop)
    }
}

fn record_key(event: &Event<'_>) -> String {
    format!("event#{}", event.event)
}

fn state(envelope: &Envelope<'_>, event: &Event<'_>) -> serde_json::Value {
    json!({
        "pk": {"S": envelope.entity}, "sk": {"S": "state"}, "version": {"N": "1"},
        "state": {"S": event.data.get()}, "updated_at": {"S": event.timestamp},
    })
}

fn record_of(
    message: &Message<'_>,
    envelope: &Envelope<'_>,
    event: &Event<'_>,
) -> serde_json::Value {
    let millis = envelope.received_at;
    let number = |number: i64| json!({"N": number.to_string()});
    json!({
        "pk": {"S": envelope.entity}, "sk": {"S": record_key(event)},
        "id": {"S": envelope.id}, "kind": {"S": event.event}, "provider": {"S": "ai-sync"},
        "received_at": number(millis), "shard": {"S": "events#0"}, "occurred_at": {"S": event.timestamp},
        "sequence": {"S": message.attributes.sequence_number}, "deliveries": {"SS": [envelope.id]},
        "data": {"S": event.data.get()}, "raw": {"B": envelope.body},
        "expires_at": number(millis / 1_000 + 30 * 86_400),
    })
}
