//! Invariants 1 and 2: a 2xx means durable, and what is our fault is a 503 within two seconds.
//!
//! Time is the runtime's own here, which stands still until everybody waits.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use ingress::service::Ingress;
use ingress::sources::SourceCache;
use lambda_http::Body;
use switchhook_core::time::Clock;
use tests::{SECRET, SOURCES, TestClock, TestStack, event, sign};

use super::rig::{self, noise};
use crate::doubles::{BodiesDouble, Fault, Journal, QueueDouble, SourcesDouble};

const ENDED: &str =
    r#"{"event":"call.ended","timestamp":"2026-02-03T04:05:06.007Z","data":{"call_id":"call_1"}}"#;
/// When an answer must have left.
const LIMIT: Duration = Duration::from_secs(2);

/// An ingress whose ports can be broken.
struct Desk {
    ingress: Ingress,
    queue: Arc<QueueDouble>,
    bodies: Arc<BodiesDouble>,
    sources: Arc<SourcesDouble>,
    clock: Arc<TestClock>,
    journal: Journal,
}

struct Answer {
    status: i64,
    headers: HeaderMap,
    body: String,
    took: Duration,
}

impl Desk {
    fn new(queue: QueueDouble) -> Self {
        let journal = Journal::default();
        let queue = Arc::new(QueueDouble {
            journal: Arc::clone(&journal),
            ..queue
        });
        let bodies = Arc::new(BodiesDouble {
            journal: Arc::clone(&journal),
            ..Default::default()
        });
        let sources = Arc::new(SourcesDouble {
            document: SOURCES.to_owned(),
            ..Default::default()
        });
        let clock = TestClock::at("2026-03-04T05:06:07.089Z");
        let clock_port = || -> Arc<dyn Clock> { Arc::<TestClock>::clone(&clock) };
        let store = Arc::<SourcesDouble>::clone(&sources);
        let cache = SourceCache::new(store, clock_port());
        let (to_queue, to_bodies) = (Arc::clone(&queue), Arc::clone(&bodies));
        let ingress = Ingress::new(cache, to_queue, to_bodies, clock_port());
        Self {
            ingress,
            queue,
            bodies,
            sources,
            clock,
            journal,
        }
    }

    async fn deliver(&self, body: &[u8]) -> Answer {
        self.deliver_signed(body, &sign(SECRET, body)).await
    }

    async fn deliver_signed(&self, body: &[u8], signature: &str) -> Answer {
        let event = event(
            "POST",
            "/webhooks/voice",
            &[("x-webhook-signature", signature)],
            body,
        );
        let start = tokio::time::Instant::now();
        let response = self.ingress.serve(&event).await;
        let took = start.elapsed();
        let Some(Body::Text(body)) = response.body else {
            panic!("no answer")
        };
        Answer {
            status: response.status_code,
            headers: response.headers,
            body,
            took,
        }
    }

    fn journal(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.journal.lock().unwrap())
    }
}

