//! Plays the Lambda Runtime API (version 2018-06-01) to one function process, and times it.
//!
//! The processor time of the process is read in the moment its answer has arrived, while it waits to
//! be told that.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use switchhook_aws::clock::SystemClock;
use switchhook_core::time::Clock;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::http_server::{response, serve};
use crate::process::ProcessClock;

const PREFIX: &str = "/2018-06-01/runtime/";
/// The functions' time-out, as the template has it, and some patience for a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a function made of an event.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Its answer.
    pub answer: Bytes,
    /// From the event's leaving to the answer's arrival.
    pub wall: Duration,
    /// When the answer had arrived.
    pub at: Instant,
    /// The processor time that the process had taken by then.
    pub cpu: Duration,
}

struct Event {
    body: Bytes,
    told: oneshot::Sender<Result<Invocation>>,
}

#[derive(Default)]
struct Current {
    /// The event that is out, and since when.
    out: Option<(oneshot::Sender<Result<Invocation>>, Instant)>,
    process: Option<ProcessClock>,
}

/// The API, for one process at a time.
#[derive(Debug)]
pub struct RuntimeApi {
    /// Where it listens.
    pub address: SocketAddr,
    events: mpsc::UnboundedSender<Event>,
    current: Arc<Mutex<Current>>,
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Current").finish_non_exhaustive()
    }
}

impl RuntimeApi {
    /// Listens on a port of loopback.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn start() -> Result<Self> {
        let (events, next) = mpsc::unbounded_channel();
        let next = Arc::new(tokio::sync::Mutex::new(next));
        let current = Arc::new(Mutex::new(Current::default()));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let told = Arc::clone(&current);
        serve(listener, None, move |request| {
            let (next, told) = (Arc::clone(&next), Arc::clone(&told));
            async move { answer(&next, &told, request).await }
        });
        Ok(Self {
            address,
            events,
            current,
        })
    }

    /// Says which process asks.
    pub fn attend(&self, process: ProcessClock) {
        lock(&self.current).process = Some(process);
    }

    /// Hands out an event and waits for what comes of it.
    ///
    /// # Errors
    ///
    /// When the function fails, or does not answer in time.
    pub async fn invoke(&self, body: Bytes) -> Result<Invocation> {
        let (told, outcome) = oneshot::channel();
        self.events
            .send(Event { body, told })
            .ok()
            .context("the Runtime API has ended")?;
        tokio::time::timeout(TIMEOUT, outcome)
            .await
            .context("no answer in time")??
    }
}

fn lock(current: &Mutex<Current>) -> std::sync::MutexGuard<'_, Current> {
    current.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(
    next: &tokio::sync::Mutex<mpsc::UnboundedReceiver<Event>>,
    current: &Mutex<Current>,
    request: Request<Bytes>,
) -> Response<Full<Bytes>> {
    let path = request.uri().path().strip_prefix(PREFIX);
    match (
        request.method(),
        path.and_then(|path| path.rsplit('/').next()),
    ) {
        (&Method::GET, Some("next")) => match next.lock().await.recv().await {
            Some(event) => {
                lock(current).out = Some((event.told, Instant::now()));
                handed_out(event.body)
            }
            None => response(410, "the benchmark is over"),
        },
        (&Method::POST, Some("response")) => tell(current, Ok(request.into_body())),
        (&Method::POST, Some("error")) => tell(current, Err(request.into_body())),
        _ => response(404, "no such path"),
    }
}

fn tell(current: &Mutex<Current>, outcome: Result<Bytes, Bytes>) -> Response<Full<Bytes>> {
    let mut current = lock(current);
    let (Some((told, since)), Some(process)) = (current.out.take(), &current.process) else {
        return response(400, "no such invocation");
    };
    let told_now = || -> Result<Invocation> {
        let (cpu, at) = (process.used()?, Instant::now());
        let answer = match outcome {
            Ok(answer) => answer,
            Err(error) => bail!(
                "the function failed: {}",
                String::from_utf8_lossy(&error)
                    .chars()
                    .take(2_000)
                    .collect::<String>()
            ),
        };
        Ok(Invocation {
            answer,
            wall: at.duration_since(since),
            at,
            cpu,
        })
    };
    let _ = told.send(told_now()); // whoever asked may have given up
    response(202, r#"{"status":"OK"}"#)
}

fn handed_out(body: Bytes) -> Response<Full<Bytes>> {
    let timeout = i64::try_from(TIMEOUT.as_millis()).unwrap_or(i64::MAX);
    let deadline = SystemClock.now().as_millisecond().saturating_add(timeout);
    let mut response = response(200, body);
    let trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";
    let arn = "arn:aws:lambda:eu-central-1:123456789012:function:switchhook";
    let headers = [
        ("content-type", "application/json".to_owned()),
        (
            "lambda-runtime-aws-request-id",
            uuid::Uuid::now_v7().to_string(),
        ),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", arn.to_owned()),
        ("lambda-runtime-trace-id", trace.to_owned()),
    ];
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
