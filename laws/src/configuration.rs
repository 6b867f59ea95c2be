//! Any sources document is taken or refused, and one that is taken lets nobody in without a
//! credential.

use switchhook_core::config::Sources;

/// Checks any text as TOML and as JSON.
///
/// # Panics
///
/// When a law does not hold.
pub fn configuration(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for read in [Sources::from_toml(&text), Sources::from_json(&text)] {
        match read {
            Ok(sources) => everybody_proves_who_they_are(&sources),
            Err(error) => {
                assert!(!error.mistakes().is_empty());
                assert!(!error.to_string().is_empty());
            }
        }
    }
    let (toml, json) = (Sources::from_toml(&text), Sources::toml_to_json(&text));
    assert_eq!(toml.is_ok(), json.is_ok(), "what is valid can be pushed");
}

fn everybody_proves_who_they_are(sources: &Sources) {
    assert!(sources.retention_days >= 30);
    for source in sources.iter() {
        let has_credential = source.verification().is_some() || !source.tokens.is_empty();
        assert!(has_credential, "source `{}` is open", source.name);
        assert!(sources.get(&source.name).is_some());
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!((1..=64).contains(&source.name.len()) && source.name.chars().all(plain));
    }
}
