//! The judge of what there is to see from outside (see [`crate::evidence`]). Whether each dead letter
//! had to be one is for [`crate::burials`], who must be left alone for [`crate::consent`], and what the
//! states are for [`crate::states`].

use std::collections::{BTreeMap, BTreeSet};

use ring::digest::{SHA256, digest};
use switchhook_core::entity::Entity;
use switchhook_core::ids::{DeliveryId, EventId};

use crate::burials;
use crate::consent;
use crate::evidence::{Evidence, Seen, Which, envelope_id, is_within, millis};
use crate::queue::Message;
use crate::senders::Told;
use crate::states;
use crate::traffic::RETENTION_DAYS;

const DAY_MILLIS: i64 = 86_400_000;

/// The judge.
#[derive(Debug)]
pub(crate) struct Checker<'a>(pub(crate) Evidence<'a>);

impl Checker<'_> {
    /// Checks what must hold at the end, when all that could be redriven was.
    pub(crate) async fn at_the_end(&self) -> Vec<String> {
        let mut wrong = self.while_letters_wait();
        wrong.extend(self.answers());
        wrong.extend(self.taken());
        wrong.extend(self.strangers());
        wrong.extend(self.repeated());
        wrong.extend(self.copies());
        wrong.extend(self.variants());
        wrong.extend(self.order_of_deliveries());
        wrong.extend(self.order());
        wrong.extend(self.letters_left());
        wrong.extend(burials::wrong(self.0.world));
        wrong.extend(states::implausible(&self.0));
        wrong.extend(consent::wrong(&self.0));
        wrong.extend(states::wrong(&self.0).await);
        wrong
    }

    /// Checks what must hold at any time when the queue is empty: nothing told 2xx is lost.
    pub(crate) fn while_letters_wait(&self) -> Vec<String> {
        let letters = self.0.letters();
        let mut wrong = Vec::new();
        for (attempt, id, count) in self.0.received() {
            let happening = &self.0.happenings[attempt.happening];
            let elements = &happening.tellings[attempt.telling].elements;
            if count != elements.len() {
                wrong.push(format!("{}: told of {count} events", happening.name));
            }
            for (index, element) in (0..).zip(elements) {
                let event = EventId {
                    delivery: id,
                    index,
                };
                let which = (attempt.happening, element.event);
                if !self.is_kept(which, &element.bytes, id) && !letters.contains(&event) {
                    let name = self.0.world.name(event);
                    wrong.push(format!(
                        "{}: {name} was told 200 and is lost",
                        happening.name
                    ));
                }
            }
        }
        wrong
    }

    /// Tells whether a record of this event counts this delivery and was right to, and whether these
    /// bytes are kept for as long as they should be: as its own, or as a variant's.
    fn is_kept(&self, which: Which, bytes: &[u8], id: DeliveryId) -> bool {
        let until = millis(id) + i64::from(RETENTION_DAYS) * DAY_MILLIS;
        self.0.seen.iter().any(|one| {
            let record = &one.record;
            one.which == Some(which)
                && record.deliveries.contains(&id)
                && self.0.is_within(which, one, id)
                && record.expires_at.as_millisecond() >= until
                && (one.bytes == bytes || self.has_variant(one, bytes, until))
        })
    }

    fn has_variant(&self, one: &Seen, bytes: &[u8], until: i64) -> bool {
        let digest = content_digest(bytes);
        let is_counted = one.record.variants.contains(&digest);
        is_counted
            && self.0.kept.iter().any(|kept| {
                let variant = &kept.variant;
                variant.record == one.record.key
                    && variant.of == one.record.id
                    && variant.digest == digest
                    && kept.bytes == bytes
                    && variant.expires_at.as_millisecond() >= until
            })
    }

    /// Whatever the queue took is in the ledger, whether or not the sender heard of it.
    fn taken(&self) -> Vec<String> {
        let arrived = self.0.arrived.iter();
        let lost = arrived.filter(|one| {
            let delivery = one.envelope.id.delivery;
            let is_kept = |which| self.is_kept(which, &one.bytes, delivery);
            !one.which.is_some_and(is_kept)
        });
        lost.map(|one| {
            format!(
                "{} was queued and is lost",
                self.0.world.name(one.envelope.id)
            )
        })
        .collect()
    }

    /// Genuine deliveries are refused for nothing that they say, and forged ones never taken.
    fn answers(&self) -> Vec<String> {
        let wrong = self.0.attempts.iter().filter(|attempt| match attempt.told {
            Told::Nothing | Told::Status(500..) => false,
            Told::Received(..) => attempt.is_forged,
            Told::Status(401 | 404) => !attempt.is_forged,
            Told::Status(_) => true,
        });
        wrong
            .map(|attempt| {
                let name = &self.0.happenings[attempt.happening].name;
                format!(
                    "{name}: forged {}, told {:?}",
                    attempt.is_forged, attempt.told
                )
            })
            .collect()
    }

    /// Nothing is in the ledger that nobody with the keys told.
    fn strangers(&self) -> Vec<String> {
        let genuine: BTreeSet<_> = self
            .0
            .attempts
            .iter()
            .filter(|a| !a.is_forged)
            .map(|a| a.happening)
            .collect();
        let is_strange =
            |which: Option<Which>| !which.is_some_and(|(place, _)| genuine.contains(&place));
        let records = self.0.seen.iter().filter(|one| is_strange(one.which));
        let mut strange: Vec<_> = records
            .map(|one| format!("{} was told by nobody", self.0.describe(&one.record)))
            .collect();
        for kept in &self.0.kept {
            let variant = &kept.variant;
            let mut arrived = self.0.arrived.iter();
            let told = arrived.find(|one| one.envelope.id == variant.id);
            let is_told = told.is_some_and(|one| one.bytes == kept.bytes);
            let of = self.0.seen.iter().find(|one| one.record.id == variant.of);
            let is_of = of.is_some_and(|one| {
                one.which == kept.which
                    && one.record.key == variant.record
                    && one.bytes != kept.bytes
            });
            let has_digest = variant.digest == content_digest(&kept.bytes);
            if is_strange(kept.which) || !is_told || !is_of || !has_digest {
                let id = self.0.world.name(variant.id);
                strange.push(format!("{id} is no variant that anybody told"));
            }
        }
        strange
    }

    /// Nothing is recorded twice within its window, with whatever bytes.
    fn repeated(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (at, one) in self.0.seen.iter().enumerate() {
            let Some(which) = one.which else { continue };
            let window = self.0.window_secs(which);
            for earlier in self.0.seen.iter().take(at) {
                let is_same = earlier.which == one.which && !self.0.is_erased(one);
                let times = [earlier, one].map(|one| one.record.received_at.as_millisecond());
                if is_same && is_within(window, times[0], times[1]) {
                    let [first, second] = [earlier, one].map(|one| self.0.describe(&one.record));
                    wrong.push(format!("{second} repeats {first}"));
                }
            }
        }
        wrong
    }

    /// What a record counts are deliveries of its event, each counted once, and no more than were told
    /// or may have been.
    fn copies(&self) -> Vec<String> {
        let told: BTreeMap<_, _> = self
            .0
            .received()
            .map(|(attempt, id, _)| (id, attempt.happening))
            .collect();
        let mut wrong = Vec::new();
        let mut counted: BTreeMap<Which, BTreeSet<DeliveryId>> = BTreeMap::new();
        let mut unknown: BTreeMap<usize, BTreeSet<DeliveryId>> = BTreeMap::new();
        for one in &self.0.seen {
            let Some(which) = one.which else { continue };
            if self.0.is_erased(one) {
                continue;
            }
            let counted = counted.entry(which).or_default();
            for id in &one.record.deliveries {
                let of = told.get(id).copied();
                let is_copy =
                    of.is_none_or(|of| of == which.0) && self.0.is_within(which, one, *id);
                if !is_copy || !counted.insert(*id) {
                    let copy = self.0.world.name_of_delivery(*id);
                    wrong.push(format!(
                        "{} counts {copy} too",
                        self.0.describe(&one.record)
                    ));
                }
                if of.is_none() {
                    unknown.entry(which.0).or_default().insert(*id);
                }
            }
        }
        for (place, ids) in unknown {
            let (unheard, name) = (self.unheard(place), &self.0.happenings[place].name);
            if ids.len() > unheard {
                let unknown = ids.len();
                wrong.push(format!(
                    "{name}: {unknown} copies of {unheard} that it was not told of"
                ));
            }
        }
        wrong
    }

    /// What a record counts as variants are the other bytes of the deliveries that it counts: all of
    /// them, and no others.
    fn variants(&self) -> Vec<String> {
        let live = self.0.seen.iter().filter(|one| !self.0.is_erased(one));
        let wrong = live.filter(|one| {
            let of = self.0.arrived.iter().filter(|arrived| {
                let delivery = arrived.envelope.id.delivery;
                arrived.which == one.which && one.record.deliveries.contains(&delivery)
            });
            let others = of.filter(|arrived| arrived.bytes != one.bytes);
            let digests: BTreeSet<_> = others.map(|one| content_digest(&one.bytes)).collect();
            digests != one.record.variants
        });
        wrong
            .map(|one| format!("{} counts other variants", self.0.describe(&one.record)))
            .collect()
    }

    /// Counts the genuine requests that got no 2xx.
    fn unheard(&self, place: usize) -> usize {
        let unheard = self.0.attempts.iter().filter(|attempt| {
            let is_told = matches!(attempt.told, Told::Received(..));
            attempt.happening == place && !attempt.is_forged && !is_told
        });
        unheard.count()
    }

    /// The events of a delivery that was told 200 are in the queue in their order.
    fn order_of_deliveries(&self) -> Vec<String> {
        let places = self.0.places();
        let place = |delivery, index| places.get(&EventId { delivery, index });
        let is_right = |id, count: usize| {
            let indexes = (0..).take(count).map(|index| place(id, index));
            let found: Vec<_> = indexes.collect();
            found.is_sorted() && !found.contains(&None)
        };
        let wrong = self
            .0
            .received()
            .filter(|(_, id, count)| !is_right(*id, *count));
        wrong
            .map(|(attempt, id, _)| {
                let name = &self.0.happenings[attempt.happening].name;
                let id = self.0.world.name_of_delivery(id);
                format!("{name}: the events of {id} are not in the queue in their order")
            })
            .collect()
    }

    /// The events of an entity that were never dead letters are recorded in their accepted order, and
    /// each under the place that the queue gave it.
    fn order(&self) -> Vec<String> {
        let places = self.0.places();
        let mut last: BTreeMap<&Entity, u128> = BTreeMap::new();
        let mut wrong = Vec::new();
        for one in &self.0.seen {
            let record = &one.record;
            let place = record.sequence.0;
            if places.get(&record.id) != Some(&place) {
                wrong.push(format!(
                    "{} has another place than the queue gave it",
                    self.0.describe(record)
                ));
            }
            if self.0.buried.contains(&record.id) || self.0.is_erased(one) {
                continue;
            }
            let before = last.insert(&record.key.entity, place);
            if before.is_some_and(|before| before > place) {
                wrong.push(format!("{} was recorded too late", self.0.describe(record)));
            }
        }
        wrong
    }

    /// What was never an event stays a dead letter, and nothing else does.
    fn letters_left(&self) -> Vec<String> {
        let ids = |messages: Vec<Message>| -> BTreeSet<_> {
            let ids = messages.into_iter().map(|m| envelope_id(&m.sent.body));
            ids.collect()
        };
        let left = ids(self.0.world.dead_letters.messages());
        let mut wrong: Vec<_> = left
            .iter()
            .flatten()
            .map(|id| format!("{} is still a dead letter", self.0.world.name(*id)))
            .collect();
        let was_garbage = ids(self.0.world.queue.archive()).contains(&None);
        if was_garbage != left.contains(&None) {
            wrong.push(format!("garbage was there: {was_garbage}"));
        }
        wrong
    }
}

/// 128 bits of SHA-256 in hex, by other code than what is checked.
fn content_digest(bytes: &[u8]) -> String {
    let mut digits = hex::encode(digest(&SHA256, bytes));
    digits.truncate(32);
    digits
}
