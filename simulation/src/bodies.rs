//! What bodies say: samples varied, what people say of being texted, and what changes of a happening
//! from one attempt to the next while its key stays.
//!
//! Which fields are no part of a key is written down here once more, from the providers' documents.

use crate::poison::{KILLS, PANICS, REFUSED};
use crate::traffic::{Element, Telling, horizon_secs, window_secs};
use crate::world::World;

/// What is told, and how long its key is one happening.
pub(crate) struct Content {
    pub(crate) tellings: Vec<Telling>,
    pub(crate) window_secs: Option<u32>,
}

/// Which body it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind<'a> {
    pub(crate) provider: &'static str,
    pub(crate) sample: &'a str,
    /// The happening's number, for ids of its own.
    pub(crate) number: usize,
}

/// What may change of a body from one attempt to the next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Changing {
    /// Nothing: its bytes are its key.
    Nothing,
    /// What stands around its data.
    Envelope,
    /// Much of what it says.
    Fields,
    /// That, and the words of a text.
    Words,
}

/// The samples whose later attempts may have other bytes.
fn changing(kind: Kind<'_>) -> Changing {
    match (kind.provider, kind.sample) {
        ("ai-sync", "contact" | "contact-form" | "contact-delete") => Changing::Nothing,
        ("ai-sync", "sms.received") => Changing::Words,
        ("ai-sync", sample) if window_secs("ai-sync", sample).is_some() => Changing::Envelope,
        ("nectar-desk", "message-received" | "message-received-stop") => Changing::Words,
        ("nectar-desk", "message-sent" | "call-recording-received") => Changing::Fields,
        ("nectar-desk", _) => Changing::Nothing,
        (
            "cloudcontactai",
            "message.incoming" | "message.received" | "message.excluded" | "inbound-untyped",
        ) => Changing::Nothing,
        _ => Changing::Fields,
    }
}

