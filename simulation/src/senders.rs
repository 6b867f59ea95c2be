//! The providers: each tells what happened, and again as its documents say, until it is told 2xx.
//!
//! What they are told is all that the checker knows of the functions' answers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ingress::service::Ingress;
use ingress::sources::SourceCache;
use lambda_http::Body;
use serde_json::Value;
use switchhook::local::endpoint;
use switchhook_core::ids::DeliveryId;

use crate::node::Node;
use crate::ports::Ports;
use crate::traffic::{Happening, Keys, Telling, retries};
use crate::world::{World, locked};

/// One attempt, and what the provider was told.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// The place of what it told in the list of happenings.
    pub(crate) happening: usize,
    /// In which of its bodies it told that.
    pub(crate) telling: usize,
    pub(crate) is_forged: bool,
    /// How long after its sender began, in seconds.
    pub(crate) after_secs: u64,
    pub(crate) told: Told,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Told {
    /// 200 with this id, for so many events.
    Received(DeliveryId, usize),
    /// Another status.
    Status(i64),
    /// Nothing.
    Nothing,
}

/// The ingress: a few instances, each with a clock and a sources document of its own.
pub(crate) struct Door {
    world: Arc<World>,
    instances: Mutex<Vec<Instance>>,
    attempts: Mutex<Vec<Attempt>>,
    keys: Mutex<Keys>,
    /// When somebody posted last.
    last_at: AtomicU64,
}

/// Path and headers.
type Proven = (String, Vec<(&'static str, String)>);

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Instance {
    node: Arc<Node>,
    ingress: Arc<Ingress>,
}

impl Instance {
    fn new(node: Arc<Node>) -> Self {
        let ports = Ports::of(&node);
        let clock = || Arc::<Node>::clone(&node);
        let sources = SourceCache::new(Arc::<Ports>::clone(&ports), clock());
        let queue = Arc::<Ports>::clone(&ports);
        let ingress = Arc::new(Ingress::new(sources, queue, ports, clock()));
        Self { node, ingress }
    }
}

impl Door {
    pub(crate) fn open(world: &Arc<World>, keys: Keys) -> Self {
        let instance = |number| {
            // Two minutes at most, so that Standard Webhooks' five are kept.
            let skew = world.draw(|chance| chance.i64(-120_000..120_000));
            let skew = if world.happens(0.5) { 0 } else { skew };
            Instance::new(Node::start(world, &format!("ingress {number}"), skew))
        };
        Self {
            world: Arc::clone(world),
            instances: Mutex::new((1..=2).map(instance).collect()),
            attempts: Mutex::default(),
            keys: Mutex::new(keys),
            last_at: AtomicU64::new(u64::MAX),
        }
    }

    /// From now on the senders have these keys.
    pub(crate) fn use_keys(&self, keys: Keys) {
        *locked(&self.keys) = keys;
        self.world.note("senders", "use the new keys");
    }

    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        locked(&self.attempts).clone()
    }

    /// Tells something until a 2xx, as often as this provider tries.
    pub(crate) async fn tell(&self, place: usize, happening: &Happening, after: Duration) {
        tokio::time::sleep(after).await;
        let mut pauses = retries(&self.world, happening.provider).iter();
        let begun = self.world.elapsed_millis();
        loop {
            let after_secs = (self.world.elapsed_millis() - begun) / 1_000;
            let keys = *locked(&self.keys);
            let number = self
                .world
                .draw(|chance| chance.usize(0..happening.tellings.len()));
            let telling = &happening.tellings[number];
            self.take_turn().await;
            let proof = happening.signed(telling, keys, self.world.now());
            let told = self.post(happening, telling, &proof).await;
            let is_forged = false;
            locked(&self.attempts).push(Attempt {
                happening: place,
                telling: number,
                is_forged,
                after_secs,
                told,
            });
            let gives_up = match told {
                Told::Received(..) => true,
                Told::Status(status) => happening.provider == "nectar-desk" && status < 500,
                Told::Nothing => false,
            };
            let Some(secs) = pauses.next().filter(|_| !gives_up) else {
                return;
            };
            tokio::time::sleep(Duration::from_secs(*secs)).await;
        }
    }

    /// Somebody without keys tells something.
    pub(crate) async fn forge(&self, place: usize, happening: &Happening, after: Duration) {
        tokio::time::sleep(after).await;
        let telling = &happening.tellings[0];
        self.take_turn().await;
        let proof = happening.forged(telling, self.world.now());
        let told = self.post(happening, telling, &proof).await;
        let is_forged = true;
        locked(&self.attempts).push(Attempt {
            happening: place,
            telling: 0,
            is_forged,
            after_secs: 0,
            told,
        });
    }

    /// Waits for a millisecond of its own: of ids of one millisecond it is chance which is the later.
    async fn take_turn(&self) {
        while self
            .last_at
            .swap(self.world.elapsed_millis(), Ordering::Relaxed)
            == self.world.elapsed_millis()
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn post(&self, happening: &Happening, telling: &Telling, proof: &Proven) -> Told {
        let name = &happening.name;
        self.world.note("sender", format!("POST {name}"));
        let told = self.answer(telling, proof).await;
        let line = match told {
            Told::Received(id, _) => format!("{name}: 200 {}", self.world.name_of_delivery(id)),
            Told::Status(status) => format!("{name}: {status}"),
            Told::Nothing => format!("{name}: no answer"),
        };
        self.world.note("sender", line);
        told
    }

    async fn answer(&self, telling: &Telling, (path, headers): &Proven) -> Told {
        let mut request = http::Request::builder().method("POST").uri(path);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let peer = ([203, 0, 113, 7], 4711).into();
        let body = bytes::Bytes::from(telling.body.clone());
        let event = endpoint::gateway_event(&head, &body, peer, "request");
        let event = serde_json::value::to_raw_value(&event).unwrap();
        let instance = self.instance();
        let dies_after = self.world.pause(2_000);
        if self.world.mishap() {
            let node = Arc::clone(&instance.node);
            tokio::spawn(async move {
                tokio::time::sleep(dies_after).await;
                node.die();
            });
        }
        let answer = instance.node.live(instance.ingress.serve(&event)).await;
        match answer {
            Some(answer) if !self.world.mishap() => told(answer.status_code, answer.body),
            Some(_) | None => Told::Nothing, // the connection broke
        }
    }

    /// Picks an instance, a new one in the place of one that died.
    fn instance(&self) -> Instance {
        let mut instances = locked(&self.instances);
        let place = self.world.draw(|chance| chance.usize(0..instances.len()));
        if instances[place].node.is_dead() {
            instances[place] = Instance::new(instances[place].node.restart());
        }
        instances[place].clone()
    }
}

fn told(status: i64, body: Option<Body>) -> Told {
    let text = match body {
        Some(Body::Text(text)) => text,
        _ => String::new(),
    };
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    let id = answer["id"].as_str().and_then(|id| id.parse().ok());
    match (status, id, answer["events"].as_u64()) {
        (200, Some(id), Some(events)) => Told::Received(id, usize::try_from(events).unwrap()),
        _ => Told::Status(status),
    }
}
