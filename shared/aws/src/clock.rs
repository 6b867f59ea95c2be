//! The wall clock.

use switchhook_core::time::{Clock, Timestamp};

/// Tells the time of this machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "everything else reads time through this adapter"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
