//! What the table answers: an item that it refuses for what it holds is a dead letter, alone. Whatever
//! may pass is tried again and never makes a dead letter.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use serde_json::{Value, json};
use switchhook::local::dynamodb;
use switchhook_aws::connection::{Connection, Patience};
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_core::entity::Entity;
use switchhook_core::ports::{Ledger, PortError};

use super::rig::{Rig, call};
use crate::doubles::{Call, Fault};

const CALL: &str = "voice/call/call_1";

/// The most bytes of an item, names included (quotas of `DynamoDB`).
const MAX_ITEM_BYTES: usize = 400 << 10;

/// Makes the state of a call so large that nothing can be added to it.
async fn fill_state(rig: &Rig) {
    let entity = Entity::from_name(CALL.to_owned());
    let stored = rig
        .test
        .stack
        .ledger()
        .state(&entity)
        .await
        .unwrap()
        .unwrap();
    let mut state: Value = serde_json::from_str(&stored.state).unwrap();
    let mut positions: Value = serde_json::from_str(&stored.positions).unwrap();
    let registers = positions.as_object_mut().unwrap().values_mut().next();
    let registers = registers.unwrap().as_array_mut().unwrap();
    registers.push(json!("disposition"));
    let others = state.to_string().len() + positions.to_string().len() + 100;
    state["disposition"] = json!("x".repeat(MAX_ITEM_BYTES - others));
    rig.put_item(&json!({
        "pk": {"S": CALL}, "sk": {"S": "state"}, "version": {"N": "1"},
        "state": {"S": state.to_string()}, "positions": {"S": positions.to_string()},
    }))
    .await;
}

#[tokio::test]
async fn item_that_the_table_refuses_is_a_dead_letter_at_once_and_alone() {
    let rig = Rig::open().await;
    rig.post(&call("started", "call_1", 1)).await;
    rig.settle().await;
    fill_state(&rig).await;
    // One alone, and then some that are committed together elsewhere.
    rig.post(&call("answered", "call_1", 2)).await;
    rig.post(&call("ended", "call_2", 3)).await;
    let (ids, failed) = rig.run_once().await;
    assert_eq!((ids.len(), failed), (2, Some(Vec::new())), "no retry");
    rig.post(&call("transferred", "call_1", 4)).await;
    rig.post(&call("ended", "call_1", 5)).await;
    let (ids, failed) = rig.run_once().await;
    assert_eq!((ids.len(), failed), (2, Some(Vec::new())), "no retry");
    assert_eq!(rig.records("voice/call/call_2").await.len(), 1);
    let letters = rig.test.stack.dead_letters().await.unwrap();
    let reasons: Vec<_> = letters
        .iter()
        .filter_map(|letter| letter.message_attributes.as_ref()?["reason"].string_value())
        .collect();
    assert_eq!(reasons, ["refused_by_table"; 3]);
    assert_eq!(rig.records(CALL).await.len(), 1);
}

/// Events that are committed together: behind a write that failed nothing newer is recorded.
#[tokio::test]
async fn failed_record_sends_itself_and_what_follows_back_in_order() {
    let rig = Rig::open().await;
    let mut ids = Vec::new();
    for (second, event) in ["started", "answered", "transferred", "ended"]
        .into_iter()
        .enumerate()
    {
        let second = u32::try_from(second).unwrap();
        ids.push(rig.post(&call(event, "call_1", second)).await);
    }
    rig.ledger.fail_at(3, Fault::Refuse); // a read, the state, a record, and this
    let (messages, failed) = rig.run_once().await;
    assert_eq!(failed, Some(messages[1..].to_vec()));
    assert_eq!(rig.records(CALL).await.len(), 1);
    assert_eq!(rig.version(CALL).await, 1, "one write of the state");
    rig.settle().await;
    let recorded: Vec<_> = rig.records(CALL).await;
    let recorded: Vec<_> = recorded.iter().map(|r| r.id.delivery.to_string()).collect();
    assert_eq!(recorded, ids);
    let puts = rig.ledger.take_calls().into_iter();
    let mut puts: Vec<_> = puts
        .filter_map(|call| match call {
            Call::PutRecord(id) => Some(id.delivery.to_string()),
            _ => None,
        })
        .collect();
    puts.dedup();
    assert_eq!(puts, ids, "in their order");
    assert_eq!(rig.version(CALL).await, 1, "the state was right already");
}

