//! What the bill is computed from: requests, units, log bytes and metrics of the real programs, held
//! against `docs/bill-counts.json`.
//!
//! Run the test with `SWITCHHOOK_ACCEPT_COUNTS=1` to write the file, then `python3 docs/bill.py`.

mod peer;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use benches::cloud::sqs::Message;
use benches::cloud::{Bill, Cloud};
use benches::payloads::is_documented;
use benches::process::Process;
use benches::runtime_api::RuntimeApi;
use benches::statistics::median;
use benches::workload;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use switchhook_testing::{Case, cases};

use crate::programs::{built, search_path};

const COUNTS: &str = "docs/bill-counts.json";
/// The documented payload of median size, whose units are the medians too.
const MEDIAN: &str = "cloudcontactai/email-complaint-documented";
/// The bytes of the second payload that the bill is computed for.
const LARGER_BYTES: usize = 2048;
/// The messages of a full batch.
const TEN: usize = 10;
/// One delivery of each of four sources.
const FOUR_SOURCES: [&str; 4] = [
    "ai-sync/call-ended-documented",
    "cellcast/receive-documented",
    MEDIAN,
    "nectar-desk/call-ended",
];
/// How many bytes a line or an event may differ from the committed count: times have more or fewer digits.
const TOLERANCE: u64 = 6;

/// A function that runs.
struct Function {
    api: RuntimeApi,
    _process: Process,
    log: PathBuf,
    /// How much of the log was read.
    read: usize,
}

impl Function {
    async fn start(package: &'static str, cloud: SocketAddr, folder: &Path) -> Self {
        let api = RuntimeApi::start().await.unwrap();
        let url = |queue: &str| format!("http://{cloud}/123456789012/{queue}.fifo");
        let mut command = Command::new(built(package));
        command.env_clear().env("PATH", search_path()).envs([
            ("AWS_LAMBDA_FUNCTION_NAME", format!("switchhook-{package}")),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_RUNTIME_API", api.address.to_string()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://{cloud}")),
            ("BODIES_BUCKET", benches::BUCKET.to_owned()),
            ("SOURCES_SECRET_ID", "sources".to_owned()),
            ("STACK_NAME", "switchhook".to_owned()),
            ("TABLE_NAME", benches::TABLE.to_owned()),
            ("QUEUE_URL", url("events")),
            ("DEAD_LETTER_QUEUE_URL", url("dead-letters")),
        ]);
        let log = folder.join(format!("{package}.log"));
        let process = Process::start(&mut command, &log).unwrap();
        api.attend(process.clock);
        Self {
            api,
            _process: process,
            log,
            read: 0,
        }
    }

    async fn invoke(&self, event: Bytes) -> Value {
        let invocation = self.api.invoke(event).await.unwrap();
        serde_json::from_slice(&invocation.answer).unwrap()
    }

    /// Returns the lines that were written since the last time.
    fn lines(&mut self) -> Vec<String> {
        let mut log = fs::read_to_string(&self.log).unwrap();
        let new = log.split_off(self.read);
        self.read += new.len();
        new.lines().map(str::to_owned).collect()
    }
}

/// Both functions over services in memory.
struct Receiver {
    cloud: Cloud,
    ingress: Function,
    consumer: Function,
    _folder: tempfile::TempDir,
}

/// What one run of deliveries and their batches took.
struct Counts {
    deliveries: usize,
    events: usize,
    batches: usize,
    body_bytes: usize,
    answer_bytes: usize,
    message_bytes: usize,
    stored_bytes: (usize, usize),
    ingress: (Bill, Vec<String>),
    consumer: (Bill, Vec<String>),
}

impl Receiver {
    async fn open(sources: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (cloud, address) = Cloud::start_plain(&sources.to_string()).await.unwrap();
        Self {
            ingress: Function::start("ingress", address, folder.path()).await,
            consumer: Function::start("consumer", address, folder.path()).await,
            cloud,
            _folder: folder,
        }
    }

