//! The whole receiver in one process: the real functions, the real AWS SDK adapters, and the
//! laptop's queue and database behind them.

use std::path::PathBuf;
use std::sync::Arc;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};
use aws_sdk_sqs::types::QueueAttributeName;
use consumer::batch::Consumer;
use consumer::commit::Committer;
use consumer::routes::routes;
use ingress::service::Ingress;
use ingress::sources::SourceCache;
use jiff::SignedDuration;
use switchhook_aws::connection::{Connection, Patience};
use switchhook_aws::dead_letters::DeadLetters;
use switchhook_aws::dynamodb::item::SHARD;
use switchhook_aws::dynamodb::{DynamoDbLedger, TIME_INDEX};
use switchhook_aws::sqs::SqsQueue;
use switchhook_core::ports::{Ledger, SourceStore};
use switchhook_core::time::{Clock, Timestamp};

use super::bodies::FileBodies;
use super::counts::{CountedQueue, Counts, CountsError};
use super::data_dir::DataDir;
use super::dynamodb::{self, DynamoDb};
use super::poller::{self, Poller};
use super::sqs::{self, Queues, StorageError};

/// The table's name on the laptop.
const TABLE: &str = "switchhook";
const QUEUE: &str = "switchhook.fifo";
const DEAD_LETTER_QUEUE: &str = "switchhook-dead-letters.fifo";

/// As in the template: six times the consumer's time-out.
const VISIBILITY_SECS: &str = "180";
/// Fourteen days, the longest that SQS keeps a message.
const RETENTION_SECS: &str = "1209600";

