//! What the sources document takes, and every refusal with its place.

use super::*;

mod warnings;

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
state_retention_days = 45
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
        r#"{{"retention_days":45,"state_retention_days":45,"sources":{{"voice":{{"provider":"ai-sync","title":"Voice agents",
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
        assert_eq!(sources.state_retention_days, Some(45));
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
fn unknown_providers_are_answered_with_those_that_there_are() {
    let known: Vec<_> = crate::providers::ALL
        .iter()
        .map(|p| format!("`{}`", p.name()))
        .collect();
    let known = known.join(", ");
    refused(
        "[sources.a]\nprovider = \"twilio\"",
        &format!(
            "line 2: source `a`: `provider`: unknown provider `twilio`; expected one of {known}"
        ),
    );
    for (written, meant) in [
        ("aisync", "ai-sync"),
        ("AI Sync", "ai-sync"),
        ("ai_sync", "ai-sync"),
        ("nectardesk", "nectar-desk"),
        ("CloudContactAI", "cloudcontactai"),
        ("cell-cast", "cellcast"),
        ("standardwebhook", "standard-webhooks"),
    ] {
        let error =
            Sources::from_toml(&format!("[sources.a]\nprovider = \"{written}\"")).unwrap_err();
        let expected = format!(
            "line 2: source `a`: `provider`: unknown provider `{written}`; expected one of {known}; did you mean `{meant}`?"
        );
        assert_eq!(error.mistakes()[1].to_string(), expected, "{error}");
        let missing = error.mistakes()[0].to_string();
        assert!(missing.contains("is missing"), "{missing}");
    }
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
    for blank in ["", " ", "\\n", "\\r\\n\\t", "\u{a0}", "\u{feff}\u{200b}"] {
        refused(
            &format!("[sources.a]\nprovider = \"ai-sync\"\nsecrets = [\"s\", \"{blank}\"]"),
            "line 3: source `a`: `secrets`: must not hold an empty text",
        );
    }
    refused(
        "[sources.a]\nprovider = \"nectar-desk\"",
        "line 1: source `a`: `tokens`: is missing: this provider signs nothing, so that its URL must be secret; `switchhook sources token` makes one",
    );
}

