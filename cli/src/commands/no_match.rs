//! A filter that matches nothing: it is said beside the output, since an empty listing looks the same
//! for a quiet source and for a misspelt one.

use switchhook_core::nearest::nearest;

use super::{CommandError, Context, output};

/// Says on standard error that nothing matches, and which sources there are if the one asked for is
/// none of them.
pub(super) async fn note(
    context: &Context,
    things: &str,
    source: Option<&str>,
) -> Result<(), CommandError> {
    let unknown = match source {
        Some(source) => unknown_source(context, source).await,
        None => None,
    };
    let reason = unknown.map(|unknown| format!(": {unknown}"));
    let reason = reason.unwrap_or_default();
    Ok(output::note(&format!("no {things} match{reason}"))?)
}

/// Lists the sources, unless this is one of them or they cannot be read.
pub(super) async fn unknown_source(context: &Context, source: &str) -> Option<String> {
    let sources = context.sources().await.ok()?;
    if sources.get(source).is_some() {
        return None;
    }
    let names: Vec<_> = sources.iter().map(|source| source.name.as_str()).collect();
    let near = nearest(source, names.iter().copied());
    let near = near.map(|near| format!("; did you mean `{near}`?"));
    Some(format!(
        "unknown source `{}`; expected one of `{}`{}",
        source,
        names.join("`, `"),
        near.unwrap_or_default()
    ))
}
