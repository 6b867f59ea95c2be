//! Whatever a body holds, it takes a bounded amount of memory to receive and to handle it, and work
//! that grows with its length and no faster.
//!
//! The table of peaks: `cargo test --package laws --test memory -- --nocapture`. Memory is counted by
//! the allocator of this binary; a buffer that grows counts as two while it is copied.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a failed step should fail the test on the spot"
)]

mod bombs;
mod ports;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bombs::{ALL, Bomb, MIB};
use consumer::batch::Consumer;
use consumer::commit::Committer;
use consumer::routes::routes;
use ingress::service::Ingress;
use ingress::sources::SourceCache;
use nix::time::{ClockId, clock_gettime};
use peak_alloc::PeakAlloc;
use ports::{Document, Memory, Sent, noon};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use ring::hmac;
use serde_json::json;
use serde_json::value::RawValue;
use switchhook_core::config::Sources;
use switchhook_core::time::Timestamp;
use switchhook_testing::doubles::{RecordingDeadLetters, RecordingDelays};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The tests of this binary count in one allocator: one after the other.
static TURN: Mutex<()> = Mutex::new(());

/// The peak of the ingress beside what grows with the body.
const INGRESS_BYTES: usize = 64 * MIB;
/// The peak of the consumer beside what grows with the bodies of the batch.
const CONSUMER_BYTES: usize = 96 * MIB;
/// How often a body may be in memory.
const TIMES: usize = 4;
/// The most events of a batch.
const BATCH: usize = 10;

const TOKEN: &str = "a-token-of-22-characters-and-more";
const HASH_SECRET: &str = "a-secret-of-sixteen-bytes-and-more";

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn sources() -> Sources {
    let open = |name: &str, provider: &str| {
        format!(
            "[sources.{name}]\nprovider = \"{provider}\"\ntokens = [\"{TOKEN}\"]\nunsigned = true\nmax_body = \"10MiB\"\n"
        )
    };
    let document = [
        open("any", "standard-webhooks"),
        open("desk", "nectar-desk").replace("unsigned = true\n", ""),
        open("texts", "cellcast"),
        open("voice", "ai-sync"),
        open("sms", "cloudcontactai").replace(
            "unsigned = true\n",
            &format!("client_id = \"1231\"\nsecrets = [\"{HASH_SECRET}\"]\n"),
        ),
    ];
    Sources::from_toml(&document.concat()).unwrap()
}

/// The whole program in memory.
struct Rig {
    memory: Arc<Memory>,
    ingress: Ingress,
    consumer: Consumer,
    letters: Arc<RecordingDeadLetters>,
    runtime: tokio::runtime::Runtime,
}

impl Rig {
    fn new() -> Self {
        let memory = Arc::new(Memory::default());
        let port = || Arc::<Memory>::clone(&memory);
        let cache = SourceCache::new(Arc::new(Document(sources())), noon());
        let ingress = Ingress::new(cache, port(), port(), noon());
        let committer = Committer::new(port(), port(), noon(), routes());
        let letters = Arc::new(RecordingDeadLetters::default());
        let delays = Arc::new(RecordingDelays::default());
        let dead: Arc<RecordingDeadLetters> = Arc::clone(&letters);
        let consumer = Consumer::new(committer, delays, dead, noon());
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        Self {
            memory,
            ingress,
            consumer,
            letters,
            runtime,
        }
    }

    /// Receives a body; returns the status, and the peak of memory with API Gateway's event in it.
    fn receive(&self, request: &Request<'_>) -> (i64, usize, Duration) {
        self.memory.bodies.lock().unwrap().clear();
        self.memory.sent.lock().unwrap().clear();
        let before = ALLOCATOR.current_usage();
        let event = request.event();
        ALLOCATOR.reset_peak_usage();
        let begun = cpu_time();
        let answer = self.runtime.block_on(self.ingress.serve(&event));
        let took = cpu_time() - begun;
        (answer.status_code, ALLOCATOR.peak_usage() - before, took)
    }

