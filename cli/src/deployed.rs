//! A stack on AWS, as `--stack NAME` asks for it: found by its outputs, with the region and the
//! credentials that AWS's own tools would take (environment, profile, single sign-on, instance).
//!
//! No other module makes a client that would call AWS, and this one does so for a named stack only.

mod account;
mod bus;
mod consumer;
mod depth;
mod error;
mod secret;
mod time;

use std::sync::Arc;

use switchhook_aws::dead_letters::DeadLetters;
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_aws::s3::S3Bodies;
use switchhook_aws::sqs::SqsQueue;
use switchhook_core::config::Sources;
use switchhook_core::time::Clock;

pub(crate) use self::account::{Account, Description, credentials_in_use};
pub(crate) use self::bus::Bus;
pub(crate) use self::consumer::{CONSUMER_EVENT_SOURCE, DISABLED, ENABLED};
pub(crate) use self::depth::Depth;
pub(crate) use self::error::is_absent;
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
/// Outputs that not every stack has: by its parameters, or since its template is older.
pub(crate) const INGRESS_FUNCTION: &str = "IngressFunction";
pub(crate) const CONSUMER_FUNCTION: &str = "ConsumerFunction";
pub(crate) const ALARM_TOPIC: &str = "AlarmTopic";
pub(crate) const PIPE_NAME: &str = "PipeName";

/// The largest body that reaches the ingress of a stack, 4.4 MiB.
///
/// Lambda takes an event of 6 MB (6,291,456 bytes), in which API Gateway writes a body that is not text
/// as base64, a third longer: 4,613,734 bytes become 6,151,648, and 139,808 are left for headers, path and
/// what else the event says of the request (headers and request line are at most 10,240 bytes).
pub(crate) const MAX_STACK_BODY_BYTES: usize = 4_613_734;

/// What the URLs of sources go on from.
const WEBHOOKS: &str = "/webhooks";

/// A receive that waits for nothing may overlook letters on AWS.
const WAIT_SECS: i32 = 1;

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
    description: Description,
    account: Account,
    /// The table to read instead of the stack's own.
    table: Option<String>,
}

impl Deployed {
    /// Finds a stack.
    ///
    /// # Errors
    ///
    /// Without a region, and when CloudFormation knows no usable stack of this name.
    pub async fn open(name: String) -> Result<Self, DeployedError> {
        let account = Account::open().await?;
        let Some(description) = account.describe(&name).await? else {
            return Err(DeployedError::Absent {
                name,
                region: account.region().to_owned(),
                credentials: credentials_in_use(),
            });
        };
        if is_unusable(&description.status) {
            return Err(DeployedError::Unusable {
                stack: name,
                status: description.status,
            });
        }
        Ok(Self {
            name,
            description,
            account,
            table: None,
        })
    }

    /// Reads another table than the stack's own from now on.
    #[must_use]
    pub(crate) fn with_table(self, table: Option<String>) -> Self {
        Self { table, ..self }
    }

    /// Returns its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns CloudFormation's word for how it is, and where it is.
    pub(crate) fn status(&self) -> String {
        format!("{} in {}", self.description.status, self.account.region())
    }

    /// Tells how its last deployment ended.
    pub(crate) fn deployment(&self) -> Deployment {
        match self.description.status.as_str() {
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
        self.optional_output(name)
            .ok_or_else(|| DeployedError::NoOutput {
                stack: self.name.clone(),
                output: name,
            })
    }

    /// Returns an output that not every stack has.
    pub(crate) fn optional_output(&self, name: &str) -> Option<&str> {
        let output = self.description.outputs.get(name).map(String::as_str);
        output.filter(|output| !output.is_empty())
    }

    /// Returns what a parameter was deployed with; `None` where it is empty or the template has none.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let value = self.description.parameters.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// Reports whether recorded events are handed on to a bus.
    pub(crate) fn has_bus(&self) -> bool {
        self.optional_output(BUS_NAME).is_some()
    }

    /// Returns the name of the table.
    pub(crate) fn table(&self) -> Result<&str, DeployedError> {
        match &self.table {
            Some(table) => Ok(table),
            None => self.output(TABLE_NAME),
        }
    }

    /// Returns the ledger.
    pub(crate) fn ledger(&self) -> Result<DynamoDbLedger, DeployedError> {
        let table = self.table()?.to_owned();
        Ok(DynamoDbLedger::new(self.dynamodb(), table))
    }

    /// Returns a client of Amazon DynamoDB.
    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.account.sdk)
    }

    /// Returns a client of AWS Lambda.
    pub(crate) fn functions(&self) -> aws_sdk_lambda::Client {
        self.account.functions()
    }

    /// Returns a client of Amazon EventBridge Pipes.
    pub(crate) fn pipes(&self) -> aws_sdk_pipes::Client {
        aws_sdk_pipes::Client::new(&self.account.sdk)
    }

    /// Returns a client of Amazon SNS.
    pub(crate) fn sns(&self) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.account.sdk)
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
        let config = aws_sdk_s3::config::Builder::from(&self.account.sdk);
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
        aws_sdk_sqs::Client::new(&self.account.sdk)
    }

    /// Returns a client of Amazon CloudWatch.
    pub(crate) fn cloudwatch(&self) -> aws_sdk_cloudwatch::Client {
        aws_sdk_cloudwatch::Client::new(&self.account.sdk)
    }

    /// Returns the event bus.
    pub(crate) fn bus(&self) -> Result<Bus, DeployedError> {
        let name = self.optional_output(BUS_NAME).map(str::to_owned);
        let name = name.ok_or_else(|| DeployedError::NoBus {
            stack: self.name.clone(),
        })?;
        Ok(Bus::new(
            aws_sdk_eventbridge::Client::new(&self.account.sdk),
            name,
        ))
    }

    /// Returns the secret that holds the sources document.
    pub(crate) fn secret(&self) -> Result<SourcesSecret, DeployedError> {
        let client = aws_sdk_secretsmanager::Client::new(&self.account.sdk);
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
        let endpoint = self.account.sdk.endpoint_url();
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
