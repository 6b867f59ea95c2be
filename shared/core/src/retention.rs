//! How long records live, and what follows from it.

use crate::time::Timestamp;

/// Days before the end of retention from which an event might no longer be known as a duplicate.
const TOO_OLD_MARGIN_DAYS: u16 = 2;

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// Returns the expiry time of what is kept from `kept_from` on.
#[must_use]
pub fn kept_until(kept_from: Timestamp, retention_days: u16) -> Timestamp {
    let until = kept_from
        .as_millisecond()
        .saturating_add(millis(retention_days));
    Timestamp::from_millisecond(until).unwrap_or(Timestamp::MAX)
}

/// Returns whether an event was accepted so long ago that a record of it may have expired already.
#[must_use]
pub fn is_too_old(received_at: Timestamp, retention_days: u16, now: Timestamp) -> bool {
    let days = retention_days.saturating_sub(TOO_OLD_MARGIN_DAYS);
    is_before(received_at, now, days)
}

/// Returns whether a time is more than so many days before another one.
#[must_use]
pub fn is_before(time: Timestamp, other: Timestamp, days: u16) -> bool {
    let apart = other.as_millisecond().saturating_sub(time.as_millisecond());
    apart > millis(days)
}

fn millis(days: u16) -> i64 {
    i64::from(days).saturating_mul(DAY_MILLIS)
}
