//! Logs and metrics of the functions: one JSON object a line, ids and codes only.
//!
//! An invocation is one line. What happened to a request, or to each event of a batch, is an event of
//! `tracing` with its own target ([`REQUEST`], [`EVENT`]), and so are counts. They are collected, and
//! written together when the invocation is over: CloudWatch charges for bytes, and the ids that every line
//! has are most of them. All other lines are written at once: errors of ours, and what a process that is
//! about to end says last.
//!
//! Every line has a `timestamp`. Without one, Lambda takes a line for one of level `INFO`, whatever its own
//! `level` says, and a filter for higher levels would drop it with its metrics.

use std::io::{Write, stdout};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use switchhook_core::time::Clock;
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::clock::SystemClock;
use crate::metrics::{self, Counts};

mod line;

use line::{Line, Record};

/// The target of what happened to a request: its fields are those of the invocation's line.
pub const REQUEST: &str = "switchhook::request";

/// The target of what happened to an event of a batch: its fields are an element of the line's `events`.
pub const EVENT: &str = "switchhook::event";

/// The crates and targets whose lines are written from `INFO` on; everybody else's from `WARN` on.
const OWN: [&str; 3] = ["consumer", "ingress", "switchhook"];

/// The message of a line that has nothing but metrics.
const METRICS: &str = "metrics";

/// The field that names the HTTP request of a delivery.
const REQUEST_ID: &str = "request_id";

/// The telemetry of a function that runs.
#[derive(Clone)]
pub struct Telemetry {
    stack: Arc<str>,
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Telemetry").finish_non_exhaustive()
    }
}

struct State {
    out: Box<dyn Write + Send>,
    /// The invocation that runs, or ran last: Lambda's runtime may write a line after it.
    ids: Ids,
    is_cold: bool,
    level: Level,
    request: Option<Record>,
    events: Vec<Record>,
    counts: Counts,
}

/// The names that an invocation has with Lambda and X-Ray.
#[derive(Clone, Default)]
struct Ids {
    lambda: Option<String>,
    trace: Option<String>,
}

/// Writes log lines and adds up metrics from now on. Called once, at the start of `main`.
#[must_use]
pub fn init(stack: &str) -> Telemetry {
    let telemetry = Telemetry::new(stack, Arc::new(SystemClock), stdout());
    telemetry.subscriber().init();
    hide_panic_texts();
    telemetry
}

impl Telemetry {
    /// Creates the telemetry of a function that has served nothing yet.
    #[must_use]
    pub fn new(stack: &str, clock: Arc<dyn Clock>, out: impl Write + Send + 'static) -> Self {
        let state = State {
            out: Box::new(out),
            ids: Ids::default(),
            is_cold: true,
            level: Level::INFO,
            request: None,
            events: Vec::new(),
            counts: Counts::default(),
        };
        Self {
            stack: stack.into(),
            clock,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Returns what listens inside Lambda.
    #[must_use]
    pub fn subscriber(&self) -> impl Subscriber + Send + Sync + use<> {
        let heard = Targets::new()
            .with_default(Level::WARN)
            .with_targets(OWN.map(|target| (target, Level::INFO)));
        tracing_subscriber::registry().with(self.clone().with_filter(heard))
    }

    /// Begins an invocation, given Lambda's request id and the trace header. Its line is written when the
    /// guard is dropped, in a panic too.
    #[must_use]
    pub fn invocation(&self, lambda_id: &str, trace_header: Option<&str>) -> Invocation<'_> {
        self.lock().ids = Ids {
            lambda: Some(lambda_id.to_owned()),
            trace: trace_header.and_then(trace_id).map(str::to_owned),
        };
        Invocation(self)
    }

    /// Writes the line of the invocation, and further ones where metrics need other values of a dimension.
    ///
    /// Where nobody reads the lines, the function works on.
    fn finish(&self) {
        let now = self.clock.now();
        let mut state = self.lock();
        let is_cold = std::mem::replace(&mut state.is_cold, false);
        let level = std::mem::replace(&mut state.level, Level::INFO);
        let (request, events) = (state.request.take(), std::mem::take(&mut state.events));
        let sums = state.counts.take();
        if request.is_none() && events.is_empty() && sums.is_empty() && !is_cold {
            return;
        }
        let mut record = request.unwrap_or_default();
        if record.message.is_empty() {
            let message = if events.is_empty() { METRICS } else { "batch" };
            message.clone_into(&mut record.message);
        }
        let further = Record::new(METRICS);
        let ids = state.ids.clone();
        let line = Line {
            now,
            level,
            record: &record,
            ids: &ids,
            events: &events,
            is_cold,
            sums: sums.first(),
            stack: &self.stack,
        };
        state.write(&line);
        for sums in sums.iter().skip(1) {
            state.write(&Line {
                level: Level::INFO,
                record: &further,
                events: &[],
                is_cold: false,
                sums: Some(sums),
                ..line
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write(&mut self, line: &Line<'_>) {
        let mut text = Vec::new();
        // There is nothing in a line that memory would not take.
        let _ = serde_json::to_writer(&mut text, line);
        text.push(b'\n');
        let _ = self.out.write_all(&text).and_then(|()| self.out.flush());
    }
}

/// An invocation that is not over.
#[derive(Debug)]
pub struct Invocation<'a>(&'a Telemetry);

impl Drop for Invocation<'_> {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// Returns the trace id of a trace header, such as `Root=1-…;Parent=…;Sampled=0`.
fn trace_id(header: &str) -> Option<&str> {
    let mut parts = header.split(';');
    parts.find_map(|part| part.trim().strip_prefix("Root="))
}

/// Logs where a panic happened and not its text, which may hold what a sender wrote.
pub fn hide_panic_texts() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::error!(location, "panicked");
    }));
}

