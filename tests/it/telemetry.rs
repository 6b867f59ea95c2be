//! Log lines and metrics as Lambda's log has them, over every known-answer case.

mod bill;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};

use ingress::service::Ingress;
use ingress::sources::SourceCache;
use serde_json::{Value, json};
use switchhook_aws::telemetry::Telemetry;
use switchhook_core::config::Sources;
use switchhook_core::intake::Ready;
use switchhook_core::ports::{EventQueue, PortError, PortFuture, SourceStore};
use switchhook_testing::{Case, cases};
use tests::{TestClock, TestStack};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::dispatcher::{self, DefaultGuard, Dispatch};
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

use crate::doubles::{BodiesDouble, Call, QueueDouble};
use crate::reliability::rig::{Rig, batch, call};

/// How many cases run side by side.
const SIDE_BY_SIDE: usize = 12;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The ids of every invocation, as long as Lambda's and X-Ray's are.
const LAMBDA_ID: &str = "1f0fbb1e-5a4b-4d8a-9f3e-0d6f5a1c2b3d";
/// The time of every line.
const NOW: &str = "2026-01-01T00:00:00.000Z";
const TRACE: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";

/// A function's log, as Lambda would have it.
pub(crate) struct Heard {
    log: Log,
    telemetry: Telemetry,
    dispatch: Dispatch,
}

impl Heard {
    pub(crate) fn new() -> Self {
        LazyLock::force(&ANOTHER);
        let (log, clock) = (Log::default(), TestClock::at(NOW));
        let telemetry = Telemetry::new("switchhook", clock, log.clone());
        let dispatch = Dispatch::new(telemetry.subscriber());
        Self {
            log,
            telemetry,
            dispatch,
        }
    }

    /// Does work that is one invocation, and hears all of it.
    pub(crate) fn invocation<'a, T>(
        &'a self,
        work: impl Future<Output = T> + Send + 'a,
    ) -> Pin<Box<dyn Future<Output = T> + Send + 'a>> {
        let work = work.with_subscriber(self.dispatch.clone());
        Box::pin(async {
            let _invocation = self.telemetry.invocation(LAMBDA_ID, Some(TRACE));
            work.await
        })
    }

    /// Returns the lines so far, as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.log.0.lock().unwrap().clone()).unwrap()
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        let text = self.text();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str(line).expect(line));
        let lines: Vec<Value> = lines.collect();
        for line in &lines {
            check_head(line);
        }
        lines
    }
}

/// Fails when a line lacks what every line has.
fn check_head(line: &Value) {
    assert_eq!(line["timestamp"], NOW, "{line}");
    assert_eq!(line["requestId"], LAMBDA_ID, "{line}");
    let trace = "1-5759e988-bd862e3fe1be46a994272793";
    assert_eq!(line["xray_trace_id"], trace, "{line}");
    let level = line["level"].as_str().unwrap();
    assert!(["INFO", "WARN", "ERROR"].contains(&level), "{line}");
}

/// Runs every case, each with its own log, and returns the lines.
async fn run_all(cases: &[Arc<Case>]) -> Vec<Value> {
    let permits = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    let mut running = JoinSet::new();
    for case in cases {
        let (case, permits) = (Arc::clone(case), Arc::clone(&permits));
        running.spawn(async move {
            let _permit = permits.acquire().await.unwrap();
            Box::pin(run(&case)).await
        });
    }
    running.join_all().await.concat()
}

/// Hears nothing. Where there is one subscriber only, `tracing` asks whichever thread comes to a place
/// first whether it listens there, and remembers the answer for all threads.
static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

/// Has a subscriber listen to this thread for as long as the guard lives.
pub(crate) fn listen(subscriber: impl Into<Dispatch>) -> DefaultGuard {
    LazyLock::force(&ANOTHER);
    dispatcher::set_default(&subscriber.into())
}

/// Returns the lines of work that is one invocation.
async fn lines_of<T>(work: impl Future<Output = T> + Send) -> Vec<Value> {
    let heard = Heard::new();
    heard.invocation(work).await;
    heard.lines()
}

