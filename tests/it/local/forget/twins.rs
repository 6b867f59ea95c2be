//! Large bodies that came twice: only one of them is named by a record, and none may stay.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{NUMBER, call, drained, files, forget, holding, noise, open, post_json};
use crate::local::dead::bench::Bench;
use crate::programs::eventually;

/// Brings in a large event, which names the person or not, twice.
fn receive_twice(bench: &Bench, named: &str) {
    let text = format!("{}{named}", noise().repeat(2));
    let data = json!({"call_id": "c2", "noise": text, "transcript": "quokka"});
    let event = call("call.ended", &data);
    for _ in 0..2 {
        post_json(bench, "texts", &event);
    }
    drained(bench);
    assert_eq!(bench.home.events().len(), 1, "one event");
    assert_eq!(bodies(bench).len(), 2, "or this shows nothing");
}

fn bodies(bench: &Bench) -> Vec<PathBuf> {
    files(&bench.home.data().join("bodies"))
}

/// Repeats the command until it left nothing to be looked at later. Returns the last report.
fn erased_at_last(bench: &Bench, subject: &str) -> Value {
    eventually("everything to be looked at", || {
        let report = forget(bench, &[subject, "--yes", "--json"], 0).json();
        (report["not_inspected"] == 0).then_some(report)
    })
}

#[test]
fn body_that_names_a_person_goes_with_its_copies() {
    let bench = open();
    receive_twice(&bench, " 0011 61 400 000 123");
    erased_at_last(&bench, NUMBER);
    assert_eq!(bodies(&bench), Vec::<PathBuf>::new());
    let home = bench.stop();
    for private in ["61 400 000 123", "quokka", NUMBER] {
        assert_eq!(holding(&home, private), Vec::<PathBuf>::new(), "{private}");
    }
}

#[test]
fn body_of_an_entity_goes_with_its_copies() {
    let bench = open();
    receive_twice(&bench, "");
    let other = json!({"call_id": "c3", "noise": noise(), "transcript": "bilby"});
    post_json(&bench, "texts", &call("call.ended", &other));
    drained(&bench);
    let report = erased_at_last(&bench, "texts/call/c2");
    assert_eq!(
        report["items"], 4,
        "state, record and both bodies: {report}"
    );
    assert_eq!(bodies(&bench).len(), 1, "the other call's");
    let home = bench.stop();
    assert_eq!(holding(&home, "quokka"), Vec::<PathBuf>::new());
    assert!(!holding(&home, "bilby").is_empty());
}

#[test]
fn copy_that_no_item_of_a_person_names_goes_too() {
    let bench = open();
    receive_twice(&bench, "");
    let started = json!({"call_id": "c2", "caller_number": NUMBER});
    post_json(&bench, "texts", &call("call.started", &started));
    drained(&bench);
    erased_at_last(&bench, NUMBER);
    assert_eq!(bodies(&bench), Vec::<PathBuf>::new());
    let home = bench.stop();
    assert_eq!(holding(&home, "quokka"), Vec::<PathBuf>::new());
}

#[test]
fn refusal_is_an_object_too() {
    let bench = open();
    receive_twice(&bench, &format!(" {NUMBER}"));
    let refused = forget(&bench, &[NUMBER, "--yes", "--json", "--at-most", "0"], 1);
    assert!(refused.err.contains("--at-most 0"), "{}", refused.err);
    assert_eq!(refused.json()["deleted"], 0);
    assert_eq!(bodies(&bench).len(), 2);
}
