//! A consumer whose process dies of answered calls: it takes one batch from the queue of a data
//! folder at a given time, as Lambda would hand it over, and deletes what is done.
//!
//! It is no part of the receiver; a test starts it and looks at what it leaves behind.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step should fail the test on the spot"
)]

use std::path::PathBuf;
use std::sync::Arc;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::MessageSystemAttributeName;
use consumer::batch::Consumer;
use consumer::commit::Committer;
use consumer::router::Event;
use consumer::routes::routes;
use switchhook::local::bodies::FileBodies;
use switchhook::local::data_dir::DataDir;
use switchhook::local::sqs::{self, Queues};
use switchhook::local::stack;
use switchhook_aws::connection::{Connection, Patience};
use switchhook_aws::sqs::SqsQueue;
use switchhook_core::data;
use switchhook_core::kind::Kind;
use switchhook_core::states::Call;
use switchhook_core::time::{Clock, Timestamp};
use tests::{TestClock, batch, failures};

fn die(_: &mut Call, _: &Event<'_, data::Call>) {
    std::process::abort();
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut args = std::env::args().skip(1);
    let data = DataDir::new(PathBuf::from(args.next().unwrap()));
    let clock = TestClock::at(&args.next().unwrap());
    let client = client(&data, &clock);
    let url = url_of(&client, "switchhook.fifo").await;
    let letters = url_of(&client, "switchhook-dead-letters.fifo").await;
    let committer = Committer::new(
        Arc::new(stack::open_ledger(&data).unwrap()),
        Arc::new(FileBodies::new(data.bodies())),
        Arc::<TestClock>::clone(&clock),
        routes().on(Kind::CallAnswered, die),
    );
    let queue = Arc::new(SqsQueue::new(client.clone(), url.clone()));
    let letters = Arc::new(SqsQueue::new(client.clone(), letters));
    let now = clock.now();
    run_once(
        Consumer::new(committer, queue, letters, clock),
        &client,
        &url,
        now,
    )
    .await;
}

fn client(data: &DataDir, clock: &Arc<TestClock>) -> Client {
    let clock = Arc::clone(clock);
    let millis = move || u64::try_from(clock.now().as_millisecond()).unwrap();
    let queues = Queues::open(&data.queue(), Arc::new(millis)).unwrap();
    Connection::in_process(sqs::http_client(queues), Patience::CONSUMER).sqs()
}

async fn url_of(client: &Client, name: &str) -> String {
    let asked = client.get_queue_url().queue_name(name).send();
    asked.await.unwrap().queue_url.unwrap()
}

async fn run_once(consumer: Consumer, client: &Client, url: &str, now: Timestamp) {
    let receive = client.receive_message().queue_url(url);
    let receive = receive
        .max_number_of_messages(10)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All");
    let messages = receive.send().await.unwrap().messages.unwrap_or_default();
    let deadline = Timestamp::from_millisecond(now.as_millisecond().saturating_add(30_000));
    let response = consumer.handle(batch(&messages), deadline.unwrap()).await;
    let failed = failures(&response.unwrap());
    for message in messages {
        if !failed.contains(message.message_id.as_ref().unwrap()) {
            let delete = client.delete_message().queue_url(url);
            let handle = message.receipt_handle.unwrap();
            delete.receipt_handle(handle).send().await.unwrap();
        }
    }
}
