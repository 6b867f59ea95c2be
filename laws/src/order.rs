//! Whatever the order of arrival and however often each event comes, the states are the same: with
//! times of every age, clocks that are hours off, and duplicates with other bytes.

use std::collections::BTreeMap;

use consumer::handlers::opt_outs;
use switchhook_core::body::Carried;
use switchhook_core::config::Sources;
use switchhook_core::entity::Entity;
use switchhook_core::envelope::Envelope;
use switchhook_core::intake::Ready;
use switchhook_core::ledger::RecordHead;
use switchhook_core::occurrence::{Occurrence, Role, Sequence};
use switchhook_core::providers;
use switchhook_core::states::Stored;
use switchhook_core::time::Timestamp;

use crate::delivery::apply;
use crate::input::{
    ACCEPTED_AFTER, CONTENT_TYPES, Input, SLUGS, Told, events, now, open_sources, timed,
};
use crate::way::states_after;

/// The most events that are permuted.
const MOST_EVENTS: usize = 4;

thread_local! {
    static SOURCES: Sources = open_sources();
}

/// Checks the events of a provider: a byte for it, then pieces, each with a byte for its slug, one for
/// its content type, one for when it is accepted and one for the times in it before its body.
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
    let messages: Vec<_> = arrived
        .iter()
        .map(|event| (event.envelope.clone(), event.sequence))
        .collect();
    let arrived = with_roles(arrived);
    let expected = after(arrived.iter());
    for order in permutations(arrived.len()) {
        let arriving = || order.iter().map(|place| &arrived[*place]);
        assert_eq!(after(arriving()), expected, "arriving as {order:?}");
        let twice = after(arriving().chain(arriving().rev()));
        assert_eq!(twice, expected, "arriving twice as {order:?}");
    }
    let committed = states_after(messages.iter().chain(&messages));
    assert_eq!(committed, expected, "as the consumer commits them");
}

fn occurrences(provider: &str, piece: &[u8], before: usize) -> Vec<Occurrence> {
    let mut input = Input::new(piece);
    let slug = input.pick(SLUGS);
    let content_type = input.pick(CONTENT_TYPES);
    let accepted_at = now().as_second() + input.pick(ACCEPTED_AFTER);
    let body = timed(input.byte(), input.rest());
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
    let read = |(place, event): (usize, &Ready)| {
        let mut envelope: Envelope = event.envelope().clone();
        envelope.received_at = Timestamp::from_second(accepted_at).unwrap();
        let Carried::Inline(base64) = &envelope.body else {
            return None;
        };
        let bytes = base64.decode().unwrap();
        let sequence = Sequence(u128::try_from(before * 1_000 + place + 1).unwrap());
        Occurrence::read(envelope, sequence, bytes.into()).ok()
    };
    events.iter().enumerate().filter_map(read).collect()
}

/// Finds out what each event is to the ledger when they are handled in their order. A copy that changes
/// no state is left out.
fn with_roles(arrived: Vec<Occurrence>) -> Vec<Occurrence> {
    let mut recorded: Vec<Occurrence> = Vec::new();
    let mut told = Vec::new();
    for mut event in arrived {
        let (envelope, at) = (&event.envelope, event.envelope.received_at);
        // Of two records that cover it, the one of the earlier slot counts.
        let record = recorded
            .iter()
            .filter(|one| {
                let own = &one.envelope;
                own.entity == envelope.entity
                    && own.dedup == envelope.dedup
                    && own.dedup.covers(own.received_at, at)
            })
            .min_by_key(|one| one.envelope.received_at);
        match record.map(head) {
            None => recorded.push(event.clone()),
            Some(head) if head.differs_from(envelope.digest.as_deref()) => {
                event.role = Role::Variant(head);
            }
            Some(head) if head.is_repeatable_stop => event.role = Role::RepeatedStop(head),
            Some(_) => continue,
        }
        told.push(event);
    }
    told
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

fn after<'a>(events: impl Iterator<Item = &'a Occurrence>) -> BTreeMap<Entity, Stored> {
    let mut states = BTreeMap::new();
    for event in events {
        apply(&mut states, event);
    }
    states
}

pub(crate) fn permutations(length: usize) -> Vec<Vec<usize>> {
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
