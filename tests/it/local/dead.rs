//! `dead`: what cannot be handled is listed, explained, redriven and dropped, whether `local` runs
//! or not, and nothing is lost or doubled on the way.

pub(super) mod bench;
mod interruptions;

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use switchhook_core::dedup::sha256_hex;

use self::bench::{Bench, DEAD_LETTERS, QUEUE, contact, days_ago, envelope, id};
use super::{fields, post};
use crate::programs::{Home, eventually};

const CALL: &str = "other/call/call_1";
const CONTACT: &str = "other/contact/+15550100003";
const ENDED: &str =
    r#"{"event":"call.ended","timestamp":"2026-02-03T04:05:06.007Z","data":{"call_id":"call_1"}}"#;

const LETTER_FIELDS: [&str; 11] = [
    "dead_since",
    "entity",
    "id",
    "kind",
    "message_id",
    "provider",
    "provider_event",
    "reason",
    "received_at",
    "recorded",
    "source",
];

#[test]
fn a_letter_is_listed_explained_and_redriven_once_its_cause_is_repaired() {
    let bench = Bench::open();
    bench.damage(CALL);
    let answer = post(
        &bench.local,
        &[("content-type", "application/json")],
        ENDED.as_bytes(),
    );
    let event = format!("{}.0", answer.json()["id"].as_str().unwrap());
    let letter = bench.letters_when(1).remove(0);
    assert_eq!(fields(&letter), LETTER_FIELDS.into());
    for (field, value) in [
        ("id", event.as_str()),
        ("source", "other"),
        ("provider", "ai-sync"),
        ("kind", "call.ended"),
        ("provider_event", "call.ended"),
        ("entity", CALL),
        ("reason", "item"),
    ] {
        assert_eq!(letter[field], value);
    }
    assert_eq!(letter["recorded"], false);
    let message = letter["message_id"].as_str().unwrap();

    let table = bench.dead(&["list"], 0).out;
    for told in [
        "REASON",
        "RECORDED",
        "call.ended",
        "item",
        CALL,
        event.as_str(),
    ] {
        assert!(table.contains(told), "{told} in {table}");
    }
    for name in [event.as_str(), message] {
        let shown = bench.dead(&["show", name], 0).out;
        for told in [
            ENDED,
            "damaged",
            "application/json",
            message,
            event.as_str(),
            CALL,
        ] {
            assert!(shown.contains(told), "{told} in {shown}");
        }
    }
    let shown = bench.dead(&["show", &event, "--json"], 0).json();
    let more = [
        "attempts",
        "explanation",
        "group",
        "headers",
        "raw",
        "sequence_number",
    ];
    let all: BTreeSet<_> = LETTER_FIELDS.into_iter().chain(more).collect();
    assert_eq!(fields(&shown), all);
    assert_eq!(shown["raw"], STANDARD.encode(ENDED));
    assert_eq!(shown["attempts"], 0, "it was no use to try");
    assert_eq!(
        (&shown["group"], &shown["headers"]["content-type"]),
        (&json!(CALL), &json!("application/json"))
    );

    let would = bench.dead(&["redrive", &event, "--dry-run"], 0).out;
    assert!(would.contains("would be: redriven 1"), "{would}");
    assert_eq!(bench.letters(), [letter], "a dry run changes nothing");
    assert_eq!(bench.count(QUEUE), 0);

    bench.repair(CALL);
    let said = bench.dead(&["redrive", &event], 0);
    assert_eq!((said.out.as_str(), said.err.as_str()), ("redriven 1\n", ""));
    let recorded = bench.home.events_when(1).remove(0);
    assert_eq!(
        (&recorded["id"], &recorded["deliveries"]),
        (&json!(event), &json!(1))
    );
    assert_eq!(bench.count(DEAD_LETTERS), 0);
    for command in [&["redrive"][..], &["drop", "--yes"], &["show"], &["list"]] {
        let said = bench.dead(&[command, &[event.as_str()]].concat(), 1);
        assert!(
            said.err.contains(&event) && said.err.contains("dead list"),
            "{}",
            said.err
        );
    }
}