    /// Sends deliveries, then hands their messages to the consumer in batches.
    async fn run(&mut self, deliveries: &[Bytes], batch: usize) -> Counts {
        let _ = (self.cloud.take_bill(), self.cloud.take_messages());
        let _ = (self.ingress.lines(), self.consumer.lines());
        let before = self.cloud.stored_bytes();
        let (mut answer_bytes, mut body_bytes) = (0, 0);
        for delivery in deliveries {
            let event: Value = serde_json::from_slice(delivery).unwrap();
            body_bytes += event["body"].as_str().unwrap().len();
            let answer = self.ingress.invoke(delivery.clone()).await;
            assert_eq!(answer["statusCode"], 200, "{answer}");
            answer_bytes += size_of_answer(&answer);
        }
        let ingress = (self.cloud.take_bill(), self.ingress.lines());
        let messages = self.cloud.take_messages();
        let batches = messages.chunks(batch);
        for messages in batches.clone() {
            let answer = self.consumer.invoke(workload::batch_event(messages)).await;
            assert_eq!(answer["batchItemFailures"], json!([]), "{answer}");
        }
        assert_eq!(self.cloud.dead_letter_count(), 0);
        let after = self.cloud.stored_bytes();
        Counts {
            deliveries: deliveries.len(),
            events: messages.len(),
            batches: batches.len(),
            body_bytes,
            answer_bytes,
            message_bytes: messages.iter().map(size_of_message).sum(),
            stored_bytes: (after.0 - before.0, after.1 - before.1),
            ingress,
            consumer: (self.cloud.take_bill(), self.consumer.lines()),
        }
    }
}

/// Returns the bytes of an answer's headers and body, as HTTP/1.1 writes them.
fn size_of_answer(answer: &Value) -> usize {
    let headers = answer["headers"].as_object().unwrap().iter();
    let headers = headers.map(|(name, value)| name.len() + value.as_str().unwrap().len() + 4);
    headers.sum::<usize>() + answer["body"].as_str().unwrap().len()
}

/// Returns the bytes that SQS charges a message for.
fn size_of_message(message: &Message) -> usize {
    message.body.len()
}

fn log(lines: &[String]) -> Value {
    let bytes: usize = lines.iter().map(String::len).sum();
    json!({"lines": lines.len(), "bytes": bytes})
}

impl Counts {
    fn to_json(&self) -> Value {
        let (ingress, consumer) = (&self.ingress.0, &self.consumer.0);
        let requests = ingress.requests.iter().chain(&consumer.requests);
        let requests: Map<_, _> = requests
            .map(|(name, count)| (name.clone(), json!(count)))
            .collect();
        json!({
            "deliveries": self.deliveries,
            "events": self.events,
            "batches": self.batches,
            "body_bytes": self.body_bytes,
            "answer_bytes": self.answer_bytes,
            "message_bytes": self.message_bytes,
            "stored_bytes": {"table": self.stored_bytes.0, "index": self.stored_bytes.1},
            "requests": requests,
            "read_units": consumer.read_units,
            "write_units": {
                "record": consumer.write_units - consumer.state_units - consumer.index_units,
                "state": consumer.state_units,
                "index": consumer.index_units,
            },
            "ingress_log": log(&self.ingress.1),
            "consumer_log": log(&self.consumer.1),
        })
    }
}

fn case(name: &str) -> Case {
    let found = cases().into_iter().find(|case| case.name == name);
    found.unwrap_or_else(|| panic!("no case {name}"))
}

fn sources_of(case: &Case) -> Value {
    let sources: toml::Table = case.sources.parse().unwrap();
    serde_json::to_value(sources).unwrap()["sources"].take()
}

/// The sources of all deliveries of the bill.
fn sources() -> Value {
    let mut document: Value = serde_json::from_str(&workload::sources()).unwrap();
    document["sources"]["sms"] = sources_of(&case(MEDIAN))["sms"].take();
    document
}

fn gateway_event(case: &Case, body: &[u8]) -> Bytes {
    let event = case.request.gateway_event(body, "JKJaXmPLvHcESHA=");
    Bytes::from(event.get().to_owned())
}