impl<S> Layer<S> for Telemetry
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut record = Record::default();
        attributes.record(&mut record);
        let request_id = record
            .fields
            .into_iter()
            .find(|(name, _)| *name == REQUEST_ID);
        if let (Some(span), Some((_, id))) = (context.span(id), request_id) {
            span.extensions_mut().insert(RequestId(id));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        if metadata.target() == metrics::TARGET {
            self.lock().counts.add(event);
            return;
        }
        let mut record = Record::default();
        let mut spans = context.event_scope(event).into_iter().flatten();
        let id = spans.find_map(|span| span.extensions().get::<RequestId>().cloned());
        record
            .fields
            .extend(id.map(|RequestId(id)| (REQUEST_ID, id)));
        event.record(&mut record);
        let now = self.clock.now();
        let mut state = self.lock();
        match metadata.target() {
            REQUEST => state.request = Some(record),
            EVENT => state.events.push(record),
            target => {
                record.fields.push(("target", target.into()));
                let ids = state.ids.clone();
                state.write(&Line {
                    now,
                    level: *metadata.level(),
                    record: &record,
                    ids: &ids,
                    events: &[],
                    is_cold: false,
                    sums: None,
                    stack: &self.stack,
                });
                return;
            }
        }
        // `Level`s are ordered by how much they let through: the least is the gravest.
        state.level = state.level.min(*metadata.level());
    }
}

