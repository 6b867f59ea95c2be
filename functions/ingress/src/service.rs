//! One request: let in, made durable, answered, within two seconds whatever hangs.

use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, TryStreamExt, stream};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use serde_json::value::RawValue;
use switchhook_core::admission::{self, Refusal};
use switchhook_core::config::Sources;
use switchhook_core::ids::DeliveryId;
use switchhook_core::intake::{self, Ready};
use switchhook_core::ports::{BodyStore, EventQueue, PortError};
use switchhook_core::request::Request;
use switchhook_core::time::{Clock, Timestamp};
use tracing::Instrument;
use uuid::{NoContext, Uuid};

use crate::answer::Answer;
use crate::event::{self, Call};
use crate::report::{self, Failed};
use crate::sources::SourceCache;

/// When an answer leaves at the latest, counted from the event's arrival. Nectar Desk retries for
/// about seven seconds in all, and a cold start comes before.
const PATIENCE: Duration = Duration::from_millis(1_800);

/// How many large bodies of one delivery are stored side by side.
const MAX_PUTS: usize = 16;

const HEALTH: &str = "/healthz";

const NO_ANSWER: &str = "no answer in time";

/// The most bytes that the body may have, where it decides; else the answer.
pub type HeadAnswer = Result<usize, ApiGatewayV2httpResponse>;

/// Serves requests.
pub struct Ingress {
    sources: SourceCache,
    queue: Arc<dyn EventQueue>,
    bodies: Arc<dyn BodyStore>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Ingress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingress").finish_non_exhaustive()
    }
}

/// A request's id, and until when its answer may be computed.
#[derive(Clone, Copy)]
struct Arrival<'a> {
    request_id: &'a str,
    deadline: Timestamp,
}

