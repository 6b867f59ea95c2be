//! From the bytes of a body to one JSON text that providers read, or the reason why there is none.
//!
//! The bytes themselves are kept elsewhere, as they were sent: what is undone here
//! (`Content-Encoding`, charsets, form encodings) is undone for reading only. The ingress and the
//! consumer read by the same functions, so that they find the same events.

use std::borrow::Cow;
use std::io::Read;

use serde_json::value::RawValue;

use crate::json::{self, JsonError};
use crate::providers::Provider;
use crate::request::Headers;

mod charset;
mod coding;
mod field;
mod form;
mod multipart;
mod parameters;

use charset::Charset;
pub(crate) use field::field;
use parameters::{essence, parameter};

/// The most bytes that a compressed body is inflated to, and that a text takes which is written anew:
/// from another charset, or from a form.
pub const MAX_INFLATED_BYTES: usize = 8 << 20;

/// The most events that a body is split into.
pub const MAX_EVENTS: usize = json::MAX_ELEMENTS;

/// Returns how long a text may become that `body` is written anew as: no text that is not longer than
/// its bytes is refused.
fn text_limit(body: &[u8]) -> usize {
    MAX_INFLATED_BYTES.max(body.len())
}

/// Why a body says nothing. The texts are what the ledger shows as `reason`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unreadable {
    /// There are no bytes.
    #[error("the body is empty")]
    Empty,
    /// The `Content-Encoding` is none that is known.
    #[error("the content encoding is not known")]
    Encoding,
    /// The body does not inflate, or inflates to more than is taken.
    #[error("the compressed body is damaged or inflates to more than 8 MiB")]
    Compressed,
    /// Something follows the gzip member that the body begins with.
    #[error("the compressed body goes on behind its first gzip member")]
    GzipMembers,
    /// The body takes more bytes than are read once its charset or form encoding is undone.
    #[error("the body is longer than 8 MiB when it is decoded")]
    Decoded,
    /// The body is no UTF-8.
    #[error("the body is not valid UTF-8")]
    Utf8,
    /// The body is no multipart form that can be read.
    #[error("the multipart form {0}")]
    Multipart(&'static str),
    /// A form, or an object that is read, has more fields than are read.
    #[error("more fields than are read")]
    TooManyFields,
    /// The body is no JSON that can be read.
    #[error("the body is {0}")]
    Json(JsonError),
    /// The body is a list of events without any.
    #[error("the list of events is empty")]
    NoEvents,
    /// The body is a list of more events than are taken.
    #[error("the list holds more than {MAX_EVENTS} events")]
    TooManyEvents,
}

impl From<JsonError> for Unreadable {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::TooManyMembers => Self::TooManyFields,
            JsonError::Invalid | JsonError::NotAnObject | JsonError::TooDeep => Self::Json(error),
        }
    }
}

/// Undoes a body's content encoding.
///
/// A coding that is unknown or not true of the bytes is ignored where they are text.
///
/// # Errors
///
/// When the encoding is not known, or the body does not inflate within bounds.
pub fn decoded<'a>(headers: &Headers, body: &'a [u8]) -> Result<Cow<'a, [u8]>, Unreadable> {
    coding::undone(headers, body)
}

/// Undoes the escapes of a form's text; what is none stays.
pub(crate) fn form_decoded(text: &str) -> String {
    form::decoded(Charset::Utf8, text.as_bytes())
}

/// Reads a body with its content encoding undone, without keeping it: beyond what is [`decoded`], several
/// gzip members, and so many bytes of each coding at most.
pub(crate) fn streamed<'a>(headers: &Headers, body: &'a [u8], limit: u64) -> Box<dyn Read + 'a> {
    coding::reader(headers, body, limit)
}

/// The JSON text of a body.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Text<'a> {
    text: Cow<'a, str>,
    /// Where the bytes of JSON stand in the body; a form was not sent as JSON.
    origin: Option<Origin>,
}

/// How the bytes of a body became its JSON text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Origin {
    charset: Charset,
    /// The length of the byte order mark.
    mark: usize,
    /// The content type for a part of the body, where the one of the whole would mislead.
    part_type: Option<&'static str>,
}

