//! Whose data are to be erased, and where they are named: by number, address or entity.

use std::borrow::Cow;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::address;
use crate::content;
use crate::entity::Entity;
use crate::envelope::CONTENT_ENCODING;
use crate::phone::{self, Country};
use crate::request::Headers;

/// How often escapes are undone: JSON in a text of JSON, and once more.
const MAX_ESCAPED: usize = 3;

/// The first bytes of gzip.
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

/// The most bytes that a compressed body is inflated to.
const MAX_INFLATED_BYTES: u64 = 64 << 20;

/// How many bytes are looked through at once, which bounds the memory that it takes.
const PIECE_BYTES: usize = 8 << 20;

/// How far the next piece reaches back into the one before: further than any spelling is long.
const OVERLAP_BYTES: usize = 16 << 10;

/// Where pieces are cut: hardly any number or address goes on behind one of these, so that half of a longer
/// one is not taken for another. One that does is whole in the next piece.
const DELIMITERS: &[u8] = b"\"{}[]<>,;&\n";

/// Whose data are to be erased.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Subject {
    /// The owner of a number, in E.164.
    Number(String),
    /// The owner of an e-mail address, plain and in lower case.
    Address(String),
    /// An entity.
    Entity(Entity),
}

impl Subject {
    /// Reads the name of an entity, an address or a number, these two as arrivals are read.
    ///
    /// ```
    /// use switchhook_core::erasure::Subject;
    ///
    /// let number = Subject::parse("+1 (555) 010-0003", None);
    /// assert_eq!(number, Some(Subject::Number("+15550100003".to_owned())));
    /// assert!(matches!(Subject::parse("voice/call/c", None), Some(Subject::Entity(_))));
    /// assert_eq!(Subject::parse("call c", None), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str, country: Option<&Country>) -> Option<Self> {
        let text = text.trim();
        let entity = Entity::from_name(text.to_owned());
        let has_key = text.splitn(3, '/').all(|part| !part.is_empty());
        if entity.opted_out().is_some() || entity.entity_type().is_some() && has_key {
            return Some(Self::Entity(entity));
        }
        if let Some(address) = address::email_address(text) {
            return Some(Self::Address(address));
        }
        let number = phone::normalise(text, country);
        phone::is_e164(&number).then_some(Self::Number(number))
    }

    /// Returns whether a text names it. An entity is not looked for in texts.
    #[must_use]
    pub fn is_in(&self, text: &str, countries: &[Country]) -> bool {
        if self.is_in_escaped(Cow::Borrowed(text), countries) {
            return true;
        }
        let is_form = text.contains(['%', '+']);
        is_form && self.is_in_escaped(content::form_decoded(text).into(), countries)
    }

    /// Returns whether the exact bytes of a body name it. They are looked through as they are, and with
    /// their encoding undone as far as it goes, be it said by the headers or not.
    #[must_use]
    pub fn is_in_body(&self, headers: &Headers, body: &[u8], countries: &[Country]) -> bool {
        if matches!(self, Self::Entity(_)) {
            return false;
        }
        if self.is_in_stream(body, countries) {
            return true;
        }
        encodings(headers, body).into_iter().any(|encoding| {
            let encoding = [(CONTENT_ENCODING.to_owned(), encoding)];
            let encoding: Headers = encoding.into_iter().collect();
            let undone = content::streamed(&encoding, body, MAX_INFLATED_BYTES);
            self.is_in_stream(undone, countries)
        })
    }

    /// Looks through a stream piece by piece, as far as it can be read.
    fn is_in_stream(&self, mut stream: impl Read, countries: &[Country]) -> bool {
        let mut piece = Vec::new();
        loop {
            let room = PIECE_BYTES.saturating_sub(piece.len());
            let room = u64::try_from(room).unwrap_or(u64::MAX);
            // What came before an error is in the piece.
            let read = stream.by_ref().take(room).read_to_end(&mut piece);
            let is_last = read.is_err() || piece.len() < PIECE_BYTES;
            let end = if is_last {
                piece.len()
            } else {
                cut(&piece, piece.len())
            };
            if self.is_in_piece(piece.get(..end).unwrap_or_default(), countries) {
                return true;
            }
            if is_last {
                return false;
            }
            piece.drain(..cut(&piece, end.saturating_sub(OVERLAP_BYTES)));
        }
    }

    fn is_in_piece(&self, bytes: &[u8], countries: &[Country]) -> bool {
        let text = String::from_utf8_lossy(bytes);
        if self.is_in(&text, countries) {
            return true;
        }
        // UTF-16 has a zero beside each of these characters.
        let is_wide = text.contains('\0');
        is_wide && self.is_in(&text.replace(['\0', '\u{fffd}'], ""), countries)
            || payload(&text).is_some_and(|payload| self.is_in(&payload, countries))
    }

    fn is_in_escaped(&self, mut text: Cow<'_, str>, countries: &[Country]) -> bool {
        for _ in 0..MAX_ESCAPED {
            if self.is_in_plain(&text, countries) {
                return true;
            }
            match unescaped(&text) {
                Some(unescaped) => text = Cow::Owned(unescaped),
                None => return false,
            }
        }
        self.is_in_plain(&text, countries)
    }

    fn is_in_plain(&self, text: &str, countries: &[Country]) -> bool {
        match self {
            Self::Number(number) => phone::mentions(text, number, countries),
            Self::Address(address) => address::mentions(text, address),
            Self::Entity(_) => false,
        }
    }
}

