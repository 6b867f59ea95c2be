//! The model as the checker sees it: what can happen next, and what it comes to.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use stateright::{Model, Property};
use switchhook_core::ledger::{Known, Redrive};
use switchhook_core::retention;

use crate::broken::Broken;
use crate::consumer::Invocation;
use crate::laws::Law;
use crate::ledger::{self, Added, Write};
use crate::run::Await;
use crate::scenario::{Config, Fault, Nature, Post, RETENTION_DAYS, at, digest};
use crate::world::{Delivery, Lane, World};

const DAY: i64 = 24 * 60 * 60;

/// What becomes of a request to the ingress.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Intake {
    /// The queue took it, and the provider got a 2xx.
    Acknowledged,
    /// The queue took it, and the provider got no 2xx: a crash or a lost answer.
    Unanswered,
    /// The queue did not take it.
    Failed,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// The provider sends a post, once more where it got no 2xx.
    Post(usize, Intake),
    /// An invocation takes messages, and reads the ledger or fails to.
    Receive(usize, Vec<u8>, bool),
    /// What a group of an invocation waits for happens, or this.
    Answer(usize, usize, Option<Fault>),
    /// An invocation's answer reaches the queue, or does not.
    End(usize, bool),
    /// What an invocation has in hand becomes visible again.
    Lapse(usize),
    /// A late request is done.
    Land(usize),
    /// Time passes.
    Pass,
    /// The ledger forgets a record.
    Forget(usize),
    /// The ledger forgets the bytes of a variant.
    ForgetBytes(usize),
    /// A person redrives a letter; the letter is deleted, or that fails.
    Redrive(usize, bool),
    /// A person moves a letter back with another tool, which asks nothing.
    MoveBack(usize),
    /// What could not be handled is repaired.
    Repair,
}

/// A configuration, explored.
#[derive(Debug)]
pub struct Protocol {
    /// What is explored.
    pub config: Config,
    /// The first law that was broken. The checker remembers the last state that breaks one; the
    /// first has the shortest trace.
    broken: OnceLock<Law>,
}

