//! The sources document: which senders are configured and how each proves who it is.
//!
//! The same fields come as TOML on the laptop and as JSON from AWS. A document is taken whole or
//! refused whole, with line, source, field and reason; a refusal never holds a value, since values
//! are secrets.

use std::collections::BTreeMap;
use std::fmt;

use ipnet::IpNet;

use crate::phone::Country;
use crate::providers::{self, Provider};
use crate::schemes::url_token::UrlToken;
use crate::schemes::{Credentials, Scheme};

mod node;
mod source;

use node::{Fields, Node};

/// The fewest days that records may live.
pub const MIN_RETENTION_DAYS: u16 = 30;
/// The most days that records may live: ten years.
const MAX_RETENTION_DAYS: u16 = 3_650;

/// How to read a source's texts and numbers: what of its configuration travels with its events.
#[derive(Clone, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Reading {
    /// How to read national numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
    /// Words that take a number off the list of those that may be texted, beside the defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opt_out_words: Option<Vec<String>>,
    /// Whether `opt_out_words` replace the defaults.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub opt_out_words_only: bool,
    /// Words that put it back, beside the defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opt_in_words: Option<Vec<String>>,
}

/// How far a START reaches on the suppression list.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OptInScope {
    /// It takes back what was said through the same source.
    #[default]
    Source,
    /// It takes back what was said through any source of the stack.
    Stack,
}

impl OptInScope {
    /// Returns whether it is the scope that is not written.
    #[must_use]
    pub fn is_source(&self) -> bool {
        *self == Self::Source
    }
}

/// One configured sender.
#[derive(Clone)]
pub struct Source {
    /// The name in the URL.
    pub name: String,
    /// What people call it.
    pub title: Option<String>,
    /// The kind of sender.
    pub provider: &'static dyn Provider,
    /// What its deliveries are verified with; empty where the URL's token is all.
    pub credentials: Credentials,
    /// The current URL tokens; empty where the URL has none.
    pub tokens: Vec<UrlToken>,
    /// The networks that may send; empty where all may.
    pub networks: Vec<IpNet>,
    /// The largest body taken, in bytes.
    pub max_body: usize,
    /// How to read what it says.
    pub reading: Reading,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("name", &self.name)
            .field("provider", &self.provider.name())
            .finish_non_exhaustive()
    }
}

impl Source {
    /// Returns the scheme that its deliveries are verified by; `None` where the URL's token is all.
    #[must_use]
    pub fn verification(&self) -> Option<&'static dyn Scheme> {
        let scheme = self.provider.scheme()?;
        (!self.credentials.is_empty()).then_some(scheme)
    }

    /// Returns what proves who is calling, as `switchhook sources` shows it.
    #[must_use]
    pub fn scheme(&self) -> String {
        let signature = self.verification().map(Scheme::name);
        let token = (!self.tokens.is_empty()).then_some("url-token");
        signature
            .into_iter()
            .chain(token)
            .collect::<Vec<_>>()
            .join(" + ")
    }
}

/// A whole, valid document.
#[derive(Clone, Debug)]
pub struct Sources {
    /// How long records live, in days.
    pub retention_days: u16,
    /// How far a START reaches.
    pub opt_in_scope: OptInScope,
    sources: BTreeMap<String, Source>,
}

impl Sources {
    /// Reads a TOML document.
    ///
    /// # Errors
    ///
    /// The first thing in it that cannot be taken, with its line.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        Self::from_node(node::from_toml(text)?)
    }

    /// Reads a JSON document of the same fields.
    ///
    /// # Errors
    ///
    /// The first thing in it that cannot be taken.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        Self::from_node(node::from_json(text)?)
    }

    /// Writes a TOML document as JSON of the same fields, which reads as the same sources.
    ///
    /// # Errors
    ///
    /// The first thing in it that cannot be taken, with its line.
    pub fn toml_to_json(text: &str) -> Result<serde_json::Value, ConfigError> {
        Self::from_toml(text)?;
        let root = node::from_toml(text)?;
        let value = node::to_json(&root);
        let value = value.ok_or_else(|| {
            let reason = "holds a value that JSON does not write the same";
            ConfigError::at(root.line, None, "", reason)
        })?;
        Self::from_json(&value.to_string())?;
        Ok(value)
    }

    /// Returns a source by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Source> {
        self.sources.get(name)
    }

    /// Iterates over the sources by name.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.sources.values()
    }

    fn from_node(root: Node) -> Result<Self, ConfigError> {
        let mut fields = Fields::of(root, None)?;
        let retention_days = match fields.integer("retention_days")? {
            None => MIN_RETENTION_DAYS,
            Some((days, line)) => u16::try_from(days)
                .ok()
                .filter(|days| (MIN_RETENTION_DAYS..=MAX_RETENTION_DAYS).contains(days))
                .ok_or_else(|| {
                    ConfigError::at(
                        line,
                        None,
                        "retention_days",
                        format!(
                            "must be between {MIN_RETENTION_DAYS} and {MAX_RETENTION_DAYS} days"
                        ),
                    )
                })?,
        };
        let tables = fields.table("sources")?.unwrap_or_default();
        fields.finish(&["retention_days", "sources"])?;
        if tables.is_empty() {
            let reason = "there is none: add a `[sources.NAME]` table with its `provider`";
            return Err(ConfigError::at(None, None, "sources", reason));
        }
        let sources = tables
            .into_iter()
            .map(|(name, node)| Ok((name.clone(), source::read(name, node)?)))
            .collect::<Result<_, ConfigError>>()?;
        Ok(Self {
            retention_days,
            opt_in_scope: OptInScope::default(),
            sources,
        })
    }
}

/// Why a document is refused: where, and what to do. It never holds a value of the document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigError {
    /// The line, counted from 1, where the document is TOML.
    pub line: Option<usize>,
    /// The source's name.
    pub source: Option<String>,
    /// The field's name.
    pub field: Option<String>,
    /// What is wrong with it.
    pub reason: String,
}

impl ConfigError {
    fn at(
        line: Option<usize>,
        source: Option<&str>,
        field: &str,
        reason: impl Into<String>,
    ) -> Self {
        let field = (!field.is_empty()).then(|| field.to_owned());
        Self {
            line,
            source: source.map(str::to_owned),
            field,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(source) = &self.source {
            write!(f, "source `{source}`: ")?;
        }
        if let Some(field) = &self.field {
            write!(f, "`{field}`: ")?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for ConfigError {}

fn provider(name: &str) -> Result<&'static dyn Provider, String> {
    providers::find(name).ok_or_else(|| {
        let known: Vec<_> = providers::ALL
            .iter()
            .map(|p| format!("`{}`", p.name()))
            .collect();
        format!("no such provider; there is {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests;
