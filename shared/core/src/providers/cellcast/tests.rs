//! Who events are: what the cases of `events/cellcast` do not tell apart.

use super::*;
use crate::config::Reading;
use crate::phone::Country;
use crate::request::Headers;

fn with_element<T>(slug: Option<&str>, json: &str, look: impl FnOnce(&Element<'_>) -> T) -> T {
    let reading = Reading {
        country: Country::new("AU"),
        ..Reading::default()
    };
    look(&Element {
        object: Object::parse(json).unwrap(),
        raw: json.as_bytes(),
        slug,
        headers: &Headers::default(),
        reading: &reading,
        received_at: crate::time::parse_rfc3339("2026-03-01T00:00:00Z").unwrap(),
    })
}

#[track_caller]
fn identify(slug: Option<&str>, json: &str) -> Result<(Kind, String), String> {
    with_element(slug, json, |element| {
        let identity = Cellcast.identify(element);
        identity.map(|i| (i.kind, i.key)).map_err(Cow::into_owned)
    })
}

#[track_caller]
fn dedup(json: &str) -> DedupKey {
    with_element(None, json, |element| {
        Cellcast.identify(element).unwrap().dedup
    })
}

fn parts(body: &str) -> Option<Vec<&str>> {
    let parts = Cellcast.parts(body).unwrap()?;
    Some(parts.into_iter().map(RawValue::get).collect())
}

#[test]
fn type_goes_before_the_url_and_the_url_before_the_fields() {
    let both = r#""_id":"m","sender":"+61400000000","receiver":"+61400000001""#;
    let (receive, send) = (Kind::MessageReceived, Kind::MessageStatus);
    for (slug, kind_of, kind) in [
        (None, r#""type":"receive""#, receive),
        (None, r#""type":"SEND""#, send),
        (Some("status"), r#""type":"Receive""#, receive),
        (Some("inbound"), r#""type":"send""#, send),
        (Some("whatever"), r#""type":"send""#, send),
        (Some("inbound"), r#""status":"delivered""#, receive),
        (Some("status"), r#""reply":"Yes""#, send),
        (Some("status"), r#""type":null"#, send),
        (Some("status"), r#""type":7"#, send),
        (Some("status"), r#""type":" ""#, send),
        (Some("status"), r#""from":"1","body":"x""#, send),
        (None, r#""from":"1","body":"x","type":"SMS""#, receive),
        (None, r#""from":"1","body":null"#, receive),
        (
            Some("whatever"),
            r#""recipient":"1","status":"Queued""#,
            send,
        ),
    ] {
        let found = identify(slug, &format!("{{{both},{kind_of}}}"));
        assert_eq!(found.map(|f| f.0), Ok(kind), "{slug:?} {kind_of}");
    }
}

#[test]
fn what_is_none_of_the_two_is_unknown() {
    let own = r#""_id":"m","sender":"+61400000000""#;
    for (slug, kind_of, reason) in [
        (Some("inbound"), r#""type":"optout""#, "unknown `type`"),
        (None, r#""type":"receive ""#, "unknown `type`"),
        (
            None,
            r#""type":"sms""#,
            "no `type`, and no event in the URL",
        ),
        (None, r#""from":"1""#, "no `type`, and no event in the URL"),
        (
            Some("Inbound"),
            r#""status":"sent""#,
            "no `type`, and an unknown event in the URL",
        ),
    ] {
        let found = identify(slug, &format!("{{{own},{kind_of}}}"));
        assert_eq!(found, Err(reason.to_owned()), "{slug:?} {kind_of}");
    }
}

#[test]
fn a_conversation_is_known_by_what_numbers_there_are() {
    for (numbers, key) in [
        (
            r#""sender":"0400 000 000","receiver":"61400000001""#,
            "+61400000000,+61400000001",
        ),
        (
            r#""sender":"+61400000000","receiver":"ACME""#,
            "+61400000000,ACME",
        ),
        (r#""sender":61400000000,"receiver":null"#, "+61400000000"),
        (r#""from":"400000000""#, "+61400000000"),
        (r#""sender":"","from":"400000000""#, "+61400000000"),
    ] {
        let json = format!(r#"{{"type":"receive",{numbers}}}"#);
        let expected = Ok((Kind::MessageReceived, key.to_owned()));
        assert_eq!(identify(None, &json), expected, "{numbers}");
    }
}

#[test]
fn a_reply_is_one_by_its_id_sender_and_text() {
    let one = r#"{"_id":"m","type":"receive","reply":"Yes","message":"Coming?","sender":"+61400000000","status":"received"}"#;
    let again = one.replace("received", "delivered").replace("Coming?", "");
    assert_eq!(dedup(one), dedup(&again));
    for other in [
        one.replace("\"m\"", "\"n\""),
        one.replace("Yes", "yes"),
        one.replace("+61400000000", "+61400000009"),
    ] {
        assert_ne!(dedup(one), dedup(&other), "{other}");
    }
    let (odd, other) = (one.replace("\"Yes\"", "1"), one.replace("\"Yes\"", "2"));
    assert_ne!(
        dedup(&odd),
        dedup(&other),
        "what is no text is told apart too"
    );
}

#[test]
fn a_status_is_one_by_its_message_receiver_and_word() {
    let one =
        r#"{"_id":"m","type":"send","status":"Delivered","sender":"a","receiver":"+61400000001"}"#;
    let again = one
        .replace("Delivered", "DELIVERED")
        .replace("\"a\"", "\"b\"");
    assert_eq!(dedup(one), dedup(&again));
    for other in [
        one.replace("Delivered", "dead"),
        one.replace("00001", "00002"),
        one.replace("\"Delivered\"", "null"),
    ] {
        assert_ne!(dedup(one), dedup(&other), "{other}");
    }
}

#[test]
fn key_of_a_status_is_its_message_and_its_recipient() {
    for (fields, key) in [
        (r#""_id":"m","receiver":"+61400000001""#, "m,+61400000001"),
        (r#""_id":"m","receiver":" 0400 000 001""#, "m, 0400 000 001"),
        (r#""message_id":"m","recipient":"400000001""#, "m,400000001"),
        (r#""_id":"m","receiver":61400000001"#, "m,61400000001"),
        (
            r#""_id":"m","receiver":"","recipient":"400000001""#,
            "m,400000001",
        ),
        (r#""_id":"m","receiver":null"#, "m"),
        (r#""_id":"m","receiver":" ""#, "m"),
        (r#""_id":"m","receiver":["+61400000001"]"#, "m"),
        (r#""_id":"m""#, "m"),
    ] {
        let json = format!(r#"{{"type":"send","status":"sent",{fields}}}"#);
        let expected = Ok((Kind::MessageStatus, key.to_owned()));
        assert_eq!(identify(None, &json), expected, "{fields}");
    }
}

#[test]
fn a_legacy_text_is_one_by_its_id_else_by_its_time_and_text() {
    let named = r#"{"from":"400000000","body":"Yes","message_id":"m","received_at":"a"}"#;
    assert_eq!(dedup(named), dedup(&named.replace("\"a\"", "\"b\"")));
    let blank = named.replace("\"m\"", "\"\"");
    assert_ne!(dedup(&blank), dedup(named));
    assert_ne!(dedup(&blank), dedup(&blank.replace("\"a\"", "\"b\"")));
    assert_ne!(dedup(&blank), dedup(&blank.replace("Yes", "No")));
    assert_eq!(
        dedup(&blank),
        dedup(&blank.replace("\"\"", "null")),
        "the rest of the bytes is no part of it"
    );
}

#[test]
fn lists_are_taken_apart_and_events_are_not() {
    assert_eq!(parts(" [1, {\"a\" : 2}] "), Some(vec!["1", "{\"a\" : 2}"]));
    assert_eq!(parts("[]"), Some(Vec::new()));
    assert_eq!(parts(r#"{"messages":[{}],"n":1}"#), Some(vec!["{}"]));
    for one in [
        "{}",
        "7",
        r#"{"messages":{}}"#,
        r#"{"messages":[{}],"_id":"m"}"#,
        r#"{"messages":[{}],"type":null}"#,
        r#"{"messages":[{}],"sender":"+61400000000"}"#,
        r#"{"messages":[{}],"message_id":"m"}"#,
        r#"{"messages":[{}],"from":"400000000"}"#,
    ] {
        assert_eq!(parts(one), None, "{one}");
    }
    assert!(Cellcast.parts("[").is_err());
}

#[test]
fn words_of_both_generations_mean_something() {
    use DeliveryStatus::{Accepted, Deleted, Delivered, Expired, Failed, Rejected, Sent};
    for (words, meant) in [
        ("delivered Delivered DELIVERED", Some(Delivered)),
        ("received Dispatched SENT", Some(Sent)),
        ("Queued", Some(Accepted)),
        ("rejected Rejected", Some(Rejected)),
        ("expired Expired", Some(Expired)),
        ("failed Failed Aborted", Some(Failed)),
        ("dead", Some(Deleted)),
        ("Unknown undelivered seen", None),
    ] {
        for word in words.split(' ') {
            assert_eq!(meaning(word), meant, "{word}");
        }
    }
}
