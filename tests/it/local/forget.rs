//! `forget`: of a person nothing is left, in no spelling and in no file, but for the suppression list.

mod twins;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tests::sign;

use super::dead::bench::{Bench, DEAD_LETTERS, QUEUE, days_ago};
use super::{SECRET, fields};
use crate::programs::{Home, Said, eventually};

const SOURCES: &str = r#"
[sources.texts]
provider = "ai-sync"
secrets = ["a secret that no terminal may show"]
country = "AU"

[sources.other]
provider = "ai-sync"
secrets = ["a secret that no terminal may show"]
country = "US"
"#;

const NUMBER: &str = "+61400000123";
const ADDRESS: &str = "zelda@private.example";
const OURS: &str = "+61280000999";

const REPORT_FIELDS: [&str; 8] = [
    "deleted",
    "dry_run",
    "items",
    "kept_opt_outs",
    "not_inspected",
    "others",
    "queued",
    "sources",
];

fn open() -> Bench {
    let home = Home::new();
    home.write("switchhook.toml", SOURCES);
    Bench::of(home)
}

/// Posts a body that must be accepted, and returns its event's id.
#[track_caller]
fn post(bench: &Bench, path: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
    let signature = sign(SECRET, body);
    let signed = [("x-webhook-signature", signature.as_str())];
    let path = format!("/webhooks/{path}");
    let answer = bench.local.post(&path, &[headers, &signed].concat(), body);
    assert_eq!(answer.status, 200, "{answer:?}");
    format!("{}.0", answer.json()["id"].as_str().unwrap())
}

#[track_caller]
fn post_json(bench: &Bench, path: &str, body: &Value) -> String {
    let content_type = [("content-type", "application/json")];
    post(bench, path, &content_type, body.to_string().as_bytes())
}

fn drained(bench: &Bench) {
    eventually("the queue to be empty", || {
        (bench.count(QUEUE) == 0).then_some(())
    });
}

fn forget(bench: &Bench, args: &[&str], code: i32) -> Said {
    let said = bench.home.run(&[&["forget"], args].concat());
    assert_eq!(said.code, Some(code), "{args:?}: {}{}", said.out, said.err);
    said
}

fn erased(bench: &Bench, subject: &str) -> Value {
    let report = forget(bench, &[subject, "--yes", "--json"], 0).json();
    assert_eq!(report["items"], report["deleted"]);
    report
}

/// Sums a count over all sources.
fn total(report: &Value, name: &str) -> u64 {
    let sources = report["sources"].as_array().unwrap().iter();
    sources.map(|source| source[name].as_u64().unwrap()).sum()
}

/// Returns the partitions and sort keys of the table.
fn keys(bench: &Bench) -> BTreeSet<(String, String)> {
    let scanned = bench.aws(
        "DynamoDB_20120810.Scan",
        &json!({"TableName": "switchhook"}),
    );
    let text = |item: &Value, name: &str| item[name]["S"].as_str().unwrap().to_owned();
    let items = scanned["Items"].as_array().unwrap().iter();
    items
        .map(|item| (text(item, "pk"), text(item, "sk")))
        .collect()
}

/// Returns all files of a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Returns the files that hold a text, in any case.
fn holding(home: &Home, text: &str) -> Vec<PathBuf> {
    let text = text.to_lowercase().into_bytes();
    let mut found = files(&home.data());
    found.retain(|path| {
        let bytes = fs::read(path).unwrap().to_ascii_lowercase();
        bytes.windows(text.len()).any(|some| some == text)
    });
    found
}

