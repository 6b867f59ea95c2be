//! Whatever an authentic delivery says: its events keep its exact bytes on their way, can be handled,
//! stay small, and are no other source's.

use std::collections::BTreeMap;

use consumer::router::Router;
use consumer::routes::routes;
use switchhook_core::body::{self, Carried};
use switchhook_core::canonical::{self, MAX_DATA_BYTES};
use switchhook_core::config::Sources;
use switchhook_core::content::MAX_INFLATED_BYTES;
use switchhook_core::entity::Entity;
use switchhook_core::envelope::Envelope;
use switchhook_core::intake::Ready;
use switchhook_core::occurrence::{Occurrence, Sequence};
use switchhook_core::ports::message_body;
use switchhook_core::providers;
use switchhook_core::states::Stored;

use crate::input::{CONTENT_TYPES, ENCODINGS, Input, SLUGS, Told, events, open_sources};

/// The most bytes of a message (quotas of SQS).
const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// More than any state needs: `DynamoDB` takes items of 400 KB, and a state has up to a dozen texts
/// of 16 KiB at most.
const MAX_STATE_BYTES: usize = 300 << 10;

thread_local! {
    static SOURCES: Sources = open_sources();
    static ROUTER: Router = routes();
}

/// Checks a delivery: provider, slug, content type and encoding are a byte each, the rest is its body.
///
/// # Panics
///
/// When a law does not hold.
pub fn delivery(data: &[u8]) {
    let mut input = Input::new(data);
    let provider = input.pick(providers::ALL).name();
    let second = format!("{provider}-two");
    let told = Told {
        source: provider,
        slug: input.pick(SLUGS),
        content_type: input.pick(CONTENT_TYPES),
        encoding: input.pick(ENCODINGS),
        body: input.rest().to_vec(),
    };
    let request = told.request();
    let other = Told {
        source: &second,
        ..told.clone()
    }
    .request();
    SOURCES.with(|sources| {
        let own = events(sources, &request, 1);
        let others = events(sources, &other, 1);
        assert_eq!(
            own.len(),
            others.len(),
            "two sources of one provider read alike"
        );
        for (event, other) in own.iter().zip(&others) {
            meets_no_other(provider, event.envelope(), other.envelope());
            let bytes = survives(event);
            if own.len() == 1 {
                assert_eq!(bytes, told.body, "the exact bytes");
            }
            can_be_handled(event.envelope(), bytes);
        }
    });
}

fn meets_no_other(source: &str, own: &Envelope, other: &Envelope) {
    assert_eq!(own.entity.source(), source);
    assert_ne!(own.entity, other.entity);
    assert_ne!(own.entity.message_group(), other.entity.message_group());
    assert_eq!((own.kind, &own.dedup), (other.kind, &other.dedup));
}

/// An event survives the queue and the body store; returns its bytes behind them.
fn survives(event: &Ready) -> Vec<u8> {
    let message = message_body(event.envelope()).expect("an envelope can be written");
    assert!(
        message.len() <= MAX_MESSAGE_BYTES,
        "{} bytes",
        message.len()
    );
    assert!(message.chars().all(is_taken_by_sqs));
    let group = event.envelope().entity.message_group();
    assert!((1..=128).contains(&group.len()) && group.chars().all(|c| c.is_ascii_graphic()));
    let received: Envelope = serde_json::from_str(&message).expect("an envelope can be read");
    assert_eq!(&received, event.envelope());
    match &received.body {
        Carried::Inline(base64) => base64.decode().expect("base64"),
        Carried::Deflated(base64) => {
            let deflated = base64.decode().expect("base64");
            body::inflate(&deflated, MAX_INFLATED_BYTES).expect("deflated")
        }
        Carried::Stored(pointer) => {
            let (key, bytes) = event.oversized().expect("stored first");
            assert_eq!(key, pointer.key);
            assert!(pointer.describes(bytes));
            bytes.to_vec()
        }
    }
}

/// API reference of `SendMessage`.
fn is_taken_by_sqs(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn can_be_handled(envelope: &Envelope, bytes: Vec<u8>) {
    let read = Occurrence::read(envelope.clone(), Sequence(1), bytes.into());
    let occurrence = read.expect("the provider is built in");
    let data = canonical::write(&occurrence.data).expect("data can be written");
    assert!(data.len() <= MAX_DATA_BYTES, "{} bytes of data", data.len());
    serde_json::from_str::<BTreeMap<String, &serde_json::value::RawValue>>(&data)
        .expect("an object");
    let mut states: BTreeMap<Entity, Stored> = BTreeMap::new();
    for _ in 0..2 {
        let before = states.clone();
        apply(&mut states, &occurrence);
        let is_same = before.is_empty() || before == states;
        assert!(is_same, "the same event again changes something");
    }
}

/// Applies an event to every state that it changes.
pub(crate) fn apply(states: &mut BTreeMap<Entity, Stored>, event: &Occurrence) {
    ROUTER.with(|router| {
        for route in router.routes(event.envelope.kind) {
            let Some(entity) = route.entity(event) else {
                continue;
            };
            let source = entity.source();
            assert!(source == "_" || source == event.envelope.entity.source());
            let next = route
                .apply(states.get(&entity), event)
                .expect("it can be applied");
            assert!(next.state.len() + next.positions.len() <= MAX_STATE_BYTES);
            states.insert(entity, next);
        }
    });
}
