//! The text of a JSON string, or its beginning: no more of it is copied than is kept.

use memchr::memchr;
use serde_json::value::RawValue;

/// The longest text that is read, in bytes; of a longer one the beginning is.
///
/// It is several times what an event's data may hold, so that a cut text is seen to be one there.
pub const MAX_TEXT_BYTES: usize = 256 << 10;

/// How much is decoded at a time.
const PIECE_BYTES: usize = 64 << 10;

/// The longest escape of one character: a surrogate pair.
const PAIR_BYTES: usize = 12;

/// Returns a JSON string's text, cut where it is longer than [`MAX_TEXT_BYTES`]; `None` for any other
/// value and for half a surrogate pair.
#[must_use]
pub fn text(raw: &RawValue) -> Option<String> {
    beginning_of(raw, MAX_TEXT_BYTES)
}

/// Returns at least the first `limit` bytes of a JSON string's text, and little more; `None` for any
/// other value and for half a surrogate pair.
pub(crate) fn beginning_of(raw: &RawValue, limit: usize) -> Option<String> {
    let written = raw.get();
    if written.len() <= limit.max(PIECE_BYTES) {
        return serde_json::from_str(written).ok();
    }
    let mut rest = written.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::new();
    while text.len() < limit && !rest.is_empty() {
        let (piece, behind) = rest.split_at_checked(piece_len(rest))?;
        let piece: String = serde_json::from_str(&format!("\"{piece}\"")).ok()?;
        text.push_str(&piece);
        rest = behind;
    }
    Some(text)
}

/// Returns the length of a piece of a written string that ends between two characters.
fn piece_len(written: &str) -> usize {
    if written.len() <= PIECE_BYTES {
        return written.len();
    }
    let bytes = written.as_bytes();
    let mut end = 0_usize;
    while end < PIECE_BYTES {
        let plain = bytes.get(end..PIECE_BYTES).unwrap_or_default();
        let Some(place) = memchr(b'\\', plain) else {
            return written.floor_char_boundary(PIECE_BYTES).max(end);
        };
        let escape = end.saturating_add(place);
        let is_pair = is_escape_of_high(bytes.get(escape..).unwrap_or_default());
        let length = match bytes.get(escape.saturating_add(1)) {
            Some(b'u') if is_pair => PAIR_BYTES,
            Some(b'u') => 6,
            _ => 2,
        };
        end = escape.saturating_add(length);
    }
    end.min(written.len())
}

/// Reports whether bytes begin with the escape of the first half of a surrogate pair.
fn is_escape_of_high(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [
            b'\\',
            b'u',
            b'd' | b'D',
            b'8' | b'9' | b'a' | b'b' | b'A' | b'B',
            ..
        ]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(written: &str) -> Box<RawValue> {
        RawValue::from_string(written.to_owned()).unwrap()
    }

    #[test]
    fn long_text_is_its_beginning_whatever_it_is_written_with() {
        for (written, c) in [
            ("x", 'x'),
            ("\\u0041", 'A'),
            ("\\n", '\n'),
            ("\\\\", '\\'),
            ("é", 'é'),
            ("\\u00e9", 'é'),
            ("\u{1f600}", '\u{1f600}'),
            ("\\ud83d\\ude00", '\u{1f600}'),
            ("\\uD83D\\uDE00", '\u{1f600}'),
        ] {
            for before in 0..13 {
                let times = MAX_TEXT_BYTES * 2 / c.len_utf8();
                let all = format!("{}{}", "a".repeat(before), String::from(c).repeat(times));
                let long = raw(&format!(
                    "\"{}{}\"",
                    "a".repeat(before),
                    written.repeat(times)
                ));
                let cut = text(&long).unwrap();
                assert!(all.starts_with(&cut), "{written} {before}");
                let length = MAX_TEXT_BYTES..MAX_TEXT_BYTES + PIECE_BYTES;
                assert!(length.contains(&cut.len()), "{written}: {}", cut.len());
            }
        }
    }

    #[test]
    fn short_text_is_whole_and_anything_else_is_none() {
        let whole = "x\u{e9}".repeat(MAX_TEXT_BYTES / 4);
        assert_eq!(text(&raw(&format!("\"{whole}\""))), Some(whole));
        for other in [
            "7",
            "null",
            "[\"a\"]",
            r#""\ud800""#,
            &"7".repeat(MAX_TEXT_BYTES + 1),
        ] {
            assert_eq!(text(&raw(other)), None, "{other:.9}");
        }
    }
}
