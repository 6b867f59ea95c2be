//! Each state's own rules: what may follow what, and which value wins. Every test runs its events in
//! all orders of arrival, and twice.

use switchhook_core::config::OptInScope;
use switchhook_core::data::{self, Data, MailStatus};
use switchhook_core::dedup::{DedupKey, Window, content_digest};
use switchhook_core::envelope::Envelope;
use switchhook_core::kind::EntityType;
use switchhook_core::occurrence::{Occurrence, Role, Sequence};

use super::*;

/// An event that says `data`: told at one of [`TIMES`] by itself, or by nobody.
fn event(kind: Kind, data: impl Into<Data>, told_at: Option<usize>, sequence: u128) -> Occurrence {
    accepted(kind, data, told_at, 2, sequence)
}

/// An event that was accepted at one of [`TIMES`] by the clock of the ingress that took it.
fn accepted(
    kind: Kind,
    data: impl Into<Data>,
    told_at: Option<usize>,
    received_at: usize,
    sequence: u128,
) -> Occurrence {
    let delivery = DeliveryId::new(Uuid::from_u128(sequence));
    let envelope = json!({
        "version": 1,
        "id": format!("{delivery}.0"),
        "provider": "ai-sync",
        "received_at": TIMES[received_at],
        "retention_days": 30,
        "kind": kind,
        "entity": format!("desk/{}/7", kind.entity_type().as_str()),
        "dedup": DedupKey::new(&[b"x"], Window::Record),
        "body": {"inline": ""},
    });
    let envelope: Envelope = serde_json::from_value(envelope).unwrap();
    Occurrence {
        envelope,
        sequence: Sequence(sequence),
        raw: bytes::Bytes::new(),
        occurred_at: told_at.map(|time| TIMES[time].parse().unwrap()),
        data: data.into(),
        role: Role::New,
    }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Returns the state of the events' own entity.
#[track_caller]
fn state_after(events: &[Occurrence]) -> Value {
    read(&after(events), "desk/")
}

fn disposition(code: &str) -> data::CallDisposition {
    data::CallDisposition {
        disposition: text(code),
        note: text(&format!("note of {code}")),
        ..Default::default()
    }
}

#[test]
fn the_disposition_that_was_accepted_last_wins_whatever_the_clocks_say() {
    let saved = accepted(Kind::CallDisposition, disposition("Sale"), None, 2, 1);
    let changed = accepted(Kind::CallDisposition, disposition("Callback"), None, 0, 2);
    let state = state_after(&[saved, changed]);
    assert_eq!(state["disposition"], "Callback");
    assert_eq!(state["note"], "note of Callback");
}

#[test]
fn what_was_saved_after_the_call_outranks_what_a_late_call_event_mentions() {
    let ended = data::Call {
        disposition: text("None"),
        recordings: Some(vec!["https://x.example/part".into()]),
        talk_secs: Some(90),
        ..Default::default()
    };
    let recording = data::CallRecording {
        recordings: Some(vec!["https://x.example/all".into()]),
        ..Default::default()
    };
    let state = state_after(&[
        event(Kind::CallDisposition, disposition("Sale"), None, 1),
        event(Kind::CallRecording, recording, None, 2),
        event(Kind::CallEnded, ended, Some(2), 3),
    ]);
    assert_eq!(state["disposition"], "Sale");
    assert_eq!(state["recordings"], json!(["https://x.example/all"]));
    assert_eq!(
        (&state["talk_secs"], &state["outcome"]),
        (&json!(90), &json!("answered"))
    );
}

/// The clocks of a provider differ: what comes first in a call is first, whatever its time.
#[test]
fn a_call_that_ended_does_not_ring_again_when_its_start_is_told_late() {
    let is = |status: &str| data::Call {
        status: text(status),
        ..Default::default()
    };
    let started = event(Kind::CallStarted, is("ringing"), Some(2), 3);
    let answered = event(Kind::CallAnswered, is("in-progress"), Some(1), 2);
    let ended = event(Kind::CallEnded, is("completed"), Some(0), 1);
    let state = state_after(&[started.clone(), answered.clone(), ended]);
    assert_eq!(state["status"], "completed");
    let transferred = event(Kind::CallTransferred, is("handed on"), Some(0), 1);
    let state = state_after(&[started.clone(), answered.clone(), transferred]);
    assert_eq!(state["status"], "handed on");
    assert_eq!(state_after(&[started, answered])["status"], "in-progress");
}

#[test]
fn the_outcome_is_the_last_station_of_the_call() {
    let call =
        |kind, told_at, sequence| event(kind, data::Call::default(), Some(told_at), sequence);
    for (events, outcome) in [
        (
            vec![(Kind::CallAnswered, 2), (Kind::CallTransferred, 0)],
            json!("transferred"),
        ),
        (
            vec![(Kind::CallAbandoned, 0), (Kind::CallEnded, 2)],
            json!("abandoned"),
        ),
        (
            vec![(Kind::CallVoicemail, 0), (Kind::CallAbandoned, 2)],
            json!("voicemail"),
        ),
        (
            vec![(Kind::CallStarted, 0), (Kind::CallEnded, 2)],
            Value::Null,
        ),
    ] {
        let events: Vec<_> = events
            .into_iter()
            .zip(1..)
            .map(|((kind, told_at), sequence)| call(kind, told_at, sequence))
            .collect();
        assert_eq!(state_after(&events)["outcome"], outcome);
    }
}

#[test]
fn who_talked_had_answered_and_who_did_not_talk_may_not_have() {
    for (talk_secs, outcome) in [(0, Value::Null), (1, json!("answered"))] {
        let ended = data::Call {
            talk_secs: Some(talk_secs),
            ..Default::default()
        };
        let state = state_after(&[event(Kind::CallEnded, ended, Some(0), 1)]);
        assert_eq!(state["outcome"], outcome);
    }
}

#[test]
fn a_complaint_stays_and_of_bounce_and_delivery_the_later_wins() {
    let mail = |status, told_at, sequence| {
        let data = data::EmailStatus {
            status: Some(status),
            reason: text(&format!("{status:?}")),
            subject: text("Hello"),
            ..Default::default()
        };
        event(Kind::EmailStatus, data, Some(told_at), sequence)
    };
    use MailStatus::{Bounced, Complaint, Delivered};
    for (one, other, status, reason) in [
        (
            mail(Complaint, 0, 1),
            mail(Delivered, 2, 2),
            "complaint",
            "Complaint",
        ),
        (
            mail(Delivered, 2, 1),
            mail(Bounced, 0, 2),
            "delivered",
            "Delivered",
        ),
        (
            mail(Delivered, 0, 1),
            mail(Bounced, 2, 2),
            "bounced",
            "Bounced",
        ),
    ] {
        let state = state_after(&[one, other]);
        assert_eq!(
            (&state["status"], &state["reason"]),
            (&json!(status), &json!(reason))
        );
        assert_eq!(state["subject"], "Hello");
    }
}

#[test]
fn the_text_that_was_written_last_is_the_last_text() {
    let wrote = |words: &str, told_at, sequence| {
        let data = data::MessageReceived {
            from: text("+15550100003"),
            text: text(words),
            in_reply_to_text: text(&format!("before {words}")),
            ..Default::default()
        };
        event(Kind::MessageReceived, data, Some(told_at), sequence)
    };
    let state = state_after(&[wrote("newer", 2, 1), wrote("older", 0, 2)]);
    assert_eq!(
        (&state["text"], &state["last_inbound_at"]),
        (&json!("newer"), &json!(TIMES[2]))
    );
    assert_eq!(
        (&state["in_reply_to_text"], &state["opted_out"]),
        (&json!("before newer"), &Value::Null)
    );
    let state = state_after(&[wrote("STOP", 0, 1), wrote("thanks", 2, 2)]);
    assert_eq!(
        (&state["text"], &state["opted_out"]),
        (&json!("thanks"), &json!(true))
    );
}

fn unsubscribed(phone: Option<&str>, email: Option<&str>, channel: &str) -> data::OptedOut {
    data::OptedOut {
        phone: phone.map(str::to_owned),
        email: email.map(str::to_owned),
        channel: text(channel),
        method: text("link_click"),
        ..Default::default()
    }
}

#[test]
fn an_unsubscribe_event_puts_a_number_on_the_list_until_a_later_start() {
    let number = "+15550100003";
    let start = |told_at, sequence| {
        let data = data::MessageReceived {
            from: text(number),
            text: text("START"),
            channel: text("SMS"),
            ..Default::default()
        };
        accepted(Kind::MessageReceived, data, Some(told_at), 2, sequence)
    };
    let stop = || {
        let data = unsubscribed(Some(number), None, "sms");
        accepted(Kind::ContactOptedOut, data, Some(1), 1, 1)
    };
    for (told_at, opted_out) in [(0, true), (1, true), (2, false)] {
        let states = after(&[stop(), start(told_at, 2)]);
        let item = read(&states, "_/opt_out/+15550100003/sms");
        assert_eq!(
            (&item["opted_out"], &item["phone"]),
            (&json!(opted_out), &json!(number))
        );
        let contact = read(&states, "desk/contact/");
        assert_eq!(
            contact["opted_out"], true,
            "the provider's own mark is not taken back"
        );
    }
}

#[test]
fn address_is_listed_in_lower_case_and_what_is_neither_as_it_came() {
    let listed = |data| {
        let states = after(&[event(Kind::ContactOptedOut, data, Some(1), 1)]);
        let names: Vec<_> = states
            .keys()
            .map(|entity| entity.as_str().to_owned())
            .collect();
        names
    };
    assert_eq!(
        listed(unsubscribed(None, Some(" Ann@Example.com"), "email")),
        ["_/opt_out/ann@example.com/email", "desk/contact/7"]
    );
    let both = unsubscribed(Some("+15550100003"), Some("ann@example.com"), "email");
    assert_eq!(
        listed(both),
        ["_/opt_out/ann@example.com/email", "desk/contact/7"]
    );
    for (phone, email, item) in [
        (Some("5550100"), None, "_/opt_out/5550100/sms"),
        (None, Some("ann"), "_/opt_out/ann/sms"),
        (None, None, "_/opt_out/desk/contact/7/sms"),
    ] {
        assert_eq!(
            listed(unsubscribed(phone, email, "sms")),
            [item, "desk/contact/7"]
        );
    }
    let endless = format!("{}@example.com", "a".repeat(300));
    let digest = content_digest(endless.as_bytes());
    assert_eq!(
        listed(unsubscribed(None, Some(&endless), "email")),
        [&format!("_/opt_out/{digest}/email"), "desk/contact/7"]
    );
}

/// What the command line tells of by itself.
#[test]
fn opt_in_is_the_stacks_only_where_it_says_so() {
    let number = Some("+15550100003");
    for (scope, opted_out) in [(OptInScope::Source, true), (OptInScope::Stack, false)] {
        let stop = accepted(
            Kind::ContactOptedOut,
            unsubscribed(number, None, "sms"),
            None,
            1,
            1,
        );
        let mut start = accepted(
            Kind::ContactOptedIn,
            unsubscribed(number, None, "sms"),
            None,
            2,
            2,
        );
        start.envelope.entity = Entity::new("_", EntityType::Contact, "+15550100003");
        start.envelope.opt_in_scope = scope;
        let states = after(&[stop, start]);
        let item = read(&states, "_/opt_out/");
        assert_eq!(item["opted_out"], opted_out);
        assert_eq!(read(&states, "_/contact/")["opted_out"], false);
        assert_eq!(read(&states, "desk/contact/")["opted_out"], true);
    }
}

fn contact(name: &str) -> data::Contact {
    data::Contact {
        name: text(name),
        ..Default::default()
    }
}

#[test]
fn a_contact_is_what_was_accepted_last_and_stays_opted_out_when_it_is_deleted() {
    let state = state_after(&[
        event(Kind::ContactCreated, contact("Ann"), None, 1),
        event(Kind::ContactModified, contact("Ann Doe"), None, 2),
    ]);
    assert_eq!(
        (&state["name"], &state["deleted"]),
        (&json!("Ann Doe"), &json!(false))
    );
    let gone = event(Kind::ContactDeleted, data::Contact::default(), None, 3);
    let out = unsubscribed(Some("+15550100003"), None, "sms");
    let state = state_after(&[
        event(Kind::ContactModified, contact("Ann Doe"), None, 2),
        gone,
        event(Kind::ContactOptedOut, out, Some(2), 1),
    ]);
    assert_eq!(
        (&state["deleted"], &state["name"], &state["phone"]),
        (&json!(true), &Value::Null, &Value::Null)
    );
    assert_eq!(
        (&state["opted_out"], &state["opted_out_at"]),
        (&json!(true), &json!(TIMES[2]))
    );
}

#[test]
fn a_list_is_what_was_accepted_last() {
    let list = |name: &str, size| data::ContactList {
        name: text(name),
        size,
        ..Default::default()
    };
    let state = state_after(&[
        event(Kind::ContactListModified, list("VIPs", None), None, 2),
        event(
            Kind::ContactListCreated,
            list("Customers", Some(7)),
            None,
            1,
        ),
    ]);
    assert_eq!(
        (&state["name"], &state["size"]),
        (&json!("VIPs"), &json!(7))
    );
}

#[test]
fn an_agent_is_what_was_told_last() {
    let agent = |status: &str| data::Agent {
        status: text(status),
        ..Default::default()
    };
    let state = state_after(&[
        event(Kind::AgentStatus, agent("online"), Some(2), 1),
        event(Kind::AgentCreated, agent("offline"), Some(0), 2),
        event(Kind::AgentUpdated, agent("away"), Some(1), 3),
    ]);
    assert_eq!(
        (&state["status"], &state["created_at"]),
        (&json!("online"), &json!(TIMES[0]))
    );
}

#[test]
fn a_campaign_that_is_over_runs_no_more() {
    let campaign = || data::Campaign {
        name: text("Spring"),
        ..Default::default()
    };
    let state = state_after(&[
        event(Kind::CampaignCompleted, campaign(), Some(0), 1),
        event(Kind::CampaignStarted, campaign(), Some(2), 2),
    ]);
    assert_eq!(state["status"], "completed");
    assert_eq!(
        (&state["started_at"], &state["completed_at"]),
        (&json!(TIMES[2]), &json!(TIMES[0]))
    );
}

#[test]
fn a_lead_was_won_when_it_was_first_told_and_an_appointment_is_where_it_was_last_moved() {
    let booking = |agent: &str, time: usize| data::Booking {
        agent: text(agent),
        starts_at: Some(TIMES[time].parse().unwrap()),
        ..Default::default()
    };
    for kind in [Kind::LeadGenerated, Kind::AppointmentScheduled] {
        let state = state_after(&[
            event(kind, booking("newer", 1), Some(2), 1),
            event(kind, booking("older", 2), Some(0), 2),
        ]);
        assert_eq!(
            (&state["agent"], &state["starts_at"]),
            (&json!("newer"), &json!(TIMES[1]))
        );
        let (name, time) = match kind {
            Kind::LeadGenerated => ("generated_at", TIMES[0]),
            _ => ("scheduled_at", TIMES[2]),
        };
        assert_eq!(state[name], time, "{kind}");
    }
}

/// States hold times to the microsecond, and so do the positions that order them.
#[test]
fn times_within_one_microsecond_are_one_time() {
    let won = |at: &str, sequence| {
        let mut won = event(
            Kind::LeadGenerated,
            data::Booking::default(),
            None,
            sequence,
        );
        won.occurred_at = Some(at.parse().unwrap());
        won
    };
    let state = state_after(&[
        won("2026-02-03T04:05:06.0000071Z", 1),
        won("2026-02-03T04:05:06.0000072Z", 2),
        won("2026-02-03T04:05:06.0000079Z", 3),
    ]);
    assert_eq!(state["generated_at"], "2026-02-03T04:05:06.000007Z");
    assert_eq!(state["updated_at"], state["generated_at"]);
}
