//! JSON read one level at a time, without losing anything.
//!
//! An [`Object`] keeps its values as the text that was sent: numbers beyond any type, repeated keys
//! (the last one wins) and escapes survive, and only the fields that somebody asks for are decoded.
//! There is no tree of values here and no recursion over input.

use std::borrow::{Borrow, Cow};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use memchr::memchr2;
use serde::Deserialize;
use serde::de::{Deserializer as _, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

mod half_pairs;
mod named;
mod scan;
mod text;
mod tokens;

pub(crate) use half_pairs::replace_half_pairs;
pub use half_pairs::without_half_pairs;
pub(crate) use named::{unmarked, with_names};
pub(crate) use scan::Scan;
pub(crate) use text::beginning_of;
pub use text::{MAX_TEXT_BYTES, text};
pub use tokens::{canonical, compact, compact_len};

/// The deepest nesting that is read; deeper documents are refused as a whole.
///
/// It keeps every later reader of the same text, ours or the user's, away from its own limit: many
/// stop at 127 levels, and what the command line prints wraps a sender's object in four more.
pub const MAX_DEPTH: usize = 120;

/// The most members of an object that is read, repeated ones included; and the most of all objects
/// and lists of a value that is written in its canonical form.
pub const MAX_MEMBERS: usize = 10_000;

/// The most elements of a list in a field that are read.
pub const MAX_ELEMENTS: usize = 1_000;

/// The most digits of a number that can be an identifier: more than a key may have.
const MAX_NUMBER_CHARS: usize = 1_024;

/// Why a text is not a JSON object.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum JsonError {
    /// The text is nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// An object has more than [`MAX_MEMBERS`] members.
    #[error("an object of more fields than are read")]
    TooManyMembers,
    /// The text is JSON, but no object.
    #[error("not a JSON object")]
    NotAnObject,
    /// The text is not JSON.
    #[error("not valid JSON")]
    Invalid,
}

/// Where a JSON text could not be read. `serde_json`'s own errors quote what stands there.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not the expected JSON at line {line}, column {column}")]
pub struct Misplaced {
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for Misplaced {
    fn from(error: serde_json::Error) -> Self {
        Self {
            line: error.line(),
            column: error.column(),
        }
    }
}

#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl Borrow<str> for Key<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A JSON object whose values are still text.
#[derive(Clone, Debug, Default)]
pub struct Object<'a>(BTreeMap<Key<'a>, &'a RawValue>);

impl<'a> Object<'a> {
    /// Reads the first level of `text`.
    ///
    /// # Errors
    ///
    /// When `text` is not a JSON object or is nested too deeply.
    pub fn parse(text: &'a str) -> Result<Self, JsonError> {
        Self::from_raw(value(text)?)
    }

    /// Reads the first level of a value that was read before.
    ///
    /// # Errors
    ///
    /// When the value is no object, has more than [`MAX_MEMBERS`] members, or a key of it is no text
    /// (half a surrogate pair).
    pub fn from_raw(raw: &'a RawValue) -> Result<Self, JsonError> {
        if !raw.get().starts_with('{') {
            return Err(JsonError::NotAnObject);
        }
        let is_beyond = Cell::new(false);
        serde_json::Deserializer::from_str(raw.get())
            .deserialize_map(Members(&is_beyond))
            .map(Self)
            .map_err(|_| match is_beyond.get() {
                true => JsonError::TooManyMembers,
                false => JsonError::Invalid,
            })
    }

    /// Reports whether a member is an object of more members than are read.
    #[must_use]
    pub fn has_member_beyond_budget(&self) -> bool {
        self.0.values().any(|raw| {
            // A member takes five bytes at least: `"":0,`.
            raw.get().len() > MAX_MEMBERS
                && matches!(Object::from_raw(raw), Err(JsonError::TooManyMembers))
        })
    }

    /// Returns the value of `key`, if there is one.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.0.get(key).copied()
    }

    /// Takes the value of `key` out.
    pub fn remove(&mut self, key: &str) -> Option<&'a RawValue> {
        self.0.remove(key)
    }

    /// Returns the text of `key`, if its value is a text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        self.get(key).and_then(text)
    }

    /// Iterates over what is left, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(key, value)| (key.borrow(), *value))
    }
}

/// Reads members, and stops where there are more than are read.
struct Members<'c>(&'c Cell<bool>);

impl<'de> Visitor<'de> for Members<'_> {
    type Value = BTreeMap<Key<'de>, &'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut members = BTreeMap::new();
        let mut left = MAX_MEMBERS;
        while let Some(key) = object.next_key()? {
            let Some(rest) = left.checked_sub(1) else {
                self.0.set(true);
                return Err(A::Error::custom("too many members"));
            };
            left = rest;
            members.insert(key, object.next_value()?);
        }
        Ok(members)
    }
}

/// Reads a text as one JSON value without looking into it.
///
/// # Errors
///
/// When it is no JSON or is nested too deeply.
pub fn value(text: &str) -> Result<&RawValue, JsonError> {
    if depth(text) > MAX_DEPTH {
        return Err(JsonError::TooDeep);
    }
    serde_json::from_str(text).map_err(|_| JsonError::Invalid)
}

/// Returns the first [`MAX_ELEMENTS`] elements of a list and one more, each as it was written; `None`
/// for any other value.
#[must_use]
pub fn elements(raw: &RawValue) -> Option<Vec<&RawValue>> {
    first_elements(raw, MAX_ELEMENTS)
}

