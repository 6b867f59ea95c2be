//! `switchhook check`: whether a file of sources would be taken, or whether a deployed stack is whole.

mod alarms;
mod before_delete;
pub(super) mod before_deploy;
mod concurrency;
mod health;
mod look;
mod parts;
mod whole;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use switchhook_core::config::{Finding, Sources};

use super::{CommandError, Context, output};
use crate::args::Check;
use crate::deployed::MAX_STACK_BODY_BYTES;
use crate::local::config::{SourcesError, SourcesFile, chosen_file};

pub(super) async fn run(context: &Context, args: &Check) -> Result<ExitCode, CommandError> {
    match (&context.stack, &context.config) {
        (Some(_), Some(_)) => Err(CommandError::Usage(
            "`check` looks at a file or at a stack: leave `--config` or `--stack` out".to_owned(),
        )),
        (Some(stack), None) if args.before_delete => {
            before_delete::run(context, stack, args.url.as_deref()).await
        }
        (Some(stack), None) => whole::run(context, stack, args.url.as_deref()).await,
        (None, _) if args.before_delete || args.before_deploy => Err(CommandError::Usage(
            "which stack? Name it with `--stack`".to_owned(),
        )),
        (None, _) => check_file(context),
    }
}

fn check_file(context: &Context) -> Result<ExitCode, CommandError> {
    let file =
        chosen_file(context.config.clone()).unwrap_or_else(|| PathBuf::from("switchhook.toml"));
    let file = SourcesFile::new(file);
    let sources = match read(&file) {
        Err(CommandError::Invalid(invalid)) if context.json => {
            output::json(&invalid.json())?;
            return Err(CommandError::Invalid(invalid));
        }
        read => read?,
    };
    let warnings: Vec<_> = file
        .warning()
        .into_iter()
        .chain(warnings(&sources))
        .chain(too_large(&sources).map(|reason| format!("warning: no stack takes this: {reason}")))
        .collect();
    if context.json {
        let names: Vec<_> = sources.iter().map(|source| source.name.as_str()).collect();
        let valid = serde_json::json!({ "valid": true, "sources": names, "warnings": warnings });
        output::json(&valid)?;
        return Ok(ExitCode::SUCCESS);
    }
    let states = sources
        .state_retention_days
        .map(|days| format!(", states {days} days after their last change"));
    output::line(&format!(
        "{} is valid: records live {} days{}",
        file.path().display(),
        sources.retention_days,
        states.unwrap_or_default()
    ))?;
    let rows = sources.iter().map(|source| {
        vec![
            source.name.clone(),
            source.provider.name().to_owned(),
            source.scheme(),
        ]
    });
    output::table(&["NAME", "PROVIDER", "SCHEME"], rows)?;
    for warning in warnings {
        output::line(&warning)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a file that senders are to be configured by: no placeholder of our own pages in it.
pub(super) fn read(file: &SourcesFile) -> Result<Sources, CommandError> {
    let (mistakes, warnings) = match file.read() {
        Ok(sources) if sources.placeholders().is_empty() => return Ok(sources),
        Ok(sources) => (sources.placeholders().to_vec(), all(sources.warnings())),
        Err(SourcesError::Refused { source, .. }) => {
            let mut mistakes = [source.mistakes(), source.placeholders()].concat();
            mistakes.sort_by_key(|mistake| mistake.line.unwrap_or_default());
            (mistakes, all(source.warnings()))
        }
        Err(error) => return Err(error.into()),
    };
    Err(CommandError::Invalid(Invalid {
        path: file.path().to_owned(),
        mistakes,
        warnings: file.warning().into_iter().chain(warnings).collect(),
    }))
}

/// Lists what is allowed and unwise in valid sources.
pub(crate) fn warnings(sources: &Sources) -> Vec<String> {
    all(sources.warnings())
}

/// Says which sources of a stack wait for bodies that can never reach it.
pub(super) fn too_large(sources: &Sources) -> Option<String> {
    let too_large = sources.iter();
    let too_large = too_large.filter(|source| source.max_body > MAX_STACK_BODY_BYTES);
    let named: Vec<_> = too_large
        .map(|source| {
            format!(
                "`max_body` of source `{}` is {} bytes",
                source.name, source.max_body
            )
        })
        .collect();
    if named.is_empty() {
        return None;
    }
    Some(format!(
        "{}, and {MAX_STACK_BODY_BYTES} (4.4MiB) is the most that reaches a stack: Lambda takes events of 6 MB, in which a body is written as base64; larger deliveries are refused by AWS itself, which this field does not change",
        named.join(", ")
    ))
}

fn all(warnings: &[Finding]) -> Vec<String> {
    let warnings = warnings.iter();
    warnings
        .map(|finding| format!("warning: {finding}"))
        .collect()
}

/// A file that cannot be what senders are configured by, with everything that is wrong with it.
#[derive(Debug)]
pub struct Invalid {
    path: PathBuf,
    mistakes: Vec<Finding>,
    warnings: Vec<String>,
}

impl Invalid {
    fn json(&self) -> serde_json::Value {
        let Self {
            path: _,
            mistakes,
            warnings,
        } = self;
        serde_json::json!({ "valid": false, "mistakes": mistakes, "warnings": warnings })
    }

    /// Returns a line for each mistake and warning.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        let mistakes = self.mistakes.iter().map(ToString::to_string);
        mistakes.chain(self.warnings.iter().cloned())
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is refused", self.path.display())
    }
}

impl std::error::Error for Invalid {}
