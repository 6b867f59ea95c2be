//! From the bytes of a body to one JSON text that providers read, or the reason why there is none.
//!
//! The bytes themselves are kept elsewhere, as they were sent: what is undone here
//! (`Content-Encoding`, form encoding) is undone for reading only.

use std::borrow::Cow;
use std::collections::BTreeMap;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use serde_json::value::RawValue;

use crate::body::read_to_limit;
use crate::json::JsonError;
use crate::providers::Provider;
use crate::request::Headers;

/// The most bytes that a compressed body is inflated to.
pub const MAX_INFLATED_BYTES: usize = 16 << 20;

/// The most events that a body is split into.
pub const MAX_EVENTS: usize = 1_000;

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
    #[error("the compressed body is damaged or inflates to more than 16 MiB")]
    Compressed,
    /// The body is no UTF-8.
    #[error("the body is not valid UTF-8")]
    Utf8,
    /// The body is no JSON that can be read.
    #[error("the body is {0}")]
    Json(#[from] JsonError),
    /// The body is a list of events without any.
    #[error("the list of events is empty")]
    NoEvents,
    /// The body is a list of more events than are taken.
    #[error("the list holds more than {MAX_EVENTS} events")]
    TooManyEvents,
}

/// Undoes a body's content encoding.
///
/// # Errors
///
/// When the encoding is not known, or the body does not inflate within bounds.
pub fn decoded<'a>(headers: &Headers, body: &'a [u8]) -> Result<Cow<'a, [u8]>, Unreadable> {
    inflated(headers.get("content-encoding").unwrap_or_default(), body)
}

/// Returns the JSON text of a [`decoded`] body: forms become an object of texts, a repeated key a list.
///
/// # Errors
///
/// When nothing can be read. That an object is in it is for the caller to find out.
pub fn json_text<'a>(headers: &Headers, bytes: &'a [u8]) -> Result<Cow<'a, str>, Unreadable> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Unreadable::Empty);
    }
    let content_type = headers.get("content-type").unwrap_or_default();
    let looks_like_json = matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['));
    if is_form(content_type) && !looks_like_json {
        return Ok(Cow::Owned(form_to_json(bytes)));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Unreadable::Utf8)?;
    Ok(Cow::Borrowed(text))
}

/// Returns the JSON texts of a body's events: one for each, and at least one.
///
/// # Errors
///
/// When it is no JSON that can be read, or its list of events cannot be taken.
pub fn events<'a>(provider: &dyn Provider, text: &'a str) -> Result<Vec<&'a str>, Unreadable> {
    let Some(parts) = provider.parts(text)? else {
        return Ok(vec![text]);
    };
    match parts.len() {
        0 => Err(Unreadable::NoEvents),
        1..=MAX_EVENTS => Ok(parts.into_iter().map(RawValue::get).collect()),
        _ => Err(Unreadable::TooManyEvents),
    }
}

fn is_form(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn inflated<'a>(encoding: &str, body: &'a [u8]) -> Result<Cow<'a, [u8]>, Unreadable> {
    let bytes = match encoding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => return Ok(Cow::Borrowed(body)),
        "gzip" | "x-gzip" => read_to_limit(MultiGzDecoder::new(body), MAX_INFLATED_BYTES),
        "deflate" => read_to_limit(ZlibDecoder::new(body), MAX_INFLATED_BYTES)
            .or_else(|| read_to_limit(DeflateDecoder::new(body), MAX_INFLATED_BYTES)),
        _ => return Err(Unreadable::Encoding),
    };
    bytes.map(Cow::Owned).ok_or(Unreadable::Compressed)
}

fn form_to_json(bytes: &[u8]) -> String {
    let mut fields: BTreeMap<Cow<'_, str>, Vec<Cow<'_, str>>> = BTreeMap::new();
    for (key, value) in form_urlencoded::parse(bytes) {
        fields.entry(key).or_default().push(value);
    }
    let object: serde_json::Map<String, serde_json::Value> = fields
        .into_iter()
        .map(|(key, mut values)| {
            let only = if values.len() == 1 {
                values.pop()
            } else {
                None
            };
            (
                key.into_owned(),
                only.map_or_else(|| values.into(), Into::into),
            )
        })
        .collect();
    serde_json::Value::Object(object).to_string()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn headers(list: &[(&str, &str)]) -> Headers {
        list.iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn forms_become_objects_of_texts() {
        let form = headers(&[(
            "content-type",
            "application/x-www-form-urlencoded; charset=UTF-8",
        )]);
        assert_eq!(
            json_text(&form, b"first_name=J%C3%B6rg+A&tag=1&tag=2&empty=").unwrap(),
            "{\"empty\":\"\",\"first_name\":\"J\u{f6}rg A\",\"tag\":[\"1\",\"2\"]}"
        );
        assert_eq!(json_text(&form, b" {\"a\":1}").unwrap(), " {\"a\":1}");
    }

    #[test]
    fn compressed_bodies_are_inflated_within_bounds() {
        let encoded = headers(&[("content-encoding", "GZIP")]);
        assert_eq!(decoded(&encoded, &gzip(b"{}")).unwrap(), &b"{}"[..]);
        let whole = gzip(b"{\"a\":\"some text that is long enough to cut\"}");
        assert_eq!(
            decoded(&encoded, &whole[..whole.len() - 9]),
            Err(Unreadable::Compressed)
        );
        assert_eq!(decoded(&encoded, b"{}"), Err(Unreadable::Compressed));
        let bomb = gzip(&vec![b' '; MAX_INFLATED_BYTES + 1]);
        assert_eq!(decoded(&encoded, &bomb), Err(Unreadable::Compressed));
        assert_eq!(
            decoded(&headers(&[("content-encoding", "br")]), b"{}"),
            Err(Unreadable::Encoding)
        );
    }

    #[test]
    fn what_says_nothing_is_told_why() {
        let none = headers(&[]);
        assert_eq!(json_text(&none, b""), Err(Unreadable::Empty));
        assert_eq!(json_text(&none, b" \r\n"), Err(Unreadable::Empty));
        assert_eq!(json_text(&none, b"{\"a\":\"\xff\"}"), Err(Unreadable::Utf8));
    }
}
