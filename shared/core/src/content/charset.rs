//! The characters that bytes stand for: charset labels, byte order marks, and decoding.
//!
//! Four charsets are read: UTF-8, UTF-16 of either byte order, and windows-1252, which is how
//! ISO-8859-1 is read everywhere. An unknown label counts as UTF-8.

use std::borrow::Cow;

use memchr::memchr;

/// The first bytes of a body that [`detect`] looks for NULs in.
const HEAD_BYTES: usize = 1024;

/// The byte order mark in UTF-8.
const MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// U+FFFD in UTF-8: three bytes, as many as half a surrogate pair takes there.
const REPLACEMENT: [u8; 3] = [0xef, 0xbf, 0xbd];

/// A charset that is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Charset {
    Utf8,
    /// Nothing above 0x7F should occur. Where it does: UTF-8 if all of it is valid, else windows-1252.
    Ascii,
    Windows1252,
    Utf16Le,
    Utf16Be,
}

impl Charset {
    /// Returns the charset of a label; `None` for an unknown one. Labels have no case.
    pub(super) fn of_label(label: &str) -> Option<Self> {
        let label = label.split(',').next().unwrap_or_default(); // a header that came twice
        let label = label.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
        Some(match label.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" | "utf_8" | "unicode-1-1-utf-8" | "utf8mb4" | "cp65001" => Self::Utf8,
            "us-ascii" | "ascii" | "ansi_x3.4-1968" | "iso646-us" | "iso-ir-6" | "csascii"
            | "cp367" | "us" => Self::Ascii,
            "windows-1252" | "windows1252" | "cp1252" | "cp-1252" | "x-cp1252" | "ansi"
            | "iso-8859-1" | "iso8859-1" | "iso88591" | "iso_8859-1" | "iso_8859-1:1987"
            | "iso-ir-100" | "latin1" | "latin-1" | "l1" | "csisolatin1" | "cp819" | "ibm819" => {
                Self::Windows1252
            }
            "utf-16" | "utf16" | "utf_16" | "utf-16le" | "utf16le" | "utf_16le" | "utf-16-le"
            | "csutf16" | "csutf16le" | "unicode" | "ucs-2" | "ucs2" | "iso-10646-ucs-2"
            | "csunicode" | "unicodefeff" => Self::Utf16Le,
            "utf-16be" | "utf16be" | "utf_16be" | "utf-16-be" | "csutf16be" | "unicodefffe" => {
                Self::Utf16Be
            }
            _ => return None,
        })
    }

    /// Returns the label that [`Self::of_label`] reads back.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Utf8 | Self::Ascii => "utf-8",
            Self::Windows1252 => "windows-1252",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
        }
    }

    /// Decides between the two readings of ASCII with high bytes.
    pub(super) fn resolved(self, bytes: &[u8]) -> Self {
        match self {
            Self::Ascii if utf8(bytes).is_some() => Self::Utf8,
            Self::Ascii => Self::Windows1252,
            other => other,
        }
    }

    pub(super) const fn is_utf16(self) -> bool {
        matches!(self, Self::Utf16Le | Self::Utf16Be)
    }

    /// Decodes bytes; `None` where they are not valid UTF-8 and should be.
    ///
    /// INVARIANT: every character takes in `bytes` what [`Self::width`] says. Half a surrogate pair
    /// becomes U+FFFD, which takes as many bytes.
    pub(super) fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Self::Utf8 => utf8(bytes),
            Self::Ascii => match utf8(bytes) {
                Some(text) => Some(text),
                None => Some(windows1252(bytes)),
            },
            Self::Windows1252 => Some(windows1252(bytes)),
            Self::Utf16Le => {
                let chars = chars_of_utf16(bytes, u16::from_le_bytes);
                Some(collected(self.decoded_len(bytes), chars).into())
            }
            Self::Utf16Be => {
                let chars = chars_of_utf16(bytes, u16::from_be_bytes);
                Some(collected(self.decoded_len(bytes), chars).into())
            }
        }
    }

    /// Decodes bytes, with U+FFFD for what is invalid.
    pub(super) fn decode_lossy(self, bytes: &[u8]) -> Cow<'_, str> {
        self.decode(bytes)
            .unwrap_or_else(|| match half_pairs_replaced(bytes) {
                Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
                Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
            })
    }

    /// Returns how many bytes the text takes that [`Self::decode`] writes anew; 0 where it writes none.
    pub(super) fn decoded_len(self, bytes: &[u8]) -> usize {
        let width = |length: usize, c: char| length.saturating_add(c.len_utf8());
        match self {
            Self::Utf8 | Self::Ascii => 0,
            Self::Windows1252 if bytes.is_ascii() => 0,
            Self::Windows1252 => chars_of_windows1252(bytes).fold(0, width),
            Self::Utf16Le => chars_of_utf16(bytes, u16::from_le_bytes).fold(0, width),
            Self::Utf16Be => chars_of_utf16(bytes, u16::from_be_bytes).fold(0, width),
        }
    }

    /// Decodes bytes as [`Self::decode_lossy`] does, without a copy of what is valid UTF-8 already.
    pub(super) fn decode_owned(self, bytes: Vec<u8>) -> String {
        if matches!(self, Self::Utf8 | Self::Ascii) {
            return String::from_utf8(bytes)
                .unwrap_or_else(|error| self.decode_lossy(error.as_bytes()).into_owned());
        }
        self.decode_lossy(&bytes).into_owned()
    }

    /// Returns the characters of bytes that are not UTF-8; `None` for UTF-8.
    pub(super) fn chars(self, bytes: &[u8]) -> Option<Box<dyn Iterator<Item = char> + '_>> {
        match self {
            Self::Utf8 | Self::Ascii => None,
            Self::Windows1252 => Some(Box::new(chars_of_windows1252(bytes))),
            Self::Utf16Le => Some(Box::new(chars_of_utf16(bytes, u16::from_le_bytes))),
            Self::Utf16Be => Some(Box::new(chars_of_utf16(bytes, u16::from_be_bytes))),
        }
    }

    /// Returns how many bytes the charset takes for `text`.
    pub(super) fn width(self, text: &str) -> usize {
        match self {
            Self::Utf8 | Self::Ascii => text.len(),
            Self::Windows1252 => text.chars().count(),
            Self::Utf16Le | Self::Utf16Be => text.encode_utf16().count().saturating_mul(2),
        }
    }
}

