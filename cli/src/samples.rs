//! Sample deliveries, built and signed as the provider would.
//!
//! Signing here is not the verifier's code: it uses another HMAC, so that the two check each other.

use ring::hmac;
use switchhook_core::config::Source;
use switchhook_core::time::Timestamp;

use crate::secrets::{self, NoRandomness};
use crate::urls;

mod ai_sync;

/// One sample of a provider.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Its name on the command line.
    pub name: &'static str,
    /// The slug of the URL, where it has one.
    slug: Option<&'static str>,
    content_type: &'static str,
    /// The body, with `{id}`, `{at}` and `{number}` in it.
    template: &'static str,
}

/// What differs between deliveries of one sample.
#[derive(Clone, Debug)]
pub struct Variation {
    /// A part of every id in the body.
    pub id: String,
    /// Seven digits of every number in the body.
    pub number: u32,
    /// The time of what happened.
    pub at: Timestamp,
}

impl Default for Variation {
    /// The delivery of the documents.
    fn default() -> Self {
        let at = Timestamp::from_millisecond(1_736_951_425_123).unwrap_or(Timestamp::UNIX_EPOCH);
        Self {
            id: "987654321".to_owned(),
            number: 5_550_100,
            at,
        }
    }
}

/// An HTTP request ready to be sent.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The path, token included.
    pub path: String,
    /// The headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Returns the samples of a provider.
#[must_use]
pub fn of(provider: &str) -> &'static [Sample] {
    match provider {
        "ai-sync" => ai_sync::SAMPLES,
        _ => &[],
    }
}

/// Builds and signs a sample as a source would send it.
#[must_use]
pub fn build(sample: &Sample, source: &Source, variation: &Variation) -> Delivery {
    let body = sample
        .template
        .replace("{id}", &variation.id)
        .replace("{at}", &variation.at.to_string())
        .replace("{number}", &format!("{:07}", variation.number));
    let slug = sample
        .slug
        .map(|slug| format!("/{slug}"))
        .unwrap_or_default();
    let mut headers = vec![("content-type", sample.content_type.to_owned())];
    if let Some(secret) = source.secrets.first() {
        headers.push((
            "x-webhook-signature",
            hmac_sha256(secret.as_bytes(), body.as_bytes()),
        ));
    }
    Delivery {
        path: format!("{}{slug}", urls::path(source)),
        headers,
        body: body.into_bytes(),
    }
}

fn hmac_sha256(secret: &[u8], body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("sha256={}", hex::encode(hmac::sign(&key, body)))
}

/// Returns text that makes ids of this run differ from those of any other.
///
/// # Errors
///
/// When the operating system gives no random bytes.
pub fn run_id() -> Result<String, NoRandomness> {
    let random: [u8; 6] = secrets::random()?;
    Ok(hex::encode(random))
}

/// Returns the number that the numbers of this run are counted from: seven digits at most, with room
/// for many deliveries.
///
/// # Errors
///
/// When the operating system gives no random bytes.
pub fn first_number() -> Result<u32, NoRandomness> {
    let random = u32::from_be_bytes(secrets::random()?);
    Ok(random.checked_rem(8_000_000).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_known_one() {
        // facts of the provider: computed by openssl
        let body = r#"{"event":"call.ended","timestamp":"2026-02-03T04:05:06.007Z","data":{"call_id":"call_1"}}"#;
        assert_eq!(
            hmac_sha256(b"example-secret", body.as_bytes()),
            "sha256=e35b000cec9cc1f78b34d31ea6c2a9275a5c908d3d8a15da6792c0a6f7416b94"
        );
    }
}
