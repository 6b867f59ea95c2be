//! E-mail addresses as people and mail software write them, read as the plain address.

/// The longest address (RFC 5321, with its erratum 1690).
const MAX_BYTES: usize = 254;

/// The longest part before the at sign.
const MAX_LOCAL_BYTES: usize = 64;

/// Returns the plain address in lower case: of `Ann <ann@example.com>`, of `<ann@example.com>`, of
/// `mailto:ann@example.com?subject=stop`, or of the address itself.
///
/// `None` where no address is there, or several.
///
/// ```
/// use switchhook_core::address::email_address;
///
/// let address = email_address("\"Ann B.\" <Ann@Example.com>;");
/// assert_eq!(address.as_deref(), Some("ann@example.com"));
/// assert_eq!(email_address("nobody"), None);
/// ```
#[must_use]
pub fn email_address(text: &str) -> Option<String> {
    let bare = match text.rfind('<') {
        Some(place) => behind_name(text, place)?,
        // What is cut off at its beginning, such as `ann@example.com>`.
        None => text.split('>').next().unwrap_or_default(),
    };
    let bare = bare.trim_matches(is_around);
    let (bare, is_uri) = match bare.split_at_checked("mailto:".len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto:") => (rest, true),
        _ => (bare, false),
    };
    let address = if is_uri {
        let address = bare.split(['?', '#']).next().unwrap_or_default();
        unescaped(address.trim_start_matches('/'))?
    } else {
        bare.to_owned()
    };
    let address = address.trim_matches(is_around).to_lowercase();
    is_address(&address).then_some(address)
}

/// Returns whether an address, as [`email_address`] returns it, stands anywhere in a text, and not as a part
/// of a longer one.
#[must_use]
pub fn mentions(text: &str, address: &str) -> bool {
    let text = text.to_lowercase();
    text.match_indices(address).any(|(start, _)| {
        let before = text.get(..start).and_then(|text| text.chars().next_back());
        let behind = text.get(start.saturating_add(address.len())..);
        let mut behind = behind.unwrap_or_default().chars();
        let is_longer = match behind.next() {
            Some('.') => behind.next().is_some_and(char::is_alphanumeric),
            Some(c) => c.is_alphanumeric() || c == '-' || c == '_',
            None => false,
        };
        !is_longer && !before.is_some_and(|c| c.is_alphanumeric() || "._+-%~!#$*^".contains(c))
    })
}

/// White space, what people put around an address, and what no one sees.
fn is_around(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '"' | '\'' | '`' | ';' | ',' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}

/// Returns what stands in the last angle brackets, if nothing but a comment or punctuation comes
/// behind them.
fn behind_name(text: &str, place: usize) -> Option<&str> {
    let (name, rest) = text.split_at_checked(place)?;
    let inner = rest.trim_start_matches('<');
    let (inner, behind) = inner.split_once('>').unwrap_or((inner, ""));
    let is_alone = !outside_quotes(name).contains(['<', '>'])
        && behind
            .chars()
            .all(|c| is_around(c) || matches!(c, '>' | '.'));
    let is_doubled = name.ends_with('<') && !name.trim_end_matches('<').contains(['<', '>']);
    (is_alone || is_doubled).then_some(inner)
}

/// Leaves out what stands in quotes.
fn outside_quotes(text: &str) -> String {
    text.split('"').step_by(2).collect()
}

/// Undoes the escapes of a URI; `None` where they make no text.
fn unescaped(written: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        let escape = match (byte, behind) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                let value = digit(high).zip(digit(low));
                let value = value.and_then(|(high, low)| u8::try_from((high << 4) | low).ok());
                value.map(|value| (value, after))
            }
            _ => None,
        };
        match escape {
            Some((value, after)) => {
                bytes.push(value);
                rest = after;
            }
            None => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok()
}

