//! `replay`: recorded events are handed out again, and nothing else happens.

use serde_json::{Value, json};

use super::application::Application;
use super::{SAMPLES, configured};
use crate::programs::Home;

const SUMMARY: &str = "answered with 2xx";

/// A folder with every sample in its ledger, and the events in it.
fn recorded() -> (Home, Vec<Value>) {
    let home = configured();
    let local = home.local(&[]);
    assert_eq!(home.run(&["send", "other", "all"]).code, Some(0));
    let events = home.events_when(SAMPLES);
    local.stop("TERM");
    (home, events)
}

fn id(event: &Value) -> &str {
    event["id"].as_str().unwrap()
}

fn of_kind<'a>(events: &'a [Value], kind: &str) -> &'a Value {
    events.iter().find(|event| event["kind"] == kind).unwrap()
}

#[test]
fn an_event_is_posted_again_with_the_same_id_and_body() {
    let (home, events) = recorded();
    let application = Application::start();
    let url = application.url();
    let ended = of_kind(&events, "call.ended");
    let entity = ended["entity"].as_str().unwrap();
    let before = home.run(&["show", entity, "--json"]).out;
    let replay = ["replay", id(ended), "--to", &url];
    let said = home.run(&replay);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert!(
        said.out.starts_with(&format!("200  {}", id(ended))),
        "{}",
        said.out
    );
    assert!(said.out.contains(SUMMARY), "{}", said.out);
    let local = home.local(&[]);
    let said = home.run(&[&replay[..], &["--json"]].concat()).json();
    assert_eq!(
        said,
        json!({"id": id(ended), "source": "other", "kind": "call.ended", "status": 200})
    );
    local.stop("TERM");

    let got = application.got_when(2);
    let mut data = ended.clone();
    data.as_object_mut().unwrap().remove("raw");
    let posted = json!({"type": "call.ended", "timestamp": ended["occurred_at"], "data": data});
    for got in &got {
        got.verify(&home);
        assert_eq!((got.id(), got.json()), (id(ended), posted.clone()));
    }
    assert_eq!(got.len(), 2);
    assert_eq!(home.run(&["show", entity, "--json"]).out, before);
}

#[test]
fn filters_choose_and_a_dry_run_posts_nothing() {
    let (home, events) = recorded();
    let application = Application::start();
    let url = application.url();
    let lines = |args: &[&str]| {
        let said = home.run(&[&["replay", "--to", &url, "--json"], args].concat());
        assert_eq!(said.code, Some(0), "{args:?}: {}", said.err);
        said.json_lines()
    };
    let received = of_kind(&events, "call.ended")["received_at"].as_str();
    let received: jiff::Timestamp = received.unwrap().parse().unwrap();
    let after = received + jiff::SignedDuration::from_millis(1);
    let (received, after) = (received.to_string(), after.to_string());
    let earlier = ["--kind", "call.ended", "--since", "2026-01-01T00:00:00Z"];
    for (args, count) in [
        (&["--source", "other", "--dry-run"][..], SAMPLES),
        (&["--source", "voice"], 0),
        (&["--kind", "call.ended"], 1),
        (&[&earlier[..], &["--until", &after]].concat(), 1),
        (&[&earlier[..], &["--until", &received]].concat(), 0),
    ] {
        assert_eq!(lines(args).len(), count, "{args:?}");
    }
    assert_eq!(application.got().len(), 2);
    let all = lines(&["--source", "other"]);
    let all: Vec<_> = all.iter().map(id).collect();
    let wanted: Vec<_> = events.iter().map(id).collect();
    assert_eq!(all, wanted, "in the order accepted");
    let got = application.got();
    let got: Vec<_> = got[2..].iter().map(|got| got.id()).collect();
    assert_eq!(got, wanted);
}

#[test]
fn a_replay_that_fails_says_so() {
    let (home, events) = recorded();
    let application = Application::answering("127.0.0.1:0", |got| {
        Some(if got.json()["type"] == "call.ended" {
            500
        } else {
            200
        })
    });
    let url = application.url();
    let (ended, started) = (
        of_kind(&events, "call.ended"),
        of_kind(&events, "call.started"),
    );
    let said = home.run(&["replay", id(ended), id(started), "--to", &url]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.out.contains(&format!("500  {}", id(ended))),
        "{}",
        said.out
    );
    assert!(
        said.out.contains("2 posted, 1 answered with 2xx"),
        "{}",
        said.out
    );

    let unknown = "019aad2b-7c00-7000-8000-000000000001.0";
    let said = home.run(&["replay", id(started), unknown, "--to", &url]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(said.err.contains(unknown), "{}", said.err);
    assert_eq!(
        application.got().len(),
        2,
        "nothing is posted of half a list"
    );
    drop(application);

    let said = home.run(&["replay", "--source", "other", "--to", &url]);
    assert_eq!(said.code, Some(1));
    assert_eq!(said.out.matches("no answer").count(), 10, "{}", said.out);
    assert!(
        said.out
            .contains("10 posted, 0 answered with 2xx; 9 not tried"),
        "{}",
        said.out
    );

    let said = home.run(&["replay", id(started)]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("--to URL"), "{}", said.err);
    for wrong in [
        &["replay", "--to", "http://localhost"][..],
        &["replay", "no-id", "--to", "http://localhost"],
        &[
            "replay",
            id(started),
            "--source",
            "other",
            "--to",
            "http://localhost",
        ],
        &["replay", id(started), "--to", "localhost"],
    ] {
        assert_eq!(home.run(wrong).code, Some(2), "{wrong:?}");
    }
}