#[test]
fn what_the_ledger_has_is_deleted_and_counted_but_not_run_again() {
    let bench = Bench::open();
    bench.damage(CALL);
    let body = envelope(1, CALL, "call.ended", ENDED);
    bench.send(QUEUE, CALL, &body.to_string(), &[]);
    let letter = bench.letters_when(1).remove(0);
    bench.repair(CALL);
    // As a redrive does that is killed before it deletes the letter.
    let message = letter["message_id"].as_str().unwrap();
    bench.send(QUEUE, CALL, &body.to_string(), &[("sequence_number", "7")]);
    bench.home.events_when(1);
    // Another delivery of the same happening.
    let mut copy = body;
    copy["id"] = json!(id(2));
    let kept = [
        ("group", CALL),
        ("sequence_number", "9"),
        ("reason", "item"),
    ];
    bench.send(
        DEAD_LETTERS,
        "a-letter-of-its-own",
        &copy.to_string(),
        &kept,
    );

    let letters = bench.letters_when(2);
    assert!(
        letters.iter().all(|letter| letter["recorded"] == true),
        "{letters:?}"
    );
    let said = bench
        .dead(&["redrive", message, "--dry-run", "--json"], 0)
        .json();
    let promised = json!({
        "id": id(1), "message_id": message, "action": "already_recorded", "dry_run": true,
    });
    assert_eq!(said, promised);
    let said = bench.dead(&["redrive", "--all"], 0).out;
    assert!(said.contains("dropped 2 already recorded"), "{said}");
    assert!(
        said.contains(&id(1)) && !said.contains("redriven"),
        "{said}"
    );
    assert_eq!((bench.count(QUEUE), bench.count(DEAD_LETTERS)), (0, 0));
    let events = bench.home.events();
    assert_eq!((events.len(), &events[0]["deliveries"]), (1, &json!(2)));
}

#[test]
fn what_is_too_old_is_redriven_by_force_only() {
    let bench = Bench::open();
    let mut body = envelope(1, CALL, "call.ended", ENDED);
    body["received_at"] = json!(days_ago(29));
    bench.send(QUEUE, CALL, &body.to_string(), &[]);
    let letter = bench.letters_when(1).remove(0);
    assert_eq!(letter["reason"], "too_old");
    let refused = bench.dead(&["redrive", &id(1)], 1);
    assert!(refused.out.contains("refused 1 too old"), "{}", refused.out);
    assert!(refused.err.contains("--force"), "{}", refused.err);
    let refused = bench.dead(&["redrive", "--all", "--json"], 1).json();
    assert_eq!(
        (&refused["action"], refused.get("dry_run")),
        (&json!("too_old"), None)
    );
    assert_eq!(bench.letters(), [letter]);

    bench.dead(&["redrive", &id(1), "--force"], 0);
    eventually("the event to be recorded", || {
        let shown = bench.home.run(&["show", CALL, "--json"]).json();
        (shown["events"][0]["id"] == id(1)).then_some(())
    });
    assert_eq!(bench.count(DEAD_LETTERS), 0);
}

#[test]
fn a_message_that_is_no_event_is_listed_too_and_kept_for_when_local_runs() {
    let bench = Bench::open();
    bench.send(QUEUE, CALL, "no envelope", &[]);
    let letter = bench.letters_when(1).remove(0);
    assert_eq!(
        (&letter["id"], &letter["reason"]),
        (&Value::Null, &json!("envelope"))
    );
    let message = letter["message_id"].as_str().unwrap().to_owned();
    let shown = bench.dead(&["show", &message], 0).out;
    assert!(
        shown.contains("no envelope") && shown.contains("version"),
        "{shown}"
    );

    let home = bench.stop();
    let said = home.run(&["dead", "redrive", &message]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "redriven 1\n"));
    assert!(said.err.contains("does not run"), "{}", said.err);
    let empty = home.run(&["dead", "list"]);
    assert_eq!(
        (empty.code, empty.out.as_str()),
        (Some(0), "No dead letters.\n")
    );

    let bench = Bench::of(home);
    let again = bench.letters_when(1).remove(0);
    assert_ne!(again["message_id"], message);
    let again = again["message_id"].as_str().unwrap();
    let shown = bench.dead(&["show", again, "--json"], 0).json();
    assert_eq!(
        (&shown["group"], &shown["raw"]),
        (&json!(CALL), &json!(STANDARD.encode("no envelope")))
    );
    let home = bench.stop();
    assert_eq!(home.run(&["dead", "drop", again, "--yes"]).code, Some(0));
    assert_eq!(
        home.run(&["dead", "list", "--json"]).json_lines(),
        [] as [Value; 0]
    );
}

