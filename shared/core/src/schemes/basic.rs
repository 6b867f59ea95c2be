//! `basic`: the user name and password of HTTP's Basic authentication (RFC 7617), in UTF-8.
//!
//! It proves who sends and nothing about the body. There is no dialogue: what a sender configured
//! comes with its first request, or not at all.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use subtle::{Choice, ConstantTimeEq};

use super::{Configured, Credentials, Scheme, User, VerifyError, bare};
use crate::dedup;
use crate::request::Request;
use crate::time::Timestamp;

/// The header that holds name and password.
pub const HEADER: &str = "authorization";

const WORD: &str = "basic";

/// Base64 of either habit of padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The scheme of this module.
#[derive(Debug)]
pub struct Basic;

impl Scheme for Basic {
    fn name(&self) -> &'static str {
        "basic"
    }

    fn configured(&self) -> Configured {
        Configured::Users
    }

    fn challenge(&self) -> Option<&'static str> {
        Some(r#"Basic realm="switchhook""#)
    }

    fn verify(
        &self,
        request: &Request,
        credentials: &Credentials,
        _now: Timestamp,
    ) -> Result<(), VerifyError> {
        let header = request
            .headers
            .get(HEADER)
            .ok_or(VerifyError::MissingHeader(HEADER))?;
        let sent = decode(header).ok_or(VerifyError::MalformedHeader(HEADER))?;
        if is_current(&sent, &credentials.users) {
            Ok(())
        } else {
            Err(VerifyError::WrongPassword)
        }
    }
}

/// Decodes a header to the digest of its name and password. A password may hold colons, a name
/// cannot. Two headers come joined by a comma, which is no base64.
fn decode(header: &str) -> Option<String> {
    let (word, pair) = bare(header).split_once([' ', '\t'])?;
    if !word.eq_ignore_ascii_case(WORD) {
        return None;
    }
    let pair = BASE64.decode(bare(pair)).ok()?;
    let mut parts = pair.splitn(2, |byte| *byte == b':');
    let (name, password) = (parts.next()?, parts.next()?);
    Some(dedup::digest(&[name, password]))
}

/// Compares with every user, each in constant time: digests have one length, whatever the passwords'
/// lengths are.
fn is_current(sent: &str, users: &[User]) -> bool {
    let mut found = Choice::from(0);
    for User { username, password } in users {
        let current = dedup::digest(&[username.as_bytes(), password.as_bytes()]);
        found |= current.as_bytes().ct_eq(sent.as_bytes());
    }
    found.into()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn verify(header: Option<&str>, users: &[(&str, &str)]) -> Result<(), VerifyError> {
        let request = Request {
            method: "POST".into(),
            path: "/webhooks/texts".into(),
            headers: header
                .map(|h| ("Authorization".to_owned(), h.to_owned()))
                .into_iter()
                .collect(),
            body: Bytes::from_static(b"{}"),
            peer: None,
        };
        let user = |(name, password): &(&str, &str)| User {
            username: (*name).to_owned(),
            password: (*password).to_owned(),
        };
        let credentials = Credentials {
            users: users.iter().map(user).collect(),
            ..Credentials::default()
        };
        Basic.verify(&request, &credentials, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn known_credentials_verify() {
        for (header, name, password) in [
            // The examples of RFC 7617, sections 2 and 2.1.
            (
                "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
                "Aladdin",
                "open sesame",
            ),
            ("Basic dGVzdDoxMjPCow==", "test", "123£"),
            // printf 'hooks:s3cret:with colons' | openssl base64
            (
                "Basic aG9va3M6czNjcmV0OndpdGggY29sb25z",
                "hooks",
                "s3cret:with colons",
            ),
            // printf 'schlüssel:秘密 🔑' | openssl base64
            (
                "Basic c2NobMO8c3NlbDrnp5jlr4Yg8J+UkQ==",
                "schlüssel",
                "秘密 🔑",
            ),
            // printf ':only a password' | openssl base64
            ("Basic Om9ubHkgYSBwYXNzd29yZA==", "", "only a password"),
            // printf 'hooks::' | openssl base64
            ("Basic aG9va3M6Og==", "hooks", ":"),
        ] {
            assert_eq!(
                verify(Some(header), &[(name, password)]),
                Ok(()),
                "{header}"
            );
        }
    }

    const RIGHT: &str = "QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    const USER: (&str, &str) = ("Aladdin", "open sesame");

    #[test]
    fn the_scheme_word_has_no_case_and_may_have_spaces_behind_it() {
        for word in ["Basic ", "basic ", "BASIC ", "bAsIc   "] {
            assert_eq!(verify(Some(&format!("{word}{RIGHT}")), &[USER]), Ok(()));
        }
        let unpadded = RIGHT.trim_end_matches('=');
        for header in [
            format!("Basic\t{RIGHT}"),
            format!("Basic \t {RIGHT}"),
            format!(" Basic {RIGHT} "),
            format!("\"Basic {RIGHT}\""),
            format!("Basic \"{RIGHT}\""),
            format!("Basic {unpadded}"),
        ] {
            assert_eq!(verify(Some(&header), &[USER]), Ok(()), "{header}");
        }
    }

    #[test]
    fn any_current_user_verifies_with_its_own_password_only() {
        let right = format!("Basic {RIGHT}");
        let (new, old) = (("Aladdin", "new"), ("hooks", "open sesame"));
        assert_eq!(verify(Some(&right), &[new, USER, old]), Ok(()));
        assert_eq!(verify(Some(&right), &[USER, new]), Ok(()));
        for users in [&[new, old][..], &[("aladdin", "open sesame")], &[]] {
            let refused = Err(VerifyError::WrongPassword);
            assert_eq!(verify(Some(&right), users), refused, "{users:?}");
        }
    }

    #[test]
    fn name_and_password_are_split_at_the_first_colon() {
        // printf 'a:b:c' | openssl base64
        let header = "Basic YTpiOmM=";
        assert_eq!(verify(Some(header), &[("a", "b:c")]), Ok(()));
        assert_eq!(
            verify(Some(header), &[("a:b", "c")]),
            Err(VerifyError::WrongPassword)
        );
    }

    #[test]
    fn what_is_no_name_and_password_is_malformed() {
        let missing = Err(VerifyError::MissingHeader(HEADER));
        assert_eq!(verify(None, &[USER]), missing);
        for header in [
            "",
            "Basic",
            "Basic ",
            &format!("Basic{RIGHT}"),
            &format!("Bearer {RIGHT}"),
            RIGHT,
            "Aladdin:open sesame",
            "Basic Aladdin:open sesame",
            &format!("Basic {RIGHT},Basic {RIGHT}"),
            &format!("Basic {RIGHT},"),
            &format!("Basic {RIGHT}\n"),
            &format!("Basic: {RIGHT}"),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZR==", // other bits behind the last byte
            "Basic QWxhZGRpbg==",                 // printf 'Aladdin' | openssl base64
            "é\u{301}",
        ] {
            let malformed = Err(VerifyError::MalformedHeader(HEADER));
            assert_eq!(verify(Some(header), &[USER]), malformed, "{header}");
        }
    }

    #[test]
    fn nothing_is_wrong_but_still_nobody() {
        // printf ':' | openssl base64
        assert_eq!(
            verify(Some("Basic Og=="), &[USER]),
            Err(VerifyError::WrongPassword)
        );
    }
}