#[test]
fn each_provider_takes_the_credentials_of_its_own_scheme() {
    for (fields, reasons) in [
        (
            "provider = \"cellcast\"\nsecrets = [\"s\"]",
            &[
                "line 1: source `a`: `users`: is missing; for an account that signs nothing set `unsigned = true` and `tokens`",
                "line 3: source `a`: `secrets`: is no field of provider `cellcast`, which takes `users`, `tokens`",
            ][..],
        ),
        (
            "provider = \"cloudcontactai\"\nbody_unsigned = true\nclient_id = \" \"\nsecrets = [\"s\"]",
            &["line 4: source `a`: `client_id`: must not be empty"],
        ),
        (
            "provider = \"cloudcontactai\"\nbody_unsigned = true\nsecrets = [\"s\"]",
            &[
                "line 1: source `a`: `client_id`: is missing: the signature is over your account's id, which the provider's settings show",
            ],
        ),
    ] {
        let error = Sources::from_toml(&format!("[sources.a]\n{fields}")).unwrap_err();
        let mistakes: Vec<_> = error.mistakes().iter().map(ToString::to_string).collect();
        assert_eq!(mistakes, reasons);
    }
    let whole = "[sources.a]\nprovider = \"cloudcontactai\"\nclient_id = \" 7 \"\nsecrets = [\"s\"]\nbody_unsigned = true";
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
            "`networks`: must hold networks such as `203.0.113.0/24`, not `all`",
        ),
        (
            "max_body = \"11MiB\"",
            "`max_body`: must be a size such as `1MiB`, 10MiB at most, not `11MiB`",
        ),
        (
            "max_body = \"0\"",
            "`max_body`: must be a size such as `1MiB`, 10MiB at most, not `0`",
        ),
        ("max_body = 5", "`max_body`: must be a text, not a number"),
        (
            "country = \"Oz\"",
            "`country`: there is no country `Oz`; expected two capital letters of ISO 3166-1, such as `AU`",
        ),
        (
            "country = \"UK\"",
            "`country`: there is no country `UK`; Great Britain is `GB`",
        ),
        (
            "country = \"au\"",
            "`country`: there is no country `au`; Australia is `AU`",
        ),
        (
            "country = \"+61\"",
            "`country`: there is no country `+61`; Australia is `AU`",
        ),
        ("country = 61", "`country`: must be a text, not a number"),
        (
            "client_id = \"7\"",
            "`client_id`: is no field of provider `ai-sync`, which takes `secrets`, `tokens`",
        ),
        (
            "users = [{ username = \"a\", password = \"b\" }]",
            "`users`: is no field of provider `ai-sync`, which takes `secrets`, `tokens`",
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
            "opt_out_words_only = 1",
            "`opt_out_words_only`: must be true or false, not a number",
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
            "unknown field `secret`; did you mean `secrets`?",
        ),
        (
            "signing_key = \"s\"",
            "unknown field `signing_key`; did you mean `secrets`?",
        ),
        (
            "Country = \"AU\"",
            "unknown field `Country`; did you mean `country`?",
        ),
        (
            "opt-out-words = []",
            "unknown field `opt-out-words`; did you mean `opt_out_words`?",
        ),
        (
            "retention_days = 40",
            "unknown field `retention_days` of a source; it belongs at the top, before any `[sources.NAME]`",
        ),
        (
            "inner.provider = \"ai-sync\"",
            "unknown table `inner`; a source is `[sources.NAME]`, NAME without a dot",
        ),
        (
            "colour = \"red\"",
            "unknown field `colour`; expected one of `country`, `max_body`, `networks`, `opt_in_words`, `opt_out_words`, `opt_out_words_only`, `provider`, `secrets`, `title`, `tokens`, `unsigned`",
        ),
    ] {
        let error = source_with(line).unwrap_err().to_string();
        assert_eq!(error, format!("line 4: source `voice`: {reason}"));
    }
}

#[test]
fn the_document_itself_has_its_refusals() {
    let source = "[sources.a]\nprovider = \"ai-sync\"\nsecrets=[\"s\"]";
    let none = "`sources`: there is none: add a `[sources.NAME]` table with its `provider`";
    for empty in [
        "",
        "\n",
        "# nothing\n",
        "\u{feff}",
        "[sources]",
        "sources = {}",
    ] {
        refused(empty, none);
    }
    for (top, mistake) in [
        (
            "retention_days = 29",
            "line 1: `retention_days`: must be between 30 and 3650 days, not 29",
        ),
        (
            "retention_days = \"30\"",
            "line 1: `retention_days`: must be a whole number, not a text",
        ),
        (
            "retention_days = 60\nstate_retention_days = 59",
            "line 2: `state_retention_days`: must be between 60 (`retention_days`) and 3650 days, not 59",
        ),
        (
            "state_retention_days = 3651",
            "line 1: `state_retention_days`: must be between 30 (`retention_days`) and 3650 days, not 3651",
        ),
        (
            "state_retention_days = \"400 days\"",
            "line 1: `state_retention_days`: must be a whole number, not a text",
        ),
        (
            "\nretention = 30",
            "line 2: unknown field `retention`; did you mean `retention_days`?",
        ),
        (
            "colour = 1",
            "line 1: unknown field `colour`; expected one of `opt_in_scope`, `retention_days`, `sources`, `state_retention_days`",
        ),
        (
            "opt_in_scope = \"stak\"",
            "line 1: `opt_in_scope`: must be `source` or `stack`, not `stak`; did you mean `stack`?",
        ),
        (
            "opt_in_scope = true",
            "line 1: `opt_in_scope`: must be a text, not true or false",
        ),
        (
            "country = \"AU\"",
            "line 1: unknown field `country` at the top; it belongs in `[sources.NAME]`",
        ),
    ] {
        refused(&format!("{top}\n{source}"), mistake);
    }
    refused(
        "[voice]\nprovider = \"ai-sync\"\nsecrets=[\"s\"]",
        "line 1: unknown table `voice`; a source is `[sources.NAME]`, NAME without a dot",
    );
    refused(
        "[source.voice]\nprovider = \"ai-sync\"\nsecrets=[\"s\"]",
        "line 1: unknown field `source`; did you mean `sources`?",
    );
    refused(
        "[sources.my.voice]\nprovider = \"ai-sync\"\nsecrets=[\"s\"]",
        "line 1: source `my`: unknown table `voice`; a source is `[sources.NAME]`, NAME without a dot",
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
        "[sources.\"The Voice\"]\nprovider = \"ai-sync\"\nsecrets=[\"s\"]",
        "line 1: source `The Voice`: the name must be 1 to 64 of `a-z`, `0-9` and `-`, such as `the-voice`",
    );
    refused(
        "[sources.\"\"]\nprovider = \"ai-sync\"\nsecrets=[\"s\"]",
        "line 1: source ``: the name must be 1 to 64 of `a-z`, `0-9` and `-`",
    );
}

