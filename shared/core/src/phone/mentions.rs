//! A number anywhere in a text, in any spelling that is read as it.

use std::collections::VecDeque;

use super::written::{digit, is_mark, is_plus};
use super::{Country, MIN_INTERNATIONAL_DIGITS, normalise};

/// The most digits of a number with every prefix.
const MAX_DIGITS: usize = 24;
/// No calling code has more digits: those behind them stand in every spelling of a number.
const MAX_CODE_DIGITS: usize = 3;
/// The most marks between a plus and the first digit.
const MAX_MARKS: usize = 4;

/// A digit, and where it stands in the text.
struct Digit {
    start: usize,
    value: char,
}

/// Returns whether a number, in E.164, stands anywhere in a text: in a spelling that [`normalise`] reads as
/// it with one of the countries or with none, or in all its digits without the plus. Digits that are part of
/// a longer row are not it.
///
/// # Examples
///
/// ```
/// use switchhook_core::phone::{Country, mentions};
///
/// let australia = [Country::new("AU").unwrap()];
/// assert!(mentions("Ring 0400 000 123, please", "+61400000123", &australia));
/// assert!(!mentions("Ring 0400 000 123, please", "+61400000123", &[]));
/// assert!(!mentions("order 0400000123456", "+61400000123", &australia));
/// ```
#[must_use]
pub fn mentions(text: &str, number: &str, countries: &[Country]) -> bool {
    let Some(international) = number.strip_prefix('+') else {
        return false;
    };
    let Some(tail) = international.get(MAX_CODE_DIGITS..) else {
        return false;
    };
    let mut recent: VecDeque<Digit> = VecDeque::with_capacity(MAX_DIGITS);
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        let Some(value) = digit(c) else {
            if !is_mark(c) && !is_plus(c) {
                recent.clear();
            }
            continue;
        };
        if recent.len() >= MAX_DIGITS {
            recent.pop_front();
        }
        recent.push_back(Digit { start, value });
        let (end, is_end) = match chars.peek() {
            Some((at, next)) => (*at, digit(*next).is_none()),
            None => (text.len(), true),
        };
        let ends = || recent.iter().rev().map(|digit| digit.value);
        if is_end
            && recent.len() >= tail.len()
            && tail
                .chars()
                .rev()
                .zip(ends())
                .all(|(one, other)| one == other)
        {
            let firsts = recent.iter().rev().skip(tail.len().saturating_sub(1));
            let mut spellings = firsts.filter_map(|first| spelling(text, first.start, end));
            if spellings.any(|spelling| is_spelling(&spelling, international, countries)) {
                return true;
            }
        }
    }
    false
}

/// A part of a text that may be a number.
struct Spelling<'a> {
    bare: &'a str,
    /// With the plus before it, if there is one.
    with_plus: Option<&'a str>,
}

/// Returns the text from a digit to the end of a number, unless that digit is in the middle of a row.
fn spelling(text: &str, start: usize, end: usize) -> Option<Spelling<'_>> {
    let before = text.get(..start)?;
    if before
        .chars()
        .next_back()
        .is_some_and(|c| digit(c).is_some())
    {
        return None;
    }
    let mut marks = before.char_indices().rev().take(MAX_MARKS);
    let other = marks.find(|(_, c)| is_plus(*c) || !is_mark(*c));
    let plus = other.filter(|(_, c)| is_plus(*c));
    Some(Spelling {
        bare: text.get(start..end)?,
        with_plus: plus.and_then(|(at, _)| text.get(at..end)),
    })
}

fn is_spelling(spelling: &Spelling<'_>, international: &str, countries: &[Country]) -> bool {
    let is_number = |text: &str| {
        let mut read = std::iter::once(None)
            .chain(countries.iter().map(Some))
            .map(|country| normalise(text, country));
        read.any(|read| read.strip_prefix('+') == Some(international))
    };
    let is_bare = || {
        let digits = spelling.bare.chars().filter_map(digit);
        international.len() >= MIN_INTERNATIONAL_DIGITS && digits.eq(international.chars())
    };
    spelling.with_plus.is_some_and(is_number) || is_number(spelling.bare) || is_bare()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(number: &str, countries: &[&str], found: &[&str], absent: &[&str]) {
        let countries: Vec<_> = countries
            .iter()
            .map(|code| Country::new(code).unwrap())
            .collect();
        for text in found {
            assert!(mentions(text, number, &countries), "{text}");
        }
        for text in absent {
            assert!(!mentions(text, number, &countries), "{text}");
        }
    }

    #[test]
    fn number_is_found_in_every_spelling_that_is_read_as_it() {
        let found = [
            "+61400000123",
            "x+61400000123y",
            "+61 (0)400 000-123",
            "+ (61) 400 000 123",
            "{\"from\":61400000123,\"to\":1}",
            "from=%2B61400000123&to=2",
            "0400000123",
            "call 0400 000 123 5 pm",
            "5 0400 000 123",
            "(0400) 000.123",
            "0011 61 400 000 123",
            "0061400000123",
            "tel:0400-000-123;ext=5",
            "\u{ff10}\u{ff14}\u{ff10}\u{ff10} 000 123",
            "04\u{200b}00\u{2011}000\u{a0}123",
            "+61400000123.0",
            "a,0400000123,b",
        ];
        let absent = [
            "",
            "+61400000124",
            "+614000001234",
            "061400000123456",
            "10400000123",
            "id-99061400000123",
            "000123",
            "0400,000123",
            "04a00000123",
        ];
        check("+61400000123", &["AU", "US"], &found, &absent);
        check("+61400000123", &[], &["+61 400 000 123"], &["0400 000 123"]);
    }

    #[test]
    fn number_of_ten_digits_is_not_taken_for_a_national_one() {
        check(
            "+4792345678",
            &["US"],
            &["+47 92 34 56 78"],
            &["479-234-5678"],
        );
        check("+14792345678", &["US"], &["479-234-5678"], &[]);
    }

    #[test]
    fn endless_digits_are_read_without_an_end() {
        let endless = "1234567890".repeat(50_000);
        assert!(!mentions(&endless, "+61400000123", &[]));
        let spaced = "4 0 0 0 0 0 1 2 3 ".repeat(300);
        assert!(!mentions(&spaced, "+61400000123", &[]));
        assert!(!mentions("x", "61400000123", &[]));
    }
}