impl Protocol {
    /// Explores a configuration.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self {
            config,
            broken: OnceLock::new(),
        }
    }

    /// Tells whether a law holds. Where a rule is broken on purpose, its own law is judged only.
    fn keeps(&self, law: Law, world: &World) -> bool {
        let judged = self.config.broken.map(Broken::breaks);
        judged.is_some_and(|judged| judged != law)
            || self.broken.get().is_some()
            || law.holds(world, &self.config)
            || self.broken.set(law).is_err()
    }

    fn posts(&self, world: &World, actions: &mut Vec<Action>) {
        for (post, is_posted) in world.posted.iter().enumerate() {
            let spec = self.config.scenario.posts[post];
            let is_early = world.moment < spec.from || spec.is_retry && !self.was_sent(world, spec);
            if *is_posted || is_early {
                continue;
            }
            actions.push(Action::Post(post, Intake::Acknowledged));
            if world.ingress_faults > 0 {
                actions.push(Action::Post(post, Intake::Unanswered));
                actions.push(Action::Post(post, Intake::Failed));
            }
        }
    }

    /// Tells whether there is anything to send again.
    fn was_sent(&self, world: &World, retry: Post) -> bool {
        let mut posts = self.config.scenario.posts.iter().zip(&world.posted);
        posts.any(|(post, is_posted)| *is_posted && !post.is_retry && post.event == retry.event)
    }

    fn answers(&self, world: &World, slot: usize, actions: &mut Vec<Action>) {
        let Some(run) = &world.runs[slot] else { return };
        let mut is_ended = true;
        if world.lapses > 0 {
            actions.push(Action::Lapse(slot));
        }
        for (group, part) in run.groups.iter().enumerate() {
            is_ended &= part.left.is_empty() && part.current.is_none();
            let Some(current) = &part.current else {
                continue;
            };
            actions.push(Action::Answer(slot, group, None));
            if world.faults > 0 {
                let is_read = matches!(current.awaits, Await::Read(_));
                let kinds = self.config.scenario.kinds.iter();
                let kinds = kinds.filter(|fault| !is_read || fault.is_of_reads());
                actions.extend(kinds.map(|fault| Action::Answer(slot, group, Some(*fault))));
            }
        }
        if is_ended {
            actions.push(Action::End(slot, true));
            if world.faults > 0 {
                actions.push(Action::End(slot, false));
            }
        }
    }

    /// What people, clocks and the network do.
    fn surroundings(&self, world: &World, actions: &mut Vec<Action>) {
        actions.extend((0..world.late.len()).map(Action::Land));
        let is_quiet = world.late.is_empty() && world.runs.iter().all(Option::is_none);
        let moment = self.config.scenario.moments.get(world.moment);
        // For days a message waits among the dead letters only.
        let mut posts = self.config.scenario.posts.iter().zip(&world.posted);
        let may_be_long = world.queue.is_empty()
            && posts.all(|(post, is_posted)| *is_posted || post.from > world.moment);
        if moment.is_some_and(|secs| is_quiet && (*secs < DAY || may_be_long)) {
            actions.push(Action::Pass);
        }
        let records = world.ledger.records.iter().enumerate();
        let expired = records.filter(|(_, record)| record.expires <= world.now);
        actions.extend(expired.map(|(place, _)| Action::Forget(place)));
        let kept = world.ledger.kept.iter().enumerate();
        let expired = kept.filter(|(_, kept)| kept.expires <= world.now);
        actions.extend(expired.map(|(place, _)| Action::ForgetBytes(place)));
        if self.config.scenario.is_repaired && !world.is_repaired {
            actions.push(Action::Repair);
        }
        if world.redrives > 0 {
            self.redrives(world, actions);
        }
    }

    /// What becomes of letters.
    fn redrives(&self, world: &World, actions: &mut Vec<Action>) {
        for (place, letter) in world.letters.iter().enumerate() {
            if self.config.scenario.is_moved_by_others {
                actions.push(Action::MoveBack(place));
                continue;
            }
            if self.redriven(world, letter.delivery) == Redrive::Refuse {
                continue;
            }
            actions.push(Action::Redrive(place, true));
            if world.faults > 0 {
                actions.push(Action::Redrive(place, false));
            }
        }
    }

    fn known(&self, world: &World, delivery: u8) -> Known {
        let (event, accepted) = (world.event_of(delivery), at(world.accepted(delivery)));
        let (entity, key) = (self.config.entity(event), self.config.key(event));
        let snapshot = ledger::snapshot(&world.ledger.records, event, &self.config);
        let digest = digest(world.delivery(delivery).bytes);
        let id = world.event_id(delivery);
        snapshot.knows(entity, key, id, Some(&digest), accepted)
    }

    fn redriven(&self, world: &World, delivery: u8) -> Redrive {
        let (accepted, now) = (at(world.accepted(delivery)), at(world.now));
        let is_too_old = retention::is_too_old(accepted, RETENTION_DAYS, now);
        let is_forced = self.config.is(Broken::RedriveForced);
        match self.known(world, delivery) {
            Known::Variant(_) if self.config.is(Broken::RecordedIsDropped) => Redrive::Drop,
            Known::RepeatedStop(_) if self.config.is(Broken::RepeatedStopIsDropped) => {
                Redrive::Drop
            }
            known => known.redrive(is_too_old, is_forced),
        }
    }

    fn post(&self, world: &mut World, post: usize, intake: Intake) {
        let spec = self.config.scenario.posts[post];
        let event = u8::try_from(spec.event).expect("a few events");
        let request = u8::try_from(world.deliveries.len()).expect("a few deliveries");
        let answers_first = self.config.is(Broken::AnswerBeforeQueue);
        let is_acknowledged = intake == Intake::Acknowledged || answers_first;
        for (index, bytes) in (0..).zip(spec.bodies) {
            world.deliveries.push(Delivery {
                event,
                request,
                index,
                bytes: *bytes,
                own: spec.own.or(self.config.event(event).own),
                is_retry: spec.is_retry,
                accepted: world.now + spec.skew,
                is_acknowledged,
            });
            if intake != Intake::Failed {
                world.enqueue(request + index, &self.config);
            }
        }
        world.posted[post] = is_acknowledged;
        if intake != Intake::Acknowledged {
            world.ingress_faults -= 1;
        }
    }

    fn redrive(&self, world: &mut World, place: usize, is_deleted: bool) {
        let letter = world.letters[place].clone();
        world.redrives -= 1;
        match self.redriven(world, letter.delivery) {
            Redrive::Send => world.redrive(&letter, &self.config),
            Redrive::Drop => {
                let known = self.known(world, letter.delivery);
                if let Known::Copy(key) | Known::RepeatedStop(key) = known {
                    self.count_copy(world, letter.delivery, &key.name);
                }
            }
            Redrive::Refuse => return,
        }
        if is_deleted {
            world.letters.remove(place);
        } else {
            world.faults -= 1;
        }
    }

    /// Counts a letter's delivery in the record of its event.
    fn count_copy(&self, world: &mut World, delivery: u8, name: &str) {
        let record = world.ledger.record(world.event_of(delivery), name);
        let record = record.expect("it is known");
        let accepted = at(world.accepted(delivery));
        let expires = retention::kept_until(accepted, RETENTION_DAYS);
        let id = world.event_id(delivery).delivery;
        let entry = record.head().entry(id, None, expires);
        let request = world.delivery(delivery).request;
        let added = Added::new(record, (delivery, request), None, &entry);
        world.perform(&Write::Add(added), &self.config);
    }

    fn invocation<'a>(&'a self, world: &'a mut World, slot: usize) -> Invocation<'a> {
        Invocation {
            config: &self.config,
            world,
            slot,
        }
    }

    /// Does what happens.
    fn act(&self, world: &mut World, action: Action) {
        match action {
            Action::Post(post, intake) => self.post(world, post, intake),
            Action::Receive(slot, messages, true) => self.invocation(world, slot).begin(&messages),
            Action::Receive(_, messages, false) => {
                world.faults -= 1;
                let received = world.queue.iter_mut().filter(|m| messages.contains(&m.id));
                received.for_each(|message| message.receives += 1);
            }
            Action::Answer(slot, group, fault) => {
                world.faults -= u8::from(fault.is_some());
                self.invocation(world, slot).answer(group, fault);
            }
            Action::End(slot, is_answered) => {
                world.faults -= u8::from(!is_answered);
                self.invocation(world, slot).end(is_answered);
            }
            Action::Lapse(slot) => {
                world.lapses -= 1;
                world.lapse(slot);
            }
            Action::Land(place) => {
                let write = world.late.remove(place);
                world.perform(&write, &self.config);
            }
            Action::Pass => world.pass(self.config.scenario.moments[world.moment]),
            Action::Forget(place) => world.forget_record(place),
            Action::ForgetBytes(place) => world.forget_bytes(place),
            Action::Redrive(place, is_deleted) => self.redrive(world, place, is_deleted),
            Action::MoveBack(place) => {
                let letter = world.letters.remove(place);
                world.redrives -= 1;
                world.move_back(&letter, &self.config);
            }
            Action::Repair => world.is_repaired = true,
        }
    }
}