#[test]
fn many_letters_of_one_entity_are_all_listed_and_go_back_in_their_order() {
    const COUNT: u32 = 25;
    let bench = Bench::open();
    bench.damage(CONTACT);
    for n in 0..COUNT {
        let body = envelope(
            n,
            CONTACT,
            "contact.modified",
            &contact(&format!("Name {n}")),
        );
        bench.send(QUEUE, CONTACT, &body.to_string(), &[]);
    }
    let letters = bench.letters_when(usize::try_from(COUNT).unwrap());
    let ids: BTreeSet<_> = letters
        .iter()
        .map(|letter| letter["id"].to_string())
        .collect();
    assert_eq!(ids.len(), letters.len());
    bench.repair(CONTACT);
    let said = bench.dead(&["redrive", "--entity", CONTACT], 0);
    assert_eq!(
        (said.out.as_str(), said.err.as_str()),
        ("redriven 25\n", "")
    );
    bench.home.events_when(letters.len());
    let shown = bench.home.run(&["show", CONTACT, "--json"]).json();
    let order = shown["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["id"].clone());
    assert_eq!(
        order.collect::<Vec<_>>(),
        (0..COUNT).map(|n| json!(id(n))).collect::<Vec<_>>()
    );
    assert_eq!(shown["state"]["name"], "Name 24");
}

#[test]
fn a_redriven_event_keeps_its_place_and_overwrites_nothing_newer() {
    let bench = Bench::open();
    bench.damage(CONTACT);
    let older = envelope(1, CONTACT, "contact.modified", &contact("Older"));
    bench.send(QUEUE, CONTACT, &older.to_string(), &[]);
    bench.letters_when(1);
    let place = bench.dead(&["show", &id(1), "--json"], 0).json()["sequence_number"].clone();
    bench.repair(CONTACT);
    let newer = envelope(2, CONTACT, "contact.modified", &contact("Newer"));
    bench.send(QUEUE, CONTACT, &newer.to_string(), &[]);
    bench.home.events_when(1);
    // SQS itself moved these, with nothing but their group. Ten letters come at once, one of another
    // group and nine of theirs, and while those are in hand there are no more of theirs.
    for n in 3..18 {
        let lost = envelope(n, CONTACT, "contact.modified", &contact("Lost"));
        bench.send(DEAD_LETTERS, CONTACT, &lost.to_string(), &[]);
    }
    let listed = bench.dead(&["list", "--json", "--reason", "moved_by_sqs"], 0);
    assert_eq!(listed.json_lines().len(), 9);
    assert!(
        listed
            .err
            .contains("waiting behind others of their entity or come meanwhile: 6"),
        "{}",
        listed.err
    );
    assert!(
        bench
            .dead(&["list"], 0)
            .out
            .contains("moved by SQS after too many receives")
    );

    let said = bench.dead(&["redrive", "--all"], 0);
    assert_eq!(
        (said.out.as_str(), said.err.as_str()),
        ("redriven 16\n", "")
    );
    bench.home.events_when(17);
    let shown = bench.home.run(&["show", CONTACT, "--json"]).json();
    assert_eq!(shown["state"]["name"], "Newer", "{place}");
    let events = shown["events"].as_array().unwrap();
    assert_eq!(
        (&events[15]["id"], &events[16]["id"]),
        (&json!(id(1)), &json!(id(2)))
    );
}

#[test]
fn a_body_that_comes_back_can_be_redriven() {
    let bench = Bench::open();
    let mut body = envelope(1, CALL, "call.ended", "");
    let key = format!("other/{}", id(1));
    body["body"] = json!({"stored": {"key": key, "length": ENDED.len(), "sha256": sha256_hex(ENDED.as_bytes())}});
    bench.send(QUEUE, CALL, &body.to_string(), &[]);
    assert_eq!(bench.letters_when(1)[0]["reason"], "body_missing");
    let shown = bench.dead(&["show", &id(1)], 0).out;
    assert!(
        shown.contains("has not got them") && shown.contains("Put the object back"),
        "{shown}"
    );
    assert_eq!(
        bench.dead(&["show", &id(1), "--json"], 0).json()["raw"],
        Value::Null
    );

    let folder = bench.home.data().join("bodies/other");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(id(1)), ENDED).unwrap();
    assert!(bench.dead(&["show", &id(1)], 0).out.contains(ENDED));
    bench.dead(&["redrive", "--reason", "body_missing"], 0);
    let event = bench.home.events_when(1).remove(0);
    assert_eq!(event["raw"], STANDARD.encode(ENDED));
}

