//! `local --forward-to`: every committed event is posted on to the user's own application.
//!
//! At least once: an event stays in the list until it is answered by a 2xx, whatever happens to this
//! program or to the application meanwhile. A failed one is tried again with growing pauses and
//! holds no other up, so the order is not promised. It runs beside the receiver: the consumer waits
//! for none of this.

mod feed;
mod list;
mod pages;
mod verdict;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use jiff::SignedDuration;
use switchhook_aws::clock::SystemClock;
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_core::ports::{Ledger, PortError};
use switchhook_core::report::Report;
use switchhook_core::time::Clock;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, sleep_until};

pub use list::ListError;

use super::data_dir::DataDir;
use crate::outbound::{self, NoAnswer, SecretError, SigningSecret, Target, Url};
use feed::{Feed, Notes, ToldLedger, feed};
use list::{Due, List, Note, Settled};
use pages::Pages;
use verdict::{Hold, again, answered, failed, warn};

/// How many events are on their way at a time.
const AT_A_TIME: usize = 8;
/// How often a record is looked for whose write failed without an answer.
const MAX_LOOKS: u32 = 10;
/// How long to wait at most before looking whether anything is due.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// A pause after the list or the ledger failed.
const PAUSE: Duration = Duration::from_secs(5);
/// How often settled events are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(60 * 60);
/// How much longer than their records settled events are kept.
const MARGIN: SignedDuration = SignedDuration::from_hours(3 * 24);
/// How many notes are put into the list in one go.
const NOTES_AT_A_TIME: usize = 1_000;

