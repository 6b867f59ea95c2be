//! Taking canonical values out of a provider's fields, so that what is left over is `extra`.
//!
//! A field is taken only when it has the type that is asked for. A null, a text for a number or
//! `[]` for `{}` stays where it is: it is null in `data` and keeps its original in `extra`.

use serde_json::value::RawValue;

use super::Element;
use crate::canonical::MAX_DATA_BYTES;
use crate::config::Reading;
use crate::data::{Direction, Extra};
use crate::json::{self, Object};
use crate::phone;
use crate::time::{OwnTime, Timestamp, parse_rfc3339};

/// The longest address of a recording: more than any browser takes.
const MAX_ADDRESS_BYTES: usize = 8 << 10;

/// The longest time, white space around it included.
const MAX_TIME_BYTES: usize = 1 << 10;

/// The name in `extra` of a time as it was sent that is not believed.
pub(crate) const IMPLAUSIBLE_TIME: &str = "implausible_time";

/// Puts what nobody took of an envelope beside what nobody took of the data in it. Of two times that
/// are not believed, the envelope's is the event's own and stays.
pub(super) fn add_envelope(extra: &mut Extra, mut rest: Extra) {
    extra.note_left_out(&rest);
    while let Some(name) = rest.keys().next().cloned() {
        let new_name = if name != IMPLAUSIBLE_TIME && extra.contains_key(&name) {
            format!("envelope.{name}")
        } else {
            name.clone()
        };
        extra.take_field(&mut rest, &name, new_name);
    }
}

/// The texts of a list; `None` for any other value, and for one that is longer than data may be.
pub(super) fn texts_of(raw: &RawValue) -> Option<Vec<String>> {
    let is_short = raw.get().len() <= MAX_DATA_BYTES;
    let elements = is_short.then(|| json::all_elements(raw)).flatten()?;
    elements.into_iter().map(json::text).collect()
}

/// The fields of an object that nobody took yet.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    left: Object<'a>,
    reading: &'a Reading,
    accepted_at: Timestamp,
    /// The first time that was not believed, as it was sent.
    implausible: Option<Box<RawValue>>,
}

