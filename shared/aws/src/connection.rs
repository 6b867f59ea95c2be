//! How AWS is reached: endpoint, credentials, time-outs.
//!
//! There are three ways only. Inside AWS Lambda, the region says where, and nothing may name another
//! endpoint. Inside an emulator of Lambda, an endpoint on this machine has to be named. On the laptop,
//! a connection in process is handed in. So a client that would call the public service from a laptop
//! or a test cannot be made, nor a deployed one that calls anybody else. (The command line makes its
//! own for `--stack NAME`, which asks for AWS by name; see `deployed` there.)

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::region::Region;

use crate::https::{self, TlsError};
use crate::lean::LeanRequests;
use crate::signing::JsonSigner;

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
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// A variable is missing.
    #[error("the environment variable `{0}` is not set: set it in the function's configuration")]
    Missing(&'static str),
    /// This is not Lambda.
    #[error(
        "this program runs inside AWS Lambda or its emulators only (`AWS_LAMBDA_RUNTIME_API` is not set); on a laptop use `switchhook local`"
    )]
    NotLambda,
    /// An emulator is to stay on its machine.
    #[error(
        "outside AWS the functions call a local AWS only: set `AWS_ENDPOINT_URL` to one on this machine, such as `http://127.0.0.1:4566`"
    )]
    NoLocalEndpoint,
    /// A deployed function calls AWS and nobody else.
    #[error(
        "`AWS_ENDPOINT_URL` is set inside AWS Lambda: remove it from the function's configuration"
    )]
    EndpointInLambda,
    /// No connection can be made.
    #[error("no connection to AWS can be made")]
    Tls(#[from] TlsError),
}

/// Where AWS keeps a function's code. Emulators that run a program where it lies name another folder
/// or none; the one that runs it in a container says so in [`SAM_LOCAL`].
const TASK_ROOT: &str = "/var/task";
const SAM_LOCAL: &str = "AWS_SAM_LOCAL";

/// The hosts that are this machine, the last one as a container of `sam local` sees it.
const LOCAL_HOSTS: [&str; 4] = ["127.0.0.1", "localhost", "[::1]", "host.docker.internal"];

