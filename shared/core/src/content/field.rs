//! One field of a body that nobody has vouched for yet: for schemes that sign one.
//!
//! JSON and both kinds of forms are streamed over, so that neither the size of a body nor what the
//! reader would make of it matters.

use std::io::Read;

use super::charset::{self, Charset};
use super::parameters::parameter;
use super::{coding, form};
use crate::json::Scan;
use crate::request::Headers;

mod pairs;
mod parts;

use pairs::Pairs;
use parts::Parts;

/// The most bytes of an inflated body that are looked at. More than any sender sends, and no more
/// than takes a fraction of a second.
const MAX_SCANNED_BYTES: usize = 64 << 20;

/// How much is read at a time.
const PIECE_BYTES: usize = 16 << 10;

/// The longest name, value or part that is kept, in bytes as written.
const MAX_KEPT_BYTES: usize = 64 << 10;

/// Returns the text of a member of the body's object, or of a field of its form; the last one where
/// there are several.
///
/// It looks at nothing else: what the reader makes of the rest does not matter. The memory that it
/// takes does not depend on the body.
pub(crate) fn field(headers: &Headers, body: &[u8], name: &str) -> Option<String> {
    let limit = u64::try_from(MAX_SCANNED_BYTES).ok()?;
    let undone = coding::reader(headers, body, limit);
    scanned(headers, undone, name)
        // A coding may be false where nobody can know before it is tried.
        .or_else(|| scanned(headers, Box::new(body), name))
}

/// Scans what a reader gives, up to its end or to where it breaks off.
fn scanned(headers: &Headers, mut reader: Box<dyn Read + '_>, name: &str) -> Option<String> {
    let content_type = headers.get("content-type").unwrap_or_default();
    let label = parameter(content_type, "charset");
    let boundary = parameter(content_type, "boundary");
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    let mut stream: Option<Stream<'_>> = None;
    let mut left = MAX_SCANNED_BYTES;
    while left > 0 {
        piece.clear();
        let limit = u64::try_from(PIECE_BYTES).ok()?;
        // What came before an error is kept: junk may follow a whole body.
        let is_broken = reader.by_ref().take(limit).read_to_end(&mut piece).is_err();
        let bytes = match &stream {
            Some(_) => piece.as_slice(),
            None => {
                let (charset, mark) = charset::detect(label.as_deref(), &piece);
                let scans = Scans::new(name, boundary.as_deref());
                stream = Some(Stream::new(charset, scans));
                piece.get(mark..).unwrap_or_default()
            }
        };
        let stream = stream.as_mut()?;
        stream.feed(bytes);
        if is_broken || piece.len() < PIECE_BYTES || stream.scans.are_over() {
            break;
        }
        left = left.saturating_sub(piece.len());
    }
    // The rest of a longer body is not looked at: what was found is as good as signed.
    let is_whole = left > 0;
    stream.and_then(|stream| stream.finish(is_whole))
}

/// Scans for a field in everything that a body may be.
struct Scans<'n> {
    json: Scan<'n>,
    parts: Parts<'n>,
    pairs: Pairs<'n>,
}

impl<'n> Scans<'n> {
    fn new(name: &'n str, boundary: Option<&str>) -> Self {
        Self {
            json: Scan::new(name),
            parts: Parts::new(name, boundary),
            pairs: Pairs::new(name),
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.json.feed(bytes);
        self.parts.feed(bytes);
        self.pairs.feed(bytes);
    }

    /// Reports whether nothing can be found any more.
    fn are_over(&self) -> bool {
        self.json.is_broken() && self.parts.is_over() && self.pairs.is_over()
    }

    fn finish(self, charset: Charset, is_whole: bool) -> Option<String> {
        let json = self.json.finish(is_whole).and_then(|written| {
            let text = charset.decode(&written)?;
            serde_json::from_str(&format!("\"{text}\"")).ok()
        });
        json.or_else(|| self.parts.finish(charset)).or_else(|| {
            let written = self.pairs.finish()?;
            Some(form::decoded(charset, &written))
        })
    }
}

/// A scan over bytes of any charset.
struct Stream<'n> {
    scans: Scans<'n>,
    charset: Charset,
    /// A byte of UTF-16 without its second.
    odd: Option<u8>,
    /// The first half of a surrogate pair.
    high: Option<u16>,
}

