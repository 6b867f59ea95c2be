//! Forms as `multipart/form-data` (RFC 7578), read into the same object as other forms.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;

use super::Unreadable;
use super::charset::{self, Charset};
use super::form::{Form, MAX_FIELDS};
use super::parameters::{essence, parameter};

/// The field that names the charset of the others (RFC 7578, section 4.6).
const CHARSET_FIELD: &str = "_charset_";

/// The most headers of a part: three are defined.
const MAX_HEADERS: usize = 100;

/// The longest boundary (RFC 2046, section 5.1.1).
const MAX_BOUNDARY_BYTES: usize = 70;

/// Tells whether a content type is that of a multipart body.
pub(super) fn is_multipart(content_type: &str) -> bool {
    let kind = essence(content_type).split('/').next().unwrap_or_default();
    kind.eq_ignore_ascii_case("multipart")
}

/// Tells whether bytes that say to be something else are a multipart form: a boundary, and headers
/// behind it.
pub(super) fn looks_like_multipart(bytes: &[u8]) -> bool {
    first_boundary(bytes).is_some()
}

/// Returns the boundary that a body begins with.
fn first_boundary(bytes: &[u8]) -> Option<&[u8]> {
    let (line, rest) = line(bytes.trim_ascii_start());
    let boundary = boundary_of(line)?;
    let header = rest.get(..b"content-".len())?;
    header.eq_ignore_ascii_case(b"content-").then_some(boundary)
}

/// Returns the boundary of a delimiter that is the first line of a body.
fn boundary_of(line: &[u8]) -> Option<&[u8]> {
    let boundary = line.strip_prefix(b"--")?.trim_ascii_end();
    (1..=MAX_BOUNDARY_BYTES)
        .contains(&boundary.len())
        .then_some(boundary)
}

/// Returns the delimiter that the first line of a body is, if it can be one.
pub(super) fn delimiter(line: &[u8]) -> Option<Vec<u8>> {
    Some([b"--", boundary_of(line)?].concat())
}

/// Reads the parts that have a name. `charset` is that of parts that say nothing else.
pub(super) fn read(content_type: &str, charset: Charset, bytes: &[u8]) -> Result<Form, Unreadable> {
    let named = parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty());
    let parts = match named
        .as_deref()
        .map(|boundary| parts_of(boundary.as_bytes(), bytes))
    {
        Some(Some(parts)) => parts?,
        // No such boundary is there: take the one that the body begins with.
        other => match (
            first_boundary(bytes).and_then(|own| parts_of(own, bytes)),
            other,
        ) {
            (Some(parts), _) => parts?,
            (None, Some(_)) => return Err(Unreadable::Multipart("does not hold its boundary")),
            (None, None) => return Err(Unreadable::Multipart("names no boundary")),
        },
    };
    let label = parts.iter().find(|part| part.name == CHARSET_FIELD);
    let label = label.map(|part| String::from_utf8_lossy(&part.content).into_owned());
    let charset = label
        .as_deref()
        .and_then(Charset::of_label)
        .unwrap_or(charset);
    let mut form = Form::default();
    for part in parts {
        form.add(part.name.clone(), part.value(charset))?;
    }
    if form.is_empty() {
        return Err(Unreadable::Multipart("has no field with a name"));
    }
    Ok(form)
}

type Parts = Result<Vec<Part>, Unreadable>;

/// Cuts a body at its delimiters; `None` where it has none.
fn parts_of(boundary: &[u8], bytes: &[u8]) -> Option<Parts> {
    let delimiter = [b"--", boundary].concat();
    let finder = memmem::Finder::new(&delimiter);
    let first = next_delimiter(&finder, bytes, 0)?;
    Some(parts_behind(&finder, bytes, first))
}

