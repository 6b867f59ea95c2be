//! Words by which a customer opts out of texts, or back in.
//!
//! A text is a keyword only when the whole of it is one: "stop by on Friday" is none. Words are
//! compared by their letters and digits alone, so punctuation, spaces, emoji and invisible characters
//! beside or within them make no difference.

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::config::Reading;
use crate::data::Keyword;

/// What every carrier of the CTIA's Messaging Principles and the ACMA's Spam Act guidance takes as an
/// opt-out, in the form of [`plain`].
pub const OPT_OUT: &[&str] = &[
    "CANCEL",
    "END",
    "OPTOUT",
    "QUIT",
    "REVOKE",
    "STOP",
    "STOPALL",
    "UNSUBSCRIBE",
];

/// What revokes an opt-out, in the form of [`plain`].
pub const OPT_IN: &[&str] = &["OPTIN", "START", "SUBSCRIBE", "UNSTOP"];

/// Compatibility forms become the usual ones: full-width letters, ligatures, letters in circles.
const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfkc();

/// Returns [`Keyword::Stop`] or [`Keyword::Start`] if the whole text is one of the source's words; a
/// word of both lists is an opt-out.
///
/// # Examples
///
/// ```
/// use switchhook_core::config::Reading;
/// use switchhook_core::data::Keyword;
/// use switchhook_core::keywords::meaning;
///
/// let reading = Reading {
///     opt_out_words: Some(vec!["Arrêt".to_owned()]),
///     ..Reading::default()
/// };
/// assert_eq!(meaning(" ARRÊT! ", &reading), Some(Keyword::Stop));
/// assert_eq!(meaning("S.T.O.P", &reading), Some(Keyword::Stop));
/// assert_eq!(meaning("stop by on Friday", &reading), None);
/// ```
#[must_use]
pub fn meaning(text: &str, reading: &Reading) -> Option<Keyword> {
    let default_opt_out = if reading.opt_out_words_only {
        &[]
    } else {
        OPT_OUT
    };
    let opt_out = words(reading.opt_out_words.as_deref(), default_opt_out);
    let opt_in = words(reading.opt_in_words.as_deref(), OPT_IN);
    let longest = opt_out.iter().chain(&opt_in).map(String::len).max()?;
    // Nothing behind the longest word can make the text one, however long it is. A character has at
    // least one byte, so as many characters as the word has bytes are enough.
    let word: String = letters(text).take(longest.saturating_add(1)).collect();
    if word.is_empty() {
        None
    } else if opt_out.contains(&word) {
        Some(Keyword::Stop)
    } else if opt_in.contains(&word) {
        Some(Keyword::Start)
    } else {
        None
    }
}

/// Returns the letters and digits of a text in upper case, by which words are compared. A word of
/// which nothing is left never matches.
#[must_use]
pub fn plain(text: &str) -> String {
    letters(text).collect()
}

fn words(own: Option<&[String]>, defaults: &[&str]) -> Vec<String> {
    let own = own.unwrap_or_default().iter().map(|word| plain(word));
    own.chain(defaults.iter().map(|word| (*word).to_owned()))
        .collect()
}

