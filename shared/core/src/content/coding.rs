//! Content codings: what `Content-Encoding` names, undone from the last to the first.
//!
//! Senders name charsets there, and proxies inflate a body and leave the header. So a coding that
//! cannot be undone is ignored where the bytes are text as they are.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::GzDecoder;
use flate2::read::{DeflateDecoder, ZlibDecoder};

use super::charset::{self, Charset};
use super::parameters::{essence, parameter};
use super::{MAX_INFLATED_BYTES, Unreadable};
use crate::body::read_to_limit;
use crate::request::Headers;

/// The most codings that are undone: each may make a thousandfold of its bytes.
const MAX_CODINGS: usize = 4;

/// The most gzip members that are looked through. An empty one takes 20 bytes, and as long as some
/// kilobytes of text.
const MAX_SCANNED_MEMBERS: usize = 1_000;

/// The first bytes of each gzip member.
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Coding {
    Gzip,
    Deflate,
    Unknown,
}

/// Returns the codings of a body in the order in which they are undone. Names of no coding are left
/// out: `identity`, and charsets.
fn codings(headers: &Headers) -> impl Iterator<Item = Coding> {
    let header = headers.get("content-encoding").unwrap_or_default();
    header.rsplit(',').filter_map(|name| {
        let name = essence(name).trim_matches('"').to_ascii_lowercase();
        match name.as_str() {
            "gzip" | "x-gzip" => Some(Coding::Gzip),
            "deflate" | "x-deflate" => Some(Coding::Deflate),
            "" | "identity" | "none" | "null" | "7bit" | "8bit" | "binary" => None,
            charset if Charset::of_label(charset).is_some() => None,
            _ => Some(Coding::Unknown),
        }
    })
}

/// Undoes a body's content codings.
pub(super) fn undone<'a>(headers: &Headers, body: &'a [u8]) -> Result<Cow<'a, [u8]>, Unreadable> {
    let mut bytes = Cow::Borrowed(body);
    let mut inflated = 0_usize;
    // A header may have hundreds of names: the bytes are looked through once until they change.
    let mut known_text = None;
    for coding in codings(headers) {
        let mut is_text = |bytes: &[u8]| *known_text.get_or_insert_with(|| is_text(headers, bytes));
        let undone = match coding {
            Coding::Gzip if bytes.starts_with(GZIP_MAGIC) => one_member(&bytes)?,
            Coding::Gzip | Coding::Unknown => None,
            // Any bytes may begin a raw deflate stream, but its end holds bytes that no text has.
            Coding::Deflate if is_text(&bytes) => None,
            Coding::Deflate => read_to_limit(ZlibDecoder::new(bytes.as_ref()), MAX_INFLATED_BYTES)
                .or_else(|| read_to_limit(DeflateDecoder::new(bytes.as_ref()), MAX_INFLATED_BYTES)),
        };
        match undone {
            Some(undone) if inflated < MAX_CODINGS => {
                inflated = inflated.saturating_add(1);
                bytes = Cow::Owned(undone);
                known_text = None;
            }
            Some(_) => return Err(Unreadable::Encoding),
            None if is_text(&bytes) => {} // the header says what is not so
            None if coding == Coding::Unknown => return Err(Unreadable::Encoding),
            None => return Err(Unreadable::Compressed),
        }
    }
    Ok(bytes)
}

/// Inflates the gzip member that bytes begin with; `None` where it is damaged or too large. More members,
/// or anything else behind it, are not read: each member costs as much as some kilobytes, however
/// small it is.
fn one_member(bytes: &[u8]) -> Result<Option<Vec<u8>>, Unreadable> {
    let mut decoder = GzDecoder::new(bytes);
    let inflated = read_to_limit(&mut decoder, MAX_INFLATED_BYTES);
    if inflated.is_some() && !decoder.into_inner().is_empty() {
        return Err(Unreadable::GzipMembers);
    }
    Ok(inflated)
}

