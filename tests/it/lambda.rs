//! The functions as Lambda runs them: the real programs between a Runtime API and AWS services
//! that the test plays on loopback.

mod cloud;
mod event_files;
pub(crate) mod http;
mod runtime_api;

use std::collections::BTreeSet;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use switchhook_core::entity::Entity;
use switchhook_core::ledger::{RawBody, Record};
use tests::{SECRET, sign};

use crate::programs::{Program, built, eventually, search_path};
use cloud::{BUCKET, Cloud, DEAD_LETTERS, QUEUE, Service, Trouble};
use runtime_api::{Outcome, RuntimeApi, TRACE_ID};

/// What no line of a log may hold: the secret, and what the deliveries of these tests say.
const PRIVATE: [&str; 3] = [SECRET, "+1555", "private words"];

/// What the programs are compiled for, in Lambda's words.
const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") {
    "arm64"
} else {
    "x86_64"
};

/// A function that runs, and its endpoint to AWS.
struct Function {
    api: RuntimeApi,
    program: Program,
}

impl Function {
    async fn start(package: &'static str, cloud: &Cloud) -> Self {
        let api = RuntimeApi::start().await;
        let mut command = outside_lambda(package, cloud);
        command.env("AWS_LAMBDA_RUNTIME_API", api.address.to_string());
        Self {
            api,
            program: Program::start(&mut command),
        }
    }

    /// Returns the ingress's answer to a gateway event: status, headers, body.
    async fn answer(&self, event: &str) -> (i64, Value, Value) {
        let response = self.api.invoke(event.to_owned()).await.response();
        let body = response["body"].as_str().unwrap();
        assert!(body.len() < 1024, "{body}");
        assert!(
            response["headers"]["x-request-id"].is_string(),
            "{response}"
        );
        assert_eq!(response["headers"]["content-type"], "application/json");
        let (status, headers) = (
            response["statusCode"].as_i64().unwrap(),
            &response["headers"],
        );
        (status, headers.clone(), serde_json::from_str(body).unwrap())
    }

    /// Returns the ingress's status for a body, signed.
    async fn accept(&self, body: &[u8]) -> i64 {
        self.answer(&delivery(body)).await.0
    }

