//! What travels on the queue: one event, with all that the ingress found out about it.
//!
//! Identity (kind, entity, dedup key) is decided once, here, before the queue: a redelivery or a
//! redrive months later means the same event whatever the code then says. What the event says is
//! read after the queue, from the exact bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::body::Carried;
use crate::config::{OptInScope, Reading};
use crate::dedup::DedupKey;
use crate::entity::Entity;
use crate::ids::EventId;
use crate::kind::Kind;
use crate::request::Headers;
use crate::retention;
use crate::states::StateExpiry;
use crate::time::Timestamp;

/// The headers that a record keeps: those that say how to read the body, and who says it sent it.
/// Never credentials.
pub const KEPT_HEADERS: &[&str] = &[
    CONTENT_ENCODING,
    CONTENT_TYPE,
    "svix-id",
    "svix-timestamp",
    "user-agent",
    "webhook-id",
    "webhook-timestamp",
];

/// The most bytes of a header that are kept: there is room for several in each of a thousand records.
pub const MAX_HEADER_BYTES: usize = 1 << 10;

/// The header that says how the body is compressed.
pub const CONTENT_ENCODING: &str = "content-encoding";

/// The header that says what the body is.
pub const CONTENT_TYPE: &str = "content-type";

/// One event on its way from the ingress to the consumer.
///
/// The two are not deployed at one moment: a field that is added is optional, and fields that this
/// version does not know are ignored, here and in every object within. A value that is an object with one
/// of several fields, such as the body, may have further ones too.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Envelope {
    /// The version of this format.
    pub version: Version,
    /// The event's id.
    pub id: EventId,
    /// The HTTP request that it came in, so that every log line about it can name that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The provider's name.
    pub provider: String,
    /// The slug of the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// The accepted time: the ingress clock at verification.
    pub received_at: Timestamp,
    /// How long its record lives.
    pub retention_days: u16,
    /// How long states live after it, in days; without it they stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_retention_days: Option<u16>,
    /// What happened.
    pub kind: Kind,
    /// The sender's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_event: Option<String>,
    /// Why it is not known what happened, for `unrecognised` and `unreadable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it is about. The source's name is its first part.
    pub entity: Entity,
    /// What makes it the same event as another one.
    pub dedup: DedupKey,
    /// What would make it another event under another slug of its URL, where nothing of the request
    /// proves which one was meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub under_other_slugs: Vec<DedupKey>,
    /// The digest of the bytes that are mapped, by which a duplicate with other bytes is recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// How far a START of this event reaches.
    #[serde(default, skip_serializing_if = "OptInScope::is_source")]
    pub opt_in_scope: OptInScope,
    /// How to read it.
    #[serde(default)]
    pub reading: Reading,
    /// The headers of [`KEPT_HEADERS`] that came with it.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Its exact bytes.
    pub body: Carried,
}

impl Envelope {
    /// Tells whether the event was accepted so long ago that a record of it may be forgotten already:
    /// it might no longer be known as a duplicate.
    #[must_use]
    pub fn is_too_old(&self, now: Timestamp) -> bool {
        retention::is_too_old(self.received_at, self.retention_days, now)
    }

    /// Returns the expiry time of what is kept of the event. Of one that is too old it counts from now:
    /// else it would expire as soon as it is written.
    #[must_use]
    pub fn expires_at(&self, now: Timestamp) -> Timestamp {
        retention::kept_until(self.kept_from(now), self.retention_days)
    }

    /// Returns the expiry of a state that the event is applied to. The newest of its events decides, so
    /// that an older one neither prolongs nor shortens the life of a state, in whatever order they come.
    ///
    /// Where a state has no expiry yet, an event without the setting leaves none, not even its own time: a
    /// stack that never uses the setting writes nothing for it. An older event with the setting that is
    /// applied behind such a one then decides.
    #[must_use]
    pub fn state_expiry(
        &self,
        current: Option<StateExpiry>,
        now: Timestamp,
    ) -> Option<StateExpiry> {
        let kept_from = self.kept_from(now);
        if current.is_some_and(|current| current.kept_from > kept_from) {
            return current;
        }
        if current.is_none() && self.state_retention_days.is_none() {
            return None;
        }
        let until = |days| retention::kept_until(kept_from, days);
        Some(StateExpiry {
            kept_from,
            expires_at: self.state_retention_days.map(until),
        })
    }