/// A table that answers with this error.
#[derive(Clone, Debug)]
struct Failing {
    error: Arc<Mutex<(u16, String)>>,
}

impl Intercept for Failing {
    fn name(&self) -> &'static str {
        "failing"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (status, body) = self.error.lock().unwrap().clone();
        *context.response_mut() = HttpResponse::new(status.try_into()?, body.into());
        Ok(())
    }
}

/// Returns the errors of every write of one item, and of a read of several.
async fn errors(status: u16, code: &str, message: &str) -> (Vec<PortError>, PortError) {
    let rig = Rig::open().await;
    rig.post(&call("ended", "call_1", 1)).await;
    rig.settle().await;
    let record = rig.records(CALL).await.remove(0);
    let body =
        json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message});
    let failing = Failing {
        error: Arc::new(Mutex::new((status, body.to_string()))),
    };
    let http_client = dynamodb::http_client(rig.test.stack.dynamodb().clone());
    let client = Connection::in_process(http_client, Patience::CONSUMER).dynamodb();
    let config = client.config().to_builder().interceptor(failing).build();
    let ledger = DynamoDbLedger::new(Client::from_conf(config), "switchhook".to_owned());
    let entity = Entity::from_name(CALL.to_owned());
    let stored = rig
        .test
        .stack
        .ledger()
        .state(&entity)
        .await
        .unwrap()
        .unwrap();
    let entry = switchhook_core::ledger::Entry {
        delivery: Some(record.id.delivery),
        variant: None,
        expires_at: None,
    };
    let writes = vec![
        ledger
            .put_state(&entity, &stored, 1)
            .await
            .map(drop)
            .unwrap_err(),
        ledger.put_record(&record).await.map(drop).unwrap_err(),
        ledger
            .add_entry(&record.key, &entry)
            .await
            .map(drop)
            .unwrap_err(),
    ];
    let read = ledger.read(&[entity], &[]).await.unwrap_err();
    (writes, read)
}

#[tokio::test]
async fn only_what_is_refused_for_its_item_is_permanent() {
    let permanent = [
        (
            "ValidationException",
            "Item size has exceeded the maximum allowed size",
        ),
        (
            "ValidationException",
            "Item size to update has exceeded the maximum allowed size",
        ),
        (
            "ItemCollectionSizeLimitExceededException",
            "Collection size exceeded.",
        ),
    ];
    for (code, message) in permanent {
        let (writes, read) = errors(400, code, message).await;
        assert!(
            writes.iter().all(|error| error.is_permanent),
            "{code}: {writes:?}"
        );
        assert!(
            !read.is_permanent,
            "one item of many must not fail a batch for good"
        );
    }
    let transient = [
        (
            400,
            "AccessDeniedException",
            "User is not authorized to perform: dynamodb:PutItem",
        ),
        (
            400,
            "ResourceNotFoundException",
            "Requested resource not found",
        ),
        (
            400,
            "ThrottlingException",
            "Rate of requests exceeds the allowed throughput.",
        ),
        (
            400,
            "ProvisionedThroughputExceededException",
            "The level of configured throughput",
        ),
        (
            400,
            "RequestLimitExceeded",
            "Throughput exceeds the current throughput limit",
        ),
        (
            400,
            "UnrecognizedClientException",
            "The security token is invalid.",
        ),
        (
            400,
            "ExpiredTokenException",
            "The security token is expired",
        ),
        (400, "ValidationException", "KMS key access denied"),
        (
            400,
            "TransactionConflictException",
            "Transaction is ongoing for the item",
        ),
        (
            500,
            "InternalServerError",
            "The request processing has failed",
        ),
        (503, "ServiceUnavailable", "Service unavailable"),
    ];
    for (status, code, message) in transient {
        let (writes, read) = errors(status, code, message).await;
        let all: Vec<_> = writes.iter().chain([&read]).collect();
        assert!(
            all.iter().all(|error| !error.is_permanent),
            "{code}: {all:?}"
        );
    }
}
