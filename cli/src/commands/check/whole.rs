//! `switchhook check --stack`: looks at every part of a deployed stack and changes none.
//!
//! It sends no delivery: `switchhook send --stack` does.

use std::process::ExitCode;

use switchhook_aws::clock::SystemClock;
use switchhook_aws::dynamodb::timeline::Order;
use switchhook_core::ports::PortError;
use switchhook_core::time::{Clock, Timestamp};

use super::super::{CommandError, Context};
use super::look::{Looked, Verdict, fine, look, print, side_look, warning};
use super::{alarms, concurrency, health, parts};
use crate::deployed::{
    BODIES_BUCKET, DEAD_LETTER_QUEUE_URL, Deployed, Deployment, OUTPUTS, QUEUE_URL,
};
use crate::hits::Metrics;

/// How long a message may wait, as the template's alarm has it.
const LONG_WAIT_SECS: u64 = 15 * 60;

pub(super) async fn run(
    context: &Context,
    stack: &Deployed,
    url: Option<&str>,
) -> Result<ExitCode, CommandError> {
    let healthy = health::ask(stack, url).await;
    let built_for = healthy.as_ref().ok();
    let built_for = built_for.and_then(|healthy| healthy.architecture.clone());
    let mut looks = vec![
        look("stack", deployment(stack)),
        look("outputs", outputs(stack)),
        look("sources", sources(stack).await),
        look("table", table(stack).await),
        side_look("table settings", parts::table_settings(stack).await),
        look("bodies", bodies(stack).await),
        look("queue", queue(stack).await),
        look("consumer", parts::consumer(stack).await),
        look("dead letters", dead_letters(stack).await),
        look("health", healthy.and_then(|healthy| healthy.looked())),
        side_look(
            "functions",
            parts::functions(stack, built_for.as_deref()).await,
        ),
        side_look("concurrency", concurrency::of_stack(stack).await),
        side_look("alarms", alarms::alarms(stack).await),
    ];
    let rollout = parts::rollout(stack).await;
    looks.extend(rollout.map(|looked| side_look("rollout", looked)));
    let pipe = parts::pipe(stack).await;
    looks.extend(pipe.map(|looked| side_look("pipe", looked)));
    print(context.json, &looks)
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
    if let Some(refusal) = super::too_large(&sources) {
        return Err(CommandError::Refused(refusal));
    }
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
        return warning(warnings.join("; "));
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
    let waiting = stack.depth(stack.output(QUEUE_URL)?).await?.visible;
    let oldest = oldest_message(stack).await?.unwrap_or_default();
    if oldest > LONG_WAIT_SECS {
        let detail = format!(
            "{waiting} messages wait, the oldest for {oldest} s: the consumer fails or does not keep up"
        );
        return warning(detail);
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
    let waiting = stack
        .depth(stack.output(DEAD_LETTER_QUEUE_URL)?)
        .await?
        .visible;
    if waiting == 0 {
        return fine("none");
    }
    let name = stack.name();
    let detail = format!("{waiting}: `switchhook dead list --stack {name}` says why");
    warning(detail)
}
