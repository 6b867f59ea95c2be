//! `kill -9` between the answer and the commit: what was acknowledged is in the ledger, once.
//!
//! Senders post to the real `switchhook local` as fast as it takes; as soon as the n-th answer is
//! there, n random, it is killed and started again on the same folder, and what got no answer is
//! posted again, as a sender would. `SWITCHHOOK_KILLS` sets how often, `SWITCHHOOK_SEED` repeats a
//! run's bodies and moments (what is in flight then is the machine's affair).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use switchhook::local::data_dir::DataDir;
use switchhook::local::sqs::Queues;
use switchhook::local::stack;
use switchhook_core::ids::DeliveryId;
use tests::{SECRET, SOURCES, sign};

use crate::programs::{Home, Program, eventually, lock};

const SENDERS: usize = 8;
/// How many different events each round posts, and how many answers it waits for at most.
const EVENTS_A_ROUND: u64 = 150;
const MOST_ANSWERS: u64 = 120;
/// How long a sender waits for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Numbers that look random, and are the same for the same seed.
struct Numbers(u64);

impl Numbers {
    /// Returns a number below a bound (splitmix64).
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// Returns text that does not compress below three quarters.
    fn noise(&mut self, words: u64) -> String {
        let bytes: Vec<_> = (0..words)
            .flat_map(|_| self.below(u64::MAX).to_be_bytes())
            .collect();
        STANDARD.encode(bytes)
    }
}

/// What became of the copies of one body.
#[derive(Debug, Default)]
struct Fate {
    acknowledged: BTreeSet<DeliveryId>,
    /// Copies without an answer: they may have been accepted or not.
    unanswered: usize,
}

/// All bodies ever posted, and the senders' notes about them.
type Notes = BTreeMap<String, Fate>;

/// One round of posting, until the fatal answer.
struct Round {
    address: String,
    left: Mutex<VecDeque<String>>,
    notes: Mutex<Notes>,
    /// The program, and how many answers it may give yet; never killed without such a number.
    victim: Mutex<(Program, Option<u64>)>,
}

impl Round {
    fn run(self) -> (Program, Notes) {
        thread::scope(|scope| {
            for _ in 0..SENDERS {
                scope.spawn(|| self.send());
            }
        });
        let (program, _) = self.victim.into_inner().unwrap();
        (program, self.notes.into_inner().unwrap())
    }

    fn send(&self) {
        let agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE));
        let agent: ureq::Agent = agent.http_status_as_error(false).build().into();
        let url = format!("http://{}/webhooks/voice", self.address);
        loop {
            let Some(body) = lock(&self.left).pop_front() else {
                return;
            };
            let signature = sign(SECRET, body.as_bytes());
            let request = agent.post(&url).header("content-type", "application/json");
            let answer = request.header("x-webhook-signature", signature).send(&body);
            let answer = match answer {
                Ok(answer) => Some(answer),
                Err(error) => {
                    assert!(self.is_over(), "no answer, and nobody was killed: {error}");
                    None
                }
            };
            let id = answer.and_then(|mut answer| {
                assert_eq!(answer.status(), 200);
                let answer = answer.body_mut().read_to_string().ok()?;
                let answer: Value = serde_json::from_str(&answer).unwrap();
                Some(answer["id"].as_str().unwrap().parse().unwrap())
            });
            let mut notes = lock(&self.notes);
            let fate = notes.entry(body).or_default();
            match id {
                Some(id) => assert!(fate.acknowledged.insert(id), "an id is given twice"),
                None => fate.unanswered += 1,
            }
            drop(notes);
            self.count(id.is_some());
            if self.is_over() {
                return;
            }
        }
    }

    /// Kills at the fatal answer, at once.
    fn count(&self, answered: bool) {
        let mut victim = lock(&self.victim);
        let (program, left) = &mut *victim;
        if let (true, Some(more)) = (answered, left.as_mut()) {
            *more = more.saturating_sub(1);
            if *more == 0 {
                program.kill();
            }
        }
    }

    fn is_over(&self) -> bool {
        lock(&self.victim).1 == Some(0)
    }
}

struct Test {
    home: Home,
    numbers: Numbers,
    notes: Notes,
    made: u64,
}

impl Test {
    /// Makes the deliveries of a round, copies among them: of this round's bodies and of earlier ones.
    fn deliveries(&mut self) -> VecDeque<String> {
        let mut left: Vec<String> = Vec::new();
        let known: Vec<_> = self.notes.keys().cloned().collect();
        let unacknowledged = self
            .notes
            .iter()
            .filter(|(_, fate)| fate.acknowledged.is_empty());
        left.extend(unacknowledged.map(|(body, _)| body.clone()));
        for _ in 0..EVENTS_A_ROUND {
            let body = self.body();
            for _ in 0..[1, 1, 2, 3][usize::try_from(self.numbers.below(4)).unwrap()] {
                left.push(body.clone());
            }
        }
        if let Some(most) = u64::try_from(known.len()).ok().filter(|most| *most > 0) {
            let again =
                (0..20).map(|_| known[usize::try_from(self.numbers.below(most)).unwrap()].clone());
            left.extend(again.collect::<Vec<_>>());
        }
        for place in (1..left.len()).rev() {
            let other = self.numbers.below(u64::try_from(place + 1).unwrap());
            left.swap(place, usize::try_from(other).unwrap());
        }
        left.into()
    }

