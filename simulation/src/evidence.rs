//! What there is to see from outside: what the providers were told, what the queue took, and what the
//! ledger and the dead-letter queue hold. It shows nothing of how that came about, but for bodies that
//! are damaged at the moment, which are read as they were before.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use switchhook_aws::sqs::REASON_ATTRIBUTE;
use switchhook_core::body::MAX_BODY_BYTES;
use switchhook_core::body::{self, Carried};
use switchhook_core::entity::Entity;
use switchhook_core::envelope::Envelope;
use switchhook_core::ids::{DeliveryId, EventId};
use switchhook_core::ledger::{RawBody, Record, Variant};

use crate::queue::Message;
use crate::senders::{Attempt, Told};
use crate::traffic::{Happening, Origin};
use crate::world::{World, locked};

/// An event: the place of its happening, and which of that one's events it is.
pub(crate) type Which = (usize, usize);

/// A record, its bytes, and what it is of.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) record: Record,
    pub(crate) bytes: Bytes,
    pub(crate) which: Option<Which>,
}

/// A variant that was kept, its bytes, and what it is of.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) variant: Variant,
    pub(crate) bytes: Bytes,
    pub(crate) which: Option<Which>,
}

/// An event as the queue took it first.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) envelope: Envelope,
    pub(crate) sequence: u128,
    pub(crate) bytes: Bytes,
    pub(crate) which: Option<Which>,
}

/// All that there is to see.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) world: &'a World,
    pub(crate) happenings: &'a [Happening],
    pub(crate) attempts: &'a [Attempt],
    /// All records that ever were, in their order, each as it was last.
    pub(crate) seen: Vec<Seen>,
    /// All variants that ever were.
    pub(crate) kept: Vec<Kept>,
    /// In their order.
    pub(crate) arrived: Vec<Arrived>,
    /// The entities that somebody erased.
    pub(crate) erased: BTreeSet<Entity>,
    /// The events that were dead letters at any time.
    pub(crate) buried: BTreeSet<EventId>,
}

impl<'a> Evidence<'a> {
    pub(crate) fn gather(
        world: &'a World,
        happenings: &'a [Happening],
        attempts: &'a [Attempt],
    ) -> Self {
        let (inserted, kept, erased) = {
            let table = locked(&world.table);
            (
                table.inserted.clone(),
                table.kept.clone(),
                table.erased.clone(),
            )
        };
        let letters = world.dead_letters.archive();
        let mut evidence = Self {
            world,
            happenings,
            attempts,
            seen: Vec::new(),
            kept: Vec::new(),
            arrived: Vec::new(),
            erased,
            buried: letters
                .iter()
                .filter_map(|m| envelope_id(&m.sent.body))
                .collect(),
        };
        evidence.arrived = evidence.arrived();
        evidence.seen = inserted.into_iter().map(|one| evidence.see(one)).collect();
        evidence.kept = kept.into_iter().map(|one| evidence.keep(one)).collect();
        evidence
    }

    fn arrived(&self) -> Vec<Arrived> {
        let mut known = BTreeSet::new();
        let messages = self.world.queue.archive().into_iter();
        let arrived = messages.filter_map(|message| {
            let envelope: Envelope = serde_json::from_str(&message.sent.body).ok()?;
            if !known.insert(envelope.id) {
                return None; // it is redriven
            }
            let bytes = carried(self.world, &envelope.body);
            let origin = Origin {
                source: envelope.entity.source(),
                slug: envelope.slug.as_deref(),
                headers: &envelope.headers,
            };
            Some(Arrived {
                which: self.which(origin, &bytes),
                sequence: message.sequence,
                bytes,
                envelope,
            })
        });
        arrived.collect()
    }

    fn see(&self, record: Record) -> Seen {
        let bytes = resting(self.world, &record.raw);
        let origin = Origin {
            source: record.key.entity.source(),
            slug: record.slug.as_deref(),
            headers: &record.headers,
        };
        Seen {
            which: self.which(origin, &bytes),
            bytes,
            record,
        }
    }

    /// A variant tells no slug: that of its message counts.
    fn keep(&self, variant: Variant) -> Kept {
        let bytes = resting(self.world, &variant.raw);
        let arrived = self
            .arrived
            .iter()
            .find(|one| one.envelope.id == variant.id);
        let slug = arrived.and_then(|one| one.envelope.slug.as_deref());
        let origin = Origin {
            source: variant.record.entity.source(),
            slug,
            headers: &variant.headers,
        };
        Kept {
            which: self.which(origin, &bytes),
            bytes,
            variant,
        }
    }

    fn which(&self, origin: Origin<'_>, bytes: &[u8]) -> Option<Which> {
        let mut happenings = self.happenings.iter().enumerate();
        happenings.find_map(|(place, one)| Some((place, one.event_of(origin, bytes)?)))
    }

