//! The state of a story: queues, ledger, invocations, and what only the model's reader knows.

use std::collections::{BTreeMap, BTreeSet};

use switchhook_core::envelope::{deduplication_id, deduplication_id_of_moved};
use switchhook_core::ids::EventId;

use crate::broken::Broken;
use crate::ledger::{Answer, Buried, Ledger, Write};
use crate::run::Run;
use crate::scenario::{Config, Nature, RETENTION_DAYS, event_id};

/// How long what is accepted is kept, in seconds.
pub const RETENTION_SECS: i64 = RETENTION_DAYS as i64 * 24 * 60 * 60;

/// For how long SQS remembers a deduplication id, in seconds.
const REMEMBERED_SECS: i64 = 5 * 60;

/// One event of a request that the provider sent.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Delivery {
    /// What it holds.
    pub event: u8,
    /// The request, by the first delivery that it holds.
    pub request: u8,
    /// Its place in the request.
    pub index: u8,
    /// Its bytes.
    pub bytes: u8,
    /// Its own time as the sender wrote it.
    pub own: Option<i64>,
    /// Whether it repeats an earlier one, as far as only the provider knows.
    pub is_retry: bool,
    /// When it was accepted, by the ingress's clock.
    pub accepted: i64,
    /// Whether it got a 2xx.
    pub is_acknowledged: bool,
}

/// What a message group stands for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Lane {
    /// An entity.
    Entity(u8),
    /// One dead letter, by its id: another tool leaves it in the group that it had as one.
    Letter(u8),
}

/// A message of the queue.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Message {
    /// SQS's id.
    pub id: u8,
    /// Its message group: of two messages of one group SQS gives out one at a time.
    pub group: Lane,
    /// The delivery that it holds.
    pub delivery: u8,
    /// Its original place in the accepted order.
    pub sequence: u8,
    /// How often it was received.
    pub receives: u32,
    /// The invocation that has it in hand.
    pub holder: Option<usize>,
}

/// A message of the dead-letter queue.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Letter {
    /// SQS's id.
    pub id: u8,
    /// The delivery that it holds.
    pub delivery: u8,
    /// Its original place in the accepted order.
    pub sequence: u8,
    /// Why it is here.
    pub reason: &'static str,
}

/// The first record of a happening, as it was put.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Commit {
    /// The delivery.
    pub delivery: u8,
    /// Its place.
    pub sequence: u8,
}

/// What only the model's reader knows.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Known {
    /// Records in the order in which they were put.
    pub commits: Vec<Commit>,
    /// Duplicates that have an entry, and the delivery whose record has it.
    pub duplicates: BTreeSet<(u8, u8)>,
    /// Deliveries that the ledger had and rightly forgot.
    pub forgotten: BTreeSet<u8>,
    /// Deliveries that were dead letters at some time.
    pub were_dead: BTreeSet<u8>,
    /// Deliveries that reached the queue, with their places.
    pub enqueued: BTreeMap<u8, u8>,
    /// How often each message's own run ended badly.
    pub mishaps: BTreeMap<u8, u8>,
    /// A message that was buried for attempts that it never had.
    pub wronged: Option<u8>,
}

/// Everything.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct World {
    /// The time, in seconds of the story.
    pub now: i64,
    /// How many of its moments passed.
    pub moment: usize,
    /// How often something may still fail.
    pub faults: u8,
    /// How often the ingress may still fail.
    pub ingress_faults: u8,
    /// How often letters may still be redriven.
    pub redrives: u8,
    /// How often messages may still become visible while they are in hand.
    pub lapses: u8,
    /// Whether what could not be handled can be by now.
    pub is_repaired: bool,
    /// Which posts got their 2xx.
    pub posted: Vec<bool>,
    /// Requests that reached the ingress.
    pub deliveries: Vec<Delivery>,
    /// The queue, in the order in which it was filled.
    pub queue: Vec<Message>,
    /// The deduplication ids that the queue remembers.
    pub recent: BTreeSet<String>,
    /// The dead-letter queue.
    pub letters: Vec<Letter>,
    /// Those that the dead-letter queue remembers.
    pub recently_dead: BTreeSet<String>,
    /// The ledger.
    pub ledger: Ledger,
    /// The invocations.
    pub runs: Vec<Option<Run>>,
    /// Requests that are done later.
    pub late: Vec<Write>,
    /// How many messages there were.
    pub messages: u8,
    /// What only the reader knows.
    pub known: Known,
}