/// Why the stack does not come up.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The queue's file.
    #[error("the queue cannot be opened")]
    Queue(#[from] StorageError),
    /// The ledger's file.
    #[error("the ledger cannot be opened")]
    Ledger(#[from] dynamodb::OpenError),
    /// The file of counted deliveries.
    #[error(transparent)]
    Counts(#[from] CountsError),
    /// The folder of large bodies.
    #[error("large bodies cannot be forgotten")]
    Bodies(#[source] std::io::Error),
    /// A queue or the table cannot be made.
    #[error("{making} cannot be made")]
    Make {
        /// What.
        making: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StackError {
    fn making(
        making: &'static str,
    ) -> impl FnOnce(Box<dyn std::error::Error + Send + Sync>) -> Self {
        move |source| Self::Make { making, source }
    }
}

/// What the stack is made of.
pub struct StackParts {
    /// The folder of its files.
    pub data: PathBuf,
    /// Where the sources document comes from.
    pub sources: Arc<dyn SourceStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for StackParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StackParts")
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}

/// The receiver, ready to serve.
pub struct Stack {
    ingress: Ingress,
    poller: Poller,
    ledger: DynamoDbLedger,
    bodies: FileBodies,
    clock: Arc<dyn Clock>,
    queues: Queues,
    dynamodb: DynamoDb,
    sqs: aws_sdk_sqs::Client,
    dead_letter_url: String,
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stack")
            .field("poller", &self.poller)
            .finish_non_exhaustive()
    }
}

impl Stack {
    /// Opens or makes the files of a folder and puts the receiver together.
    ///
    /// # Errors
    ///
    /// When a file cannot be opened or is damaged.
    pub async fn open(parts: StackParts) -> Result<Self, StackError> {
        Self::open_with(parts, |ledger| Arc::new(ledger)).await
    }

    /// Opens the same, with a ledger for the consumer that `wrap` makes of the real one.
    ///
    /// # Errors
    ///
    /// When a file cannot be opened or is damaged.
    pub async fn open_with(
        parts: StackParts,
        wrap: impl FnOnce(DynamoDbLedger) -> Arc<dyn Ledger>,
    ) -> Result<Self, StackError> {
        let data = DataDir::new(parts.data);
        let dynamodb = open_dynamodb(&data)?;
        let queues = open_queues(&data, Arc::clone(&parts.clock))?;

        let client = client(&dynamodb);
        create_table(&client).await?;
        let ledger = DynamoDbLedger::new(client, TABLE.to_owned());
        let files = FileBodies::new(data.bodies());
        let bodies = Arc::new(files.clone());

        let sqs = Connection::in_process(sqs::http_client(queues.clone()), Patience::INGRESS).sqs();
        let (queue_url, dead_letter_url) = create_queues(&sqs).await?;
        let queue = SqsQueue::new(sqs.clone(), queue_url.clone());
        let counted = Arc::new(CountedQueue {
            queue: queue.clone(),
            counts: Counts::open(&data.counts())?,
        });
        let dead_letters = Arc::new(SqsQueue::new(sqs.clone(), dead_letter_url.clone()));

        let sources = SourceCache::new(parts.sources, Arc::clone(&parts.clock));
        let (for_bodies, for_ingress) = (Arc::clone(&bodies), Arc::clone(&parts.clock));
        let ingress = Ingress::new(sources, counted, for_bodies, for_ingress);
        let committer = Committer::new(
            wrap(ledger.clone()),
            bodies,
            Arc::clone(&parts.clock),
            routes(),
        );
        let queue = Arc::new(queue);
        let consumer = Consumer::new(committer, queue, dead_letters, Arc::clone(&parts.clock));
        let long_polls = Connection::in_process(sqs::http_client(queues.clone()), poller::PATIENCE);
        let poller = Poller::new(
            long_polls.sqs(),
            queue_url,
            consumer,
            Arc::clone(&parts.clock),
        );
        Ok(Self {
            ingress,
            poller,
            ledger,
            bodies: files,
            clock: parts.clock,
            queues,
            dynamodb,
            sqs,
            dead_letter_url,
        })
    }

    /// Returns the ingress.
    #[must_use]
    pub const fn ingress(&self) -> &Ingress {
        &self.ingress
    }

    /// Returns what plays Lambda's event source mapping.
    #[must_use]
    pub const fn poller(&self) -> &Poller {
        &self.poller
    }

    /// Returns the ledger.
    #[must_use]
    pub const fn ledger(&self) -> &DynamoDbLedger {
        &self.ledger
    }

    /// Returns the queues.
    #[must_use]
    pub const fn queues(&self) -> &Queues {
        &self.queues
    }

    /// Returns the database under the ledger.
    #[must_use]
    pub const fn dynamodb(&self) -> &DynamoDb {
        &self.dynamodb
    }

    /// Forgets records past their time, and large bodies that no record or message points to any
    /// more: those outlive their records by as long as a message may wait in both queues.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or deleted.
    pub async fn sweep(&self, retention_days: u16) -> Result<(), StackError> {
        let days = SignedDuration::from_hours(
            i64::from(retention_days)
                .saturating_add(28)
                .saturating_mul(24),
        );
        let before = self.clock.now().checked_sub(days).unwrap_or(Timestamp::MIN);
        let (dynamodb, bodies) = (self.dynamodb.clone(), self.bodies.clone());
        let swept = tokio::task::spawn_blocking(move || {
            let swept = dynamodb.database().sweep_ttl();
            swept.map_err(dynamodb::OpenError::from)?;
            bodies.forget_before(before).map_err(StackError::Bodies)
        });
        swept
            .await
            .map_err(|error| StackError::Bodies(error.into()))?
    }

    /// Runs the consumer until no message is visible.
    ///
    /// # Errors
    ///
    /// When the queue cannot be read.
    pub async fn drain(&self) -> Result<(), poller::PollError> {
        while self.poller.poll_once(0).await? > 0 {}
        Ok(())
    }

    /// Returns the bodies and reasons of the dead letters that are visible.
    ///
    /// # Errors
    ///
    /// When the queue cannot be read.
    pub async fn dead_letters(
        &self,
    ) -> Result<Vec<aws_sdk_sqs::types::Message>, poller::PollError> {
        poller::receive(&self.sqs, &self.dead_letter_url, 0).await
    }
}

/// Opens the ledger's file without making a table: for commands that only look.
///
/// # Errors
///
/// When the file is damaged.
pub fn open_ledger(data: &DataDir) -> Result<DynamoDbLedger, StackError> {
    let client = client(&open_dynamodb(data)?);
    Ok(DynamoDbLedger::new(client, TABLE.to_owned()))
}

/// Opens the queues' file for the dead letters, whether `local` runs or not.
///
/// # Errors
///
/// When the file is damaged.
pub async fn open_dead_letters(
    data: &DataDir,
    clock: Arc<dyn Clock>,
) -> Result<DeadLetters, StackError> {
    let queues = open_queues(data, Arc::clone(&clock))?;
    let sqs = Connection::in_process(sqs::http_client(queues), Patience::CONSUMER).sqs();
    let (queue_url, url) = create_queues(&sqs).await?;
    // Here a receive overlooks nothing: it need not wait.
    Ok(DeadLetters::new(sqs, url, queue_url, 0, clock))
}

/// Opens the queue of events, whether `local` runs or not.
///
/// # Errors
///
/// When the file is damaged.
pub async fn open_queue(data: &DataDir, clock: Arc<dyn Clock>) -> Result<SqsQueue, StackError> {
    let queues = open_queues(data, clock)?;
    let sqs = Connection::in_process(sqs::http_client(queues), Patience::CONSUMER).sqs();
    let (queue_url, _) = create_queues(&sqs).await?;
    Ok(SqsQueue::new(sqs, queue_url))
}

fn open_queues(data: &DataDir, clock: Arc<dyn Clock>) -> Result<Queues, StorageError> {
    let millis = move || u64::try_from(clock.now().as_millisecond()).unwrap_or_default();
    Queues::open(&data.queue(), Arc::new(millis))
}

fn open_dynamodb(data: &DataDir) -> Result<DynamoDb, StackError> {
    Ok(DynamoDb::open(&data.ledger())?)
}

fn client(dynamodb: &DynamoDb) -> aws_sdk_dynamodb::Client {
    let http_client = dynamodb::http_client(dynamodb.clone());
    Connection::in_process(http_client, Patience::CONSUMER).dynamodb()
}

/// Makes the queues as the template does; what is there already stays.
async fn create_queues(sqs: &aws_sdk_sqs::Client) -> Result<(String, String), StackError> {
    let dead_letters = create_queue(sqs, DEAD_LETTER_QUEUE, None).await?;
    let arn = format!("arn:aws:sqs:us-east-1:000000000000:{DEAD_LETTER_QUEUE}");
    let redrive = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":1000}}"#);
    Ok((create_queue(sqs, QUEUE, Some(redrive)).await?, dead_letters))
}

async fn create_queue(
    sqs: &aws_sdk_sqs::Client,
    name: &str,
    redrive: Option<String>,
) -> Result<String, StackError> {
    let mut create = sqs
        .create_queue()
        .queue_name(name)
        .attributes(QueueAttributeName::FifoQueue, "true")
        .attributes(QueueAttributeName::DeduplicationScope, "messageGroup")
        .attributes(QueueAttributeName::FifoThroughputLimit, "perMessageGroupId")
        .attributes(QueueAttributeName::VisibilityTimeout, VISIBILITY_SECS)
        .attributes(QueueAttributeName::MessageRetentionPeriod, RETENTION_SECS);
    if let Some(redrive) = redrive {
        create = create.attributes(QueueAttributeName::RedrivePolicy, redrive);
    }
    let failed = StackError::making("the queue");
    match create.send().await {
        Ok(created) => Ok(created.queue_url.unwrap_or_default()),
        Err(error) => Err(failed(error.into())),
    }
}

/// Makes the table as the template does; one that is there already stays.
async fn create_table(client: &aws_sdk_dynamodb::Client) -> Result<(), StackError> {
    let create = table(client).map_err(|e| StackError::making("the table")(e.into()))?;
    match create.send().await {
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|e| e.is_resource_in_use_exception()) =>
        {
            return Ok(());
        }
        created => created.map_err(|e| StackError::making("the table")(e.into()))?,
    };
    let expiry = TimeToLiveSpecification::builder()
        .attribute_name("expires_at")
        .enabled(true);
    let expiry = expiry
        .build()
        .map_err(|e| StackError::making("the table")(e.into()))?;
    let update = client
        .update_time_to_live()
        .table_name(TABLE)
        .time_to_live_specification(expiry);
    update
        .send()
        .await
        .map(drop)
        .map_err(|e| StackError::making("the table")(e.into()))
}

fn table(
    client: &aws_sdk_dynamodb::Client,
) -> Result<
    aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder,
    aws_sdk_dynamodb::error::BuildError,
> {
    use ScalarAttributeType::{N, S};
    let attribute = |name: &str, kind| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(kind)
            .build()
    };
    let key = |name: &str, kind| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
    };
    let projection = Projection::builder()
        .projection_type(ProjectionType::Include)
        .non_key_attributes("id")
        .non_key_attributes("kind");
    let index = GlobalSecondaryIndex::builder()
        .index_name(TIME_INDEX)
        .key_schema(key(SHARD, KeyType::Hash)?)
        .key_schema(key("received_at", KeyType::Range)?)
        .projection(projection.build())
        .build()?;
    Ok(client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute("pk", S)?)
        .attribute_definitions(attribute("sk", S)?)
        .attribute_definitions(attribute(SHARD, S)?)
        .attribute_definitions(attribute("received_at", N)?)
        .key_schema(key("pk", KeyType::Hash)?)
        .key_schema(key("sk", KeyType::Range)?)
        .global_secondary_indexes(index))
}
