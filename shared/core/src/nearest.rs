//! The valid word that a wrong one was probably meant to be.

/// Returns the candidate that is most like a word, if one is like it: case, blanks, `-` and `_` make
/// no difference, and one letter in three may be wrong.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = folded(word);
    let scored = candidates.into_iter().filter_map(|candidate| {
        let other = folded(candidate);
        let length = word.chars().count().max(other.chars().count());
        let distance = strsim::osa_distance(&word, &other);
        if distance.saturating_mul(3) <= length {
            return Some((0_u8, distance, candidate));
        }
        // `signing_secret` is meant to be `secrets`, `standard` to be `standard-webhooks`.
        let (stem, other) = (word.trim_end_matches('s'), other.trim_end_matches('s'));
        let holds = |outer: &str, inner: &str| inner.len() > 2 && outer.contains(inner);
        (holds(stem, other) || holds(other, stem)).then_some((1, distance, candidate))
    });
    let best = scored.min_by_key(|(rank, distance, _)| (*rank, *distance));
    best.map(|(_, _, candidate)| candidate)
}

fn folded(word: &str) -> String {
    let letters = word.chars().filter(|c| c.is_alphanumeric() || *c == '.');
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 5] = ["secrets", "tokens", "users", "country", "standard-webhooks"];

    #[test]
    fn a_near_word_is_found() {
        for (word, found) in [
            ("secretz", "secrets"),
            ("secret", "secrets"),
            ("Secrets", "secrets"),
            ("secerts", "secrets"),
            ("signing_secret", "secrets"),
            ("token", "tokens"),
            ("user", "users"),
            ("contry", "country"),
            ("default_country", "country"),
            ("StandardWebhooks", "standard-webhooks"),
            ("standard", "standard-webhooks"),
        ] {
            assert_eq!(nearest(word, WORDS), Some(found), "{word}");
        }
    }

    #[test]
    fn a_word_that_is_like_none_has_no_near_one() {
        for word in ["", "x", "colour", "s", "🛑", "---"] {
            assert_eq!(nearest(word, WORDS), None, "{word}");
        }
    }
}
