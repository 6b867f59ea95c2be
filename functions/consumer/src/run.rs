//! The run of one event: known or not, its attempt counted where that must be, committed; and what
//! is done when that fails.
//!
//! What cannot be handled for good is dead-lettered here, with its reason. A panic fails its own
//! event and no other. Which event runs when is decided in [`crate::batch`].

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use switchhook_core::attempts::{Attempt, Remedy, Settled};
use switchhook_core::envelope::Envelope;
use switchhook_core::json::Misplaced;
use switchhook_core::ledger::{Beginning, Snapshot};
use switchhook_core::ports::{Added, DeadLetter, DeadLetterQueue, PortError};
use switchhook_core::report::Report;
use switchhook_core::time::{Clock, Timestamp};
use tokio::time::timeout;
use tracing::Instrument;

use crate::commit::{Committed, Committer, Outcome};
use crate::error::HandleError;
use crate::message::{Group, Message};
use crate::report::{self, About};

/// The least time, in milliseconds, that must remain for another event to be started.
const MIN_REMAINING_MILLIS: i64 = 2_500;

/// The time, in milliseconds, that is kept for what is done about a failed event.
const REMEDY_MILLIS: i64 = 500;

/// The time, in milliseconds, that is kept for delaying groups and answering.
const END_MILLIS: i64 = 1_000;

/// The time, in milliseconds, that is kept for answering.
const ANSWER_MILLIS: i64 = 200;

/// The longest delay of a failed group: 15 minutes.
const MAX_DELAY_SECS: u32 = 15 * 60;
/// The longest delay when only the dead-letter queue failed. A second send must come before SQS
/// forgets, after five minutes, the deduplication id of a first one whose answer was lost.
const MAX_BURIAL_DELAY_SECS: u32 = 4 * 60;

