//! The ingress as a Lambda function: its environment, its clients, the runtime.

use std::process::ExitCode;
use std::sync::Arc;

use ingress::service::Ingress;
use ingress::sources::SourceCache;
use lambda_http::Error;
use lambda_http::lambda_runtime::{self, LambdaEvent, service_fn};
use mimalloc::MiMalloc;
use serde_json::value::RawValue;
use switchhook_aws::clock::SystemClock;
use switchhook_aws::connection::{
    Connection, Environment, EnvironmentError, Patience, ProcessEnvironment, required,
};
use switchhook_aws::on_demand::OnDemand;
use switchhook_aws::s3::S3Bodies;
use switchhook_aws::secrets_manager::SecretsManagerSources;
use switchhook_aws::sqs::SqsQueue;
use switchhook_aws::telemetry::{self, Telemetry};
use switchhook_aws::variables;
use switchhook_core::report::Report;

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
    let ingress = &ingress(env)?;
    lambda_runtime::run(service_fn(
        move |event: LambdaEvent<Box<RawValue>>| async move {
            let (event, context) = event.into_parts();
            let trace = context.xray_trace_id.as_deref();
            let _invocation = telemetry.invocation(&context.request_id, trace);
            Ok::<_, Error>(ingress.serve(&event).await)
        },
    ))
    .await
}

fn ingress(env: &dyn Environment) -> Result<Ingress, EnvironmentError> {
    required(env, variables::STACK_NAME)?;
    let connection = Connection::in_lambda(env, Patience::INGRESS)?;
    let secret = required(env, variables::SOURCES_SECRET_ID)?;
    let store = SecretsManagerSources::new(connection.secrets_manager(), secret);
    let queue = SqsQueue::new(connection.sqs(), required(env, variables::QUEUE_URL)?);
    let s3 = OnDemand::new(move || connection.s3()); // few bodies are large
    let bodies = S3Bodies::new(s3, required(env, variables::BODIES_BUCKET)?);
    let sources = SourceCache::new(Arc::new(store), Arc::new(SystemClock));
    Ok(Ingress::new(
        sources,
        Arc::new(queue),
        Arc::new(bodies),
        Arc::new(SystemClock),
    ))
}
