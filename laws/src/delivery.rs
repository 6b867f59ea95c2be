//! Whatever an authentic delivery says: its events keep its exact bytes on their way, can be handled,
//! stay small, and are no other source's.

use std::borrow::Cow;
use std::collections::BTreeMap;

use consumer::router::Router;
use consumer::routes::routes;
use switchhook_core::canonical::{self, MAX_DATA_BYTES};
use switchhook_core::config::Sources;
use switchhook_core::entity::Entity;
use switchhook_core::envelope::Envelope;
use switchhook_core::json::without_half_pairs;
use switchhook_core::occurrence::{Occurrence, Sequence};
use switchhook_core::providers;
use switchhook_core::states::Stored;
use switchhook_core::time::Timestamp;

use crate::input::{CONTENT_TYPES, ENCODINGS, Input, SLUGS, Told, events, grown, open_sources};
use crate::way::survives;

/// More than any state needs: `DynamoDB` takes items of 400 KB, and a state has up to a dozen texts
/// of 16 KiB at most.
const MAX_STATE_BYTES: usize = 300 << 10;

thread_local! {
    static SOURCES: Sources = open_sources();
    static ROUTER: Router = routes();
}

/// Checks a delivery: provider, slug, content type, encoding and what its body grows to are a byte
/// each, the rest is its body.
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
        body: grown(input.byte(), input.rest()),
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

fn can_be_handled(envelope: &Envelope, bytes: Vec<u8>) {
    let read = Occurrence::read(envelope.clone(), Sequence(1), bytes.into());
    let occurrence = read.expect("the provider is built in");
    let accepted_at = envelope.received_at;
    let is_believed = |at: Timestamp| {
        at.as_second() >= 946_684_800 && at.duration_since(accepted_at).as_secs() <= 300
    };
    assert!(occurrence.occurred_at.is_none_or(is_believed));
    assert!(occurrence.place().time <= accepted_at);
    let data = canonical::write(&occurrence.data).expect("data can be written");
    assert!(data.len() <= MAX_DATA_BYTES, "{} bytes of data", data.len());
    serde_json::from_str::<BTreeMap<String, &serde_json::value::RawValue>>(&data)
        .expect("an object");
    assert!(is_whole(&data), "half a surrogate pair in data");
    assert!(
        is_whole(&serde_json::to_string(envelope).expect("an envelope")),
        "half a surrogate pair in an envelope"
    );
    let mut states: BTreeMap<Entity, Stored> = BTreeMap::new();
    for _ in 0..2 {
        let before = states.clone();
        apply(&mut states, &occurrence);
        let is_same = before.is_empty() || before == states;
        assert!(is_same, "the same event again changes something");
    }
}

/// Tells whether a JSON text holds no half of a surrogate pair: strict parsers refuse those.
fn is_whole(text: &str) -> bool {
    matches!(without_half_pairs(text), Cow::Borrowed(_))
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
            assert!(is_whole(&next.state), "half a surrogate pair in a state");
            states.insert(entity, next);
        }
    });
}
