//! A dead letter as it was looked at: its event, and whether the ledger has it already.

use std::borrow::Cow;

use serde::Serialize;
use switchhook_aws::clock::SystemClock;
use switchhook_aws::dead_letters::Letter;
use switchhook_core::envelope::Envelope;
use switchhook_core::json::Misplaced;
use switchhook_core::ledger::{Entry, Known, RecordKey, Snapshot};
use switchhook_core::time::{Clock, Timestamp};

use super::reasons;

/// A letter, read.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) letter: Letter,
    /// Its event, where it is one of this version.
    pub(super) event: Result<Envelope, Misplaced>,
    /// What the ledger has of it.
    pub(super) known: Known,
    /// Its entry in the record that has its bytes but does not count it.
    pub(super) entry: Option<(RecordKey, Entry)>,
}

impl Seen {
    pub(super) fn new(letter: Letter) -> Self {
        let event = letter.envelope();
        Self {
            letter,
            event,
            known: Known::No,
            entry: None,
        }
    }

    /// Names the records that would make the event a duplicate.
    pub(super) fn record_keys(&self) -> Vec<RecordKey> {
        let Ok(event) = &self.event else {
            return Vec::new();
        };
        let names = event.dedup.candidates(event.received_at).into_iter();
        names
            .map(|name| RecordKey {
                entity: event.entity.clone(),
                name,
            })
            .collect()
    }

    pub(super) fn look_up(&mut self, snapshot: &Snapshot) {
        let Ok(event) = &self.event else { return };
        let digest = event.digest.as_deref();
        let (id, received_at) = (event.id, event.received_at);
        self.known = snapshot.knows(&event.entity, &event.dedup, id, digest, received_at);
        if let Known::Copy(key) = &self.known {
            let expires_at = event.expires_at(SystemClock.now());
            let head = snapshot.records.get(key);
            let entry = head.map(|head| head.entry(id.delivery, None, expires_at));
            self.entry = entry.map(|entry| (key.clone(), entry));
        }
    }

    /// Returns why it is a dead letter.
    pub(super) fn reason(&self) -> &str {
        self.letter.reason.as_deref().unwrap_or(reasons::MOVED)
    }

    /// Returns whether the ledger has the event with these bytes.
    pub(super) const fn is_recorded(&self) -> bool {
        matches!(self.known, Known::Counted | Known::Copy(_))
    }

    /// Returns the event's id, else the letter's own.
    pub(super) fn name(&self) -> String {
        match &self.event {
            Ok(event) => event.id.to_string(),
            Err(_) => self.letter.message_id.clone(),
        }
    }
}

/// A letter as `list --json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct LetterJson<'a> {
    id: Option<String>,
    message_id: &'a str,
    source: Option<&'a str>,
    provider: Option<&'a str>,
    kind: Option<&'static str>,
    provider_event: Option<&'a str>,
    entity: Option<&'a str>,
    received_at: Option<Timestamp>,
    reason: &'a str,
    dead_since: Timestamp,
    recorded: bool,
}

impl<'a> From<&'a Seen> for LetterJson<'a> {
    fn from(seen: &'a Seen) -> Self {
        let event = seen.event.as_ref().ok();
        Self {
            id: event.map(|event| event.id.to_string()),
            message_id: &seen.letter.message_id,
            source: event.map(|event| event.entity.source()),
            provider: event.map(|event| event.provider.as_str()),
            kind: event.map(|event| event.kind.as_str()),
            provider_event: event.and_then(|event| event.provider_event.as_deref()),
            entity: event.map(|event| event.entity.as_str()),
            received_at: event.map(|event| event.received_at),
            reason: seen.reason(),
            dead_since: seen.letter.dead_since,
            recorded: seen.is_recorded(),
        }
    }
}

/// Returns a time for people, in UTC.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Returns a reason for people.
pub(super) fn reason_shown(reason: &str) -> Cow<'_, str> {
    if reason == reasons::MOVED {
        "moved by SQS after too many receives".into()
    } else {
        reason.into()
    }
}
