//! Whether a request is let in: source and token, method, size, networks, scheme, in this order.
//!
//! An [`Admitted`] request can only be made here, and only from it events are made: what was not
//! verified cannot reach the queue.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::config::{OptInScope, Source, Sources};
use crate::dedup;
use crate::request::Request;
use crate::schemes::VerifyError;
use crate::schemes::url_token::{self, UrlToken};
use crate::time::Timestamp;

/// The longest slug that is kept as it was sent. It is part of every record.
pub const MAX_SLUG_BYTES: usize = 128;

/// The start of every webhook's path.
const PREFIX: &str = "/webhooks/";

/// A request whose sender is proven.
#[derive(Debug)]
pub struct Admitted<'a> {
    source: &'a Source,
    retention_days: u16,
    state_retention_days: Option<u16>,
    opt_in_scope: OptInScope,
    slug: Option<Cow<'a, str>>,
    request: &'a Request,
}

impl<'a> Admitted<'a> {
    /// Returns the source that sent it.
    #[must_use]
    pub const fn source(&self) -> &'a Source {
        self.source
    }

    /// Returns how long records of it live, in days.
    #[must_use]
    pub const fn retention_days(&self) -> u16 {
        self.retention_days
    }

    /// Returns how long states live after their last change, in days, if they expire.
    #[must_use]
    pub const fn state_retention_days(&self) -> Option<u16> {
        self.state_retention_days
    }

    /// Returns how far a START of it reaches.
    #[must_use]
    pub const fn opt_in_scope(&self) -> OptInScope {
        self.opt_in_scope
    }

    /// Returns the slug of the URL that names the event, where there is one. It has at most
    /// [`MAX_SLUG_BYTES`].
    #[must_use]
    pub fn slug(&self) -> Option<&str> {
        self.slug.as_deref()
    }

    /// Returns the request itself.
    #[must_use]
    pub const fn request(&self) -> &'a Request {
        self.request
    }
}

/// The part of a path that does not fit. It holds nothing that was sent, and names no source: log
/// lines may show it, answers do not.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Mismatch {
    /// The path is none of a webhook.
    #[error("its path does not begin with `{PREFIX}`")]
    Prefix,
    /// No name stands in the path.
    #[error("the source's name is missing behind `{PREFIX}`")]
    NoName,
    /// There is no source of this name.
    #[error("there is no source of this name")]
    Name,
    /// The source has tokens, and none stands in the path.
    #[error("the source's token is missing behind its name")]
    NoToken,
    /// The source has tokens, and what stands in the path is none of them.
    #[error("what stands behind the source's name is not its token")]
    Token,
    /// The source has tokens, and more than token and event stand in the path.
    #[error(
        "there are too many segments behind the source's token: one that names the event may be there"
    )]
    BehindToken,
    /// The source has no tokens, and more than an event stands in the path.
    #[error(
        "there are too many segments: the source has no token, so only one that names the event may stand behind its name"
    )]
    BehindName,
}

/// Why a request is not let in. It names the source only where the sender may know it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// There is no such source, or the token is wrong, or the path has another shape.
    #[error("no source has this URL: {0}")]
    NotFound(Mismatch),
    /// The source takes other methods only.
    #[error("the method is not taken by source `{source_name}`")]
    MethodNotAllowed {
        /// The source.
        source_name: String,
        /// The methods it takes, as the `Allow` header lists them.
        allow: &'static str,
    },
    /// The body is larger than the source takes.
    #[error("the body of {bytes} bytes is larger than `max_body` of source `{source_name}`")]
    TooLarge {
        /// The source.
        source_name: String,
        /// The body's size.
        bytes: usize,
    },
    /// The sender is not proven.
    #[error("the sender is not proven to be source `{source_name}`")]
    Unauthorized {
        /// The source.
        source_name: String,
        /// What the answer asks for in `WWW-Authenticate`, if anything.
        challenge: Option<&'static str>,
        /// What is missing.
        source: VerifyError,
    },
}

impl Refusal {
    /// Returns the HTTP status of the answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::NotFound(_) => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::TooLarge { .. } => 413,
            Self::Unauthorized { .. } => 401,
        }
    }

    /// Returns the fixed code of the answer's body.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::TooLarge { .. } => "too_large",
            Self::Unauthorized { .. } => "unauthorized",
        }
    }

    /// Returns the source that refused, where one was found.
    #[must_use]
    pub fn source_name(&self) -> Option<&str> {
        match self {
            Self::NotFound(_) => None,
            Self::MethodNotAllowed { source_name, .. }
            | Self::TooLarge { source_name, .. }
            | Self::Unauthorized { source_name, .. } => Some(source_name),
        }
    }

    /// Tells whether a newer sources document could change the answer.
    #[must_use]
    pub const fn depends_on_credentials(&self) -> bool {
        match self {
            Self::NotFound(_) | Self::Unauthorized { .. } => true,
            Self::MethodNotAllowed { .. } | Self::TooLarge { .. } => false,
        }
    }
}

