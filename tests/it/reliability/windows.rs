//! Deduplication windows by injected time: the accepted times of two deliveries count, and nothing
//! else.

use switchhook_core::time::{Clock, Timestamp};

use super::rig::{Rig, call};

const HOOK: &str = "/webhooks/voice/contact";
const CONTACT: &str = "voice/contact/+15550100003";
const BODY: &str = r#"{"phone_number":"+15550100003","first_name":"Ann"}"#;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Posts the same contact at these times, in milliseconds after `start`, and returns for each
/// record its accepted time and its number of deliveries. With a backlog the consumer runs only
/// then, so many milliseconds after the last one.
async fn posted(start: Timestamp, offsets: &[i64], backlog: Option<i64>) -> Vec<(i64, usize)> {
    let rig = Rig::open().await;
    let after = |millis| Timestamp::from_millisecond(start.as_millisecond() + millis).unwrap();
    for offset in offsets {
        rig.test.clock.set(after(*offset));
        rig.post_to(HOOK, BODY).await;
        if backlog.is_none() {
            assert_eq!(rig.run_once().await.1, Some(Vec::new()));
        }
    }
    let last = rig.test.clock.now().as_millisecond();
    rig.test
        .clock
        .set(Timestamp::from_millisecond(last + backlog.unwrap_or_default()).unwrap());
    rig.settle().await;
    let records = rig.records(CONTACT).await;
    let told = records.iter().map(|record| {
        let at = record.received_at.as_millisecond() - start.as_millisecond();
        (at, record.deliveries.len())
    });
    told.collect()
}

fn start() -> Timestamp {
    "2026-03-04T05:06:07.089Z".parse().unwrap()
}

#[tokio::test]
async fn the_same_bytes_are_a_copy_for_two_hours_and_then_an_event_of_their_own() {
    for (offset, records) in [
        (0, vec![(0, 2)]),
        (1, vec![(0, 2)]),
        (119 * MINUTE, vec![(0, 2)]),
        (2 * HOUR - 1, vec![(0, 2)]),
        (2 * HOUR, vec![(0, 1), (2 * HOUR, 1)]),
        (3 * HOUR, vec![(0, 1), (3 * HOUR, 1)]),
        (27 * DAY, vec![(0, 1), (27 * DAY, 1)]),
    ] {
        assert_eq!(
            posted(start(), &[0, offset], None).await,
            records,
            "{offset}"
        );
    }
}

/// A copy does not make the window longer, and each record counts its own copies.
#[tokio::test]
async fn a_window_begins_with_its_record() {
    let offsets = [0, 119 * MINUTE, 121 * MINUTE, 130 * MINUTE, 242 * MINUTE];
    let records = [(0, 2), (121 * MINUTE, 2), (242 * MINUTE, 1)];
    assert_eq!(posted(start(), &offsets, None).await, records);
}

#[tokio::test]
async fn the_borders_of_slots_are_no_borders_of_windows() {
    let border = start().as_millisecond() / (2 * HOUR) * (2 * HOUR);
    for before in [1, 1_000, HOUR, 2 * HOUR - 1, 2 * HOUR] {
        let first = Timestamp::from_millisecond(border - before).unwrap();
        let offsets = [0, before, 2 * HOUR - 1, 2 * HOUR];
        let records = if before == 2 * HOUR {
            // the second is the first of the next window
            vec![(0, 2), (2 * HOUR, 2)]
        } else {
            vec![(0, 3), (2 * HOUR, 1)]
        };
        let mut sorted = offsets;
        sorted.sort_unstable();
        assert_eq!(posted(first, &sorted, None).await, records, "{before}");
    }
}

#[tokio::test]
async fn a_backlog_changes_nothing() {
    let offsets = [0, 119 * MINUTE, 121 * MINUTE, 130 * MINUTE, 242 * MINUTE];
    let prompt = posted(start(), &offsets, None).await;
    for backlog in [0, 5 * HOUR, 9 * DAY] {
        assert_eq!(
            posted(start(), &offsets, Some(backlog)).await,
            prompt,
            "{backlog}"
        );
    }
}

/// Two instances of the ingress may disagree about the time.
#[tokio::test]
async fn a_delivery_whose_accepted_time_is_earlier_is_a_copy_too() {
    let times = [2 * HOUR, 1, 2 * HOUR - 1];
    assert_eq!(posted(start(), &times, None).await, [(2 * HOUR, 3)]);
    let times = [2 * HOUR, 0];
    let mut records = posted(start(), &times, None).await;
    records.sort_unstable();
    assert_eq!(records, [(0, 1), (2 * HOUR, 1)]);
}

#[tokio::test]
async fn one_slug_is_not_the_other_with_the_same_bytes() {
    let rig = Rig::open().await;
    rig.post_to(HOOK, BODY).await;
    rig.post_to("/webhooks/voice/contact-delete", BODY).await;
    rig.settle().await;
    assert_eq!(rig.records(CONTACT).await.len(), 2);
    assert_eq!(rig.state(CONTACT).await["deleted"], true);
}

#[tokio::test]
async fn a_happening_that_has_a_name_is_one_for_as_long_as_its_record_lives() {
    let rig = Rig::open().await;
    for days in [0, 1, 20, 8] {
        rig.test.clock.advance(days * DAY / 1_000);
        rig.post(&call("ended", "call_1", 6)).await;
        rig.settle().await;
    }
    let records = rig.records("voice/call/call_1").await;
    assert_eq!(
        (records.len(), records[0].deliveries.len()),
        (1, 4),
        "29 days later"
    );
}
