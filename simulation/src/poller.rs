//! Lambda's event source mapping: batches go to a consumer, and what it did not refuse is deleted.

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage, SqsMessageAttribute};
use consumer::batch::Consumer;
use consumer::commit::Committer;
use switchhook_core::attempts::is_counted;
use switchhook_core::time::{Clock, Timestamp};

use crate::broken::Broken;
use crate::node::Node;
use crate::poison::routes_with_mistakes;
use crate::ports::Ports;
use crate::queue::Message;
use crate::world::{World, locked};

/// The function's time-out, as the template has it.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Polls for ever.
pub(crate) async fn poll(world: Arc<World>, number: usize) {
    let skew = world.draw(|chance| chance.i64(-120_000..120_000));
    let mut node = Node::start(&world, &format!("consumer {number}"), skew);
    loop {
        let messages = world.queue.receive(&world);
        if messages.is_empty() {
            world.queue.changed(&world).await;
            continue;
        }
        if node.is_dead() {
            node = node.restart();
        }
        if world.broken == Some(Broken::DeleteBeforeHandling) {
            delete(&world, &messages);
        }
        if let Some(failed) = handle(&world, &node, &messages).await {
            let is_done = |message: &&Message| !failed.contains(&message.id);
            let done: Vec<_> = messages.iter().filter(is_done).cloned().collect();
            delete(&world, &done);
        }
    }
}

/// Hands a batch to the function and returns the ids that it refused; nothing where there is no
/// answer.
async fn handle(world: &Arc<World>, node: &Arc<Node>, messages: &[Message]) -> Option<Vec<String>> {
    let names: Vec<_> = messages
        .iter()
        .map(|m| format!("{} ({})", m.sent.name, m.receives))
        .collect();
    node.note(format!("handles {}", names.join(", ")));
    if world.mishap() {
        // Lambda hands a batch to two of them at times.
        let (twin, own) = (node.restart(), invoke(node, messages));
        let (response, _) = futures_util::future::join(own, invoke(&twin, messages)).await;
        return response;
    }
    invoke(node, messages).await
}

async fn invoke(node: &Arc<Node>, messages: &[Message]) -> Option<Vec<String>> {
    let world = &node.world;
    if world.mishap() {
        let (node, after) = (Arc::clone(node), world.pause(1_000));
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            node.die();
        });
    }
    node.tries(None);
    count_beforehand(world, messages);
    let consumer = consumer(node);
    let run = Box::pin(consumer.handle(event(messages), deadline(node)));
    let in_time = tokio::time::timeout(TIMEOUT, run);
    let response = match node.live(in_time).await? {
        Ok(response) => response.unwrap(),
        Err(_) => {
            node.note("is stopped after its 30 seconds");
            node.die();
            return None;
        }
    };
    if world.mishap() {
        node.note("answers, and nobody hears it");
        return None;
    }
    Some(failures(world, &response))
}

/// Counts the attempts of a whole batch: a mistake.
fn count_beforehand(world: &World, messages: &[Message]) {
    if world.broken != Some(Broken::AttemptsBeforehand) {
        return;
    }
    let counted = messages.iter().filter(|m| is_counted(m.receives));
    for message in counted {
        let id = message.id.clone();
        locked(&world.table).add_attempt(world, id, message.receives);
    }
}

fn consumer(node: &Arc<Node>) -> Consumer {
    let ports = Ports::of(node);
    let port = || Arc::<Ports>::clone(&ports);
    let clock = || Arc::<Node>::clone(node);
    let committer = Committer::new(port(), port(), clock(), routes_with_mistakes());
    Consumer::new(committer, port(), port(), clock())
}

fn deadline(node: &Node) -> Timestamp {
    node.now() + TIMEOUT
}

fn failures(world: &World, response: &SqsBatchResponse) -> Vec<String> {
    if world.broken == Some(Broken::AnswerIgnored) {
        return Vec::new();
    }
    let failures = response.batch_item_failures.iter();
    failures
        .map(|failure| failure.item_identifier.clone())
        .collect()
}

fn delete(world: &World, messages: &[Message]) {
    for message in messages {
        if world.mishap() {
            world.note(
                "poller",
                format!("the deletion of {} is lost", message.sent.name),
            );
        } else {
            world.queue.delete(world, &message.receipt);
        }
    }
}

/// A batch as Lambda hands it over.
pub(crate) fn event(messages: &[Message]) -> SqsEvent {
    let mut event = SqsEvent::default();
    event.records = messages.iter().map(record).collect();
    event
}

fn record(message: &Message) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = Some(message.id.clone());
    record.receipt_handle = Some(message.receipt.clone());
    record.body = Some(message.sent.body.clone());
    record.attributes = [
        ("SequenceNumber", message.sequence.to_string()),
        ("MessageGroupId", message.sent.group.clone()),
        ("ApproximateReceiveCount", message.receives.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for (name, value) in &message.sent.attributes {
        let mut attribute = SqsMessageAttribute::default();
        attribute.string_value = Some(value.clone());
        attribute.data_type = Some("String".to_owned());
        record
            .message_attributes
            .insert((*name).to_owned(), attribute);
    }
    record
}

/// Hands one message to a consumer and tells whether it took it.
pub(crate) async fn handle_quietly(node: &Arc<Node>, message: &Message) -> bool {
    let messages = [message.clone()];
    let failures = invoke(node, &messages).await;
    failures.is_some_and(|failures| failures.is_empty())
}
