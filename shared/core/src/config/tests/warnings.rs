//! What is allowed and unwise, and what is read differently from how it stands there.

use super::super::*;
use super::{TOKEN, source_with};

/// What every source of AI Sync without a token for each of its hooks is advised.
const OF_SLUGS: &str = "does not sign the URL";

/// Returns the warnings of a source of these lines, without the advice that has a test of its own.
#[track_caller]
fn warned(provider: &str, lines: &str) -> Vec<String> {
    let toml = format!("[sources.a]\nprovider = \"{provider}\"\n{lines}\n");
    let sources = Sources::from_toml(&toml).unwrap();
    let warnings = sources.warnings().iter().map(ToString::to_string);
    warnings.filter(|text| !text.contains(OF_SLUGS)).collect()
}

#[test]
fn url_that_no_signature_covers_needs_a_token_for_each_deciding_slug() {
    let advice = |provider: &str, lines: &str| {
        let toml = format!("[sources.a]\nprovider = \"{provider}\"\n{STRONG}\n{lines}");
        let sources = Sources::from_toml(&toml).unwrap();
        let warnings = sources.warnings().iter().map(ToString::to_string);
        warnings
            .filter(|text| text.contains(OF_SLUGS))
            .collect::<Vec<_>>()
    };
    let other = TOKEN.to_uppercase();
    for (tokens, count) in [
        (String::new(), "there are none"),
        (format!("tokens = [\"{TOKEN}\"]"), "there is one"),
    ] {
        let all = advice("ai-sync", &tokens);
        let [only] = all.as_slice() else {
            panic!("{all:?}")
        };
        for part in [
            count,
            "`contact`, `contact-delete`",
            "switchhook sources token",
        ] {
            assert!(only.contains(part), "{part} in {only}");
        }
    }
    let both = format!("tokens = [\"{TOKEN}\", \"{other}\"]");
    assert_eq!(advice("ai-sync", &both), [""; 0]);
    assert_eq!(
        advice("standard-webhooks", "").len(),
        0,
        "no slug decides anything there"
    );
}

