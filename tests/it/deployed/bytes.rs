//! `send SOURCE bytes`: whether what arrives is what was sent, on a way that changes nothing and on others.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use serde_json::Value;
use switchhook_core::providers;

use super::SOURCES;
use super::aws::Aws;
use crate::lambda::http::{answer, serve};
use crate::programs::{Home, exchange, request};

const BODIES: [&str; 6] = [
    "plain",
    "invalid-utf-8",
    "latin-1",
    "utf-16",
    "gzip",
    "large",
];

fn results(lines: &[Value]) -> BTreeMap<&str, &str> {
    let text =
        |line: &'_ Value, field: &str| -> String { line[field].as_str().unwrap().to_owned() };
    assert!(lines.iter().all(|line| !text(line, "body").is_empty()));
    let lines = lines.iter();
    lines
        .map(|line| {
            (
                line["body"].as_str().unwrap(),
                line["result"].as_str().unwrap(),
            )
        })
        .collect()
}

#[test]
fn every_provider_of_a_laptop_gets_all_bytes_as_sent() {
    let home = Home::new();
    let local = home.local(&[]);
    for provider in providers::ALL {
        let source = provider.name();
        let said = home.run(&["send", source, "bytes", "--json"]);
        assert_eq!(said.code, Some(0), "{source}: {}{}", said.out, said.err);
        let lines = said.json_lines();
        let names: Vec<_> = lines
            .iter()
            .map(|line| line["body"].as_str().unwrap())
            .collect();
        assert_eq!(names, BODIES);
        for line in &lines {
            assert_eq!(
                (&line["status"], &line["result"]),
                (&200.into(), &"as_sent".into())
            );
        }
        assert_eq!(lines[5]["bytes"], 4 << 20);
        assert_eq!(lines[4]["content_encoding"], "gzip");
    }
    let events = home.events();
    assert_eq!(events.len(), providers::ALL.len() * BODIES.len());
    for event in &events {
        assert!(
            ["unrecognised", "unreadable"].contains(&event["kind"].as_str().unwrap()),
            "of no kind: {} {}",
            event["source"],
            event["kind"]
        );
    }
    let is_no_utf_8 = |event: &&Value| {
        let raw = STANDARD.decode(event["raw"].as_str().unwrap()).unwrap();
        std::str::from_utf8(&raw).is_err()
    };
    assert_eq!(
        events.iter().filter(is_no_utf_8).count(),
        providers::ALL.len() * 4
    );
    let said = home.run(&["opt-outs", "--json"]);
    assert_eq!(said.out, "", "nobody opted out");
    for wrong in [["--tamper", "--json"], ["--repeat", "2"], ["--count", "2"]] {
        let said = home.run(&[&["send", "ai-sync", "bytes"][..], &wrong].concat());
        assert_eq!(said.code, Some(2), "{wrong:?}");
    }
    let listed = home.run(&["send", "ai-sync", "none"]);
    assert!(listed.err.contains("all, bytes"), "{}", listed.err);
    drop(local);
}

#[tokio::test(flavor = "multi_thread")]
async fn stack_that_keeps_bytes_is_found_in_its_own_ledger() {
    let aws = Aws::start(SOURCES).await;
    let said = aws.done(&["send", "voice", "bytes"]);
    assert_eq!(
        said.out.matches("as sent").count(),
        BODIES.len(),
        "{}",
        said.out
    );
    aws.known(|known| {
        for asked in ["GetSecretValue", "Query", "BatchGetItem", "GetObject"] {
            assert!(known.asked.contains(&asked.to_owned()), "{asked}");
        }
    });
}

/// Posts what came on to the stack's own receiver, changed.
fn passed_on(
    local: &str,
    came: &Request<Bytes>,
    body: &[u8],
) -> http::Response<http_body_util::Full<Bytes>> {
    let length = body.len().to_string();
    let headers = came.headers().iter();
    let mut headers: Vec<_> = headers
        .filter(|(name, _)| !["host", "content-length"].contains(&name.as_str()))
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    headers.push(("content-length", &length));
    let posted = exchange(local, &request("POST", came.uri().path(), &headers, body));
    answer(posted.status, posted.body)
}

#[tokio::test(flavor = "multi_thread")]
async fn way_that_replaces_what_is_no_utf_8_is_found_out() {
    let aws = Aws::start(SOURCES).await;
    let local = aws.local.address.clone();
    let lossy = serve(move |came: Request<Bytes>| {
        let body = String::from_utf8_lossy(came.body()).into_owned();
        let answered = passed_on(&local, &came, body.as_bytes());
        async move { answered }
    });
    let url = format!("http://{}", lossy.await);
    // AI Sync signs the body: what was changed is refused.
    let said = aws.run(&["send", "voice", "bytes", "--url", &url, "--json"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    let lines = said.json_lines();
    let found = results(&lines);
    for (body, result) in [
        ("plain", "as_sent"),
        ("large", "as_sent"),
        ("invalid-utf-8", "changed"),
        ("latin-1", "changed"),
        ("utf-16", "changed"),
        ("gzip", "changed"),
    ] {
        assert_eq!(found[body], result, "{body}");
    }
    assert_eq!(lines[1]["status"], 401);
    assert!(
        lines[1]["detail"]
            .as_str()
            .unwrap()
            .contains("changed on the way")
    );
    // Cellcast signs nothing: what was changed is recorded.
    let said = aws.run(&["send", "texts", "bytes", "--url", &url, "--json"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    let lines = said.json_lines();
    assert_eq!(results(&lines)["invalid-utf-8"], "changed");
    assert_eq!(lines[1]["status"], 200);
    assert!(
        lines[1]["detail"]
            .as_str()
            .unwrap()
            .contains("differ from byte"),
        "{}",
        lines[1]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_no_changes() {
    let aws = Aws::start(SOURCES).await;
    let other = SOURCES.replace(
        "a secret that no terminal may show",
        "quite another secret, also long",
    );
    aws.home.write("other.toml", &other);
    let said = aws.run(&["send", "voice", "bytes", "--config", "other.toml", "--json"]);
    assert_eq!(said.code, Some(1));
    let lines = said.json_lines();
    assert!(
        results(&lines).values().all(|result| *result == "refused"),
        "{lines:#?}"
    );
    assert!(
        lines[0]["detail"]
            .as_str()
            .unwrap()
            .contains("same secrets")
    );

    let small = serve(|came: Request<Bytes>| {
        let status = if came.body().len() > 1_000_000 {
            413
        } else {
            503
        };
        async move { answer(status, r#"{"error":"no"}"#) }
    });
    let url = format!("http://{}", small.await);
    let lines = aws
        .run(&["send", "voice", "bytes", "--url", &url, "--json"])
        .json_lines();
    assert!(
        lines[5]["detail"].as_str().unwrap().contains("too large"),
        "{}",
        lines[5]
    );
    assert_eq!(
        (&lines[0]["status"], &lines[0]["result"]),
        (&503.into(), &"refused".into())
    );
    let nobody = aws.run(&[
        "send",
        "voice",
        "bytes",
        "--url",
        "http://127.0.0.1:1",
        "--json",
    ]);
    assert!(
        results(&nobody.json_lines())
            .values()
            .all(|result| *result == "unknown")
    );
}
