//! Registers: values that remember the position of the event that set them.
//!
//! A register takes a value only from a newer position, so the same events leave the same value in
//! whatever order and however often they come. That is the whole of convergence (invariant 7).

use std::fmt;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::data::Extra;
use crate::json;
use crate::occurrence::{Place, Sequence};

/// The longest text that a state holds, in bytes of its JSON.
pub const MAX_TEXT_BYTES: usize = 16 << 10;

/// Where an event stands among those that set a register: by rank, then time, then accepted order,
/// then among the variants of one event by their own accepted order.
///
/// A handler fixes for each register which of them count, and always in the same way.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Position {
    rank: u8,
    time_micros: i64,
    sequence: Sequence,
    variant: Sequence,
}

impl Position {
    /// By rank; within a rank, by time.
    #[must_use]
    pub fn by_rank(rank: u8, place: Place) -> Self {
        Self {
            rank,
            time_micros: place.time.as_microsecond(),
            sequence: place.sequence,
            variant: place.variant,
        }
    }

    /// By time: for events that have their own.
    #[must_use]
    pub fn by_time(place: Place) -> Self {
        Self::by_rank(0, place)
    }

    /// By time, the earliest one winning: for what happens once and may be reported again.
    ///
    /// Everything is negated or complemented, since the greatest position wins: the earliest time, of
    /// one time the first in the accepted order, and a record before its variants.
    #[must_use]
    pub fn earliest(place: Place) -> Self {
        let complement = |sequence: Sequence| Sequence(u128::MAX.saturating_sub(sequence.0));
        Self {
            rank: 0,
            time_micros: place.time.as_microsecond().saturating_neg(),
            sequence: complement(place.sequence),
            variant: complement(place.variant),
        }
    }

    /// By the accepted order: for events of providers that have no time.
    #[must_use]
    pub const fn by_sequence(place: Place) -> Self {
        Self::by_rank_and_sequence(0, place)
    }

    /// By rank; within a rank, by the accepted order.
    #[must_use]
    pub const fn by_rank_and_sequence(rank: u8, place: Place) -> Self {
        Self {
            rank,
            time_micros: 0,
            sequence: place.sequence,
            variant: place.variant,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.rank, self.time_micros, self.sequence)?;
        if self.variant == Sequence::default() {
            return Ok(()); // nearly always
        }
        write!(f, ":{}", self.variant)
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is no position.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("not a position")]
pub struct NoPosition;

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, NoPosition> {
        let mut parts = text.splitn(4, ':');
        let mut next = || parts.next().ok_or(NoPosition);
        Ok(Self {
            rank: next()?.parse().map_err(|_| NoPosition)?,
            time_micros: next()?.parse().map_err(|_| NoPosition)?,
            sequence: next()?.parse().map_err(|_| NoPosition)?,
            variant: match parts.next() {
                None => Sequence::default(),
                Some(variant) => variant.parse().map_err(|_| NoPosition)?,
            },
        })
    }
}

/// What a register can hold.
pub trait Value: Clone + Serialize + DeserializeOwned {
    /// Cuts the value to what a state may hold of it.
    #[must_use]
    fn bounded(self) -> Self {
        self
    }
}

impl Value for String {
    fn bounded(mut self) -> Self {
        self.truncate(json::beginning(&self, MAX_TEXT_BYTES).len());
        self
    }
}

impl Value for Vec<String> {
    fn bounded(self) -> Self {
        let mut left = MAX_TEXT_BYTES;
        self.into_iter()
            .map_while(|text| {
                left = left.checked_sub(json::written_len(&text).saturating_add(3))?;
                Some(text)
            })
            .collect()
    }
}

impl Value for Extra {
    /// Keeps the fields that fit and were not cut, in the order of their names.
    fn bounded(self) -> Self {
        let mut left = MAX_TEXT_BYTES;
        let mut whole = self;
        let cut: Vec<_> = whole
            .keys()
            .filter(|name| whole.has_cut(name))
            .cloned()
            .collect();
        cut.iter().for_each(|name| drop(whole.remove(name)));
        whole
            .into_iter()
            .filter(|(name, value)| {
                let size = json::written_len(name).saturating_add(value.get().len());
                let rest = left.checked_sub(size.saturating_add(4));
                left = rest.unwrap_or(left);
                rest.is_some()
            })
            .collect()
    }
}

