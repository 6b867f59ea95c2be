//! Times and ages as they are given on the command line.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use switchhook_aws::clock::SystemClock;
use switchhook_core::time::Clock;

/// What a time may be, for the help pages.
pub(super) const TIMES: &str = "RFC 3339 such as 2026-11-22T09:00:00Z, a date (midnight UTC) such as 2026-11-22, or an age such as 6h, 90m, 2d or `2d 12h`";

/// How many characters a date has: a longer text holds a time of day too.
const DATE_CHARS: usize = "2026-11-22".len();

/// Reads a time: RFC 3339, a date, or an age.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    time_at(text.trim(), SystemClock.now())
}

fn time_at(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    if text.len() == DATE_CHARS
        && let Ok(date) = text.parse::<Date>()
        && let Ok(midnight) = date.to_zoned(TimeZone::UTC)
    {
        return Ok(midnight.timestamp());
    }
    if text.parse::<jiff::civil::DateTime>().is_ok() {
        return Err(format!(
            "the offset from UTC is missing: `{text}Z`, or `{text}+10:00`"
        ));
    }
    match age(text) {
        Ok(age) => Ok(now.checked_sub(age).unwrap_or(Timestamp::MIN)),
        Err(Wrong::NoAge) => Err(format!("expected {TIMES}")),
        Err(wrong) => Err(wrong.to_string()),
    }
}

/// Reads an age such as `6h`, `90m` or `2d 12h`.
pub(super) fn span(text: &str) -> Result<SignedDuration, String> {
    age(text.trim()).map_err(|wrong| wrong.to_string())
}

/// Why a text is no age.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Wrong {
    #[error("expected an age such as 6h, 90m, 2d or `2d 12h`")]
    NoAge,
    #[error("the unit is missing: m for minutes, h for hours, d for days")]
    NoUnit,
    #[error("months and years have no fixed length: give days, hours, minutes or seconds")]
    NoFixedLength,
    #[error("it is longer than any calendar")]
    TooLong,
    #[error("it must be greater than zero, and needs no sign and no `ago`")]
    NotPositive,
}

fn age(text: &str) -> Result<SignedDuration, Wrong> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits && !text.is_empty() {
        return Err(Wrong::NoUnit);
    }
    let span: Span = match text.parse() {
        Ok(span) => span,
        // More digits than a span holds.
        Err(_)
            if text.starts_with(|c: char| c.is_ascii_digit()) && text.len() > 6 && is_age(text) =>
        {
            return Err(Wrong::TooLong);
        }
        Err(_) => return Err(Wrong::NoAge),
    };
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err(Wrong::NoFixedLength);
    }
    let age = span.to_duration(SpanRelativeTo::days_are_24_hours());
    let age = age.map_err(|_| Wrong::TooLong)?;
    if age.is_positive() {
        Ok(age)
    } else {
        Err(Wrong::NotPositive)
    }
}

/// Reports whether a text is one number and a unit, of whatever size.
fn is_age(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit()).trim();
    unit.len() <= 7 && format!("1{unit}").parse::<Span>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-24T12:00:00Z";

    fn read(text: &str) -> Result<String, String> {
        time_at(text, NOW.parse().unwrap()).map(|time| time.to_string())
    }

    #[test]
    fn a_time_is_rfc_3339_a_date_or_an_age() {
        for (text, time) in [
            ("2026-11-22T09:00:00Z", "2026-11-22T09:00:00Z"),
            ("2026-11-22T19:00:00+10:00", "2026-11-22T09:00:00Z"),
            ("2026-11-22 09:00:00.5Z", "2026-11-22T09:00:00.5Z"),
            ("2026-11-22", "2026-11-22T00:00:00Z"),
            ("6h", "2026-11-24T06:00:00Z"),
            ("90m", "2026-11-24T10:30:00Z"),
            ("2d", "2026-11-22T12:00:00Z"),
            ("1w", "2026-11-17T12:00:00Z"),
            ("2d 12h", "2026-11-22T00:00:00Z"),
            ("2d12h", "2026-11-22T00:00:00Z"),
            ("30 minutes", "2026-11-24T11:30:00Z"),
            ("PT6H", "2026-11-24T06:00:00Z"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(time), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_answered_with_what_is() {
        for (text, reason) in [
            ("", "RFC 3339"),
            ("yesterday", "RFC 3339"),
            ("2026-13-22", "RFC 3339"),
            ("2026-02-30", "RFC 3339"),
            ("22.11.2026", "RFC 3339"),
            ("6 moons", "RFC 3339"),
            ("-", "RFC 3339"),
            ("2026-11-22T09:00:00", "`2026-11-22T09:00:00Z`"),
            ("2026-11-22 09:00", "offset"),
            ("6", "unit is missing"),
            ("1764000000", "unit is missing"),
            ("0h", "greater than zero"),
            ("-6h", "greater than zero"),
            ("6h ago", "greater than zero"),
            ("1 month", "no fixed length"),
            ("1y", "no fixed length"),
            ("99999999999d", "longer than any calendar"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
        assert!(span("2026-11-22").unwrap_err().contains("expected an age"));
        assert_eq!(span(" 36h "), Ok(SignedDuration::from_hours(36)));
    }
}