async fn run(case: &Case) -> Vec<Value> {
    let test = TestStack::with(&case.sources, TestClock::at(&case.request.received_at)).await;
    let heard = Heard::new();
    for _ in 0..2 {
        let event = case.request.gateway_event(&case.body, &case.name);
        let response = heard.invocation(test.stack.ingress().serve(&event)).await;
        assert_eq!(
            response.status_code,
            i64::from(case.expected.status),
            "{}",
            case.name
        );
    }
    heard.invocation(test.stack.drain()).await.unwrap();
    heard.lines()
}

/// The texts of a case that no line may show: those that a person could be recognised by, not the words that
/// providers and we share.
fn private(case: &Case) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    let mut add = |value: &Value| collect(value, &mut texts);
    if let Ok(body) = serde_json::from_slice(&case.body) {
        add(&body);
    }
    for event in &case.expected.events {
        if let Ok(data) = serde_json::from_str(event.data.get()) {
            add(&data);
        }
        if let Some((_, key)) = event
            .entity
            .splitn(3, '/')
            .skip(1)
            .collect::<Vec<_>>()
            .split_first()
        {
            add(&key.join("/").into());
        }
    }
    if let Some(credential) = &case.request.credential {
        let sent = case.request.headers.iter();
        let sent = sent.filter(|(name, _)| name.eq_ignore_ascii_case(&credential.header));
        sent.for_each(|(_, value)| add(&value.as_str().into()));
    }
    let sources: toml::Value = toml::from_str(&case.sources).unwrap();
    add(&serde_json::to_value(sources).unwrap());
    texts
}

fn collect(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let tells = |c: char| c.is_ascii_digit() || c == '@' || c == ' ' || c == '-';
            if text.len() >= 8 && text.contains(tells) {
                texts.insert(text.clone());
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, texts)),
        _ => {}
    }
}

#[tokio::test]
async fn no_line_and_no_metric_of_any_case_shows_what_was_sent() {
    let cases: Vec<_> = cases().into_iter().map(Arc::new).collect();
    let lines = run_all(&cases).await;
    // The providers' names are words of ours; every case goes by its own name here.
    let known: BTreeSet<_> = cases
        .iter()
        .filter_map(|case| case.name.split('/').next())
        .collect();
    let shown: Vec<_> = lines
        .iter()
        .map(|line| {
            let mut line = line.clone();
            line["request_id"].take();
            for event in line["events"].as_array_mut().into_iter().flatten() {
                event["request_id"].take();
            }
            line.to_string()
        })
        .collect();
    let mut checked = 0_usize;
    for case in &cases {
        for text in private(case)
            .iter()
            .filter(|text| !known.contains(text.as_str()))
        {
            let line = shown.iter().find(|line| line.contains(text.as_str()));
            assert_eq!(line, None, "{}: `{text}` is shown", case.name);
            checked += 1;
        }
    }
    assert!(checked > cases.len(), "{checked} texts were looked for");
}

/// Returns what the lines of batches say of events.
fn entries(lines: &[Value]) -> impl Iterator<Item = &Value> {
    let batches = lines.iter().filter(|line| line["message"] == "batch");
    batches.flat_map(|line| line["events"].as_array().unwrap())
}

