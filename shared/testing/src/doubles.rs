//! Doubles of the queue's two other sides, for tests that hand batches to the consumer themselves.

use std::sync::{Mutex, PoisonError};

use switchhook_core::ports::{DeadLetter, DeadLetterQueue, PortFuture, Redelivery};

/// Remembers the dead letters that it is given.
#[derive(Debug, Default)]
pub struct RecordingDeadLetters(Mutex<Vec<DeadLetter>>);

impl RecordingDeadLetters {
    /// Returns them in the order they came in.
    #[must_use]
    pub fn letters(&self) -> Vec<DeadLetter> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl DeadLetterQueue for RecordingDeadLetters {
    fn bury<'a>(&'a self, letter: &'a DeadLetter) -> PortFuture<'a, ()> {
        let mut letters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        letters.push(letter.clone());
        Box::pin(async { Ok(()) })
    }
}

/// Remembers which messages were delayed, by receipt handle, and for how many seconds.
#[derive(Debug, Default)]
pub struct RecordingDelays(Mutex<Vec<(String, u32)>>);

impl RecordingDelays {
    /// Returns them in the order they came in.
    #[must_use]
    pub fn delays(&self) -> Vec<(String, u32)> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Redelivery for RecordingDelays {
    fn delay<'a>(&'a self, receipt_handles: &'a [String], secs: u32) -> PortFuture<'a, ()> {
        let mut delays = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        delays.extend(receipt_handles.iter().map(|handle| (handle.clone(), secs)));
        Box::pin(async { Ok(()) })
    }
}
