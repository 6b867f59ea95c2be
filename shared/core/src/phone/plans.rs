//! The numbering plans of all countries: how a national number is dialled, and which ones are valid.
//!
//! The text is written by `build.rs` from the `phonenumber` crate, and the rules are that crate's, down
//! to its oddities: a test holds the two against each other. That crate reads every plan with all its
//! patterns before the first number, 0.1 s and 5 MiB; here a pattern is compiled when it is first asked.
//! Nothing here formats numbers or tells their kinds.

use std::sync::{LazyLock, OnceLock};

use regex_lite::Regex;

/// A plan in each line; those that share a calling code one after the other, the main one first.
const TEXT: &str = include_str!(concat!(env!("OUT_DIR"), "/plans.tsv"));

/// How many digits a number has after its calling code.
const DIGITS: std::ops::RangeInclusive<usize> = 2..=17;

static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| TEXT.lines().filter_map(Plan::read).collect());

/// Tells whether there is a plan of this country.
pub(super) fn is_known(country: &str) -> bool {
    let mut ids = TEXT.lines().filter_map(|line| line.split('\t').next());
    country != WORLD && ids.any(|id| id == country)
}

/// The id of the plans that are no country's.
const WORLD: &str = "001";

/// Returns, as E.164, the valid number that these digits are where they are dialled in a country.
pub(super) fn e164(digits: &str, country: &str) -> Option<String> {
    let home = PLANS.iter().find(|plan| plan.id == country)?;
    let (code, number) = home.calling_code(digits)?;
    let number = home.without_prefix(number);
    let valid = DIGITS.contains(&number.len())
        && number.bytes().any(|digit| digit != b'0')
        && plan_of(code, &number).is_some_and(|plan| plan.is_valid(&number));
    valid.then(|| format!("+{code}{number}"))
}

/// Finds the plan among those of a calling code that a number belongs to.
fn plan_of(code: &str, number: &str) -> Option<&'static Plan> {
    let sharing: Vec<_> = PLANS.iter().filter(|plan| plan.code == code).collect();
    match sharing.as_slice() {
        [only] => Some(only),
        several => several.iter().copied().find(|plan| plan.claims(number)),
    }
}

/// What is known of a country's numbers.
struct Plan {
    id: &'static str,
    code: &'static str,
    international_prefix: Option<Pattern>,
    national_prefix: &'static str,
    /// What is dialled before a national number: the prefix, and a carrier's code or an area's.
    parsing: Option<Pattern>,
    /// What a number that was dialled so is in truth.
    transform: &'static str,
    leading_digits: Option<Pattern>,
    /// Every number of the country, whatever its length.
    general: Pattern,
    kinds: Vec<Shape>,
}

impl Plan {
    fn read(line: &'static str) -> Option<Self> {
        let mut fields = line.split('\t');
        let mut next = || fields.next();
        Some(Self {
            id: next()?,
            code: next()?,
            international_prefix: Pattern::new(next()?),
            national_prefix: next()?,
            parsing: Pattern::new(next()?),
            transform: next()?,
            leading_digits: Pattern::new(next()?),
            general: Pattern::new(next()?)?,
            kinds: std::iter::from_fn(|| Shape::read(&mut next)).collect(),
        })
    }

    fn is_valid(&self, number: &str) -> bool {
        self.general.begins(number) && self.kinds.iter().any(|kind| kind.is(number))
    }

    /// Tells whether a number is of this country, not of another one with the same calling code.
    fn claims(&self, number: &str) -> bool {
        match &self.leading_digits {
            Some(digits) => digits.begins(number),
            None => self.is_valid(number),
        }
    }

    /// Parts dialled digits into the calling code and the rest.
    fn calling_code<'a>(&self, digits: &'a str) -> Option<(&'a str, &'a str)> {
        let abroad = self.international_prefix.as_ref();
        let abroad = abroad.and_then(|prefix| prefix.stripped(digits));
        if let Some(rest) = abroad.filter(|rest| !rest.starts_with('0')) {
            return (1..=3).find_map(|length| known_code(rest, length));
        }
        let with_code = digits.strip_prefix(self.code);
        Some((self.code, with_code.unwrap_or(digits)))
    }

    /// Takes off what is dialled within the country only.
    fn without_prefix(&self, number: &str) -> String {
        let bare = self.as_parsed(number);
        match bare.strip_prefix(self.national_prefix) {
            Some(rest) => rest.to_owned(),
            None => bare,
        }
    }

    fn as_parsed(&self, number: &str) -> String {
        let Some(parsing) = &self.parsing else {
            return number
                .strip_prefix(self.national_prefix)
                .unwrap_or(number)
                .to_owned();
        };
        let Some(regex) = parsing.regex() else {
            return number.to_owned();
        };
        let Some(found) = regex.captures(number) else {
            return number.to_owned();
        };
        let last_group = found.iter().last().flatten();
        if self.transform.is_empty() || last_group.is_none() {
            return parsing.stripped(number).unwrap_or(number).to_owned();
        }
        let transformed = regex.replace(number, self.transform).into_owned();
        if self.general.begins(number) && !self.general.begins(&transformed) {
            return number.to_owned();
        }
        transformed
    }
}

/// Returns the calling code of this length that digits begin with, if it is one, and the rest.
fn known_code(digits: &str, length: usize) -> Option<(&str, &str)> {
    let (code, rest) = digits.split_at_checked(length)?;
    let known = PLANS.iter().any(|plan| plan.code == code);
    known.then_some((code, rest))
}

/// The form of one kind of numbers.
struct Shape {
    lengths: Lengths,
    pattern: Pattern,
}

impl Shape {
    fn read(next: &mut impl FnMut() -> Option<&'static str>) -> Option<Self> {
        Some(Self {
            lengths: Lengths::read(next()?)?,
            pattern: Pattern::new(next()?)?,
        })
    }

    fn is(&self, number: &str) -> bool {
        (self.lengths.0 == 0 || self.lengths.hold(number)) && self.pattern.begins(number)
    }
}

/// A set of lengths, as bits.
#[derive(Clone, Copy)]
struct Lengths(u32);

impl Lengths {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    fn hold(self, number: &str) -> bool {
        let length = u32::try_from(number.len()).ok();
        let bit = length.and_then(|length| 1_u32.checked_shl(length));
        bit.is_some_and(|bit| self.0 & bit != 0)
    }
}

/// A regular expression that a number is to begin with, compiled when it is first asked.
struct Pattern {
    text: &'static str,
    regex: OnceLock<Option<Regex>>,
}

impl Pattern {
    fn new(text: &'static str) -> Option<Self> {
        (!text.is_empty()).then(|| Self {
            text,
            regex: OnceLock::new(),
        })
    }

    /// Returns the expression. A test compiles all of them: there is none that is wrong.
    fn regex(&self) -> Option<&Regex> {
        let compile = || Regex::new(&format!("^(?:{})", self.text)).ok();
        self.regex.get_or_init(compile).as_ref()
    }

    fn begins(&self, number: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(number))
    }

    fn stripped<'a>(&self, number: &'a str) -> Option<&'a str> {
        let found = self.regex()?.find(number)?;
        number.get(found.end()..)
    }
}

#[cfg(test)]
mod tests;
