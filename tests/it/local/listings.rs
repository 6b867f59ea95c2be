//! `send`, and the listings of what it brought about, whether `local` runs or not.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{PROVIDER, SAMPLES, accepted, configured, fields, hits};
use crate::programs::Home;

const EVENT_FIELDS: [&str; 11] = [
    "data",
    "deliveries",
    "entity",
    "id",
    "kind",
    "occurred_at",
    "provider",
    "provider_event",
    "received_at",
    "source",
    "variants",
];

#[test]
fn send_sends_what_it_is_told_and_the_ledger_shows_it() {
    let home = Home::new();
    let local = home.local(&[]);
    let samples = home.run(&["send", PROVIDER]).out;
    assert_eq!(samples.lines().count(), SAMPLES);

    let send = |args: &[&str], code: i32| {
        let said = home.run(&[&["send", PROVIDER], args, &["--json"]].concat());
        assert_eq!(said.code, Some(code), "{args:?}: {}{}", said.out, said.err);
        let summary = said.json();
        let expected = ["p50_ms", "p99_ms", "seconds", "sent", "statuses"];
        assert_eq!(fields(&summary), expected.into());
        (summary["sent"].clone(), summary["statuses"].clone())
    };
    assert_eq!(send(&["all"], 0), (19.into(), json!({"200": 19})));
    assert_eq!(
        send(&["all", "--shuffle"], 0),
        (19.into(), json!({"200": 19}))
    );
    assert_eq!(
        send(&["sms.received", "--repeat", "3"], 0),
        (3.into(), json!({"200": 3}))
    );
    assert_eq!(
        send(&["call.started", "--tamper"], 1),
        (1.into(), json!({"401": 1}))
    );
    let many = ["call.ended", "--count", "200", "--rate", "400"];
    assert_eq!(send(&many, 0), (200.into(), json!({"200": 200})));

    let events = home.events_when(2 * SAMPLES + 1 + 200);
    let copies = events
        .iter()
        .map(|event| event["deliveries"].as_u64().unwrap());
    assert_eq!(copies.clone().filter(|copies| *copies == 3).count(), 1);
    assert_eq!((copies.sum(), hits(&home)), (241, 241));
    let ids: BTreeSet<_> = events
        .iter()
        .map(|event| event["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), events.len());
    let unknown = events
        .iter()
        .filter(|event| event["kind"].as_str().unwrap().starts_with("un"));
    assert_eq!(unknown.count(), 0);

    for (args, said) in [
        (&["call.ended"][..], "200 {\"received\":true"),
        (
            &["call.ended", "--tamper"],
            "401 {\"error\":\"unauthorized\"}",
        ),
        (&["all", "--repeat", "2"], "200: 38"),
    ] {
        let out = home.run(&[&["send", PROVIDER], args].concat()).out;
        assert!(out.starts_with(said), "{out}");
    }
    for wrong in [
        &["send", "nobody", "all"][..],
        &["send", PROVIDER, "nothing"],
    ] {
        let said = home.run(wrong);
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{wrong:?}");
    }
    local.stop("TERM");
    assert_eq!(
        home.run(&["send", PROVIDER, "call.ended"]).code,
        Some(1),
        "nobody listens"
    );
}

#[test]
fn listings_have_the_promised_fields_whether_local_runs_or_not() {
    let home = configured();
    let local = home.local(&[]);
    let ended = br#"{"event":"call.ended","timestamp":"2026-02-03T04:05:06.007Z","data":{"call_id":"call_1","call_duration":61}}"#;
    let event = accepted(
        &home,
        &local,
        &[("content-type", "application/json")],
        ended,
    );
    let with_raw: BTreeSet<_> = EVENT_FIELDS.into_iter().chain(["raw"]).collect();
    assert_eq!(fields(&event), with_raw);
    for (field, value) in [
        ("source", "other"),
        ("provider", PROVIDER),
        ("kind", "call.ended"),
        ("provider_event", "call.ended"),
        ("entity", "other/call/call_1"),
        ("occurred_at", "2026-02-03T04:05:06.007Z"),
    ] {
        assert_eq!(event[field], value);
    }
    assert_eq!(
        (&event["deliveries"], &event["data"]["duration_secs"]),
        (&1.into(), &61.into())
    );
    event["received_at"]
        .as_str()
        .unwrap()
        .parse::<jiff::Timestamp>()
        .unwrap();
    let odd = accepted(&home, &local, &[("content-type", "text/plain")], b"no JSON");
    assert_eq!(
        (&odd["kind"], &odd["occurred_at"]),
        (&"unreadable".into(), &Value::Null)
    );

    check_listings(&home, &event, &odd);
    local.stop("INT");
    check_listings(&home, &event, &odd);
    let again = home.local(&[]);
    assert_eq!(home.events().len(), 2);
    again.stop("TERM");
}

fn check_listings(home: &Home, event: &Value, odd: &Value) {
    let list = home.run(&["events", "--json", "--limit", "1"]).json();
    assert_eq!(
        (fields(&list), &list["id"]),
        (EVENT_FIELDS.into(), &odd["id"])
    );
    assert_eq!(home.events(), [event.clone(), odd.clone()]);
    let shown = home.run(&["show", "other/call/call_1", "--json"]).json();
    assert_eq!(
        fields(&shown),
        ["entity", "events", "state", "variants"].into()
    );
    assert_eq!(fields(&shown["events"][0]), EVENT_FIELDS.into());
    assert_eq!(
        (&shown["entity"], &shown["state"]["duration_secs"]),
        (&event["entity"], &61.into())
    );
    let nothing = home.run(&["show", "other/call/none", "--json"]).json();
    assert_eq!(
        (&nothing["state"], &nothing["events"]),
        (&Value::Null, &json!([]))
    );
    check_sources(home, odd);
    for table in [
        &["events"][..],
        &["show", "other/call/call_1"],
        &["sources"],
    ] {
        let said = home.run(table);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{table:?}");
        assert!(
            said.out.contains("other") || table[0] == "show",
            "{}",
            said.out
        );
        assert!(!said.out.contains('\u{1b}'), "no colour but on a terminal");
    }
}

/// All events of a delivery have its accepted time, and lie on all shards of the index.
#[test]
fn events_of_one_moment_are_listed_by_their_place_in_the_delivery() {
    let home = Home::new();
    home.write(
        "switchhook.toml",
        "[sources.texts]\nprovider = \"cellcast\"\nusers = [{ username = \"hooks\", password = \"an example password\" }]\n",
    );
    let local = home.local(&[]);
    let statuses: Vec<_> = (0..120)
        .map(|number| json!({"message_id": format!("m{number}"), "status": "Delivered", "recipient": "+61400000001"}))
        .collect();
    let credentials = STANDARD.encode("hooks:an example password");
    let authorization = format!("Basic {credentials}");
    let headers = [("authorization", authorization.as_str())];
    let body = Value::from(statuses).to_string();
    for _ in 0..2 {
        let answer = local.post("/webhooks/texts/status", &headers, body.as_bytes());
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let events = home.events_when(120);
    let place = |event: &Value| -> u16 {
        let id = event["id"].as_str().unwrap();
        id.rsplit_once('.').unwrap().1.parse().unwrap()
    };
    assert!(events.iter().map(place).eq(0..120));
    for limit in ["0", "1", "50", "119", "500"] {
        let count = limit.parse::<usize>().unwrap().min(120);
        let newest = home.run(&["events", "--json", "--limit", limit]);
        let newest = newest.json_lines();
        let places: Vec<_> = newest.iter().map(place).collect();
        let wanted: Vec<_> = events[120 - count..].iter().map(place).collect();
        assert_eq!(places, wanted);
    }
    let at = events[0]["received_at"].as_str().unwrap();
    for (since, until, count) in [(at, "2999-01-01", 120), ("2020-01-01", at, 0), (at, at, 0)] {
        let args = [
            "events", "--json", "--limit", "500", "--since", since, "--until", until,
        ];
        assert_eq!(home.run(&args).json_lines().len(), count, "{since} {until}");
    }
    assert_eq!(hits(&home), 2, "a delivery is one hit, whatever it holds");
}

#[test]
fn folder_of_another_version_is_refused_by_every_command() {
    let home = Home::new();
    home.local(&[]).stop("TERM");
    std::fs::write(home.data().join("format"), "1").unwrap();
    for args in [&["local", "--port", "0"][..], &["events"], &["sources"]] {
        let said = home.run(args);
        assert_eq!(said.code, Some(1), "{args:?}");
        assert!(said.err.contains("format 1"), "{}", said.err);
    }
}

fn check_sources(home: &Home, odd: &Value) {
    let sources = home.run(&["sources", "--json"]).json_lines();
    let promised = [
        "hits", "last_hit", "name", "provider", "scheme", "title", "url",
    ];
    assert!(
        sources
            .iter()
            .all(|source| fields(source) == promised.into()),
        "{sources:?}"
    );
    let told = |index: usize, field: &str| sources[index][field].clone();
    assert_eq!(
        (told(0, "name"), told(0, "hits")),
        ("other".into(), 2.into())
    );
    assert_eq!(told(0, "last_hit"), odd["received_at"]);
    assert_eq!(
        (told(1, "title"), told(1, "last_hit")),
        ("The front desk".into(), Value::Null)
    );
    assert_eq!(told(1, "scheme"), "hmac-sha256 + url-token");
}