    /// Makes a body that no other round has: events of calls, some of which share their call.
    fn body(&mut self) -> String {
        let events = ["call.started", "call.answered", "call.ended"];
        let (call, event) = (
            self.made / 3,
            events[usize::try_from(self.made % 3).unwrap()],
        );
        self.made += 1;
        let words = match self.numbers.below(8) {
            0 => 8_000, // 64 KB: to the body store
            1 => 2_000,
            _ => 4,
        };
        json!({
            "event": event, "timestamp": "2026-02-03T04:05:06.007Z",
            "data": {"call_id": format!("call_{call}")}, "noise": self.numbers.noise(words),
        })
        .to_string()
    }

    /// Posts until killed after a random number of answers, or all if not.
    fn round(&mut self, killed: bool) -> Option<Program> {
        let answers = killed.then(|| 1 + self.numbers.below(MOST_ANSWERS));
        let left = self.deliveries();
        let local = self.home.local(&[]);
        let round = Round {
            address: local.address,
            left: left.into(),
            notes: std::mem::take(&mut self.notes).into(),
            victim: (local.program, answers).into(),
        };
        let (program, notes) = round.run();
        self.notes = notes;
        (!killed).then_some(program)
    }

    fn acknowledged(&self) -> BTreeSet<DeliveryId> {
        self.notes
            .values()
            .flat_map(|fate| fate.acknowledged.iter().copied())
            .collect()
    }

    /// Returns the deliveries that the ledger counts, each as often as it is counted.
    async fn recorded(&self) -> Vec<DeliveryId> {
        let ledger = stack::open_ledger(&DataDir::new(self.home.data())).unwrap();
        ledger
            .deliveries()
            .await
            .unwrap()
            .into_iter()
            .map(|(_, id)| id)
            .collect()
    }

    /// Checks the ledger against the senders' notes.
    async fn check(&self) {
        let mut counted = BTreeMap::<DeliveryId, usize>::new();
        for id in self.recorded().await {
            *counted.entry(id).or_default() += 1;
        }
        for id in self.acknowledged() {
            assert_eq!(counted.get(&id), Some(&1), "delivery {id} was acknowledged");
        }
        assert!(
            counted.values().all(|times| *times == 1),
            "a delivery is counted twice"
        );

        let mut events = BTreeMap::new();
        for event in self.home.events() {
            let raw = STANDARD.decode(event["raw"].as_str().unwrap()).unwrap();
            let twice = events.insert(String::from_utf8(raw).unwrap(), event);
            assert!(twice.is_none(), "recorded twice: {twice:?}");
        }
        assert!(
            events.keys().eq(self.notes.keys()),
            "other bytes are recorded than were sent"
        );
        for (body, fate) in &self.notes {
            let deliveries = usize::try_from(events[body]["deliveries"].as_u64().unwrap()).unwrap();
            let (least, most) = (
                fate.acknowledged.len(),
                fate.acknowledged.len() + fate.unanswered,
            );
            assert!(
                (least..=most).contains(&deliveries),
                "{deliveries} of {fate:?}"
            );
            let sent: Value = serde_json::from_str(body).unwrap();
            let call = format!("voice/call/{}", sent["data"]["call_id"].as_str().unwrap());
            assert_eq!(
                (&events[body]["kind"], &events[body]["entity"]),
                (&sent["event"], &json!(call))
            );
        }
    }

    /// Checks that nothing is left on a queue.
    async fn check_queues(&self) {
        let file: PathBuf = DataDir::new(self.home.data()).queue();
        let queues = Queues::open(&file, std::sync::Arc::new(|| 0)).unwrap();
        for queue in ["switchhook.fifo", "switchhook-dead-letters.fifo"] {
            let request = json!({"QueueUrl": queue, "AttributeNames": ["All"]}).to_string();
            let answer = queues.call("GetQueueAttributes", request.as_bytes()).await;
            let answer: Value = serde_json::from_str(&answer.body).unwrap();
            for count in [
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
            ] {
                assert_eq!(answer["Attributes"][count], "0", "{queue}: {count}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kills_between_answer_and_commit() {
    let kills = setting("SWITCHHOOK_KILLS").unwrap_or(3);
    let seed = setting("SWITCHHOOK_SEED").unwrap_or_else(|| {
        let (random, _) = uuid::Uuid::now_v7().as_u64_pair();
        random ^ u64::from(std::process::id())
    });
    println!("SWITCHHOOK_SEED={seed}");
    let home = Home::new();
    home.write("switchhook.toml", SOURCES);
    let mut test = Test {
        home,
        numbers: Numbers(seed),
        notes: Notes::new(),
        made: 0,
    };
    let mut between = 0;
    for kill in 1..=kills {
        assert!(test.round(true).is_none());
        let recorded: BTreeSet<_> = test.recorded().await.into_iter().collect();
        let acknowledged = test.acknowledged();
        let waiting = acknowledged.difference(&recorded).count();
        println!(
            "kill {kill}: {} acknowledged, {waiting} of them not recorded",
            acknowledged.len()
        );
        between += u64::from(waiting > 0);
    }
    assert!(between > 0, "no kill came between an answer and its commit");

    let program = test.round(false).unwrap();
    let acknowledged = test.acknowledged();
    eventually("everything to be recorded", || {
        let recorded = futures(test.recorded());
        acknowledged
            .is_subset(&recorded.into_iter().collect())
            .then_some(())
    });
    program.signal("TERM");
    assert_eq!(program.end().code, Some(0));
    test.check().await;
    test.check_queues().await;
    let unanswered: usize = test.notes.values().map(|fate| fate.unanswered).sum();
    println!(
        "{kills} kills, {between} between answer and commit: {} deliveries acknowledged and {unanswered} unanswered, {} events recorded",
        acknowledged.len(),
        test.notes.len()
    );
}

/// Waits for a future where no `await` can stand.
fn futures<T>(future: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}

#[expect(clippy::disallowed_methods, reason = "settings of a test run")]
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number")),
    )
}
