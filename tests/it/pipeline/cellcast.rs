//! Cellcast's texts that come again: whether they are the same one, or the same words once more.

use switchhook_core::entity::Entity;
use tests::{TestClock, TestStack};

const SOURCES: &str = r#"
[sources.texts]
provider = "cellcast"
users = [{ username = "hooks", password = "s3cret:with colons" }]
"#;
// printf 'hooks:s3cret:with colons' | openssl base64
const LOGIN: (&str, &str) = ("authorization", "Basic aG9va3M6czNjcmV0OndpdGggY29sb25z");
const CONVERSATION: &str = "texts/conversation/+61400000123,+61400000456";
const LEGACY_CONVERSATION: &str = "texts/conversation/+61400000123";

async fn open() -> TestStack {
    TestStack::with(SOURCES, TestClock::at("2026-03-04T05:06:07.089Z")).await
}

async fn post(test: &TestStack, body: &str) {
    let path = "/webhooks/texts/inbound";
    let (status, answer) = test.post_to(path, &[LOGIN], body.as_bytes()).await;
    assert_eq!(status, 200, "{answer}");
    test.stack.drain().await.unwrap();
}

/// Returns how many deliveries each record of an entity has had.
async fn deliveries(test: &TestStack, entity: &str) -> Vec<usize> {
    let entity = Entity::from_name(entity.to_owned());
    let records = test.stack.ledger().events_of(&entity).await.unwrap();
    records
        .iter()
        .map(|record| record.deliveries.len())
        .collect()
}

#[tokio::test]
async fn the_same_words_without_an_id_are_one_text_within_ten_minutes_and_two_beyond() {
    let current =
        r#"{"type":"receive","reply":"Yes","sender":"+61400000123","receiver":"+61400000456"}"#;
    let legacy = r#"[{"from":"400000123","body":"Yes","message_id":""}]"#;
    for (body, entity) in [(current, CONVERSATION), (legacy, LEGACY_CONVERSATION)] {
        let test = open().await;
        post(&test, body).await;
        test.clock.advance(10 * 60 - 1);
        post(&test, body).await;
        assert_eq!(deliveries(&test, entity).await, [2], "{body}");
        test.clock.advance(1);
        post(&test, body).await;
        assert_eq!(deliveries(&test, entity).await, [2, 1], "{body}");
    }
}

/// Replies to one text may share its id: who stops, starts and stops again must be left alone.
#[tokio::test]
async fn a_stop_with_the_id_and_words_of_an_earlier_one_counts_after_ten_minutes() {
    let test = open().await;
    let reply = |text: &str| {
        format!(
            r#"{{"_id":"66b5b93b1e2c012dfe964000","type":"receive","reply":"{text}","sender":"+61400000123","receiver":"+61400000456"}}"#
        )
    };
    post(&test, &reply("STOP")).await;
    test.clock.advance(5 * 60);
    post(&test, &reply("STOP")).await;
    post(&test, &reply("START")).await;
    assert_eq!(deliveries(&test, CONVERSATION).await, [2, 1]);
    test.clock.advance(5 * 60);
    post(&test, &reply("STOP")).await;
    assert_eq!(deliveries(&test, CONVERSATION).await, [2, 1, 1]);
    let listed = Entity::from_name("_/opt_out/+61400000123/sms".to_owned());
    let state = test.stack.ledger().state(&listed).await.unwrap().unwrap();
    let state: serde_json::Value = serde_json::from_str(&state.state).unwrap();
    assert_eq!(state["opted_out"], true);
}

#[tokio::test]
async fn a_legacy_text_is_the_same_alone_and_in_a_list() {
    let test = open().await;
    let one =
        r#"{"from":"400000123","body":"Yes","received_at":"2025-01-15 14:30:25","message_id":""}"#;
    let other = one.replace("Yes", "No");
    post(&test, one).await;
    post(&test, &format!("[{one}, {other}]")).await;
    post(&test, &format!(r#"{{"messages":[{other}]}}"#)).await;
    assert_eq!(deliveries(&test, LEGACY_CONVERSATION).await, [2, 2]);
}
