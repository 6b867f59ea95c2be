//! Taking canonical values out of a provider's fields, so that what is left over is `extra`.
//!
//! A field is taken only when it has the type that is asked for. A null, a text for a number or
//! `[]` for `{}` stays where it is: it is null in `data` and keeps its original in `extra`.

use serde_json::value::RawValue;

use crate::config::Reading;
use crate::data::{Direction, Extra};
use crate::json::{self, Object};
use crate::phone;
use crate::time::{self, Timestamp};

/// Puts what nobody took of an envelope beside what nobody took of the data in it.
pub(super) fn add_envelope(extra: &mut Extra, rest: Extra) {
    for (name, value) in rest {
        let name = if extra.contains_key(&name) {
            format!("envelope.{name}")
        } else {
            name
        };
        extra.insert(name, value);
    }
}

/// The fields of an object that nobody took yet.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    left: Object<'a>,
    reading: &'a Reading,
}

impl<'a> Fields<'a> {
    pub(super) const fn new(object: Object<'a>, reading: &'a Reading) -> Self {
        Self {
            left: object,
            reading,
        }
    }

    pub(super) const fn reading(&self) -> &'a Reading {
        self.reading
    }

    /// Takes the first of `names` that `read` can read.
    pub(super) fn take<T>(
        &mut self,
        names: &[&str],
        read: impl Fn(&RawValue) -> Option<T>,
    ) -> Option<T> {
        names.iter().find_map(|name| {
            let value = read(self.left.get(name)?)?;
            self.left.remove(name);
            Some(value)
        })
    }

    pub(super) fn text(&mut self, names: &[&str]) -> Option<String> {
        self.take(names, json::text)
    }

    /// An identifier: a text or a number.
    pub(super) fn id(&mut self, names: &[&str]) -> Option<String> {
        self.take(names, json::identifier)
    }

    pub(super) fn phone(&mut self, names: &[&str]) -> Option<String> {
        let reading = self.reading;
        self.take(names, |raw| {
            Some(phone::normalise(
                &json::text(raw)?,
                reading.country.as_ref(),
            ))
        })
    }

    /// A whole number that is not negative.
    pub(super) fn count(&mut self, names: &[&str]) -> Option<u64> {
        self.take(names, |raw| serde_json::from_str(raw.get()).ok())
    }

    /// Money, as decimal text: a number as it was written, or a text of one.
    pub(super) fn money(&mut self, names: &[&str]) -> Option<String> {
        self.take(names, |raw| {
            let text = json::identifier(raw)?;
            let decimal = text
                .bytes()
                .all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
            decimal.then_some(text)
        })
    }

    pub(super) fn time(&mut self, names: &[&str]) -> Option<Timestamp> {
        self.take(names, |raw| time::parse_rfc3339(&json::text(raw)?))
    }

    pub(super) fn texts(&mut self, names: &[&str]) -> Option<Vec<String>> {
        self.take(names, |raw| serde_json::from_str(raw.get()).ok())
    }

    /// An object, kept as it was sent.
    pub(super) fn object(&mut self, names: &[&str]) -> Option<Box<RawValue>> {
        self.take(names, |raw| {
            raw.get().starts_with('{').then(|| json::compact(raw))
        })
    }

    pub(super) fn direction(&mut self, names: &[&str]) -> Option<Direction> {
        self.take(names, |raw| {
            match json::text(raw)?.to_ascii_lowercase().as_str() {
                "inbound" => Some(Direction::Inbound),
                "outbound" => Some(Direction::Outbound),
                _ => None,
            }
        })
    }

    /// A list of the one recording, where its address is https.
    pub(super) fn recording(&mut self, names: &[&str]) -> Option<Vec<String>> {
        let https = |url: &String| {
            url.get(..8)
                .is_some_and(|s| s.eq_ignore_ascii_case("https://"))
        };
        self.take(names, |raw| {
            json::text(raw).filter(https).map(|url| vec![url])
        })
    }

    /// Looks at a text without taking it.
    pub(super) fn peek_text(&self, name: &str) -> Option<String> {
        self.left.text(name).filter(|text| !text.trim().is_empty())
    }

    /// Returns what nobody took.
    pub(super) fn rest(self) -> Extra {
        self.left
            .iter()
            .map(|(name, value)| (name.to_owned(), json::compact(value)))
            .collect()
    }
}

/// Returns the first of `names` that holds an identifier.
pub(super) fn first_id(object: &Object<'_>, names: &[&str]) -> Option<String> {
    names
        .iter()
        .find_map(|name| json::identifier(object.get(name)?))
}

/// Returns `{customer},{ours}`, both normalised: the one key that is not as the provider wrote it.
pub(super) fn conversation_key(customer: &str, ours: &str, reading: &Reading) -> String {
    let number = |written| phone::normalise(written, reading.country.as_ref());
    format!("{},{}", number(customer), number(ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_another_type_stays() {
        let reading = Reading::default();
        let text = r#"{"a":"180","b":180,"c":null,"d":[],"e":"https://x/1.mp3","f":"http://x/1.mp3","g":1e999,"h":"2025-01-15T14:30:25"}"#;
        let mut fields = Fields::new(Object::parse(text).unwrap(), &reading);
        assert_eq!(fields.count(&["a", "c", "g", "b"]), Some(180));
        assert!(fields.object(&["d"]).is_none());
        assert_eq!(
            fields.recording(&["f", "e"]),
            Some(vec!["https://x/1.mp3".to_owned()])
        );
        assert!(fields.time(&["h"]).is_none());
        let rest = fields.rest();
        let left: Vec<_> = rest
            .iter()
            .map(|(name, value)| (name.as_str(), value.get()))
            .collect();
        assert_eq!(
            left,
            [
                ("a", "\"180\""),
                ("c", "null"),
                ("d", "[]"),
                ("f", "\"http://x/1.mp3\""),
                ("g", "1e999"),
                ("h", "\"2025-01-15T14:30:25\"")
            ]
        );
    }

    #[test]
    fn money_keeps_its_digits() {
        let reading = Reading::default();
        let text = r#"{"a":0.0070,"b":"1.10","c":"free","d":1e3}"#;
        let mut fields = Fields::new(Object::parse(text).unwrap(), &reading);
        assert_eq!(fields.money(&["a"]).unwrap(), "0.0070");
        assert_eq!(fields.money(&["b"]).unwrap(), "1.10");
        assert_eq!(fields.money(&["c"]), None);
        assert_eq!(fields.money(&["d"]), None);
    }
}