/// Tells whether bytes are text in their charset: no control characters but white space.
fn is_text(headers: &Headers, bytes: &[u8]) -> bool {
    let label = parameter(headers.get("content-type").unwrap_or_default(), "charset");
    let (charset, mark) = charset::detect(label.as_deref(), bytes);
    let bytes = bytes.get(mark..).unwrap_or_default();
    let is_odd = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}' | '\u{7f}');
    match charset.resolved(bytes).chars(bytes) {
        Some(mut chars) => !chars.any(is_odd),
        None => {
            let text = charset.decode(bytes);
            text.is_some_and(|text| !text.contains(is_odd))
        }
    }
}

/// Reads a body with its codings undone, without keeping it, so many bytes of each coding at most. A
/// coding that is not true of the bytes is ignored.
pub(super) fn reader<'a>(headers: &Headers, body: &'a [u8], limit: u64) -> Box<dyn Read + 'a> {
    let mut reader: Box<dyn Read + 'a> = Box::new(body);
    for coding in codings(headers).take(MAX_CODINGS) {
        // Each level is bounded: the inner ones of a chain may be far larger than what comes out.
        reader = Box::new(reader.take(limit));
        let Ok((head, whole)) = peeked(reader) else {
            return Box::new(io::empty());
        };
        reader = match (coding, head) {
            (Coding::Gzip, head) if head == GZIP_MAGIC => Box::new(Members::new(whole)),
            (Coding::Deflate, [first, second]) if is_zlib(first, second) => {
                Box::new(ZlibDecoder::new(whole))
            }
            (Coding::Deflate, [first, _]) if !first.is_ascii_whitespace() && first != b'{' => {
                Box::new(DeflateDecoder::new(whole))
            }
            _ => Box::new(whole),
        };
    }
    Box::new(reader.take(limit))
}

/// Reads the members of a gzip stream one after the other.
struct Members<R> {
    member: Option<GzDecoder<R>>,
    left: usize,
}

impl<R: BufRead> Members<R> {
    fn new(reader: R) -> Self {
        Self {
            member: Some(GzDecoder::new(reader)),
            left: MAX_SCANNED_MEMBERS,
        }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let length = member.read(buffer)?;
            if length > 0 || buffer.is_empty() {
                return Ok(length);
            }
            let rest = self.member.take().map(GzDecoder::into_inner);
            self.left = self.left.saturating_sub(1);
            if let Some(mut rest) = rest
                && self.left > 0
                && !rest.fill_buf()?.is_empty()
            {
                self.member = Some(GzDecoder::new(rest));
            }
        }
        Ok(0)
    }
}

/// Returns the first two bytes, zeros for what is missing, and a reader of all.
fn peeked<'a>(mut reader: Box<dyn Read + 'a>) -> io::Result<([u8; 2], impl BufRead + 'a)> {
    let mut first = Vec::with_capacity(2);
    reader.by_ref().take(2).read_to_end(&mut first)?;
    let head = [
        first.first().copied().unwrap_or_default(),
        first.get(1).copied().unwrap_or_default(),
    ];
    Ok((head, Cursor::new(first).chain(BufReader::new(reader))))
}

