//! Phone numbers: E.164 where that can be told, as written otherwise.

pub mod countries;
mod plans;

use serde::{Deserialize, Serialize};

/// The longest text that is read as a number: 15 digits, a prefix, and what people put between.
const MAX_WRITTEN_BYTES: usize = 40;

/// A country as two capital letters (ISO 3166-1), which says how to read national numbers.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Country(String);

impl Country {
    /// Takes a country's code; `None` for what no numbering plan is known for.
    #[must_use]
    pub fn new(code: &str) -> Option<Self> {
        plans::is_known(code).then(|| Self(code.to_owned()))
    }
}

/// Returns `number` in E.164 where it can be told which one it is, and as written otherwise:
/// alphanumeric senders and short codes stay what they are.
#[must_use]
pub fn normalise(number: &str, country: Option<&Country>) -> String {
    international(number)
        .or_else(|| national(number, country?))
        .unwrap_or_else(|| number.to_owned())
}

/// Tells whether a text is an E.164 number: `+` and 7 to 15 digits, none of them a leading zero.
#[must_use]
pub fn is_e164(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else {
        return false;
    };
    (7..=15).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0')
}

/// Takes the punctuation that people write out of a number that begins with `+`.
fn international(number: &str) -> Option<String> {
    let plain: String = number
        .replacen("(0)", "", 1) // what is dialled within the country only
        .trim()
        .chars()
        .filter(|c| !" -.()\u{a0}".contains(*c))
        .collect();
    is_e164(&plain).then_some(plain)
}

fn national(number: &str, country: &Country) -> Option<String> {
    if number.len() > MAX_WRITTEN_BYTES {
        return None;
    }
    if !number
        .chars()
        .all(|c| c.is_ascii_digit() || " -.()\u{a0}".contains(c))
    {
        return None;
    }
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    plans::e164(&digits, &country.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_where_they_can_be() {
        let australia = Country::new("AU");
        for (written, country, told) in [
            ("+1 (555) 010-0003", None, "+15550100003"),
            ("+15550100003", None, "+15550100003"),
            ("+44 (0)7400 123456", None, "+447400123456"),
            ("+0987654321", None, "+0987654321"),
            ("15550100003", None, "15550100003"),
            ("0400 000 123", australia.as_ref(), "+61400000123"),
            ("61400000123", australia.as_ref(), "+61400000123"),
            ("400000123", australia.as_ref(), "+61400000123"),
            ("ACME", australia.as_ref(), "ACME"),
            ("12345", australia.as_ref(), "12345"),
            ("", australia.as_ref(), ""),
        ] {
            assert_eq!(normalise(written, country), told, "{written}");
        }
    }

    #[test]
    fn only_numbers_are_numbers() {
        assert!(is_e164("+1555010") && is_e164("+155501000030000"));
        for text in [
            "15550100003",
            "+155501",
            "+1555010000300001",
            "+555CALLNOW",
            "+05550100003",
        ] {
            assert!(!is_e164(text), "{text}");
        }
    }

    #[test]
    fn what_is_longer_than_any_number_stays_as_written() {
        let australia = Country::new("AU");
        let padded = |chars: usize| format!("{:chars$}", "0400 000 123");
        let told = normalise(&padded(MAX_WRITTEN_BYTES), australia.as_ref());
        assert_eq!(told, "+61400000123");
        for chars in [MAX_WRITTEN_BYTES + 1, 100] {
            assert_eq!(normalise(&padded(chars), australia.as_ref()), padded(chars));
        }
    }

    #[test]
    fn only_countries_are_countries() {
        assert!(Country::new("AU").is_some());
        for code in ["", "au", "XX", "Australia"] {
            assert!(Country::new(code).is_none(), "{code}");
        }
    }
}
