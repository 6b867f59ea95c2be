//! The real ingress, queue and ledger with a consumer whose ports a test can break.

use std::path::PathBuf;
use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
};
use consumer::batch::Consumer;
use consumer::commit::Committer;
use consumer::router::{Event, Router};
use consumer::routes::routes;
use serde_json::json;
use switchhook::local::bodies::FileBodies;
use switchhook::local::data_dir::DataDir;
use switchhook::local::sqs;
use switchhook_aws::connection::{Connection, Patience};
use switchhook_aws::sqs::SqsQueue;
use switchhook_core::data;
use switchhook_core::entity::Entity;
use switchhook_core::kind::Kind;
use switchhook_core::ledger::Record;
use switchhook_core::states::Call as CallState;
use switchhook_core::time::{Clock, Timestamp};
use tests::{TestClock, TestStack, failures, sign};

pub(crate) use tests::batch;

use crate::doubles::{DeadLettersDouble, DeadlyBodies, FaultyLedger, RedeliveryDouble};

const QUEUE: &str = "switchhook.fifo";
const DEAD_LETTER_QUEUE: &str = "switchhook-dead-letters.fifo";

/// The queue's visibility time-out.
const VISIBILITY_SECS: i64 = 180;
/// Longer than the longest delay of a failed group.
const PATIENCE_SECS: i64 = 16 * 60;
/// More runs than any plan of faults needs.
const MAX_RUNS: usize = 200;

pub(crate) struct Rig {
    pub(crate) test: TestStack,
    pub(crate) ledger: Arc<FaultyLedger>,
    pub(crate) redelivery: Arc<RedeliveryDouble>,
    pub(crate) dead_letters: Arc<DeadLettersDouble>,
    pub(crate) deadly: Arc<DeadlyBodies>,
    pub(crate) client: Client,
    pub(crate) url: String,
    consumer: Consumer,
}

impl Rig {
    pub(crate) async fn open() -> Self {
        Self::with(routes(), TestClock::at("2026-03-04T05:06:07.089Z")).await
    }

    pub(crate) async fn with(router: Router, clock: Arc<TestClock>) -> Self {
        Self::with_sources(tests::SOURCES, router, clock).await
    }

    pub(crate) async fn with_sources(sources: &str, router: Router, clock: Arc<TestClock>) -> Self {
        let test = TestStack::with(sources, clock).await;
        let client = client(&test);
        let url = queue_url(&client).await;
        let dead_letter_url = dead_letter_queue_url(&client).await;
        let queue = |url: &String| SqsQueue::new(client.clone(), url.clone());
        let ledger = Arc::new(FaultyLedger::new(test.stack.ledger().clone()));
        let redelivery = Arc::new(RedeliveryDouble::new(queue(&url)));
        let dead_letters = Arc::new(DeadLettersDouble::new(queue(&dead_letter_url)));
        let bodies = FileBodies::new(DataDir::new(test.folder.path().to_owned()).bodies());
        let clock = || -> Arc<dyn Clock> { Arc::<TestClock>::clone(&test.clock) };
        let deadly = Arc::new(DeadlyBodies::new(bodies, Arc::clone(&ledger)));
        let (for_committer, for_consumer) = (Arc::clone(&ledger), Arc::clone(&redelivery));
        let bodies = Arc::clone(&deadly);
        let committer = Committer::new(for_committer, bodies, clock(), router);
        let letters = Arc::clone(&dead_letters);
        let consumer = Consumer::new(committer, for_consumer, letters, clock());
        Self {
            test,
            ledger,
            redelivery,
            dead_letters,
            deadly,
            client,
            url,
            consumer,
        }
    }

    /// Posts a signed body and returns the delivery's id.
    pub(crate) async fn post(&self, body: &str) -> String {
        self.post_to("/webhooks/voice", body).await
    }

