//! Plays the Lambda Runtime API (version 2018-06-01) to one function at a time.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use serde_json::Value;
use switchhook_aws::clock::SystemClock;
use switchhook_core::time::Clock;
use tokio::sync::{mpsc, oneshot};

use super::http::{answer, serve};
use crate::programs::lock;

const PREFIX: &str = "/2018-06-01/runtime/";
/// The functions' time-out, as the template has it.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The trace id of every invocation.
pub(super) const TRACE_ID: &str = "1-5759e988-bd862e3fe1be46a994272793";

/// What a function made of an invocation.
#[derive(Debug)]
pub(super) enum Outcome {
    Response(Value),
    Error(Value),
}

impl Outcome {
    pub(super) fn response(self) -> Value {
        match self {
            Self::Response(response) => response,
            Self::Error(error) => panic!("the function failed: {error}"),
        }
    }
}

struct Invocation {
    id: String,
    event: Bytes,
}

type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<Outcome>>>>;

/// The API, ready for a function.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    pub(super) address: SocketAddr,
    invocations: mpsc::UnboundedSender<Invocation>,
    waiting: Waiting,
}

impl RuntimeApi {
    pub(super) async fn start() -> Self {
        let (invocations, next) = mpsc::unbounded_channel();
        let (next, waiting) = (Arc::new(tokio::sync::Mutex::new(next)), Waiting::default());
        let told = Arc::clone(&waiting);
        let address = serve(move |request: Request<Bytes>| {
            let (next, told) = (Arc::clone(&next), Arc::clone(&told));
            async move {
                let path = request
                    .uri()
                    .path()
                    .strip_prefix(PREFIX)
                    .unwrap_or_default()
                    .to_owned();
                let parts: Vec<_> = path.split('/').collect();
                match (request.method(), parts.as_slice()) {
                    (&Method::GET, ["invocation", "next"]) => {
                        match next.lock().await.recv().await {
                            Some(invocation) => handed_out(invocation),
                            None => answer(410, "the test is over"),
                        }
                    }
                    (&Method::POST, ["invocation", id, "response"]) => {
                        tell(&told, id, Outcome::Response(json(request.body())))
                    }
                    (&Method::POST, ["invocation", id, "error"]) => {
                        tell(&told, id, Outcome::Error(json(request.body())))
                    }
                    _ => answer(404, path),
                }
            }
        });
        Self {
            address: address.await,
            invocations,
            waiting,
        }
    }

    /// Hands out an event and waits for what comes of it, as long as Lambda would.
    pub(super) async fn invoke(&self, event: impl Into<Bytes>) -> Outcome {
        let (id, (tell, told)) = (uuid::Uuid::now_v7().to_string(), oneshot::channel());
        lock(&self.waiting).insert(id.clone(), tell);
        assert!(
            self.invocations
                .send(Invocation {
                    id,
                    event: event.into()
                })
                .is_ok()
        );
        let outcome = tokio::time::timeout(TIMEOUT, told).await;
        outcome
            .expect("an outcome within the function's time-out")
            .unwrap()
    }
}

fn handed_out(invocation: Invocation) -> Response<Full<Bytes>> {
    let timeout = i64::try_from(TIMEOUT.as_millis()).unwrap();
    let deadline = SystemClock.now().as_millisecond() + timeout;
    Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", invocation.id)
        .header("lambda-runtime-deadline-ms", deadline)
        .header(
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:switchhook",
        )
        .header(
            "lambda-runtime-trace-id",
            format!("Root={TRACE_ID};Parent=53995c3f42cd8ad8;Sampled=0"),
        )
        .body(Full::new(invocation.event))
        .unwrap()
}

fn tell(waiting: &Waiting, id: &str, outcome: Outcome) -> Response<Full<Bytes>> {
    match lock(waiting).remove(id) {
        Some(told) => {
            let _ = told.send(outcome); // whoever asked may have given up
            answer(202, r#"{"status":"OK"}"#)
        }
        None => answer(400, "no such invocation"),
    }
}

fn json(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap()
}
