//! An event as the consumer handles it: who it is, from its envelope, and what it says, from its
//! exact bytes.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

use crate::content;
use crate::data::{self, Data, Extra};
use crate::envelope::Envelope;
use crate::json::Object;
use crate::kind::Kind;
use crate::ledger::RecordHead;
use crate::providers::{self, Element, IMPLAUSIBLE_TIME, Meaning};
use crate::request::Headers;
use crate::retention;
use crate::time::{self, OwnTime, Timestamp};

/// SQS's own sequence number: the accepted order of an entity's events. It has up to 128 bits.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Sequence(pub u128);

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Sequence {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// The provider that an envelope names is not built into this consumer.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the event's provider is unknown to this version of the consumer: deploy both functions")]
pub struct UnknownProvider;

/// Where an event stands among those of its entity: by time, then in the accepted order.
///
/// INVARIANT: the time is as precise as a position. Else two times that a state can distinguish might
/// have one position, and which of them it shows would depend on which came first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// When it happened as far as states are concerned: the earlier of its own and its accepted time.
    pub time: Timestamp,
    /// The event's number in the accepted order.
    pub sequence: Sequence,
    /// Of a variant, its own number in the accepted order, by which it comes after its record and the
    /// variants before it; else 0.
    pub variant: Sequence,
}

impl Place {
    /// Returns the place of an event that is recorded, or is to be.
    #[must_use]
    pub fn new(occurred_at: Option<Timestamp>, received_at: Timestamp, sequence: Sequence) -> Self {
        Self {
            time: Times::new(occurred_at, received_at).own,
            sequence,
            variant: Sequence::default(),
        }
    }
}

/// The two times of an event: nothing happened later than it was accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Times {
    /// The earlier of its own and its accepted time; the accepted time where it has no own time.
    pub own: Timestamp,
    /// Its accepted time.
    pub accepted: Timestamp,
}

impl Times {
    /// Returns the times of an event.
    #[must_use]
    pub fn new(occurred_at: Option<Timestamp>, received_at: Timestamp) -> Self {
        let accepted = time::to_micros(received_at);
        let own = occurred_at.map_or(accepted, time::to_micros);
        Self {
            own: own.min(accepted),
            accepted,
        }
    }
}

/// What an event is to the ledger while it is run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Role {
    /// An event of its own.
    #[default]
    New,
    /// A duplicate of this record with other bytes: its fields stand at the record's place.
    Variant(RecordHead),
    /// A duplicate of this record with the same bytes, which say STOP and hold neither an id nor a
    /// time: it cannot be known whether the person said it again, so it counts at its own time.
    RepeatedStop(RecordHead),
}

impl Role {
    /// Returns the record that the event is a duplicate of.
    #[must_use]
    pub const fn record(&self) -> Option<&RecordHead> {
        match self {
            Self::New => None,
            Self::Variant(record) | Self::RepeatedStop(record) => Some(record),
        }
    }
}

/// One event, read.
#[derive(Clone, Debug)]
pub struct Occurrence {
    /// What the ingress found out.
    pub envelope: Envelope,
    /// Its place in the accepted order.
    pub sequence: Sequence,
    /// Its exact bytes.
    pub raw: Bytes,
    /// When it happened, where the provider says so.
    pub occurred_at: Option<Timestamp>,
    /// What it says.
    pub data: Data,
    /// What it is to the ledger.
    pub role: Role,
}

impl Occurrence {
    /// Reads an event.
    ///
    /// # Errors
    ///
    /// When the envelope names a provider that is not built in.
    pub fn read(
        envelope: Envelope,
        sequence: Sequence,
        raw: Bytes,
    ) -> Result<Self, UnknownProvider> {
        let Meaning { occurred_at, data } = interpret(&envelope, &raw)?;
        Ok(Self {
            envelope,
            sequence,
            raw,
            occurred_at,
            data,
            role: Role::New,
        })
    }

