//! Words that are configured and cannot do what they are configured for.

use std::collections::BTreeMap;

use super::fields::Fields;
use crate::keywords::{OPT_IN, OPT_OUT, plain};

/// What the carriers' rules ask every sender of texts to obey.
const STOP: &str = "STOP";
/// The longest text that carriers deliver whole, in parts or not.
const MAX_TEXT_CHARS: usize = 1_600;

/// A word and the line that it stands on.
type Word = (String, Option<usize>);

/// Warns of words of one list or of both.
pub(super) fn check_words(
    fields: &mut Fields<'_>,
    opt_out: &[Word],
    opt_in: &[Word],
    only: Option<(bool, Option<usize>)>,
) {
    let outs = check_list(fields, "opt_out_words", opt_out);
    let ins = check_list(fields, "opt_in_words", opt_in);
    let replaces = only.is_some_and(|(only, _)| only);
    for (plain, (word, line)) in &ins {
        if outs.contains_key(plain) || (!replaces && OPT_OUT.contains(&plain.as_str())) {
            let quoted = fields.quote(word);
            let reason = format!("{quoted} is an opt-out word too: it opts out");
            fields.warn(*line, "opt_in_words", reason);
        }
    }
    for (plain, (word, line)) in &outs {
        if OPT_IN.contains(&plain.as_str()) {
            let quoted = fields.quote(word);
            let reason = format!("{quoted} usually opts in: with this line it opts out");
            fields.warn(*line, "opt_out_words", reason);
        }
    }
    if let Some((true, line)) = only
        && !outs.contains_key(STOP)
    {
        let reason = "`STOP` is not among `opt_out_words`: who says it would still be texted";
        fields.warn(line, "opt_out_words_only", reason);
    }
}

/// Warns of words of one list, and returns those that can match.
fn check_list<'a>(
    fields: &mut Fields<'_>,
    field: &str,
    words: &'a [Word],
) -> BTreeMap<String, &'a Word> {
    let mut known: BTreeMap<String, &Word> = BTreeMap::new();
    for word in words {
        let (text, line) = word;
        let (plain, quoted) = (plain(text), fields.quote(text));
        if plain.is_empty() {
            let reason = format!(
                "{quoted} can never match: texts are compared by their letters and digits alone"
            );
            fields.warn(*line, field, reason);
        } else if plain.chars().count() > MAX_TEXT_CHARS {
            let reason =
                format!("one can never match: no text is longer than {MAX_TEXT_CHARS} characters");
            fields.warn(*line, field, reason);
        } else if let Some((other, _)) = known.get(&plain) {
            let other = fields.quote(other);
            let reason = format!("{quoted} is the same word as {other}");
            fields.warn(*line, field, reason);
        } else {
            known.insert(plain, word);
        }
    }
    known
}
