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

/// Tells whether an event that was received so often is counted.
#[must_use]
pub const fn is_counted(receives: u32) -> bool {
    receives >= COUNTED_FROM
}

/// Tells whether a batch is run one event at a time, given how often each was received: so that the
/// one which ends the run is told from those beside it.
#[must_use]
pub fn is_one_by_one(receives: impl IntoIterator<Item = u32>) -> bool {
    receives.into_iter().any(is_counted)
}

/// What became of an event that does not come again.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Settled {
    /// It is in the ledger.
    #[default]
    Committed,
    /// It is a dead letter.
    Buried,
}

/// Returns the place of the group whose next event runs now in a batch that is run one by one, given
/// what settled last and how often the next event of each group was received: the fewest times, so
/// that what ends a run takes as few others with it as it can. Among equals another one is first at
/// each receive, so that the one which ends the run does not always come before the others.
///
/// After a burial it is nobody's turn: the answer for the batch settles it, before another event can
/// end the run and have it buried again.
#[must_use]
pub fn next_turn(last: Settled, receives: &[Option<u32>]) -> Option<usize> {
    if last == Settled::Buried {
        return None;
    }
    let all = receives.len();
    let waiting = receives.iter().enumerate();
    let waiting = waiting.filter_map(|(place, receives)| {
        let receives = (*receives)?;
        let turned = place.wrapping_add(usize::try_from(receives).ok()?);
        Some((receives, turned.checked_rem(all)?, place))
    });
    waiting.min().map(|(_, _, place)| place)
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
    /// The item that attempts are counted in is damaged: nobody can tell how many there were.
    Unreadable,
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

    /// Returns why the event is not run again, if it is not: it had all its attempts before, or
    /// would have them for ever.
    #[must_use]
    pub const fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Counted(count) if count > MAX_ATTEMPTS => Some("attempts"),
            Self::Unreadable => Some("item"),
            Self::Counted(_) | Self::Uncounted | Self::Unanswered => None,
        }
    }

    /// Returns how many attempts are counted, as far as is known.
    #[must_use]
    pub const fn count(self) -> usize {
        match self {
            Self::Uncounted | Self::Unanswered | Self::Unreadable => 0,
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
            (Failure::Passing, Self::Unanswered | Self::Counted(_) | Self::Unreadable) => {
                Remedy::TakeBack
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_received_least_is_next() {
        let next = |receives: &[_]| next_turn(Settled::Committed, receives);
        assert_eq!(next(&[Some(4), Some(3), None, Some(5)]), Some(1));
        assert_eq!(next(&[None, None]), None);
    }

    #[test]
    fn after_a_burial_it_is_nobodys_turn() {
        assert_eq!(next_turn(Settled::Buried, &[Some(3)]), None);
    }

    #[test]
    fn one_that_came_a_third_time_is_enough_to_look_closely() {
        assert!(is_one_by_one([1, 3, 1]) && !is_one_by_one([2, 1]) && !is_one_by_one([]));
    }

    #[test]
    fn equals_take_turns_at_being_first() {
        let firsts: BTreeSet<_> = (3..6)
            .map(|receives| next_turn(Settled::Committed, &[Some(receives); 3]))
            .collect();
        assert_eq!(firsts, [0, 1, 2].map(Some).into());
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
        assert_eq!(counted(5).refusal(), None);
        assert_eq!(counted(6).refusal(), Some("attempts"));
        assert!(!is_counted(2) && is_counted(3));
    }

    #[test]
    fn attempts_that_cannot_be_read_are_no_reason_to_try_for_ever() {
        assert_eq!(Attempt::Unreadable.refusal(), Some("item"));
        assert_eq!(Attempt::Unreadable.count(), 0);
    }
}