impl Ingress {
    /// Makes an ingress of its parts.
    #[must_use]
    pub fn new(
        sources: SourceCache,
        queue: Arc<dyn EventQueue>,
        bodies: Arc<dyn BodyStore>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            sources,
            queue,
            bodies,
            clock,
        }
    }

    /// Reads the sources document before the first request asks for it: for a program that read it
    /// at its start anyway.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn warm(&self) -> Result<(), PortError> {
        self.sources.current().await.map(drop)
    }

    /// Answers one event of API Gateway. There is an answer to whatever it is.
    pub async fn serve(&self, event: &RawValue) -> ApiGatewayV2httpResponse {
        let Call {
            request,
            request_id,
        } = match event::parse(event) {
            Ok(call) => call,
            Err(error) => {
                let request_id = self.new_id().to_string();
                let span = tracing::info_span!("request", request_id);
                let answer = span.in_scope(|| unavailable("event not read", &error));
                return event::response(answer, &request_id);
            }
        };
        let request_id = request_id.unwrap_or_else(|| self.new_id().to_string());
        let span = tracing::info_span!("request", request_id);
        let answer = self.answer_in_time(&request, &request_id).instrument(span);
        event::response(answer.await, &request_id)
    }

    /// Answers a request by what it says before its body, of which there may be no more than
    /// `body_bytes`; `None` where the body decides. Then [`Self::serve`] may refuse it still.
    ///
    /// Lambda gets requests whole. This is for a server that would otherwise read a body to refuse it.
    pub async fn answer_head(
        &self,
        method: &str,
        path: &str,
        body_bytes: usize,
        request_id: &str,
    ) -> HeadAnswer {
        let span = tracing::info_span!("request", request_id);
        let judged = self.judge_head(method, path, body_bytes).instrument(span);
        let judged = tokio::time::timeout(PATIENCE, judged).await;
        let judged =
            judged.unwrap_or_else(|_| Err(report::unavailable(NO_ANSWER, Failed::default())));
        judged.map_err(|answer| event::response(answer, request_id))
    }

    async fn judge_head(
        &self,
        method: &str,
        path: &str,
        body_bytes: usize,
    ) -> Result<usize, Answer> {
        if let Some(answer) = health(method, path) {
            return Err(answer);
        }
        let judge = |sources: &Sources| {
            let source = admission::admit_head(sources, method, path, body_bytes)?;
            Ok(source.max_body)
        };
        let sources = self.current().await?;
        let refusal: Refusal = match judge(&sources) {
            Ok(max_body) => return Ok(max_body),
            Err(refusal) => refusal,
        };
        let newer = if refusal.depends_on_credentials() {
            self.sources.after_refusal().await
        } else {
            None
        };
        match newer.map_or(Err(refusal), |sources| judge(&sources)) {
            Ok(max_body) => Ok(max_body),
            Err(refusal) => Err(self.refused(&refusal)),
        }
    }

    async fn answer_in_time(&self, request: &Request, request_id: &str) -> Answer {
        let now = self.clock.now();
        let arrival = Arrival {
            request_id,
            deadline: now.checked_add(PATIENCE).unwrap_or(Timestamp::MAX),
        };
        let answer = AssertUnwindSafe(self.answer(request, arrival)).catch_unwind();
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_panic)) => report::unavailable("panicked", Failed::default()), // the panic hook says where
            Err(_) => report::unavailable(NO_ANSWER, Failed::default()),
        }
    }

    async fn answer(&self, request: &Request, arrival: Arrival<'_>) -> Answer {
        if let Some(answer) = health(&request.method, &request.path) {
            return answer;
        }
        let sources = match self.current().await {
            Ok(sources) => sources,
            Err(answer) => return answer,
        };
        let refusal = match self.deliver(&sources, request, arrival).await {
            Ok(answer) => return answer,
            Err(refusal) => refusal,
        };
        let refusal = match self.retried(refusal, request, arrival).await {
            Ok(answer) => return answer,
            Err(refusal) => refusal,
        };
        self.refused(&refusal)
    }

    async fn current(&self) -> Result<Arc<Sources>, Answer> {
        self.sources
            .current()
            .await
            .map_err(|error| unavailable("no sources document", &error))
    }

    fn refused(&self, refusal: &Refusal) -> Answer {
        if refusal.depends_on_credentials() && self.sources.is_in_doubt() {
            let failed = Failed {
                source: refusal.source_name(),
                error: Some(refusal),
                ..Failed::default()
            };
            return report::unavailable("no newer sources document to judge by", failed);
        }
        report::refused(refusal)
    }

    /// Tries once more where the credential may be newer than our document.
    async fn retried(
        &self,
        refusal: Refusal,
        request: &Request,
        arrival: Arrival<'_>,
    ) -> Result<Answer, Refusal> {
        if !refusal.depends_on_credentials() {
            return Err(refusal);
        }
        match self.sources.after_refusal().await {
            Some(sources) => self.deliver(&sources, request, arrival).await,
            None => Err(refusal),
        }
    }

    async fn deliver(
        &self,
        sources: &Sources,
        request: &Request,
        arrival: Arrival<'_>,
    ) -> Result<Answer, Refusal> {
        let received_at = self.clock.now();
        let admitted = admission::admit(sources, request, received_at)?;
        let id = delivery_id(received_at);
        // What computes cannot be interrupted: it asks between two steps, which the budget bounds.
        let has_time = || self.clock.now() < arrival.deadline;
        let failed = |message, error: &(dyn Error + 'static)| {
            let failed = Failed {
                source: Some(&admitted.source().name),
                delivery_id: Some(id),
                error: Some(error),
            };
            report::unavailable(message, failed)
        };
        let events = match intake::events_in_time(&admitted, id, received_at, &has_time) {
            Ok(events) => events,
            Err(error) => return Ok(failed(NO_ANSWER, &error)),
        };
        let events: Vec<_> = events
            .into_iter()
            .map(|event| event.of_request(Some(arrival.request_id)))
            .collect();
        Ok(match self.make_durable(&events).await {
            Ok(()) => report::accepted(&admitted, id, &events),
            Err(error) => failed("delivery not kept", &error),
        })
    }

    /// Large bodies first, then the messages that point to them.
    ///
    /// INVARIANT: a 2xx is sent only after this returned `Ok`.
    async fn make_durable(&self, events: &[Ready]) -> Result<(), PortError> {
        let oversized = events.iter().filter_map(Ready::oversized);
        stream::iter(oversized.map(Ok::<_, PortError>))
            .try_for_each_concurrent(MAX_PUTS, |(key, body)| self.bodies.put(key, body.clone()))
            .await?;
        self.queue.send(events).await
    }

    fn new_id(&self) -> DeliveryId {
        delivery_id(self.clock.now())
    }
}

fn health(method: &str, path: &str) -> Option<Answer> {
    if path != HEALTH {
        return None;
    }
    Some(match method {
        "GET" | "HEAD" => Answer::healthy(),
        _ => Answer::method_not_allowed("GET, HEAD"),
    })
}

fn delivery_id(at: Timestamp) -> DeliveryId {
    let seconds = u64::try_from(at.as_second()).unwrap_or_default();
    let nanos = u32::try_from(at.subsec_nanosecond()).unwrap_or_default();
    DeliveryId::new(Uuid::new_v7(uuid::Timestamp::from_unix(
        NoContext, seconds, nanos,
    )))
}

/// The answer where nothing is known of a delivery but what failed.
fn unavailable(message: &'static str, error: &(dyn Error + 'static)) -> Answer {
    let error = Some(error);
    report::unavailable(
        message,
        Failed {
            error,
            ..Failed::default()
        },
    )
}