/// Tells whether two bytes are a header of zlib (RFC 1950).
fn is_zlib(first: u8, second: u8) -> bool {
    first & 0x0f == 8 && u16::from_be_bytes([first, second]).checked_rem(31) == Some(0)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const JSON: &[u8] = b"{\"a\":\"some text that is long enough to cut\"}";

    fn headers(encoding: &str) -> Headers {
        std::iter::once(("content-encoding".to_owned(), encoding.to_owned())).collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn streamed(encoding: &str, body: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        reader(&headers(encoding), body, 64 << 20)
            .read_to_end(&mut all)
            .unwrap();
        all
    }

    #[track_caller]
    fn check(encoding: &str, body: &[u8]) {
        assert_eq!(
            undone(&headers(encoding), body).unwrap(),
            JSON,
            "{encoding}"
        );
        assert_eq!(streamed(encoding, body), JSON, "{encoding}");
    }

    #[test]
    fn codings_are_undone_from_the_last_to_the_first() {
        let once = gzip(JSON);
        for encoding in [
            "gzip",
            "GZIP",
            "x-gzip",
            "\"gzip\"",
            "identity, gzip",
            "gzip, identity",
            "gzip,utf-8",
            "utf-8 , gzip",
            " gzip ,",
            "gzip,gzip", // once, by a proxy that named it again
            "br, gzip",
            "deflate, gzip",
            "gzip;q=1.0",
        ] {
            check(encoding, &once);
        }
        check("gzip, gzip", &gzip(&once));
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(JSON).unwrap();
        let zlib = zlib.finish().unwrap();
        check("deflate", &zlib);
        check("deflate, gzip", &gzip(&zlib));
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
        raw.write_all(JSON).unwrap();
        check("deflate", &raw.finish().unwrap());
    }

    #[test]
    fn what_is_not_true_of_text_is_ignored() {
        for encoding in [
            "",
            "identity",
            "none",
            "UTF-8",
            "utf8",
            "ISO-8859-1",
            "gzip",
            "deflate",
            "br",
            "zstd",
            "gzip, br",
            "gzip,gzip",
            "identity, identity",
            "application/json",
            ",",
            "8bit",
        ] {
            check(encoding, JSON);
        }
        for text in [&b"\xef\xbb\xbf{}"[..], "é".as_bytes(), b"{\0}\0", b""] {
            assert_eq!(undone(&headers("gzip"), text).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_text_must_be_undone() {
        let whole = gzip(JSON);
        let cut = &whole[..whole.len() - 9];
        for (encoding, body, error) in [
            ("gzip", cut, Unreadable::Compressed),
            ("gzip", b"\x1f\x8b", Unreadable::Compressed),
            ("gzip", b"\xff{}", Unreadable::Compressed),
            ("deflate", b"\xff{}", Unreadable::Compressed),
            ("br", b"\x0b\x02\x80{}\x03", Unreadable::Encoding),
            ("gzip, br", &whole, Unreadable::Encoding),
        ] {
            let found = undone(&headers(encoding), body);
            assert_eq!(found, Err(error), "{encoding} {body:?}");
        }
    }

    #[test]
    fn one_gzip_member_is_read_and_a_thousand_are_looked_through() {
        let [one, empty] = [gzip(JSON), gzip(b"")];
        for behind in [&one[..], &empty, b"x", b"\0\0\0\0"] {
            let body = [&one, behind].concat();
            let read = undone(&headers("gzip"), &body);
            assert_eq!(read, Err(Unreadable::GzipMembers), "{behind:?}");
        }
        let halves = JSON.split_at(JSON.len() / 2);
        let halves = [gzip(halves.0), empty.repeat(900), gzip(halves.1)].concat();
        assert_eq!(streamed("gzip", &halves), JSON);
        let many = [one, empty.repeat(200_000)].concat();
        assert_eq!(streamed("gzip", &many), JSON);
    }

    #[test]
    fn neither_size_nor_number_of_codings_is_without_bounds() {
        let bomb = gzip(&vec![b' '; MAX_INFLATED_BYTES + 1]);
        assert_eq!(undone(&headers("gzip"), &bomb), Err(Unreadable::Compressed));
        assert_eq!(streamed("gzip", &bomb).len(), MAX_INFLATED_BYTES + 1);
        let mut cut = Vec::new();
        let twice = gzip(&bomb);
        let mut bounded = reader(&headers("gzip, gzip"), &twice, 1 << 10);
        bounded.read_to_end(&mut cut).ok();
        assert!(cut.len() <= 1 << 10, "every level is bounded");
        let often = (0..=MAX_CODINGS).fold(JSON.to_vec(), |body, _| gzip(&body));
        let encoding = ["gzip"; MAX_CODINGS + 1].join(",");
        assert_eq!(
            undone(&headers(&encoding), &often),
            Err(Unreadable::Encoding)
        );
        let few = gzip(&gzip(JSON));
        assert_eq!(undone(&headers(&encoding), &few).unwrap(), JSON);
    }
}
