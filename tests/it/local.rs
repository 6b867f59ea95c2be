//! `switchhook local` and the commands beside it, as a stranger uses them: the real program, run in
//! a folder of its own.

mod application;
mod check;
mod curls;
mod dead;
mod door;
mod filters;
mod forget;
mod forward;
mod listings;
mod opt_outs;
mod replay;
mod retention;
mod samples;
mod show;
mod terminal;
mod wire;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tests::sign;

use crate::programs::{Answer, Home, Local, eventually};

const PROVIDER: &str = "ai-sync";
/// All of AI Sync's samples are different events.
const SAMPLES: usize = 19;
const SECRET: &str = "a secret that no terminal may show";
const TOKEN: &str = "a-token-that-no-terminal-may-show";

const CONFIGURED: &str = r#"
[sources.voice]
title = "The front desk"
provider = "ai-sync"
secrets = ["a secret that no terminal may show"]
tokens = ["a-token-that-no-terminal-may-show"]

[sources.other]
provider = "ai-sync"
secrets = ["a secret that no terminal may show"]
"#;

fn configured() -> Home {
    let home = Home::new();
    home.write("switchhook.toml", CONFIGURED);
    home
}

/// Posts a body to the source `other`, signed.
fn post(local: &Local, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let signature = sign(SECRET, body);
    let signed = [("x-webhook-signature", signature.as_str())];
    local.post("/webhooks/other", &[headers, &signed].concat(), body)
}

/// Posts a body that must be accepted, and returns its only event.
fn accepted(home: &Home, local: &Local, headers: &[(&str, &str)], body: &[u8]) -> Value {
    let answer = post(local, headers, body);
    assert_eq!(answer.status, 200, "{answer:?}");
    let id = format!("{}.0", answer.json()["id"].as_str().unwrap());
    let event = eventually("the event to be recorded", || {
        home.events()
            .into_iter()
            .find(|event| event["id"] == id.as_str())
    });
    let raw = STANDARD.decode(event["raw"].as_str().unwrap()).unwrap();
    assert_eq!(raw, body, "the exact bytes are kept");
    event
}

