//! `--stack`: every command on a deployed stack, from a place that has none of its data.

mod aws;
mod before;
mod bytes;
mod deep;
mod other_table;
mod parts;
mod pause;
mod permissions;
mod push;
mod troubles;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use switchhook_aws::clock::SystemClock;
use switchhook_core::time::Clock;

use self::aws::{Aws, STACK};
use crate::programs::{Home, eventually};

const SECRET: &str = "a secret that no terminal may show";

/// The path of its URL, with the first of its tokens.
const VOICE: &str = "/webhooks/voice/token-of-the-first-hook";

const SOURCES: &str = r#"
[sources.voice]
title = "The front desk"
provider = "ai-sync"
secrets = ["a secret that no terminal may show"]
tokens = ["token-of-the-first-hook", "token-of-the-other-hook"]
country = "US"

[sources.texts]
provider = "cellcast"
users = [{ username = "hooks", password = "another that none may show" }]
"#;

/// How many events die, at most, while dead letters are listed.
const MOST_DEAD: usize = 1_000;

/// A stack that has one event of each sample of a source.
async fn received(source: &str) -> (Aws, Vec<Value>) {
    let aws = Aws::start(SOURCES).await;
    let sent = aws.run(&["send", source, "all", "--json"]);
    assert_eq!(sent.code, Some(0), "{}{}", sent.out, sent.err);
    let count = usize::try_from(sent.json()["sent"].as_u64().unwrap()).unwrap();
    let events = eventually("the events", || {
        let said = aws.done(&["events", "--json", "--raw"]);
        Some(said.json_lines()).filter(|events| events.len() >= count)
    });
    (aws, events)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_to_a_stack_is_listed_and_shown_from_there() {
    let (aws, events) = received("voice").await;
    assert_eq!(
        events,
        aws.behind.events(),
        "what the laptop behind it lists"
    );
    let event = events.iter().find(|event| event["kind"] == "call.ended");
    let (id, entity) = (&event.unwrap()["id"], &event.unwrap()["entity"]);
    for args in [
        &["show", entity.as_str().unwrap(), "--json"][..],
        &["show", id.as_str().unwrap()],
        &["show", id.as_str().unwrap(), "--raw"],
        &["events", "--source", "voice", "--limit", "3"],
    ] {
        assert_eq!(aws.done(args).out, aws.behind.run(args).out, "{args:?}");
    }
    assert!(
        !aws.home.data().exists(),
        "the laptop's data are left alone"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_comes_from_the_bucket() {
    let aws = Aws::start(SOURCES).await;
    let noise: String = (0..9_000_u32)
        .map(|n| format!("{:08x}", n.wrapping_mul(2_654_435_761)))
        .collect();
    let body = format!(r#"{{"event":"call.ended","data":{{"call_id":"c","noise":"{noise}"}}}}"#);
    let signature = tests::sign(SECRET, body.as_bytes());
    let headers = [("x-webhook-signature", signature.as_str())];
    let posted = aws.local.post(VOICE, &headers, body.as_bytes());
    assert_eq!(posted.status, 200);
    let [event] = <[Value; 1]>::try_from(aws.behind.events_when(1)).unwrap();
    let shown = aws.done(&["show", event["id"].as_str().unwrap(), "--raw"]);
    assert_eq!(shown.out.trim(), body);
    aws.known(|known| assert!(known.asked.contains(&"GetObject".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn opt_outs_and_dead_letters_are_those_of_the_stack() {
    let (aws, _) = received("texts").await;
    let body = r#"{"event":"sms.received","data":{"from":"+15550100003","to":"+15550100004","message":"STOP"}}"#;
    let signature = tests::sign(SECRET, body.as_bytes());
    let headers = [("x-webhook-signature", signature.as_str())];
    let posted = aws.local.post(VOICE, &headers, body.as_bytes());
    assert_eq!(posted.status, 200);
    let listed = eventually("the number", || {
        let listed = aws.done(&["opt-outs", "--json"]);
        listed.json_lines().pop()
    });
    assert_eq!(listed["source"], "voice");

    aws.bury("voice/call/poison");
    let letter = eventually("the letter", || {
        aws.done(&["dead", "list", "--json"]).json_lines().pop()
    });
    assert_eq!(letter["reason"], "envelope");
    let id = letter["message_id"].as_str().unwrap();
    assert!(
        aws.done(&["dead", "show", id])
            .out
            .contains("cannot be read")
    );
    let looked = aws.done(&["dead", "drop", "--all", "--dry-run", "--json"]);
    assert_eq!(looked.json()["dry_run"], true);
    let redriven = aws.done(&["dead", "redrive", id, "--json"]).json();
    assert_eq!(redriven["action"], "redriven");
    let again = eventually("the letter's return", || {
        aws.done(&["dead", "list", "--json"]).json_lines().pop()
    });
    let id = again["message_id"].as_str().unwrap();
    let dropped = aws.done(&["dead", "drop", id, "--yes", "--json"]).json();
    assert_eq!(dropped["action"], "dropped");
    assert_eq!(aws.done(&["dead", "list", "--json"]).out, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn person_is_erased_from_a_stack() {
    let (aws, _) = received("texts").await;
    let post = |body: &str| {
        let signature = tests::sign(SECRET, body.as_bytes());
        let headers = [("x-webhook-signature", signature.as_str())];
        let posted = aws.local.post(VOICE, &headers, body.as_bytes());
        assert_eq!(posted.status, 200);
    };
    let noise: String = (0..9_000_u32)
        .map(|n| format!("{:08x}", n.wrapping_mul(2_654_435_761)))
        .collect();
    post(
        r#"{"event":"sms.received","data":{"from":"(201) 555-0123","to":"+12015550199","message":"STOP"}}"#,
    );
    post(&format!(
        r#"{{"event":"call.ended","data":{{"call_id":"c","noise":"{noise}","caller_number":"+12015550123"}}}}"#
    ));
    // Only its body names the person: what is kept of so long a text is cut.
    post(&format!(
        r#"{{"event":"call.ended","data":{{"call_id":"d","noise":"{noise} +12015550123"}}}}"#
    ));
    eventually("the number", || {
        let listed = aws.done(&["opt-outs", "--json"]).json_lines();
        let mut listed = listed.into_iter();
        listed.find(|entry| entry["phone"] == "+12015550123")
    });
    aws.bury("voice/call/2015550123");
    eventually("the letter", || {
        aws.done(&["dead", "list", "--json"]).json_lines().pop()
    });
    let is_theirs = |event: &Value| {
        event["entity"] == "voice/call/d" || event.to_string().contains("2015550123")
    };
    let before = eventually("the events", || {
        let events = aws.done(&["events", "--json"]).json_lines();
        (events.iter().filter(|event| is_theirs(event)).count() == 3).then_some(events)
    });
    let looked = aws.done(&["forget", "+12015550123", "--dry-run", "--json"]);
    let erased = aws
        .done(&["forget", "+1 201 555 0123", "--yes", "--json"])
        .json();
    assert_eq!(looked.json()["items"], erased["items"]);
    assert_eq!(
        (&erased["deleted"], &erased["kept_opt_outs"]),
        (&json!(9), &json!(1))
    );
    let sources = erased["sources"].as_array().unwrap();
    let voice = sources.iter().find(|counts| counts["source"] == "voice");
    assert_eq!(
        voice.unwrap(),
        &json!({"source": "voice", "states": 3, "records": 3, "variants": 0, "bodies": 2, "dead_letters": 0})
    );
    let after = aws.done(&["events", "--json"]).json_lines();
    let kept: Vec<_> = before
        .into_iter()
        .filter(|event| !is_theirs(event))
        .collect();
    assert_eq!(after, kept);
    assert_eq!(aws.done(&["dead", "list", "--json"]).out, "");
    let listed = aws.done(&["opt-outs", "--json"]).json_lines();
    assert!(listed.iter().any(|entry| entry["phone"] == "+12015550123"));
    aws.known(|known| {
        for asked in [
            "GetSecretValue",
            "ListObjectsV2",
            "GetObject",
            "DeleteObject",
        ] {
            assert!(known.asked.contains(&asked.to_owned()), "{asked}");
        }
    });

    aws.trouble("ListObjectsV2", (403, "AccessDenied", "no"));
    let said = aws.run(&["forget", "+12015550123", "--yes"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("listing large bodies"), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_dead_letters_ends_while_events_go_on_dying() {
    let aws = Aws::start(SOURCES).await;
    aws.bury("voice/call/0");
    let first = eventually("the letter", || {
        aws.done(&["dead", "list", "--json"]).json_lines().pop()
    });
    let is_listed = AtomicBool::new(false);
    let (said, is_endless) = thread::scope(|scope| {
        let dying = scope.spawn(|| {
            (1..=MOST_DEAD).all(|n| {
                aws.bury(&format!("voice/call/{n}"));
                thread::sleep(Duration::from_millis(20));
                !is_listed.load(Ordering::Relaxed)
            })
        });
        let said = aws.run(&["dead", "list", "--json"]);
        is_listed.store(true, Ordering::Relaxed);
        (said, dying.join().unwrap())
    });
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.json_lines().contains(&first), "what was dead before");
    assert!(!is_endless, "it listed for as long as events died");
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_puts_events_on_the_bus_as_the_pipe_does() {
    let (aws, events) = received("voice").await;
    let looked = aws.done(&["replay", "--source", "voice", "--dry-run"]);
    assert!(looked.out.contains("would be handed out"), "{}", looked.out);
    let event = &events[events.len() / 2];
    aws.done(&["replay", event["id"].as_str().unwrap()]);
    let put = aws.known(|known| std::mem::take(&mut known.bus));
    let [entry] = <[Value; 1]>::try_from(put).unwrap();
    assert_eq!(entry["EventBusName"], "hooks-events");
    assert_eq!(entry["Source"], "switchhook");
    assert_eq!(entry["DetailType"], event["kind"]);
    let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
    for field in ["id", "source", "provider", "kind", "entity"] {
        assert_eq!(detail[field], event[field], "{field}");
    }
    let data: Value = serde_json::from_str(detail["data"].as_str().unwrap()).unwrap();
    // As it is stored: without what is not known.
    let mut known = event["data"].as_object().unwrap().clone();
    known.retain(|_, value| !value.is_null() && *value != serde_json::json!({}));
    assert_eq!(data, Value::Object(known));
    let at: jiff::Timestamp = event["received_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(detail["received_at"], at.as_millisecond().to_string());

    aws.done(&["replay", "--source", "voice"]);
    let put = aws.known(|known| std::mem::take(&mut known.bus));
    assert_eq!(put.len(), events.len());

    aws.known(|known| known.outputs.remove("BusName"));
    let said = aws.run(&["replay", "--source", "voice"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("`FanOut=true`"), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn hits_come_from_the_metrics_and_a_silent_source_is_found() {
    let aws = Aws::start(SOURCES).await;
    let now = SystemClock.now().as_second();
    let ago = |hours: i64| now - hours * 3_600 - 100;
    aws.known(|known| {
        known.deliveries = vec![
            ("voice", ago(7)),
            ("voice", ago(5)),
            ("voice", ago(29 * 24)),
        ];
    });
    let [texts, voice] =
        <[Value; 2]>::try_from(aws.done(&["sources", "--json"]).json_lines()).unwrap();
    assert_eq!(
        (&texts["hits"], &texts["last_hit"]),
        (&0.into(), &Value::Null)
    );
    let minute = jiff::Timestamp::from_second(ago(5) - ago(5) % 60).unwrap();
    assert_eq!(voice["hits"], 3);
    assert_eq!(voice["last_hit"], minute.to_string(), "by the minute");
    let url = format!("http://{}{VOICE}", aws.local.address);
    assert_eq!(voice["url"], url);

    let silent = |time: &str| {
        let said = aws.run(&["sources", "--silent-for", time, "--json"]);
        let names = said
            .json_lines()
            .into_iter()
            .map(|source| source["name"].clone());
        (said.code, names.collect::<Vec<_>>())
    };
    assert_eq!(silent("6h"), (Some(1), vec![json!("texts")]));
    assert_eq!(
        silent("4h"),
        (Some(1), vec![json!("texts"), json!("voice")])
    );
    aws.known(|known| known.deliveries.push(("texts", ago(40 * 24))));
    assert_eq!(
        silent("41d"),
        (Some(0), vec![]),
        "further back than records live"
    );

    aws.known(|known| known.deliveries.push(("texts", now + 20)));
    let texts = aws.done(&["sources", "--json"]).json_lines().remove(0);
    assert_eq!(texts["hits"], 1, "a clock that is ahead");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_stack_is_found_whole() {
    let aws = Aws::start(SOURCES).await;
    let looks = aws.done(&["check", "--json"]).json_lines();
    let names: Vec<_> = looks
        .iter()
        .map(|look| look["check"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "stack",
            "outputs",
            "sources",
            "table",
            "table settings",
            "bodies",
            "queue",
            "consumer",
            "dead letters",
            "health",
            "functions",
            "concurrency",
            "alarms",
            "pipe"
        ]
    );
    assert!(
        looks.iter().all(|look| look["result"] == "ok"),
        "{looks:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_stack_nothing_is_asked_of_aws() {
    let aws = Aws::start(SOURCES).await;
    let home = Home::new();
    home.write("switchhook.toml", SOURCES);
    for args in [
        &["sources"][..],
        &["events"],
        &["check"],
        &["dead", "list"],
        &["sources", "token"],
    ] {
        home.run_with(&aws.environment(), args);
    }
    for wrong in [
        &["local", "--stack", STACK][..],
        &["sources", "token", "--stack", STACK],
        &["sources", "push", "--yes"],
    ] {
        let said = home.run_with(&aws.environment(), wrong);
        assert_eq!(said.code, Some(2), "{wrong:?}: {}", said.err);
    }
    aws.known(|known| assert_eq!(known.asked, [""; 0]));
}
