//! Invariant 7: whatever the order of arrival and however often each event comes, every handler
//! leaves the same state.
//!
//! Handlers, kinds and samples are found by themselves: a new route needs no line here, only a sample
//! of its kind among those of `switchhook send`.

mod ccai;
mod cellcast;
mod nectar_desk;
mod states;
mod variants;
mod varying;

use std::collections::{BTreeMap, BTreeSet};

use consumer::router::Router;
use consumer::routes::routes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use switchhook::samples::{self, Sample, Variation};
use switchhook_core::admission::admit;
use switchhook_core::body::Carried;
use switchhook_core::config::Sources;
use switchhook_core::data::{Data, DeliveryStatus};
use switchhook_core::entity::Entity;
use switchhook_core::ids::DeliveryId;
use switchhook_core::intake;
use switchhook_core::kind::Kind;
use switchhook_core::occurrence::{Occurrence, Sequence};
use switchhook_core::providers;
use switchhook_core::request::Request;
use switchhook_core::states::Stored;
use switchhook_core::time::Timestamp;
use uuid::Uuid;

use crate::reliability::many;

/// The states after some events.
type States = BTreeMap<Entity, Stored>;

/// The most events that are permuted in every way.
const MOST_EVENTS: usize = 4;
const CASES: u32 = 64;
const CASES_A_SAMPLE: u32 = 12;

/// The times that events tell, or are accepted at: few, so that there are ties.
const TIMES: [&str; 3] = [
    "2026-02-03T04:05:06.007Z",
    "2026-02-03T04:05:06.008Z",
    "2026-02-03T09:00:00Z",
];
/// The token of every source: what is varied in a body needs no signature then.
const TOKEN: &str = "a-token-of-22-characters-and-more";
fn sources() -> Sources {
    let tables = providers::ALL.iter().map(|provider| {
        let name = provider.name();
        let unsigned = match provider.scheme() {
            Some(_) => "unsigned = true\n",
            None => "",
        };
        format!("[sources.{name}]\nprovider = \"{name}\"\n{unsigned}tokens = [\"{TOKEN}\"]\n")
    });
    Sources::from_toml(&tables.collect::<String>()).unwrap()
}

/// What a sender posts: the body can still be varied.
#[derive(Clone, Debug)]
struct Delivery {
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Delivery {
    fn of(sample: &Sample, sources: &Sources, provider: &str) -> Self {
        let source = sources.get(provider).unwrap();
        let built = samples::build(sample, source, &Variation::default());
        Self {
            path: built.path,
            headers: built.headers,
            body: built.body,
        }
    }

    /// Takes it the way of every delivery: let in, made an event, read.
    fn occurrence(&self, sources: &Sources, sequence: u128, received_at: Timestamp) -> Occurrence {
        let headers = self.headers.iter();
        let request = Request {
            method: "POST".to_owned(),
            path: self.path.clone(),
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            body: self.body.clone().into(),
            peer: None,
        };
        let admitted = admit(sources, &request, received_at).unwrap();
        let id = DeliveryId::new(Uuid::from_u128(sequence));
        let envelope = intake::events(&admitted, id, received_at)[0]
            .envelope()
            .clone();
        let Carried::Inline(raw) = &envelope.body else {
            panic!("no sample is that large")
        };
        let raw = raw.decode().unwrap().into();
        Occurrence::read(envelope, Sequence(sequence), raw).unwrap()
    }

    /// Says something else in one field, where that leaves it about the same entity.
    fn varied(&self, sources: &Sources, place: usize, choice: u8) -> Self {
        let Ok(mut body) = serde_json::from_slice::<Value>(&self.body) else {
            return self.clone(); // a form
        };
        let mut places = Vec::new();
        varying::leaves(&body, String::new(), &mut places);
        places.retain(|place| !place.is_empty()); // a list of events
        if places.is_empty() {
            return self.clone();
        }
        varying::vary(&mut body, &places[place % places.len()], choice);
        let varied = Self {
            body: body.to_string().into_bytes(),
            ..self.clone()
        };
        let about = |delivery: &Self| {
            let occurrence = delivery.occurrence(sources, 1, Timestamp::UNIX_EPOCH);
            (occurrence.envelope.entity, occurrence.envelope.kind)
        };
        if about(&varied) == about(self) {
            varied
        } else {
            self.clone()
        }
    }
}

/// Applies an event to every state that it changes.
fn apply(router: &Router, states: &mut States, event: &Occurrence) {
    for route in router.routes(event.envelope.kind) {
        if let Some(entity) = route.entity(event) {
            let next = route.apply(states.get(&entity), event).unwrap();
            states.insert(entity, next);
        }
    }
}

fn states_after<'a>(router: &Router, events: impl IntoIterator<Item = &'a Occurrence>) -> States {
    let mut states = States::new();
    for event in events {
        apply(router, &mut states, event);
    }
    states
}

