//! Metrics: what the functions count, in CloudWatch's embedded metric format.
//!
//! A count is an event of `tracing` with a target of its own, so nothing has to be handed in where
//! something is counted, and on the laptop nobody listens. Inside Lambda [`crate::telemetry`] listens and
//! adds the sums to the log line of the invocation.
//!
//! A custom metric is a name with the values of its dimensions, and each costs money in every hour in
//! which it has a value. So what happens all the time is counted by few dimensions: accepted deliveries by
//! source, recorded events by nothing. A dimension is a word of the configuration or of this program,
//! never one of a sender's, and so there are only so many of them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::SerializeMap;
use switchhook_core::kind::Kind;
use switchhook_core::time::Timestamp;
use tracing::Event;
use tracing::field::{Field, Visit};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Switchhook";

/// The target of counts.
pub const TARGET: &str = "switchhook::metrics";

/// The names of the dimensions of a metric.
type DimensionSet = &'static [&'static str];

/// By source, and over all sources.
const BY_SOURCE_AND_ALL: &[DimensionSet] = &[&["Stack", "Source"], &["Stack"]];

/// The dimension sets of each metric; `Stack` is in all of them. `Deliveries` has not always both of its
/// sets: accepted deliveries have the first one, those of no known source the second one.
pub const METRICS: &[(&str, &[DimensionSet])] = &[
    (DEAD_LETTERS, &[&["Stack", "Reason"], &["Stack"]]),
    (
        DELIVERIES,
        &[&["Stack", "Source", "Status"], &["Stack", "Status"]],
    ),
    (DUPLICATES, &[&["Stack", "Source"]]),
    (EVENTS, &[&["Stack"]]),
    (HANDLER_ERRORS, &[&["Stack", "Reason"]]),
    (IMPLAUSIBLE_TIMES, BY_SOURCE_AND_ALL),
    (SLUG_REPLAYS, &[&["Stack", "Source"]]),
    (SOURCES_NOT_REFRESHED, &[&["Stack"]]),
    (UNPLACED_OPT_OUTS, BY_SOURCE_AND_ALL),
    (UNREADABLE, BY_SOURCE_AND_ALL),
    (UNRECOGNISED, BY_SOURCE_AND_ALL),
    (VARIANTS, &[&["Stack", "Source"]]),
];

/// Events sent to the dead-letter queue, by reason and over all reasons.
pub const DEAD_LETTERS: &str = "DeadLetters";
/// HTTP requests to `/webhooks/…`: accepted ones by source and status; others by status alone, and by source
/// and status where the URL names a source.
pub const DELIVERIES: &str = "Deliveries";
/// Events that were recorded before, by source.
pub const DUPLICATES: &str = "Duplicates";
/// Events recorded.
pub const EVENTS: &str = "Events";
/// Runs of an event that failed and are tried again, by reason.
pub const HANDLER_ERRORS: &str = "HandlerErrors";
/// Events recorded with an own time that is not believed, by source and over all.
pub const IMPLAUSIBLE_TIMES: &str = "ImplausibleTimes";
/// Events recorded whose body was recorded under another slug too, by source.
pub const SLUG_REPLAYS: &str = "SlugReplays";
/// Attempts to read the sources document that failed.
pub const SOURCES_NOT_REFRESHED: &str = "SourcesNotRefreshed";
/// Opt-outs on the list without a number or address that anybody can ask for, by source and over all.
pub const UNPLACED_OPT_OUTS: &str = "UnplacedOptOuts";
/// Events recorded whose bytes could not be read, by source and over all.
pub const UNREADABLE: &str = "Unreadable";
/// Events recorded of which no kind is known, by source and over all.
pub const UNRECOGNISED: &str = "Unrecognised";
/// Duplicates whose bytes differ from those recorded, by source.
pub const VARIANTS: &str = "Variants";

/// The status of an accepted delivery.
const ACCEPTED: u16 = 200;