    /// Handles a batch of so many events of groups of their own; returns the peak of memory with the batch
    /// in it, and the bytes of the events.
    fn handle(&self, events: usize) -> (usize, usize, Duration) {
        let sent: Vec<Sent> = self.memory.sent.lock().unwrap().clone();
        let sent: Vec<_> = sent.iter().cycle().take(events).collect();
        self.memory.records.lock().unwrap().clear();
        let bytes = sent.iter().map(|sent| sent.bytes).sum();
        let before = ALLOCATOR.current_usage();
        let mut batch = SqsEvent::default();
        batch.records = sent.into_iter().enumerate().map(message).collect();
        ALLOCATOR.reset_peak_usage();
        let begun = cpu_time();
        let handled = self.consumer.handle(batch, Timestamp::MAX);
        let response = self.runtime.block_on(handled).unwrap();
        let took = cpu_time() - begun;
        let peak = ALLOCATOR.peak_usage() - before;
        assert!(response.batch_item_failures.is_empty());
        assert!(self.letters.letters().is_empty());
        assert_eq!(self.memory.records.lock().unwrap().len(), events);
        (peak, bytes, took)
    }
}

fn message((index, sent): (usize, &Sent)) -> SqsMessage {
    let mut message = SqsMessage::default();
    message.message_id = Some(format!("message-{index}"));
    message.receipt_handle = Some(format!("handle-{index}"));
    message.body = Some(sent.body.clone());
    message.attributes = [
        ("SequenceNumber", format!("{}", index + 1)),
        ("MessageGroupId", format!("group-{index}")),
        ("ApproximateReceiveCount", "1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    message
}

/// A request to one of the sources.
struct Request<'a> {
    /// The source's name, with a slug behind it where there is one.
    source: &'a str,
    content_type: &'a str,
    encoding: &'a str,
    body: &'a [u8],
}

impl Request<'_> {
    /// Returns API Gateway's event, written at once so that nothing else is counted.
    fn event(&self) -> Box<RawValue> {
        let (name, slug) = self.source.split_once('/').unwrap_or((self.source, ""));
        let key = hmac::Key::new(hmac::HMAC_SHA256, HASH_SECRET.as_bytes());
        let signature = STANDARD.encode(hmac::sign(&key, b"1231:hash-0001"));
        let head = json!({
            "version": "2.0",
            "rawPath": format!("/webhooks/{name}/{TOKEN}/{slug}"),
            "headers": {
                "content-type": self.content_type,
                "content-encoding": self.encoding,
                "x-ccai-signature": signature,
            },
            "requestContext": {"http": {"method": "POST"}, "requestId": "r"},
            "isBase64Encoded": true,
        })
        .to_string();
        let mut event = String::with_capacity(head.len() + self.body.len() / 3 * 4 + 64);
        event.push_str(head.strip_suffix('}').unwrap());
        event.push_str(",\"body\":\"");
        STANDARD.encode_string(self.body, &mut event);
        event.push_str("\"}");
        RawValue::from_string(event).unwrap()
    }
}

fn request<'a>(bomb: &Bomb, source: &'a str, body: &'a [u8]) -> Request<'a> {
    Request {
        source,
        content_type: bomb.content_type,
        encoding: if bomb.encoding == "x-gzi" {
            "gzip"
        } else {
            bomb.encoding
        },
        body,
    }
}

/// Returns what this thread has computed: what else the machine does makes no difference.
fn cpu_time() -> Duration {
    let clock = ClockId::CLOCK_THREAD_CPUTIME_ID;
    clock_gettime(clock).unwrap().into()
}

fn mib(bytes: usize) -> String {
    format!("{:.1}", bytes as f64 / MIB as f64)
}