impl Text<'_> {
    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the exact bytes in `body` of pieces of this text, which come in their order.
    #[must_use]
    pub fn bytes_of<'b>(&self, body: &'b [u8], pieces: &[&str]) -> Vec<&'b [u8]> {
        let charset = self.origin.map_or(Charset::Utf8, |origin| origin.charset);
        let mark = self.origin.map_or(0, |origin| origin.mark);
        let mut bytes = body.get(mark..).unwrap_or_default();
        let mut from = 0_usize;
        let mut found = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let start = piece
                .as_ptr()
                .addr()
                .saturating_sub(self.text.as_ptr().addr());
            let between = self.text.get(from..start).unwrap_or_default();
            bytes = bytes.get(charset.width(between)..).unwrap_or_default();
            let (own, behind) = bytes
                .split_at_checked(charset.width(piece))
                .unwrap_or_default();
            found.push(own);
            bytes = behind;
            from = start.saturating_add(piece.len());
        }
        found
    }

    /// Returns the content type by which a piece of the body is read as it is read here, where that is
    /// not the one of the body.
    #[must_use]
    pub fn part_type(&self) -> Option<&'static str> {
        self.origin.and_then(|origin| origin.part_type)
    }
}

/// Returns the JSON text of a [`decoded`] body: forms become an object of texts, a repeated key a list.
///
/// # Errors
///
/// When nothing can be read. That an object is in it is for the caller to find out.
pub fn json_text<'a>(headers: &Headers, bytes: &'a [u8]) -> Result<Text<'a>, Unreadable> {
    let content_type = headers.get("content-type").unwrap_or_default();
    let label = parameter(content_type, "charset");
    let (charset, mark) = charset::detect(label.as_deref(), bytes);
    let body = bytes.get(mark..).unwrap_or_default();
    if charset.is_utf16() {
        if charset.decoded_len(body) > text_limit(body) {
            return Err(Unreadable::Decoded);
        }
        let text = charset.decode(body).unwrap_or_default();
        return match form(content_type, Charset::Utf8, text.as_bytes()) {
            Some(form) => form,
            None => Ok(json(text, content_type, label.as_deref(), charset, mark)),
        };
    }
    if let Some(form) = form(content_type, charset, body) {
        return form;
    }
    let charset = charset.resolved(body);
    if charset.decoded_len(body) > text_limit(body) {
        return Err(Unreadable::Decoded);
    }
    let text = charset.decode(body).ok_or(Unreadable::Utf8)?;
    Ok(json(text, content_type, label.as_deref(), charset, mark))
}

fn json<'a>(
    text: Cow<'a, str>,
    content_type: &str,
    label: Option<&str>,
    charset: Charset,
    mark: usize,
) -> Text<'a> {
    let text = match text {
        Cow::Borrowed(text) => json::without_half_pairs(text),
        Cow::Owned(text) => json::replace_half_pairs(text).into(),
    };
    let declared = label.map_or(Some(Charset::Utf8), Charset::of_label);
    let is_usual = charset == Charset::Utf8 && declared.is_none_or(|own| own == charset);
    let is_misread = is_form(content_type) || multipart::is_multipart(content_type);
    let part_type = (!is_usual || is_misread).then_some(match charset {
        Charset::Utf8 | Charset::Ascii => "application/json",
        Charset::Windows1252 => "application/json; charset=windows-1252",
        Charset::Utf16Le => "application/json; charset=utf-16le",
        Charset::Utf16Be => "application/json; charset=utf-16be",
    });
    Text {
        text,
        origin: Some(Origin {
            charset,
            mark,
            part_type,
        }),
    }
}

/// Reads a form of either kind; `None` where the body is none. What looks like JSON is JSON, and what
/// looks like a form is one, whatever their content type.
fn form<'a>(
    content_type: &str,
    charset: Charset,
    bytes: &[u8],
) -> Option<Result<Text<'a>, Unreadable>> {
    match bytes.trim_ascii_start().first() {
        None => return Some(Err(Unreadable::Empty)),
        Some(b'{' | b'[') => return None,
        Some(_) => {}
    }
    let is_urlencoded = form::looks_like_form(bytes);
    let says_multipart = multipart::is_multipart(content_type) && !is_urlencoded;
    let form = if says_multipart || multipart::looks_like_multipart(bytes) {
        multipart::read(content_type, charset, bytes)
    } else if is_urlencoded || is_form(content_type) {
        form::read(charset, bytes)
    } else {
        return None;
    };
    let json = form.and_then(|form| form.into_json(text_limit(bytes)));
    Some(json.map(|json| Text {
        text: json.into(),
        origin: None,
    }))
}

/// Returns the JSON texts of a body's events: one for each, and at least one. A form is one event.
///
/// # Errors
///
/// When it is no JSON that can be read, or its list of events cannot be taken.
pub fn events<'a>(provider: &dyn Provider, text: &'a Text<'_>) -> Result<Vec<&'a str>, Unreadable> {
    if text.origin.is_none() {
        return Ok(vec![text.as_str()]);
    }
    let Some(parts) = provider.parts(text.as_str())? else {
        return Ok(vec![text.as_str()]);
    };
    match parts.len() {
        0 => Err(Unreadable::NoEvents),
        1..=MAX_EVENTS => Ok(parts.into_iter().map(RawValue::get).collect()),
        _ => Err(Unreadable::TooManyEvents),
    }
}