    fn kept_from(&self, now: Timestamp) -> Timestamp {
        if self.is_too_old(now) {
            now
        } else {
            self.received_at
        }
    }
}

/// Returns the deduplication id of an event's first message: unique, since it protects against the
/// SDK's own retries only. What is a duplicate is for the ledger to decide.
#[must_use]
pub fn deduplication_id(id: EventId) -> String {
    id.to_string()
}

/// Returns the deduplication id of a message that is moved from one queue to the other: the id that
/// it had, so that moving it twice moves it once. The event's own id would not do: the queue that it
/// comes back to may still remember that.
#[must_use]
pub const fn deduplication_id_of_moved(message_id: &str) -> &str {
    message_id
}

/// The version of the envelope's format; a message of another version cannot be read as this one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Version;

impl Version {
    const NUMBER: u8 = 1;
}

impl Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(Self::NUMBER)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            Self::NUMBER => Ok(Self),
            other => Err(serde::de::Error::custom(format_args!(
                "envelope version {other}"
            ))),
        }
    }
}

/// Picks the headers to keep, each cut to [`MAX_HEADER_BYTES`].
#[must_use]
pub fn kept_headers(headers: &Headers) -> BTreeMap<String, String> {
    let kept = |value: &str| {
        let end = value.floor_char_boundary(MAX_HEADER_BYTES);
        value.get(..end).unwrap_or_default().to_owned()
    };
    KEPT_HEADERS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), kept(headers.get(name)?))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelope_of_another_version_of_the_functions_is_read() {
        let envelope = r#"{"version":1,"id":"019aad2b-7c00-7000-8000-000000000001.0","provider":"ai-sync","received_at":"2026-01-15T13:00:00Z","retention_days":30,"kind":"call.ended","entity":"voice/call/c","dedup":{"key":"00","window":"record","new":1},"body":{"inline":""},"something_new":{"a":[1]}}"#;
        let read: Envelope = serde_json::from_str(envelope).unwrap();
        assert_eq!(
            (read.digest.as_ref(), read.opt_in_scope),
            (None, OptInScope::Source)
        );
        assert_eq!(read.state_retention_days, None);
        let written = serde_json::to_string(&read).unwrap();
        assert!(
            ["digest", "opt_in_scope", "state_retention_days"]
                .iter()
                .all(|name| !written.contains(name)),
            "{written}"
        );
        let other = envelope.replace("\"version\":1", "\"version\":2");
        assert!(serde_json::from_str::<Envelope>(&other).is_err());
    }

    /// Adds a field that nobody knows to an object and to all objects within it but the headers, which
    /// have names of the sender's.
    fn add_unknown(value: &mut serde_json::Value) -> usize {
        let Some(object) = value.as_object_mut() else {
            let list = value.as_array_mut().into_iter().flatten();
            return list.map(add_unknown).sum();
        };
        let within = object.iter_mut().filter(|(name, _)| *name != "headers");
        let added: usize = within.map(|(_, value)| add_unknown(value)).sum();
        let unknown = serde_json::json!({"a": [1, {"b": null}]});
        object.insert("a_field_of_later".to_owned(), unknown);
        added.saturating_add(1)
    }

    #[test]
    fn unknown_fields_of_an_envelope_are_ignored_at_every_level() {
        let bodies = [
            (r#"{"inline":""}"#, 1),
            (r#"{"deflated":""}"#, 1),
            (r#"{"stored":{"key":"k","length":1,"sha256":"00"}}"#, 2),
        ];
        for (body, objects) in bodies {
            let envelope = r#"{"version":1,"id":"019aad2b-7c00-7000-8000-000000000001.0","request_id":"r","provider":"ai-sync","slug":"contact","received_at":"2026-01-15T13:00:00Z","retention_days":30,"state_retention_days":40,"kind":"call.ended","provider_event":"call.ended","reason":"r","entity":"voice/call/c","dedup":{"key":"00","window":{"secs":120}},"under_other_slugs":[{"key":"01","window":"record"}],"digest":"00","opt_in_scope":"stack","reading":{"country":"AU","opt_out_words":["HALT"],"opt_in_words":["GO"],"opt_out_words_only":true},"headers":{"content-type":"text/plain"},"body":BODY}"#;
            let envelope = envelope.replace("BODY", body);
            let known: Envelope = serde_json::from_str(&envelope).unwrap();
            let mut newer: serde_json::Value = serde_json::from_str(&envelope).unwrap();
            // The envelope, its key and the window of that, the other key, and how to read it.
            assert_eq!(add_unknown(&mut newer), 5 + objects);
            let read: Envelope = serde_json::from_str(&newer.to_string()).unwrap();
            assert_eq!(read, known, "{newer}");
            assert_eq!(
                serde_json::to_value(&known).unwrap(),
                serde_json::from_str::<serde_json::Value>(&envelope).unwrap()
            );
        }
    }

    #[test]
    fn newest_event_decides_when_a_state_expires() {
        let day = |day: i64| Timestamp::from_second(1_768_482_000 + day * 86_400).unwrap();
        let event = |accepted: i64, days: Option<u16>| {
            let mut envelope: Envelope = serde_json::from_str(r#"{"version":1,"id":"019aad2b-7c00-7000-8000-000000000001.0","provider":"ai-sync","received_at":"2026-01-15T13:00:00Z","retention_days":30,"kind":"call.ended","entity":"voice/call/c","dedup":{"key":"00","window":"record"},"body":{"inline":""}}"#).unwrap();
            envelope.received_at = day(accepted);
            envelope.state_retention_days = days;
            envelope
        };
        let after = |events: &[(i64, Option<u16>)]| {
            let applied = events.iter().fold(None, |current, (accepted, days)| {
                event(*accepted, *days).state_expiry(current, day(10))
            });
            applied.and_then(|expiry: StateExpiry| expiry.expires_at)
        };
        let (first, second) = ((0, Some(400)), (1, Some(100)));
        assert_eq!(after(&[first]), Some(day(400)));
        assert_eq!(after(&[first, second]), Some(day(101)));
        assert_eq!(after(&[second, first]), Some(day(101)), "in either order");
        assert_eq!(after(&[(0, None), second]), after(&[second, (0, None)]));
        assert_eq!(after(&[first, (1, None)]), None, "from now on they stay");
        let newest = (2, None);
        for events in [
            [first, second, newest],
            [first, newest, second],
            [second, newest, first],
        ] {
            assert_eq!(after(&events), None, "{events:?}");
        }
        assert_eq!(after(&[first, newest, (3, Some(50))]), Some(day(53)));
        assert_eq!(event(0, None).state_expiry(None, day(10)), None, "unused");
        // One that is forced through much later lives from then on.
        let late = event(0, Some(40)).state_expiry(None, day(100)).unwrap();
        assert_eq!(late.expires_at, Some(day(140)));
    }

    #[test]
    fn the_headers_that_matter_are_kept_and_credentials_are_not() {
        let sent = [
            ("content-encoding", "gzip"),
            ("content-type", "application/json"),
            ("user-agent", "desk/1"),
            ("authorization", "Basic aG9va3M6aHVudGVyMg=="),
            ("x-webhook-signature", "00"),
        ];
        let sent = sent.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let kept = kept_headers(&sent.iter().cloned().collect());
        assert_eq!(kept, BTreeMap::from_iter(sent.into_iter().take(3)));
    }

    #[test]
    fn headers_are_kept_up_to_a_kibibyte_each() {
        for (value, length) in [
            ("x", MAX_HEADER_BYTES),
            ("é", MAX_HEADER_BYTES),
            ("€", 1_023),
        ] {
            let sent = ("user-agent".to_owned(), value.repeat(5_000));
            let kept = kept_headers(&std::iter::once(sent).collect());
            assert_eq!(kept["user-agent"].len(), length, "{value}");
        }
    }
}
