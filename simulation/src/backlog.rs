//! One entity's backlog beside the traffic of others: when the others begin to wait, and that all of it
//! drains, in order and without loss.
//!
//! SQS searches the first messages of a FIFO queue for groups, 120,000 of them. A backlog of one entity
//! that fills this window holds up everybody behind it. The window is smaller here, so that a run takes
//! seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ingress::service::Ingress;
use ingress::sources::SourceCache;
use switchhook::local::endpoint;
use switchhook_core::entity::Entity;
use switchhook_core::occurrence::Sequence;

use crate::node::Node;
use crate::poller;
use crate::ports::Ports;
use crate::queue::FifoQueue;
use crate::traffic::{self, LOGIN, OLD_KEYS};
use crate::world::{World, at, locked};

/// The most events of one request.
const LIST_LENGTH: usize = 1_000;
/// The consumers: the template's `ConsumerMaximumConcurrency` is 50, and fewer wait sooner.
const CONSUMERS: usize = 5;
/// How many messages a batch holds at most.
const BATCH: usize = 10;
/// The longest duration of a call of a port, one way, in milliseconds.
const LATENCY_MILLIS: u64 = 5;
/// How many bystanders there are, each an entity of its own.
const BYSTANDERS: usize = 50;

/// What the entity with the backlog does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hog {
    /// Its sender posts so many lists of 1,000 events at once.
    Lists(usize),
    /// Nothing of it can be written for so many seconds, while its sender posts 100 events a second.
    Fails(u64),
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct Backlog {
    /// How many messages the queue searches for groups.
    pub window: usize,
    /// What fills the queue.
    pub hog: Hog,
    /// How long a bystander sends one event a second, in seconds.
    pub secs: u64,
}

/// What a run came to.
#[derive(Debug, Default)]
pub struct BacklogOutcome {
    /// The most messages that waited.
    pub most_waiting: usize,
    /// The longest time from acceptance to record of a bystander's event, in milliseconds.
    pub longest_wait_millis: u64,
    /// Events of the entity with the backlog.
    pub hog_events: usize,
    /// How long its backlog took to drain from the moment it could, in milliseconds.
    pub drain_millis: u64,
    /// Writes of states that the drain took, of all entities.
    pub state_writes: usize,
    /// What must not have happened.
    pub wrong: Vec<String>,
}

/// Runs a backlog, deterministically.
///
/// # Panics
///
/// When the simulation itself is wrong.
#[must_use]
pub fn run(backlog: Backlog) -> BacklogOutcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O");
    runtime.block_on(simulate(backlog))
}