/// Returns the first elements of a list, `limit` and one more, each as it was written; `None` for any
/// other value. What comes behind them costs nothing.
#[must_use]
pub fn first_elements(raw: &RawValue, limit: usize) -> Option<Vec<&RawValue>> {
    struct First<'v, 'de>(usize, &'v mut Vec<&'de RawValue>);

    impl<'de> Visitor<'de> for First<'_, 'de> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
            while self.1.len() <= self.0 {
                let Some(element) = list.next_element()? else {
                    return Ok(());
                };
                self.1.push(element);
            }
            Ok(()) // the reader complains of the rest
        }
    }

    let mut first = Vec::new();
    let read =
        serde_json::Deserializer::from_str(raw.get()).deserialize_seq(First(limit, &mut first));
    (read.is_ok() || first.len() > limit).then_some(first)
}

/// Returns the elements of a list; `None` for any other value and for more than [`MAX_ELEMENTS`].
#[must_use]
pub fn all_elements(raw: &RawValue) -> Option<Vec<&RawValue>> {
    elements(raw).filter(|elements| elements.len() <= MAX_ELEMENTS)
}

/// Returns an identifier: a string that is not empty, or a number as it was written. A number longer
/// than any key is none.
#[must_use]
pub fn identifier(raw: &RawValue) -> Option<String> {
    let written = raw.get();
    if written.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return (written.len() <= MAX_NUMBER_CHARS).then(|| written.to_owned());
    }
    text(raw).filter(|id| !id.trim().is_empty())
}

/// The length of the string that `text` begins with, its quotes included.
fn string_length(text: &str) -> usize {
    let behind = text.as_bytes().get(1..).unwrap_or_default();
    text.len().saturating_sub(behind_string(behind).len())
}

/// Returns what comes behind a string's closing quote.
fn behind_string(mut text: &[u8]) -> &[u8] {
    loop {
        let Some(place) = memchr2(b'"', b'\\', text) else {
            return &[];
        };
        let is_quote = text.get(place) == Some(&b'"');
        let behind = place.saturating_add(if is_quote { 1 } else { 2 });
        text = text.get(behind..).unwrap_or_default();
        if is_quote {
            return text;
        }
    }
}

/// Returns as much of the beginning of `text` as takes `limit` bytes at most when it is written in
/// JSON, its quotes not counted.
#[must_use]
pub fn beginning(text: &str, limit: usize) -> &str {
    let mut left = limit;
    let mut end = 0_usize;
    for c in text.chars() {
        match left.checked_sub(written_bytes(c)) {
            Some(rest) => left = rest,
            None => break,
        }
        end = end.saturating_add(c.len_utf8());
    }
    text.get(..end).unwrap_or_default()
}

/// How many bytes a text takes when it is written in JSON, its quotes not counted.
#[must_use]
pub fn written_len(text: &str) -> usize {
    text.chars()
        .map(written_bytes)
        .fold(0, usize::saturating_add)
}

const fn written_bytes(c: char) -> usize {
    match c {
        '"' | '\\' | '\u{8}' | '\t' | '\n' | '\u{c}' | '\r' => 2,
        '\0'..='\x1f' => 6,
        _ => c.len_utf8(),
    }
}

/// Counts the deepest nesting of brackets outside strings.
fn depth(text: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0_usize);
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'"' => rest = behind_string(behind),
            b'{' | b'[' => {
                open = open.saturating_add(1);
                deepest = deepest.max(open);
            }
            b'}' | b']' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_repeated_keys_wins() {
        let object = Object::parse(r#"{"To":"first","To":"second"}"#).unwrap();
        assert_eq!(object.text("To").unwrap(), "second");
    }

    #[test]
    fn numbers_beyond_any_type_keep_their_text() {
        let object = Object::parse(r#"{"n":1e999,"m":123456789012345678901234567890}"#).unwrap();
        assert_eq!(object.get("n").unwrap().get(), "1e999");
        assert_eq!(
            identifier(object.get("m").unwrap()).unwrap(),
            "123456789012345678901234567890"
        );
    }

    #[test]
    fn a_text_takes_as_much_as_it_takes_in_json() {
        for text in [
            "",
            "plain",
            "\"quoted\"",
            "back\\slash",
            "\u{1}",
            "é\u{1f600}",
        ] {
            let whole = serde_json::to_string(text).unwrap();
            assert_eq!(written_len(text) + 2, whole.len(), "{whole}");
        }
    }

    #[test]
    fn nesting_is_bounded_and_brackets_in_strings_do_not_count() {
        let nested =
            |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(Object::parse(&nested(MAX_DEPTH - 1)).is_ok());
        assert_eq!(
            Object::parse(&nested(MAX_DEPTH)).unwrap_err(),
            JsonError::TooDeep
        );
        assert_eq!(
            Object::parse(&nested(10_000)).unwrap_err(),
            JsonError::TooDeep
        );
        assert_eq!(depth(r#"{"a":"[[[\"[["}"#), 1);
        assert_eq!(depth(r#"{"a":"\\","b":[1]}"#), 2);
    }

    #[test]
    fn what_is_no_object_is_told_from_what_is_no_json() {
        for (text, error) in [
            ("null", JsonError::NotAnObject),
            ("[]", JsonError::NotAnObject),
            ("7", JsonError::NotAnObject),
            ("{", JsonError::Invalid),
            ("{} x", JsonError::Invalid),
            ("", JsonError::Invalid),
        ] {
            assert_eq!(Object::parse(text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_no_text_but_does_not_spoil_the_rest() {
        let object = Object::parse(r#"{"a":"\ud800","b":"fine"}"#).unwrap();
        assert_eq!(object.text("a"), None);
        assert_eq!(object.text("b").unwrap(), "fine");
    }
}
