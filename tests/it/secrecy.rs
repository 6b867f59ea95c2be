//! Invariant 8: no secret, token, number, address, text or key of an entity in a log line, an error
//! answer or a panic's message, whatever goes wrong.

use std::io::Write;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use consumer::router::Event;
use consumer::routes::routes;
use ingress::service::Ingress;
use ingress::sources::SourceCache;
use lambda_http::Body;
use serde_json::value::{RawValue, to_raw_value};
use switchhook_aws::sqs::SqsQueue;
use switchhook_core::config::Sources;
use switchhook_core::data;
use switchhook_core::kind::Kind;
use switchhook_core::ports::SourceStore;
use switchhook_core::request::Request;
use switchhook_core::states::Call as CallState;
use tests::{FixedSources, TestClock, event, sign};
use tracing::Level;
use tracing::dispatcher::DefaultGuard;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use crate::doubles::{BodiesDouble, Fault, QueueDouble};
use crate::reliability::rig::{Rig, batch, noise};
use crate::telemetry::listen;

const SECRET: &str = "hush-hush-secret";
const TOKEN: &str = "token-that-nobody-may-read";
const SIGNATURE: &str = "x-webhook-signature";

/// What must never be shown; each stands in the deliveries below.
const HIDDEN: &[&str] = &[
    SECRET,
    TOKEN,
    "15552368423",           // a number
    "ann@private.example",   // an address
    "the parrot has ceased", // a text
    "key_of_a_call",         // a key
    "key_of_a_talk",
];

const SOURCES: &str = r#"
[sources.voice]
provider = "ai-sync"
secrets = ["hush-hush-secret"]
max_body = "100KiB"
[sources.open]
provider = "ai-sync"
unsigned = true
tokens = ["token-that-nobody-may-read"]
"#;

const CALL: &str = r#"{"event":"call.answered","timestamp":"2026-02-03T04:05:06.007Z","data":{"call_id":"key_of_a_call","caller_number":"+15552368423","transcription":"the parrot has ceased"}}"#;
const TEXT: &str = r#"{"event":"sms.received","data":{"message_id":"in_1","conversation_id":"key_of_a_talk","from":"+15552368423","to":"+15550100004","text":"the parrot has ceased"}}"#;
const STOP: &str = r#"{"event":"sms.received","data":{"message_id":"in_2","conversation_id":"key_of_a_talk","from":"+15552368423","to":"+15550100004","text":"STOP"}}"#;
const CONTACT: &str = r#"{"phone_number":"+15552368423","email":"ann@private.example","first_name":"the parrot has ceased"}"#;
const UNKNOWN: &str = r#"{"event":"the parrot has ceased","data":{"email":"ann@private.example"}}"#;

