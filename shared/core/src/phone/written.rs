//! Numbers as people, address books and URIs write them: the digits without the marks around them.

use super::MAX_WRITTEN_BYTES;

/// The most digits of a number with every prefix; a text of more is none.
const MAX_DIGITS: usize = 32;

/// The URI schemes that stand before a number (RFC 3966, RFC 5724, and what browsers and handsets use).
const SCHEMES: &[&str] = &["tel", "sms", "smsto", "mms", "mmsto", "callto"];

/// The zeros of the decimal digits of each script (Unicode 17, Nd): nine others follow each.
const ZEROS: &[char] = &[
    '0',
    '\u{660}',
    '\u{6f0}',
    '\u{7c0}',
    '\u{966}',
    '\u{9e6}',
    '\u{a66}',
    '\u{ae6}',
    '\u{b66}',
    '\u{be6}',
    '\u{c66}',
    '\u{ce6}',
    '\u{d66}',
    '\u{de6}',
    '\u{e50}',
    '\u{ed0}',
    '\u{f20}',
    '\u{1040}',
    '\u{1090}',
    '\u{17e0}',
    '\u{1810}',
    '\u{1946}',
    '\u{19d0}',
    '\u{1a80}',
    '\u{1a90}',
    '\u{1b50}',
    '\u{1bb0}',
    '\u{1c40}',
    '\u{1c50}',
    '\u{a620}',
    '\u{a8d0}',
    '\u{a900}',
    '\u{a9d0}',
    '\u{a9f0}',
    '\u{aa50}',
    '\u{abf0}',
    '\u{ff10}',
    // Bold, double-struck and other mathematical digits.
    '\u{1d7ce}',
    '\u{1d7d8}',
    '\u{1d7e2}',
    '\u{1d7ec}',
    '\u{1d7f6}',
];

/// A number without its marks.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Written {
    /// Whether it begins with a plus.
    pub(super) plus: bool,
    /// All its digits.
    pub(super) digits: String,
    /// Its digits without a zero in brackets, if there is one: what is dialled within the country only.
    pub(super) without_zero: Option<String>,
}

impl Written {
    /// Reads a text; `None` for one with anything in it that is no digit and no mark.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.len() > MAX_WRITTEN_BYTES {
            return None;
        }
        let (text, is_uri) = without_scheme(text);
        let decoded = if is_uri { uri_decoded(text)? } else { None };
        let mut parts = decoded.as_deref().unwrap_or(text).split(';');
        let number = parts.next()?;
        let mut context = None;
        for part in parts.filter(|part| !part.trim_matches(is_mark).is_empty()) {
            let (name, value) = part.split_once('=')?;
            match name.to_ascii_lowercase().as_str() {
                "phone-context" => context = Self::digits_of(value).filter(|prefix| prefix.plus),
                "ext" if !value.is_empty() => return None, // who answers there is somebody else
                name if is_parameter(name) => {}
                _ => return None,
            }
        }
        let number = Self::digits_of(without_decimals(number))?;
        Some(match context {
            Some(prefix) if !number.plus => number.in_context(&prefix.digits),
            _ => number,
        })
    }

    /// Returns what follows a prefix, if there is one.
    pub(super) fn behind<'a>(
        &'a self,
        prefix: impl Fn(&'a str) -> Option<&'a str>,
    ) -> Option<Self> {
        Some(Self {
            plus: true,
            digits: prefix(&self.digits)?.to_owned(),
            without_zero: self
                .without_zero
                .as_deref()
                .and_then(prefix)
                .map(str::to_owned),
        })
    }

    /// Puts the context of a local number before it (RFC 3966, section 5.1.5).
    fn in_context(self, prefix: &str) -> Self {
        Self {
            plus: true,
            digits: format!("{prefix}{}", self.digits),
            without_zero: self.without_zero.map(|rest| format!("{prefix}{rest}")),
        }
    }

    fn digits_of(text: &str) -> Option<Self> {
        let mut number = Self::default();
        // How many digits there were when the innermost bracket was opened.
        let mut opened = None;
        for c in text.chars() {
            if let Some(digit) = digit(c) {
                number.digits.push(digit);
            } else if is_plus(c) && number.digits.is_empty() {
                number.plus = true;
            } else if "([（［﹙{".contains(c) {
                opened = Some(number.digits.len());
            } else if ")]）］﹚}".contains(c) {
                let before = opened
                    .take()
                    .and_then(|at| number.digits.split_at_checked(at));
                if let Some((before, "0")) = before
                    && number.without_zero.is_none()
                {
                    number.without_zero = Some(before.to_owned());
                }
                continue;
            } else if !is_mark(c) {
                return None;
            }
            if let (Some(rest), Some(digit)) = (&mut number.without_zero, digit(c)) {
                rest.push(digit);
            }
        }
        (1..=MAX_DIGITS)
            .contains(&number.digits.len())
            .then_some(number)
    }
}

/// Parts a URI's scheme from a text, and reports whether there was one.
fn without_scheme(text: &str) -> (&str, bool) {
    let text = text.trim_start_matches(is_mark);
    let Some((name, rest)) = text.split_once([':', '：']) else {
        return (text, false);
    };
    let name = name.trim_end_matches(is_mark);
    if SCHEMES
        .iter()
        .any(|scheme| name.eq_ignore_ascii_case(scheme))
    {
        (rest, true)
    } else {
        (text, false)
    }
}

