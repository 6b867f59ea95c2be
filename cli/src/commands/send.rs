//! `switchhook send`: sample deliveries, built, signed and posted.

mod bytes;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::SignedDuration;
use serde::Serialize;
use switchhook_aws::clock::SystemClock;
use switchhook_core::report::Report;
use switchhook_core::time::{self, Clock};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{CommandError, Context, output};
use crate::args::Send;
use crate::outbound::{self, HttpClient};
use crate::samples::{self, Delivery, Sample, Variation};

/// How many deliveries are on their way at a time.
const MAX_IN_FLIGHT: usize = 32;
/// How long one delivery may take: longer than any answer of ours.
const PATIENCE: Duration = Duration::from_secs(10);
/// Our answers are under 1 KB; somebody else's are read no further.
const MAX_ANSWER_BYTES: usize = 64 << 10;

pub(super) async fn run(context: &Context, args: Send) -> Result<ExitCode, CommandError> {
    let sources = context.sources().await?;
    let Some(source) = sources.get(&args.source) else {
        let names: Vec<_> = sources.iter().map(|source| source.name.as_str()).collect();
        let reason = format!(
            "there is no source `{}`; there is {}",
            args.source,
            names.join(", ")
        );
        return Err(CommandError::NotFound(reason));
    };
    let known = samples::of(source.provider.name());
    let Some(name) = &args.sample else {
        for sample in known {
            match context.json {
                true => output::json(&serde_json::json!({ "name": sample.name }))?,
                false => output::line(sample.name)?,
            }
        }
        return Ok(ExitCode::SUCCESS);
    };
    if name == bytes::NAME {
        return bytes::run(context, source, &args).await;
    }
    let chosen: Vec<_> = known
        .iter()
        .filter(|s| name == "all" || name == s.name)
        .collect();
    if chosen.is_empty() {
        let names: Vec<_> = known.iter().map(|sample| sample.name).collect();
        let reason = format!(
            "there is no sample `{name}`; there is {}, all, {}",
            names.join(", "),
            bytes::NAME
        );
        return Err(CommandError::NotFound(reason));
    }
    let planned = plan(&chosen, &args)?;
    let url = match &args.url {
        Some(url) => url.clone(),
        None => context.reachable_url()?,
    };
    let one = planned.len() == 1;
    let sign = |planned: Planned<'_>| {
        let (now, variation) = (SystemClock.now(), &planned.variation);
        let mut delivery = samples::build_at(planned.sample, source, variation, now);
        if args.tamper {
            samples::tamper(&mut delivery, source);
        }
        delivery
    };
    let visible = !context.json && !one;
    let sent = post_all(planned, sign, url, args.rate, visible).await?;
    report(context, &sent, one)?;
    let accepted = sent.answers.iter().all(|answer| answer.status == Some(200));
    Ok(if accepted {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A delivery to come: it is signed when its turn is, since a signature may not be old.
#[derive(Clone)]
struct Planned<'a> {
    sample: &'a Sample,
    variation: Variation,
}

/// Plans all deliveries, in the order in which they are sent. What happened in them happened a
/// second apart, the last of it now.
fn plan<'a>(chosen: &[&'a Sample], args: &Send) -> Result<Vec<Planned<'a>>, CommandError> {
    let (run, first_number) = (samples::run_id()?, samples::first_number()?);
    let now = time::to_millis(SystemClock.now());
    let mut deliveries = Vec::new();
    for number in 0..args.count {
        for (later, sample) in chosen.iter().rev().enumerate().rev() {
            let ago = SignedDuration::from_secs(i64::try_from(later).unwrap_or_default());
            let variation = Variation {
                id: format!("{run}{number}"),
                number: number.wrapping_add(first_number),
                at: now.checked_sub(ago).unwrap_or(now),
            };
            let planned = Planned { sample, variation };
            deliveries.extend((0..args.repeat).map(|_| planned.clone()));
        }
    }
    if args.shuffle {
        shuffle(&mut deliveries)?;
    }
    Ok(deliveries)
}

/// Sorts by random keys.
fn shuffle(deliveries: &mut Vec<Planned<'_>>) -> Result<(), CommandError> {
    let mut keyed = Vec::with_capacity(deliveries.len());
    for delivery in deliveries.drain(..) {
        keyed.push((crate::secrets::token()?, delivery));
    }
    keyed.sort_by(|(one, _), (other, _)| one.cmp(other));
    deliveries.extend(keyed.into_iter().map(|(_, delivery)| delivery));
    Ok(())
}

/// What came back for one delivery: no status when nothing did.
#[derive(Debug)]
struct Answered {
    status: Option<u16>,
    text: String,
    took: Duration,
}

#[derive(Debug)]
struct Sent {
    answers: Vec<Answered>,
    took: Duration,
}

