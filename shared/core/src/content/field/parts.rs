//! A field of a multipart form in a stream.

use memchr::{memchr, memmem};

use super::MAX_KEPT_BYTES;
use crate::content::charset::Charset;
use crate::content::multipart::{self, Part};

/// A scan for one part, by the boundary that the content type names and by the one that the body
/// begins with, whichever it has.
pub(super) struct Parts<'n> {
    name: &'n str,
    named: Option<Delimited>,
    own: Option<Delimited>,
    is_first: bool,
    /// The line that is being read; `None` where it is longer than any that matters.
    line: Option<Vec<u8>>,
}

/// What stands between the delimiters of one boundary.
struct Delimited {
    delimiter: Vec<u8>,
    state: State,
    found: Option<Part>,
}

enum State {
    /// No delimiter came yet.
    Before,
    /// The bytes of a part; `None` where there are too many.
    In(Option<Vec<u8>>),
    /// The last delimiter came.
    Behind,
}

impl<'n> Parts<'n> {
    pub(super) fn new(name: &'n str, boundary: Option<&str>) -> Self {
        let boundary = boundary.filter(|boundary| !boundary.is_empty());
        Self {
            name,
            named: boundary.map(|boundary| Delimited::new([b"--", boundary.as_bytes()].concat())),
            own: None,
            is_first: true,
            line: Some(Vec::new()),
        }
    }

    /// Reports whether nothing can be found any more.
    pub(super) fn is_over(&self) -> bool {
        let is_over = |parts: &Option<Delimited>| {
            let state = parts.as_ref().map(|parts| &parts.state);
            matches!(state, None | Some(State::Behind))
        };
        !self.is_first && is_over(&self.named) && is_over(&self.own)
    }

    /// Reads on.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_over() {
            if self.line.as_ref().is_some_and(Vec::is_empty) {
                bytes = self.skipped(bytes);
            }
            let end = memchr(b'\n', bytes).map(|end| end.saturating_add(1));
            let (piece, behind) = bytes
                .split_at_checked(end.unwrap_or(bytes.len()))
                .unwrap_or((bytes, &[]));
            bytes = behind;
            match &mut self.line {
                Some(line) if line.len().saturating_add(piece.len()) <= MAX_KEPT_BYTES => {
                    line.extend_from_slice(piece);
                }
                _ => self.line = None,
            }
            if end.is_some() {
                self.end_line();
            }
        }
    }

    /// Returns the value of the last part of the name; `charset` is that of parts that say nothing else.
    pub(super) fn finish(mut self, charset: Charset) -> Option<String> {
        self.end_line();
        let found = |parts: Option<Delimited>| parts.and_then(|parts| parts.found);
        let part = found(self.named).or_else(|| found(self.own))?;
        Some(part.value(charset))
    }

    /// Skips, at the beginning of a line, to the next line that may matter: a bomb has millions of others.
    fn skipped<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        if self.is_first {
            return bytes.trim_ascii_start(); // no body begins with a blank line
        }
        let parts = [&self.named, &self.own];
        let is_kept = parts.into_iter().flatten().any(Delimited::is_kept);
        if is_kept || bytes.starts_with(b"-") {
            return bytes;
        }
        // Delimiters alone matter, and each begins with a dash.
        match memmem::find(bytes, b"\n-") {
            Some(end) => bytes.get(end.saturating_add(1)..).unwrap_or_default(),
            None if bytes.ends_with(b"\n") => &[],
            None => {
                self.line = None;
                &[]
            }
        }
    }

    fn end_line(&mut self) {
        let mut line = self.line.take();
        self.take_line(line.as_deref());
        // The buffer is used again.
        let mut empty = line.take().unwrap_or_default();
        empty.clear();
        self.line = Some(empty);
    }

    fn take_line(&mut self, line: Option<&[u8]>) {
        if self.is_first {
            match line.map(<[u8]>::trim_ascii) {
                Some([]) => return, // no body begins with a blank line
                Some(line) => self.own = multipart::delimiter(line).map(Delimited::new),
                None => {}
            }
            self.is_first = false;
        }
        for parts in [&mut self.named, &mut self.own].into_iter().flatten() {
            parts.line(line, self.name);
        }
    }
}

