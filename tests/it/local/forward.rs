//! `local --forward-to`: what is committed reaches the user's application, whatever fails meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::application::{Application, Got};
use super::{SAMPLES, accepted, configured, mode};
use crate::programs::{Home, Local, eventually};

/// Posts an event and returns its id.
fn event(home: &Home, local: &Local, name: &str) -> String {
    let body = format!(r#"{{"event":"agent.created","data":{{"agent_id":"{name}"}}}}"#);
    let json = [("content-type", "application/json")];
    let event = accepted(home, local, &json, body.as_bytes());
    event["id"].as_str().unwrap().to_owned()
}

fn forwarding(home: &Home, url: &str) -> Local {
    home.local(&["--forward-to", url])
}

fn ids(got: &[Got]) -> Vec<&str> {
    got.iter().map(Got::id).collect()
}

/// Waits until an event was posted.
fn posted(application: &Application, id: &str) {
    eventually(&format!("{id} to be posted"), || {
        application.got().iter().find(|got| got.id() == id).cloned()
    });
}

/// Returns an address that nobody listens on.
fn nobody() -> String {
    Application::start().address.clone()
}

#[test]
fn every_committed_event_is_posted_on_and_signed() {
    let (home, application) = (configured(), Application::start());
    let local = forwarding(&home, &application.url());
    assert_eq!(home.run(&["send", "other", "all"]).code, Some(0));
    let got = application.got_when(SAMPLES);
    let events = home.events_when(SAMPLES);
    let mut by_id: BTreeMap<_, _> = got.iter().map(|got| (got.id().to_owned(), got)).collect();
    for mut event in events {
        let got = by_id.remove(event["id"].as_str().unwrap()).unwrap();
        got.verify(&home);
        assert_eq!(got.line, "POST /hooks/private-path?x=1 HTTP/1.1");
        event.as_object_mut().unwrap().remove("raw");
        let posted = got.json();
        let happened = match &event["occurred_at"] {
            Value::Null => &event["received_at"],
            at => at,
        };
        assert_eq!(posted["type"], event["kind"]);
        assert_eq!(&posted["timestamp"], happened);
        assert_eq!(posted["data"], event);
    }
    assert!(by_id.is_empty());
    for file in ["forward-secret", "forward.sqlite"] {
        assert_eq!(mode(&home.data().join(file)), 0o600, "{file}");
    }
    let said = local.stop("TERM");
    let secret = std::fs::read_to_string(home.data().join("forward-secret")).unwrap();
    assert!(said.out.contains("forward-secret"), "{}", said.out);
    assert_eq!(secret.trim(), secret, "programs take the file whole");
    for private in [secret.as_str(), "private-path", "not handed on"] {
        assert!(!said.out.contains(private), "{private} in {}", said.out);
        assert!(!said.err.contains(private), "{private} in {}", said.err);
    }
}

#[test]
fn history_stays_and_nothing_committed_is_lost_or_posted_again() {
    let home = configured();
    let local = home.local(&[]);
    let history = event(&home, &local, "history");
    local.stop("TERM");

    // The application is down, and the program is killed after the commit.
    let address = nobody();
    let url = format!("http://{address}/");
    let mut local = forwarding(&home, &url);
    let first = event(&home, &local, "first");
    eventually("a failed try", || {
        local
            .program
            .out()
            .contains("event not handed on")
            .then_some(())
    });
    let second = event(&home, &local, "second");
    local.program.kill();

    // Committed and never noted by any forwarder, then killed.
    let mut local = home.local(&[]);
    let third = event(&home, &local, "third");
    local.program.kill();

    let local = forwarding(&home, &url);
    eventually("a failed try", || {
        local
            .program
            .out()
            .contains("event not handed on")
            .then_some(())
    });
    let application = Application::answering(&address, |_| Some(204));
    for id in [&first, &second, &third] {
        posted(&application, id);
    }
    local.stop("TERM");

    let local = forwarding(&home, &url);
    let fourth = event(&home, &local, "fourth");
    posted(&application, &fourth);
    local.stop("INT");
    let got = application.got();
    got.iter().for_each(|got| got.verify(&home));
    let told: BTreeSet<_> = ids(&got).into_iter().collect();
    assert_eq!(told.len(), got.len(), "some were posted again");
    let all = [&first, &second, &third, &fourth].map(String::as_str);
    assert_eq!(told, all.into(), "and not {history}");
}

#[test]
fn an_event_that_fails_holds_no_other_up() {
    let home = configured();
    let application =
        Application::answering("127.0.0.1:0", |got| {
            match got.json()["data"]["entity"].as_str().unwrap() {
                "other/agent/fails" => Some(500),
                "other/agent/moved" => Some(307),
                "other/agent/hangs" => None,
                _ => Some(200),
            }
        });
    let local = forwarding(&home, &application.url());
    let failing = ["fails", "moved", "hangs"].map(|name| event(&home, &local, name));
    for number in 0..10 {
        let id = event(&home, &local, &format!("good-{number}"));
        posted(&application, &id);
    }
    let overtook = |got: &Got| got.while_others_wait && !failing.contains(&got.id().to_owned());
    assert!(application.got().iter().any(overtook), "one at a time");
    let tries = |id: &str| {
        ids(&application.got())
            .iter()
            .filter(|of| **of == id)
            .count()
    };
    for id in &failing[..2] {
        eventually("a third try", || (tries(id) >= 3).then_some(()));
    }
    assert_eq!(
        application
            .got()
            .iter()
            .filter(|got| got.line.contains("elsewhere"))
            .count(),
        0,
        "a redirect was followed"
    );
    let started = Instant::now();
    let said = local.stop("TERM").out;
    assert!(started.elapsed() < Duration::from_secs(20));
    for (id, reason) in failing.iter().zip(["500", "307"]) {
        let line = said
            .lines()
            .find(|line| line.contains("! event not handed on") && line.contains(id));
        let line = line.unwrap_or_else(|| panic!("nothing of {id}: {said}"));
        assert!(line.contains("other") && line.contains(reason), "{line}");
        assert!(!line.contains("agent/"), "{line}");
    }
    let good = said.lines().filter(|line| line.contains("handed on"));
    assert!(
        good.clone()
            .all(|line| failing.iter().any(|id| line.contains(id))),
        "{said}"
    );
    // What failed is not forgotten by the next start.
    let (again, before) = (forwarding(&home, &application.url()), tries(&failing[0]));
    eventually("another try", || {
        (tries(&failing[0]) > before).then_some(())
    });
    again.stop("INT");
}
