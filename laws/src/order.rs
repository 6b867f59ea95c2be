//! Whatever the order of arrival and however often each event comes, the states are the same.

use std::collections::BTreeMap;

use switchhook_core::config::Sources;
use switchhook_core::entity::Entity;
use switchhook_core::envelope::Envelope;
use switchhook_core::occurrence::{Occurrence, Sequence};
use switchhook_core::providers;
use switchhook_core::states::Stored;
use switchhook_core::time::Timestamp;

use crate::delivery::apply;
use crate::input::{CONTENT_TYPES, Input, SLUGS, Told, events, now, open_sources};

/// The most events that are permuted.
const MOST_EVENTS: usize = 4;

thread_local! {
    static SOURCES: Sources = open_sources();
}

/// Checks the events of a provider: a byte for it, then pieces, each with a byte for its slug, one for
/// its content type and one for when it is accepted before its body.
///
/// # Panics
///
/// When a law does not hold.
pub fn order(data: &[u8]) {
    let mut input = Input::new(data);
    let provider = input.pick(providers::ALL).name();
    let mut arrived = Vec::new();
    while !input.is_empty() && arrived.len() < MOST_EVENTS {
        let piece = input.piece();
        arrived.extend(occurrences(provider, piece, arrived.len()));
    }
    arrived.truncate(MOST_EVENTS);
    let expected = after(arrived.iter());
    for order in permutations(arrived.len()) {
        let arriving = || order.iter().map(|place| &arrived[*place]);
        assert_eq!(after(arriving()), expected, "arriving as {order:?}");
        let twice = after(arriving().chain(arriving().rev()));
        assert_eq!(twice, expected, "arriving twice as {order:?}");
    }
}

fn occurrences(provider: &str, piece: &[u8], before: usize) -> Vec<Occurrence> {
    let mut input = Input::new(piece);
    let slug = input.pick(SLUGS);
    let content_type = input.pick(CONTENT_TYPES);
    let accepted_at = now().as_second() + i64::from(input.byte() % 3);
    let body = input.rest().to_vec();
    let told = Told {
        source: provider,
        slug,
        content_type,
        encoding: "",
        body,
    };
    let request = told.request();
    let events =
        SOURCES.with(|sources| events(sources, &request, u128::try_from(before + 1).unwrap()));
    let several = events.len() > 1;
    let read = |(place, event): (usize, &switchhook_core::intake::Ready)| {
        let mut envelope: Envelope = event.envelope().clone();
        envelope.received_at = Timestamp::from_second(accepted_at).unwrap();
        let bytes = match &envelope.body {
            switchhook_core::body::Carried::Inline(base64) => base64.decode().unwrap(),
            _ if several => return None,
            _ => told.body.clone(),
        };
        let sequence = Sequence(u128::try_from(before * 1_000 + place + 1).unwrap());
        Occurrence::read(envelope, sequence, bytes.into()).ok()
    };
    events.iter().enumerate().filter_map(read).collect()
}

fn after<'a>(events: impl Iterator<Item = &'a Occurrence>) -> BTreeMap<Entity, Stored> {
    let mut states = BTreeMap::new();
    for event in events {
        apply(&mut states, event);
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