#[tokio::test]
async fn every_delivery_is_one_line_and_every_outcome_is_counted() {
    let cases: Vec<_> = cases().into_iter().map(Arc::new).collect();
    let lines = run_all(&cases).await;
    let of_request = |case: &Case| {
        let name = case.name.clone();
        lines
            .iter()
            .filter(move |line| line["request_id"] == name.as_str())
    };
    let (mut accepted, mut refused) = (0, 0);
    for case in &cases {
        let own: Vec<_> = of_request(case).collect();
        if case.expected.status == 200 && !case.expected.events.is_empty() {
            assert_eq!(own.len(), 2, "{}: {own:?}", case.name);
            let queued = own.iter().map(|line| line["events"].as_u64().unwrap());
            let of_case = entries(&lines).filter(|entry| entry["request_id"] == case.name.as_str());
            let outcomes = of_case.map(|entry| entry["outcome"].as_str().unwrap());
            let outcomes: Vec<_> = outcomes.collect();
            let handled = u64::try_from(outcomes.len()).unwrap();
            assert_eq!(queued.sum::<u64>(), handled, "{}", case.name);
            let recorded = outcomes.iter().filter(|outcome| **outcome == "recorded");
            assert!(
                recorded.count() >= case.expected.events.len(),
                "{}: {outcomes:?}",
                case.name
            );
            accepted += 2;
        } else if case.expected.status != 200 {
            assert_eq!(own.len(), 2, "{}: {own:?}", case.name);
            for line in own {
                assert_eq!(line["message"], "delivery refused", "{}", case.name);
                assert_eq!(line["status"], case.expected.status, "{}", case.name);
            }
            refused += 2;
        }
    }
    let sum = |name: &str, status: Option<&str>| -> u64 {
        let lines = lines
            .iter()
            .filter(|line| status.is_none_or(|status| line["Status"] == status));
        lines.filter_map(|line| line[name].as_u64()).sum()
    };
    assert_eq!(sum("Deliveries", Some("200")), accepted);
    assert_eq!(sum("Deliveries", None), accepted + refused);
    let count = |outcome: &str| {
        let those = entries(&lines).filter(|entry| entry["outcome"] == outcome);
        u64::try_from(those.count()).unwrap()
    };
    assert_eq!(sum("Events", None), count("recorded"));
    assert_eq!(
        sum("Duplicates", None),
        count("duplicate") + count("variant")
    );
    let of_kind = |kind: &str| {
        let those = entries(&lines).filter(|entry| entry["kind"] == kind);
        let recorded = those.filter(|entry| entry["outcome"] == "recorded");
        u64::try_from(recorded.count()).unwrap()
    };
    assert_eq!(sum("Unreadable", None), of_kind("unreadable"));
    assert_eq!(sum("Unrecognised", None), of_kind("unrecognised"));
    assert!(of_kind("unreadable") > 0 && of_kind("unrecognised") > 0);
    let early = entries(&lines).filter(|entry| entry["implausible_time"] == true);
    assert_eq!(
        sum("ImplausibleTimes", None),
        u64::try_from(early.count()).unwrap()
    );
}

/// Returns the sums of a metric by the value of one of its dimensions.
fn sums(lines: &[Value], metric: &str, dimension: &str) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for line in lines {
        if let Some(count) = line[metric].as_u64() {
            let value = line[dimension].as_str().unwrap_or_default();
            *sums.entry(value.to_owned()).or_default() += count;
        }
    }
    sums
}

#[tokio::test]
async fn a_refusal_is_counted_for_its_source() {
    let test = TestStack::open().await;
    let heard = Heard::new();
    for (method, path) in [
        ("POST", "/webhooks/voice"),
        ("PUT", "/webhooks/voice"),
        ("POST", "/webhooks/nobody"),
    ] {
        let event = tests::event(method, path, &[], b"{}");
        heard.invocation(test.stack.ingress().serve(&event)).await;
    }
    let lines = heard.lines();
    let refused = sums(&lines, "Deliveries", "Source");
    let expected = [(String::new(), 1), ("voice".to_owned(), 2)];
    assert_eq!(refused, expected.into());
    let levels: Vec<_> = lines.iter().map(|line| &line["level"]).collect();
    assert_eq!(levels, ["WARN"; 3]);
}

/// What can never be handled is a dead letter at once; what is tried again is an error.
#[tokio::test]
async fn a_dead_letter_is_counted_apart_from_what_is_tried_again() {
    let rig = Rig::open().await;
    rig.send("by-hand", "{}", None).await;
    rig.post(&call("ended", "call_1", 1)).await;
    rig.ledger
        .set_outage(Some(|call| matches!(call, Call::PutState(_))));
    let lines = lines_of(Box::pin(rig.run_once())).await;
    let expected = |reason: &str| BTreeMap::from([(reason.to_owned(), 1)]);
    assert_eq!(sums(&lines, "DeadLetters", "Reason"), expected("envelope"));
    assert_eq!(sums(&lines, "HandlerErrors", "Reason"), expected("passing"));
    assert_eq!(lines[0]["level"], "ERROR");
    let outcomes =
        entries(&lines).map(|entry| (entry["outcome"].as_str(), entry["reason"].as_str()));
    let outcomes: BTreeSet<_> = outcomes.collect();
    let expected = [("dead_letter", "envelope"), ("retried", "passing")];
    assert_eq!(
        outcomes,
        expected.map(|(one, other)| (Some(one), Some(other))).into()
    );
}

