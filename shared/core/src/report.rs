//! One line that tells an error with everything behind it.

use std::error::Error;
use std::fmt;

/// Displays an error and its sources, `: ` between them.
///
/// Our errors' own texts never repeat their sources, so that nothing is said twice.
#[derive(Debug)]
pub struct Report<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = self.0.to_string();
        f.write_str(&told)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            let text = error.to_string();
            // Errors of others that merely wrap one may have its text.
            if text != told {
                write!(f, ": {text}")?;
            }
            told = text;
            next = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn the_whole_chain_is_told() {
        let error = Outer(std::io::Error::other("inner"));
        assert_eq!(Report(&error).to_string(), "outer: inner");
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Wrapper(#[source] Outer);

    #[test]
    fn nothing_is_told_twice() {
        let error = Wrapper(Outer(std::io::Error::other("inner")));
        assert_eq!(Report(&error).to_string(), "outer: inner");
    }
}
