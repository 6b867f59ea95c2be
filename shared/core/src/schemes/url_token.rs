//! A secret segment of the URL: the credential of senders that sign nothing.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};

/// The fewest characters that a token may have: 22 of 64 make 132 bits.
pub const MIN_CHARS: usize = 22;

/// A token that opens a source's URL. Its `Debug` shows nothing.
#[derive(Clone, Eq, PartialEq)]
pub struct UrlToken(String);

impl UrlToken {
    /// Takes a token; `None` when it is too short or holds anything but `A-Z a-z 0-9 - _`.
    #[must_use]
    pub fn new(token: String) -> Option<Self> {
        let fits = token.len() >= MIN_CHARS
            && token
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        fits.then_some(Self(token))
    }

    /// Returns the token: for the URL that is shown to its owner.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UrlToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UrlToken(…)")
    }
}

/// Tells whether `segment` is one of `tokens`. All of them are compared, each in constant time for
/// its length.
#[must_use]
pub fn opens(tokens: &[UrlToken], segment: &str) -> bool {
    let mut found = Choice::from(0);
    for token in tokens {
        found |= token.0.as_bytes().ct_eq(segment.as_bytes());
    }
    found.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_current_token_opens() {
        let tokens: Vec<_> = ["abcdefghijklmnopqrstuv", "ABCDEFGHIJKLMNOPQRSTUV-_"]
            .map(|t| UrlToken::new(t.to_owned()).unwrap())
            .into();
        assert!(opens(&tokens, "abcdefghijklmnopqrstuv"));
        assert!(opens(&tokens, "ABCDEFGHIJKLMNOPQRSTUV-_"));
        for wrong in [
            "",
            "abcdefghijklmnopqrstu",
            "abcdefghijklmnopqrstuvw",
            "bbcdefghijklmnopqrstuv",
        ] {
            assert!(!opens(&tokens, wrong), "{wrong}");
        }
        assert!(!opens(&[], ""));
    }

    #[test]
    fn weak_tokens_are_no_tokens() {
        for weak in [
            "",
            "short",
            "abcdefghijklmnopqrstu",
            "abcdefghijklmnopqrstu/",
            "abcdefghijklmnopqrstué",
        ] {
            assert!(UrlToken::new(weak.to_owned()).is_none(), "{weak}");
        }
    }
}
