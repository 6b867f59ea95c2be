//! What the sources document takes, and every refusal with its place.

use super::*;

const TOKEN: &str = "abcdefghijklmnopqrstuvwxyz";

#[track_caller]
fn refused(toml: &str, expected: &str) {
    assert_eq!(Sources::from_toml(toml).unwrap_err().to_string(), expected);
}

#[track_caller]
fn source_with(line: &str) -> Result<Sources, ConfigError> {
    Sources::from_toml(&format!(
        "[sources.voice]\nprovider = \"ai-sync\"\nsecrets = [\"s\"]\n{line}\n"
    ))
}

#[test]
fn a_whole_document_is_read_from_toml_and_json_alike() {
    let toml = format!(
        r#"
retention_days = 45
[sources.voice]
provider = "ai-sync"
title = "Voice agents"
secrets = ["current", "previous"]
tokens = ["{TOKEN}"]
networks = ["203.0.113.0/24", "2001:db8::1"]
max_body = "1MiB"
country = "AU"
opt_out_words = ["STOP"]
[sources.plain]
provider = "ai-sync"
unsigned = true
tokens = ["{TOKEN}"]
"#
    );
    let json = format!(
        r#"{{"retention_days":45,"sources":{{"voice":{{"provider":"ai-sync","title":"Voice agents",
        "secrets":["current","previous"],"tokens":["{TOKEN}"],"networks":["203.0.113.0/24","2001:db8::1"],
        "max_body":"1MiB","country":"AU","opt_out_words":["STOP"]}},
        "plain":{{"provider":"ai-sync","unsigned":true,"tokens":["{TOKEN}"]}}}}}}"#
    );
    let converted = Sources::toml_to_json(&toml).unwrap().to_string();
    for sources in [
        Sources::from_toml(&toml).unwrap(),
        Sources::from_json(&json).unwrap(),
        Sources::from_json(&converted).unwrap(),
    ] {
        assert_eq!(sources.retention_days, 45);
        assert_eq!(
            sources.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
            ["plain", "voice"]
        );
        let voice = sources.get("voice").unwrap();
        assert_eq!(voice.scheme(), "hmac-sha256 + url-token");
        assert_eq!(
            (voice.credentials.secrets.len(), voice.max_body),
            (2, 1 << 20)
        );
        assert_eq!(voice.networks.len(), 2);
        assert_eq!(sources.get("plain").unwrap().scheme(), "url-token");
        assert_eq!(sources.get("plain").unwrap().max_body, 4 << 20);
    }
}

#[test]
fn an_unknown_provider_is_told_those_that_there_are() {
    let known: Vec<_> = providers::ALL
        .iter()
        .map(|p| format!("`{}`", p.name()))
        .collect();
    refused(
        "[sources.a]\nprovider = \"twilio\"",
        &format!(
            "line 2: source `a`: `provider`: no such provider; there is {}",
            known.join(", ")
        ),
    );
}

#[test]
fn credentials_are_asked_for() {
    refused(
        "[sources.a]\nprovider = \"ai-sync\"",
        "line 1: source `a`: `secrets`: is missing; for an account that signs nothing set `unsigned = true` and `tokens`",
    );
    refused(
        "[sources.a]\nprovider = \"ai-sync\"\nunsigned = true",
        "line 3: source `a`: `unsigned`: needs `tokens`, or anybody could send; `switchhook sources token` makes one",
    );
    refused(
        "[sources.a]\nprovider = \"ai-sync\"\nunsigned = true\nsecrets = [\"s\"]",
        "line 3: source `a`: `unsigned`: contradicts `secrets`: leave one of them out",
    );
    refused(
        "[sources.a]\nprovider = \"ai-sync\"\nsecrets = []",
        "line 3: source `a`: `secrets`: must not be empty: fill it or leave the field out",
    );
    refused(
        "[sources.a]\nprovider = \"ai-sync\"\nsecrets = [\"s\", \" \"]",
        "line 3: source `a`: `secrets`: must not hold an empty text",
    );
}

