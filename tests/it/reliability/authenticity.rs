//! Invariants 3 and 4: an authentic delivery is never refused for what it says, and nothing
//! unauthenticated reaches the queue, whatever the request is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ingress::service::Ingress;
use ingress::sources::SourceCache;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use switchhook::local::bodies::FileBodies;
use switchhook::local::data_dir::DataDir;
use switchhook_core::body;
use switchhook_core::body::MAX_BODY_BYTES;
use switchhook_core::ledger::{RawBody, Record};
use switchhook_core::ports::BodyStore;
use switchhook_core::time::Clock;
use tests::{FixedSources, SECRET, TestClock, TestStack, event, sign};
use tokio::runtime::Runtime;

use super::many;
use super::rig::call;
use crate::doubles::{BodiesDouble, QueueDouble};

pub(super) const TOKEN: &str = "abcdefghijklmnopqrstuvwxyz";
pub(super) const SIGNATURE: &str = "x-webhook-signature";

const SOURCES: &str = r#"
[sources.voice]
provider = "ai-sync"
secrets = ["example-secret", "previous-secret"]
[sources.both]
provider = "ai-sync"
secrets = ["example-secret"]
tokens = ["abcdefghijklmnopqrstuvwxyz"]
[sources.open]
provider = "ai-sync"
unsigned = true
tokens = ["abcdefghijklmnopqrstuvwxyz"]
[sources.near]
provider = "ai-sync"
secrets = ["example-secret"]
networks = ["203.0.113.0/24"]
max_body = "64B"
"#;

/// An ingress with a queue in memory.
pub(super) struct Door {
    pub(super) ingress: Ingress,
    queue: Arc<QueueDouble>,
}

impl Door {
    pub(super) fn new() -> Self {
        let queue = Arc::new(QueueDouble::default());
        let clock = || -> Arc<dyn Clock> { TestClock::at("2026-03-04T05:06:07.089Z") };
        let sources = SourceCache::new(Arc::new(FixedSources(SOURCES.to_owned())), clock());
        let bodies = Arc::new(BodiesDouble::default());
        let port = Arc::<QueueDouble>::clone(&queue);
        Self {
            ingress: Ingress::new(sources, port, bodies, clock()),
            queue,
        }
    }

    async fn status(&self, event: &RawValue) -> i64 {
        self.ingress.serve(event).await.status_code
    }
}

