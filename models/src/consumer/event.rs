//! One event's way through the consumer, up to its commit.
//!
//! Every decision is the one that the consumer itself calls; here is only where its values come
//! from, and which of them a broken rule leaves out.

use switchhook_core::attempts::{Attempt, Failure, Remedy, Settled};
use switchhook_core::ledger::{self, Beginning, Known, RunRefusal};
use switchhook_core::retention;

use super::{Invocation, Next, attempt_of};
use crate::broken::Broken;
use crate::ledger::{Added, Answer, Buried, Record, Write, snapshot};
use crate::run::{Await, Current, Part, Read};
use crate::scenario::{Config, Nature, RETENTION_DAYS, SHARED, at, digest};

/// It is in the ledger.
pub(super) const DONE: Next = Next::Settled(Settled::Committed);

impl Invocation<'_> {
    /// Runs an event up to the first thing that it waits for.
    pub(super) fn start(&mut self, message: u8) -> Next {
        self.begin_event(Current {
            message,
            attempt: Attempt::Uncounted,
            is_open: false,
            part: Part::New,
            awaits: Await::Read(Read::Body),
        })
    }

    fn begin_event(&mut self, current: Current) -> Next {
        let known = self.known(current.message);
        match self.beginning(&known, current.message) {
            Beginning::Nothing => DONE,
            Beginning::CountCopy(key) => self.count_copy(current, &key.name),
            Beginning::Refuse(refusal) => self.fail(current, Failure::ForGood, refusal.reason()),
            Beginning::CountAttempt => self.count(current),
            Beginning::TouchBody => self.touch_body(current),
        }
    }

    pub(super) fn beginning(&self, known: &Known, message: u8) -> Beginning {
        let message = self.message(message);
        let accepted = self.world.accepted(message.delivery);
        known.begin(self.refusal(accepted), message.receives)
    }

    /// Returns why an event accepted then is refused, if it is.
    fn refusal(&self, accepted: i64) -> Option<RunRefusal> {
        let now = at(self.world.now + self.config.scenario.consumer_skew);
        let is_too_old = retention::is_too_old(at(accepted), RETENTION_DAYS, now);
        let is_waived = [Broken::RedriveForced, Broken::RunHoweverOld]
            .into_iter()
            .any(|broken| self.config.is(broken));
        (is_too_old && !is_waived).then_some(RunRefusal::TooOld)
    }

    /// Asks what the batch's copy of the ledger knows of an event.
    pub(super) fn known(&mut self, message: u8) -> Known {
        let (config, delivery) = (self.config, self.message(message).delivery);
        let (event, accepted) = (self.world.event_of(delivery), self.world.accepted(delivery));
        let judged = if config.is(Broken::JudgedByNow) {
            self.world.now
        } else {
            accepted
        };
        let mut snapshot = snapshot(&self.run().records, event, config);
        if config.is(Broken::OneRecordPerKey) {
            // Its one record stands where this event's would.
            let name = config.key(event).record_name(at(judged));
            let records = std::mem::take(&mut snapshot.records);
            let renamed = records.into_iter().map(|(mut key, head)| {
                key.name.clone_from(&name);
                (key, head)
            });
            snapshot.records = renamed.collect();
        }
        let (entity, key) = (config.entity(event), config.key(event));
        let (id, bytes) = (
            self.world.event_id(delivery),
            self.world.delivery(delivery).bytes,
        );
        match snapshot.knows(entity, key, id, Some(&digest(bytes)), at(judged)) {
            Known::Copy(key) if config.is(Broken::OneRecordPerKey) => {
                Known::Copy(ledger::RecordKey {
                    name: name_of(config, event, accepted),
                    ..key
                })
            }
            Known::Variant(key) if config.is(Broken::DeliveryDecides) => {
                let is_counted = snapshot.records[&key].deliveries.contains(&id.delivery);
                if is_counted {
                    Known::Counted
                } else {
                    Known::Variant(key)
                }
            }
            known => known,
        }
    }

    /// Finds a record of the event of a message in the batch's copy of the ledger.
    pub(super) fn seen(&mut self, message: u8, name: &str) -> Option<Record> {
        let event = self.world.event_of(self.message(message).delivery);
        let mut records = self.run().records.iter();
        let found = records.find(|record| record.event == event && record.name == name);
        found.cloned()
    }

    pub(super) fn count_copy(&mut self, current: Current, name: &str) -> Next {
        let record = self.seen(current.message, name);
        let added = match record {
            Some(record) => self.entry(current.message, &record, false),
            // The one record of a key, under another name.
            None => {
                let event = self.world.event_of(self.message(current.message).delivery);
                let mut records = self.run().records.iter();
                let record = records.find(|record| record.event == event).cloned();
                Added {
                    name: name.to_owned(),
                    ..self.entry(current.message, &record.expect("it is known"), false)
                }
            }
        };
        waits(current, Await::Count(added))
    }

    /// Counts the attempt.
    fn count(&mut self, mut current: Current) -> Next {
        let message = self.message(current.message);
        let (receives, config) = (message.receives, self.config);
        if config.is(Broken::ReceiveCountJudges) {
            if receives > 5 {
                return self.fail(current, Failure::ForGood, "attempts");
            }
            return self.touch_body(current);
        }
        if config.is(Broken::NeverEnds) {
            return self.touch_body(current);
        }
        if let Some(attempt) = self.run().beforehand.get(&current.message).copied() {
            current.attempt = attempt;
            return self.judge(current);
        }
        if config.is(Broken::BodyFirst) && self.is_deadly(current.message) {
            return Next::Dies;
        }
        let add = self.add_attempt(current.message);
        waits(current, Await::Attempt(add))
    }

    fn is_deadly(&self, message: u8) -> bool {
        let event = self.world.event_of(self.message(message).delivery);
        self.world.nature(event, self.config) == Nature::Killer
    }

    pub(super) fn add_attempt(&self, id: u8) -> Write {
        Write::AddAttempt {
            under: self.attempts_of(id),
            message: id,
            receive: self.message(id).receives,
        }
    }

    /// Under what a message's attempts are kept.
    fn attempts_of(&self, message: u8) -> u8 {
        if self.config.is(Broken::AttemptsSurviveRedrive) {
            self.message(message).delivery
        } else {
            message
        }
    }

    fn judge(&mut self, current: Current) -> Next {
        match current.attempt.refusal() {
            Some(reason) => self.fail(current, Failure::ForGood, reason),
            None => self.touch_body(current),
        }
    }

    fn touch_body(&mut self, current: Current) -> Next {
        let event = self.world.event_of(self.message(current.message).delivery);
        if self.config.event(event).is_stored {
            return waits(current, Await::Read(Read::Body));
        }
        self.open(current)
    }

    /// Decodes a body.
    fn open(&mut self, mut current: Current) -> Next {
        if self.is_deadly(current.message) {
            self.note_death(&current);
            return Next::Dies;
        }
        current.is_open = true;
        self.commit(current)
    }

    /// Goes on with what was read.
    pub(super) fn has_read(&mut self, current: Current, read: Read) -> Next {
        match read {
            Read::Body => self.open(current),
            Read::Shared => {
                let shared = self.world.ledger.states.get(&SHARED).cloned();
                let states = &mut self.run().states;
                states.remove(&SHARED);
                states.extend(shared.map(|shared| (SHARED, shared)));
                self.write_all(current)
            }
        }
    }

    /// Says what follows a failure.
    pub(super) fn fail(
        &mut self,
        current: Current,
        failure: Failure,
        reason: &'static str,
    ) -> Next {
        if failure == Failure::Unknown && self.is_judged(&current) {
            self.world.note_mishap(current.message);
        }
        let message = current.message;
        match current.attempt.after(failure) {
            Remedy::DeadLetter => {
                let found = self.message(message);
                let buried = Buried {
                    message,
                    delivery: found.delivery,
                    sequence: found.sequence,
                    reason,
                };
                waits(current, Await::Bury(Write::Bury(buried)))
            }
            Remedy::ComeAgain => Next::Failed,
            Remedy::TakeBack => {
                let back = Write::TakeBack {
                    under: self.attempts_of(message),
                    message,
                    receive: self.message(message).receives,
                };
                waits(current, Await::TakeBack(back))
            }
        }
    }

    /// Says how a run goes on after an answer, or without one.
    pub(super) fn next(&mut self, mut current: Current, answer: Option<Answer>) -> Next {
        match (current.awaits.clone(), answer) {
            (Await::Count(added), Some(Answer::NoRecord)) => {
                self.see_none(&added);
                if self.config.is(Broken::GoneIsDone) {
                    DONE
                } else if current.is_open {
                    self.commit(current)
                } else {
                    self.begin_event(current)
                }
            }
            (Await::Count(added), Some(_)) => {
                self.see(Write::Add(added));
                DONE
            }
            (Await::Attempt(_), Some(answer)) => {
                current.attempt = attempt_of(&answer, self.config);
                self.judge(current)
            }
            (Await::Attempt(_), None) => {
                current.attempt = Attempt::Unanswered;
                self.fail(current, Failure::Passing, "passing")
            }
            (Await::Commit(write, rest), Some(answer)) => self.wrote(current, write, rest, answer),
            (Await::TakeBack(_), _) | (Await::Bury(_), None) => Next::Failed,
            (Await::Bury(_), Some(_)) => Next::Settled(Settled::Buried),
            (Await::Count(_) | Await::Commit(..) | Await::Read(_), _) => {
                self.fail(current, Failure::Passing, "passing")
            }
        }
    }
}

pub(super) fn waits(mut current: Current, awaits: Await) -> Next {
    current.awaits = awaits;
    Next::Waits(current)
}

/// The name of an event's record.
pub(super) fn name_of(config: &Config, event: u8, accepted: i64) -> String {
    let accepted = if config.is(Broken::OneRecordPerKey) {
        0
    } else {
        accepted
    };
    config.key(event).record_name(at(accepted))
}
