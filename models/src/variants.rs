//! The protocol, broken on purpose: each variant leaves out or turns around one rule.

use crate::laws::Law;
use crate::scenario::Scenario;
use crate::scenarios as all;

/// One broken rule.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Variant {
    /// The record is put before the state is written.
    RecordBeforeState,
    /// A record is put whether there is one or not.
    UnconditionalRecord,
    /// A state is written whatever its version is.
    NoVersion,
    /// What is a duplicate is judged by the time now instead of the accepted times.
    JudgedByNow,
    /// A key has one record, which a recurrence overwrites.
    OneRecordPerKey,
    /// Events without a time of their own are ordered by the ingress's clock.
    ReceivedTimeOrder,
    /// An entity has one position for all its registers.
    OnePosition,
    /// Of two wishes of one time the later one in the queue holds.
    TieByPlace,
    /// What a batch writes is not seen by its next event.
    StaleSnapshot,
    /// SQS's receive count decides who is a dead letter.
    ReceiveCountJudges,
    /// The attempts of a batch are written side by side, before any event of it runs.
    AttemptsSideBySide,
    /// The body is decoded before its attempt is counted.
    BodyFirst,
    /// Attempts are a number that goes up and down.
    PlainAttemptCounter,
    /// Attempts are kept under the event's id, which a redrive does not change.
    AttemptsSurviveRedrive,
    /// Attempts are not counted.
    NeverEnds,
    /// Copies are a number that goes up.
    PlainCopyCounter,
    /// A redriven message has the delivery's deduplication id again.
    OldDeduplicationId,
    /// Every redrive is forced: neither it nor the consumer asks how old an event is.
    RedriveForced,
    /// The consumer does not ask how old an event is.
    RunHoweverOld,
    /// The ingress answers before the queue does.
    AnswerBeforeQueue,
}

impl Variant {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::RecordBeforeState,
        Self::UnconditionalRecord,
        Self::NoVersion,
        Self::JudgedByNow,
        Self::OneRecordPerKey,
        Self::ReceivedTimeOrder,
        Self::OnePosition,
        Self::TieByPlace,
        Self::StaleSnapshot,
        Self::ReceiveCountJudges,
        Self::AttemptsSideBySide,
        Self::BodyFirst,
        Self::PlainAttemptCounter,
        Self::AttemptsSurviveRedrive,
        Self::NeverEnds,
        Self::PlainCopyCounter,
        Self::OldDeduplicationId,
        Self::RedriveForced,
        Self::RunHoweverOld,
        Self::AnswerBeforeQueue,
    ];

    /// Returns the scenario that shows why the rule is there.
    #[must_use]
    pub const fn scenario(self) -> Scenario {
        match self {
            Self::RecordBeforeState | Self::AnswerBeforeQueue => all::CRASHES,
            Self::UnconditionalRecord | Self::PlainCopyCounter => all::COPIES,
            Self::NoVersion => all::TWO_GROUPS,
            Self::JudgedByNow | Self::OneRecordPerKey => all::WINDOW_ENDS,
            Self::StaleSnapshot => all::SLOTS,
            Self::ReceivedTimeOrder => all::SKEW,
            Self::OnePosition => all::REGISTERS_SET,
            Self::TieByPlace => all::TIE,
            Self::ReceiveCountJudges => Scenario {
                faults: 0,
                ..all::POISON
            },
            Self::AttemptsSideBySide => Scenario {
                faults: 0,
                ..all::KILLER_AHEAD
            },
            Self::BodyFirst | Self::NeverEnds => Scenario {
                faults: 0,
                ..all::KILLER
            },
            Self::PlainAttemptCounter => all::REPEATED,
            Self::AttemptsSurviveRedrive => all::REPAIRED,
            Self::OldDeduplicationId => all::REDRIVE,
            Self::RedriveForced => all::FORGOTTEN,
            Self::RunHoweverOld => all::MOVED_BACK,
        }
    }

    /// Returns the law that it breaks first.
    #[must_use]
    pub const fn breaks(self) -> Law {
        match self {
            Self::RecordBeforeState
            | Self::NoVersion
            | Self::JudgedByNow
            | Self::ReceivedTimeOrder
            | Self::OnePosition
            | Self::TieByPlace => Law::Converged,
            Self::UnconditionalRecord
            | Self::StaleSnapshot
            | Self::RedriveForced
            | Self::RunHoweverOld => Law::CountedOnce,
            Self::OneRecordPerKey | Self::OldDeduplicationId => Law::NothingLost,
            Self::ReceiveCountJudges
            | Self::AttemptsSideBySide
            | Self::PlainAttemptCounter
            | Self::AttemptsSurviveRedrive => Law::Isolated,
            Self::BodyFirst | Self::NeverEnds => Law::Ends,
            Self::PlainCopyCounter => Law::CopiesCounted,
            Self::AnswerBeforeQueue => Law::Durable,
        }
    }
}
