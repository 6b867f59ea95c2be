//! The operator: exchanges keys, repairs what was damaged, redrives dead letters.

use std::sync::Arc;
use std::time::Duration;

use switchhook_aws::sqs::{
    ATTEMPTS_ATTRIBUTE, FORCED_ATTRIBUTE, GROUP_ATTRIBUTE, REASON_ATTRIBUTE, SEQUENCE_ATTRIBUTE,
};
use switchhook_core::envelope::{Envelope, deduplication_id, deduplication_id_of_moved};
use switchhook_core::ledger::{Known, Redrive};
use switchhook_core::ports::Added;
use switchhook_core::retention::kept_until;

use crate::broken::{Broken, record_keys};
use crate::queue::{Message, Outgoing};
use crate::senders::Door;
use crate::traffic::{NEW_KEYS, OLD_KEYS, document};
use crate::world::{World, locked};

/// Exchanges the keys of two sources while they send: first both are good, then the senders change,
/// then the old ones are withdrawn.
pub(crate) async fn exchange_keys(world: Arc<World>, door: Arc<Door>) {
    tokio::time::sleep(world.pause(600_000)).await;
    let publish = |keys| {
        *locked(&world.sources) = document(keys);
        world.note(
            "operator",
            format!("publishes {} generations of keys", keys.len()),
        );
    };
    publish(&[NEW_KEYS, OLD_KEYS]);
    // Every instance has it after five minutes, if it can be read.
    tokio::time::sleep(Duration::from_secs(420)).await;
    door.use_keys(NEW_KEYS);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    publish(&[NEW_KEYS]);
}

/// Sends all dead letters to the queue again, as the command line does: what is recorded is dropped,
/// the rest keeps its group and its place, and a letter is deleted after it was sent.
pub(crate) async fn redrive(world: &Arc<World>, is_forced: bool) {
    world.note("operator", "redrives the dead letters");
    let mut letters = world.dead_letters.messages();
    letters.sort_by_key(place);
    for letter in letters {
        tokio::time::sleep(world.latency()).await;
        let envelope: Option<Envelope> = serde_json::from_str(&letter.sent.body).ok();
        let is_settled = match plan(world, envelope.as_ref(), is_forced) {
            Redrive::Send => {
                let message = redriven(world, &letter, envelope, is_forced);
                world.queue.send(world, message).is_ok()
            }
            Redrive::Drop => true,
            Redrive::Refuse => false,
        };
        // Broken off here, the letter is sent once more.
        if is_settled && !world.mishap() {
            world.dead_letters.remove(letter.sequence);
        }
    }
}

/// Moves a dead letter back with another tool, which asks nothing and changes nothing.
pub(crate) fn move_back(world: &World, letter: Message) {
    let name = format!("{} moved back", letter.sent.name);
    let message = Outgoing {
        name,
        ..letter.sent
    };
    if world.queue.send(world, message).is_ok() {
        world.dead_letters.remove(letter.sequence);
    }
}

/// Tells whether two dead letters are of one event, with different bytes.
pub(crate) fn has_pair(world: &World) -> bool {
    let letters = world.dead_letters.messages();
    let mut ones = letters.iter().enumerate();
    ones.any(|(at, one)| {
        letters[..at]
            .iter()
            .any(|other| tells_otherwise(one, other))
    })
}

/// Tells whether two letters are of one event for as long as its record lives, with different bytes.
pub(crate) fn tells_otherwise(one: &Message, other: &Message) -> bool {
    let read = |letter: &Message| serde_json::from_str::<Envelope>(&letter.sent.body).ok();
    let both = read(one).zip(read(other));
    both.is_some_and(|(one, other)| {
        let is_one_event = one.entity == other.entity && one.dedup == other.dedup;
        is_one_event && one.dedup.has_record_life() && one.digest != other.digest
    })
}

fn place(letter: &Message) -> Option<u128> {
    letter.sent.attributes.get(SEQUENCE_ATTRIBUTE)?.parse().ok()
}

fn redriven(
    world: &World,
    letter: &Message,
    envelope: Option<Envelope>,
    is_forced: bool,
) -> Outgoing {
    let mut attributes = letter.sent.attributes.clone();
    attributes.remove(REASON_ATTRIBUTE);
    attributes.remove(ATTEMPTS_ATTRIBUTE);
    let group = attributes.remove(GROUP_ATTRIBUTE).unwrap();
    if is_forced {
        attributes.insert(FORCED_ATTRIBUTE, "true".to_owned());
    }
    if world.broken == Some(Broken::RedrivenWithoutPlace) {
        attributes.remove(SEQUENCE_ATTRIBUTE);
    }
    let first_id = envelope
        .as_ref()
        .map(|envelope| deduplication_id(envelope.id));
    let dedup_id = match world.broken {
        Some(Broken::RedrivenUnderOldId) => first_id.unwrap_or_default(),
        _ => deduplication_id_of_moved(&letter.id).to_owned(),
    };
    let name = envelope.map_or("garbage".to_owned(), |envelope| world.name(envelope.id));
    Outgoing {
        name: format!("{name} redriven"),
        group,
        dedup_id,
        body: letter.sent.body.clone(),
        attributes,
    }
}

/// Looks the event up, counts it where its record does not know this delivery yet, and says what
/// becomes of its letter.
fn plan(world: &World, envelope: Option<&Envelope>, is_forced: bool) -> Redrive {
    let Some(envelope) = envelope else {
        return Known::No.redrive(false, is_forced);
    };
    let keys = record_keys(envelope);
    let mut table = locked(&world.table);
    let snapshot = table.read(world, &[], &keys);
    let (id, at) = (envelope.id, envelope.received_at);
    let digest = envelope.digest.as_deref();
    let known = snapshot.knows(&envelope.entity, &envelope.dedup, id, digest, at);
    if let Known::Copy(key) = &known {
        let expires_at = kept_until(at, envelope.retention_days);
        let entry = snapshot.records[key].entry(id.delivery, None, expires_at);
        if table.add_entry(world, key, &entry) == Added::NoRecord {
            return Redrive::Send;
        }
    }
    known.redrive(envelope.is_too_old(world.now()), is_forced)
}
