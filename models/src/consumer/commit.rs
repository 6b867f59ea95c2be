//! One event's commit: a new one, or a duplicate whose bytes or word matter.

use switchhook_core::attempts::Failure;
use switchhook_core::config::OptInScope;
use switchhook_core::ids::EventId;
use switchhook_core::ledger::{self, Beginning, Known, Step};
use switchhook_core::occurrence::{Occurrence, Role, Sequence, Times};
use switchhook_core::retention;
use switchhook_core::states::{OptOut, Owner, Said, Word};
use switchhook_core::time::{OwnTime, Timestamp};

use super::event::{DONE, name_of, waits};
use super::{Invocation, Next};
use crate::broken::Broken;
use crate::ledger::{Added, Answer, Content, Kept, Record, State, Write};
use crate::run::{Await, Current, Part, Read};
use crate::scenario::{Config, Nature, RETENTION_DAYS, SHARED, at, digest};

impl Invocation<'_> {
    /// Says what an open event is by now, and goes on with that.
    pub(super) fn commit(&mut self, current: Current) -> Next {
        let known = self.known(current.message);
        match self.beginning(&known, current.message) {
            Beginning::Nothing => DONE,
            Beginning::CountCopy(key) => self.count_copy(current, &key.name),
            Beginning::Refuse(refusal) => self.fail(current, Failure::ForGood, refusal.reason()),
            Beginning::CountAttempt | Beginning::TouchBody => self.process(current, known),
        }
    }

    fn process(&mut self, mut current: Current, known: Known) -> Next {
        let message = current.message;
        let mut record = |name: &str| self.seen(message, name).expect("it is known");
        current.part = match known {
            Known::Variant(key) => Part::Variant(record(&key.name)),
            Known::RepeatedStop(key) => Part::RepeatedStop(record(&key.name)),
            Known::No | Known::Counted | Known::Copy(_) => Part::New,
        };
        self.handle(current)
    }

    /// Applies the handlers, as soon as all that they need is read.
    fn handle(&mut self, current: Current) -> Next {
        let event = self.world.event_of(self.message(current.message).delivery);
        match self.world.nature(event, self.config) {
            Nature::Panics => self.fail(current, Failure::Unknown, "panic"),
            Nature::Hopeless => self.fail(current, Failure::ForGood, "hopeless"),
            Nature::Killer | Nature::Sound if self.config.event(event).says.is_some() => {
                waits(current, Await::Read(Read::Shared))
            }
            Nature::Killer | Nature::Sound => self.write_all(current),
        }
    }

    /// Plans all writes and starts the first.
    pub(super) fn write_all(&mut self, current: Current) -> Next {
        let message = self.message(current.message).clone();
        let spec = self.config.event(self.world.event_of(message.delivery));
        let entities = [Some(spec.entity), spec.says.is_some().then_some(SHARED)];
        let changes: Vec<_> = entities.into_iter().flatten().collect();
        let writes = match current.part.clone() {
            Part::New => self.writes_of_event(&current, changes),
            Part::Variant(record) => self.writes_of_duplicate(&current, changes, &record, true),
            Part::RepeatedStop(record) => {
                self.writes_of_duplicate(&current, changes, &record, false)
            }
        };
        self.write_next(current, writes)
    }

    fn writes_of_event(&mut self, current: &Current, changes: Vec<u8>) -> Vec<Write> {
        let mut steps: Vec<_> = ledger::commit_steps(changes).collect();
        if self.config.is(Broken::RecordBeforeState) {
            steps.rotate_right(1);
        }
        let writes = steps.into_iter().map(|step| match step {
            Step::State(entity) => self.state_write(entity, current),
            Step::Record => Write::Record(self.record(current.message)),
        });
        writes.collect()
    }

    /// States, bytes, and last the entry in the record.
    fn writes_of_duplicate(
        &mut self,
        current: &Current,
        changes: Vec<u8>,
        record: &Record,
        is_variant: bool,
    ) -> Vec<Write> {
        let states = changes.into_iter();
        let states: Vec<_> = states.map(|e| self.state_write(e, current)).collect();
        let bytes = self.kept(current.message, record);
        let bytes: Vec<_> = is_variant
            .then_some(Write::Keep(bytes))
            .into_iter()
            .collect();
        let entry = vec![Write::Add(self.entry(current.message, record, is_variant))];
        let order = match self.config.broken {
            Some(Broken::EntryBeforeStates) => [entry, states, bytes],
            Some(Broken::EntryBeforeBytes) => [states, entry, bytes],
            Some(Broken::BytesAreOffered) => [bytes, states, entry],
            Some(Broken::EntryBeforeList) if !is_variant => [entry, states, bytes],
            _ => [states, bytes, entry],
        };
        order.concat()
    }

    fn kept(&self, message: u8, record: &Record) -> Kept {
        let delivery = self.message(message).delivery;
        let expires = if self.config.is(Broken::BytesExpireWithRecord) {
            record.expires
        } else {
            seconds(self.expires_at(delivery))
        };
        Kept {
            event: record.event,
            name: record.name.clone(),
            bytes: self.world.delivery(delivery).bytes,
            expires,
        }
    }

    /// Returns a duplicate's entry in a record.
    pub(super) fn entry(&self, message: u8, record: &Record, is_variant: bool) -> Added {
        let id = self.message(message).delivery;
        let delivery = self.world.delivery(id);
        let bytes = is_variant.then_some(delivery.bytes);
        let digest = bytes.map(digest);
        let expires = if self.config.is(Broken::EntryRaisesNothing) {
            at(record.expires)
        } else {
            self.expires_at(id)
        };
        let (request, event) = (delivery.request, self.world.event_id(id));
        let entry = record
            .head()
            .entry(event.delivery, digest.as_deref(), expires);
        Added::new(record, (id, request), bytes, &entry)
    }

    /// Returns when that expires which is kept of a delivery.
    fn expires_at(&self, delivery: u8) -> Timestamp {
        let now = at(self.world.now + self.config.scenario.consumer_skew);
        let accepted = at(self.world.accepted(delivery));
        let is_too_old = retention::is_too_old(accepted, RETENTION_DAYS, now);
        retention::kept_until(if is_too_old { now } else { accepted }, RETENTION_DAYS)
    }

    fn state_write(&mut self, entity: u8, current: &Current) -> Write {
        let state = self.run().states.get(&entity).cloned().unwrap_or_default();
        Write::State {
            entity,
            content: Box::new(self.applied(entity, state.content, current)),
            read: state.version,
        }
    }

    /// Returns an event as a handler gets it.
    fn occurrence(&self, current: &Current) -> Occurrence {
        let message = self.message(current.message);
        let delivery = self.world.delivery(message.delivery);
        let mut occurrence = self.config.occurrence(delivery.event).clone();
        occurrence.envelope.id = self.world.event_id(message.delivery);
        occurrence.envelope.received_at = at(delivery.accepted);
        occurrence.envelope.digest = Some(digest(delivery.bytes));
        occurrence.sequence = Sequence(u128::from(message.sequence));
        occurrence.occurred_at = believed(self.config, delivery.own, delivery.accepted);
        occurrence.role = match &current.part {
            Part::Variant(_) if self.config.is(Broken::VariantAtItsOwnPlace) => Role::New,
            Part::New => Role::New,
            Part::Variant(record) => Role::Variant(record.head()),
            Part::RepeatedStop(record) => Role::RepeatedStop(record.head()),
        };
        occurrence
    }

    /// The handlers: the event's register takes its value, and its word is added.
    fn applied(&self, entity: u8, mut content: Content, current: &Current) -> Content {
        let delivery = self.message(current.message).delivery;
        let event = self.world.event_of(delivery);
        let (spec, occurrence) = (self.config.event(event), self.occurrence(current));
        if let Some(says) = spec.says {
            let said = said(self.config, says.word, &occurrence);
            if entity == SHARED {
                let scope = says.scope;
                add_to_list(
                    self.config,
                    &mut content.list,
                    spec.source,
                    (says.word, said),
                    scope,
                );
                return content;
            }
            content.consent.add(says.word, said);
        }
        if matches!(occurrence.role, Role::RepeatedStop(_)) {
            return content; // nothing but the word counts of it
        }
        let position = self.config.position(event, &occurrence);
        let registers = content.registers.iter();
        let newest = registers.filter_map(|register| register.position()).max();
        let is_late = newest.is_some_and(|newest| newest >= position);
        if !(is_late && self.config.is(Broken::OnePosition)) {
            content.registers[spec.register].set(Some(u64::from(delivery)), position);
        }
        content
    }

    fn record(&self, message: u8) -> Record {
        let message = self.message(message);
        let delivery = self.world.delivery(message.delivery);
        let (event, config) = (delivery.event, self.config);
        let own = believed(config, delivery.own, delivery.accepted);
        let mut occurrence = config.occurrence(event).clone();
        occurrence.occurred_at = own;
        let says_stop = config
            .event(event)
            .says
            .is_some_and(|says| says.word == Word::Stop);
        let may_be_repeated =
            occurrence.may_be_repeated() || config.is(Broken::EveryStopIsSaidAgain);
        Record {
            event,
            name: name_of(config, event, delivery.accepted),
            id: message.delivery,
            event_id: (delivery.request, delivery.index),
            bytes: delivery.bytes,
            accepted: delivery.accepted,
            own: own.map(seconds),
            sequence: message.sequence,
            is_repeatable_stop: says_stop && may_be_repeated,
            requests: [delivery.request].into(),
            counted: [delivery.request].into(),
            count: 1,
            variants: [].into(),
            expires: seconds(self.expires_at(message.delivery)),
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
            entity, content, ..
        } = write
        else {
            return false;
        };
        let state = self.run().states.get(entity);
        state.is_some_and(|state| state.content == **content)
    }

    pub(super) fn wrote(
        &mut self,
        current: Current,
        write: Write,
        mut rest: Vec<Write>,
        answer: Answer,
    ) -> Next {
        match (write, answer) {
            (Write::State { entity, .. }, Answer::OtherState(state)) => {
                self.run().states.insert(entity, state);
                rest.insert(0, self.state_write(entity, &current));
                self.write_next(current, rest)
            }
            (Write::Record(record), Answer::OtherRecord(there)) => {
                let is_own = there.head().id == self.world.event_id(record.id);
                let name = there.name.clone();
                self.see(Write::Record(there));
                if is_own {
                    self.write_next(current, rest)
                } else if self.config.is(Broken::RefusedPutCounts) {
                    self.count_copy(current, &name)
                } else {
                    self.commit(current)
                }
            }
            (Write::Add(added), Answer::NoRecord) => {
                self.see_none(&added);
                match self.config.broken {
                    Some(Broken::GoneIsDone) => DONE,
                    Some(Broken::GoneIsNew) => self.process(current, Known::No),
                    _ => self.commit(current),
                }
            }
            (Write::Keep(_), Answer::WasKept) if self.config.is(Broken::BytesAreOffered) => {
                rest.retain(|write| !matches!(write, Write::State { .. }));
                self.write_next(current, rest)
            }
            (write, _) => {
                self.see(write);
                self.write_next(current, rest)
            }
        }
    }

    /// Writes into the batch's copy of the ledger what the ledger has.
    pub(super) fn see(&mut self, write: Write) {
        if self.config.is(Broken::StaleSnapshot) {
            return;
        }
        match write {
            Write::State {
                entity,
                content,
                read,
            } => {
                let state = State {
                    version: read + 1,
                    content: *content,
                };
                self.run().states.insert(entity, state);
            }
            Write::Record(record) => {
                let records = &mut self.run().records;
                records.retain(|r| (r.event, &r.name) != (record.event, &record.name));
                records.push(record);
            }
            Write::Add(added) if !self.config.is(Broken::PlainCopyCounter) => {
                let mut records = self.run().records.iter_mut();
                if let Some(record) = records.find(|record| added.is_of(record)) {
                    record.see(&added);
                }
            }
            Write::Add(_)
            | Write::Keep(_)
            | Write::AddAttempt { .. }
            | Write::TakeBack { .. }
            | Write::Bury(_) => {}
        }
    }

    /// A record that is gone leaves the batch's copy of the ledger too.
    pub(super) fn see_none(&mut self, added: &Added) {
        self.run().records.retain(|record| !added.is_of(record));
    }
}