/// Checks what a request says before its body: source and token, method and size. For a server that
/// refuses a request without reading its body; [`admit`] begins with the same checks.
///
/// # Errors
///
/// The first check that fails.
pub fn admit_head<'a>(
    sources: &'a Sources,
    method: &str,
    path: &'a str,
    body_bytes: usize,
) -> Result<&'a Source, Refusal> {
    opened(sources, method, path, body_bytes).map(|(source, _)| source)
}

/// Lets a request in, or says why not.
///
/// # Errors
///
/// The first check that fails.
pub fn admit<'a>(
    sources: &'a Sources,
    request: &'a Request,
    now: Timestamp,
) -> Result<Admitted<'a>, Refusal> {
    let (source, slug) = opened(sources, &request.method, &request.path, request.body.len())?;
    let source_name = || source.name.clone();
    verify(source, request, now).map_err(|error| Refusal::Unauthorized {
        source_name: source_name(),
        challenge: source.verification().and_then(|scheme| scheme.challenge()),
        source: error,
    })?;
    Ok(Admitted {
        source,
        retention_days: sources.retention_days,
        state_retention_days: sources.state_retention_days,
        opt_in_scope: sources.opt_in_scope,
        slug: slug.map(bounded_slug),
        request,
    })
}

/// Checks all that needs neither the body nor a credential, and returns the source and the slug.
fn opened<'a>(
    sources: &'a Sources,
    method: &str,
    path: &'a str,
    body_bytes: usize,
) -> Result<(&'a Source, Option<&'a str>), Refusal> {
    let (source, slug) = route(sources, path).map_err(Refusal::NotFound)?;
    let source_name = || source.name.clone();
    let methods = source.provider.methods();
    if !methods.split(", ").any(|allowed| allowed == method) {
        return Err(Refusal::MethodNotAllowed {
            source_name: source_name(),
            allow: methods,
        });
    }
    if body_bytes > source.max_body {
        return Err(Refusal::TooLarge {
            source_name: source_name(),
            bytes: body_bytes,
        });
    }
    Ok((source, slug))
}

fn verify(source: &Source, request: &Request, now: Timestamp) -> Result<(), VerifyError> {
    let inside = |peer: IpAddr| {
        source
            .networks
            .iter()
            .any(|network| network.contains(&peer))
    };
    if !source.networks.is_empty() && !request.peer.is_some_and(inside) {
        return Err(VerifyError::OutsideNetworks);
    }
    match source.verification() {
        Some(scheme) => scheme.verify(request, &source.credentials, now),
        None => Ok(()), // its token was compared with the path
    }
}

/// Finds the source of a path and the slug behind it. A slash at the end is no segment, and an empty
/// slug is no slug.
///
/// An unknown source takes the same comparison as a known one with a token, so that the time of a
/// 404 does not tell which names exist.
fn route<'a>(
    sources: &'a Sources,
    path: &'a str,
) -> Result<(&'a Source, Option<&'a str>), Mismatch> {
    let path = path.strip_prefix(PREFIX).ok_or(Mismatch::Prefix)?;
    let mut segments = path.strip_suffix('/').unwrap_or(path).split('/');
    let name = segments.next().unwrap_or_default();
    let source = sources.get(name);
    let tokens = source.map_or(&[][..], |source| &source.tokens);
    let has_tokens = source.is_none() || !tokens.is_empty();
    let token = if has_tokens { segments.next() } else { None };
    let opened = !has_tokens || token_opens(tokens, token.unwrap_or_default());
    let slug = segments.next().filter(|slug| !slug.is_empty());
    let is_longer = segments.next().is_some();
    match source {
        None if name.is_empty() => Err(Mismatch::NoName),
        None => Err(Mismatch::Name),
        Some(_) if !opened && token.is_none_or(str::is_empty) => Err(Mismatch::NoToken),
        Some(_) if !opened => Err(Mismatch::Token),
        Some(_) if is_longer && has_tokens => Err(Mismatch::BehindToken),
        Some(_) if is_longer => Err(Mismatch::BehindName),
        Some(source) => Ok((source, slug)),
    }
}

/// Returns a slug, or the beginning and the digest of one that is longer than any event's: no two
/// slugs become the same.
fn bounded_slug(slug: &str) -> Cow<'_, str> {
    if slug.len() <= MAX_SLUG_BYTES {
        return slug.into();
    }
    let digest = dedup::sha256_hex(slug.as_bytes());
    let room = MAX_SLUG_BYTES.saturating_sub(digest.len().saturating_add(1));
    let end = slug.floor_char_boundary(room);
    format!("{}~{digest}", slug.get(..end).unwrap_or_default()).into()
}

fn token_opens(tokens: &[UrlToken], segment: &str) -> bool {
    if tokens.is_empty() {
        // Compare something of the usual length; nothing opens here.
        let stand_in = UrlToken::new("A".repeat(url_token::MIN_CHARS));
        let _ = url_token::opens(stand_in.as_slice(), segment);
        return false;
    }
    url_token::opens(tokens, segment)
}

#[cfg(test)]
mod tests;
