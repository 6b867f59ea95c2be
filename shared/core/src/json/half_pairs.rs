//! Half a surrogate pair, escaped in a JSON text: `\ud83d` alone.
//!
//! It stands for no character. `serde_json` passes it on in values that it does not look into, and
//! strict parsers then refuse the whole document.

use std::borrow::Cow;

use memchr::memchr;

/// The escape of U+FFFD: as long as the one that it replaces.
const REPLACEMENT: &str = "\\ufffd";

/// Replaces each escape of half a surrogate pair by that of U+FFFD, in texts and in names.
///
/// INVARIANT: every byte of the result stands where it stood before.
#[must_use]
pub fn without_half_pairs(text: &str) -> Cow<'_, str> {
    match next_half(text.as_bytes(), 0) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(replace_half_pairs(text.to_owned())),
    }
}

/// As [`without_half_pairs`], in place.
pub(crate) fn replace_half_pairs(text: String) -> String {
    let mut bytes = text.into_bytes();
    let mut from = 0_usize;
    while let Some(start) = next_half(&bytes, from) {
        from = start.saturating_add(REPLACEMENT.len());
        if let Some(half) = bytes.get_mut(start..from) {
            half.copy_from_slice(REPLACEMENT.as_bytes());
        }
    }
    // INVARIANT: an escape was replaced by another one, so it is the UTF-8 that it was.
    String::from_utf8(bytes).unwrap_or_default()
}

/// Returns where the next half of a pair stands, at or behind a place outside of escapes.
fn next_half(bytes: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let place = memchr(b'\\', bytes.get(from..)?)?;
        let start = from.saturating_add(place);
        let escape = start.saturating_add(REPLACEMENT.len());
        from = match unit(bytes, start) {
            Some(0xd800..=0xdbff) if matches!(unit(bytes, escape), Some(0xdc00..=0xdfff)) => {
                escape.saturating_add(REPLACEMENT.len())
            }
            Some(0xd800..=0xdfff) => return Some(start),
            Some(_) => escape,
            None => start.saturating_add(2), // another escape: a backslash of it escapes nothing
        };
    }
}

/// Returns the UTF-16 unit that an escape at `place` stands for, if one is there.
fn unit(bytes: &[u8], place: usize) -> Option<u16> {
    let end = place.saturating_add(REPLACEMENT.len());
    let digits = bytes.get(place..end)?.strip_prefix(b"\\u")?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_replaced_wherever_they_stand() {
        for (text, whole) in [
            (r#""STOP \ud83d""#, r#""STOP \ufffd""#),
            (r#""\uD83D""#, r#""\ufffd""#),
            (r#""\uDe00\uD83d""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\ud83d\ude00\ude00""#, r#""\ud83d\ude00\ufffd""#),
            (r#""\ud83d\u0041""#, r#""\ufffd\u0041""#),
            (r#""\ud83d\n""#, r#""\ufffd\n""#),
            (r#""\ud83d\\ude00""#, r#""\ufffd\\ude00""#),
            (r#""\\\ud83d""#, r#""\\\ufffd""#),
            (r#"{"\udfff":["\uDBFF"]}"#, r#"{"\ufffd":["\ufffd"]}"#),
        ] {
            let found = without_half_pairs(text);
            assert_eq!(found, whole);
            assert_eq!(found.len(), text.len());
            serde_json::from_str::<serde_json::Value>(&found).unwrap();
        }
    }

    #[test]
    fn what_has_no_halves_is_not_copied() {
        for text in [
            "",
            "{}",
            r#""\ud83d\ude00 \uD83D\uDE00""#,
            r#""\\ud83d""#,
            r#""\ud7ff\ue000\ufffd""#,
            r#""\ud83"#,
            r#""\u"#,
            "\\",
            r#""\udxyz""#,
        ] {
            assert!(
                matches!(without_half_pairs(text), Cow::Borrowed(_)),
                "{text}"
            );
        }
    }
}
