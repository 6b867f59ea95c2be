//! Every known-answer case of `events/`, from API Gateway's event to the ledger, on the laptop's stack.
//!
//! A case that is let in by its signature is first tampered with: none of it may reach queue or
//! ledger. Then it is delivered twice: one record, two deliveries.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use consumer::batch::Consumer;
use consumer::commit::Committer;
use consumer::routes::routes;
use lambda_http::Body;
use serde_json::value::RawValue;
use switchhook::local::bodies::FileBodies;
use switchhook::local::data_dir::DataDir;
use switchhook_core::body;
use switchhook_core::body::MAX_BODY_BYTES;
use switchhook_core::data;
use switchhook_core::entity::Entity;
use switchhook_core::ledger::{RawBody, Record};
use switchhook_core::ports::BodyStore;
use switchhook_core::time::Timestamp;
use switchhook_testing::doubles::{RecordingDeadLetters, RecordingDelays};
use switchhook_testing::json::{Difference, Json, differences, missing};
use switchhook_testing::{Case, ExpectedEvent, Request, cases};
use tests::{TestClock, TestStack};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// The longest answer, in bytes.
const MAX_ANSWER_BYTES: usize = 1_024;
/// The longest `data`, in bytes of JSON.
const MAX_DATA_BYTES: usize = 64 << 10;
/// What is left of a field that was cut, at least, in bytes.
const MIN_CUT_BYTES: usize = 256;

/// How many cases run side by side: most of their time is SQLite's, waiting for the disk.
const SIDE_BY_SIDE: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_case_comes_out_as_it_must() {
    let cases = cases();
    let (count, permits) = (cases.len(), Arc::new(Semaphore::new(SIDE_BY_SIDE)));
    let mut running = JoinSet::new();
    for case in cases {
        let permits = Arc::clone(&permits);
        running.spawn(async move {
            let _permit = permits.acquire().await.unwrap();
            Run::of(case).await
        });
    }
    let mut failed: Vec<_> = running.join_all().await.into_iter().flatten().collect();
    failed.sort();
    assert!(
        failed.is_empty(),
        "{} of {count} cases failed\n\n{}",
        failed.len(),
        failed.join("\n")
    );
}

/// One case on a stack of its own, and what went wrong with it.
struct Run {
    case: Arc<Case>,
    test: TestStack,
    failures: Vec<String>,
}

/// An answer of the ingress.
struct Answer {
    status: i64,
    headers: http::HeaderMap,
    body: String,
}

impl Run {
    /// Returns what went wrong, if anything did.
    async fn of(case: Case) -> Option<String> {
        let case = Arc::new(case);
        let clock = TestClock::at(&case.request.received_at);
        let test = TestStack::with(&case.sources, clock).await;
        let mut run = Self {
            case: Arc::clone(&case),
            test,
            failures: Vec::new(),
        };
        for (what, request, body) in tampered(&case) {
            run.check_tampered(what, &request, &body).await;
        }
        let first = run.serve(&case.request, &case.body, "request-1").await;
        run.check_answer(&first, "request-1");
        if case.expected.events.is_empty() || first.status != 200 {
            run.check_nothing_is_kept("the refused delivery").await;
        } else {
            let second = run.serve(&case.request, &case.body, "request-2").await;
            run.check_answer(&second, "request-2");
            run.test.stack.drain().await.unwrap();
            run.check_ledger(&[first, second]).await;
            run.check_states().await;
        }
        let about = format!("{}: {}", case.name, case.expected.about);
        let told = |failures: Vec<String>| format!("{about}\n  {}\n", failures.join("\n  "));
        (!run.failures.is_empty()).then(|| told(run.failures))
    }

    async fn serve(&self, request: &Request, body: &[u8], request_id: &str) -> Answer {
        let event = request.gateway_event(body, request_id);
        let response = self.test.stack.ingress().serve(&event).await;
        let Some(Body::Text(body)) = response.body else {
            panic!("the answer is no text")
        };
        Answer {
            status: response.status_code,
            headers: response.headers,
            body,
        }
    }

    fn check(&mut self, what: &str, expected: &str, actual: &str) {
        if expected != actual {
            self.fail(what, expected, actual);
        }
    }

    fn fail(&mut self, what: &str, expected: &str, actual: &str) {
        self.failures
            .push(format!("{what}: expected {expected} | actual {actual}"));
    }

