//! What differs between two sources documents, told without a secret, a token or anything made of one.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value, json};

/// Fields that prove who calls: only how many of their values come and go is told.
const CREDENTIALS: [&str; 3] = ["secrets", "tokens", "users"];
/// Fields whose values anybody may see. Of all others it is told that they changed.
const SHOWN: [&str; 11] = [
    "body_unsigned",
    "country",
    "max_body",
    "networks",
    "opt_in_scope",
    "opt_out_words_only",
    "provider",
    "retention_days",
    "state_retention_days",
    "title",
    "unsigned",
];

/// What becomes of a source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    Added,
    Changed,
    Removed,
}

impl Fate {
    const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// What changes in one source, or in the document itself.
#[derive(Debug)]
pub(super) struct Change {
    source: Option<String>,
    fate: Fate,
    fields: Vec<String>,
}

impl Change {
    pub(super) fn json(&self, dry_run: bool) -> Value {
        let mut json = json!({
            "source": self.source, "change": self.fate.name(), "fields": self.fields,
        });
        if let (true, Some(fields)) = (dry_run, json.as_object_mut()) {
            fields.insert("dry_run".to_owned(), true.into());
        }
        json
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.source, self.fate) {
            (None, _) => f.write_str("  all sources")?,
            (Some(name), Fate::Added) => write!(f, "+ {name}")?,
            (Some(name), Fate::Changed) => write!(f, "~ {name}")?,
            (Some(name), Fate::Removed) => write!(f, "- {name}: its URLs will answer 404")?,
        }
        if !self.fields.is_empty() {
            write!(f, ": {}", self.fields.join(", "))?;
        }
        Ok(())
    }
}

/// Tells what changes from a document, or none, to a valid one: first of all sources, then of each.
pub(super) fn between(present: Option<&Value>, wanted: &Value) -> Vec<Change> {
    let empty = Map::new();
    let document = |value: Option<&Value>| -> Map<String, Value> {
        let fields = value.and_then(Value::as_object);
        fields.cloned().unwrap_or_default()
    };
    let (mut present, mut wanted) = (document(present), document(Some(wanted)));
    let (old, new) = (present.remove("sources"), wanted.remove("sources"));
    let old = old.as_ref().and_then(Value::as_object).unwrap_or(&empty);
    let new = new.as_ref().and_then(Value::as_object).unwrap_or(&empty);

    let common = Change {
        source: None,
        fate: Fate::Changed,
        fields: fields(&Value::Object(present), &Value::Object(wanted)),
    };
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let each = names.into_iter().map(|name| {
        let (fate, fields) = match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) => (Fate::Changed, fields(old, new)),
            (None, Some(new)) => (Fate::Added, fields(&Value::Null, new)),
            (_, None) => (Fate::Removed, Vec::new()),
        };
        let source = Some(name.clone());
        Change {
            source,
            fate,
            fields,
        }
    });
    let differs = |change: &Change| change.fate != Fate::Changed || !change.fields.is_empty();
    [common].into_iter().chain(each).filter(differs).collect()
}

/// Tells of each field that differs how it does.
fn fields(old: &Value, new: &Value) -> Vec<String> {
    let names = [old, new].into_iter().filter_map(Value::as_object);
    let names: BTreeSet<_> = names.flat_map(Map::keys).collect();
    let differing = names
        .into_iter()
        .filter(|name| old.get(name) != new.get(name));
    differing
        .map(|name| {
            let (old, new) = (old.get(name), new.get(name));
            match name.as_str() {
                name if CREDENTIALS.contains(&name) => credentials(name, old, new),
                name if SHOWN.contains(&name) => shown(name, old, new),
                name => format!("{name} changed"),
            }
        })
        .collect()
}

fn shown(name: &str, old: Option<&Value>, new: Option<&Value>) -> String {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    match (old.map(text), new.map(text)) {
        (None, Some(new)) => format!("{name} {new}"),
        (Some(old), Some(new)) => format!("{name} {old} -> {new}"),
        (_, None) => format!("{name} removed"),
    }
}

