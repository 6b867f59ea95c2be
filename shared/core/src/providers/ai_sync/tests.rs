//! Who events are: what the cases of `events/ai-sync` do not tell apart.

use super::*;
use crate::config::Reading;
use crate::request::Headers;

#[track_caller]
fn identify(slug: Option<&str>, json: &str) -> Result<(Kind, String), String> {
    let reading = Reading::default();
    let object = Object::parse(json).unwrap();
    let element = Element {
        object,
        raw: json.as_bytes(),
        slug,
        headers: &Headers::default(),
        reading: &reading,
        received_at: crate::time::parse_rfc3339("2026-03-01T00:00:00Z").unwrap(),
    };
    AiSync
        .identify(&element)
        .map(|i| (i.kind, i.key))
        .map_err(Cow::into_owned)
}

fn dedup(slug: Option<&str>, json: &str) -> DedupKey {
    let reading = Reading::default();
    let object = Object::parse(json).unwrap();
    let element = Element {
        object,
        raw: json.as_bytes(),
        slug,
        headers: &Headers::default(),
        reading: &reading,
        received_at: crate::time::parse_rfc3339("2026-03-01T00:00:00Z").unwrap(),
    };
    AiSync.identify(&element).unwrap().dedup
}

#[test]
fn the_events_are_in_order_and_sixteen() {
    assert!(EVENTS.is_sorted_by_key(|event| event.name));
    assert_eq!(EVENTS.len(), 16);
}

#[test]
fn an_event_of_the_body_goes_before_the_slug() {
    let call = r#"{"event":"call.ended","data":{"call_id":"c"}}"#;
    assert_eq!(
        identify(Some("contact"), call),
        Ok((Kind::CallEnded, "c".into()))
    );
    let odd = r#"{"event":"contact.changed","phone_number":"+1555"}"#;
    assert_eq!(
        identify(Some("contact"), odd),
        Ok((Kind::ContactModified, "+1555".into()))
    );
    assert_eq!(identify(None, odd), Err("unknown event".into()));
    assert_eq!(
        identify(Some("nope"), "{}"),
        Err("unknown event in the URL".into())
    );
}

#[test]
fn keys_are_as_the_provider_wrote_them_but_for_conversations() {
    for (event, data, kind, key) in [
        (
            "call.started",
            r#"{"call_id":987}"#,
            Kind::CallStarted,
            "987",
        ),
        (
            "sms.sent",
            r#"{"sms_id":"s 1"}"#,
            Kind::MessageStatus,
            "s 1",
        ),
        (
            "sms.received",
            r#"{"from":"+1 555 010 0003","to":"+15550100004"}"#,
            Kind::MessageReceived,
            "+15550100003,+15550100004",
        ),
        (
            "sms.replied",
            r#"{"conversation_id":"k"}"#,
            Kind::MessageReceived,
            "k",
        ),
        (
            "lead.generated",
            r#"{"lead_id":"l"}"#,
            Kind::LeadGenerated,
            "l",
        ),
    ] {
        let json = format!(r#"{{"event":"{event}","data":{data}}}"#);
        assert_eq!(identify(None, &json), Ok((kind, key.to_owned())));
    }
    for data in [
        "{}",
        "[]",
        "null",
        r#"{"call_id":""}"#,
        r#"{"call_id":null}"#,
        r#"{"call_id":{}}"#,
    ] {
        assert!(identify(None, &format!(r#"{{"event":"call.ended","data":{data}}}"#)).is_err());
    }
}

#[test]
fn what_happens_once_is_one_whatever_else_differs() {
    let one = r#"{"event":"call.ended","timestamp":"a","data":{"call_id":"c"}}"#;
    let again = r#"{"event":"call.ended","timestamp":"b","data":{"call_id":"c","x":1}}"#;
    assert_eq!(dedup(None, one), dedup(None, again));
    assert_ne!(
        dedup(None, one),
        dedup(None, &one.replace("ended", "started"))
    );
}

#[test]
fn what_repeats_is_told_apart_by_time_and_data() {
    let one = r#"{"event":"agent.updated","timestamp":"a","data":{"agent_id":"x","n":[1]}}"#;
    assert_eq!(dedup(None, one), dedup(None, &one.replace("[1]", "[ 1 ]")));
    assert_ne!(dedup(None, one), dedup(None, &one.replace("[1]", "[2]")));
    assert_ne!(
        dedup(None, one),
        dedup(None, &one.replace("\"a\"", "\"b\""))
    );
}

#[test]
fn text_without_an_id_of_its_own_is_known_by_its_time_and_data() {
    for (event, id) in [
        ("sms.received", ""),
        ("sms.received", r#""message_id":"","#),
        ("sms.replied", ""),
        (
            "sms.replied",
            r#""message_id":"of the text that is answered","#,
        ),
    ] {
        let text = |timestamp: &str, words: &str| {
            let json = format!(
                r#"{{"event":"{event}",{timestamp}"data":{{{id}"from":"+15550100003","to":"+15550100004","text":"{words}"}}}}"#
            );
            let now = "2026-02-03T04:05:06Z".parse().unwrap();
            dedup(None, &json).record_name(now)
        };
        let stop = text(r#""timestamp":"2026-02-03T12:00:00Z","#, "STOP");
        assert!(stop.contains('#'), "{event} {id}: it has a window");
        assert_eq!(stop, text(r#""timestamp":"2026-02-03T12:00:00Z","#, "STOP"));
        for other in [
            text(r#""timestamp":"2026-02-03T12:00:00Z","#, "START"),
            text(r#""timestamp":"2026-02-03T12:00:40Z","#, "STOP"),
            text(r#""timestamp":"2026-02-03T12:00:00.000Z","#, "STOP"),
            text(r#""timestamp":1770120000,"#, "STOP"),
            text(r#""timestamp":null,"#, "STOP"),
            text("", "STOP"),
        ] {
            assert_ne!(stop, other, "{event} {id}");
        }
    }
    let named = r#"{"event":"sms.received","timestamp":"a","data":{"message_id":"m","conversation_id":"c"}}"#;
    assert_eq!(
        dedup(None, named),
        dedup(None, &named.replace("\"a\"", "\"b\""))
    );
}

#[test]
fn the_same_contact_bytes_under_two_slugs_are_two_events() {
    let json = r#"{"phone_number":"+15550100003"}"#;
    assert_ne!(
        dedup(Some("contact"), json),
        dedup(Some("contact-delete"), json)
    );
}

#[test]
fn a_contact_is_flat_where_a_name_of_it_is_and_else_in_data() {
    for (json, key) in [
        (
            r#"{"phone_number":"+1555","data":{"email":"a@b"}}"#,
            "+1555",
        ),
        (r#"{"phone":"+1555","data":{"email":"a@b"}}"#, "+1555"),
        (r#"{"email":"c@d","data":{"phone":"+1555"}}"#, "c@d"),
        (r#"{"email":"c@d","phone":"+1555"}"#, "+1555"),
        (r#"{"name":"Ann","data":{"email":"a@b"}}"#, "a@b"),
    ] {
        let expected = Ok((Kind::ContactModified, key.to_owned()));
        assert_eq!(identify(Some("contact"), json), expected, "{json}");
    }
}