fn parts_behind(finder: &memmem::Finder<'_>, bytes: &[u8], first: Delimiter) -> Parts {
    let mut parts = Vec::new();
    let mut at = first;
    while !at.is_last {
        let next = next_delimiter(finder, bytes, at.end)
            .ok_or(Unreadable::Multipart("ends before its last boundary"))?;
        let part = bytes.get(at.end..next.start).unwrap_or_default(); // none: they touch
        parts.extend(Part::read(part)?);
        if parts.len() > MAX_FIELDS {
            return Err(Unreadable::TooManyFields);
        }
        at = next;
    }
    Ok(parts)
}

/// A line that separates parts.
#[derive(Clone, Copy, Debug)]
struct Delimiter {
    /// Where the part before it ends: the line break before a delimiter belongs to it.
    start: usize,
    /// Where the part behind it begins.
    end: usize,
    is_last: bool,
}

fn next_delimiter(finder: &memmem::Finder<'_>, bytes: &[u8], mut from: usize) -> Option<Delimiter> {
    loop {
        let place = from.saturating_add(finder.find(bytes.get(from..)?)?);
        let before = bytes.get(..place)?;
        from = place.saturating_add(finder.needle().len());
        let behind = bytes.get(from..)?;
        if !(before.is_empty() || before.ends_with(b"\n")) {
            continue;
        }
        let (rest, is_last) = match behind.strip_prefix(b"--") {
            Some(rest) => (rest, true),
            None => (behind, false),
        };
        let (padding, after) = line(rest);
        if !padding.trim_ascii().is_empty() {
            continue; // the beginning of another text
        }
        let content = before.strip_suffix(b"\n").unwrap_or(before);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        return Some(Delimiter {
            start: content.len(),
            end: bytes.len().saturating_sub(after.len()),
            is_last,
        });
    }
}

/// Returns the first line without its end, and what comes behind it.
fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b'\n', bytes);
    let (line, rest) = match end.and_then(|end| bytes.split_at_checked(end.saturating_add(1))) {
        Some((line, rest)) => (line.strip_suffix(b"\n").unwrap_or(line), rest),
        None => (bytes, &[][..]),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}

/// A part that has a name.
#[derive(Debug)]
pub(super) struct Part {
    name: String,
    /// The name of the file that it is.
    file: Option<String>,
    /// The label of its own charset.
    label: Option<String>,
    content: Vec<u8>,
}

impl Part {
    /// Reads a part; `None` where it has no name.
    pub(super) fn read(mut bytes: &[u8]) -> Result<Option<Self>, Unreadable> {
        let mut headers: Vec<String> = Vec::new();
        while !bytes.is_empty() {
            let (header, rest) = line(bytes);
            bytes = rest;
            if header.is_empty() {
                break;
            }
            let text = Charset::Utf8.decode_lossy(header);
            let is_full = headers.len() >= MAX_HEADERS;
            match headers.last_mut() {
                Some(last) if text.starts_with([' ', '\t']) => last.push_str(&text),
                _ if is_full => return Err(Unreadable::TooManyFields),
                _ if text.contains(':') => headers.push(text.into_owned()),
                _ => return Err(Unreadable::Multipart("has a part with damaged headers")),
            }
        }
        let header = |name: &str| {
            headers.iter().find_map(|header| {
                let (own, value) = header.split_once(':')?;
                own.trim().eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        let disposition = header("content-disposition").unwrap_or_default();
        let Some(name) = parameter(disposition, "name") else {
            return Ok(None);
        };
        let transfer = header("content-transfer-encoding").unwrap_or_default();
        Ok(Some(Self {
            name: name.replace("%22", "\""), // how browsers write a quote
            file: parameter(disposition, "filename"),
            label: header("content-type").and_then(|value| parameter(value, "charset")),
            content: untransferred(transfer, bytes).into_owned(),
        }))
    }

    /// Reports whether the part is the field of this name.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.name == name
    }

    /// Returns the text of the part; for a file that is no text, its name, as in other forms.
    pub(super) fn value(self, usual: Charset) -> String {
        let own = self.label.as_deref();
        let label = own.unwrap_or(usual.label());
        let (charset, mark) = match charset::detect(Some(label), &self.content) {
            found @ (_, 1..) => found,
            _ => (own.and_then(Charset::of_label).unwrap_or(usual), 0),
        };
        let bytes = self.content.get(mark..).unwrap_or_default();
        match (self.file, charset.decode(bytes)) {
            (_, Some(text)) if !text.contains(is_binary) => text.into_owned(),
            (Some(file), _) => file,
            (None, _) => charset.decode_lossy(bytes).into_owned(),
        }
    }
}

fn is_binary(c: char) -> bool {
    c.is_control() && !c.is_whitespace()
}

/// Undoes a transfer encoding, as senders in the habit of e-mail use them.
fn untransferred<'a>(encoding: &str, content: &'a [u8]) -> Cow<'a, [u8]> {
    if encoding.eq_ignore_ascii_case("base64") {
        let letters: Vec<u8> = content
            .iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        return match STANDARD.decode(letters) {
            Ok(bytes) => bytes.into(),
            Err(_) => content.into(),
        };
    }
    if encoding.eq_ignore_ascii_case("quoted-printable") {
        return unquoted(content).into();
    }
    content.into()
}

