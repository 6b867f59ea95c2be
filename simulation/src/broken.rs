//! Machinery broken on purpose: the checker has to find every one of these.
//!
//! None of them is a change of the functions' code; each makes a port or the poller do what a mistake
//! there would come to.

/// One mistake.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Broken {
    /// The record is written before the states.
    RecordBeforeState,
    /// The record is written whether or not there is one.
    UnconditionalRecord,
    /// States are written whatever version was read.
    UnversionedState,
    /// The ingress is told that its events are on the queue before they are.
    AnswerBeforeEnqueue,
    /// Messages are deleted as they are received.
    DeleteBeforeHandling,
    /// All messages of a batch are deleted, whatever the consumer answers.
    AnswerIgnored,
    /// The queue gives out messages while others of their group are in flight.
    GroupsIgnored,
    /// A redriven event has the deduplication id that it was first sent with.
    RedrivenUnderOldId,
    /// A redriven event has no place in the accepted order.
    RedrivenWithoutPlace,
    /// Dead letters are said to be kept and are not.
    LettersLost,
    /// The body store is written after the message that points to it was answered for.
    BodyAfterMessage,
    /// Copies are not counted.
    CopiesUncounted,
    /// The attempts of a batch are counted before any event of it runs.
    AttemptsBeforehand,
    /// Attempts are never taken back.
    TakeBackLost,
    /// How often SQS gave a message out counts as its attempts.
    ReceiveCountJudges,
    /// The first attempt of a message is counted as its fifth, so that a panic makes it a dead letter.
    FirstAttemptIsFifth,
    /// A body that cannot be read is said not to be there.
    BodyReadAsMissing,
}

impl Broken {
    /// Every mistake.
    pub const ALL: &[Self] = &[
        Self::RecordBeforeState,
        Self::UnconditionalRecord,
        Self::UnversionedState,
        Self::AnswerBeforeEnqueue,
        Self::DeleteBeforeHandling,
        Self::AnswerIgnored,
        Self::GroupsIgnored,
        Self::RedrivenUnderOldId,
        Self::RedrivenWithoutPlace,
        Self::LettersLost,
        Self::BodyAfterMessage,
        Self::CopiesUncounted,
        Self::AttemptsBeforehand,
        Self::TakeBackLost,
        Self::ReceiveCountJudges,
        Self::FirstAttemptIsFifth,
        Self::BodyReadAsMissing,
    ];
}
