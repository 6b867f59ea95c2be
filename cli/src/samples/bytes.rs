//! Bodies that are hard to pass on unchanged, signed as the source signs everything.
//!
//! They are of no kind of any provider, and say nothing of anybody.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use switchhook_core::config::Source;
use switchhook_core::dedup;
use switchhook_core::time::Timestamp;

use super::{Delivery, Variation, signing};
use crate::urls;

/// The most bytes of the large body: what a source takes by default.
const LARGE: usize = 4 << 20;

/// Bytes that no UTF-8 holds: a lone start of two, and two that never occur.
const NO_UTF_8: &[u8] = b"caf\xc3( \xff\xfe";
const LATIN_1: &[u8] = b"caf\xe9 \xa3";

/// A body, and what its headers say of it.
#[derive(Clone, Debug)]
pub(crate) struct HardBody {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    pub(crate) content_type: String,
    pub(crate) content_encoding: Option<&'static str>,
    pub(crate) bytes: Vec<u8>,
    /// What CloudContactAI would sign.
    event_hash: String,
}

/// How a provider writes its bodies.
struct Form {
    content_type: &'static str,
    before: String,
    after: &'static str,
}

impl Form {
    fn of(source: &Source, id: &str) -> Self {
        let first = super::of(source.provider.name()).first();
        let content_type = first.map_or(super::JSON, |sample| sample.content_type);
        let (before, after) = match content_type {
            super::JSON => (
                format!(
                    r#"{{"event":"switchhook.bytes","type":"switchhook.bytes","eventHash":"{id}","data":{{"id":"{id}","text":""#
                ),
                r#""}}"#,
            ),
            _ => (
                format!("event=switchhook.bytes&eventHash={id}&id={id}&text="),
                "",
            ),
        };
        Self {
            content_type,
            before,
            after,
        }
    }

    fn body(&self, text: &[u8]) -> Vec<u8> {
        [self.before.as_bytes(), text, self.after.as_bytes()].concat()
    }

    /// Fills a body up to a size with what no compression makes small.
    fn filled(&self, size: usize) -> Vec<u8> {
        let own = self.before.len().saturating_add(self.after.len());
        let room = size.saturating_sub(own);
        let mut text = String::with_capacity(room);
        for number in 0_u32.. {
            if text.len() >= room {
                break;
            }
            text.push_str(&dedup::sha256_hex(&number.to_be_bytes()));
        }
        text.truncate(room);
        self.body(text.as_bytes())
    }
}

/// Returns all of them, the plain one first: whoever refuses that refuses the credentials.
pub(crate) fn all(source: &Source, id: &str) -> io::Result<Vec<HardBody>> {
    let body =
        |name: &'static str, charset: Option<&str>, bytes: fn(&Form) -> io::Result<Vec<u8>>| {
            // Six different events, whatever a provider identifies one by.
            let event_hash = format!("{id}-{name}");
            let form = Form::of(source, &event_hash);
            let charset = charset.map(|charset| format!("; charset={charset}"));
            Ok::<_, io::Error>(HardBody {
                name,
                content_type: format!("{}{}", form.content_type, charset.unwrap_or_default()),
                content_encoding: None,
                bytes: bytes(&form)?,
                event_hash,
            })
        };
    let gzip = HardBody {
        content_encoding: Some("gzip"),
        ..body("gzip", None, |form| zipped(&form.body(b"zipped")))?
    };
    let mut large = body("large", None, |_| Ok(Vec::new()))?;
    let form = Form::of(source, &large.event_hash);
    large.bytes = form.filled(LARGE.min(source.max_body));
    Ok(vec![
        body("plain", None, |form| Ok(form.body(b"plain")))?,
        body("invalid-utf-8", None, |form| Ok(form.body(NO_UTF_8)))?,
        body("latin-1", Some("iso-8859-1"), |form| Ok(form.body(LATIN_1)))?,
        body("utf-16", Some("utf-16"), |form| {
            Ok(utf_16(&form.body(b"wide")))
        })?,
        gzip,
        large,
    ])
}

fn zipped(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Writes ASCII in UTF-16, little end first, with its mark.
fn utf_16(ascii: &[u8]) -> Vec<u8> {
    let units = ascii.iter().flat_map(|byte| [*byte, 0]);
    [0xff, 0xfe].into_iter().chain(units).collect()
}

impl HardBody {
    /// Signs it as its source would, and addresses it to the source's first URL.
    pub(crate) fn delivery(&self, source: &Source, id: &str, sent_at: Timestamp) -> Delivery {
        let first = super::of(source.provider.name()).first();
        let slug = first.and_then(|sample| sample.slug);
        let slug = slug.map(|slug| format!("/{slug}")).unwrap_or_default();
        let variation = Variation {
            id: id.to_owned(),
            number: 0,
            at: sent_at,
        };
        let mut headers = vec![("content-type", self.content_type.clone())];
        let encoding = self.content_encoding.map(str::to_owned);
        headers.extend(encoding.map(|encoding| ("content-encoding", encoding)));
        let signed = signing::Signed {
            body: &self.bytes,
            event_hash: &self.event_hash,
        };
        headers.extend(signing::headers(source, signed, &variation, sent_at));
        Delivery {
            path: format!("{}{slug}", urls::path(source)),
            headers,
            body: self.bytes.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchhook_core::config::Sources;

    fn bodies(max_body: &str) -> Vec<HardBody> {
        let sources = format!(
            "[sources.voice]\nprovider = \"ai-sync\"\nsecrets = [\"example-secret-of-a-test\"]\n{max_body}"
        );
        let sources = Sources::from_toml(&sources).unwrap();
        all(sources.get("voice").unwrap(), "run").unwrap()
    }

    #[test]
    fn bodies_are_what_their_names_say() {
        let bodies = bodies("");
        let named = |name: &str| {
            let mut named = bodies.iter().filter(|body| body.name == name);
            named.next().unwrap().bytes.clone()
        };
        assert!(std::str::from_utf8(&named("plain")).is_ok());
        assert!(std::str::from_utf8(&named("invalid-utf-8")).is_err());
        assert!(named("latin-1").contains(&0xe9));
        assert!(named("utf-16").starts_with(&[0xff, 0xfe, b'{', 0]));
        assert!(named("gzip").starts_with(&[0x1f, 0x8b]));
        let large = named("large");
        assert_eq!(large.len(), LARGE);
        assert!(serde_json::from_slice::<serde_json::Value>(&large).is_ok());
    }

    #[test]
    fn large_body_is_as_large_as_its_source_takes() {
        let bodies = bodies("max_body = \"64KiB\"");
        assert_eq!(bodies.last().unwrap().bytes.len(), 64 << 10);
    }
}
