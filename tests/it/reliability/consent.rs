//! STOP and START through every provider and generation of bodies: the last STOP stands, a retried one
//! does not undo a later START where anything can tell them apart, and nobody vanishes.

use consumer::routes::routes;
use serde_json::{Value, json};
use switchhook_core::time::{Clock, Timestamp};
use tests::TestClock;

use super::rig::Rig;

const SOURCES: &str = r#"
[sources.voice]
provider = "ai-sync"
secrets = ["example-secret"]

[sources.texts]
provider = "cellcast"
users = [{ username = "hooks", password = "s3cret:with colons" }]

[sources.sms]
provider = "cloudcontactai"
unsigned = true
tokens = ["token-of-sms-0123456789abcd"]
country = "US"

[sources.desk]
provider = "nectar-desk"
tokens = ["token-of-desk-0123456789abcd"]
"#;

const VOICE: &str = "/webhooks/voice";
const TEXTS: &str = "/webhooks/texts/inbound";
const SMS: &str = "/webhooks/sms/token-of-sms-0123456789abcd";
const DESK: &str = "/webhooks/desk/token-of-desk-0123456789abcd/message-received";
const CUSTOMER: &str = "+61400000123";
const ITEM: &str = "_/opt_out/+61400000123/sms";

async fn rig() -> Rig {
    rig_of(SOURCES).await
}

async fn rig_of(sources: &str) -> Rig {
    let clock = TestClock::at("2026-03-04T05:06:07.089Z");
    Rig::with_sources(sources, routes(), clock).await
}

/// Posts a body as its sender would, and lets the consumer handle it.
async fn say(rig: &Rig, path: &str, body: &Value) {
    let body = body.to_string();
    let signature = tests::sign("example-secret", body.as_bytes());
    let headers = [
        ("x-webhook-signature", signature.as_str()),
        ("authorization", "Basic aG9va3M6czNjcmV0OndpdGggY29sb25z"),
    ];
    let (status, answer) = rig.test.post_to(path, &headers, body.as_bytes()).await;
    assert_eq!(status, 200, "{answer}");
    rig.settle().await;
}

fn later(rig: &Rig, secs: i64) -> Timestamp {
    let now = rig.test.clock.now().as_millisecond();
    Timestamp::from_millisecond(now + secs * 1_000).unwrap()
}

async fn opted_out(rig: &Rig) -> Value {
    rig.state(ITEM).await["opted_out"].clone()
}

/// A generation of bodies: makes the `n`-th text, said at this time.
struct Generation {
    name: &'static str,
    path: &'static str,
    /// Whether the same bytes can only be a retry: they hold an id of this one text, or its time.
    is_identified: bool,
    body: fn(n: u8, word: &str, at: &str) -> Value,
}

