//! `switchhook check --stack`: looks at every part of a deployed stack and changes none.
//!
//! It sends no delivery: `switchhook send --stack` does.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use serde::{Deserialize, Serialize};
use switchhook_aws::clock::SystemClock;
use switchhook_aws::dynamodb::timeline::Order;
use switchhook_core::ports::PortError;
use switchhook_core::report::Report;
use switchhook_core::time::{Clock, Timestamp};

use super::super::{CommandError, Context, output};
use crate::deployed::{
    BODIES_BUCKET, DEAD_LETTER_QUEUE_URL, Deployed, Deployment, HEALTH_URL, OUTPUTS, QUEUE_URL,
    advice,
};
use crate::hits::Metrics;
use crate::outbound;

/// How long a message may wait, as the template's alarm has it.
const LONG_WAIT_SECS: u64 = 15 * 60;
/// How long the health URL may take to answer, a cold start included.
const PATIENCE: Duration = Duration::from_secs(15);
const MAX_ANSWER_BYTES: usize = 4 << 10;

/// What came of looking.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Warning,
    Failed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "FAILED",
        })
    }
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Look {
    check: &'static str,
    result: Verdict,
    detail: String,
}

type Looked = Result<(Verdict, String), CommandError>;

fn fine(detail: impl Into<String>) -> Looked {
    Ok((Verdict::Ok, detail.into()))
}