/// Returns the encodings to undo, each as the header names it: the one that was sent, and what the bytes
/// themselves look like. A second gzip, which no header names, is undone, too.
fn encodings(headers: &Headers, body: &[u8]) -> Vec<String> {
    let sent = headers.get(CONTENT_ENCODING).unwrap_or_default();
    let mut encodings = Vec::new();
    if !sent.is_empty() {
        encodings.push(format!("gzip, {sent}"));
    }
    let is_gzip = body.starts_with(GZIP_MAGIC);
    // Of raw deflate no byte is typical, but no JSON object can be read as it.
    let is_text = |first: &u8| *first == b'{' || first.is_ascii_whitespace();
    let guesses: &[&str] = match body.first() {
        Some(_) if is_gzip && sent.is_empty() => &["gzip, gzip", "deflate, gzip"],
        Some(_) if is_gzip => &["gzip, gzip"],
        Some(first) if !is_text(first) => &["gzip, deflate"],
        Some(_) | None => &[],
    };
    for guess in guesses {
        if encodings.iter().all(|known| known != guess) {
            encodings.push((*guess).to_owned());
        }
    }
    encodings
}

/// Returns the place behind the last delimiter before `at`; `at` itself where none is near.
fn cut(bytes: &[u8], at: usize) -> usize {
    let earliest = at.saturating_sub(OVERLAP_BYTES);
    let near = bytes.get(earliest..at).unwrap_or_default();
    let last = near.iter().rposition(|byte| DELIMITERS.contains(byte));
    last.map_or(at, |last| earliest.saturating_add(last).saturating_add(1))
}

