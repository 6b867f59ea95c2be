//! The fields of one table, taken out one by one. What is wrong with them is collected, so that all of
//! it is reported at once.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::{Finding, Findings, Hidden};
use super::node::{Node, Value};
use crate::nearest::nearest;

/// What senders' pages call the fields that hold them.
const OTHER_WORDS: [(&str, &str); 5] = [
    ("key", "secrets"),
    ("signing_key", "secrets"),
    ("login", "users"),
    ("password", "users"),
    ("username", "users"),
];

/// A value that was there, and the line that it stands on.
pub(super) type Taken<T> = Option<(T, Option<usize>)>;

/// The fields of one table.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    source: Option<&'a str>,
    line: Option<usize>,
    left: BTreeMap<String, Node>,
    /// What stands there, right or wrong, and what a misspelt name is meant to be: it is not missing.
    given: BTreeSet<String>,
    hidden: &'a Hidden,
    findings: Findings,
}

impl<'a> Fields<'a> {
    pub(super) fn of(
        node: Node,
        source: Option<&'a str>,
        hidden: &'a Hidden,
    ) -> Result<Self, Finding> {
        let Value::Table(mut left) = node.value else {
            let reason = format!("must be a table, not {}", node.value.name());
            return Err(Finding::new(node.line, source, "", reason));
        };
        let given = left.keys().cloned().collect();
        let repeated: Vec<_> = left
            .extract_if(.., |_, node| matches!(node.value, Value::Repeated))
            .collect();
        let mut fields = Self {
            source,
            line: node.line,
            left,
            given,
            hidden,
            findings: Findings::default(),
        };
        for (name, node) in repeated {
            fields.mistake(node.line, &name, "stands there more than once");
        }
        Ok(fields)
    }

    /// Notes a mistake of a field, or of the table where no line is given.
    pub(super) fn mistake(&mut self, line: Option<usize>, field: &str, reason: impl Into<String>) {
        let line = line.or(self.line);
        let mistake = Finding::new(line, self.source, field, reason);
        self.findings.mistakes.push(mistake);
    }

    /// Notes a credential that is copied from the documentation.
    pub(super) fn placeholder(&mut self, line: Option<usize>, field: &str, reason: &str) {
        let placeholder = Finding::new(line, self.source, field, reason);
        self.findings.placeholders.push(placeholder);
    }

    /// Notes what is allowed and unwise.
    pub(super) fn warn(&mut self, line: Option<usize>, field: &str, reason: impl Into<String>) {
        let warning = Finding::new(line, self.source, field, reason);
        self.findings.warnings.push(warning);
    }

    /// Quotes a value, unless it may be a secret.
    pub(super) fn quote(&self, value: &str) -> String {
        self.hidden.quote(value)
    }

    /// Reports whether a field stands there, right or wrong.
    pub(super) fn is_given(&self, field: &str) -> bool {
        self.given.contains(field)
    }

    /// Notes that a field stands there by another name.
    pub(super) fn set_given(&mut self, field: &str) {
        self.given.insert(field.to_owned());
    }

    fn take<T>(
        &mut self,
        field: &str,
        expected: &str,
        read: impl FnOnce(Value) -> Result<T, Value>,
    ) -> Taken<T> {
        let node = self.left.remove(field)?;
        match read(node.value) {
            Ok(value) => Some((value, node.line)),
            Err(other) => {
                let reason = format!("must be {expected}, not {}", other.name());
                self.mistake(node.line, field, reason);
                None
            }
        }
    }

    /// Drops a field, and returns the line that it stood on if it was there.
    pub(super) fn drop(&mut self, field: &str) -> Option<Option<usize>> {
        self.left.remove(field).map(|node| node.line)
    }

    pub(super) fn text(&mut self, field: &str) -> Taken<String> {
        self.take(field, "a text", |value| match value {
            Value::Text(text) => Ok(text),
            other => Err(other),
        })
    }

