//! Message attributes: their limits, their size and their MD5 as AWS publishes it.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use super::fault::{Fault, invalid};

const MAX_ATTRIBUTES: usize = 10;
const MAX_NAME: usize = 256;

/// The one system attribute that a sender may give.
const TRACE_HEADER: &str = "AWSTraceHeader";

/// How the MD5 marks text and bytes.
const TEXT: [u8; 1] = [1];
const BINARY: [u8; 1] = [2];

/// A message's attributes, in the order of their names, as the MD5 needs them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Attributes(BTreeMap<String, Attribute>);

#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "RawAttribute", into = "RawAttribute")]
struct Attribute {
    data_type: String,
    value: AttributeValue,
}

#[derive(Clone)]
enum AttributeValue {
    Text(String),
    Binary(Vec<u8>),
}

/// An attribute as it travels.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawAttribute {
    #[serde(default)]
    data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    string_value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
}

impl TryFrom<RawAttribute> for Attribute {
    type Error = base64::DecodeError;

    fn try_from(raw: RawAttribute) -> Result<Self, Self::Error> {
        let value = match raw.binary_value {
            Some(encoded) => AttributeValue::Binary(STANDARD.decode(encoded)?),
            None => AttributeValue::Text(raw.string_value.unwrap_or_default()),
        };
        Ok(Self {
            data_type: raw.data_type,
            value,
        })
    }
}

impl From<Attribute> for RawAttribute {
    fn from(attribute: Attribute) -> Self {
        let (string_value, binary_value) = match attribute.value {
            AttributeValue::Text(text) => (Some(text), None),
            AttributeValue::Binary(bytes) => (None, Some(STANDARD.encode(bytes))),
        };
        Self {
            data_type: attribute.data_type,
            string_value,
            binary_value,
        }
    }
}

/// Values stay out of logs.
impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attribute")
            .field("data_type", &self.data_type)
            .finish_non_exhaustive()
    }
}

impl Attribute {
    fn bytes(&self) -> &[u8] {
        match &self.value {
            AttributeValue::Text(text) => text.as_bytes(),
            AttributeValue::Binary(bytes) => bytes,
        }
    }

    /// The type is `String`, `Number` or `Binary`, with a label of the sender's after a point.
    fn is_well_formed(&self) -> bool {
        let kind = self.data_type.split('.').next().unwrap_or_default();
        let fits = match (kind, &self.value) {
            ("String", AttributeValue::Text(text)) => super::send::is_plain_text(text),
            ("Number", AttributeValue::Text(text)) => text.parse::<f64>().is_ok_and(f64::is_finite),
            ("Binary", AttributeValue::Binary(_)) => true,
            _ => false,
        };
        fits && !self.bytes().is_empty() && self.data_type.len() <= MAX_NAME
    }
}

impl Attributes {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses what SQS refuses in a sender's own attributes.
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.0.len() > MAX_ATTRIBUTES {
            return Err(invalid(format!(
                "a message has at most {MAX_ATTRIBUTES} attributes"
            )));
        }
        if !self.0.keys().all(|name| is_name(name)) {
            return Err(invalid("a message attribute has an invalid name"));
        }
        self.check_values()
    }

    /// Refuses system attributes other than the trace header.
    pub(super) fn check_system(&self) -> Result<(), Fault> {
        if self.0.keys().any(|name| name != TRACE_HEADER) {
            return Err(invalid(format!(
                "the only system attribute to send is `{TRACE_HEADER}`"
            )));
        }
        self.check_values()
    }

    fn check_values(&self) -> Result<(), Fault> {
        if self.0.values().all(Attribute::is_well_formed) {
            return Ok(());
        }
        Err(invalid("a message attribute's value does not fit its type"))
    }

    /// Returns what they add to the message's size.
    pub(super) fn size(&self) -> usize {
        self.0.iter().fold(0, |size, (name, attribute)| {
            size.saturating_add(name.len())
                .saturating_add(attribute.data_type.len())
                .saturating_add(attribute.bytes().len())
        })
    }

    /// Returns the MD5 that SDKs compare, or nothing when there are no attributes.
    pub(super) fn md5(&self) -> Option<String> {
        let mut md5 = Md5::new();
        for (name, attribute) in &self.0 {
            add_with_length(&mut md5, name.as_bytes());
            add_with_length(&mut md5, attribute.data_type.as_bytes());
            md5.update(match attribute.value {
                AttributeValue::Text(_) => TEXT,
                AttributeValue::Binary(_) => BINARY,
            });
            add_with_length(&mut md5, attribute.bytes());
        }
        (!self.is_empty()).then(|| hex::encode(md5.finalize()))
    }

    /// Keeps those asked for: by name, by prefix (`order.*`), or all (`All`, `.*`).
    pub(super) fn retain(&mut self, wanted: &[String]) {
        self.0
            .retain(|name, _| wanted.iter().any(|pattern| is_match(pattern, name)));
    }

    /// Returns names and texts, for system attributes.
    pub(super) fn into_texts(self) -> impl Iterator<Item = (String, String)> {
        self.0
            .into_iter()
            .filter_map(|(name, attribute)| match attribute.value {
                AttributeValue::Text(text) => Some((name, text)),
                AttributeValue::Binary(_) => None,
            })
    }
}

