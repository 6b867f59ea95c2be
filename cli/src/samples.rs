//! Sample deliveries, built and signed as the provider would.
//!
//! Signing here is not the verifier's code: see `signing`.

use switchhook_core::config::Source;
use switchhook_core::dedup;
use switchhook_core::time::Timestamp;

use crate::secrets::{self, NoRandomness};
use crate::urls;

mod ai_sync;
pub(crate) mod bytes;
mod cellcast;
mod cloudcontactai;
mod nectar_desk;
pub(crate) mod signing;
mod standard_webhooks;

const JSON: &str = "application/json";

/// One sample of a provider.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Its name on the command line.
    pub name: &'static str,
    /// The slug of the URL, where it has one.
    slug: Option<&'static str>,
    content_type: &'static str,
    /// The body, with the placeholders of [`Variation::fill`] in it.
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

impl Variation {
    /// Puts what differs in the place of `{id}` (a text), `{serial}` (a whole number), `{hex}` (24 hex
    /// digits), `{number}` (seven digits) and `{at}` (RFC 3339).
    fn fill(&self, template: &str) -> String {
        let mut hex = dedup::sha256_hex(self.id.as_bytes());
        hex.truncate(24);
        let serial = u64::from(self.number).saturating_add(10_000_000);
        template
            .replace("{id}", &self.id)
            .replace("{serial}", &serial.to_string())
            .replace("{hex}", &hex)
            .replace("{number}", &format!("{:07}", self.number))
            .replace("{at}", &self.at.to_string())
    }
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
        "cellcast" => cellcast::SAMPLES,
        "cloudcontactai" => cloudcontactai::SAMPLES,
        "nectar-desk" => nectar_desk::SAMPLES,
        "standard-webhooks" => standard_webhooks::SAMPLES,
        _ => &[],
    }
}

/// Builds and signs a sample as a source would send it when it happens.
#[must_use]
pub fn build(sample: &Sample, source: &Source, variation: &Variation) -> Delivery {
    build_at(sample, source, variation, variation.at)
}

/// Builds and signs a sample as a source would send it later.
#[must_use]
pub fn build_at(
    sample: &Sample,
    source: &Source,
    variation: &Variation,
    sent_at: Timestamp,
) -> Delivery {
    let body = variation.fill(sample.template);
    let slug = sample
        .slug
        .map(|slug| format!("/{slug}"))
        .unwrap_or_default();
    let mut headers = vec![("content-type", sample.content_type.to_owned())];
    let event_hash = signing::event_hash(&body);
    let signed = signing::Signed {
        body: body.as_bytes(),
        event_hash: &event_hash,
    };
    headers.extend(signing::headers(source, signed, variation, sent_at));
    Delivery {
        path: format!("{}{slug}", urls::path(source)),
        headers,
        body: body.into_bytes(),
    }
}

/// Corrupts a delivery so that no receiver may let it in: its body where the signature covers that,
/// else the credential.
pub fn tamper(delivery: &mut Delivery, source: &Source) {
    let credential = match source.verification().map(|scheme| scheme.name()) {
        Some("basic") => Some("authorization"),
        Some("ccai") => Some("x-ccai-signature"),
        Some(_) => return flip(&mut delivery.body),
        None => None,
    };
    let header = delivery.headers.iter_mut();
    match header
        .into_iter()
        .find(|(name, _)| Some(*name) == credential)
    {
        Some((_, value)) => *value = corrupted(value),
        None => delivery.path = with_other_token(&delivery.path),
    }
}

/// Changes one byte in the middle.
fn flip(body: &mut [u8]) {
    let middle = body.len().checked_div(2).unwrap_or_default();
    if let Some(byte) = body.get_mut(middle) {
        *byte ^= 1;
    }
}

/// Changes a digit, of hex or base64, before the padding.
fn corrupted(credential: &str) -> String {
    let place = credential.len().saturating_sub(6);
    let digits = credential.char_indices();
    digits
        .map(|(at, digit)| match digit {
            _ if at != place => digit,
            '0' => '1',
            _ => '0',
        })
        .collect()
}

/// Changes the token of `/webhooks/{source}/{token}…`.
fn with_other_token(path: &str) -> String {
    let segments = path.split('/').enumerate();
    let segments = segments.map(|(place, segment)| match place {
        3 => corrupted(segment),
        _ => segment.to_owned(),
    });
    segments.collect::<Vec<_>>().join("/")
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
    use switchhook_core::providers;

    #[test]
    fn every_provider_has_samples_of_different_names_that_a_shell_can_quote() {
        for provider in providers::ALL {
            let samples = of(provider.name());
            let mut names: Vec<_> = samples.iter().map(|sample| sample.name).collect();
            names.sort_unstable();
            names.dedup();
            assert!(!names.is_empty(), "{}", provider.name());
            assert_eq!(names.len(), samples.len(), "{}", provider.name());
            for sample in samples {
                assert!(!sample.template.contains('\''), "{}", sample.name);
            }
        }
    }

    #[test]
    fn samples_that_say_json_are_json() {
        for provider in providers::ALL {
            for sample in of(provider.name()) {
                let body = Variation::default().fill(sample.template);
                let read: Result<serde_json::Value, _> = serde_json::from_str(&body);
                assert_eq!(read.is_ok(), sample.content_type == JSON, "{}", sample.name);
            }
        }
    }

    #[test]
    fn what_differs_differs_everywhere() {
        let template = "{id} {serial} {hex} {number} {at}";
        let one = Variation::default();
        let other = Variation {
            id: "x1".into(),
            number: 7,
            at: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(
            other.fill(template),
            "x1 10000007 ec31682fde561917952ff78a 0000007 1970-01-01T00:00:00Z"
        );
        let (one, other) = (one.fill(template), other.fill(template));
        assert!(one.split(' ').zip(other.split(' ')).all(|(a, b)| a != b));
    }
}
