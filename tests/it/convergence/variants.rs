//! Duplicates with other bytes, and a STOP that comes again: they stand at their record's place.

use consumer::handlers::opt_outs;
use switchhook_core::ledger::RecordHead;
use switchhook_core::occurrence::Role;

use super::*;

/// Finds out what each event is to the ledger when they are handled in their order. A copy that changes
/// no state is left out.
pub(super) fn with_roles(events: Vec<Occurrence>) -> Vec<Occurrence> {
    let mut recorded: Vec<Occurrence> = Vec::new();
    let mut told = Vec::new();
    for mut event in events {
        let record = recorded
            .iter()
            .filter(|one| is_covered(one, &event))
            .min_by_key(|one| one.envelope.received_at);
        match record.map(head) {
            None => recorded.push(event.clone()),
            Some(head) if head.differs_from(event.envelope.digest.as_deref()) => {
                event.role = Role::Variant(head);
            }
            Some(head) if head.is_repeatable_stop => event.role = Role::RepeatedStop(head),
            Some(_) => continue,
        }
        told.push(event);
    }
    told
}

fn is_covered(record: &Occurrence, event: &Occurrence) -> bool {
    let (own, other) = (&record.envelope, &event.envelope);
    let covers = own.dedup.covers(own.received_at, other.received_at);
    own.entity == other.entity && own.dedup == other.dedup && covers
}

fn head(record: &Occurrence) -> RecordHead {
    let envelope = &record.envelope;
    RecordHead {
        id: envelope.id,
        received_at: envelope.received_at,
        occurred_at: record.occurred_at,
        sequence: record.sequence,
        digest: envelope.digest.clone(),
        deliveries: [envelope.id.delivery].into(),
        variants: [].into(),
        is_repeatable_stop: record.may_be_repeated() && opt_outs::says_stop(record),
        expires_at: Timestamp::MAX,
    }
}

/// Returns the states after the events, each in its role, which converge.
#[track_caller]
fn after_all(events: Vec<Occurrence>) -> States {
    after(&with_roles(events))
}

#[test]
fn later_transcript_under_the_same_id_is_taken() {
    let ended = |transcript: &str, accepted, sequence| {
        told(
            "call.ended",
            &[("transcription", transcript)],
            accepted,
            sequence,
        )
    };
    let events = vec![ended("first", 0, 1), ended("second", 2, 2)];
    let state = only(&after_all(events));
    assert_eq!(state["transcript"], "second");
    assert_eq!(
        state["updated_at"], TIMES[0],
        "it stands at its record's place"
    );
}

#[test]
fn variant_undoes_nothing_that_came_after_its_record() {
    let status = |name: &str, text: &str, time, sequence| {
        told(name, &[("call_status", text)], time, sequence)
    };
    let events = vec![
        status("call.started", "ringing", 0, 1),
        told("call.answered", &[("agent_id", "newer")], 1, 2),
        told(
            "call.started",
            &[("agent_id", "older"), ("tags", "x")],
            2,
            3,
        ),
    ];
    let with_roles = with_roles(events.clone());
    assert!(matches!(with_roles[2].role, Role::Variant(_)));
    assert_eq!(only(&after_all(events))["agent"], "newer");
}

#[test]
fn retried_stop_with_other_bytes_undoes_no_later_start() {
    let text = |id: &str, words: &str, time, sequence| {
        let fields = [("message_id", id), ("text", words), ("attempt", "2")];
        let fields = &fields[..if sequence > 2 { 3 } else { 2 }];
        told("sms.received", fields, time, sequence)
    };
    let mut again = text("in_1", "STOP", 0, 3);
    again.envelope.received_at = TIMES[2].parse().unwrap();
    let events = vec![
        text("in_1", "STOP", 0, 1),
        text("in_2", "START", 1, 2),
        again,
    ];
    let states = after_all(events);
    assert_eq!(read(&states, "_/opt_out/")["opted_out"], false);
    assert_eq!(read(&states, "ai-sync/conversation/")["opted_out"], false);
}

#[test]
fn no_time_that_cannot_be_freezes_a_state() {
    for time in [
        "2038-01-19T03:14:07Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
    ] {
        let mut frozen = sample(&sources(), "call.started");
        let mut body: Value = serde_json::from_slice(&frozen.body).unwrap();
        body["timestamp"] = json!(time);
        body["data"]["agent_id"] = json!("frozen");
        frozen.body = body.to_string().into_bytes();
        let frozen = frozen.occurrence(&sources(), 1, TIMES[0].parse().unwrap());
        assert_eq!(frozen.occurred_at, None, "{time}");
        let later = told("call.answered", &[("agent_id", "later")], 1, 2);
        let state = only(&after_all(vec![frozen, later]));
        assert_eq!(
            (&state["agent"], &state["started_at"]),
            (&json!("later"), &Value::Null)
        );
    }
}