/// Deliveries of the median payload, each about another e-mail.
fn median_deliveries(count: usize) -> Vec<Bytes> {
    let case = case(MEDIAN);
    let body = std::str::from_utf8(&case.body).unwrap();
    let bodies = std::iter::repeat_with(|| {
        let number = 200_000 + workload::fresh();
        let other = body.replace("111222", &number.to_string());
        assert_eq!(other.len(), body.len());
        gateway_event(&case, other.as_bytes())
    });
    bodies.take(count).collect()
}

/// Deliveries of the larger payload, each about another call.
fn larger_deliveries(count: usize) -> Vec<Bytes> {
    let bodies = std::iter::repeat_with(|| {
        let call = format!("call_{:06}", workload::fresh());
        workload::voice_event(&workload::call_ended(&call, LARGER_BYTES))
    });
    bodies.take(count).collect()
}

/// One delivery of ten texts, each of so many bytes.
fn list(bytes: usize) -> Bytes {
    let text = |text: &str| {
        let number = workload::fresh();
        json!({
            "from": format!("4{number:08}"), "body": text, "received_at": "2025-01-15 14:30:25",
            "message_id": format!("M{number:06}"), "custom_string": "visit-7", "type": "SMS",
            "original_message_id": "0F00AA", "original_body": "Coming?",
        })
    };
    let fields = text("").to_string().len();
    let speech = workload::speech(bytes - fields);
    let texts = std::iter::repeat_with(|| text(&speech)).take(TEN);
    workload::texts_event(&Value::from(texts.collect::<Vec<_>>()).to_string())
}

/// A delivery whose body does not fit into a message, however compressed.
fn large_delivery() -> Bytes {
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()
    });
    let noise: Vec<u8> = noise.take(15_000).flatten().collect();
    let body = workload::call_ended("call_large", 0);
    let body = body.replace("wh_123456789", &STANDARD.encode(noise));
    workload::voice_event(&body)
}

/// Counts all that the bill names, warm.
async fn measured() -> Value {
    let mut receiver = Receiver::open(&sources()).await;
    for first in [median_deliveries(1), larger_deliveries(1), vec![list(400)]] {
        receiver.run(&first, TEN).await; // cold
    }
    let mut counted = Map::new();
    let mut put = |name: &str, counts: &Counts| counted.insert(name.to_owned(), counts.to_json());
    for (name, deliveries) in [
        ("median", median_deliveries as fn(usize) -> Vec<Bytes>),
        ("2 KB", larger_deliveries),
    ] {
        let one = deliveries(1);
        put(&format!("{name}, one"), &receiver.run(&one, 1).await);
        put(&format!("{name}, duplicate"), &receiver.run(&one, 1).await);
        let ten = receiver.run(&deliveries(TEN), TEN).await;
        put(&format!("{name}, ten"), &ten);
        let bytes = one_body(&one[0]);
        let list = receiver.run(&[list(bytes)], TEN).await;
        put(&format!("{name}, list"), &list);
    }
    let large = receiver.run(&[large_delivery()], 1).await;
    put("large", &large);
    json!({
        "cases": counted,
        "documented": documented().await,
        "custom_metrics_of_four_sources": series_of_four_sources().await,
        "peer": {"median": peer::units(&peer_data(&median_deliveries(1)[0])),
            "1 KB": peer::units(&peer_data(&workload::voice_event(&workload::call_ended("call_1", 1024)))),
            "2 KB": peer::units(&peer_data(&larger_deliveries(1)[0]))},
    })
}

fn body_of(delivery: &Bytes) -> Value {
    let event: Value = serde_json::from_slice(delivery).unwrap();
    event["body"].clone()
}

fn one_body(delivery: &Bytes) -> usize {
    body_of(delivery).as_str().unwrap().len()
}

/// The data of a delivery, which the peer keeps.
fn peer_data(delivery: &Bytes) -> Value {
    let body: Value = serde_json::from_str(body_of(delivery).as_str().unwrap()).unwrap();
    body["data"].clone()
}

