//! The judge of the suppression list, by rules written down once more: what each person said is read
//! from the bytes that were sent, and when it was said from the queue and those bytes. Nothing of it is
//! the consumer's code.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use switchhook_core::config::OptInScope;
use switchhook_core::entity::Entity;
use switchhook_core::time::Timestamp;

use crate::evidence::{Arrived, Evidence, Seen};
use crate::states::{self, BELIEVED_AHEAD_MILLIS, BELIEVED_FROM_MILLIS};
use crate::traffic::Happening;

/// An own and an accepted time in milliseconds.
type Times = (i64, i64);

/// What bytes say of being written to.
#[derive(Clone, Debug, Default)]
struct Said {
    /// The entity of the number or address on the list.
    item: String,
    /// STOP, START, or neither.
    is_stop: Option<bool>,
    /// The time in the bytes.
    own: Option<i64>,
}

/// The latest STOP and START, time by time.
#[derive(Clone, Copy, Debug, Default)]
struct Latest {
    stop: Option<Times>,
    start: Option<Times>,
}

/// One number or address.
#[derive(Clone, Debug, Default)]
struct Item {
    sources: BTreeMap<String, Latest>,
    stack_start: Option<Times>,
}

impl Item {
    /// Returns which sources have said something, and whether their STOP stands.
    fn stands(&self) -> BTreeMap<String, bool> {
        let sources = self.sources.iter();
        sources
            .map(|(source, latest)| {
                let start = later(latest.start, self.stack_start);
                let stands = latest.stop.is_some_and(|stop| {
                    !start.is_some_and(|start| start.0 > stop.0 && start.1 > stop.1)
                });
                (source.clone(), stands)
            })
            .collect()
    }
}

fn later(one: Option<Times>, other: Option<Times>) -> Option<Times> {
    match (one, other) {
        (Some(one), Some(other)) => Some((one.0.max(other.0), one.1.max(other.1))),
        _ => one.or(other),
    }
}

/// Returns what is wrong with the suppression list.
pub(crate) fn wrong(evidence: &Evidence<'_>) -> Vec<String> {
    let left_out = items(evidence, &evidence.undecided());
    let mut expected = list(evidence);
    let mut wrong = Vec::new();
    let states = states::of(evidence.world).into_iter();
    for (entity, stored) in states.filter(|(entity, _)| entity.source() == "_") {
        let item = expected.remove(entity.as_str()).unwrap_or_default();
        if left_out.contains(&entity) {
            continue;
        }
        let view: Value = serde_json::from_str(&stored.state).unwrap();
        let stands = item.stands();
        let shown: BTreeMap<_, _> = view["sources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                let source = one["source"].as_str().unwrap().to_owned();
                (source, one["opted_out"].as_bool().unwrap())
            })
            .collect();
        let is_listed = stands.values().any(|stands| *stands);
        if shown != stands || view["opted_out"] != is_listed {
            wrong.push(format!(
                "{entity} is {view}, and should be {stands:?} by {item:?}"
            ));
        }
    }
    let missing = expected.into_keys();
    let missing = missing.filter(|name| !left_out.iter().any(|entity| entity.as_str() == name));
    wrong.extend(missing.map(|name| format!("{name} is not on the list")));
    wrong
}

/// Returns the items that events of these entities change.
pub(crate) fn items(evidence: &Evidence<'_>, entities: &BTreeSet<&Entity>) -> BTreeSet<Entity> {
    let of = evidence
        .arrived
        .iter()
        .filter(|one| entities.contains(&one.envelope.entity));
    let names = of.filter_map(|one| Some(said(happening(evidence, one)?, &one.bytes).item));
    let names: BTreeSet<_> = names.collect();
    let states = states::of(evidence.world).into_keys();
    states
        .filter(|entity| names.contains(entity.as_str()))
        .collect()
}

fn happening<'a>(evidence: &Evidence<'a>, one: &Arrived) -> Option<&'a Happening> {
    Some(&evidence.happenings[one.which?.0])
}

/// Returns the list as it should be.
fn list(evidence: &Evidence<'_>) -> BTreeMap<String, Item> {
    let mut list: BTreeMap<String, Item> = BTreeMap::new();
    for one in &evidence.arrived {
        let Some(happening) = happening(evidence, one) else {
            continue;
        };
        let said = said(happening, &one.bytes);
        let Some(is_stop) = said.is_stop else {
            continue;
        };
        let Some(times) = times(evidence, happening, one, &said, is_stop) else {
            continue;
        };
        let item = list.entry(said.item).or_default();
        let source = happening.source.clone();
        let latest = item.sources.entry(source).or_default();
        if is_stop {
            latest.stop = later(latest.stop, Some(times));
            continue;
        }
        latest.start = later(latest.start, Some(times));
        if one.envelope.opt_in_scope == OptInScope::Stack {
            item.stack_start = later(item.stack_start, Some(times));
        }
    }
    list
}