#[test]
fn what_is_no_document_is_refused_with_its_lines() {
    for (toml, mistakes) in [
        (
            "[sources.a]\nprovider \"x\"",
            &["line 2: not valid TOML here: key with no value, expected `=`"][..],
        ),
        (
            "[sources.a]\nprovider = ai-sync\nsecrets = [\"s\"\n",
            &[
                "line 2: not valid TOML here: string values must be quoted, expected literal string",
                "line 3: not valid TOML here: unclosed array, expected `]`",
            ],
        ),
        (
            "[sources.a]\nprovider = ai-sync\nsecrets = [\"s\"]\ncountry = UK",
            &[
                "line 2: not valid TOML here: string values must be quoted, expected literal string",
                "line 4: not valid TOML here: string values must be quoted, expected literal string",
                "line 4: source `a`: `country`: there is no country `UK`; Great Britain is `GB`",
            ],
        ),
        (
            "[sources.a]\nprovider = \"ai-sync\"\nsecrets = [\"s\"]\nsecrets = [\"t\"]\nmax_bodi = \"1B\"\n",
            &[
                "line 4: not valid TOML here: the same name stands above",
                "line 5: source `a`: unknown field `max_bodi`; did you mean `max_body`?",
            ],
        ),
    ] {
        let error = Sources::from_toml(toml).unwrap_err();
        let found: Vec<_> = error.mistakes().iter().map(ToString::to_string).collect();
        assert_eq!(found, mistakes);
    }
    for (json, mistake) in [
        ("{\n\"a\":", "line 2: not valid JSON here"),
        ("", "line 1: not valid JSON here"),
        ("[]", "must be a table, not a list"),
        (
            r#"{"sources":{"a":{"provider":"ai-sync","secrets":"s3cret"}}}"#,
            "source `a`: `secrets`: must be a list, not a text",
        ),
        (
            r#"{"sources":{"a":{"provider":"ai-sync","secrets":["s3cret"],"secrets":["other"]}}}"#,
            "source `a`: `secrets`: stands there more than once",
        ),
        (
            r#"{"sources":{"a":{"provider":"ai-sync","secrets":["s"],"country":null}}}"#,
            "source `a`: `country`: must be a text, not a value of another type",
        ),
    ] {
        assert_eq!(Sources::from_json(json).unwrap_err().to_string(), mistake);
    }
}

