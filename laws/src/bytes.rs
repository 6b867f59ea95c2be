//! Any bytes come out of compression, of a message, of the body store and of the ledger as they went
//! in; what is no compression of ours is refused within bounds.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use switchhook_core::body::{self, Carried, MAX_INLINE_BYTES};
use switchhook_core::config::Sources;
use switchhook_core::content;
use switchhook_core::request::Headers;

use crate::input::{Input, Told, events, grown, open_sources};
use crate::way::survives;

/// What arbitrary streams may grow to here.
const LIMIT: usize = 64 << 10;

thread_local! {
    static SOURCES: Sources = open_sources();
}

/// Checks any bytes: the first says what the others grow to.
///
/// # Panics
///
/// When a law does not hold.
pub fn bytes(data: &[u8]) {
    let mut input = Input::new(data);
    let how = input.byte();
    let data = &grown(how, input.rest());
    if let Some(deflated) = body::deflate(data) {
        assert!(deflated.len() < data.len());
        assert_eq!(
            body::inflate(&deflated, data.len()).as_ref(),
            Some(data),
            "it is undone"
        );
        let too_little = data.len().saturating_sub(1);
        assert_eq!(
            body::inflate(&deflated, too_little),
            None,
            "the limit is kept"
        );
    }
    let inflated = body::inflate(data, LIMIT).unwrap_or_default();
    assert!(inflated.len() <= LIMIT);
    travel(data);
    is_read_alike_when_zipped(data);
}

/// In one piece, since their encoding is one that nobody undoes, bytes survive the message, the body
/// store and the commit.
fn travel(data: &[u8]) {
    let told = Told {
        source: "standard-webhooks",
        slug: "",
        content_type: "",
        encoding: "br",
        body: data.to_vec(),
    };
    let events = SOURCES.with(|sources| events(sources, &told.request(), 1));
    let [event] = events.as_slice() else {
        panic!("{} events", events.len());
    };
    let fits = data.len() <= MAX_INLINE_BYTES;
    let carried = &event.envelope().body;
    assert_eq!(matches!(carried, Carried::Inline(_)), fits);
    assert_eq!(survives(event), data, "the exact bytes");
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
