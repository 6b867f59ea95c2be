//! What the senders of the kill test post: events of three providers, several of an entity, copies,
//! lists of events, large bodies, and entities that are poisoned.
//!
//! Nothing here knows what becomes of a delivery.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use switchhook_core::ids::DeliveryId;
use tests::sign;

/// The sources that are posted to, one of each kind of credential.
pub(super) const SOURCES: &str = r#"
[sources.desk]
provider = "nectar-desk"
tokens = ["dEsk-abcdefghijklmnopqrstuvw_01"]

[sources.texts]
provider = "cellcast"
users = [{ username = "hooks", password = "s3cret:with colons" }]

[sources.voice]
provider = "ai-sync"
secrets = ["example-secret"]
"#;

const LOGIN: &str = "hooks:s3cret:with colons";
const TOKEN: &str = "dEsk-abcdefghijklmnopqrstuvw_01";
/// How many different events each round posts.
const EVENTS_A_ROUND: usize = 150;
/// How many deliveries of earlier rounds each round posts again.
const OLD_COPIES: u64 = 20;

/// Numbers that look random, and are the same for the same seed.
#[derive(Debug)]
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    /// Returns a number below a bound (splitmix64).
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(u64::try_from(bound).unwrap())).unwrap()
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.index(choices.len())]
    }

    /// Returns text that does not compress below three quarters.
    fn noise(&mut self) -> String {
        let words = match self.below(8) {
            0 => 8_000, // 64 KB: to the body store
            1 => 2_000,
            _ => 4,
        };
        let bytes: Vec<_> = (0..words)
            .flat_map(|_| self.below(u64::MAX).to_be_bytes())
            .collect();
        STANDARD.encode(bytes)
    }

    fn shuffle<T>(&mut self, things: &mut [T]) {
        for place in (1..things.len()).rev() {
            things.swap(place, self.index(place + 1));
        }
    }
}

/// One thing that happened, as the ledger must tell it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Event {
    pub(super) bytes: String,
    pub(super) kind: &'static str,
    pub(super) entity: String,
}

/// A request as a sender makes it, again and again.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Delivery {
    pub(super) path: String,
    /// The credential, where it is not in the path.
    pub(super) header: Option<(&'static str, String)>,
    pub(super) body: String,
    pub(super) events: Vec<Event>,
}

impl Delivery {
    fn of_voice(event: Event) -> Self {
        let signature = sign(tests::SECRET, event.bytes.as_bytes());
        Self {
            path: "/webhooks/voice".to_owned(),
            header: Some(("x-webhook-signature", signature)),
            body: event.bytes.clone(),
            events: vec![event],
        }
    }

    fn of_desk(slug: &str, event: Event) -> Self {
        Self {
            path: format!("/webhooks/desk/{TOKEN}/{slug}"),
            header: None,
            body: event.bytes.clone(),
            events: vec![event],
        }
    }

    fn of_texts(events: Vec<Event>) -> Self {
        // The bytes of a list of one would be the list's.
        let body = match events.as_slice() {
            [event] => event.bytes.clone(),
            events => {
                let elements: Vec<_> = events.iter().map(|event| event.bytes.as_str()).collect();
                format!("[{}]", elements.join(","))
            }
        };
        Self {
            path: "/webhooks/texts".to_owned(),
            header: Some(("authorization", format!("Basic {}", STANDARD.encode(LOGIN)))),
            body,
            events,
        }
    }
}

/// What became of the copies of one delivery.
#[derive(Debug, Default)]
pub(super) struct Fate {
    pub(super) acknowledged: BTreeSet<DeliveryId>,
    /// Copies without an answer: they may have been accepted or not.
    pub(super) unanswered: usize,
}

/// All deliveries ever posted, and the senders' notes about them.
pub(super) type Notes = BTreeMap<Arc<Delivery>, Fate>;

