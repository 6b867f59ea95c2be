//! How AWS is reached: endpoint, credentials, time-outs.
//!
//! There are two ways only. Inside Lambda, the environment says where and as whom; on the laptop, a
//! connection in process is handed in and no endpoint of AWS is ever named. A client that would
//! call the public service from a laptop or a test cannot be made.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::region::Region;

/// How long a call may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection to be made.
    pub connect: Duration,
    /// For one attempt.
    pub attempt: Duration,
    /// For all attempts together.
    pub operation: Duration,
}

impl Patience {
    /// For the ingress, whose answer must leave within 2 seconds.
    pub const INGRESS: Self = Self {
        connect: Duration::from_millis(500),
        attempt: Duration::from_millis(800),
        operation: Duration::from_millis(1_600),
    };

    /// For the consumer, which nobody waits for.
    pub const CONSUMER: Self = Self {
        connect: Duration::from_millis(1_000),
        attempt: Duration::from_millis(2_000),
        operation: Duration::from_millis(5_000),
    };
}

/// The attempts of one call: the first and two more.
const ATTEMPTS: u32 = 3;

/// How clients of AWS are made.
#[derive(Clone, Debug)]
pub struct Connection {
    http_client: SharedHttpClient,
    endpoint: Option<String>,
    region: Region,
    credentials: Credentials,
    patience: Patience,
}

/// The environment is not one of Lambda, or lacks something.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// A variable is missing.
    #[error("the environment variable `{0}` is not set: set it in the function's configuration")]
    Missing(&'static str),
    /// This is not Lambda.
    #[error(
        "this program runs inside AWS Lambda or its emulators only (`AWS_LAMBDA_RUNTIME_API` is not set); on a laptop use `switchhook local`"
    )]
    NotLambda,
}

impl Connection {
    /// Connects as the function's execution environment says.
    ///
    /// An emulator names its own endpoint in `AWS_ENDPOINT_URL`, as the SDKs' reference guide has it.
    ///
    /// # Errors
    ///
    /// Outside Lambda, and without region or credentials.
    pub fn in_lambda(env: &dyn Environment, patience: Patience) -> Result<Self, EnvironmentError> {
        if env.var("AWS_LAMBDA_RUNTIME_API").is_none() {
            return Err(EnvironmentError::NotLambda);
        }
        let credentials = Credentials::from_keys(
            required(env, "AWS_ACCESS_KEY_ID")?,
            required(env, "AWS_SECRET_ACCESS_KEY")?,
            env.var("AWS_SESSION_TOKEN"),
        );
        Ok(Self {
            http_client: aws_smithy_http_client::Builder::new()
                .tls_provider(Provider::Rustls(CryptoMode::Ring))
                .build_https(),
            endpoint: env.var("AWS_ENDPOINT_URL"),
            region: Region::new(required(env, "AWS_REGION")?),
            credentials,
            patience,
        })
    }

    /// Connects to services in this very process.
    #[must_use]
    pub fn in_process(http_client: SharedHttpClient, patience: Patience) -> Self {
        Self {
            http_client,
            endpoint: Some("http://127.0.0.1:1".to_owned()), // nobody listens there, and nobody is asked
            region: Region::from_static("us-east-1"),
            credentials: Credentials::from_keys("local", "local", None),
            patience,
        }
    }

    fn timeouts(&self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(self.patience.connect)
            .operation_attempt_timeout(self.patience.attempt)
            .operation_timeout(self.patience.operation)
            .build()
    }

    fn retries() -> RetryConfig {
        RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(Duration::from_millis(50))
    }
}

/// The environment variables, read once at the start of `main`.
pub trait Environment {
    /// Returns a variable that is set and not empty.
    fn var(&self, name: &str) -> Option<String>;
}

/// The environment of this process.
#[derive(Clone, Copy, Debug)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the environment is read"
    )]
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }
}

/// Returns a variable that the function cannot do without.
///
/// # Errors
///
/// When it is not set.
pub fn required(env: &dyn Environment, name: &'static str) -> Result<String, EnvironmentError> {
    env.var(name).ok_or(EnvironmentError::Missing(name))
}

macro_rules! config {
    ($connection:ident, $sdk:ident) => {{
        let mut config = $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .region($connection.region.clone())
            .credentials_provider($connection.credentials.clone())
            .http_client($connection.http_client.clone())
            .timeout_config($connection.timeouts())
            .retry_config(Connection::retries())
            // Our time-outs bound every call; a long poll is not a stalled stream.
            .stalled_stream_protection($sdk::config::StalledStreamProtectionConfig::disabled());
        config.set_endpoint_url($connection.endpoint.clone());
        config
    }};
}

impl Connection {
    /// Makes a client of Amazon SQS.
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::from_conf(config!(self, aws_sdk_sqs).build())
    }

    /// Makes a client of Amazon `DynamoDB`.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::from_conf(config!(self, aws_sdk_dynamodb).build())
    }

    /// Makes a client of Amazon S3.
    #[must_use]
    pub fn s3(&self) -> aws_sdk_s3::Client {
        // An emulator has no host name for each bucket.
        let config = config!(self, aws_sdk_s3).force_path_style(self.endpoint.is_some());
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// Makes a client of AWS Secrets Manager.
    #[must_use]
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::from_conf(config!(self, aws_sdk_secretsmanager).build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(&'static [(&'static str, &'static str)]);

    impl Environment for Fixed {
        fn var(&self, name: &str) -> Option<String> {
            self.0
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn outside_lambda_no_client_can_be_made() {
        let credentials = Fixed(&[
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "b"),
            ("AWS_REGION", "eu-west-1"),
        ]);
        let refused = Connection::in_lambda(&credentials, Patience::INGRESS);
        assert!(matches!(refused, Err(EnvironmentError::NotLambda)));
    }

    #[test]
    fn in_process_an_endpoint_is_always_named() {
        let http_client = aws_smithy_http_client::Builder::new().build_http();
        let connection = Connection::in_process(http_client, Patience::INGRESS);
        assert!(
            connection
                .endpoint
                .is_some_and(|endpoint| endpoint.starts_with("http://127.0.0.1"))
        );
    }

    #[test]
    fn the_ingress_gives_up_within_two_seconds() {
        assert!(Patience::INGRESS.operation < Duration::from_secs(2));
    }
}
