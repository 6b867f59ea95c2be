//! How often each source was heard, from the metrics on AWS; the laptop counts by itself.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, StatusCode,
};
use jiff::SignedDuration;
use switchhook_aws::metrics::{DELIVERIES, NAMESPACE};
use switchhook_core::ports::PortError;
use switchhook_core::time::Timestamp;

const READING: &str = "reading the metrics";

/// The most metrics of one request (quotas of CloudWatch).
const MAX_QUERIES: usize = 500;
/// How long CloudWatch keeps values of an hour, of five minutes and of one.
const HOURS_LIVE: SignedDuration = SignedDuration::from_hours(455 * 24);
const FIVE_MINUTES_LIVE: SignedDuration = SignedDuration::from_hours(63 * 24);
const MINUTES_LIVE: SignedDuration = SignedDuration::from_hours(15 * 24);

const HOUR_SECS: i32 = 3_600;
const FIVE_MINUTES_SECS: i32 = 300;
const MINUTE_SECS: i32 = 60;

/// What a source sent: its deliveries, and when the last one was accepted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hits {
    pub(crate) hits: u64,
    pub(crate) last_hit: Option<Timestamp>,
}

impl Hits {
    fn add(&mut self, hits: u64, at: Option<Timestamp>) {
        self.hits = self.hits.saturating_add(hits);
        self.last_hit = self.last_hit.max(at);
    }
}

/// The metrics of one stack, up to now.
#[derive(Debug)]
pub(crate) struct Metrics<'a> {
    pub(crate) client: Client,
    pub(crate) stack: &'a str,
    pub(crate) now: Timestamp,
}

impl Metrics<'_> {
    /// Counts the accepted deliveries of these sources since a time, 455 days ago at most. The last
    /// one of each is told by the minute; by five or by the hour where CloudWatch no longer knows.
    pub(crate) async fn hits(
        &self,
        sources: &[&str],
        since: Timestamp,
    ) -> Result<HashMap<String, Hits>, PortError> {
        let since = whole_hour(since.max(self.ago(HOURS_LIVE)));
        let mut hits = HashMap::new();
        for sources in sources.chunks(MAX_QUERIES) {
            // The second that it is now counts too, and clocks differ a little.
            let span = (since, later(self.now, MINUTE_SECS), HOUR_SECS);
            hits.extend(self.sums(sources, span).await?);
        }
        let mut by_hour: BTreeMap<Timestamp, Vec<&str>> = BTreeMap::new();
        for source in sources {
            if let Some(hour) = hits.get(*source).and_then(|hits: &Hits| hits.last_hit) {
                by_hour.entry(hour).or_default().push(source);
            }
        }
        for (hour, sources) in by_hour {
            let period = match self.now.duration_since(hour) {
                age if age < MINUTES_LIVE => MINUTE_SECS,
                age if age < FIVE_MINUTES_LIVE => FIVE_MINUTES_SECS,
                _ => continue,
            };
            let span = (hour, later(hour, HOUR_SECS), period);
            for (source, within) in self.sums(&sources, span).await? {
                if let Some(hits) = hits.get_mut(&source) {
                    hits.last_hit = hits.last_hit.max(within.last_hit);
                }
            }
        }
        Ok(hits)
    }

    fn ago(&self, by: SignedDuration) -> Timestamp {
        self.now.checked_sub(by).unwrap_or(Timestamp::MIN)
    }

    /// Adds up what was accepted from a time to a time, by periods of so many seconds.
    async fn sums(
        &self,
        sources: &[&str],
        (since, until, period): (Timestamp, Timestamp, i32),
    ) -> Result<HashMap<String, Hits>, PortError> {
        let id = |index: usize| format!("s{index}");
        let queries = sources.iter().enumerate().map(|(index, source)| {
            let dimensions = [("Stack", self.stack), ("Source", source), ("Status", "200")];
            let metric = metric(NAMESPACE, DELIVERIES, &dimensions);
            query(id(index), metric, "Sum", period)
        });
        let mut pages = self
            .client
            .get_metric_data()
            .set_metric_data_queries(Some(queries.collect()))
            .start_time(aws_time(since))
            .end_time(aws_time(until))
            .into_paginator()
            .send();
        let mut sums: HashMap<String, Hits> = HashMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| PortError::new(READING, error))?;
            for result in page.metric_data_results() {
                let named = sources.iter().enumerate();
                let mut named = named.filter(|(index, _)| result.id() == Some(&id(*index)));
                let Some((_, source)) = named.next() else {
                    continue;
                };
                let sum = sums.entry((*source).to_owned()).or_default();
                for (at, value) in points(result)?.filter(|(_, value)| *value > 0) {
                    sum.add(value, Some(at));
                }
            }
        }
        Ok(sums)
    }

    /// Returns how many seconds the oldest message of a queue has waited, by the newest value of the
    /// last ten minutes; `None` where there is none.
    pub(crate) async fn oldest_message(&self, queue: &str) -> Result<Option<u64>, PortError> {
        const AGE: &str = "ApproximateAgeOfOldestMessage";
        let metric = metric("AWS/SQS", AGE, &[("QueueName", queue)]);
        let asked = self
            .client
            .get_metric_data()
            .metric_data_queries(query("age".to_owned(), metric, "Maximum", MINUTE_SECS))
            .start_time(aws_time(self.ago(SignedDuration::from_mins(10))))
            .end_time(aws_time(self.now));
        let answer = asked.send().await;
        let answer = answer.map_err(|error| PortError::new(READING, error))?;
        let results = answer.metric_data_results();
        let Some(result) = results.first() else {
            return Ok(None);
        };
        let newest = points(result)?.max_by_key(|(at, _)| *at);
        Ok(newest.map(|(_, secs)| secs))
    }
}