    pub(crate) async fn post_to(&self, path: &str, body: &str) -> String {
        let signature = sign(tests::SECRET, body.as_bytes());
        let headers = [("x-webhook-signature", signature.as_str())];
        let (status, answer) = self.test.post_to(path, &headers, body.as_bytes()).await;
        assert_eq!(status, 200, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    /// Puts a message into the queue as somebody else would.
    pub(crate) async fn send(&self, group: &str, body: &str, sequence: Option<&str>) {
        let attributes = sequence.map(|sequence| ("sequence_number", sequence));
        self.send_with(group, body, attributes.as_slice()).await;
    }

    /// Puts a message with these attributes into the queue.
    pub(crate) async fn send_with(&self, group: &str, body: &str, attributes: &[(&str, &str)]) {
        let id = format!("by-hand-{}", uuid::Uuid::now_v7());
        let mut send = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(body);
        send = send.message_group_id(group).message_deduplication_id(id);
        for (name, value) in attributes {
            let value = aws_sdk_sqs::types::MessageAttributeValue::builder()
                .data_type("String")
                .string_value(*value)
                .build()
                .unwrap();
            send = send.message_attributes(*name, value);
        }
        send.send().await.unwrap();
    }

    /// Takes up to ten messages out of the queue.
    pub(crate) async fn receive(&self) -> Vec<Message> {
        let receive = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10);
        let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
        let received = receive.message_attribute_names("All").send().await.unwrap();
        received.messages.unwrap_or_default()
    }

    /// Takes one message and deletes it.
    pub(crate) async fn take_one(&self) -> Message {
        let mut messages = self.receive().await;
        assert_eq!(messages.len(), 1);
        let message = messages.remove(0);
        self.delete(std::slice::from_ref(&message)).await;
        message
    }

    /// Runs the consumer over messages; `None` when a crash ended the run.
    pub(crate) async fn run(&self, batch: SqsEvent) -> Option<SqsBatchResponse> {
        let deadline = self.deadline(30);
        tokio::select! {
            biased;
            response = self.consumer.handle(batch, deadline) => Some(response.unwrap()),
            () = self.ledger.crashed() => None,
        }
    }

    /// Runs the consumer with this deadline.
    pub(crate) async fn run_until(&self, batch: SqsEvent, deadline: Timestamp) -> Vec<String> {
        failures(&self.consumer.handle(batch, deadline).await.unwrap())
    }

    /// Tells whether the consumer refuses a batch as a whole.
    pub(crate) async fn refuses(&self, batch: SqsEvent) -> bool {
        self.consumer
            .handle(batch, self.deadline(30))
            .await
            .is_err()
    }

    pub(crate) fn deadline(&self, secs: i64) -> Timestamp {
        let now = self.test.clock.now().as_millisecond();
        Timestamp::from_millisecond(now + secs * 1_000).unwrap()
    }

    /// Takes one batch to the consumer, deletes what is done, and returns the ids of the messages
    /// and of those that failed.
    pub(crate) async fn run_once(&self) -> (Vec<String>, Option<Vec<String>>) {
        let messages = self.receive().await;
        let ids = messages
            .iter()
            .filter_map(|m| m.message_id.clone())
            .collect();
        if messages.is_empty() {
            return (ids, Some(Vec::new()));
        }
        let Some(response) = self.run(batch(&messages)).await else {
            return (ids, None);
        };
        let failed = failures(&response);
        self.delete_done(messages, &failed).await;
        (ids, Some(failed))
    }

    /// Deletes what is not to come again, as Lambda does.
    pub(crate) async fn delete_done(&self, mut messages: Vec<Message>, failed: &[String]) {
        messages.retain(|m| !failed.iter().any(|id| Some(id.as_str()) == m.message_id()));
        self.delete(&messages).await;
    }

    /// Lets time pass until everything that is in the queue was handled, crashes included.
    pub(crate) async fn settle(&self) {
        for _ in 0..MAX_RUNS {
            let (ids, failed) = self.run_once().await;
            match failed {
                None => self.test.clock.advance(VISIBILITY_SECS + 1),
                Some(_) if !ids.is_empty() => {}
                Some(_) if self.messages_left().await == 0 => return,
                Some(_) => self.test.clock.advance(PATIENCE_SECS),
            }
        }
        panic!("the queue is never empty");
    }

    pub(crate) async fn delete(&self, messages: &[Message]) {
        if messages.is_empty() {
            return;
        }
        let entries = messages.iter().enumerate().map(|(n, message)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(n.to_string());
            entry
                .receipt_handle(message.receipt_handle().unwrap())
                .build()
                .unwrap()
        });
        let delete = self.client.delete_message_batch().queue_url(&self.url);
        let deleted = delete
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .unwrap();
        assert!(deleted.failed.is_empty(), "{deleted:?}");
    }

    /// Counts the messages of the queue, in flight or not.
    pub(crate) async fn messages_left(&self) -> u64 {
        let asked = self.client.get_queue_attributes().queue_url(&self.url);
        let answer = asked
            .attribute_names(QueueAttributeName::All)
            .send()
            .await
            .unwrap();
        let attributes = answer.attributes.unwrap();
        let count = |name| attributes[&name].parse::<u64>().unwrap();
        count(QueueAttributeName::ApproximateNumberOfMessages)
            + count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
    }

    pub(crate) async fn records(&self, entity: &str) -> Vec<Record> {
        let entity = Entity::from_name(entity.to_owned());
        self.test.stack.ledger().events_of(&entity).await.unwrap()
    }

    pub(crate) async fn state(&self, entity: &str) -> serde_json::Value {
        let entity = Entity::from_name(entity.to_owned());
        let stored = self.test.stack.ledger().state(&entity).await.unwrap();
        stored.map_or(serde_json::Value::Null, |s| {
            serde_json::from_str(&s.state).unwrap()
        })
    }

