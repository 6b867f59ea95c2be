//! The AWS services that the functions call, on loopback over TLS: SQS, DynamoDB, S3, Secrets Manager.
//!
//! They answer as AWS does as far as the benchmark's events need it, keep what they were given so that
//! it can be checked, and count requests and what they would cost.

pub mod dynamodb;
pub mod sqs;
pub mod units;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use rustls::ServerConfig;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::http_server::{response, serve};
use crate::{BUCKET, REGION};
use dynamodb::Tables;
use sqs::{Message, Queues};

/// What was asked of the services, and what it would cost.
#[derive(Clone, Debug, Default)]
pub struct Bill {
    /// Requests by service and operation.
    pub requests: BTreeMap<String, u64>,
    /// Write units of `DynamoDB`, the index included.
    pub write_units: u64,
    /// Those of them that states cost.
    pub state_units: u64,
    /// Those of them that the index costs.
    pub index_units: u64,
    /// Read units of `DynamoDB`.
    pub read_units: u64,
}

impl Bill {
    /// Returns the number of requests.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.requests.values().sum()
    }

    /// Returns the number of requests that read from `DynamoDB`.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.of_database(|operation| operation.contains("Get"))
    }

    /// Returns the number of requests that write to `DynamoDB`.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.of_database(|operation| !operation.contains("Get"))
    }

    fn of_database(&self, is_wanted: fn(&str) -> bool) -> u64 {
        let counts = self.requests.iter().filter_map(|(name, count)| {
            let operation = name.strip_prefix("DynamoDB.")?;
            is_wanted(operation).then_some(*count)
        });
        counts.sum()
    }
}

/// The services.
#[derive(Clone, Debug, Default)]
pub struct Cloud(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    secret: String,
    objects: BTreeMap<String, Bytes>,
    queues: Queues,
    tables: Tables,
    bill: Bill,
    delay: Duration,
}

