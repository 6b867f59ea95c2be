//! The sources document: which senders are configured and how each proves who it is.
//!
//! The same fields come as TOML on the laptop and as JSON from AWS. A document is taken whole or
//! refused whole, with all of its mistakes: line, source, field and reason of each. None of them holds
//! a secret, token or password.

use std::collections::BTreeMap;
use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::nearest::nearest;
use crate::phone::Country;
use crate::providers::Provider;
use crate::schemes::url_token::UrlToken;
use crate::schemes::{Credentials, Scheme};

mod credentials;
mod fields;
mod findings;
mod node;
pub mod placeholders;
mod source;
mod words;

pub use findings::{ConfigError, Finding};

use fields::Fields;
use findings::{Findings, Hidden};
use node::{Node, Value};

/// The fewest days that records may live.
pub const MIN_RETENTION_DAYS: u16 = 30;
/// The most days that records may live: ten years.
const MAX_RETENTION_DAYS: u16 = 3_650;

/// The fields of the document itself.
const TOP_FIELDS: &[&str] = &[
    "opt_in_scope",
    "retention_days",
    "sources",
    "state_retention_days",
];

/// Whose opt-outs a START takes back.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OptInScope {
    /// Those of the source that it came through.
    #[default]
    Source,
    /// Those of every source of the stack.
    Stack,
}

impl OptInScope {
    /// Returns whether it is the scope that an envelope need not name.
    #[must_use]
    pub fn is_source(&self) -> bool {
        *self == Self::Source
    }
}

/// How to read a source's texts and numbers: what of its configuration travels with its events.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Reading {
    /// How to read national numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
    /// Words that take a number off the list of those that may be texted, beside the defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opt_out_words: Option<Vec<String>>,
    /// Words that put it back, beside the defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opt_in_words: Option<Vec<String>>,
    /// Whether `opt_out_words` stand instead of the defaults.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub opt_out_words_only: bool,
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

    /// Returns the slugs that decide what its bodies mean, where its signature covers the body and no
    /// URL: a body signed for one of them is taken under each other one.
    #[must_use]
    pub fn unsigned_slugs(&self) -> &'static [&'static str] {
        let is_signed = |scheme: &dyn Scheme| scheme.leaves_url_unsigned();
        if self.verification().is_some_and(is_signed) {
            self.provider.deciding_slugs()
        } else {
            &[]
        }
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
    /// How long states live after their last change, in days; without it they stay.
    pub state_retention_days: Option<u16>,
    /// Whose opt-outs a START takes back.
    pub opt_in_scope: OptInScope,
    sources: BTreeMap<String, Source>,
    findings: Findings,
}

