//! Texts on their way to a terminal. Senders write most of them, so that what a terminal would act
//! upon, or show nothing of, is written out: everything that is printed for people, or as JSON, is made
//! here.

use std::fmt::Write as _;

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Returns a text with each character that is hidden written as an escape, such as `\n` or `\u{202e}`:
/// it is one line, and it looks like what it is.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if is_hidden(c) => {
                // A string takes whatever is written to it.
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    shown
}

/// Returns JSON with each character that is hidden written as an escape of JSON. It parses to the same
/// value, and is one line.
#[must_use]
pub fn json(text: &str) -> String {
    let mut json = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // In strings they are escaped already: these stand between values.
            '\n' | '\r' | '\t' => json.push(' '),
            c if is_hidden(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(json, "\\u{unit:04x}");
                }
            }
            c => json.push(c),
        }
    }
    json
}

/// Reports whether a terminal prints bytes as they are, and does nothing else.
#[must_use]
pub fn is_plain(bytes: &[u8]) -> bool {
    let is_shown = |text: &str| {
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let is_line_end = c == '\r' && chars.peek() == Some(&'\n');
            if is_hidden(c) && !matches!(c, '\n' | '\t') && !is_line_end {
                return false;
            }
        }
        true
    };
    std::str::from_utf8(bytes).is_ok_and(is_shown)
}

/// Reports whether a character is a command to a terminal, or shows nothing: control, format
/// (bidirectional ones among them), line and paragraph separators, and all that Unicode lets a
/// program leave out.
fn is_hidden(c: char) -> bool {
    if matches!(c, ' '..='~') {
        return false;
    }
    matches!(
        CodePointMapData::<GeneralCategory>::new().get(c),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    ) || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The characters of the four categories, written down apart from the tables of any crate
    /// (Unicode 16).
    const CONTROL_FORMAT_SEPARATORS: &[(u32, u32)] = &[
        (0x0000, 0x001f),
        (0x007f, 0x009f),
        (0x00ad, 0x00ad),
        (0x0600, 0x0605),
        (0x061c, 0x061c),
        (0x06dd, 0x06dd),
        (0x070f, 0x070f),
        (0x0890, 0x0891),
        (0x08e2, 0x08e2),
        (0x180e, 0x180e),
        (0x200b, 0x200f),
        (0x2028, 0x202e),
        (0x2060, 0x2064),
        (0x2066, 0x206f),
        (0xfeff, 0xfeff),
        (0xfff9, 0xfffb),
        (0x110bd, 0x110bd),
        (0x110cd, 0x110cd),
        (0x13430, 0x1343f),
        (0x1bca0, 0x1bca3),
        (0x1d173, 0x1d17a),
        (0xe0001, 0xe0001),
        (0xe0020, 0xe007f),
    ];
    /// Letters and marks that show nothing.
    const BLANK: &[char] = &[
        '\u{34f}',
        '\u{115f}',
        '\u{1160}',
        '\u{17b4}',
        '\u{180b}',
        '\u{2065}',
        '\u{3164}',
        '\u{fe00}',
        '\u{fe0f}',
        '\u{ffa0}',
        '\u{e0100}',
        '\u{e0fff}',
    ];

    fn must_be_hidden(c: char) -> bool {
        let number = u32::from(c);
        CONTROL_FORMAT_SEPARATORS
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&number))
            || BLANK.contains(&c)
    }

    fn every_char() -> impl Iterator<Item = char> {
        '\0'..=char::MAX
    }

    #[test]
    fn no_hidden_character_survives_in_text_or_json() {
        for c in every_char().filter(|c| must_be_hidden(*c)) {
            let text = format!("a{c}b");
            let seen = shown(&text);
            assert!(!seen.contains(c), "{:04x}", u32::from(c));
            assert!(seen.starts_with("a\\") && seen.ends_with('b'), "{seen}");
            let json = json(&serde_json::to_string(&text).unwrap());
            assert!(!json.contains(c), "{:04x}", u32::from(c));
        }
    }

    #[test]
    fn json_of_every_character_parses_to_the_same_text() {
        let all: String = every_char().collect();
        let json = json(&serde_json::to_string(&all).unwrap());
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), all);
        assert!(!json.chars().any(must_be_hidden));
    }

    #[test]
    fn letters_marks_and_signs_of_every_script_stay() {
        let text = "Jörg 東京 ภาษาไทย العربية עברית हिन्दी e\u{301} 👍🏽 1\u{a0}000 “x” \\ \u{fffd}";
        assert_eq!(shown(text), text);
        assert_eq!(
            json(&serde_json::to_string(text).unwrap()),
            serde_json::to_string(text).unwrap()
        );
        let hidden = every_char().filter(|c| is_hidden(*c)).count();
        assert!(hidden < 5_000, "{hidden}");
    }

    #[test]
    fn text_is_one_line_that_looks_like_what_it_is() {
        for (text, wanted) in [
            ("a\u{1b}[31mb\nc\u{9b}d", "a\\u{1b}[31mb\\nc\\u{9b}d"),
            ("tab\tand\r\nreturn", "tab\\tand\\r\\nreturn"),
            ("+1555\u{202e}3000010", "+1555\\u{202e}3000010"),
            (
                "STOP\u{200b}\u{ad}\u{2028}\u{2029}",
                "STOP\\u{200b}\\u{ad}\\u{2028}\\u{2029}",
            ),
            ("x\u{e0041}\u{3164}", "x\\u{e0041}\\u{3164}"),
        ] {
            assert_eq!(shown(text), wanted);
            assert_eq!(shown(wanted), wanted, "an escape is not escaped again");
        }
    }

    #[test]
    fn space_between_values_of_json_is_no_escape() {
        let text = "{\n\t\"a\u{202e}\\n\": [1,\r\n 2],\"b\":\"\u{e0001}\u{7f}\"}";
        let escaped = json(text);
        assert_eq!(
            escaped,
            r#"{  "a\u202e\n": [1,   2],"b":"\udb40\udc01\u007f"}"#
        );
        let (before, after): (serde_json::Value, serde_json::Value) = (
            serde_json::from_str(text).unwrap(),
            serde_json::from_str(&escaped).unwrap(),
        );
        assert_eq!(before, after);
    }

    #[test]
    fn only_bytes_that_a_terminal_merely_prints_are_plain() {
        for (bytes, plain) in [
            (&b"{\n\t\"a\": 1\r\n}"[..], true),
            ("é 東京 👍".as_bytes(), true),
            (b"", true),
            (b"\x1b[31m", false),
            (b"over\rwritten", false),
            (b"over\r", false),
            ("\u{9b}31m".as_bytes(), false),
            ("\u{202e}".as_bytes(), false),
            ("\u{200b}".as_bytes(), false),
            ("\u{2028}".as_bytes(), false),
            (b"\0", false),
            (b"\x7f", false),
            (b"\xff", false),
            (b"\x9b31m", false),
        ] {
            assert_eq!(is_plain(bytes), plain, "{bytes:?}");
        }
    }
}
