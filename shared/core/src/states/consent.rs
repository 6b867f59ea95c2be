//! STOP and START: whether a person may be written to.
//!
//! Of each word the latest own and the latest accepted time are kept: values that only grow, so that
//! the order in which events are handled cannot matter. A START lifts a STOP only when it is later by
//! both: one clock alone, the sender's or the order of arrival, is often wrong.

use serde::{Deserialize, Serialize};

use crate::ids::EventId;
use crate::occurrence::Times;
use crate::time::Timestamp;

/// How often a word was said is not kept, only its latest times.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Said {
    /// The latest own time.
    pub own: Timestamp,
    /// The latest accepted time.
    pub accepted: Timestamp,
    /// The event of the latest own time.
    pub event: EventId,
}

impl Said {
    /// Returns a word as one event says it.
    #[must_use]
    pub const fn new(times: Times, event: EventId) -> Self {
        Self {
            own: times.own,
            accepted: times.accepted,
            event,
        }
    }

    /// Returns the later of both, time by time.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        // Of equal times the greater id, so that the order of the two does not matter.
        let (own, event) = (self.own, self.event).max((other.own, other.event));
        Self {
            own,
            accepted: self.accepted.max(other.accepted),
            event,
        }
    }

    fn is_later_than(&self, other: &Self) -> bool {
        self.own > other.own && self.accepted > other.accepted
    }
}

/// The latest STOP and the latest START of one person through one source.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Consent {
    /// The STOP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Said>,
    /// The START.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Said>,
}

/// Which of the two words was said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Word {
    /// The person wants to be left alone.
    Stop,
    /// The person takes that back.
    Start,
}

impl Consent {
    /// Takes a word in.
    pub fn add(&mut self, word: Word, said: Said) {
        let latest = match word {
            Word::Stop => &mut self.stop,
            Word::Start => &mut self.start,
        };
        *latest = latest.map(|before| before.max(said)).or(Some(said));
    }

    /// Returns whether the person is to be left alone; `None` where neither word was said.
    #[must_use]
    pub fn opted_out(&self) -> Option<bool> {
        if self.stop.is_none() && self.start.is_none() {
            return None;
        }
        Some(self.standing_stop(None).is_some())
    }

    /// Returns the STOP, unless a START lifts it; `other_start` is one that counts for this source
    /// beside its own.
    #[must_use]
    pub fn standing_stop(&self, other_start: Option<Said>) -> Option<Said> {
        let start = match (self.start, other_start) {
            (Some(own), Some(other)) => Some(own.max(other)),
            (own, other) => own.or(other),
        };
        let is_lifted = |stop: &Said| start.is_some_and(|start| start.is_later_than(stop));
        self.stop.filter(|stop| !is_lifted(stop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(own: i64, accepted: i64) -> Said {
        let at = |minute: i64| Timestamp::from_second(minute.saturating_mul(60)).unwrap();
        Said {
            own: at(own),
            accepted: at(accepted),
            event: "019aad2b-7c00-7000-8000-000000000001.0".parse().unwrap(),
        }
    }

    fn after(words: &[(Word, i64, i64)]) -> bool {
        let mut consent = Consent::default();
        for (word, own, accepted) in words {
            consent.add(*word, said(*own, *accepted));
        }
        consent.opted_out().unwrap()
    }

    #[test]
    fn start_lifts_a_stop_only_if_it_is_later_by_both_times() {
        use Word::{Start, Stop};
        for (stop, start, stands) in [
            ((0, 3), (1, 4), false), // a slow delivery of the STOP
            ((0, 0), (1, 1), false),
            ((1, 1), (0, 2), true),
            ((0, 2), (1, 1), true),
            ((0, 0), (0, 1), true),
            ((0, 0), (1, 0), true),
            ((5, 5), (5, 5), true),
        ] {
            let words = [(Stop, stop.0, stop.1), (Start, start.0, start.1)];
            assert_eq!(after(&words), stands, "{words:?}");
            assert_eq!(after(&[words[1], words[0]]), stands, "{words:?}");
        }
    }

    #[test]
    fn last_stop_by_either_time_stands() {
        use Word::{Start, Stop};
        assert!(after(&[(Stop, 0, 0), (Start, 1, 1), (Stop, 2, 2)]));
        assert!(!after(&[(Stop, 0, 0), (Start, 1, 1), (Stop, 0, 0)]));
        assert!(!after(&[(Stop, 0, 0), (Stop, 2, 2), (Start, 3, 3)]));
        assert!(after(&[(Start, 9, 9), (Stop, 3, 10)]));
        assert!(!after(&[(Start, 1, 1)]));
        assert_eq!(Consent::default().opted_out(), None);
    }

    #[test]
    fn another_start_counts_as_an_own_one() {
        let stop = Consent {
            stop: Some(said(1, 1)),
            start: Some(said(2, 1)),
        };
        assert!(stop.standing_stop(None).is_some());
        assert!(stop.standing_stop(Some(said(1, 1))).is_some());
        assert!(stop.standing_stop(Some(said(2, 2))).is_none());
        assert!(
            stop.standing_stop(Some(said(0, 2))).is_none(),
            "with its own"
        );
    }
}
