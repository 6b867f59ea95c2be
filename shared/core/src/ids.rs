//! Identifiers of deliveries and of the events in them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::Timestamp;

/// One HTTP request from a source: a UUIDv7 of ours, made anew for every request.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct DeliveryId(Uuid);

impl DeliveryId {
    /// Wraps a UUIDv7 whose time is the accepted time of the delivery.
    #[must_use]
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// Returns the time inside the id, to the millisecond: where in the time index the event is.
    #[must_use]
    pub fn time(self) -> Option<Timestamp> {
        let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
        Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanos).ok()?).ok()
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Why a text is no id.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("not an id of a delivery or event")]
pub struct IdError;

impl FromStr for DeliveryId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Uuid::try_parse(text).map(Self).map_err(|_| IdError)
    }
}

/// One event of a delivery: `{delivery id}.{index}`, the index counted from zero.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EventId {
    /// The delivery that the event came in.
    pub delivery: DeliveryId,
    /// The event's place in it.
    pub index: u16,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.delivery, self.index)
    }
}

impl FromStr for EventId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (delivery, index) = text.split_once('.').ok_or(IdError)?;
        Ok(Self {
            delivery: delivery.parse()?,
            index: index.parse().map_err(|_| IdError)?,
        })
    }
}

impl Serialize for EventId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_id_round_trips_and_holds_its_time() {
        let text = "019aad2b-7c00-7000-8000-000000000001.12";
        let id: EventId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(id.index, 12);
        assert!(id.delivery.time().is_some());
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in [
            "",
            "x.1",
            "019aad2b-7c00-7000-8000-000000000001",
            "019aad2b-7c00-7000-8000-000000000001.x",
        ] {
            assert!(text.parse::<EventId>().is_err(), "{text}");
        }
    }
}
