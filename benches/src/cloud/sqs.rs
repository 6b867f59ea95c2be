//! A FIFO queue that takes messages and keeps them; nobody receives from it but the benchmark.
#![expect(
    clippy::indexing_slicing,
    reason = "an absent field of a JSON value is null"
)]

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use serde_json::{Value, json};

use super::Refused;

/// The most entries and bytes of a batch, and bytes of a message (quotas of SQS).
const MAX_ENTRIES: usize = 10;
const MAX_BYTES: usize = 1 << 20;

/// One message that was sent.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// Its group.
    pub group: String,
    /// Its place.
    pub sequence: u64,
    /// Its body.
    pub body: String,
}

/// The messages of all queues.
#[derive(Debug, Default)]
pub struct Queues {
    messages: Vec<Message>,
    sent: u64,
    /// How many were sent to each queue, by its URL.
    sent_to: BTreeMap<String, usize>,
}

impl Queues {
    pub(super) fn take(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.messages)
    }

    pub(super) const fn len(&self) -> usize {
        self.messages.len()
    }

    /// How many were sent to queues whose URL ends so.
    pub(super) fn sent_to(&self, end: &str) -> usize {
        let counts = self.sent_to.iter().filter(|(url, _)| url.ends_with(end));
        counts.map(|(_, count)| count).sum()
    }

    pub(super) fn call(&mut self, operation: &str, body: &[u8]) -> Result<String, Refused> {
        let request: Value = serde_json::from_slice(body)
            .map_err(|e| Refused::new("SerializationException", &e.to_string()))?;
        match operation {
            "SendMessage" => {
                let sent = self.send(&request)?;
                self.count(&request, 1);
                Ok(sent.to_string())
            }
            "SendMessageBatch" => self.send_batch(&request),
            "ChangeMessageVisibilityBatch" => {
                Ok(json!({"Successful": [], "Failed": []}).to_string())
            }
            other => Err(Refused::new("UnknownOperationException", other)),
        }
    }

    fn send_batch(&mut self, request: &Value) -> Result<String, Refused> {
        let entries = request["Entries"].as_array().map_or(&[][..], Vec::as_slice);
        if entries.is_empty() || entries.len() > MAX_ENTRIES {
            return Err(Refused::new(
                "com.amazonaws.sqs#TooManyEntriesInBatchRequest",
                "1 to 10",
            ));
        }
        let bytes = |entry: &Value| entry["MessageBody"].as_str().map_or(0, str::len);
        if entries.iter().map(bytes).sum::<usize>() > MAX_BYTES {
            return Err(Refused::new(
                "com.amazonaws.sqs#BatchRequestTooLong",
                "1 MiB",
            ));
        }
        let mut successful = Vec::new();
        for entry in entries {
            let mut sent = self.send(entry)?;
            sent["Id"] = entry["Id"].clone();
            successful.push(sent);
        }
        self.count(request, successful.len());
        Ok(json!({"Successful": successful, "Failed": []}).to_string())
    }

    fn count(&mut self, request: &Value, sent: usize) {
        let url = request["QueueUrl"].as_str().unwrap_or_default();
        *self.sent_to.entry(url.to_owned()).or_default() += sent;
    }

    fn send(&mut self, entry: &Value) -> Result<Value, Refused> {
        let text = |name: &str| {
            let value = entry[name].as_str().filter(|text| !text.is_empty());
            value.ok_or_else(|| Refused::new("com.amazonaws.sqs#MissingParameter", name))
        };
        let (body, group) = (text("MessageBody")?, text("MessageGroupId")?);
        text("MessageDeduplicationId")?;
        if body.len() > MAX_BYTES {
            return Err(Refused::new(
                "com.amazonaws.sqs#InvalidMessageContents",
                "1 MiB",
            ));
        }
        self.sent = self.sent.saturating_add(1);
        let message = Message {
            id: uuid::Uuid::now_v7().to_string(),
            group: group.to_owned(),
            sequence: self.sent,
            body: body.to_owned(),
        };
        let sent = json!({
            "MessageId": message.id,
            "MD5OfMessageBody": hex::encode(Md5::digest(body)),
            "SequenceNumber": message.sequence_number(),
        });
        self.messages.push(message);
        Ok(sent)
    }
}

impl Message {
    /// Returns its place as SQS writes it: 20 digits.
    #[must_use]
    pub fn sequence_number(&self) -> String {
        format!("188700000{:011}", self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_by_queue() {
        let mut queues = Queues::default();
        let entry = json!({
            "Id": "0", "MessageBody": "b", "MessageGroupId": "g", "MessageDeduplicationId": "d",
        });
        let mut single = entry.clone();
        single["QueueUrl"] = json!("https://sqs/1/dead-letters.fifo");
        let batch = json!({"QueueUrl": "https://sqs/1/events.fifo", "Entries": [entry, entry]});
        for (operation, request) in [("SendMessage", single), ("SendMessageBatch", batch)] {
            let answer = queues.call(operation, request.to_string().as_bytes());
            assert!(answer.is_ok(), "{answer:?}");
        }
        let counts = ["/events.fifo", "/dead-letters.fifo"].map(|end| queues.sent_to(end));
        assert_eq!(counts, [2, 1]);
    }
}