pub(super) async fn run(
    context: &Context,
    stack: &Deployed,
    url: Option<&str>,
) -> Result<ExitCode, CommandError> {
    let looks = [
        look("stack", deployment(stack)),
        look("outputs", outputs(stack)),
        look("sources", sources(stack).await),
        look("table", table(stack).await),
        look("bodies", bodies(stack).await),
        look("queue", queue(stack).await),
        look("dead letters", dead_letters(stack).await),
        look("health", health(stack, url).await),
    ];
    if context.json {
        for look in &looks {
            output::json(look)?;
        }
    } else {
        let rows = looks.iter().map(|look| {
            let verdict = look.result.to_string();
            vec![look.check.to_owned(), verdict, look.detail.clone()]
        });
        output::table(&["CHECK", "RESULT", ""], rows)?;
    }
    let is_whole = looks.iter().all(|look| look.result != Verdict::Failed);
    Ok(if is_whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn look(check: &'static str, looked: Looked) -> Look {
    let (result, detail) = looked.unwrap_or_else(|error| {
        let advice = advice(&error).map(|advice| format!("; {advice}"));
        let report = Report(&error).to_string();
        (Verdict::Failed, report + &advice.unwrap_or_default())
    });
    Look {
        check,
        result,
        detail,
    }
}

fn deployment(stack: &Deployed) -> Looked {
    let status = stack.status();
    let (verdict, what) = match stack.deployment() {
        Deployment::Done => return fine(status),
        Deployment::UnderWay => (Verdict::Warning, "a deployment is under way"),
        Deployment::TakenBack => (
            Verdict::Warning,
            "the last deployment failed, the stack is as before it",
        ),
        Deployment::Stuck => (
            Verdict::Failed,
            "the last deployment failed half-way: continue its rollback or deploy again",
        ),
    };
    Ok((verdict, format!("{status}: {what}")))
}

fn outputs(stack: &Deployed) -> Looked {
    for name in OUTPUTS {
        stack.output(name)?;
    }
    fine(format!("all {} of them", OUTPUTS.len()))
}

async fn sources(stack: &Deployed) -> Looked {
    let sources = stack.sources().await?;
    let (wanted, kept) = (sources.retention_days, stack.retention_days()?);
    if wanted > kept {
        return Err(CommandError::Refused(format!(
            "`retention_days` is {wanted}, and large bodies are kept for records of {kept} days: deploy with a larger `RetentionDays`"
        )));
    }
    if !sources.placeholders().is_empty() {
        let found = sources.placeholders().iter().map(ToString::to_string);
        return Err(CommandError::Refused(found.collect::<Vec<_>>().join("; ")));
    }
    let warnings = super::warnings(&sources);
    if !warnings.is_empty() {
        return Ok((Verdict::Warning, warnings.join("; ")));
    }
    let count = sources.iter().count();
    fine(format!("{count}, valid; records live {wanted} days"))
}

async fn table(stack: &Deployed) -> Looked {
    let ever = (Timestamp::MIN, Timestamp::MAX);
    let mut newest = stack.ledger()?.timeline(ever, Order::NewestFirst, 1);
    newest.next().await?;
    fine("readable")
}

async fn bodies(stack: &Deployed) -> Looked {
    let bucket = stack.output(BODIES_BUCKET)?;
    let list = stack.s3().list_objects_v2().bucket(bucket).max_keys(1);
    let listed = list.send().await;
    listed.map_err(|error| PortError::new("looking into the bucket", error))?;
    fine("readable")
}

async fn queue(stack: &Deployed) -> Looked {
    let waiting = waiting(stack, stack.output(QUEUE_URL)?).await?;
    let oldest = oldest_message(stack).await?.unwrap_or_default();
    if oldest > LONG_WAIT_SECS {
        let detail = format!(
            "{waiting} messages wait, the oldest for {oldest} s: the consumer fails or does not keep up"
        );
        return Ok((Verdict::Warning, detail));
    }
    fine(format!("{waiting} messages wait"))
}

async fn oldest_message(stack: &Deployed) -> Result<Option<u64>, CommandError> {
    let metrics = Metrics {
        client: stack.cloudwatch(),
        stack: stack.name(),
        now: SystemClock.now(),
    };
    let url = stack.output(QUEUE_URL)?;
    let name = url.rsplit('/').next().unwrap_or(url);
    Ok(metrics.oldest_message(name).await?)
}

async fn dead_letters(stack: &Deployed) -> Looked {
    let waiting = waiting(stack, stack.output(DEAD_LETTER_QUEUE_URL)?).await?;
    if waiting == 0 {
        return fine("none");
    }
    let name = stack.name();
    let detail = format!("{waiting}: `switchhook dead list --stack {name}` says why");
    Ok((Verdict::Warning, detail))
}

/// Returns about how many messages of a queue nobody holds.
async fn waiting(stack: &Deployed, url: &str) -> Result<u64, CommandError> {
    const COUNT: QueueAttributeName = QueueAttributeName::ApproximateNumberOfMessages;
    let asked = stack.sqs().get_queue_attributes().queue_url(url);
    let answer = asked.attribute_names(COUNT).send().await;
    let answer = answer.map_err(|error| PortError::new("looking at the queue", error))?;
    let count = answer.attributes().and_then(|all| all.get(&COUNT));
    Ok(count
        .and_then(|count| count.parse().ok())
        .unwrap_or_default())
}

/// What the ingress says of itself.
#[derive(Deserialize)]
struct Healthy {
    ok: bool,
    version: String,
}

/// Asks the ingress how it is: behind the API's own address, and behind the sources' URLs.
async fn health(stack: &Deployed, url: Option<&str>) -> Looked {
    let of_sources = |url: &str| format!("{}/healthz", url.trim_end_matches('/'));
    let urls = match url {
        Some(url) => vec![of_sources(url)],
        None => {
            let own = stack.reachable(stack.output(HEALTH_URL)?)?.to_owned();
            let mut urls = vec![own, of_sources(stack.reachable(stack.url()?)?)];
            urls.dedup();
            urls
        }
    };
    let mut version = String::new();
    for url in urls {
        version = healthy(&url).await?;
    }
    if version == env!("CARGO_PKG_VERSION") {
        return fine(format!("version {version}"));
    }
    let ours = env!("CARGO_PKG_VERSION");
    let detail = format!("version {version}, this command's is {ours}");
    Ok((Verdict::Warning, detail))
}

/// Returns the version of an ingress that is well.
async fn healthy(url: &str) -> Result<String, CommandError> {
    let failed = |reason: String| {
        CommandError::Refused(format!(
            "{url} {reason}: is its DNS record there, and does the log of the ingress say more?"
        ))
    };
    let answered = tokio::time::timeout(PATIENCE, get(url)).await;
    let answered = answered.map_err(|_| failed("gave no answer within 15 s".to_owned()))?;
    let (status, body) =
        answered.map_err(|error| failed(format!("gave no answer ({})", Report(error.as_ref()))))?;
    match serde_json::from_slice::<Healthy>(&body) {
        Ok(healthy) if status == 200 && healthy.ok => Ok(healthy.version),
        _ => Err(failed(format!("answered {status}"))),
    }
}

async fn get(url: &str) -> Result<(u16, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let request = Request::get(url).body(Full::default())?;
    let response = outbound::client()?.request(request).await?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES);
    Ok((status, body.collect().await?.to_bytes()))
}
