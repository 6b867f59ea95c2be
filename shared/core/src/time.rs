//! Points in time. The wall clock itself is a port: nothing in this crate reads it.

pub use jiff::Timestamp;

/// Tells the time. Implemented once for the wall clock, and by tests.
pub trait Clock: Send + Sync {
    /// Returns the time now.
    fn now(&self) -> Timestamp;
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

/// Returns the hour that `at` lies in, as `2026-11-22T19`: the partition of the time index.
#[must_use]
pub fn hour(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_a_zone_is_not_told() {
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
    fn hours_sort_as_text() {
        let at = parse_rfc3339("2026-01-02T03:59:59.999Z").unwrap();
        assert_eq!(hour(at), "2026-01-02T03");
    }
}
