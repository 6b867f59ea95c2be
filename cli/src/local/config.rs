//! Which sources `local` serves: those of a file, or demo sources named after their providers.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use switchhook_core::config::{ConfigError, Sources};
use switchhook_core::ports::{PortError, PortFuture, SourceStore};
use switchhook_core::providers::{self, Provider};
use switchhook_core::schemes::Configured;

use super::data_dir::{DataDir, DataDirError};
use crate::secrets;

/// The superuser, who may read every file.
const ROOT: u32 = 0;
/// The file that is taken when it is there and no other is named.
const DEFAULT_FILE: &str = "switchhook.toml";

/// Why there are no sources.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// The file cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no UTF-8.
    #[error("`{}` is not UTF-8 from line {line} on: save it as UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1, of the first wrong byte.
        line: usize,
    },
    /// The document is refused.
    #[error("`{}` is refused", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: ConfigError,
    },
    /// The demo sources cannot be kept.
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// There is no randomness to make secrets from.
    #[error(transparent)]
    Secret(#[from] secrets::NoRandomness),
}

/// A file of sources, read again whenever the ingress asks.
#[derive(Clone, Debug)]
pub struct SourcesFile(PathBuf);

impl SourcesFile {
    /// Reads from a file.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Reads the document.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is refused.
    pub fn read(&self) -> Result<Sources, SourcesError> {
        self.parse(Sources::from_toml)
    }

    /// Reads the document as JSON of the same fields.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is refused.
    pub fn json(&self) -> Result<serde_json::Value, SourcesError> {
        self.parse(Sources::toml_to_json)
    }

    fn parse<T>(&self, parse: fn(&str) -> Result<T, ConfigError>) -> Result<T, SourcesError> {
        let path = || self.0.clone();
        let bytes = fs::read(&self.0).map_err(|source| SourcesError::Read {
            path: path(),
            source,
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = error
                .as_bytes()
                .iter()
                .take(error.utf8_error().valid_up_to());
            let newlines = valid.filter(|byte| **byte == b'\n').count();
            SourcesError::NotText {
                path: path(),
                line: newlines.saturating_add(1),
            }
        })?;
        parse(&text).map_err(|source| SourcesError::Refused {
            path: path(),
            source,
        })
    }

    /// Warns of a file that others than its owner may read or write: it holds secrets, and decides who
    /// is believed.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let found = fs::metadata(&self.0).ok()?;
        let (mode, path) = (found.permissions().mode() & 0o777, self.0.display());
        let user = rustix::process::geteuid().as_raw();
        if ![user, ROOT].contains(&found.uid()) {
            return Some(format!(
                "warning: `{path}` belongs to another user, who can read and change it: take a copy of your own, and change the secrets"
            ));
        }
        let what = match (mode & 0o044, mode & 0o022) {
            (0, 0) => return None,
            (_, 0) => "read",
            (0, _) => "write",
            _ => "read and write",
        };
        Some(format!(
            "warning: others than its owner may {what} `{path}` (mode {mode:03o}): `chmod 600 {path}`"
        ))
    }

    /// Returns the file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl SourceStore for SourcesFile {
    fn load(&self) -> PortFuture<'_, Sources> {
        Box::pin(async {
            self.read()
                .map_err(|error| PortError::new("reading the sources", error))
        })
    }
}

/// Returns the named file, else the usual one if it is there, else `None` for the demo sources.
#[must_use]
pub fn chosen_file(named: Option<PathBuf>) -> Option<PathBuf> {
    let usual = || {
        Path::new(DEFAULT_FILE)
            .exists()
            .then(|| PathBuf::from(DEFAULT_FILE))
    };
    let file = named.or_else(usual)?;
    Some(file.canonicalize().unwrap_or(file))
}

/// Returns the file of the demo sources, made with fresh secrets the first time.
///
/// # Errors
///
/// When it cannot be written.
pub fn demo_file(data: &DataDir) -> Result<SourcesFile, SourcesError> {
    let path = data.demo_sources();
    if !path.exists() {
        let mut text =
            "# Demo sources, made by `switchhook local`. Delete this file for fresh secrets.\n"
                .to_owned();
        for provider in providers::ALL {
            let (name, credentials) = (provider.name(), demo_credentials(*provider)?);
            text.push_str(&format!(
                "\n[sources.{name}]\nprovider = \"{name}\"\n{credentials}"
            ));
            if provider.receives_texts() && provider.default_country().is_none() {
                text.push_str("country = \"US\"\n");
            }
        }
        data.write_private(&path, &text)?;
    }
    Ok(SourcesFile::new(path))
}

/// Returns the lines of a source that say how it proves itself, with fresh secrets.
fn demo_credentials(provider: &dyn Provider) -> Result<String, secrets::NoRandomness> {
    // Hex digits are good for every scheme, those that take base64 included.
    let secret = || secrets::random::<32>().map(hex::encode);
    let token = secrets::token()?;
    Ok(match provider.scheme().map(|scheme| scheme.configured()) {
        None => format!("tokens = [\"{token}\"]\n"),
        Some(Configured::Secrets) => format!("secrets = [\"{}\"]\n", secret()?),
        Some(Configured::ClientIdAndSecrets) => format!(
            "client_id = \"1231\"\nsecrets = [\"{}\"]\ntokens = [\"{token}\"]\n",
            secret()?
        ),
        Some(Configured::Users) => {
            format!("users = [{{ username = \"switchhook\", password = \"{token}\" }}]\n")
        }
    })
}
