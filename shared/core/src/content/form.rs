//! Forms: `application/x-www-form-urlencoded`, as an object of texts.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Unreadable;
use super::charset::Charset;
use crate::json;
use crate::phone;

/// The most fields that a form may have.
pub(super) const MAX_FIELDS: usize = 10_000;

/// The fields of a form by their names; a repeated name has several values.
#[derive(Debug, Default)]
pub(super) struct Form {
    fields: BTreeMap<String, Vec<String>>,
    count: usize,
}

impl Form {
    /// Adds a field.
    pub(super) fn add(&mut self, name: String, value: String) -> Result<(), Unreadable> {
        self.count = self.count.saturating_add(1);
        if self.count > MAX_FIELDS {
            return Err(Unreadable::TooManyFields);
        }
        self.fields.entry(name).or_default().push(value);
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Writes the form as JSON of at most `limit` bytes: an object of texts, and of lists of them.
    pub(super) fn into_json(self, limit: usize) -> Result<String, Unreadable> {
        let texts = self
            .fields
            .iter()
            .flat_map(|(name, values)| values.iter().chain([name]));
        // Each with its quotes and what separates it.
        let length = texts
            .map(|text| json::written_len(text).saturating_add(4))
            .fold(2, usize::saturating_add);
        if length > limit {
            return Err(Unreadable::Decoded);
        }
        let values = self.fields.iter().map(|(name, values)| {
            let value = match values.as_slice() {
                [only] => Values::One(only),
                several => Values::Several(several),
            };
            (name, value)
        });
        let mut written = Vec::with_capacity(length);
        let object: BTreeMap<_, _> = values.collect();
        // Texts can always be written.
        serde_json::to_writer(&mut written, &object).map_err(|_| Unreadable::Utf8)?;
        String::from_utf8(written).map_err(|_| Unreadable::Utf8)
    }
}

/// The values of one name.
#[derive(Serialize)]
#[serde(untagged)]
enum Values<'a> {
    One(&'a str),
    Several(&'a [String]),
}

/// Reads a form whose bytes, escaped or not, are in `charset`.
pub(super) fn read(charset: Charset, bytes: &[u8]) -> Result<Form, Unreadable> {
    let mut form = Form::default();
    for pair in pairs(bytes) {
        let (name, value) = split(pair);
        let mut name = decoded(charset, name);
        if form.count == 0 && name.starts_with('\u{feff}') {
            name.remove(0); // an escaped byte order mark
        }
        form.add(name, with_plus(value, decoded(charset, value)))?;
    }
    Ok(form)
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = bytes
        .iter()
        .rposition(|byte| !matches!(byte, b'\r' | b'\n'));
    let line = bytes.get(..=end.unwrap_or_default()).unwrap_or_default();
    let pairs = line.split(|byte| *byte == b'&');
    pairs.filter(|pair| !pair.is_empty())
}

fn split(pair: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = pair.splitn(2, |byte| *byte == b'=');
    let name = parts.next().unwrap_or_default();
    (name, parts.next().unwrap_or_default())
}

/// Tells whether bytes that say to be something else are a form: names and values in its letters.
pub(super) fn looks_like_form(bytes: &[u8]) -> bool {
    let is_name = |name: &[u8]| {
        let letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.[]%".contains(byte);
        let first = name.first();
        first.is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
            && name.iter().all(letter)
    };
    let is_value = |value: &[u8]| {
        let letter = |byte: &u8| byte.is_ascii_graphic() && !b"=\"<>\\^`{}".contains(byte);
        value.iter().all(letter)
    };
    let mut has_value = false;
    let are_pairs = pairs(bytes).all(|pair| {
        let (name, value) = split(pair);
        has_value |= !value.is_empty();
        is_name(name) && is_value(value) && are_escapes(pair)
    });
    are_pairs && has_value
}

/// Tells whether each percent sign is followed by two hex digits.
fn are_escapes(bytes: &[u8]) -> bool {
    let mut pieces = bytes.split(|byte| *byte == b'%');
    _ = pieces.next();
    pieces
        .all(|piece| matches!(piece, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()))
}

/// Undoes the escapes of a name or value. What is no escape stays as it is.
pub(super) fn decoded(charset: Charset, written: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        bytes.push(match (byte, behind) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    (high << 4) | low
                }
                _ => b'%',
            },
            (other, _) => *other,
        });
    }
    charset.decode_owned(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// Puts the plus back before an international number whose sender did not escape it: there it was
/// read as a space. A word such as `tel:` may stand before it.
fn with_plus(written: &[u8], value: String) -> String {
    if !written.contains(&b'+') {
        return value;
    }
    let (word, number) = match value.find(' ') {
        Some(place) => value.split_at_checked(place).unwrap_or(("", "")),
        None => return value,
    };
    if !is_before_number(word) || !is_number(number) || !has_plus_first(written) {
        return value;
    }
    let digits = number.trim_start_matches(' ');
    format!("{word}+{digits}")
}

/// Tells whether a text is what stands before a number: nothing, or `tel:` and the like.
fn is_before_number(word: &str) -> bool {
    word.is_empty()
        || word
            .strip_suffix(':')
            .is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

/// Tells whether the first blank of a value was written as a plus.
fn has_plus_first(written: &[u8]) -> bool {
    let plus = written.iter().position(|byte| *byte == b'+');
    let escaped = written.windows(3).position(|escape| escape == b"%20");
    match (plus, escaped) {
        (Some(plus), Some(escaped)) => plus < escaped,
        (plus, _) => plus.is_some(),
    }
}

/// Returns whether a text that began with a plus is an international number.
fn is_number(text: &str) -> bool {
    phone::is_written_international(&format!("+{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(charset: Charset, bytes: &[u8]) -> String {
        read(charset, bytes).unwrap().into_json(1 << 20).unwrap()
    }

    #[test]
    fn names_and_values_are_unescaped_in_their_charset() {
        for (charset, form, expected) in [
            (
                Charset::Utf8,
                &b"a=J%C3%B6rg+A"[..],
                "{\"a\":\"J\u{f6}rg A\"}",
            ),
            (
                Charset::Windows1252,
                b"a=J%F6rg&b=%80",
                "{\"a\":\"J\u{f6}rg\",\"b\":\"\u{20ac}\"}",
            ),
            (Charset::Windows1252, b"a=J\xf6rg", "{\"a\":\"J\u{f6}rg\"}"),
            (
                Charset::Ascii,
                b"a=J%F6rg&b=J%C3%B6rg",
                "{\"a\":\"J\u{f6}rg\",\"b\":\"J\u{f6}rg\"}",
            ),
            (Charset::Utf8, b"a=%F6", "{\"a\":\"\u{fffd}\"}"),
            (Charset::Utf8, b"a=%ED%A0%BD", "{\"a\":\"\u{fffd}\"}"),
            (
                Charset::Utf8,
                b"a=100%&b=%zz%4",
                "{\"a\":\"100%\",\"b\":\"%zz%4\"}",
            ),
            (
                Charset::Utf8,
                b"a=b=c&&d&=e&",
                "{\"\":\"e\",\"a\":\"b=c\",\"d\":\"\"}",
            ),
            (
                Charset::Utf8,
                b"a=1&b=2&a=3",
                "{\"a\":[\"1\",\"3\"],\"b\":\"2\"}",
            ),
            (Charset::Utf8, b"%EF%BB%BFa=1", "{\"a\":\"1\"}"),
            (Charset::Utf8, b"a=1\r\n", "{\"a\":\"1\"}"),
            (Charset::Utf8, b"", "{}"),
        ] {
            assert_eq!(json(charset, form), expected);
        }
    }

    #[test]
    fn an_unescaped_plus_before_a_number_is_a_plus() {
        for (written, value) in [
            ("+12125550144", "+12125550144"),
            ("%2B12125550144", "+12125550144"),
            ("+1+212+555+0144", "+1 212 555 0144"),
            ("+1%20212-555.0144", "+1 212-555.0144"),
            ("+1+(212)+555-0144", "+1 (212) 555-0144"),
            ("+(1)2125550144", "+(1)2125550144"),
            ("+1%28212%295550144", "+1(212)5550144"),
            (
                "+1%C2%A0212%E2%80%91555%E2%80%910144",
                "+1\u{a0}212\u{2011}555\u{2011}0144",
            ),
            ("++12125550144", "+12125550144"),
            ("+61400000123+", "+61400000123 "),
            ("tel:+12125550144", "tel:+12125550144"),
            ("whatsapp%3A+12125550144", "whatsapp:+12125550144"),
            ("+1234567", "+1234567"),
            ("+123456789012345", "+123456789012345"),
            // No number, or no plus of one.
            ("+123456", " 123456"),
            ("+1234567890123456", " 1234567890123456"),
            ("+0400000123", " 0400000123"),
            ("+Ann", " Ann"),
            ("+1212555014x", " 1212555014x"),
            ("%2012125550144", " 12125550144"),
            ("%20+12125550144", "  12125550144"),
            ("0400+000+123", "0400 000 123"),
            ("Ann+12125550144", "Ann 12125550144"),
            ("+", " "),
            ("", ""),
        ] {
            let form = format!("a={written}");
            let expected = serde_json::json!({ "a": value }).to_string();
            assert_eq!(json(Charset::Utf8, form.as_bytes()), expected, "{written}");
        }
    }

    #[test]
    fn a_form_is_known_by_its_letters() {
        for form in [
            "a=1",
            "phone_number=%2B12125550144&first_name=Ann",
            "phone=+1212&tags[]=a&tags[]=b&empty=",
            "a.b=x&\r\n",
        ] {
            assert!(looks_like_form(form.as_bytes()), "{form}");
        }
        for other in [
            "",
            "a",
            "a=",
            "{}",
            "\"a=b\"",
            "call ended",
            "a=b c",
            "a=b\nc=d",
            "https://x/?a=b",
            "<a b=\"c\">",
            "a=%zz",
            "=b",
            "1=2",
            "aGVsbG8=",
            "aGVsbG8==",
        ] {
            assert!(!looks_like_form(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn json_of_a_form_is_bounded() {
        let form = |value: &str| read(Charset::Utf8, format!("a={value}").as_bytes()).unwrap();
        let whole = form("%01x").into_json(64).unwrap();
        assert_eq!(whole, "{\"a\":\"\\u0001x\"}");
        assert_eq!(
            form(&"%01".repeat(10)).into_json(64),
            Err(Unreadable::Decoded)
        );
        assert!(form(&"%0A".repeat(10)).into_json(64).is_ok());
    }

    #[test]
    fn fields_are_bounded() {
        let form = |fields: usize| "a=1&".repeat(fields);
        assert!(read(Charset::Utf8, form(MAX_FIELDS).as_bytes()).is_ok());
        let many = read(Charset::Utf8, form(MAX_FIELDS + 1).as_bytes());
        assert_eq!(many.unwrap_err(), Unreadable::TooManyFields);
    }
}