    /// Returns which messages of a batch the consumer wants again.
    async fn failures(&self, messages: &[Value]) -> BTreeSet<String> {
        let response = self.api.invoke(batch(messages)).await.response();
        let failures = response["batchItemFailures"].as_array().unwrap();
        failures
            .iter()
            .map(|f| f["itemIdentifier"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Checks that it still runs, and that its log keeps what is private to itself.
    fn check_log(&self) {
        let log = self.program.out() + &self.program.err();
        for private in PRIVATE {
            assert!(!log.contains(private), "{private} in {log}");
        }
        for line in self.lines() {
            let text = |name: &str| line[name].as_str().unwrap_or_default();
            assert!(
                text("timestamp").parse::<jiff::Timestamp>().is_ok(),
                "{line}"
            );
            assert_eq!(text("requestId").len(), 36, "{line}");
            assert_eq!(text("xray_trace_id"), TRACE_ID, "{line}");
            let is_counted = line.get("_aws").is_some();
            let level = text("level");
            assert!(["INFO", "WARN", "ERROR"].contains(&level), "{line}");
            assert!(!is_counted || line["Stack"] == "hooks", "{line}");
        }
    }

    /// Returns the lines of its log: nothing else is written.
    fn lines(&self) -> Vec<Value> {
        let out = self.program.out();
        let (complete, _) = out.rsplit_once('\n').unwrap_or_default();
        let lines = complete
            .lines()
            .map(|line| serde_json::from_str(line).expect(line));
        lines.collect()
    }

    /// Returns the lines once there are so many: they come through a pipe, after the answer perhaps.
    fn lines_of(&self, invocations: usize) -> Vec<Value> {
        let enough = |lines: &Vec<Value>| lines.len() >= invocations;
        eventually("its lines", || Some(self.lines()).filter(enough))
    }
}

/// A function's environment as the template sets it, but for the Runtime API.
fn outside_lambda(package: &'static str, cloud: &Cloud) -> Command {
    let url = |queue: &str| format!("http://{}/000000000000/{queue}", cloud.address);
    let mut command = Command::new(built(package));
    command.env_clear().env("PATH", search_path()).envs([
        ("AWS_LAMBDA_FUNCTION_NAME", package),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("BODIES_BUCKET", BUCKET),
        ("SOURCES_SECRET_ID", "sources"),
        ("STACK_NAME", "hooks"),
        ("TABLE_NAME", "switchhook"),
    ]);
    command.env("AWS_ENDPOINT_URL", format!("http://{}", cloud.address));
    command.envs([
        ("QUEUE_URL", url(QUEUE)),
        ("DEAD_LETTER_QUEUE_URL", url(DEAD_LETTERS)),
    ]);
    command
}

fn delivery(body: &[u8]) -> String {
    let signature = sign(SECRET, body);
    let headers = [("x-webhook-signature", signature.as_str())];
    tests::event("POST", "/webhooks/voice", &headers, body)
        .get()
        .to_owned()
}

/// A signed delivery with something changed.
fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut event = serde_json::from_str(&delivery(ended("call_1").as_bytes())).unwrap();
    change(&mut event);
    event.to_string()
}

fn ended(call: &str) -> String {
    format!(
        r#"{{"event":"call.ended","timestamp":"2026-02-03T04:05:06.007Z","data":{{"call_id":"{call}","caller_number":"+15550100003","transcription":"private words","call_duration":61}}}}"#
    )
}

/// As [`ended`], with as many bytes of noise: it goes to the body store.
fn ended_at_length(call: &str) -> String {
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()
    });
    let noise: Vec<u8> = noise.take(15_000).flatten().collect();
    let noise = format!(r#","noise":"{}"}}}}"#, STANDARD.encode(noise));
    ended(call).replace("}}", &noise)
}

/// An SQS event as Lambda makes it of what was received.
fn batch(messages: &[Value]) -> String {
    let records = messages.iter().map(|message| {
        let attributes = message["MessageAttributes"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        let attributes = attributes.into_iter().map(|(name, value)| {
            let value = json!({
                "stringValue": value["StringValue"], "dataType": value["DataType"],
                "stringListValues": [], "binaryListValues": [],
            });
            (name, value)
        });
        json!({
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": attributes.collect::<serde_json::Map<_, _>>(),
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:eu-central-1:123456789012:{QUEUE}"),
            "awsRegion": "eu-central-1",
        })
    });
    json!({ "Records": records.collect::<Vec<_>>() }).to_string()
}

async fn records(cloud: &Cloud, call: &str) -> Vec<Record> {
    let entity = Entity::from_name(format!("voice/call/{call}"));
    cloud.stack().ledger().events_of(&entity).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_passes_both_functions_into_the_ledger() {
    let cloud = Cloud::start().await;
    let ingress = Function::start("ingress", &cloud).await;
    let consumer = Function::start("consumer", &cloud).await;
    let body = ended("call_1");
    let (status, _, answer) = ingress.answer(&delivery(body.as_bytes())).await;
    assert_eq!(
        (status, &answer["received"], &answer["events"]),
        (200, &true.into(), &1.into())
    );

    let traces = cloud.traces();
    assert!(
        traces.len() == 1 && traces[0].starts_with("Root="),
        "SQS hands the trace on with the message: {traces:?}"
    );

    let messages = cloud.receive(QUEUE).await;
    assert_eq!(messages.len(), 1);
    assert_eq!(
        messages[0]["Attributes"]["MessageGroupId"],
        "voice/call/call_1"
    );
    for delivery in ["the first", "a redelivery of the same message"] {
        assert!(consumer.failures(&messages).await.is_empty(), "{delivery}");
        let records = records(&cloud, "call_1").await;
        assert_eq!(
            (records.len(), records[0].deliveries.len()),
            (1, 1),
            "{delivery}"
        );
        assert_eq!(
            records[0].id.to_string(),
            format!("{}.0", answer["id"].as_str().unwrap())
        );
    }
    let state = Entity::from_name("voice/call/call_1".to_owned());
    let state = cloud
        .stack()
        .ledger()
        .state(&state)
        .await
        .unwrap()
        .unwrap()
        .state;
    let state: Value = serde_json::from_str(&state).unwrap();
    assert_eq!(state["duration_secs"], 61);
    ingress.check_log();
    consumer.check_log();
    check_lines(&ingress.lines_of(1), &consumer.lines_of(2), &answer);
}

/// One line a request and one a batch, with what it takes to follow a delivery.
fn check_lines(ingress: &[Value], consumer: &[Value], answer: &Value) {
    let [line] = ingress else {
        panic!("{ingress:?}")
    };
    let expected = json!({
        "level": "INFO", "message": "delivery accepted", "request_id": "request-1",
        "source": "voice", "status": 200, "delivery_id": answer["id"], "events": 1,
        "kinds": "call.ended", "cold_start": true, "Deliveries": 1,
    });
    check_fields(line, &expected);
    let [first, again] = consumer else {
        panic!("{consumer:?}")
    };
    let event = |outcome: &str| {
        json!({
            "request_id": "request-1", "event_id": format!("{}.0", answer["id"].as_str().unwrap()),
            "source": "voice", "kind": "call.ended", "outcome": outcome,
        })
    };
    let expected = json!({
        "level": "INFO", "message": "batch", "cold_start": true, "Events": 1,
        "events": [event("recorded")],
    });
    check_fields(first, &expected);
    check_fields(
        again,
        &json!({"message": "batch", "events": [event("known")]}),
    );
    assert!(
        again.get("_aws").is_none() && again.get("cold_start").is_none(),
        "{again}"
    );
    assert_ne!(first["requestId"], again["requestId"]);
}

fn check_fields(line: &Value, expected: &Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(line[name], *value, "{name}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_gets_its_answer_and_the_function_serves_on() {
    let cloud = Cloud::start().await;
    let ingress = Function::start("ingress", &cloud).await;
    let request = |method: &str, path: &str| tests::event(method, path, &[], b"").get().to_owned();
    let cases = [
        (
            request("GET", "/healthz"),
            200,
            json!({"ok": true, "version": env!("CARGO_PKG_VERSION"), "architecture": ARCHITECTURE}),
        ),
        (
            changed(|e| e["headers"]["x-webhook-signature"] = "sha256=00".into()),
            401,
            error("unauthorized"),
        ),
        (
            changed(|e| e["body"] = "{}".into()),
            401,
            error("unauthorized"),
        ),
        (
            changed(|e| e["rawPath"] = "/webhooks/none".into()),
            404,
            error("not_found"),
        ),
        (
            changed(|e| e["rawPath"] = "/webhooks/voice/a/b".into()),
            404,
            error("not_found"),
        ),
        (
            changed(|e| e["rawPath"] = "no path: %zz \u{0}\\^[".into()),
            404,
            error("not_found"),
        ),
        (
            changed(|e| e["rawPath"] = Value::Null),
            404,
            error("not_found"),
        ),
        (
            request("GET", "/webhooks/voice"),
            405,
            error("method_not_allowed"),
        ),
        (
            changed(|e| e["body"] = "x".repeat((4 << 20) + 1).into()),
            413,
            error("too_large"),
        ),
        (
            changed(|e| {
                e["isBase64Encoded"] = true.into();
                e["body"] = "no base64!".into()
            }),
            503,
            error("unavailable"),
        ),
        ("{}".to_owned(), 503, error("unavailable")),
        (
            r#"["not", "a request"]"#.to_owned(),
            503,
            error("unavailable"),
        ),
    ];
    for (event, status, body) in cases {
        let shown: String = event.chars().take(300).collect();
        let (answered, headers, answer) = ingress.answer(&event).await;
        assert_eq!((answered, &answer), (status, &body), "{shown}");
        assert_eq!(headers["allow"] == "POST", status == 405, "{shown}");
        assert_eq!(headers["retry-after"].is_string(), status == 503, "{shown}");
        assert_eq!(
            ingress.accept(ended(&shown).as_bytes()).await,
            200,
            "after {shown}"
        );
    }
    let odd_query = changed(|e| e["rawQueryString"] = "a=%zz&[b]=\u{e9}|c".into());
    assert_eq!(ingress.answer(&odd_query).await.0, 200);
    ingress.check_log();
}

fn error(code: &str) -> Value {
    json!({ "error": code })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_goes_through_s3_and_comes_back_byte_for_byte() {
    let cloud = Cloud::start().await;
    let ingress = Function::start("ingress", &cloud).await;
    let consumer = Function::start("consumer", &cloud).await;
    let body = ended_at_length("call_1");
    assert_eq!(ingress.accept(body.as_bytes()).await, 200);
    let messages = cloud.receive(QUEUE).await;
    assert!(messages[0]["Body"].as_str().unwrap().len() < 4096);
    assert!(consumer.failures(&messages).await.is_empty());
    let records = records(&cloud, "call_1").await;
    let RawBody::Stored(pointer) = &records[0].raw else {
        panic!("{records:?}")
    };
    assert_eq!(cloud.objects().get(&pointer.key).unwrap(), body.as_bytes());
    assert!(pointer.describes(body.as_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_of_ours_is_down_is_a_503_until_it_is_back() {
    for service in [Service::Secrets, Service::Sqs, Service::S3] {
        for trouble in [Trouble::Failing, Trouble::Hanging] {
            let cloud = Cloud::start().await;
            let ingress = Function::start("ingress", &cloud).await;
            cloud.trouble(service, Some(trouble));
            let body = ended_at_length("call_1");
            for _ in 0..2 {
                let (status, headers, answer) = ingress.answer(&delivery(body.as_bytes())).await;
                assert_eq!(
                    (status, &answer),
                    (503, &error("unavailable")),
                    "{service:?} {trouble:?}"
                );
                assert!(headers["retry-after"].is_string());
            }
            cloud.trouble(service, None);
            assert!(
                cloud.receive(QUEUE).await.is_empty(),
                "{service:?} {trouble:?}"
            );
            assert_eq!(
                ingress.accept(body.as_bytes()).await,
                200,
                "{service:?} {trouble:?}"
            );
            assert_eq!(cloud.receive(QUEUE).await.len(), 1);
            ingress.check_log();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_refused_is_a_503_until_it_is_mended() {
    let cloud = Cloud::start().await;
    cloud.set_secret(r#"{"sources":{"voice":{"provider":"ai-sync","secrets":[]}}}"#);
    let ingress = Function::start("ingress", &cloud).await;
    assert_eq!(ingress.accept(ended("call_1").as_bytes()).await, 503);
    cloud
        .set_secret(r#"{"sources":{"voice":{"provider":"ai-sync","secrets":["example-secret"]}}}"#);
    assert_eq!(ingress.accept(ended("call_1").as_bytes()).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_of_a_batch_takes_nothing_else_with_it() {
    let cloud = Cloud::start().await;
    let ingress = Function::start("ingress", &cloud).await;
    let consumer = Function::start("consumer", &cloud).await;
    // Of `stuck` the second waits for S3, and the third for the second.
    let answered = ended("stuck").replace("call.ended", "call.answered");
    let started = ended("stuck").replace("call.ended", "call.started");
    let large = ended_at_length("stuck");
    for body in [&answered, &large, &started, &ended("fine")] {
        assert_eq!(ingress.accept(body.as_bytes()).await, 200);
    }
    let mut messages = cloud.receive(QUEUE).await;
    assert_eq!(messages.len(), 4);
    for (index, body) in ["no JSON", r#"{"version":99}"#].into_iter().enumerate() {
        let mut poison = messages[3].clone();
        poison["MessageId"] = format!("poison-{index}").into();
        poison["Body"] = body.into();
        messages.insert(3, poison);
    }

    cloud.trouble(Service::S3, Some(Trouble::Failing));
    let id = |index: usize| messages[index]["MessageId"].as_str().unwrap().to_owned();
    assert_eq!(consumer.failures(&messages).await, [id(1), id(2)].into());
    assert_eq!(records(&cloud, "stuck").await.len(), 1);
    assert_eq!(records(&cloud, "fine").await.len(), 1);
    let dead = cloud.receive(DEAD_LETTERS).await;
    let told = |letter: &Value| {
        let attribute = |name: &str| letter["MessageAttributes"][name]["StringValue"].clone();
        (
            letter["Body"].clone(),
            attribute("reason"),
            number(&attribute("sequence_number")),
        )
    };
    let place = number(&messages[5]["Attributes"]["SequenceNumber"]);
    let dead: Vec<_> = dead.iter().map(told).collect();
    let expected = [r#"{"version":99}"#, "no JSON"];
    assert_eq!(
        dead,
        expected.map(|body| (body.into(), "envelope".into(), place))
    );

    cloud.trouble(Service::S3, None);
    assert!(consumer.failures(&messages[1..3]).await.is_empty());
    assert_eq!(records(&cloud, "stuck").await.len(), 3);
    consumer.check_log();
}

fn number(text: &Value) -> u128 {
    text.as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_ledger_the_whole_batch_comes_again() {
    let cloud = Cloud::start().await;
    let ingress = Function::start("ingress", &cloud).await;
    let consumer = Function::start("consumer", &cloud).await;
    for call in ["call_1", "call_2"] {
        assert_eq!(ingress.accept(ended(call).as_bytes()).await, 200);
    }
    let messages = cloud.receive(QUEUE).await;
    for trouble in [Trouble::Failing, Trouble::Hanging] {
        cloud.trouble(Service::DynamoDb, Some(trouble));
        assert_eq!(consumer.failures(&messages).await.len(), 2, "{trouble:?}");
    }
    cloud.trouble(Service::DynamoDb, None);
    assert!(consumer.failures(&messages).await.is_empty());
    for call in ["call_1", "call_2"] {
        assert_eq!(records(&cloud, call).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_no_fifo_queue_fail_the_invocation_and_no_further_one() {
    let cloud = Cloud::start().await;
    let consumer = Function::start("consumer", &cloud).await;
    let no_fifo = json!([{"MessageId": "m", "ReceiptHandle": "h", "Body": "{}", "Attributes": {}}]);
    let outcome = consumer
        .api
        .invoke(batch(no_fifo.as_array().unwrap()))
        .await;
    let Outcome::Error(error) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(error["errorType"], "NotFifo");
    assert!(consumer.failures(&[]).await.is_empty());
    let failed = eventually("the line of the error", || {
        let mut lines = consumer.lines().into_iter();
        lines.find(|line| line["level"] == "ERROR")
    });
    let message = failed["message"].as_str().unwrap();
    assert!(message.contains("mapped to a FIFO queue"), "{message}");
    consumer.check_log();
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_lambda_a_function_ends_at_once_and_calls_nobody() {
    let cloud = Cloud::start().await;
    for package in ["ingress", "consumer"] {
        let said = Program::start(&mut outside_lambda(package, &cloud)).end();
        assert_ne!(said.code, Some(0));
        let text = said.out + &said.err;
        assert!(text.contains("switchhook local"), "{package}: {text}");
        let mut incomplete = outside_lambda(package, &cloud);
        incomplete
            .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
            .env_remove("QUEUE_URL");
        let said = Program::start(&mut incomplete).end();
        assert_ne!(said.code, Some(0));
        let text = said.out + &said.err;
        assert!(text.contains("`QUEUE_URL`"), "{package}: {text}");
    }
    assert_eq!(cloud.requests(), 0);
}