    fn fail_all(&mut self, what: &str, differences: Vec<Difference>) {
        for Difference {
            place,
            expected,
            actual,
        } in differences
        {
            self.fail(&format!("{what} `{place}`"), &expected, &actual);
        }
    }

    async fn check_tampered(&mut self, what: &str, request: &Request, body: &[u8]) {
        let answer = self.serve(request, body, "request-0").await;
        let told = format!("{} {}", answer.status, answer.body);
        self.check(what, r#"401 {"error":"unauthorized"}"#, &told);
        self.check_nothing_is_kept(what).await;
    }

    async fn check_nothing_is_kept(&mut self, what: &str) {
        let queued = self.test.stack.poller().poll_once(0).await.unwrap();
        let listed = self.test.listed().await;
        let kept = format!("{queued} in the queue, {} in the ledger", listed.len());
        self.check(what, "0 in the queue, 0 in the ledger", &kept);
    }

    fn check_answer(&mut self, answer: &Answer, request_id: &str) {
        let case = Arc::clone(&self.case);
        let expected = &case.expected;
        self.check(
            "status",
            &expected.status.to_string(),
            &answer.status.to_string(),
        );
        let (wanted, told) = (Json::read(&expected.answer), Json::parse(&answer.body));
        if expected.status == 200 {
            self.fail_all("answer", missing(&wanted, &told));
        } else {
            let exact = serde_json::from_str::<serde_json::Value>(expected.answer.get()).unwrap();
            self.check("answer", &exact.to_string(), &answer.body);
        }
        let header = |name: &str| answer.headers.get(name).map_or("", |v| v.to_str().unwrap());
        self.check("header `x-request-id`", request_id, header("x-request-id"));
        self.check(
            "header `content-type`",
            "application/json",
            header("content-type"),
        );
        for (name, value) in &expected.headers {
            self.check(&format!("header `{name}`"), value, header(name));
        }
        let size: usize = answer.body.len();
        if size >= MAX_ANSWER_BYTES {
            self.fail("answer", "less than 1 KB", &format!("{size} bytes"));
        }
    }

    async fn check_ledger(&mut self, answers: &[Answer]) {
        let letters = self.test.stack.dead_letters().await.unwrap();
        self.check("dead letters", "0", &letters.len().to_string());
        let listed = self.test.listed().await;
        let keys: Vec<_> = listed.into_iter().map(|listed| listed.key).collect();
        let records = self.test.stack.ledger().records(&keys).await.unwrap();
        let name = |entity: &str, record: &str| format!("{entity} {record}");
        let case = Arc::clone(&self.case);
        let expected = &case.expected.events;
        let wanted: BTreeSet<_> = expected
            .iter()
            .map(|e| name(&e.entity, &e.record))
            .collect();
        let found: BTreeSet<_> = records
            .iter()
            .map(|r| name(r.key.entity.as_str(), &r.key.name))
            .collect();
        self.check("records", &format!("{wanted:?}"), &format!("{found:?}"));
        for event in expected {
            let own = |record: &&Record| {
                name(record.key.entity.as_str(), &record.key.name)
                    == name(&event.entity, &event.record)
            };
            if let Some(record) = records.iter().find(own) {
                self.check_event(event, record);
                self.check_deliveries(event, record, answers);
                self.check_raw(event, record).await;
            }
        }
    }

    fn check_event(&mut self, event: &ExpectedEvent, record: &Record) {
        let case = Arc::clone(&self.case);
        let occurred_at = record.occurred_at.map(|at| at.to_string());
        for (what, expected, actual) in [
            (
                "kind",
                Some(event.kind.as_str()),
                Some(record.kind.as_str()),
            ),
            (
                "provider_event",
                event.provider_event.as_deref(),
                record.provider_event.as_deref(),
            ),
            (
                "occurred_at",
                event.occurred_at.as_deref(),
                occurred_at.as_deref(),
            ),
            (
                "received_at",
                Some(case.request.received_at.as_str()),
                Some(&record.received_at.to_string()),
            ),
            (
                "provider",
                case.name.split('/').next(),
                Some(record.provider.as_str()),
            ),
        ] {
            let told = |value: Option<&str>| value.map_or("nothing".to_owned(), str::to_owned);
            self.check(what, &told(expected), &told(actual));
        }
        // As it is printed: stored without what is not known.
        let data = data::with_names(&record.data, record.kind).unwrap();
        let (wanted, mut printed) = (Json::read(&event.data), Json::parse(&data));
        for (name, whole) in &event.cut {
            self.check_cut(name, &whole.whole(), printed.remove(name));
        }
        self.fail_all("data", differences(&wanted, &printed));
        if record.data.len() > MAX_DATA_BYTES {
            self.fail(
                "data",
                "64 KiB at most",
                &format!("{} bytes", record.data.len()),
            );
        }
    }

    /// A field that was cut holds the beginning of the whole.
    fn check_cut(&mut self, name: &str, whole: &str, kept: Option<Json>) {
        let is_beginning = |kept: &String| {
            whole.starts_with(kept.as_str()) && (MIN_CUT_BYTES..whole.len()).contains(&kept.len())
        };
        match kept {
            Some(Json::Text(kept)) if is_beginning(&kept) => {}
            other => self.fail(name, "the beginning of the text", &format!("{other:?}")),
        }
    }

    fn check_deliveries(&mut self, event: &ExpectedEvent, record: &Record, answers: &[Answer]) {
        let id = |answer: &Answer| match Json::parse(&answer.body).remove("id") {
            Some(Json::Text(id)) => id,
            other => format!("{other:?}"),
        };
        let wanted: BTreeSet<_> = answers.iter().map(id).collect();
        let counted: BTreeSet<_> = record.deliveries.iter().map(ToString::to_string).collect();
        self.check(
            "deliveries",
            &format!("{wanted:?}"),
            &format!("{counted:?}"),
        );
        self.check(
            "id",
            &format!("{}.{}", id(&answers[0]), event.index),
            &record.id.to_string(),
        );
    }

    /// The ledger holds the body byte for byte, or the element that the event is.
    async fn check_raw(&mut self, event: &ExpectedEvent, record: &Record) {
        let case = Arc::clone(&self.case);
        let whole = event.raw.as_ref().map_or(&*case.body, String::as_bytes);
        let bytes = match &record.raw {
            RawBody::Plain(bytes) => Some(bytes.clone().into()),
            RawBody::Deflated(bytes) => body::inflate(bytes, MAX_BODY_BYTES).map(Bytes::from),
            RawBody::Stored(pointer) => {
                let folder = DataDir::new(self.test.folder.path().to_owned()).bodies();
                FileBodies::new(folder).get(&pointer.key).await.unwrap()
            }
        };
        if bytes.as_deref() != Some(whole) {
            let length = |bytes: Option<&[u8]>| format!("{:?} bytes", bytes.map(<[u8]>::len));
            self.fail("raw", &length(Some(whole)), &length(bytes.as_deref()));
        }
    }

    async fn check_states(&mut self) {
        let case = Arc::clone(&self.case);
        for (name, expected) in &case.expected.states {
            let entity = Entity::from_name(name.clone());
            let state = self.test.stack.ledger().state(&entity).await.unwrap();
            match (expected, state) {
                (None, None) => {}
                (None, Some(state)) => self.fail(name, "no state", &state.state),
                (Some(expected), None) => self.fail(name, expected.get(), "no state"),
                (Some(expected), Some(state)) => {
                    let missing = missing(&Json::read(expected), &Json::parse(&state.state));
                    self.fail_all(&format!("state of {name}"), missing);
                }
            }
        }
    }
}

/// A case that a signature lets in, each time with one thing about it changed.
fn tampered(case: &Case) -> Vec<(&'static str, Request, Vec<u8>)> {
    let Some(credential) = &case.request.credential else {
        return Vec::new();
    };
    let is_signature = |(name, _): &(String, String)| name.eq_ignore_ascii_case(&credential.header);
    let own = case
        .request
        .headers
        .iter()
        .find(|header| is_signature(header))
        .unwrap();
    let with = |signatures: &[&str]| {
        let mut request = case.request.clone();
        request.headers.retain(|header| !is_signature(header));
        let lines = signatures
            .iter()
            .map(|value| (own.0.clone(), (*value).to_owned()));
        request.headers.extend(lines);
        request
    };
    let signature = own.1.as_str();
    let intact = || case.body.clone();
    let mut tampered = vec![
        (
            "a digit of the credential changed",
            with(&[&changed_digit(signature)]),
            intact(),
        ),
        ("the credential dropped", with(&[]), intact()),
        (
            "the credential doubled",
            with(&[signature, signature]),
            intact(),
        ),
        (
            "another source's secret",
            with(&[&credential.foreign]),
            intact(),
        ),
    ];
    if credential.covers_body {
        let flipped = flipped_bit(&case.body);
        tampered.push(("a bit of the body flipped", case.request.clone(), flipped));
    }
    tampered
}

/// Flips a bit in the middle; an empty body gets a byte.
fn flipped_bit(body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    let middle = body.len() / 2;
    match body.get_mut(middle) {
        Some(byte) => *byte ^= 1,
        None => body.push(0),
    }
    body
}

/// Changes a digit, of hex or base64, a little before the end.
fn changed_digit(credential: &str) -> String {
    let (before, digit) = credential.split_at(credential.len() - 6);
    let (digit, after) = digit.split_at(1);
    let other = if digit == "0" { "1" } else { "0" };
    format!("{before}{other}{after}")
}

/// The answers of the whole Lambda events, as `events/lambda/README.md` tells them.
#[tokio::test]
async fn whole_lambda_events_are_answered() {
    for (name, expected) in [
        ("ingress-bad-signature.json", 401),
        ("ingress-base64.json", 200),
        ("ingress-broken-base64.json", 503),
        ("ingress-form.json", 200),
        ("ingress-gzip.json", 200),
        ("ingress-health.json", 200),
        ("ingress-json.json", 200),
        ("ingress-odd-path.json", 200),
        ("ingress-wrong-method.json", 405),
    ] {
        let test = TestStack::open().await;
        let event: Box<RawValue> = switchhook_testing::lambda_event(name);
        let response = test.stack.ingress().serve(&event).await;
        assert_eq!(response.status_code, expected, "{name}");
    }
}

/// A consumer of batches that a test hands to it, over the ledger of a stack.
struct Batches {
    test: TestStack,
    consumer: Consumer,
    dead_letters: Arc<RecordingDeadLetters>,
    delays: Arc<RecordingDelays>,
}

impl Batches {
    async fn open() -> Self {
        let test = TestStack::with(tests::SOURCES, TestClock::at("2026-02-03T04:05:07Z")).await;
        let bodies = FileBodies::new(test.folder.path().join("bodies"));
        let (ledger, clock) = (test.stack.ledger().clone(), Arc::clone(&test.clock));
        let committer = Committer::new(Arc::new(ledger), Arc::new(bodies), clock, routes());
        let (dead_letters, delays) = <(Arc<RecordingDeadLetters>, Arc<RecordingDelays>)>::default();
        let (queue, letters) = (Arc::clone(&delays), Arc::clone(&dead_letters));
        let consumer = Consumer::new(committer, queue, letters, Arc::clone(&test.clock) as _);
        Self {
            test,
            consumer,
            dead_letters,
            delays,
        }
    }