impl<'n> Stream<'n> {
    const fn new(charset: Charset, scans: Scans<'n>) -> Self {
        Self {
            scans,
            charset,
            odd: None,
            high: None,
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let unit = match self.charset {
            Charset::Utf16Le => u16::from_le_bytes,
            Charset::Utf16Be => u16::from_be_bytes,
            _ => return self.scans.feed(bytes),
        };
        let mut decoded = String::with_capacity(bytes.len());
        for byte in bytes {
            match self.odd.take() {
                None => self.odd = Some(*byte),
                Some(first) => self.unit(unit([first, *byte]), &mut decoded),
            }
        }
        self.scans.feed(decoded.as_bytes());
    }

    fn unit(&mut self, unit: u16, decoded: &mut String) {
        let high = self.high.take();
        if (0xd800..=0xdbff).contains(&unit) && high.is_none() {
            self.high = Some(unit);
            return;
        }
        let units = high.into_iter().chain([unit]);
        let chars = char::decode_utf16(units);
        decoded.extend(chars.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
    }

    fn finish(self, is_whole: bool) -> Option<String> {
        if self.odd.is_some() {
            return None;
        }
        let charset = if self.charset.is_utf16() {
            Charset::Utf8
        } else {
            self.charset
        };
        self.scans.finish(charset, is_whole)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::content::MAX_INFLATED_BYTES;

    fn found(headers: &[(&str, &str)], body: &[u8]) -> Option<String> {
        let headers = headers.iter();
        let headers = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        field(&headers.collect(), body, "hash")
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn it_is_found_in_every_charset() {
        const JSON: &str = "{\"a\":\"\u{1f600}\u{e9}\",\"hash\":\"h\u{e9}\u{1f600}\"}";
        let latin1 = b"{\"a\":\"\x80\",\"hash\":\"h\xe9\"}";
        let (le, be) = (utf16(JSON, u16::to_le_bytes), utf16(JSON, u16::to_be_bytes));
        let whole = Some("h\u{e9}\u{1f600}".to_owned());
        for (content_type, body) in [
            ("", JSON.as_bytes()),
            ("", format!("\u{feff}{JSON}").as_bytes()),
            ("application/json; charset=UTF-16", JSON.as_bytes()),
            ("application/json; charset=us-ascii", JSON.as_bytes()),
            ("application/json; charset=utf-16", &le),
            ("application/json; charset=utf-16be", &be),
            ("", &[b"\xff\xfe", &le[..]].concat()),
            ("", &[b"\xfe\xff", &be[..]].concat()),
        ] {
            assert_eq!(
                found(&[("content-type", content_type)], body),
                whole,
                "{content_type}"
            );
        }
        for label in ["latin1", "windows-1252", "us-ascii"] {
            let content_type = format!("application/json; charset={label}");
            let hash = found(&[("content-type", &content_type)], latin1);
            assert_eq!(hash.as_deref(), Some("h\u{e9}"), "{label}");
        }
        assert_eq!(found(&[], latin1), None, "the hash itself is no UTF-8");
    }

    #[test]
    fn it_is_found_behind_a_coding_that_is_false_or_breaks_off() {
        let form = ("content-type", "application/x-www-form-urlencoded");
        let deflate = ("content-encoding", "deflate");
        let marked = "\u{feff}{\"hash\":\"x\"}";
        assert_eq!(found(&[deflate], marked.as_bytes()).as_deref(), Some("x"));
        assert_eq!(found(&[deflate, form], b"hash=x&a=1").as_deref(), Some("x"));
        let level = flate2::Compression::fast();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
        encoder.write_all(b"{\"hash\":\"x\"}").unwrap();
        let mut gzip = encoder.finish().unwrap();
        gzip.extend(b"junk behind the body");
        let hash = found(&[("content-encoding", "gzip")], &gzip);
        assert_eq!(hash.as_deref(), Some("x"));
    }

    #[test]
    fn it_is_found_in_forms_and_behind_false_encodings() {
        let form = "application/x-www-form-urlencoded";
        let multipart = "--X\r\nContent-Disposition: form-data; name=hash\r\n\r\nx\r\n--X--\r\n";
        for (headers, body) in [
            (vec![("content-type", form)], "hash=x&a=1"),
            (
                vec![("content-type", "multipart/form-data; boundary=X")],
                multipart,
            ),
            (vec![("content-type", form)], "{\"hash\":\"x\"}"),
            (vec![("content-encoding", "utf-8")], "{\"hash\":\"x\"}"),
            (vec![("content-encoding", "gzip")], "{\"hash\":\"x\"}"),
            (vec![("content-encoding", "deflate")], "{\"hash\":\"x\"}"),
            (
                vec![("content-encoding", "br, identity")],
                "{\"hash\":\"x\"}",
            ),
        ] {
            assert_eq!(
                found(&headers, body.as_bytes()).as_deref(),
                Some("x"),
                "{headers:?}"
            );
        }
    }

    #[test]
    fn what_inflates_beyond_the_readers_bounds_is_still_looked_through() {
        let gzip = |bytes: &[u8]| {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let mut body = b"{\"hash\":\"x\"".to_vec();
        body.resize(MAX_INFLATED_BYTES + 1, b' ');
        body.push(b'}');
        let headers = [("content-encoding", "gzip")];
        assert_eq!(found(&headers, &gzip(&body)).as_deref(), Some("x"));
        let whole = gzip(b"{\"hash\":\"x\"}");
        let damaged = found(&headers, &whole[..whole.len() - 8]);
        assert_eq!(damaged.as_deref(), Some("x"), "its end is missing");
        assert_eq!(
            found(&headers, &whole[..whole.len() - 16]),
            None,
            "and its hash"
        );
    }
}