fn fields(object: &Value) -> BTreeSet<&str> {
    object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn hits(home: &Home) -> u64 {
    let said = home.run(&["sources", "--json"]);
    said.json_lines()
        .iter()
        .map(|source| source["hits"].as_u64().unwrap())
        .sum()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_printed_curl_works_as_it_is() {
    let home = Home::new();
    let local = home.local(&[]);
    let printed = local.program.out();
    let (_, command) = printed.split_once("  try it:\n").unwrap();
    let (command, _) = command.split_once("\n\n").unwrap();
    for copies in 1..=2 {
        let said = home.shell(command);
        assert_eq!(said.code, Some(0), "{command}: {}", said.err);
        let answer: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(
            (&answer["received"], &answer["events"]),
            (&true.into(), &1.into())
        );
        let event = eventually("the event", || {
            home.events()
                .pop()
                .filter(|event| event["deliveries"] == copies)
        });
        assert_eq!(
            (&event["source"], &event["kind"]),
            (&PROVIDER.into(), &"call.ended".into())
        );
    }
    let said = local.stop("INT").out;
    for told in ["event recorded", "duplicate counted"] {
        let lines: Vec<_> = said.lines().filter(|line| line.contains(told)).collect();
        assert_eq!(lines.len(), 1, "{said}");
        assert!(
            lines[0].contains(PROVIDER) && lines[0].contains("call.ended"),
            "{said}"
        );
    }
}

#[test]
fn the_data_folder_is_private_and_every_socket_on_loopback() {
    let home = Home::new();
    let local = home.local(&["--aws-port", "0"]);
    assert_eq!(mode(&home.data()), 0o700);
    assert_eq!(mode(&home.data().join("demo.toml")), 0o600);
    let listening = listening(local.program.id());
    assert_eq!(listening.len(), 2, "{listening:?}");
    let loopback = "0100007F:"; // 127.0.0.1
    assert!(
        listening
            .iter()
            .all(|address| address.starts_with(loopback)),
        "{listening:?}"
    );
}

/// Returns the addresses on which a process listens, as Linux writes them.
fn listening(process: u32) -> Vec<String> {
    let folder = format!("/proc/{process}");
    let sockets: BTreeSet<_> = fs::read_dir(format!("{folder}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .filter_map(|link| {
            Some(
                link.to_str()?
                    .strip_prefix("socket:[")?
                    .strip_suffix(']')?
                    .to_owned(),
            )
        })
        .collect();
    let tables = ["tcp", "tcp6"].map(|name| fs::read_to_string(format!("{folder}/net/{name}")));
    let lines = tables.iter().flatten().flat_map(|table| table.lines());
    let columns = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    let open = columns.filter(|column| column[3] == "0A" && sockets.contains(column[9]));
    open.map(|column| column[1].to_owned()).collect()
}

#[test]
fn a_folder_is_used_by_one_local_only() {
    let home = Home::new();
    let local = home.local(&[]);
    let second = home.run(&["local", "--port", "0"]);
    assert_eq!((second.code, second.out.as_str()), (Some(1), ""));
    let process = format!("process {}", local.program.id());
    assert!(
        second.err.contains(&process) && second.err.contains("--data"),
        "{}",
        second.err
    );
    let (_, port) = local.address.split_once(':').unwrap();
    let taken = home.run(&["local", "--data", "another", "--port", port]);
    assert_eq!(taken.code, Some(1));
    assert!(taken.err.contains("--port"), "{}", taken.err);
    local.stop("TERM");
    home.local(&[]).stop("INT");
}

#[test]
fn no_terminal_sees_a_secret_a_token_or_what_senders_say() {
    let home = configured();
    let local = home.local(&[]);
    let welcome = local.program.out();
    assert!(welcome.contains("switchhook send voice "), "{welcome}");
    for source in ["voice", "other"] {
        assert_eq!(home.run(&["send", source, "all"]).code, Some(0));
    }
    home.events_when(2 * SAMPLES);
    let wrong_token = format!("/webhooks/voice/{}", TOKEN.to_uppercase());
    assert_eq!(local.post(&wrong_token, &[], b"private words").status, 404);
    let right_token = format!("/webhooks/voice/{TOKEN}");
    assert_eq!(local.post(&right_token, &[], b"private words").status, 401);
    let said = local.stop("TERM");
    let said = said.out + &said.err;
    assert_eq!(said.matches("delivery refused").count(), 2, "{said}");
    for private in [
        SECRET,
        TOKEN,
        &TOKEN.to_uppercase(),
        "+1555",
        "john@example.com",
        "private words",
        "Friday",
    ] {
        assert!(!said.contains(private), "{private:?} in {said}");
    }
}

#[test]
fn a_404_says_to_the_terminal_alone_which_part_of_the_url_does_not_fit() {
    let home = configured();
    let local = home.local(&[]);
    let parts = [
        ("/webhooks/".to_owned(), "the source's name is missing"),
        ("/webhooks/nobody".to_owned(), "no source of this name"),
        (
            "/webhooks/voice/".to_owned(),
            "the source's token is missing",
        ),
        ("/webhooks/voice/contact".to_owned(), "is not its token"),
        (format!("/webhooks/voice/{TOKEN}/a/b"), "too many segments"),
        ("/webhooks/other/a/b".to_owned(), "the source has no token"),
    ];
    for (path, _) in &parts {
        let answer = local.post(path, &[], b"{}");
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.body, br#"{"error":"not_found"}"#, "{path}");
    }
    let said = local.stop("TERM");
    let said = said.out + &said.err;
    let refused = said.lines().filter(|line| line.contains("404"));
    let refused: Vec<_> = refused.collect();
    assert_eq!(refused.len(), parts.len(), "{said}");
    for ((path, part), line) in parts.iter().zip(refused) {
        assert!(line.contains(part), "{path}: {line}");
    }
}

#[test]
fn a_file_broken_while_it_runs_keeps_what_there_was() {
    let home = configured();
    let local = home.local(&[]);
    home.write("switchhook.toml", "no document");
    let body = br#"{"event":"agent.created","data":{"agent_id":"a"}}"#;
    let signed = |secret: &str| {
        let signature = sign(secret, body);
        let headers = [("x-webhook-signature", signature.as_str())];
        local.post("/webhooks/other", &headers, body).status
    };
    assert_eq!((signed("another secret"), signed(SECRET)), (401, 200));
}