#[test]
fn memory_of_every_bomb_is_bounded() {
    let _turn = turn();
    let rig = Rig::new();
    rig.receive(&request(&ALL[0], "any", b"{}")); // the document is read
    println!(
        "| bomb | source | body, bytes | ingress, MiB | ms | bodies of the batch, bytes | consumer, MiB | ms | first event |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut broken = Vec::new();
    for bomb in ALL {
        let body = bomb.body(bomb.size);
        for source in bomb.sources {
            let (status, ingress, took) = rig.receive(&request(bomb, source, &body));
            let is_taken = status == 200;
            let (consumer, bytes, handled) = if is_taken {
                rig.handle(BATCH)
            } else {
                (0, 0, Duration::ZERO)
            };
            let first: String = match rig.memory.records.lock().unwrap().first() {
                Some(record) if is_taken => record.chars().take(70).collect(),
                _ => status.to_string(),
            };
            println!(
                "| {} | {source} | {} | {} | {} | {bytes} | {} | {} | {first} |",
                bomb.name,
                body.len(),
                mib(ingress),
                took.as_millis(),
                mib(consumer),
                handled.as_millis(),
            );
            if ingress > INGRESS_BYTES + TIMES * body.len()
                || consumer > CONSUMER_BYTES + TIMES * bytes
                || !is_taken
            {
                broken.push((bomb.name, *source, status));
            }
        }
    }
    assert_eq!(broken, [], "beyond the budget, or not taken");
}

/// Any kind of hostile body of moderate size, as any content type, in any encoding, to any source.
#[test]
fn memory_of_generated_bodies_is_bounded() {
    let _turn = turn();
    let rig = Rig::new();
    const SOURCES: &[&str] = &["any", "desk/call-ended", "sms", "texts", "voice"];
    const ENCODINGS: &[&str] = &["", "gzip", "gzip,gzip", "deflate", "x-gzi"];
    let bodies = (
        prop::sample::select(ALL),
        prop::sample::select(ALL),
        0..300_000_usize,
        prop::sample::select(ENCODINGS),
        prop::sample::select(SOURCES),
        any::<prop::sample::Index>(),
    );
    let config = Config {
        failure_persistence: None,
        cases: 24,
        ..Config::default()
    };
    let outcome =
        TestRunner::new(config).run(&bodies, |(one, other, size, encoding, source, at)| {
            let mut body = (one.grow)(size);
            // The beginning of one and the end of another.
            body.truncate(at.index(body.len() + 1));
            body.extend_from_slice(&(other.grow)(size / 2)[at.index(size / 2 + 1)..]);
            let bomb = Bomb { encoding, ..one };
            let body = bomb.sent(body);
            let (status, ingress, _) = rig.receive(&request(&bomb, source, &body));
            prop_assert!(
                ingress <= INGRESS_BYTES + TIMES * body.len(),
                "{}",
                mib(ingress)
            );
            if status == 200 {
                let (consumer, bytes, _) = rig.handle(BATCH);
                prop_assert!(
                    consumer <= CONSUMER_BYTES + TIMES * bytes,
                    "{}",
                    mib(consumer)
                );
            }
            Ok(())
        });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// A body four times as long takes about four times the time to compute: sixteen times would be the
/// square. The shortest of several runs counts, and no time is absolute.
#[test]
fn work_grows_with_the_body_and_no_faster() {
    const SIZE: usize = 48 << 10;
    const ROUNDS: usize = 20;
    const NOISE: Duration = Duration::from_millis(2);
    let _turn = turn();
    let rig = Rig::new();
    for bomb in ALL {
        let source = bomb.sources.last().unwrap();
        let bodies = [bomb.body(SIZE), bomb.body(4 * SIZE)];
        let mut shortest = [Duration::MAX; 2];
        for _ in 0..ROUNDS {
            for (body, shortest) in bodies.iter().zip(&mut shortest) {
                let (status, _, received) = rig.receive(&request(bomb, source, body));
                assert_eq!(status, 200, "{}", bomb.name);
                let (_, _, handled) = rig.handle(1);
                *shortest = (*shortest).min(received + handled);
            }
            if shortest[1] <= shortest[0] * 8 + NOISE {
                break;
            }
        }
        let is_linear = shortest[1] <= shortest[0] * 8 + NOISE;
        assert!(is_linear, "{}: {shortest:?}", bomb.name);
    }
}