macro_rules! count {
    ($metric:expr $(, $dimension:ident = $value:expr)*) => {
        tracing::info!(target: TARGET, metric = $metric $(, $dimension = $value)*)
    };
}

/// Counts a request and its answer.
pub fn delivery(source: Option<&str>, status: u16) {
    count!(DELIVERIES, Source = source, Status = status);
}

/// Counts an event that is recorded.
pub fn event(source: &str, kind: Kind) {
    count!(EVENTS);
    match kind {
        Kind::Unreadable => count!(UNREADABLE, Source = source),
        Kind::Unrecognised => count!(UNRECOGNISED, Source = source),
        _ => {}
    }
}

/// Counts an event that was recorded before.
pub fn duplicate(source: &str) {
    count!(DUPLICATES, Source = source);
}

/// Counts a duplicate whose bytes differ from those recorded.
pub fn variant(source: &str) {
    count!(VARIANTS, Source = source);
}

/// Counts an event with an own time that is not believed.
pub fn implausible_time(source: &str) {
    count!(IMPLAUSIBLE_TIMES, Source = source);
}

/// Counts an event whose body was recorded under another slug too.
pub fn slug_replay(source: &str) {
    count!(SLUG_REPLAYS, Source = source);
}

/// Counts an opt-out that nobody can ask for.
pub fn unplaced_opt_out(source: &str) {
    count!(UNPLACED_OPT_OUTS, Source = source);
}

/// Counts an event that became a dead letter.
pub fn dead_letter(reason: &'static str) {
    count!(DEAD_LETTERS, Reason = reason);
}

/// Counts a run that failed and is tried again.
pub fn handler_error(reason: &'static str) {
    count!(HANDLER_ERRORS, Reason = reason);
}

/// Counts an attempt to read the sources document that failed.
pub fn sources_not_refreshed() {
    count!(SOURCES_NOT_REFRESHED);
}

/// The values of dimensions by their names.
type Dimensions = BTreeMap<&'static str, String>;

/// The counts of one invocation.
#[derive(Debug, Default)]
pub(crate) struct Counts(BTreeMap<(Dimensions, &'static str), u64>);

impl Counts {
    /// Adds a count: an event of [`TARGET`].
    pub(crate) fn add(&mut self, event: &Event<'_>) {
        let mut count = Count::default();
        event.record(&mut count);
        if let Some(metric) = count.metric {
            let sum = self.0.entry((count.dimensions, metric)).or_default();
            *sum = sum.saturating_add(1);
        }
    }

    /// Takes the sums, as few lines of them as hold one value of each dimension.
    pub(crate) fn take(&mut self) -> Vec<Sums> {
        let mut lines: Vec<Sums> = Vec::new();
        for ((dimensions, name), sum) in std::mem::take(&mut self.0) {
            let metric = Metric {
                name,
                sum,
                sets: sets(name, &dimensions),
            };
            match lines.iter_mut().find(|line| line.has_room(&dimensions)) {
                Some(line) => line.add(dimensions, metric),
                None => {
                    let mut line = Sums::default();
                    line.add(dimensions, metric);
                    lines.push(line);
                }
            }
        }
        lines
    }
}

/// Returns the dimension sets by which a metric of these dimensions is counted.
fn sets(name: &str, dimensions: &Dimensions) -> Vec<DimensionSet> {
    let is_accepted = dimensions
        .get("Status")
        .is_some_and(|status| *status == ACCEPTED.to_string());
    let known = METRICS.iter().find(|(metric, _)| *metric == name);
    let sets = known.map_or(&[][..], |(_, sets)| *sets).iter().copied();
    let sets = sets.filter(|set| {
        let mut names = set.iter().filter(|name| **name != "Stack");
        let is_whole = names.all(|name| dimensions.contains_key(name));
        // Nobody asks how many deliveries were accepted in all but by way of the sources.
        is_whole && (!is_accepted || set.contains(&"Source"))
    });
    sets.collect()
}

#[derive(Debug)]
struct Metric {
    name: &'static str,
    sum: u64,
    sets: Vec<DimensionSet>,
}

/// Sums that can stand on one line: no two of them need different values of one dimension.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    dimensions: Dimensions,
    metrics: Vec<Metric>,
}

impl Sums {
    fn has_room(&self, dimensions: &Dimensions) -> bool {
        let other = |(name, value)| self.dimensions.get(name).is_some_and(|own| own != value);
        !dimensions.iter().any(other)
    }

    fn add(&mut self, dimensions: Dimensions, metric: Metric) {
        self.dimensions.extend(dimensions);
        self.metrics.push(metric);
    }

    /// Writes the sums, their dimensions, and what makes CloudWatch read them as metrics.
    pub(crate) fn write<M: SerializeMap>(
        &self,
        stack: &str,
        now: Timestamp,
        line: &mut M,
    ) -> Result<(), M::Error> {
        line.serialize_entry("Stack", stack)?;
        for (name, value) in &self.dimensions {
            line.serialize_entry(name, value)?;
        }
        for metric in &self.metrics {
            line.serialize_entry(metric.name, &metric.sum)?;
        }
        let embedded = Embedded {
            timestamp: now.as_millisecond(),
            cloud_watch_metrics: self.directives(),
        };
        line.serialize_entry("_aws", &embedded)
    }

    fn directives(&self) -> Vec<Directive<'_>> {
        let mut directives: Vec<Directive<'_>> = Vec::new();
        for metric in &self.metrics {
            let definition = Definition { name: metric.name };
            let mut same = directives.iter_mut();
            match same.find(|directive| directive.dimensions == metric.sets) {
                Some(directive) => directive.metrics.push(definition),
                None => directives.push(Directive {
                    namespace: NAMESPACE,
                    dimensions: &metric.sets,
                    metrics: vec![definition],
                }),
            }
        }
        directives
    }
}

