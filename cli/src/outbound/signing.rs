//! Signing by Standard Webhooks (<https://www.standardwebhooks.com>), and the secret's file.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use crate::files;
use crate::secrets::{self, NoRandomness};

/// What a secret begins with; base64 follows.
const PREFIX: &str = "whsec_";
/// What some editors write before a text.
const BYTE_ORDER_MARK: char = '\u{feff}';
/// How long a key may be, in bytes (the specification).
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// Why there is no secret to sign by.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read or made.
    #[error("the signing secret `{}` cannot be read or made", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else.
    #[error(
        "`{}` holds no signing secret, `whsec_` and the base64 of 24 to 64 bytes: put one there, or remove the file to get a new one",
        .0.display()
    )]
    Malformed(PathBuf),
    /// There is no randomness to make one of.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// A key that events are signed with.
#[derive(Clone)]
pub struct SigningSecret(hmac::Key);

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

impl SigningSecret {
    /// Reads a secret as it is written: `whsec_` and base64. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == BYTE_ORDER_MARK);
        let key = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        LENGTHS
            .contains(&key.len())
            .then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// Takes the secret of a file, which is made with a fresh one if it is not there.
    ///
    /// # Errors
    ///
    /// When it cannot be read or made, or holds something else.
    pub fn of_file(path: &Path) -> Result<Self, SecretError> {
        let failed = |source| SecretError::Io {
            path: path.to_owned(),
            source,
        };
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(path, &fresh()?).map_err(failed)?;
                fs::read_to_string(path).map_err(failed)?
            }
            read => read.map_err(failed)?,
        };
        Self::parse(&text).ok_or_else(|| SecretError::Malformed(path.to_owned()))
    }

    /// Returns the value of the header `webhook-signature`.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut mac = hmac::Context::with_key(&self.0);
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.sign()))
    }
}

/// Makes a secret. No newline ends it: programs that take the file whole would verify by another key.
fn fresh() -> Result<String, NoRandomness> {
    let key: [u8; 32] = secrets::random()?;
    Ok(format!("{PREFIX}{}", STANDARD.encode(key)))
}

/// Makes a file that only its owner may read, whole or not at all, unless another program was
/// faster.
fn make(path: &Path, text: &str) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}", std::process::id()));
    let unfinished = PathBuf::from(unfinished);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    let mut file = files::open_private(&mut options, &unfinished)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    let linked = written.and_then(|()| fs::hard_link(&unfinished, path));
    fs::remove_file(&unfinished)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_signature_is_the_published_one() {
        // The vector of the reference implementations; another HMAC gives the same.
        let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(
            secret.sign(
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                br#"{"test": 2432232314}"#
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        assert_eq!(format!("{secret:?}"), "SigningSecret(…)");
    }

    #[test]
    fn only_secrets_of_the_specification_are_taken() {
        for wrong in [
            "",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_",
            "whsec_c2hvcnQ=",
            "whsec_!",
        ] {
            assert!(SigningSecret::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_is_made_once_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let sign = || SigningSecret::of_file(&path).unwrap().sign("a", 1, b"{}");
        let first = sign();
        assert_eq!(first, sign());
        make(&path, "another").unwrap();
        assert_eq!(first, sign(), "the one that is there stays");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.trim(), text, "nothing stands around it");
        for around in ["\n", "\r\n", " ", "\u{feff}"] {
            fs::write(&path, format!("{around}{text}{around}")).unwrap();
            assert_eq!(first, sign(), "{around:?}");
        }
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        fs::write(&path, "no secret").unwrap();
        let refused = SigningSecret::of_file(&path).unwrap_err();
        assert!(matches!(refused, SecretError::Malformed(_)));
        assert!(!refused.to_string().contains("no secret\n"));
    }
}