async fn simulate(backlog: Backlog) -> BacklogOutcome {
    let queue = FifoQueue::new("queue").with_window(backlog.window, BATCH);
    let world = World::calm(traffic::document(&[OLD_KEYS])).with_queue(queue, LATENCY_MILLIS);
    let world = Arc::new(world);
    let sender = Arc::new(Sender::new(&world));
    for number in 1..=CONSUMERS {
        tokio::spawn(poller::poll(Arc::clone(&world), number));
    }
    let mut outcome = BacklogOutcome::default();
    let bystanders = tokio::spawn(bystanders(Arc::clone(&sender), backlog.secs));
    let free_at = hog(&world, &sender, backlog.hog).await;
    while !bystanders.is_finished() || !world.queue.is_empty() {
        outcome.most_waiting = outcome.most_waiting.max(world.queue.messages().len());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    judge(&world, &sender, free_at, &mut outcome);
    outcome
}

/// Fills the queue, and returns from when on it may drain.
async fn hog(world: &Arc<World>, sender: &Sender, hog: Hog) -> u64 {
    match hog {
        Hog::Lists(lists) => {
            for _ in 0..lists {
                sender.post(&[0; LIST_LENGTH]).await;
            }
        }
        Hog::Fails(secs) => {
            sender.post(&[0]).await;
            *locked(&world.failing) = Some(Sender::entity(0));
            for _ in 0..secs {
                sender.post(&[0; 100]).await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            *locked(&world.failing) = None;
        }
    }
    world.elapsed_millis()
}

/// Everybody else: one event a second, each time of another customer.
async fn bystanders(sender: Arc<Sender>, secs: u64) {
    for second in 0..secs {
        let customer = usize::try_from(second).unwrap() % BYSTANDERS;
        sender.post(&[customer + 1]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn judge(world: &World, sender: &Sender, free_at: u64, outcome: &mut BacklogOutcome) {
    let table = locked(&world.table);
    let hog = Sender::entity(0);
    let mut sequences: BTreeMap<Entity, Vec<Sequence>> = BTreeMap::new();
    for (record, inserted_at) in table.inserted.iter().zip(&table.inserted_at) {
        let entity = &record.key.entity;
        sequences
            .entry(entity.clone())
            .or_default()
            .push(record.sequence);
        if *entity == hog {
            outcome.drain_millis = inserted_at.saturating_sub(free_at);
            continue;
        }
        let accepted = record.received_at.duration_since(at(0, 0)).as_millis();
        let waited = inserted_at.saturating_sub(u64::try_from(accepted).unwrap());
        outcome.longest_wait_millis = outcome.longest_wait_millis.max(waited);
    }
    outcome.hog_events = sequences.get(&hog).map_or(0, Vec::len);
    outcome.state_writes = table.state_writes;
    let recorded: usize = sequences.values().map(Vec::len).sum();
    let sent = locked(&sender.sent).len();
    if recorded != sent {
        outcome
            .wrong
            .push(format!("{sent} sent, {recorded} recorded"));
    }
    let dead = world.dead_letters.archive().len();
    if dead > 0 {
        outcome.wrong.push(format!("{dead} dead letters"));
    }
    for (entity, sequences) in sequences {
        let mut sorted = sequences.clone();
        sorted.sort_unstable();
        if sequences != sorted {
            outcome
                .wrong
                .push(format!("{entity} was not drained in order"));
        }
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            outcome.wrong.push(format!("{entity} has an event twice"));
        }
    }
}

/// The provider's side: one account, with a login that is right.
struct Sender {
    world: Arc<World>,
    ingress: Ingress,
    sent: std::sync::Mutex<BTreeSet<String>>,
}

impl Sender {
    fn new(world: &Arc<World>) -> Self {
        let node = Node::start(world, "ingress", 0);
        let ports = Ports::of(&node);
        let clock = || Arc::<Node>::clone(&node);
        let sources = SourceCache::new(Arc::<Ports>::clone(&ports), clock());
        let queue = Arc::<Ports>::clone(&ports);
        Self {
            world: Arc::clone(world),
            ingress: Ingress::new(sources, queue, ports, clock()),
            sent: std::sync::Mutex::default(),
        }
    }

    fn number(customer: usize) -> String {
        format!("+614{customer:08}")
    }

    /// Returns the conversation of a customer.
    fn entity(customer: usize) -> Entity {
        Entity::from_name(format!("texts/conversation/{}", Self::number(customer)))
    }

    /// Posts one list of texts, each of one of these customers.
    async fn post(&self, customers: &[usize]) {
        let texts: Vec<_> = customers
            .iter()
            .map(|customer| self.text(*customer))
            .collect();
        let body = bytes::Bytes::from(format!("[{}]", texts.join(",")));
        let login = format!("Basic {}", STANDARD.encode(LOGIN));
        let request = http::Request::builder()
            .method("POST")
            .uri("/webhooks/texts/inbound")
            .header("authorization", login)
            .header("content-type", "application/json");
        let (head, ()) = request.body(()).unwrap().into_parts();
        let peer = ([203, 0, 113, 7], 4711).into();
        let event = endpoint::gateway_event(&head, &body, peer, "request");
        let event = serde_json::value::to_raw_value(&event).unwrap();
        let answer = self.ingress.serve(&event).await;
        assert_eq!(answer.status_code, 200, "{:?}", answer.body);
    }

    fn text(&self, customer: usize) -> String {
        let id = self.world.draw(|chance| format!("{:016x}", chance.u64(..)));
        locked(&self.sent).insert(id.clone());
        let number = Self::number(customer);
        format!(
            r#"{{"from":"{number}","body":"On my way","received_at":"2025-01-15 14:30:25","message_id":"{id}","type":"SMS"}}"#
        )
    }
}
