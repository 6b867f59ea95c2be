//! The consumer as a Lambda function: its environment, its clients, the runtime.

use std::process::ExitCode;
use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use consumer::batch::Consumer;
use consumer::commit::Committer;
use consumer::routes::routes;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use switchhook_aws::clock::SystemClock;
use switchhook_aws::connection::{
    Connection, EnvironmentError, Patience, ProcessEnvironment, required,
};
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_aws::s3::S3Bodies;
use switchhook_aws::sqs::SqsQueue;
use switchhook_core::report::Report;
use switchhook_core::time::Timestamp;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    switchhook_aws::telemetry::init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %Report(error.as_ref()), "the function does not run");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let consumer = &consumer()?;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let deadline = i64::try_from(event.context.deadline).ok();
        let deadline = deadline.and_then(|millis| Timestamp::from_millisecond(millis).ok());
        let deadline = deadline.unwrap_or(Timestamp::MAX);
        consumer
            .handle(event.payload, deadline)
            .await
            .map_err(|error| Diagnostic {
                error_type: "NotFifo".to_owned(),
                error_message: error.to_string(),
            })
    }))
    .await
}

fn consumer() -> Result<Consumer, EnvironmentError> {
    let env = &ProcessEnvironment;
    let connection = Connection::in_lambda(env, Patience::CONSUMER)?;
    let clock = Arc::new(SystemClock);
    let ledger = DynamoDbLedger::new(connection.dynamodb(), required(env, "TABLE_NAME")?);
    let bodies = S3Bodies::new(connection.s3(), required(env, "BODIES_BUCKET")?);
    let sqs = connection.sqs();
    let queue = SqsQueue::new(sqs.clone(), required(env, "QUEUE_URL")?);
    let dead_letters = SqsQueue::new(sqs, required(env, "DEAD_LETTER_QUEUE_URL")?);
    let clock_port: Arc<SystemClock> = Arc::clone(&clock);
    let committer = Committer::new(Arc::new(ledger), Arc::new(bodies), clock_port, routes());
    Ok(Consumer::new(
        committer,
        Arc::new(queue),
        Arc::new(dead_letters),
        clock,
    ))
}
