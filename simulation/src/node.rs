//! A process: it has a clock of its own, calls ports through faults, and can die at any await.

use std::cell::Cell;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{Either, select};
use switchhook_core::ports::PortError;
use switchhook_core::time::{Clock, Timestamp};
use tokio::sync::Notify;

use crate::world::{World, locked};

thread_local! {
    /// A handler has just ended its process; see `crate::poison`.
    static KILLED: Cell<bool> = const { Cell::new(false) };
}

/// Ends the process that runs at the moment, at its next call.
pub(crate) fn kill_running() {
    KILLED.set(true);
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// It is refused: nothing is done.
    Refused,
    /// It is done, and the answer says that it failed.
    AnswerLost,
    /// It fails, and is done so much later all the same.
    DoneLate(Duration),
    /// There is never an answer, and nothing is done.
    Hangs,
    /// It takes this long, one way.
    Slow(Duration),
    /// The process dies, nothing done.
    DiesBefore,
    /// It is done and the process dies.
    DiesAfter,
    /// The process dies, and the call is done so much later.
    DiesAndDoneLate(Duration),
}

/// A process.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) world: Arc<World>,
    skew_millis: i64,
    is_dead: AtomicBool,
    died: Notify,
    /// The attempt that is counted and runs: its message's id, and its receive.
    tried: Mutex<Option<(String, u32)>>,
}

impl Clock for Node {
    fn now(&self) -> Timestamp {
        self.world.now_with(self.skew_millis)
    }
}

impl Node {
    pub(crate) fn start(world: &Arc<World>, name: &str, skew_millis: i64) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            world: Arc::clone(world),
            skew_millis,
            is_dead: AtomicBool::new(false),
            died: Notify::new(),
            tried: Mutex::default(),
        })
    }

    /// The process that follows this one.
    pub(crate) fn restart(&self) -> Arc<Self> {
        Self::start(&self.world, &self.name, self.skew_millis)
    }

    pub(crate) fn note(&self, what: impl std::fmt::Display) {
        self.world.note(&self.name, what);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Relaxed)
    }

    /// From now on this attempt runs, which is counted, or none that is.
    pub(crate) fn tries(&self, attempt: Option<(String, u32)>) {
        *locked(&self.tried) = attempt;
    }

    /// Dies of something outside: a stroke of bad luck for the event whose attempt runs.
    pub(crate) fn die(&self) {
        if let Some((message_id, receive)) = locked(&self.tried).take()
            && !self.is_dead()
        {
            self.world.count_stroke(&message_id, receive);
        }
        self.end();
    }

    fn end(&self) {
        if !self.is_dead.swap(true, Ordering::Relaxed) {
            self.world.count_death();
            self.note("DIES");
        }
        self.died.notify_waiters();
    }

    /// Runs something until it ends or the process dies; a death drops it where it stands.
    pub(crate) async fn live<T>(&self, run: impl Future<Output = T>) -> Option<T> {
        let death = self.died.notified();
        if self.is_dead() {
            return None;
        }
        match select(pin!(run), pin!(death)).await {
            Either::Left((value, _)) => Some(value),
            Either::Right(_) => None,
        }
    }

    /// Calls a port: `effect` is what the other side does, all at once.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        port: &'static str,
        what: String,
        effect: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PortError> {
        if KILLED.take() {
            self.end();
        }
        if self.is_dead() {
            return std::future::pending().await;
        }
        let fault = self.fault(port);
        let (there, back) = (self.world.latency(), self.world.latency());
        match fault {
            None => self.note(&what),
            Some(fault) => {
                self.world.count_fault();
                self.note(format!("{what}: {fault:?}"));
            }
        }
        match fault {
            None => answered(there, back, effect).await,
            Some(Fault::Slow(each_way)) => answered(each_way, each_way, effect).await,
            Some(Fault::Refused) => {
                tokio::time::sleep(there).await;
                Err(failed("refused"))
            }
            Some(Fault::AnswerLost) => {
                answered(there, back, effect).await?;
                Err(failed("the answer was lost"))
            }
            Some(Fault::DoneLate(after)) => {
                self.later(after, what, effect);
                tokio::time::sleep(there).await;
                Err(failed("timed out"))
            }
            Some(Fault::Hangs) => std::future::pending().await,
            Some(Fault::DiesBefore) => self.gone().await,
            Some(Fault::DiesAfter) => {
                answered(there, back, effect).await?;
                self.gone().await
            }
            Some(Fault::DiesAndDoneLate(after)) => {
                self.later(after, what, effect);
                self.gone().await
            }
        }
    }

    async fn gone<T>(&self) -> T {
        self.die();
        std::future::pending().await
    }

    /// What is on its way arrives whether or not anybody still waits for the answer.
    fn later<T: Send + 'static>(
        &self,
        after: Duration,
        what: String,
        effect: impl FnOnce() -> T + Send + 'static,
    ) {
        let (world, name) = (Arc::clone(&self.world), self.name.clone());
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            world.note(&name, format!("{what}: now it arrives"));
            effect();
        });
    }

    fn fault(&self, port: &'static str) -> Option<Fault> {
        let world = &self.world;
        if world.is_out(port) {
            return Some(Fault::Refused);
        }
        if !world.happens(world.weather().faults) {
            return None;
        }
        let late = world.pause(50_000);
        let slow = world.pause(3_000);
        Some(match world.draw(|chance| chance.u8(0..16)) {
            0..=2 => Fault::Refused,
            3..=5 => Fault::AnswerLost,
            6..=7 => Fault::DoneLate(late),
            8 => Fault::Hangs,
            9..=10 => Fault::Slow(slow),
            11..=12 => Fault::DiesBefore,
            13..=14 => Fault::DiesAfter,
            _ => Fault::DiesAndDoneLate(late),
        })
    }
}

async fn answered<T>(
    there: Duration,
    back: Duration,
    effect: impl FnOnce() -> T,
) -> Result<T, PortError> {
    tokio::time::sleep(there).await;
    let done = effect();
    tokio::time::sleep(back).await;
    Ok(done)
}

pub(crate) fn failed(why: &'static str) -> PortError {
    PortError::new("a simulated call", why)
}
