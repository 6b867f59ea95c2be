//! `ccai`: `X-CCAI-Signature` holds the HMAC-SHA256 of `{client id}:{event hash}` in base64.
//!
//! So CloudContactAI's page "Webhook API" has it, and its libraries. The hash is the body's own
//! `eventHash`; how it is made is not published, so that nothing else of the body is covered, and
//! nothing says when it was signed: a URL token belongs with it. Hex digests of the whole body, as
//! older pages show them, are not taken.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Configured, Credentials, Scheme, SigningSecret, VerifyError, bare};
use crate::content;
use crate::request::Request;
use crate::time::Timestamp;

/// The header that holds the signature.
pub const HEADER: &str = "x-ccai-signature";

/// The member of the body that the signature is over.
pub const EVENT_HASH: &str = "eventHash";

/// The scheme of this module.
#[derive(Debug)]
pub struct Ccai;

impl Scheme for Ccai {
    fn name(&self) -> &'static str {
        "ccai"
    }

    fn configured(&self) -> Configured {
        Configured::ClientIdAndSecrets
    }

    fn needs_token(&self) -> bool {
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
        let hash = event_hash(request).ok_or(VerifyError::MissingField(EVENT_HASH))?;
        let client_id = credentials.client_id.as_deref().unwrap_or_default();
        let message = format!("{client_id}:{hash}");
        if credentials
            .secrets
            .iter()
            .any(|secret| matches(secret, message.as_bytes(), &tag))
        {
            Ok(())
        } else {
            Err(VerifyError::SignatureMismatch)
        }
    }
}

/// Decodes exactly 32 bytes of standard base64 with its padding. Blanks and quotes around it are passed
/// over.
fn decode(signature: &str) -> Option<[u8; 32]> {
    STANDARD.decode(bare(signature)).ok()?.try_into().ok()
}

/// Reads the hash, whatever the reader would make of the rest: an authentic delivery is never refused
/// for what it says.
fn event_hash(request: &Request) -> Option<String> {
    content::field(&request.headers, &request.body, EVENT_HASH)
}