fn permutations(length: usize) -> Vec<Vec<usize>> {
    let Some(last) = length.checked_sub(1) else {
        return vec![Vec::new()];
    };
    let shorter = permutations(last).into_iter();
    let longer = shorter.flat_map(|shorter| {
        (0..length).map(move |place| {
            let mut longer = shorter.clone();
            longer.insert(place, last);
            longer
        })
    });
    longer.collect()
}

/// Fails unless every order of arrival, each event once and then once more, leaves the same states.
#[track_caller]
fn assert_converge(router: &Router, events: &[Occurrence]) {
    let expected = states_after(router, events);
    for order in permutations(events.len()) {
        let arriving = || order.iter().map(|place| &events[*place]);
        let once = states_after(router, arriving());
        assert_eq!(once, expected, "arriving as {order:?}");
        let twice = states_after(router, arriving().chain(arriving().rev()));
        assert_eq!(twice, expected, "arriving twice as {order:?}");
        let each_twice = states_after(router, arriving().flat_map(|event| [event, event]));
        assert_eq!(each_twice, expected, "each arriving twice as {order:?}");
    }
}

/// Returns the samples of each entity: those of one call, of one contact, and so on.
fn by_entity(sources: &Sources) -> BTreeMap<Entity, Vec<Delivery>> {
    let mut groups: BTreeMap<Entity, Vec<Delivery>> = BTreeMap::new();
    for provider in providers::ALL {
        for sample in samples::of(provider.name()) {
            let delivery = Delivery::of(sample, sources, provider.name());
            let event = delivery.occurrence(sources, 1, Timestamp::UNIX_EPOCH);
            groups
                .entry(event.envelope.entity)
                .or_default()
                .push(delivery);
        }
    }
    groups
}

#[test]
fn every_kind_that_has_a_handler_has_a_sample() {
    let (sources, router) = (sources(), routes());
    let groups = by_entity(&sources);
    let deliveries = groups.values().flatten();
    let sampled: BTreeSet<_> = deliveries
        .map(|delivery| {
            delivery
                .occurrence(&sources, 1, Timestamp::UNIX_EPOCH)
                .envelope
                .kind
        })
        .collect();
    for kind in Kind::ALL {
        // Nobody but `opt-outs remove` tells of one: it is tried with the states.
        let is_own = *kind == Kind::ContactOptedIn;
        let routed = !router.routes(*kind).is_empty() && !is_own;
        assert!(
            !routed || sampled.contains(kind),
            "no sample of `{kind}` to test its handler by"
        );
    }
}

/// One event of a case: which sample, what is varied in it, when it was accepted.
type Choice = (prop::sample::Index, Vec<(usize, u8)>, prop::sample::Index);

fn choices() -> impl Strategy<Value = Vec<Choice>> {
    let variations = vec((any::<usize>(), any::<u8>()), 0..6);
    vec(
        (
            any::<prop::sample::Index>(),
            variations,
            any::<prop::sample::Index>(),
        ),
        2..=MOST_EVENTS,
    )
}