/// Returns the payload of a JWT.
fn payload(text: &str) -> Option<String> {
    let mut parts = text.trim().split('.');
    let (header, payload) = (parts.next()?, parts.next()?);
    if !header.starts_with("eyJ") {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(payload).ok()?;
    String::from_utf8(bytes).ok()
}

/// Undoes the escapes of JSON strings once, wherever they stand; `None` where there are none.
fn unescaped(text: &str) -> Option<String> {
    if !text.contains('\\') {
        return None;
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        plain.push_str(before);
        let mut chars = behind.chars();
        rest = match chars.next() {
            Some('u') => match unicode(chars.as_str()) {
                Some((c, after)) => {
                    plain.push(c);
                    after
                }
                None => behind,
            },
            Some('b' | 'f' | 'n' | 'r' | 't') => {
                plain.push(' ');
                chars.as_str()
            }
            Some(c) => {
                plain.push(c);
                chars.as_str()
            }
            None => behind,
        };
    }
    plain.push_str(rest);
    Some(plain)
}

/// Reads the four hexadecimal digits of an escape. Half a pair is nobody's number or address.
fn unicode(text: &str) -> Option<(char, &str)> {
    let (digits, after) = text.split_at_checked(4)?;
    let code = u32::from_str_radix(digits, 16).ok()?;
    Some((char::from_u32(code).unwrap_or('\u{fffd}'), after))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn number() -> Subject {
        Subject::parse("+61400000123", None).unwrap()
    }

    fn address() -> Subject {
        Subject::parse("Ann <Ann@Example.com>", None).unwrap()
    }

    #[test]
    fn names_of_entities_addresses_and_numbers_are_kept_apart() {
        let australia = Country::new("AU");
        let read = |text| Subject::parse(text, australia.as_ref());
        let entity = |name: &str| Some(Subject::Entity(Entity::from_name(name.to_owned())));
        assert_eq!(read("0400 000 123"), Some(number()));
        assert_eq!(Subject::parse("0400 000 123", None), None);
        assert_eq!(
            read("a/b@example.com"),
            Some(Subject::Address("a/b@example.com".into()))
        );
        for name in [
            "texts/conversation/+61400000123,+61400000999",
            "desk/contact/ann@example.com",
            "_/opt_out/+61400000123/sms",
        ] {
            assert_eq!(read(name), entity(name));
        }
        for text in [
            "",
            "ann",
            "voice/call/",
            "/call/c",
            "voice/nothing/c",
            "voice/call",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn escapes_are_undone_before_texts_are_looked_through() {
        for text in [
            r#"{"from":"\u002b61400000123"}"#,
            r#"{"from":"+614\u0030\u0030000123"}"#,
            r#"{"from":"+61400\n000123"}"#,
            r#"{"body":"{\"from\":\"\\u002b61400000123\"}"}"#,
            "from=%2B61%20400+000+123&x=1",
            "payload=%7B%22from%22%3A%22%5Cu002b61400000123%22%7D",
        ] {
            assert!(number().is_in(text, &[]), "{text}");
        }
        for text in [
            r#"{"email":"ann\u0040example.com"}"#,
            "email=ann%40example.com",
            "to=x+Ann%40Example.COM",
        ] {
            assert!(address().is_in(text, &[]), "{text}");
        }
        assert!(!number().is_in(r#"\u00"#, &[]));
        assert!(!number().is_in("%", &[]) && !number().is_in("\\", &[]));
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn bodies_that_could_not_be_read_are_looked_through_too() {
        let [none, sent] = [Headers::default(), encoded("gzip")];
        let [json, other] = [&br#"["+61400000123"]"#[..], br#"{"from":"+61400000999"}"#];
        let [first, second] = [[json, other], [other, json]].map(|both| both.map(gzip).concat());
        let long = format!("[{}\"+61400000123\"]", "\"some text\",".repeat(800_000));
        let long = gzip(long.as_bytes());
        let damaged = [&gzip(json)[..], b"\0\0"].concat();
        for (body, what) in [
            (&first, "first member"),
            (&second, "second member"),
            (&long, "9 MiB"),
            (&damaged, "something behind it"),
            (&gzip(&gzip(json)), "twice"),
        ] {
            for headers in [&none, &sent] {
                assert!(number().is_in_body(headers, body, &[]), "{what}");
            }
        }
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(json).unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
        raw.write_all(json).unwrap();
        let zlib = zlib.finish().unwrap();
        for body in [&zlib, &raw.finish().unwrap(), &gzip(&zlib)] {
            assert!(number().is_in_body(&none, body, &[]), "{body:?}");
        }
        for body in [&gzip(other)[..], &[gzip(other), gzip(other)].concat()] {
            assert!(!number().is_in_body(&none, body, &[]), "{body:?}");
        }
    }

    #[test]
    fn pieces_neither_hide_nor_make_a_number() {
        let padding = "x,".repeat(PIECE_BYTES / 2 - 16);
        for shift in [0, 19, 26] {
            for (text, named) in [("+61400000123", true), ("+614000001234", false)] {
                let body = format!("{padding}{}\"{text}\",", "y".repeat(shift));
                let found = number().is_in_body(&Headers::default(), body.as_bytes(), &[]);
                assert_eq!(found, named, "{text} {shift}");
            }
        }
        let solid = "x".repeat(PIECE_BYTES - 6) + "+61400000123";
        assert!(number().is_in_body(&Headers::default(), solid.as_bytes(), &[]));
    }

    fn encoded(encoding: &str) -> Headers {
        std::iter::once((CONTENT_ENCODING.to_owned(), encoding.to_owned())).collect()
    }

    #[test]
    fn bodies_are_looked_through_as_they_were_sent() {
        let json = r#"{"from":"+61400000123","email":"ann@example.com"}"#;
        let gzip = gzip(json.as_bytes());
        let wide: Vec<u8> = json.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let token = format!("eyJhbGciOiJIUzI1NiJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(json));
        let none = Headers::default();
        let encoded = encoded("gzip");
        for subject in [number(), address()] {
            for body in [json.as_bytes(), &gzip, &wide, token.as_bytes()] {
                assert!(subject.is_in_body(&none, body, &[]), "{subject:?}");
            }
            assert!(subject.is_in_body(&encoded, &gzip, &[]));
            assert!(
                subject.is_in_body(&encoded, json.as_bytes(), &[]),
                "a stale header"
            );
            let broken = gzip.get(..20).unwrap();
            assert!(!subject.is_in_body(&encoded, broken, &[]));
        }
    }
}