impl World {
    /// The beginning of a story.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let scenario = &config.scenario;
        Self {
            faults: scenario.faults,
            ingress_faults: scenario.ingress_faults,
            redrives: scenario.redrives,
            lapses: scenario.lapses,
            posted: vec![false; scenario.posts.len()],
            runs: vec![None; scenario.consumers],
            ..Self::default()
        }
    }

    /// Returns the event of a delivery.
    #[must_use]
    pub fn event_of(&self, delivery: u8) -> u8 {
        self.deliveries[usize::from(delivery)].event
    }

    /// Returns the event's id in a delivery.
    #[must_use]
    pub fn event_id(&self, delivery: u8) -> EventId {
        let delivery = self.delivery(delivery);
        event_id(delivery.request, delivery.index)
    }

    /// Returns a delivery.
    #[must_use]
    pub fn delivery(&self, delivery: u8) -> &Delivery {
        &self.deliveries[usize::from(delivery)]
    }

    /// Returns when a delivery was accepted.
    #[must_use]
    pub fn accepted(&self, delivery: u8) -> i64 {
        self.deliveries[usize::from(delivery)].accepted
    }

    /// Gives messages into an invocation's hands.
    pub fn take(&mut self, ids: &[u8], slot: usize) -> Vec<Message> {
        let taken = self
            .queue
            .iter_mut()
            .filter(|message| ids.contains(&message.id));
        let taken = taken.map(|message| {
            message.holder = Some(slot);
            message.receives += 1;
            message.clone()
        });
        taken.collect()
    }

    /// Returns what an event does to its run by now.
    #[must_use]
    pub fn nature(&self, event: u8, config: &Config) -> Nature {
        match config.event(event).nature {
            _ if self.is_repaired => Nature::Sound,
            nature => nature,
        }
    }

    /// Tells whether nothing is under way any more.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.queue.is_empty() && self.late.is_empty() && self.runs.iter().all(Option::is_none)
    }

    fn new_id(&mut self) -> u8 {
        self.messages += 1;
        self.messages
    }

    /// Takes a request in: its messages are durable.
    pub fn enqueue(&mut self, delivery: u8, config: &Config) {
        let own_id = self.event_id(delivery);
        self.remember(deduplication_id(own_id), config);
        let id = self.new_id();
        let sequence = id; // both count what the queue took in
        let group = Lane::Entity(config.event(self.event_of(delivery)).entity);
        self.known.enqueued.insert(delivery, sequence);
        self.queue.push(Message {
            id,
            group,
            delivery,
            sequence,
            receives: 0,
            holder: None,
        });
    }

    /// Remembers a deduplication id, and tells whether it is new.
    fn remember(&mut self, id: String, config: &Config) -> bool {
        config.scenario.redrives == 0 || self.recent.insert(id)
    }

    /// Sends a letter to the queue, to the group of its entity.
    pub fn redrive(&mut self, letter: &Letter, config: &Config) {
        let entity = config.event(self.event_of(letter.delivery)).entity;
        self.send_again(letter, Lane::Entity(entity), config);
    }

    /// Sends a letter to the queue as another tool does.
    pub fn move_back(&mut self, letter: &Letter, config: &Config) {
        self.send_again(letter, Lane::Letter(letter.id), config);
    }

    /// SQS answers alike whether it takes a message or knows it.
    fn send_again(&mut self, letter: &Letter, group: Lane, config: &Config) {
        let id = if config.is(Broken::OldDeduplicationId) {
            deduplication_id(self.event_id(letter.delivery))
        } else {
            moved_id(letter.id)
        };
        if self.remember(id, config) {
            let id = self.new_id();
            self.queue.push(Message {
                id,
                group,
                delivery: letter.delivery,
                sequence: letter.sequence,
                receives: 0,
                holder: None,
            });
        }
    }

    /// Does a write.
    pub fn perform(&mut self, write: &Write, config: &Config) -> Answer {
        if let Write::Bury(buried) = write {
            self.bury(buried);
            return Answer::Done;
        }
        let answer = self.ledger.write(write, config);
        match (write, &answer) {
            (Write::Record(record), Answer::Done) => self.known.commits.push(Commit {
                delivery: record.id,
                sequence: record.sequence,
            }),
            (Write::Add(added), Answer::Done) => {
                let record = self.ledger.record(added.event, &added.name);
                let of = record.expect("it was added to it").id;
                if of != added.delivery {
                    self.known.duplicates.insert((added.delivery, of));
                }
            }
            _ => {}
        }
        answer
    }

    /// Forgets a record.
    pub fn forget_record(&mut self, place: usize) {
        let record = self.ledger.records.remove(place);
        let is_of = |d: &Delivery| d.event == record.event && record.counted.contains(&d.request);
        self.note_forgotten(is_of);
    }

    /// Forgets the bytes of a variant.
    pub fn forget_bytes(&mut self, place: usize) {
        let kept = self.ledger.kept.remove(place);
        self.note_forgotten(|d| (d.event, d.bytes) == (kept.event, kept.bytes));
    }

    /// Notes which deliveries of some that the ledger had it need not have any longer.
    fn note_forgotten(&mut self, is_of: impl Fn(&Delivery) -> bool) {
        let mut had = BTreeSet::new();
        had.extend(self.known.commits.iter().map(|commit| commit.delivery));
        had.extend(self.known.duplicates.iter().map(|(delivery, _)| *delivery));
        for id in had {
            let delivery = self.delivery(id);
            if is_of(delivery) && delivery.accepted + RETENTION_SECS <= self.now {
                self.known.forgotten.insert(id);
            }
        }
    }

    fn bury(&mut self, buried: &Buried) {
        const ENOUGH: u8 = 5;
        let mishaps = self
            .known
            .mishaps
            .get(&buried.message)
            .copied()
            .unwrap_or(0);
        if matches!(buried.reason, "attempts" | "panic") && mishaps < ENOUGH {
            self.known.wronged = Some(buried.message);
        }
        self.known.were_dead.insert(buried.delivery);
        if self.recently_dead.insert(moved_id(buried.message)) {
            let id = self.new_id();
            self.letters.push(Letter {
                id,
                delivery: buried.delivery,
                sequence: buried.sequence,
                reason: buried.reason,
            });
        }
    }

    /// Lets some seconds pass.
    pub fn pass(&mut self, secs: i64) {
        self.now += secs;
        self.moment += 1;
        if secs >= REMEMBERED_SECS {
            self.recent.clear();
            self.recently_dead.clear();
        }
    }

    /// Notes that a message's own run ended badly.
    pub fn note_mishap(&mut self, message: u8) {
        let mishaps = self.known.mishaps.entry(message).or_default();
        *mishaps = mishaps.saturating_add(1);
    }

    /// Makes what an invocation has in hand visible.
    pub fn lapse(&mut self, slot: usize) {
        for message in &mut self.queue {
            if message.holder == Some(slot) {
                message.holder = None;
            }
        }
    }

    /// Ends an invocation: what it has in hand comes again.
    pub fn release(&mut self, slot: usize) {
        self.runs[slot] = None;
        self.lapse(slot);
    }
}

/// Returns the deduplication id of a message that is moved from one queue to the other.
fn moved_id(message: u8) -> String {
    deduplication_id_of_moved(&format!("message-{message}")).to_owned()
}