/// Undoes a URI's escapes, if there are any, and leaves the fields of its query out; `None` for
/// escapes of what is no text.
fn uri_decoded(text: &str) -> Option<Option<String>> {
    let path = text.split_once('?').map_or(text, |(path, _)| path);
    if path.len() == text.len() && !text.contains('%') {
        return Some(None);
    }
    let mut pieces = path.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (escaped, rest) = piece.split_at_checked(2)?;
        bytes.extend(hex::decode(escaped).ok()?);
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).ok().map(Some)
}

/// A name of RFC 3966 that is not the digits of a second number.
fn is_parameter(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    name.chars().all(plain) && name.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Takes off the `.0` by which a spreadsheet writes a whole number.
fn without_decimals(text: &str) -> &str {
    let whole = text.trim().strip_suffix(".0");
    let is_whole = |digits: &&str| digits.bytes().all(|b| b.is_ascii_digit());
    whole.filter(is_whole).unwrap_or(text)
}

pub(super) fn digit(c: char) -> Option<char> {
    if c.is_ascii() {
        return Some(c).filter(char::is_ascii_digit);
    }
    let offset = |zero: &char| u32::from(c).checked_sub(u32::from(*zero));
    let value = ZEROS
        .iter()
        .filter_map(offset)
        .find(|offset| *offset < 10)?;
    char::from_digit(value, 10)
}

pub(super) const fn is_plus(c: char) -> bool {
    matches!(
        c,
        '+' | '\u{2d6}'
            | '\u{207a}'
            | '\u{208a}'
            | '\u{2795}'
            | '\u{fb29}'
            | '\u{fe62}'
            | '\u{ff0b}'
    )
}

/// Reports whether a character is one that people put, or paste, around digits. An ellipsis, which
/// stands for digits that are missing, is none.
pub(super) fn is_mark(c: char) -> bool {
    c.is_whitespace() || c.is_control() || is_format(c) || is_punctuation(c)
}

/// Cf, and what else is not seen: joiners, fillers and variation selectors.
const fn is_format(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{20e3}' // the key around a digit
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Dashes, dots, slashes, brackets and quotes.
const fn is_punctuation(c: char) -> bool {
    matches!(
        c,
        // Dashes, hyphens, minus signs, tildes and lines.
        '-' | '_' | '~' | '\u{af}' | '\u{2c9}' | '\u{2cd}' | '\u{2d7}' | '\u{58a}' | '\u{5be}' | '\u{1400}' | '\u{1806}'
            | '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2053}' | '\u{207b}' | '\u{208b}' | '\u{2212}'
            | '\u{223c}' | '\u{23af}' | '\u{2500}' | '\u{2501}' | '\u{2796}' | '\u{2e17}' | '\u{2e1a}'
            | '\u{2e3a}' | '\u{2e3b}' | '\u{2e40}' | '\u{2e5d}' | '\u{301c}' | '\u{3030}' | '\u{30a0}'
            | '\u{30fc}' | '\u{fe31}' | '\u{fe32}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' | '\u{ff3f}'
            | '\u{ff5e}' | '\u{ff70}' | '\u{10ead}'
        // Dots.
        | '.' | '\u{b7}' | '\u{387}' | '\u{6d4}' | '\u{2022}' | '\u{2023}' | '\u{2024}' | '\u{2027}'
            | '\u{2219}' | '\u{22c5}' | '\u{25cf}' | '\u{25e6}' | '\u{2e31}' | '\u{2e33}' | '\u{3002}'
            | '\u{30fb}' | '\u{fe52}' | '\u{ff0e}' | '\u{ff61}' | '\u{ff65}'
        // Slashes.
        | '/' | '\\' | '\u{2044}' | '\u{2215}' | '\u{2216}' | '\u{29f5}' | '\u{29f8}' | '\u{29f9}'
            | '\u{fe68}' | '\u{ff0f}' | '\u{ff3c}'
        // Brackets.
        | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '\u{207d}' | '\u{207e}' | '\u{208d}' | '\u{208e}'
            | '\u{2329}' | '\u{232a}' | '\u{2768}'..='\u{2775}' | '\u{27e6}'..='\u{27ef}'
            | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301b}' | '\u{fe59}'..='\u{fe5e}' | '\u{fe64}'
            | '\u{fe65}' | '\u{ff08}' | '\u{ff09}' | '\u{ff1c}' | '\u{ff1e}' | '\u{ff3b}' | '\u{ff3d}'
            | '\u{ff5b}' | '\u{ff5d}' | '\u{ff5f}' | '\u{ff60}'
        // Quotes, primes and accents.
        | '"' | '\'' | '`' | '\u{a8}' | '\u{ab}' | '\u{b4}' | '\u{bb}' | '\u{2b9}'..='\u{2bf}' | '\u{2ca}'
            | '\u{2cb}' | '\u{2ee}' | '\u{5f3}' | '\u{5f4}' | '\u{2018}'..='\u{201f}'
            | '\u{2032}'..='\u{2037}' | '\u{2039}' | '\u{203a}' | '\u{275b}'..='\u{2760}'
            | '\u{301d}'..='\u{301f}' | '\u{ff02}' | '\u{ff07}' | '\u{ff40}'
            | '\u{ff62}' | '\u{ff63}'
    )
}
