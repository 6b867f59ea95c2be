//! JSON compared as it is written: numbers beyond any type, and texts that are none, included.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;

/// A JSON value whose numbers keep their digits.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// An object; the last of repeated keys counts.
    Object(BTreeMap<String, Self>),
    /// A list.
    List(Vec<Self>),
    /// A text.
    Text(String),
    /// Anything else, and a text with half a surrogate pair, as it is written.
    Other(String),
}

/// A place where two values differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Where, such as `extra.tags[1]`.
    pub place: String,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub actual: String,
}

impl Json {
    /// Reads a value.
    #[must_use]
    pub fn read(raw: &RawValue) -> Self {
        let written = raw.get();
        if let Ok(object) = serde_json::from_str::<BTreeMap<String, &RawValue>>(written) {
            let members = object.into_iter();
            return Self::Object(members.map(|(key, raw)| (key, Self::read(raw))).collect());
        }
        if let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(written) {
            return Self::List(list.into_iter().map(Self::read).collect());
        }
        serde_json::from_str(written).map_or_else(|_| Self::Other(written.to_owned()), Self::Text)
    }

    /// Reads a text of JSON.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let raw: &RawValue =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("no JSON: {error}"));
        Self::read(raw)
    }

    /// Takes a member out of an object.
    pub fn remove(&mut self, name: &str) -> Option<Self> {
        match self {
            Self::Object(members) => members.remove(name),
            Self::List(_) | Self::Text(_) | Self::Other(_) => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self, Self::Other(written) if written == "null")
    }

    fn shown(&self) -> String {
        let shown = match self {
            Self::Text(text) => format!("{text:?}"),
            Self::Other(written) => written.clone(),
            Self::Object(_) | Self::List(_) => format!("{self:?}"),
        };
        let mut short: String = shown.chars().take(120).collect();
        if short.len() < shown.len() {
            short.push_str(&format!("… ({} bytes)", shown.len()));
        }
        short
    }
}

/// Tells where two whole objects differ; a null member is as good as none.
#[must_use]
pub fn differences(expected: &Json, actual: &Json) -> Vec<Difference> {
    let mut found = Vec::new();
    match (expected, actual) {
        (Json::Object(expected), Json::Object(actual)) => {
            let names: BTreeSet<_> = expected.keys().chain(actual.keys()).collect();
            for name in names {
                members(name, expected.get(name), actual.get(name), &mut found);
            }
        }
        _ => compare("", Some(expected), Some(actual), &mut found),
    }
    found
}

/// Tells which members of an object another does not hold as they are; a null one may be missing.
#[must_use]
pub fn missing(part: &Json, whole: &Json) -> Vec<Difference> {
    let mut found = Vec::new();
    match (part, whole) {
        (Json::Object(part), Json::Object(whole)) => {
            for (name, expected) in part {
                members(name, Some(expected), whole.get(name), &mut found);
            }
        }
        _ => compare("", Some(part), Some(whole), &mut found),
    }
    found
}

fn members(
    name: &str,
    expected: Option<&Json>,
    actual: Option<&Json>,
    found: &mut Vec<Difference>,
) {
    let told = |value: Option<&Json>| value.is_some_and(|value| !value.is_null());
    if told(expected) || told(actual) {
        compare(name, expected, actual, found);
    }
}

fn compare(
    place: &str,
    expected: Option<&Json>,
    actual: Option<&Json>,
    found: &mut Vec<Difference>,
) {
    match (expected, actual) {
        (Some(Json::Object(expected)), Some(Json::Object(actual))) => {
            let names: BTreeSet<_> = expected.keys().chain(actual.keys()).collect();
            for name in names {
                let place = format!("{place}.{name}");
                compare(&place, expected.get(name), actual.get(name), found);
            }
        }
        (Some(Json::List(expected)), Some(Json::List(actual))) => {
            for index in 0..expected.len().max(actual.len()) {
                let place = format!("{place}[{index}]");
                compare(&place, expected.get(index), actual.get(index), found);
            }
        }
        _ if expected == actual => {}
        _ => {
            let shown = |value: Option<&Json>| value.map_or("nothing".to_owned(), Json::shown);
            found.push(Difference {
                place: place.to_owned(),
                expected: shown(expected),
                actual: shown(actual),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(expected: &str, actual: &str) -> Vec<String> {
        let found = differences(&Json::parse(expected), &Json::parse(actual));
        found.into_iter().map(|d| d.place).collect()
    }

    #[test]
    fn what_is_written_differently_differs_and_null_is_as_good_as_nothing() {
        assert!(places(r#"{"a":null,"b":[1e999]}"#, r#"{ "b": [1e999] }"#).is_empty());
        assert_eq!(places(r#"{"a":{"b":1.0}}"#, r#"{"a":{"b":1}}"#), ["a.b"]);
        assert_eq!(places(r#"{"a":{"b":null}}"#, r#"{"a":{}}"#), ["a.b"]);
        assert_eq!(
            places(r#"{"a":[1]}"#, r#"{"a":[1,2],"x":0}"#),
            ["a[1]", "x"]
        );
        assert_eq!(places(r#"{"a":"\ud800"}"#, r#"{"a":"\udc00"}"#), ["a"]);
        assert_eq!(places(r#"{"a":"1"}"#, r#"{"a":1}"#), ["a"]);
    }

    #[test]
    fn a_part_need_not_name_everything() {
        let whole = Json::parse(r#"{"a":1,"b":2}"#);
        assert!(missing(&Json::parse(r#"{"b":2,"c":null}"#), &whole).is_empty());
        assert_eq!(missing(&Json::parse(r#"{"b":3,"c":4}"#), &whole).len(), 2);
    }
}