const GENERATIONS: &[Generation] = &[
    Generation {
        name: "ai-sync with an id",
        path: VOICE,
        is_identified: true,
        body: |n, word, at| {
            json!({"event": "sms.received", "timestamp": at, "data": {
                "message_id": format!("m{n}"), "from": CUSTOMER, "to": "+61400000456", "text": word}})
        },
    },
    Generation {
        name: "ai-sync with an id and no time",
        path: VOICE,
        is_identified: true,
        body: |n, word, _| {
            json!({"event": "sms.received", "data": {
                "message_id": format!("m{n}"), "from": CUSTOMER, "to": "+61400000456", "text": word}})
        },
    },
    Generation {
        name: "ai-sync with a time",
        path: VOICE,
        is_identified: true,
        body: |_, word, at| {
            json!({"event": "sms.received", "timestamp": at, "data": {
                "from": CUSTOMER, "to": "+61400000456", "text": word}})
        },
    },
    Generation {
        name: "ai-sync with neither",
        path: VOICE,
        is_identified: false,
        body: |_, word, _| {
            json!({"event": "sms.received", "data": {
                "from": CUSTOMER, "to": "+61400000456", "text": word}})
        },
    },
    Generation {
        name: "ai-sync's replies, whose id may be that of the text that is answered",
        path: VOICE,
        is_identified: false,
        body: |_, word, _| {
            json!({"event": "sms.replied", "data": {
                "message_id": "m1", "from": CUSTOMER, "to": "+61400000456", "text": word}})
        },
    },
    Generation {
        name: "cellcast, whose id may be that of the text that is answered",
        path: TEXTS,
        is_identified: false,
        body: |_, word, _| {
            json!({"_id": "65a0c0ffee0000000000000a", "type": "receive", "status": "received",
                "reply": word, "message": "See you?", "sender": CUSTOMER, "receiver": "+61400000456"})
        },
    },
    Generation {
        name: "cellcast without an id",
        path: TEXTS,
        is_identified: false,
        body: |_, word, _| json!({"type": "receive", "message": word, "sender": CUSTOMER}),
    },
    Generation {
        name: "cellcast, legacy, with an id",
        path: TEXTS,
        is_identified: true,
        body: |n, word, _| {
            json!({"from": CUSTOMER, "body": word, "message_id": format!("l{n}"),
                "received_at": "2026-03-04 16:06:07", "type": "SMS"})
        },
    },
    Generation {
        name: "cellcast, legacy, without an id",
        path: TEXTS,
        is_identified: false,
        body: |_, word, _| json!({"from": CUSTOMER, "body": word, "message_id": ""}),
    },
    Generation {
        name: "cloudcontactai of today",
        path: SMS,
        is_identified: false,
        body: |_, word, _| {
            json!({"eventType": "message.incoming", "data": {
                "From": CUSTOMER, "To": "+12125550100", "Message": word}})
        },
    },
    Generation {
        name: "cloudcontactai, typed",
        path: SMS,
        is_identified: false,
        body: |_, word, _| json!({"type": "message.received", "from": CUSTOMER, "to": "+12125550100", "message": word}),
    },
    Generation {
        name: "cloudcontactai, flat",
        path: SMS,
        is_identified: false,
        body: |_, word, _| json!({"campaign": null, "from": CUSTOMER, "to": "+12125550100", "message": word}),
    },
    Generation {
        name: "nectar-desk with an id",
        path: DESK,
        is_identified: true,
        body: |n, word, at| {
            json!({"id": n, "type": "sms", "conversationId": 7, "sentAt": at, "text": word,
                "fromNumber": {"number": "+61400000456"}, "toNumber": CUSTOMER})
        },
    },
    Generation {
        name: "nectar-desk with a time",
        path: DESK,
        is_identified: true,
        body: |_, word, at| {
            json!({"type": "sms", "conversationId": 7, "sentAt": at, "text": word,
                "fromNumber": {"number": "+61400000456"}, "toNumber": CUSTOMER})
        },
    },
];

#[tokio::test]
async fn stop_start_stop_within_a_minute_ends_at_stop_for_every_generation() {
    for generation in GENERATIONS {
        let rig = rig().await;
        for (n, word, expected) in [(1, "STOP", true), (2, "START", false), (3, "STOP", true)] {
            let at = rig.test.clock.now().to_string();
            say(&rig, generation.path, &(generation.body)(n, word, &at)).await;
            assert_eq!(opted_out(&rig).await, expected, "{}: {n}", generation.name);
            rig.test.clock.advance(10);
        }
    }
}

#[tokio::test]
async fn retried_stop_undoes_no_later_start_where_anything_tells_them_apart() {
    for generation in GENERATIONS {
        let rig = rig().await;
        let at = rig.test.clock.now().to_string();
        let stop = (generation.body)(1, "STOP", &at);
        say(&rig, generation.path, &stop).await;
        rig.test.clock.advance(10);
        let at = rig.test.clock.now().to_string();
        say(&rig, generation.path, &(generation.body)(2, "START", &at)).await;
        rig.test.clock.advance(10);
        say(&rig, generation.path, &stop).await;
        let expected = !generation.is_identified;
        assert_eq!(opted_out(&rig).await, expected, "{}", generation.name);
    }
}