    /// Returns the event's place among those of its entity; that of a duplicate is its record's.
    #[must_use]
    pub fn place(&self) -> Place {
        match self.role.record() {
            None => Place::new(self.occurred_at, self.envelope.received_at, self.sequence),
            Some(record) => Place {
                variant: self.sequence,
                ..record.place()
            },
        }
    }

    /// Returns the time that a register of the first occurrence takes: that of the place, or the
    /// accepted time where the own time is from before the records of its days were kept. So a wrong
    /// clock puts no such register back for ever.
    #[must_use]
    pub fn earliest_time(&self) -> Timestamp {
        let envelope = &self.envelope;
        let record = self.role.record();
        let accepted = record.map_or(envelope.received_at, |record| record.received_at);
        let accepted = time::to_micros(accepted);
        let place = self.place();
        if retention::is_before(place.time, accepted, envelope.retention_days) {
            accepted
        } else {
            place.time
        }
    }

    /// Returns the times at which the event's STOP counts.
    ///
    /// A duplicate is the same word where its key names one happening for the record's life, or both
    /// have the same own time: then it stands at the record's times, so that a retried STOP does not
    /// undo a later START. Else a retry and a second STOP cannot be distinguished, and a STOP that
    /// is missed is worse than one too many.
    #[must_use]
    pub fn times_of_stop(&self) -> Times {
        match self.role.record() {
            Some(record) if self.is_same_word(record) => record.times(),
            _ => Times::new(self.occurred_at, self.envelope.received_at),
        }
    }

    /// Returns the times at which the event's START counts: a duplicate's is never a word of its own.
    #[must_use]
    pub fn times_of_start(&self) -> Times {
        match self.role.record() {
            Some(record) => record.times(),
            None => Times::new(self.occurred_at, self.envelope.received_at),
        }
    }

    fn is_same_word(&self, record: &RecordHead) -> bool {
        let has_same_time = self.occurred_at.is_some() && self.occurred_at == record.occurred_at;
        has_same_time || self.envelope.dedup.has_record_life()
    }

    /// Returns whether the event has an own time that is not believed.
    #[must_use]
    pub fn has_implausible_time(&self) -> bool {
        self.data.extra().contains_key(IMPLAUSIBLE_TIME)
    }

    /// Returns whether the same bytes may be a word of their own when they come again: they hold
    /// neither an id nor a time.
    #[must_use]
    pub fn may_be_repeated(&self) -> bool {
        self.occurred_at.is_none() && !self.envelope.dedup.has_record_life()
    }
}

fn interpret(envelope: &Envelope, raw: &[u8]) -> Result<Meaning, UnknownProvider> {
    let provider = providers::of_event(&envelope.provider).ok_or(UnknownProvider)?;
    let headers: Headers = envelope.headers.clone().into_iter().collect();
    let bytes = content::decoded(&headers, raw).unwrap_or_default();
    let text = content::json_text(&headers, &bytes).unwrap_or_default();
    let element = Element {
        object: Object::parse(content::event(provider, &text)).unwrap_or_default(),
        raw,
        slug: envelope.slug.as_deref(),
        headers: &headers,
        reading: &envelope.reading,
        received_at: envelope.received_at,
    };
    Ok(match envelope.kind {
        Kind::Unreadable => unknown(envelope, &element, None),
        Kind::Unrecognised => unknown(envelope, &element, provider.own_time(&element).as_deref()),
        kind => provider.interpret(kind, &element),
    })
}

fn unknown(envelope: &Envelope, element: &Element<'_>, own_time: Option<&str>) -> Meaning {
    let mut extra = Extra::of(element.object.iter());
    let time = own_time.and_then(|text| OwnTime::read(text, envelope.received_at));
    if let (Some(OwnTime::Implausible), Some(text)) = (time, own_time) {
        let text = serde_json::value::to_raw_value(text);
        extra.extend(text.ok().map(|text| (IMPLAUSIBLE_TIME.to_owned(), text)));
    }
    let data = data::Unknown {
        reason: envelope.reason.clone(),
        extra,
    };
    Meaning {
        occurred_at: time.and_then(OwnTime::believed),
        data: data.into(),
    }
}
