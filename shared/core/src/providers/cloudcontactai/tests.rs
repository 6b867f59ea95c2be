//! Who events are: what the cases of `events/cloudcontactai` do not tell apart.

use super::*;
use crate::config::Reading;
use crate::phone::Country;
use crate::request::Headers;

fn with<T>(json: &str, country: Option<&str>, use_it: impl Fn(&Element<'_>) -> T) -> T {
    let reading = Reading {
        country: country.and_then(Country::new),
        ..Reading::default()
    };
    use_it(&Element {
        object: Object::parse(json).unwrap(),
        raw: json.as_bytes(),
        slug: None,
        headers: &Headers::default(),
        reading: &reading,
        received_at: time::parse_rfc3339("2026-03-01T00:00:00Z").unwrap(),
    })
}

fn identify(json: &str) -> Result<(Kind, String), String> {
    with(json, None, |element| {
        CloudContactAi
            .identify(element)
            .map(|identity| (identity.kind, identity.key))
            .map_err(Cow::into_owned)
    })
}

fn dedup(json: &str) -> DedupKey {
    with(json, None, |element| {
        CloudContactAi.identify(element).unwrap().dedup
    })
}

fn data(json: &str) -> Data {
    with(json, None, |element| {
        let kind = CloudContactAi.identify(element).unwrap().kind;
        CloudContactAi.interpret(kind, element).data
    })
}

#[test]
fn the_events_are_in_order_and_eleven() {
    assert!(EVENTS.is_sorted_by_key(|(name, _)| name));
    assert_eq!(EVENTS.len(), 11);
}

#[test]
fn the_generations_are_told_in_their_order() {
    let untyped = r#""messageStatus":"SENT","smsSid":7,"campaign":{},"from":"+1","to":"+2""#;
    let text = (Kind::MessageReceived, "+1,+2".to_owned());
    let status = (Kind::MessageStatus, "7".to_owned());
    for (names, keyed) in [
        (r#""eventType":"message.incoming","type":"x","#, Ok(&text)),
        (r#""type":"message.received","#, Ok(&text)),
        (r#""eventType":"x","type":"message.sent","#, Err(())),
        (r#""eventType":null,"type":"message.received","#, Ok(&text)),
        (r#""eventType":7,"#, Ok(&status)),
        ("", Ok(&status)),
    ] {
        let found = identify(&format!("{{{names}{untyped}}}"));
        assert_eq!(found.as_ref().map_err(|_| ()), keyed, "{names}");
    }
    let inbound = r#"{"campaign":null,"from":"+1","to":"+2","smsSid":7}"#;
    assert_eq!(identify(inbound), Ok(text));
    assert!(identify(r#"{"from":"+1","to":"+2"}"#).is_err());
}

#[test]
fn the_fields_of_a_named_event_are_in_its_data_and_else_beside_its_name() {
    let nested = r#"{"type":"message.sent","to":"+2","data":{"SmsSid":7}}"#;
    assert_eq!(identify(nested).unwrap().1, "7");
    let flat = r#"{"eventType":"message.sent","SmsSid":7,"data":[]}"#;
    assert_eq!(identify(flat).unwrap().1, "7");
    let untyped = r#"{"messageStatus":"SENT","smsSid":7,"data":{"SmsSid":8}}"#;
    assert_eq!(identify(untyped).unwrap().1, "7");
}

#[test]
fn a_number_of_a_message_is_above_zero() {
    for (sid, key) in [
        ("12", "12"),
        (r#""12""#, "12"),
        (r#""007""#, "007"),
        (
            "340282366920938463463374607431768211457",
            "340282366920938463463374607431768211457",
        ),
        ("0", "+2"),
        (r#""000""#, "+2"),
        ("-1", "+2"),
        ("1.5", "+2"),
        ("1e3", "+2"),
        (r#""""#, "+2"),
        (r#""SM12""#, "+2"),
        (r#"" 12""#, "+2"),
        ("null", "+2"),
        ("[12]", "+2"),
        ("true", "+2"),
    ] {
        let json = format!(r#"{{"eventType":"message.sent","data":{{"SmsSid":{sid},"To":"+2"}}}}"#);
        assert_eq!(
            identify(&json),
            Ok((Kind::MessageStatus, key.into())),
            "{sid}"
        );
    }
}

#[test]
fn a_status_of_a_message_is_one_whatever_else_differs() {
    let one = r#"{"eventType":"message.error.carrier","eventHash":"a","data":{"SmsSid":7,"MessageStatus":"FAILED","ErrorCode":"30008"}}"#;
    for same in [
        one.replace("\"a\"", "\"b\""),
        one.replace('7', "\"7\""),
        one.replace("\"30008\"", "30008"),
        one.replace("{\"SmsSid", "{\"Message\":\"x\",\"SmsSid"),
    ] {
        assert_eq!(dedup(one), dedup(&same), "{same}");
    }
    for other in [
        one.replace('7', "8"),
        one.replace("carrier", "cloudcontact"),
        one.replace("FAILED", "SENT"),
        one.replace("30008", "30007"),
    ] {
        assert_ne!(dedup(one), dedup(&other), "{other}");
    }
}

#[test]
fn what_has_no_number_is_one_by_its_bytes_and_for_ten_minutes() {
    let one = r#"{"eventType":"message.excluded","eventHash":"a","data":{"SmsSid":0,"To":"+2"}}"#;
    let window = |json: &str| dedup(json).record_name(Timestamp::UNIX_EPOCH);
    assert!(window(one).ends_with("#0"), "{}", window(one));
    assert_ne!(dedup(one), dedup(&one.replace("\"a\"", "\"b\"")));
    assert_ne!(dedup(one), dedup(&one.replace(",", ", ")));
    let ten_minutes = Timestamp::from_second(600).unwrap();
    assert!(dedup(one).record_name(ten_minutes).ends_with("#1"));
}

#[test]
fn an_unsubscribe_is_one_by_its_time_where_that_is_one() {
    let one = r#"{"eventType":"contact.unsubscribed","data":{"To":"+2","UnsubscribedAt":"2025-09-25T11:08:14.368388Z"}}"#;
    let at_once = one.replace("14.368388Z", "14.368388Z\",\"Message\":\"x");
    assert_eq!(dedup(one), dedup(&at_once));
    assert!(
        dedup(one).record_name(Timestamp::UNIX_EPOCH).contains('#'),
        "a contact is no message"
    );
    let elsewhere = one.replace("T11:08:14.368388Z", "T13:08:14.368388+02:00");
    assert_eq!(dedup(one), dedup(&elsewhere));
    assert_ne!(dedup(one), dedup(&one.replace("14.368388", "14.368389")));
    for no_time in ["null", "", "2025-09-25T11:08:14.368388"] {
        let json = one.replace("2025-09-25T11:08:14.368388Z", no_time);
        assert_ne!(dedup(&json), dedup(&json.replace("+2\"", "+2\",\"a\":1")));
    }
}

#[test]
fn the_phone_that_unsubscribed_is_the_one_of_its_key() {
    let keyed = |contact: &str| {
        let json = format!(
            r#"{{"eventType":"contact.unsubscribed","data":{{"To":"+15550100004","ContactData":{contact}}}}}"#
        );
        let Data::OptedOut(data) = data(&json) else {
            panic!("another shape")
        };
        (identify(&json).unwrap().1, data.phone)
    };
    let ours = ("+15550100004".to_owned(), Some("+15550100004".to_owned()));
    for absent in ["null", "[]", "{}", r#"{"phone":null}"#, r#"{"phone":" "}"#] {
        assert_eq!(keyed(absent), ours, "{absent}");
    }
    assert_eq!(
        keyed(r#"{"phone":"+1 555 010 0003"}"#),
        ("+1 555 010 0003".into(), Some("+15550100003".into()))
    );
    // Of what is no number that can be read, the one that was texted is taken.
    for (phone, key) in [("15550100003", "15550100003"), ("\"n/a\"", "n/a")] {
        let contact = format!(r#"{{"phone":{phone}}}"#);
        assert_eq!(keyed(&contact), (key.to_owned(), ours.1.clone()));
    }
}

#[test]
fn numbers_are_read_by_the_country() {
    let json = r#"{"type":"message.received","from":"0491 570 006","to":"0491570156"}"#;
    let key = with(json, Some("AU"), |element| {
        CloudContactAi.identify(element).unwrap().key
    });
    assert_eq!(key, "+61491570006,+61491570156");
    let unsubscribed =
        r#"{"eventType":"contact.unsubscribed","data":{"ContactData":{"phone":"0491 570 006"}}}"#;
    let meaning = with(unsubscribed, Some("AU"), |element| {
        CloudContactAi.interpret(Kind::ContactOptedOut, element)
    });
    let Data::OptedOut(data) = meaning.data else {
        panic!("another shape")
    };
    assert_eq!(data.phone.as_deref(), Some("+61491570006"));
}

#[test]
fn whatever_the_body_is_every_kind_is_read() {
    for json in ["{}", r#"{"eventType":"message.sent","data":{"data":1}}"#] {
        for kind in Kind::ALL {
            with(json, None, |element| {
                CloudContactAi.interpret(*kind, element)
            });
        }
    }
}
