//! The judge: it reads what the providers were told and what the ledger and the dead-letter queue
//! hold, and nothing of how that came about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use switchhook_aws::sqs::REASON_ATTRIBUTE;
use switchhook_core::body::{self, Carried};
use switchhook_core::content::MAX_INFLATED_BYTES;
use switchhook_core::entity::Entity;
use switchhook_core::envelope::Envelope;
use switchhook_core::ids::{DeliveryId, EventId};
use switchhook_core::ledger::{RawBody, Record};
use switchhook_core::states::Stored;

use crate::poison::{KILLS, PANICS};
use crate::queue::Message;
use crate::reference;
use crate::senders::{Attempt, Told};
use crate::traffic::Happening;
use crate::world::{World, locked};

/// What there is to see from outside.
#[derive(Debug)]
pub(crate) struct Checker<'a> {
    pub(crate) world: &'a Arc<World>,
    pub(crate) happenings: &'a [Happening],
    pub(crate) attempts: &'a [Attempt],
}

/// A record, its bytes, and the place of the happening that it is of.
struct Seen {
    record: Record,
    bytes: Bytes,
    happening: Option<usize>,
}

impl Checker<'_> {
    /// Checks what must hold at the end, when all that could be redriven was.
    pub(crate) async fn at_the_end(&self) -> Vec<String> {
        let seen = self.seen();
        let mut wrong = self.while_letters_wait();
        wrong.extend(self.answers());
        wrong.extend(self.strangers(&seen));
        wrong.extend(self.repeated(&seen));
        wrong.extend(self.copies(&seen));
        wrong.extend(self.order(&seen));
        wrong.extend(self.letters_left());
        wrong.extend(self.innocents());
        wrong.extend(self.states(&seen).await);
        wrong
    }

    /// Checks what must hold at any time when the queue is empty: nothing told 2xx is lost.
    pub(crate) fn while_letters_wait(&self) -> Vec<String> {
        let seen = self.seen();
        let letters = self.letters();
        let mut wrong = Vec::new();
        for (place, id, count) in self.received() {
            let happening = &self.happenings[place];
            if count != happening.elements.len() {
                wrong.push(format!("{}: told of {count} events", happening.name));
            }
            for (index, element) in (0..).zip(&happening.elements) {
                let event = EventId {
                    delivery: id,
                    index,
                };
                let is_recorded = seen.iter().any(|one| self.tells(one, place, element, id));
                if !is_recorded && !letters.contains(&event) {
                    let name = self.world.name(event);
                    wrong.push(format!(
                        "{}: {name} was told 200 and is lost",
                        happening.name
                    ));
                }
            }
        }
        wrong
    }

    /// Tells whether a record is of this event, counts this delivery, and was right to.
    fn tells(&self, one: &Seen, place: usize, element: &[u8], id: DeliveryId) -> bool {
        let happening = &self.happenings[place];
        one.happening == Some(place)
            && one.bytes == element
            && one.record.deliveries.contains(&id)
            && is_within(
                happening.window_secs,
                millis(id),
                one.record.received_at.as_millisecond(),
            )
    }

    /// Genuine deliveries are refused for nothing that they say, and forged ones never taken.
    fn answers(&self) -> Vec<String> {
        let is_wrong = |attempt: &&Attempt| match attempt.told {
            Told::Nothing | Told::Status(500..) => false,
            Told::Received(..) => attempt.is_forged,
            Told::Status(401 | 404) => !attempt.is_forged,
            Told::Status(_) => true,
        };
        let wrong = self.attempts.iter().filter(is_wrong);
        wrong
            .map(|attempt| {
                let name = &self.happenings[attempt.happening].name;
                format!(
                    "{name}: forged {}, told {:?}",
                    attempt.is_forged, attempt.told
                )
            })
            .collect()
    }

    /// Nothing is in the ledger that nobody with the keys told.
    fn strangers(&self, seen: &[Seen]) -> Vec<String> {
        let genuine: BTreeSet<_> = self
            .attempts
            .iter()
            .filter(|a| !a.is_forged)
            .map(|a| a.happening)
            .collect();
        let strange = seen
            .iter()
            .filter(|one| !one.happening.is_some_and(|place| genuine.contains(&place)));
        strange
            .map(|one| format!("{} was told by nobody", self.describe(&one.record)))
            .collect()
    }

    /// Nothing is recorded twice within its window.
    fn repeated(&self, seen: &[Seen]) -> Vec<String> {
        let mut wrong = Vec::new();
        for (at, one) in seen.iter().enumerate() {
            let Some(place) = one.happening else { continue };
            let window = self.happenings[place].window_secs;
            for earlier in seen.iter().take(at) {
                let is_same = earlier.happening == one.happening && earlier.bytes == one.bytes;
                let times = [earlier, one].map(|one| one.record.received_at.as_millisecond());
                if is_same && is_within(window, times[0], times[1]) {
                    let [first, second] = [earlier, one].map(|one| self.describe(&one.record));
                    wrong.push(format!("{second} repeats {first}"));
                }
            }
        }
        wrong
    }

    /// What a record counts was told, or may have been.
    fn copies(&self, seen: &[Seen]) -> Vec<String> {
        let told: BTreeMap<_, _> = self.received().map(|(place, id, _)| (id, place)).collect();
        let mut wrong = Vec::new();
        for (place, happening) in self.happenings.iter().enumerate() {
            let unheard = |attempt: &&Attempt| {
                attempt.happening == place
                    && !attempt.is_forged
                    && !matches!(attempt.told, Told::Received(..))
            };
            let unheard = self.attempts.iter().filter(unheard).count();
            let own = seen.iter().filter(|one| one.happening == Some(place));
            let counted: BTreeSet<_> = own.flat_map(|one| &one.record.deliveries).collect();
            let of_others = counted
                .iter()
                .filter(|id| told.get(id).is_some_and(|of| *of != place));
            let unknown = counted.iter().filter(|id| !told.contains_key(id)).count();
            if of_others.count() > 0 || unknown > unheard {
                wrong.push(format!(
                    "{}: {unknown} copies of {unheard} that it was not told of",
                    happening.name
                ));
            }
        }
        wrong
    }

    /// The events of an entity that were never dead letters are recorded in their accepted order, and
    /// each under the place that the queue gave it.
    fn order(&self, seen: &[Seen]) -> Vec<String> {
        let buried: BTreeSet<_> = self
            .world
            .dead_letters
            .archive()
            .iter()
            .filter_map(|m| envelope_id(&m.sent.body))
            .collect();
        let places = self.places();
        let mut last: BTreeMap<&Entity, u128> = BTreeMap::new();
        let mut wrong = Vec::new();
        for Seen { record, .. } in seen {
            let place = record.sequence.0;
            if places.get(&record.id.to_string()) != Some(&place) {
                wrong.push(format!(
                    "{} has another place than the queue gave it",
                    self.describe(record)
                ));
            }
            if buried.contains(&record.id) {
                continue;
            }
            let before = last.insert(&record.key.entity, place);
            if before.is_some_and(|before| before > place) {
                wrong.push(format!("{} was recorded too late", self.describe(record)));
            }
        }
        wrong
    }

    /// Returns the place in the accepted order of every event.
    fn places(&self) -> BTreeMap<String, u128> {
        let messages = self.world.queue.archive().into_iter().rev();
        messages
            .map(|message| (message.sent.dedup_id, message.sequence))
            .collect()
    }

    /// What was never an event stays a dead letter, with its reason, and nothing else does.
    fn letters_left(&self) -> Vec<String> {
        let letters = self.world.dead_letters.messages().into_iter();
        letters
            .filter_map(|letter| match envelope_id(&letter.sent.body) {
                Some(id) => Some(format!("{} is still a dead letter", self.world.name(id))),
                None if reason(&letter).is_empty() => {
                    Some("a dead letter has no reason".to_owned())
                }
                None => None,
            })
            .collect()
    }

    /// What no handler stumbles over is no dead letter for its attempts, unless as much went wrong
    /// besides outages as it takes.
    fn innocents(&self) -> Vec<String> {
        const ATTEMPTS: usize = 5;
        let letters = self.world.dead_letters.archive().into_iter();
        let judged = letters.filter(|letter| match reason(letter) {
            "panic" => true,
            "attempts" => self.world.strokes() < ATTEMPTS,
            "passing" | "time" => true,
            _ => false,
        });
        let envelopes = judged.filter_map(|letter| serde_json::from_str(&letter.sent.body).ok());
        let innocent = envelopes.filter(|envelope| !self.is_poison(envelope));
        innocent
            .map(|envelope| format!("{} was innocent", self.world.name(envelope.id)))
            .collect()
    }

    fn is_poison(&self, envelope: &Envelope) -> bool {
        let bytes = match &envelope.body {
            Carried::Inline(base64) => base64.decode().unwrap_or_default(),
            Carried::Deflated(base64) => {
                let deflated = base64.decode().unwrap_or_default();
                body::inflate(&deflated, MAX_INFLATED_BYTES).unwrap_or_default()
            }
            Carried::Stored(pointer) => self.stored(&pointer.key).unwrap_or_default().to_vec(),
        };
        let text = String::from_utf8_lossy(&bytes);
        text.contains(PANICS) || text.contains(KILLS)
    }

    /// The states are those of the recorded events, applied in order by a consumer without faults.
    async fn states(&self, seen: &[Seen]) -> Vec<String> {
        let mut records: Vec<_> = seen
            .iter()
            .map(|one| (one.record.sequence.0, one.record.id.to_string()))
            .collect();
        records.sort();
        let ids: Vec<_> = records.into_iter().map(|(_, id)| id).collect();
        let expected = match reference::states(self.world, &ids).await {
            Ok(expected) => expected,
            Err(error) => return vec![error],
        };
        let actual = states(self.world);
        let entities: BTreeSet<_> = expected.keys().chain(actual.keys()).collect();
        let differ = entities
            .into_iter()
            .filter(|entity| expected.get(*entity) != actual.get(*entity));
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

    /// Returns what was told 2xx: the happening, the delivery, and how many events.
    fn received(&self) -> impl Iterator<Item = (usize, DeliveryId, usize)> {
        self.attempts
            .iter()
            .filter_map(|attempt| match attempt.told {
                Told::Received(id, count) => Some((attempt.happening, id, count)),
                Told::Status(_) | Told::Nothing => None,
            })
    }

    /// Returns the events that are dead letters with a reason.
    fn letters(&self) -> BTreeSet<EventId> {
        let letters = self.world.dead_letters.messages().into_iter();
        let with_reason = letters.filter(|letter| !reason(letter).is_empty());
        with_reason
            .filter_map(|letter| envelope_id(&letter.sent.body))
            .collect()
    }

    fn seen(&self) -> Vec<Seen> {
        let inserted = locked(&self.world.table).inserted.clone();
        inserted
            .into_iter()
            .map(|record| self.see(record))
            .collect()
    }

    fn see(&self, record: Record) -> Seen {
        let bytes = match &record.raw {
            RawBody::Plain(bytes) => Some(bytes.clone().into()),
            RawBody::Deflated(bytes) => body::inflate(bytes, MAX_INFLATED_BYTES).map(Bytes::from),
            RawBody::Stored(pointer) => self.stored(&pointer.key),
        };
        let bytes = bytes.unwrap_or_default();
        let is_of = |happening: &Happening| happening.has(&record, &bytes);
        Seen {
            happening: self.happenings.iter().position(is_of),
            bytes,
            record,
        }
    }

    fn stored(&self, key: &str) -> Option<Bytes> {
        let found = locked(&self.world.bodies).get(key).cloned();
        found.or_else(|| locked(&self.world.damage).body(key))
    }

    fn describe(&self, record: &Record) -> String {
        format!("{} of {}", self.world.name(record.id), record.key.entity)
    }
}

/// Tells whether two accepted times are within a window.
fn is_within(window_secs: Option<u32>, one: i64, other: i64) -> bool {
    window_secs.is_none_or(|secs| one.abs_diff(other) < u64::from(secs) * 1_000)
}

fn millis(id: DeliveryId) -> i64 {
    id.time().unwrap().as_millisecond()
}

/// Returns why a letter is dead; nothing where it does not say.
fn reason(letter: &Message) -> &str {
    let reason = letter.sent.attributes.get(REASON_ATTRIBUTE);
    reason.map_or("", String::as_str)
}

fn envelope_id(body: &str) -> Option<EventId> {
    serde_json::from_str::<Envelope>(body)
        .ok()
        .map(|envelope| envelope.id)
}

pub(crate) fn states(world: &World) -> BTreeMap<Entity, Stored> {
    let states = locked(&world.table).states.clone().into_iter();
    states
        .filter_map(|(entity, item)| Some((entity, item.stored?)))
        .collect()
}
