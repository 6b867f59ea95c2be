//! Log lines and metrics as Lambda's log has them, over every known-answer case.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use serde_json::Value;
use switchhook_aws::metrics::{Metrics, Origin};
use switchhook_aws::telemetry;
use switchhook_core::time::Timestamp;
use switchhook_testing::{Case, cases};
use tests::{TestClock, TestStack};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::dispatcher::{self, DefaultGuard, Dispatch};
use tracing::subscriber::NoSubscriber;
use tracing_subscriber::fmt::MakeWriter;

use crate::doubles::Call;
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

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Runs every case on this thread, where the log listens, and returns the lines of log and metrics.
async fn run_all(cases: &[Arc<Case>]) -> Vec<Value> {
    let permits = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    let mut running = JoinSet::new();
    for case in cases {
        let (case, permits) = (Arc::clone(case), Arc::clone(&permits));
        running.spawn(async move {
            let _permit = permits.acquire().await.unwrap();
            run(&case).await;
        });
    }
    told_by(running.join_all()).await
}

/// Has a subscriber listen to this thread for as long as the guard lives.
///
/// Beside another one, which hears nothing: where there is one only, `tracing` asks whichever thread
/// comes to a place first whether it listens there, and remembers the answer for all threads.
pub(crate) fn listen(subscriber: impl Into<Dispatch>) -> DefaultGuard {
    static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));
    LazyLock::force(&ANOTHER);
    dispatcher::set_default(&subscriber.into())
}

/// Returns the lines of log and metrics of what is done on this thread.
async fn told_by<T>(work: impl Future<Output = T>) -> Vec<Value> {
    let mut log = Log::default();
    let metrics = Metrics::new(Origin {
        stack: "hooks".to_owned(),
        function: "ingress",
    });
    let subscriber = telemetry::subscriber(metrics.clone(), log.clone());
    let guard = listen(subscriber);
    work.await;
    drop(guard);
    metrics.flush(Timestamp::UNIX_EPOCH, &mut log);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

async fn run(case: &Case) {
    let test = TestStack::with(&case.sources, TestClock::at(&case.request.received_at)).await;
    for _ in 0..2 {
        let event = case.request.gateway_event(&case.body, &case.name);
        let response = test.stack.ingress().serve(&event).await;
        assert_eq!(
            response.status_code,
            i64::from(case.expected.status),
            "{}",
            case.name
        );
    }
    test.stack.drain().await.unwrap();
}

/// The texts of a case that no line may show: those that a person could be told by, not the words that
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
    // The providers' names are words of ours; every case is told under its own name here.
    let known: BTreeSet<_> = cases
        .iter()
        .filter_map(|case| case.name.split('/').next())
        .collect();
    let shown: Vec<_> = lines
        .iter()
        .map(|line| {
            let mut line = line.clone();
            if let Some(span) = line.get_mut("span") {
                span["request_id"].take();
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

#[tokio::test]
async fn every_line_about_a_delivery_names_its_request_and_every_outcome_is_counted() {
    let cases: Vec<_> = cases().into_iter().map(Arc::new).collect();
    let lines = run_all(&cases).await;
    let told = |case: &Case, message: &str| {
        let lines = lines.iter().filter(|line| line["message"] == message);
        lines
            .filter(|line| line["span"]["request_id"] == case.name.as_str())
            .count()
    };
    let (mut accepted, mut refused) = (0, 0);
    for case in &cases {
        if case.expected.status == 200 && !case.expected.events.is_empty() {
            let outcomes = ["event recorded", "duplicate counted", "event known already"];
            let handled = outcomes.map(|outcome| told(case, outcome));
            let handled: usize = handled.iter().sum();
            assert_eq!(told(case, "event queued"), handled, "{}", case.name);
            assert!(
                told(case, "event recorded") >= case.expected.events.len(),
                "{}",
                case.name
            );
            accepted += 2;
        } else if case.expected.status != 200 {
            assert_eq!(told(case, "delivery refused"), 2, "{}", case.name);
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
    let count = |message: &str| {
        lines
            .iter()
            .filter(|line| line["message"] == message)
            .count()
    };
    assert_eq!(
        sum("Events", None),
        u64::try_from(count("event recorded")).unwrap()
    );
    assert_eq!(
        sum("Duplicates", None),
        u64::try_from(count("duplicate counted")).unwrap()
    );
    // Sources, kinds and statuses bound the lines: no dimension is a sender's word.
    let series = lines
        .iter()
        .filter(|line| line["message"] == "metrics")
        .count();
    assert!(series < 400, "{series} lines of metrics");
}

/// Returns the sums of a metric by the value of one of its dimensions.
fn sums(lines: &[Value], metric: &str, dimension: &str) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for line in lines {
        if let (Some(count), Some(value)) = (line[metric].as_u64(), line[dimension].as_str()) {
            *sums.entry(value.to_owned()).or_default() += count;
        }
    }
    sums
}

#[tokio::test]
async fn a_refusal_is_counted_for_its_source() {
    let test = TestStack::open().await;
    let lines = told_by(async {
        for (method, path) in [
            ("POST", "/webhooks/voice"),
            ("PUT", "/webhooks/voice"),
            ("POST", "/webhooks/nobody"),
        ] {
            let event = tests::event(method, path, &[], b"{}");
            test.stack.ingress().serve(&event).await;
        }
    });
    let refused = sums(&lines.await, "Deliveries", "Source");
    let expected = [("none".to_owned(), 1), ("voice".to_owned(), 2)];
    assert_eq!(refused, expected.into());
}

/// What can never be handled is a dead letter at once; what is tried again is an error.
#[tokio::test]
async fn a_dead_letter_is_counted_apart_from_what_is_tried_again() {
    let rig = Rig::open().await;
    rig.send("by-hand", "{}", None).await;
    rig.post(&call("ended", "call_1", 1)).await;
    rig.ledger
        .set_outage(Some(|call| matches!(call, Call::PutState(_))));
    let lines = told_by(Box::pin(rig.run_once())).await;
    let expected = |reason: &str| BTreeMap::from([(reason.to_owned(), 1)]);
    assert_eq!(sums(&lines, "DeadLetters", "Reason"), expected("envelope"));
    assert_eq!(sums(&lines, "HandlerErrors", "Reason"), expected("passing"));
}

/// A redelivery is not a copy.
#[tokio::test]
async fn a_message_that_comes_again_is_told_apart_from_a_duplicate() {
    let rig = Rig::open().await;
    let ended = call("ended", "call_1", 1);
    rig.post(&ended).await;
    let work = async {
        rig.run(batch(&rig.receive().await)).await; // and nothing is deleted
        rig.test.clock.advance(181);
        rig.run_once().await;
        let told = rig.post(&ended).await;
        rig.run(batch(&rig.receive().await)).await;
        rig.test.clock.advance(181);
        rig.run_once().await;
        told
    };
    let lines = told_by(Box::pin(work)).await;
    let told = lines.iter().filter(|line| line["span"]["name"] == "event");
    let told: Vec<_> = told.map(|line| line["message"].as_str().unwrap()).collect();
    let expected = [
        "event recorded",
        "event known already",
        "duplicate counted",
        "event known already",
    ];
    assert_eq!(told, expected);
    let expected = BTreeMap::from([("voice".to_owned(), 1)]);
    assert_eq!(sums(&lines, "Events", "Source"), expected);
    assert_eq!(sums(&lines, "Duplicates", "Source"), expected);
}
