//! `opt-outs`: who asked by text to be left alone is listed, until they ask for texts again.

use serde_json::{Value, json};

use super::{accepted, configured};
use crate::programs::{Home, Local, Said};

const FIRST: &str = "+15550100003";
const SECOND: &str = "+15550100007";
const THIRD: &str = "+15550100008";

fn text(home: &Home, local: &Local, from: &str, text: &str, minute: u8) -> Value {
    let body = format!(
        r#"{{"event":"sms.received","timestamp":"2026-01-15T13:{minute:02}:00Z","data":{{"message_id":"m{minute}","from":"{from}","to":"+15550100004","text":"{text}"}}}}"#
    );
    accepted(
        home,
        local,
        &[("content-type", "application/json")],
        body.as_bytes(),
    )
}

fn asked(home: &Home, args: &[&str]) -> Said {
    let said = home.run(&[&["opt-outs"], args].concat());
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{args:?}");
    said
}

fn listed(home: &Home, args: &[&str]) -> Vec<Value> {
    asked(home, &[args, &["--json"]].concat()).json_lines()
}

fn entry(phone: &str, minute: u8) -> Value {
    let since = format!("2026-01-15T13:{minute:02}:00Z");
    json!({"phone": phone, "channel": "sms", "since": since, "source": "other"})
}

#[test]
fn the_list_follows_what_people_text() {
    let home = configured();
    let local = home.local(&[]);
    assert!(asked(&home, &[]).out.contains("Nobody"));
    text(&home, &local, FIRST, "STOP", 2);
    text(&home, &local, SECOND, "stop", 1);
    text(&home, &local, THIRD, "Please stop by on Friday", 3);
    let both = [entry(SECOND, 1), entry(FIRST, 2)];
    assert_eq!(listed(&home, &[]), both, "sorted by since");
    assert_eq!(
        listed(&home, &["--channel", "sms", "--source", "other"]),
        both
    );
    assert!(listed(&home, &["--channel", "whatsapp"]).is_empty());
    assert!(listed(&home, &["--source", "voice"]).is_empty());
    let table = asked(&home, &[]).out;
    for told in [
        "PHONE",
        "CHANNEL",
        "SINCE",
        "SOURCE",
        FIRST,
        SECOND,
        "2026-01-15 13:01:00",
    ] {
        assert!(table.contains(told), "{told} in {table}");
    }

    assert_eq!(listed(&home, &[SECOND]), [entry(SECOND, 1)]);
    assert_eq!(listed(&home, &["+1 (555) 010-0007"]), [entry(SECOND, 1)]);
    assert!(
        asked(&home, &[THIRD])
            .out
            .contains(&format!("{THIRD} is not on the list"))
    );
    assert_eq!(asked(&home, &[THIRD, "--json"]).out, "");
    assert!(listed(&home, &[SECOND, "--channel", "whatsapp"]).is_empty());
    let unclear = home.run(&["opt-outs", "5550100007"]);
    assert_eq!((unclear.code, unclear.out.as_str()), (Some(2), ""));

    text(&home, &local, SECOND, "START", 4);
    assert_eq!(listed(&home, &[]), [entry(FIRST, 2)]);
    assert!(asked(&home, &[SECOND]).out.contains("is not on the list"));
    local.stop("TERM");
    assert_eq!(listed(&home, &[]), [entry(FIRST, 2)]);
    // The list's place in the time index is no hour: the events are all there, and nothing else.
    assert_eq!(home.events_when(4).len(), 4);
    assert_eq!(super::hits(&home), 4);
}

#[test]
fn a_long_list_is_listed_whole() {
    let home = configured();
    let local = home.local(&[]);
    let phone = |number: usize| format!("+1555010{number:04}");
    for number in 0..150 {
        let body = format!(
            r#"{{"event":"sms.received","timestamp":"2026-01-15T13:00:00Z","data":{{"message_id":"n{number}","from":"{}","to":"+15550100004","text":"STOP"}}}}"#,
            phone(number)
        );
        assert_eq!(super::post(&local, &[], body.as_bytes()).status, 200);
    }
    home.events_when(150);
    let phones: Vec<_> = listed(&home, &[])
        .iter()
        .map(|entry| entry["phone"].clone())
        .collect();
    let wanted: Vec<_> = (0..150).map(|number| Value::from(phone(number))).collect();
    assert_eq!(phones, wanted);
    local.stop("TERM");
}
