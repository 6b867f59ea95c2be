//! Metrics: what the functions count, as lines of CloudWatch's embedded metric format.
//!
//! A count is an event of `tracing` with a target of its own, so nothing has to be handed in where
//! something is counted, and on the laptop nobody listens. Inside Lambda [`Metrics`] listens, adds up,
//! and writes the sums as JSON lines when an invocation is over: one line a request, and one a batch for
//! each source and kind of event in it.
//!
//! A dimension is a word of the configuration or of this program, never one of a sender's, and so there
//! are only so many of them.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use switchhook_core::time::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Switchhook";

/// The target of counts.
pub const TARGET: &str = "switchhook::metrics";

/// The source of a delivery whose URL names none.
pub const NO_SOURCE: &str = "none";

/// The dimension sets of each metric; `Stack` is in all of them.
pub const METRICS: &[(&str, &[&[&str]])] = &[
    (COLD_STARTS, &[&["Stack", "Function"]]),
    (DEAD_LETTERS, &[&["Stack", "Reason"]]),
    (
        DELIVERIES,
        &[&["Stack", "Source", "Status"], &["Stack", "Status"]],
    ),
    (DUPLICATES, &[&["Stack", "Source"]]),
    (EVENTS, &[&["Stack", "Source", "Kind"]]),
    (HANDLER_ERRORS, &[&["Stack", "Reason"]]),
    (IMPLAUSIBLE_TIMES, &[&["Stack", "Source"]]),
    (SLUG_REPLAYS, &[&["Stack", "Source"]]),
    (UNPLACED_OPT_OUTS, &[&["Stack", "Source"]]),
    (VARIANTS, &[&["Stack", "Source"]]),
];

/// Execution environments that served their first invocation, by function.
pub const COLD_STARTS: &str = "ColdStarts";
/// Events sent to the dead-letter queue, by reason.
pub const DEAD_LETTERS: &str = "DeadLetters";
/// HTTP requests to `/webhooks/…`, by source and status of the answer, and by status alone.
pub const DELIVERIES: &str = "Deliveries";
/// Events that were recorded before, by source.
pub const DUPLICATES: &str = "Duplicates";
/// Events recorded, by source and kind.
pub const EVENTS: &str = "Events";
/// Runs of an event that failed and are tried again, by reason.
pub const HANDLER_ERRORS: &str = "HandlerErrors";
/// Events recorded with an own time that is not believed, by source.
pub const IMPLAUSIBLE_TIMES: &str = "ImplausibleTimes";
/// Events recorded whose body was recorded under another slug too, by source.
pub const SLUG_REPLAYS: &str = "SlugReplays";
/// Opt-outs on the list without a number or address that anybody can ask for, by source.
pub const UNPLACED_OPT_OUTS: &str = "UnplacedOptOuts";
/// Duplicates whose bytes differ from those recorded, by source.
pub const VARIANTS: &str = "Variants";

macro_rules! count {
    ($metric:expr $(, $dimension:ident = $value:expr)*) => {
        tracing::info!(target: TARGET, metric = $metric $(, $dimension = $value)*)
    };
}

/// Counts a request and its answer.
pub fn delivery(source: Option<&str>, status: u16) {
    count!(
        DELIVERIES,
        Source = source.unwrap_or(NO_SOURCE),
        Status = status
    );
}

/// Counts an event that is recorded.
pub fn event(source: &str, kind: &'static str) {
    count!(EVENTS, Source = source, Kind = kind);
}

/// Counts an event that was recorded before.
pub fn duplicate(source: &str, kind: &'static str) {
    count!(DUPLICATES, Source = source, Kind = kind);
}

/// Counts a duplicate whose bytes differ from those recorded.
pub fn variant(source: &str, kind: &'static str) {
    count!(VARIANTS, Source = source, Kind = kind);
}

/// Counts an event with an own time that is not believed.
pub fn implausible_time(source: &str, kind: &'static str) {
    count!(IMPLAUSIBLE_TIMES, Source = source, Kind = kind);
}

/// Counts an event whose body was recorded under another slug too.
pub fn slug_replay(source: &str, kind: &'static str) {
    count!(SLUG_REPLAYS, Source = source, Kind = kind);
}

