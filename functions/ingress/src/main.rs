//! The ingress as a Lambda function: its environment, its clients, the runtime.

use std::process::ExitCode;
use std::sync::Arc;

use ingress::service::Ingress;
use ingress::sources::SourceCache;
use lambda_http::Error;
use lambda_http::lambda_runtime::{self, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use switchhook_aws::clock::SystemClock;
use switchhook_aws::connection::{
    Connection, EnvironmentError, Patience, ProcessEnvironment, required,
};
use switchhook_aws::s3::S3Bodies;
use switchhook_aws::secrets_manager::SecretsManagerSources;
use switchhook_aws::sqs::SqsQueue;
use switchhook_core::report::Report;

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
    let ingress = &ingress()?;
    lambda_runtime::run(service_fn(
        move |event: LambdaEvent<Box<RawValue>>| async move {
            Ok::<_, Error>(ingress.serve(&event.payload).await)
        },
    ))
    .await
}

fn ingress() -> Result<Ingress, EnvironmentError> {
    let env = &ProcessEnvironment;
    let connection = Connection::in_lambda(env, Patience::INGRESS)?;
    let secret = required(env, "SOURCES_SECRET_ID")?;
    let store = SecretsManagerSources::new(connection.secrets_manager(), secret);
    let queue = SqsQueue::new(connection.sqs(), required(env, "QUEUE_URL")?);
    let bodies = S3Bodies::new(connection.s3(), required(env, "BODIES_BUCKET")?);
    let sources = SourceCache::new(Arc::new(store), Arc::new(SystemClock));
    Ok(Ingress::new(
        sources,
        Arc::new(queue),
        Arc::new(bodies),
        Arc::new(SystemClock),
    ))
}
