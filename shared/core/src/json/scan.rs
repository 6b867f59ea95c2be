//! One member of an object, found in a stream: for schemes that look for one field of bodies that
//! nobody has vouched for yet.
//!
//! It needs the same memory whatever comes, and takes more than the reader does: texts that are no
//! UTF-8, numbers that are none, and nesting without bounds. What has no end, and what is not one
//! object, has no member.

use memchr::memchr2;

/// The longest name or text that is kept, in bytes as written.
const MAX_KEPT_BYTES: usize = 64 << 10;

/// The levels whose brackets are matched by kind; deeper ones are only counted.
const MATCHED_LEVELS: u32 = u128::BITS;

/// A scan for one member.
#[derive(Debug)]
pub(crate) struct Scan<'n> {
    name: &'n str,
    state: State,
    /// What was read of the name or text that is kept; `None` where nothing is, or too much came.
    kept: Option<Vec<u8>>,
    /// Whether the value belongs to the member.
    is_wanted: bool,
    is_escaped: bool,
    depth: u32,
    /// Which of the open brackets are curly, the innermost in the lowest bit.
    curly: u128,
    found: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Before,
    FirstName,
    Name,
    InName,
    Colon,
    Value,
    InText,
    InNested,
    InNestedText,
    InScalar,
    AfterValue,
    End,
    Broken,
}

impl<'n> Scan<'n> {
    pub(crate) const fn new(name: &'n str) -> Self {
        Self {
            name,
            state: State::Before,
            kept: None,
            is_wanted: false,
            is_escaped: false,
            depth: 0,
            curly: 0,
            found: None,
        }
    }

    /// Reads on.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        loop {
            // Most bytes mean nothing: they are passed over at once.
            let next = match self.state {
                State::Broken => return,
                State::InName | State::InText | State::InNestedText | State::InScalar => Some(0),
                State::InNested => bytes.iter().position(|byte| b"\"{}[]".contains(byte)),
                _ => bytes.iter().position(|byte| !is_blank(*byte)),
            };
            let Some(rest) = next.and_then(|next| bytes.get(next..)) else {
                return;
            };
            let Some((byte, behind)) = rest.split_first() else {
                return;
            };
            bytes = match self.state {
                State::InName | State::InText | State::InNestedText => self.text(rest),
                _ => {
                    self.byte(*byte);
                    behind
                }
            };
        }
    }

    /// Tells whether what came can be no object any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.state == State::Broken
    }

    /// Returns the text of the last member of the name, as written between its quotes; `None` where
    /// there is none, or where no whole object came. Of an object whose end was not looked for, the
    /// last member that came is as good.
    pub(crate) fn finish(self, is_whole: bool) -> Option<Vec<u8>> {
        self.found.filter(|_| {
            self.state == State::End || !is_whole && !matches!(self.state, State::Broken)
        })
    }

    /// Reads a text up to its end, or all that is there of it, and returns what comes behind.
    fn text<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        if self.is_escaped {
            self.is_escaped = false;
            let (escaped, behind) = bytes.split_at_checked(1).unwrap_or((bytes, &[]));
            self.keep(escaped);
            return behind;
        }
        let end = memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
        let (content, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
        self.keep(content);
        let Some((byte, behind)) = rest.split_first() else {
            return &[];
        };
        if *byte == b'\\' {
            self.is_escaped = true;
            self.keep(b"\\");
        } else {
            self.end_text();
        }
        behind
    }

    fn keep(&mut self, bytes: &[u8]) {
        if let Some(kept) = &mut self.kept {
            if kept.len().saturating_add(bytes.len()) <= MAX_KEPT_BYTES {
                kept.extend_from_slice(bytes);
            } else {
                self.kept = None;
            }
        }
    }

    fn end_text(&mut self) {
        self.state = match self.state {
            State::InName => {
                self.is_wanted = self.kept.take().is_some_and(|name| self.is_name(&name));
                State::Colon
            }
            State::InNestedText => State::InNested,
            _ => {
                if self.is_wanted {
                    self.found = self.kept.take();
                }
                State::AfterValue
            }
        };
    }

    fn is_name(&self, written: &[u8]) -> bool {
        let quoted = [b"\"", written, b"\""].concat();
        serde_json::from_slice::<String>(&quoted).is_ok_and(|name| name == self.name)
    }

    fn byte(&mut self, byte: u8) {
        self.state = match (self.state, byte) {
            (State::InScalar, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'+' | b'.') => {
                State::InScalar
            }
            (State::InScalar, _) if is_blank(byte) => State::AfterValue,
            (State::Before, b'{') => State::FirstName,
            (State::FirstName | State::Name, b'"') => {
                self.kept = Some(Vec::new());
                State::InName
            }
            (State::FirstName | State::AfterValue | State::InScalar, b'}') => State::End,
            (State::AfterValue | State::InScalar, b',') => State::Name,
            (State::Colon, b':') => State::Value,
            (State::Value, _) => self.begin_value(byte),
            (State::InNested, b'"') => State::InNestedText,
            (State::InNested, b'{' | b'[') => self.open(byte),
            (State::InNested, b'}' | b']') => self.close(byte),
            _ => State::Broken,
        };
    }

    fn begin_value(&mut self, byte: u8) -> State {
        if self.is_wanted {
            self.found = None; // the last one counts, whatever it is
        }
        match byte {
            b'"' => {
                self.kept = self.is_wanted.then(Vec::new);
                State::InText
            }
            b'{' | b'[' => self.open(byte),
            b'-' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => State::InScalar,
            _ => State::Broken,
        }
    }

    fn open(&mut self, byte: u8) -> State {
        self.depth = self.depth.saturating_add(1);
        if self.depth <= MATCHED_LEVELS {
            self.curly = (self.curly << 1) | u128::from(byte == b'{');
        }
        State::InNested
    }

    fn close(&mut self, byte: u8) -> State {
        if self.depth <= MATCHED_LEVELS {
            let is_curly = self.curly & 1 == 1;
            self.curly >>= 1;
            if is_curly != (byte == b'}') {
                return State::Broken;
            }
        }
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 {
            State::AfterValue
        } else {
            State::InNested
        }
    }
}

