//! Queues: making them, finding them, telling about them.

use std::collections::BTreeMap;

use rusqlite::params;
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::{Code, Fault, invalid, missing, refused};
use super::settings::{self, Settings};
use super::store::Session;

/// What precedes a queue's name in its ARN.
const ARN_PREFIX: &str = "arn:aws:sqs:us-east-1:000000000000:";
const ACCOUNT: &str = "000000000000";
const FIFO_SUFFIX: &str = ".fifo";
const MAX_NAME: usize = 80;

/// A queue as found in the file.
pub(super) struct Queue {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) settings: Settings,
    created: i64,
    changed: i64,
}

/// Where a queue's messages go after too many receives.
pub(super) struct DeadLetters {
    pub(super) queue: String,
    pub(super) max_receives: i64,
}

impl Queue {
    /// Finds the queue by its address, of which only the last part counts.
    pub(super) fn at(session: &Session<'_>, url: &str) -> Result<Self, Fault> {
        if url.is_empty() {
            return Err(missing("QueueUrl"));
        }
        Self::named(session, url.rsplit('/').next().unwrap_or_default())
    }

    /// Finds the queue that holds messages, at an address.
    pub(super) fn fifo_at(session: &Session<'_>, url: &str) -> Result<Self, Fault> {
        let queue = Self::at(session, url)?;
        if queue.is_fifo() {
            return Ok(queue);
        }
        let message = "only FIFO queues hold messages on the laptop";
        Err(refused(Code::UnsupportedOperation, message))
    }

    pub(super) fn named(session: &Session<'_>, name: &str) -> Result<Self, Fault> {
        let message = "the specified queue does not exist";
        Self::find(session, name)?.ok_or_else(|| refused(Code::QueueDoesNotExist, message))
    }

    pub(super) fn find(session: &Session<'_>, name: &str) -> Result<Option<Self>, Fault> {
        let sql = "SELECT id, attributes, created, changed FROM queues WHERE name = ?1";
        let row = session.first(sql, [name], |row| {
            Ok((
                row.get(0)?,
                row.get::<_, String>(1)?,
                row.get(2)?,
                row.get(3)?,
            ))
        })?;
        let Some((id, settings, created, changed)) = row else {
            return Ok(None);
        };
        let settings = serde_json::from_str(&settings)?;
        Ok(Some(Self {
            id,
            name: name.to_owned(),
            settings,
            created,
            changed,
        }))
    }

    pub(super) fn is_fifo(&self) -> bool {
        self.name.ends_with(FIFO_SUFFIX)
    }

    pub(super) fn arn(&self) -> String {
        arn(&self.name)
    }

    pub(super) fn dead_letters(&self) -> Option<DeadLetters> {
        let (target, max_receives) = self.settings.redrive_policy()?;
        Some(DeadLetters {
            queue: name_in(&target)?.to_owned(),
            max_receives,
        })
    }
}

/// Returns the ARN of the queue with this name.
pub(super) fn arn(name: &str) -> String {
    format!("{ARN_PREFIX}{name}")
}

/// Returns the queue's name, from its ARN in any region and account.
pub(super) fn name_in(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:")?
        .rsplit(':')
        .next()
        .filter(|name| !name.is_empty())
}

/// `CreateQueue`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateQueue {
    #[serde(default)]
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

/// Makes a queue, or gives an existing one the attributes named.
pub(super) fn create(session: &Session<'_>, request: &CreateQueue) -> Result<Value, Fault> {
    let name = request.queue_name.as_str();
    check_name(name)?;
    let existing = Queue::find(session, name)?.map(|queue| queue.settings);
    let settings = existing.unwrap_or_default().with(&request.attributes)?;
    if settings.is("FifoQueue", "true") != name.ends_with(FIFO_SUFFIX) {
        return Err(invalid(
            "the name of a FIFO queue, and only of one, ends in `.fifo`",
        ));
    }
    check_dead_letters(session, name, &settings)?;
    let sql = "INSERT INTO queues (name, attributes, created, changed) VALUES (?1, ?2, ?3, ?3)
        ON CONFLICT (name) DO UPDATE SET attributes = ?2, changed = ?3 WHERE attributes <> ?2";
    session.execute(
        sql,
        params![name, serde_json::to_string(&settings)?, session.now],
    )?;
    Ok(address(session, name))
}

