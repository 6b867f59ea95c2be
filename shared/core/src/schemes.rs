//! Verification schemes: how a sender proves who it is. A scheme is one file of this folder.
//!
//! A scheme sees the exact bytes that were sent, compares in constant time and tries every current
//! secret. It reads no clock: the accepted time comes in as a value.

use std::fmt;

use crate::request::Request;
use crate::time::Timestamp;

pub mod basic;
pub mod ccai;
pub mod hmac_sha256;
pub mod standard_webhooks;
pub mod url_token;

/// A shorter secret can be found by trying (NIST SP 800-131A asks for 112 bits of a HMAC's key).
const DEFAULT_STRONG_SECRET_BYTES: usize = 16;

/// Why a request is not authentic. No variant holds anything that was sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum VerifyError {
    /// The credential's header is absent.
    #[error("the `{0}` header is missing")]
    MissingHeader(&'static str),
    /// The credential has not the form that the scheme asks for, or came more than once.
    #[error("the `{0}` header is malformed")]
    MalformedHeader(&'static str),
    /// The body lacks what the signature is over.
    #[error("the body has no `{0}`, which the signature is over")]
    MissingField(&'static str),
    /// No current secret makes this signature.
    #[error("the signature does not match: check that the secret is the provider's current one")]
    SignatureMismatch,
    /// The signature's own time is too far from ours.
    #[error(
        "the signature's time is more than {0} seconds away from ours: it was sent again later, or a clock is wrong"
    )]
    OutsideTolerance(u32),
    /// The signature's own time is in milliseconds.
    #[error("the signature's time is in milliseconds: the specification wants seconds")]
    Milliseconds,
    /// No current user has this name and password.
    #[error("no current user has this name and password")]
    WrongPassword,
    /// The sender's address is outside the source's `networks`.
    #[error("the sender's address is outside the `networks` of the source")]
    OutsideNetworks,
}

/// A secret that verifies signatures. Its `Debug` shows nothing.
#[derive(Clone, Eq, PartialEq)]
pub struct SigningSecret(Vec<u8>);

impl SigningSecret {
    /// Wraps a secret's bytes.
    #[must_use]
    pub fn new(secret: impl Into<Vec<u8>>) -> Self {
        Self(secret.into())
    }

    /// Returns the secret's bytes: for schemes, and for a tool that signs samples.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

/// A user who may send. Its `Debug` shows nothing.
#[derive(Clone, Eq, PartialEq)]
pub struct User {
    /// The name, without a colon.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("User(…)")
    }
}

/// What a source proves its deliveries with, besides the token of its URL. Every entry is current:
/// during a rotation there are several.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Signing secrets.
    pub secrets: Vec<SigningSecret>,
    /// Users with their passwords.
    pub users: Vec<User>,
    /// The account's id at the provider.
    pub client_id: Option<String>,
}

impl Credentials {
    /// Tells whether there is nothing to verify with: the source has a token only.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.secrets.is_empty() && self.users.is_empty()
    }
}

/// What a scheme is configured by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Configured {
    /// The field `secrets`.
    Secrets,
    /// The fields `client_id` and `secrets`.
    ClientIdAndSecrets,
    /// The field `users`.
    Users,
}

/// A way to prove who sent a request.
pub trait Scheme: Sync {
    /// Returns the scheme's name, as `switchhook sources` shows it.
    fn name(&self) -> &'static str;

    /// Returns which fields of a source configure it.
    fn configured(&self) -> Configured {
        Configured::Secrets
    }

    /// Returns the secrets of one configured text: several where a sender's page shows them as one and
    /// no secret can hold what is between them.
    fn split_secrets<'a>(&self, text: &'a str) -> Vec<&'a str> {
        vec![text]
    }

    /// Reads a secret as it is configured.
    ///
    /// # Errors
    ///
    /// What is wrong with its form, without the secret.
    fn read_secret(&self, text: String) -> Result<SigningSecret, String> {
        Ok(SigningSecret::new(text))
    }

    /// Tells whether a URL token belongs with it: what signs one body lets in any other.
    fn needs_token(&self) -> bool {
        false
    }

    /// Returns the fewest bytes of a secret that cannot be found by trying, and are not warned of.
    fn strong_secret_bytes(&self) -> usize {
        DEFAULT_STRONG_SECRET_BYTES
    }

    /// Reports whether its signature is over the body and nothing of the URL: whoever sees one signed
    /// body can send it to another URL of its source.
    fn leaves_url_unsigned(&self) -> bool {
        false
    }

    /// Returns what a refusal asks for in `WWW-Authenticate`, if anything.
    fn challenge(&self) -> Option<&'static str> {
        None
    }

    /// Checks a request against all current credentials of its source.
    ///
    /// # Errors
    ///
    /// When the request does not prove that its sender holds one of the credentials.
    fn verify(
        &self,
        request: &Request,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<(), VerifyError>;
}

/// Returns a header's value without blanks and quotes around it, as some senders and proxies write it.
fn bare(value: &str) -> &str {
    let value = value.trim_matches([' ', '\t']);
    let quoted = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    quoted.map_or(value, |value| value.trim_matches([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_quotes_around_a_value_are_none_of_it() {
        for value in ["a=b", " a=b\t", "\"a=b\"", " \" a=b \" "] {
            assert_eq!(bare(value), "a=b", "{value}");
        }
        for value in ["", " ", "\"", "\"a", "a\"", "a b", "'a'"] {
            assert_eq!(bare(value), value.trim(), "{value}");
        }
    }

    #[test]
    fn schemes_have_the_names_that_people_are_shown() {
        let schemes = crate::providers::ALL.iter().map(|provider| {
            let scheme = provider.scheme();
            (
                provider.name(),
                scheme.map(|scheme| (scheme.name(), scheme.needs_token(), scheme.challenge())),
            )
        });
        let expected = [
            ("ai-sync", Some(("hmac-sha256", false, None))),
            (
                "cellcast",
                Some(("basic", false, Some("Basic realm=\"switchhook\""))),
            ),
            ("cloudcontactai", Some(("ccai", true, None))),
            ("nectar-desk", None),
            (
                "standard-webhooks",
                Some(("standard-webhooks", false, None)),
            ),
        ];
        assert_eq!(schemes.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_credential_is_never_shown() {
        let credentials = Credentials {
            secrets: vec![SigningSecret::new("hunter2")],
            users: vec![User {
                username: "hunter".into(),
                password: "hunter3".into(),
            }],
            client_id: None,
        };
        assert!(!format!("{credentials:?}").contains("hunter"));
    }
}
