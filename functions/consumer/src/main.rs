//! The consumer as a Lambda function: its environment, its clients, the runtime.

use std::process::ExitCode;
use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use consumer::batch::Consumer;
use consumer::commit::Committer;
use consumer::routes::routes;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use mimalloc::MiMalloc;
use switchhook_aws::clock::SystemClock;
use switchhook_aws::connection::{
    Connection, Environment, EnvironmentError, Patience, ProcessEnvironment, required,
};
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_aws::on_demand::OnDemand;
use switchhook_aws::s3::S3Bodies;
use switchhook_aws::sqs::SqsQueue;
use switchhook_aws::telemetry::{self, Telemetry};
use switchhook_aws::variables;
use switchhook_core::report::Report;
use switchhook_core::time::Timestamp;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let env = &ProcessEnvironment;
    let stack = env.var(variables::STACK_NAME).unwrap_or_default();
    let telemetry = telemetry::init(&stack);
    match run(env, &telemetry).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %Report(error.as_ref()), "the function does not run");
            ExitCode::FAILURE
        }
    }
}

async fn run(env: &dyn Environment, telemetry: &Telemetry) -> Result<(), Error> {
    let consumer = &consumer(env)?;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let (batch, context) = event.into_parts();
        let trace = context.xray_trace_id.as_deref();
        let _invocation = telemetry.invocation(&context.request_id, trace);
        let deadline = i64::try_from(context.deadline).ok();
        let deadline = deadline.and_then(|millis| Timestamp::from_millisecond(millis).ok());
        let deadline = deadline.unwrap_or(Timestamp::MAX);
        let handled = Box::pin(consumer.handle(batch, deadline)).await;
        handled.map_err(|error| Diagnostic {
            error_type: "NotFifo".to_owned(),
            error_message: error.to_string(),
        })
    }))
    .await
}

fn consumer(env: &dyn Environment) -> Result<Consumer, EnvironmentError> {
    required(env, variables::STACK_NAME)?;
    let connection = Connection::in_lambda(env, Patience::CONSUMER)?;
    let clock = Arc::new(SystemClock);
    let ledger = DynamoDbLedger::new(connection.dynamodb(), required(env, variables::TABLE_NAME)?);
    // Few bodies are large, and few batches need SQS.
    let of_s3 = connection.clone();
    let s3 = OnDemand::new(move || of_s3.s3());
    let sqs = OnDemand::new(move || connection.sqs());
    let bodies = S3Bodies::new(s3, required(env, variables::BODIES_BUCKET)?);
    let queue = SqsQueue::new(sqs.clone(), required(env, variables::QUEUE_URL)?);
    let dead_letters = SqsQueue::new(sqs, required(env, variables::DEAD_LETTER_QUEUE_URL)?);
    let clock_port: Arc<SystemClock> = Arc::clone(&clock);
    let committer = Committer::new(Arc::new(ledger), Arc::new(bodies), clock_port, routes());
    Ok(Consumer::new(
        committer,
        Arc::new(queue),
        Arc::new(dead_letters),
        clock,
    ))
}