/// Returns an own time if it is believed.
fn believed(config: &Config, own: Option<i64>, accepted: i64) -> Option<Timestamp> {
    let own = at(own?);
    if config.is(Broken::OwnTimeAsSent) {
        return Some(own);
    }
    OwnTime::read(&own.to_string(), at(accepted))?.believed()
}

/// Returns a word as it is added to what was said before.
fn said(config: &Config, word: Word, occurrence: &Occurrence) -> Said {
    let own = Times::new(occurrence.occurred_at, occurrence.envelope.received_at);
    let times = match (word, config.broken) {
        (Word::Stop, Some(Broken::EveryStopIsSaidAgain)) => own,
        (Word::Start, Some(Broken::EveryStartIsSaidAgain)) => own,
        (Word::Stop, _) => occurrence.times_of_stop(),
        (Word::Start, _) => occurrence.times_of_start(),
    };
    let times = match (word, config.broken) {
        (Word::Stop, Some(Broken::OneTimeForAWord)) => both(times.own.max(times.accepted)),
        (Word::Start, Some(Broken::OneTimeForAWord)) => both(times.own.min(times.accepted)),
        (Word::Start, Some(Broken::EqualIsLater)) => Times {
            own: later(times.own),
            accepted: later(times.accepted),
        },
        (_, Some(Broken::AcceptedTimeAlone)) => both(times.accepted),
        (_, Some(Broken::OwnTimeAlone)) => both(times.own),
        _ => times,
    };
    let id: EventId = occurrence.envelope.id;
    Said::new(times, id)
}

const fn both(time: Timestamp) -> Times {
    Times {
        own: time,
        accepted: time,
    }
}

fn later(time: Timestamp) -> Timestamp {
    at(seconds(time) + 1)
}

/// The item that all share takes a word in.
fn add_to_list(
    config: &Config,
    list: &mut OptOut,
    source: &str,
    (word, said): (Word, Said),
    scope: OptInScope,
) {
    let owner = Owner::default();
    let is_of_stack = word == Word::Start && scope == OptInScope::Stack;
    let scope = match config.broken {
        Some(Broken::StackStartIsItsSources) => OptInScope::Source,
        Some(Broken::StackStartLiftsWhatIsThere) if is_of_stack => {
            for view in list.view().sources {
                list.add(owner.clone(), &view.source, word, said, OptInScope::Source);
            }
            OptInScope::Source
        }
        _ => scope,
    };
    list.add(owner, source, word, said, scope);
}

/// Returns a time as seconds of the story.
fn seconds(time: Timestamp) -> i64 {
    time.as_second() - at(0).as_second()
}
