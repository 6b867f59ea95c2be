//! What a text asks for: to be left alone, or to be texted again.

use switchhook_core::config::Reading;
use switchhook_core::data::Keyword;
use switchhook_core::keywords;

/// What a text asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wish {
    /// To be left alone.
    OptOut,
    /// To be texted again.
    OptIn,
}

/// Returns what a text asks for, if the whole of it is a keyword.
#[must_use]
pub fn wish(text: &str, reading: &Reading) -> Option<Wish> {
    match keywords::meaning(text, reading)? {
        Keyword::Stop => Some(Wish::OptOut),
        Keyword::Start => Some(Wish::OptIn),
        Keyword::Help => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_a_keyword_is_a_wish() {
        let reading = Reading::default();
        for (text, asked) in [
            ("S.T.O.P", Some(Wish::OptOut)),
            ("start", Some(Wish::OptIn)),
            ("help", None),
            ("stop by on Friday", None),
        ] {
            assert_eq!(wish(text, &reading), asked, "{text}");
        }
    }
}
