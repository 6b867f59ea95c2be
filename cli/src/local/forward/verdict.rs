//! What follows from a try: done, given up, or another one after a pause.

use std::time::Duration;

use http::StatusCode;
use switchhook_aws::clock::SystemClock;
use switchhook_core::time::Clock;
use tokio::time::Instant;

use super::list::{Due, Note, Settled};
use super::{AT_A_TIME, PAUSE};

/// How often an event is posted that the application refuses as wrong (4xx).
const MAX_REFUSALS: u32 = 10;
const LONGEST_PAUSE_SECS: u64 = 60;

/// Returns what follows from an answer.
pub(super) fn answered(due: Due, status: StatusCode) -> Settled {
    if status.is_success() {
        return Settled::Done(due.note.id);
    }
    let reason = format!("answered {}", status.as_u16());
    let is_refusal = status.is_client_error()
        && status != StatusCode::REQUEST_TIMEOUT
        && status != StatusCode::TOO_MANY_REQUESTS;
    if !is_refusal {
        return failed(due, &reason);
    }
    let refusals = due.refusals.saturating_add(1);
    if refusals >= MAX_REFUSALS {
        give_up(&due, &reason);
        return Settled::Done(due.note.id);
    }
    failed(Due { refusals, ..due }, &reason)
}

/// Says that a try failed, which is followed by another.
pub(super) fn failed(due: Due, reason: &str) -> Settled {
    warn(&due, reason, pause(due.tries));
    Settled::Again(again(due))
}

/// Returns an event with the time of its next try.
pub(super) fn again(due: Due) -> Due {
    let pause = i64::try_from(pause(due.tries).as_millis()).unwrap_or(i64::MAX);
    Due {
        at: SystemClock.now().as_millisecond().saturating_add(pause),
        tries: due.tries.saturating_add(1),
        ..due
    }
}

/// Returns the pause after so many failures before: 1 s, 2 s, 4 s … 60 s.
fn pause(failures: u32) -> Duration {
    let secs = 1_u64.checked_shl(failures).filter(|secs| *secs != 0);
    Duration::from_secs(secs.map_or(LONGEST_PAUSE_SECS, |secs| secs.min(LONGEST_PAUSE_SECS)))
}

/// Says that an event was not handed on: its id and source, nothing of what it holds.
pub(super) fn warn(due: &Due, reason: &str, pause: Duration) {
    let Note { id, key } = &due.note;
    let (event_id, source, again_in) = (id, key.entity.source(), format!("{} s", pause.as_secs()));
    tracing::warn!(%event_id, source, reason, again_in, "event not handed on");
}

fn give_up(due: &Due, reason: &str) {
    let Note { id, key } = &due.note;
    let by_hand = format!("switchhook replay {id} --to URL");
    let (event_id, source) = (id, key.entity.source());
    tracing::warn!(%event_id, source, reason, by_hand, "event given up");
}

/// Holds all events back while nobody is there to take them: one that knocks is enough.
#[derive(Debug, Default)]
pub(super) struct Hold {
    failures: u32,
    until: Option<Instant>,
}

impl Hold {
    /// Returns until when all is held back, if it is.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// Returns how many events may be on their way.
    pub(super) fn room(&self) -> usize {
        if self.failures == 0 { AT_A_TIME } else { 1 }
    }

    /// Ends the hold: somebody is there.
    pub(super) fn reached(&mut self) {
        *self = Self::default();
    }

    /// Holds, unless it does already: those that were on their way together count once.
    pub(super) fn unreached(&mut self) -> Duration {
        let now = Instant::now();
        if let Some(until) = self.until(now) {
            return until.saturating_duration_since(now);
        }
        let pause = pause(self.failures);
        self.failures = self.failures.saturating_add(1);
        self.until = now.checked_add(pause);
        pause
    }

    /// Holds for a moment, since something here failed.
    pub(super) fn pause(&mut self) {
        self.until = Instant::now().checked_add(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use switchhook_core::entity::Entity;
    use switchhook_core::ledger::RecordKey;

    use super::*;

    fn due() -> Due {
        let key = RecordKey {
            entity: Entity::from_name("voice/call/c".into()),
            name: "k".into(),
        };
        let id = "019aad2b-7c00-7000-8000-000000000001.0".parse().unwrap();
        Due {
            note: Note { id, key },
            at: 0,
            tries: 0,
            refusals: 0,
        }
    }

    /// Answers an event until nothing more follows, and returns how often that was.
    fn tries(status: u16) -> Option<u32> {
        let status = StatusCode::from_u16(status).unwrap();
        let mut due = due();
        for tries in 1..=1_000 {
            match answered(due, status) {
                Settled::Again(again) => due = again,
                Settled::Done(_) => return Some(tries),
                Settled::Absent(_) => panic!("it is there"),
            }
        }
        None
    }

    #[test]
    fn what_is_refused_is_given_up_and_nothing_else_is() {
        for (status, wanted) in [
            (200, Some(1)),
            (204, Some(1)),
            (400, Some(10)),
            (404, Some(10)),
            (410, Some(10)),
            (302, None),
            (408, None),
            (429, None),
            (500, None),
            (503, None),
        ] {
            assert_eq!(tries(status), wanted, "{status}");
        }
    }

    #[test]
    fn outages_do_not_count_as_refusals() {
        let mut due = due();
        for _ in 0..50 {
            let Settled::Again(again) = answered(due, StatusCode::BAD_GATEWAY) else {
                panic!("an outage is no refusal")
            };
            due = again;
        }
        assert_eq!((due.tries, due.refusals), (50, 0));
        let refused = answered(due, StatusCode::NOT_FOUND);
        assert!(matches!(refused, Settled::Again(due) if due.refusals == 1));
    }

    #[test]
    fn pauses_grow_to_a_minute() {
        let pauses: Vec<_> = (0..8).map(|failures| pause(failures).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        for failures in [63, 64, 1_000, u32::MAX] {
            assert_eq!(pause(failures).as_secs(), 60);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn while_nobody_is_there_one_knocks() {
        let mut hold = Hold::default();
        assert_eq!(hold.room(), AT_A_TIME);
        for secs in [1, 2, 4] {
            for _ in 0..3 {
                assert_eq!(hold.unreached().as_secs(), secs, "they failed together");
            }
            let held = hold.until(Instant::now()).unwrap();
            tokio::time::sleep_until(held).await;
            assert_eq!((hold.until(held), hold.room()), (None, 1));
        }
        hold.reached();
        assert_eq!(hold.room(), AT_A_TIME);
    }
}