    /// Returns what was told 2xx: the attempt, the delivery, and how many events.
    pub(crate) fn received(&self) -> impl Iterator<Item = (&Attempt, DeliveryId, usize)> {
        self.attempts
            .iter()
            .filter_map(|attempt| match attempt.told {
                Told::Received(id, count) => Some((attempt, id, count)),
                Told::Status(_) | Told::Nothing => None,
            })
    }

    /// Returns the events that are dead letters with a reason.
    pub(crate) fn letters(&self) -> BTreeSet<EventId> {
        let letters = self.world.dead_letters.messages().into_iter();
        let with_reason = letters.filter(|letter| !reason(letter).is_empty());
        with_reason
            .filter_map(|letter| envelope_id(&letter.sent.body))
            .collect()
    }

    /// Returns the place in the accepted order of every event.
    pub(crate) fn places(&self) -> BTreeMap<EventId, u128> {
        let arrived = self.arrived.iter();
        arrived.map(|one| (one.envelope.id, one.sequence)).collect()
    }

    pub(crate) fn window_secs(&self, which: Which) -> Option<u32> {
        self.happenings[which.0].window_secs
    }

    /// Returns the record that an event is counted in, if it is in one.
    pub(crate) fn record_of(&self, arrived: &Arrived) -> Option<&Seen> {
        let which = arrived.which?;
        let delivery = arrived.envelope.id.delivery;
        self.seen.iter().rev().find(|one| {
            one.which == Some(which)
                && one.record.deliveries.contains(&delivery)
                && self.is_within(which, one, delivery)
        })
    }

    /// Tells whether a delivery is within the window of a record.
    pub(crate) fn is_within(&self, which: Which, one: &Seen, id: DeliveryId) -> bool {
        let recorded = one.record.received_at.as_millisecond();
        is_within(self.window_secs(which), millis(id), recorded)
    }

    /// Tells whether somebody erased what a record is about.
    pub(crate) fn is_erased(&self, one: &Seen) -> bool {
        self.erased.contains(&one.record.key.entity)
    }

    /// Returns the entities of which states may keep the place of what was a dead letter for a while:
    /// where it and other deliveries of its event have different bytes.
    pub(crate) fn undecided(&self) -> BTreeSet<&Entity> {
        let mut bytes: BTreeMap<Which, BTreeSet<&[u8]>> = BTreeMap::new();
        for one in &self.arrived {
            if let Some(which) = one.which {
                bytes.entry(which).or_default().insert(&one.bytes);
            }
        }
        let buried = self.arrived.iter().filter(|one| {
            let is_varied = one.which.is_some_and(|which| bytes[&which].len() > 1);
            is_varied && self.buried.contains(&one.envelope.id)
        });
        buried
            .map(|one| &one.envelope.entity)
            .chain(&self.erased)
            .collect()
    }

    pub(crate) fn describe(&self, record: &Record) -> String {
        format!("{} of {}", self.world.name(record.id), record.key.entity)
    }
}

/// Returns the bytes that a message carries.
pub(crate) fn carried(world: &World, carried: &Carried) -> Bytes {
    let inflated = |deflated: &[u8]| body::inflate(deflated, MAX_BODY_BYTES);
    let bytes = match carried {
        Carried::Inline(base64) => base64.decode().map(Bytes::from),
        Carried::Deflated(base64) => {
            let deflated = base64.decode().unwrap_or_default();
            inflated(&deflated).map(Bytes::from)
        }
        Carried::Stored(pointer) => stored(world, &pointer.key),
    };
    bytes.unwrap_or_default()
}

fn resting(world: &World, raw: &RawBody) -> Bytes {
    let bytes = match raw {
        RawBody::Plain(bytes) => Some(bytes.clone().into()),
        RawBody::Deflated(bytes) => body::inflate(bytes, MAX_BODY_BYTES).map(Bytes::from),
        RawBody::Stored(pointer) => stored(world, &pointer.key),
    };
    bytes.unwrap_or_default()
}

/// Returns a stored body, as it was where it is damaged.
fn stored(world: &World, key: &str) -> Option<Bytes> {
    let spoiled = locked(&world.damage).body(key);
    spoiled.or_else(|| locked(&world.bodies).get(key).cloned())
}

/// Tells whether two accepted times are within a window.
pub(crate) fn is_within(window_secs: Option<u32>, one: i64, other: i64) -> bool {
    window_secs.is_none_or(|secs| one.abs_diff(other) < u64::from(secs) * 1_000)
}

pub(crate) fn millis(id: DeliveryId) -> i64 {
    id.time().unwrap().as_millisecond()
}

/// Returns why a letter is dead; nothing where it does not say.
pub(crate) fn reason(letter: &Message) -> &str {
    let reason = letter.sent.attributes.get(REASON_ATTRIBUTE);
    reason.map_or("", String::as_str)
}

pub(crate) fn envelope_id(body: &str) -> Option<EventId> {
    serde_json::from_str::<Envelope>(body)
        .ok()
        .map(|envelope| envelope.id)
}
