//! A document as a tree that remembers lines, read from TOML or JSON alike.

use std::collections::BTreeMap;

use super::ConfigError;

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
}

impl Value {
    const fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other => "a value of another type",
        }
    }
}

pub(super) fn from_toml(text: &str) -> Result<Node, ConfigError> {
    let table = toml::de::DeTable::parse(text).map_err(|error| {
        let line = error.span().map(|span| line_of(text, span.start));
        ConfigError::at(line, None, "", "not valid TOML here")
    })?;
    let line = Some(line_of(text, table.span().start));
    Ok(Node {
        line,
        value: toml_table(text, table.into_inner()),
    })
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
        Value::Other => return None,
    })
}

pub(super) fn from_json(text: &str) -> Result<Node, ConfigError> {
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| ConfigError::at(Some(error.line()), None, "", "not valid JSON here"))?;
    Ok(json_node(value))
}

fn json_node(value: serde_json::Value) -> Node {
    use serde_json::Value as Json;
    let value = match value {
        Json::String(value) => Value::Text(value),
        Json::Number(value) => value.as_i64().map_or(Value::Other, Value::Integer),
        Json::Bool(value) => Value::Boolean(value),
        Json::Array(items) => Value::List(items.into_iter().map(json_node).collect()),
        Json::Object(map) => Value::Table(
            map.into_iter()
                .map(|(key, value)| (key, json_node(value)))
                .collect(),
        ),
        Json::Null => Value::Other,
    };
    Node { line: None, value }
}

/// A field that was there, and the line that it stands on.
type Taken<T> = Option<(T, Option<usize>)>;

/// The fields of one table, taken out one by one; what is left at the end is unknown.
#[derive(Debug)]
pub(super) struct Fields {
    source: Option<String>,
    pub(super) line: Option<usize>,
    left: BTreeMap<String, Node>,
}

impl Fields {
    pub(super) fn of(node: Node, source: Option<&str>) -> Result<Self, ConfigError> {
        match node.value {
            Value::Table(left) => Ok(Self {
                source: source.map(str::to_owned),
                line: node.line,
                left,
            }),
            other => Err(ConfigError::at(
                node.line,
                source,
                "",
                format!("must be a table, not {}", other.name()),
            )),
        }
    }

    pub(super) fn error(
        &self,
        line: Option<usize>,
        field: &str,
        reason: impl Into<String>,
    ) -> ConfigError {
        ConfigError::at(line.or(self.line), self.source.as_deref(), field, reason)
    }

    fn take<T>(
        &mut self,
        field: &str,
        expected: &str,
        read: impl FnOnce(Value) -> Result<T, Value>,
    ) -> Result<Taken<T>, ConfigError> {
        let Some(node) = self.left.remove(field) else {
            return Ok(None);
        };
        match read(node.value) {
            Ok(value) => Ok(Some((value, node.line))),
            Err(other) => {
                let reason = format!("must be {expected}, not {}", other.name());
                Err(self.error(node.line, field, reason))
            }
        }
    }

    /// Drops a field, and tells the line that it stood on if it was there.
    pub(super) fn drop(&mut self, field: &str) -> Option<Option<usize>> {
        self.left.remove(field).map(|node| node.line)
    }

    pub(super) fn text(&mut self, field: &str) -> Result<Taken<String>, ConfigError> {
        self.take(field, "a text", |value| match value {
            Value::Text(text) => Ok(text),
            other => Err(other),
        })
    }

    pub(super) fn integer(&mut self, field: &str) -> Result<Taken<i64>, ConfigError> {
        self.take(field, "a number", |value| match value {
            Value::Integer(number) => Ok(number),
            other => Err(other),
        })
    }

    pub(super) fn boolean(&mut self, field: &str) -> Result<Taken<bool>, ConfigError> {
        self.take(field, "true or false", |value| match value {
            Value::Boolean(truth) => Ok(truth),
            other => Err(other),
        })
    }

    pub(super) fn table(
        &mut self,
        field: &str,
    ) -> Result<Option<BTreeMap<String, Node>>, ConfigError> {
        let table = self.take(field, "a table", |value| match value {
            Value::Table(table) => Ok(table),
            other => Err(other),
        })?;
        Ok(table.map(|(table, _)| table))
    }

    pub(super) fn list(&mut self, field: &str) -> Result<Taken<Vec<Node>>, ConfigError> {
        let list = self.take(field, "a list", |value| match value {
            Value::List(list) => Ok(list),
            other => Err(other),
        })?;
        match list {
            Some((list, line)) if list.is_empty() => Err(self.error(
                line,
                field,
                "must not be empty: fill it or leave the field out",
            )),
            list => Ok(list),
        }
    }

    /// Takes a list of texts, none of them empty, each read by `read`.
    pub(super) fn texts<T>(
        &mut self,
        field: &str,
        mut read: impl FnMut(String) -> Result<T, String>,
    ) -> Result<Vec<T>, ConfigError> {
        let Some((list, _)) = self.list(field)? else {
            return Ok(Vec::new());
        };
        list.into_iter()
            .map(|node| match node.value {
                Value::Text(text) if text.trim().is_empty() => {
                    Err(self.error(node.line, field, "must not hold an empty text"))
                }
                Value::Text(text) => {
                    read(text).map_err(|reason| self.error(node.line, field, reason))
                }
                other => {
                    let reason = format!("must be a list of texts, not of {}", other.name());
                    Err(self.error(node.line, field, reason))
                }
            })
            .collect()
    }

    /// Refuses what is left.
    pub(super) fn finish(self, known: &[&str]) -> Result<(), ConfigError> {
        let Some((field, node)) = self.left.iter().next() else {
            return Ok(());
        };
        let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
        let reason = format!("unknown field; there is {}", known.join(", "));
        Err(self.error(node.line, field, reason))
    }
}