/// What a free invocation may take in hand.
fn receives(world: &World, actions: &mut Vec<Action>) {
    let Some(slot) = world.runs.iter().position(Option::is_none) else {
        return;
    };
    for messages in batches(world) {
        if world.faults > 0 {
            actions.push(Action::Receive(slot, messages.clone(), false));
        }
        actions.push(Action::Receive(slot, messages, true));
    }
}

/// Returns what an invocation may be given: of each group that nobody has in hand nothing, its
/// first message or all of them.
fn batches(world: &World) -> Vec<Vec<u8>> {
    let mut groups: BTreeMap<Lane, (bool, Vec<u8>)> = BTreeMap::new();
    for message in &world.queue {
        let (is_held, ids) = groups.entry(message.group).or_default();
        *is_held |= message.holder.is_some();
        ids.push(message.id);
    }
    let mut batches: Vec<Vec<u8>> = vec![Vec::new()];
    for (_, ids) in groups.into_values().filter(|(is_held, _)| !is_held) {
        let mut parts = vec![Vec::new(), vec![ids[0]]];
        if ids.len() > 1 {
            parts.push(ids);
        }
        let longer = batches.iter().flat_map(|batch| {
            let joined = parts
                .iter()
                .map(|part| [batch.clone(), part.clone()].concat());
            joined.collect::<Vec<_>>()
        });
        batches = longer.collect();
    }
    batches.retain(|batch| !batch.is_empty());
    for batch in &mut batches {
        batch.sort_by_key(|id| world.queue.iter().position(|message| message.id == *id));
    }
    batches
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(&self.config)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        self.posts(world, actions);
        receives(world, actions);
        for slot in 0..world.runs.len() {
            self.answers(world, slot, actions);
        }
        self.surroundings(world, actions);
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        self.act(&mut world, action);
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        macro_rules! always {
            ($law:ident) => {
                Property::always(Law::$law.text(), |model: &Self, world: &World| {
                    model.keeps(Law::$law, world)
                })
            };
        }
        vec![
            always!(Durable),
            always!(NothingLost),
            always!(CountedOnce),
            always!(CopiesCounted),
            always!(InOrder),
            always!(Isolated),
            always!(Converged),
            always!(LeftAlone),
            always!(NotLeftAlone),
            always!(Ends),
            Property::sometimes(SETTLES, |_: &Self, world: &World| {
                world.is_settled() && world.posted.iter().all(|is_posted| *is_posted)
            }),
            Property::sometimes(BURIES, |model: &Self, world: &World| {
                world.is_settled() && (!model.has_dead() || !world.known.were_dead.is_empty())
            }),
        ]
    }
}

/// The story has an end.
pub const SETTLES: &str = "everything is posted and settled";
/// Where something ought to become a dead letter, it does.
pub const BURIES: &str = "what ought to be is a dead letter";

impl Protocol {
    fn has_dead(&self) -> bool {
        let mut events = self.config.scenario.events.iter();
        events.any(|event| event.nature != Nature::Sound)
    }

    /// Returns the first law that was broken.
    #[must_use]
    pub fn broken(&self) -> Option<Law> {
        self.broken.get().copied()
    }
}
