//! Senders that post as fast as the program takes it, until it is killed or nothing is left.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use switchhook_core::ids::DeliveryId;

use super::load::{Delivery, Notes};
use crate::programs::{Local, Program, lock};

const SENDERS: usize = 8;
/// How long a sender waits for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many copies of a delivery may stay without an acknowledgement, the program being killed or busy.
const MOST_UNANSWERED: usize = 50;

/// When the program is killed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// As soon as so many answers are there.
    Answer(u64),
    /// So long after the first request.
    After(Duration),
    Never,
}

/// The program, and how many answers it may give yet.
#[derive(Debug)]
struct Victim {
    program: Program,
    answers_left: Option<u64>,
    is_dead: bool,
}

impl Victim {
    fn kill(&mut self) {
        self.program.kill();
        self.is_dead = true;
    }
}

/// One round of posting.
#[derive(Debug)]
struct Round {
    address: String,
    left: Mutex<VecDeque<Arc<Delivery>>>,
    notes: Mutex<Notes>,
    victim: Mutex<Victim>,
}

/// Posts, kills at the moment, and returns the program and the notes with what became of it all.
pub(super) fn post(
    local: Local,
    left: VecDeque<Arc<Delivery>>,
    notes: Notes,
    moment: Moment,
) -> (Program, Notes) {
    let answers_left = match moment {
        Moment::Answer(number) => Some(number),
        Moment::After(_) | Moment::Never => None,
    };
    let round = Round {
        address: local.address,
        left: left.into(),
        notes: notes.into(),
        victim: Mutex::new(Victim {
            program: local.program,
            answers_left,
            is_dead: false,
        }),
    };
    thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| round.send());
        }
        if let Moment::After(time) = moment {
            thread::sleep(time);
            lock(&round.victim).kill();
        }
    });
    let victim = round.victim.into_inner().unwrap();
    (victim.program, round.notes.into_inner().unwrap())
}

impl Round {
    fn send(&self) {
        let agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE));
        let agent: ureq::Agent = agent.http_status_as_error(false).build().into();
        loop {
            let Some(delivery) = lock(&self.left).pop_front() else {
                return;
            };
            let id = self.answer(&agent, &delivery);
            self.note(&delivery, id);
            self.count(id.is_some());
            if self.is_over() {
                return;
            }
            if id.is_none() {
                lock(&self.left).push_back(delivery);
            }
        }
    }

    fn note(&self, delivery: &Arc<Delivery>, id: Option<DeliveryId>) {
        let mut notes = lock(&self.notes);
        let fate = notes.entry(Arc::clone(delivery)).or_default();
        match id {
            Some(id) => assert!(fate.acknowledged.insert(id), "an id is given twice"),
            None => fate.unanswered += 1,
        }
        assert!(fate.unanswered < MOST_UNANSWERED, "{fate:?}");
    }

    /// Returns the id of an acknowledgement that came whole. A busy machine may be told to come again.
    fn answer(&self, agent: &ureq::Agent, delivery: &Delivery) -> Option<DeliveryId> {
        let url = format!("http://{}{}", self.address, delivery.path);
        let mut request = agent.post(&url).header("content-type", "application/json");
        if let Some((name, value)) = &delivery.header {
            request = request.header(*name, value);
        }
        let mut answer = match request.send(&delivery.body) {
            Ok(answer) => answer,
            Err(error) => {
                assert!(self.is_over(), "no answer, and nobody was killed: {error}");
                return None;
            }
        };
        if answer.status() == 503 {
            return None;
        }
        assert_eq!(answer.status(), 200);
        let answer = answer.body_mut().read_to_string().ok()?;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["events"], delivery.events.len());
        Some(answer["id"].as_str().unwrap().parse().unwrap())
    }

    /// Kills at the fatal answer, at once.
    fn count(&self, answered: bool) {
        let mut victim = lock(&self.victim);
        if let (true, false, Some(left)) = (answered, victim.is_dead, victim.answers_left.as_mut())
        {
            *left = left.saturating_sub(1);
            if *left == 0 {
                victim.kill();
            }
        }
    }

    fn is_over(&self) -> bool {
        lock(&self.victim).is_dead
    }
}
