//! Parameters of header values such as `text/plain; charset="utf-8"`.

/// Returns what stands before the parameters of a value, or of the first of several joined by commas.
pub(super) fn essence(value: &str) -> &str {
    value.split([';', ',']).next().unwrap_or_default().trim()
}

/// Returns the value of the first parameter of this name, without its quotes and escapes; names have
/// no case.
pub(super) fn parameter(value: &str, name: &str) -> Option<String> {
    let mut rest = value;
    loop {
        rest = behind_semicolon(rest)?;
        let end = rest.find(['=', ';'])?;
        let (own, behind) = rest.split_at_checked(end)?;
        let Some(behind) = behind.strip_prefix('=') else {
            continue; // a parameter without a value
        };
        if own.trim().eq_ignore_ascii_case(name) {
            return Some(read(behind.trim_start()));
        }
        rest = behind.trim_start();
    }
}

/// Skips to behind the next semicolon outside quotes.
fn behind_semicolon(text: &str) -> Option<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (place, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ';' if !is_quoted => return text.get(place.saturating_add(1)..),
            _ => {}
        }
    }
    None
}

/// Reads a value up to its end: a quoted one to its quote, another one to the next semicolon.
///
/// A backslash escapes only quotes and itself: browsers once sent whole Windows paths in quotes.
fn read(value: &str) -> String {
    let Some(quoted) = value.strip_prefix('"') else {
        let plain = value.split(';').next().unwrap_or_default();
        let plain = plain.trim();
        let quoted = plain
            .strip_prefix('\'')
            .and_then(|plain| plain.strip_suffix('\''));
        return quoted.unwrap_or(plain).to_owned();
    };
    let mut read = String::new();
    let mut chars = quoted.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => {
                let escaped = chars.next_if(|next| matches!(next, '"' | '\\'));
                read.push(escaped.unwrap_or('\\'));
            }
            _ => read.push(c),
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_by_their_names() {
        for (value, name, found) in [
            ("text/plain; charset=utf-8", "charset", Some("utf-8")),
            ("text/plain;CHARSET = \"utf-8\"", "charset", Some("utf-8")),
            ("text/plain; a=b; charset=x ; c=d", "charset", Some("x")),
            (
                "text/plain; a=\"; charset=y\"; charset=x",
                "charset",
                Some("x"),
            ),
            (
                "text/plain; a=\"\\\"; charset=y\"; charset=x",
                "charset",
                Some("x"),
            ),
            ("text/plain; q; charset=x", "charset", Some("x")),
            ("text/plain; charset", "charset", None),
            ("text/plain; charset=", "charset", Some("")),
            ("charset=x", "charset", None),
            ("form-data; filename=a; name=\"b\"", "name", Some("b")),
            (
                "form-data; name=\"say \\\"x\\\"\"",
                "name",
                Some("say \"x\""),
            ),
            (
                "form-data; filename=\"C:\\dir\\a\"",
                "filename",
                Some("C:\\dir\\a"),
            ),
            ("form-data; name=\"a;b\"; x=y", "name", Some("a;b")),
            ("form-data; name='a'", "name", Some("a")),
            ("form-data; name='", "name", Some("'")),
            ("", "charset", None),
        ] {
            assert_eq!(parameter(value, name).as_deref(), found, "{value}");
        }
    }

    #[test]
    fn the_essence_stands_before_the_parameters() {
        assert_eq!(essence("a/b ; c=d"), "a/b");
        assert_eq!(essence("a/b,a/b"), "a/b");
        assert_eq!(essence(""), "");
    }
}
