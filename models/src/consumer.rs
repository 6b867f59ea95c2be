//! An invocation of the consumer, from one answer it waits for to the next.
//!
//! Which event runs when is here; one event's own way, up to its commit and through it, is in modules
//! of their own.

mod commit;
mod event;

use switchhook_core::attempts::{self, Attempt, Settled};

use crate::broken::Broken;
use crate::ledger::{Answer, Attempts, Write};
use crate::run::{Await, Current, Group, Run};
use crate::scenario::{Config, Fault, SHARED};
use crate::world::{Message, World};

/// How an event's run goes on.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
enum Next {
    /// It waits.
    Waits(Current),
    /// It does not come again.
    Settled(Settled),
    /// It comes again, and the rest of its group with it.
    Failed,
    /// The process ends.
    Dies,
}

/// One invocation in its world.
#[derive(Debug)]
pub struct Invocation<'a> {
    /// What is explored.
    pub config: &'a Config,
    /// Where.
    pub world: &'a mut World,
    /// Which invocation.
    pub slot: usize,
}

impl Invocation<'_> {
    fn run(&mut self) -> &mut Run {
        self.world.runs[self.slot].as_mut().expect("it runs")
    }

    fn message(&self, id: u8) -> &Message {
        let run = self.world.runs[self.slot].as_ref();
        run.expect("it runs").message(id)
    }

    /// Takes messages in hand and reads the ledger.
    pub fn begin(&mut self, ids: &[u8]) {
        let (slot, config) = (self.slot, self.config);
        let mut run = Run {
            records: self.world.ledger.records.clone(),
            states: self.world.ledger.states.clone(),
            messages: self.world.take(ids, slot),
            ..Run::default()
        };
        run.states.remove(&SHARED);
        let receives = run.messages.iter().map(|message| message.receives);
        run.is_one_by_one = attempts::is_one_by_one(receives);
        let mut groups: Vec<(u8, Group)> = Vec::new();
        for message in &run.messages {
            let entity = config.event(self.world.event_of(message.delivery)).entity;
            match groups.iter_mut().find(|(of, _)| *of == entity) {
                Some((_, group)) => group.left.push(message.id),
                None => groups.push((entity, Group::of(message.id))),
            }
        }
        run.groups = groups.into_iter().map(|(_, group)| group).collect();
        self.world.runs[slot] = Some(run);
        if config.is(Broken::AttemptsSideBySide) {
            self.count_beforehand(ids);
        }
        self.go_on();
    }

    fn count_beforehand(&mut self, messages: &[u8]) {
        for id in messages {
            let message = self.message(*id).clone();
            if attempts::is_counted(message.receives) {
                let answer = self.world.perform(&self.add_attempt(*id), self.config);
                let attempt = attempt_of(&answer, self.config);
                self.run().beforehand.insert(*id, attempt);
            }
        }
    }

    /// Starts what can be started, until every group waits or has ended. What is nobody's turn then
    /// comes again untried.
    fn go_on(&mut self) {
        while let Some(group) = self.next_group() {
            let message = self.run().groups[group].left.remove(0);
            let next = self.start(message);
            if !self.settle(group, message, next) {
                return;
            }
        }
        let run = self.run();
        if run.groups.iter().all(|group| group.current.is_none()) {
            let untried = run.groups.iter_mut().flat_map(|group| group.left.drain(..));
            run.failed.extend(untried);
        }
    }

    fn next_group(&mut self) -> Option<usize> {
        let run = self.world.runs[self.slot].as_ref()?;
        if !run.is_one_by_one {
            let is_free = |group: &Group| group.current.is_none() && !group.left.is_empty();
            return run.groups.iter().position(is_free);
        }
        if run.groups.iter().any(|group| group.current.is_some()) {
            return None;
        }
        let receives = |group: &Group| group.left.first().map(|id| run.message(*id).receives);
        attempts::next_turn(
            run.last,
            &run.groups.iter().map(receives).collect::<Vec<_>>(),
        )
    }

    /// Notes how an event's run goes on; false when the process ended.
    fn settle(&mut self, group: usize, message: u8, next: Next) -> bool {
        let run = self.run();
        let group = &mut run.groups[group];
        group.current = None;
        match next {
            Next::Waits(current) => group.current = Some(current),
            Next::Settled(settled) => run.last = settled,
            Next::Failed => {
                let rest = std::mem::take(&mut group.left);
                run.failed.insert(message);
                run.failed.extend(rest);
            }
            Next::Dies => {
                self.world.release(self.slot);
                return false;
            }
        }
        true
    }

    /// What a group waits for happens, well or badly.
    pub fn answer(&mut self, group: usize, fault: Option<Fault>) {
        let current = self.run().groups[group].current.take().expect("it waits");
        let message = current.message;
        self.note_fault(&current, fault);
        let write = current.awaits.write();
        let answer = write.and_then(|write| self.carry_out(&write, fault));
        if fault.is_some_and(Fault::is_death) {
            self.world.release(self.slot);
            return;
        }
        let next = match current.awaits {
            Await::Read(read) if fault.is_none() => self.has_read(current, read),
            _ => self.next(current, answer),
        };
        if self.settle(group, message, next) {
            self.go_on();
        }
    }

    /// Does a request as far as the fault lets it; no answer when it is lost.
    fn carry_out(&mut self, write: &Write, fault: Option<Fault>) -> Option<Answer> {
        match fault {
            None => Some(self.world.perform(write, self.config)),
            Some(Fault::DoneTwice) => {
                self.world.perform(write, self.config);
                Some(self.world.perform(write, self.config))
            }
            Some(Fault::AnswerLost | Fault::DiesAfter) => {
                self.world.perform(write, self.config);
                None
            }
            Some(Fault::DoneLater | Fault::DiesAndDoneLater) => {
                self.world.late.push(write.clone());
                None
            }
            Some(Fault::Refused | Fault::DiesBefore) => None,
        }
    }

    /// Notes whether a fault is a mishap of the event's own: its attempt stays counted.
    fn note_fault(&mut self, current: &Current, fault: Option<Fault>) {
        let Some(fault) = fault else { return };
        let is_mishap = match &current.awaits {
            Await::Attempt(_) => matches!(
                fault,
                Fault::DoneLater | Fault::DiesAfter | Fault::DiesAndDoneLater
            ),
            Await::TakeBack(_) => !matches!(
                fault,
                Fault::AnswerLost | Fault::DiesAfter | Fault::DoneTwice
            ),
            _ => fault.is_death() && self.is_judged(current),
        };
        if is_mishap {
            self.world.note_mishap(current.message);
        }
    }

    /// Tells whether a bad end of this run is held against its event.
    pub(super) fn is_judged(&self, current: &Current) -> bool {
        current.attempt != Attempt::Uncounted || self.config.is(Broken::ReceiveCountJudges)
    }

    fn note_death(&mut self, current: &Current) {
        if self.is_judged(current) {
            self.world.note_mishap(current.message);
        }
    }

    /// The answer for the batch: what is not to come again is deleted, unless that answer is lost.
    pub fn end(&mut self, is_answered: bool) {
        if is_answered {
            let failed = std::mem::take(&mut self.run().failed);
            let slot = self.slot;
            let is_done = |id: u8, holder| holder == Some(slot) && !failed.contains(&id);
            self.world
                .queue
                .retain(|message| !is_done(message.id, message.holder));
        }
        self.world.release(self.slot);
    }
}

fn attempt_of(answer: &Answer, config: &Config) -> Attempt {
    let Answer::Attempts(Attempts { receives, number }) = answer else {
        return Attempt::Unanswered;
    };
    if config.is(Broken::PlainAttemptCounter) {
        Attempt::Counted(usize::from(*number))
    } else {
        Attempt::counted(receives)
    }
}