impl Value for Box<RawValue> {
    fn bounded(self) -> Self {
        if self.get().len() <= MAX_TEXT_BYTES {
            self
        } else {
            RawValue::NULL.to_owned()
        }
    }
}

/// A value and the position of the event that set it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Register<T> {
    value: Option<T>,
    at: Option<Position>,
}

impl<T> Default for Register<T> {
    fn default() -> Self {
        Self {
            value: None,
            at: None,
        }
    }
}

impl<T: Value> Register<T> {
    pub(super) const fn restore(value: Option<T>, at: Option<Position>) -> Self {
        Self { value, at }
    }

    /// Returns the value.
    #[must_use]
    pub const fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// Returns the position of the event that set the value.
    #[must_use]
    pub const fn position(&self) -> Option<Position> {
        self.at
    }

    /// Takes a value, or that there is none, from an event at `at` unless a newer one set it.
    pub fn set(&mut self, value: Option<T>, at: Position) {
        if self.at < Some(at) {
            self.value = value.map(Value::bounded);
            self.at = Some(at);
        }
    }

    /// Takes a value, if there is one, from an event at `at` unless a newer one set it.
    pub fn offer(&mut self, value: Option<&T>, at: Position) {
        if value.is_some() {
            self.set(value.cloned(), at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn place(time: i64, sequence: u128) -> Place {
        let time = Timestamp::from_second(time).unwrap();
        Place::new(None, time, Sequence(sequence))
    }

    fn variant(time: i64, sequence: u128, own: u128) -> Place {
        Place {
            variant: Sequence(own),
            ..place(time, sequence)
        }
    }

    fn at(rank: u8, time: i64, sequence: u128) -> Position {
        Position::by_rank(rank, place(time, sequence))
    }

    #[test]
    fn positions_order_by_rank_then_time_then_sequence() {
        let ordered = [
            at(0, 5, 9),
            at(1, -1, 1),
            at(1, 2, 1),
            Position::by_rank(1, variant(2, 1, 5)),
            Position::by_rank(1, variant(2, 1, 9)),
            at(1, 2, u128::from(u64::MAX) + 1),
            at(2, 0, 0),
        ];
        assert!(ordered.is_sorted());
        for position in ordered {
            assert_eq!(position.to_string().parse::<Position>().unwrap(), position);
        }
    }

    #[test]
    fn earliest_position_is_that_of_the_earliest_time_and_of_the_first_in_order() {
        let ordered = [
            place(-1, 9),
            place(0, 1),
            variant(0, 1, 7),
            variant(0, 1, 8),
            place(0, 2),
            place(1, 1),
        ];
        let positions = ordered.map(Position::earliest);
        assert!(positions.iter().rev().is_sorted());
        for position in positions {
            assert_eq!(position.to_string().parse::<Position>().unwrap(), position);
        }
    }

    #[test]
    fn only_newer_positions_set() {
        let mut register = Register::default();
        register.offer(Some(&"b".to_owned()), at(0, 2, 1));
        register.offer(Some(&"a".to_owned()), at(0, 1, 9));
        register.offer(None, at(0, 3, 1));
        assert_eq!(register.get().unwrap(), "b");
        register.offer(Some(&"x".to_owned()), at(0, 2, 1));
        assert_eq!(register.get().unwrap(), "b", "the same event again");
        register.set(None, at(0, 3, 2));
        register.offer(Some(&"c".to_owned()), at(0, 3, 1));
        assert_eq!(register.get(), None);
    }

    #[test]
    fn values_are_bounded() {
        assert_eq!("é".repeat(MAX_TEXT_BYTES).bounded().len(), MAX_TEXT_BYTES);
        assert_eq!(
            "\u{1}".repeat(MAX_TEXT_BYTES).bounded().len(),
            MAX_TEXT_BYTES / 6
        );
        let fields = [("a", "x".repeat(MAX_TEXT_BYTES)), ("b", "kept".to_owned())];
        let fields =
            fields.map(|(n, v)| (n.to_owned(), serde_json::value::to_raw_value(&v).unwrap()));
        assert_eq!(Extra::from_iter(fields).bounded().len(), 1);
        let list = vec!["x".repeat(1_000); 100].bounded();
        assert_eq!(list.len(), 16);
        let large = serde_json::value::to_raw_value(&"x".repeat(MAX_TEXT_BYTES)).unwrap();
        assert_eq!(large.bounded().get(), "null");
        let small = serde_json::value::to_raw_value(&"x").unwrap();
        assert_eq!(small.bounded().get(), "\"x\"");
    }
}
