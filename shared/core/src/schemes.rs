//! Verification schemes: how a sender proves who it is. A scheme is one file of this folder.
//!
//! A scheme sees the exact bytes that were sent, compares in constant time and tries every current
//! secret. It reads no clock: callers pass the time where a scheme needs one.

use std::fmt;

use crate::request::Request;

pub mod hmac_sha256;
pub mod url_token;

/// Why a request is not authentic. No variant holds anything that was sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum VerifyError {
    /// The credential's header is absent.
    #[error("the `{0}` header is missing")]
    MissingHeader(&'static str),
    /// The credential has not the form that the scheme asks for, or came more than once.
    #[error("the `{0}` header is malformed")]
    MalformedHeader(&'static str),
    /// No current secret makes this signature.
    #[error("the signature does not match: check that the secret is the provider's current one")]
    SignatureMismatch,
    /// The sender's address is outside the source's `networks`.
    #[error("the sender's address is outside the `networks` of the source")]
    OutsideNetworks,
}

/// A secret that verifies signatures. Its `Debug` shows nothing.
#[derive(Clone, Eq, PartialEq)]
pub struct SigningSecret(String);

impl SigningSecret {
    /// Wraps a secret as it is configured.
    #[must_use]
    pub const fn new(secret: String) -> Self {
        Self(secret)
    }

    /// Returns the secret's bytes: for schemes, and for a tool that signs samples.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

/// A way to prove who sent a request.
pub trait Scheme: Sync {
    /// Returns the scheme's name, as `switchhook sources` shows it.
    fn name(&self) -> &'static str;

    /// Checks a request against all current secrets of its source.
    ///
    /// # Errors
    ///
    /// When the request does not prove that its sender holds one of the secrets.
    fn verify(&self, request: &Request, secrets: &[SigningSecret]) -> Result<(), VerifyError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        assert_eq!(
            format!("{:?}", SigningSecret::new("hunter2".into())),
            "SigningSecret(…)"
        );
    }
}
