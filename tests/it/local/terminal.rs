//! What senders write comes out of no command as something that a terminal acts upon, or hides.

use std::fs;

use serde_json::Value;

use super::{accepted, configured, mode, post};
use crate::programs::{Home, Said, eventually};

/// A few of each kind; all of them are tried on the function that every command prints by.
const HIDDEN: &str = "\u{1b}[31m\u{7}\u{7f}\u{9b}\u{ad}\u{61c}\u{200b}\u{200d}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{feff}\u{fff9}\u{110bd}\u{1d173}\u{e0001}\u{e0041}\u{3164}";

fn is_hidden(c: char) -> bool {
    c.is_control()
        || HIDDEN
            .chars()
            .any(|hidden| hidden == c && !c.is_ascii_graphic())
}

#[track_caller]
fn check(said: &Said) {
    for text in [&said.out, &said.err] {
        let found: Vec<_> = text
            .chars()
            .filter(|c| is_hidden(*c) && *c != '\n')
            .collect();
        assert!(found.is_empty(), "{found:?}: {text}");
    }
}

/// Events whose every text holds what is hidden.
fn hostile() -> Vec<String> {
    let text = serde_json::to_string(&format!("a{HIDDEN}\nb")).unwrap();
    vec![
        format!(
            r#"{{"event":"call.ended","data":{{"call_id":{text},"call_status":{text},"x":{text}}}}}"#
        ),
        format!(r#"{{"event":{text},"data":{{}}}}"#),
        format!(
            r#"{{"event":"sms.received","data":{{"message_id":{text},"from":{text},"to":{text},"text":"STOP","y": [
  {{{text}: {text}}} ]}}}}"#
        ),
        text,
    ]
}

#[test]
fn no_command_prints_what_a_terminal_would_act_upon() {
    let home = configured();
    let local = home.local(&[]);
    let bodies = hostile();
    for body in &bodies {
        assert_eq!(
            post(&local, &[("user-agent", "a\u{ad}\u{9b}b")], body.as_bytes()).status,
            200
        );
    }
    let events = home.events_when(bodies.len());
    eventually("the opt-out", || {
        home.run(&["opt-outs", "--json"])
            .out
            .lines()
            .next()
            .map(drop)
    });
    let mut entities: Vec<_> = events
        .iter()
        .map(|e| e["entity"].as_str().unwrap())
        .collect();
    entities.dedup();
    let commands =
        ["events", "sources", "opt-outs", "dead list"].map(|command| command.split(' ').collect());
    let shown = events
        .iter()
        .map(|event| vec!["show", event["id"].as_str().unwrap()]);
    let shown = shown.chain(
        entities
            .iter()
            .filter(|name| !name.contains('\0'))
            .map(|name| vec!["show", name]),
    );
    let dry = vec![
        "replay",
        "--source",
        "other",
        "--to",
        "http://127.0.0.1:9",
        "--dry-run",
    ];
    for command in commands.into_iter().chain(shown).chain([dry]) {
        for json in [false, true] {
            let said = home.run(&[&command[..], if json { &["--json"] } else { &[] }].concat());
            assert_eq!(said.code, Some(0), "{command:?} {}", said.err);
            check(&said);
            if json {
                said.json_lines();
            }
        }
    }
    // What is named and not there, or not understood.
    let name = format!("other/call/x{HIDDEN}");
    for command in [
        vec!["show", name.as_str()],
        vec!["events", "--source", &name],
        vec!["events", "--kind", &name],
        vec!["opt-outs", &name],
        vec!["opt-outs", "+15550100003", "--country", &name],
        vec!["dead", "show", &name],
        vec!["send", "other", &name],
        vec!["send", &name],
        vec!["check", "--config", &name],
        vec!["events", "--data", &name],
        vec![name.as_str()],
    ] {
        let said = home.run(&command);
        check(&said);
        assert!(!said.err.is_empty(), "{command:?}");
    }
    check(&local.stop("TERM"));
}

#[test]
fn json_with_escapes_is_the_same_json() {
    let home = configured();
    let local = home.local(&[]);
    let text = format!("a{HIDDEN}\nb");
    let body = serde_json::json!({"event": "call.ended", "data": {"call_id": "c", "x": text}});
    let event = accepted(&home, &local, &[], body.to_string().as_bytes());
    assert_eq!(event["data"]["extra"]["x"], Value::from(text));
    let line = home
        .run(&["show", event["id"].as_str().unwrap(), "--json"])
        .out;
    assert!(
        line.contains(r"\u202e") && line.contains(r"\udb40\udc01"),
        "{line}"
    );
}

#[test]
fn bytes_are_written_to_a_new_private_file() {
    let home = configured();
    let local = home.local(&[]);
    let body = b"\x1b[31m\xff\0".as_slice();
    let event = accepted(&home, &local, &[("content-type", "text/plain")], body);
    let show = |file: &str| {
        home.run(&[
            "show",
            event["id"].as_str().unwrap(),
            "--raw",
            "--output",
            file,
        ])
    };
    let said = show("event.txt");
    assert_eq!(
        (said.code, said.out.as_str(), said.err.as_str()),
        (Some(0), "", "")
    );
    let path = home.path().join("event.txt");
    let written = fs::read(&path).unwrap();
    assert!(written.ends_with(&[b"\n\n", body].concat()), "{written:?}");
    assert_eq!(mode(&path), 0o600);
    // Nothing is overwritten, through a link or not.
    fs::write(&path, "mine").unwrap();
    std::os::unix::fs::symlink(&path, home.path().join("link")).unwrap();
    std::os::unix::fs::symlink("nothing", home.path().join("dangling")).unwrap();
    for file in ["event.txt", "link", "dangling", "no-folder/x"] {
        let said = show(file);
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{file}");
        assert!(said.err.contains(file), "{}", said.err);
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    assert!(!home.path().join("nothing").exists());
    assert_eq!(home.run(&["show", "a/b/c", "--output", "x"]).code, Some(2));
    let json = [
        "show",
        event["id"].as_str().unwrap(),
        "--raw",
        "--json",
        "--output",
        "x",
    ];
    assert_eq!(home.run(&json).code, Some(2));
}

#[test]
fn home_of_a_stranger_is_named_as_it_is() {
    let home = Home::new();
    let folder = format!("data{}", '\u{202e}');
    let said = home.run(&["events", "--data", &folder]);
    assert!(said.err.contains(r"data\u{202e}"), "{}", said.err);
}
