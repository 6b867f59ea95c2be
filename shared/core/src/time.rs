//! Points in time. The wall clock itself is a port: nothing in this crate reads it.

pub use jiff::Timestamp;
use jiff::fmt::temporal::Pieces;

/// Tells the time. Implemented once for the wall clock, and by tests.
pub trait Clock: Send + Sync {
    /// Returns the time now.
    fn now(&self) -> Timestamp;
}

/// The first moment that a sender's own time is believed from, in seconds: 2000-01-01T00:00:00Z.
/// Clocks that were never set are before it.
const BELIEVED_FROM_SECS: i64 = 946_684_800;

/// How far, in milliseconds, a sender's clock may be ahead of ours: as far as Standard Webhooks lets
/// it be.
const BELIEVED_AHEAD_MILLIS: i64 = 5 * 60 * 1_000;

/// A sender's own time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OwnTime {
    /// It may be true.
    Believed(Timestamp),
    /// It is before 2000, or more than five minutes after the acceptance, or beyond all calendars.
    Implausible,
}

impl OwnTime {
    /// Reads a sender's own time of a delivery accepted at `accepted_at`; `None` for what is no RFC
    /// 3339 time.
    #[must_use]
    pub fn read(text: &str, accepted_at: Timestamp) -> Option<Self> {
        let Some(time) = parse_rfc3339(text) else {
            return is_out_of_range(text).then_some(Self::Implausible);
        };
        Some(if is_believed(time, accepted_at) {
            Self::Believed(time)
        } else {
            Self::Implausible
        })
    }

    /// Returns the time if it is believed.
    #[must_use]
    pub const fn believed(self) -> Option<Timestamp> {
        match self {
            Self::Believed(time) => Some(time),
            Self::Implausible => None,
        }
    }
}

fn is_believed(time: Timestamp, accepted_at: Timestamp) -> bool {
    let latest = accepted_at
        .as_millisecond()
        .saturating_add(BELIEVED_AHEAD_MILLIS);
    time.as_second() >= BELIEVED_FROM_SECS && time.as_millisecond() <= latest
}

/// Returns whether a text is an RFC 3339 time that only the range of [`Timestamp`] excludes, such as
/// the last two days of the year 9999.
fn is_out_of_range(text: &str) -> bool {
    let text = text.trim();
    let has_four_digit_year = text.starts_with(|c: char| c.is_ascii_digit());
    has_four_digit_year
        && Pieces::parse(text).is_ok_and(|pieces| {
            pieces.time().is_some()
                && pieces.offset().is_some()
                && pieces.time_zone_annotation().is_none()
        })
}

/// Reads an RFC 3339 time; `None` for anything else, a time without a zone included.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let four_digit_year = text.starts_with(|c: char| c.is_ascii_digit());
    if four_digit_year {
        text.parse().ok()
    } else {
        None
    }
}

/// Cuts a time to whole milliseconds, the precision that the ledger keeps.
#[must_use]
pub fn to_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// Cuts a time to whole microseconds, the precision of states and of the positions in them.
#[must_use]
pub fn to_micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_without_a_zone_is_no_time() {
        assert!(parse_rfc3339("2025-01-15T14:30:25").is_none());
        assert!(parse_rfc3339("2025-01-15").is_none());
        assert!(parse_rfc3339("-001000-01-01T00:00:00Z").is_none());
        assert_eq!(
            parse_rfc3339("2025-01-15T15:30:25.123+01:00")
                .unwrap()
                .to_string(),
            "2025-01-15T14:30:25.123Z"
        );
    }

    #[test]
    fn own_time_is_believed_from_2000_until_five_minutes_after_the_acceptance() {
        let accepted_at = parse_rfc3339("2026-01-15T13:00:00Z").unwrap();
        let read = |text| OwnTime::read(text, accepted_at);
        for believed in [
            "2000-01-01T00:00:00Z",
            "2026-01-15T13:00:00Z",
            "2026-01-15T13:05:00Z",
            "2026-01-15T14:05:00+01:00",
        ] {
            let time = parse_rfc3339(believed).unwrap();
            assert_eq!(read(believed), Some(OwnTime::Believed(time)), "{believed}");
        }
        for implausible in [
            "1999-12-31T23:59:59Z",
            "1970-01-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "2026-01-15T13:05:00.001Z",
            "2026-01-15T13:05:00-01:00",
            "2038-01-19T03:14:07Z",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59.999999-12:00",
        ] {
            assert_eq!(
                read(implausible),
                Some(OwnTime::Implausible),
                "{implausible}"
            );
        }
        for no_time in [
            "",
            "soon",
            "2026-01-15",
            "2026-01-15T13:00:00",
            "9999-12-31T23:59:59",
            "9999-12-31",
            "1768482000",
            "2026-13-15T13:00:00Z",
        ] {
            assert_eq!(read(no_time), None, "{no_time}");
        }
    }
}