/// Returns when the hour of a time began: periods are counted from the start of what is asked for.
fn whole_hour(at: Timestamp) -> Timestamp {
    let since = at.as_second().rem_euclid(i64::from(HOUR_SECS));
    Timestamp::from_second(at.as_second().saturating_sub(since)).unwrap_or(at)
}

fn later(at: Timestamp, secs: i32) -> Timestamp {
    let by = SignedDuration::from_secs(i64::from(secs));
    at.checked_add(by).unwrap_or(at)
}

fn metric(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Metric {
    let dimensions = dimensions
        .iter()
        .map(|(name, value)| Dimension::builder().name(*name).value(*value).build());
    Metric::builder()
        .namespace(namespace)
        .metric_name(name)
        .set_dimensions(Some(dimensions.collect()))
        .build()
}

fn query(id: String, metric: Metric, stat: &str, period: i32) -> MetricDataQuery {
    let stat = MetricStat::builder()
        .metric(metric)
        .period(period)
        .stat(stat);
    MetricDataQuery::builder()
        .id(id)
        .metric_stat(stat.build())
        .build()
}

/// Returns the values of a metric, each with the start of its period. A metric can fail alone.
fn points(result: &MetricDataResult) -> Result<impl Iterator<Item = (Timestamp, u64)>, PortError> {
    if let Some(code @ (StatusCode::Forbidden | StatusCode::InternalError)) = result.status_code() {
        return Err(PortError::new(READING, code.as_str()));
    }
    let points = result.timestamps().iter().zip(result.values());
    let known = |(at, value): (&DateTime, &f64)| {
        let at = Timestamp::from_second(at.secs()).ok()?;
        Some((at, whole(*value)))
    };
    Ok(points.filter_map(known))
}

/// Counts come as floating-point numbers, which hold them exactly.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the conversion saturates"
)]
const fn whole(value: f64) -> u64 {
    value as u64
}

fn aws_time(at: Timestamp) -> DateTime {
    DateTime::from_secs(at.as_second())
}