/// The units of every documented payload: medians, and means to see what the medians hide.
async fn documented() -> Value {
    let mut by_sources: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in cases().into_iter().filter(is_documented) {
        by_sources
            .entry(case.sources.clone())
            .or_default()
            .push(case);
    }
    let mut units: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let (mut sizes, mut each) = (Vec::new(), Map::new());
    for cases in by_sources.values() {
        let sources = json!({"sources": sources_of(&cases[0])});
        let mut receiver = Receiver::open(&sources).await;
        for case in cases {
            receiver.cloud.clear();
            let counts = receiver.run(&[gateway_event(case, &case.body)], 1).await;
            let bill = &counts.consumer.0;
            let mut put = |name, value: u64| {
                let value = f64::from(u32::try_from(value).unwrap());
                units.entry(name).or_default().push(value);
            };
            put("read_units", bill.read_units);
            put("write_units", bill.write_units);
            put("writes", bill.writes());
            sizes.push((case.body.len(), case.name.clone()));
            each.insert(
                case.name.clone(),
                json!({"read_units": bill.read_units, "write_units": bill.write_units}),
            );
        }
    }
    sizes.sort();
    let middle = &sizes[(sizes.len() - 1) / 2..=sizes.len() / 2];
    assert!(
        middle.iter().any(|(_, name)| name == MEDIAN),
        "{MEDIAN} is not of median size: {middle:?}"
    );
    let mut counted = json!({ "payloads": each });
    for (name, values) in units {
        let mean = values.iter().sum::<f64>() / f64::from(u32::try_from(values.len()).unwrap());
        let mean = (mean * 100.0).round() / 100.0;
        counted[name] = json!({"median": median(&values), "mean": mean});
    }
    counted
}

/// Counts the series that four sources make when all of their deliveries are accepted.
async fn series_of_four_sources() -> usize {
    let chosen = FOUR_SOURCES.map(case);
    let mut sources = json!({});
    for case in &chosen {
        let name = case.request.path.split('/').nth(2).unwrap();
        sources[name] = sources_of(case)[name].clone();
    }
    assert_eq!(sources.as_object().unwrap().len(), chosen.len());
    let mut receiver = Receiver::open(&json!({ "sources": sources })).await;
    let deliveries: Vec<_> = chosen
        .iter()
        .map(|case| gateway_event(case, &case.body))
        .collect();
    let mut series = BTreeSet::new();
    for _ in 0..2 {
        // The second time, nothing is cold any more, and everything is a duplicate.
        let counts = receiver.run(&deliveries, TEN).await;
        let lines = counts.ingress.1.iter().chain(&counts.consumer.1);
        if series.is_empty() {
            series = lines.flat_map(|line| series_of(line)).collect();
        }
    }
    assert!(!series.is_empty(), "no line has a metric");
    series.len()
}

/// Returns the series that a line in the embedded metric format adds to.
fn series_of(line: &str) -> Vec<String> {
    let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let mut series = Vec::new();
    let array = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for directive in array(&line["_aws"]["CloudWatchMetrics"]) {
        for (metric, set) in array(&directive["Metrics"]).iter().flat_map(|metric| {
            let sets = array(&directive["Dimensions"]);
            sets.into_iter().map(move |set| (metric, set))
        }) {
            let values = array(&set).into_iter().map(|name| {
                let name = name.as_str().unwrap().to_owned();
                format!("{name}={}", line[&name])
            });
            let values: Vec<_> = values.collect();
            series.push(format!("{} {}", metric["Name"], values.join(",")));
        }
    }
    series
}

/// Collects where two documents differ; bytes may, by a few for each line or event.
fn differences(path: &str, committed: &Value, measured: &Value, found: &mut Vec<String>) {
    compare(path, 0, committed, measured, found);
}