impl Delimited {
    const fn new(delimiter: Vec<u8>) -> Self {
        Self {
            delimiter,
            state: State::Before,
            found: None,
        }
    }

    /// Returns whether the bytes of a part are kept at the moment.
    const fn is_kept(&self) -> bool {
        matches!(self.state, State::In(Some(_)))
    }

    /// Takes a line with its end.
    fn line(&mut self, line: Option<&[u8]>, name: &str) {
        if let Some(is_last) = line.and_then(|line| self.is_delimiter(line)) {
            self.end_part(name);
            self.state = if is_last {
                State::Behind
            } else {
                State::In(Some(Vec::new()))
            };
            return;
        }
        let State::In(part) = &mut self.state else {
            return;
        };
        match (part.as_mut(), line) {
            (Some(part), Some(line)) if part.len().saturating_add(line.len()) <= MAX_KEPT_BYTES => {
                part.extend_from_slice(line);
            }
            _ => *part = None,
        }
    }

    /// Reports whether a line is the delimiter, and whether it is the last one.
    fn is_delimiter(&self, line: &[u8]) -> Option<bool> {
        match line.strip_prefix(self.delimiter.as_slice())?.trim_ascii() {
            [] => Some(false),
            rest => rest
                .starts_with(b"--")
                .then_some(true)
                .filter(|_| rest.len() == 2),
        }
    }

    fn end_part(&mut self, name: &str) {
        let State::In(Some(part)) = &self.state else {
            return;
        };
        // The line break before a delimiter belongs to it.
        let part = part.strip_suffix(b"\n").unwrap_or(part);
        let part = part.strip_suffix(b"\r").unwrap_or(part);
        if let Ok(Some(part)) = Part::read(part)
            && part.is_named(name)
        {
            self.found = Some(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(boundary: Option<&str>, form: &str, found: Option<&str>) {
        for piece in [1, 2, 7, form.len().max(1)] {
            let mut parts = Parts::new("hash", boundary);
            form.as_bytes()
                .chunks(piece)
                .for_each(|piece| parts.feed(piece));
            let value = parts.finish(Charset::Utf8);
            assert_eq!(value.as_deref(), found, "{boundary:?} {form:.200}");
        }
    }

    fn part(name: &str, content: &str) -> String {
        format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
    }

    #[test]
    fn part_is_found_whatever_is_around_it() {
        let long = "x".repeat(MAX_KEPT_BYTES + 1);
        let lines = "x\n".repeat(MAX_KEPT_BYTES);
        let hash = part("hash", "x");
        for form in [
            format!("{hash}--X--\r\n"),
            format!("{hash}--X--"),
            format!("{hash}--X--").replace("\r\n", "\n"),
            format!("\r\n{hash}--X--\r\nepilogue"),
            part("a", "1") + &hash + &part("b", "hash") + "--X--",
            part("a", &long) + &hash + &part("b", &lines) + "--X--",
            part("hash", "y") + &hash + "--X--",
            hash.clone() + "--X",
        ] {
            for boundary in [None, Some("X"), Some("other"), Some("")] {
                check(boundary, &form, Some("x"));
            }
        }
        check(Some("X"), &format!("preamble\r\n{hash}--X--"), Some("x"));
        let base64 = hash.replace(
            "\r\n\r\nx",
            "\r\nContent-Transfer-Encoding: base64\r\n\r\neA==",
        );
        check(None, &(base64 + "--X--"), Some("x"));
    }

    #[test]
    fn what_has_no_such_part_has_none() {
        let long = "x".repeat(MAX_KEPT_BYTES + 1);
        for form in [
            String::new(),
            "--X--".to_owned(),
            "hash=x".to_owned(),
            part("a", "hash") + "--X--",
            part("hash", &long) + "--X--",
            part("hash", "x"), // no delimiter ends it
            "--XY\r\n".to_owned() + &part("hash", "x").replacen("--X", "--", 1) + "--X--",
        ] {
            check(None, &form, None);
        }
    }
}
