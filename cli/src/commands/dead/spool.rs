//! Letters' bodies on their way from the dead-letter queue to the queue: in memory while they are
//! few, else in a temporary file that has no name and goes with the program.

use std::io::{self, Read, Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;

/// The most bytes in memory.
const MAX_MEMORY: usize = 32 << 20;

/// Texts, written one after the other.
#[derive(Debug)]
pub(super) struct Spool {
    file: SpooledTempFile,
    end: u64,
}

/// Where a text is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    start: u64,
    bytes: u64,
}

impl Spool {
    pub(super) fn new() -> Self {
        Self::with_memory(MAX_MEMORY)
    }

    fn with_memory(bytes: usize) -> Self {
        Self {
            file: SpooledTempFile::new(bytes),
            end: 0,
        }
    }

    pub(super) fn put(&mut self, text: &str) -> io::Result<Span> {
        let span = Span {
            start: self.end,
            bytes: u64::try_from(text.len()).unwrap_or(u64::MAX),
        };
        self.file.seek(SeekFrom::Start(span.start))?;
        self.file.write_all(text.as_bytes())?;
        self.end = self.end.saturating_add(span.bytes);
        Ok(span)
    }

    pub(super) fn get(&mut self, span: Span) -> io::Result<String> {
        self.file.seek(SeekFrom::Start(span.start))?;
        let mut text = String::new();
        (&mut self.file)
            .take(span.bytes)
            .read_to_string(&mut text)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_got_in_any_order_from_memory_and_from_the_file() {
        for memory in [0, 10, 1_000] {
            let mut spool = Spool::with_memory(memory);
            let texts = ["one", "", "zwölf", "x"];
            let spans = texts.map(|text| spool.put(text).unwrap());
            for (text, span) in texts.iter().zip(spans).rev() {
                assert_eq!(spool.get(span).unwrap(), *text, "{memory}");
            }
            let late = spool.put("late").unwrap();
            assert_eq!(spool.get(late).unwrap(), "late");
            assert_eq!(spool.get(spans[0]).unwrap(), "one");
        }
    }
}