/// Tells whether a text is one address: it has one at sign, something before it, a host behind it,
/// and nothing that separates addresses.
fn is_address(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else {
        return false;
    };
    let is_part = |c: char| {
        !(c.is_whitespace()
            || c.is_control()
            || "<>()[]\\,;:\"@".contains(c)
            || is_around(c) && c != '\'' && c != '`')
    };
    let label = |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-');
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    text.len() <= MAX_BYTES
        && (1..=MAX_LOCAL_BYTES).contains(&local.len())
        && local.chars().all(is_part)
        && host.chars().all(is_host)
        && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_out_of_what_is_around_it() {
        for text in [
            "ann@example.com",
            "Ann@Example.COM",
            "  ann@example.com\r\n",
            "<ann@example.com>",
            "< ann@example.com >",
            "Ann <ann@example.com>",
            "\"Ann\" <ann@example.com>",
            "\"Ann <B>, MD\" <ann@example.com>",
            "\"ann@home.example\" <ann@example.com>",
            "ann@home.example <ann@example.com>",
            "Ann<ann@example.com>",
            "Ann <ann@example.com>;",
            "Ann <ann@example.com",
            "ann@example.com>",
            "ann@example.com;",
            "ann@example.com,",
            "<<ann@example.com>>",
            "\"ann@example.com\"",
            "'ann@example.com'",
            "mailto:ann@example.com",
            "MailTo:ann@example.com",
            "mailto: ann@example.com",
            "mailto:ann%40example.com",
            "mailto:ann@example.com?subject=stop",
            "mailto:ann%40example.com?subject=a@b&body=c",
            "<mailto:ann@example.com?subject=stop>",
            "Ann <mailto:ann@example.com>",
            "mailto:%20ann@example.com",
            "\u{feff}ann@example.com\u{200b}",
            "Ann\u{a0}<ann@example.com>",
            "\"Ann <ann@example.com>\"",
            "'Ann' <ann@example.com>.",
        ] {
            let found = email_address(text);
            assert_eq!(found.as_deref(), Some("ann@example.com"), "{text}");
        }
    }

    #[test]
    fn addresses_of_all_kinds_are_kept() {
        for (text, address) in [
            ("a.b+tag@x.example", "a.b+tag@x.example"),
            ("o'neil@x.example", "o'neil@x.example"),
            ("mailto:a+b@x.example", "a+b@x.example"),
            ("mailto:a%2Bb@x.example", "a+b@x.example"),
            ("a%40b@x.example", "a%40b@x.example"),
            (
                "J\u{d6}RG@M\u{dc}LLER.example",
                "j\u{f6}rg@m\u{fc}ller.example",
            ),
            ("a@localhost", "a@localhost"),
            ("a_b@x_y.example", "a_b@x_y.example"),
        ] {
            assert_eq!(email_address(text).as_deref(), Some(address), "{text}");
        }
    }

    #[test]
    fn address_is_found_whole_only() {
        for text in [
            "ann@example.com",
            "To: Ann <Ann@Example.com>, Bob",
            r#"{"email":"ANN@example.com"}"#,
            "email=ann@example.com&x=1",
            "write to ann@example.com.",
            "mailto:ann@example.com?subject=x",
            "joann@example.com ann@example.com",
        ] {
            assert!(mentions(text, "ann@example.com"), "{text}");
        }
        for text in [
            "",
            "joann@example.com",
            "x.ann@example.com",
            "ann@example.com.au",
            "ann@example.community",
            "ann@example.com-x.example",
        ] {
            assert!(!mentions(text, "ann@example.com"), "{text}");
        }
        assert!(mentions("J\u{d6}RG@x.example", "j\u{f6}rg@x.example"));
    }

    #[test]
    fn what_is_no_address_is_none() {
        let long = format!("a@{}.example", "x".repeat(250));
        let long_local = format!("{}@x.example", "a".repeat(65));
        for text in [
            "",
            " ",
            "ann",
            "@",
            "ann@",
            "@example.com",
            "ann@@example.com",
            "ann@b@example.com",
            "ann@example.com bob@example.com",
            "ann@example.com, bob@example.com",
            "ann@example.com;bob@example.com",
            "Ann <ann@example.com>, Bob <bob@example.com>",
            "<ann@example.com> bob@example.com",
            "mailto:ann@example.com,bob@example.com",
            "mailto:",
            "mailto:%ff@example.com",
            "Ann <>",
            "ann at example.com",
            "ann@exa mple.com",
            "ann@example..com",
            "ann@-example.com",
            "ann@example.com/x",
            "http://ann@example.com",
            "+15550100003",
            &long,
            &long_local,
        ] {
            assert_eq!(email_address(text), None, "{text}");
        }
        let longest = format!("a@{}.example", "x".repeat(254 - 10));
        assert_eq!(email_address(&longest).map(|found| found.len()), Some(254));
    }
}
