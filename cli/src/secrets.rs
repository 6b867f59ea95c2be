//! Fresh secrets and tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};

/// The operating system gives no random bytes.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the operating system gives no random bytes")]
pub struct NoRandomness;

/// Returns a token of 256 random bits: 43 of `A-Z a-z 0-9 - _`.
///
/// # Errors
///
/// When the operating system gives no random bytes.
pub fn token() -> Result<String, NoRandomness> {
    let bytes: [u8; 32] = random()?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Returns random bytes.
///
/// # Errors
///
/// When the operating system gives none.
pub fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchhook_core::schemes::url_token::UrlToken;

    #[test]
    fn tokens_are_taken_as_tokens_and_differ() {
        let (one, other) = (token().unwrap(), token().unwrap());
        assert!(UrlToken::new(one.clone()).is_some());
        assert_ne!(one, other);
    }
}