/// Returns the charset of a body and the length of its byte order mark.
///
/// A mark decides. Else NULs where UTF-16 has them for ASCII; they overrule the label. Without them,
/// what says UTF-16 and is valid UTF-8 is UTF-8. `head` is the body or its beginning.
pub(super) fn detect(label: Option<&str>, head: &[u8]) -> (Charset, usize) {
    match head {
        [0xef, 0xbb, 0xbf, ..] => return (Charset::Utf8, marks(head)),
        [0xff, 0xfe, ..] => return (Charset::Utf16Le, 2),
        [0xfe, 0xff, ..] => return (Charset::Utf16Be, 2),
        [0, b'\t' | b'\n' | b'\r' | b' '..=b'~', 0, _, ..] => return (Charset::Utf16Be, 0),
        [b'\t' | b'\n' | b'\r' | b' '..=b'~', 0, _, 0, ..] => return (Charset::Utf16Le, 0),
        _ => {}
    }
    let declared = label.and_then(Charset::of_label).unwrap_or(Charset::Utf8);
    if !declared.is_utf16() {
        return (declared, 0);
    }
    let beginning = head.get(..HEAD_BYTES).unwrap_or(head);
    let found = match memchr(0, beginning) {
        Some(place) if place % 2 == 0 => Charset::Utf16Be,
        Some(_) => Charset::Utf16Le,
        None if utf8(head).is_some() => Charset::Utf8,
        None => declared,
    };
    (found, 0)
}

/// Returns the length of the marks that text begins with: some senders put one before another.
fn marks(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some(behind) = rest.strip_prefix(MARK) {
        rest = behind;
    }
    bytes.len().saturating_sub(rest.len())
}

