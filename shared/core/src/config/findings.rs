//! What is wrong or unwise in a document: where, and what to do.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::node::{Node, Value};

/// The most mistakes that one line of a log names.
const MAX_SHOWN: usize = 20;
/// A longer text may be anything, a secret too: it is not repeated.
const MAX_QUOTED_CHARS: usize = 40;
/// Parts of a secret that are shorter than this do not give it away.
const MIN_SECRET_BYTES: usize = 8;
/// Fields whose values are no secrets.
const PUBLIC_FIELDS: [&str; 8] = [
    "country",
    "max_body",
    "networks",
    "opt_in_scope",
    "opt_in_words",
    "opt_out_words",
    "provider",
    "title",
];

/// One mistake or warning. It never holds a secret, token, user name or password.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// The line, counted from 1, where the document is TOML.
    pub line: Option<usize>,
    /// The source's name.
    pub source: Option<String>,
    /// The field's name.
    pub field: Option<String>,
    /// What is wrong with it.
    pub reason: String,
}

impl Finding {
    pub(super) fn new(
        line: Option<usize>,
        source: Option<&str>,
        field: &str,
        reason: impl Into<String>,
    ) -> Self {
        let field = (!field.is_empty()).then(|| visible(field));
        Self {
            line,
            source: source.map(visible),
            field,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(source) = &self.source {
            write!(f, "source `{source}`: ")?;
        }
        if let Some(field) = &self.field
            // "unknown field `x`" needs no other `x` before it.
            && !self.reason.contains(&format!("`{field}`"))
        {
            write!(f, "`{field}`: ")?;
        }
        f.write_str(&self.reason)
    }
}

/// All that was found in a document, each list in the document's order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Findings {
    /// Because of these it is refused.
    pub(super) mistakes: Vec<Finding>,
    /// Credentials that are copied from the documentation.
    pub(super) placeholders: Vec<Finding>,
    /// What is allowed and unwise.
    pub(super) warnings: Vec<Finding>,
}

impl Findings {
    pub(super) fn of(mistake: Finding) -> Self {
        Self {
            mistakes: vec![mistake],
            ..Self::default()
        }
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.mistakes.extend(other.mistakes);
        self.placeholders.extend(other.placeholders);
        self.warnings.extend(other.warnings);
    }

    pub(super) fn sort(&mut self) {
        for list in [
            &mut self.mistakes,
            &mut self.placeholders,
            &mut self.warnings,
        ] {
            list.sort_by_key(|finding| finding.line.unwrap_or_default());
        }
    }
}

/// Why a document is refused: all of its mistakes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigError(pub(super) Box<Findings>);

impl ConfigError {
    /// Returns the mistakes, at least one, in the document's order.
    #[must_use]
    pub fn mistakes(&self) -> &[Finding] {
        &self.0.mistakes
    }

    /// Returns the credentials that are copied from the documentation.
    #[must_use]
    pub fn placeholders(&self) -> &[Finding] {
        &self.0.placeholders
    }

    /// Returns what is allowed and unwise.
    #[must_use]
    pub fn warnings(&self) -> &[Finding] {
        &self.0.warnings
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mistakes = self.mistakes();
        for (index, mistake) in mistakes.iter().take(MAX_SHOWN).enumerate() {
            let between = if index == 0 { "" } else { "; " };
            write!(f, "{between}{mistake}")?;
        }
        match mistakes.len().saturating_sub(MAX_SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for ConfigError {}

/// The texts of a document that may be credentials, wherever they stand: no finding repeats them.
#[derive(Debug, Default)]
pub(super) struct Hidden(BTreeSet<String>);

impl Hidden {
    pub(super) fn of(root: &Node) -> Self {
        let mut hidden = Self::default();
        hidden.collect(root);
        hidden
    }

    fn collect(&mut self, node: &Node) {
        match &node.value {
            Value::Text(text) => {
                self.0.insert(text.trim().to_owned());
            }
            Value::List(nodes) => nodes.iter().for_each(|node| self.collect(node)),
            Value::Table(fields) => {
                for (name, node) in fields {
                    if !PUBLIC_FIELDS.contains(&name.as_str()) {
                        self.collect(node);
                    }
                }
            }
            Value::Integer(_) | Value::Boolean(_) | Value::Other | Value::Repeated => {}
        }
    }

    /// Quotes a value, unless it is or may be a secret.
    pub(super) fn quote(&self, value: &str) -> String {
        let trimmed = value.trim();
        let holds =
            |outer: &str, inner: &str| inner.len() >= MIN_SECRET_BYTES && outer.contains(inner);
        let is_hidden = trimmed.chars().count() > MAX_QUOTED_CHARS
            || self.0.iter().any(|hidden| {
                hidden == trimmed || holds(trimmed, hidden) || holds(hidden, trimmed)
            });
        if is_hidden {
            "`…`".to_owned()
        } else {
            format!("`{}`", visible(value))
        }
    }
}

/// Returns a text with what a terminal would act upon, or nobody would see, written out.
pub(super) fn visible(text: &str) -> String {
    let written = |c: char| -> String {
        match c {
            '"' | '\'' | '\\' => c.to_string(),
            c => c.escape_debug().collect(),
        }
    };
    let mut shown: String = text.chars().take(MAX_QUOTED_CHARS).map(written).collect();
    if text.chars().nth(MAX_QUOTED_CHARS).is_some() {
        shown.push('…');
    }
    shown
}