/// Varies a body: other words, marks that handlers stumble over, large, several events, broken.
pub(crate) fn content(
    world: &World,
    kind: Kind<'_>,
    body: Vec<u8>,
    build: impl Fn(&World) -> Vec<u8>,
) -> Content {
    let window_secs = window_secs(kind.provider, kind.sample);
    let mut text = String::from_utf8(body).unwrap();
    let is_json = text.starts_with(['{', '[']);
    let hash_matters = kind.provider == "cloudcontactai";
    let broken = |text| Content {
        tellings: vec![whole(text)],
        window_secs: horizon_secs(kind.provider),
    };
    match world.draw(|chance| chance.u8(0..40)) {
        0..=7 => text = other_words(world, &text),
        8 if is_json => text = marked(&text, &format!(r#""mark":"{PANICS}","#)),
        9 if is_json => text = marked(&text, &format!(r#""mark":"{KILLS}","#)),
        19 if is_json => text = marked(&text, &format!(r#""mark":"{REFUSED}","#)),
        10 | 15..=17 if is_json => text = marked(&text, &format!(r#""blob":"{}","#, blob(world))),
        11 | 12 | 18.. if text.starts_with('[') => {
            let others = (0..world.draw(|chance| chance.usize(1..6))).map(|_| {
                let other = String::from_utf8(build(world)).unwrap();
                other_words(world, &other)
            });
            let all = std::iter::once(text).chain(others);
            let mut elements: Vec<_> = all.map(|one| one[1..one.len() - 1].to_owned()).collect();
            elements.sort();
            elements.dedup();
            return Content {
                tellings: lists(world, kind, &elements),
                window_secs,
            };
        }
        13 if !hash_matters => {
            text.truncate(text.len() / 2);
            return broken(text);
        }
        14 if !hash_matters => return broken(String::new()),
        _ => {}
    }
    Content {
        tellings: told(world, kind, changing(kind), text),
        window_secs,
    }
}

/// A customer's word: with an id of its own, with its time only, or with neither.
pub(crate) fn word(world: &World, kind: Kind<'_>, body: Vec<u8>) -> Content {
    let mut text = other_words(world, &String::from_utf8(body).unwrap());
    let mut window_secs = window_secs(kind.provider, kind.sample);
    let mut changing = changing(kind);
    let number = kind.number;
    match (kind.provider, kind.sample) {
        ("ai-sync", _) if world.happens(0.5) => {
            text = without(&text, "message_id");
            (window_secs, changing) = (horizon_secs(kind.provider), Changing::Envelope);
        }
        ("ai-sync", _) => text = with(&text, "message_id", &format!("in_{number}")),
        ("nectar-desk", _) => {
            text = text.replacen(r#"{"id":"#, &format!(r#"{{"id":{}"#, number + 1), 1);
        }
        ("cellcast", "receive") => {
            if world.happens(0.6) {
                text = with(&text, "_id", &format!("{number:024x}"));
            } else {
                text = without(&text, "_id");
                changing = Changing::Nothing;
            }
            text = text.replace("+6140", "+1555");
        }
        ("cellcast", _) => {
            text = text.replace(r#""from":"40"#, r#""from":"+1555"#);
            if world.happens(0.5) {
                text = with(&text, "message_id", &format!("m{number}"));
                window_secs = None;
            }
            if world.happens(0.5) {
                let minute = world.draw(|chance| chance.u8(0..60));
                let at = format!("2026-03-04T05:{minute:02}:00Z");
                text = with(&text, "received_at", &at);
            }
        }
        ("cloudcontactai", "message.incoming") if world.happens(0.5) => {
            text = with(&text, "CustomData", &number.to_string());
        }
        _ => {}
    }
    Content {
        tellings: told(world, kind, changing, text),
        window_secs,
    }
}

/// A body of one event, and others in which later attempts tell of it.
fn told(world: &World, kind: Kind<'_>, changing: Changing, text: String) -> Vec<Telling> {
    let others = world.draw(|chance| chance.usize(0..7)).saturating_sub(3);
    let others = match changing {
        Changing::Nothing => 0,
        _ => others,
    };
    let later = (1..=others).map(|attempt| changed(world, kind, changing, &text, attempt));
    let later: Vec<_> = later.map(whole).collect();
    let mut tellings = vec![whole(text)];
    for telling in later {
        if !tellings.contains(&telling) {
            tellings.push(telling);
        }
    }
    tellings
}

fn whole(text: String) -> Telling {
    let body = text.into_bytes();
    Telling {
        elements: vec![Element {
            event: 0,
            bytes: body.clone(),
        }],
        body,
    }
}

/// A body of several events, some of them twice with other bytes, and the same events in later attempts.
fn lists(world: &World, kind: Kind<'_>, elements: &[String]) -> Vec<Telling> {
    let attempts = world.draw(|chance| chance.usize(1..4));
    let change = |text: &String, n| changed(world, kind, Changing::Fields, text, n);
    let list = |attempt: usize| {
        let mut told = Vec::new();
        for (event, element) in elements.iter().enumerate() {
            let is_other = attempt > 0 && world.happens(0.5);
            told.push((
                event,
                if is_other {
                    change(element, attempt)
                } else {
                    element.clone()
                },
            ));
            if world.happens(0.2) {
                told.push((event, change(element, attempt + 10)));
            }
        }
        told.dedup();
        listed(&told)
    };
    (0..attempts).map(list).collect()
}

fn listed(told: &[(usize, String)]) -> Telling {
    if let [(_, only)] = told {
        return whole(format!("[{only}]"));
    }
    let texts: Vec<_> = told.iter().map(|(_, text)| text.as_str()).collect();
    let elements = told.iter().map(|(event, text)| Element {
        event: *event,
        bytes: text.clone().into_bytes(),
    });
    Telling {
        body: format!("[{}]", texts.join(", ")).into_bytes(),
        elements: elements.collect(),
    }
}

/// What a field becomes in later attempts.
const FIELDS: &[(&str, &str)] = &[
    (
        r#"calling about...""#,
        r#"calling about the roof, part {n}""#,
    ),
    (r#""sentiment":"positive""#, r#""sentiment":"mixed {n}""#),
    (
        r#""call_status":"completed""#,
        r#""call_status":"completed {n}""#,
    ),
    (
        r#""call_status":"ringing""#,
        r#""call_status":"ringing {n}""#,
    ),
    (
        r#""call_status":"in-progress""#,
        r#""call_status":"busy {n}""#,
    ),
    (
        r#""reason":"Carrier violation""#,
        r#""reason":"Carrier violation {n}""#,
    ),
    (r#""name":"Spring offer""#, r#""name":"Offer {n}""#),
    (r#""name":"John Doe""#, r#""name":"John Doe {n}""#),
    (r#""status":"offline""#, r#""status":"away {n}""#),
    (r#""segments":1"#, r#""segments":2{n}"#),
    (
        r#""status":"received","type":"receive""#,
        r#""status":"{n}","type":"receive""#,
    ),
    (r#""sender":"cellcast""#, r#""sender":"ACME {n}""#),
    (
        r#""status":"delivered","type":"send""#,
        r#""status":"DELIVERED","type":"send""#,
    ),
    (r#""custom_string":"visit"#, r#""custom_string":"visit {n}"#),
    (r#""Segments":2"#, r#""Segments":3{n}"#),
    (r#""TotalPrice":0.02"#, r#""TotalPrice":0.{n}"#),
    (r#""CustomData":""#, r#""CustomData":"{n}"#),
    (r#""ErrorMessage":""#, r#""ErrorMessage":"{n}"#),
    (r#""subject":"Your"#, r#""subject":"{n} Your"#),
    (
        r#""unsubscribeMethod":"link_click""#,
        r#""unsubscribeMethod":"reply {n}""#,
    ),
    (r#""duration":110"#, r#""duration":11{n}"#),
    (r#""fullName":"John Doe""#, r#""fullName":"John Doe {n}""#),
    (r#""foo":"bar"#, r#""foo":"bar {n}"#),
    (
        r#""occupation":"Engineer""#,
        r#""occupation":"Engineer {n}""#,
    ),
];

/// The same happening as a later attempt tells of it.
fn changed(
    world: &World,
    kind: Kind<'_>,
    changing: Changing,
    text: &str,
    attempt: usize,
) -> String {
    match world.draw(|chance| chance.u8(0..8)) {
        0 if changing == Changing::Words => said(world, text),
        1..=4 if changing != Changing::Envelope => {
            let number = attempt.to_string();
            let changed = FIELDS.iter().fold(text.to_owned(), |text, (from, to)| {
                if world.happens(0.7) {
                    text.replace(from, &to.replace("{n}", &number))
                } else {
                    text
                }
            });
            if changed == text {
                counted(text, attempt)
            } else {
                changed
            }
        }
        5 => turned(text),
        6 if world.happens(0.2) && kind.provider != "cellcast" => {
            marked(text, &format!(r#""mark":"{PANICS}","#))
        }
        _ => counted(text, attempt),
    }
}

/// Each attempt has its number in it.
fn counted(text: &str, attempt: usize) -> String {
    marked(text, &format!(r#""attempt":{attempt},"#))
}

/// The first member of an object comes last.
fn turned(text: &str) -> String {
    let end = if text.starts_with('[') { "}]" } else { "}" };
    let begin = text.len() - text.trim_start_matches(['[', '{']).len();
    let inner = &text[begin..text.len() - end.len()];
    match inner.split_once(r#",""#) {
        Some((first, rest)) => format!(r#"{}"{rest},{first}{end}"#, &text[..begin]),
        None => text.to_owned(),
    }
}

const SAID: [&str; 9] = [
    "STOP",
    "stop",
    "Stop!",
    "Unsubscribe",
    "STOP",
    "START",
    "start",
    "UNSTOP",
    "hello",
];

/// Texts of customers say something else, STOP above all.
fn other_words(world: &World, text: &str) -> String {
    let said = world.draw(|chance| SAID[chance.usize(0..SAID.len())]);
    let samples = [
        "Can you come on Friday?",
        "Yes please",
        "Yes, tell me more!",
        "Rockin",
        "Can you call me back?",
    ];
    samples
        .iter()
        .fold(text.to_owned(), |text, sample| text.replace(sample, said))
}

/// A later attempt has other words in it.
fn said(world: &World, text: &str) -> String {
    let said = world.draw(|chance| SAID[chance.usize(0..SAID.len())]);
    with(text, "text", said)
}

/// Gives a member another text.
fn with(text: &str, name: &str, value: &str) -> String {
    let (before, _, after) = parts(text, name);
    format!(r#"{before}"{name}":"{value}"{after}"#)
}

/// Takes a member away that is not the last.
fn without(text: &str, name: &str) -> String {
    let (before, _, after) = parts(text, name);
    format!("{before}{}", &after[1..])
}

/// Returns what is before a member with a text, the text, and what is after it.
fn parts<'a>(text: &'a str, name: &str) -> (&'a str, &'a str, &'a str) {
    let (before, rest) = text.split_once(&format!(r#""{name}":""#)).unwrap();
    let (value, _) = rest.split_once('"').unwrap();
    (before, value, &rest[value.len() + 1..])
}

/// Puts fields at the beginning of the object, or of the first of a list.
fn marked(text: &str, fields: &str) -> String {
    text.replacen('{', &format!("{{{fields}"), 1)
}

/// Text that no compression makes small enough for a message: six bits a character.
fn blob(world: &World) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digit = |chance: &mut fastrand::Rng| char::from(DIGITS[chance.usize(0..DIGITS.len())]);
    world.draw(|chance| (0..46_000).map(|_| digit(chance)).collect())
}
