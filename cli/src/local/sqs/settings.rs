//! The attributes that a queue is given: which there are, and what they may be.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fault::{Code, Fault, refused};

/// The longest visibility timeout: 12 hours.
pub(super) const MAX_VISIBILITY_SECS: i64 = 43_200;
/// The largest message, and batch of messages: 1 MiB.
pub(super) const MAX_BYTES: usize = 1_048_576;

const DEFAULT_VISIBILITY_SECS: i64 = 30;
const DEFAULT_RETENTION_SECS: i64 = 345_600;

/// What holds for a queue unless said otherwise.
const DEFAULTS: [(&str, &str); 5] = [
    ("DelaySeconds", "0"),
    ("MaximumMessageSize", "1048576"),
    ("MessageRetentionPeriod", "345600"),
    ("ReceiveMessageWaitTimeSeconds", "0"),
    ("VisibilityTimeout", "30"),
];

/// What holds for a FIFO queue unless said otherwise.
const FIFO_DEFAULTS: [(&str, &str); 3] = [
    ("ContentBasedDeduplication", "false"),
    ("DeduplicationScope", "queue"),
    ("FifoThroughputLimit", "perQueue"),
];

/// Told by the queue, never set.
const FACTS: [&str; 7] = [
    "All",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
];

/// The attributes given to one queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Returns these settings changed by `attributes`.
    pub(super) fn with(mut self, attributes: &BTreeMap<String, String>) -> Result<Self, Fault> {
        for (name, value) in attributes {
            check(name, value)?;
            self.0.insert(name.clone(), value.clone());
        }
        if self.is("FifoThroughputLimit", "perMessageGroupId")
            && !self.is("DeduplicationScope", "messageGroup")
        {
            let message = "`perMessageGroupId` needs the deduplication scope `messageGroup`";
            return Err(refused(Code::InvalidAttributeValue, message));
        }
        Ok(self)
    }

    pub(super) fn with_defaults(&self) -> BTreeMap<String, String> {
        let fifo = if self.is("FifoQueue", "true") {
            FIFO_DEFAULTS.as_slice()
        } else {
            &[]
        };
        let defaults = DEFAULTS.iter().chain(fifo);
        let mut all: BTreeMap<_, _> = defaults
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        all.extend(self.0.clone());
        all
    }

    pub(super) fn is(&self, name: &str, value: &str) -> bool {
        self.0.get(name).is_some_and(|given| given == value)
    }

    pub(super) fn visibility_secs(&self) -> i64 {
        self.number("VisibilityTimeout")
            .unwrap_or(DEFAULT_VISIBILITY_SECS)
    }

    pub(super) fn retention_secs(&self) -> i64 {
        self.number("MessageRetentionPeriod")
            .unwrap_or(DEFAULT_RETENTION_SECS)
    }

    pub(super) fn wait_secs(&self) -> i64 {
        self.number("ReceiveMessageWaitTimeSeconds")
            .unwrap_or_default()
    }

    pub(super) fn max_bytes(&self) -> usize {
        self.number("MaximumMessageSize").unwrap_or(MAX_BYTES)
    }

    /// Returns the dead-letter queue's ARN and the receives allowed before it.
    pub(super) fn redrive_policy(&self) -> Option<(String, i64)> {
        parse_redrive(self.0.get("RedrivePolicy")?)
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.0.get(name)?.parse().ok()
    }
}

/// Tells whether `GetQueueAttributes` may ask for it.
pub(super) fn is_readable(name: &str) -> bool {
    FACTS.contains(&name) || Rule::of(name).is_some()
}

fn parse_redrive(policy: &str) -> Option<(String, i64)> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    let target = policy.get("deadLetterTargetArn")?.as_str()?;
    let max = policy.get("maxReceiveCount")?;
    let max = max.as_i64().or_else(|| max.as_str()?.parse().ok())?;
    (1..=1000).contains(&max).then(|| (target.to_owned(), max))
}

/// What an attribute may be set to.
enum Rule {
    Whole(RangeInclusive<u32>),
    OneOf(&'static [&'static str]),
    Redrive,
    /// Kept and told again, without effect.
    Kept,
}

impl Rule {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "ContentBasedDeduplication" | "FifoQueue" => Self::OneOf(&["true", "false"]),
            "DeduplicationScope" => Self::OneOf(&["queue", "messageGroup"]),
            "DelaySeconds" => Self::OneOf(&["0"]),
            "FifoThroughputLimit" => Self::OneOf(&["perQueue", "perMessageGroupId"]),
            "KmsDataKeyReusePeriodSeconds"
            | "KmsMasterKeyId"
            | "Policy"
            | "RedriveAllowPolicy"
            | "SqsManagedSseEnabled" => Self::Kept,
            "MaximumMessageSize" => Self::Whole(1024..=1_048_576),
            "MessageRetentionPeriod" => Self::Whole(60..=1_209_600),
            "ReceiveMessageWaitTimeSeconds" => Self::Whole(0..=20),
            "RedrivePolicy" => Self::Redrive,
            "VisibilityTimeout" => Self::Whole(0..=43_200),
            _ => return None,
        })
    }

    fn allows(&self, value: &str) -> bool {
        match self {
            Self::Whole(range) => value.parse().is_ok_and(|number| range.contains(&number)),
            Self::OneOf(values) => values.contains(&value),
            Self::Redrive => value.is_empty() || parse_redrive(value).is_some(),
            Self::Kept => true,
        }
    }
}

fn check(name: &str, value: &str) -> Result<(), Fault> {
    let Some(rule) = Rule::of(name) else {
        let message = format!("unknown attribute `{name}`");
        return Err(refused(Code::InvalidAttributeName, message));
    };
    if rule.allows(value) {
        return Ok(());
    }
    let message = format!("invalid value for the attribute `{name}`");
    Err(refused(Code::InvalidAttributeValue, message))
}
