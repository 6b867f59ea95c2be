//! The protocol, broken on purpose: in each way one rule is left out or turned around.

use crate::laws::Law;
use crate::scenario::Scenario;
use crate::scenarios as all;

/// One broken rule.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Broken {
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
    /// A START of the same time as a STOP lifts it.
    EqualIsLater,
    /// Events of one time are not in the accepted order.
    TiesAreOpen,
    /// An event stands at its own time as it was sent.
    OwnTimeAsSent,
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
    /// What a delivery holds is known as soon as the delivery is, whatever its bytes are.
    DeliveryDecides,
    /// A variant is counted before its fields are offered to the states.
    EntryBeforeStates,
    /// A variant is counted before its bytes are kept.
    EntryBeforeBytes,
    /// A variant whose bytes are kept was offered to the states.
    BytesAreOffered,
    /// A put of a record that is refused is counted there as a copy.
    RefusedPutCounts,
    /// A variant stands at its own place.
    VariantAtItsOwnPlace,
    /// The bytes of a variant are kept as long as its record.
    BytesExpireWithRecord,
    /// The bytes of a variant are kept as long as the first time.
    BytesNotProlonged,
    /// A duplicate does not raise the expiry of its record.
    EntryRaisesNothing,
    /// A duplicate whose record is gone is done.
    GoneIsDone,
    /// A duplicate whose record is gone is new, however old it is.
    GoneIsNew,
    /// A redriven letter is dropped where its event is recorded, whatever its bytes are.
    RecordedIsDropped,
    /// Each word has one time: a STOP the later of its two, a START the earlier.
    OneTimeForAWord,
    /// The earliest time holds, however long before its acceptance it is.
    EarliestHowever,
    /// A word has its own time only.
    OwnTimeAlone,
    /// A word has its accepted time only.
    AcceptedTimeAlone,
    /// A START of the stack's scope counts for its own source only.
    StackStartIsItsSources,
    /// A START of the stack's scope lifts what is there when it is handled.
    StackStartLiftsWhatIsThere,
    /// A START that is sent again in other bytes is said again.
    EveryStartIsSaidAgain,
    /// A STOP that is sent again is said again, even with an id or a time.
    EveryStopIsSaidAgain,
    /// A repeated STOP is counted before it is on the list.
    EntryBeforeList,
    /// A redriven letter of a repeated STOP is counted and dropped.
    RepeatedStopIsDropped,
}

impl Broken {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::RecordBeforeState,
        Self::UnconditionalRecord,
        Self::NoVersion,
        Self::JudgedByNow,
        Self::OneRecordPerKey,
        Self::ReceivedTimeOrder,
        Self::OnePosition,
        Self::EqualIsLater,
        Self::TiesAreOpen,
        Self::OwnTimeAsSent,
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
        Self::DeliveryDecides,
        Self::EntryBeforeStates,
        Self::EntryBeforeBytes,
        Self::BytesAreOffered,
        Self::RefusedPutCounts,
        Self::VariantAtItsOwnPlace,
        Self::BytesExpireWithRecord,
        Self::BytesNotProlonged,
        Self::EntryRaisesNothing,
        Self::GoneIsDone,
        Self::GoneIsNew,
        Self::RecordedIsDropped,
        Self::OneTimeForAWord,
        Self::EarliestHowever,
        Self::OwnTimeAlone,
        Self::AcceptedTimeAlone,
        Self::StackStartIsItsSources,
        Self::StackStartLiftsWhatIsThere,
        Self::EveryStartIsSaidAgain,
        Self::EveryStopIsSaidAgain,
        Self::EntryBeforeList,
        Self::RepeatedStopIsDropped,
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
            Self::EqualIsLater => all::TIE,
            Self::TiesAreOpen | Self::OwnTimeAsSent => all::CLOCKS,
            Self::EarliestHowever => all::EARLIEST,
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
            Self::VariantAtItsOwnPlace => all::VARIANTS,
            Self::DeliveryDecides => all::ONE_DELIVERY,
            Self::EntryBeforeStates | Self::EntryBeforeBytes | Self::BytesAreOffered => {
                all::VARIANT_FAILS
            }
            Self::RefusedPutCounts => all::VARIANT_POSTHUMOUS,
            Self::BytesExpireWithRecord
            | Self::BytesNotProlonged
            | Self::EntryRaisesNothing
            | Self::GoneIsDone => all::VARIANT_EXPIRES,
            Self::GoneIsNew => all::VARIANT_FORGOTTEN,
            Self::RecordedIsDropped => all::VARIANT_REDRIVE,
            Self::OneTimeForAWord | Self::OwnTimeAlone | Self::AcceptedTimeAlone => all::SLOW_STOP,
            Self::StackStartIsItsSources | Self::StackStartLiftsWhatIsThere => all::STACK,
            Self::EveryStartIsSaidAgain => all::START_AGAIN,
            Self::EveryStopIsSaidAgain => all::STOP_AGAIN,
            Self::EntryBeforeList => all::STOP_REPEATED,
            Self::RepeatedStopIsDropped => all::STOP_REPEATED_DEAD,
        }
    }

    /// Returns the law that shows it, whether or not others break sooner.
    #[must_use]
    pub const fn breaks(self) -> Law {
        match self {
            Self::RecordBeforeState
            | Self::NoVersion
            | Self::ReceivedTimeOrder
            | Self::OnePosition
            | Self::TiesAreOpen
            | Self::OwnTimeAsSent
            | Self::EarliestHowever
            | Self::EntryBeforeStates
            | Self::BytesAreOffered
            | Self::VariantAtItsOwnPlace => Law::Converged,
            Self::UnconditionalRecord
            | Self::StaleSnapshot
            | Self::RedriveForced
            | Self::RunHoweverOld
            | Self::GoneIsNew => Law::CountedOnce,
            Self::OneRecordPerKey
            | Self::OldDeduplicationId
            | Self::DeliveryDecides
            | Self::EntryBeforeBytes
            | Self::RefusedPutCounts
            | Self::BytesExpireWithRecord
            | Self::BytesNotProlonged
            | Self::EntryRaisesNothing
            | Self::GoneIsDone
            | Self::RecordedIsDropped => Law::NothingLost,
            Self::ReceiveCountJudges
            | Self::AttemptsSideBySide
            | Self::PlainAttemptCounter
            | Self::AttemptsSurviveRedrive => Law::Isolated,
            Self::BodyFirst | Self::NeverEnds => Law::Ends,
            Self::JudgedByNow | Self::PlainCopyCounter => Law::CopiesCounted,
            Self::AnswerBeforeQueue => Law::Durable,
            Self::EqualIsLater
            | Self::OwnTimeAlone
            | Self::AcceptedTimeAlone
            | Self::EveryStartIsSaidAgain
            | Self::EntryBeforeList
            | Self::RepeatedStopIsDropped => Law::LeftAlone,
            Self::OneTimeForAWord
            | Self::StackStartIsItsSources
            | Self::StackStartLiftsWhatIsThere
            | Self::EveryStopIsSaidAgain => Law::NotLeftAlone,
        }
    }
}
