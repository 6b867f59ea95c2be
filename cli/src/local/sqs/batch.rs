//! Batches: up to ten entries, of which each succeeds or fails by itself.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::{Code, Fault, refused};

const MAX_ENTRIES: usize = 10;
const MAX_ID: usize = 80;

/// A batch request.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch<T> {
    #[serde(default)]
    pub(super) queue_url: String,
    #[serde(default = "Vec::new")]
    entries: Vec<Entry<T>>,
}

#[derive(Deserialize)]
struct Entry<T> {
    #[serde(rename = "Id", default)]
    id: String,
    #[serde(flatten)]
    item: T,
}

impl<T> Batch<T> {
    /// Refuses the whole batch when its entries cannot be told apart or counted.
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.entries.is_empty() {
            return Err(refused(Code::EmptyBatchRequest, "the batch has no entries"));
        }
        if self.entries.len() > MAX_ENTRIES {
            let message = format!("the batch has more than {MAX_ENTRIES} entries");
            return Err(refused(Code::TooManyEntriesInBatchRequest, message));
        }
        if !self.entries.iter().all(|entry| is_entry_id(&entry.id)) {
            let message = "an entry's id is 1 to 80 letters, digits, hyphens and underscores";
            return Err(refused(Code::InvalidBatchEntryId, message));
        }
        let ids: HashSet<_> = self.entries.iter().map(|entry| &entry.id).collect();
        if ids.len() < self.entries.len() {
            return Err(refused(
                Code::BatchEntryIdsNotDistinct,
                "two entries have one id",
            ));
        }
        Ok(())
    }

    pub(super) fn items(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|entry| &entry.item)
    }

    /// Handles the entries in order; a refusal fails its entry, a failure of ours the request.
    ///
    /// `handle` refuses before it writes, since the transaction goes on.
    pub(super) fn each(
        &self,
        mut handle: impl FnMut(&T) -> Result<Value, Fault>,
    ) -> Result<Value, Fault> {
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for Entry { id, item } in &self.entries {
            match handle(item) {
                Ok(Value::Object(mut done)) => {
                    done.insert("Id".to_owned(), json!(id));
                    successful.push(Value::Object(done));
                }
                Ok(_) => successful.push(json!({ "Id": id })),
                Err(Fault::Refused { code, message }) => failed.push(json!({
                    "Id": id, "Code": code.query_name(), "Message": message, "SenderFault": true,
                })),
                Err(fault) => return Err(fault),
            }
        }
        Ok(json!({ "Successful": successful, "Failed": failed }))
    }
}

fn is_entry_id(id: &str) -> bool {
    (1..=MAX_ID).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