fn compare(path: &str, slack: u64, committed: &Value, measured: &Value, found: &mut Vec<String>) {
    match (committed, measured) {
        (Value::Object(committed), Value::Object(measured)) => {
            let parts = ["lines", "events"].map(|name| measured.get(name).and_then(Value::as_u64));
            let parts = parts.into_iter().flatten().next();
            let slack = parts.map_or(slack, |parts| parts * TOLERANCE);
            let names: BTreeSet<_> = committed.keys().chain(measured.keys()).collect();
            for name in names {
                let path = format!("{path}/{name}");
                let of = |object: &Map<_, _>| object.get(name).cloned().unwrap_or_default();
                compare(&path, slack, &of(committed), &of(measured), found);
            }
        }
        _ => {
            let counts = committed.as_u64().zip(measured.as_u64());
            let is_close = counts.is_some_and(|(a, b)| a.abs_diff(b) <= slack);
            if committed != measured && !(path.contains("bytes") && is_close) {
                found.push(format!(
                    "{path}: {committed} committed, {measured} measured"
                ));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn committed_counts_of_the_bill_are_those_of_the_programs() {
    let measured = measured().await;
    let path = tests::workspace_root().join(COUNTS);
    if std::env::var_os("SWITCHHOOK_ACCEPT_COUNTS").is_some() {
        let text = serde_json::to_string_pretty(&measured).unwrap();
        fs::write(&path, text + "\n").unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{COUNTS}: {error}"));
    let committed = serde_json::from_str(&committed).unwrap();
    let mut found = Vec::new();
    differences("", &committed, &measured, &mut found);
    assert!(
        found.is_empty(),
        "{COUNTS} is stale: run this test with SWITCHHOOK_ACCEPT_COUNTS=1, then docs/bill.py:\n{}",
        found.join("\n")
    );

    let (one, documented) = (&measured["cases"]["median, one"], &measured["documented"]);
    let units = one["write_units"].as_object().unwrap().values();
    let units: f64 = units.map(|units| units.as_f64().unwrap()).sum();
    assert_eq!(documented["write_units"]["median"], units);
    assert_eq!(
        documented["read_units"]["median"],
        one["read_units"].as_f64().unwrap()
    );
    let of_peer = measured["peer"]["1 KB"].as_object().unwrap().values();
    let of_peer: f64 = of_peer.map(|units| units.as_f64().unwrap()).sum();
    assert_eq!(
        of_peer,
        peer::measured_units(),
        "the peer's own measurement"
    );
}

#[test]
fn stale_count_is_found_and_another_digit_in_a_line_is_not() {
    let counts = |requests: u64, bytes: u64| {
        json!({
            "requests": {"SQS": requests}, "events": 1, "message_bytes": bytes,
            "ingress_log": {"lines": 2, "bytes": bytes},
        })
    };
    let count = |committed: &Value, measured: &Value| {
        let mut found = Vec::new();
        differences("", committed, measured, &mut found);
        found.len()
    };
    let committed = counts(1, 1_000);
    assert_eq!(count(&committed, &counts(1, 1_006)), 0);
    assert_eq!(count(&committed, &counts(1, 1_007)), 1, "the message");
    assert_eq!(count(&committed, &counts(1, 1_012)), 1, "two lines are not");
    assert_eq!(count(&committed, &counts(1, 1_013)), 2);
    assert_eq!(count(&committed, &counts(2, 987)), 3);
    assert_eq!(count(&committed, &json!({})), 4);
    assert_eq!(count(&json!({}), &committed), 4);
}

#[test]
fn series_are_counted_once_for_each_set_of_dimensions() {
    let line = json!({
        "message": "delivery accepted", "Stack": "s", "Source": "voice", "Status": "200", "Deliveries": 1,
        "_aws": {"Timestamp": 1, "CloudWatchMetrics": [{
            "Namespace": "Switchhook", "Dimensions": [["Stack", "Source", "Status"], ["Stack"]],
            "Metrics": [{"Name": "Deliveries"}],
        }]},
    });
    let series = series_of(&line.to_string());
    assert_eq!(
        series,
        [
            r#""Deliveries" Stack="s",Source="voice",Status="200""#,
            r#""Deliveries" Stack="s""#,
        ]
    );
    assert_eq!(series_of(r#"{"message":"no metric"}"#), [""; 0]);
}
