//! The AWS SDK's way to the laptop's DynamoDB without a socket.
//!
//! `dynoxide` is DynamoDB on SQLite; [`call`] maps operations to it, and [`http_client`] gives them
//! to an `aws_sdk_dynamodb::Client`. SQLite blocks, so every operation runs on a thread for blocking
//! work.
//!
//! What is absent: streams, which slow every write down, and PartiQL.

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

const TARGET: &str = "x-amz-target";
const TARGET_PREFIX: &str = "DynamoDB_20120810.";

/// What `dynoxide` puts before messages of its own that serde carries.
const MARKERS: [&str; 3] = ["VALIDATION:", "VALIDATION_REQUEST:", "SERIALIZATION:"];

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// JSON.
    pub body: String,
}

/// Returns an HTTP client by which an `aws_sdk_dynamodb::Client` talks to this database in process.
#[must_use]
pub fn http_client(db: Database) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Connector(db));
    http_client_fn(move |_, _| connector.clone())
}

/// Answers one request of the DynamoDB JSON protocol, for instance `PutItem`.
pub async fn call(db: Database, operation: &str, body: &[u8]) -> Answer {
    let (name, body) = (operation.to_owned(), body.to_vec());
    let stopped = |_| {
        Err(DynoxideError::InternalServerError(
            "the worker stopped".to_owned(),
        ))
    };
    let result = tokio::task::spawn_blocking(move || dispatch(&db, &name, &body))
        .await
        .unwrap_or_else(stopped);
    match result {
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

fn dispatch(db: &Database, operation: &str, body: &[u8]) -> dynoxide::Result<String> {
    match operation {
        "BatchGetItem" => run(body, |request| db.batch_get_item(request)),
        "BatchWriteItem" => run(body, |request| db.batch_write_item(request)),
        "CreateTable" => run(body, |request| db.create_table(request)),
        "DeleteItem" => run(body, |request| db.delete_item(request)),
        "DeleteTable" => run(body, |request| db.delete_table(request)),
        "DescribeTable" => run(body, |request| db.describe_table(request)),
        "DescribeTimeToLive" => run(body, |request| db.describe_time_to_live(request)),
        "GetItem" => run(body, |request| db.get_item(request)),
        "ListTables" => run(body, |request| db.list_tables(request)),
        "PutItem" => run(body, |request| db.put_item(request)),
        "Query" => run(body, |request| db.query(request)),
        "Scan" => run(body, |request| db.scan(request)),
        "TransactGetItems" => run(body, |request| db.transact_get_items(request)),
        "TransactWriteItems" => run(body, |request| db.transact_write_items(request)),
        "UpdateItem" => run(body, |request| db.update_item(request)),
        "UpdateTimeToLive" => run(body, |request| db.update_time_to_live(request)),
        _ => {
            let message = "the laptop's database does not know the operation";
            Err(DynoxideError::ValidationException(message.to_owned()))
        }
    }
}

fn run<Request: DeserializeOwned, Response: Serialize>(
    body: &[u8],
    operation: impl FnOnce(Request) -> dynoxide::Result<Response>,
) -> dynoxide::Result<String> {
    let request = serde_json::from_slice(body).map_err(|err| unreadable(&err))?;
    let response = operation(request)?;
    serde_json::to_string(&response)
        .map_err(|err| DynoxideError::InternalServerError(format!("unwritable response: {err}")))
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

struct Connector(Database);

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let db = self.0.clone();
        HttpConnectorFuture::new(async move { answer(db, &request).await })
    }
}

async fn answer(db: Database, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
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
    let answer = call(db, operation, body).await;
    let response = http::Response::builder()
        .status(answer.status)
        .header(http::header::CONTENT_TYPE, "application/x-amz-json-1.0")
        .body(SdkBody::from(answer.body))
        .map_err(|err| ConnectorError::other(err.into(), None))?;
    HttpResponse::try_from(response).map_err(|err| ConnectorError::other(err.into(), None))
}
