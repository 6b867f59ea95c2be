//! `hmac-sha256`: `X-Webhook-Signature` holds the HMAC-SHA256 of the raw body in hex.
//!
//! AI Sync's documents show the digits with and without `sha256=` before them, and a receiver that
//! signs parsed and re-serialised JSON; what is signed here are the bytes that were sent. A
//! signature inside the body is never looked at: it could not cover the bytes that contain it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Credentials, Scheme, SigningSecret, VerifyError, bare};
use crate::request::Request;
use crate::time::Timestamp;

/// The header that holds the signature.
pub const HEADER: &str = "x-webhook-signature";

const ALGORITHM: &str = "sha256";

/// The scheme of this module.
#[derive(Debug)]
pub struct HmacSha256;

impl Scheme for HmacSha256 {
    fn name(&self) -> &'static str {
        "hmac-sha256"
    }

    fn leaves_url_unsigned(&self) -> bool {
        true
    }

    fn verify(
        &self,
        request: &Request,
        credentials: &Credentials,
        _now: Timestamp,
    ) -> Result<(), VerifyError> {
        let signature = request
            .headers
            .get(HEADER)
            .ok_or(VerifyError::MissingHeader(HEADER))?;
        let tag = decode(signature).ok_or(VerifyError::MalformedHeader(HEADER))?;
        if credentials
            .secrets
            .iter()
            .any(|secret| matches(secret, &request.body, &tag))
        {
            Ok(())
        } else {
            Err(VerifyError::SignatureMismatch)
        }
    }
}

/// Decodes exactly 64 hex digits of either case, after an optional `sha256=` in any case. Blanks and
/// quotes around them are passed over.
fn decode(signature: &str) -> Option<[u8; 32]> {
    let digits = match bare(signature).split_once('=') {
        Some((name, digits)) if bare(name).eq_ignore_ascii_case(ALGORITHM) => digits,
        Some(_) => return None,
        None => signature,
    };
    let mut tag = [0; 32];
    hex::decode_to_slice(bare(digits), &mut tag).ok()?;
    Some(tag)
}

/// Compares in constant time (`verify_slice`).
fn matches(secret: &SigningSecret, body: &[u8], tag: &[u8]) -> bool {
    Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .is_ok_and(|mac| mac.chain_update(body).verify_slice(tag).is_ok())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    // printf '%s' "$BODY" | openssl dgst -sha256 -hmac example-secret
    const BODY: &str = r#"{"event":"call.ended","timestamp":"2026-02-03T04:05:06.007Z","data":{"call_id":"call_1"}}"#;
    const TAG: &str = "e35b000cec9cc1f78b34d31ea6c2a9275a5c908d3d8a15da6792c0a6f7416b94";

    fn verify(body: &str, signature: Option<&str>, secrets: &[&str]) -> Result<(), VerifyError> {
        let request = Request {
            method: "POST".into(),
            path: "/webhooks/voice".into(),
            headers: signature
                .map(|s| (HEADER.to_owned(), s.to_owned()))
                .into_iter()
                .collect(),
            body: Bytes::copy_from_slice(body.as_bytes()),
            peer: None,
        };
        let credentials = Credentials {
            secrets: secrets.iter().map(|s| SigningSecret::new(*s)).collect(),
            ..Credentials::default()
        };
        HmacSha256.verify(&request, &credentials, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_known_signature_verifies_in_every_documented_spelling() {
        for signature in [
            TAG.to_owned(),
            TAG.to_uppercase(),
            format!("sha256={TAG}"),
            format!("SHA256={}", TAG.to_uppercase()),
            format!(" {TAG}\t"),
            format!("sha256= {TAG}"),
            format!(" sha256 = {TAG} "),
            format!("Sha256=\t{TAG}"),
            format!("\"{TAG}\""),
            format!("\"sha256={TAG}\""),
            format!("sha256=\"{TAG}\""),
        ] {
            assert_eq!(
                verify(BODY, Some(&signature), &["example-secret"]),
                Ok(()),
                "{signature}"
            );
        }
    }

    #[test]
    fn any_current_secret_verifies() {
        assert_eq!(verify(BODY, Some(TAG), &["new", "example-secret"]), Ok(()));
        assert_eq!(verify(BODY, Some(TAG), &["example-secret", "old"]), Ok(()));
        assert_eq!(
            verify(BODY, Some(TAG), &["new"]),
            Err(VerifyError::SignatureMismatch)
        );
        assert_eq!(
            verify(BODY, Some(TAG), &[]),
            Err(VerifyError::SignatureMismatch)
        );
    }

    #[test]
    fn the_exact_bytes_are_covered() {
        let other = BODY.replace("call_1", "call_2");
        assert_eq!(
            verify(&other, Some(TAG), &["example-secret"]),
            Err(VerifyError::SignatureMismatch)
        );
        let spaced = format!("{BODY} ");
        assert_eq!(
            verify(&spaced, Some(TAG), &["example-secret"]),
            Err(VerifyError::SignatureMismatch)
        );
    }

    #[test]
    fn what_is_no_signature_is_malformed() {
        assert_eq!(
            verify(BODY, None, &["s"]),
            Err(VerifyError::MissingHeader(HEADER))
        );
        let malformed = Err(VerifyError::MalformedHeader(HEADER));
        let short = TAG.get(1..).unwrap();
        for signature in [
            "",
            "sha256=",
            "sha256=test-signature",
            short,
            &format!("{TAG},{TAG}"),
            &format!("{TAG}00"),
            &format!("{TAG}\n"),
            &TAG.replacen('5', "5 ", 1),
            &format!("sha256 {TAG}"),
            &format!("sha256=sha256={TAG}"),
            &format!("sha512={TAG}"),
            &format!("={TAG}"),
            &format!("{TAG}="),
            &format!("'{TAG}'"),
            "é\u{301}",
        ] {
            assert_eq!(
                verify(BODY, Some(signature), &["example-secret"]),
                malformed,
                "{signature}"
            );
        }
    }
}