/// Makes what is posted.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) numbers: Numbers,
    /// The entities whose states are to be damaged before their first event is posted.
    pub(super) poisoned: BTreeSet<String>,
    made: usize,
    texts: Vec<Event>,
}

impl Load {
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            numbers: Numbers(seed),
            poisoned: BTreeSet::new(),
            made: 0,
            texts: Vec::new(),
        }
    }

    /// Makes the deliveries of a round, copies among them: of this round's and of earlier ones, and
    /// all that nobody acknowledged yet.
    pub(super) fn deliveries(&mut self, notes: &Notes) -> VecDeque<Arc<Delivery>> {
        let mut left: Vec<_> = notes
            .iter()
            .filter(|(_, fate)| fate.acknowledged.is_empty())
            .map(|(delivery, _)| Arc::clone(delivery))
            .collect();
        let known: Vec<_> = notes.keys().cloned().collect();
        if !known.is_empty() {
            left.extend((0..OLD_COPIES).map(|_| Arc::clone(self.numbers.pick(&known))));
        }
        for delivery in self.new_deliveries() {
            let copies = *self.numbers.pick(&[1, 1, 2, 3]);
            left.extend(std::iter::repeat_n(Arc::new(delivery), copies));
        }
        self.numbers.shuffle(&mut left);
        left.into()
    }

    fn new_deliveries(&mut self) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        let known_texts = self.texts.len();
        for _ in 0..EVENTS_A_ROUND {
            let (number, step) = (self.made / 3, self.made % 3);
            self.made += 1;
            match number % 3 {
                0 => deliveries.push(Delivery::of_voice(self.voice(number, step))),
                1 => deliveries.push(self.desk(number, step)),
                _ => {
                    let event = self.text(number, step);
                    self.texts.push(event);
                }
            }
        }
        let mut new = self.texts[known_texts..].to_vec();
        while !new.is_empty() {
            let rest = new.split_off(new.len().min(1 + self.numbers.index(4)));
            let mut list = std::mem::replace(&mut new, rest);
            // One that another list told already.
            let told = self.numbers.pick(&self.texts).clone();
            if !list.contains(&told) {
                list.push(told);
            }
            deliveries.push(Delivery::of_texts(list));
        }
        deliveries
    }

    fn voice(&mut self, number: usize, step: usize) -> Event {
        let kind = ["call.started", "call.answered", "call.ended"][step];
        let body = json!({
            "event": kind, "timestamp": "2026-02-03T04:05:06.007Z",
            "data": {"call_id": format!("call_{number}")}, "noise": self.numbers.noise(),
        });
        let entity = self.entity(format!("voice/call/call_{number}"), number);
        Event {
            bytes: body.to_string(),
            kind,
            entity,
        }
    }

    fn desk(&mut self, number: usize, step: usize) -> Delivery {
        let (slug, kind) = [
            ("call-ended", "call.ended"),
            ("call-abandoned", "call.abandoned"),
            ("call-overflowed-to-voicemail", "call.voicemail"),
        ][step];
        let body = json!({"id": number, "noise": self.numbers.noise()});
        let entity = self.entity(format!("desk/call/{number}"), number);
        Delivery::of_desk(
            slug,
            Event {
                bytes: body.to_string(),
                kind,
                entity,
            },
        )
    }

    fn text(&mut self, number: usize, step: usize) -> Event {
        let status = ["Queued", "Sent", "Delivered"][step];
        let body = json!({
            "_id": format!("m{number}"), "sender": "ACME", "receiver": "+61400000123",
            "type": "send", "status": status, "noise": self.numbers.noise(),
        });
        let entity = self.entity(format!("texts/message/m{number},+61400000123"), number);
        Event {
            bytes: body.to_string(),
            kind: "message.status",
            entity,
        }
    }

    /// Returns an entity's name; each tenth is poisoned from its first event on.
    fn entity(&mut self, name: String, number: usize) -> String {
        if number.is_multiple_of(10) {
            self.poisoned.insert(name.clone());
        }
        name
    }
}
