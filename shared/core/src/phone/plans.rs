//! The numbering plans of all countries: how a national number is dialled, and which ones are valid.
//!
//! The text is written by `build.rs` from the `phonenumber` crate, and the rules are that crate's, down
//! to its oddities: a test holds the two against each other. That crate reads every plan with all its
//! patterns before the first number, 0.1 s and 5 MiB; here a pattern is compiled when it is first asked.
//! Nothing here formats numbers or tells their kinds.

use std::borrow::Cow;
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

/// Returns the digits, calling code first, of the valid number that these are where they are dialled in
/// a country.
pub(super) fn domestic(digits: &str, country: &str) -> Option<String> {
    let home = PLANS.iter().find(|plan| plan.id == country)?;
    // In Korea or Thailand 00 is only the beginning of a carrier's prefix; not so before their own code.
    let from_abroad = digits.strip_prefix("00");
    if let Some(rest) = from_abroad.filter(|rest| rest.starts_with(home.code))
        && let number = international(rest)
        && fit(&number) == Fit::Valid
    {
        return Some(number.into_owned());
    }
    if let Some(rest) = abroad(digits, country) {
        let is_number = fit(rest) == Fit::Valid && international(rest) == rest;
        return is_number.then(|| rest.to_owned());
    }
    // The crate takes off whatever looks like the calling code or a prefix. A number of the country may
    // begin so itself: 392 in Italy, 91 in India, 831 in Russia.
    let without_code = digits.strip_prefix(home.code).unwrap_or(digits);
    let candidates = [
        home.without_prefix(without_code),
        home.as_parsed(digits),
        digits.to_owned(),
        home.as_parsed(without_code),
        without_code.to_owned(),
    ];
    let valid = candidates
        .into_iter()
        .find(|number| is_valid(home.code, number))?;
    Some(format!("{}{valid}", home.code))
}

/// Returns what follows a country's own prefix of international calls, if digits begin with it.
pub(super) fn abroad<'a>(digits: &'a str, country: &str) -> Option<&'a str> {
    let home = PLANS.iter().find(|plan| plan.id == country)?;
    let rest = home.international_prefix.as_ref()?.stripped(digits)?;
    (!rest.starts_with('0')).then_some(rest)
}

/// How far digits agree with the plan of the calling code that they begin with.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Fit {
    /// They do not: no such code, or no number of it is as long.
    None,
    /// A number of that code may be as long.
    Possible,
    /// They are a valid number.
    Valid,
}

/// Returns digits that begin with a calling code without what is dialled within the country only.
///
/// As in libphonenumber, a prefix is only one where a number is left that may be as long. Where the digits
/// are a valid number as they are, nothing is a prefix: the zero of an Italian number is part of it. A zero
/// in a country without prefixes is one if a valid number is left.
pub(super) fn international(digits: &str) -> Cow<'_, str> {
    let Some((code, written)) = code_and_number(digits) else {
        return digits.into();
    };
    let main = PLANS.iter().find(|plan| plan.code == code);
    let mut number = Cow::Borrowed(written);
    // Some people write it twice. Each round takes off a digit at least. Validity is asked last: it is a
    // long expression, and almost no number begins with a prefix.
    while let Some(rest) = main.map(|plan| plan.as_parsed(&number))
        && rest.len() < number.len()
        && fit_of(code, &number) < Fit::Valid
        && fit_of(code, &rest) >= Fit::Possible
    {
        number = rest.into();
    }
    let without_zeros = number.trim_start_matches('0');
    if without_zeros.len() < number.len()
        && fit_of(code, &number) < Fit::Valid
        && fit_of(code, without_zeros) == Fit::Valid
    {
        number = without_zeros.to_owned().into();
    }
    format!("{code}{number}").into()
}

/// Returns how far digits agree with the plan of the calling code that they begin with.
pub(super) fn fit(digits: &str) -> Fit {
    code_and_number(digits).map_or(Fit::None, |(code, number)| fit_of(code, number))
}

fn fit_of(code: &str, number: &str) -> Fit {
    let mut kinds = PLANS
        .iter()
        .filter(|plan| plan.code == code)
        .flat_map(|plan| &plan.kinds);
    if is_valid(code, number) {
        Fit::Valid
    } else if kinds.any(|kind| kind.lengths.hold(number)) {
        Fit::Possible
    } else {
        Fit::None
    }
}

fn is_valid(code: &str, number: &str) -> bool {
    DIGITS.contains(&number.len())
        && number.bytes().any(|digit| digit != b'0')
        && plan_of(code, number).is_some_and(|plan| plan.is_valid(number))
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

/// Parts the calling code that digits begin with from the rest; no code begins another one.
fn code_and_number(digits: &str) -> Option<(&str, &str)> {
    (1..=3).find_map(|length| {
        let (code, rest) = digits.split_at_checked(length)?;
        let known = PLANS.iter().any(|plan| plan.code == code);
        known.then_some((code, rest))
    })
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
