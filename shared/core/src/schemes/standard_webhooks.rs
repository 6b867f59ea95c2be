//! `standard-webhooks`: HMAC-SHA256 over the event's id, the attempt's time and the raw body.
//!
//! By the specification 1.0.0 of www.standardwebhooks.com. `webhook-signature` is a list, since a
//! sender that changes its secret signs with the old and the new one. Its asymmetric signatures
//! (`v1a`) are passed over. The time keeps old deliveries from being sent again by somebody else.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use super::{Credentials, Scheme, SigningSecret, VerifyError};
use crate::request::{Headers, Request};
use crate::time::Timestamp;

mod secret;

/// The header that holds the event's id, the same for every attempt.
pub const ID: &str = "webhook-id";
/// The header that holds the attempt's time, in seconds since 1970.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header that holds the signatures.
pub const SIGNATURE: &str = "webhook-signature";

/// The names of the three headers.
#[derive(Clone, Copy, Debug)]
struct Names {
    id: &'static str,
    timestamp: &'static str,
    signature: &'static str,
}

const OWN: Names = Names {
    id: ID,
    timestamp: TIMESTAMP,
    signature: SIGNATURE,
};

/// Those that Svix and its customers send: an alias by Svix's documents.
const SVIX: Names = Names {
    id: "svix-id",
    timestamp: "svix-timestamp",
    signature: "svix-signature",
};

/// Returns the names that a request uses: one prefix for all three headers, so that nobody's signature
/// is taken with another one's id.
fn names(headers: &Headers) -> Names {
    let has = |name| headers.get(name).is_some();
    // A record keeps no signatures: there, the id shows which names were used.
    let is_svix = if has(OWN.signature) || has(SVIX.signature) {
        !has(OWN.signature)
    } else {
        !has(OWN.id) && has(SVIX.id)
    };
    if is_svix { SVIX } else { OWN }
}

/// Returns the id of a delivery's headers, if it is there and not blank.
pub(crate) fn id_of_headers(headers: &Headers) -> Option<&str> {
    let id = headers.get(names(headers).id)?.trim_matches([' ', '\t']);
    (!id.is_empty()).then_some(id)
}

/// How far the attempt's time may be from ours, in seconds, before or after: that of the reference
/// libraries.
const TOLERANCE_SECS: u32 = 5 * 60;

/// Times that are taken for milliseconds: in those, the years 1973 to 5138; in seconds, years from 5138
/// on.
const MILLISECONDS: std::ops::Range<i64> = 100_000_000_000..100_000_000_000_000;

/// The most signatures that are looked at: a sender has one for each of its current secrets.
const MAX_SIGNATURES: usize = 16;

const SIGNATURE_PREFIX: &str = "v1,";

/// The fewest bytes of a secret (the specification).
const MIN_SECRET_BYTES: usize = 24;

/// The scheme of this module.
#[derive(Debug)]
pub struct StandardWebhooks;

impl Scheme for StandardWebhooks {
    fn name(&self) -> &'static str {
        "standard-webhooks"
    }

    fn split_secrets<'a>(&self, text: &'a str) -> Vec<&'a str> {
        secret::split(text)
    }

    fn read_secret(&self, text: String) -> Result<SigningSecret, String> {
        secret::read(&text)
    }

    fn strong_secret_bytes(&self) -> usize {
        MIN_SECRET_BYTES
    }

    fn leaves_url_unsigned(&self) -> bool {
        true
    }

    fn verify(
        &self,
        request: &Request,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<(), VerifyError> {
        let names = names(&request.headers);
        let id = header(request, names.id)?;
        let timestamp = header(request, names.timestamp)?;
        let tags = tags(header(request, names.signature)?);
        if id.is_empty() {
            return Err(VerifyError::MalformedHeader(names.id));
        }
        if tags.is_empty() {
            return Err(VerifyError::MalformedHeader(names.signature));
        }
        let signed_at = seconds(timestamp).ok_or(VerifyError::MalformedHeader(names.timestamp))?;
        if now.as_second().abs_diff(signed_at) > u64::from(TOLERANCE_SECS) {
            return Err(if MILLISECONDS.contains(&signed_at) {
                VerifyError::Milliseconds
            } else {
                VerifyError::OutsideTolerance(TOLERANCE_SECS)
            });
        }
        let parts: [&[u8]; 5] = [
            id.as_bytes(),
            b".",
            timestamp.as_bytes(),
            b".",
            &request.body,
        ];
        let mut found = Choice::from(0);
        for secret in &credentials.secrets {
            let made = sign(secret, &parts).ok_or(VerifyError::SignatureMismatch)?;
            for tag in &tags {
                found |= made.ct_eq(tag);
            }
        }
        if found.into() {
            Ok(())
        } else {
            Err(VerifyError::SignatureMismatch)
        }
    }
}

fn header<'a>(request: &'a Request, name: &'static str) -> Result<&'a str, VerifyError> {
    let header = request.headers.get(name);
    let header = header.map(|value| value.trim_matches([' ', '\t'])); // none of what is signed
    header.ok_or(VerifyError::MissingHeader(name))
}

/// Reads whole seconds: digits and nothing else.
fn seconds(text: &str) -> Option<i64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Returns the tags of the signatures that can be checked with a secret; what is none is passed over.
///
/// A header that came more than once is joined by commas, of which a signature has only one: there
/// is none to check in it.
fn tags(signatures: &str) -> Vec<[u8; 32]> {
    let signatures = signatures.split([' ', '\t']);
    let is_joined = |signature: &str| signature.matches(',').count() > 1;
    if signatures.clone().any(is_joined) {
        return Vec::new();
    }
    signatures
        .filter_map(|signature| signature.strip_prefix(SIGNATURE_PREFIX))
        .take(MAX_SIGNATURES)
        .filter_map(|encoded| STANDARD.decode(encoded).ok()?.try_into().ok())
        .collect()
}

fn sign(secret: &SigningSecret, parts: &[&[u8]]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests;
