//! The laptop's DynamoDB, and the AWS SDK's way to it without a socket.
//!
//! `dynoxide` is DynamoDB on SQLite; [`DynamoDb::call`] maps operations to it, and [`http_client`]
//! gives them to an `aws_sdk_dynamodb::Client`. SQLite blocks and does one thing at a time, so one
//! thread does all of it.
//!
//! What is absent: streams, which slow every write down, and PartiQL.

use std::io;
use std::path::Path;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::worker::Worker;

const TARGET: &str = "x-amz-target";
const TARGET_PREFIX: &str = "DynamoDB_20120810.";

/// What `dynoxide` puts before messages of its own that serde carries.
const MARKERS: [&str; 3] = ["VALIDATION:", "VALIDATION_REQUEST:", "SERIALIZATION:"];

/// Why the database does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its file cannot be read, or is damaged.
    #[error("its file failed")]
    File(#[from] DynoxideError),
    /// The machine has no thread left.
    #[error("its thread does not start")]
    Thread(#[from] io::Error),
}

/// The database in a file; cheap to clone.
#[derive(Clone)]
pub struct DynamoDb {
    database: Database,
    worker: Arc<Worker>,
}

impl std::fmt::Debug for DynamoDb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DynamoDb")
    }
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// JSON.
    pub body: String,
}

impl DynamoDb {
    /// Opens the file, or makes a new one.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened, or no thread started.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self {
            database: Database::new(&path.to_string_lossy())?,
            worker: Arc::new(Worker::start("dynamodb")?),
        })
    }

    /// Returns what is below the protocol.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// Answers one request of the DynamoDB JSON protocol, for instance `PutItem`. One that nobody
    /// waits for any more is done all the same.
    pub async fn call(&self, operation: &str, body: &[u8]) -> Answer {
        match self.run(operation, body).await {
            Ok(body) => Answer { status: 200, body },
            Err(err) => {
                if err.status_code() >= 500 {
                    tracing::error!(operation, error = %err, "database request failed");
                }
                Answer {
                    status: err.status_code(),
                    body: err.to_json(),
                }
            }
        }
    }

    async fn run(&self, operation: &str, body: &[u8]) -> dynoxide::Result<String> {
        let (work, database) = (read(operation, body)?, self.database.clone());
        let done = self.worker.run(move || work(&database)).await;
        done.unwrap_or_else(|stopped| Err(DynoxideError::InternalServerError(stopped.to_string())))
    }
}

/// Returns an HTTP client by which an `aws_sdk_dynamodb::Client` talks to this database in process.
#[must_use]
pub fn http_client(db: DynamoDb) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Connector(db));
    http_client_fn(move |_, _| connector.clone())
}

/// A request that is read: all that is left is what only one can do at a time.
type Work = Box<dyn FnOnce(&Database) -> dynoxide::Result<String> + Send>;

fn read(operation: &str, body: &[u8]) -> dynoxide::Result<Work> {
    match operation {
        "BatchGetItem" => work(body, Database::batch_get_item),
        "BatchWriteItem" => work(body, Database::batch_write_item),
        "CreateTable" => work(body, Database::create_table),
        "DeleteItem" => work(body, Database::delete_item),
        "DeleteTable" => work(body, Database::delete_table),
        "DescribeTable" => work(body, Database::describe_table),
        "DescribeTimeToLive" => work(body, Database::describe_time_to_live),
        "GetItem" => work(body, Database::get_item),
        "ListTables" => work(body, Database::list_tables),
        "PutItem" => work(body, Database::put_item),
        "Query" => work(body, Database::query),
        "Scan" => work(body, Database::scan),
        "TransactGetItems" => work(body, Database::transact_get_items),
        "TransactWriteItems" => work(body, Database::transact_write_items),
        "UpdateItem" => work(body, Database::update_item),
        "UpdateTimeToLive" => work(body, Database::update_time_to_live),
        _ => {
            let message = "the laptop's database does not know the operation";
            Err(DynoxideError::ValidationException(message.to_owned()))
        }
    }
}

fn work<Request: DeserializeOwned + Send + 'static, Response: Serialize>(
    body: &[u8],
    operation: impl FnOnce(&Database, Request) -> dynoxide::Result<Response> + Send + 'static,
) -> dynoxide::Result<Work> {
    let request = serde_json::from_slice(body).map_err(|err| unreadable(&err))?;
    Ok(Box::new(move |database| {
        let response = operation(database, request)?;
        serde_json::to_string(&response).map_err(|err| {
            DynoxideError::InternalServerError(format!("unwritable response: {err}"))
        })
    }))
}

/// Keeps the words of `dynoxide` but not those of serde, which may quote an item.
fn unreadable(err: &serde_json::Error) -> DynoxideError {
    let text = err.to_string();
    let marked = MARKERS.iter().find_map(|marker| text.strip_prefix(marker));
    let message = match marked {
        Some(message) => {
            let end = format!(" at line {} column {}", err.line(), err.column());
            message.strip_suffix(&end).unwrap_or(message).to_owned()
        }
        None => {
            let (line, column) = (err.line(), err.column());
            format!("not the JSON of this operation, at line {line} column {column}")
        }
    };
    DynoxideError::ValidationException(message)
}

#[derive(Debug)]
struct Connector(DynamoDb);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let db = self.0.clone();
        HttpConnectorFuture::new(async move { answer(&db, &request).await })
    }
}

async fn answer(db: &DynamoDb, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let target = request
        .headers()
        .get(TARGET)
        .and_then(|target| target.strip_prefix(TARGET_PREFIX));
    let Some(operation) = target else {
        return Err(ConnectorError::user(
            "not a request of the DynamoDB JSON protocol".into(),
        ));
    };
    let Some(body) = request.body().bytes() else {
        return Err(ConnectorError::user(
            "a streaming body cannot be sent in process".into(),
        ));
    };
    let answer = db.call(operation, body).await;
    let response = http::Response::builder()
        .status(answer.status)
        .header(http::header::CONTENT_TYPE, "application/x-amz-json-1.0")
        .body(SdkBody::from(answer.body))
        .map_err(|err| ConnectorError::other(err.into(), None))?;
    HttpResponse::try_from(response).map_err(|err| ConnectorError::other(err.into(), None))
}