/// What makes CloudWatch read fields of the line as metrics.
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
    dimensions: &'a [DimensionSet],
    metrics: Vec<Definition>,
}

/// A metric's name. Its unit is left out: it may be, and no alarm asks for one.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: &'static str,
}

#[derive(Default)]
struct Count {
    metric: Option<&'static str>,
    dimensions: Dimensions,
}

impl Visit for Count {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "metric" {
            let mut known = METRICS.iter();
            self.metric = known
                .find(|(name, _)| *name == value)
                .map(|(name, _)| *name);
        } else {
            self.dimensions.insert(field.name(), value.to_owned());
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.dimensions.insert(field.name(), value.to_string());
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::telemetry::tests::lines_of;

    /// Returns the lines of an invocation that counts.
    fn lines(counts: impl FnOnce()) -> Vec<Value> {
        let [mut lines, after] = lines_of(counts);
        assert_eq!(
            after,
            [Value::Null; 0],
            "what was counted is not counted again"
        );
        for line in &mut lines {
            for name in ["cold_start", "level", "message", "timestamp", "requestId"] {
                line.as_object_mut().unwrap().remove(name);
            }
        }
        lines
    }

    fn embedded(directives: &[(Value, &[&str])]) -> Value {
        let directive = |(dimensions, names): &(Value, &[&str])| {
            let metrics: Vec<_> = names.iter().map(|name| json!({"Name": name})).collect();
            json!({"Namespace": "Switchhook", "Dimensions": dimensions, "Metrics": metrics})
        };
        let directives: Vec<_> = directives.iter().map(directive).collect();
        json!({"Timestamp": 1_700_000_000_123_i64, "CloudWatchMetrics": directives})
    }

    #[test]
    fn accepted_delivery_is_counted_by_source_and_others_by_status_too() {
        let by_source = json!(["Stack", "Source", "Status"]);
        let by_status = json!(["Stack", "Status"]);
        for (source, status, sets) in [
            (Some("voice"), 200, json!([by_source])),
            (Some("voice"), 401, json!([by_source, by_status])),
            (None, 404, json!([by_status])),
        ] {
            let lines = lines(|| delivery(source, status));
            let mut expected = json!({
                "Stack": "hooks", "Status": status.to_string(), "Deliveries": 1,
                "_aws": embedded(&[(sets, &["Deliveries"])]),
            });
            if let Some(source) = source {
                expected["Source"] = source.into();
            }
            assert_eq!(lines, [expected]);
        }
    }

    #[test]
    fn counts_of_one_source_and_one_reason_are_one_line() {
        let lines = lines(|| {
            for _ in 0..3 {
                event("voice", Kind::CallEnded);
            }
            event("voice", Kind::Unreadable);
            duplicate("voice");
            variant("voice");
            dead_letter("envelope");
        });
        let source = json!([["Stack", "Source"]]);
        let both = json!([["Stack", "Source"], ["Stack"]]);
        let expected = json!({
            "Stack": "hooks", "Source": "voice", "Reason": "envelope",
            "Events": 4, "Unreadable": 1, "Duplicates": 1, "Variants": 1, "DeadLetters": 1,
            "_aws": embedded(&[
                (json!([["Stack"]]), &["Events"]),
                (json!([["Stack", "Reason"], ["Stack"]]), &["DeadLetters"]),
                (source, &["Duplicates", "Variants"]),
                (both, &["Unreadable"]),
            ]),
        });
        assert_eq!(lines, [expected]);
    }

    #[test]
    fn other_values_of_a_dimension_are_lines_of_their_own() {
        let lines = lines(|| {
            for source in ["texts", "voice"] {
                event(source, Kind::Unrecognised);
                duplicate(source);
            }
            handler_error("passing");
            dead_letter("passing");
            dead_letter("envelope");
            sources_not_refreshed();
        });
        let sums = |name: &str| -> Vec<_> {
            let values = lines.iter().map(|line| line[name].as_u64());
            values.map(Option::unwrap_or_default).collect()
        };
        assert_eq!(lines.len(), 2);
        assert_eq!(sums("Events"), [2, 0], "over all sources");
        assert_eq!(sums("SourcesNotRefreshed"), [1, 0]);
        for name in ["Duplicates", "Unrecognised", "DeadLetters"] {
            assert_eq!(sums(name), [1, 1], "{name}");
        }
        assert_eq!(sums("HandlerErrors"), [0, 1], "beside the same reason");
        assert_eq!(lines[0]["Source"], "texts");
        assert_eq!(lines[1]["Source"], "voice");
    }

    #[test]
    fn every_metric_and_every_dimension_is_on_its_line() {
        let lines = lines(|| {
            delivery(Some("voice"), 503);
            event("voice", Kind::Unreadable);
            event("voice", Kind::Unrecognised);
            duplicate("voice");
            variant("voice");
            implausible_time("voice");
            slug_replay("voice");
            unplaced_opt_out("voice");
            dead_letter("envelope");
            handler_error("panic");
            sources_not_refreshed();
        });
        let mut counted = Vec::new();
        for line in lines {
            for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
                let sets = directive["Dimensions"].as_array().unwrap();
                assert!(!sets.is_empty(), "{line}");
                for metric in directive["Metrics"].as_array().unwrap() {
                    let name = metric["Name"].as_str().unwrap();
                    assert!(line[name].is_u64(), "{name}: {line}");
                    counted.push((name.to_owned(), sets.clone()));
                }
                for name in sets.iter().flat_map(|set| set.as_array().unwrap()) {
                    assert!(line[name.as_str().unwrap()].is_string(), "{name}: {line}");
                }
            }
        }
        counted.sort_by(|(one, _), (other, _)| one.cmp(other));
        let known = METRICS.iter().map(|(name, sets)| {
            let sets = json!(sets).as_array().unwrap().clone();
            ((*name).to_owned(), sets)
        });
        assert_eq!(counted, known.collect::<Vec<_>>());
    }
}