const WRONG: &str = r#"
retention_days = 5
opt_in_scop = "stack"
[sources.voice]
provider = "ai-sink"
secretz = ["hunter22hunter22"]
country = "UK"
max_body = "1 parsec"
tokens = ["short", "{", 7]
[sources.Texts]
provider = "cellcast"
users = [{ user = "hooks", password = "hunter22hunter22" }, { username = "a:b", password = "" }, 5]
networks = ["everywhere", "10.0.0.0/8"]
[sources.std]
provider = "standard-webhooks"
secrets = ["whsec_!", "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
title = true
unsigned = true
"#;

#[test]
fn all_mistakes_are_found_at_once_in_toml_and_json() {
    let error = Sources::from_toml(WRONG).unwrap_err();
    let found: Vec<_> = error.mistakes().iter().map(ToString::to_string).collect();
    let expected = [
        "line 2: `retention_days`: must be between 30 and 3650 days, not 5",
        "line 3: unknown field `opt_in_scop`; did you mean `opt_in_scope`?",
        "line 5: source `voice`: `provider`: unknown provider `ai-sink`; expected one of `ai-sync`, `cellcast`, `cloudcontactai`, `nectar-desk`, `standard-webhooks`; did you mean `ai-sync`?",
        "line 6: source `voice`: unknown field `secretz`; did you mean `secrets`?",
        "line 7: source `voice`: `country`: there is no country `UK`; Great Britain is `GB`",
        "line 8: source `voice`: `max_body`: must be a size such as `1MiB`, 10MiB at most, not `1 parsec`",
        "line 9: source `voice`: `tokens`: must be a list of texts, not of a number",
        "line 9: source `voice`: `tokens`: a token must be 22 or more of `A-Z a-z 0-9 - _`; `switchhook sources token` makes one",
        "line 9: source `voice`: `tokens`: a token must be 22 or more of `A-Z a-z 0-9 - _`; `switchhook sources token` makes one",
        "line 10: source `Texts`: the name must be 1 to 64 of `a-z`, `0-9` and `-`, such as `texts`",
        "line 12: source `Texts`: `users`: unknown field `user` of a user; did you mean `username`?",
        "line 12: source `Texts`: `users`: a `username` cannot hold a colon: HTTP splits name and password there",
        "line 12: source `Texts`: `users`: a `password` must not be empty",
        "line 12: source `Texts`: `users`: must be tables of a `username` and a `password`",
        "line 13: source `Texts`: `networks`: must hold networks such as `203.0.113.0/24`, not `everywhere`",
        "line 16: source `std`: `secrets`: must hold secrets in base64, `whsec_` before them or not: character 1 is none of `A-Z a-z 0-9 + /`",
        "line 17: source `std`: `title`: must be a text, not true or false",
        "line 18: source `std`: `unsigned`: contradicts `secrets`: leave one of them out",
    ];
    assert_eq!(found, expected);
    assert!(!error.to_string().contains("hunter22"), "{error}");

    let json: serde_json::Value = toml::from_str(WRONG).unwrap();
    let error = Sources::from_json(&json.to_string()).unwrap_err();
    let mut of_json: Vec<_> = error.mistakes().iter().map(ToString::to_string).collect();
    let mut of_toml = expected.map(|line| line.split_once(": ").unwrap().1.to_owned());
    of_json.sort();
    of_toml.sort();
    assert_eq!(of_json, of_toml);
}

#[test]
fn one_line_names_no_more_mistakes_than_can_be_read() {
    let sources = (0..30).map(|n| format!("[sources.s{n}]\nprovider = \"ai-sync\"\n"));
    let error = Sources::from_toml(&sources.collect::<String>()).unwrap_err();
    assert_eq!(error.mistakes().len(), 30);
    assert!(error.to_string().ends_with("; and 10 more"), "{error}");
}

#[test]
fn no_finding_repeats_a_secret() {
    for line in [
        "secrets2 = [\"hunter2\"]",
        "tokens = [\"hunter2\"]",
        "title = [\"hunter2\"]",
        "secrets = [\"hunter2\", 5]",
        "title = hunter2",
        "secretz = [\"hunter2\"]\ncountry = \"hunter2\"",
        "token = \"hunter2\"\nmax_body = \" hunter2\"",
        "password = \"hunter2-hunter2\"\nnetworks = [\"is it hunter2-hunter2?\"]",
        "password = \"hunter2-hunter2\"\ncountry = \"hunter2-\"",
        "country = \"hunter2hunter2hunter2hunter2hunter2hunter2\"",
    ] {
        let error = source_with(line).unwrap_err();
        let all = format!("{error} {error:?}");
        assert!(!all.contains("hunter2"), "{all}");
    }
    let quoted = source_with("country = \"a\\u001b[31m\\u202eb\"").unwrap_err();
    assert!(
        quoted.to_string().contains(r"`a\u{1b}[31m\u{202e}b`"),
        "{quoted}"
    );
}
