//! Words by which a customer asks to be left alone, or to be texted again.
//!
//! A text means it only when the whole of it is such a word: "stop by on Friday" means nothing.

use switchhook_core::config::Reading;

/// Words that every carrier of the CTIA's Messaging Principles and the ACMA's Spam Act guidance
/// take as an opt-out.
const OPT_OUT: &[&str] = &[
    "CANCEL",
    "END",
    "OPT OUT",
    "OPTOUT",
    "QUIT",
    "REVOKE",
    "STOP",
    "STOP ALL",
    "STOPALL",
    "UNSUBSCRIBE",
];

/// Words that take it back.
const OPT_IN: &[&str] = &["OPT IN", "OPTIN", "START", "SUBSCRIBE", "UNSTOP"];

/// What a text asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wish {
    /// To be left alone.
    OptOut,
    /// To be texted again.
    OptIn,
}

/// Returns what a text asks for, if it is one of the words.
#[must_use]
pub fn wish(text: &str, reading: &Reading) -> Option<Wish> {
    let word = plain(text);
    if word.is_empty() {
        return None;
    }
    let among = |own: &Option<Vec<String>>, defaults: &[&str]| match own {
        Some(own) => own.iter().any(|w| plain(w) == word),
        None => defaults.contains(&word.as_str()),
    };
    if among(&reading.opt_out_words, OPT_OUT) {
        Some(Wish::OptOut)
    } else if among(&reading.opt_in_words, OPT_IN) {
        Some(Wish::OptIn)
    } else {
        None
    }
}

/// Upper case, without what people put around a word.
fn plain(text: &str) -> String {
    let trimmed = text.trim_matches(|c: char| !c.is_alphanumeric());
    trimmed
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_text_is_a_wish() {
        let defaults = Reading::default();
        for text in [
            "STOP",
            "stop",
            " Stop. ",
            "\"STOP\"!",
            "stop  all",
            "Unsubscribe",
        ] {
            assert_eq!(wish(text, &defaults), Some(Wish::OptOut), "{text}");
        }
        for text in ["start", "UNSTOP"] {
            assert_eq!(wish(text, &defaults), Some(Wish::OptIn), "{text}");
        }
        for text in ["", "...", "stop by on Friday", "nonstop", "yes"] {
            assert_eq!(wish(text, &defaults), None, "{text}");
        }
    }

    #[test]
    fn a_text_without_letters_is_no_wish_whatever_the_words_are() {
        let own = Reading {
            opt_out_words: Some(vec!["STOP".into(), "🛑".into()]),
            ..Reading::default()
        };
        for text in ["👍", "", "?!", "🛑"] {
            assert_eq!(wish(text, &own), None, "{text}");
        }
    }

    #[test]
    fn own_words_replace_the_defaults() {
        let own = Reading {
            opt_out_words: Some(vec!["Arrêt".into()]),
            ..Reading::default()
        };
        assert_eq!(wish("ARRÊT", &own), Some(Wish::OptOut));
        assert_eq!(wish("STOP", &own), None);
        assert_eq!(wish("START", &own), Some(Wish::OptIn));
    }
}
