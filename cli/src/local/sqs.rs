//! The laptop's SQS-compatible FIFO queues, kept in one SQLite file.
//!
//! [`Queues::call`] answers one request of the SQS JSON protocol; [`http_client`] lets the AWS SDK
//! talk to it in process, and `aws_port` over HTTP. Every request is in one `BEGIN IMMEDIATE`
//! transaction, committed before it is answered, so a crash leaves either all of it or nothing, and
//! another process (the command line) may use the same file meanwhile.
//!
//! What is absent: standard queues can be created but hold no messages, and there are no delays,
//! tags, permissions or encryption, since `switchhook` asks for none of them.
//!
//! The module reads no clock of its own: milliseconds come from the [`Clock`] given to
//! [`Queues::open`].

mod attempts;
mod attributes;
mod batch;
mod connector;
mod fault;
mod messages;
mod queue;
mod receive;
mod redrive;
mod request;
mod send;
mod settings;
mod settle;
mod store;
#[cfg(test)]
mod testing;
mod turn;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;

pub use self::connector::http_client;
pub use self::fault::Answer;
pub use self::store::{Clock, StorageError};

use self::fault::Fault;
use self::receive::{Look, ReceiveMessage};
use self::request::Request;
use self::store::{Session, Store};
use super::worker::Worker;

/// What queue addresses begin with when nobody serves them over HTTP.
const IN_PROCESS_URL: &str = "http://sqs.localhost";

/// How many messages SQS searches for groups, from the oldest on: what lies behind waits, whatever
/// its group ("FIFO queue quotas" in the developer guide of SQS).
pub const GROUP_WINDOW: u32 = 120_000;

/// How often a long poll looks by itself, since another process wakes nobody here.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The queues of one SQLite file; cheap to clone.
#[derive(Debug, Clone)]
pub struct Queues {
    shared: Arc<Shared>,
    base_url: Arc<str>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    worker: Worker,
    changed: Notify,
}