#[test]
fn every_handler_converges() {
    let (sources, router) = (sources(), routes());
    let times = TIMES.map(|time| time.parse::<Timestamp>().unwrap());
    for (entity, deliveries) in by_entity(&sources) {
        let cases = many(CASES_A_SAMPLE.saturating_mul(u32::try_from(deliveries.len()).unwrap()));
        let outcome = TestRunner::new(cases).run(&choices(), |choices| {
            let events =
                choices
                    .iter()
                    .zip(1_u128..)
                    .map(|((sample, variations, at), sequence)| {
                        let delivery = variations.iter().fold(
                            sample.get(&deliveries).clone(),
                            |delivery, (place, choice)| delivery.varied(&sources, *place, *choice),
                        );
                        delivery.occurrence(&sources, sequence, *at.get(&times))
                    });
            assert_converge(&router, &variants::with_roles(events.collect()));
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{entity}: {error}"));
    }
}

/// Every status, told at any times: the highest rank wins, and what is final stays so.
#[test]
fn a_status_never_goes_back_from_a_final_one() {
    let sources = sources();
    let router = routes();
    let sent = sample(&sources, "sms.sent");
    let statuses = [
        None,
        Some(DeliveryStatus::Accepted),
        Some(DeliveryStatus::Sent),
        Some(DeliveryStatus::Excluded),
        Some(DeliveryStatus::Expired),
        Some(DeliveryStatus::Failed),
        Some(DeliveryStatus::Rejected),
        Some(DeliveryStatus::Deleted),
        Some(DeliveryStatus::Delivered),
    ];
    let choice = (
        proptest::sample::select(statuses.to_vec()),
        0_usize..TIMES.len(),
    );
    let outcome = TestRunner::new(many(CASES)).run(&vec(choice, 1..=MOST_EVENTS), |told| {
        let events: Vec<_> = told
            .iter()
            .zip(1_u128..)
            .map(|((status, time), sequence)| {
                let mut event = sent.occurrence(&sources, sequence, Timestamp::UNIX_EPOCH);
                event.occurred_at = Some(TIMES[*time].parse().unwrap());
                with_status(&mut event, *status);
                event
            })
            .collect();
        assert_converge(&router, &events);
        let highest = told.iter().filter_map(|(status, _)| *status).max();
        let mut states = States::new();
        let mut was_final = false;
        for event in &events {
            apply(&router, &mut states, event);
            let is_final = only(&states)["final"] == true;
            assert!(is_final || !was_final, "{told:?}");
            was_final = is_final;
        }
        assert_eq!(only(&states)["status"], json!(highest));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

fn with_status(event: &mut Occurrence, status: Option<DeliveryStatus>) {
    let Data::MessageStatus(data) = &mut event.data else {
        panic!("another shape")
    };
    data.status = status;
    data.r#final = status.map(DeliveryStatus::is_final);
}

fn sample(sources: &Sources, name: &str) -> Delivery {
    let found = samples::of("ai-sync")
        .iter()
        .find(|sample| sample.name == name)
        .unwrap();
    Delivery::of(found, sources, "ai-sync")
}

/// Makes an event of a sample with some fields of its data set, told at one of [`TIMES`].
fn told(name: &str, fields: &[(&str, &str)], time: usize, sequence: u128) -> Occurrence {
    let sources = sources();
    let mut delivery = sample(&sources, name);
    let mut body: Value = serde_json::from_slice(&delivery.body).unwrap();
    let place = if body.get("data").is_some() {
        "/data"
    } else {
        ""
    };
    for (field, value) in fields {
        body.pointer_mut(place).unwrap()[*field] = json!(value);
    }
    if body.get("timestamp").is_some() {
        body["timestamp"] = json!(TIMES[time]);
    }
    delivery.body = body.to_string().into_bytes();
    delivery.occurrence(&sources, sequence, TIMES[time].parse().unwrap())
}

/// Reads the only state, or the one whose entity begins so.
fn only(states: &States) -> Value {
    assert_eq!(states.len(), 1, "{states:?}");
    read(states, "")
}

fn read(states: &States, prefix: &str) -> Value {
    let found = states
        .iter()
        .find(|(entity, _)| entity.as_str().starts_with(prefix));
    serde_json::from_str(&found.unwrap().1.state).unwrap()
}

/// Returns the states after the events, which converge, in the order they are given.
#[track_caller]
fn after(events: &[Occurrence]) -> States {
    let router = routes();
    assert_converge(&router, events);
    states_after(&router, events)
}

#[test]
fn an_older_event_that_comes_late_changes_nothing_that_a_newer_one_set() {
    let ended = told("call.ended", &[("call_status", "completed")], 2, 1);
    let started = told("call.started", &[("call_status", "ringing")], 0, 2);
    let state = only(&after(&[ended, started]));
    assert_eq!(state["status"], "completed");
    assert_eq!(state["updated_at"], TIMES[2]);
    assert_eq!(
        state["started_at"], TIMES[0],
        "what only the older one says is told"
    );
}

#[test]
fn a_text_that_failed_does_not_become_sent_again() {
    let failed = told("sms.failed", &[("error_code", "30007")], 0, 1);
    let sent = told("sms.sent", &[], 2, 2);
    let state = only(&after(&[failed, sent]));
    assert_eq!(
        (&state["status"], &state["final"]),
        (&json!("failed"), &json!(true))
    );
    assert_eq!(
        (&state["error_code"], &state["status_at"]),
        (&json!("30007"), &json!(TIMES[0]))
    );
}

#[test]
fn a_text_that_was_delivered_stays_so_when_it_fails_later() {
    let mut delivered = told("sms.sent", &[], 0, 1);
    with_status(&mut delivered, Some(DeliveryStatus::Delivered));
    let failed = told("sms.failed", &[], 2, 2);
    let state = only(&after(&[delivered, failed]));
    assert_eq!(
        (&state["status"], &state["error_code"]),
        (&json!("delivered"), &Value::Null)
    );
}

#[test]
fn a_deleted_contact_stays_deleted_when_an_older_change_comes_late() {
    let changed = told("contact", &[("first_name", "Ann")], 2, 1);
    let deleted = told("contact-delete", &[], 0, 2);
    let state = only(&after(&[deleted, changed.clone()]));
    assert_eq!(state["deleted"], true);
    for field in ["name", "phone", "email", "address", "fields", "lists"] {
        assert_eq!(state[field], Value::Null, "{field}");
    }
    let deleted = told("contact-delete", &[], 2, 1);
    let made_again = told("contact", &[("first_name", "Ann")], 0, 2);
    let state = only(&after(&[made_again, deleted, changed]));
    assert_eq!(
        (&state["deleted"], &state["name"]),
        (&json!(false), &json!("Ann Doe"))
    );
}

#[test]
fn of_stop_and_start_at_the_same_time_stop_wins() {
    for (first, second) in [("STOP", "START"), ("START", "STOP")] {
        let events = [
            told("sms.received", &[("text", first)], 1, 1),
            told("sms.received", &[("text", second)], 1, 2),
        ];
        assert_eq!(
            read(&after(&events), "_/opt_out/")["opted_out"],
            true,
            "{first} {second}"
        );
    }
}

#[test]
fn of_stop_and_start_the_later_wins() {
    for (first, second, opted_out) in [("STOP", "START", false), ("START", "STOP", true)] {
        let events = [
            told("sms.received", &[("text", second)], 2, 1),
            told("sms.received", &[("text", first)], 0, 2),
        ];
        let states = after(&events);
        assert_eq!(
            read(&states, "_/opt_out/")["opted_out"],
            opted_out,
            "{first} {second}"
        );
        assert_eq!(
            read(&states, "ai-sync/conversation/")["opted_out"],
            opted_out
        );
    }
}