impl<'a> Fields<'a> {
    /// Takes fields out of `object`, which is that of the element or in it.
    pub(super) const fn new(object: Object<'a>, element: &Element<'a>) -> Self {
        Self {
            left: object,
            reading: element.reading,
            accepted_at: element.received_at,
            implausible: None,
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

    /// A phone number: a text, or the number that some software makes of it on the way.
    pub(super) fn phone(&mut self, names: &[&str]) -> Option<String> {
        let country = self.reading.country.as_ref();
        self.take(names, |raw| {
            Some(phone::normalise(&json::identifier(raw)?, country))
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

    /// When something happened. A time that is not believed stays where it is, and is noted.
    pub(super) fn time(&mut self, names: &[&str]) -> Option<Timestamp> {
        let (name, time) = names
            .iter()
            .find_map(|name| Some((name, self.peek_time(name)?)))?;
        self.left.remove(name);
        Some(time)
    }

    /// When something is to happen, however far ahead.
    pub(super) fn time_ahead(&mut self, names: &[&str]) -> Option<Timestamp> {
        self.take(names, |raw| parse_rfc3339(&json::text(raw)?))
    }

    pub(super) fn texts(&mut self, names: &[&str]) -> Option<Vec<String>> {
        self.take(names, texts_of)
    }

    /// An object, kept as it was sent. One that is longer than data may be stays.
    pub(super) fn object(&mut self, names: &[&str]) -> Option<Box<RawValue>> {
        self.take(names, |raw| {
            let fits = raw.get().starts_with('{')
                && json::compact_len(raw, MAX_DATA_BYTES) <= MAX_DATA_BYTES;
            fits.then(|| json::compact(raw))
        })
    }

    /// Takes an object out whose fields are read by themselves.
    pub(super) fn drop_object(&mut self, name: &str) {
        self.take(&[name], |raw| raw.get().starts_with('{').then_some(()));
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

    /// The https addresses of a list, those without a scheme made so. A list of which not all could
    /// be taken stays where it is.
    pub(super) fn recordings(&mut self, names: &[&str]) -> Option<Vec<String>> {
        names.iter().find_map(|name| {
            let written = json::elements(self.left.get(name)?)?;
            let addresses: Vec<_> = written
                .iter()
                .take(json::MAX_ELEMENTS)
                .filter_map(|raw| https_address(&json::text(raw)?))
                .collect();
            if addresses.len() == written.len() && !addresses.is_empty() {
                self.left.remove(name);
            }
            (!addresses.is_empty()).then_some(addresses)
        })
    }

    /// Looks at a value without taking it.
    pub(super) fn peek(&self, name: &str) -> Option<&'a RawValue> {
        self.left.get(name)
    }

    /// Looks at an object without taking it.
    pub(super) fn peek_object(&self, name: &str) -> Option<Object<'a>> {
        Object::from_raw(self.left.get(name)?).ok()
    }

    /// Looks at a time without taking it. One that is not believed is noted.
    pub(super) fn peek_time(&mut self, name: &str) -> Option<Timestamp> {
        let raw = self
            .left
            .get(name)
            .filter(|raw| raw.get().len() <= MAX_TIME_BYTES)?;
        match OwnTime::read(&json::text(raw)?, self.accepted_at)? {
            OwnTime::Believed(time) => Some(time),
            OwnTime::Implausible => {
                self.implausible.get_or_insert_with(|| json::compact(raw));
                None
            }
        }
    }

    /// Looks at a text without taking it.
    pub(super) fn peek_text(&self, name: &str) -> Option<String> {
        self.left.text(name).filter(|text| !text.trim().is_empty())
    }

    /// Returns what nobody took, and the time that was not believed, if there was one.
    pub(super) fn rest(self) -> Extra {
        let mut rest = Extra::of(self.left.iter());
        rest.extend(
            self.implausible
                .map(|time| (IMPLAUSIBLE_TIME.to_owned(), time)),
        );
        rest
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

/// Returns an https address as it is written, and one without a scheme as https; `None` for one of
/// another scheme, and for what is no address.
fn https_address(written: &str) -> Option<String> {
    const HTTPS: &str = "https://";
    if written.len() > MAX_ADDRESS_BYTES {
        return None;
    }
    let (scheme, rest) = match written.split_at_checked(HTTPS.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(HTTPS) => (start, rest),
        _ => (HTTPS, written.strip_prefix("//").unwrap_or(written)),
    };
    let (authority, _) = rest.split_once(['/', '?', '#']).unwrap_or((rest, ""));
    let (host, port) = authority.split_once(':').unwrap_or((authority, "0"));
    let is_host = host.contains('.')
        && host
            .chars()
            .all(|c| c.is_alphanumeric() || c == '.' || c == '-');
    let is_address = is_host
        && port.parse::<u16>().is_ok()
        && !rest.contains(|c: char| c.is_whitespace() || c.is_control());
    is_address.then(|| format!("{scheme}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Headers;

    fn fields<'a>(text: &'a str, reading: &'a Reading, headers: &'a Headers) -> Fields<'a> {
        let element = Element {
            object: Object::parse(text).unwrap(),
            raw: text.as_bytes(),
            slug: None,
            headers,
            reading,
            received_at: parse_rfc3339("2026-01-15T13:00:00Z").unwrap(),
        };
        Fields::new(element.object.clone(), &element)
    }

    #[test]
    fn what_has_another_type_stays() {
        let (reading, headers) = (Reading::default(), Headers::default());
        let text = r#"{"a":"180","b":180,"c":null,"d":[],"e":"https://x/1.mp3","f":"http://x/1.mp3","g":1e999,"h":"2025-01-15T14:30:25"}"#;
        let mut fields = fields(text, &reading, &headers);
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
    fn addresses_are_https_or_become_so() {
        for (written, address) in [
            ("https://a.example/1", Some("https://a.example/1")),
            ("HTTPS://a.example/1", Some("HTTPS://a.example/1")),
            (
                "a.example/api/1?b=c:d",
                Some("https://a.example/api/1?b=c:d"),
            ),
            ("//a.example/1", Some("https://a.example/1")),
            ("a.example:8443/1", Some("https://a.example:8443/1")),
            ("a.example", Some("https://a.example")),
            ("http://a.example/1", None),
            ("ftp://a.example/1", None),
            ("javascript:alert(1)", None),
            ("data:text/html,x.y", None),
            ("javascript.x:alert", None),
            ("me@a.example/1", None),
            ("https://me@a.example/1", None),
            ("https://", None),
            ("/api/1", None),
            ("pending", None),
            ("", None),
            ("not there yet.", None),
            ("a.example/1 2", None),
            ("a.example/1\n2", None),
        ] {
            assert_eq!(https_address(written).as_deref(), address, "{written}");
        }
    }

    #[test]
    fn a_list_of_recordings_stays_where_not_all_of_it_is_taken() {
        let (reading, headers) = (Reading::default(), Headers::default());
        let text = r#"{"all":["a.example/1","https://a.example/2"],"some":["http://a.example/1",7,"a.example/2"],"none":["http://a.example/1"],"empty":[],"text":"a.example/1"}"#;
        let mut fields = fields(text, &reading, &headers);
        let two = ["https://a.example/1", "https://a.example/2"].map(str::to_owned);
        assert_eq!(fields.recordings(&["all"]), Some(two.to_vec()));
        assert_eq!(fields.recordings(&["some"]), Some(vec![two[1].clone()]));
        assert_eq!(
            fields.recordings(&["none", "empty", "text", "missing"]),
            None
        );
        let rest = fields.rest();
        let left: Vec<_> = rest.keys().map(String::as_str).collect();
        assert_eq!(left, ["empty", "none", "some", "text"]);
    }

    #[test]
    fn money_keeps_its_digits() {
        let (reading, headers) = (Reading::default(), Headers::default());
        let text = r#"{"a":0.0070,"b":"1.10","c":"free","d":1e3}"#;
        let mut fields = fields(text, &reading, &headers);
        assert_eq!(fields.money(&["a"]).unwrap(), "0.0070");
        assert_eq!(fields.money(&["b"]).unwrap(), "1.10");
        assert_eq!(fields.money(&["c"]), None);
        assert_eq!(fields.money(&["d"]), None);
    }

    #[test]
    fn implausible_times_stay_and_the_first_is_noted() {
        let (reading, headers) = (Reading::default(), Headers::default());
        let text = r#"{"a":"1970-01-01T00:00:00Z","b":"2026-01-16T13:00:00Z","c":"2026-01-15T12:59:59Z","d":"2027-01-15T12:59:59Z"}"#;
        let mut fields = fields(text, &reading, &headers);
        assert_eq!(fields.time(&["a", "b"]), None);
        assert_eq!(
            fields.time(&["a", "c"]),
            parse_rfc3339("2026-01-15T12:59:59Z")
        );
        assert_eq!(
            fields.time_ahead(&["d"]),
            parse_rfc3339("2027-01-15T12:59:59Z")
        );
        let rest = fields.rest();
        let left: Vec<_> = rest.keys().map(String::as_str).collect();
        assert_eq!(left, ["a", "b", "implausible_time"]);
        assert_eq!(rest["implausible_time"].get(), "\"1970-01-01T00:00:00Z\"");
    }
}
