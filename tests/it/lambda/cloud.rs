//! Plays the AWS services behind one endpoint: the laptop's SQS and DynamoDB, and as much of
//! Secrets Manager and S3 as the functions ask for. Each can fail or hang.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use switchhook::local::stack::{Stack, StackParts};
use switchhook_aws::clock::SystemClock;
use tempfile::TempDir;
use tests::{FixedSources, SOURCES};

use super::http::{answer, serve};
use crate::programs::lock;

pub(super) const QUEUE: &str = "switchhook.fifo";
pub(super) const DEAD_LETTERS: &str = "switchhook-dead-letters.fifo";
pub(super) const BUCKET: &str = "bodies";

/// A service of the endpoint.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Service {
    Sqs,
    DynamoDb,
    Secrets,
    S3,
}

/// How a service does not work.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trouble {
    /// It answers with a fault of its own.
    Failing,
    /// It never answers.
    Hanging,
}

struct Parts {
    stack: Stack,
    secret: Mutex<String>,
    objects: Mutex<BTreeMap<String, Bytes>>,
    troubles: Mutex<HashMap<Service, Trouble>>,
    requests: AtomicUsize,
    /// The trace headers of messages that were sent.
    traces: Mutex<Vec<String>>,
}

/// The endpoint.
pub(super) struct Cloud {
    pub(super) address: SocketAddr,
    parts: Arc<Parts>,
    _folder: TempDir,
}

impl Cloud {
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stack = Stack::open(StackParts {
            data: folder.path().to_owned(),
            sources: Arc::new(FixedSources(SOURCES.to_owned())),
            clock: Arc::new(SystemClock),
        });
        let sources = json!({"sources": {"voice": {
            "provider": "ai-sync", "secrets": [tests::SECRET],
        }}});
        let parts = Arc::new(Parts {
            stack: stack.await.unwrap(),
            secret: Mutex::new(sources.to_string()),
            objects: Mutex::default(),
            troubles: Mutex::default(),
            requests: AtomicUsize::default(),
            traces: Mutex::default(),
        });
        let served = Arc::clone(&parts);
        let address = serve(move |request| {
            let parts = Arc::clone(&served);
            async move { parts.answer(request).await }
        });
        Self {
            address: address.await,
            parts,
            _folder: folder,
        }
    }

    /// Returns the stack that has the same queues and the same table.
    pub(super) fn stack(&self) -> &Stack {
        &self.parts.stack
    }

    pub(super) fn trouble(&self, service: Service, trouble: Option<Trouble>) {
        let mut troubles = lock(&self.parts.troubles);
        match trouble {
            Some(trouble) => troubles.insert(service, trouble),
            None => troubles.remove(&service),
        };
    }

    pub(super) fn set_secret(&self, document: &str) {
        document.clone_into(&mut lock(&self.parts.secret));
    }

    pub(super) fn requests(&self) -> usize {
        self.parts.requests.load(Ordering::SeqCst)
    }

    pub(super) fn traces(&self) -> Vec<String> {
        lock(&self.parts.traces).clone()
    }

    pub(super) fn objects(&self) -> BTreeMap<String, Bytes> {
        lock(&self.parts.objects).clone()
    }

    /// Asks the queues.
    pub(super) async fn sqs(&self, operation: &str, request: &Value) -> Value {
        let queues = self.parts.stack.queues();
        let answer = queues.call(operation, request.to_string().as_bytes()).await;
        assert_eq!(answer.status, 200, "{operation}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Returns the messages that a queue hands out now.
    pub(super) async fn receive(&self, queue: &str) -> Vec<Value> {
        let request = json!({
            "QueueUrl": queue, "MaxNumberOfMessages": 10,
            "AttributeNames": ["All"], "MessageAttributeNames": ["All"],
        });
        let mut answer = self.sqs("ReceiveMessage", &request).await;
        match answer["Messages"].take() {
            Value::Array(messages) => messages,
            _ => Vec::new(),
        }
    }
}

impl Parts {
    async fn answer(&self, request: Request<Bytes>) -> Response<Full<Bytes>> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let target = request.headers().get("x-amz-target");
        let target = target
            .map_or("", |target| target.to_str().unwrap())
            .to_owned();
        let (service, operation) = match target.split_once('.') {
            Some(("AmazonSQS", operation)) => (Service::Sqs, operation),
            Some(("DynamoDB_20120810", operation)) => (Service::DynamoDb, operation),
            Some(("secretsmanager", operation)) => (Service::Secrets, operation),
            _ => (Service::S3, ""),
        };
        if operation == "SendMessage"
            && let Some(trace) = request.headers().get("x-amzn-trace-id")
        {
            lock(&self.traces).push(trace.to_str().unwrap().to_owned());
        }
        let trouble = lock(&self.troubles).get(&service).copied();
        match trouble {
            Some(Trouble::Failing) => return answer(500, "{}"),
            Some(Trouble::Hanging) => std::future::pending().await,
            None => {}
        }
        match service {
            Service::Sqs => self.queues(operation, request.body()).await,
            Service::DynamoDb => {
                let dynamodb = self.stack.dynamodb();
                let said = dynamodb.call(operation, request.body()).await;
                answer(said.status, said.body)
            }
            Service::Secrets => self.secret(operation, request.body()),
            Service::S3 => self.object(&request),
        }
    }

    async fn queues(&self, operation: &str, body: &[u8]) -> Response<Full<Bytes>> {
        let said = self.stack.queues().call(operation, body).await;
        let mut response = answer(said.status, said.body);
        if let Some(error) = said.query_error {
            response
                .headers_mut()
                .insert("x-amzn-query-error", error.parse().unwrap());
        }
        response
    }

    fn secret(&self, operation: &str, body: &[u8]) -> Response<Full<Bytes>> {
        let asked: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(
            (operation, &asked["SecretId"]),
            ("GetSecretValue", &json!("sources"))
        );
        let secret = lock(&self.secret).clone();
        answer(
            200,
            json!({"Name": "sources", "SecretString": secret}).to_string(),
        )
    }

    /// Keeps and returns objects, path style.
    fn object(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let key = request.uri().path().strip_prefix(&format!("/{BUCKET}/"));
        let key = key.expect("the bucket, path style").to_owned();
        let mut objects = lock(&self.objects);
        match *request.method() {
            Method::PUT => {
                assert!(
                    request.headers().get("content-encoding").is_none(),
                    "no chunks of AWS's own"
                );
                objects.insert(key, request.body().clone());
                answer(200, "")
            }
            Method::GET => match objects.get(&key) {
                Some(object) => answer(200, object.clone()),
                None => answer(404, "<Error><Code>NoSuchKey</Code></Error>"),
            },
            _ => answer(405, ""),
        }
    }
}
