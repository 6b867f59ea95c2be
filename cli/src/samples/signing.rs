//! Proving who sends, as each provider does it: with another HMAC than the verifier's, so that the two
//! check each other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use switchhook_core::config::Source;
use switchhook_core::dedup;
use switchhook_core::time::Timestamp;

use super::{Delivery, Variation};

type Headers = Vec<(&'static str, String)>;

/// What a signature may be over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signed<'a> {
    pub(super) body: &'a [u8],
    /// What CloudContactAI signs of it.
    pub(super) event_hash: &'a str,
}

/// The headers that a delivery of a source proves itself by.
pub(super) fn headers(
    source: &Source,
    Signed { body, event_hash }: Signed<'_>,
    variation: &Variation,
    sent_at: Timestamp,
) -> Headers {
    match source.provider.scheme().map(|scheme| scheme.name()) {
        Some("basic") => basic(source),
        Some("ccai") => ccai(source, event_hash),
        Some("hmac-sha256") => hmac_sha256(source, body),
        Some("standard-webhooks") => standard_webhooks(
            secret(source),
            &message_id(body, variation),
            sent_at.as_second(),
            body,
        ),
        _ => Vec::new(),
    }
}

fn secret(source: &Source) -> Option<&[u8]> {
    Some(source.credentials.secrets.first()?.as_bytes())
}

/// Cellcast's webhook login.
fn basic(source: &Source) -> Headers {
    let user = source.credentials.users.first();
    let login = |user: &switchhook_core::schemes::User| {
        let pair = format!("{}:{}", user.username, user.password);
        format!("Basic {}", STANDARD.encode(pair))
    };
    user.map(|user| ("authorization", login(user)))
        .into_iter()
        .collect()
}

/// Returns the hash that a body of CloudContactAI's names.
pub(super) fn event_hash(body: &str) -> String {
    let read: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let hash = read.get("eventHash").and_then(serde_json::Value::as_str);
    hash.unwrap_or_default().to_owned()
}

/// CloudContactAI's signature: over its client's id and the hash that the body names.
fn ccai(source: &Source, hash: &str) -> Headers {
    let client_id = source.credentials.client_id.as_deref().unwrap_or_default();
    let message = format!("{client_id}:{hash}");
    secret(source)
        .map(|secret| {
            (
                "x-ccai-signature",
                STANDARD.encode(mac(secret, message.as_bytes())),
            )
        })
        .into_iter()
        .collect()
}

fn hmac_sha256(source: &Source, body: &[u8]) -> Headers {
    let sign = |secret| format!("sha256={}", hex::encode(mac(secret, body)));
    secret(source)
        .map(|secret| ("x-webhook-signature", sign(secret)))
        .into_iter()
        .collect()
}

/// The id of a message: the same for the same body of a run, so that two samples are two messages.
fn message_id(body: &[u8], variation: &Variation) -> String {
    let mut digest = dedup::sha256_hex(body);
    digest.truncate(8);
    format!("msg_{}{digest}", variation.id)
}

/// Returns how a shell makes a header's value at the time it runs, to stand in double quotes; `None`
/// for a header that does not grow old.
///
/// The time is that of the minute, since both headers have to hold the same.
pub(crate) fn made_by_shell(source: &Source, delivery: &Delivery, name: &str) -> Option<String> {
    const MINUTE: &str = "$(($(date +%s) / 60 * 60))";
    match name {
        "webhook-timestamp" => Some(MINUTE.to_owned()),
        "webhook-signature" => {
            let (_, id) = delivery.headers.iter().find(|h| h.0 == "webhook-id")?;
            let (body, key) = (String::from_utf8_lossy(&delivery.body), secret(source)?);
            Some(format!(
                "v1,$(printf '%s.%s.%s' '{id}' \"{MINUTE}\" '{body}' \
                 | openssl dgst -sha256 -mac HMAC -macopt hexkey:{} -binary | base64)",
                hex::encode(key)
            ))
        }
        _ => None,
    }
}

/// Standard Webhooks: over the id, the time in seconds since 1970 and the body.
fn standard_webhooks(secret: Option<&[u8]>, id: &str, at: i64, body: &[u8]) -> Headers {
    let message = [format!("{id}.{at}.").as_bytes(), body].concat();
    let signature = secret.map(|secret| STANDARD.encode(mac(secret, &message)));
    let signature = signature.map(|signature| ("webhook-signature", format!("v1,{signature}")));
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", at.to_string()),
    ]
    .into_iter()
    .chain(signature)
    .collect()
}

fn mac(secret: &[u8], message: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signatures_are_the_known_ones() {
        // printf '%s' "$BODY" | openssl dgst -sha256 -hmac example-secret
        let body = r#"{"event":"call.ended","timestamp":"2026-02-03T04:05:06.007Z","data":{"call_id":"call_1"}}"#;
        assert_eq!(
            hex::encode(mac(b"example-secret", body.as_bytes())),
            "e35b000cec9cc1f78b34d31ea6c2a9275a5c908d3d8a15da6792c0a6f7416b94"
        );
        // printf '1231:hash-0001' | openssl dgst -sha256 -hmac example-secret -binary | base64
        assert_eq!(
            STANDARD.encode(mac(b"example-secret", b"1231:hash-0001")),
            "yZADXTyIFibvVvXaHIuMB0V/nTFRyMt87hsrrJsnr8g="
        );
        // The vector of the Standard Webhooks reference libraries.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let headers = standard_webhooks(
            Some(&secret),
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(
            headers.last().unwrap().1,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }
}