fn credentials(name: &str, old: Option<&Value>, new: Option<&Value>) -> String {
    let list = |value: Option<&Value>| -> Vec<Value> {
        value.and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let (old, new) = (list(old), list(new));
    let missing =
        |from: &[Value], of: &[Value]| of.iter().filter(|one| !from.contains(one)).count();
    let counts = [
        (missing(&old, &new), "added"),
        (missing(&new, &old), "removed"),
    ];
    let told = counts.iter().filter(|(count, _)| *count > 0);
    let told: Vec<_> = told
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    match told.as_slice() {
        [] => format!("{name} in another order"),
        told => format!("{name} {} ({} now)", told.join(" and "), new.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"{"retention_days": 30, "sources": {
        "voice": {"provider": "ai-sync", "secrets": ["sigma-old", "sigma-kept"], "title": "One"},
        "texts": {"provider": "cellcast", "users": [{"username": "u", "password": "sigma-pass"}]},
        "desk": {"provider": "nectar-desk", "tokens": ["sigma-token-1", "sigma-token-2"]},
        "sms": {"provider": "cloudcontactai", "client_id": "sigma-1", "secrets": ["sigma-s"]},
        "gone": {"provider": "nectar-desk", "tokens": ["sigma-gone"]}}}"#;
    const NEW: &str = r#"{"retention_days": 60, "opt_in_scope": "stack", "sources": {
        "voice": {"provider": "ai-sync", "secrets": ["sigma-new", "sigma-kept"]},
        "texts": {"provider": "cellcast", "users": [{"username": "u", "password": "sigma-other"}],
            "networks": ["203.0.113.0/24"]},
        "desk": {"provider": "nectar-desk", "tokens": ["sigma-token-2", "sigma-token-1"]},
        "sms": {"provider": "cloudcontactai", "client_id": "sigma-2", "secrets": ["sigma-s"]},
        "more": {"provider": "ai-sync", "secrets": ["sigma-more"], "opt_out_words": ["sigma"],
            "opt_out_words_only": true}}}"#;

    fn told(old: Option<&str>, new: &str) -> String {
        let parse = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
        let changes = between(old.map(parse).as_ref(), &parse(new));
        let lines: Vec<_> = changes.iter().map(ToString::to_string).collect();
        let json: Vec<_> = changes.iter().map(|change| change.json(true)).collect();
        assert!(!format!("{lines:?}{json:?}").contains("sigma"), "a secret");
        lines.join("\n")
    }

    #[test]
    fn every_change_is_told_and_no_secret() {
        let expected = "  all sources: opt_in_scope stack, retention_days 30 -> 60\n\
            ~ desk: tokens in another order\n\
            - gone: its URLs will answer 404\n\
            + more: opt_out_words changed, opt_out_words_only true, provider ai-sync, secrets 1 added (1 now)\n\
            ~ sms: client_id changed\n\
            ~ texts: networks [\"203.0.113.0/24\"], users 1 added and 1 removed (1 now)\n\
            ~ voice: secrets 1 added and 1 removed (2 now), title removed";
        assert_eq!(told(Some(OLD), NEW), expected);
    }

    #[test]
    fn the_same_document_changes_nothing_and_the_first_one_adds_everything() {
        assert_eq!(told(Some(OLD), OLD), "");
        let first = told(None, OLD);
        assert_eq!(first.lines().count(), 6);
        assert!(first.contains("+ desk: provider nectar-desk, tokens 2 added (2 now)"));
        assert_eq!(told(Some("[1]"), OLD), first);
        let repeated = OLD.replace(r#"["sigma-s"]"#, r#"["sigma-s", "sigma-s"]"#);
        assert_eq!(
            told(Some(OLD), &repeated),
            "~ sms: secrets in another order"
        );
    }
}
