//! `switchhook sources`: what is configured, and what each source sent.

use std::collections::HashMap;
use std::process::ExitCode;

use serde::Serialize;
use switchhook_core::config::Source;
use switchhook_core::time::Timestamp;

use super::{CommandError, Context, output};
use crate::args::{Sources, SourcesAction};
use crate::local::stack;
use crate::{secrets, urls};

/// What a source sent: its deliveries, and when the last one was accepted.
#[derive(Clone, Copy, Debug, Default)]
struct Hits {
    hits: usize,
    last_hit: Option<Timestamp>,
}

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    title: Option<&'a str>,
    provider: &'static str,
    scheme: String,
    url: String,
    hits: usize,
    last_hit: Option<Timestamp>,
}

pub(super) async fn run(context: &Context, args: Sources) -> Result<ExitCode, CommandError> {
    match args.action {
        Some(SourcesAction::Token) => print_token(context)?,
        None => list(context).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print_token(context: &Context) -> Result<(), CommandError> {
    let token = secrets::token()?;
    let text = if context.json {
        serde_json::json!({ "token": token }).to_string()
    } else {
        token
    };
    Ok(output::line(&text)?)
}

async fn list(context: &Context) -> Result<(), CommandError> {
    let sources = context.sources()?;
    let hits = if context.data.existing().is_ok() {
        hits(context).await?
    } else {
        HashMap::new()
    };
    let url = context.url();
    let listed = sources.iter().map(|source| listed(source, &url, &hits));
    if context.json {
        for source in listed {
            output::line(&serde_json::to_string(&source)?)?;
        }
        return Ok(());
    }
    let rows = listed.map(|source| {
        let last_hit = source
            .last_hit
            .map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string());
        vec![
            source.name.to_owned(),
            source.title.unwrap_or_default().to_owned(),
            source.provider.to_owned(),
            source.scheme,
            source.url,
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

fn listed<'a>(source: &'a Source, url: &str, hits: &HashMap<String, Hits>) -> Listed<'a> {
    let Hits { hits, last_hit } = hits.get(&source.name).copied().unwrap_or_default();
    Listed {
        name: &source.name,
        title: source.title.as_deref(),
        provider: source.provider.name(),
        scheme: source.scheme(),
        url: format!("{url}{}", urls::path(source)),
        hits,
        last_hit,
    }
}

/// Counts the deliveries of every source from the ledger.
async fn hits(context: &Context) -> Result<HashMap<String, Hits>, CommandError> {
    let ledger = stack::open_ledger(&context.data)?;
    let mut hits: HashMap<String, Hits> = HashMap::new();
    let mut last_of_array = None;
    for (source, delivery) in ledger.deliveries().await? {
        if last_of_array.replace(delivery) == Some(delivery) {
            continue; // a further event of the same delivery
        }
        let of_source = hits.entry(source).or_default();
        of_source.hits = of_source.hits.saturating_add(1);
        of_source.last_hit = of_source.last_hit.max(delivery.time());
    }
    Ok(hits)
}
