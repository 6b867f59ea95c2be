//! One simulation from its seed to the verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, join_all};
use switchhook_core::ledger::Record;
use switchhook_core::states::Stored;

use crate::broken::Broken;
use crate::checker::Checker;
use crate::evidence::{Evidence, reason};
use crate::operator;
use crate::poison;
use crate::poller;
use crate::queue::Outgoing;
use crate::senders::{Attempt, Door, Told};
use crate::traffic::{self, Happening, OLD_KEYS};
use crate::world::{World, locked};

/// How long the queue may take to become empty when nothing fails any more.
const PATIENCE: Duration = Duration::from_secs(2 * 86_400);
/// Longer than anything is under way.
const SETTLING: Duration = Duration::from_secs(120);

/// What a simulation came to.
#[derive(Debug)]
pub struct Outcome {
    /// What happened, in lines for people.
    pub history: Vec<String>,
    /// What must not have happened.
    pub wrong: Vec<String>,
    /// How much happened.
    pub counts: Counts,
}

/// How much happened in a simulation.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Requests of senders.
    pub requests: usize,
    /// Requests that were sent a day or more after the first time.
    pub late: usize,
    /// Deliveries that were told 200.
    pub received: usize,
    /// Those of them that told of several events.
    pub lists: usize,
    /// Messages that the queue took.
    pub messages: usize,
    /// Records in the ledger.
    pub records: usize,
    /// Variants in the ledger.
    pub variants: usize,
    /// Records that met one of another delivery when they were put.
    pub met: usize,
    /// Events whose own time is not believed.
    pub implausible: usize,
    /// Numbers and addresses on the suppression list, and those of several sources.
    pub listed: [usize; 2],
    /// Entities that were erased.
    pub erased: usize,
    /// Dead letters, by their reasons.
    pub letters: BTreeMap<String, usize>,
    /// Dead letters that were there before: their messages were not deleted in time.
    pub letters_twice: usize,
    /// Calls of ports with a fault.
    pub faults: usize,
    /// Answers, deletions and the like that were lost, done twice or done in part.
    pub mishaps: usize,
    /// Processes that died.
    pub deaths: usize,
}

impl std::ops::Add for Counts {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        for (reason, count) in other.letters {
            *self.letters.entry(reason).or_default() += count;
        }
        Self {
            requests: self.requests + other.requests,
            late: self.late + other.late,
            received: self.received + other.received,
            lists: self.lists + other.lists,
            messages: self.messages + other.messages,
            records: self.records + other.records,
            variants: self.variants + other.variants,
            met: self.met + other.met,
            implausible: self.implausible + other.implausible,
            listed: [0, 1].map(|place| self.listed[place] + other.listed[place]),
            erased: self.erased + other.erased,
            letters: self.letters,
            letters_twice: self.letters_twice + other.letters_twice,
            faults: self.faults + other.faults,
            mishaps: self.mishaps + other.mishaps,
            deaths: self.deaths + other.deaths,
        }
    }
}

/// Runs the simulation of a seed.
///
/// # Panics
///
/// When the simulation itself is wrong.
#[must_use]
pub fn run(seed: u64, broken: Option<Broken>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O");
    runtime.block_on(simulate(seed, broken))
}

async fn simulate(seed: u64, broken: Option<Broken>) -> Outcome {
    poison::deploy(false);
    let world = Arc::new(World::new(seed, traffic::document(&[OLD_KEYS]), broken));
    let door = Arc::new(Door::open(&world, OLD_KEYS));
    let count = world.draw(|chance| chance.usize(4..=24));
    let happenings = traffic::happenings(&world, count);
    for number in 1..=2 {
        tokio::spawn(poller::poll(Arc::clone(&world), number));
    }
    let mut parts = told(&world, &door, &happenings);
    parts.extend(trouble(&world, &door));
    join_all(parts).await;
    let mut wrong = settle(&world).await;
    let attempts = door.attempts();
    let checker = || Checker(Evidence::gather(&world, &happenings, &attempts));
    if wrong.is_empty() {
        wrong.extend(checker().while_letters_wait());
    }
    wrong.extend(redrive(&world).await);
    if wrong.is_empty() {
        wrong = checker().at_the_end().await;
    }
    let counts = counts(&world, &attempts);
    Outcome {
        history: world.take_history(),
        wrong,
        counts,
    }
}

