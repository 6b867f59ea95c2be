//! `kill -9` at any moment: what was acknowledged is in the ledger, once.
//!
//! Senders post to the real `switchhook local` as fast as it takes: events of three providers, copies,
//! lists, large bodies, and events of entities whose state is damaged, which become dead letters. It is
//! killed as soon as the n-th answer is there, n random, or at a random moment under load, while it
//! starts or drains, or while `switchhook dead redrive` sends back what was put right, which is killed
//! too. It is started again on the same folder, and what got no answer is posted again, as a sender
//! would. `SWITCHHOOK_KILLS` sets how often, `SWITCHHOOK_SEED` repeats a run's bodies and moments (what
//! is in flight then is the machine's affair).

mod checks;
mod load;
mod senders;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::json;
use switchhook::local::data_dir::DataDir;
use switchhook::local::stack::{Stack, StackParts};
use switchhook_aws::clock::SystemClock;
use tests::FixedSources;

use self::checks::{
    DEAD_LETTERS, QUEUE, check_deliveries, check_events, check_hits, depth, recorded,
};
use self::load::{Load, Notes, SOURCES};
use self::senders::{Moment, post};
use crate::programs::{Home, Program, Said};

/// How many answers a round waits for at most.
const MOST_ANSWERS: u64 = 120;
/// How long the program lives at most under load, when it starts, and beside a redrive.
const MOST_LOAD_MILLIS: u64 = 1_000;
const MOST_START_MILLIS: u64 = 500;
const MOST_REDRIVE_MILLIS: u64 = 300;
/// How often just one event must run when the program is killed until it becomes a dead letter.
const MISHAPS: u64 = 5;
/// How long queues may take to become empty.
const PATIENCE: Duration = Duration::from_secs(90);

/// What is counted only to be told.
#[derive(Debug, Default)]
struct Figures {
    /// Kills between an answer and its commit.
    between: u64,
    /// Kills before the program listened.
    starting: u64,
    /// Kills in the middle of a redrive.
    redriving: u64,
    /// Letters that were sent back.
    redriven: usize,
}

struct Test {
    home: Home,
    data: DataDir,
    load: Load,
    notes: Notes,
    /// The entities whose states are damaged now.
    damaged: BTreeSet<String>,
    figures: Figures,
    /// How often it was killed.
    kills: u64,
    /// The messages that were found dead before a redrive, by the reason.
    dead: BTreeMap<String, BTreeSet<String>>,
}

impl Test {
    fn new(seed: u64) -> Self {
        let home = Home::new();
        home.write("switchhook.toml", SOURCES);
        let data = DataDir::new(home.data());
        data.make().unwrap();
        Self {
            home,
            data,
            load: Load::new(seed),
            notes: Notes::new(),
            damaged: BTreeSet::new(),
            figures: Figures::default(),
            kills: 0,
            dead: BTreeMap::new(),
        }
    }

    /// Kills once, each time in another way.
    async fn kill(&mut self, number: u64) {
        self.kills += 1;
        match number % 4 {
            0 => {
                let answer = 1 + self.load.numbers.below(MOST_ANSWERS);
                self.post(Moment::Answer(answer)).await;
            }
            1 => {
                let time = self.moment(MOST_LOAD_MILLIS);
                self.post(Moment::After(time)).await;
            }
            2 => self.start_until_killed(),
            _ => self.redrive_until_killed().await,
        }
    }

    fn moment(&mut self, most_millis: u64) -> Duration {
        Duration::from_millis(self.load.numbers.below(most_millis))
    }

    /// Damages the states of what is poisoned, posts, and returns the program, dead or alive.
    async fn post(&mut self, moment: Moment) -> Program {
        let known = self.load.poisoned.clone();
        let left = self.load.deliveries(&self.notes);
        for entity in self.load.poisoned.difference(&known) {
            let item = json!({"pk": {"S": entity}, "sk": {"S": "state"}, "version": {"N": "1"}});
            self.change_table("PutItem", "Item", &item).await;
            self.damaged.insert(entity.clone());
        }
        let local = self.home.local(&[]);
        let notes = std::mem::take(&mut self.notes);
        let (program, notes) = post(local, left, notes, moment);
        self.notes = notes;
        program
    }

    /// Starts, and kills before it listens or while it drains what there is.
    fn start_until_killed(&mut self) {
        let mut program = self.home.start(&["local", "--port", "0"]);
        thread::sleep(self.moment(MOST_START_MILLIS));
        program.kill();
        self.figures.starting += u64::from(!program.end().out.contains(" listens on "));
    }

    /// Puts right what is damaged, and kills the redriving and the program that handles it.
    async fn redrive_until_killed(&mut self) {
        let mut local = self.home.local(&[]).program;
        self.check_dead();
        self.repair().await;
        let mut redriving = self.home.start(&["dead", "redrive", "--all", "--json"]);
        thread::sleep(self.moment(MOST_REDRIVE_MILLIS));
        let victims = [&mut local, &mut redriving];
        let first = usize::try_from(self.load.numbers.below(2)).unwrap();
        victims[first].kill();
        thread::sleep(self.moment(100));
        victims[1 - first].kill();
        let said = redriving.end();
        self.figures.redriving += u64::from(said.code.is_none());
        self.figures.redriven += redriven(&said);
    }

