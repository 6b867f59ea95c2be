//! Invariant 5 at the table's own interface: a batch is read consistently and whole, though the table
//! answers in parts.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use serde_json::{Value, json};
use switchhook::local::dynamodb;
use switchhook_aws::connection::{Connection, Patience};
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_core::entity::Entity;
use switchhook_core::ledger::{RecordKey, Snapshot};
use switchhook_core::ports::Ledger;

use super::rig::{Rig, call};

const TABLE: &str = "switchhook";

/// A table that answers so many keys of a request at most, and leaves the others unprocessed.
#[derive(Clone, Debug)]
struct Throttled {
    most: usize,
    /// The requests, as the table got them.
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Throttled {
    /// Takes from an answer what goes beyond what is answered.
    fn cut(&self, asked: &Value, answer: &mut Value) {
        let mut left = asked["RequestItems"][TABLE].clone();
        let keys = left["Keys"].as_array_mut().unwrap();
        let answered: Vec<_> = keys.drain(..self.most.min(keys.len())).collect();
        let is_answered = |item: &Value| {
            let mut keys = answered.iter();
            keys.any(|key| key["pk"] == item["pk"] && key["sk"] == item["sk"])
        };
        let items = answer["Responses"][TABLE].as_array_mut().unwrap();
        items.retain(is_answered);
        if !keys.is_empty() {
            answer["UnprocessedKeys"] = json!({ TABLE: left });
        }
    }
}

impl Intercept for Throttled {
    fn name(&self) -> &'static str {
        "throttled"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let asked = serde_json::from_slice(context.request().body().bytes().unwrap())?;
        self.asked.lock().unwrap().push(asked);
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let asked = self.asked.lock().unwrap().last().unwrap().clone();
        let body = context.response().body().bytes().unwrap();
        let mut answer: Value = serde_json::from_slice(body)?;
        self.cut(&asked, &mut answer);
        *context.response_mut().body_mut() = answer.to_string().into();
        Ok(())
    }
}

/// Reads what a rig's ledger holds of three calls, through a throttled table.
async fn read(rig: &Rig, most: usize) -> (Result<Snapshot, String>, Vec<Value>) {
    let throttled = Throttled {
        most,
        asked: Arc::default(),
    };
    let http_client = dynamodb::http_client(rig.test.stack.dynamodb().clone());
    let client = Connection::in_process(http_client, Patience::CONSUMER).dynamodb();
    let config = client
        .config()
        .to_builder()
        .interceptor(throttled.clone())
        .build();
    let ledger = DynamoDbLedger::new(Client::from_conf(config), TABLE.to_owned());
    let entities =
        ["call_1", "call_2", "call_3"].map(|id| Entity::from_name(format!("voice/call/{id}")));
    let mut records = Vec::new();
    for entity in &entities {
        let recorded = rig.records(entity.as_str()).await;
        records.extend(recorded.into_iter().map(|record| record.key));
    }
    let read = ledger.read(&entities, &records).await;
    let asked = throttled.asked.lock().unwrap().clone();
    (read.map_err(|error| error.to_string()), asked)
}

async fn with_three_calls() -> Rig {
    let rig = Rig::open().await;
    for id in ["call_1", "call_2", "call_3"] {
        rig.post(&call("ended", id, 1)).await;
    }
    rig.settle().await;
    rig
}

#[tokio::test]
async fn what_a_throttled_table_leaves_unprocessed_is_asked_for_until_it_is_there() {
    let rig = with_three_calls().await;
    let (whole, once) = read(&rig, 100).await;
    let whole = whole.unwrap();
    assert_eq!(
        (whole.states.len(), whole.records.len(), once.len()),
        (3, 3, 1)
    );
    let (parts, asked) = read(&rig, 2).await;
    let parts = parts.unwrap();
    let names =
        |snapshot: &Snapshot| -> HashSet<RecordKey> { snapshot.records.keys().cloned().collect() };
    assert_eq!((parts.states.len(), names(&parts)), (3, names(&whole)));
    assert_eq!(asked.len(), 3, "six keys, two at a time: {asked:?}");
    for request in once.iter().chain(&asked) {
        assert_eq!(request["RequestItems"][TABLE]["ConsistentRead"], true);
    }
}

/// An unread record would be a duplicate that nobody sees.
#[tokio::test]
async fn a_table_that_stays_throttled_is_an_error_and_no_empty_ledger() {
    let rig = with_three_calls().await;
    let (nothing, asked) = read(&rig, 0).await;
    assert!(nothing.unwrap_err().contains("reading the ledger"));
    assert!(asked.len() > 2, "{}", asked.len());
}
