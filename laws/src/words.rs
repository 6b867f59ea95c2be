//! Who says STOP and START through which source, when by which clock, and how often it is told: the list
//! is the same whatever the order in which it is handled, and what people want is on it.

use std::collections::BTreeMap;

use serde_json::Value;
use switchhook_core::config::Sources;
use switchhook_core::entity::Entity;
use switchhook_core::envelope::Envelope;
use switchhook_core::occurrence::Sequence;
use switchhook_core::states::Stored;
use switchhook_core::time::Timestamp;

use crate::input::{Input, Told, events, now, open_sources};
use crate::order::permutations;
use crate::way::states_after;

/// The most words of a history.
const MOST_WORDS: usize = 5;
const ITEM: &str = "_/opt_out/+15550100003/sms";

/// How many seconds after the one before a word is accepted, and by how many a clock is off.
const GAPS: &[i64] = &[0, 1, 30, 60, 299, 301, 600, 1_200];
const CLOCKS: &[i64] = &[
    0,
    0,
    -1,
    1,
    -60,
    -18_000,
    18_000,
    299,
    301,
    -43_200,
    3_000_000_000,
    -2_000_000_000,
];

thread_local! {
    static SOURCES: Sources = open_sources();
}

/// What identifies a word.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Shape {
    /// An id of its own, and a time.
    Id,
    /// A time that is believed.
    Time,
    /// Neither.
    Neither,
}

/// One delivery of a word.
#[derive(Clone, Debug)]
struct Word {
    source: &'static str,
    shape: Shape,
    is_stop: bool,
    /// The own and the accepted time in seconds, as far as there is one that may be believed.
    own: i64,
    accepted: i64,
    /// The place of the word that it tells again.
    again: Option<usize>,
    body: String,
}

/// Checks a history: each word is a byte for what is said and where, one for the clock, one for the
/// pause before it, and one for whether it is a retry.
///
/// # Panics
///
/// When a law does not hold.
pub fn words(data: &[u8]) {
    let mut input = Input::new(data);
    let mut words: Vec<Word> = Vec::new();
    while !input.is_empty() && words.len() < MOST_WORDS {
        let word = word(&mut input, &words);
        words.push(word);
    }
    let messages: Vec<_> = words.iter().zip(1..).map(message).collect();
    let states = states_after(messages.iter());
    whatever_the_order(&messages, &states);
    let Some(item) = states.iter().find(|(entity, _)| entity.as_str() == ITEM) else {
        return assert!(words.is_empty(), "not on the list");
    };
    let item: Value = serde_json::from_str(&item.1.state).expect("it was written");
    is_what_people_want(&words, &item);
}