/// Lower case comes first because it has a single form for what upper case leaves apart, such as the
/// Turkish dotted capital İ and the capital ẞ.
fn letters(text: &str) -> impl Iterator<Item = char> + '_ {
    let lower = NFKC
        .normalize_iter(text.chars())
        .flat_map(char::to_lowercase);
    let bare = NFKC
        .normalize_iter(lower)
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_uppercase);
    NFKC.normalize_iter(bare).filter(|c| c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn own(opt_out: &[&str], opt_in: &[&str]) -> Reading {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Reading {
            opt_out_words: Some(owned(opt_out)),
            opt_in_words: Some(owned(opt_in)),
            ..Reading::default()
        }
    }

    #[test]
    fn word_is_compared_by_letters_and_digits_alone() {
        let defaults = Reading::default();
        for text in [
            "STOP",
            "stop",
            " Stop. ",
            "\"STOP\"!",
            "“stop”",
            "«Stop»",
            "S.T.O.P",
            "s-t-o-p",
            "S T O P",
            "stop\r\n",
            "ＳＴＯＰ",
            "ｓｔｏｐ。",
            "Ⓢⓣⓞⓟ",
            "𝐒𝐓𝐎𝐏",
            "S\u{200b}T\u{200d}O\u{feff}P",
            "\u{202a}STOP\u{202c}",
            "\u{2068}STOP\u{2069}",
            "ST\u{ad}OP",
            "STOP\u{fffd}",
            "STOP \u{fffd}\u{fffd}",
            "STOP 🛑",
            "🙏🏽 stop 👨‍👩‍👧",
            "STOP\u{fe0f}",
            "S\u{336}T\u{336}O\u{336}P\u{336}",
            "stop  all",
            "Stop-All",
            "Unsubscribe",
            "UNSUBSCRİBE",
            "unsubscrıbe",
            "opt-out",
            "opt out",
        ] {
            assert_eq!(meaning(text, &defaults), Some(Keyword::Stop), "{text}");
        }
        for text in ["start", "UNSTOP", "Opt in", "(Start)", "ｕｎｓｔｏｐ"] {
            assert_eq!(meaning(text, &defaults), Some(Keyword::Start), "{text}");
        }
        for text in [
            "",
            "...",
            "👍",
            "\u{fffd}",
            "stop by on Friday",
            "nonstop",
            "STOP 1",
            "stopp",
            "STÖP",
            "STO\u{308}P",
            "СТОР",
            "yes",
        ] {
            assert_eq!(meaning(text, &defaults), None, "{text}");
        }
    }

    #[test]
    fn word_of_any_script_matches_in_every_form() {
        let words = [
            "отписка",
            "停止",
            "إيقاف",
            "Straße",
            "Arrêt",
            "หยุด",
            "İptal",
            "ガ",
        ];
        let reading = own(&words, &[]);
        for text in [
            "Отписка!",
            "ОТПИСКА",
            "「停止」",
            "停 止。",
            "\u{200f}إيقاف\u{200f}",
            "STRASSE",
            "STRAẞE",
            "strasse",
            "ARRE\u{302}T",
            "arrêt",
            "หยุด",
            "iptal",
            "IPTAL",
            "İPTAL",
            "ıptal",
            "ｶﾞ",
        ] {
            assert_eq!(meaning(text, &reading), Some(Keyword::Stop), "{text}");
        }
        for text in ["ARRET", "отписка пожалуйста", "停"] {
            assert_eq!(meaning(text, &reading), None, "{text}");
        }
    }

    #[test]
    fn own_words_are_added_to_the_defaults() {
        let reading = own(&["Arrêt"], &["Oui"]);
        for text in ["ARRÊT", "STOP"] {
            assert_eq!(meaning(text, &reading), Some(Keyword::Stop), "{text}");
        }
        for text in ["oui", "START"] {
            assert_eq!(meaning(text, &reading), Some(Keyword::Start), "{text}");
        }
    }

    #[test]
    fn own_opt_out_words_replace_the_defaults_where_that_is_asked_for() {
        let reading = Reading {
            opt_out_words_only: true,
            ..own(&["Arrêt"], &["Oui"])
        };
        assert_eq!(meaning("ARRÊT", &reading), Some(Keyword::Stop));
        assert_eq!(meaning("STOP", &reading), None);
        for text in ["oui", "START"] {
            assert_eq!(meaning(text, &reading), Some(Keyword::Start), "{text}");
        }
    }

    #[test]
    fn word_of_both_lists_opts_out() {
        for (text, reading) in [
            ("HALT", own(&["Halt"], &["halt!"])),
            ("start", own(&["Start"], &[])),
            ("stop", own(&[], &["Stop"])),
        ] {
            assert_eq!(meaning(text, &reading), Some(Keyword::Stop), "{text}");
        }
    }

    #[test]
    fn word_without_letters_never_matches() {
        let reading = own(&["STOP", "🛑", "", "?!"], &[]);
        for text in ["👍", "", "?!", "🛑"] {
            assert_eq!(meaning(text, &reading), None, "{text}");
        }
        assert_eq!(plain("🛑 ?!"), "");
    }

    #[test]
    fn defaults_are_plain_and_in_order() {
        for words in [OPT_OUT, OPT_IN] {
            assert!(words.is_sorted() && words.iter().all(|word| plain(word) == *word));
        }
    }

    #[test]
    fn long_texts_are_read_no_further_than_the_longest_word() {
        let longest = "x".repeat(300);
        let reading = own(&[&longest], &[]);
        assert_eq!(meaning(&longest, &reading), Some(Keyword::Stop));
        assert_eq!(meaning(&"x".repeat(301), &reading), None);
        let padded = format!("{}stop{}", " ".repeat(100_000), "!".repeat(100_000));
        assert_eq!(meaning(&padded, &reading), Some(Keyword::Stop));
        // U+FDFA is 18 characters in its compatibility form.
        let wide = "\u{fdfa}".repeat(1_000_000);
        let began = letters(&wide).take(12).count();
        assert_eq!((began, meaning(&wide, &Reading::default())), (12, None));
    }

    #[test]
    fn setting_of_a_source_travels_only_where_it_is_set() {
        let unset = serde_json::to_string(&Reading::default()).unwrap();
        assert_eq!(unset, "{}");
        let only = Reading {
            opt_out_words_only: true,
            ..Reading::default()
        };
        let written = serde_json::to_string(&only).unwrap();
        assert_eq!(written, r#"{"opt_out_words_only":true}"#);
        assert_eq!(serde_json::from_str::<Reading>(&written).unwrap(), only);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn plain_text_is_plain_already(text in any::<String>()) {
            let once = plain(&text);
            prop_assert_eq!(plain(&once), once);
        }

        #[test]
        fn case_and_marks_make_no_difference(text in "\\PC{0,12}", mark in "[-.,!?\\s\u{200b}\u{2060}\u{fffd}🛑]{0,4}") {
            let framed = format!("{mark}{text}{mark}");
            prop_assert_eq!(plain(&framed), plain(&text));
            prop_assert_eq!(plain(&text.to_uppercase()), plain(&text));
            prop_assert_eq!(plain(&text.to_lowercase()), plain(&text));
        }
    }
}