/// Lines of our own crates, at every level.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Lines {
    /// Captures the lines of this thread for as long as the guard lives.
    fn capture() -> (Self, DefaultGuard) {
        let own = ["consumer", "ingress", "switchhook"]; // and every `switchhook_…`
        let filter = Targets::new().with_targets(own.map(|target| (target, Level::TRACE)));
        let lines = Self::default();
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .with_writer(lines.clone());
        let subscriber = tracing_subscriber::registry().with(filter).with(layer);
        (lines, listen(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Fails when a line shows anything hidden, or when what must be told is not.
    #[track_caller]
    fn assert_show_nothing(&self, told: &[&str]) {
        let text = self.text();
        for line in text.lines() {
            assert_shows_nothing(line);
        }
        for told in told {
            assert!(text.contains(told), "`{told}` is not told:\n{text}");
        }
    }
}

#[track_caller]
fn assert_shows_nothing(shown: &str) {
    for hidden in HIDDEN {
        assert!(!shown.contains(hidden), "`{hidden}` is shown: {shown}");
    }
}

fn clock() -> Arc<TestClock> {
    TestClock::at("2026-03-04T05:06:07.089Z")
}

/// A handler that fails by telling what it was given.
fn panicking(_: &mut CallState, event: &Event<'_, data::Call>) {
    panic!("cannot handle {:?}", event.data);
}

async fn rig() -> Rig {
    let router = routes().on(Kind::CallAnswered, panicking);
    Rig::with_sources(SOURCES, router, clock()).await
}

/// Posts a body that is signed and returns the status.
async fn post(rig: &Rig, path: &str, body: &str) -> u16 {
    let signature = sign(SECRET, body.as_bytes());
    let (status, answer) = rig
        .test
        .post_to(path, &[(SIGNATURE, &signature)], body.as_bytes())
        .await;
    assert_shows_nothing(&answer.to_string());
    status
}

#[tokio::test]
async fn what_is_received_and_recorded_is_told_by_ids_only() {
    let (lines, _guard) = Lines::capture();
    let rig = rig().await;
    for _ in 0..2 {
        for (path, body) in [
            ("/webhooks/voice".to_owned(), TEXT),
            ("/webhooks/voice".to_owned(), STOP),
            ("/webhooks/voice/contact".to_owned(), CONTACT),
            (format!("/webhooks/open/{TOKEN}/contact-delete"), CONTACT),
            (
                "/webhooks/voice/the parrot has ceased".replace(' ', "%20"),
                "no JSON",
            ),
            ("/webhooks/voice".to_owned(), UNKNOWN),
        ] {
            assert_eq!(post(&rig, &path, body).await, 200);
        }
    }
    rig.settle().await;
    assert_eq!(
        rig.records("voice/conversation/key_of_a_talk").await.len(),
        2
    );
    lines.assert_show_nothing(&["delivery accepted", "event recorded", "duplicate counted"]);
}

#[tokio::test]
async fn what_is_refused_is_told_without_what_was_sent() {
    let (lines, _guard) = Lines::capture();
    let rig = rig().await;
    let large = format!("{CALL}{}", " ".repeat(110 << 10));
    let right = sign(SECRET, CALL.as_bytes());
    for (method, path, signature, body, status) in [
        ("POST", "/webhooks/voice", SECRET, CALL, 401),
        ("POST", "/webhooks/voice", right.as_str(), TEXT, 401),
        ("POST", "/webhooks/voice/key_of_a_call", "", CALL, 401),
        (
            "POST",
            "/webhooks/voice/key_of_a_call/15552368423",
            &right,
            CALL,
            404,
        ),
        ("POST", "/webhooks/ann@private.example", &right, CALL, 404),
        (
            "POST",
            "/webhooks/open/token-that-nobody-may-reax",
            &right,
            CALL,
            404,
        ),
        ("POST", "/token-that-nobody-may-read", &right, CALL, 404),
        ("GET", "/webhooks/voice", &right, CALL, 405),
        ("POST", "/webhooks/voice", &right, &large, 413),
    ] {
        let event = event(method, path, &[(SIGNATURE, signature)], body.as_bytes());
        let response = rig.test.stack.ingress().serve(&event).await;
        assert_eq!(response.status_code, status, "{path}");
        let Some(Body::Text(answer)) = response.body else {
            panic!("no answer")
        };
        assert_shows_nothing(&answer);
        assert_shows_nothing(&format!("{:?}", response.headers));
    }
    lines.assert_show_nothing(&["delivery refused"]);
}

/// What is no event of API Gateway is our fault, and is not quoted.
#[tokio::test]
async fn an_event_that_cannot_be_read_is_not_quoted() {
    let (lines, _guard) = Lines::capture();
    let rig = rig().await;
    let right = event(
        "POST",
        "/webhooks/voice",
        &[(SIGNATURE, "00")],
        CALL.as_bytes(),
    );
    let right: serde_json::Value = serde_json::from_str(right.get()).unwrap();
    let mut events = vec![
        serde_json::json!("+15552368423"),
        serde_json::json!([SECRET]),
    ];
    for place in [
        "/headers",
        "/requestContext",
        "/requestContext/http/method",
        "/isBase64Encoded",
    ] {
        let mut odd = right.clone();
        *odd.pointer_mut(place).unwrap() = "+15552368423 the parrot has ceased".into();
        events.push(odd);
    }
    let mut odd = right.clone();
    odd["headers"]["key_of_a_call"] = serde_json::json!({"ann@private.example": SECRET});
    events.push(odd);
    let mut odd = right;
    odd["isBase64Encoded"] = true.into();
    events.push(odd);
    for event in events {
        let event: Box<RawValue> = to_raw_value(&event).unwrap();
        let response = rig.test.stack.ingress().serve(&event).await;
        assert_eq!(response.status_code, 503, "{event}");
        let Some(Body::Text(answer)) = response.body else {
            panic!("no answer")
        };
        assert_shows_nothing(&answer);
    }
    lines.assert_show_nothing(&["event not read"]);
}

/// The envelopes are ours, but what damaged them is not known.
#[tokio::test]
async fn a_poison_envelope_is_not_quoted() {
    let (lines, _guard) = Lines::capture();
    let rig = rig().await;
    assert_eq!(post(&rig, "/webhooks/voice", TEXT).await, 200);
    let body = rig.take_one().await.body.unwrap();
    let right: serde_json::Value = serde_json::from_str(&body).unwrap();
    let mut poisons = vec![
        r#""the parrot has ceased""#.to_owned(),
        "+15552368423".to_owned(),
        r#"["ann@private.example"]"#.to_owned(),
    ];
    for field in [
        "version",
        "id",
        "received_at",
        "retention_days",
        "kind",
        "dedup",
        "body",
        "headers",
    ] {
        let mut poison = right.clone();
        poison[field] = "+15552368423 the parrot has ceased".into();
        poisons.push(poison.to_string());
    }
    let mut poison = right.clone();
    poison["body"] = serde_json::json!({"key_of_a_talk": "ann@private.example"});
    poisons.push(poison.to_string());
    let mut poison = right;
    poison["provider"] = "ann@private.example".into();
    poisons.push(poison.to_string());
    for (n, poison) in poisons.iter().enumerate() {
        rig.send(&format!("group-{n}"), poison, None).await;
    }
    rig.settle().await;
    lines.assert_show_nothing(&["event failed"]);
    let reasons = lines.text().matches(r#""reason":"envelope""#).count();
    assert_eq!(reasons, poisons.len() - 1, "{}", lines.text());
}

/// The functions' panic hook tells where, and not what.
#[tokio::test]
async fn a_panic_that_quotes_its_event_is_told_without_its_text() {
    let (lines, _guard) = Lines::capture();
    let rig = rig().await;
    assert_eq!(post(&rig, "/webhooks/voice", CALL).await, 200);
    let messages = rig.receive().await;
    let hook = std::panic::take_hook();
    switchhook_aws::telemetry::hide_panic_texts();
    let response = rig.run(batch(&messages)).await;
    std::panic::set_hook(hook);
    assert_eq!(response.unwrap().batch_item_failures.len(), 1);
    lines.assert_show_nothing(&["panicked", "event failed", "secrecy.rs"]);
}

#[tokio::test]
async fn faults_of_ports_are_told_without_what_they_were_asked() {
    let (lines, _guard) = Lines::capture();
    let rig = rig().await;
    for number in 0..5 {
        let body = STOP.replace("in_2", &format!("in_{number}"));
        assert_eq!(post(&rig, "/webhooks/voice", &body).await, 200);
        rig.redelivery.fault.set(Some(Fault::Refuse));
        rig.ledger.fail_at(number, Fault::Refuse);
        rig.run_once().await;
        rig.redelivery.fault.set(None);
        rig.settle().await;
    }
    rig.dead_letters.fault.set(Some(Fault::Refuse));
    rig.send("group", "+15552368423", None).await;
    rig.run_once().await;
    let told = [
        "batch not read",
        "event failed",
        "group not delayed",
        "dead letter not sent",
    ];
    lines.assert_show_nothing(&told);
}

/// The queue, the table and the folder of bodies are gone; the errors are the real adapters'.
#[tokio::test]
async fn faults_of_adapters_are_told_without_what_was_sent() {
    let (lines, _guard) = Lines::capture();
    let rig = rig().await;
    assert_eq!(post(&rig, "/webhooks/voice", STOP).await, 200);
    rig.drop_table().await;
    assert_eq!(rig.run_once().await.1.unwrap().len(), 1);
    std::fs::write(rig.bodies(), "no folder").unwrap();
    let large = format!("{CALL}{}", STANDARD.encode(noise()));
    assert_eq!(post(&rig, "/webhooks/voice", &large).await, 503);
    let real = Some(SqsQueue::new(
        rig.client.clone(),
        format!("{}.gone", rig.url),
    ));
    let queue = Arc::new(QueueDouble {
        real,
        ..QueueDouble::default()
    });
    let sources = SourceCache::new(Arc::new(FixedSources(SOURCES.to_owned())), clock());
    let ingress = Ingress::new(sources, queue, Arc::new(BodiesDouble::default()), clock());
    let signature = sign(SECRET, CALL.as_bytes());
    let event = event(
        "POST",
        "/webhooks/voice",
        &[(SIGNATURE, &signature)],
        CALL.as_bytes(),
    );
    assert_eq!(ingress.serve(&event).await.status_code, 503);
    lines.assert_show_nothing(&[
        "batch not read",
        "storing a large body",
        "sending to the queue",
    ]);
}

#[tokio::test]
async fn a_sources_document_that_is_refused_is_not_quoted() {
    let (lines, _guard) = Lines::capture();
    let document = |line: &str| {
        let start = "[sources.voice]\nprovider = \"ai-sync\"\n";
        format!("{start}{line}\n")
    };
    for line in [
        "secrets = [\"hush-hush-secret\"",
        "secrets = \"hush-hush-secret\"",
        "secrets = [\"hush-hush-secret\", 7]",
        "secrets = [\"hush-hush-secret\"] \"hush-hush-secret\"",
        "secrets = [\"hush-hush-secret\"]\nsecrets = [\"hush-hush-secret\"]",
        "secrets = [\"hush-hush-secret\"]\nmax_body = \"hush-hush-secret\"",
        "secrets = [\"hush-hush-secret\"]\ncountry = \"hush-hush-secret\"",
        "secrets = [\"hush-hush-secret\"]\nnetworks = [\"hush-hush-secret\"]",
        "unsigned = true\ntokens = [\"15552368423\"]",
        "unsigned = \"hush-hush-secret\"",
        "hush-hush-secret",
        "users = [{ username = \"ann@private.example\", password = \"hush-hush-secret\" }]",
        "client_id = \"15552368423\"\nsecrets = [\"hush-hush-secret\"]",
        "secrets = ['''hush-hush-secret",
        "secrets = [\"\\hush-hush-secret\"]",
    ] {
        let store = FixedSources(document(line));
        let refused = store.load().await;
        assert!(refused.is_err(), "{line}");
        assert_shows_nothing(&format!("{refused:?}"));
        let sources = SourceCache::new(Arc::new(store), clock());
        let (queue, bodies) = (
            Arc::new(QueueDouble::default()),
            Arc::new(BodiesDouble::default()),
        );
        let ingress = Ingress::new(sources, queue, bodies, clock());
        let event = event(
            "POST",
            "/webhooks/voice",
            &[(SIGNATURE, "00")],
            CALL.as_bytes(),
        );
        assert_eq!(ingress.serve(&event).await.status_code, 503, "{line}");
    }
    let json =
        format!(r#"{{"sources":{{"voice":{{"provider":"ai-sync","secrets":["{SECRET}",]}}}}}}"#);
    for json in [
        json,
        format!(r#"{{"sources":"{SECRET}"}}"#),
        format!("\"{SECRET}\""),
    ] {
        assert_shows_nothing(&format!("{:?}", Sources::from_json(&json).unwrap_err()));
    }
    lines.assert_show_nothing(&["no sources document"]);
}

#[test]
fn debug_shows_nothing_hidden() {
    let sources = Sources::from_toml(SOURCES).unwrap();
    let headers = [
        (SIGNATURE, sign(SECRET, b"")),
        ("authorization", SECRET.to_owned()),
    ];
    let request = Request {
        method: "POST".to_owned(),
        path: format!("/webhooks/open/{TOKEN}"),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect(),
        body: CALL.into(),
        peer: None,
    };
    let admitted =
        switchhook_core::admission::admit(&sources, &request, jiff::Timestamp::UNIX_EPOCH).unwrap();
    let source = sources.get("voice").unwrap();
    for shown in [
        format!("{sources:?} {sources:#?}"),
        format!("{source:?} {:?} {:?}", source.credentials, source.tokens),
        format!("{:?}", sources.get("open").unwrap().tokens),
        format!("{request:?} {request:#?} {:?}", request.headers),
        format!("{admitted:?}"),
    ] {
        assert_shows_nothing(&shown);
    }
}
