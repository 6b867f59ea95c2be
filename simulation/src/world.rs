//! What all parts of a simulation share: virtual time, chance, the history, and the stores.
//!
//! Every decision is drawn from one seeded generator in the order in which the single-threaded
//! runtime runs the parts, so that one seed means one history. Nothing here reads a real clock.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use switchhook_core::config::Sources;
use switchhook_core::entity::Entity;
use switchhook_core::ids::{DeliveryId, EventId};
use switchhook_core::time::Timestamp;
use tokio::time::Instant;

use crate::broken::Broken;
use crate::damage::Damage;
use crate::queue::{FifoQueue, Message};
use crate::table::Table;

/// When every simulation begins: 2026-03-04T05:06:07.089Z.
const BEGINNING_MILLIS: i64 = 1_772_600_767_089;

/// How often things go wrong in a simulation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// The share of port calls with a fault.
    pub(crate) faults: f64,
    /// The share of messages whose deletion is lost, of batches whose answer is, and the like.
    pub(crate) mishaps: f64,
    /// The longest usual duration of a call in milliseconds.
    pub(crate) latency: u64,
}

/// The world of one simulation.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) queue: FifoQueue,
    pub(crate) dead_letters: FifoQueue,
    pub(crate) table: Mutex<Table>,
    pub(crate) bodies: Mutex<BTreeMap<String, Bytes>>,
    pub(crate) sources: Mutex<Sources>,
    pub(crate) damage: Mutex<Damage>,
    /// The letters that consumers asked the dead-letter queue to keep, whether it did or not.
    pub(crate) asked: Mutex<Vec<Message>>,
    pub(crate) broken: Option<Broken>,
    /// The entity of which nothing can be written at the moment.
    pub(crate) failing: Mutex<Option<Entity>>,
    weather: Weather,
    /// Spans in which a port refuses everything: its name, from, to, in milliseconds.
    outages: Vec<(&'static str, u64, u64)>,
    is_calm: AtomicBool,
    faults: AtomicUsize,
    mishaps: AtomicUsize,
    deaths: AtomicUsize,
    /// By the ids of messages, the receives at which something befell just this one: its attempt stays
    /// counted.
    strokes: Mutex<BTreeMap<String, BTreeSet<u32>>>,
    chance: Mutex<fastrand::Rng>,
    begun: Instant,
    history: Mutex<History>,
}

#[derive(Debug, Default)]
struct History {
    lines: Vec<String>,
    names: HashMap<DeliveryId, usize>,
}

