//! Countries as people write them, so that a wrong code is answered with the right one.

use crate::nearest::nearest;

/// A country in each line: its code, its three letters (ISO 3166-1), the calling code that it is the
/// main country of, its name in English, and other names that people write.
const TEXT: &str = include_str!("countries.tsv");

/// A name shorter than this is like too many others to be taken for a misspelt one.
const MIN_MISSPELT_CHARS: usize = 4;

/// A country that a text was probably meant to name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Named {
    /// Its two capital letters.
    pub code: &'static str,
    /// Its name in English, such as `Australia` or `the United States`.
    pub name: &'static str,
}

/// Returns the country that a text which is no code names in another way: in lower case, by three
/// letters, by its name or one like it, by its calling code or as part of a locale.
#[must_use]
pub fn named(text: &str) -> Option<Named> {
    let text = text.trim();
    let wanted = folded(text);
    let exact = |country: &Country| {
        let mut words = country.words();
        !wanted.is_empty() && words.any(|word| folded(word) == wanted)
    };
    countries()
        .find(exact)
        .or_else(|| of_calling_code(text))
        .or_else(|| of_locale(text))
        .or_else(|| of_misspelt_name(&wanted))
        .map(|country| country.named)
}

/// A line of the text.
#[derive(Clone, Copy)]
struct Country {
    named: Named,
    three_letters: &'static str,
    calling_code: &'static str,
    other_names: &'static str,
}

impl Country {
    fn read(line: &'static str) -> Option<Self> {
        let mut fields = line.splitn(5, '\t');
        let (code, three_letters, calling_code) = (fields.next()?, fields.next()?, fields.next()?);
        let name = fields.next()?;
        Some(Self {
            named: Named { code, name },
            three_letters,
            calling_code,
            other_names: fields.next().unwrap_or_default(),
        })
    }

    /// Returns every word that names it.
    fn words(self) -> impl Iterator<Item = &'static str> {
        let codes = [self.named.code, self.three_letters];
        codes.into_iter().chain(self.names())
    }

    fn names(self) -> impl Iterator<Item = &'static str> {
        let others = self.other_names.split('\t');
        [self.named.name].into_iter().chain(others)
    }
}

fn countries() -> impl Iterator<Item = Country> {
    TEXT.lines().filter_map(Country::read)
}

/// Reads `+61`, `0061` and `61`.
fn of_calling_code(text: &str) -> Option<Country> {
    let code = text.trim_start_matches(['+', '0', ' ']);
    let is_code = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit());
    countries().find(|country| is_code && country.calling_code == code)
}

/// Reads `en-AU` and `en_AU.UTF-8`.
fn of_locale(text: &str) -> Option<Country> {
    let (language, rest) = text.split_once(['-', '_'])?;
    let region = rest.get(..2)?.to_ascii_uppercase();
    let is_whole = rest.chars().nth(2).is_none_or(|c| !c.is_alphanumeric());
    let is_locale = (2..=3).contains(&language.len()) && is_whole;
    countries().find(|country| is_locale && country.named.code == region)
}

fn of_misspelt_name(wanted: &str) -> Option<Country> {
    if wanted.chars().count() < MIN_MISSPELT_CHARS {
        return None;
    }
    let names: Vec<_> = countries().flat_map(Country::names).collect();
    let long = names
        .into_iter()
        .filter(|name| name.len() >= MIN_MISSPELT_CHARS);
    let near = nearest(wanted, long)?;
    countries().find(|country| country.names().any(|name| name == near))
}

/// Keeps letters, in lower case, and leaves an article out.
fn folded(text: &str) -> String {
    let text = text.to_lowercase();
    let text = text.strip_prefix("the ").unwrap_or(&text);
    text.chars().filter(|c| c.is_alphabetic()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_found_however_it_is_named() {
        for (text, code) in [
            ("UK", "GB"),
            ("uk", "GB"),
            ("U.K.", "GB"),
            ("GBR", "GB"),
            ("England", "GB"),
            ("Great Britain", "GB"),
            ("united kingdom", "GB"),
            ("+44", "GB"),
            ("0044", "GB"),
            ("au", "AU"),
            ("Au", "AU"),
            (" AU ", "AU"),
            ("AUS", "AU"),
            ("Australia", "AU"),
            ("austalia", "AU"),
            ("+61", "AU"),
            ("61", "AU"),
            ("en-AU", "AU"),
            ("en_AU.UTF-8", "AU"),
            ("Austria", "AT"),
            ("USA", "US"),
            ("u.s.a.", "US"),
            ("the United States of America", "US"),
            ("Untied States", "US"),
            ("+1", "US"),
            ("1", "US"),
            ("Deutschland", "DE"),
            ("nz", "NZ"),
            ("New-Zealand", "NZ"),
            ("Osterreich", "AT"),
            ("Cote d'Ivoire", "CI"),
        ] {
            assert_eq!(
                named(text).map(|country| country.code),
                Some(code),
                "{text}"
            );
        }
        for text in [
            "",
            "  ",
            "XX",
            "ZZ",
            "+999",
            "0",
            "+",
            "Middle Earth",
            "hunter2",
            "🇦🇺",
        ] {
            assert_eq!(named(text), None, "{text}");
        }
        assert_eq!(named("usa").unwrap().name, "the United States");
    }

    #[test]
    fn every_country_with_numbers_has_a_name_and_no_other_has() {
        let letters = || 'A'..='Z';
        let codes = letters().flat_map(|a| letters().map(move |b| format!("{a}{b}")));
        let known: Vec<_> = codes
            .filter(|code| super::super::Country::new(code).is_some())
            .collect();
        let named: Vec<_> = countries().map(|country| country.named.code).collect();
        assert_eq!(named, known);
        assert!(countries().all(|country| !country.named.name.is_empty()));
    }
}
