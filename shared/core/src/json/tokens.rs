//! JSON token by token, for texts that were found to be valid before.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{MAX_MEMBERS, string_length};

/// Returns a value without the white space between its tokens: on one line, all else as it was sent.
#[must_use]
pub fn compact(raw: &RawValue) -> Box<RawValue> {
    let mut written = String::with_capacity(compact_len(raw, usize::MAX));
    let mut tokens = Tokens(raw.get());
    while let Some(token) = tokens.next() {
        written.push_str(token);
    }
    RawValue::from_string(written).unwrap_or_else(|_| raw.to_owned())
}

/// Returns the length of a value in its [`compact`] form, or a length above `limit` where it is longer.
#[must_use]
pub fn compact_len(raw: &RawValue, limit: usize) -> usize {
    let mut tokens = Tokens(raw.get());
    let mut length = 0_usize;
    while let Some(token) = tokens.next() {
        length = length.saturating_add(token.len());
        if length > limit {
            break;
        }
    }
    length
}

/// Writes `raw` in one form whatever its white space, key order and escapes: for digests. `None` where
/// it has more than [`MAX_MEMBERS`] members and elements in all: then its bytes are to be digested.
///
/// Numbers stay as written. The depth was bounded when the document was parsed.
#[must_use]
pub fn canonical(raw: &RawValue) -> Option<String> {
    let mut tokens = Tokens(raw.get());
    let mut left = MAX_MEMBERS;
    let first = tokens.next().unwrap_or_default();
    let value = tokens.value(first, &mut left)?;
    let mut written = String::with_capacity(raw.get().len());
    value.write(&mut written);
    Some(written)
}

/// A value whose members are in the order of their names.
enum Value<'a> {
    Scalar(Cow<'a, str>),
    List(Vec<Self>),
    Object(BTreeMap<Cow<'a, str>, Self>),
}

impl Value<'_> {
    fn write(&self, written: &mut String) {
        match self {
            Self::Scalar(scalar) => written.push_str(scalar),
            Self::List(elements) => {
                written.push('[');
                for element in elements {
                    element.write(written);
                    written.push(',');
                }
                written.push(']');
            }
            Self::Object(members) => {
                written.push('{');
                for (name, value) in members {
                    written.push_str(name);
                    written.push(':');
                    value.write(written);
                    written.push(',');
                }
                written.push('}');
            }
        }
    }
}

/// The tokens of a JSON text that was found to be valid: strings with their quotes, punctuation, and
/// everything else up to the next of them.
struct Tokens<'a>(&'a str);

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start_matches([' ', '\t', '\n', '\r']);
        let length = match text.as_bytes().first()? {
            b'"' => string_length(text),
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            _ => text
                .find([' ', '\t', '\n', '\r', '}', ']', ','])
                .unwrap_or(text.len()),
        };
        let (token, rest) = text.split_at_checked(length).unwrap_or((text, ""));
        self.0 = rest;
        Some(token)
    }

    /// Reads the value that begins with `first`, as long as members are left.
    fn value(&mut self, first: &'a str, left: &mut usize) -> Option<Value<'a>> {
        match first {
            "{" => self.object(left),
            "[" => self.list(left),
            scalar => Some(Value::Scalar(canonical_scalar(scalar))),
        }
    }

    fn object(&mut self, left: &mut usize) -> Option<Value<'a>> {
        let mut members = BTreeMap::new();
        while let Some(token) = self.next() {
            match token {
                "}" => break,
                "," => {}
                key => {
                    *left = left.checked_sub(1)?;
                    self.next(); // the colon
                    let first = self.next().unwrap_or_default();
                    let value = self.value(first, left)?;
                    members.insert(canonical_scalar(key), value);
                }
            }
        }
        Some(Value::Object(members))
    }

    fn list(&mut self, left: &mut usize) -> Option<Value<'a>> {
        let mut elements = Vec::new();
        while let Some(token) = self.next() {
            match token {
                "]" => break,
                "," => {}
                first => {
                    *left = left.checked_sub(1)?;
                    elements.push(self.value(first, left)?);
                }
            }
        }
        Some(Value::List(elements))
    }
}

fn canonical_scalar(token: &str) -> Cow<'_, str> {
    if !token.contains('\\') {
        return token.into(); // a string without escapes is written as it is
    }
    match serde_json::from_str::<String>(token) {
        Ok(text) => serde_json::Value::from(text).to_string().into(),
        Err(_) => token.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_form_ignores_white_space_order_and_escapes() {
        let written = |text: &str| canonical(serde_json::from_str(text).unwrap()).unwrap();
        assert_eq!(
            written(r#"{"b":[1, {"c":"\u0041"}],"a":null}"#),
            written(r#" { "a" : null , "b":[1,{"c":"A"}] }"#)
        );
        assert_ne!(written(r#"{"a":"1"}"#), written(r#"{"a":1}"#));
        assert_ne!(written(r#"{"a":[1,2]}"#), written(r#"{"a":[2,1]}"#));
    }

    #[test]
    fn a_compact_value_is_the_same_on_one_line() {
        let line = |text: &str| {
            compact(serde_json::from_str(text).unwrap())
                .get()
                .to_owned()
        };
        assert_eq!(
            line("{ \"a b\" : [ 1e999 , \"\\\" {\\ud800\" ] ,\n\t\"c\":null , \"d\": { } }"),
            r#"{"a b":[1e999,"\" {\ud800"],"c":null,"d":{}}"#
        );
        assert_eq!(line(" true "), "true");
    }

    #[test]
    fn canonical_form_has_a_budget_of_members_in_all() {
        let canonical = |text: &str| canonical(serde_json::from_str(text).unwrap());
        let list = |elements: usize| format!("[{}]", vec!["0"; elements].join(","));
        assert!(canonical(&list(MAX_MEMBERS)).is_some());
        assert_eq!(canonical(&list(MAX_MEMBERS + 1)), None);
        let object = |members: usize| format!("{{{}}}", vec!["\"a\":0"; members].join(","));
        assert_eq!(
            canonical(&object(MAX_MEMBERS)).as_deref(),
            Some("{\"a\":0,}")
        );
        assert_eq!(canonical(&object(MAX_MEMBERS + 1)), None);
        let rows = |rows: usize| format!("[{}]", vec!["{\"a\":[0]}"; rows].join(","));
        assert!(canonical(&rows(MAX_MEMBERS / 3)).is_some());
        assert_eq!(canonical(&rows(MAX_MEMBERS / 3 + 1)), None);
    }
}