/// A STOP without id and time that comes again counts at its own time in the conversation too, and in
/// nothing else of it.
#[tokio::test]
async fn repeated_stop_changes_the_words_of_a_conversation_only() {
    let rig = rig().await;
    let stop = json!({"event": "sms.received", "data": {"from": CUSTOMER, "to": "+61400000456", "text": "STOP"}});
    let start = json!({"event": "sms.received", "data": {"from": CUSTOMER, "to": "+61400000456", "text": "START"}});
    for (body, expected) in [(&stop, true), (&start, false), (&stop, true)] {
        say(&rig, VOICE, body).await;
        rig.test.clock.advance(10);
        let state = rig
            .state("voice/conversation/+61400000123,+61400000456")
            .await;
        assert_eq!(state["opted_out"], expected);
    }
    let state = rig
        .state("voice/conversation/+61400000123,+61400000456")
        .await;
    assert_eq!(state["text"], "START", "the text is that of the last event");
    let records = rig
        .records("voice/conversation/+61400000123,+61400000456")
        .await;
    let counted: Vec<_> = records
        .iter()
        .map(|record| record.deliveries.len())
        .collect();
    assert_eq!(counted, [2, 1]);
    say(&rig, VOICE, &start).await; // a START of the same bytes is no new word
    assert_eq!(opted_out(&rig).await, true);
}

#[tokio::test]
async fn variant_of_a_start_lifts_no_later_stop() {
    let rig = rig().await;
    let text = |word: &str, note: u8| {
        json!({"event": "sms.received", "data": {
            "message_id": word, "from": CUSTOMER, "to": "+61400000456", "text": word, "attempt": note}})
    };
    say(&rig, VOICE, &text("START", 1)).await;
    rig.test.clock.advance(10);
    say(&rig, VOICE, &text("STOP", 1)).await;
    rig.test.clock.advance(10);
    say(&rig, VOICE, &text("START", 2)).await;
    assert_eq!(opted_out(&rig).await, true);
}

#[tokio::test]
async fn slow_stop_and_a_sender_whose_clock_is_off_do_not_decide_alone() {
    let rig = rig().await;
    let text = |id: &str, word: &str, at: Timestamp| {
        json!({"event": "sms.received", "timestamp": at.to_string(), "data": {
            "message_id": id, "from": CUSTOMER, "to": "+61400000456", "text": word}})
    };
    let (said, now) = (later(&rig, -180), later(&rig, -60));
    say(&rig, VOICE, &text("1", "STOP", said)).await;
    rig.test.clock.advance(60);
    say(&rig, VOICE, &text("2", "START", now)).await;
    assert_eq!(opted_out(&rig).await, false, "later by both");
    rig.test.clock.advance(60);
    let tomorrow = later(&rig, 24 * 60 * 60);
    say(&rig, VOICE, &text("3", "START", tomorrow)).await;
    rig.test.clock.advance(60);
    let stop = json!({"eventType": "message.incoming", "data": {
        "From": CUSTOMER, "To": "+12125550100", "Message": "STOP"}});
    say(&rig, SMS, &stop).await;
    assert_eq!(
        opted_out(&rig).await,
        true,
        "no clock is ahead of the acceptance"
    );
    let state = rig.state(ITEM).await;
    assert_eq!(state["source"], "sms");
    let sources = state["sources"].as_array().unwrap();
    let told: Vec<_> = sources
        .iter()
        .map(|of| (of["source"].as_str().unwrap(), of["opted_out"] == true))
        .collect();
    assert_eq!(told, [("sms", true), ("voice", false)]);
}

#[tokio::test]
async fn start_reaches_as_far_as_its_scope() {
    for (scope, expected) in [("source", true), ("stack", false)] {
        let sources = format!("opt_in_scope = \"{scope}\"\n{SOURCES}");
        let rig = rig_of(&sources).await;
        let stop = json!({"eventType": "message.incoming", "data": {
            "From": CUSTOMER, "To": "+12125550100", "Message": "STOP"}});
        say(&rig, SMS, &stop).await;
        rig.test.clock.advance(10);
        let start = json!({"event": "sms.received", "data": {
            "message_id": "1", "from": CUSTOMER, "to": "+61400000456", "text": "START"}});
        say(&rig, VOICE, &start).await;
        assert_eq!(opted_out(&rig).await, expected, "{scope}");
    }
}