/// A redelivery is not a duplicate.
#[tokio::test]
async fn redelivered_message_is_no_duplicate() {
    let rig = Rig::open().await;
    let ended = call("ended", "call_1", 1);
    rig.post(&ended).await;
    let heard = Heard::new();
    heard.invocation(rig.run(batch(&rig.receive().await))).await; // and nothing is deleted
    rig.test.clock.advance(181);
    heard.invocation(rig.run_once()).await;
    rig.post(&ended).await;
    heard.invocation(rig.run(batch(&rig.receive().await))).await;
    rig.test.clock.advance(181);
    heard.invocation(rig.run_once()).await;
    let lines = heard.lines();
    let outcomes: Vec<_> = entries(&lines).map(|entry| &entry["outcome"]).collect();
    assert_eq!(outcomes, ["recorded", "known", "duplicate", "known"]);
    let expected = |source: &str| BTreeMap::from([(source.to_owned(), 1)]);
    assert_eq!(sums(&lines, "Events", "Source"), expected(""));
    assert_eq!(sums(&lines, "Duplicates", "Source"), expected("voice"));
}

/// A sources document that cannot be read, or is not read in time.
#[tokio::test(start_paused = true)]
async fn failed_reading_of_the_sources_is_counted_and_its_request_is_a_line() {
    for hangs in [false, true] {
        let store = Arc::new(BrokenSources { hangs });
        let clock = TestClock::at("2026-03-04T05:06:07.089Z");
        let sources = SourceCache::new(store, Arc::<TestClock>::clone(&clock));
        let (queue, bodies) = (QueueDouble::default(), BodiesDouble::default());
        let ingress = Ingress::new(sources, Arc::new(queue), Arc::new(bodies), clock);
        let event = tests::event("POST", "/webhooks/voice", &[], b"{}");
        let heard = Heard::new();
        let response = heard.invocation(ingress.serve(&event)).await;
        assert_eq!(response.status_code, 503);
        let [line] = heard.lines().try_into().unwrap();
        let message = if hangs {
            "no answer in time"
        } else {
            "no sources document"
        };
        assert_eq!(
            (&line["message"], &line["level"]),
            (&json!(message), &json!("ERROR"))
        );
        assert_eq!(line["request_id"], "request-1");
        assert_eq!(
            (&line["SourcesNotRefreshed"], &line["Deliveries"]),
            (&json!(1), &json!(1))
        );
        assert!(line.get("Source").is_none(), "{line}");
    }
}

struct BrokenSources {
    hangs: bool,
}

impl SourceStore for BrokenSources {
    fn load(&self) -> PortFuture<'_, Sources> {
        Box::pin(async {
            if self.hangs {
                std::future::pending::<()>().await;
            }
            Err(PortError::new("reading", "no secret"))
        })
    }
}

/// A request that ends in a panic has its line too.
#[tokio::test]
async fn request_that_panics_is_a_line_and_counted() {
    let test = TestStack::open().await;
    let panicking = Arc::new(PanickingQueue);
    let clock = || Arc::<TestClock>::clone(&test.clock);
    let sources = Arc::new(tests::FixedSources(tests::SOURCES.to_owned()));
    let sources = SourceCache::new(sources, clock());
    let ingress = Ingress::new(
        sources,
        panicking,
        Arc::new(BodiesDouble::default()),
        clock(),
    );
    let body = call("ended", "call_1", 1);
    let signature = tests::sign(tests::SECRET, body.as_bytes());
    let headers = [("x-webhook-signature", signature.as_str())];
    let event = tests::event("POST", "/webhooks/voice", &headers, body.as_bytes());
    let heard = Heard::new();
    let response = heard.invocation(ingress.serve(&event)).await;
    assert_eq!(response.status_code, 503);
    let lines = heard.lines();
    let line = lines.last().unwrap();
    assert_eq!(
        (&line["message"], &line["level"]),
        (&json!("panicked"), &json!("ERROR"))
    );
    assert_eq!(
        (&line["Status"], &line["Deliveries"]),
        (&json!("503"), &json!(1))
    );
}

struct PanickingQueue;

impl EventQueue for PanickingQueue {
    fn send<'a>(&'a self, _: &'a [Ready]) -> PortFuture<'a, ()> {
        Box::pin(async { panic!("a test") })
    }
}
