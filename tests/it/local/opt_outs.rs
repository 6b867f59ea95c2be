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

fn asked(home: &Home, args: &[&str], code: i32) -> Said {
    let said = home.run(&[&["opt-outs"], args].concat());
    assert_eq!(said.code, Some(code), "{args:?}: {} {}", said.out, said.err);
    said
}

fn listed(home: &Home, args: &[&str]) -> Vec<Value> {
    let lines = asked(home, &[args, &["--json"]].concat(), 0).json_lines();
    lines.into_iter().map(without_events).collect()
}

/// Looks one number or address up, which must be on the list or not.
fn looked_up(home: &Home, args: &[&str], opted_out: bool) -> Value {
    let code = if opted_out { 3 } else { 0 };
    let said = asked(home, &[args, &["--json"]].concat(), code);
    assert_eq!(said.err, "");
    let entry = without_events(said.json());
    assert_eq!(entry["opted_out"], opted_out, "{args:?}");
    let shown = asked(home, args, code).out;
    assert_eq!(shown.contains("is not on the list"), !opted_out, "{shown}");
    entry
}

/// Takes the ids of events out, which no test knows beforehand.
fn without_events(mut entry: Value) -> Value {
    for source in entry["sources"].as_array_mut().unwrap() {
        let event = source.as_object_mut().unwrap().remove("event");
        assert!(event.is_some_and(|id| id.as_str().unwrap().ends_with(".0")));
    }
    entry
}

fn entry(phone: &str, minute: u8) -> Value {
    let since = format!("2026-01-15T13:{minute:02}:00Z");
    json!({
        "phone": phone, "email": null, "channel": "sms", "opted_out": true, "unplaced": false,
        "since": since, "source": "other",
        "sources": [{"source": "other", "opted_out": true, "at": since}],
    })
}

fn never_asked_for(phone: &str, channel: &str) -> Value {
    json!({
        "phone": phone, "email": null, "channel": channel, "opted_out": false, "unplaced": false,
        "since": null, "source": null, "sources": [],
    })
}

#[test]
fn the_list_follows_what_people_text() {
    let home = configured();
    let local = home.local(&[]);
    assert!(asked(&home, &[], 0).out.contains("Nobody"));
    text(&home, &local, FIRST, "STOP", 2);
    text(&home, &local, SECOND, "stop", 1);
    text(&home, &local, THIRD, "Please stop by on Friday", 3);
    let both = [entry(SECOND, 1), entry(FIRST, 2)];
    assert_eq!(listed(&home, &[]), both, "sorted by since");
    assert_eq!(
        listed(&home, &["--channel", "MMS", "--source", "other"]),
        both
    );
    assert!(listed(&home, &["--channel", "whatsapp"]).is_empty());
    assert!(listed(&home, &["--source", "voice"]).is_empty());
    let table = asked(&home, &[], 0).out;
    for shown in [
        "PHONE",
        "CHANNEL",
        "SINCE",
        "SOURCE",
        FIRST,
        SECOND,
        "2026-01-15 13:01:00",
    ] {
        assert!(table.contains(shown), "{shown} in {table}");
    }

    assert_eq!(looked_up(&home, &[SECOND], true), entry(SECOND, 1));
    assert_eq!(
        looked_up(&home, &["+1 (555) 010-0007"], true),
        entry(SECOND, 1)
    );
    assert_eq!(
        looked_up(&home, &[SECOND, "--channel", "MMS"], true),
        entry(SECOND, 1)
    );
    assert_eq!(
        looked_up(&home, &[THIRD], false),
        never_asked_for(THIRD, "sms")
    );
    let on_another = looked_up(&home, &[SECOND, "--channel", "WhatsApp"], false);
    assert_eq!(on_another, never_asked_for(SECOND, "whatsapp"));
    let unclear = home.run(&["opt-outs", "call me"]);
    assert_eq!((unclear.code, unclear.out.as_str()), (Some(2), ""));
    assert!(unclear.err.contains("`call me`"), "{}", unclear.err);
    let nowhere = home.run(&["--data", "nowhere", "opt-outs", SECOND]);
    assert_eq!((nowhere.code, nowhere.out.as_str()), (Some(1), ""));

    text(&home, &local, SECOND, "START", 4);
    assert_eq!(listed(&home, &[]), [entry(FIRST, 2)]);
    assert_eq!(looked_up(&home, &[SECOND], false)["source"], "other");
    local.stop("TERM");
    assert_eq!(listed(&home, &[]), [entry(FIRST, 2)]);
    // The list's shards of the time index are its own: the events are all there, and nothing else.
    assert_eq!(home.events_when(4).len(), 4);
    assert_eq!(super::hits(&home), 4);
}

