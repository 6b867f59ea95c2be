//! CloudContactAI: its texts have no time of their own, its unsubscribes and e-mails have.

use super::*;

const CUSTOMER: &str = "+15550100003";

/// Makes an event of today's generation, accepted at one of [`TIMES`].
fn told(name: &str, data: &Value, accepted: usize, sequence: u128) -> Occurrence {
    let sources = sources();
    let body = json!({ "eventType": name, "data": data });
    let delivery = Delivery {
        path: format!("/webhooks/cloudcontactai/{TOKEN}"),
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.to_string().into_bytes(),
    };
    delivery.occurrence(&sources, sequence, TIMES[accepted].parse().unwrap())
}

fn text(words: &str, accepted: usize, sequence: u128) -> Occurrence {
    let data = json!({ "From": CUSTOMER, "To": "+15550100004", "Message": words });
    told("message.incoming", &data, accepted, sequence)
}

fn unsubscribed(at: usize, accepted: usize, sequence: u128) -> Occurrence {
    let contact = json!({ "phone": CUSTOMER });
    let data = json!({ "UnsubscribedAt": TIMES[at], "ContactData": contact });
    told("contact.unsubscribed", &data, accepted, sequence)
}

fn mail(name: &str, at: usize, sequence: u128) -> Occurrence {
    let data = json!({ "emailMessageId": 7, "timestamp": TIMES[at] });
    told(name, &data, 2, sequence)
}

#[test]
fn a_text_that_failed_stays_so_whenever_its_sending_is_told() {
    let failed = |code: &str, accepted, sequence| {
        let data = json!({ "SmsSid": 7, "MessageStatus": "FAILED", "ErrorCode": code });
        told("message.error.carrier", &data, accepted, sequence)
    };
    let sent = json!({ "SmsSid": 7, "MessageStatus": "DELIVERED", "TotalPrice": 0.02 });
    let sent = told("message.sent", &sent, 2, 3);
    let state = only(&after(&[
        failed("30007", 0, 1),
        sent,
        failed("30008", 1, 2),
    ]));
    assert_eq!(
        (&state["status"], &state["final"], &state["error_code"]),
        (&json!("failed"), &json!(true), &json!("30008"))
    );
    assert_eq!(
        (&state["status_at"], &state["price"]),
        (&json!(TIMES[1]), &json!("0.02")),
        "what only the sending says is told"
    );
}

#[test]
fn unsubscribe_stands_until_a_start_is_later_by_its_own_time_and_by_arrival() {
    for (unsubscribed_at, accepted, started, opted_out) in [
        (0, 0, 1, false),
        (0, 2, 1, true),
        (1, 1, 1, true),
        (1, 2, 1, true),
        (0, 1, 2, false),
        (1, 0, 2, false), // by a clock that is a millisecond ahead
    ] {
        let events = [
            text("START", started, 1),
            unsubscribed(unsubscribed_at, accepted, 2),
        ];
        let listed = read(&after(&events), "_/opt_out/");
        assert_eq!(
            listed["opted_out"], opted_out,
            "{unsubscribed_at} {accepted}"
        );
    }
}

#[test]
fn stop_and_the_unsubscribe_that_it_causes_are_one_place_in_the_list() {
    let states = after(&[text("STOP", 1, 1), unsubscribed(0, 1, 2)]);
    let places = states
        .keys()
        .filter(|entity| entity.as_str().starts_with("_/"));
    assert_eq!(places.count(), 1, "{states:?}");
    let listed = read(&states, "_/opt_out/");
    assert_eq!(
        (&listed["opted_out"], &listed["since"], &listed["phone"]),
        (&json!(true), &json!(TIMES[1]), &json!(CUSTOMER))
    );
}

#[test]
fn of_bounce_and_delivery_the_later_counts_and_a_complaint_whenever() {
    for (bounced, delivered, status) in [(0, 2, "delivered"), (2, 0, "bounced")] {
        let events = [
            mail("email.bounced", bounced, 1),
            mail("email.delivered", delivered, 2),
        ];
        let state = only(&after(&events));
        assert_eq!(
            (&state["status"], &state["status_at"]),
            (&json!(status), &json!(TIMES[2]))
        );
        let complaint = mail("email.complaint", 1, 3);
        let [bounced, delivered] = events;
        let state = only(&after(&[bounced, delivered, complaint]));
        assert_eq!(state["status"], "complaint");
    }
}