pub(super) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Checks a property for this many cases.
pub(super) fn check<S: Strategy>(cases: u32, strategy: &S, property: impl Fn(S::Value)) {
    let outcome = TestRunner::new(many(cases)).run(strategy, |value| {
        property(value);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// Any JSON, deep and odd.
pub(super) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "\\+?[0-9 ()-]{0,16}".prop_map(Value::from),
        "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](Z|\\+10:00)?"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        let names = prop_oneof![any::<String>(), known_name()];
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(names, inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn known_name() -> impl Strategy<Value = String> {
    proptest::sample::select(
        &[
            "event",
            "timestamp",
            "data",
            "call_id",
            "agent_id",
            "from",
            "to",
            "text",
            "message_id",
            "phone_number",
            "email",
            "tags",
            "recording_url",
            "metrics",
            "call_duration",
            "price",
            "conversation_id",
            "campaign_id",
            "lead_id",
            "appointment_id",
            "custom_fields",
        ][..],
    )
    .prop_map(str::to_owned)
}

fn event_name() -> impl Strategy<Value = String> {
    let names: Vec<_> = switchhook::samples::of("ai-sync")
        .iter()
        .map(|s| s.name)
        .collect();
    proptest::sample::select(names).prop_map(str::to_owned)
}

/// What an authentic sender may say: bytes, JSON, known events with anything in their fields.
fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let text = |value: &Value| value.to_string().into_bytes();
    let about = (event_name(), any_json(), any_json(), any::<[bool; 2]>());
    prop_oneof![
        vec(any::<u8>(), 0..600),
        any::<String>().prop_map(String::into_bytes),
        any_json().prop_map(move |value| text(&value)),
        about.prop_map(|(name, data, timestamp, keep)| {
            let mut event = json!({"event": name, "data": data, "timestamp": timestamp});
            let [keep_data, keep_timestamp] = keep;
            let object = event.as_object_mut().unwrap();
            object.retain(|name, _| match name.as_str() {
                "data" => keep_data,
                "timestamp" => keep_timestamp,
                _ => true,
            });
            event.to_string().into_bytes()
        }),
        (0_usize..400, any::<u8>()).prop_map(|(place, byte)| {
            let mut event = call("ended", "call_1", 6).into_bytes();
            let place = place % event.len();
            event[place] = byte;
            event
        }),
    ]
}

fn any_headers() -> impl Strategy<Value = Vec<(String, String)>> {
    let types = proptest::sample::select(
        &[
            "application/json",
            "application/json; charset=utf-8",
            "text/plain",
            "",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "image/png",
        ][..],
    );
    let encodings =
        proptest::sample::select(&["identity", "gzip", "deflate", "br", "gzip, gzip", ""][..]);
    let types = types.prop_map(|value| ("content-type".to_owned(), value.to_owned()));
    let encodings = encodings.prop_map(|value| ("content-encoding".to_owned(), value.to_owned()));
    let others = ("x-[a-z][a-z0-9-]{0,12}", "[!-~]([ -~]{0,40}[!-~])?")
        .prop_filter("another signature", |(name, _)| name != SIGNATURE);
    (
        types,
        proptest::option::weighted(0.3, encodings),
        vec(others, 0..4),
    )
        .prop_map(|(content_type, encoding, others)| {
            std::iter::once(content_type)
                .chain(encoding)
                .chain(others)
                .collect()
        })
}

fn with_signature<'a>(
    headers: &'a [(String, String)],
    signature: &'a str,
) -> Vec<(&'a str, &'a str)> {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    headers.chain([(SIGNATURE, signature)]).collect()
}

async fn raw(test: &TestStack, record: &Record) -> Vec<u8> {
    match &record.raw {
        RawBody::Plain(bytes) => bytes.clone(),
        RawBody::Deflated(bytes) => body::inflate(bytes, MAX_BODY_BYTES).unwrap(),
        RawBody::Stored(pointer) => {
            let bodies = FileBodies::new(DataDir::new(test.folder.path().to_owned()).bodies());
            bodies.get(&pointer.key).await.unwrap().unwrap().to_vec()
        }
    }
}

#[test]
fn whatever_an_authentic_delivery_says_is_received_and_recorded_as_sent() {
    let runtime = runtime();
    let clock = TestClock::at("2026-03-04T05:00:00Z");
    let test = runtime.block_on(TestStack::with(SOURCES, clock));
    let slug = proptest::option::of(prop_oneof![
        Just("contact".to_owned()),
        Just("contact-delete".to_owned()),
        "[a-z0-9-]{1,12}",
    ]);
    let recorded = AtomicU32::new(0);
    check(
        128,
        &(any_body(), any_headers(), slug),
        |(body, headers, slug)| {
            runtime.block_on(async {
                test.clock.advance(40 * 24 * 60 * 60); // beyond every window
                let signature = sign(SECRET, &body);
                let path = slug.map_or_else(
                    || "/webhooks/voice".to_owned(),
                    |slug| format!("/webhooks/voice/{slug}"),
                );
                let headers = with_signature(&headers, &signature);
                let (status, answer) = test.post_to(&path, &headers, &body).await;
                assert_eq!(
                    (status, &answer["received"]),
                    (200, &true.into()),
                    "{answer}"
                );
                assert_eq!(answer["events"], 1);
                test.stack.drain().await.unwrap();
                assert!(test.stack.dead_letters().await.unwrap().is_empty());
                let id = answer["id"].as_str().unwrap();
                let counted = test.stack.ledger().deliveries().await.unwrap();
                let own = counted
                    .iter()
                    .filter(|(_, delivery)| delivery.to_string() == id);
                assert_eq!(own.count(), 1);
                let mut listed = test.listed().await;
                listed.retain(|event| event.received_at == test.clock.now());
                if listed.is_empty() {
                    return; // a copy of a happening with a name, told before
                }
                assert_eq!(listed.len(), 1);
                assert_eq!(listed[0].id.to_string(), format!("{id}.0"));
                recorded.fetch_add(1, Ordering::Relaxed);
                let keys: Vec<_> = listed.into_iter().map(|listed| listed.key).collect();
                let records = test.stack.ledger().records(&keys).await.unwrap();
                assert_eq!(raw(&test, &records[0]).await, body);
            });
        },
    );
    assert!(recorded.into_inner() > 64, "most are no copies");
}

/// Signatures that are none, or not of these bytes by one of the source's secrets.
fn wrong_signature() -> impl Strategy<Value = Option<WrongSignature>> {
    proptest::option::of(prop_oneof![
        any::<[u8; 32]>().prop_map(WrongSignature::OfNothing),
        "[!-~]{0,80}".prop_map(WrongSignature::Text),
        any::<String>().prop_map(WrongSignature::OfSecret),
        vec(any::<u8>(), 1..40).prop_map(WrongSignature::OfMore),
        (0_usize..64).prop_map(WrongSignature::OneDigitOff),
        (1_usize..72).prop_map(WrongSignature::CutTo),
        Just(WrongSignature::Twice),
    ])
}

#[derive(Clone, Debug)]
enum WrongSignature {
    OfNothing([u8; 32]),
    Text(String),
    OfSecret(String),
    OfMore(Vec<u8>),
    OneDigitOff(usize),
    CutTo(usize),
    Twice,
}

impl WrongSignature {
    fn written(&self, body: &[u8]) -> String {
        let right = sign(SECRET, body);
        let digits = right.trim_start_matches("sha256=");
        match self {
            Self::OfNothing(tag) => hex::encode(tag),
            Self::Text(text) => text.clone(),
            Self::OfSecret(secret) => sign(secret, body),
            Self::OfMore(more) => sign(SECRET, &[body, more].concat()),
            Self::OneDigitOff(place) => {
                let other = if digits.as_bytes()[*place] == b'0' {
                    "1"
                } else {
                    "0"
                };
                let mut digits = digits.to_owned();
                digits.replace_range(*place..=*place, other);
                digits
            }
            Self::CutTo(length) => right.get(..*length).unwrap_or("").to_owned(),
            Self::Twice => format!("{right},{right}"),
        }
    }
}

#[test]
fn nothing_with_a_wrong_signature_reaches_the_queue() {
    let runtime = runtime();
    let door = Door::new();
    let paths = vec![
        "/webhooks/voice".to_owned(),
        "/webhooks/voice/contact".to_owned(),
        "/webhooks/near".to_owned(),
        "/webhooks/both".to_owned(),
        format!("/webhooks/both/{TOKEN}"),
        "/webhooks/open".to_owned(),
        format!("/webhooks/open/{TOKEN}x"),
        "/webhooks/nobody".to_owned(),
    ];
    let path = proptest::sample::select(paths);
    let strategy = (path, any_body(), any_headers(), wrong_signature());
    let refused = AtomicU32::new(0);
    check(256, &strategy, |(path, body, headers, signature)| {
        let signature = signature.map(|signature| signature.written(&body));
        if signature
            .as_deref()
            .is_some_and(|s| s.eq_ignore_ascii_case(&sign(SECRET, &body)))
        {
            return;
        }
        let headers = match &signature {
            Some(signature) => with_signature(&headers, signature),
            None => headers
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect(),
        };
        let status = runtime.block_on(door.status(&event("POST", &path, &headers, &body)));
        let expected: &[i64] = match path.as_str() {
            "/webhooks/near" => &[401, 413],
            "/webhooks/voice" | "/webhooks/voice/contact" => &[401],
            path if path == format!("/webhooks/both/{TOKEN}") => &[401],
            _ => &[404],
        };
        assert!(expected.contains(&status), "{path}: {status}");
        assert!(door.queue.sent().is_empty());
        refused.fetch_add(1, Ordering::Relaxed);
    });
    assert!(refused.into_inner() > 200);
}

#[tokio::test]
async fn any_bit_of_body_or_signature_that_changes_on_the_way_is_refused() {
    let door = Door::new();
    let body = call("ended", "call_1", 6).into_bytes();
    let right = sign(SECRET, &body);
    let tag = hex::decode(right.trim_start_matches("sha256=")).unwrap();
    let flipped = |bytes: &[u8], bit: usize| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    };
    for bit in 0..body.len() * 8 {
        let event = event(
            "POST",
            "/webhooks/voice",
            &[(SIGNATURE, &right)],
            &flipped(&body, bit),
        );
        assert_eq!(door.status(&event).await, 401, "bit {bit} of the body");
    }
    for bit in 0..tag.len() * 8 {
        let signature = hex::encode(flipped(&tag, bit));
        let event = event("POST", "/webhooks/voice", &[(SIGNATURE, &signature)], &body);
        assert_eq!(door.status(&event).await, 401, "bit {bit} of the signature");
    }
    assert!(door.queue.sent().is_empty());
    let event = event("POST", "/webhooks/voice", &[(SIGNATURE, &right)], &body);
    assert_eq!(door.status(&event).await, 200, "as it was signed");
}