/// Returns the JSON text of an event's own body: the one event of a list of one, else the whole.
#[must_use]
pub fn event<'a>(provider: &dyn Provider, text: &'a Text<'_>) -> &'a str {
    match text.origin {
        Some(_) => event_of_json(provider, text.as_str()),
        None => text.as_str(),
    }
}

/// As [`event`], of an element of a list.
#[must_use]
pub fn event_of_json<'a>(provider: &dyn Provider, text: &'a str) -> &'a str {
    match provider.parts(text) {
        Ok(Some(parts)) => match parts.as_slice() {
            [only] => only.get(),
            _ => text,
        },
        _ => text,
    }
}

fn is_form(content_type: &str) -> bool {
    essence(content_type).eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&str, &str)]) -> Headers {
        list.iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect()
    }

    fn text_of(headers: &Headers, bytes: &[u8]) -> Result<String, Unreadable> {
        json_text(headers, bytes).map(|text| text.as_str().to_owned())
    }

    fn of_type(content_type: &str) -> Headers {
        headers(&[("content-type", content_type)])
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn forms_become_objects_of_texts() {
        let form = of_type("application/x-www-form-urlencoded; charset=UTF-8");
        assert_eq!(
            text_of(&form, b"first_name=J%C3%B6rg+A&tag=1&tag=2&empty=").unwrap(),
            "{\"empty\":\"\",\"first_name\":\"J\u{f6}rg A\",\"tag\":[\"1\",\"2\"]}"
        );
        assert_eq!(text_of(&form, b" {\"a\":1}").unwrap(), " {\"a\":1}");
        let latin1 = of_type("application/x-www-form-urlencoded;charset=ISO-8859-1");
        assert_eq!(
            text_of(&latin1, b"a=J%F6rg").unwrap(),
            "{\"a\":\"J\u{f6}rg\"}"
        );
    }

    #[test]
    fn both_kinds_of_form_are_known_whatever_their_content_type() {
        let multipart = "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--X--\r\n";
        for content_type in [
            "",
            "application/json",
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=X",
            "multipart/form-data",
        ] {
            for body in [
                "a=1",
                multipart,
                "\u{feff}a=1",
                &format!("\u{feff}{multipart}"),
            ] {
                let text = text_of(&of_type(content_type), body.as_bytes());
                assert_eq!(
                    text.as_deref(),
                    Ok("{\"a\":\"1\"}"),
                    "{content_type} {body}"
                );
            }
            let json = text_of(&of_type(content_type), b"\xef\xbb\xbf {\"a\":\"1\"}");
            assert_eq!(json.as_deref(), Ok(" {\"a\":\"1\"}"), "{content_type}");
        }
        for no_form in ["call ended", "\"a=b\"", "a=b c", "- a\n- b", "7"] {
            assert_eq!(
                text_of(&of_type("text/plain"), no_form.as_bytes()).unwrap(),
                no_form
            );
        }
    }

    #[test]
    fn marks_and_charsets_are_undone() {
        const JSON: &str = "{\"a\":\"J\u{f6}rg \u{20ac}\"}";
        let latin1 = b"{\"a\":\"J\xf6rg \x80\"}";
        let le = utf16(JSON, u16::to_le_bytes);
        let be = utf16(JSON, u16::to_be_bytes);
        for (charset, body) in [
            ("", JSON.as_bytes()),
            ("", format!("\u{feff}{JSON}").as_bytes()),
            ("utf-8", JSON.as_bytes()),
            ("klingon", JSON.as_bytes()),
            ("US-ASCII", JSON.as_bytes()),
            ("us-ascii", latin1),
            ("\"ISO-8859-1\"", latin1),
            ("Latin1", latin1),
            ("WINDOWS-1252", latin1),
            ("latin1", format!("\u{feff}{JSON}").as_bytes()),
            ("UTF-16LE", &le),
            ("utf-16", &le),
            ("utf-16", &be),
            ("utf-16be", &be),
            ("utf-16", JSON.as_bytes()),
            ("", &le),
            ("", &be),
            ("", &[b"\xff\xfe", &le[..]].concat()),
            ("utf-8", &[b"\xfe\xff", &be[..]].concat()),
        ] {
            let content_type = format!("application/json; charset={charset}");
            let text = text_of(&of_type(&content_type), body);
            assert_eq!(text.as_deref(), Ok(JSON), "{charset} {body:?}");
        }
        let form = of_type("application/x-www-form-urlencoded; charset=utf-16");
        assert_eq!(
            text_of(&form, &utf16("a=J\u{f6}rg", u16::to_le_bytes)).unwrap(),
            "{\"a\":\"J\u{f6}rg\"}"
        );
    }

    #[test]
    fn elements_keep_their_bytes_in_every_charset_and_are_read_from_them_alike() {
        let cellcast = crate::providers::find("cellcast").unwrap();
        let list = "[ {\"a\":\"\u{e9}\\ud83d\"} ,\n{\"\\udfff\":\"\u{e9}\"},7]";
        let elements = ["{\"a\":\"\u{e9}\\ud83d\"}", "{\"\\udfff\":\"\u{e9}\"}", "7"];
        let read = ["{\"a\":\"\u{e9}\\ufffd\"}", "{\"\\ufffd\":\"\u{e9}\"}", "7"];
        let latin1 = |text: &str| {
            text.chars()
                .map(|c| u8::try_from(c).unwrap())
                .collect::<Vec<u8>>()
        };
        type Encode<'a> = &'a dyn Fn(&str) -> Vec<u8>;
        let utf8: Encode<'_> = &|text| text.as_bytes().to_vec();
        let le: Encode<'_> = &|text| utf16(text, u16::to_le_bytes);
        let be: Encode<'_> = &|text| utf16(text, u16::to_be_bytes);
        for (content_type, mark, encode) in [
            ("application/json", &b""[..], utf8),
            ("application/json", b"\xef\xbb\xbf", utf8),
            ("application/json; charset=utf-16", b"", utf8),
            ("application/json; charset=us-ascii", b"", utf8),
            ("application/x-www-form-urlencoded", b"", utf8),
            ("application/json; charset=us-ascii", b"", &latin1),
            ("application/json; charset=latin1", b"", &latin1),
            ("application/json; charset=latin1", b"\xef\xbb\xbf", utf8),
            ("text/plain", b"\xff\xfe", le),
            ("application/json; charset=utf-16be", b"", be),
            ("", b"\xfe\xff", be),
        ] {
            let body = [mark, &encode(list)].concat();
            let text = json_text(&of_type(content_type), &body).unwrap();
            let parts = events(cellcast, &text).unwrap();
            assert_eq!(parts, read, "{content_type}");
            let bytes = text.bytes_of(&body, &parts);
            assert_eq!(bytes, elements.map(encode), "{content_type}");
            let own = of_type(text.part_type().unwrap_or(content_type));
            for (bytes, read) in bytes.iter().zip(read) {
                assert_eq!(text_of(&own, bytes).unwrap(), read, "{content_type}");
            }
        }
    }

    #[test]
    fn a_form_is_one_event_whatever_it_repeats() {
        let cellcast = crate::providers::find("cellcast").unwrap();
        let form = of_type("application/x-www-form-urlencoded");
        let text = json_text(&form, b"messages=a&messages=b").unwrap();
        assert_eq!(events(cellcast, &text).unwrap(), [text.as_str()]);
        assert_eq!(event(cellcast, &text), text.as_str());
    }

    #[test]
    fn a_list_has_one_event_at_least_and_a_thousand_at_most() {
        let cellcast = crate::providers::find("cellcast").unwrap();
        let events = |n: usize| {
            let list = format!("[{}]", vec!["{}"; n].join(","));
            let text = json_text(&Headers::default(), list.as_bytes()).unwrap();
            events(cellcast, &text).map(|events| events.len())
        };
        assert_eq!(events(0), Err(Unreadable::NoEvents));
        assert_eq!(events(1_000), Ok(1_000));
        assert_eq!(events(1_001), Err(Unreadable::TooManyEvents));
    }

    #[test]
    fn what_says_nothing_has_a_reason() {
        let none = headers(&[]);
        for (body, reason) in [
            (&b""[..], Unreadable::Empty),
            (b" \r\n", Unreadable::Empty),
            (b"\xef\xbb\xbf", Unreadable::Empty),
            (b"\xff\xfe \0", Unreadable::Empty),
            (b"{\"a\":\"\xff\"}", Unreadable::Utf8),
        ] {
            assert_eq!(json_text(&none, body), Err(reason), "{body:?}");
        }
        let multipart = of_type("multipart/form-data; boundary=X");
        assert_eq!(
            json_text(&multipart, b"hello"),
            Err(Unreadable::Multipart("does not hold its boundary"))
        );
    }
}
