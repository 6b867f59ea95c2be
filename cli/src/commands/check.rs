//! `switchhook check`: whether a file of sources would be taken, or whether a deployed stack is whole.

mod whole;

use std::path::PathBuf;
use std::process::ExitCode;

use switchhook_core::config::{Source, Sources};

use super::{CommandError, Context, output};
use crate::args::Check;
use crate::local::config::{SourcesFile, chosen_file};

pub(super) async fn run(context: &Context, args: &Check) -> Result<ExitCode, CommandError> {
    match (&context.stack, &context.config) {
        (Some(_), Some(_)) => Err(CommandError::Usage(
            "`check` looks at a file or at a stack: leave `--config` or `--stack` out".to_owned(),
        )),
        (Some(stack), None) => whole::run(context, stack, args.url.as_deref()).await,
        (None, _) => check_file(context),
    }
}

fn check_file(context: &Context) -> Result<ExitCode, CommandError> {
    let file =
        chosen_file(context.config.clone()).unwrap_or_else(|| PathBuf::from("switchhook.toml"));
    let file = SourcesFile::new(file);
    let sources = file.read()?;
    if context.json {
        let names: Vec<_> = sources.iter().map(|source| source.name.as_str()).collect();
        let warnings: Vec<_> = warnings(&sources).collect();
        let told = serde_json::json!({ "valid": true, "sources": names, "warnings": warnings });
        output::line(&told.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(&format!(
        "{} is valid: records live {} days",
        file.path().display(),
        sources.retention_days
    ))?;
    let rows = sources.iter().map(|source| {
        vec![
            source.name.clone(),
            source.provider.name().to_owned(),
            source.scheme(),
        ]
    });
    output::table(&["NAME", "PROVIDER", "SCHEME"], rows)?;
    for warning in warnings(&sources) {
        output::line(&warning)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what of valid sources deserves a thought.
pub(super) fn warnings(sources: &Sources) -> impl Iterator<Item = String> {
    sources.iter().filter(|source| lacks_token(source)).map(|source| {
        format!(
            "warning: source `{}` has no `tokens`: scheme `{}` does not sign the body, so whoever \
             sees one delivery can send others; `switchhook sources token` makes one",
            source.name,
            source.scheme(),
        )
    })
}

/// Tells whether a source's scheme asks for a URL token that it has not got.
fn lacks_token(source: &Source) -> bool {
    let scheme = source.verification();
    source.tokens.is_empty() && scheme.is_some_and(|scheme| scheme.needs_token())
}
