//! How the exact bytes of an event travel and rest: inline, deflated, or in the body store.

use std::cell::RefCell;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::DeflateDecoder;
use flate2::{Compress, Compression, FlushCompress, Status};
use serde::{Deserialize, Serialize};

use crate::dedup;

/// The most bytes, after compression, that travel in a message; more goes to the body store first.
///
/// It keeps a message within one 64 KiB unit of SQS's price, base64 and envelope included.
pub const MAX_INLINE_BYTES: usize = 32 << 10;

/// The most bytes that a body of ours inflates to: more than any body that is taken. It has nothing to
/// do with what senders compress.
pub const MAX_BODY_BYTES: usize = 16 << 20;

/// The exact bytes of an event's body, in a form that a queue message can hold.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", try_from = "CarriedFields")]
pub enum Carried {
    /// The bytes themselves, as base64: SQS takes no control characters.
    Inline(Base64),
    /// The bytes as a raw deflate stream, as base64.
    Deflated(Base64),
    /// A pointer to the body store.
    Stored(Pointer),
}

/// The fields of [`Carried`], others besides: a newer ingress may write some that this version need not
/// know.
#[derive(Deserialize)]
struct CarriedFields {
    inline: Option<Base64>,
    deflated: Option<Base64>,
    stored: Option<Pointer>,
}

/// A body that is carried in no form that is known, or in several.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the body is not carried in one of the known forms")]
struct CarriedError;

impl TryFrom<CarriedFields> for Carried {
    type Error = CarriedError;

    fn try_from(fields: CarriedFields) -> Result<Self, CarriedError> {
        match fields {
            CarriedFields {
                inline: Some(base64),
                deflated: None,
                stored: None,
            } => Ok(Self::Inline(base64)),
            CarriedFields {
                inline: None,
                deflated: Some(base64),
                stored: None,
            } => Ok(Self::Deflated(base64)),
            CarriedFields {
                inline: None,
                deflated: None,
                stored: Some(pointer),
            } => Ok(Self::Stored(pointer)),
            CarriedFields { .. } => Err(CarriedError),
        }
    }
}

/// Where the body store keeps a body, and how to know it again.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Pointer {
    /// The object's key.
    pub key: String,
    /// The body's length in bytes.
    pub length: usize,
    /// The body's SHA-256 in hex.
    pub sha256: String,
}

impl Pointer {
    /// Tells whether `bytes` are the body that this pointer was made for.
    #[must_use]
    pub fn describes(&self, bytes: &[u8]) -> bool {
        bytes.len() == self.length && dedup::sha256_hex(bytes) == self.sha256
    }
}

impl Carried {
    /// Carries `bytes` inline where they fit, deflated only when they do not fit as they are.
    #[must_use]
    pub fn inline(bytes: &[u8]) -> Option<Self> {
        if bytes.len() <= MAX_INLINE_BYTES {
            return Some(Self::Inline(Base64::encode(bytes)));
        }
        deflate(bytes)
            .filter(|deflated| deflated.len() <= MAX_INLINE_BYTES)
            .map(|deflated| Self::Deflated(Base64::encode(&deflated)))
    }

    /// Carries a pointer to `bytes`, which the caller puts under `key` first.
    #[must_use]
    pub fn stored(key: String, bytes: &[u8]) -> Self {
        Self::Stored(Pointer {
            key,
            length: bytes.len(),
            sha256: dedup::sha256_hex(bytes),
        })
    }
}

/// Bytes as base64, which is undone only when the event is run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Base64(String);

impl Base64 {
    fn encode(bytes: &[u8]) -> Self {
        Self(STANDARD.encode(bytes))
    }

    /// Returns the bytes; `None` for what is no base64.
    #[must_use]
    pub fn decode(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.0).ok()
    }
}

thread_local! {
    /// A third of a megabyte: to make one takes longer than to compress a usual body with it.
    static COMPRESSOR: RefCell<Compress> = RefCell::new(Compress::new(Compression::default(), false));
}

