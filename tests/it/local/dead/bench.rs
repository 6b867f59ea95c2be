//! A running `local` whose queues and ledger a test can reach, and messages made by hand.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use switchhook_aws::clock::SystemClock;
use switchhook_core::time::Clock;

use super::super::configured;
use crate::programs::{Home, Local, Said, eventually, exchange, request};

pub(in crate::local) const QUEUE: &str = "switchhook.fifo";
pub(in crate::local) const DEAD_LETTERS: &str = "switchhook-dead-letters.fifo";

pub(in crate::local) struct Bench {
    pub(in crate::local) home: Home,
    pub(in crate::local) local: Local,
    aws: String,
}

impl Bench {
    pub(in crate::local) fn open() -> Self {
        Self::of(configured())
    }

    /// Starts `local` in a folder that may have been used before.
    pub(in crate::local) fn of(home: Home) -> Self {
        let mut local = home.local(&["--aws-port", "0"]);
        let line = local.program.line_with("SQS and DynamoDB answer on");
        let (_, aws) = line.split_once("http://").unwrap();
        let aws = aws.to_owned();
        Self { home, local, aws }
    }

    /// Ends `local` and returns its folder.
    pub(in crate::local) fn stop(self) -> Home {
        self.local.stop("TERM");
        self.home
    }

    /// Runs `dead`, which must end with this code, and shows no number beside what it was asked for.
    #[track_caller]
    pub(in crate::local) fn dead(&self, args: &[&str], code: i32) -> Said {
        let said = self.home.run(&[&["dead"], args].concat());
        assert_eq!(said.code, Some(code), "{args:?}: {}{}", said.out, said.err);
        let may_show_entities = ["list", "show"].contains(&args[0]);
        assert!(
            may_show_entities || !said.out.contains("+1555"),
            "{}",
            said.out
        );
        assert!(!said.err.contains("+1555"), "{}", said.err);
        said
    }

    /// Lists all letters.
    #[track_caller]
    pub(in crate::local) fn letters(&self) -> Vec<Value> {
        let said = self.dead(&["list", "--json"], 0);
        assert_eq!(said.err, "");
        said.json_lines()
    }

    /// Lists all letters, as soon as there are so many.
    #[track_caller]
    pub(in crate::local) fn letters_when(&self, count: usize) -> Vec<Value> {
        eventually("the dead letters", || {
            (self.count(DEAD_LETTERS) >= count).then_some(())
        });
        let letters = self.letters();
        assert_eq!(letters.len(), count, "{letters:#?}");
        letters
    }

    /// Asks the laptop's AWS.
    pub(in crate::local) fn aws(&self, operation: &str, body: &Value) -> Value {
        let (body, headers) = (body.to_string(), [("x-amz-target", operation)]);
        let length = body.len().to_string();
        let headers = [&headers[..], &[("content-length", length.as_str())]].concat();
        let answer = exchange(&self.aws, &request("POST", "/", &headers, body.as_bytes()));
        assert_eq!(
            answer.status,
            200,
            "{operation}: {}",
            String::from_utf8_lossy(&answer.body)
        );
        answer.json()
    }

    /// Puts a message into a queue.
    pub(in crate::local) fn send(
        &self,
        queue: &str,
        group: &str,
        body: &str,
        attributes: &[(&str, &str)],
    ) {
        let attribute = |value: &str| json!({"DataType": "String", "StringValue": value});
        let attributes = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), attribute(value)));
        let mut message = json!({
            "QueueUrl": queue, "MessageBody": body, "MessageGroupId": group,
            "MessageDeduplicationId": uuid::Uuid::now_v7(),
        });
        message["MessageAttributes"] = Value::Object(attributes.collect());
        self.aws("AmazonSQS.SendMessage", &message);
    }

    /// Counts a queue's messages, in flight or not.
    pub(in crate::local) fn count(&self, queue: &str) -> usize {
        let answer = self.aws(
            "AmazonSQS.GetQueueAttributes",
            &json!({"QueueUrl": queue, "AttributeNames": ["All"]}),
        );
        let count = |name: &str| {
            answer["Attributes"][name]
                .as_str()
                .unwrap()
                .parse::<usize>()
                .unwrap()
        };
        count("ApproximateNumberOfMessages") + count("ApproximateNumberOfMessagesNotVisible")
    }

    /// Makes the state of an entity unreadable.
    pub(in crate::local) fn damage(&self, entity: &str) {
        let item = json!({"pk": {"S": entity}, "sk": {"S": "state"}, "state": {"N": "1"}});
        self.aws(
            "DynamoDB_20120810.PutItem",
            &json!({"TableName": "switchhook", "Item": item}),
        );
    }

    /// Takes the unreadable state away.
    pub(in crate::local) fn repair(&self, entity: &str) {
        let key = json!({"pk": {"S": entity}, "sk": {"S": "state"}});
        self.aws(
            "DynamoDB_20120810.DeleteItem",
            &json!({"TableName": "switchhook", "Key": key}),
        );
    }
}

/// Returns an event's id.
pub(in crate::local) fn id(n: u32) -> String {
    format!("019aad2b-7c00-7000-8000-{n:012}.0")
}

/// Returns a time so many days before now.
pub(in crate::local) fn days_ago(days: i64) -> String {
    let hours = jiff::SignedDuration::from_hours(days * 24);
    SystemClock.now().checked_sub(hours).unwrap().to_string()
}

/// Returns the message of an event that was accepted now.
pub(in crate::local) fn envelope(n: u32, entity: &str, kind: &str, body: &str) -> Value {
    json!({
        "version": 1, "id": id(n), "provider": "ai-sync", "received_at": days_ago(0),
        "retention_days": 30, "kind": kind, "entity": entity,
        "dedup": {"key": format!("key-{n}"), "window": "record"},
        "body": {"inline": STANDARD.encode(body)},
    })
}

/// Returns what AI Sync says of a contact.
pub(in crate::local) fn contact(name: &str) -> String {
    json!({"phone_number": "+15550100003", "first_name": name}).to_string()
}
