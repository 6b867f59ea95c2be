//! A received message, as it is told.

use std::collections::BTreeMap;

use rusqlite::Row;
use serde_json::{Value, json};

use super::attributes::Attributes;
use super::fault::Fault;
use super::queue;
use super::send::{body_md5, sequence_number};
use super::store::Session;

/// What the receiver wants to know beside the body.
pub(super) struct Wanted<'r> {
    /// Names of system attributes, under both names that the parameter has had.
    pub(super) system: Vec<&'r str>,
    pub(super) attributes: &'r [String],
}

struct Stored {
    id: String,
    body: String,
    attributes: String,
    system_attributes: String,
    facts: BTreeMap<&'static str, String>,
}

/// Tells the message that was received with this receipt.
pub(super) fn tell(
    session: &Session<'_>,
    seq: i64,
    receipt: &str,
    wanted: &Wanted<'_>,
) -> Result<Option<Value>, Fault> {
    let sql = "SELECT id, body, attributes, system_attributes, grp, dedup, sent, first_received,
            receives, source, seq
        FROM messages WHERE seq = ?1 AND receipt = ?2";
    let stored = session.first(sql, rusqlite::params![seq, receipt], Stored::read)?;
    stored
        .map(|stored| stored.tell(receipt, wanted))
        .transpose()
}

impl Stored {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let number = |column| Ok::<_, rusqlite::Error>(row.get::<_, i64>(column)?.to_string());
        let mut facts = BTreeMap::from([
            ("ApproximateFirstReceiveTimestamp", number(7)?),
            ("ApproximateReceiveCount", number(8)?),
            ("MessageDeduplicationId", row.get(5)?),
            ("MessageGroupId", row.get(4)?),
            ("SenderId", "local".to_owned()),
            ("SentTimestamp", number(6)?),
            ("SequenceNumber", sequence_number(row.get(10)?)),
        ]);
        if let Some(source) = row.get::<_, Option<String>>(9)? {
            facts.insert("DeadLetterQueueSourceArn", queue::arn(&source));
        }
        Ok(Self {
            id: row.get(0)?,
            body: row.get(1)?,
            attributes: row.get(2)?,
            system_attributes: row.get(3)?,
            facts,
        })
    }

    fn tell(self, receipt: &str, wanted: &Wanted<'_>) -> Result<Value, Fault> {
        let mut message = json!({
            "MessageId": self.id, "ReceiptHandle": receipt,
            "MD5OfBody": body_md5(&self.body), "Body": self.body,
        });
        let Some(told) = message.as_object_mut() else {
            return Ok(message);
        };
        let system: Attributes = serde_json::from_str(&self.system_attributes)?;
        let facts = self
            .facts
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        let mut facts: BTreeMap<_, _> = facts.chain(system.into_texts()).collect();
        facts.retain(|name, _| {
            wanted
                .system
                .iter()
                .any(|asked| *asked == "All" || asked == name)
        });
        if !facts.is_empty() {
            told.insert("Attributes".to_owned(), json!(facts));
        }
        let mut attributes: Attributes = serde_json::from_str(&self.attributes)?;
        attributes.retain(wanted.attributes);
        if let Some(md5) = attributes.md5() {
            told.insert("MD5OfMessageAttributes".to_owned(), md5.into());
            told.insert(
                "MessageAttributes".to_owned(),
                serde_json::to_value(attributes)?,
            );
        }
        Ok(message)
    }
}