/// Compresses bytes; `None` when that makes them no smaller.
#[must_use]
pub fn deflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut deflated = Vec::with_capacity(bytes.len()); // what is no smaller finds no room
    let compressed = COMPRESSOR.with_borrow_mut(|compressor| {
        compressor.reset();
        compressor.compress_vec(bytes, &mut deflated, FlushCompress::Finish)
    });
    let is_whole = matches!(compressed, Ok(Status::StreamEnd));
    (is_whole && deflated.len() < bytes.len()).then_some(deflated)
}

/// Undoes [`deflate`]; `None` for what it did not make or what exceeds `limit` bytes.
#[must_use]
pub fn inflate(deflated: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut inflated = read_to_limit(DeflateDecoder::new(deflated), limit)?;
    inflated.shrink_to_fit(); // it is kept, up to ten at once
    Some(inflated)
}

/// Reads all that a decoder gives; `None` when it fails or gives more than `limit` bytes.
pub(crate) fn read_to_limit(reader: impl Read, limit: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut bounded = reader.take(u64::try_from(limit).ok()?.saturating_add(1));
    bounded.read_to_end(&mut bytes).ok()?;
    (bytes.len() <= limit).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_bodies_are_carried_as_they_are_and_large_ones_deflated() {
        let small = vec![0_u8; MAX_INLINE_BYTES];
        assert_eq!(
            Carried::inline(&small),
            Some(Carried::Inline(Base64::encode(&small)))
        );
        let large = vec![b'x'; MAX_INLINE_BYTES + 1];
        let Some(Carried::Deflated(deflated)) = Carried::inline(&large) else {
            panic!("not deflated")
        };
        let deflated = deflated.decode().unwrap();
        assert_eq!(inflate(&deflated, large.len()).unwrap(), large);
        assert_eq!(inflate(&deflated, large.len() - 1), None);
    }

    #[test]
    fn what_does_not_compress_goes_to_the_body_store() {
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        })
        .take(MAX_INLINE_BYTES + 1)
        .collect();
        assert_eq!(deflate(&noise), None);
        assert_eq!(Carried::inline(&noise), None);
        let Carried::Stored(pointer) = Carried::stored("k".into(), &noise) else {
            panic!("not stored")
        };
        assert!(pointer.describes(&noise));
        assert!(!pointer.describes(&noise[1..]));
        let mut other = noise;
        other[0] ^= 1;
        assert!(!pointer.describes(&other), "of the same length");
    }

    #[test]
    fn a_compressor_remembers_nothing_of_what_it_compressed_before() {
        let text = "All work and no play makes Jack a dull boy. ".repeat(20);
        let first = deflate(text.as_bytes()).unwrap();
        assert_eq!(deflate(b"x"), None, "no smaller: broken off");
        assert_eq!(deflate(text.as_bytes()), Some(first.clone()));
        assert_eq!(inflate(&first, text.len()).unwrap(), text.as_bytes());
    }

    #[test]
    fn body_is_read_from_exactly_one_known_form() {
        let read = |json: &str| serde_json::from_str::<Carried>(json).is_ok();
        for json in [
            r#"{"inline":"AA=="}"#,
            r#"{"new":{"a":1},"deflated":"AA=="}"#,
            r#"{"stored":{"key":"k","length":1,"sha256":"00","new":1},"new":[]}"#,
        ] {
            assert!(read(json), "{json}");
        }
        for json in [
            "{}",
            r#"{"new":"AA=="}"#,
            r#""inline""#,
            r#"{"inline":7}"#,
            r#"{"inline":"AA==","deflated":"AA=="}"#,
            r#"{"stored":{"key":"k"}}"#,
        ] {
            assert!(!read(json), "{json}");
        }
    }

    #[test]
    fn every_byte_survives_json() {
        let bytes: Vec<u8> = (0..=255).collect();
        let json = serde_json::to_string(&Carried::inline(&bytes).unwrap()).unwrap();
        assert!(json.bytes().all(|b| (b' '..0x7f).contains(&b)));
        assert_eq!(
            serde_json::from_str::<Carried>(&json).unwrap(),
            Carried::Inline(Base64::encode(&bytes))
        );
    }
}