fn counts(world: &World, attempts: &[Attempt]) -> Counts {
    let is_late = |attempt: &&Attempt| attempt.after_secs >= 86_400;
    let is_list = |attempt: &&Attempt| matches!(attempt.told, Told::Received(_, 2..));
    let is_received = |attempt: &&Attempt| matches!(attempt.told, Told::Received(..));
    let buried = world.dead_letters.archive();
    let mut letters = BTreeMap::new();
    for letter in &buried {
        *letters.entry(reason(letter).to_owned()).or_default() += 1;
    }
    let table = locked(&world.table);
    let is_implausible = |record: &&Record| record.data.contains(r#""implausible_time":"#);
    let lists = table
        .states
        .iter()
        .filter(|(entity, _)| entity.source() == "_");
    let items: Vec<_> = lists.filter_map(|(_, item)| item.stored.as_ref()).collect();
    let is_of_several = |item: &&&Stored| item.state.matches(r#""event":"#).count() > 1;
    let different: BTreeSet<_> = buried.iter().map(|letter| &letter.sent.dedup_id).collect();
    Counts {
        requests: attempts.len(),
        late: attempts.iter().filter(is_late).count(),
        received: attempts.iter().filter(is_received).count(),
        lists: attempts.iter().filter(is_list).count(),
        messages: world.queue.archive().len(),
        records: table.inserted.len(),
        variants: table.kept.len(),
        met: table.met,
        implausible: table.inserted.iter().filter(is_implausible).count(),
        listed: [items.len(), items.iter().filter(is_of_several).count()],
        erased: table.erased.len(),
        letters,
        letters_twice: buried.len() - different.len(),
        faults: world.faults(),
        mishaps: world.mishaps(),
        deaths: world.deaths(),
    }
}

/// What the senders do: most tell once, some again later, some have no keys.
fn told<'a>(world: &World, door: &'a Door, happenings: &'a [Happening]) -> Vec<BoxFuture<'a, ()>> {
    let mut parts: Vec<BoxFuture<'a, ()>> = Vec::new();
    for (place, happening) in happenings.iter().enumerate() {
        let first = happening.first;
        if world.happens(0.08) {
            parts.push(door.forge(place, happening, first).boxed());
            continue;
        }
        parts.push(door.tell(place, happening, first).boxed());
        let mut copies = world.draw(|chance| chance.usize(0..12)).saturating_sub(8);
        if happening.tellings.len() > 1 {
            copies += world.draw(|chance| chance.usize(0..3));
        }
        for _ in 0..copies {
            let most = [0, 500, 300_000, 10_800_000][world.draw(|chance| chance.usize(0..4))];
            let again = first + world.pause(most);
            parts.push(door.tell(place, happening, again).boxed());
        }
    }
    parts
}

/// What else happens meanwhile.
fn trouble<'a>(world: &'a Arc<World>, door: &'a Arc<Door>) -> Vec<BoxFuture<'a, ()>> {
    let mut parts: Vec<BoxFuture<'a, ()>> = Vec::new();
    if world.happens(0.3) {
        parts.push(operator::exchange_keys(Arc::clone(world), Arc::clone(door)).boxed());
    }
    if world.happens(0.2) {
        parts.push(garbage(world, world.pause(600_000)).boxed());
    }
    if world.happens(0.3) {
        let most = [3_000, 60_000, 600_000][world.draw(|chance| chance.usize(0..3))];
        parts.push(damage(world, world.pause(most)).boxed());
    }
    if world.happens(0.15) {
        parts.push(erasure(world, world.pause(120_000)).boxed());
    }
    if world.happens(0.3) {
        parts.push(early_redrive(world, world.pause(3_600_000)).boxed());
    }
    let mended = world.pause(7_200_000);
    parts.push(
        async move {
            tokio::time::sleep(mended).await;
            world.note("operator", "deploys handlers without mistakes");
            poison::deploy(true);
        }
        .boxed(),
    );
    parts
}

/// Somebody puts what is no event into an entity's group.
async fn garbage(world: &World, after: Duration) {
    tokio::time::sleep(after).await;
    let last = world.queue.archive().pop();
    let group = last.map_or("garbage".to_owned(), |message| message.sent.group);
    let garbage = Outgoing {
        name: "garbage".to_owned(),
        group,
        dedup_id: "garbage".to_owned(),
        body: "not an envelope".to_owned(),
        attributes: [].into(),
    };
    world.queue.send(world, garbage).expect("plain text");
}

/// A state of the ledger or a stored body becomes unreadable, until it is repaired.
async fn damage(world: &Arc<World>, after: Duration) {
    tokio::time::sleep(after).await;
    locked(&world.damage).strike(world);
    if world.happens(0.7) {
        tokio::time::sleep(world.pause(240_000)).await;
        locked(&world.damage).repair(world);
        operator::redrive(world, false).await;
    }
}

/// Somebody asks to be erased; that is done while a duplicate of what is erased is on its way.
async fn erasure(world: &World, after: Duration) {
    tokio::time::sleep(after).await;
    locked(&world.table).is_erasing = true;
}

async fn early_redrive(world: &Arc<World>, after: Duration) {
    tokio::time::sleep(after).await;
    operator::redrive(world, false).await;
}

/// Ends all faults and waits until the queue is empty.
async fn settle(world: &World) -> Vec<String> {
    world.make_calm();
    tokio::time::sleep(SETTLING).await;
    drain(world).await
}

async fn drain(world: &World) -> Vec<String> {
    let begun = tokio::time::Instant::now();
    while !world.queue.is_empty() {
        if begun.elapsed() > PATIENCE {
            let left = world.queue.messages();
            let names: Vec<_> = left
                .iter()
                .map(|message| message.sent.name.as_str())
                .collect();
            return vec![format!("the queue still holds {}", names.join(", "))];
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    Vec::new()
}

/// How many hours after the one before dead letters are redriven: at once and days later, or from
/// when on records may be forgotten, but not after that.
const REDRIVES: [[u64; 3]; 5] = [
    [0, 0, 0],
    [24, 0, 240],
    [240, 240, 24],
    [0, TOO_OLD_HOURS, 0],
    [TOO_OLD_HOURS, 1, 0],
];
/// 28 days: then everything that was told in the last day is too old, and is so for a day.
const TOO_OLD_HOURS: u64 = 28 * 24 + 1;
/// Later than this after the beginning, the first records may be forgotten.
const FORGOTTEN_HOURS: u64 = 29 * 24 + 12;

/// Redrives until only garbage is left, repairing what is damaged sooner or later.
async fn redrive(world: &Arc<World>) -> Vec<String> {
    let repaired_in = world.draw(|chance| chance.usize(0..3));
    let pauses = REDRIVES[world.draw(|chance| chance.usize(0..REDRIVES.len()))];
    let mut wrong = Vec::new();
    for (round, hours) in pauses.into_iter().enumerate() {
        // Where some told for days, only what they told first is too old.
        let hours = hours.min(FORGOTTEN_HOURS.saturating_sub(world.elapsed_millis() / 3_600_000));
        tokio::time::sleep(Duration::from_secs(hours * 3_600)).await;
        if round == repaired_in {
            locked(&world.damage).repair(world);
        }
        let is_last = round + 1 == pauses.len();
        let likelihood = if operator::has_pair(world) { 0.9 } else { 0.4 };
        if !is_last && world.happens(likelihood) {
            wrong.extend(move_back(world).await);
        } else {
            operator::redrive(world, is_last).await;
        }
        wrong.extend(drain(world).await);
    }
    wrong
}

/// Moves dead letters back with another tool, one after the other: by such a tool each is a group of
/// its own, and of two copies that run side by side the state may hold one and the record the other.
/// Those of one event with other bytes go together all the same: one of them then meets the other's
/// record, and its bytes must be kept.
async fn move_back(world: &World) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut letters = world.dead_letters.messages();
    while !letters.is_empty() {
        let first = letters.remove(0);
        let (together, others) = letters
            .into_iter()
            .partition(|letter| operator::tells_otherwise(&first, letter));
        letters = others;
        for letter in std::iter::once(first).chain(together) {
            operator::move_back(world, letter);
        }
        wrong.extend(drain(world).await);
    }
    wrong
}
