//! A document as a tree that remembers lines, read from TOML or JSON alike.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::findings::{Finding, Findings};

/// What editors of other systems put before a text.
const BYTE_ORDER_MARK: char = '\u{feff}';
/// The parser's words for mistakes that leave the rest of a document as it is.
const DUPLICATE_KEY: &str = "duplicate key";
const UNQUOTED: &str = "string values must be quoted";

/// A value and the line that it stands on.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: Option<usize>,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
    Other,
    /// A field that its table has more than once.
    Repeated,
}

impl Value {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other => "a value of another type",
            Self::Repeated => "several values",
        }
    }
}

/// Reads TOML. A repeated name or a text without quotes is a mistake beside the tree; after any other
/// mistake there is no tree, since nobody knows what the rest means.
pub(super) fn from_toml(text: &str) -> Result<(Node, Findings), Findings> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let (root, errors) = toml::de::DeTable::parse_recoverable(text);
    let mut findings = Findings::default();
    let mut is_whole = true;
    for error in errors {
        let message = error.message();
        is_whole &= message == DUPLICATE_KEY || message.starts_with(UNQUOTED);
        let line = error.span().map(|span| line_of(text, span.start));
        // The parser's words are its own: they hold nothing of the document.
        let message = if message == DUPLICATE_KEY {
            "the same name stands above"
        } else {
            message
        };
        let reason = format!("not valid TOML here: {message}");
        let mistake = Finding::new(line, None, "", reason);
        let is_new = |other: &Finding| other.line != mistake.line;
        if findings.mistakes.iter().all(is_new) {
            findings.mistakes.push(mistake);
        }
    }
    findings.sort();
    if !is_whole {
        return Err(findings);
    }
    let root = Node {
        line: Some(line_of(text, root.span().start)),
        value: toml_table(text, root.into_inner()),
    };
    Ok((root, findings))
}

fn toml_table(text: &str, table: toml::de::DeTable<'_>) -> Value {
    let entry = |(key, value): (
        toml::Spanned<toml::de::DeString<'_>>,
        toml::Spanned<toml::de::DeValue<'_>>,
    )| {
        let line = Some(line_of(text, key.span().start));
        (
            key.into_inner().into_owned(),
            Node {
                line,
                value: toml_value(text, value.into_inner()),
            },
        )
    };
    Value::Table(table.into_iter().map(entry).collect())
}

fn toml_value(text: &str, value: toml::de::DeValue<'_>) -> Value {
    use toml::de::DeValue;
    match value {
        DeValue::String(value) => Value::Text(value.into_owned()),
        DeValue::Integer(value) => {
            i64::from_str_radix(value.as_str(), value.radix()).map_or(Value::Other, Value::Integer)
        }
        DeValue::Boolean(value) => Value::Boolean(value),
        DeValue::Array(items) => Value::List(
            items
                .into_iter()
                .map(|item| Node {
                    line: Some(line_of(text, item.span().start)),
                    value: toml_value(text, item.into_inner()),
                })
                .collect(),
        ),
        DeValue::Table(table) => toml_table(text, table),
        DeValue::Float(_) | DeValue::Datetime(_) => Value::Other,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
        .saturating_add(1)
}

/// Writes a tree as JSON; `None` if it holds what no document may hold.
pub(super) fn to_json(node: &Node) -> Option<serde_json::Value> {
    use serde_json::Value as Json;
    Some(match &node.value {
        Value::Text(text) => Json::from(text.as_str()),
        Value::Integer(number) => Json::from(*number),
        Value::Boolean(truth) => Json::from(*truth),
        Value::List(items) => Json::Array(items.iter().map(to_json).collect::<Option<_>>()?),
        Value::Table(fields) => {
            let fields = fields
                .iter()
                .map(|(name, node)| Some((name.clone(), to_json(node)?)));
            Json::Object(fields.collect::<Option<_>>()?)
        }
        Value::Other | Value::Repeated => return None,
    })
}

pub(super) fn from_json(text: &str) -> Result<(Node, Findings), Findings> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let root = serde_json::from_str(text).map_err(|error| {
        let reason = "not valid JSON here";
        Findings::of(Finding::new(Some(error.line()), None, "", reason))
    })?;
    Ok((root, Findings::default()))
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(JsonValue)?;
        Ok(Self { line: None, value })
    }
}

/// Reads JSON of any shape. A member that stands there twice has no value: either could be meant.
struct JsonValue;

impl<'de> Visitor<'de> for JsonValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Other, Value::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Boolean(truth))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut table = BTreeMap::new();
        while let Some((name, node)) = members.next_entry::<String, Node>()? {
            match table.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(node);
                }
                Entry::Occupied(mut entry) => entry.get_mut().value = Value::Repeated,
            }
        }
        Ok(Value::Table(table))
    }
}
