//! Secrets as senders' pages show them.

use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine, alphabet};

use crate::schemes::SigningSecret;

const PREFIX: &str = "whsec_";
/// What Supabase shows before a secret: the version of the signatures that it makes.
const VERSION: &str = "v1";
/// Asymmetric keys: public and private.
const KEY_PREFIXES: [&str; 2] = ["whpk_", "whsk_"];

/// Base64 of either habit of padding: secrets are pasted by people.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Splits `v1,whsec_…|v1,whsec_…`, as Supabase writes several: base64 holds no such separator.
pub(super) fn split(text: &str) -> Vec<&str> {
    if text.matches(PREFIX).count() < 2 {
        return vec![text];
    }
    let parts = text.split(|c: char| c.is_whitespace() || "|,;".contains(c));
    parts
        .filter(|part| !part.is_empty() && !part.eq_ignore_ascii_case(VERSION))
        .collect()
}

/// Reads one secret: base64, with `whsec_` before it or not, and `v1,` before that or not.
pub(super) fn read(text: &str) -> Result<SigningSecret, String> {
    let text = text.trim();
    if KEY_PREFIXES.iter().any(|prefix| text.contains(prefix)) {
        return Err("must hold symmetric secrets (`whsec_…`): this is an asymmetric key".into());
    }
    let unversioned = text.split_once(',').and_then(|(version, rest)| {
        let is_version = version.trim_end().eq_ignore_ascii_case(VERSION);
        is_version.then(|| rest.trim_start())
    });
    let text = unversioned.unwrap_or(text);
    let encoded = text.strip_prefix(PREFIX).unwrap_or(text);
    let wrong = match BASE64.decode(encoded) {
        Ok(secret) if secret.is_empty() => "nothing stands there".to_owned(),
        Ok(secret) => return Ok(SigningSecret::new(secret)),
        Err(error) => wrong(encoded, &error),
    };
    Err(format!(
        "must hold secrets in base64, `whsec_` before them or not: {wrong}"
    ))
}

/// Says what is wrong with base64, without any of it.
fn wrong(encoded: &str, error: &DecodeError) -> String {
    match error {
        DecodeError::InvalidByte(_, b'-' | b'_') => {
            "this one is in the alphabet of URLs (`-` and `_`), or it is no base64 at all"
                .to_owned()
        }
        DecodeError::InvalidByte(at, b' ' | b'\t' | b'\r' | b'\n') => format!(
            "character {} is white space: write it on one line, and each secret as a text of its own",
            position(encoded, *at)
        ),
        DecodeError::InvalidPadding | DecodeError::InvalidByte(_, b'=') => {
            "the `=` at its end do not fit its length".to_owned()
        }
        DecodeError::InvalidByte(at, _) => format!(
            "character {} is none of `A-Z a-z 0-9 + /`",
            position(encoded, *at)
        ),
        DecodeError::InvalidLength(_) | DecodeError::InvalidLastSymbol(..) => {
            "the end is missing: was it copied whole?".to_owned()
        }
    }
}

/// Counts characters, from 1 and behind the prefix, up to a byte.
fn position(encoded: &str, at: usize) -> usize {
    let before = encoded.char_indices().filter(|(index, _)| *index < at);
    before.count().saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn a_secret_is_read_in_every_form_that_pages_show() {
        let expected = read(PLAIN).unwrap();
        for text in [
            format!("whsec_{PLAIN}"),
            format!("v1,whsec_{PLAIN}"),
            format!("V1, whsec_{PLAIN}"),
            format!("v1,{PLAIN}"),
            format!("  v1,whsec_{PLAIN}\r\n"),
        ] {
            assert_eq!(split(&text), [text.as_str()]);
            assert_eq!(read(&text), Ok(expected.clone()), "{text}");
        }
    }

    #[test]
    fn several_secrets_of_one_text_are_all_read() {
        let other = "C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        let expected = [read(PLAIN).unwrap(), read(other).unwrap()];
        for text in [
            format!("v1,whsec_{PLAIN}|v1,whsec_{other}"),
            format!("whsec_{PLAIN},whsec_{other}"),
            format!("whsec_{PLAIN} whsec_{other}"),
            format!("whsec_{PLAIN};\nwhsec_{other}\n"),
        ] {
            let read: Vec<_> = split(&text)
                .into_iter()
                .map(|part| read(part).unwrap())
                .collect();
            assert_eq!(read, expected, "{text}");
        }
        // Without the prefix nobody knows whether it is two secrets or one that was wrapped.
        assert!(read(&format!("{PLAIN}\n{other}")).is_err());
        assert!(read(&format!("whsec_{PLAIN}whsec_{other}")).is_err());
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        for (text, reason) in [
            ("whsec_", "nothing stands there"),
            ("v1,whsec_", "nothing stands there"),
            ("whsec_MfKQ!9r8GKYq", "character 5 is none of"),
            ("'MfKQ9r8GKYqr'", "character 1 is none of"),
            ("é/MfKQ9r8GKYq", "character 1 is none of"),
            ("whsec_MfKQ 9r8G", "character 5 is white space"),
            ("whsec_MfKQ-9r8G_Yq", "the alphabet of URLs"),
            ("whsec_MfKQ9", "the end is missing"),
            ("whsec_MfKQ9rz", "the end is missing"),
            ("whsec_MfKQ=", "do not fit"),
            ("v1a,whpk_MfKQ9r8G", "asymmetric"),
            ("whsk_MfKQ9r8G", "asymmetric"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains("MfKQ"), "{error}");
        }
    }
}
