//! An event as the consumer handles it: who it is, from its envelope, and what it says, from its
//! exact bytes.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

use crate::content;
use crate::data::{self, Data};
use crate::envelope::Envelope;
use crate::json::{self, Object};
use crate::kind::Kind;
use crate::providers::{self, Element, Meaning};
use crate::request::Headers;
use crate::time::{self, Timestamp};

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
        })
    }

    /// Returns the event's own time, or its accepted time where it has none, as states tell it.
    ///
    /// INVARIANT: it is as precise as a position. Else two times that a state can tell apart might
    /// have one position, and which of them it tells would depend on who came first.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        time::to_micros(self.occurred_at.unwrap_or(self.envelope.received_at))
    }
}

fn interpret(envelope: &Envelope, raw: &[u8]) -> Result<Meaning, UnknownProvider> {
    let provider = providers::find(&envelope.provider).ok_or(UnknownProvider)?;
    let headers: Headers = envelope.headers.clone().into_iter().collect();
    let bytes = content::decoded(&headers, raw).unwrap_or_default();
    let text = content::json_text(&headers, &bytes).unwrap_or_default();
    let element = Element {
        object: Object::parse(content::event(provider, &text)).unwrap_or_default(),
        raw,
        slug: envelope.slug.as_deref(),
        headers: &headers,
        reading: &envelope.reading,
    };
    Ok(match envelope.kind {
        Kind::Unreadable => unknown(envelope, &element, None),
        Kind::Unrecognised => unknown(envelope, &element, provider.occurred_at(&element)),
        kind => provider.interpret(kind, &element),
    })
}

fn unknown(envelope: &Envelope, element: &Element<'_>, occurred_at: Option<Timestamp>) -> Meaning {
    let fields = element.object.iter();
    let extra = fields
        .map(|(name, value)| (name.to_owned(), json::compact(value)))
        .collect();
    let data = data::Unknown {
        reason: envelope.reason.clone(),
        extra,
    };
    Meaning {
        occurred_at,
        data: data.into(),
    }
}