    /// Redrives all dead letters, undisturbed.
    async fn redrive(&mut self) {
        self.check_dead();
        self.repair().await;
        let said = self.home.run(&["dead", "redrive", "--all", "--json"]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        self.figures.redriven += redriven(&said);
    }

    /// Checks that what is dead is so by right: poisoned, or killed five times while just it ran. A
    /// redrive would heal the others too, and nobody would see them.
    fn check_dead(&mut self) {
        let said = self.home.run(&["dead", "list", "--json"]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        for letter in said.json_lines() {
            let text = |name: &str| letter[name].as_str().unwrap_or_default().to_owned();
            let is_poisoned = self.load.poisoned.contains(&text("entity"));
            let reason = text("reason");
            let is_just = match reason.as_str() {
                "item" => is_poisoned,
                "attempts" => true,
                _ => false,
            };
            assert!(is_just, "dead, and not by right: {letter}");
            let of_reason = self.dead.entry(reason).or_default();
            of_reason.insert(text("message_id"));
        }
        let killed = self.dead.get("attempts").map_or(0, BTreeSet::len);
        assert!(
            u64::try_from(killed).unwrap() <= self.kills / MISHAPS,
            "{} kills are not five for each of {:?}",
            self.kills,
            self.dead["attempts"]
        );
    }

    async fn repair(&mut self) {
        for entity in std::mem::take(&mut self.damaged) {
            let key = json!({"pk": {"S": entity}, "sk": {"S": "state"}});
            self.change_table("DeleteItem", "Key", &key).await;
        }
    }

    /// Changes an item behind the program's back. The files are not kept open: what opens them first
    /// after a kill has to find them whole.
    async fn change_table(&self, operation: &str, name: &str, value: &serde_json::Value) {
        let parts = StackParts {
            data: self.home.data(),
            sources: Arc::new(FixedSources(SOURCES.to_owned())),
            clock: Arc::new(SystemClock),
        };
        let stack = Stack::open(parts).await.unwrap();
        let request = json!({"TableName": "switchhook", name: value}).to_string();
        let done = stack.dynamodb().call(operation, request.as_bytes()).await;
        assert_eq!(done.status, 200, "{}", done.body);
    }

    fn acknowledged(&self) -> usize {
        let fates = self.notes.values();
        fates.map(|fate| fate.acknowledged.len()).sum()
    }

    /// Counts the deliveries that were acknowledged, are not all recorded, and hold no poison.
    async fn waiting(&self) -> usize {
        let recorded = recorded(&self.data).await;
        let poisoned = &self.load.poisoned;
        let sound = self.notes.iter().filter(|(delivery, _)| {
            let mut events = delivery.events.iter();
            !events.any(|event| poisoned.contains(&event.entity))
        });
        sound
            .flat_map(|(delivery, fate)| fate.acknowledged.iter().map(move |id| (delivery, id)))
            .filter(|(delivery, id)| {
                recorded.get(id).copied().unwrap_or_default() < delivery.events.len()
            })
            .count()
    }

    async fn until_empty(&self, queue: &str) {
        let empty = async {
            while depth(&self.data, queue).await > 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, empty).await;
        assert!(waited.is_ok(), "waited in vain for an empty {queue}");
    }
}

/// Counts what a redrive told that it sent back.
fn redriven(said: &Said) -> usize {
    let lines = said.out.lines();
    lines
        .filter(|line| line.contains(r#""action":"redriven""#))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kills_at_any_moment() {
    let kills = setting("SWITCHHOOK_KILLS").unwrap_or(4);
    let seed = setting("SWITCHHOOK_SEED").unwrap_or_else(|| {
        let (random, _) = uuid::Uuid::now_v7().as_u64_pair();
        random ^ u64::from(std::process::id())
    });
    println!("SWITCHHOOK_SEED={seed}");
    let mut test = Test::new(seed);
    for number in 0..kills {
        test.kill(number).await;
        let waiting = test.waiting().await;
        println!(
            "kill {}: {} acknowledged, {waiting} of them wait; {} dead letters",
            number + 1,
            test.acknowledged(),
            depth(&test.data, DEAD_LETTERS).await
        );
        test.figures.between += u64::from(waiting > 0);
    }
    assert!(
        test.figures.between > 0,
        "no kill came between an answer and its commit"
    );

    let program = test.post(Moment::Never).await;
    test.until_empty(QUEUE).await;
    assert!(
        depth(&test.data, DEAD_LETTERS).await > 0,
        "nothing was poison"
    );
    test.redrive().await;
    test.until_empty(QUEUE).await;
    program.signal("TERM");
    assert_eq!(program.end().code, Some(0));
    for queue in [QUEUE, DEAD_LETTERS] {
        assert_eq!(depth(&test.data, queue).await, 0, "{queue}");
    }
    check_deliveries(&test.notes, &recorded(&test.data).await);
    check_hits(&test.home, &test.notes);
    let events = check_events(&test.home, &test.notes);
    let unanswered: usize = test.notes.values().map(|fate| fate.unanswered).sum();
    let acknowledged = test.acknowledged();
    let dead = test.dead.iter();
    let dead: Vec<_> = dead.map(|(why, found)| (why, found.len())).collect();
    println!(
        "{kills} kills, {:?}, dead {dead:?}: {acknowledged} deliveries acknowledged and {unanswered} unanswered, {events} events recorded",
        test.figures
    );
}

#[expect(clippy::disallowed_methods, reason = "settings of a test run")]
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number")),
    )
}
