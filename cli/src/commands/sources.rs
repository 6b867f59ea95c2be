//! `switchhook sources`: what is configured, and what each source sent.

use std::process::ExitCode;

use jiff::SignedDuration;
use serde::Serialize;
use switchhook_aws::clock::SystemClock;
use switchhook_core::config::Source;
use switchhook_core::time::{Clock, Timestamp};

use super::events::earlier;
use super::{CommandError, Context, output};
use crate::hits::Hits;
use crate::{secrets, urls};

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    title: Option<&'a str>,
    provider: &'static str,
    scheme: String,
    url: String,
    hits: u64,
    last_hit: Option<Timestamp>,
}

pub(super) fn print_token(context: &Context) -> Result<ExitCode, CommandError> {
    let token = secrets::token()?;
    if context.json {
        output::json(&serde_json::json!({ "token": token }))?;
    } else {
        output::line(&token)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Lists all sources, or those that were silent for so long: then any of them is a failure.
pub(super) async fn run(
    context: &Context,
    silent_for: Option<SignedDuration>,
) -> Result<ExitCode, CommandError> {
    let sources = context.sources().await?;
    let asked_for = silent_for.unwrap_or_default();
    let hits = context.hits(&sources, asked_for).await?;
    let url = context.url()?;
    let mut listed: Vec<_> = sources
        .iter()
        .map(|source| {
            let of_source = hits.get(&source.name).copied();
            listed(source, &url, of_source.unwrap_or_default())
        })
        .collect();
    if let Some(silent_for) = silent_for {
        let since = earlier(SystemClock.now(), silent_for);
        listed.retain(|source| source.last_hit.is_none_or(|at| at < since));
    }
    if context.json {
        for source in &listed {
            output::json(source)?;
        }
    } else if silent_for.is_some() && listed.is_empty() {
        output::line("No source was silent for so long.")?;
    } else {
        print_table(&listed)?;
    }
    Ok(match silent_for {
        Some(_) if !listed.is_empty() => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}

fn print_table(listed: &[Listed<'_>]) -> Result<(), CommandError> {
    let rows = listed.iter().map(|source| {
        let last_hit = source
            .last_hit
            .map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string());
        vec![
            source.name.to_owned(),
            source.title.unwrap_or_default().to_owned(),
            source.provider.to_owned(),
            source.scheme.clone(),
            source.url.clone(),
            source.hits.to_string(),
            last_hit.unwrap_or_else(|| "never".to_owned()),
        ]
    });
    Ok(output::table(
        &[
            "NAME",
            "TITLE",
            "PROVIDER",
            "SCHEME",
            "URL",
            "HITS",
            "LAST HIT (UTC)",
        ],
        rows,
    )?)
}

fn listed<'a>(source: &'a Source, url: &str, hits: Hits) -> Listed<'a> {
    Listed {
        name: &source.name,
        title: source.title.as_deref(),
        provider: source.provider.name(),
        scheme: source.scheme(),
        url: format!("{url}{}", urls::path(source)),
        hits: hits.hits,
        last_hit: hits.last_hit,
    }
}
