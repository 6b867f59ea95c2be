//! Who events are and what they say: what the cases of `events/nectar-desk` do not tell apart.

use super::*;
use crate::config::Reading;
use crate::request::Headers;

fn with<T>(slug: Option<&str>, json: &str, ask: impl Fn(&Element<'_>) -> T) -> T {
    ask(&Element {
        object: Object::parse(json).unwrap(),
        raw: json.as_bytes(),
        slug,
        headers: &Headers::default(),
        reading: &Reading::default(),
        received_at: crate::time::parse_rfc3339("2026-03-01T00:00:00Z").unwrap(),
    })
}

fn identify(slug: &str, json: &str) -> Result<Identity, Cow<'static, str>> {
    with(Some(slug), json, |e| NectarDesk.identify(e))
}

fn key(slug: &str, json: &str) -> String {
    identify(slug, json).unwrap().key
}

fn dedup(slug: &str, json: &str) -> DedupKey {
    identify(slug, json).unwrap().dedup
}

fn data(slug: &str, json: &str) -> serde_json::Value {
    let kind = identify(slug, json).unwrap().kind;
    let meaning = with(Some(slug), json, |e| NectarDesk.interpret(kind, e));
    serde_json::to_value(meaning.data).unwrap()
}

#[test]
fn the_events_are_in_order_and_twelve() {
    assert!(EVENTS.is_sorted_by_key(|event| event.slug));
    assert!(EVENTS.iter().map(|event| &event.slug).eq(SLUGS));
    assert_eq!(EVENTS.len(), 12);
}

#[test]
fn the_slug_alone_names_the_event() {
    let json = r#"{"id":1,"event":"call-abandoned"}"#;
    assert_eq!(identify("call-ended", json).unwrap().kind, Kind::CallEnded);
    for slug in ["", "Call-Ended", "call-ended ", "auto", "call.ended"] {
        let refused = identify(slug, json).unwrap_err();
        assert_eq!(refused, "unknown event in the URL", "{slug}");
    }
    let refused = with(None, json, |e| NectarDesk.identify(e)).unwrap_err();
    assert!(refused.starts_with("no event in the URL"), "{refused}");
}

#[test]
fn a_contact_or_list_is_the_body_or_one_level_down() {
    for (slug, json, told) in [
        ("contact-created", r#"{"id":1}"#, "1"),
        ("contact-created", r#"{"contact":{"id":"c 2"}}"#, "c 2"),
        ("contact-modified", r#"{"id":1,"contact":{"id":2}}"#, "2"),
        (
            "contact-modified",
            r#"{"id":1,"contact":{"email":"a"}}"#,
            "1",
        ),
        ("contact-modified", r#"{"id":1,"contact":[]}"#, "1"),
        ("contact-modified", r#"{"id":1,"contact":{}}"#, "1"),
        ("contact-modified", r#"{"id":1,"contact":"Ann"}"#, "1"),
        ("contact-modified", r#"{"id":1,"list":{"id":2}}"#, "1"),
        ("contact-list-created", r#"{"list":{"id":3}}"#, "3"),
        ("contact-list-created", r#"{"contactList":{"id":3}}"#, "3"),
        (
            "contact-list-modified",
            r#"{"contact_list":{"id":3},"id":1}"#,
            "3",
        ),
        ("call-ended", r#"{"id":1,"contact":{"id":2}}"#, "1"),
    ] {
        assert_eq!(key(slug, json), told, "{slug} {json}");
    }
}

#[test]
fn what_may_happen_again_is_told_apart_by_time() {
    let json = r#"{"id":1,"conversationId":2,"call_recordings":[]}"#;
    let now = "2026-02-03T04:05:06Z".parse().unwrap();
    for event in EVENTS {
        let windowed = dedup(event.slug, json).record_name(now).contains('#');
        let again = event.sameness == Sameness::BytesShortly;
        assert_eq!(windowed, again, "{}", event.slug);
    }
    let others: std::collections::BTreeSet<_> = EVENTS
        .iter()
        .map(|event| dedup(event.slug, json).record_name(now))
        .collect();
    assert_eq!(others.len(), EVENTS.len(), "the slug is in every key");
}

#[test]
fn recordings_are_the_same_in_any_order_and_beside_anything() {
    let recordings = |list: &str| {
        let json = format!(r#"{{"id":1,"call_recordings":{list}}}"#);
        dedup("call-recording-received", &json)
    };
    let two = recordings(r#"["a.example/1","a.example/2"]"#);
    assert_eq!(two, recordings(r#"[ "a.example/2", "a.example\/1" ]"#));
    assert_ne!(two, recordings(r#"["a.example/1"]"#));
    let json = r#"{"id":1,"x":1,"call_recordings":["a.example/1","a.example/2"]}"#;
    assert_eq!(two, dedup("call-recording-received", json));
    assert_ne!(
        recordings("[]"),
        recordings("null"),
        "their bytes tell them apart"
    );
}

#[test]
fn a_message_is_itself_whatever_else_differs() {
    let one = dedup("message-sent", r#"{"id":1,"text":"a"}"#);
    assert_eq!(one, dedup("message-sent", r#"{"id":1,"text":"b"}"#));
    assert_ne!(one, dedup("message-sent", r#"{"id":2,"text":"a"}"#));
    let nameless = |text| {
        let json = format!(r#"{{"conversationId":9,"text":"{text}"}}"#);
        dedup("message-received", &json)
    };
    assert_ne!(nameless("a"), nameless("b"));
}

#[test]
fn the_agent_is_who_answered_or_came_last() {
    for (agents, told) in [
        (
            r#"[{"name":"A","action":"Missed"},{"name":"B","action":"Answered"},{"name":"C","action":"Transferred"}]"#,
            Some("B"),
        ),
        (
            r#"[{"name":"A","action":"Missed"},{"name":"B"}]"#,
            Some("B"),
        ),
        (
            r#"[{"id":7,"name":null,"action":"ANSWERED "},{"name":"B"}]"#,
            Some("7"),
        ),
        (r#"[{"id":7,"name":" "}]"#, Some("7")),
        (r#"{"id":7,"name":"A"}"#, Some("A")),
        (r#"[{"id":null}]"#, None),
        (r#"["A",null,[]]"#, None),
        ("[]", None),
        (r#""A""#, None),
    ] {
        let data = data("call-ended", &format!(r#"{{"id":1,"agents":{agents}}}"#));
        assert_eq!(data["agent"].as_str(), told, "{agents}");
        assert!(!data["extra"]["agents"].is_null());
    }
}

#[test]
fn lists_are_told_by_id() {
    for (lists, told) in [
        (r#"[1,"two"]"#, r#"["1","two"]"#),
        (
            r#"[{"id":1,"name":"VIP"},{"name":"Old"}]"#,
            r#"["1","Old"]"#,
        ),
        (r#"[{"id":1},2]"#, "null"),
        ("[]", "[]"),
        ("{}", "null"),
        ("null", "null"),
    ] {
        let data = data("contact-created", &format!(r#"{{"id":1,"lists":{lists}}}"#));
        assert_eq!(data["lists"].to_string(), told, "{lists}");
    }
}

#[test]
fn what_is_around_a_contact_is_kept_under_names_of_its_own() {
    let json = r#"{"id":1,"note":"out","contact":{"id":2,"note":"in","email":"a@b.example"}}"#;
    let data = data("contact-modified", json);
    assert_eq!(data["email"], "a@b.example");
    let extra = data["extra"].to_string();
    assert_eq!(
        extra,
        r#"{"envelope.id":1,"envelope.note":"out","id":2,"note":"in"}"#
    );
}
