//! Invariant 1 at the queue's own interface: what SQS refuses in part, and answers that are lost on
//! the way, by the real adapter over the laptop's queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sqs::error::BoxError;
use switchhook_aws::sqs::SqsQueue;
use switchhook_core::admission::admit;
use switchhook_core::config::Sources;
use switchhook_core::ids::DeliveryId;
use switchhook_core::intake::{self, Ready};
use switchhook_core::ports::EventQueue;
use switchhook_core::request::Request;
use switchhook_core::time::Timestamp;
use tests::{SECRET, SOURCES, TestStack, sign};
use uuid::Uuid;

use super::rig;

/// What SQS says instead of what it said.
#[derive(Clone, Copy, Debug)]
enum Said {
    /// Its front end failed after the queue had taken the messages.
    InternalError,
    /// Of a batch, the entry `1` was refused.
    SecondRefused,
}

/// Changes the first answers of the queue; the work itself is done.
#[derive(Debug)]
struct Meddler {
    said: Said,
    times: u32,
    seen: Arc<AtomicU32>,
}

impl Intercept for Meddler {
    fn name(&self) -> &'static str {
        "meddler"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.seen.fetch_add(1, Ordering::SeqCst) >= self.times {
            return Ok(());
        }
        let response = context.response_mut();
        match self.said {
            Said::InternalError => *response.status_mut() = 500.try_into()?,
            Said::SecondRefused => {
                *response.body_mut() = SECOND_REFUSED.into();
            }
        }
        Ok(())
    }
}

const SECOND_REFUSED: &str =
    r#"{"Successful":[],"Failed":[{"Id":"1","Code":"InternalError","SenderFault":false}]}"#;

async fn meddled(test: &TestStack, said: Said, times: u32) -> (SqsQueue, Arc<AtomicU32>) {
    let client = rig::client(test);
    let seen = Arc::new(AtomicU32::new(0));
    let meddler = Meddler {
        said,
        times,
        seen: Arc::clone(&seen),
    };
    let config = client.config().to_builder().interceptor(meddler).build();
    let url = rig::queue_url(&client).await;
    (SqsQueue::new(Client::from_conf(config), url), seen)
}

fn ready(id: &str) -> Ready {
    let body = rig::call("ended", id, 6);
    let signature = (
        "x-webhook-signature".to_owned(),
        sign(SECRET, body.as_bytes()),
    );
    let request = Request {
        method: "POST".to_owned(),
        path: "/webhooks/voice".to_owned(),
        headers: std::iter::once(signature).collect(),
        body: body.into(),
        peer: None,
    };
    let sources = Sources::from_toml(SOURCES).unwrap();
    let admitted = admit(&sources, &request, Timestamp::UNIX_EPOCH).unwrap();
    let mut events = intake::events(
        &admitted,
        DeliveryId::new(Uuid::now_v7()),
        Timestamp::UNIX_EPOCH,
    );
    events.remove(0)
}

async fn messages(test: &TestStack) -> usize {
    let client = rig::client(test);
    let url = rig::queue_url(&client).await;
    let receive = client
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(10);
    receive
        .send()
        .await
        .unwrap()
        .messages
        .unwrap_or_default()
        .len()
}

#[tokio::test]
async fn a_send_that_the_sdk_repeats_makes_one_message() {
    let test = TestStack::open().await;
    let (queue, seen) = meddled(&test, Said::InternalError, 1).await;
    queue.send(&[ready("call_1")]).await.unwrap();
    assert_eq!((seen.load(Ordering::SeqCst), messages(&test).await), (2, 1));
}

#[tokio::test]
async fn a_send_that_is_never_confirmed_is_an_error() {
    let test = TestStack::open().await;
    let (queue, _) = meddled(&test, Said::InternalError, u32::MAX).await;
    assert!(queue.send(&[ready("call_1")]).await.is_err());
    assert!(
        queue
            .send(&[ready("call_2"), ready("call_3")])
            .await
            .is_err()
    );
}

#[tokio::test]
async fn what_a_batch_refuses_in_part_is_sent_once_more() {
    let test = TestStack::open().await;
    let (queue, seen) = meddled(&test, Said::SecondRefused, 1).await;
    queue
        .send(&[ready("call_1"), ready("call_2"), ready("call_3")])
        .await
        .unwrap();
    assert_eq!((seen.load(Ordering::SeqCst), messages(&test).await), (2, 3));
}

#[tokio::test]
async fn a_batch_that_stays_refused_in_part_is_not_received() {
    let test = TestStack::open().await;
    let (queue, _) = meddled(&test, Said::SecondRefused, u32::MAX).await;
    let events = [ready("call_1"), ready("call_2"), ready("call_3")];
    assert!(queue.send(&events).await.is_err());
}
