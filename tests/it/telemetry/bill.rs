//! What the telemetry of ordinary operation costs: bytes of lines, and custom metrics. The bill of a
//! million events is computed from these numbers.

use std::collections::BTreeSet;
use std::pin::Pin;

use serde_json::Value;
use switchhook_testing::cases;
use tests::{TestClock, TestStack};

use super::Heard;
use crate::reliability::rig::call;

/// The documented payload of the median size.
const MEDIAN: &str = "cloudcontactai/email-complaint-documented";

/// The bytes of ordinary lines, each with its end. What a million events cost is computed from them.
const INGRESS_LINE_BYTES: usize = 577;
const BATCH_OF_ONE_BYTES: usize = 505;
const BATCH_OF_TEN_BYTES: usize = 1_802;

/// Returns the bytes of the one line of an invocation that is no cold start.
async fn line_bytes<T>(work: Pin<Box<dyn Future<Output = T> + Send + '_>>) -> usize {
    let heard = Heard::new();
    heard.invocation(async {}).await;
    let cold = heard.text().len();
    heard.invocation(work).await;
    let text = heard.text().split_off(cold);
    assert_eq!(text.lines().count(), 1, "{text}");
    text.len()
}

#[tokio::test]
async fn ordinary_lines_have_no_more_bytes_than_the_bill_says() {
    let case = cases()
        .into_iter()
        .find(|case| case.name == MEDIAN)
        .unwrap();
    let test = TestStack::with(&case.sources, TestClock::at(&case.request.received_at)).await;
    let event = case.request.gateway_event(&case.body, "JKJaXmPLvHcESHA=");
    let ingress = line_bytes(Box::pin(test.stack.ingress().serve(&event))).await;
    let one = line_bytes(Box::pin(test.stack.drain())).await;
    for n in 0..10 {
        let body = String::from_utf8(case.body.clone()).unwrap();
        let body = body.replace("111222", &format!("{}", 222_220 + n));
        let event = case
            .request
            .gateway_event(body.as_bytes(), "JKJaXmPLvHcESHA=");
        assert_eq!(test.stack.ingress().serve(&event).await.status_code, 200);
    }
    let ten = line_bytes(Box::pin(test.stack.drain())).await;
    println!("bytes of lines: ingress {ingress}, batch of one {one}, batch of ten {ten}");
    assert!(ingress <= INGRESS_LINE_BYTES, "{ingress}");
    assert!(one <= BATCH_OF_ONE_BYTES, "{one}");
    assert!(ten <= BATCH_OF_TEN_BYTES, "{ten}");
}

/// Four sources in steady operation: new events of several kinds, none of them odd.
#[tokio::test]
async fn steady_operation_of_four_sources_has_five_custom_metrics() {
    let names = ["one", "two", "three", "four"];
    let sources = names.map(|name| {
        format!("[sources.{name}]\nprovider = \"ai-sync\"\nsecrets = [\"example-secret\"]\n")
    });
    let clock = TestClock::at("2026-03-04T05:06:07.089Z");
    let test = TestStack::with(&sources.concat(), clock).await;
    let heard = Heard::new();
    for name in names {
        for event in ["started", "answered", "ended"] {
            let body = call(event, name, 1);
            let signature = tests::sign(tests::SECRET, body.as_bytes());
            let headers = [("x-webhook-signature", signature.as_str())];
            let path = format!("/webhooks/{name}");
            let event = tests::event("POST", &path, &headers, body.as_bytes());
            let response = heard.invocation(test.stack.ingress().serve(&event)).await;
            assert_eq!(response.status_code, 200);
        }
        heard.invocation(test.stack.drain()).await.unwrap();
    }
    let metrics = custom_metrics(&heard.lines());
    println!("custom metrics of four sources: {}", metrics.len());
    let deliveries =
        names.map(|name| format!("Deliveries Source={name} Stack=switchhook Status=200"));
    let mut expected: BTreeSet<_> = deliveries.into();
    expected.insert("Events Stack=switchhook".to_owned());
    assert_eq!(metrics, expected);
}

/// Returns the custom metrics that CloudWatch makes of lines: each a name with values of dimensions.
fn custom_metrics(lines: &[Value]) -> BTreeSet<String> {
    let mut metrics = BTreeSet::new();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for line in lines {
        for directive in list(&line["_aws"]["CloudWatchMetrics"]) {
            for (metric, set) in list(&directive["Metrics"]).iter().flat_map(|metric| {
                list(&directive["Dimensions"])
                    .into_iter()
                    .map(move |set| (metric, set))
            }) {
                let mut names: Vec<_> = list(&set)
                    .iter()
                    .map(|name| name.as_str().unwrap().to_owned())
                    .collect();
                names.sort_unstable();
                let values = names
                    .iter()
                    .map(|name| format!(" {name}={}", line[name].as_str().unwrap()));
                let name = metric["Name"].as_str().unwrap();
                metrics.insert(format!("{name}{}", values.collect::<String>()));
            }
        }
    }
    metrics
}
