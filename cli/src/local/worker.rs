//! A thread that does one thing after the other, for what blocks and does only one at a time.
//!
//! Threads that wait for each other's lock would be woken one by one, and nobody works meanwhile.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::{io, thread};

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// The work panicked.
#[derive(Debug, thiserror::Error)]
#[error("the work was broken off")]
pub(super) struct BrokenOff;

/// The thread; it ends with the last job after this is dropped.
#[derive(Debug)]
pub(super) struct Worker(Sender<Job>);

impl Worker {
    /// Starts the thread.
    pub(super) fn start(name: &str) -> io::Result<Self> {
        let (jobs, waiting) = channel::<Job>();
        let work = move || {
            for job in waiting {
                // Whoever waits for the answer is told so by its absence.
                let _ = catch_unwind(AssertUnwindSafe(job));
            }
        };
        thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Self(jobs))
    }

    /// Has something done when all that was asked for before is done.
    pub(super) fn post(&self, work: impl FnOnce() + Send + 'static) {
        let _ = self.0.send(Box::new(work)); // the thread lives as long as this does
    }

    /// Does the same and waits for it; what nobody waits for any more is done all the same.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, BrokenOff> {
        let (answer, told) = oneshot::channel();
        self.post(move || {
            let _ = answer.send(work());
        });
        told.await.map_err(|_| BrokenOff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_panics_is_broken_off_and_the_rest_is_done() {
        let worker = Worker::start("test").unwrap();
        let broken = worker.run(|| std::panic::resume_unwind(Box::new("a mistake")));
        let done = worker.run(|| 7);
        let (broken, done): (Result<u8, _>, _) = tokio::join!(broken, done);
        assert!(broken.is_err());
        assert_eq!(done.unwrap(), 7);
    }
}