#[tokio::test]
async fn opt_out_that_cannot_be_placed_is_on_the_list_as_it_came() {
    let rig = rig().await;
    let text = |from: &str| {
        json!({"event": "sms.received", "data": {
            "message_id": from, "conversation_id": "c", "from": from, "to": "+61400000456", "text": "STOP"}})
    };
    let long = "x".repeat(129);
    let digest = switchhook_core::dedup::content_digest(long.as_bytes());
    for (from, key) in [
        (" 4242 ", "4242"),
        ("SHOP", "SHOP"),
        (long.as_str(), digest.as_str()),
    ] {
        say(&rig, VOICE, &text(from)).await;
        let state = rig.state(&format!("_/opt_out/{key}/sms")).await;
        assert_eq!(
            (&state["opted_out"], &state["unplaced"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(state["phone"], key);
    }
    let nobody = json!({"event": "sms.received", "data": {
        "message_id": "n", "conversation_id": "c9", "text": "STOP"}});
    say(&rig, VOICE, &nobody).await;
    let state = rig.state("_/opt_out/voice/conversation/c9/sms").await;
    assert_eq!(
        (&state["opted_out"], &state["unplaced"]),
        (&json!(true), &json!(true))
    );
}

/// A provider's id has no limit of its own, and a key that is too long would fail for ever.
#[tokio::test]
async fn long_id_of_a_person_is_listed_by_its_digest() {
    let rig = rig().await;
    let id = "x".repeat(3_000);
    let body = json!({"event": "sms.received", "data": {
        "message_id": "1", "conversation_id": "c", "from": id, "to": "1", "text": "STOP", "channel": "messenger"}});
    say(&rig, VOICE, &body).await;
    let digest = switchhook_core::dedup::content_digest(id.as_bytes());
    let state = rig.state(&format!("_/opt_out/{digest}/messenger")).await;
    assert_eq!(
        (&state["opted_out"], &state["unplaced"]),
        (&json!(true), &json!(false))
    );
}

#[tokio::test]
async fn unsubscribe_with_an_unreadable_phone_counts_for_the_number_that_was_texted() {
    for phone in ["", "n/a", "see notes", "ext. 12", "call mum"] {
        let rig = rig().await;
        let body = json!({"eventType": "contact.unsubscribed", "data": {
            "To": CUSTOMER, "From": "+12125550100", "UnsubscribedAt": "2026-03-04T05:06:00Z",
            "ContactData": {"phone": phone}}});
        say(&rig, SMS, &body).await;
        assert_eq!(opted_out(&rig).await, true, "{phone}");
        let neither = json!({"eventType": "contact.unsubscribed", "data": {
            "To": "somebody", "UnsubscribedAt": "2026-03-04T05:06:00Z", "ContactData": {"phone": "n/a"}}});
        say(&rig, SMS, &neither).await;
        let state = rig.state("_/opt_out/n/a/sms").await;
        assert_eq!(state["unplaced"], true);
    }
}

#[tokio::test]
async fn channels_are_those_of_a_closed_list() {
    for (word, channel) in [
        ("SMS", "sms"),
        ("mms", "sms"),
        ("toll-free", "sms"),
        ("WhatsApp", "whatsapp"),
        ("rcs", "rcs"),
    ] {
        let rig = rig().await;
        let body = json!({"event": "sms.received", "data": {
            "message_id": "1", "from": CUSTOMER, "to": "+61400000456", "text": "stop", "channel": word}});
        say(&rig, VOICE, &body).await;
        let state = rig.state(&format!("_/opt_out/{CUSTOMER}/{channel}")).await;
        assert_eq!(
            (&state["opted_out"], &state["channel"]),
            (&json!(true), &json!(channel))
        );
    }
}
