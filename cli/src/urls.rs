//! The URLs of sources.

use switchhook_core::config::Source;

/// Returns a source's path with its first token: for whoever configures the sender.
#[must_use]
pub(crate) fn path(source: &Source) -> String {
    match source.tokens.first() {
        Some(token) => format!("/webhooks/{}/{}", source.name, token.as_str()),
        None => format!("/webhooks/{}", source.name),
    }
}

/// Returns a source's path with its token hidden: for a terminal that others may see.
#[must_use]
pub(crate) fn shown_path(source: &Source) -> String {
    match source.tokens.first() {
        Some(_) => format!("/webhooks/{}/…", source.name),
        None => format!("/webhooks/{}", source.name),
    }
}