/// Tells whether a byte is white space between tokens.
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &[u8], piece: usize) -> Option<String> {
        let mut scan = Scan::new("hash");
        text.chunks(piece).for_each(|piece| scan.feed(piece));
        scan.finish(true)
            .map(|found| String::from_utf8(found).unwrap())
    }

    #[track_caller]
    fn check(text: &[u8], found: Option<&str>) {
        for piece in [1, 2, 3, text.len().max(1)] {
            let shown = String::from_utf8_lossy(text);
            assert_eq!(scan(text, piece).as_deref(), found, "{shown}");
        }
    }

    #[test]
    fn the_member_is_found_whatever_is_around_it() {
        for text in [
            r#"{"hash":"x"}"#,
            " \r\n{ \"hash\" : \"x\" }\t\n",
            r#"{"a":1,"hash":"x","b":[1,{"hash":"y"},"]}"]}"#,
            r#"{"a":"\"hash\":\"y\"","hash":"x"}"#,
            r#"{"ha\u0073h":"x"}"#,
            r#"{"hash":"y","hash":null,"hash":"x"}"#,
            r#"{"a":"\ud800","hash":"x","\udfff":NaN,"n":-1e999}"#,
            r#"{"a":{},"b":[],"hash":"x"}"#,
        ] {
            check(text.as_bytes(), Some("x"));
        }
        check(b"{\"a\":\"caf\xe9\",\"hash\":\"x\"}", Some("x"));
        check(br#"{"hash":"a\"b\\"}"#, Some(r#"a\"b\\"#));
        for levels in [1, 127, 128, 129, 100_000] {
            let deep = format!(
                r#"{{"hash":"x","a":{}{}}}"#,
                "[".repeat(levels),
                "]".repeat(levels)
            );
            check(deep.as_bytes(), Some("x"));
        }
    }

    #[test]
    fn what_is_no_object_has_no_member() {
        for text in [
            "",
            "{}",
            "[]",
            "\"hash\"",
            r#"[{"hash":"x"}]"#,
            r#"{"hash":"x""#,
            r#"{"hash":"x"} x"#,
            r#"{"hash":"x"}{}"#,
            r#"{"hash":"x",}"#,
            r#"{,"hash":"x"}"#,
            r#"{"hash" "x"}"#,
            r#"{"hash":"x" "a":1}"#,
            r#"{hash:"x"}"#,
            r#"{'hash':'x'}"#,
            r#"{"hash":"x","a":[}"#,
            r#"{"hash":"x","a":[}]}"#,
            r#"{"hash":"x","a":"#,
            r#"{"hash":"x","a":}"#,
            r#"{"hash":"x","a":"}"#,
            "{\"hash\":\"x\"}\0",
            r#"{"hash":"x","hash":null}"#,
            r#"{"hash":"x","hash":7}"#,
            r#"{"hash":["x"]}"#,
            r#"{"Hash":"x"}"#,
            r#"{"a":{"hash":"x"}}"#,
            r#"hash=x"#,
        ] {
            check(text.as_bytes(), None);
        }
    }

    #[test]
    fn long_names_and_texts_take_no_memory() {
        let long = "x".repeat(MAX_KEPT_BYTES + 1);
        check(format!(r#"{{"hash":"{long}"}}"#).as_bytes(), None);
        check(
            format!(r#"{{"{long}":"{long}","hash":"x"}}"#).as_bytes(),
            Some("x"),
        );
    }
}
