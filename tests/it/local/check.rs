//! `check`: what is wrong or unwise in a file of sources, all of it in one run.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use switchhook_core::config::placeholders::is_placeholder;
use tests::workspace_root;

use super::{CONFIGURED, SECRET, sign};
use crate::programs::{Home, Said};

const GOOD: &str = "[sources.voice]\nprovider = \"ai-sync\"\nsecrets = [\"a secret that no terminal may show\"]\ncountry = \"US\"\n";

/// What a source of AI Sync without a token for each of its hooks is advised.
const OF_SLUGS: &str = "does not sign the URL";

/// Checks a file of these bytes.
fn check(home: &Home, bytes: impl AsRef<[u8]>, args: &[&str]) -> Said {
    home.write("file.toml", &bytes);
    home.run(&[&["check", "--config", "file.toml"], args].concat())
}

#[track_caller]
fn valid(home: &Home, bytes: impl AsRef<[u8]>) -> Vec<String> {
    let said = check(home, bytes, &["--json"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let warnings = said.json()["warnings"].clone();
    let warnings: Vec<String> = serde_json::from_value(warnings).unwrap();
    let is_other = |warning: &String| !warning.contains(OF_SLUGS);
    warnings.into_iter().filter(is_other).collect()
}

#[test]
fn a_valid_file_is_listed_and_a_wrong_one_refused_with_line_source_and_field() {
    let home = Home::new();
    let good = check(&home, CONFIGURED, &[]);
    assert_eq!((good.code, good.err.as_str()), (Some(0), ""));
    assert!(
        good.out.contains("voice") && good.out.contains("other"),
        "{}",
        good.out
    );
    let good = check(&home, GOOD, &["--json"]).json();
    let advice = good["warnings"][0].as_str().unwrap();
    assert!(
        advice.contains("`tokens`") && advice.contains(OF_SLUGS),
        "{advice}"
    );
    assert_eq!(
        good,
        json!({"valid": true, "sources": ["voice"], "warnings": [advice]})
    );

    let broken = CONFIGURED.replace("title = \"The front desk\"", "max_body = \"1 parsec\"");
    home.write("bad.toml", &broken);
    let bad = home.run(&["check", "--config", "bad.toml"]);
    assert_eq!((bad.code, bad.out.as_str()), (Some(1), ""));
    for part in [
        "bad.toml",
        "line 3",
        "source `voice`",
        "`max_body`",
        "`1 parsec`",
    ] {
        assert!(bad.err.contains(part), "{part} in {}", bad.err);
    }
    assert!(!bad.err.contains(SECRET), "{}", bad.err);
    let refused = home.run(&["local", "--port", "0", "--config", "bad.toml"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("line 3"), "{}", refused.err);

    for wrong in [&["check", "--what"][..], &["events", "--kind", "none"], &[]] {
        assert_eq!(home.run(wrong).code, Some(2), "{wrong:?}");
    }
    assert_eq!(home.run(&["events", "--data", "none"]).code, Some(1));
}

#[test]
fn all_mistakes_are_reported_in_one_run_by_every_command() {
    let home = Home::new();
    let file = "[sources.voice]\nprovider = \"ai-sync\"\nsecretz = [\"hush-hush-secret\"]\ncountry = \"UK\"\n[sources.b]\nprovider = \"twillio\"\n";
    let said = check(&home, file, &[]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    let lines: Vec<_> = said.err.lines().collect();
    assert!(lines[0].ends_with("file.toml` is refused:"), "{}", said.err);
    assert_eq!(
        lines[1..4],
        [
            "  line 3: source `voice`: unknown field `secretz`; did you mean `secrets`?",
            "  line 4: source `voice`: `country`: there is no country `UK`; Great Britain is `GB`",
            "  line 6: source `b`: `provider`: unknown provider `twillio`; expected one of `ai-sync`, `cellcast`, `cloudcontactai`, `nectar-desk`, `standard-webhooks`",
        ]
    );
    let json = check(&home, file, &["--json"]);
    assert_eq!(json.code, Some(1));
    let object = json.json();
    assert_eq!(object["valid"], false);
    assert_eq!(
        object["mistakes"][0],
        json!({
            "line": 3, "source": "voice", "field": "secretz",
            "reason": "unknown field `secretz`; did you mean `secrets`?"
        })
    );
    assert_eq!(object["mistakes"].as_array().unwrap().len(), 3);
    for command in [
        &["local", "--port", "0"][..],
        &["sources"],
        &["send", "voice"],
    ] {
        let said = home.run(&[command, &["--config", "file.toml"]].concat());
        assert_eq!(said.code, Some(1), "{command:?}");
        for line in [3, 4, 6] {
            assert!(
                said.err.contains(&format!("  line {line}: ")),
                "{}",
                said.err
            );
        }
        assert!(!said.err.contains("hush"), "{}", said.err);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_refused_with_the_reason() {
    let home = Home::new();
    let utf16: Vec<u8> = GOOD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, reason) in [
        (&b""[..], "there is none: add a `[sources.NAME]`"),
        (b"\n# nothing\n", "there is none"),
        (b"retention_days = 30\n\xff", "not UTF-8 from line 2"),
        (
            &[b"\xff\xfe", utf16.as_slice()].concat(),
            "not UTF-8 from line 1",
        ),
        (
            b"[sources.voice\n",
            "line 1: not valid TOML here: unclosed table",
        ),
        (
            b"[sources.voice]\nprovider = \"ai-sync\nsecrets = [\"s\"]\n",
            "line 2: not valid TOML",
        ),
        (b"{\"sources\": {}}", "line 1: not valid TOML"),
    ] {
        let said = check(&home, bytes, &[]);
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
        assert!(said.err.contains(reason), "{reason}: {}", said.err);
    }
    for name in ["none.toml", "."] {
        let said = home.run(&["check", "--config", name]);
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
        assert!(said.err.contains("cannot be read"), "{}", said.err);
    }
    let with_mark = format!("\u{feff}{}", GOOD.replace('\n', "\r\n"));
    assert_eq!(valid(&home, with_mark), [""; 0]);
}

#[test]
fn what_is_unwise_is_warned_of_and_fails_nothing() {
    let home = Home::new();
    let path = home.path().join("file.toml");
    for (mode, what) in [
        (0o644, "read"),
        (0o640, "read"),
        (0o622, "write"),
        (0o666, "read and write"),
    ] {
        home.write("file.toml", GOOD);
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let said = home.run(&["check", "--config", "file.toml"]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
        let warning = format!("warning: others than its owner may {what} ");
        assert!(said.out.contains(&warning), "{}", said.out);
        assert!(said.out.contains("chmod 600"), "{}", said.out);
    }
    let token = "tokens = [\"abcdefghijklmnopqrstuv\"]\n";
    let sms = "[sources.sms]\nprovider = \"cloudcontactai\"\nclient_id = \"1231\"\ncountry = \"US\"\nsecrets = [\"hush-hush-hush-hush\"]\n";
    let open = sms.replace("client_id = \"1231\"\n", "unsigned = true\n");
    let open = open.replace("secrets = [\"hush-hush-hush-hush\"]\n", token);
    let voice = GOOD.replace("country = \"US\"\n", "");
    for (file, warning) in [
        (
            &format!("{sms}body_unsigned = true\n"),
            Some("warning: source `sms`: `tokens`: there are none"),
        ),
        (&format!("{sms}{token}"), None),
        (&open, None),
        (
            &format!("{sms}{token}").replace("hush-hush-hush-hush", "hush"),
            Some("warning: line 5: source `sms`: `secrets`: one is 4 bytes long"),
        ),
        (
            &voice,
            Some("warning: source `voice`: `country`: is missing"),
        ),
        (
            &format!("{GOOD}opt_out_words = [\"🛑\", \"STOP\"]\n"),
            Some("warning: line 5: source `voice`: `opt_out_words`: `🛑` can never match"),
        ),
        (
            &format!("{GOOD}opt_out_words = [\"ARRET\"]\nopt_out_words_only = true\n"),
            Some("warning: line 6: source `voice`: `opt_out_words_only`: `STOP` is not among"),
        ),
        (&format!("{GOOD}opt_out_words = [\"ARRET\"]\n"), None),
    ] {
        let warnings = valid(&home, file);
        match warning {
            None => assert_eq!(warnings, [""; 0], "{file}"),
            Some(begin) => assert!(
                warnings.iter().any(|line| line.starts_with(begin)),
                "{begin} in {warnings:?}"
            ),
        }
        assert!(!warnings.concat().contains("hush"), "{warnings:?}");
    }
}

#[test]
fn a_secret_with_white_space_around_it_verifies_what_the_sender_signs() {
    let home = Home::new();
    home.write(
        "switchhook.toml",
        &GOOD.replace(
            "\"a secret that no terminal may show\"",
            "\"\"\"\n\ta secret that no terminal may show\u{a0}\r\n\"\"\"",
        ),
    );
    let local = home.local(&[]);
    let body = br#"{"event":"agent.created","data":{"agent_id":"a"}}"#;
    for (signature, status) in [(sign(SECRET, body), 200), (sign("another", body), 401)] {
        let headers = [("x-webhook-signature", signature.as_str())];
        assert_eq!(local.post("/webhooks/voice", &headers, body).status, status);
    }
}

#[test]
fn placeholders_of_our_pages_are_refused_by_check_and_warned_of_by_local() {
    let home = Home::new();
    let file = GOOD.replace("a secret that no terminal may show", "the signing secret");
    let said = check(&home, &file, &[]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    for part in [
        "line 3: source `voice`: `secrets`: is a placeholder",
        "sources token",
    ] {
        assert!(said.err.contains(part), "{}", said.err);
    }
    assert_eq!(check(&home, &file, &["--json"]).json()["valid"], false);
    let both = format!("{file}max_bodi = \"1B\"\n");
    let said = check(&home, both, &[]);
    for part in ["is a placeholder", "did you mean `max_body`?"] {
        assert!(said.err.contains(part), "{}", said.err);
    }
    home.write("switchhook.toml", &file);
    let said = home.local(&[]).stop("TERM");
    let warning = "switchhook: warning: line 3: source `voice`: `secrets`: is a placeholder";
    assert!(said.err.contains(warning), "{}", said.err);
}

/// Returns the pages that people copy from: the README, the documentation and the help of the command.
fn pages() -> Vec<(String, String)> {
    let root = workspace_root();
    let mut files = vec![root.join("README.md"), root.join("template.yaml")];
    files.extend(files_below(&root.join("docs"), "md"));
    files.extend(files_below(&root.join("cli/src/args"), "rs"));
    files.push(root.join("cli/src/args.rs"));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let own = text.split("#[cfg(test)]").next().unwrap_or_default();
        (path.display().to_string(), own.to_owned())
    };
    files.into_iter().map(read).collect()
}

fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files
}

/// Returns the texts in quotes that stand behind a field of credentials, and every `whsec_…`.
fn credentials(page: &str) -> Vec<String> {
    let page = page.replace("\\\"", "\"");
    let mut found = Vec::new();
    for field in ["secrets", "tokens", "username", "password", "client_id"] {
        for rest in page.split(field).skip(1) {
            let Some(rest) = rest.trim_start().strip_prefix('=') else {
                continue;
            };
            let rest = rest.trim_start();
            let end = if rest.starts_with('[') { ']' } else { '\n' };
            let value = rest.split([end, '\n']).next().unwrap_or_default();
            let quoted = value.split('"').skip(1).step_by(2);
            let first = if end == ']' { usize::MAX } else { 1 };
            found.extend(quoted.take(first).map(str::to_owned));
        }
    }
    for rest in page.split("whsec_").skip(1) {
        let is_part = |c: &char| c.is_ascii_alphanumeric() || "_+/=….".contains(*c);
        let text: String = rest.chars().take_while(is_part).collect();
        found.push(format!("whsec_{}", text.trim_end_matches('.')));
    }
    found
}

#[test]
fn every_credential_on_our_pages_is_a_known_placeholder() {
    let sample = "secrets = [\"one\", \"two\"]\nusers = [{ username = \"a\", password = \"b\" }] whsec_abc=.";
    assert_eq!(credentials(sample), ["one", "two", "a", "b", "whsec_abc="]);
    let mut found = 0;
    for (name, page) in pages() {
        for credential in credentials(&page) {
            found += 1;
            assert!(
                is_placeholder(&credential) || credential == "whsec_",
                "{name}: `{credential}` is not in shared/core/src/config/placeholders.rs"
            );
        }
    }
    assert!(found > 3, "the pages have lost their examples: {found}");
}

#[test]
fn json_objects_of_check_have_the_promised_fields() {
    let home = Home::new();
    let good = check(&home, GOOD, &["--json"]).json();
    assert_eq!(
        super::fields(&good),
        ["sources", "valid", "warnings"].into()
    );
    let bad = check(&home, "", &["--json"]).json();
    assert_eq!(
        super::fields(&bad),
        ["mistakes", "valid", "warnings"].into()
    );
    assert_eq!(bad["mistakes"][0]["line"], Value::Null);
}