impl Sources {
    /// Reads a TOML document.
    ///
    /// # Errors
    ///
    /// Everything in it that cannot be taken, with its line.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        Self::read(node::from_toml(text))
    }

    /// Reads a JSON document of the same fields.
    ///
    /// # Errors
    ///
    /// Everything in it that cannot be taken.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        Self::read(node::from_json(text))
    }

    /// Writes a TOML document as JSON of the same fields, which reads as the same sources.
    ///
    /// # Errors
    ///
    /// Everything in it that cannot be taken, with its line.
    pub fn toml_to_json(text: &str) -> Result<serde_json::Value, ConfigError> {
        Self::from_toml(text)?;
        let refused = |findings| ConfigError(Box::new(findings));
        let (root, _) = node::from_toml(text).map_err(refused)?;
        let value = node::to_json(&root);
        let value = value.ok_or_else(|| {
            let reason = "holds a value that JSON does not write the same";
            refused(Findings::of(Finding::new(root.line, None, "", reason)))
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

    /// Returns the credentials that are copied from the documentation: everybody knows them.
    #[must_use]
    pub fn placeholders(&self) -> &[Finding] {
        &self.findings.placeholders
    }

    /// Returns what is allowed and unwise.
    #[must_use]
    pub fn warnings(&self) -> &[Finding] {
        &self.findings.warnings
    }

    fn read(document: Result<(Node, Findings), Findings>) -> Result<Self, ConfigError> {
        let (root, mut findings) = document.map_err(|findings| ConfigError(Box::new(findings)))?;
        let hidden = Hidden::of(&root);
        let sources = match Fields::of(root, None, &hidden) {
            Ok(fields) => Some(read_document(fields, &hidden, &mut findings)),
            Err(mistake) => {
                findings.mistakes.push(mistake);
                None
            }
        };
        findings.sort();
        match sources {
            Some(sources) if findings.mistakes.is_empty() => Ok(Self {
                findings,
                ..sources
            }),
            _ => Err(ConfigError(Box::new(findings))),
        }
    }
}

/// Reads all fields, of which those that are wrong are mistakes.
fn read_document(mut fields: Fields<'_>, hidden: &Hidden, findings: &mut Findings) -> Sources {
    for (name, node) in fields.take_unknown(TOP_FIELDS) {
        if source::FIELDS.contains(&name.as_str()) {
            let reason =
                format!("unknown field `{name}` at the top; it belongs in `[sources.NAME]`");
            fields.mistake(node.line, &name, reason);
        } else if !refuse_stray_source(&mut fields, &name, &node) {
            fields.unknown(&name, node.line, TOP_FIELDS);
        }
    }
    let retention_days = read_retention_days(&mut fields);
    let state_retention_days = read_state_retention_days(&mut fields, retention_days);
    let opt_in_scope = read_opt_in_scope(&mut fields);
    let is_given = fields.is_given("sources");
    let tables = fields.table("sources");
    if !is_given || tables.as_ref().is_some_and(BTreeMap::is_empty) {
        let reason = "there is none: add a `[sources.NAME]` table with its `provider`";
        findings
            .mistakes
            .push(Finding::new(None, None, "sources", reason));
    }
    findings.extend(fields.finish());
    let mut sources = BTreeMap::new();
    for (name, node) in tables.unwrap_or_default() {
        if let Some(source) = source::read(&name, node, hidden, findings) {
            sources.insert(name, source);
        }
    }
    Sources {
        retention_days,
        state_retention_days,
        opt_in_scope,
        sources,
        findings: Findings::default(),
    }
}

/// Refuses a source's table that does not stand below `sources`.
fn refuse_stray_source(fields: &mut Fields<'_>, name: &str, node: &Node) -> bool {
    let Value::Table(inner) = &node.value else {
        return false;
    };
    let is_source = inner.contains_key("provider");
    if is_source {
        let shown = findings::visible(name);
        let reason =
            format!("unknown table `{shown}`; a source is `[sources.NAME]`, NAME without a dot");
        fields.mistake(node.line, name, reason);
        fields.set_given("sources");
        fields.set_given("provider");
    }
    is_source
}

fn read_retention_days(fields: &mut Fields<'_>) -> u16 {
    let Some((days, line)) = fields.integer("retention_days") else {
        return MIN_RETENTION_DAYS;
    };
    let fitting = u16::try_from(days)
        .ok()
        .filter(|days| (MIN_RETENTION_DAYS..=MAX_RETENTION_DAYS).contains(days));
    fitting.unwrap_or_else(|| {
        let reason = format!(
            "must be between {MIN_RETENTION_DAYS} and {MAX_RETENTION_DAYS} days, not {days}"
        );
        fields.mistake(line, "retention_days", reason);
        MIN_RETENTION_DAYS
    })
}

/// Reads how long states live: a state outlives the records that it was made of.
fn read_state_retention_days(fields: &mut Fields<'_>, retention_days: u16) -> Option<u16> {
    let (days, line) = fields.integer("state_retention_days")?;
    let fitting = u16::try_from(days)
        .ok()
        .filter(|days| (retention_days..=MAX_RETENTION_DAYS).contains(days));
    if fitting.is_none() {
        let reason = format!(
            "must be between {retention_days} (`retention_days`) and {MAX_RETENTION_DAYS} days, not {days}"
        );
        fields.mistake(line, "state_retention_days", reason);
    }
    fitting
}

fn read_opt_in_scope(fields: &mut Fields<'_>) -> OptInScope {
    const SCOPES: [&str; 2] = ["source", "stack"];
    match fields.text("opt_in_scope") {
        None => OptInScope::Source,
        Some((text, _)) if text == "source" => OptInScope::Source,
        Some((text, _)) if text == "stack" => OptInScope::Stack,
        Some((text, line)) => {
            let quoted = fields.quote(&text);
            let near = meant(&text, &SCOPES);
            let reason = format!("must be `source` or `stack`, not {quoted}{near}");
            fields.mistake(line, "opt_in_scope", reason);
            OptInScope::Source
        }
    }
}

/// Asks whether the nearest valid word is meant, where there is one.
fn meant(word: &str, valid: &[&str]) -> String {
    nearest(word, valid.iter().copied())
        .map(|near| format!("; did you mean `{near}`?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
