//! Phone numbers: E.164 where that can be told, as written otherwise.

pub mod countries;
mod mentions;
mod plans;
mod written;

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

pub use mentions::mentions;
use plans::Fit;
use written::Written;

/// The longest text that is read as a number: every digit may have an invisible mark on both sides.
const MAX_WRITTEN_BYTES: usize = 512;

/// The fewest digits that a text without a plus is read as an international number by. National
/// numbers of ten digits are common: 4792345678 is a number of Arkansas and of Norway.
const MIN_INTERNATIONAL_DIGITS: usize = 11;
/// The fewest digits behind 011, which also begins numbers of Delhi, Leeds and São Paulo.
const MIN_DIGITS_AFTER_011: usize = 9;

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

/// Returns `number` in E.164 where it is clear which one it is, and as written otherwise:
/// alphanumeric senders and short codes stay what they are.
///
/// Marks around the digits make no difference. A number that begins with a plus needs no more than the
/// length of one. Any other is read as it is dialled in `country`; then as one that begins with 00 or
/// 011; then as a valid international number of eleven digits or more.
///
/// # Examples
///
/// ```
/// use switchhook_core::phone::{Country, normalise};
///
/// let australia = Country::new("AU");
/// assert_eq!(normalise("0400 000 123", australia.as_ref()), "+61400000123");
/// assert_eq!(normalise("tel:+61-(0)400-000-123", None), "+61400000123");
/// assert_eq!(normalise("4792345678", None), "4792345678");
/// ```
#[must_use]
pub fn normalise(number: &str, country: Option<&Country>) -> String {
    Written::read(number)
        .and_then(|written| e164(&written, country))
        .unwrap_or_else(|| number.to_owned())
}

/// Reports whether a text is digits and what people write around them, and nothing else.
#[must_use]
pub fn is_written_number(text: &str) -> bool {
    Written::read(text).is_some_and(|written| written.digits.len() >= MIN_DIGITS)
}

/// Returns whether a text is a plus, 7 to 15 digits of which the first is no zero, and what people write
/// around them.
#[must_use]
pub fn is_written_international(text: &str) -> bool {
    Written::read(text).is_some_and(|written| {
        let digits = &written.digits;
        written.plus && (7..=15).contains(&digits.len()) && !digits.starts_with('0')
    })
}

/// The fewest digits of a number: those of the shortest short codes.
const MIN_DIGITS: usize = 3;

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

fn e164(written: &Written, country: Option<&Country>) -> Option<String> {
    let prefixed = Prefix::ALL
        .iter()
        .filter_map(|prefix| Some((prefix, prefix.read(written, country)?)));
    if written.plus {
        // Some people write an international prefix behind the plus. No calling code begins with 0.
        let is_prefixed = written.digits.starts_with('0');
        let digits = if is_prefixed || written.without_zero.is_some() {
            let prefixed = prefixed.filter(|_| is_prefixed);
            let best = prefixed.rev().max_by_key(|(_, read)| read.fit); // the first of the best
            best.map_or_else(|| International::read(written), |(_, read)| read)
                .digits
        } else {
            plans::international(&written.digits).into_owned()
        };
        return with_plus(&digits).or_else(|| with_plus(&written.digits));
    }
    if let Some(digits) = country.and_then(|c| plans::domestic(&written.digits, &c.0)) {
        return with_plus(&digits);
    }
    let certain = prefixed.filter(|(prefix, read)| prefix.is_certain(read));
    // A prefix is the less likely one where less agrees with the plan, or more must be left out.
    let read = match certain.min_by_key(|(_, read)| (Reverse(read.fit), read.is_shortened)) {
        Some((_, read)) => read,
        None => Some(International::read(written)).filter(|read| {
            read.fit == Fit::Valid && read.digits.len() >= MIN_INTERNATIONAL_DIGITS
        })?,
    };
    with_plus(&read.digits)
}

fn with_plus(digits: &str) -> Option<String> {
    let number = format!("+{digits}");
    is_e164(&number).then_some(number)
}

/// What is dialled before a calling code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Prefix {
    /// The source's country has its own: 0011 in Australia.
    Own,
    /// Most countries have 00. No national number begins so.
    DoubleZero,
    /// North America has 011.
    American,
}

impl Prefix {
    /// In the order in which they are tried.
    const ALL: [Self; 3] = [Self::Own, Self::DoubleZero, Self::American];

    /// Reads what follows the prefix, if a number begins with it.
    fn read(self, written: &Written, country: Option<&Country>) -> Option<International> {
        let behind = written.behind(|digits| match self {
            Self::Own => plans::abroad(digits, &country?.0),
            Self::DoubleZero => digits.strip_prefix("00"),
            Self::American => digits.strip_prefix("011"),
        })?;
        Some(International::read(&behind))
    }

    /// Reports whether what follows the prefix shows that it is one.
    fn is_certain(self, read: &International) -> bool {
        match (self, read.fit) {
            (_, Fit::None) => false,
            (Self::DoubleZero, _) => true,
            (_, Fit::Possible) => read.digits.len() >= MIN_INTERNATIONAL_DIGITS,
            (_, Fit::Valid) => read.digits.len() >= MIN_DIGITS_AFTER_011,
        }
    }
}

/// Digits that begin with a calling code.
struct International {
    digits: String,
    fit: Fit,
    /// Whether something was left out that is dialled within the country only.
    is_shortened: bool,
}

impl International {
    /// Reads digits. A zero in brackets is left out where that agrees better with the plan: in a country
    /// without a prefix it is one all the same.
    fn read(written: &Written) -> Self {
        let read = |digits| {
            let digits = plans::international(digits).into_owned();
            let fit = plans::fit(&digits);
            (digits, fit)
        };
        let whole = read(&written.digits);
        let bare = written.without_zero.as_deref().map(read);
        let (digits, fit) = bare.filter(|bare| bare.1 > whole.1).unwrap_or(whole);
        Self {
            is_shortened: digits.len() < written.digits.len(),
            digits,
            fit,
        }
    }
}

#[cfg(test)]
mod spellings;
#[cfg(test)]
mod tests;