fn add_with_length(md5: &mut Md5, bytes: &[u8]) {
    md5.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    md5.update(bytes);
}

fn is_match(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix(".*") {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == "All" || pattern == name,
    }
}

fn is_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.split('.').any(str::is_empty)
        && !lower.starts_with("aws.")
        && !lower.starts_with("amazon.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(json: &str) -> Attributes {
        serde_json::from_str(json).unwrap()
    }

    /// Worked out from AWS's description in Python, apart from this code.
    #[test]
    fn the_md5_is_the_published_one() {
        for (json, md5) in [
            (
                r#"{"number": {"DataType": "Number", "StringValue": "42"},
                    "text": {"DataType": "String", "StringValue": "hé"}}"#,
                "f3f80c57bad878124b0f17441008ac10",
            ),
            (
                r#"{"raw": {"DataType": "Binary.png", "BinaryValue": "AAEC"}}"#,
                "af48f8ad1a623732c46309071d8b121b",
            ),
        ] {
            assert_eq!(attributes(json).md5().as_deref(), Some(md5));
        }
        assert_eq!(Attributes::default().md5(), None);
    }

    #[test]
    fn sizes_count_name_type_and_decoded_value() {
        let given = attributes(r#"{"raw": {"DataType": "Binary", "BinaryValue": "AAEC"}}"#);
        assert_eq!(given.size(), 3 + 6 + 3);
    }

    #[test]
    fn names_and_values_are_checked() {
        let text = r#"{"DataType": "String", "StringValue": "x"}"#;
        for (name, value, is_good) in [
            ("order.id", text, true),
            ("", text, false),
            (".dot", text, false),
            ("a..b", text, false),
            ("AWS.x", text, false),
            ("a b", text, false),
            (
                "n",
                r#"{"DataType": "Number", "StringValue": "1.5e3"}"#,
                true,
            ),
            (
                "n",
                r#"{"DataType": "Number", "StringValue": "one"}"#,
                false,
            ),
            ("n", r#"{"DataType": "String", "StringValue": ""}"#, false),
            (
                "n",
                r#"{"DataType": "String", "BinaryValue": "AA=="}"#,
                false,
            ),
            ("n", r#"{"DataType": "Other", "StringValue": "x"}"#, false),
        ] {
            let given = attributes(&format!(r#"{{"{name}": {value}}}"#));
            assert_eq!(given.check().is_ok(), is_good, "{name} {value}");
        }
    }

    #[test]
    fn those_asked_for_are_kept() {
        let given = |wanted: &str| {
            let one = r#"{"DataType": "String", "StringValue": "x"}"#;
            let mut all = attributes(&format!(r#"{{"a.b": {one}, "a.c": {one}, "d": {one}}}"#));
            all.retain(&[wanted.to_owned()]);
            all.0.into_keys().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(given("All"), "a.b a.c d");
        assert_eq!(given(".*"), "a.b a.c d");
        assert_eq!(given("a.*"), "a.b a.c");
        assert_eq!(given("d"), "d");
        assert_eq!(given("e"), "");
    }
}