/// Compares in constant time (`verify_slice`).
fn matches(secret: &SigningSecret, message: &[u8], tag: &[u8]) -> bool {
    Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .is_ok_and(|mac| mac.chain_update(message).verify_slice(tag).is_ok())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use bytes::Bytes;

    use super::*;

    const BODY: &str = r#"{"eventType":"message.sent","eventHash":"hash-0001","data":{}}"#;
    // printf '1231:hash-0001' | openssl dgst -sha256 -hmac example-secret -binary | base64
    const TAG: &str = "yZADXTyIFibvVvXaHIuMB0V/nTFRyMt87hsrrJsnr8g=";

    fn request(body: &[u8], headers: &[(&str, &str)]) -> Request {
        Request {
            method: "POST".into(),
            path: "/webhooks/sms".into(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: Bytes::copy_from_slice(body),
            peer: None,
        }
    }

    fn check(request: &Request, client_id: &str, secrets: &[&str]) -> Result<(), VerifyError> {
        let credentials = Credentials {
            secrets: secrets.iter().map(|s| SigningSecret::new(*s)).collect(),
            client_id: Some(client_id.to_owned()),
            ..Credentials::default()
        };
        Ccai.verify(request, &credentials, Timestamp::UNIX_EPOCH)
    }

    fn verify(body: &str, signature: &str) -> Result<(), VerifyError> {
        let request = request(body.as_bytes(), &[(HEADER, signature)]);
        check(&request, "1231", &["example-secret"])
    }

    #[test]
    fn known_signatures_verify() {
        for signature in [TAG, &format!(" {TAG}\t"), &format!("\"{TAG}\"")] {
            assert_eq!(verify(BODY, signature), Ok(()), "{signature}");
        }
        // printf '1231:h\303\244sh "\342\234\223"' |
        //   openssl dgst -sha256 -hmac example-secret -binary | base64
        let unicode = r#"{"eventHash":"h\u00e4sh \"✓\""}"#;
        assert_eq!(
            verify(unicode, "N3HZyZv+5alezIJeT70f4mwMDtmNujrnGxyfnEanuXg="),
            Ok(())
        );
    }

    #[test]
    fn any_current_secret_verifies() {
        let signed = request(BODY.as_bytes(), &[(HEADER, TAG)]);
        let mismatch = Err(VerifyError::SignatureMismatch);
        for (secrets, outcome) in [
            (&["new", "example-secret"][..], Ok(())),
            (&["example-secret", "old"], Ok(())),
            (&["new"], mismatch),
            (&[], mismatch),
        ] {
            assert_eq!(check(&signed, "1231", secrets), outcome, "{secrets:?}");
        }
    }

    #[test]
    fn the_clients_id_is_ours_and_the_hash_is_covered() {
        let signed = request(BODY.as_bytes(), &[(HEADER, TAG)]);
        let mismatch = Err(VerifyError::SignatureMismatch);
        assert_eq!(check(&signed, "1232", &["example-secret"]), mismatch);
        assert_eq!(check(&signed, "", &["example-secret"]), mismatch);
        let own_id = BODY.replace("{}", r#"{"clientId":1232}"#);
        assert_eq!(verify(&own_id, TAG), Ok(()));
        for hash in ["hash-0002", "hash-0001 ", "HASH-0001", "1231:hash-0001"] {
            assert_eq!(verify(&BODY.replace("hash-0001", hash), TAG), mismatch);
        }
    }

    #[test]
    fn the_last_of_several_hashes_is_the_one() {
        let twice = r#"{"eventHash":"hash-0002","eventHash":"hash-0001"}"#;
        assert_eq!(verify(twice, TAG), Ok(()));
        let turned = r#"{"eventHash":"hash-0001","eventHash":"hash-0002"}"#;
        assert_eq!(verify(turned, TAG), Err(VerifyError::SignatureMismatch));
    }

    #[test]
    fn a_compressed_body_is_read_within_bounds() {
        let gzip = |bytes: &[u8]| {
            let fast = flate2::Compression::fast();
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), fast);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let headers = [(HEADER, TAG), ("content-encoding", "gzip")];
        let check = |bytes: &[u8]| check(&request(bytes, &headers), "1231", &["example-secret"]);
        assert_eq!(check(&gzip(BODY.as_bytes())), Ok(()));
        let mut large = BODY.as_bytes().to_vec();
        large.resize(content::MAX_INFLATED_BYTES + 1, b' ');
        assert_eq!(check(&gzip(&large)), Ok(()), "more than the reader takes");
        assert_eq!(
            check(BODY.as_bytes()),
            Ok(()),
            "it only says that it is gzip"
        );
        let missing = Err(VerifyError::MissingField(EVENT_HASH));
        let cut = gzip(BODY.as_bytes());
        assert_eq!(check(&cut[..cut.len() - 8]), Ok(()), "the object is whole");
        assert_eq!(check(&cut[..cut.len() - 20]), missing);
        let mut bomb = BODY.as_bytes().to_vec();
        bomb.resize((64 << 20) + 1, b' ');
        bomb.push(b'x');
        assert_eq!(check(&gzip(&bomb)), Ok(()), "no more is looked at");
    }

    #[test]
    fn the_hash_is_found_whatever_the_rest_says() {
        let deep = format!(
            r#"{{"eventHash":"hash-0001","a":{}{}}}"#,
            "[".repeat(10_000),
            "]".repeat(10_000)
        );
        for body in [
            &format!("\u{feff}{BODY}"),
            r#"{"eventHash":"hash-0001","data":{"Message":"STOP \ud83d"}}"#,
            r#"{"\udfff":1,"eventHash":"hash-0001"}"#,
            r#"{"eventHash":"hash-0001","price":NaN}"#,
            &deep,
        ] {
            assert_eq!(verify(body, TAG), Ok(()), "{}", body.len());
        }
        let signed = |headers: &[(&str, &str)], body: &[u8]| {
            let headers = [&[(HEADER, TAG)], headers].concat();
            check(&request(body, &headers), "1231", &["example-secret"])
        };
        let latin1 = b"{\"eventHash\":\"hash-0001\",\"data\":\"caf\xe9\"}";
        assert_eq!(signed(&[], latin1), Ok(()));
        for encoding in ["utf-8", "gzip", "br", "identity, gzip"] {
            let headers = [("content-encoding", encoding)];
            assert_eq!(signed(&headers, BODY.as_bytes()), Ok(()), "{encoding}");
        }
        let utf16: Vec<u8> = BODY.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let headers = [("content-type", "application/json; charset=utf-16")];
        assert_eq!(signed(&headers, &utf16), Ok(()));
    }

    #[test]
    fn a_body_without_a_hash_proves_nothing() {
        for body in [
            "",
            "{}",
            "[]",
            "null",
            "hash-0001",
            r#"{"eventHash":null}"#,
            r#"{"eventHash":1}"#,
            r#"{"eventHash":["hash-0001"]}"#,
            r#"{"eventHash":"\ud800"}"#,
            r#"{"eventhash":"hash-0001"}"#,
            r#"{"data":{"eventHash":"hash-0001"}}"#,
            r#"{"eventHash":"hash-0001""#,
            r#"{"eventHash":"hash-0001"} x"#,
            r#"{"eventHash":"hash-0001",}"#,
            r#"{"eventHash":"hash-0001","data":[}"#,
        ] {
            let missing = Err(VerifyError::MissingField(EVENT_HASH));
            assert_eq!(verify(body, TAG), missing, "{}", body.len());
        }
    }

    #[test]
    fn what_is_no_signature_is_malformed() {
        let unsigned = request(BODY.as_bytes(), &[]);
        assert_eq!(
            check(&unsigned, "1231", &["example-secret"]),
            Err(VerifyError::MissingHeader(HEADER))
        );
        // The same digest in other encodings, and pieces of it.
        for signature in [
            "",
            "=",
            "yZADXTyIFibvVvXaHIuMB0V/nTFRyMt87hsrrJsnr8g",
            "yZADXTyIFibvVvXaHIuMB0V_nTFRyMt87hsrrJsnr8g=",
            "yZADXTyIFibvVvXaHIuMB0V/nTFRyMt87hsrrJsnr8h=",
            "c990035d3c881626ef56f5da1c8b8c07457f9d3151c8cb7cee1b2bac9b27afc8",
            &format!("sha256={TAG}"),
            &format!("{TAG}\n"),
            &format!("'{TAG}'"),
            &format!("{TAG},{TAG}"),
            &format!("{TAG}{TAG}"),
            "yZADXTyIFibvVvXaHIuMB0V/nTFRyMt87hsrrJsnrw==",
            "yZADXTyIFibvVvXaHIuMB0V/nTFRyMt87hsrrJsnr8gA",
            "é\u{301}",
        ] {
            let malformed = Err(VerifyError::MalformedHeader(HEADER));
            assert_eq!(verify(BODY, signature), malformed, "{signature}");
        }
        let zeros = STANDARD.encode([0; 32]);
        assert_eq!(verify(BODY, &zeros), Err(VerifyError::SignatureMismatch));
    }
}
