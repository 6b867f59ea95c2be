//! The judge of what there is to see from outside: what the providers were told, what the queue took,
//! and what the ledger and the dead-letter queue hold. It knows nothing of how that came about, but for
//! bodies that are damaged at the moment, which it reads as they were before. Whether each dead letter
//! had to be one is for [`crate::burials`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use switchhook_aws::sqs::REASON_ATTRIBUTE;
use switchhook_core::body;
use switchhook_core::content::MAX_INFLATED_BYTES;
use switchhook_core::entity::Entity;
use switchhook_core::envelope::Envelope;
use switchhook_core::ids::{DeliveryId, EventId};
use switchhook_core::ledger::{RawBody, Record};
use switchhook_core::states::Stored;

use crate::burials;
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
        wrong.extend(self.order_of_deliveries());
        wrong.extend(self.order(&seen));
        wrong.extend(self.letters_left());
        wrong.extend(burials::wrong(self.world));
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

    /// What a record counts are copies of its event, each counted once, and no more than were told or
    /// may have been.
    fn copies(&self, seen: &[Seen]) -> Vec<String> {
        let told: BTreeMap<_, _> = self.received().map(|(place, id, _)| (id, place)).collect();
        let mut wrong = Vec::new();
        let mut counted: BTreeMap<(usize, &[u8]), BTreeSet<DeliveryId>> = BTreeMap::new();
        let mut unknown: BTreeMap<usize, BTreeSet<DeliveryId>> = BTreeMap::new();
        for one in seen {
            let Some(place) = one.happening else { continue };
            let counted = counted.entry((place, &one.bytes)).or_default();
            for id in &one.record.deliveries {
                let of = told.get(id).copied();
                let is_copy = of.is_none_or(|of| of == place) && self.is_in_window(one, place, *id);
                if !is_copy || !counted.insert(*id) {
                    let (copy, record) = (self.world.name_of_delivery(*id), &one.record);
                    wrong.push(format!("{} counts {copy} too", self.describe(record)));
                }
                if of.is_none() {
                    unknown.entry(place).or_default().insert(*id);
                }
            }
        }
        for (place, ids) in unknown {
            let (unheard, name) = (self.unheard(place), &self.happenings[place].name);
            if ids.len() > unheard {
                let unknown = ids.len();
                wrong.push(format!(
                    "{name}: {unknown} copies of {unheard} that it was not told of"
                ));
            }
        }
        wrong
    }

    fn is_in_window(&self, one: &Seen, place: usize, id: DeliveryId) -> bool {
        let recorded = one.record.received_at.as_millisecond();
        is_within(self.happenings[place].window_secs, millis(id), recorded)
    }

    /// Counts the genuine requests that got no 2xx.
    fn unheard(&self, place: usize) -> usize {
        let is_unheard = |attempt: &&Attempt| {
            let is_told = matches!(attempt.told, Told::Received(..));
            attempt.happening == place && !attempt.is_forged && !is_told
        };
        self.attempts.iter().filter(is_unheard).count()
    }

    /// The events of a delivery that was told 200 are in the queue in their order.
    fn order_of_deliveries(&self) -> Vec<String> {
        let places = self.places();
        let place = |delivery, index| places.get(&EventId { delivery, index }.to_string());
        let is_right = |id, count: usize| {
            let indexes = (0..).take(count).map(|index| place(id, index));
            let found: Vec<_> = indexes.collect();
            found.is_sorted() && !found.contains(&None)
        };
        let wrong = self
            .received()
            .filter(|(_, id, count)| !is_right(*id, *count));
        wrong
            .map(|(place, id, _)| {
                let (name, id) = (
                    &self.happenings[place].name,
                    self.world.name_of_delivery(id),
                );
                format!("{name}: the events of {id} are not in the queue in their order")
            })
            .collect()
    }

    /// The events of an entity that were never dead letters are recorded in their accepted order, and
    /// each under the place that the queue gave it.
    fn order(&self, seen: &[Seen]) -> Vec<String> {
        let buried = self.ever_buried();
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

    /// What was never an event stays a dead letter, and nothing else does.
    fn letters_left(&self) -> Vec<String> {
        let ids = |messages: Vec<Message>| -> BTreeSet<_> {
            let ids = messages.into_iter().map(|m| envelope_id(&m.sent.body));
            ids.collect()
        };
        let left = ids(self.world.dead_letters.messages());
        let mut wrong: Vec<_> = left
            .iter()
            .flatten()
            .map(|id| format!("{} is still a dead letter", self.world.name(*id)))
            .collect();
        let was_garbage = ids(self.world.queue.archive()).contains(&None);
        if was_garbage != left.contains(&None) {
            wrong.push(format!("garbage was there: {was_garbage}"));
        }
        wrong
    }

    /// The states are those of the recorded events, applied in order by a consumer without faults. A
    /// dead letter's copy that changed a state before it was known as one may stand there for its event.
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
        let stand_ins = self.stand_ins(seen);
        let told = |stored: &Stored| neutral(stored, &stand_ins);
        let differ = entities
            .into_iter()
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

    /// Returns what names dead letters that are copies of recorded events, and what names those: ids
    /// and places.
    fn stand_ins(&self, seen: &[Seen]) -> Vec<(String, String)> {
        let (buried, places) = (self.ever_buried(), self.places());
        let mut pairs = Vec::new();
        for Seen { record, .. } in seen {
            for delivery in &record.deliveries {
                let copy = EventId {
                    delivery: *delivery,
                    index: record.id.index,
                };
                let Some(place) = places.get(&copy.to_string()) else {
                    continue;
                };
                if copy != record.id && buried.contains(&copy) {
                    pairs.push((copy.to_string(), record.id.to_string()));
                    pairs.push((place.to_string(), record.sequence.0.to_string()));
                }
            }
        }
        pairs
    }

    /// Returns the events that were dead letters at any time.
    fn ever_buried(&self) -> BTreeSet<EventId> {
        let letters = self.world.dead_letters.archive();
        let ids = letters.iter().filter_map(|m| envelope_id(&m.sent.body));
        ids.collect()
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
            RawBody::Stored(pointer) => stored(self.world, &pointer.key),
        };
        let bytes = bytes.unwrap_or_default();
        let is_of = |happening: &Happening| happening.has(&record, &bytes);
        Seen {
            happening: self.happenings.iter().position(is_of),
            bytes,
            record,
        }
    }

    fn describe(&self, record: &Record) -> String {
        format!("{} of {}", self.world.name(record.id), record.key.entity)
    }
}

/// Returns a stored body, as it was where it is damaged.
pub(crate) fn stored(world: &World, key: &str) -> Option<Bytes> {
    let spoiled = locked(&world.damage).body(key);
    spoiled.or_else(|| locked(&world.bodies).get(key).cloned())
}

/// Tells whether two accepted times are within a window.
fn is_within(window_secs: Option<u32>, one: i64, other: i64) -> bool {
    window_secs.is_none_or(|secs| one.abs_diff(other) < u64::from(secs) * 1_000)
}

fn millis(id: DeliveryId) -> i64 {
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

pub(crate) fn states(world: &World) -> BTreeMap<Entity, Stored> {
    let states = locked(&world.table).states.clone().into_iter();
    states
        .filter_map(|(entity, item)| Some((entity, item.stored?)))
        .collect()
}

/// Returns a state and the position of each of its fields, with one name for what is one event.
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
    let positions: BTreeMap<String, Vec<String>> =
        serde_json::from_str(&stored.positions).unwrap_or_default();
    let fields = positions
        .into_iter()
        .flat_map(|(position, names)| names.into_iter().map(move |name| (name, position.clone())));
    let fields = fields.map(|(name, position)| (name, replaced(&position)));
    (replaced(&stored.state), fields.collect())
}
