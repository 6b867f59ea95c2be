//! Cases as they lie in their folders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// One request, and what must come of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// `PROVIDER/CASE`, as the folders are called.
    pub name: String,
    /// The request without its body.
    pub request: Request,
    /// The exact bytes.
    pub body: Vec<u8>,
    /// The sources document, as TOML.
    pub sources: String,
    /// What must come of it.
    pub expected: Expected,
}

/// A request without its body.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query, without its question mark.
    #[serde(default)]
    pub query: String,
    /// The headers; a name may come more than once.
    pub headers: Vec<(String, String)>,
    /// The accepted time, in RFC 3339.
    pub received_at: String,
    /// The sender's address.
    pub peer: Option<String>,
    /// The header that lets it in, where one does.
    pub credential: Option<Credential>,
    #[serde(default)]
    body_recipe: Vec<Piece>,
}

/// The header that lets a request in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// Its name.
    pub header: String,
    /// What would stand there if another source's secret had made it.
    pub foreign: String,
    /// Whether it must not let in any other body.
    pub covers_body: bool,
}

/// A text that comes several times.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    text: String,
    times: usize,
}

impl Piece {
    /// Returns the whole text.
    #[must_use]
    pub fn whole(&self) -> String {
        self.text.repeat(self.times)
    }
}

/// What must come of a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The case in a sentence.
    pub about: String,
    /// The status of the answer.
    pub status: u16,
    /// The body of the answer: whole for a refusal, a part of it for a 200.
    pub answer: Box<RawValue>,
    /// Headers of the answer.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// What must be in the ledger.
    #[serde(default)]
    pub events: Vec<ExpectedEvent>,
    /// By entity, a part of its state, or none where there must be no state.
    #[serde(default)]
    pub states: BTreeMap<String, Option<Box<RawValue>>>,
}

/// One event as it must be in the ledger.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedEvent {
    /// The canonical kind.
    pub kind: String,
    /// The sender's own name.
    pub provider_event: Option<String>,
    /// What it is about.
    pub entity: String,
    /// Its place among the events of its delivery.
    #[serde(default)]
    pub index: u16,
    /// Its exact text, where it is one of several events; else its bytes are the whole body.
    pub raw: Option<String>,
    /// When it happened.
    pub occurred_at: Option<String>,
    /// The record's name.
    pub record: String,
    /// What it says.
    pub data: Box<RawValue>,
    /// Fields of `data` of which the ledger holds the beginning.
    #[serde(default)]
    pub cut: BTreeMap<String, Piece>,
}

/// Reads every case of every provider, in the order of their names.
///
/// # Panics
///
/// When a file is missing or is not what `events/README.md` says.
#[must_use]
pub fn cases() -> Vec<Case> {
    let providers = folders(&events());
    let folders = providers.iter().flat_map(|provider| folders(provider));
    folders
        .filter(|folder| folder.join("request.json").is_file())
        .map(|folder| case(&folder))
        .collect()
}

/// Reads a whole Lambda event of `events/lambda/`.
///
/// # Panics
///
/// When there is none of this name.
#[must_use]
pub fn lambda_event(name: &str) -> Box<RawValue> {
    json(&events().join("lambda").join(name))
}

fn events() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events")
}

fn case(folder: &Path) -> Case {
    let request: Request = json(&folder.join("request.json"));
    let body = if request.body_recipe.is_empty() {
        bytes(&folder.join("body"))
    } else {
        let pieces = request.body_recipe.iter().map(Piece::whole);
        pieces.collect::<String>().into_bytes()
    };
    Case {
        name: name(folder),
        body,
        sources: text(&folder.join("sources.toml")),
        expected: json(&folder.join("expected.json")),
        request,
    }
}

fn name(folder: &Path) -> String {
    let mut parts = folder.iter().rev().map(|part| part.to_string_lossy());
    let (case, provider) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    format!("{provider}/{case}")
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = parent
        .read_dir()
        .unwrap_or_else(|error| panic!("{}: {error}", parent.display()));
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut folders: Vec<_> = paths.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn text(path: &Path) -> String {
    String::from_utf8(bytes(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json<T: DeserializeOwned>(path: &Path) -> T {
    serde_json::from_str(&text(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_can_be_read_and_says_what_it_is_about() {
        let cases = cases();
        assert!(cases.len() >= 70, "{}", cases.len());
        for case in cases {
            let Expected { about, events, .. } = &case.expected;
            assert!(about.ends_with('.'), "{}: {about}", case.name);
            let accepted = case.expected.status == 200 && case.request.path != "/healthz";
            assert_eq!(events.is_empty(), !accepted, "{}", case.name);
        }
    }
}
