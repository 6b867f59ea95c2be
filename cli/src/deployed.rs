//! A stack on AWS, as `--stack NAME` asks for it: found by its outputs, with the region and the
//! credentials that AWS's own tools would take (environment, profile, single sign-on, instance).
//!
//! No other module makes a client that would call AWS, and this one does so for a named stack only.

mod bus;
mod error;
mod secret;
mod time;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_smithy_types::timeout::TimeoutConfig;
use hyper_rustls::ConfigBuilderExt;
use rustls::ClientConfig;
use rustls::crypto::ring;
use switchhook_aws::connection::{Environment, ProcessEnvironment};
use switchhook_aws::dead_letters::DeadLetters;
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_aws::https;
use switchhook_aws::s3::S3Bodies;
use switchhook_aws::sqs::SqsQueue;
use switchhook_core::config::Sources;
use switchhook_core::ports::PortError;
use switchhook_core::time::Clock;

pub(crate) use self::bus::Bus;
pub use self::error::{DeployedError, advice};
pub(crate) use self::secret::{MAX_SECRET_BYTES, SourcesSecret};

/// What every deployed stack tells of itself.
pub(crate) const OUTPUTS: [&str; 8] = [
    WEBHOOKS_URL,
    HEALTH_URL,
    TABLE_NAME,
    BODIES_BUCKET,
    QUEUE_URL,
    DEAD_LETTER_QUEUE_URL,
    SOURCES_SECRET_ARN,
    RETENTION_DAYS,
];
pub(crate) const WEBHOOKS_URL: &str = "WebhooksUrl";
pub(crate) const HEALTH_URL: &str = "HealthUrl";
pub(crate) const TABLE_NAME: &str = "TableName";
pub(crate) const BODIES_BUCKET: &str = "BodiesBucket";
pub(crate) const QUEUE_URL: &str = "QueueUrl";
pub(crate) const DEAD_LETTER_QUEUE_URL: &str = "DeadLetterQueueUrl";
pub(crate) const SOURCES_SECRET_ARN: &str = "SourcesSecretArn";
pub(crate) const RETENTION_DAYS: &str = "RetentionDays";
/// Only of a stack with a bus.
const BUS_NAME: &str = "BusName";

/// What the URLs of sources go on from.
const WEBHOOKS: &str = "/webhooks";

/// How long one attempt of a call may take: a person waits.
const ATTEMPT: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(5);

/// A receive that waits for nothing may overlook letters on AWS.
const WAIT_SECS: i32 = 1;

/// Returns a configuration of TLS that trusts what this machine trusts.
fn machine_roots() -> Result<ClientConfig, PortError> {
    const READING: &str = "reading whom this machine trusts";
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| PortError::new(READING, error))?;
    let trusting = builder.with_native_roots();
    let trusting = trusting.map_err(|error| PortError::new(READING, error))?;
    Ok(trusting.with_no_client_auth())
}

/// How the last deployment of a stack ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Deployment {
    /// As it should.
    Done,
    /// Not yet.
    UnderWay,
    /// It failed, and the stack is as it was before.
    TakenBack,
    /// It failed, and so did taking it back.
    Stuck,
}

/// A stack that was found.
#[derive(Clone, Debug)]
pub struct Deployed {
    name: String,
    status: String,
    outputs: HashMap<String, String>,
    sdk: SdkConfig,
}

