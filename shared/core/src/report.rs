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
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            write!(f, ": {error}")?;
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
}