/// The id of the HTTP request that a span is about.
#[derive(Clone)]
struct RequestId(Value);

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;
    use switchhook_core::time::Timestamp;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::from_millisecond(1_700_000_000_123).unwrap()
        }
    }

    impl Log {
        fn take(&self) -> Vec<Value> {
            let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
            let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
            lines.collect()
        }
    }

    const TRACE: &str =
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";

    /// Returns the lines of an invocation, and of one that does nothing after it.
    pub(crate) fn lines_of(work: impl FnOnce()) -> [Vec<Value>; 2] {
        let log = Log::default();
        let telemetry = Telemetry::new("hooks", Arc::new(Fixed), log.clone());
        tracing::subscriber::with_default(telemetry.subscriber(), || {
            let invocation = telemetry.invocation("one", None);
            work();
            drop(invocation);
            let first = log.take();
            drop(telemetry.invocation("two", None));
            [first, log.take()]
        })
    }

    #[test]
    fn request_is_one_line_with_its_metrics() {
        let log = Log::default();
        let telemetry = Telemetry::new("hooks", Arc::new(Fixed), log.clone());
        tracing::subscriber::with_default(telemetry.subscriber(), || {
            let invocation = telemetry.invocation("lambda-id", Some(TRACE));
            let span = tracing::info_span!("request", request_id = "gateway-id");
            span.in_scope(|| {
                let none: Option<&str> = None;
                tracing::warn!(target: REQUEST, source = "voice", status = 401, error = %"no", reason = none, "refused");
                metrics::delivery(Some("voice"), 401);
            });
            assert_eq!(log.take(), [Value::Null; 0], "nothing before its end");
            drop(invocation);
        });
        let [line] = log.take().try_into().unwrap();
        let expected = json!({
            "timestamp": "2023-11-14T22:13:20.123Z", "level": "WARN", "message": "refused",
            "requestId": "lambda-id", "xray_trace_id": "1-5759e988-bd862e3fe1be46a994272793",
            "request_id": "gateway-id", "source": "voice", "status": 401, "error": "no",
            "cold_start": true, "Stack": "hooks", "Source": "voice", "Status": "401",
            "Deliveries": 1, "_aws": line["_aws"],
        });
        assert_eq!(line, expected);
        assert_eq!(line["_aws"]["Timestamp"], 1_700_000_000_123_i64);
    }

    #[test]
    fn batch_is_one_line_of_all_events_at_the_gravest_level() {
        let [lines, after] = lines_of(|| {
            for (id, request_id) in [("a", Some("r1")), ("b", None)] {
                let span = tracing::info_span!("event", request_id);
                span.in_scope(
                    || tracing::info!(target: EVENT, event_id = id, outcome = "recorded", "event recorded"),
                );
            }
            tracing::error!(target: EVENT, event_id = "c", kind = "", outcome = "retried", "event failed");
            tracing::info!(target: EVENT, event_id = "d", outcome = "known", "event known already");
        });
        assert_eq!(lines.len(), 1);
        assert_eq!(
            (&lines[0]["message"], &lines[0]["level"]),
            (&json!("batch"), &json!("ERROR"))
        );
        let expected = json!([
            {"request_id": "r1", "event_id": "a", "outcome": "recorded"},
            {"event_id": "b", "outcome": "recorded"},
            {"event_id": "c", "outcome": "retried"},
            {"event_id": "d", "outcome": "known"},
        ]);
        assert_eq!(lines[0]["events"], expected);
        assert_eq!(after, [Value::Null; 0], "what happened is written once");
    }

    #[test]
    fn other_lines_are_written_at_once_and_have_the_ids_too() {
        let [lines, _] = lines_of(|| {
            let span = tracing::info_span!("request", request_id = "gateway-id");
            span.in_scope(|| tracing::error!(number = -1, flag = true, "trouble"));
            tracing::info!(target: "somebody_else", "chatter");
            tracing::warn!(target: "somebody_else", "trouble of others");
            metrics::event("voice", switchhook_core::kind::Kind::CallEnded);
        });
        let messages: Vec<_> = lines.iter().map(|line| &line["message"]).collect();
        assert_eq!(messages, ["trouble", "trouble of others", "metrics"]);
        for line in &lines {
            assert_eq!(line["requestId"], "one");
            assert_eq!(line["timestamp"], "2023-11-14T22:13:20.123Z");
        }
        assert_eq!(lines[0]["request_id"], "gateway-id");
        assert_eq!(
            (&lines[0]["number"], &lines[0]["flag"]),
            (&json!(-1), &json!(true))
        );
        assert_eq!(lines[1]["target"], "somebody_else");
        assert!(lines[0].get("_aws").is_none() && lines[2].get("_aws").is_some());
    }

    #[test]
    fn line_of_an_invocation_that_panics_is_written() {
        let [lines, _] = lines_of(|| {});
        assert_eq!(lines[0]["cold_start"], true, "nothing but a cold start");
        let log = Log::default();
        let telemetry = Telemetry::new("hooks", Arc::new(Fixed), log.clone());
        tracing::subscriber::with_default(telemetry.subscriber(), || {
            let panicking = std::panic::AssertUnwindSafe(|| {
                let _invocation = telemetry.invocation("one", None);
                metrics::dead_letter("envelope");
                std::panic::resume_unwind(Box::new("a test"));
            });
            assert!(std::panic::catch_unwind(panicking).is_err());
        });
        assert_eq!(log.take()[0]["DeadLetters"], 1);
    }

    #[test]
    fn trace_id_is_the_root_of_the_header() {
        let id = "1-5759e988-bd862e3fe1be46a994272793";
        assert_eq!(trace_id(TRACE), Some(id));
        assert_eq!(trace_id(&format!("Self=1-a; Root={id}")), Some(id));
        assert_eq!(trace_id("Parent=53995c3f42cd8ad8"), None);
    }
}
