//! Any bytes come out of compression and of a message as they went in; what is no compression of
//! ours is refused within bounds.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use switchhook_core::body::{self, Carried, MAX_INLINE_BYTES};
use switchhook_core::content;
use switchhook_core::request::Headers;

/// What arbitrary streams may grow to here.
const LIMIT: usize = 64 << 10;

/// Checks any bytes.
///
/// # Panics
///
/// When a law does not hold.
pub fn bytes(data: &[u8]) {
    if let Some(deflated) = body::deflate(data) {
        assert!(deflated.len() < data.len());
        assert_eq!(body::inflate(&deflated, data.len()).as_deref(), Some(data));
        let too_little = data.len().saturating_sub(1);
        assert_eq!(
            body::inflate(&deflated, too_little),
            None,
            "the limit is kept"
        );
    }
    let grown = body::inflate(data, LIMIT).unwrap_or_default();
    assert!(grown.len() <= LIMIT);
    match Carried::inline(data) {
        Some(Carried::Inline(base64)) => assert_eq!(base64.decode().as_deref(), Some(data)),
        Some(Carried::Deflated(base64)) => {
            let deflated = base64.decode().expect("base64");
            assert!(deflated.len() <= MAX_INLINE_BYTES);
            assert_eq!(body::inflate(&deflated, data.len()).as_deref(), Some(data));
        }
        Some(Carried::Stored(_)) => panic!("nothing is stored by carrying it inline"),
        None => assert!(data.len() > MAX_INLINE_BYTES),
    }
    is_read_alike_when_zipped(data);
}

fn is_read_alike_when_zipped(data: &[u8]) {
    let plain = content::json_text(&Headers::default(), data);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).expect("in memory");
    let zipped = encoder.finish().expect("in memory");
    let encoded = [("content-encoding".to_owned(), "gzip".to_owned())];
    let headers: Headers = encoded.into_iter().collect();
    let unzipped = content::decoded(&headers, &zipped).expect("it was encoded");
    assert_eq!(unzipped, data);
    assert_eq!(content::json_text(&headers, &unzipped), plain);
    _ = content::decoded(&headers, data);
}
