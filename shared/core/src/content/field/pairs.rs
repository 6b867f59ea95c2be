//! A field of a form in a stream.

use memchr::{memchr, memchr2, memchr3, memmem, memrchr};

use super::MAX_KEPT_BYTES;
use crate::content::charset::Charset;
use crate::content::form;

/// A scan for one field.
pub(super) struct Pairs<'n> {
    name: &'n str,
    state: State,
    /// What was read of a name, or of a value that is wanted.
    kept: Vec<u8>,
    /// Whether it is: not where too much came, nor of a value that nobody wants.
    is_kept: bool,
    found: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Nothing but white space came.
    Before,
    FirstName,
    Name,
    /// A value, and whether it is the field's.
    Value(bool),
    /// It is no form.
    Over,
}

impl<'n> Pairs<'n> {
    pub(super) const fn new(name: &'n str) -> Self {
        Self {
            name,
            state: State::Before,
            kept: Vec::new(),
            is_kept: false,
            found: None,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Reads on.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        if self.state == State::Before {
            bytes = bytes.trim_ascii_start();
            self.state = match bytes.first() {
                None => return,
                Some(b'{' | b'[') => State::Over,
                Some(_) => State::FirstName,
            };
            self.begin();
        }
        let mut is_skipped = false;
        while !bytes.is_empty() && self.state != State::Over {
            if !is_skipped && self.state == State::Name && self.kept.is_empty() {
                bytes = self.skipped(bytes);
                is_skipped = true; // once a piece: it may look through all of it
            }
            let end = match self.state {
                State::Value(_) => memchr(b'&', bytes),
                _ => memchr2(b'&', b'=', bytes),
            };
            let (piece, rest) = bytes
                .split_at_checked(end.unwrap_or(bytes.len()))
                .unwrap_or((bytes, &[]));
            self.keep(piece);
            let Some((separator, behind)) = rest.split_first() else {
                return;
            };
            bytes = behind;
            if *separator == b'=' {
                self.begin_value();
            } else {
                self.end_pair();
            }
        }
    }

    /// Skips, at the beginning of a name, what holds the name nowhere: a bomb has millions of other pairs.
    fn skipped<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        // Where nothing is escaped, a name is written as it is, and begins behind `&`.
        let plain = memchr3(b'%', b'+', 0xef, bytes).unwrap_or(bytes.len());
        let (plain, _) = bytes.split_at_checked(plain).unwrap_or_default();
        let before = memmem::find(plain, self.name.as_bytes()).unwrap_or(plain.len());
        let (before, _) = plain.split_at_checked(before).unwrap_or_default();
        let name = memrchr(b'&', before).map_or(0, |end| end.saturating_add(1));
        bytes.get(name..).unwrap_or_default()
    }

    /// Returns the value of the last field of the name, as written; one that is the last of all without
    /// the line break at the end.
    pub(super) fn finish(mut self) -> Option<Vec<u8>> {
        let end = self.kept.iter().rposition(|byte| !b"\r\n".contains(byte));
        self.kept
            .truncate(end.map_or(0, |end| end.saturating_add(1)));
        self.end_pair();
        self.found
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.is_kept {
            if self.kept.len().saturating_add(bytes.len()) <= MAX_KEPT_BYTES {
                self.kept.extend_from_slice(bytes);
                return;
            }
            self.is_kept = false;
        }
        if self.state == State::FirstName {
            self.state = State::Over; // no form begins so
        }
    }

    fn begin_value(&mut self) {
        let is_wanted = self.is_kept && self.is_name();
        self.begin();
        self.is_kept = is_wanted;
        if is_wanted {
            self.found = None; // the last one counts, whatever it is
        }
        self.state = State::Value(is_wanted);
    }

    /// Begins to keep a name or a value, in the same buffer: a bomb has millions of them.
    fn begin(&mut self) {
        self.kept.clear();
        self.is_kept = true;
    }

    fn is_name(&self) -> bool {
        // No name is longer decoded than as it is written.
        self.kept.len() >= self.name.len() && {
            let name = form::decoded(Charset::Utf8, &self.kept);
            name.trim_start_matches('\u{feff}') == self.name
        }
    }

    fn end_pair(&mut self) {
        if self.state == State::Value(true) {
            self.found = self.is_kept.then(|| self.kept.clone());
        }
        if self.state != State::Over {
            self.state = State::Name;
        }
        self.begin();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(form: &[u8], found: Option<&str>) {
        for piece in [1, 2, 5, form.len().max(1)] {
            let mut pairs = Pairs::new("hash");
            form.chunks(piece).for_each(|piece| pairs.feed(piece));
            let value = pairs
                .finish()
                .map(|value| String::from_utf8(value).unwrap());
            let shown = String::from_utf8_lossy(form);
            assert_eq!(value.as_deref(), found, "{shown:.40}");
        }
    }

    #[test]
    fn field_is_found_whatever_is_around_it() {
        for form in [
            "hash=x",
            "\r\n hash=x\r\n",
            "a=1&hash=x&b=2",
            "&&hash=x&",
            "hash=y&hash=x",
            "a&b=hash=y&hash=x",
            "h%61sh=x",
            "%EF%BB%BFhash=x",
            "a=1&b=2&c=3&hash=x&d=4",
            "a=1&b=hash&c=%25&hash=x&d",
            "a=1&a=1&h%61sh=x",
            "a=hash&a=hash&hash=x",
            "hash=y&a=1&a=1&hash=x&hashes=1",
        ] {
            check(form.as_bytes(), Some("x"));
        }
        check(b"hash=a=b%20+", Some("a=b%20+"));
        check(b"hash=", Some(""));
        let long = "x".repeat(MAX_KEPT_BYTES + 1);
        check(
            format!("a={long}&{long}={long}&hash=x").as_bytes(),
            Some("x"),
        );
        check(format!("hash=x&hash={long}&a=b").as_bytes(), None);
    }

    #[test]
    fn what_has_no_such_field_has_none() {
        let long = "x".repeat(MAX_KEPT_BYTES + 1);
        for other in [
            "",
            "hash",
            "a=hash",
            "{hash=x",
            " [&hash=x",
            &format!("{long}&hash=x"),
        ] {
            check(other.as_bytes(), None);
        }
    }
}