async fn post_all<'a>(
    deliveries: Vec<Planned<'a>>,
    sign: impl Fn(Planned<'a>) -> Delivery,
    url: String,
    rate: Option<u32>,
    visible: bool,
) -> std::io::Result<Sent> {
    let client = outbound::client()?;
    let progress = progress_bar(deliveries.len(), visible);
    let started = Instant::now();
    let mut pace = rate.map(|rate| tokio::time::interval(pause_between(rate)));
    let mut in_flight = JoinSet::new();
    let mut answers = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        if let Some(pace) = &mut pace {
            pace.tick().await;
        }
        while in_flight.len() >= MAX_IN_FLIGHT {
            collect(in_flight.join_next().await, &mut answers, &progress);
        }
        in_flight.spawn(post(client.clone(), url.clone(), sign(delivery)));
        while let Some(done) = in_flight.try_join_next() {
            collect(Some(done), &mut answers, &progress);
        }
    }
    while let Some(done) = in_flight.join_next().await {
        collect(Some(done), &mut answers, &progress);
    }
    progress.finish_and_clear();
    Ok(Sent {
        answers,
        took: started.elapsed(),
    })
}

fn pause_between(rate: u32) -> Duration {
    Duration::from_secs(1).checked_div(rate).unwrap_or_default()
}

pub(super) fn progress_bar(length: usize, visible: bool) -> ProgressBar {
    if !visible {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX));
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len}  {per_sec}  {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn collect(
    done: Option<Result<Answered, tokio::task::JoinError>>,
    answers: &mut Vec<Answered>,
    progress: &ProgressBar,
) {
    if let Some(done) = done {
        answers.push(done.unwrap_or_else(|error| Answered {
            status: None,
            text: error.to_string(),
            took: Duration::ZERO,
        }));
        progress.inc(1);
    }
}

async fn post(client: HttpClient, url: String, delivery: Delivery) -> Answered {
    let started = Instant::now();
    let answered = tokio::time::timeout(PATIENCE, exchange(client, url, delivery)).await;
    let (status, text) = match answered {
        Ok(Ok((status, text))) => (Some(status), text),
        Ok(Err(error)) => (None, Report(error.as_ref()).to_string()),
        Err(_) => (None, "no answer within 10 s".to_owned()),
    };
    Answered {
        status,
        text,
        took: started.elapsed(),
    }
}

async fn exchange(
    client: HttpClient,
    url: String,
    delivery: Delivery,
) -> Result<(u16, String), Box<dyn std::error::Error + std::marker::Send + Sync>> {
    let mut request = Request::post(format!("{}{}", url.trim_end_matches('/'), delivery.path));
    for (name, value) in &delivery.headers {
        request = request.header(*name, value);
    }
    let response = client
        .request(request.body(Full::from(delivery.body))?)
        .await?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES)
        .collect()
        .await?
        .to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

#[derive(Serialize)]
struct Summary {
    sent: usize,
    statuses: BTreeMap<String, usize>,
    p50_ms: f64,
    p99_ms: f64,
    seconds: f64,
}

fn summary(sent: &Sent) -> Summary {
    let mut statuses = BTreeMap::new();
    for answer in &sent.answers {
        let status = answer
            .status
            .map_or_else(|| "no answer".to_owned(), |s| s.to_string());
        let count: &mut usize = statuses.entry(status).or_default();
        *count = count.saturating_add(1);
    }
    let mut times: Vec<_> = sent.answers.iter().map(|answer| answer.took).collect();
    times.sort_unstable();
    Summary {
        sent: sent.answers.len(),
        statuses,
        p50_ms: percentile(&times, 50),
        p99_ms: percentile(&times, 99),
        seconds: sent.took.as_secs_f64(),
    }
}

/// The smallest time that `percent` of all do not exceed, in milliseconds.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = sorted.len().saturating_mul(percent).div_ceil(100).max(1);
    let place = rank.saturating_sub(1);
    sorted
        .get(place)
        .map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
}

fn report(context: &Context, sent: &Sent, one: bool) -> Result<(), CommandError> {
    let summary = summary(sent);
    if context.json {
        return Ok(output::json(&summary)?);
    }
    if let (true, Some(answer)) = (one, sent.answers.first()) {
        let status = answer
            .status
            .map_or_else(|| "no answer:".to_owned(), |s| s.to_string());
        return Ok(output::line(&format!("{status} {}", answer.text))?);
    }
    for (status, count) in &summary.statuses {
        output::line(&format!("{status}: {count}"))?;
    }
    if let Some(failed) = sent.answers.iter().find(|answer| answer.status.is_none()) {
        output::line(&format!("first failure: {}", failed.text))?;
    }
    let Summary {
        sent,
        p50_ms,
        p99_ms,
        seconds,
        ..
    } = summary;
    output::line(&format!(
        "{sent} sent in {seconds:.1} s, p50 {p50_ms:.1} ms, p99 {p99_ms:.1} ms"
    ))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let times: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert!((percentile(&times, 50) - 50.0).abs() < 1e-9);
        assert!((percentile(&times, 99) - 99.0).abs() < 1e-9);
        assert!((percentile(&times[..1], 99) - 1.0).abs() < 1e-9);
        assert!(percentile(&[], 50).abs() < 1e-9);
    }
}
