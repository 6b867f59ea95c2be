//! One event's way through the consumer.
//!
//! Every decision is the one that the consumer itself calls; here is only where its values come
//! from, and which of them a broken variant leaves out.

use switchhook_core::attempts::{Attempt, Failure, Remedy, Settled};
use switchhook_core::ledger::{self, Beginning, Known, Met, Step};

use super::{Invocation, Next, attempt_of};
use crate::ledger::{Answer, Buried, Record, Registers, State, Write};
use crate::scenario::{Config, Nature, RETENTION_DAYS, SHARED, at, event_id};
use crate::variants::Variant;
use crate::world::{Await, Current, Read};

/// It is in the ledger.
const DONE: Next = Next::Settled(Settled::Committed);

impl Invocation<'_> {
    /// Runs an event up to the first thing that it waits for.
    pub(super) fn start(&mut self, message: u8) -> Next {
        let delivery = self.message(message).delivery;
        let (event, accepted) = (self.world.event_of(delivery), self.world.accepted(delivery));
        let current = Current {
            message,
            attempt: Attempt::Uncounted,
            awaits: Await::Read(Read::Body),
        };
        let known = self.known(event, delivery, accepted);
        let receives = self.message(message).receives;
        match known.begin(self.refusal(accepted), receives) {
            Beginning::Nothing => DONE,
            Beginning::CountCopy(key) => {
                let count = Write::Count {
                    event,
                    name: key.name,
                    delivery,
                };
                waits(current, Await::Count(count))
            }
            Beginning::Refuse(reason) => self.fail(current, Failure::ForGood, reason),
            Beginning::CountAttempt => self.count(current),
            Beginning::TouchBody => self.touch_body(current),
        }
    }

    /// Returns why an event accepted then is refused, if it is.
    fn refusal(&self, accepted: i64) -> Option<&'static str> {
        let now = at(self.world.now + self.config.scenario.consumer_skew);
        let is_too_old = ledger::is_too_old(at(accepted), RETENTION_DAYS, now);
        let is_waived = [Variant::RedriveForced, Variant::RunHoweverOld]
            .into_iter()
            .any(|variant| self.config.is(variant));
        (is_too_old && !is_waived).then_some("too_old")
    }

    /// Asks what the batch's copy of the ledger knows of an event.
    fn known(&mut self, event: u8, delivery: u8, accepted: i64) -> Known {
        let config = self.config;
        let judged = if config.is(Variant::JudgedByNow) {
            self.world.now
        } else {
            accepted
        };
        let seen = crate::ledger::Ledger {
            records: self.run().records.clone(),
            ..Default::default()
        };
        let mut snapshot = seen.snapshot(event, config);
        if config.is(Variant::OneRecordPerKey) {
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
        match snapshot.knows(entity, key, event_id(delivery), at(judged)) {
            Known::Copy(key) if config.is(Variant::OneRecordPerKey) => {
                Known::Copy(ledger::RecordKey {
                    name: name_of(config, event, accepted),
                    ..key
                })
            }
            known => known,
        }
    }

    /// Counts the attempt.
    fn count(&mut self, mut current: Current) -> Next {
        let message = self.message(current.message);
        let (receives, config) = (message.receives, self.config);
        if config.is(Variant::ReceiveCountJudges) {
            if receives > 5 {
                return self.fail(current, Failure::ForGood, "attempts");
            }
            return self.touch_body(current);
        }
        if config.is(Variant::NeverEnds) {
            return self.touch_body(current);
        }
        if let Some(attempt) = self.run().beforehand.get(&current.message).copied() {
            current.attempt = attempt;
            return self.judge(current);
        }
        if config.is(Variant::BodyFirst) && self.is_deadly(current.message) {
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
        if self.config.is(Variant::AttemptsSurviveRedrive) {
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
        self.handle(current)
    }

    /// Goes on with what was read.
    pub(super) fn has_read(&mut self, current: Current, read: Read) -> Next {
        match read {
            Read::Body => self.handle(current),
            Read::Shared => {
                let shared = self.world.ledger.states.get(&SHARED).cloned();
                let states = &mut self.run().states;
                states.remove(&SHARED);
                states.extend(shared.map(|shared| (SHARED, shared)));
                self.commit(current)
            }
        }
    }

    /// Decodes a body and handles it.
    fn handle(&mut self, current: Current) -> Next {
        let event = self.world.event_of(self.message(current.message).delivery);
        match self.world.nature(event, self.config) {
            Nature::Killer => {
                self.note_death(&current);
                Next::Dies
            }
            Nature::Panics => self.fail(current, Failure::Unknown, "panic"),
            Nature::Hopeless => self.fail(current, Failure::ForGood, "hopeless"),
            Nature::Sound if self.config.event(event).is_shared => {
                waits(current, Await::Read(Read::Shared))
            }
            Nature::Sound => self.commit(current),
        }
    }

    /// Plans all writes and starts the first.
    fn commit(&mut self, current: Current) -> Next {
        let message = self.message(current.message).clone();
        let event = self.world.event_of(message.delivery);
        let spec = self.config.event(event);
        let entities = [Some(spec.entity), spec.is_shared.then_some(SHARED)];
        let changes: Vec<_> = entities.into_iter().flatten().collect();
        let mut steps: Vec<_> = ledger::commit_steps(changes).collect();
        if self.config.is(Variant::RecordBeforeState) {
            steps.rotate_right(1);
        }
        let writes = steps.into_iter().map(|step| match step {
            Step::State(entity) => self.state_write(entity, message.delivery, message.sequence),
            Step::Record => Write::Record(self.record(message.delivery)),
        });
        let writes = writes.collect();
        self.write_next(current, writes)
    }

    fn state_write(&mut self, entity: u8, delivery: u8, sequence: u8) -> Write {
        let state = self.run().states.get(&entity).cloned().unwrap_or_default();
        Write::State {
            entity,
            registers: self.applied(&state, delivery, sequence),
            read: state.version,
        }
    }

    /// The handler: the event's register takes its value.
    fn applied(&self, state: &State, delivery: u8, sequence: u8) -> Registers {
        let (event, accepted) = (self.world.event_of(delivery), self.world.accepted(delivery));
        let position = self.config.position(event, accepted, sequence);
        let mut registers = state.registers.clone();
        let newest = registers
            .iter()
            .filter_map(|register| register.position())
            .max();
        let is_late = newest.is_some_and(|newest| newest >= position);
        if !(is_late && self.config.is(Variant::OnePosition)) {
            let register = &mut registers[self.config.event(event).register];
            register.set(Some(u64::from(delivery)), position);
        }
        registers
    }

    fn record(&self, delivery: u8) -> Record {
        let (event, accepted) = (self.world.event_of(delivery), self.world.accepted(delivery));
        let expires = ledger::kept_until(at(accepted), RETENTION_DAYS);
        Record {
            event,
            name: name_of(self.config, event, accepted),
            id: delivery,
            accepted,
            deliveries: [delivery].into(),
            counted: [delivery].into(),
            count: 1,
            expires: expires.as_second() - at(0).as_second(),
        }
    }

    /// Starts the next write that changes anything.
    fn write_next(&mut self, current: Current, mut writes: Vec<Write>) -> Next {
        while !writes.is_empty() {
            let write = writes.remove(0);
            if !self.changes_nothing(&write) {
                return waits(current, Await::Commit(write, writes));
            }
        }
        DONE
    }

    fn changes_nothing(&mut self, write: &Write) -> bool {
        let Write::State {
            entity, registers, ..
        } = write
        else {
            return false;
        };
        let state = self.run().states.get(entity);
        state.is_some_and(|state| state.registers == *registers)
    }

    /// Says what follows a failure.
    fn fail(&mut self, current: Current, failure: Failure, reason: &'static str) -> Next {
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
            (Await::Count(write), Some(_)) => {
                self.see(write);
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

    fn wrote(
        &mut self,
        current: Current,
        write: Write,
        mut rest: Vec<Write>,
        answer: Answer,
    ) -> Next {
        match (write, answer) {
            (Write::State { entity, .. }, Answer::OtherState(state)) => {
                self.run().states.insert(entity, state);
                let message = self.message(current.message).clone();
                let again = self.state_write(entity, message.delivery, message.sequence);
                rest.insert(0, again);
                self.write_next(current, rest)
            }
            (Write::Record(record), Answer::OtherRecord(there)) => {
                let met = there.head().meets(event_id(record.id).delivery);
                let count = Write::Count {
                    event: record.event,
                    name: record.name,
                    delivery: record.id,
                };
                self.see(Write::Record(there));
                match met {
                    Met::Own => self.write_next(current, rest),
                    Met::Copy => waits(current, Await::Count(count)),
                }
            }
            (write, _) => {
                self.see(write);
                self.write_next(current, rest)
            }
        }
    }

    /// Writes into the batch's copy of the ledger what the ledger has.
    fn see(&mut self, write: Write) {
        if self.config.is(Variant::StaleSnapshot) {
            return;
        }
        match write {
            Write::State {
                entity,
                registers,
                read,
            } => {
                let version = read + 1;
                let state = State { version, registers };
                self.run().states.insert(entity, state);
            }
            Write::Record(record) => {
                let records = &mut self.run().records;
                records.retain(|r| (r.event, &r.name) != (record.event, &record.name));
                records.push(record);
            }
            Write::Count {
                event,
                name,
                delivery,
            } if !self.config.is(Variant::PlainCopyCounter) => {
                let mut records = self.run().records.iter_mut();
                if let Some(record) = records.find(|r| r.event == event && r.name == name) {
                    record.deliveries.insert(delivery);
                }
            }
            Write::Count { .. }
            | Write::AddAttempt { .. }
            | Write::TakeBack { .. }
            | Write::Bury(_) => {}
        }
    }
}

fn waits(mut current: Current, awaits: Await) -> Next {
    current.awaits = awaits;
    Next::Waits(current)
}

/// The name of an event's record.
fn name_of(config: &Config, event: u8, accepted: i64) -> String {
    let accepted = if config.is(Variant::OneRecordPerKey) {
        0
    } else {
        accepted
    };
    config.key(event).record_name(at(accepted))
}
