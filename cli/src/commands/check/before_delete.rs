//! `switchhook check --before-delete`: whether a stack can be deleted and nothing is left undone.
//!
//! Queues outlive their stack, so that nothing would be lost at once; but nobody would handle what is in
//! them.

use std::process::ExitCode;

use switchhook_core::ports::PortError;

use super::super::{CommandError, Context};
use super::health;
use super::look::{Looked, failed, fine, look, print, side_look, warning};
use crate::deployed::{
    BODIES_BUCKET, DEAD_LETTER_QUEUE_URL, DISABLED, Deployed, DeployedError, Depth, HEALTH_URL,
    PIPE_NAME, QUEUE_URL, SOURCES_SECRET_ARN, TABLE_NAME,
};

/// How API Gateway refuses everything, once its stage is throttled to nothing.
const TOO_MANY: u16 = 429;

/// SQS counts with a delay of up to a minute.
const LATE: &str = "counts may be a minute old";

pub(super) async fn run(
    context: &Context,
    stack: &Deployed,
    url: Option<&str>,
) -> Result<ExitCode, CommandError> {
    let mut looks = vec![
        side_look("deliveries", deliveries(stack, url).await),
        look("queue", queue(stack).await),
        look("dead letters", dead_letters(stack).await),
    ];
    if let Some(pipe) = stack.optional_output(PIPE_NAME) {
        looks.push(look(
            "pipe dead letters",
            pipe_dead_letters(stack, pipe).await,
        ));
    }
    looks.push(look("kept", kept(stack)));
    print(context.json, &looks)
}

/// Looks whether the API still takes deliveries.
async fn deliveries(stack: &Deployed, url: Option<&str>) -> Looked {
    let own = stack.output(HEALTH_URL)?;
    let asked = match url {
        Some(url) => format!("{}/healthz", url.trim_end_matches('/')),
        None => stack.reachable(own)?.to_owned(),
    };
    match health::get(&asked).await {
        Ok((TOO_MANY, _)) => fine("none is accepted: the API's stage is throttled"),
        Ok(_) => warning(format!(
            "the API still answers: stop the senders first, or refuse everything with `aws apigatewayv2 update-stage --api-id {} --stage-name '$default' --default-route-settings ThrottlingRateLimit=0,ThrottlingBurstLimit=0` (some senders give up at a 429)",
            api_id(own)
        )),
        Err(reason) => warning(format!("unknown: {asked} {reason}")),
    }
}

/// Returns the id of an API from its own address.
fn api_id(url: &str) -> &str {
    let host = url
        .strip_prefix("https://")
        .and_then(|rest| rest.split('/').next());
    let id = host.and_then(|host| host.split_once(".execute-api."));
    id.map_or("API-ID", |(id, _)| id)
}

async fn queue(stack: &Deployed) -> Looked {
    let depth = stack.depth(stack.output(QUEUE_URL)?).await?;
    if depth.is_empty() {
        return fine(format!("empty ({LATE})"));
    }
    // What is paused never becomes empty; whether it is may be unknown.
    let name = stack.name();
    let is_paused = match stack.event_source() {
        Ok(source) => source.state().await.is_ok_and(|state| state == DISABLED),
        Err(_) => false,
    };
    failed(match is_paused {
        true => format!(
            "{depth}, and the consumer is paused: `switchhook resume --stack {name}`, then wait until the queue is empty"
        ),
        false => format!("{depth}: wait until the consumer has handled them"),
    })
}

async fn dead_letters(stack: &Deployed) -> Looked {
    let depth = stack.depth(stack.output(DEAD_LETTER_QUEUE_URL)?).await?;
    if depth.is_empty() {
        return fine(format!("none ({LATE})"));
    }
    let name = stack.name();
    failed(format!(
        "{depth}: `switchhook dead list --stack {name}` says why; redrive or drop them"
    ))
}

/// Looks into the queue of what the pipe gave up, which only the pipe itself names.
async fn pipe_dead_letters(stack: &Deployed, pipe: &str) -> Looked {
    let (url, depth) = match pipe_queue(stack, pipe).await? {
        Some(url) => {
            let depth = stack.depth(&url).await?;
            (url, depth)
        }
        None => return fine("the pipe has no queue for them"),
    };
    if depth == Depth::default() {
        return fine(format!("none ({LATE})"));
    }
    failed(format!(
        "{depth}: the events are recorded; `switchhook replay` puts them on the bus, then `aws sqs purge-queue --queue-url {url}`"
    ))
}

async fn pipe_queue(stack: &Deployed, pipe: &str) -> Result<Option<String>, DeployedError> {
    let found = stack.pipes().describe_pipe().name(pipe).send().await;
    let found = found.map_err(|error| PortError::new("looking at the pipe", error))?;
    let source = found.source_parameters();
    let stream = source.and_then(|source| source.dynamo_db_stream_parameters());
    let arn = stream.and_then(|stream| stream.dead_letter_config()?.arn());
    let Some(name) = arn.and_then(|arn| arn.rsplit(':').next()) else {
        return Ok(None);
    };
    let found = stack.sqs().get_queue_url().queue_name(name).send().await;
    let found = found.map_err(|error| PortError::new("looking for the pipe's queue", error))?;
    Ok(found.queue_url)
}

/// Names what outlives the stack.
fn kept(stack: &Deployed) -> Looked {
    let name = |url: &str| url.rsplit('/').next().unwrap_or(url).to_owned();
    fine(format!(
        "the deletion leaves the table {}, the bucket {}, the secret {}, the queues {} and {}, and the log groups; delete by hand what is no longer needed",
        stack.output(TABLE_NAME)?,
        stack.output(BODIES_BUCKET)?,
        stack.output(SOURCES_SECRET_ARN)?,
        name(stack.output(QUEUE_URL)?),
        name(stack.output(DEAD_LETTER_QUEUE_URL)?),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_of_an_api_is_the_first_label_of_its_own_address() {
        let own = "https://a1b2c3.execute-api.eu-central-1.amazonaws.com/healthz";
        assert_eq!(api_id(own), "a1b2c3");
        assert_eq!(api_id("https://hooks.example.com/healthz"), "API-ID");
        assert_eq!(api_id("http://127.0.0.1:8787/healthz"), "API-ID");
    }
}
