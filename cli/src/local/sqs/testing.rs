//! Scripts that test a queue: lines of `command = outcome`.
//!
//! | command | outcome |
//! |---|---|
//! | `set ATTRIBUTE VALUE` | `ok`, or the error's code |
//! | `send GROUP BODY [DEDUP]` | `new`, `repeat`, or the error's code |
//! | `receive COUNT [ATTEMPT]` | the bodies, or `nothing` |
//! | `delete BODY [RECEIPT]`, `visible BODY SECONDS [RECEIPT]` | `ok`, or the error's code; receipts count from 1, and the latest is used unless given |
//! | `pass SECONDS`, `back SECONDS` | `ok`: the clock moved |
//! | `reopen` | `ok`: the file was opened again, by a new process so to speak |
//! | `crash` | `ok`: what had reached the disk was opened in a new place |
//! | `release` | how many messages were in flight |
//! | `count` | how many messages are visible, and how many in flight |
//! | `dead COUNT` | as `receive`, from the dead-letter queue |
//! | `move` | `ok`: the dead letters went back |

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Answer, Clock, GROUP_WINDOW, Queues};

const FILE: &str = "queues";
const QUEUE: &str = "queue.fifo";
const DEAD: &str = "dead.fifo";
const START_MILLIS: u64 = 1_800_000_000_000;

/// Two queues in a folder of their own, and a clock that moves when told.
pub(super) struct Laptop {
    folder: TempDir,
    pub(super) time: Arc<AtomicU64>,
    pub(super) queues: Queues,
    window: u32,
    receipts: HashMap<String, Vec<String>>,
    sent: HashSet<String>,
}

/// Runs the script and compares the outcomes.
pub(super) async fn check(script: &str) {
    check_with_window(GROUP_WINDOW, script).await;
}

/// Does the same where only so many messages are searched for groups.
pub(super) async fn check_with_window(window: u32, script: &str) {
    let mut laptop = Laptop::with_window(window).await;
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let (command, wanted) = line.split_once(" = ").unwrap_or((line, "ok"));
        let words: Vec<_> = command.split_whitespace().collect();
        assert_eq!(laptop.run(&words).await, wanted, "{line}\nof{script}");
    }
}

impl Laptop {
    pub(super) async fn start() -> Self {
        Self::with_window(GROUP_WINDOW).await
    }

    async fn with_window(window: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let time = Arc::new(AtomicU64::new(START_MILLIS));
        let queues = open(&folder.path().join(FILE), &time, window);
        let (receipts, sent) = (HashMap::new(), HashSet::new());
        let laptop = Self {
            folder,
            time,
            queues,
            window,
            receipts,
            sent,
        };
        for name in [DEAD, QUEUE] {
            let attributes = json!({ "FifoQueue": "true" });
            let request = json!({ "QueueName": name, "Attributes": attributes });
            laptop.call("CreateQueue", &request).await.unwrap();
        }
        laptop
    }

    /// Opens the same file once more.
    pub(super) fn open_again(&self) -> Queues {
        open(&self.folder.path().join(FILE), &self.time, self.window)
    }

