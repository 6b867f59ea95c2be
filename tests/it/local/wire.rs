//! What comes over the wire: every request gets its answer, and every body is kept as it came.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use tests::sign;

use super::{SECRET, TOKEN, accepted, configured};
use crate::programs::{eventually, request};

const PATH: &str = "/webhooks/other";
const BODY: &str = r#"{"event":"agent.created","data":{"agent_id":"a"}}"#;

#[test]
fn whatever_comes_over_the_wire_gets_its_answer() {
    let home = configured();
    let local = home.local(&[]);
    for (name, bytes, status) in exchanges() {
        let answer = local.exchange(&bytes);
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        assert_eq!(
            answer.header("allow"),
            (status == 405).then_some("POST"),
            "{name}"
        );
        assert!(
            answer
                .header("x-request-id")
                .is_some_and(|id| !id.is_empty()),
            "{name}"
        );
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{name}"
        );
        assert!(
            answer.json().is_object() && answer.body.len() < 1024,
            "{name}"
        );
        assert_eq!(local.exchange(&whole("POST")).status, 200, "after {name}");
    }
    let head = local.exchange(&whole("HEAD"));
    assert_eq!(
        (head.status, head.header("allow"), head.body.len()),
        (405, Some("POST"), 0)
    );
    assert!(head.header("x-request-id").is_some());
    home.events_when(1);
}

/// Names of requests, their bytes, and the status that each must get.
fn exchanges() -> Vec<(&'static str, Vec<u8>, u16)> {
    let body = BODY.as_bytes();
    let signature = sign(SECRET, body);
    let signed = ("x-webhook-signature", signature.as_str());
    let length = body.len().to_string();
    let length = ("content-length", length.as_str());
    let chunked = [b"31\r\n".as_slice(), body, b"\r\n0\r\n\r\n"].concat();
    assert_eq!(body.len(), 0x31);
    let post = |headers: &[(&str, &str)], body: &[u8]| request("POST", PATH, headers, body);
    let huge = vec![b'x'; 11 << 20];
    let huge_length = huge.len().to_string();
    vec![
        ("as it should be", whole("POST"), 200),
        (
            "in chunks",
            post(&[signed, ("transfer-encoding", "chunked")], &chunked),
            200,
        ),
        (
            "expecting",
            post(&[signed, length, ("expect", "100-continue")], body),
            200,
        ),
        ("signed twice", post(&[signed, signed, length], body), 401),
        ("unsigned", post(&[length], body), 401),
        (
            "with an odd query",
            request("POST", "/webhooks/other?%zz&[=", &[signed, length], body),
            200,
        ),
        (
            "under a token",
            request(
                "POST",
                &format!("{PATH}/{TOKEN}/x"),
                &[signed, length],
                body,
            ),
            404,
        ),
        (
            "under another name",
            request("POST", "/webhooks/nobody", &[signed, length], body),
            404,
        ),
        ("GET", whole("GET"), 405),
        ("PUT", whole("PUT"), 405),
        ("DELETE", whole("DELETE"), 405),
        (
            "over the source's limit",
            post(&[("content-length", "4194305")], &huge[..4_194_305]),
            413,
        ),
        (
            "over the gateway's limit",
            post(&[("content-length", &huge_length)], &huge),
            413,
        ),
        ("health", request("GET", "/healthz", &[], b""), 200),
    ]
}

/// The whole, signed delivery, by any method.
fn whole(method: &str) -> Vec<u8> {
    let (signature, length) = (sign(SECRET, BODY.as_bytes()), BODY.len().to_string());
    let headers = [
        ("x-webhook-signature", signature.as_str()),
        ("content-length", length.as_str()),
    ];
    request(method, PATH, &headers, BODY.as_bytes())
}

#[test]
fn odd_bodies_are_kept_byte_for_byte() {
    let home = configured();
    let local = home.local(&[]);
    let (json, text) = (
        ("content-type", "application/json"),
        ("content-type", "text/plain"),
    );
    let event = r#"{"event":"agent.created","data":{"agent_id":"a"}}"#;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(event.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zipped = [json, ("content-encoding", "gzip")];
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    for (name, headers, body, kind) in [
        ("gzip", &zipped[..], gzip.clone(), "agent.created"),
        (
            "truncated gzip",
            &zipped,
            gzip[..gzip.len() / 2].to_vec(),
            "unreadable",
        ),
        (
            "no UTF-8",
            &[json],
            b"{\"event\":\"\xff\xfe\"}".to_vec(),
            "unreadable",
        ),
        ("NUL", &[json], b"\0{}\0".to_vec(), "unreadable"),
        (
            "a control character in text",
            &[text],
            b"\x1b[31m\x07".to_vec(),
            "unreadable",
        ),
        ("nothing", &[json], Vec::new(), "unreadable"),
        ("null", &[json], b"null".to_vec(), "unreadable"),
        ("deep", &[json], deep.into_bytes(), "unreadable"),
        (
            "an unknown event",
            &[json],
            br#"{"event":"call.sung"}"#.to_vec(),
            "unrecognised",
        ),
    ] {
        let event = accepted(&home, &local, headers, &body);
        assert_eq!(event["kind"], kind, "{name}");
    }
    let form = b"phone_number=%2B15550100003&first_name=J%C3%BCrgen";
    let signature = sign(SECRET, form);
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-webhook-signature", signature.as_str()),
    ];
    assert_eq!(
        local.post("/webhooks/other/contact", &headers, form).status,
        200
    );
    let contact = eventually("the contact", || {
        home.events()
            .into_iter()
            .find(|event| event["kind"] == "contact.modified")
    });
    assert_eq!(
        STANDARD.decode(contact["raw"].as_str().unwrap()).unwrap(),
        form
    );
    assert_eq!(contact["data"]["phone"], "+15550100003");
    local.stop("TERM");
}