/// Checks whether anything of these events is in the ledger's file.
#[track_caller]
fn check_recorded(home: &Home, ids: &[String], recorded: bool) {
    let ledger = home.data().join("ledger.sqlite");
    for id in ids {
        assert_eq!(holding(home, id).contains(&ledger), recorded, "{id}");
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Text that does not compress below what is kept in the table.
fn noise() -> String {
    (0..9_000_u32)
        .map(|n| format!("{:08x}", n.wrapping_mul(2_654_435_761)))
        .collect()
}

fn text_message(from: &str, message: &str) -> Value {
    json!({"event": "sms.received", "timestamp": days_ago(0),
        "data": {"from": from, "to": OURS, "message": message}})
}

fn call(event: &str, data: &Value) -> Value {
    json!({"event": event, "timestamp": "2026-02-03T04:05:06Z", "data": data})
}

/// Brings in what a person leaves in a receiver: several sources, spellings and forms. Returns the ids of
/// the events.
fn receive_person(bench: &Bench) -> Vec<String> {
    let mut ids = vec![
        post_json(bench, "texts", &text_message("0400 000 123", "quokka one")),
        post_json(bench, "texts", &text_message(NUMBER, "quokka two")),
        post_json(
            bench,
            "other",
            &text_message("+61 (0)400 000-123", "quokka three"),
        ),
        post_json(
            bench,
            "other",
            &call(
                "call.started",
                &json!({"call_id": "c1", "caller_number": NUMBER}),
            ),
        ),
    ];
    // Only the call shows whose words these are.
    for transcript in ["quokka four", "quokka five by Zelda Fitz"] {
        let data = json!({"call_id": "c1", "transcript": transcript});
        ids.push(post_json(bench, "other", &call("call.ended", &data)));
    }
    // Only its body names the person: what is kept of so long a text is cut.
    let long = format!("{} 0011 61 400 000 123", noise());
    let large = json!({"call_id": "c2", "noise": long, "transcript": "quokka six"});
    ids.push(post_json(bench, "texts", &call("call.ended", &large)));
    let contact = json!({"phone_number": "0400000123", "email": "Zelda@Private.example",
        "first_name": "Zelda", "last_name": "Fitz", "address": "7 Wombat Lane"});
    ids.push(post_json(bench, "texts/contact", &contact));
    ids.push(post(
        bench,
        "texts",
        &[("content-type", "text/plain")],
        b"ring Zelda Fitz on 0400-000-123, she said quokka seven",
    ));
    let zipped = text_message("0061400000123", "quokka eight").to_string();
    let headers = [
        ("content-type", "application/json"),
        ("content-encoding", "gzip"),
    ];
    ids.push(post(bench, "texts", &headers, &gzip(&zipped)));
    let agent = json!({"event": "agent.status_changed", "timestamp": days_ago(0),
        "data": {"agent_id": "a1", "status": "busy", "with": NUMBER, "note": "quokka nine"}});
    ids.push(post_json(bench, "other", &agent));
    ids
}

/// Brings in what belongs to others.
fn receive_others(bench: &Bench) -> Vec<String> {
    let created = json!({"event": "agent.created", "timestamp": days_ago(0),
        "data": {"agent_id": "a1", "name": "Our Agent"}});
    vec![
        post_json(bench, "texts", &text_message("+61400000124", "bilby one")),
        post_json(
            bench,
            "other",
            &call(
                "call.ended",
                &json!({"call_id": "c3", "transcript": "bilby two"}),
            ),
        ),
        post_json(bench, "other", &created),
    ]
}

/// Every spelling and text that came with the person.
const PRIVATE: [&str; 9] = [
    "0400 000 123",
    "0400000123",
    "400 000-123",
    "0400-000-123",
    "0011 61 400",
    "0061400000123",
    "quokka",
    "Fitz",
    "Wombat",
];

#[test]
fn nothing_of_a_person_is_left_in_any_file_once_local_has_stopped() {
    let bench = open();
    let ids = receive_person(&bench);
    let others = receive_others(&bench);
    drained(&bench);
    bench.damage("texts/call/c9");
    let dead = json!({"call_id": "c9", "transcript": "quokka ten", "caller_number": "0400000123"});
    post_json(&bench, "texts", &call("call.ended", &dead));
    bench.letters_when(1);
    assert!(!files(&bench.home.data().join("bodies")).is_empty());
    for text in ["Fitz", NUMBER] {
        assert!(
            !holding(&bench.home, text).is_empty(),
            "or this shows nothing"
        );
    }

    let looked = forget(
        &bench,
        &["0400 000 123", "--country", "AU", "--dry-run", "--json"],
        0,
    );
    let before = keys(&bench);
    let report = erased(&bench, NUMBER);
    assert_eq!(fields(&report), REPORT_FIELDS.into());
    assert_eq!(
        looked.json()["items"],
        report["items"],
        "what was announced"
    );
    let shown: Vec<_> = ["variants", "bodies", "dead_letters"]
        .map(|name| total(&report, name))
        .into();
    assert_eq!(shown, [1, 1, 1], "{report}");
    assert_eq!(total(&report, "states"), 6, "{report}: {before:?}");
    // The second end of the call is a variant of the first.
    assert_eq!(total(&report, "records"), 10, "{report}: {before:?}");
    drained(&bench);
    let left: BTreeSet<_> = bench
        .home
        .events()
        .iter()
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(left, others.iter().cloned().collect());
    assert_eq!(bench.count(DEAD_LETTERS), 0);
    let again = forget(&bench, &[NUMBER, "--yes"], 0);
    assert!(again.err.contains("nothing found"), "{}", again.err);

    let home = bench.stop();
    for private in PRIVATE.iter().chain([&NUMBER, &"zelda", &ADDRESS]) {
        assert_eq!(holding(&home, private), Vec::<PathBuf>::new(), "{private}");
    }
    check_recorded(&home, &ids, false);
    for kept in others
        .iter()
        .map(String::as_str)
        .chain(["bilby", "Our Agent"])
    {
        assert!(!holding(&home, kept).is_empty(), "{kept}");
    }
}

#[test]
fn suppression_list_stays_and_everything_else_goes() {
    let bench = open();
    post_json(&bench, "texts", &text_message("0400 000 123", "STOP"));
    drained(&bench);
    let added = ["opt-outs", "add", NUMBER, "--because", "quokka asked us to"];
    assert_eq!(bench.home.run(&added).code, Some(0));
    let body =
        json!({"phone_number": "12", "email": "ZELDA@private.example", "first_name": "Zelda"});
    post_json(&bench, "other/contact", &body);
    eventually("the operator's word", || {
        let listed = bench.home.run(&["opt-outs", NUMBER, "--json"]);
        (listed.json()["sources"].as_array().unwrap().len() == 2).then_some(())
    });
    drained(&bench);
    let report = erased(&bench, NUMBER);
    assert_eq!(report["kept_opt_outs"], 1);
    let said = forget(&bench, &[ADDRESS, "--yes"], 0);
    assert!(said.out.contains("erased: 2 items"), "{}", said.out);
    let item = format!("_/opt_out/{NUMBER}/sms");
    assert_eq!(keys(&bench), [(item.clone(), "state".to_owned())].into());
    let refused = forget(&bench, &[&item, "--yes"], 1);
    assert!(refused.err.contains("suppression list"), "{}", refused.err);
    let home = bench.stop();
    assert_eq!(home.run(&["opt-outs", NUMBER]).code, Some(3));
    for private in ["0400 000 123", "quokka", "zelda", OURS] {
        assert_eq!(holding(&home, private), Vec::<PathBuf>::new(), "{private}");
    }
    let ledger = home.data().join("ledger.sqlite");
    assert_eq!(holding(&home, NUMBER), [ledger]);
}

#[test]
fn entity_goes_with_what_is_kept_of_it_while_local_is_stopped() {
    let bench = open();
    let ids = receive_person(&bench);
    drained(&bench);
    let home = bench.stop();
    let said = home.run(&["forget", "other/call/c1", "--yes", "--json"]);
    let report = said.json();
    assert_eq!(report["deleted"], 4, "{report}");
    for private in ["quokka four", "quokka five"] {
        assert_eq!(holding(&home, private), Vec::<PathBuf>::new(), "{private}");
    }
    check_recorded(&home, &ids[3..6], false);
    assert!(!holding(&home, "quokka three").is_empty());
    let said = home.run(&["forget", "other/call/c1", "--yes"]);
    assert_eq!(said.code, Some(0));
    assert!(said.err.contains("nothing found"), "{}", said.err);
}

#[test]
fn number_of_ones_own_and_very_much_are_refused() {
    let bench = open();
    for n in 0..21 {
        let from = format!("+614000002{n:02}");
        post_json(&bench, "texts", &text_message(&from, "bilby"));
    }
    drained(&bench);
    let count = keys(&bench).len();
    let refused = forget(&bench, &[OURS, "--yes"], 1);
    for said in ["21 others", "--at-most 42"] {
        assert!(refused.err.contains(said), "{said}: {}", refused.err);
    }
    let looked = forget(&bench, &[OURS, "--dry-run"], 0);
    assert!(
        looked.out.contains("would be erased: 42 items"),
        "{}",
        looked.out
    );
    assert!(looked.err.contains("would be refused"), "{}", looked.err);
    forget(&bench, &[OURS, "--yes", "--at-most", "41"], 1);
    assert_eq!(keys(&bench).len(), count, "nothing was deleted");
    let said = forget(&bench, &[OURS, "--yes", "--at-most", "42"], 0);
    assert!(said.out.contains("erased: 42 items"), "{}", said.out);
    assert!(keys(&bench).is_empty());

    let item = |n: u32| {
        json!({"PutRequest": {"Item": {
            "pk": {"S": "texts/call/c"}, "sk": {"S": format!("event#{n}")}, "data": {"S": NUMBER},
        }}})
    };
    for first in (0..1_001).step_by(25) {
        let items: Vec<_> = (first..(first + 25).min(1_001)).map(item).collect();
        bench.aws(
            "DynamoDB_20120810.BatchWriteItem",
            &json!({"RequestItems": {"switchhook": items}}),
        );
    }
    let refused = forget(&bench, &[NUMBER, "--yes"], 1);
    assert!(refused.err.contains("1001 items"), "{}", refused.err);
    let report = forget(&bench, &[NUMBER, "--yes", "--at-most", "1001", "--json"], 0).json();
    assert_eq!(report["deleted"], 1_001);
    assert!(keys(&bench).is_empty());
}

#[test]
fn without_a_terminal_or_a_subject_nothing_is_erased() {
    let bench = open();
    post_json(&bench, "texts", &text_message(NUMBER, "quokka"));
    drained(&bench);
    let count = keys(&bench).len();
    let refused = forget(&bench, &[NUMBER], 1);
    assert!(refused.err.contains("--yes"), "{}", refused.err);
    for wrong in [
        &["quokka"][..],
        &["0400 000 123"],
        &[NUMBER, "--country", "XX"],
    ] {
        let said = forget(&bench, &[wrong, &["--yes"]].concat(), 2);
        assert_eq!(said.out, "");
    }
    assert_eq!(keys(&bench).len(), count);
    let nobody = Home::new().run(&["forget", NUMBER, "--yes"]);
    assert_eq!(nobody.code, Some(1), "{}", nobody.err);
}

#[test]
fn dead_letters_of_many_show_a_number_of_ones_own_too() {
    let bench = open();
    for n in 0..21 {
        let entity = format!("texts/call/c{n}");
        bench.damage(&entity);
        let data = json!({"call_id": format!("c{n}"), "caller_number": format!("+614000002{n:02}"),
            "called_number": OURS});
        post_json(&bench, "texts", &call("call.ended", &data));
    }
    bench.letters_when(21);
    let refused = forget(&bench, &[OURS, "--yes"], 1);
    assert!(refused.err.contains("21 others"), "{}", refused.err);
    assert_eq!(bench.letters().len(), 21, "they are put back");
    let report = forget(&bench, &[OURS, "--yes", "--at-most", "42", "--json"], 0).json();
    let shown = ["states", "dead_letters"].map(|name| total(&report, name));
    assert_eq!(shown, [21, 21], "{report}");
    assert!(keys(&bench).is_empty() && bench.letters().is_empty());
}

#[test]
fn what_is_still_queued_is_found_by_a_second_run() {
    let home = open().stop();
    let added = ["opt-outs", "add", NUMBER, "--because", "quokka"];
    assert_eq!(home.run(&added).code, Some(0));
    let first = home.run(&["forget", NUMBER, "--yes", "--json"]).json();
    assert_eq!((&first["items"], &first["queued"]), (&json!(0), &json!(1)));
    let said = home.run(&["forget", NUMBER, "--yes"]);
    assert!(said.out.contains("1 event is still queued"), "{}", said.out);
    let bench = Bench::of(home);
    drained(&bench);
    let second = erased(&bench, NUMBER);
    assert_eq!(
        (&second["items"], &second["queued"]),
        (&json!(2), &json!(0))
    );
    let home = bench.stop();
    assert_eq!(holding(&home, "quokka"), Vec::<PathBuf>::new());
    assert_eq!(home.run(&["opt-outs", NUMBER]).code, Some(3));
}

/// What is left after any number of deletions names the person, or nothing does.
#[test]
fn what_an_interrupted_run_left_is_found_by_the_next() {
    let bench = open();
    for n in 0..3 {
        let data = json!({"call_id": "c1", "transcript": format!("quokka {n}")});
        let mut event = call("call.ended", &data);
        event["timestamp"] = format!("2026-02-03T04:05:0{n}Z").into();
        post_json(&bench, "other", &event);
    }
    let started = json!({"call_id": "c1", "caller_number": NUMBER});
    post_json(&bench, "other", &call("call.started", &started));
    drained(&bench);
    let program = bench.home.start(&["forget", NUMBER, "--yes"]);
    program.signal("INT");
    let said = program.end();
    assert!(matches!(said.code, None | Some(0 | 1)), "{said:?}");
    for _ in 0..3 {
        let mut program = bench.home.start(&["forget", NUMBER, "--yes"]);
        std::thread::sleep(std::time::Duration::from_millis(15));
        program.kill();
    }
    forget(&bench, &[NUMBER, "--yes"], 0);
    assert!(keys(&bench).is_empty());
    let home = bench.stop();
    assert_eq!(holding(&home, "quokka"), Vec::<PathBuf>::new());
    assert_eq!(holding(&home, NUMBER), Vec::<PathBuf>::new());
}
