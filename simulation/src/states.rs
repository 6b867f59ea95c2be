//! The judge of states: they are those of the recorded events applied in order by a consumer without
//! faults, and then of every other delivery; and no time in them is one that cannot be.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use switchhook_core::entity::Entity;
use switchhook_core::ids::EventId;
use switchhook_core::states::Stored;
use switchhook_core::time::Timestamp;

use crate::consent;
use crate::evidence::Evidence;
use crate::reference;
use crate::world::{World, locked};

/// A sender's time is believed from 2000-01-01T00:00:00Z, until five minutes after the acceptance.
pub(crate) const BELIEVED_FROM_MILLIS: i64 = 946_684_800_000;
pub(crate) const BELIEVED_AHEAD_MILLIS: i64 = 300_000;

/// Returns the states that are wrong. Those that may keep the place of what was a dead letter, and those
/// of what was erased, are not looked at.
pub(crate) async fn wrong(evidence: &Evidence<'_>) -> Vec<String> {
    let expected = match reference::states(evidence).await {
        Ok(expected) => expected,
        Err(error) => return vec![error],
    };
    let actual = of(evidence.world);
    let mut left_out = evidence.undecided();
    let items = consent::items(evidence, &left_out);
    left_out.extend(&items);
    let entities: BTreeSet<_> = expected.keys().chain(actual.keys()).collect();
    let stand_ins = stand_ins(evidence);
    let told = |stored: &Stored| neutral(stored, &stand_ins);
    let differ = entities
        .into_iter()
        .filter(|entity| !left_out.contains(*entity))
        .filter(|entity| expected.get(*entity).map(told) != actual.get(*entity).map(told));
    differ
        .map(|entity| {
            let shown = |states: &BTreeMap<Entity, Stored>| {
                states.get(entity).map_or("nothing".to_owned(), |stored| {
                    format!("{} {}", stored.state, stored.positions)
                })
            };
            format!(
                "{entity} is {}, and should be {}",
                shown(&actual),
                shown(&expected)
            )
        })
        .collect()
}

/// Returns all states.
pub(crate) fn of(world: &World) -> BTreeMap<Entity, Stored> {
    let states = locked(&world.table).states.clone().into_iter();
    states
        .filter_map(|(entity, item)| Some((entity, item.stored?)))
        .collect()
}

/// Returns the records and states with a time that cannot be: before 2000, or after all that was
/// accepted. No clock of a sender can freeze a state so.
pub(crate) fn implausible(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for one in &evidence.seen {
        let accepted = one.record.received_at.as_millisecond();
        let believed = BELIEVED_FROM_MILLIS..=accepted + BELIEVED_AHEAD_MILLIS;
        let occurred_at = one.record.occurred_at.map(Timestamp::as_millisecond);
        if occurred_at.is_some_and(|at| !believed.contains(&at)) {
            let name = evidence.describe(&one.record);
            wrong.push(format!("{name} happened at {:?}", one.record.occurred_at));
        }
    }
    let arrived = evidence.arrived.iter();
    let accepted = arrived.map(|one| one.envelope.received_at.as_millisecond());
    let last = accepted.max().unwrap_or_default();
    for (entity, stored) in of(evidence.world) {
        let state: Value = serde_json::from_str(&stored.state).unwrap();
        let positions: Value = serde_json::from_str(&stored.positions).unwrap();
        let is_wrong = has_wrong_time(&state, last + BELIEVED_AHEAD_MILLIS)
            || has_wrong_position(&positions, last);
        if is_wrong {
            let Stored {
                state, positions, ..
            } = stored;
            wrong.push(format!(
                "{entity} has a time that cannot be: {state} {positions}"
            ));
        }
    }
    wrong
}

/// Looks at the times of what happened; an appointment may be at any time.
fn has_wrong_time(state: &Value, last: i64) -> bool {
    let is_wrong = |text: &str| {
        let time = text.parse::<Timestamp>().map(Timestamp::as_millisecond);
        !time.is_ok_and(|at| (BELIEVED_FROM_MILLIS..=last).contains(&at))
    };
    let fields = state.as_object().unwrap().iter();
    let mut times = fields
        .filter(|(name, _)| *name == "since" || name.ends_with("_at") && *name != "starts_at")
        .filter_map(|(_, value)| value.as_str());
    times.any(is_wrong)
}

/// Looks at the positions by time: their second part, which is negated where the earliest counts.
fn has_wrong_position(positions: &Value, last: i64) -> bool {
    let names = positions.as_object().unwrap().keys();
    let mut times = names.filter_map(|name| name.split(':').nth(1)?.parse::<i64>().ok());
    times.any(|micros| {
        let millis = micros.abs() / 1_000;
        millis != 0 && !(BELIEVED_FROM_MILLIS..=last).contains(&millis)
    })
}

/// Returns what names dead letters that are copies of recorded events, and what names those: ids
/// and places.
fn stand_ins(evidence: &Evidence<'_>) -> Vec<(String, String)> {
    let places = evidence.places();
    let mut pairs = Vec::new();
    for one in &evidence.seen {
        let record = &one.record;
        for delivery in &record.deliveries {
            let copy = EventId {
                delivery: *delivery,
                index: record.id.index,
            };
            let Some(place) = places.get(&copy) else {
                continue;
            };
            if copy != record.id && evidence.buried.contains(&copy) {
                pairs.push((copy.to_string(), record.id.to_string()));
                pairs.push((place.to_string(), record.sequence.0.to_string()));
            }
        }
    }
    pairs
}

/// Returns a state and the position of each of its fields, or what it is derived from, with one name
/// for what is one event.
fn neutral(
    stored: &Stored,
    stand_ins: &[(String, String)],
) -> (String, BTreeSet<(String, String)>) {
    let replaced = |text: &str| {
        let pairs = stand_ins.iter();
        pairs.fold(text.to_owned(), |text, (copy, event)| {
            text.replace(copy, event)
        })
    };
    let positions: BTreeMap<String, Value> = serde_json::from_str(&stored.positions).unwrap();
    let mut fields = BTreeSet::new();
    for (name, value) in positions {
        match value {
            Value::Array(names) if name.contains(':') => {
                let position = replaced(&name);
                let names = names.iter().map(|name| name.as_str().unwrap().to_owned());
                fields.extend(names.map(|name| (name, position.clone())));
            }
            value => _ = fields.insert((name, replaced(&value.to_string()))),
        }
    }
    (replaced(&stored.state), fields)
}