/// Decodes UTF-8, and surrogates that were encoded as if they were characters as U+FFFD.
fn utf8(bytes: &[u8]) -> Option<Cow<'_, str>> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(text.into());
    }
    match half_pairs_replaced(bytes) {
        Cow::Borrowed(_) => None,
        Cow::Owned(replaced) => String::from_utf8(replaced).ok().map(Cow::Owned),
    }
}

fn half_pairs_replaced(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut replaced: Option<Vec<u8>> = None;
    let mut from = 0_usize;
    while let Some(place) = bytes.get(from..).and_then(|rest| memchr(0xed, rest)) {
        let start = from.saturating_add(place);
        let end = start.saturating_add(REPLACEMENT.len());
        if matches!(bytes.get(start..end), Some([_, 0xa0..=0xbf, 0x80..=0xbf])) {
            let replaced = replaced.get_or_insert_with(|| bytes.to_vec());
            if let Some(half) = replaced.get_mut(start..end) {
                half.copy_from_slice(&REPLACEMENT);
            }
        }
        from = start.saturating_add(1);
    }
    replaced.map_or(Cow::Borrowed(bytes), Cow::Owned)
}

fn chars_of_utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> impl Iterator<Item = char> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let odd = rest.first().map(|_| char::REPLACEMENT_CHARACTER);
    char::decode_utf16(pairs.iter().copied().map(unit))
        .map(|decoded| decoded.unwrap_or(char::REPLACEMENT_CHARACTER))
        .chain(odd)
}

fn windows1252(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => text.into(),
        _ => {
            let length = Charset::Windows1252.decoded_len(bytes);
            collected(length, chars_of_windows1252(bytes)).into()
        }
    }
}

fn chars_of_windows1252(bytes: &[u8]) -> impl Iterator<Item = char> {
    bytes.iter().copied().map(of_windows1252)
}

/// Collects characters without growing: a buffer that grows takes twice the memory.
fn collected(length: usize, chars: impl Iterator<Item = char>) -> String {
    let mut text = String::with_capacity(length);
    text.extend(chars);
    text
}

/// The characters of the bytes 0x80 to 0x9F in windows-1252, by the WHATWG's Encoding Standard. The
/// five unassigned ones stay control characters.
const HIGH_CONTROLS: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}',
    '\u{2c6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}',
    '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}',
    '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