impl Cloud {
    /// Serves on port 443 of loopback, with this sources document in Secrets Manager.
    ///
    /// # Errors
    ///
    /// When the port cannot be had.
    pub async fn start(tls: Arc<ServerConfig>, secret: &str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 443)).await;
        let listener = listener.context("port 443 of this network")?;
        Ok(Self::serving(
            listener,
            Some(TlsAcceptor::from(tls)),
            secret,
        ))
    }

    /// Serves on a free port of loopback without TLS, and returns the address too.
    ///
    /// # Errors
    ///
    /// When there is no free port.
    pub async fn start_plain(secret: &str) -> Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok((Self::serving(listener, None, secret), address))
    }

    fn serving(listener: TcpListener, tls: Option<TlsAcceptor>, secret: &str) -> Self {
        let cloud = Self::default();
        secret.clone_into(&mut cloud.state().secret);
        let serving = cloud.clone();
        serve(listener, tls, move |request| {
            let cloud = serving.clone();
            async move { cloud.answer(&request).await }
        });
        cloud
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the sources document.
    pub fn set_secret(&self, secret: &str) {
        secret.clone_into(&mut self.state().secret);
    }

    /// Answers this much later from now on.
    pub fn set_delay(&self, delay: Duration) {
        self.state().delay = delay;
    }

    /// Forgets everything but the sources document.
    pub fn clear(&self) {
        let mut state = self.state();
        *state = State {
            secret: std::mem::take(&mut state.secret),
            ..State::default()
        };
    }

    /// Takes the messages that were sent.
    #[must_use]
    pub fn take_messages(&self) -> Vec<Message> {
        self.state().queues.take()
    }

    /// Returns how many messages lie in the queue.
    #[must_use]
    pub fn message_count(&self) -> usize {
        self.state().queues.len()
    }

    /// Returns how many messages were sent to the dead-letter queue.
    #[must_use]
    pub fn dead_letter_count(&self) -> usize {
        self.state().queues.sent_to("/dead-letters.fifo")
    }

    /// Returns how many items the tables hold.
    #[must_use]
    pub fn item_count(&self) -> usize {
        self.state().tables.len()
    }

    /// Returns the bytes that `DynamoDB` charges for storing the items: of the tables, and of the index.
    #[must_use]
    pub fn stored_bytes(&self) -> (usize, usize) {
        self.state().tables.stored_bytes()
    }

    /// Returns what was asked since the last time.
    #[must_use]
    pub fn take_bill(&self) -> Bill {
        std::mem::take(&mut self.state().bill)
    }

    async fn answer(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let delay = self.state().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let header = |name: &str| {
            let value = request.headers().get(name);
            value.and_then(|v| v.to_str().ok()).unwrap_or_default()
        };
        if !header("authorization").starts_with("AWS4-HMAC-SHA256 Credential=") {
            return response(403, r#"{"__type":"MissingAuthenticationToken"}"#);
        }
        let target = header("x-amz-target").to_owned();
        let mut state = self.state();
        let asked = match target.as_str() {
            "" => format!("S3 {}", request.method()),
            target => target.replace("DynamoDB_20120810", "DynamoDB"),
        };
        let count = state.bill.requests.entry(asked).or_default();
        *count = count.saturating_add(1);
        let outcome = match target.split_once('.') {
            Some(("AmazonSQS", operation)) => state.queues.call(operation, request.body()),
            Some(("DynamoDB_20120810", operation)) => state.database(operation, request.body()),
            Some(("secretsmanager", "GetSecretValue")) => {
                let secret = json!({
                    "ARN": format!("arn:aws:secretsmanager:{REGION}:123456789012:secret:sources-a1b2c3"),
                    "Name": "sources", "SecretString": state.secret,
                    "VersionId": "01900000-0000-7000-8000-000000000000",
                    "VersionStages": ["AWSCURRENT"], "CreatedDate": 1_700_000_000,
                });
                Ok(secret.to_string())
            }
            None if target.is_empty() => return state.object(request),
            _ => Err(Refused::new("UnknownOperationException", &target)),
        };
        match outcome {
            Ok(body) => typed(response(200, body)),
            Err(refused) => typed(response(400, refused.0)),
        }
    }
}

fn typed(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let json = http::HeaderValue::from_static("application/x-amz-json-1.0");
    response.headers_mut().insert("content-type", json);
    let id = http::HeaderValue::from_static("4QBN0PAXM8CVRK6GJ3S2WD7EHFTYZ1UA");
    response.headers_mut().insert("x-amzn-requestid", id);
    response
}

/// The body of an answer with status 400.
#[derive(Debug)]
pub struct Refused(String);

impl Refused {
    /// Refuses as AWS does.
    #[must_use]
    pub fn new(code: &str, message: &str) -> Self {
        Self(json!({"__type": code, "message": message}).to_string())
    }
}

impl State {
    fn database(&mut self, operation: &str, body: &[u8]) -> Result<String, Refused> {
        let (answer, cost) = self.tables.call(operation, body);
        self.bill.write_units = self.bill.write_units.saturating_add(cost.write);
        self.bill.state_units = self.bill.state_units.saturating_add(cost.state);
        self.bill.index_units = self.bill.index_units.saturating_add(cost.index);
        self.bill.read_units = self.bill.read_units.saturating_add(cost.read);
        answer
    }

    fn object(&mut self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let host = request.headers().get("host");
        let host = host
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let path = request.uri().path();
        let key = if host.starts_with(BUCKET) {
            path.trim_start_matches('/').to_owned()
        } else {
            path.trim_start_matches(&format!("/{BUCKET}/")).to_owned()
        };
        match *request.method() {
            Method::PUT => {
                self.objects.insert(key, request.body().clone());
                response(200, "")
            }
            Method::GET => match self.objects.get(&key) {
                Some(object) => response(200, object.clone()),
                None => response(404, "<Error><Code>NoSuchKey</Code></Error>"),
            },
            _ => response(405, ""),
        }
    }
}
