//! `show EVENT-ID`: one event for people, for programs, and as it came; and completions for shells.

use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{accepted, configured};
use crate::programs::{Home, built};

const UNKNOWN: &str = "019aad2b-7c00-7000-8000-000000000001.0";

/// Returns what a command prints, byte for byte.
fn bytes(home: &Home, args: &[&str]) -> Vec<u8> {
    let output = Command::new(built("switchhook"))
        .args(args)
        .current_dir(home.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    output.stdout
}

/// Bytes that do not compress.
fn noise(length: u32) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..length).map(step).collect()
}

#[test]
fn an_event_is_shown_as_it_came() {
    let home = configured();
    let local = home.local(&[]);
    let json = br#"{"event":"call.ended","data":{"call_id":"c","call_status":"done"}}"#;
    let bodies = [
        json.to_vec(),
        b"no newline at the end\r\nno JSON either\x00\xff\xfe".to_vec(),
        noise(200_000),
        "a long text, ".repeat(100_000).into_bytes(),
        Vec::new(),
    ];
    let mut events = Vec::new();
    for body in &bodies {
        let content_type = [
            ("content-type", "application/octet-stream"),
            ("user-agent", "ACME/1"),
        ];
        events.push((accepted(&home, &local, &content_type, body), body));
    }
    check(&home, &events);
    local.stop("TERM");
    check(&home, &events);
}

fn check(home: &Home, events: &[(Value, &Vec<u8>)]) {
    for (event, body) in events {
        let id = event["id"].as_str().unwrap();
        let raw = bytes(home, &["show", id, "--raw"]);
        let end = raw.windows(2).position(|two| two == b"\n\n").unwrap();
        assert_eq!(&raw[end + 2..], body.as_slice());
        let headers = String::from_utf8(raw[..end].to_vec()).unwrap();
        assert!(
            headers
                .lines()
                .any(|line| line == "content-type: application/octet-stream")
        );
        assert!(!headers.contains("signature"), "{headers}");

        let mut shown = home.run(&["show", id, "--json", "--raw"]).json();
        let fields = shown.as_object_mut().unwrap();
        let kept = fields.remove("headers").unwrap();
        assert_eq!(kept["content-type"], "application/octet-stream");
        assert_eq!(kept.as_object().unwrap().len(), headers.lines().count());
        assert_eq!(
            STANDARD.decode(fields["raw"].as_str().unwrap()).unwrap(),
            **body
        );
        assert_eq!(shown, *event);
        let shown = home.run(&["show", id, "--json"]).json();
        assert!(shown["headers"].is_object() && shown.get("raw").is_none());

        let table = home.run(&["show", id]).out;
        for told in [
            id,
            "other",
            "ai-sync",
            "application/octet-stream",
            event["kind"].as_str().unwrap(),
        ] {
            assert!(table.contains(told), "{told} in {table}");
        }
    }
    let call = home.run(&["show", events[0].0["id"].as_str().unwrap()]).out;
    assert!(
        call.contains("other/call/c") && call.contains("done"),
        "{call}"
    );
}

#[test]
fn what_is_not_there_is_told_with_what_to_do() {
    let home = configured();
    assert_eq!(
        home.run(&["show", UNKNOWN]).code,
        Some(1),
        "there is no data"
    );
    home.local(&[]).stop("TERM");
    for args in [
        &["show", UNKNOWN][..],
        &["show", UNKNOWN, "--raw"],
        &["show", UNKNOWN, "--json"],
    ] {
        let said = home.run(args);
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{args:?}");
        assert!(
            said.err.contains(UNKNOWN) && said.err.contains("switchhook events"),
            "{}",
            said.err
        );
    }
    let said = home.run(&["show", "other/call/c", "--raw"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("--json"), "{}", said.err);
    assert_eq!(
        home.run(&["show", "other/call/c", "--raw", "--json"]).code,
        Some(0)
    );
}

#[test]
fn shells_are_told_how_to_complete_commands() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = home.run(&["completions", shell]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{shell}");
        for told in ["switchhook", "opt-outs", "forward-to"] {
            assert!(said.out.contains(told), "{told} for {shell}");
        }
    }
    let script = home.run(&["completions", "bash"]).out;
    home.write("completions", &script);
    let line = "bash -c '. ./completions; COMP_WORDS=(switchhook op); COMP_CWORD=1; _switchhook switchhook op switchhook; echo \"${COMPREPLY[@]}\"'";
    assert_eq!(home.shell(line).out.trim(), "opt-outs");
    assert_eq!(home.run(&["completions", "tcsh"]).code, Some(2));
    assert!(
        home.run(&["completions", "--help"])
            .out
            .contains("~/.zfunc")
    );
}