/// Counts an opt-out that nobody can ask for.
pub fn unplaced_opt_out(source: &str, kind: &'static str) {
    count!(UNPLACED_OPT_OUTS, Source = source, Kind = kind);
}

/// Counts an event that became a dead letter.
pub fn dead_letter(reason: &'static str) {
    count!(DEAD_LETTERS, Reason = reason);
}

/// Counts a run that failed and is tried again.
pub fn handler_error(reason: &'static str) {
    count!(HANDLER_ERRORS, Reason = reason);
}

/// What is the same on every line.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The stack's name.
    pub stack: String,
    /// The function: `ingress` or `consumer`.
    pub function: &'static str,
}

/// The values of a line's dimensions by their names.
type Dimensions = BTreeMap<&'static str, String>;

/// Adds up counts until they are written.
#[derive(Clone, Debug)]
pub struct Metrics {
    origin: Origin,
    sums: Arc<Mutex<Sums>>,
}

#[derive(Debug)]
struct Sums {
    lines: BTreeMap<Dimensions, BTreeMap<String, u64>>,
    is_cold: bool,
}

impl Metrics {
    /// Makes metrics of a function that has served nothing yet.
    #[must_use]
    pub fn new(origin: Origin) -> Self {
        let sums = Sums {
            lines: BTreeMap::new(),
            is_cold: true,
        };
        Self {
            origin,
            sums: Arc::new(Mutex::new(sums)),
        }
    }

    /// Writes what was counted since the last time. Called when an invocation is over.
    ///
    /// Where nobody reads the lines, the function works on.
    pub fn flush(&self, now: Timestamp, to: &mut impl Write) {
        let mut text = Vec::new();
        for (dimensions, counts) in self.take() {
            // There is nothing in a line that memory would not take.
            let _ = serde_json::to_writer(&mut text, &self.line(&dimensions, &counts, now));
            text.push(b'\n');
        }
        let _ = to.write_all(&text).and_then(|()| to.flush());
    }

    fn take(&self) -> BTreeMap<Dimensions, BTreeMap<String, u64>> {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = std::mem::take(&mut sums.lines);
        if std::mem::replace(&mut sums.is_cold, false) {
            let mut first = lines.first_entry();
            let counts = match &mut first {
                Some(line) => line.get_mut(),
                None => lines.entry(Dimensions::new()).or_default(),
            };
            counts.insert(COLD_STARTS.to_owned(), 1);
        }
        lines
    }

    fn line<'a>(
        &'a self,
        dimensions: &'a Dimensions,
        counts: &'a BTreeMap<String, u64>,
        now: Timestamp,
    ) -> Line<'a> {
        Line {
            level: "INFO",
            message: "metrics",
            stack: &self.origin.stack,
            function: self.origin.function,
            dimensions,
            counts,
            embedded: Embedded {
                timestamp: now.as_millisecond(),
                cloud_watch_metrics: counts.keys().map(|name| directive(name)).collect(),
            },
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    level: &'static str,
    message: &'static str,
    #[serde(rename = "Stack")]
    stack: &'a str,
    #[serde(rename = "Function")]
    function: &'static str,
    #[serde(flatten)]
    dimensions: &'a Dimensions,
    #[serde(flatten)]
    counts: &'a BTreeMap<String, u64>,
    #[serde(rename = "_aws")]
    embedded: Embedded<'a>,
}

/// What tells CloudWatch which fields of the line are metrics.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Embedded<'a> {
    timestamp: i64,
    cloud_watch_metrics: Vec<Directive<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'static str,
    dimensions: &'static [&'static [&'static str]],
    metrics: [Definition<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition<'a> {
    name: &'a str,
    unit: &'static str,
}

fn directive(name: &str) -> Directive<'_> {
    let known = METRICS.iter().find(|(metric, _)| *metric == name);
    Directive {
        namespace: NAMESPACE,
        dimensions: known.map_or(&[], |(_, sets)| *sets),
        metrics: [Definition {
            name,
            unit: "Count",
        }],
    }
}