impl Answer {
    /// Fails unless the sender is asked to try again, in time, and is told nothing else.
    #[track_caller]
    fn assert_unavailable(&self, what: &str) {
        assert_eq!(self.status, 503, "{what}");
        assert_eq!(self.body, r#"{"error":"unavailable"}"#, "{what}");
        let retry_after: u32 = self.headers["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1..=7).contains(&retry_after), "{what}: {retry_after}");
        assert_eq!(self.headers["x-request-id"], "request-1", "{what}");
        assert!(self.took <= LIMIT, "{what}: {:?}", self.took);
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_does_not_take_the_events_is_a_503_within_two_seconds() {
    for fault in [Fault::Refuse, Fault::LoseAnswer, Fault::Hang, Fault::Panic] {
        let desk = Desk::new(QueueDouble::default());
        desk.queue.fault.set(Some(fault));
        desk.deliver(ENDED.as_bytes())
            .await
            .assert_unavailable(&format!("{fault:?}"));
        desk.queue.fault.set(None);
        assert_eq!(
            desk.deliver(ENDED.as_bytes()).await.status,
            200,
            "{fault:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_stored_is_a_503_and_its_message_is_never_sent() {
    for fault in [Fault::Refuse, Fault::LoseAnswer, Fault::Hang] {
        let desk = Desk::new(QueueDouble::default());
        desk.bodies.fault.set(Some(fault));
        desk.deliver(&noise())
            .await
            .assert_unavailable(&format!("{fault:?}"));
        assert_eq!(desk.journal(), ["put"], "{fault:?}");
        assert!(desk.queue.sent().is_empty(), "{fault:?}");
        assert_eq!(
            desk.deliver(ENDED.as_bytes()).await.status,
            200,
            "small ones need no store"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_body_is_stored_whole_before_its_message_is_sent() {
    use switchhook_core::ports::BodyStore;
    let desk = Desk::new(QueueDouble::default());
    let answer = desk.deliver(&noise()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(desk.journal(), ["put", "send"]);
    let sent = desk.queue.sent();
    let (key, _) = sent[0].oversized().unwrap();
    let stored = desk.bodies.get(key).await.unwrap().unwrap();
    assert_eq!(stored, Bytes::from(noise()));
}

#[tokio::test(start_paused = true)]
async fn without_a_sources_document_everything_is_a_503() {
    for fault in [Fault::Refuse, Fault::Hang] {
        let desk = Desk::new(QueueDouble::default());
        desk.sources.fault.set(Some(fault));
        desk.deliver(ENDED.as_bytes())
            .await
            .assert_unavailable(&format!("{fault:?}"));
        let forged = desk.deliver_signed(ENDED.as_bytes(), "00").await;
        forged.assert_unavailable("who is calling cannot be told");
        assert!(desk.queue.sent().is_empty(), "{fault:?}");
        desk.sources.fault.set(None);
        assert_eq!(
            desk.deliver(ENDED.as_bytes()).await.status,
            200,
            "{fault:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_sources_document_that_cannot_be_read_again_stays() {
    for fault in [Fault::Refuse, Fault::Hang] {
        let desk = Desk::new(QueueDouble::default());
        assert_eq!(desk.deliver(ENDED.as_bytes()).await.status, 200);
        desk.sources.fault.set(Some(fault));
        for _ in 0..3 {
            desk.clock.advance(6 * 60);
            let answer = desk.deliver(ENDED.as_bytes()).await;
            assert_eq!(answer.status, 200, "{fault:?}");
            assert!(answer.took <= LIMIT, "{fault:?}: {:?}", answer.took);
            desk.clock.advance(2 * 60);
            // By keys that were exchanged meanwhile, for all that can be told.
            let forged = desk.deliver_signed(ENDED.as_bytes(), &"0".repeat(64)).await;
            forged.assert_unavailable(&format!("{fault:?}"));
        }
        desk.sources.fault.set(None);
        desk.clock.advance(2 * 60);
        let forged = desk.deliver_signed(ENDED.as_bytes(), &"0".repeat(64)).await;
        assert_eq!(forged.status, 401, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_leaves_in_time_when_everything_hangs_one_after_the_other() {
    let desk = Desk::new(QueueDouble::default());
    assert_eq!(desk.deliver(ENDED.as_bytes()).await.status, 200);
    desk.clock.advance(6 * 60);
    desk.sources.fault.set(Some(Fault::Hang));
    desk.queue.fault.set(Some(Fault::Hang));
    desk.deliver(ENDED.as_bytes())
        .await
        .assert_unavailable("sources and queue");
    desk.bodies.fault.set(Some(Fault::Hang));
    desk.clock.advance(6 * 60);
    desk.deliver(&noise())
        .await
        .assert_unavailable("sources and bodies");
}

/// The sender is told 503 although the events are queued; what it sends again is a copy.
#[tokio::test]
async fn a_delivery_whose_queue_answer_was_lost_counts_once_when_it_comes_again() {
    let test = TestStack::open().await;
    let client = rig::client(&test);
    let url = rig::queue_url(&client).await;
    let real = Some(switchhook_aws::sqs::SqsQueue::new(client, url));
    let desk = Desk::new(QueueDouble {
        real,
        ..QueueDouble::default()
    });
    desk.queue.fault.set(Some(Fault::LoseAnswer));
    desk.deliver(ENDED.as_bytes())
        .await
        .assert_unavailable("lost");
    desk.queue.fault.set(None);
    assert_eq!(desk.deliver(ENDED.as_bytes()).await.status, 200);
    test.stack.drain().await.unwrap();
    let call = switchhook_core::entity::Entity::from_name("voice/call/call_1".to_owned());
    let records = test.stack.ledger().events_of(&call).await.unwrap();
    assert_eq!((records.len(), records[0].deliveries.len()), (1, 2));
}