    pub(super) fn integer(&mut self, field: &str) -> Taken<i64> {
        self.take(field, "a whole number", |value| match value {
            Value::Integer(number) => Ok(number),
            other => Err(other),
        })
    }

    pub(super) fn boolean(&mut self, field: &str) -> Taken<bool> {
        self.take(field, "true or false", |value| match value {
            Value::Boolean(truth) => Ok(truth),
            other => Err(other),
        })
    }

    pub(super) fn table(&mut self, field: &str) -> Option<BTreeMap<String, Node>> {
        let table = self.take(field, "a table", |value| match value {
            Value::Table(table) => Ok(table),
            other => Err(other),
        });
        table.map(|(table, _)| table)
    }

    /// Takes a list, which must not be empty.
    pub(super) fn list(&mut self, field: &str) -> Vec<Node> {
        let list = self.take(field, "a list", |value| match value {
            Value::List(list) => Ok(list),
            other => Err(other),
        });
        match list {
            None => Vec::new(),
            Some((list, line)) => {
                if list.is_empty() {
                    let reason = "must not be empty: fill it or leave the field out";
                    self.mistake(line, field, reason);
                }
                list
            }
        }
    }

    /// Takes a list of texts, none of them empty, each with its line.
    pub(super) fn texts(&mut self, field: &str) -> Vec<(String, Option<usize>)> {
        let mut texts = Vec::new();
        for node in self.list(field) {
            match node.value {
                Value::Text(text) if is_blank(&text) => {
                    self.mistake(node.line, field, "must not hold an empty text");
                }
                Value::Text(text) => texts.push((text, node.line)),
                other => {
                    let reason = format!("must be a list of texts, not of {}", other.name());
                    self.mistake(node.line, field, reason);
                }
            }
        }
        texts
    }

    /// Takes a list of texts, each read by `read`.
    pub(super) fn texts_as<T>(
        &mut self,
        field: &str,
        read: impl Fn(&Self, &str) -> Result<T, String>,
    ) -> Vec<T> {
        let mut all = Vec::new();
        for (text, line) in self.texts(field) {
            match read(self, &text) {
                Ok(value) => all.push(value),
                Err(reason) => self.mistake(line, field, reason),
            }
        }
        all
    }

    /// Takes out what is none of these fields.
    pub(super) fn take_unknown(&mut self, known: &[&str]) -> Vec<(String, Node)> {
        let is_unknown = |name: &String, _: &mut Node| !known.contains(&name.as_str());
        self.left.extract_if(.., is_unknown).collect()
    }

    /// Notes an unknown field, with the known one that it is probably meant to be, which is not
    /// missing then.
    pub(super) fn unknown(&mut self, name: &str, line: Option<usize>, known: &[&str]) {
        let unknown = super::findings::visible(name);
        let other_word = OTHER_WORDS
            .iter()
            .find(|(word, field)| name.eq_ignore_ascii_case(word) && known.contains(field))
            .map(|(_, field)| *field);
        let near = other_word.or_else(|| nearest(name, known.iter().copied()));
        let reason = match near {
            Some(near) => {
                self.set_given(near);
                format!("unknown field `{unknown}`; did you mean `{near}`?")
            }
            None => {
                let known = words(known.iter().copied());
                format!("unknown field `{unknown}`; expected one of {known}")
            }
        };
        self.mistake(line, name, reason);
    }

    pub(super) fn finish(self) -> Findings {
        self.findings
    }
}

/// Lists words for people.
pub(super) fn words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

/// Returns a text without what is invisible at its ends: it came with copying.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(is_invisible)
}

fn is_blank(text: &str) -> bool {
    text.chars().all(is_invisible)
}

/// White space, control characters, and characters of format that come with copied text.
pub(super) fn is_invisible(c: char) -> bool {
    let is_format = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}'
    );
    c.is_whitespace() || c.is_control() || is_format
}
