//! Whatever a request is, it gets an answer of the contract: no path, header, body or event of API
//! Gateway panics or ends otherwise.

use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_http::Body;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use tests::{SECRET, sign};

use super::authenticity::{Door, SIGNATURE, TOKEN, any_json, check, runtime};

/// Fails unless the answer is one of the contract's. With all ports in order a 503 is for events
/// only that API Gateway never makes: a panic would be one too.
#[track_caller]
fn assert_of_the_contract(event: &RawValue, answer: ApiGatewayV2httpResponse) {
    let status = answer.status_code;
    assert_eq!(
        status == 503,
        ingress::event::parse(event).is_err(),
        "{event}"
    );
    assert!([200, 401, 404, 405, 413, 503].contains(&status), "{status}");
    let Some(Body::Text(text)) = answer.body else {
        panic!("no answer")
    };
    assert!(text.len() < 1_024, "{text}");
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers.contains_key("retry-after"), status == 503);
    assert_eq!(answer.headers.contains_key("allow"), status == 405);
    assert_eq!(read.get("error").is_some(), status != 200, "{text}");
}

fn any_path() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "/webhooks/(voice|open|both|near|nobody)(/[A-Za-z0-9%._~ -]{0,30}){0,4}/?",
        Just(format!("/webhooks/open/{TOKEN}")),
        Just("/healthz".to_owned()),
        any::<String>().prop_map(|rest| format!("/webhooks/voice/{rest}")),
    ]
}

fn any_gateway_event() -> impl Strategy<Value = Value> {
    let method = prop_oneof![
        Just("POST".to_owned()),
        proptest::sample::select(&["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "post"][..])
            .prop_map(str::to_owned),
        "[A-Z!#$%&'*+.^_`|~-]{1,10}",
        any::<String>(),
    ];
    let bodies = prop_oneof![
        any::<Option<String>>(),
        vec(any::<u8>(), 0..200).prop_map(|bytes| Some(STANDARD.encode(bytes))),
    ];
    let headers = btree_map("[a-z][a-z0-9-]{0,20}", "[ -~]{0,40}", 0..6);
    (method, any_path(), headers, bodies, any::<bool>(), any::<Option<String>>()).prop_map(
        |(method, path, mut headers, body, base64, peer)| {
            headers.insert(SIGNATURE.to_owned(), sign(SECRET, body.as_deref().unwrap_or("").as_bytes()));
            json!({
                "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": path,
                "headers": headers, "body": body, "isBase64Encoded": base64,
                "requestContext": {
                    "http": {"method": method, "path": path, "sourceIp": peer, "protocol": "HTTP/1.1"},
                    "requestId": "request-1", "stage": "$default",
                },
            })
        },
    )
}

#[test]
fn whatever_a_request_is_it_gets_an_answer_of_the_contract() {
    let (runtime, door) = (runtime(), Door::new());
    let received = AtomicU32::new(0);
    check(256, &any_gateway_event(), |event| {
        let event = to_raw_value(&event).unwrap();
        let answer = runtime.block_on(door.ingress.serve(&event));
        assert!(!answer.headers["x-request-id"].is_empty());
        received.fetch_add(u32::from(answer.status_code == 200), Ordering::Relaxed);
        assert_of_the_contract(&event, answer);
    });
    assert!(received.into_inner() > 0, "some are let in");
}

/// One field of a right event is missing, or is anything else.
#[test]
fn an_event_of_another_shape_gets_an_answer_of_the_contract() {
    let (runtime, door) = (runtime(), Door::new());
    let fields = proptest::sample::select(
        &[
            "/version",
            "/rawPath",
            "/rawQueryString",
            "/headers",
            "/body",
            "/isBase64Encoded",
            "/requestContext",
            "/requestContext/http",
            "/requestContext/http/method",
            "/requestContext/http/sourceIp",
            "/requestContext/requestId",
            "/routeKey",
            "",
        ][..],
    );
    let strategy = (
        any_gateway_event(),
        fields,
        proptest::option::of(any_json()),
    );
    check(256, &strategy, |(mut event, field, instead)| {
        match instead {
            Some(value) => {
                if let Some(place) = event.pointer_mut(field) {
                    *place = value;
                }
            }
            None => {
                let (parent, name) = field.rsplit_once('/').unwrap_or_default();
                if let Some(Value::Object(parent)) = event.pointer_mut(parent) {
                    parent.remove(name);
                }
            }
        }
        let event = to_raw_value(&event).unwrap();
        let answer = runtime.block_on(door.ingress.serve(&event));
        assert_of_the_contract(&event, answer);
    });
}
