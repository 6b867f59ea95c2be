//! Deduplication keys and their windows: when two deliveries are the same happening.
//!
//! This is the place that digests anything. It decides nothing about a particular provider.

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::time::Timestamp;

/// Returns the SHA-256 of `parts` in hex, each part preceded by its length so that no two lists of
/// parts digest alike.
#[must_use]
pub fn digest(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part);
    }
    hex::encode(hasher.finalize())
}

/// Returns the SHA-256 of one body in hex, as any other tool computes it.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The number of hex digits kept of a digest that is compared within one entity or record: 128 bits.
const SHORT_DIGITS: usize = 32;

/// Returns the digest by which the ledger knows the bytes of one event: 128 bits of their SHA-256, in
/// hex. They are the bytes that are mapped: the content encoding undone, one element of a list.
#[must_use]
pub fn content_digest(bytes: &[u8]) -> String {
    let mut digest = sha256_hex(bytes);
    digest.truncate(SHORT_DIGITS);
    digest
}

/// How long one key stands for one happening.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", from = "WindowForm")]
pub enum Window {
    /// As long as the record lives: the key names one happening.
    Record,
    /// This many seconds: the same bytes may rightly come again later.
    Secs(u32),
}

/// How a window is written: a word, or an object that may have fields which this version need not know.
#[derive(Deserialize)]
#[serde(untagged)]
enum WindowForm {
    Word(WindowWord),
    Fields { secs: u32 },
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum WindowWord {
    Record,
}

impl From<WindowForm> for Window {
    fn from(form: WindowForm) -> Self {
        match form {
            WindowForm::Word(WindowWord::Record) => Self::Record,
            WindowForm::Fields { secs } => Self::Secs(secs),
        }
    }
}

/// Within an entity, what makes two events one.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DedupKey {
    #[serde(deserialize_with = "bounded")]
    key: String,
    window: Window,
}

/// The longest key that is read: sort keys of `DynamoDB` have up to 1,024 bytes, the name of the window's
/// slot and what stands before the key included.
const MAX_KEY_BYTES: usize = 512;

/// Reads a key; one message with a longer one would fail the reading of its whole batch.
fn bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let key = String::deserialize(deserializer)?;
    if (1..=MAX_KEY_BYTES).contains(&key.len()) {
        Ok(key)
    } else {
        Err(D::Error::custom("the key is empty or too long"))
    }
}

impl DedupKey {
    /// Makes a key of `parts`, the name of what happened first.
    #[must_use]
    pub fn new(parts: &[&[u8]], window: Window) -> Self {
        let mut key = digest(parts);
        key.truncate(SHORT_DIGITS);
        Self { key, window }
    }

    /// Returns the record's name for an event accepted at `accepted_at`.
    #[must_use]
    pub fn record_name(&self, accepted_at: Timestamp) -> String {
        match self.slot(accepted_at) {
            None => self.key.clone(),
            Some(slot) => format!("{}#{slot}", self.key),
        }
    }

    /// Returns the names of all records that could make an event accepted at `accepted_at` a
    /// duplicate: with a window, those of the slot before, of and after.
    #[must_use]
    pub fn candidates(&self, accepted_at: Timestamp) -> Vec<String> {
        match self.slot(accepted_at) {
            None => vec![self.key.clone()],
            Some(slot) => [slot.saturating_sub(1), slot, slot.saturating_add(1)]
                .map(|slot| format!("{}#{slot}", self.key))
                .into(),
        }
    }

    /// Tells whether two accepted times are less than the window apart. The time now is no part of
    /// it: a backlog changes nothing.
    #[must_use]
    pub fn covers(&self, one: Timestamp, other: Timestamp) -> bool {
        match self.window {
            Window::Record => true,
            Window::Secs(secs) => {
                let apart = one.as_millisecond().abs_diff(other.as_millisecond());
                apart < u64::from(secs).saturating_mul(1_000)
            }
        }
    }

    /// Returns whether the key names one happening for as long as its record lives.
    #[must_use]
    pub fn has_record_life(&self) -> bool {
        self.window == Window::Record
    }

    fn slot(&self, accepted_at: Timestamp) -> Option<i64> {
        match self.window {
            Window::Record => None,
            Window::Secs(secs) => Some(accepted_at.as_second().div_euclid(i64::from(secs.max(1)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn parts_are_told_apart() {
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_ne!(digest(&[b"a"]), digest(&[b"a", b""]));
    }

    #[test]
    fn a_known_digest() {
        // printf 'abc' | sha256sum
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_key_without_a_window_has_one_record() {
        let key = DedupKey::new(&[b"call.ended"], Window::Record);
        assert_eq!(key.candidates(at(0)), vec![key.record_name(at(1_000_000))]);
        assert!(key.covers(at(0), at(10_000_000)));
    }

    #[test]
    fn key_that_is_too_long_is_not_read() {
        for (length, is_key) in [(0, false), (32, true), (512, true), (513, false)] {
            let json = format!(
                "{{\"key\":\"{}\",\"window\":\"record\"}}",
                "0".repeat(length)
            );
            let read = serde_json::from_str::<DedupKey>(&json);
            assert_eq!(read.is_ok(), is_key, "{length}");
        }
    }

    #[test]
    fn window_is_read_as_it_is_written_and_with_further_fields() {
        let read = |json: &str| serde_json::from_str::<Window>(json).ok();
        for window in [Window::Record, Window::Secs(120)] {
            let json = serde_json::to_string(&window).unwrap();
            assert_eq!(read(&json), Some(window), "{json}");
        }
        assert_eq!(read(r#"{"new":1,"secs":7}"#), Some(Window::Secs(7)));
        for json in [r#""new""#, r#"{"new":1}"#, r#"{"secs":-1}"#, "7", "null"] {
            assert_eq!(read(json), None, "{json}");
        }
    }

    #[test]
    fn whatever_is_within_the_window_is_among_the_candidates() {
        let key = DedupKey::new(&[b"x"], Window::Secs(120));
        for first in [0, 1, 119, 120, 121, 239, 1_000_000_007] {
            for apart in -119..120_i64 {
                let (one, other) = (at(first), at(first + apart));
                assert!(key.covers(one, other));
                assert!(key.candidates(one).contains(&key.record_name(other)));
            }
            assert!(!key.covers(at(first), at(first + 120)));
            assert_ne!(key.record_name(at(first)), key.record_name(at(first + 120)));
        }
    }
}