/// Who cannot be read is on the list as they came, and every listing says so.
#[test]
fn opt_out_that_cannot_be_placed_is_seen() {
    let home = configured();
    let local = home.local(&[]);
    text(&home, &local, "0400 000 123", "STOP", 1);
    let list = asked(&home, &[], 0);
    assert!(
        list.out.contains("0400 000 123") && list.out.contains("unplaced"),
        "{}",
        list.out
    );
    assert!(
        list.err.contains("1 of them could not be read"),
        "{}",
        list.err
    );
    let entry = looked_up(&home, &["0400 000 123"], true);
    assert_eq!(
        (&entry["unplaced"], &entry["phone"]),
        (&json!(true), &json!("0400 000 123"))
    );
    // Read by a country it is another item, of which nothing was said: the text itself is the safe answer.
    looked_up(&home, &["0400 000 123", "--country", "AU"], true);
    looked_up(&home, &["0400 000 124", "--country", "AU"], false);
    let unknown = asked(&home, &["0400 000 123", "--country", "UK"], 2);
    assert!(unknown.err.contains("`GB`"), "{}", unknown.err);
    let warned = local.stop("TERM").out;
    assert!(
        warned.contains("opt-out without a readable number"),
        "{warned}"
    );
}

/// An operator's word is an event like any other, whether `local` runs or not.
#[test]
fn operator_adds_and_removes_with_a_reason() {
    let home = configured();
    let local = home.local(&[]);
    text(&home, &local, FIRST, "STOP", 1);
    let queued = asked(
        &home,
        &["add", "+1 555 010 0007", "--because", "ticket 7"],
        0,
    );
    assert!(
        queued.out.contains(SECOND) && queued.err.is_empty(),
        "{}",
        queued.out
    );
    let event = crate::programs::eventually("the word", || {
        let mut events = home.events().into_iter();
        events.find(|event| event["source"] == "_")
    });
    assert_eq!(
        (&event["kind"], &event["provider"], &event["entity"]),
        (
            &json!("contact.opted_out"),
            &json!("switchhook"),
            &json!(format!("_/contact/{SECOND}"))
        )
    );
    assert_eq!(
        (&event["data"]["method"], &event["data"]["extra"]["because"]),
        (&json!("by hand"), &json!("ticket 7"))
    );
    assert_eq!(looked_up(&home, &[SECOND], true)["source"], "_");
    local.stop("TERM");
    for number in [FIRST, SECOND] {
        let said = asked(
            &home,
            &["remove", number, "--because", "a new form", "--json"],
            0,
        );
        assert_eq!(said.json()["kind"], "contact.opted_in");
        assert!(said.err.contains("is not running"), "{}", said.err);
        looked_up(&home, &[number], true);
    }
    let local = home.local(&[]);
    home.events_when(4);
    looked_up(&home, &[FIRST], false);
    looked_up(&home, &[SECOND], false);
    for wrong in [
        &["add", FIRST][..],
        &["add", "nobody", "--because", "x"],
        &["add"],
    ] {
        asked(&home, wrong, 2);
    }
    local.stop("TERM");
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