fn of_windows1252(byte: u8) -> char {
    let place = byte.checked_sub(0x80).map(usize::from);
    place
        .and_then(|place| HIGH_CONTROLS.get(place).copied())
        .unwrap_or(char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_no_case_and_may_be_quoted() {
        for (label, charset) in [
            ("UTF-8", Some(Charset::Utf8)),
            ("\"utf-8\"", Some(Charset::Utf8)),
            ("'Latin1'", Some(Charset::Windows1252)),
            (" ISO-8859-1 ", Some(Charset::Windows1252)),
            ("latin1, text/plain", Some(Charset::Windows1252)),
            ("Windows-1252", Some(Charset::Windows1252)),
            ("US-ASCII", Some(Charset::Ascii)),
            ("UTF-16", Some(Charset::Utf16Le)),
            ("utf-16BE", Some(Charset::Utf16Be)),
            ("klingon", None),
            ("", None),
        ] {
            assert_eq!(Charset::of_label(label), charset, "{label}");
        }
        for charset in [
            Charset::Utf8,
            Charset::Windows1252,
            Charset::Utf16Le,
            Charset::Utf16Be,
        ] {
            assert_eq!(Charset::of_label(charset.label()), Some(charset));
        }
    }

    #[test]
    fn marks_and_nuls_overrule_labels() {
        for (label, head, found) in [
            (None, &b"{}"[..], (Charset::Utf8, 0)),
            (Some("latin1"), b"\xef\xbb\xbf{}", (Charset::Utf8, 3)),
            (None, b"\xef\xbb\xbf\xef\xbb\xbf{}", (Charset::Utf8, 6)),
            (None, b"\xff\xfe{\0}\0", (Charset::Utf16Le, 2)),
            (None, b"\xfe\xff\0{\0}", (Charset::Utf16Be, 2)),
            (Some("utf-16be"), b"\xff\xfe{\0", (Charset::Utf16Le, 2)),
            (None, b"{\0}\0", (Charset::Utf16Le, 0)),
            (None, b"\0{\0}", (Charset::Utf16Be, 0)),
            (Some("utf-16le"), b"\0{\0}", (Charset::Utf16Be, 0)),
            (Some("utf-16"), b"7\0", (Charset::Utf16Le, 0)),
            (Some("utf-16"), b"\xe9\0=\0", (Charset::Utf16Le, 0)),
            (Some("utf-16"), "{\"é\":1}".as_bytes(), (Charset::Utf8, 0)),
            (Some("utf-16be"), b"\x30\x42\xd8\x42", (Charset::Utf16Be, 0)),
            (None, b"\0", (Charset::Utf8, 0)),
            (None, b"\0\x01\x02\x03", (Charset::Utf8, 0)),
        ] {
            assert_eq!(detect(label, head), found, "{label:?} {head:?}");
        }
    }

    #[test]
    fn every_charset_is_decoded() {
        let decode = |charset: Charset, bytes: &'static [u8]| charset.decode(bytes).unwrap();
        assert_eq!(
            decode(Charset::Windows1252, b"\x80 caf\xe9 \x93x\x94"),
            "€ café “x”"
        );
        assert_eq!(decode(Charset::Windows1252, b"\x81"), "\u{81}");
        assert_eq!(decode(Charset::Ascii, b"caf\xe9"), "café");
        assert_eq!(decode(Charset::Ascii, "café".as_bytes()), "café");
        assert_eq!(decode(Charset::Utf16Le, b"=\xd8\0\xdea\0"), "\u{1f600}a");
        assert_eq!(decode(Charset::Utf16Be, b"\xd8=\0a"), "\u{fffd}a");
        assert_eq!(decode(Charset::Utf16Le, b"a\0b"), "a\u{fffd}");
        assert_eq!(Charset::Utf8.decode(b"caf\xe9"), None);
        assert_eq!(Charset::Utf8.decode_lossy(b"caf\xe9"), "caf\u{fffd}");
    }

    #[test]
    fn every_byte_has_one_character_of_windows_1252() {
        let bytes: Vec<u8> = (0..=255).collect();
        let text = windows1252(&bytes);
        let mut chars: Vec<char> = text.chars().collect();
        assert_eq!(chars.len(), 256);
        assert_eq!(chars[0xff], '\u{ff}');
        assert_eq!(chars[0x7f], '\u{7f}');
        chars.sort_unstable();
        chars.dedup();
        assert_eq!(chars.len(), 256);
    }

    #[test]
    fn half_a_pair_in_utf8_is_replaced_and_takes_as_many_bytes() {
        for (bytes, text) in [
            (&b"a\xed\xa0\xbdb"[..], "a\u{fffd}b"),
            (b"\xed\xb8\x80", "\u{fffd}"),
            (b"\xed\xa0\xbd\xed\xb8\x80", "\u{fffd}\u{fffd}"),
            ("\u{d7ff}".as_bytes(), "\u{d7ff}"),
        ] {
            let decoded = Charset::Utf8.decode(bytes).unwrap();
            assert_eq!((decoded.as_ref(), decoded.len()), (text, bytes.len()));
        }
        assert_eq!(Charset::Utf8.decode(b"\xed\xa0"), None);
        assert_eq!(Charset::Utf8.decode(b"\xed\xa0\xbd\xff"), None);
        assert_eq!(
            Charset::Utf8.decode_lossy(b"\xed\xa0\xbd\xff"),
            "\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn widths_are_those_of_the_charset() {
        let text = "aé€\u{1f600}";
        assert_eq!(Charset::Utf8.width(text), text.len());
        assert_eq!(Charset::Windows1252.width("aé€"), 3);
        assert_eq!(Charset::Utf16Be.width(text), 10);
    }
}