impl World {
    pub(crate) fn new(seed: u64, sources: Sources, broken: Option<Broken>) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let weather = weather(&mut chance);
        let outages = outages(&mut chance);
        Self {
            queue: FifoQueue::new("queue"),
            dead_letters: FifoQueue::new("dead letters"),
            table: Mutex::default(),
            bodies: Mutex::default(),
            sources: Mutex::new(sources),
            damage: Mutex::default(),
            asked: Mutex::default(),
            broken,
            failing: Mutex::default(),
            weather,
            outages,
            is_calm: AtomicBool::new(false),
            faults: AtomicUsize::new(0),
            mishaps: AtomicUsize::new(0),
            deaths: AtomicUsize::new(0),
            strokes: Mutex::default(),
            chance: Mutex::new(chance),
            begun: Instant::now(),
            history: Mutex::default(),
        }
    }

    /// Makes a world in which nothing goes wrong, to compare with.
    pub(crate) fn calm(sources: Sources) -> Self {
        let mut world = Self::new(0, sources, None);
        world.weather.latency = 0;
        world.make_calm();
        world
    }

    /// Has this queue, and this longest duration of a call.
    pub(crate) fn with_queue(mut self, queue: FifoQueue, latency: u64) -> Self {
        self.queue = queue;
        self.weather.latency = latency;
        self
    }

    /// The body store takes a body, and something may be wrong with the store.
    pub(crate) fn keep_body(&self, key: String, body: Bytes) {
        let mut damage = locked(&self.damage);
        let kept = if damage.lasts() {
            damage.spoil(self, &key, body)
        } else {
            Some(body)
        };
        locked(&self.bodies).extend(kept.map(|body| (key, body)));
    }

    /// Ends all faults.
    pub(crate) fn make_calm(&self) {
        self.is_calm.store(true, Ordering::Relaxed);
        self.note("world", "no more faults");
    }

    pub(crate) fn weather(&self) -> Weather {
        let calm = Weather {
            faults: 0.0,
            mishaps: 0.0,
            ..self.weather
        };
        if self.is_calm.load(Ordering::Relaxed) {
            calm
        } else {
            self.weather
        }
    }

    /// Tells whether a port refuses everything at the moment.
    pub(crate) fn is_out(&self, port: &str) -> bool {
        let now = self.elapsed_millis();
        let over = self.is_calm.load(Ordering::Relaxed);
        let hit = |(name, from, to): &(&str, u64, u64)| {
            let is_it = *name == port || part_of(port).contains(name);
            is_it && (*from..*to).contains(&now)
        };
        !over && self.outages.iter().any(hit)
    }

    /// Draws from the seed.
    pub(crate) fn draw<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut locked(&self.chance))
    }

    /// Tells whether something of this probability happens.
    pub(crate) fn happens(&self, probability: f64) -> bool {
        self.draw(|chance| chance.f64()) < probability
    }

    /// Tells whether something usual goes wrong.
    pub(crate) fn mishap(&self) -> bool {
        let happens = self.happens(self.weather().mishaps);
        self.mishaps
            .fetch_add(usize::from(happens), Ordering::Relaxed);
        happens
    }

    /// Counts a stroke of bad luck: an attempt stays counted that nothing in its event brought down.
    pub(crate) fn count_stroke(&self, message_id: &str, receive: u32) {
        let mut strokes = locked(&self.strokes);
        strokes
            .entry(message_id.to_owned())
            .or_default()
            .insert(receive);
    }

    /// Takes a stroke back, since the attempt does not stay counted.
    pub(crate) fn take_back_stroke(&self, message_id: &str, receive: u32) {
        if let Some(receives) = locked(&self.strokes).get_mut(message_id) {
            receives.remove(&receive);
        }
    }

    pub(crate) fn strokes(&self, message_id: &str) -> usize {
        locked(&self.strokes)
            .get(message_id)
            .map_or(0, BTreeSet::len)
    }

    /// Counts a fault.
    pub(crate) fn count_fault(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn faults(&self) -> usize {
        self.faults.load(Ordering::Relaxed)
    }

    pub(crate) fn mishaps(&self) -> usize {
        self.mishaps.load(Ordering::Relaxed)
    }

    /// Counts a process that died.
    pub(crate) fn count_death(&self) {
        self.deaths.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn deaths(&self) -> usize {
        self.deaths.load(Ordering::Relaxed)
    }

    pub(crate) fn pause(&self, most_millis: u64) -> Duration {
        Duration::from_millis(self.draw(|chance| chance.u64(0..=most_millis)))
    }

    /// Returns how long a call takes, one way.
    pub(crate) fn latency(&self) -> Duration {
        self.pause(self.weather().latency)
    }

    pub(crate) fn elapsed_millis(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns the true time, which no process sees without its clock's skew.
    pub(crate) fn now(&self) -> Timestamp {
        self.now_with(0)
    }

    pub(crate) fn now_with(&self, skew_millis: i64) -> Timestamp {
        at(self.elapsed_millis(), skew_millis)
    }

    /// Adds a line to the history.
    pub(crate) fn note(&self, who: &str, what: impl Display) {
        let millis = self.elapsed_millis();
        let (seconds, millis) = (millis / 1_000, millis % 1_000);
        let line = format!("{seconds:>7}.{millis:03}  {who:<12} {what}");
        locked(&self.history).lines.push(line);
    }

    /// Names an event in the history: ids of deliveries are random, their order is not.
    pub(crate) fn name(&self, id: EventId) -> String {
        format!("{}.{}", self.name_of_delivery(id.delivery), id.index)
    }

    pub(crate) fn name_of_delivery(&self, id: DeliveryId) -> String {
        let mut history = locked(&self.history);
        let next = history.names.len() + 1;
        format!("d{}", history.names.entry(id).or_insert(next))
    }

    /// Takes the lines; random ids that stand in states are named as everywhere else.
    pub(crate) fn take_history(&self) -> Vec<String> {
        let History { lines, names } = std::mem::take(&mut *locked(&self.history));
        let names: Vec<_> = names
            .iter()
            .map(|(id, number)| (id.to_string(), format!("d{number}")))
            .collect();
        let named = |line: String| {
            let ids = names.iter().filter(|(id, _)| line.contains(id.as_str()));
            ids.fold(line.clone(), |line, (id, name)| line.replace(id, name))
        };
        lines.into_iter().map(named).collect()
    }
}

/// Returns the true time so long after the beginning, or what a clock shows then that is off.
pub(crate) fn at(elapsed_millis: u64, skew_millis: i64) -> Timestamp {
    let elapsed = i64::try_from(elapsed_millis).unwrap();
    Timestamp::from_millisecond(BEGINNING_MILLIS + elapsed + skew_millis).unwrap()
}

fn weather(chance: &mut fastrand::Rng) -> Weather {
    let faults = [0.0, 0.01, 0.03, 0.08, 0.2];
    let mishaps = [0.0, 0.01, 0.05, 0.15];
    Weather {
        faults: faults[chance.usize(0..faults.len())],
        mishaps: mishaps[chance.usize(0..mishaps.len())],
        latency: [2, 20, 200][chance.usize(0..3)],
    }
}

pub(crate) const QUEUE: &str = "queue";
pub(crate) const LEDGER: &str = "ledger";
/// A table can be throttled for writes alone.
pub(crate) const WRITES: &str = "writes";
/// A part of it can be, while the rest takes writes.
pub(crate) const STATES: &str = "states";
pub(crate) const BODIES: &str = "bodies";
pub(crate) const BODY_READS: &str = "body reads";
pub(crate) const SOURCES: &str = "sources";
pub(crate) const DEAD_LETTERS: &str = "dead letters";
pub(crate) const REDELIVERY: &str = "redelivery";

/// The ports that can be out for a while.
const PORTS: [&str; 9] = [
    WRITES,
    STATES,
    QUEUE,
    LEDGER,
    BODIES,
    BODY_READS,
    SOURCES,
    DEAD_LETTERS,
    REDELIVERY,
];

/// The ingress has no queue for 70 hours, nearly as long as any provider goes on.
const DAYS_MILLIS: u64 = 70 * 3_600_000;

/// Returns the larger things that a port is a part of: when one of them is out, so is the port.
fn part_of(port: &str) -> &'static [&'static str] {
    match port {
        WRITES => &[LEDGER],
        STATES => &[LEDGER, WRITES],
        BODY_READS => &[BODIES],
        _ => &[],
    }
}

fn outages(chance: &mut fastrand::Rng) -> Vec<(&'static str, u64, u64)> {
    let count = chance.usize(0..8).saturating_sub(4);
    let outage = |_| {
        let from = chance.u64(0..1_200_000);
        let lasts = [5_000, 60_000, 1_200_000][chance.usize(0..3)];
        (PORTS[chance.usize(0..PORTS.len())], from, from + lasts)
    };
    let mut outages: Vec<_> = (0..count).map(outage).collect();
    if chance.u8(0..10) == 0 {
        let from = chance.u64(0..1_200_000);
        outages.push((QUEUE, from, from + DAYS_MILLIS));
    }
    outages
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}