impl Queues {
    /// Opens the file, or makes a new one.
    ///
    /// Messages in flight stay so, as they may be in another process's hands.
    ///
    /// # Errors
    ///
    /// When SQLite cannot open the file, a newer version of this program wrote it, or no thread
    /// starts.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, StorageError> {
        Self::open_with_window(path, clock, GROUP_WINDOW)
    }

    /// Opens the file as [`Queues::open`] does, with another window than [`GROUP_WINDOW`]: a test need not
    /// send 120,000 messages.
    ///
    /// # Errors
    ///
    /// As [`Queues::open`].
    pub fn open_with_window(path: &Path, clock: Clock, window: u32) -> Result<Self, StorageError> {
        let store = Store::open(path, clock, window.into())?;
        let worker = Worker::start("sqs")?;
        let changed = Notify::new();
        Ok(Self {
            shared: Arc::new(Shared {
                store,
                worker,
                changed,
            }),
            base_url: IN_PROCESS_URL.into(),
        })
    }

    /// Returns the same queues, whose addresses begin with `base_url` in answers.
    #[must_use]
    pub fn with_base_url(&self, base_url: &str) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            base_url: base_url.into(),
        }
    }

    /// Makes all that is in flight visible at once, and returns how many messages that was.
    ///
    /// Only for the owner of the data folder, before it starts to receive: whoever had these
    /// messages is gone. Blocks its thread for as long as SQLite takes.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub fn release_in_flight(&self) -> Result<usize, StorageError> {
        let released = self
            .shared
            .store
            .transact(&self.base_url, receive::release_in_flight)?;
        self.shared.changed.notify_waiters();
        Ok(released)
    }

    /// Answers one request of the SQS JSON protocol, for instance `SendMessage`.
    ///
    /// A dropped `ReceiveMessage` may have taken messages already: they return when their
    /// visibility timeout ends, as they do in AWS.
    pub async fn call(&self, operation: &str, body: &[u8]) -> Answer {
        let result = match Request::parse(operation, body) {
            Ok(Request::ReceiveMessage(request)) => self.receive(request).await,
            Ok(request) => self.run(request).await,
            Err(refusal) => Err(refusal),
        };
        Answer::new(operation, result)
    }

    async fn run(&self, request: Request) -> Result<Value, Fault> {
        let answer = self.transact(move |session| request.run(session)).await;
        self.shared.changed.notify_waiters();
        answer
    }

    /// Looks until there is something or the wait is over.
    async fn receive(&self, request: ReceiveMessage) -> Result<Value, Fault> {
        let request = Arc::new(request);
        let first = self.look(&request).await?;
        if !first.messages.is_empty() || first.wait.is_zero() {
            return Ok(first.into_answer());
        }
        let mut deadline = std::pin::pin!(tokio::time::sleep(first.wait));
        loop {
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            changed.as_mut().enable(); // before looking, or a wake-up in between would be lost
            let look = self.look(&request).await?;
            if !look.messages.is_empty() || deadline.is_elapsed() {
                return Ok(look.into_answer());
            }
            let nap = look
                .next_turn
                .map_or(LOOK_EVERY, |turn| turn.min(LOOK_EVERY));
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep(nap) => {}
                () = &mut deadline => {}
            }
        }
    }

    async fn look(&self, request: &Arc<ReceiveMessage>) -> Result<Look, Fault> {
        let request = Arc::clone(request);
        let look = self
            .transact(move |session| receive::look(session, &request))
            .await?;
        if look.redrove {
            self.shared.changed.notify_waiters(); // the dead-letter queue may have a poller too
        }
        Ok(look)
    }

    async fn transact<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Session<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (answer, is_first) = self.shared.store.enqueue(&self.base_url, work);
        if is_first {
            let shared = Arc::clone(&self.shared);
            self.shared.worker.post(move || shared.store.run_waiting());
        }
        answer.wait().await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::time::Instant;

    use serde_json::json;

    use super::testing::Laptop;
    use super::*;

    const QUEUE: &str = "queue.fifo";

    async fn send(queues: &Queues, body: &str) {
        let request = json!({
            "QueueUrl": QUEUE, "MessageBody": body,
            "MessageGroupId": body, "MessageDeduplicationId": body,
        });
        let answer = queues
            .call("SendMessage", request.to_string().as_bytes())
            .await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Starts a long poll of 20 seconds, and returns its messages and how long it took.
    fn poll(queues: &Queues) -> tokio::task::JoinHandle<(Vec<Value>, Duration)> {
        let queues = queues.clone();
        tokio::spawn(async move {
            let start = now();
            let request = json!({ "QueueUrl": QUEUE, "WaitTimeSeconds": 20 });
            let answer = queues
                .call("ReceiveMessage", request.to_string().as_bytes())
                .await;
            let answer: Value = serde_json::from_str(&answer.body).unwrap();
            let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
            (messages, start.elapsed())
        })
    }

    #[expect(clippy::disallowed_methods, reason = "a test's stopwatch")]
    fn now() -> Instant {
        Instant::now()
    }

    async fn settle_in() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    #[tokio::test]
    async fn a_long_poll_sees_what_another_process_sends() {
        let laptop = Laptop::start().await;
        let polling = poll(&laptop.queues);
        settle_in().await;
        send(&laptop.open_again(), "elsewhere").await;
        let (messages, took) = polling.await.unwrap();
        assert_eq!(messages[0]["Body"], "elsewhere");
        assert!(took < Duration::from_secs(2), "{took:?}");
    }

    #[tokio::test]
    async fn a_long_poll_wakes_when_a_message_is_put_back() {
        let laptop = Laptop::start().await;
        send(&laptop.queues, "a").await;
        let (taken, _) = poll(&laptop.queues).await.unwrap();
        let polling = poll(&laptop.queues);
        settle_in().await;
        let receipt = &taken[0]["ReceiptHandle"];
        let request =
            json!({ "QueueUrl": QUEUE, "ReceiptHandle": receipt, "VisibilityTimeout": 0 });
        laptop
            .call("ChangeMessageVisibility", &request)
            .await
            .unwrap();
        let (again, took) = polling.await.unwrap();
        assert_eq!(again[0]["Body"], "a");
        assert!(took < Duration::from_secs(2), "{took:?}");
    }

    #[tokio::test]
    async fn a_long_poll_wakes_when_a_timeout_ends() {
        let laptop = Laptop::start().await;
        send(&laptop.queues, "a").await;
        poll(&laptop.queues).await.unwrap();
        let polling = poll(&laptop.queues);
        settle_in().await;
        laptop.time.fetch_add(30_000, Ordering::SeqCst);
        let (again, took) = polling.await.unwrap();
        assert_eq!(again.len(), 1);
        assert!(took < Duration::from_secs(2), "{took:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_polls_share_many_messages() {
        let laptop = Laptop::start().await;
        let polls: Vec<_> = (0..20).map(|_| poll(&laptop.queues)).collect();
        for number in 0..20 {
            send(&laptop.queues, &number.to_string()).await;
        }
        let mut bodies = std::collections::HashSet::new();
        for polling in polls {
            let (messages, _) = polling.await.unwrap();
            assert_eq!(messages.len(), 1);
            bodies.insert(messages[0]["Body"].to_string());
        }
        assert_eq!(bodies.len(), 20);
    }

    #[tokio::test]
    async fn refusals_quote_no_body() {
        let laptop = Laptop::start().await;
        for request in [
            r#"{"QueueUrl": "queue.fifo", "MessageBody": ["secret"]}"#,
            r#"{"QueueUrl": "queue.fifo", "MessageBody": "secret\u0001", "MessageGroupId": "A"}"#,
            r#"{"QueueUrl": "queue.fifo", "MessageBody": "secret"}"#,
            r#"{"MessageBody": "secret"#,
        ] {
            let answer = laptop.queues.call("SendMessage", request.as_bytes()).await;
            assert_eq!(answer.status, 400, "{request}");
            assert!(answer.query_error.is_some(), "{request}");
            assert!(!answer.body.contains("secret"), "{}", answer.body);
        }
    }
}