impl Connection {
    /// Connects as the function's execution environment says.
    ///
    /// An emulator names its own endpoint in `AWS_ENDPOINT_URL`, as the SDKs' reference guide has it.
    ///
    /// # Errors
    ///
    /// Outside Lambda, without region or credentials, with an endpoint inside AWS, and without a local
    /// one outside.
    pub fn in_lambda(env: &dyn Environment, patience: Patience) -> Result<Self, EnvironmentError> {
        if env.var("AWS_LAMBDA_RUNTIME_API").is_none() {
            return Err(EnvironmentError::NotLambda);
        }
        let endpoint = endpoint(env)?;
        let credentials = Credentials::from_keys(
            required(env, "AWS_ACCESS_KEY_ID")?,
            required(env, "AWS_SECRET_ACCESS_KEY")?,
            env.var("AWS_SESSION_TOKEN"),
        );
        let tls = https::built_in_roots(env.var(https::EXTRA_ROOTS))?;
        Ok(Self {
            http_client: https::client(tls, patience.connect),
            endpoint,
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
            .operation_attempt_timeout(self.patience.attempt)
            .operation_timeout(self.patience.operation)
            .build()
    }

    /// Returns what signs requests to a service with a JSON protocol.
    fn signer(&self, service: &'static str) -> JsonSigner {
        JsonSigner::new(self.region.clone(), service)
    }

    fn retries() -> RetryConfig {
        RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(Duration::from_millis(50))
    }
}

/// Returns the endpoint to call: that of the region inside AWS, one on this machine elsewhere.
fn endpoint(env: &dyn Environment) -> Result<Option<String>, EnvironmentError> {
    let in_aws =
        env.var("LAMBDA_TASK_ROOT").as_deref() == Some(TASK_ROOT) && env.var(SAM_LOCAL).is_none();
    match (in_aws, env.var("AWS_ENDPOINT_URL")) {
        (true, None) => Ok(None),
        (true, Some(_)) => Err(EnvironmentError::EndpointInLambda),
        (false, Some(url)) if is_local(&url) => Ok(Some(url)),
        (false, _) => Err(EnvironmentError::NoLocalEndpoint),
    }
}

/// Says whether a URL is a host of this machine with nothing but a port behind it.
fn is_local(url: &str) -> bool {
    let Some(authority) = url.strip_prefix("http://") else {
        return false;
    };
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    LOCAL_HOSTS.iter().any(|host| {
        authority.strip_prefix(host).is_some_and(|port| {
            port.strip_prefix(':')
                .map_or(port.is_empty(), |port| port.parse::<u16>().is_ok())
        })
    })
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
            .interceptor(LeanRequests)
            // Lambda gives a process its credentials for life.
            .identity_cache($sdk::config::IdentityCache::no_cache())
            // Lambda keeps its clocks, and a signature is good for five minutes to either side.
            .disable_clock_skew_correction(true)
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
        let config = config!(self, aws_sdk_sqs).push_auth_scheme(self.signer("sqs"));
        aws_sdk_sqs::Client::from_conf(config.build())
    }

    /// Makes a client of Amazon `DynamoDB`.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let config = config!(self, aws_sdk_dynamodb).push_auth_scheme(self.signer("dynamodb"));
        aws_sdk_dynamodb::Client::from_conf(config.build())
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
        let config =
            config!(self, aws_sdk_secretsmanager).push_auth_scheme(self.signer("secretsmanager"));
        aws_sdk_secretsmanager::Client::from_conf(config.build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Vec<(&'static str, &'static str)>);

    impl Environment for Fixed {
        fn var(&self, name: &str) -> Option<String> {
            self.0
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        }
    }

    const CREDENTIALS: [(&str, &str); 3] = [
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
        ("AWS_REGION", "eu-west-1"),
    ];
    const RUNTIME: (&str, &str) = ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001");
    const ROOT: (&str, &str) = ("LAMBDA_TASK_ROOT", "/var/task");

    fn connect(variables: &[(&'static str, &'static str)]) -> Result<Connection, EnvironmentError> {
        let all = CREDENTIALS.iter().chain(variables).copied().collect();
        Connection::in_lambda(&Fixed(all), Patience::INGRESS)
    }

    #[test]
    fn outside_lambda_no_client_can_be_made() {
        assert!(matches!(connect(&[]), Err(EnvironmentError::NotLambda)));
    }

    #[test]
    fn inside_aws_no_endpoint_may_be_named() {
        assert_eq!(connect(&[RUNTIME, ROOT]).unwrap().endpoint, None);
        for url in ["https://elsewhere.example", "http://127.0.0.1:4566"] {
            let connected = connect(&[RUNTIME, ROOT, ("AWS_ENDPOINT_URL", url)]);
            assert!(matches!(connected, Err(EnvironmentError::EndpointInLambda)));
        }
    }

    #[test]
    fn an_emulator_has_to_name_an_endpoint_of_its_own_machine() {
        for place in [&[RUNTIME][..], &[RUNTIME, ROOT, (SAM_LOCAL, "true")]] {
            let named = |url| connect(&[place, &[("AWS_ENDPOINT_URL", url)]].concat());
            assert!(matches!(
                connect(place),
                Err(EnvironmentError::NoLocalEndpoint)
            ));
            for url in [
                "https://127.0.0.1:4566",
                "http://127.0.0.1.example",
                "http://127.0.0.1:4566@elsewhere.example",
                "http://localhost.example:80",
                "http://sqs.eu-west-1.amazonaws.com",
                "127.0.0.1:4566",
            ] {
                assert!(
                    matches!(named(url), Err(EnvironmentError::NoLocalEndpoint)),
                    "{url}"
                );
            }
            for url in [
                "http://127.0.0.1:4566",
                "http://[::1]:80/",
                "http://localhost",
                "http://host.docker.internal:4566",
            ] {
                assert_eq!(named(url).unwrap().endpoint.as_deref(), Some(url));
            }
        }
    }

    #[test]
    fn in_process_an_endpoint_is_always_named() {
        let tls = https::built_in_roots(None).unwrap();
        let http_client = https::client(tls, Patience::INGRESS.connect);
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