#[test]
fn only_what_fits_every_filter_is_dropped_and_never_unasked() {
    let bench = Bench::open();
    let poison = |n: u32, source: &str, kind: &str, days: i64| {
        let entity = format!("{source}/call/call_{n}");
        let mut body = envelope(n, &entity, kind, ENDED);
        body["provider"] = json!("nobody");
        body["received_at"] = json!(days_ago(days));
        bench.send(QUEUE, &entity, &body.to_string(), &[]);
    };
    poison(1, "other", "call.ended", 0);
    poison(2, "other", "call.started", 3);
    poison(3, "voice", "call.ended", 3);
    bench.send(QUEUE, "group", "no envelope", &[]);
    bench.letters_when(4);
    let day = days_ago(1);
    for (filters, fitting) in [
        (&["--source", "other"][..], &[1, 2][..]),
        (&["--kind", "call.ended"], &[1, 3]),
        (&["--entity", "voice/call/call_3"], &[3]),
        (&["--reason", "provider"], &[1, 2, 3]),
        (&["--since", &day], &[1]),
        (&["--until", &day], &[2, 3]),
        (&["--until", &day, "--source", "voice"], &[3]),
        (&[&id(1), &id(2), "--kind", "call.started"], &[2]),
        (&["--source", "nobody"], &[]),
    ] {
        let expected: BTreeSet<_> = fitting.iter().map(|n| id(*n)).collect();
        let found = |args: &[&str]| -> BTreeSet<_> {
            let lines = bench
                .dead(&[args, filters, &["--json"]].concat(), 0)
                .json_lines();
            lines
                .iter()
                .map(|line| line["id"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(found(&["list"]), expected, "{filters:?}");
        assert_eq!(found(&["redrive", "--dry-run"]), expected, "{filters:?}");
        assert_eq!(found(&["drop", "--dry-run"]), expected, "{filters:?}");
    }
    let unasked = bench.dead(&["drop", "--all"], 2);
    assert!(unasked.err.contains("--yes"), "{}", unasked.err);
    bench.dead(&["drop", &id(1), &id(9), "--yes"], 1);
    assert_eq!(
        bench.letters().len(),
        4,
        "nothing of it, since one id is wrong"
    );

    let dropped = bench
        .dead(&["drop", "--source", "other", "--yes", "--json"], 0)
        .json_lines();
    assert!(
        dropped.iter().all(|line| line["action"] == "dropped"),
        "{dropped:?}"
    );
    assert_eq!((dropped.len(), bench.letters().len()), (2, 2));
    let said = bench.dead(&["drop", "--all", "--yes"], 0).out;
    assert_eq!(
        (said.as_str(), bench.count(DEAD_LETTERS)),
        ("dropped 2\n", 0)
    );
    assert!(bench.home.events().is_empty());
}

#[test]
fn without_data_there_is_a_clear_error() {
    let said = Home::new().run(&["dead", "list"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(said.err.contains("switchhook local"), "{}", said.err);
}