impl Deployed {
    /// Finds a stack.
    ///
    /// # Errors
    ///
    /// Without a region, and when CloudFormation does not tell of it.
    pub async fn open(name: String) -> Result<Self, DeployedError> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(ATTEMPT);
        let sdk = aws_config::defaults(BehaviorVersion::latest())
            .http_client(https::client(machine_roots()?, CONNECT))
            .timeout_config(timeouts.build())
            .load()
            .await;
        let Some(region) = sdk.region().map(ToString::to_string) else {
            return Err(DeployedError::NoRegion);
        };
        let client = aws_sdk_cloudformation::Client::new(&sdk);
        let described = client.describe_stacks().stack_name(&name).send().await;
        let absent = || DeployedError::Absent {
            name: name.clone(),
            region: region.clone(),
            credentials: credentials_in_use(&ProcessEnvironment),
        };
        let stacks = match described {
            Ok(described) => described.stacks.unwrap_or_default(),
            Err(error)
                if error.code() == Some("ValidationError")
                    && error
                        .message()
                        .is_some_and(|m| m.contains("does not exist")) =>
            {
                return Err(absent());
            }
            Err(error) => return Err(PortError::new("looking for the stack", error).into()),
        };
        let stack = stacks.into_iter().next().ok_or_else(absent)?;
        let status = stack
            .stack_status
            .as_ref()
            .map_or("", |status| status.as_str());
        if is_unusable(status) {
            return Err(DeployedError::Unusable {
                stack: name,
                status: status.to_owned(),
            });
        }
        let status = status.to_owned();
        let outputs = stack.outputs.unwrap_or_default().into_iter();
        Ok(Self {
            name,
            status,
            outputs: outputs
                .filter_map(|output| Some((output.output_key?, output.output_value?)))
                .collect(),
            sdk,
        })
    }

    /// Returns its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns CloudFormation's word for how it is, and where it is.
    pub(crate) fn status(&self) -> String {
        let region = self.sdk.region().map(AsRef::as_ref).unwrap_or_default();
        format!("{} in {region}", self.status)
    }

    /// Tells how its last deployment ended.
    pub(crate) fn deployment(&self) -> Deployment {
        match self.status.as_str() {
            "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => Deployment::Done,
            status if status.ends_with("_FAILED") => Deployment::Stuck,
            status if status.ends_with("_IN_PROGRESS") => Deployment::UnderWay,
            _ => Deployment::TakenBack,
        }
    }

    /// Returns an output.
    ///
    /// # Errors
    ///
    /// When there is none of this name.
    pub(crate) fn output(&self, name: &'static str) -> Result<&str, DeployedError> {
        let output = self.outputs.get(name).map(String::as_str);
        output.ok_or_else(|| DeployedError::NoOutput {
            stack: self.name.clone(),
            output: name,
        })
    }

    /// Returns the ledger.
    pub(crate) fn ledger(&self) -> Result<DynamoDbLedger, DeployedError> {
        let client = aws_sdk_dynamodb::Client::new(&self.sdk);
        let table = self.output(TABLE_NAME)?.to_owned();
        Ok(DynamoDbLedger::new(client, table))
    }

    /// Returns the store of large bodies.
    pub(crate) fn bodies(&self) -> Result<S3Bodies, DeployedError> {
        Ok(S3Bodies::new(
            self.s3(),
            self.output(BODIES_BUCKET)?.to_owned(),
        ))
    }

    /// Returns a client of Amazon S3; a local AWS has no host name for each bucket.
    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.sdk);
        let config = config.force_path_style(self.is_local());
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// Returns the dead-letter queue.
    pub(crate) fn dead_letters(&self, clock: Arc<dyn Clock>) -> Result<DeadLetters, DeployedError> {
        let url = self.output(DEAD_LETTER_QUEUE_URL)?.to_owned();
        let queue_url = self.output(QUEUE_URL)?.to_owned();
        Ok(DeadLetters::new(
            self.sqs(),
            url,
            queue_url,
            WAIT_SECS,
            clock,
        ))
    }

    /// Returns the queue of events.
    pub(crate) fn queue(&self) -> Result<SqsQueue, DeployedError> {
        let url = self.output(QUEUE_URL)?.to_owned();
        Ok(SqsQueue::new(self.sqs(), url))
    }

    /// Returns a client of Amazon SQS.
    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.sdk)
    }

    /// Returns a client of Amazon CloudWatch.
    pub(crate) fn cloudwatch(&self) -> aws_sdk_cloudwatch::Client {
        aws_sdk_cloudwatch::Client::new(&self.sdk)
    }

    /// Returns the event bus.
    pub(crate) fn bus(&self) -> Result<Bus, DeployedError> {
        let name = self.outputs.get(BUS_NAME).cloned();
        let name = name.ok_or_else(|| DeployedError::NoBus {
            stack: self.name.clone(),
        })?;
        Ok(Bus::new(aws_sdk_eventbridge::Client::new(&self.sdk), name))
    }

    /// Returns the secret that holds the sources document.
    pub(crate) fn secret(&self) -> Result<SourcesSecret, DeployedError> {
        let client = aws_sdk_secretsmanager::Client::new(&self.sdk);
        let id = self.output(SOURCES_SECRET_ARN)?.to_owned();
        Ok(SourcesSecret::new(client, id))
    }

    /// Returns the sources that the stack takes deliveries of.
    pub(crate) async fn sources(&self) -> Result<Sources, DeployedError> {
        let document = self.secret()?.read().await?;
        let document = document.ok_or_else(|| DeployedError::Unconfigured {
            stack: self.name.clone(),
        })?;
        Sources::from_json(&document).map_err(DeployedError::Refused)
    }

    /// Returns the address before `/webhooks`.
    pub(crate) fn url(&self) -> Result<&str, DeployedError> {
        let url = self.output(WEBHOOKS_URL)?;
        Ok(url.strip_suffix(WEBHOOKS).unwrap_or(url))
    }

    /// Returns an address to be called, unless it is on AWS while a local AWS is spoken to: then the
    /// stack is not behind it, but perhaps somebody else is.
    pub(crate) fn reachable<'a>(&self, url: &'a str) -> Result<&'a str, DeployedError> {
        if self.is_local() && url.starts_with("https://") {
            let url = url.to_owned();
            return Err(DeployedError::Elsewhere { url });
        }
        Ok(url)
    }

    fn is_local(&self) -> bool {
        let endpoint = self.sdk.endpoint_url();
        endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"))
    }

    /// Returns the most days that records live.
    pub(crate) fn retention_days(&self) -> Result<u16, DeployedError> {
        let days = self.output(RETENTION_DAYS)?;
        days.parse().map_err(|_| DeployedError::NoOutput {
            stack: self.name.clone(),
            output: RETENTION_DAYS,
        })
    }
}

/// Tells whether a stack in this state has nothing that could be used. One whose update failed has.
fn is_unusable(status: &str) -> bool {
    let beginnings = ["CREATE_", "ROLLBACK_", "DELETE_", "REVIEW_"];
    status != "CREATE_COMPLETE" && beginnings.iter().any(|begin| status.starts_with(begin))
}

/// Says whose credentials are in use, without any of them.
fn credentials_in_use(env: &dyn Environment) -> String {
    match (env.var("AWS_PROFILE"), env.var("AWS_ACCESS_KEY_ID")) {
        (Some(profile), _) => format!("the profile `{profile}`"),
        (None, Some(_)) => "the keys of the environment".to_owned(),
        (None, None) => "the default profile".to_owned(),
    }
}
