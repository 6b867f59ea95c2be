//! Whose data are to be erased, and where they are named: by number, address or entity.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::address;
use crate::content;
use crate::entity::Entity;
use crate::phone::{self, Country};
use crate::request::Headers;

/// How often escapes are undone: JSON in a text of JSON, and once more.
const MAX_ESCAPED: usize = 3;

/// The first bytes of gzip.
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

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
        is_form && self.is_in_escaped(form_decoded(text).into(), countries)
    }

    /// Returns whether the exact bytes of a body name it.
    #[must_use]
    pub fn is_in_body(&self, headers: &Headers, body: &[u8], countries: &[Country]) -> bool {
        if matches!(self, Self::Entity(_)) {
            return false;
        }
        let mut decoded = content::decoded(headers, body).unwrap_or(Cow::Borrowed(body));
        if decoded.starts_with(GZIP_MAGIC) {
            let gzip = [("content-encoding".to_owned(), "gzip".to_owned())];
            if let Ok(undone) = content::decoded(&gzip.into_iter().collect(), &decoded) {
                decoded = Cow::Owned(undone.into_owned());
            }
        }
        let text = String::from_utf8_lossy(&decoded);
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

/// Undoes the escapes of a form; what is none stays.
fn form_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        let escaped = match (byte, behind) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                let value = digit(high).zip(digit(low));
                let value = value.and_then(|(high, low)| u8::try_from((high << 4) | low).ok());
                value.map(|value| (value, after))
            }
            _ => None,
        };
        match escaped {
            Some((value, after)) => {
                bytes.push(value);
                rest = after;
            }
            None if *byte == b'+' => bytes.push(b' '),
            None => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
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
    use flate2::write::GzEncoder;

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

    #[test]
    fn bodies_are_looked_through_as_they_were_sent() {
        let json = r#"{"from":"+61400000123","email":"ann@example.com"}"#;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(json.as_bytes()).unwrap();
        let gzip = gzip.finish().unwrap();
        let wide: Vec<u8> = json.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let token = format!("eyJhbGciOiJIUzI1NiJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(json));
        let none = Headers::default();
        let encoded = [("content-encoding".to_owned(), "gzip".to_owned())];
        let encoded: Headers = encoded.into_iter().collect();
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