#[test]
fn networks_that_keep_hardly_anybody_out_are_warned_of() {
    for (networks, warned_of) in [
        (r#""0.0.0.0/0""#, &["`0.0.0.0/0` lets everybody in"][..]),
        (r#""::/0""#, &["`::/0` lets everybody in"]),
        (
            r#""203.0.113.0/24", "::/0", "0.0.0.0/0""#,
            &["`0.0.0.0/0` lets", "`::/0` lets"],
        ),
        // Together they are everybody.
        (
            r#""0.0.0.0/1", "128.0.0.0/1""#,
            &["`0.0.0.0/0` lets everybody in"],
        ),
        (
            r#""8000::/1", "::/2", "4000::/2""#,
            &["`::/0` lets everybody in"],
        ),
        (r#""10.1.2.3/0""#, &["lets everybody in"]),
        (r#""64.0.0.0/2""#, &["lets far more than one sender in"]),
        (r#""2000::/3""#, &["lets far more than one sender in"]),
        (r#""10.0.0.0/8", "203.0.113.7", "2001:db8::/32""#, &[]),
    ] {
        let tokens = format!("tokens = [\"{TOKEN}\"]\ncountry = \"US\"");
        let found = warned("nectar-desk", &format!("{tokens}\nnetworks = [{networks}]"));
        assert_eq!(found.len(), warned_of.len(), "{networks}: {found:?}");
        for (found, part) in found.iter().zip(warned_of) {
            assert!(
                found.contains("`networks`: ") && found.contains(part),
                "{found}"
            );
            assert!(found.contains("leave the field out"), "{found}");
        }
    }
}

#[test]
fn credentials_of_few_characters_are_warned_of() {
    let repeated = "a".repeat(30);
    let secret = |text: &str| {
        warned(
            "ai-sync",
            &format!("secrets = [\"{text}\"]\ncountry = \"US\""),
        )
    };
    let token = |text: &str| {
        warned(
            "nectar-desk",
            &format!("tokens = [\"{text}\"]\ncountry = \"US\""),
        )
    };
    let password = |text: &str| {
        warned(
            "cellcast",
            &format!("users = [{{ username = \"u\", password = \"{text}\" }}]"),
        )
    };
    for (weak, found) in [
        (&repeated, "one character"),
        (&"-_".repeat(15), "only 2 different characters"),
        (&"abc".repeat(10), "only 3 different characters"),
    ] {
        for warnings in [secret(weak), token(weak), password(weak)] {
            let [only] = warnings.as_slice() else {
                panic!("{warnings:?}")
            };
            assert!(only.contains(found), "{only}");
            assert!(
                only.contains("set a random one") || only.contains("sources token"),
                "{only}"
            );
            assert!(!only.contains(weak.as_str()), "{only}");
        }
    }
    assert_eq!(token(&"abcde".repeat(5)).len(), 1);
    for strong in [
        "0123456789abcdef0123456789abcdef",
        TOKEN,
        "uQ3zR8vLw0Yt5KpXc2NbJd",
    ] {
        assert_eq!(
            [secret(strong), token(strong), password(strong)].concat(),
            [""; 0]
        );
    }
}

#[test]
fn secrets_of_standard_webhooks_have_twenty_four_bytes() {
    for (bytes, warned_of) in [(16, true), (23, true), (24, false), (64, false)] {
        let key: Vec<u8> = (0..bytes).collect();
        let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key);
        let found = warned(
            "standard-webhooks",
            &format!("secrets = [\"whsec_{text}\"]"),
        );
        assert_eq!(found.len(), usize::from(warned_of), "{found:?}");
        let says = format!(
            "one is {bytes} bytes long: fewer than 24 can be found by trying; set a longer"
        );
        assert!(found.iter().all(|text| text.contains(&says)), "{found:?}");
    }
}

const STRONG: &str = "secrets = [\"0123456789abcdef\"]\ncountry = \"AU\"";

#[test]
fn secrets_are_taken_without_what_came_with_copying() {
    for around in [
        "\\n",
        "\\r\\n",
        "\\t",
        " ",
        "\u{a0}",
        "\u{feff}",
        "\u{200b}",
        "\u{202e}\\n ",
    ] {
        let text = format!("{around}a secret{around}");
        let of = |provider: &str, more: &str| {
            let toml =
                format!("[sources.a]\nprovider = \"{provider}\"\nsecrets = [\"{text}\"]\n{more}");
            let sources = Sources::from_toml(&toml).unwrap();
            sources.get("a").unwrap().credentials.secrets.clone()
        };
        let expected = [crate::schemes::SigningSecret::new("a secret")];
        assert_eq!(of("ai-sync", ""), expected, "{around:?}");
        assert_eq!(
            of("cloudcontactai", "client_id = \"1\"\nbody_unsigned = true"),
            expected
        );
        let toml = format!(
            "[sources.a]\nprovider = \"nectar-desk\"\ntokens = [\"{around}{TOKEN}{around}\"]"
        );
        let tokens = Sources::from_toml(&toml)
            .unwrap()
            .get("a")
            .unwrap()
            .tokens
            .clone();
        assert_eq!(tokens[0].as_str(), TOKEN);
    }
    let users =
        "[sources.a]\nprovider = \"cellcast\"\nusers = [{ username = \" u\", password = \"p \" }]";
    let user = Sources::from_toml(users)
        .unwrap()
        .get("a")
        .unwrap()
        .credentials
        .users[0]
        .clone();
    assert_eq!(
        (user.username.as_str(), user.password.as_str()),
        (" u", "p ")
    );
}

#[test]
fn several_secrets_of_one_text_are_read_where_it_is_sure() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let toml = format!(
        "[sources.a]\nprovider = \"standard-webhooks\"\nsecrets = [\"v1,{secret}|v1,whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\"]"
    );
    let sources = Sources::from_toml(&toml).unwrap();
    assert_eq!(sources.get("a").unwrap().credentials.secrets.len(), 2);
    assert!(sources.warnings().is_empty());
}

#[test]
fn weak_and_strange_credentials_are_warned_of_and_never_shown() {
    assert_eq!(warned("ai-sync", STRONG), [""; 0]);
    for (secrets, reason) in [
        (
            "\"hunter2\"",
            "one is 7 bytes long: fewer than 16 can be found by trying",
        ),
        ("\"hunter2\\n\"", "one is 7 bytes long"),
        (
            "\"hunter2hunter2hunter2\\nhunter2hunter2\"",
            "one holds a line break",
        ),
        ("\"'hunter2hunter2hunter2'\"", "one stands in quotes twice"),
        (
            "\"hunter2hunter2hunter2,hunter3hunter3hunter3\"",
            "several secrets in one text",
        ),
        (
            "\"hunter2hunter2hunter2 hunter3hunter3hunter3\"",
            "several secrets in one text",
        ),
    ] {
        let all = warned(
            "ai-sync",
            &format!("secrets = [{secrets}]\ncountry = \"AU\""),
        );
        let [warning] = all.as_slice() else {
            panic!("{all:?}")
        };
        let expected = format!("line 3: source `a`: `secrets`: {reason}");
        assert!(
            warning.starts_with("line 3: source `a`: `secrets`: ") && warning.contains(reason),
            "{warning} {expected}"
        );
        assert!(!warning.contains("hunter"), "{warning}");
    }
    assert_eq!(
        warned(
            "standard-webhooks",
            "secrets = [\"whsec_bmV3IG5ldyBuZXc=\"]"
        ),
        [
            "line 3: source `a`: `secrets`: one is 11 bytes long: fewer than 24 can be found by trying; set a longer one, here and at the sender"
        ]
    );
    assert_eq!(
        warned(
            "cellcast",
            "users = [{ username = \"u \", password = \" hunter2\" }]"
        ),
        [
            "line 3: source `a`: `users`: white space at either end of a `username` is part of it",
            "line 3: source `a`: `users`: white space at either end of a `password` is part of it",
            "line 3: source `a`: `users`: a `password`: one is 8 bytes long: fewer than 16 can be found by trying; set a longer one, here and at the sender",
        ]
    );
}

#[test]
fn sources_that_take_texts_without_a_country_are_warned_of() {
    let token = format!("tokens = [\"{TOKEN}\"]\n");
    for (provider, lines) in [
        ("ai-sync", "secrets = [\"0123456789abcdef\"]\n"),
        ("nectar-desk", &token),
        ("cloudcontactai", &format!("unsigned = true\n{token}")),
    ] {
        let all = warned(provider, lines);
        let [warning] = all.as_slice() else {
            panic!("{all:?}")
        };
        assert!(
            warning.starts_with("source `a`: `country`: is missing"),
            "{warning}"
        );
        assert_eq!(
            warned(provider, &format!("{lines}country = \"AU\"")),
            [""; 0]
        );
    }
    let users = "users = [{ username = \"u\", password = \"0123456789abcdef\" }]";
    assert_eq!(
        warned("cellcast", users),
        [""; 0],
        "its country is Australia"
    );
    let secret = "secrets = [\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"]";
    assert_eq!(
        warned("standard-webhooks", secret),
        [""; 0],
        "it has no texts"
    );
}

#[test]
fn words_that_cannot_do_what_they_are_for_are_warned_of() {
    let long = "A".repeat(1_601);
    for (lines, warnings) in [
        (
            "opt_out_words = [\"ARRET\", \"Arrêt\", \"停止\", \"2\"]",
            &[][..],
        ),
        (
            "opt_out_words = [\"ARRET\", \"STOP\"]\nopt_out_words_only = true",
            &[],
        ),
        (
            "opt_out_words = [\"stop!\"]\nopt_out_words_only = true",
            &[],
        ),
        (
            "opt_out_words = [\"🛑\", \"STOP\"]",
            &[
                "line 5: source `a`: `opt_out_words`: `🛑` can never match: texts are compared by their letters and digits alone",
            ],
        ),
        (
            "opt_in_words = [\n\"👍🏽\",\n\"?!\",\n]",
            &[
                "line 6: source `a`: `opt_in_words`: `👍🏽` can never match: texts are compared by their letters and digits alone",
                "line 7: source `a`: `opt_in_words`: `?!` can never match: texts are compared by their letters and digits alone",
            ],
        ),
        (
            &format!("opt_out_words = [\"{long}\"]"),
            &[
                "line 5: source `a`: `opt_out_words`: one can never match: no text is longer than 1600 characters",
            ],
        ),
        (
            "opt_out_words = [\"opt out\", \"Opt-Out.\"]",
            &["line 5: source `a`: `opt_out_words`: `Opt-Out.` is the same word as `opt out`"],
        ),
        (
            "opt_out_words = [\"NO\"]\nopt_in_words = [\"no!\", \"JA\"]",
            &["line 6: source `a`: `opt_in_words`: `no!` is an opt-out word too: it opts out"],
        ),
        (
            "opt_out_words = [\"ARRET\"]\nopt_out_words_only = true",
            &[
                "line 6: source `a`: `opt_out_words_only`: `STOP` is not among `opt_out_words`: who says it would still be texted",
            ],
        ),
        (
            "opt_out_words_only = true",
            &[
                "line 5: source `a`: `opt_out_words_only`: `STOP` is not among `opt_out_words`: who says it would still be texted",
            ],
        ),
        ("opt_out_words_only = false", &[]),
    ] {
        assert_eq!(
            warned("ai-sync", &format!("{STRONG}\n{lines}")),
            warnings,
            "{lines}"
        );
    }
}

#[test]
fn placeholders_of_our_pages_are_found_wherever_they_stand() {
    for (lines, field) in [
        (
            "provider = \"ai-sync\"\nsecrets = [\"The signing secret\"]",
            "secrets",
        ),
        ("provider = \"ai-sync\"\nsecrets = [\"%s\\n\"]", "secrets"),
        (
            "provider = \"cellcast\"\nusers = [{ username = \"hooks\", password = \"…\" }]",
            "users",
        ),
        (
            "provider = \"cellcast\"\nusers = [{ username = \"…\", password = \"0123456789abcdef\" }]",
            "users",
        ),
        (
            "provider = \"cloudcontactai\"\nbody_unsigned = true\nclient_id = \"…\"\nsecrets = [\"s\"]",
            "client_id",
        ),
    ] {
        let sources = Sources::from_toml(&format!("[sources.a]\n{lines}")).unwrap();
        let found: Vec<_> = sources
            .placeholders()
            .iter()
            .map(|one| one.field.as_deref())
            .collect();
        assert_eq!(found, [Some(field)], "{lines}");
    }
    for lines in [
        "provider = \"nectar-desk\"\ntokens = [\"…\"]",
        "provider = \"standard-webhooks\"\nsecrets = [\"whsec_…\"]",
    ] {
        let error = Sources::from_toml(&format!("[sources.a]\n{lines}")).unwrap_err();
        assert!(error.to_string().contains("is a placeholder"), "{error}");
    }
}

#[test]
fn opt_in_scope_and_words_are_read_from_toml_and_json_alike() {
    let toml = format!(
        "opt_in_scope = \"stack\"\n[sources.a]\nprovider = \"ai-sync\"\n{STRONG}\nopt_out_words = [\"STOP\"]\nopt_out_words_only = true"
    );
    let json = Sources::toml_to_json(&toml).unwrap();
    for sources in [
        Sources::from_toml(&toml).unwrap(),
        Sources::from_json(&json.to_string()).unwrap(),
        Sources::from_json(&format!("\u{feff}{json}")).unwrap(),
        Sources::from_toml(&format!("\u{feff}{}", toml.replace('\n', "\r\n"))).unwrap(),
    ] {
        assert_eq!(sources.opt_in_scope, OptInScope::Stack);
        assert!(sources.get("a").unwrap().reading.opt_out_words_only);
    }
    let default = source_with("").unwrap();
    assert_eq!(default.opt_in_scope, OptInScope::Source);
    assert_eq!(
        serde_json::to_string(&OptInScope::Stack).unwrap(),
        "\"stack\""
    );
    let reading = &default.get("voice").unwrap().reading;
    assert_eq!(serde_json::to_string(reading).unwrap(), "{}");
}

#[test]
fn signature_that_leaves_the_body_out_needs_a_token_unless_insisted() {
    const TOKENS: &str = "tokens = [\"abcdefghijklmnopqrstuv\"]";
    let mistakes = |provider: &str, more: &str| {
        let lines = format!("[sources.a]\nprovider = \"{provider}\"\nsecrets = [\"s\"]\n{more}");
        match Sources::from_toml(&lines) {
            Ok(_) => Vec::new(),
            Err(error) => error.mistakes().iter().map(ToString::to_string).collect(),
        }
    };
    let id = "client_id = \"7\"\n";
    for more in [
        TOKENS,
        "body_unsigned = true",
        &format!("body_unsigned = true\n{TOKENS}"),
        &format!("body_unsigned = false\n{TOKENS}"),
    ] {
        assert!(
            mistakes("cloudcontactai", &format!("{id}{more}")).is_empty(),
            "{more}"
        );
    }
    for more in ["", "body_unsigned = false"] {
        let [mistake] =
            <[String; 1]>::try_from(mistakes("cloudcontactai", &format!("{id}{more}"))).unwrap();
        for word in [
            "`tokens`: is missing",
            "does not cover the body",
            "switchhook sources token",
            "`body_unsigned = true`",
        ] {
            assert!(mistake.contains(word), "{mistake}");
        }
    }
    let [mistake] = <[String; 1]>::try_from(mistakes("ai-sync", "body_unsigned = true")).unwrap();
    assert!(
        mistake.contains("is no field of provider `ai-sync`"),
        "{mistake}"
    );
}
