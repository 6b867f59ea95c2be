//! Nectar Desk: most of its events tell no time of their own, and several tell the same things.

use super::*;

/// Makes an event of a sample with some fields of its body set, accepted at one of [`TIMES`].
fn told(name: &str, fields: &[(&str, Value)], time: usize, sequence: u128) -> Occurrence {
    let sources = sources();
    let known = samples::of("nectar-desk");
    let sample = known.iter().find(|sample| sample.name == name).unwrap();
    let mut delivery = Delivery::of(sample, &sources, "nectar-desk");
    let mut body: Value = serde_json::from_slice(&delivery.body).unwrap();
    for (field, value) in fields {
        body[*field] = value.clone();
    }
    delivery.body = body.to_string().into_bytes();
    delivery.occurrence(&sources, sequence, TIMES[time].parse().unwrap())
}

#[test]
fn recordings_outlive_those_that_a_late_end_of_the_call_tells() {
    let recorded = [(
        "call_recordings",
        json!(["desk.example/1", "desk.example/2"]),
    )];
    for late in [json!([]), json!(["desk.example/0"])] {
        let events = [
            told("call-recording-received", &recorded, 0, 1),
            told("call-ended", &[("call_recordings", late)], 2, 2),
        ];
        let state = only(&after(&events));
        let https = json!(["https://desk.example/1", "https://desk.example/2"]);
        assert_eq!(state["recordings"], https);
    }
}

#[test]
fn an_abandoned_call_does_not_become_answered_when_its_end_is_told() {
    for ended in [0, 2] {
        let events = [
            told("call-abandoned", &[("endedDate", json!(TIMES[1]))], 1, 1),
            told(
                "call-ended",
                &[("endedDate", json!(TIMES[ended]))],
                ended,
                2,
            ),
        ];
        assert_eq!(only(&after(&events))["outcome"], "abandoned");
    }
}

#[test]
fn a_voicemail_is_the_outcome_whenever_it_is_told() {
    for (first, second) in [(0, 2), (2, 0)] {
        let events = [
            told("call-overflowed-to-voicemail", &[], first, 1),
            told("call-abandoned", &[], second, 2),
            told("call-ended", &[], 1, 3),
        ];
        let state = only(&after(&events));
        assert_eq!(state["outcome"], "voicemail");
        let https = json!(["https://desk.example/api/call/recording/15550100"]);
        assert_eq!(state["recordings"], https, "an empty list takes none away");
    }
}

#[test]
fn of_dispositions_the_one_that_was_accepted_last_stands() {
    let code = |code: &str| [("disposition", json!({"code": code, "note": code}))];
    let events = [
        told("call-disposition-saved", &code("saved"), 2, 1),
        told("call-disposition-modified", &code("modified"), 0, 2),
        told("call-ended", &code("as it ended"), 2, 3),
    ];
    let state = only(&after(&events));
    assert_eq!(
        (&state["disposition"], &state["note"]),
        (&json!("modified"), &json!("modified"))
    );
}

#[test]
fn wish_is_the_customers_and_a_start_is_later_by_both_times() {
    let text = |text: &str, at: usize| [("text", json!(text)), ("sentAt", json!(TIMES[at]))];
    for (first, second, opted_out) in [
        (("STOP", 0, 1), ("START", 2, 2), false),
        (("START", 0, 1), ("STOP", 2, 2), true),
        (("STOP", 1, 1), ("START", 0, 2), true),
        (("STOP", 0, 2), ("START", 1, 1), true),
    ] {
        let event = |name, (words, own, accepted): (&str, usize, usize), sequence| {
            told(name, &text(words, own), accepted, sequence)
        };
        let events = [
            event("message-received", second, 1),
            event("message-received-stop", first, 2),
        ];
        let states = after(&events);
        assert_eq!(
            read(&states, "_/opt_out/+15555550100/sms")["opted_out"],
            opted_out,
            "{first:?} {second:?}"
        );
        let conversation = "nectar-desk/conversation/15550100";
        assert_eq!(read(&states, conversation)["opted_out"], opted_out);
        assert_eq!(states.len(), 2, "our own number is on no list: {states:?}");
    }
}
