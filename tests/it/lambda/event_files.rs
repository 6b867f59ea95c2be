//! The whole Lambda events of `events/lambda`, run by the programs.

use serde_json::json;
use switchhook_aws::clock::SystemClock;
use switchhook_core::time::Clock;

use super::cloud::{Cloud, DEAD_LETTERS};
use super::{Function, records};

/// The statuses of `events/lambda/README.md`.
const INGRESS_EVENTS: [(&str, i64); 9] = [
    ("bad-signature", 401),
    ("base64", 200),
    ("broken-base64", 503),
    ("form", 200),
    ("gzip", 200),
    ("health", 200),
    ("json", 200),
    ("odd-path", 200),
    ("wrong-method", 405),
];

/// The records of `events/lambda/README.md`: the calls, and what is dead-lettered.
const CONSUMER_EVENTS: [(&str, &[&str], usize); 3] = [
    ("batch", &["call_1", "call_2"], 1),
    ("one", &["call_1"], 0),
    ("redriven", &["call_1"], 0),
];

/// The time that all event files speak of.
const FILES_TIME: &str = "2026-02-03T04:05:06.789Z";

#[tokio::test(flavor = "multi_thread")]
async fn every_event_file_is_answered_by_the_programs_as_told() {
    let cloud = Cloud::start().await;
    let ingress = Function::start("ingress", &cloud).await;
    for (name, status) in INGRESS_EVENTS {
        let event = switchhook_testing::lambda_event(&format!("ingress-{name}.json"));
        assert_eq!(ingress.answer(event.get()).await.0, status, "{name}");
    }
    for (name, calls, dead) in CONSUMER_EVENTS {
        let cloud = Cloud::start().await;
        let consumer = Function::start("consumer", &cloud).await;
        let event = switchhook_testing::lambda_event(&format!("consumer-{name}.json"));
        // Longer ago than records live, it would be `too_old`.
        let now = SystemClock.now().to_string();
        let event = event.get().replace(FILES_TIME, &now);
        let response = consumer.api.invoke(event).await.response();
        assert_eq!(response["batchItemFailures"], json!([]), "{name}");
        for call in calls {
            assert_eq!(records(&cloud, call).await.len(), 1, "{name}: {call}");
        }
        assert_eq!(cloud.receive(DEAD_LETTERS).await.len(), dead, "{name}");
    }
    let files = tests::workspace_root()
        .join("events/lambda")
        .read_dir()
        .unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let files = names.filter(|name| name.ends_with(".json")).count();
    assert_eq!(
        files,
        INGRESS_EVENTS.len() + CONSUMER_EVENTS.len(),
        "a file is not run"
    );
}
