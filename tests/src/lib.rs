//! Set-up that the integration tests share: the laptop's stack in a temporary folder with a clock
//! of its own, and the workspace's programs.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed set-up step should fail the test on the spot"
)]

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Once};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage, SqsMessageAttribute};
use aws_sdk_sqs::types::Message;
use bytes::Bytes;
use ring::hmac;
use serde_json::value::RawValue;
use switchhook::local::endpoint;
use switchhook::local::stack::{Stack, StackParts};
use switchhook_aws::dynamodb::timeline::{Listed, Order};
use switchhook_core::config::Sources;
use switchhook_core::ports::{PortError, PortFuture, SourceStore};
use switchhook_core::time::{Clock, Timestamp};
use tempfile::TempDir;

/// The secret of the source `voice` in [`SOURCES`].
pub const SECRET: &str = "example-secret";

/// The sources that most tests use.
pub const SOURCES: &str = r#"
[sources.voice]
provider = "ai-sync"
secrets = ["example-secret"]
"#;

/// A clock that stands where a test puts it.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// Stands at an RFC 3339 time.
    #[must_use]
    pub fn at(time: &str) -> Arc<Self> {
        let time: Timestamp = time.parse().unwrap();
        Arc::new(Self(AtomicI64::new(time.as_millisecond())))
    }

    /// Moves by seconds.
    pub fn advance(&self, secs: i64) {
        self.0
            .fetch_add(secs.checked_mul(1_000).unwrap(), Ordering::SeqCst);
    }

    /// Moves to a time.
    pub fn set(&self, time: Timestamp) {
        self.0.store(time.as_millisecond(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// A sources document in memory.
#[derive(Debug)]
pub struct FixedSources(pub String);

impl SourceStore for FixedSources {
    fn load(&self) -> PortFuture<'_, Sources> {
        Box::pin(async {
            Sources::from_toml(&self.0).map_err(|error| PortError::new("reading", error))
        })
    }
}

/// The laptop's stack in a folder that goes with it.
#[derive(Debug)]
pub struct TestStack {
    /// The stack.
    pub stack: Stack,
    /// Its clock.
    pub clock: Arc<TestClock>,
    /// Its folder.
    pub folder: TempDir,
}

impl TestStack {
    /// Opens a stack with [`SOURCES`] at a fixed time.
    pub async fn open() -> Self {
        Self::with(SOURCES, TestClock::at("2026-03-04T05:06:07.089Z")).await
    }

    /// Opens a stack with these sources and this clock.
    pub async fn with(sources: &str, clock: Arc<TestClock>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stack = open_stack(folder.path().to_owned(), sources, &clock).await;
        Self {
            stack,
            clock,
            folder,
        }
    }

    /// Lists all that the time index has, oldest first.
    pub async fn listed(&self) -> Vec<Listed> {
        let ever = (Timestamp::MIN, Timestamp::MAX);
        let ledger = self.stack.ledger();
        let mut timeline = ledger.timeline(ever, Order::OldestFirst, usize::MAX);
        let mut listed = Vec::new();
        while let Some(page) = timeline.next().await.unwrap() {
            listed.extend(page);
        }
        listed
    }

    /// Posts a signed AI Sync body to `voice` and returns status and answer.
    pub async fn post(&self, body: &str) -> (u16, serde_json::Value) {
        let signature = sign(SECRET, body.as_bytes());
        self.post_to(
            "/webhooks/voice",
            &[("x-webhook-signature", &signature)],
            body.as_bytes(),
        )
        .await
    }

    /// Posts anything anywhere.
    pub async fn post_to(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (u16, serde_json::Value) {
        let event = event("POST", path, headers, body);
        let response = self.stack.ingress().serve(&event).await;
        let Some(lambda_http::Body::Text(answer)) = response.body else {
            panic!("no answer")
        };
        (
            u16::try_from(response.status_code).unwrap(),
            serde_json::from_str(&answer).unwrap(),
        )
    }
}

/// Opens a stack on an existing or new folder.
pub async fn open_stack(folder: PathBuf, sources: &str, clock: &Arc<TestClock>) -> Stack {
    let clock: Arc<TestClock> = Arc::clone(clock);
    let sources = Arc::new(FixedSources(sources.to_owned()));
    Stack::open(StackParts {
        data: folder,
        sources,
        clock,
    })
    .await
    .expect("the stack opens")
}

/// Makes API Gateway's event of a request, as the laptop does. A content type of JSON is assumed
/// where there is none.
#[must_use]
pub fn event(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Box<RawValue> {
    let mut request = http::Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    let peer = ([127, 0, 0, 1], 4711).into();
    let event = endpoint::gateway_event(&head, &Bytes::copy_from_slice(body), peer, "request-1");
    serde_json::value::to_raw_value(&event).unwrap()
}

/// Makes Lambda's event of messages.
#[must_use]
pub fn batch(messages: &[Message]) -> SqsEvent {
    let mut batch = SqsEvent::default();
    batch.records = messages.iter().map(record).collect();
    batch
}

fn record(message: &Message) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id.clone_from(&message.message_id);
    record.receipt_handle.clone_from(&message.receipt_handle);
    record.body.clone_from(&message.body);
    let attributes = message.attributes.iter().flatten();
    record.attributes = attributes
        .map(|(name, value)| (name.as_str().to_owned(), value.clone()))
        .collect();
    for (name, value) in message.message_attributes.iter().flatten() {
        let mut attribute = SqsMessageAttribute::default();
        attribute.string_value.clone_from(&value.string_value);
        attribute.data_type = Some(value.data_type.clone());
        record.message_attributes.insert(name.clone(), attribute);
    }
    record
}

/// Returns the ids of the messages that are to come again.
#[must_use]
pub fn failures(response: &SqsBatchResponse) -> Vec<String> {
    response
        .batch_item_failures
        .iter()
        .map(|failure| failure.item_identifier.clone())
        .collect()
}

/// Signs a body as AI Sync does, by another HMAC than the verifier's.
#[must_use]
pub fn sign(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("sha256={}", hex::encode(hmac::sign(&key, body)))
}

/// Builds the workspace's programs, if need be, and returns where one of them is.
///
/// All of them are built together: that takes the features, and so the compiled dependencies, that
/// the tests have.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    static BUILT: Once = Once::new();
    BUILT.call_once(|| {
        let release = profile_folder().ends_with("release").then_some("--release");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--workspace", "--bins"])
            .args(release)
            .current_dir(workspace_root())
            .status()
            .expect("cargo runs");
        assert!(built.success(), "the programs are not built");
    });
    profile_folder().join(name)
}

/// The folder of the profile that this test was built with.
fn profile_folder() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.parent().and_then(|deps| deps.parent());
    folder.expect("target/PROFILE/deps").to_owned()
}

/// Returns the workspace's root.
#[must_use]
pub fn workspace_root() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("the workspace").to_owned()
}
