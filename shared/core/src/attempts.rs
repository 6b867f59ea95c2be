//! Counted attempts: which event it is that fails or ends its run again and again.
//!
//! SQS counts the receives of everything that was in a batch, so its count judges nobody. It only
//! says when to look closer: then events run one at a time, and each is counted just before its
//! body is touched. Here are the decisions; the ledger keeps the counts.

use std::collections::BTreeSet;

/// From this receive on, attempts are counted.
const COUNTED_FROM: u32 = 3;

/// How many attempts an event has.
const MAX_ATTEMPTS: usize = 5;

/// How many days attempts are remembered: longer than SQS keeps a message.
pub const REMEMBERED_DAYS: u16 = 15;

/// Tells whether an event that was received so often is counted. A batch that holds one is run one
/// event at a time.
#[must_use]
pub const fn is_counted(receives: u32) -> bool {
    receives >= COUNTED_FROM
}

/// Returns the place of the group whose next event runs now, given how often the next event of each
/// was received: the fewest times, so that what ends a run takes as few others with it as it can.
pub fn next_turn(receives: impl IntoIterator<Item = Option<u32>>) -> Option<usize> {
    let waiting = receives.into_iter().enumerate();
    let waiting = waiting.filter_map(|(place, receives)| Some((receives?, place)));
    waiting.min().map(|(_, place)| place)
}

/// How far the counting of one attempt is.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Attempt {
    /// It is not counted.
    #[default]
    Uncounted,
    /// Whether it is counted is not known: without an answer nothing is run.
    Unanswered,
    /// It is counted: so many are, with this one.
    Counted(usize),
}

/// Why a run came to no good end.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Failure {
    /// The event can never be handled.
    ForGood,
    /// Something outside failed, did not answer or took too long.
    Passing,
    /// Nobody knows: the handler panicked.
    Unknown,
}

/// What is done about a failure.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Remedy {
    /// The event becomes a dead letter.
    DeadLetter,
    /// The attempt was not the event's fault: it is taken back, and the event comes again.
    TakeBack,
    /// The event comes again.
    ComeAgain,
}

impl Attempt {
    /// Counts the receives at which an event was tried, this one included.
    #[must_use]
    pub fn counted(receives: &BTreeSet<u32>) -> Self {
        Self::Counted(receives.len())
    }

    /// Tells whether the event had all its attempts before: it is not run again.
    #[must_use]
    pub const fn is_one_too_many(self) -> bool {
        matches!(self, Self::Counted(count) if count > MAX_ATTEMPTS)
    }

    /// Returns how many attempts are counted, as far as is known.
    #[must_use]
    pub const fn count(self) -> usize {
        match self {
            Self::Uncounted | Self::Unanswered => 0,
            Self::Counted(count) => count,
        }
    }

    /// Says what is done about a failure of this attempt.
    #[must_use]
    pub const fn after(self, failure: Failure) -> Remedy {
        match (failure, self) {
            (Failure::ForGood, _) => Remedy::DeadLetter,
            (Failure::Unknown, Self::Counted(count)) if count >= MAX_ATTEMPTS => Remedy::DeadLetter,
            (Failure::Unknown, _) | (Failure::Passing, Self::Uncounted) => Remedy::ComeAgain,
            (Failure::Passing, Self::Unanswered | Self::Counted(_)) => Remedy::TakeBack,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_received_least_is_next_and_the_first_of_equals() {
        assert_eq!(next_turn([Some(4), Some(3), None, Some(3)]), Some(1));
        assert_eq!(next_turn([None, None]), None);
    }

    #[test]
    fn a_passing_failure_is_never_held_against_an_event() {
        for attempt in [1, 5, 6, 100].map(Attempt::Counted) {
            assert_eq!(attempt.after(Failure::Passing), Remedy::TakeBack);
        }
        assert_eq!(
            Attempt::Unanswered.after(Failure::Passing),
            Remedy::TakeBack
        );
        assert_eq!(
            Attempt::Uncounted.after(Failure::Passing),
            Remedy::ComeAgain
        );
    }

    #[test]
    fn five_attempts_and_no_more() {
        let counted = |receives: u32| Attempt::counted(&(3..3 + receives).collect());
        for count in 1..5 {
            assert_eq!(counted(count).after(Failure::Unknown), Remedy::ComeAgain);
        }
        assert_eq!(counted(5).after(Failure::Unknown), Remedy::DeadLetter);
        assert!(!counted(5).is_one_too_many() && counted(6).is_one_too_many());
        assert!(!is_counted(2) && is_counted(3));
    }
}