/// Why events are not handed on.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// The list.
    #[error(transparent)]
    List(#[from] ListError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] PortError),
    /// The signing secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// What this machine trusts.
    #[error("the certificates that this machine trusts cannot be read")]
    Trust(#[source] std::io::Error),
}

/// Hands committed events on.
pub(super) struct Forwarder {
    list: List,
    target: Arc<Target>,
    feed: Feed,
    notes: Notes,
}

impl Forwarder {
    /// Opens the list and the secret of a folder, or makes them.
    pub(super) fn open(data: &DataDir, url: Url) -> Result<Self, ForwardError> {
        let secret = SigningSecret::of_file(&data.forward_secret())?;
        let target = Target::new(url, secret).map_err(ForwardError::Trust)?;
        let (feed, notes) = feed();
        Ok(Self {
            list: List::open(&data.forward_list())?,
            target: Arc::new(target),
            feed,
            notes,
        })
    }

    /// Wraps the ledger, so that it tells of what is committed.
    pub(super) fn told(&self, ledger: DynamoDbLedger) -> Arc<dyn Ledger> {
        Arc::new(ToldLedger {
            ledger,
            feed: self.feed.clone(),
        })
    }

    /// Takes what the ledger holds as handed on, if this is the first use. To be called before
    /// anything new is committed.
    pub(super) async fn begin(
        &self,
        ledger: &DynamoDbLedger,
        retention: SignedDuration,
    ) -> Result<(), ForwardError> {
        if self.list.has_begun().await? {
            return Ok(());
        }
        let mut pages = Pages::new(ledger, retention);
        while let Some(notes) = pages.next().await? {
            let ids = notes.into_iter().map(|note| note.id).collect();
            self.list.settle_new(ids).await?;
        }
        Ok(self.list.begin().await?)
    }

    /// Hands events on until told to stop, then waits for those that are on their way.
    pub(super) async fn run(
        self,
        ledger: DynamoDbLedger,
        retention: SignedDuration,
        stopped: watch::Receiver<bool>,
    ) {
        let mut forgetting = tokio::time::interval(FORGET_EVERY);
        forgetting.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut run = Run {
            list: self.list,
            target: self.target,
            ledger,
            retention,
            on_their_way: JoinSet::new(),
            dues: HashMap::new(),
            hold: Hold::default(),
            upkeep: JoinSet::new(),
            is_behind: Some(Instant::now()),
        };
        let Notes { mut notes, missed } = self.notes;
        let mut noted = Vec::new();
        loop {
            let look_at = run.start_what_is_due().await;
            tokio::select! {
                () = super::wait_for(stopped.clone()) => break,
                Some(tried) = run.on_their_way.join_next_with_id() => run.settle(tried).await,
                // The feed of this very forwarder keeps the channel open.
                _ = notes.recv_many(&mut noted, NOTES_AT_A_TIME) => run.note(&mut noted).await,
                () = missed.notified() => run.is_behind = Some(Instant::now()),
                Some(done) = run.upkeep.join_next() => run.kept_up(done),
                _ = forgetting.tick() => run.forget(),
                () = sleep_until(look_at) => {}
            }
        }
        while let Some(tried) = run.on_their_way.join_next_with_id().await {
            run.settle(tried).await;
        }
    }
}

/// A forwarder at work.
struct Run {
    list: List,
    target: Arc<Target>,
    ledger: DynamoDbLedger,
    retention: SignedDuration,
    on_their_way: JoinSet<Outcome>,
    /// What is on its way, by its task.
    dues: HashMap<Id, Due>,
    hold: Hold,
    /// What is done about the list beside all this.
    upkeep: JoinSet<Result<(), ForwardError>>,
    /// When to ask the ledger for what the list misses, if it may miss anything.
    is_behind: Option<Instant>,
}

/// What became of one try.
#[derive(Debug)]
enum Outcome {
    Answered(StatusCode),
    NoAnswer(NoAnswer),
    /// The ledger has no such record.
    Absent,
    /// The ledger failed, or holds something that cannot be read.
    Unread(String),
}

impl Run {
    /// Starts as many tries as may be, and returns when to look again.
    async fn start_what_is_due(&mut self) -> Instant {
        let now = Instant::now();
        let mut look_at = now.checked_add(LOOK_EVERY);
        if let Some(at) = self.is_behind
            && self.upkeep.is_empty()
        {
            if at <= now {
                self.catch_up();
            } else {
                look_at = look_at.min(Some(at));
            }
        }
        let at = match self.hold.until(now) {
            Some(held) => Some(held),
            None => self.start_tries(now).await,
        };
        at.into_iter().chain(look_at).min().unwrap_or(now)
    }

    async fn start_tries(&mut self, now: Instant) -> Option<Instant> {
        let room = self.hold.room().saturating_sub(self.dues.len());
        if room == 0 {
            return None; // the next try that ends makes room
        }
        // Those on their way are among the first ones.
        let first = match self.list.first(AT_A_TIME.saturating_mul(2)).await {
            Ok(first) => first,
            Err(error) => {
                tracing::error!(error = %Report(&error), "events not handed on");
                return now.checked_add(PAUSE);
            }
        };
        let time = SystemClock.now().as_millisecond();
        let is_new = |due: &Due| !self.dues.values().any(|known| known.note.id == due.note.id);
        let waiting: Vec<_> = first.into_iter().filter(is_new).take(room).collect();
        for due in waiting {
            if due.at > time {
                let millis = u64::try_from(due.at.saturating_sub(time)).unwrap_or_default();
                return now.checked_add(Duration::from_millis(millis));
            }
            let hand_on = hand_on(
                self.ledger.clone(),
                Arc::clone(&self.target),
                due.note.clone(),
            );
            let task = self.on_their_way.spawn(hand_on).id();
            self.dues.insert(task, due);
        }
        None
    }

    /// Notes what became of a try, and of others that ended meanwhile.
    async fn settle(&mut self, tried: Result<(Id, Outcome), JoinError>) {
        let mut settled = Vec::new();
        let mut next = Some(tried);
        while let Some(tried) = next {
            settled.extend(self.judge(tried));
            next = self.on_their_way.try_join_next_with_id();
        }
        if let Err(error) = self.list.settle(settled).await {
            // They are tried again: twice is better than not at all.
            tracing::error!(error = %Report(&error), "forwarded events not noted");
            self.hold.pause();
        }
    }

    fn judge(&mut self, tried: Result<(Id, Outcome), JoinError>) -> Option<Settled> {
        let (task, outcome) = match tried {
            Ok((task, outcome)) => (task, outcome),
            Err(error) => (error.id(), Outcome::Unread("the try broke off".to_owned())),
        };
        let due = self.dues.remove(&task)?;
        let id = due.note.id;
        match outcome {
            Outcome::Answered(status) => {
                self.hold.reached();
                Some(answered(due, status))
            }
            Outcome::Absent if due.tries >= MAX_LOOKS => Some(Settled::Absent(id)),
            Outcome::Absent => Some(Settled::Again(again(due))),
            Outcome::NoAnswer(NoAnswer {
                unreachable: true,
                reason,
            }) => {
                let held = self.hold.unreached();
                warn(&due, &reason, held);
                None // the event is not to blame, it stays as it is
            }
            Outcome::NoAnswer(NoAnswer { reason, .. }) => {
                self.hold.reached();
                Some(failed(due, &reason))
            }
            Outcome::Unread(reason) => Some(failed(due, &reason)),
        }
    }

    async fn note(&mut self, noted: &mut Vec<Note>) {
        let notes = std::mem::take(noted);
        let now = SystemClock.now().as_millisecond();
        if let Err(error) = self.list.add(notes, now).await {
            tracing::error!(error = %Report(&error), "committed events not listed");
            self.is_behind = Instant::now().checked_add(PAUSE);
        }
    }

    /// Puts into the list what the ledger has and the list has not.
    fn catch_up(&mut self) {
        self.is_behind = None;
        let list = self.list.clone();
        let mut pages = Pages::new(&self.ledger, self.retention);
        self.upkeep.spawn(async move {
            while let Some(notes) = pages.next().await? {
                if !notes.is_empty() {
                    list.add(notes, SystemClock.now().as_millisecond()).await?;
                }
            }
            Ok(())
        });
    }

    fn kept_up(&mut self, outcome: Result<Result<(), ForwardError>, JoinError>) {
        let error = match outcome {
            Ok(Ok(())) => return,
            Ok(Err(error)) => Report(&error).to_string(),
            Err(error) => Report(&error).to_string(),
        };
        tracing::error!(error, "the list of forwarded events is not up to date");
        self.is_behind = Instant::now().checked_add(PAUSE);
    }

    /// Forgets settled events whose records are long forgotten.
    fn forget(&mut self) {
        let before = self.retention.checked_add(MARGIN);
        let before = before.and_then(|ago| SystemClock.now().checked_sub(ago).ok());
        let (Some(before), list) = (before, self.list.clone()) else {
            return;
        };
        self.upkeep
            .spawn(async move { Ok(list.forget_before(before).await?) });
    }
}

/// Reads an event from the ledger and posts it.
async fn hand_on(ledger: DynamoDbLedger, target: Arc<Target>, note: Note) -> Outcome {
    let record = match ledger.records(std::slice::from_ref(&note.key)).await {
        Ok(records) => records.into_iter().find(|record| record.id == note.id),
        Err(error) => return Outcome::Unread(Report(&error).to_string()),
    };
    let Some(record) = record else {
        return Outcome::Absent;
    };
    match outbound::body(record) {
        Err(_) => Outcome::Unread("the record is damaged".to_owned()),
        Ok(body) => match target.post(note.id, body).await {
            Ok(status) => Outcome::Answered(status),
            Err(no_answer) => Outcome::NoAnswer(no_answer),
        },
    }
}