/// Returns the times at which a word counts, if it does.
fn times(
    evidence: &Evidence<'_>,
    happening: &Happening,
    one: &Arrived,
    said: &Said,
    is_stop: bool,
) -> Option<Times> {
    let own = times_of(said.own, one.envelope.received_at);
    let record = evidence.record_of(one)?;
    if record.record.id == one.envelope.id {
        return Some(own);
    }
    let recorded = times_of_record(happening, record);
    let is_same_time = {
        let own = believed(said.own, one.envelope.received_at);
        own.is_some() && own == recorded.0
    };
    let is_same_word = happening.window_secs.is_none() || is_same_time;
    let has_other_bytes = record.bytes != one.bytes;
    match is_stop {
        true if has_other_bytes && is_same_word => Some(recorded.1),
        true if has_other_bytes => Some(own),
        // Neither an id nor a time: it may have been said again.
        true if happening.window_secs.is_some() && recorded.0.is_none() => Some(own),
        false if has_other_bytes => Some(recorded.1),
        _ => None,
    }
}

/// Returns the own time of a record that is believed, and both its times.
fn times_of_record(happening: &Happening, record: &Seen) -> (Option<i64>, Times) {
    let accepted = record.record.received_at;
    let own = said(happening, &record.bytes).own;
    (believed(own, accepted), times_of(own, accepted))
}

fn believed(own: Option<i64>, accepted: Timestamp) -> Option<i64> {
    let latest = accepted.as_millisecond() + BELIEVED_AHEAD_MILLIS;
    own.filter(|own| (BELIEVED_FROM_MILLIS..=latest).contains(own))
}

/// Nothing was said later than it was accepted.
fn times_of(own: Option<i64>, accepted: Timestamp) -> Times {
    let (own, accepted) = (believed(own, accepted), accepted.as_millisecond());
    (own.map_or(accepted, |own| own.min(accepted)), accepted)
}

/// Reads what bytes say.
fn said(happening: &Happening, bytes: &[u8]) -> Said {
    let json: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let body = json
        .as_array()
        .and_then(|list| list.first())
        .unwrap_or(&json);
    let data = body.get("data").unwrap_or(body);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let first = |names: &[&str]| names.iter().find_map(|name| text(&data[*name]));
    let of_text = |text: Option<String>, customer: Option<String>, own: &Value| Said {
        item: item(&customer.unwrap_or_default(), "sms"),
        is_stop: text.and_then(|text| is_stop(&text)),
        own: millis(own),
    };
    let stop = |name: Option<String>, channel, own: &Value| Said {
        item: item(&name.unwrap_or_default(), channel),
        is_stop: Some(true),
        own: millis(own),
    };
    match (happening.provider, first_name(body)) {
        ("ai-sync", "sms.received" | "sms.replied") => {
            of_text(first(&["text"]), first(&["from"]), &body["timestamp"])
        }
        ("cellcast", "receive") => of_text(
            first(&["reply", "message"]),
            first(&["sender"]),
            &Value::Null,
        ),
        ("cellcast", _) if data["body"].is_string() => {
            of_text(first(&["body"]), first(&["from"]), &data["received_at"])
        }
        ("cloudcontactai", "message.incoming" | "message.received") => {
            of_text(first(&["Message"]), first(&["From"]), &Value::Null)
        }
        ("cloudcontactai", "contact.unsubscribed") => {
            let phone = text(&data["ContactData"]["phone"]);
            stop(phone, "sms", &data["UnsubscribedAt"])
        }
        ("cloudcontactai", "email.unsubscribed") => {
            stop(first(&["toEmail"]), "email", &data["timestamp"])
        }
        ("cloudcontactai", "") if data["campaign"].is_object() => {
            of_text(first(&["message"]), first(&["from"]), &Value::Null)
        }
        ("nectar-desk", _) if happening.name.contains("message-received") => {
            of_text(first(&["text"]), first(&["toNumber"]), &body["sentAt"])
        }
        _ => Said::default(),
    }
}

fn first_name(body: &Value) -> &str {
    let mut names = ["event", "eventType", "type"].into_iter();
    let found = names.find_map(|name| body[name].as_str());
    found.unwrap_or_default()
}

fn item(name: &str, channel: &str) -> String {
    let international = match name.strip_prefix("40") {
        Some(national) => format!("+6140{national}"), // as Australians write it
        None => name.to_owned(),
    };
    format!("_/opt_out/{international}/{channel}")
}

fn is_stop(text: &str) -> Option<bool> {
    let letters: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
    match letters.to_uppercase().as_str() {
        "STOP" | "UNSUBSCRIBE" => Some(true),
        "START" | "UNSTOP" => Some(false),
        _ => None,
    }
}

fn millis(time: &Value) -> Option<i64> {
    let time: Timestamp = time.as_str()?.parse().ok()?;
    Some(time.as_millisecond())
}