impl<S: Subscriber> Layer<S> for Metrics {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != TARGET {
            return;
        }
        let mut count = Count::default();
        event.record(&mut count);
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = sums.lines.entry(count.dimensions).or_default();
        let sum = sum.entry(count.metric).or_default();
        *sum = sum.saturating_add(1);
    }
}

#[derive(Default)]
struct Count {
    metric: String,
    dimensions: Dimensions,
}

impl Count {
    fn put(&mut self, field: &Field, value: String) {
        if field.name() == "metric" {
            self.metric = value;
        } else {
            self.dimensions.insert(field.name(), value);
        }
    }
}

impl Visit for Count {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.to_string());
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// Returns the lines of two invocations of which the first one counts.
    fn lines(counts: impl FnOnce()) -> (Vec<Value>, String) {
        let metrics = Metrics::new(Origin {
            stack: "hooks".to_owned(),
            function: "ingress",
        });
        let subscriber = tracing_subscriber::registry().with(metrics.clone());
        tracing::subscriber::with_default(subscriber, counts);
        let now = Timestamp::from_millisecond(1_700_000_000_123).unwrap();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        metrics.flush(now, &mut first);
        metrics.flush(now, &mut second);
        let first = String::from_utf8(first).unwrap();
        let first = first.lines().map(|l| serde_json::from_str(l).unwrap());
        (first.collect(), String::from_utf8(second).unwrap())
    }

    #[test]
    fn a_request_is_one_line() {
        let (lines, after) = lines(|| delivery(Some("voice"), 200));
        let directive = |dimensions: Value, name: &str| {
            json!({
                "Namespace": "Switchhook", "Dimensions": dimensions,
                "Metrics": [{"Name": name, "Unit": "Count"}],
            })
        };
        let cold = directive(json!([["Stack", "Function"]]), "ColdStarts");
        let sets = json!([["Stack", "Source", "Status"], ["Stack", "Status"]]);
        assert_eq!(
            lines,
            [json!({
                "_aws": {
                    "Timestamp": 1_700_000_000_123_i64,
                    "CloudWatchMetrics": [cold, directive(sets, "Deliveries")],
                },
                "level": "INFO", "message": "metrics", "Stack": "hooks", "Function": "ingress",
                "Source": "voice", "Status": "200", "Deliveries": 1, "ColdStarts": 1,
            })]
        );
        assert_eq!(after, "", "what was told is not told again");
    }

    #[test]
    fn a_batch_is_a_line_for_each_source_and_kind_and_for_each_reason() {
        let (lines, _) = lines(|| {
            for _ in 0..3 {
                event("voice", "call.ended");
            }
            duplicate("voice", "call.ended");
            event("voice", "unreadable");
            event("texts", "call.ended");
            dead_letter("envelope");
            handler_error("passing");
        });
        let told = |name: &str| -> Vec<u64> {
            let values = lines.iter().filter_map(|line| line[name].as_u64());
            values.collect()
        };
        assert_eq!(lines.len(), 5);
        assert_eq!(
            told("Events"),
            [1, 3, 1],
            "by source and kind, in this order"
        );
        assert_eq!(told("Duplicates"), [1]);
        assert_eq!(told("DeadLetters"), [1]);
        assert_eq!(told("HandlerErrors"), [1]);
        assert_eq!(told("ColdStarts"), [1], "once");
    }

    #[test]
    fn every_dimension_of_a_line_is_on_it() {
        let (lines, _) = lines(|| {
            delivery(None, 404);
            event("voice", "call.ended");
            duplicate("voice", "call.ended");
            dead_letter("envelope");
            handler_error("panic");
        });
        for line in lines {
            for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
                let sets = directive["Dimensions"].as_array().unwrap();
                let names = sets.iter().flat_map(|set| set.as_array().unwrap());
                for name in names.chain([&directive["Metrics"][0]["Name"]]) {
                    assert!(!line[name.as_str().unwrap()].is_null(), "{name}: {line}");
                }
                assert!(!sets.is_empty(), "{line}");
            }
        }
    }

    #[test]
    fn an_invocation_that_counts_nothing_tells_a_cold_start_only() {
        let (lines, after) = lines(|| tracing::info!("another line"));
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["ColdStarts"], 1);
        assert_eq!(after, "");
    }
}