/// Runs events.
pub(crate) struct Runner {
    pub(crate) committer: Committer,
    pub(crate) dead_letters: Arc<dyn DeadLetterQueue>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Runner {
    /// Runs one event if there is time left for it; the error is the delay of its group in seconds.
    pub(crate) async fn run(
        &self,
        message: &Message,
        envelope: Result<Envelope, Misplaced>,
        snapshot: &mut Snapshot,
        deadline: Timestamp,
    ) -> Result<Settled, u32> {
        if !self.has_time(deadline) {
            return Err(0);
        }
        let request_id = envelope.as_ref().ok();
        let request_id = request_id.and_then(|envelope| envelope.request_id.as_deref());
        // Its log lines name the HTTP request that the event came in.
        let span = tracing::info_span!("event", request_id);
        let about = About::of(message, envelope.as_ref().ok());
        let mut attempt = Attempt::default();
        let ran = async {
            let run = self.attempt(message, envelope, snapshot, &mut attempt);
            match self.end_of(run, deadline).await {
                Ok(committed) => {
                    about.committed(committed);
                    Ok(Settled::Committed)
                }
                Err(failed) => {
                    let settled = self.remedy(message, attempt, &failed, deadline).await;
                    about.failed(&failed, settled.is_ok());
                    settled
                }
            }
        };
        ran.instrument(span).await
    }

    /// Runs the events at the front of a group that can be committed together, and takes them out of it;
    /// the error is the delay of the rest in seconds.
    pub(crate) async fn run_row(
        &self,
        group: &mut Group,
        snapshot: &mut Snapshot,
        deadline: Timestamp,
    ) -> Result<(), u32> {
        if group.len() < 2 || !self.has_time(deadline) {
            return Ok(());
        }
        let readable = group.iter().map_while(|entry| {
            let envelope = entry.envelope.as_ref().ok()?;
            Some((&entry.message, envelope))
        });
        let readable: Vec<_> = readable.collect();
        let has_time = || self.has_time(deadline);
        let row = self.committer.commit_row(&readable, snapshot, has_time);
        let run = async { Ok(row.await) };
        let (committed, error) = match self.end_of(run, deadline).await {
            Ok(bulk) => (bulk.committed, bulk.error.map(HandleError::from)),
            // Where the events run one after the other, it fails the one that it is about.
            Err(HandleError::Panicked) => (Vec::new(), None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let done = group.drain(..committed.len().min(group.len()));
        for (entry, committed) in done.zip(committed) {
            report::in_span(&entry, |about| about.committed(committed));
        }
        match (error, group.front()) {
            (Some(error), Some(entry)) => {
                report::in_span(entry, |about| about.failed(&error, false));
                Err(backoff_secs(&entry.message))
            }
            _ => Ok(()),
        }
    }

    /// Returns whether there is time left to start anything.
    pub(crate) fn has_time(&self, deadline: Timestamp) -> bool {
        self.millis_left(deadline) >= MIN_REMAINING_MILLIS
    }

    /// Tries an event once.
    ///
    /// INVARIANT: where attempts count, no body is touched before its attempt is counted.
    async fn attempt(
        &self,
        message: &Message,
        envelope: Result<Envelope, Misplaced>,
        snapshot: &mut Snapshot,
        attempt: &mut Attempt,
    ) -> Result<Committed, HandleError> {
        let envelope = envelope.map_err(|error| HandleError::caused("envelope", error))?;
        loop {
            match self.committer.begin(message, &envelope, snapshot) {
                Beginning::Nothing => return Ok(Committed::unread(Outcome::Known)),
                Beginning::CountCopy(record) => {
                    let counted = self
                        .committer
                        .count_duplicate(&record, &envelope, None, snapshot);
                    if counted.await? == Added::Done {
                        return Ok(Committed::unread(Outcome::Duplicate));
                    }
                    continue; // its record is gone, from the snapshot too
                }
                Beginning::Refuse(refusal) => return Err(HandleError::terminal(refusal.reason())),
                Beginning::CountAttempt => self.count(message, &envelope, attempt).await?,
                Beginning::TouchBody => {}
            }
            return self.committer.commit(message, envelope, snapshot).await;
        }
    }

    /// Counts an attempt; the error is why it is not made.
    async fn count(
        &self,
        message: &Message,
        envelope: &Envelope,
        attempt: &mut Attempt,
    ) -> Result<(), HandleError> {
        *attempt = Attempt::Unanswered;
        *attempt = self.committer.count_attempt(message).await?;
        if let Some(reason) = attempt.refusal() {
            return Err(HandleError::terminal(reason));
        }
        // The last that is heard of an event which ends the process.
        let (event_id, source) = (envelope.id, envelope.entity.source());
        let (kind, attempt) = (envelope.kind.as_str(), attempt.count());
        tracing::warn!(%event_id, source, kind, attempt, "event tried again, alone");
        Ok(())
    }

    /// Waits for the end of a run, whatever it is.
    async fn end_of<T>(
        &self,
        run: impl Future<Output = Result<T, HandleError>>,
        deadline: Timestamp,
    ) -> Result<T, HandleError> {
        let kept = REMEDY_MILLIS.saturating_add(END_MILLIS);
        let run = AssertUnwindSafe(run).catch_unwind();
        match timeout(self.left(deadline, kept), run).await {
            Ok(Ok(ended)) => ended,
            Ok(Err(_panic)) => Err(HandleError::Panicked),
            Err(_elapsed) => Err(HandleError::OutOfTime),
        }
    }

    /// Does what is to be done about a failure.
    async fn remedy(
        &self,
        message: &Message,
        attempt: Attempt,
        failed: &HandleError,
        deadline: Timestamp,
    ) -> Result<Settled, u32> {
        match attempt.after(failed.failure()) {
            Remedy::DeadLetter => self.bury(message, failed.reason(), attempt, deadline).await,
            Remedy::TakeBack => {
                let taken = self.committer.take_back_attempt(message);
                if let Err(error) = self.in_time(deadline, taken).await {
                    tracing::warn!(message_id = message.id, error = %Report(&error), "attempt not taken back");
                }
                Err(backoff_secs(message))
            }
            Remedy::ComeAgain => Err(backoff_secs(message)),
        }
    }

    async fn bury(
        &self,
        message: &Message,
        reason: &'static str,
        attempt: Attempt,
        deadline: Timestamp,
    ) -> Result<Settled, u32> {
        let letter = DeadLetter {
            body: message.body.clone(),
            group: message.group.clone(),
            message_id: message.id.clone(),
            sequence: message.sequence,
            reason: reason.to_owned(),
            attempts: attempt.count(),
        };
        let buried = self
            .in_time(deadline, self.dead_letters.bury(&letter))
            .await;
        buried.map(|()| Settled::Buried).map_err(|error| {
            report::dead_letter_not_sent(message, &error);
            backoff_secs(message).min(MAX_BURIAL_DELAY_SECS)
        })
    }

    /// Does what comes before the end of the batch, as long as there is time for the end.
    pub(crate) async fn in_time<T>(
        &self,
        deadline: Timestamp,
        work: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        within(self.left(deadline, END_MILLIS), work).await
    }

    /// Does what is the end of the batch, as long as there is time to answer.
    pub(crate) async fn at_last(
        &self,
        deadline: Timestamp,
        work: impl Future<Output = Result<(), PortError>>,
    ) -> Result<(), PortError> {
        within(self.left(deadline, ANSWER_MILLIS), work).await
    }

    fn millis_left(&self, deadline: Timestamp) -> i64 {
        let now = self.clock.now().as_millisecond();
        deadline.as_millisecond().saturating_sub(now)
    }

    /// Returns what is left of the function's time when some is kept.
    fn left(&self, deadline: Timestamp, kept_millis: i64) -> Duration {
        let left = self.millis_left(deadline).saturating_sub(kept_millis);
        Duration::from_millis(u64::try_from(left).unwrap_or_default())
    }
}

/// Waits for an answer for so long.
async fn within<T>(
    left: Duration,
    work: impl Future<Output = Result<T, PortError>>,
) -> Result<T, PortError> {
    let done = timeout(left, work).await;
    done.unwrap_or_else(|elapsed| Err(PortError::new("waiting for an answer", elapsed)))
}

/// Doubles with each receive, spread by a quarter so that groups do not come back together.
pub(crate) fn backoff_secs(message: &Message) -> u32 {
    let doubled = 1_u32
        .checked_shl(message.receives.min(16))
        .unwrap_or(MAX_DELAY_SECS);
    let delay = doubled.min(MAX_DELAY_SECS);
    let spread = message
        .id
        .bytes()
        .fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(byte)));
    let quarter = delay.checked_div(4).unwrap_or_default();
    delay.saturating_sub(
        spread
            .checked_rem(quarter.saturating_add(1))
            .unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::AgeLimit;
    use switchhook_core::occurrence::Sequence;

    fn message(receives: u32) -> Message {
        Message {
            id: "5fea7756-0ea4-451a-a703-a558b933e274".into(),
            receipt_handle: String::new(),
            group: String::new(),
            sequence: Sequence(1),
            receives,
            age_limit: AgeLimit::Kept,
            body: String::new(),
        }
    }

    #[test]
    fn delays_grow_to_a_quarter_of_an_hour() {
        let delays: Vec<_> = (1..40)
            .map(|receives| backoff_secs(&message(receives)))
            .collect();
        assert!(
            delays
                .iter()
                .all(|secs| (1..=MAX_DELAY_SECS).contains(secs)),
            "{delays:?}"
        );
        assert!(
            delays[0] <= 2 && delays[5] >= 48 && delays[38] >= 675,
            "{delays:?}"
        );
    }
}