fn check_name(name: &str) -> Result<(), Fault> {
    let stem = name.strip_suffix(FIFO_SUFFIX).unwrap_or(name);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if stem.is_empty() || name.len() > MAX_NAME || !stem.bytes().all(is_plain) {
        return Err(invalid(
            "a queue's name is 1 to 80 letters, digits, hyphens and underscores",
        ));
    }
    Ok(())
}

fn check_dead_letters(session: &Session<'_>, name: &str, settings: &Settings) -> Result<(), Fault> {
    let Some((target, _)) = settings.redrive_policy() else {
        return Ok(());
    };
    let target = name_in(&target).unwrap_or_default();
    if target == name {
        return Err(invalid("a queue is not its own dead-letter queue"));
    }
    if target.ends_with(FIFO_SUFFIX) != name.ends_with(FIFO_SUFFIX) {
        return Err(invalid(
            "the dead-letter queue of a FIFO queue is a FIFO queue",
        ));
    }
    if Queue::find(session, target)?.is_none() {
        return Err(invalid("the dead-letter queue does not exist"));
    }
    Ok(())
}

/// `GetQueueUrl`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetQueueUrl {
    #[serde(default)]
    queue_name: String,
}

/// Tells a queue's address.
pub(super) fn url(session: &Session<'_>, request: &GetQueueUrl) -> Result<Value, Fault> {
    let queue = Queue::named(session, &request.queue_name)?;
    Ok(address(session, &queue.name))
}

fn address(session: &Session<'_>, name: &str) -> Value {
    json!({ "QueueUrl": format!("{}/{ACCOUNT}/{name}", session.base_url) })
}

/// `GetQueueAttributes`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetQueueAttributes {
    #[serde(default)]
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

/// Tells a queue's attributes; counting reads every message's index entry.
pub(super) fn attributes(
    session: &Session<'_>,
    request: &GetQueueAttributes,
) -> Result<Value, Fault> {
    let queue = Queue::at(session, &request.queue_url)?;
    let names = &request.attribute_names;
    if let Some(unknown) = names.iter().find(|name| !settings::is_readable(name)) {
        let message = format!("unknown attribute `{unknown}`");
        return Err(refused(Code::InvalidAttributeName, message));
    }
    let mut attributes = queue.settings.with_defaults();
    attributes.extend(facts(session, &queue)?);
    if !names.iter().any(|name| name == "All") {
        attributes.retain(|name, _| names.contains(name));
    }
    Ok(json!({ "Attributes": attributes }))
}

fn facts(
    session: &Session<'_>,
    queue: &Queue,
) -> Result<impl Iterator<Item = (String, String)>, Fault> {
    let sql = "SELECT COUNT(*) FROM messages WHERE queue = ?1";
    let all: i64 = session
        .first(sql, [queue.id], |row| row.get(0))?
        .unwrap_or_default();
    let sql = "SELECT COUNT(*) FROM messages WHERE queue = ?1 AND visible > 0 AND visible > ?2";
    let held: i64 = session
        .first(sql, [queue.id, session.now], |row| row.get(0))?
        .unwrap_or_default();
    let seconds = |millis: i64| millis.checked_div(1000).unwrap_or_default().to_string();
    Ok([
        ("QueueArn", queue.arn()),
        ("CreatedTimestamp", seconds(queue.created)),
        ("LastModifiedTimestamp", seconds(queue.changed)),
        (
            "ApproximateNumberOfMessages",
            all.saturating_sub(held).to_string(),
        ),
        ("ApproximateNumberOfMessagesNotVisible", held.to_string()),
        ("ApproximateNumberOfMessagesDelayed", 0.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter())
}