fn unquoted(mut rest: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match (byte, behind) {
            (b'=', [b'\r', b'\n', after @ ..] | [b'\n', after @ ..]) => rest = after,
            (b'=', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push((high << 4) | low);
                    rest = after;
                }
                _ => bytes.push(b'='),
            },
            (other, _) => bytes.push(*other),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=X";

    fn json_of(content_type: &str, body: &[u8]) -> Result<String, Unreadable> {
        read(content_type, Charset::Utf8, body).and_then(|form| form.into_json(1 << 20))
    }

    fn json(body: &str) -> String {
        json_of(TYPE, body.as_bytes()).unwrap()
    }

    fn part(headers: &str, content: &str) -> String {
        format!("--X\r\nContent-Disposition: form-data; {headers}\r\n\r\n{content}\r\n")
    }

    #[test]
    fn parts_become_fields() {
        let two = part("name=\"a\"", "+1 2") + &part("name=b", "x=y&z") + "--X--\r\n";
        let expected = r#"{"a":"+1 2","b":"x=y&z"}"#;
        assert_eq!(json(&two), expected);
        assert_eq!(json(&two.replace("\r\n", "\n")), expected);
        assert_eq!(json(two.trim_end()), expected);
        assert_eq!(
            json(&format!("preamble\r\n{two}epilogue\r\n--X\r\n")),
            expected
        );
        assert_eq!(json(&two.replace("--X\r\n", "--X \t\r\n")), expected);
        assert_eq!(
            json(&two.replace("Content-Disposition", "content-disposition")),
            expected
        );
        for content_type in [
            "multipart/form-data; boundary=\"X\"",
            "Multipart/Form-Data; Boundary=X; charset=utf-8",
            "multipart/form-data; boundary=X ; a=b",
            "multipart/form-data; boundary=other",
            "multipart/form-data",
            "multipart/mixed; boundary=X",
        ] {
            let read = json_of(content_type, two.as_bytes());
            assert_eq!(read.as_deref(), Ok(expected), "{content_type}");
        }
    }

    #[test]
    fn names_repeat_and_values_span_lines() {
        let body = part("name=a", "1") + &part("name=a", "2\r\n\r\n--XY\r\n--") + "--X--";
        assert_eq!(json(&body), r#"{"a":["1","2\r\n\r\n--XY\r\n--"]}"#);
        assert_eq!(json(&(part("name=\"a\"", "") + "--X--")), r#"{"a":""}"#);
        let touching = "--X\r\nContent-Disposition: form-data; name=a\r\n\r\n--X--";
        assert_eq!(json(touching), r#"{"a":""}"#);
        let nameless = part("x=y", "1") + &part("name=a", "2") + "--X--";
        assert_eq!(json(&nameless), r#"{"a":"2"}"#);
        let quoted = part("name=\"a \\\"b\\\" %22c%22;\"", "1") + "--X--";
        assert_eq!(json(&quoted), r#"{"a \"b\" \"c\";":"1"}"#);
        let folded = "--X\r\nContent-Disposition: form-data;\r\n name=a\r\n\r\n1\r\n--X--";
        assert_eq!(json(folded), r#"{"a":"1"}"#);
    }

    #[test]
    fn files_are_their_text_or_their_name() {
        let text = part(
            "name=f; filename=\"a.txt\"\r\nContent-Type: text/plain",
            "hello",
        ) + "--X--";
        assert_eq!(json(&text), r#"{"f":"hello"}"#);
        let binary = part(
            "name=f; filename=\"a.png\"\r\nContent-Type: image/png",
            "\0\x01",
        ) + "--X--";
        assert_eq!(json(&binary), r#"{"f":"a.png"}"#);
    }

    #[test]
    fn each_part_may_have_its_charset_and_transfer_encoding() {
        let with = |headers: &str, content: &[u8]| {
            let head = format!("--X\r\nContent-Disposition: form-data; name=a\r\n{headers}\r\n");
            let body = [head.as_bytes(), b"\r\n", content, b"\r\n--X--"].concat();
            json_of(TYPE, &body).unwrap()
        };
        let expected = "{\"a\":\"J\u{f6}rg\"}";
        assert_eq!(
            with("Content-Type: text/plain; charset=ISO-8859-1", b"J\xf6rg"),
            expected
        );
        assert_eq!(
            with(
                "Content-Type: text/plain; charset=utf-8",
                "J\u{f6}rg".as_bytes()
            ),
            expected
        );
        assert_eq!(
            with("Content-Type: text/plain", "\u{feff}J\u{f6}rg".as_bytes()),
            expected
        );
        assert_eq!(
            with("Content-Transfer-Encoding: base64", b"SsO2\r\ncmc="),
            expected
        );
        assert_eq!(
            with(
                "Content-Transfer-Encoding: Quoted-Printable",
                b"J=C3=B6=\r\nrg"
            ),
            expected
        );
        let outer = part("name=a", "J\u{f6}rg") + "--X--";
        let latin1: Vec<u8> = outer.chars().map(|c| u8::try_from(c).unwrap()).collect();
        let read =
            read(TYPE, Charset::Windows1252, &latin1).and_then(|form| form.into_json(1 << 20));
        assert_eq!(read.as_deref(), Ok(expected));
        let named = [part("name=_charset_", "latin1").as_bytes(), &latin1].concat();
        assert_eq!(
            json_of(TYPE, &named).unwrap(),
            "{\"_charset_\":\"latin1\",\"a\":\"J\u{f6}rg\"}"
        );
    }

    #[test]
    fn what_is_broken_says_so() {
        let whole = part("name=a", "1");
        for (body, content_type, reason) in [
            (whole.as_str(), TYPE, "ends before its last boundary"),
            (
                &whole.replace("--X", "--"),
                TYPE,
                "does not hold its boundary",
            ),
            ("a", "multipart/form-data", "names no boundary"),
            (
                "a",
                "multipart/form-data; boundary=\"\"",
                "names no boundary",
            ),
            ("--X--", TYPE, "has no field with a name"),
            (
                "--X\r\nvalue\r\n--X--",
                TYPE,
                "has a part with damaged headers",
            ),
        ] {
            let error = json_of(content_type, body.as_bytes()).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("the multipart form {reason}"),
                "{body}"
            );
        }
        let many = whole.repeat(MAX_FIELDS + 1) + "--X--";
        assert_eq!(
            json_of(TYPE, many.as_bytes()),
            Err(Unreadable::TooManyFields)
        );
    }

    #[test]
    fn a_multipart_body_is_known_by_its_first_lines() {
        assert!(looks_like_multipart(part("name=a", "1").as_bytes()));
        assert!(looks_like_multipart(b"\r\n--x\ncontent-type: a/b\n\n"));
        for other in [
            "",
            "--",
            "--X",
            "--X\r\nhello",
            "- a\n- b",
            "--\r\nContent-Type: a",
        ] {
            assert!(!looks_like_multipart(other.as_bytes()), "{other}");
        }
    }
}