    pub(crate) async fn version(&self, entity: &str) -> u64 {
        use switchhook_core::ports::Ledger;
        let entity = Entity::from_name(entity.to_owned());
        let read = self
            .test
            .stack
            .ledger()
            .read(std::slice::from_ref(&entity), &[])
            .await;
        read.unwrap()
            .states
            .get(&entity)
            .map_or(0, |item| item.version)
    }

    /// Returns what is kept of a message's attempts: the receives, and until when.
    pub(crate) async fn attempts(&self, message_id: &str) -> Option<(Vec<u32>, i64)> {
        let key = json!({"pk": {"S": format!("_/attempts/{message_id}")}, "sk": {"S": "attempts"}});
        let request = json!({"TableName": "switchhook", "Key": key}).to_string();
        let dynamodb = self.test.stack.dynamodb();
        let answer = dynamodb.call("GetItem", request.as_bytes()).await;
        let answer: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let item = answer.get("Item")?;
        let numbers = item["attempts"]["NS"].as_array().into_iter().flatten();
        let number = |value: &serde_json::Value| value.as_str().unwrap().parse::<i64>().unwrap();
        let mut receives: Vec<_> = numbers.map(|n| u32::try_from(number(n)).unwrap()).collect();
        receives.sort_unstable();
        Some((receives, number(&item["expires_at"]["N"])))
    }

    /// Puts an item into the table, as somebody else would.
    pub(crate) async fn put_item(&self, item: &serde_json::Value) {
        let request = json!({"TableName": "switchhook", "Item": item}).to_string();
        let dynamodb = self.test.stack.dynamodb();
        let answer = dynamodb.call("PutItem", request.as_bytes()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Deletes an item of the table, as its time to live would.
    pub(crate) async fn delete_item(&self, partition: &str, sort: &str) {
        let key = json!({"pk": {"S": partition}, "sk": {"S": sort}});
        let request = json!({"TableName": "switchhook", "Key": key}).to_string();
        let dynamodb = self.test.stack.dynamodb();
        let answer = dynamodb.call("DeleteItem", request.as_bytes()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Takes the ledger's table away.
    pub(crate) async fn drop_table(&self) {
        let (dynamodb, table) = (self.test.stack.dynamodb(), br#"{"TableName":"switchhook"}"#);
        let answer = dynamodb.call("DeleteTable", table).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Returns the folder of large bodies.
    pub(crate) fn bodies(&self) -> PathBuf {
        DataDir::new(self.test.folder.path().to_owned()).bodies()
    }
}

fn panicking(_: &mut CallState, _: &Event<'_, data::Call>) {
    panic!("a handler with a mistake");
}

/// Returns a rig whose handler of `call.answered` panics.
pub(crate) async fn with_a_mistake() -> Rig {
    let router = routes().on(Kind::CallAnswered, panicking);
    Rig::with(router, TestClock::at("2026-03-04T05:06:07.089Z")).await
}

/// Returns a client of the stack's queues.
pub(crate) fn client(test: &TestStack) -> Client {
    let http_client = sqs::http_client(test.stack.queues().clone());
    Connection::in_process(http_client, Patience::CONSUMER).sqs()
}

/// Returns the address of the stack's queue.
pub(crate) async fn queue_url(client: &Client) -> String {
    url_of(client, QUEUE).await
}

/// Returns the address of the stack's dead-letter queue.
pub(crate) async fn dead_letter_queue_url(client: &Client) -> String {
    url_of(client, DEAD_LETTER_QUEUE).await
}

async fn url_of(client: &Client, name: &str) -> String {
    client
        .get_queue_url()
        .queue_name(name)
        .send()
        .await
        .unwrap()
        .queue_url
        .unwrap()
}

/// Returns an AI Sync event about a call.
pub(crate) fn call(event: &str, id: &str, second: u32) -> String {
    format!(
        r#"{{"event":"call.{event}","timestamp":"2026-02-03T04:05:{second:02}.007Z","data":{{"call_id":"{id}","call_status":"{event}","caller_number":"+15550100003"}}}}"#
    )
}

/// Returns a text of a customer in a conversation.
pub(crate) fn text(conversation: &str, id: &str, from: &str, text: &str, second: u32) -> String {
    format!(
        r#"{{"event":"sms.received","timestamp":"2026-02-03T04:05:{second:02}.007Z","data":{{"message_id":"{id}","conversation_id":"{conversation}","from":"{from}","to":"+15550100004","text":"{text}"}}}}"#
    )
}

/// Returns bytes that no compression makes small enough for a message.
pub(crate) fn noise() -> Vec<u8> {
    let mut state = 7_u64;
    let step = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(step).take(60 << 10).collect()
}