    /// Returns all bytes of the files, once what is in the log has been moved on.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let path = self.folder.path().join(FILE);
        let connection = rusqlite::Connection::open(&path).unwrap();
        let cut = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        cut.unwrap();
        let log = std::fs::read(self.folder.path().join(format!("{FILE}-wal"))).unwrap();
        [std::fs::read(path).unwrap(), log].concat()
    }

    /// Leaves the files as a killed process does, and goes on with a copy of them.
    fn crash(&mut self) {
        let folder = tempfile::tempdir().unwrap();
        for name in [FILE.to_owned(), format!("{FILE}-wal")] {
            std::fs::copy(self.folder.path().join(&name), folder.path().join(&name)).unwrap();
        }
        self.queues = open(&folder.path().join(FILE), &self.time, self.window);
        self.folder = folder;
    }

    /// Returns the answer, or the code of the refusal.
    pub(super) async fn call(&self, operation: &str, request: &Value) -> Result<Value, String> {
        let Answer {
            status,
            query_error,
            body,
        } = self
            .queues
            .call(operation, request.to_string().as_bytes())
            .await;
        match query_error {
            None => Ok(serde_json::from_str(&body).unwrap()),
            Some(error) => Err(error.split(';').next().unwrap().to_owned()),
        }
        .inspect(|_| assert_eq!(status, 200))
    }

    pub(super) async fn run(&mut self, words: &[&str]) -> String {
        match *words {
            ["set", name, value] => {
                let attributes = json!({ name: value });
                let request = json!({ "QueueName": QUEUE, "Attributes": attributes });
                outcome(self.call("CreateQueue", &request).await)
            }
            ["send", group, body] => {
                self.send(group, body, &uuid::Uuid::now_v7().to_string())
                    .await
            }
            ["send", group, body, dedup] => self.send(group, body, dedup).await,
            ["receive", count] => self.receive(QUEUE, count, None).await,
            ["receive", count, attempt] => self.receive(QUEUE, count, Some(attempt)).await,
            ["dead", count] => self.receive(DEAD, count, None).await,
            ["delete", body, ref which @ ..] => {
                self.settle("DeleteMessage", body, which, Value::Null).await
            }
            ["visible", body, seconds, ref which @ ..] => {
                let seconds = json!(seconds.parse::<i64>().unwrap());
                self.settle("ChangeMessageVisibility", body, which, seconds)
                    .await
            }
            ["pass", seconds] => {
                self.time.fetch_add(millis(seconds), Ordering::SeqCst);
                outcome(Ok(Value::Null))
            }
            ["back", seconds] => {
                self.time.fetch_sub(millis(seconds), Ordering::SeqCst);
                outcome(Ok(Value::Null))
            }
            ["crash"] => {
                self.crash();
                outcome(Ok(Value::Null))
            }
            ["reopen"] => {
                self.queues = self.open_again();
                outcome(Ok(Value::Null))
            }
            ["release"] => self.queues.release_in_flight().unwrap().to_string(),
            ["count"] => self.count().await,
            ["move"] => {
                let request = json!({ "SourceArn": format!("arn:aws:sqs:r:1:{DEAD}") });
                outcome(self.call("StartMessageMoveTask", &request).await)
            }
            _ => panic!("unknown command: {words:?}"),
        }
    }

    async fn send(&mut self, group: &str, body: &str, dedup: &str) -> String {
        let request = json!({
            "QueueUrl": QUEUE, "MessageBody": body,
            "MessageGroupId": group, "MessageDeduplicationId": dedup,
        });
        match self.call("SendMessage", &request).await {
            Ok(sent) => {
                let told = format!("{}{}", sent["MessageId"], sent["SequenceNumber"]);
                if self.sent.insert(told) {
                    "new".to_owned()
                } else {
                    "repeat".to_owned()
                }
            }
            Err(code) => code,
        }
    }

    async fn receive(&mut self, queue: &str, count: &str, attempt: Option<&str>) -> String {
        let count: u8 = count.parse().unwrap();
        let mut request = json!({ "QueueUrl": queue, "MaxNumberOfMessages": count });
        if let Some(attempt) = attempt {
            request["ReceiveRequestAttemptId"] = json!(attempt);
        }
        let answer = self.call("ReceiveMessage", &request).await.unwrap();
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        let mut bodies = Vec::new();
        for message in &messages {
            let body = message["Body"].as_str().unwrap().to_owned();
            let receipt = message["ReceiptHandle"].as_str().unwrap().to_owned();
            self.receipts.entry(body.clone()).or_default().push(receipt);
            bodies.push(body);
        }
        if bodies.is_empty() {
            "nothing".to_owned()
        } else {
            bodies.join(" ")
        }
    }

    async fn settle(&self, operation: &str, body: &str, which: &[&str], seconds: Value) -> String {
        let receipts = &self.receipts[body];
        let receipt = match which.first() {
            Some(number) => receipts.get(number.parse::<usize>().unwrap().saturating_sub(1)),
            None => receipts.last(),
        };
        let mut request = json!({ "QueueUrl": QUEUE, "ReceiptHandle": receipt.unwrap() });
        if !seconds.is_null() {
            request["VisibilityTimeout"] = seconds;
        }
        outcome(self.call(operation, &request).await)
    }

    async fn count(&self) -> String {
        let request = json!({ "QueueUrl": QUEUE, "AttributeNames": ["All"] });
        let attributes = &self.call("GetQueueAttributes", &request).await.unwrap()["Attributes"];
        [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        ]
        .map(|name| attributes[name].as_str().unwrap())
        .join(" ")
    }
}

fn open(path: &Path, time: &Arc<AtomicU64>, window: u32) -> Queues {
    let time = Arc::clone(time);
    let clock: Clock = Arc::new(move || time.load(Ordering::SeqCst));
    Queues::open_with_window(path, clock, window).unwrap()
}

fn millis(seconds: &str) -> u64 {
    seconds.parse::<u64>().unwrap().saturating_mul(1000)
}

fn outcome(result: Result<Value, String>) -> String {
    result.map_or_else(|code| code, |_| "ok".to_owned())
}