#[test]
fn each_provider_takes_the_credentials_of_its_own_scheme() {
    for (fields, reason) in [
        (
            "provider = \"cellcast\"\nsecrets = [\"s\"]",
            "`secrets`: is no field of provider `cellcast`",
        ),
        (
            "provider = \"cloudcontactai\"\nclient_id = \" \"\nsecrets = [\"s\"]",
            "`client_id`: must not be empty",
        ),
        (
            "provider = \"cloudcontactai\"\nsecrets = [\"s\"]",
            "`client_id`: is missing: the signature is over your account's id, which the provider's settings show",
        ),
    ] {
        let error = Sources::from_toml(&format!("[sources.a]\n{fields}")).unwrap_err();
        let line = if reason.contains("missing") { 1 } else { 3 };
        assert_eq!(
            error.to_string(),
            format!("line {line}: source `a`: {reason}")
        );
    }
    let whole =
        "[sources.a]\nprovider = \"cloudcontactai\"\nclient_id = \" 7 \"\nsecrets = [\"s\"]";
    let sources = Sources::from_toml(whole).unwrap();
    let credentials = &sources.get("a").unwrap().credentials;
    assert_eq!(credentials.client_id.as_deref(), Some("7"));
}

#[test]
fn each_field_has_its_refusal() {
    for (line, reason) in [
        (
            "tokens = [\"short\"]",
            "`tokens`: a token must be 22 or more of `A-Z a-z 0-9 - _`; `switchhook sources token` makes one",
        ),
        (
            "networks = [\"all\"]",
            "`networks`: must hold networks such as `203.0.113.0/24`",
        ),
        (
            "max_body = \"11MiB\"",
            "`max_body`: must be a size such as `1MiB`, 10MiB at most",
        ),
        (
            "max_body = \"0\"",
            "`max_body`: must be a size such as `1MiB`, 10MiB at most",
        ),
        ("max_body = 5", "`max_body`: must be a text, not a number"),
        (
            "country = \"Oz\"",
            "`country`: must be a country's two capital letters, such as `AU`",
        ),
        (
            "client_id = \"7\"",
            "`client_id`: is no field of provider `ai-sync`",
        ),
        (
            "users = [{ username = \"a\", password = \"b\" }]",
            "`users`: is no field of provider `ai-sync`",
        ),
        (
            "title = 1.5",
            "`title`: must be a text, not a value of another type",
        ),
        (
            "unsigned = \"yes\"",
            "`unsigned`: must be true or false, not a text",
        ),
        (
            "opt_in_words = \"START\"",
            "`opt_in_words`: must be a list, not a text",
        ),
        (
            "opt_in_words = [1]",
            "`opt_in_words`: must be a list of texts, not of a number",
        ),
        (
            "secret = \"s\"",
            "`secret`: unknown field; there is `client_id`, `country`, `max_body`, `networks`, `opt_in_words`, `opt_out_words`, `provider`, `secrets`, `title`, `tokens`, `unsigned`, `users`",
        ),
    ] {
        let error = source_with(line).unwrap_err().to_string();
        assert_eq!(error, format!("line 4: source `voice`: {reason}"));
    }
}

#[test]
fn the_document_itself_has_its_refusals() {
    refused(
        "",
        "`sources`: there is none: add a `[sources.NAME]` table with its `provider`",
    );
    refused(
        "retention_days = 29",
        "line 1: `retention_days`: must be between 30 and 3650 days",
    );
    refused(
        "\nretention = 29\n[sources.a]\nprovider = \"ai-sync\"\nsecrets=[\"s\"]",
        "line 2: `retention`: unknown field; there is `retention_days`, `sources`",
    );
    refused(
        "sources = 5",
        "line 1: `sources`: must be a table, not a number",
    );
    refused(
        "[sources]\na = 5",
        "line 2: source `a`: must be a table, not a number",
    );
    refused(
        "[sources.Voice]\nprovider = \"ai-sync\"",
        "line 1: source `Voice`: the name must be 1 to 64 of `a-z`, `0-9` and `-`",
    );
    refused("[sources.a]\nprovider \"x\"", "line 2: not valid TOML here");
    assert_eq!(
        Sources::from_json("{\n\"a\":").unwrap_err().to_string(),
        "line 2: not valid JSON here"
    );
    assert_eq!(
        Sources::from_json("[]").unwrap_err().to_string(),
        "must be a table, not a list"
    );
    assert_eq!(
        Sources::from_json(r#"{"sources":{"a":{"provider":"ai-sync","secrets":"s3cret"}}}"#)
            .unwrap_err()
            .to_string(),
        "source `a`: `secrets`: must be a list, not a text"
    );
}

#[test]
fn no_refusal_repeats_a_value() {
    for line in [
        "secrets2 = [\"hunter2\"]",
        "tokens = [\"hunter2\"]",
        "networks = [\"hunter2\"]",
        "country = \"hunter2\"",
        "max_body = \"hunter2\"",
        "title = [\"hunter2\"]",
        "secrets = [\"hunter2\", 5]",
        "title = hunter2",
    ] {
        let error = source_with(line).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