    async fn handle(&self, name: &str) -> usize {
        let event = switchhook_testing::lambda_event(name);
        let batch = serde_json::from_str(event.get()).unwrap();
        let answer = self.consumer.handle(batch, Timestamp::MAX).await.unwrap();
        answer.batch_item_failures.len()
    }

    async fn records(&self, entity: &str) -> Vec<Record> {
        let entity = Entity::from_name(entity.to_owned());
        self.test.stack.ledger().events_of(&entity).await.unwrap()
    }
}

#[tokio::test]
async fn a_batch_of_three_groups_with_a_duplicate_and_a_poison_envelope() {
    let batches = Batches::open().await;
    assert_eq!(batches.handle("consumer-batch.json").await, 0);
    let letters = batches.dead_letters.letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(
        (letters[0].group.as_str(), letters[0].reason.as_str()),
        ("voice/call/call_2", "envelope")
    );
    assert_eq!(letters[0].body, r#"{"version":1,"id":"poison""#);
    assert_eq!(letters[0].sequence.to_string(), "18870000000000000512");
    assert!(batches.delays.delays().is_empty());
    for (entity, deliveries) in [
        ("voice/call/call_1", 2),
        ("voice/call/call_2", 1),
        ("voice/agent/agent_9", 1),
    ] {
        let records = batches.records(entity).await;
        assert_eq!(
            (records.len(), records[0].deliveries.len()),
            (1, deliveries),
            "{entity}"
        );
    }
}

#[tokio::test]
async fn a_redriven_message_keeps_its_place_and_is_a_duplicate_where_it_is_recorded() {
    let batches = Batches::open().await;
    assert_eq!(batches.handle("consumer-redriven.json").await, 0);
    let records = batches.records("voice/call/call_1").await;
    assert_eq!(records[0].sequence.to_string(), "18870000000000000256");
    assert_eq!(batches.handle("consumer-one.json").await, 0);
    assert_eq!(batches.records("voice/call/call_1").await, records);
}
