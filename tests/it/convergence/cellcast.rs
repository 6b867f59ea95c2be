//! Cellcast's texts have no time of their own: a status goes by its rank, a reply by its place in the
//! accepted order.

use super::*;

/// Makes an event of a body, accepted at one of [`TIMES`].
fn told(slug: &str, body: &Value, time: usize, sequence: u128) -> Occurrence {
    let delivery = Delivery {
        path: format!("/webhooks/cellcast/{TOKEN}/{slug}"),
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
    };
    delivery.occurrence(&sources(), sequence, TIMES[time].parse().unwrap())
}

fn status(word: &str, time: usize, sequence: u128) -> Occurrence {
    let body = json!({
        "_id": "m", "type": "send", "status": word, "sender": "ACME", "receiver": "+61400000123",
    });
    told("status", &body, time, sequence)
}

fn legacy_status(word: &str, time: usize, sequence: u128) -> Occurrence {
    let body = json!([{ "message_id": "m", "status": word, "recipient": "+61400000123" }]);
    told("status", &body, time, sequence)
}

fn reply(words: &str, time: usize, sequence: u128) -> Occurrence {
    let body = json!({
        "_id": "m", "type": "receive", "reply": words, "message": "STOP",
        "sender": "0400 000 123", "receiver": "+61400000456",
    });
    told("inbound", &body, time, sequence)
}

#[test]
fn a_late_older_status_changes_nothing() {
    let events = [
        status("delivered", 2, 1),
        legacy_status("Dispatched", 2, 2),
        status("Queued", 0, 3),
        legacy_status("Unknown", 1, 4),
    ];
    let state = only(&after(&events));
    let told = (&state["status"], &state["final"], &state["status_raw"]);
    assert_eq!(
        told,
        (&json!("delivered"), &json!(true), &json!("delivered"))
    );
    assert_eq!(
        (&state["to"], &state["from"]),
        (&json!("+61400000123"), &json!("ACME"))
    );
}

#[test]
fn of_two_final_statuses_the_higher_stays() {
    for (one, other, stays) in [
        ("expired", "failed", "failed"),
        ("rejected", "Aborted", "rejected"),
        ("dead", "delivered", "delivered"),
        ("failed", "received", "failed"),
    ] {
        let state = only(&after(&[status(one, 0, 1), status(other, 2, 2)]));
        assert_eq!(state["status"], stays, "{one} {other}");
    }
}

#[test]
fn the_last_accepted_reply_is_what_the_customer_wants() {
    for (first, second, opted_out) in [("STOP", "START", false), ("Start", "stop", true)] {
        let events = [
            reply(first, 0, 1),
            reply("thanks", 1, 2),
            reply(second, 2, 3),
        ];
        let states = after(&events);
        let place = read(&states, "_/opt_out/+61400000123/sms");
        assert_eq!(place["opted_out"], opted_out, "{first} {second}");
        let conversation = "cellcast/conversation/+61400000123,+61400000456";
        let conversation = read(&states, conversation);
        assert_eq!(conversation["opted_out"], opted_out);
        assert_eq!(
            (&conversation["text"], &conversation["in_reply_to_text"]),
            (&json!(second), &json!("STOP"))
        );
    }
}