fn word(input: &mut Input<'_>, before: &[Word]) -> Word {
    let what = input.byte();
    let clock = input.pick(CLOCKS);
    let pause = input.pick(GAPS);
    let retry = input.byte();
    let last = before
        .last()
        .map_or(now().as_second(), |word| word.accepted);
    let accepted = last + pause;
    let again = usize::from(retry >> 2).checked_rem(before.len());
    let again = again.filter(|place| retry % 4 > 1 && before[*place].shape != Shape::Neither);
    if let Some(place) = again {
        let first = &before[place];
        let body = match retry % 4 {
            2 => first.body.clone(),
            _ => first
                .body
                .replacen('{', &format!(r#"{{"attempt":{retry},"#), 1),
        };
        return Word {
            accepted,
            again: first.again.or(Some(place)),
            body,
            ..first.clone()
        };
    }
    let shape = match what >> 4 & 3 {
        0 | 1 => Shape::Id,
        2 => Shape::Time,
        _ => Shape::Neither,
    };
    let (source, other) = match shape {
        Shape::Neither => ("cloudcontactai", "cloudcontactai-two"),
        _ => ("ai-sync", "ai-sync-two"),
    };
    let source = if what & 2 == 0 { source } else { other };
    let is_stop = what & 1 == 0;
    let told = accepted + clock;
    let is_believed = (946_684_800..=accepted + 300).contains(&told) && shape != Shape::Neither;
    let own = if is_believed {
        told.min(accepted)
    } else {
        accepted
    };
    let body = body(shape, is_stop, told, before.len());
    // A time that is not believed does not distinguish a retry from a new word: clocks that were never set stand
    // still.
    let shape = match shape {
        Shape::Time if !is_believed => Shape::Neither,
        shape => shape,
    };
    // Bytes that name themselves and come again are a retry, whatever people meant.
    let mut same = before.iter();
    let again = same.position(|one| one.source == source && one.body == body);
    let again = again.filter(|_| shape != Shape::Neither);
    Word {
        source,
        shape,
        is_stop,
        own: again.map_or(own, |place| before[place].own),
        accepted,
        again: again.map(|place| before[place].again.unwrap_or(place)),
        body,
    }
}

fn body(shape: Shape, is_stop: bool, told: i64, number: usize) -> String {
    let text = if is_stop { "STOP" } else { "START" };
    let numbers = r#""from":"+15550100003","to":"+15550100004""#;
    if shape == Shape::Neither {
        return format!(
            r#"{{"eventType":"message.incoming","data":{{"From":"+15550100003","To":"+15550100004","Message":"{text}"}}}}"#
        );
    }
    let id = match shape {
        Shape::Id => format!(r#""message_id":"in_{number}","#),
        _ => String::new(),
    };
    let told = Timestamp::from_second(told).expect("in range");
    format!(
        r#"{{"event":"sms.received","timestamp":"{told}","data":{{{id}{numbers},"text":"{text}"}}}}"#
    )
}

fn message((word, number): (&Word, u128)) -> (Envelope, Sequence) {
    let told = Told {
        source: word.source,
        slug: "",
        content_type: "application/json",
        encoding: "",
        body: word.body.clone().into_bytes(),
    };
    let events = SOURCES.with(|sources| events(sources, &told.request(), number));
    let [event] = events.as_slice() else {
        panic!("{} events", events.len());
    };
    let mut envelope = event.envelope().clone();
    envelope.received_at = Timestamp::from_second(word.accepted).expect("in range");
    (envelope, Sequence(number))
}

/// Groups are handled side by side, each in its own order: whichever comes first, the states are the same.
fn whatever_the_order(messages: &[(Envelope, Sequence)], expected: &BTreeMap<Entity, Stored>) {
    let mut groups: BTreeMap<&Entity, Vec<&(Envelope, Sequence)>> = BTreeMap::new();
    for message in messages {
        groups.entry(&message.0.entity).or_default().push(message);
    }
    let groups: Vec<_> = groups.into_values().collect();
    for order in permutations(groups.len()) {
        let messages = order
            .iter()
            .flat_map(|place| groups[*place].iter().copied());
        let states = states_after(messages.clone());
        assert_eq!(states, *expected, "groups as {order:?}");
        let twice = states_after(messages.clone().chain(messages));
        assert_eq!(twice, *expected, "groups as {order:?}, twice");
    }
}

/// A retry is the same word as the first time.
fn is_what_people_want(words: &[Word], item: &Value) {
    let new: Vec<_> = words.iter().filter(|word| word.again.is_none()).collect();
    let sources = [
        "ai-sync",
        "ai-sync-two",
        "cloudcontactai",
        "cloudcontactai-two",
    ];
    for source in sources {
        let last = new.iter().rev().find(|word| word.source == source);
        if last.is_some_and(|word| word.is_stop) {
            assert_eq!(item["opted_out"], true, "{source} ends in STOP: {words:?}");
        }
    }
    let mut stops = new.iter().filter(|word| word.is_stop);
    let is_last = |start: &&&Word| {
        let is_later = |stop: &&Word| start.own > stop.own && start.accepted > stop.accepted;
        !start.is_stop
            && stops
                .clone()
                .all(|stop| stop.source == start.source && is_later(stop))
    };
    let can_tell = new.iter().all(|word| word.shape != Shape::Neither);
    let starts = new.iter().filter(is_last).count();
    if can_tell && starts > 0 && stops.next().is_some() {
        assert_eq!(
            item["opted_out"], false,
            "a START is the last word: {words:?}"
        );
    }
}
