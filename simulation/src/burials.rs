//! The judge of dead letters: was each one by right? To tell that, it has to know what was done to the
//! world: which handlers have mistakes, when something was damaged, and what befell which attempt. Of
//! the functions it knows what the letter tells and what the ledger counted.

use switchhook_aws::sqs::ATTEMPTS_ATTRIBUTE;
use switchhook_core::body::Carried;
use switchhook_core::envelope::Envelope;

use crate::evidence::{carried, envelope_id, reason};
use crate::poison::{KILLS, PANICS, REFUSED};
use crate::queue::Message;
use crate::world::{World, at, locked};

/// How many attempts an event has.
const ATTEMPTS: usize = 5;

/// Returns the dead letters that are none by right.
pub(crate) fn wrong(world: &World) -> Vec<String> {
    let judge = Judge { world };
    let letters = world.dead_letters.archive().into_iter();
    let wrong = letters.filter(|letter| !judge.is_right(letter));
    wrong
        .map(|letter| {
            let id = envelope_id(&letter.sent.body);
            let name = id.map_or("garbage".to_owned(), |id| world.name(id));
            let (attempts, tried) = (attempts(&letter), judge.tried(&letter));
            format!(
                "{name} is a dead letter for `{}` after {attempts} attempts, and was tried {tried} times",
                reason(&letter)
            )
        })
        .collect()
}

struct Judge<'a> {
    world: &'a World,
}

impl Judge<'_> {
    fn is_right(&self, letter: &Message) -> bool {
        let Ok(envelope) = serde_json::from_str::<Envelope>(&letter.sent.body) else {
            return reason(letter) == "envelope";
        };
        let is_marked = |mark| self.text(&envelope).contains(mark);
        match reason(letter) {
            "panic" => {
                let is_last = attempts(letter) == ATTEMPTS && self.tried(letter) >= ATTEMPTS;
                is_marked(PANICS) && is_last
            }
            // As much went wrong while just this event ran as it takes; a letter is sent under the
            // id that its message had.
            "attempts" => {
                let strokes = self.world.strokes(&letter.sent.dedup_id);
                let is_marked = is_marked(PANICS) || is_marked(KILLS);
                let is_over = attempts(letter) > ATTEMPTS && self.tried(letter) > ATTEMPTS;
                is_over && (strokes >= ATTEMPTS || is_marked || self.was_hopeless(letter))
            }
            "item" => self.is_by_damage(letter),
            "refused_by_table" => is_marked(REFUSED),
            "body_missing" | "body_damaged" => match &envelope.body {
                Carried::Stored(pointer) => {
                    let is_spoiled = locked(&self.world.damage).has_spoiled(&pointer.key);
                    is_spoiled && self.is_by_damage(letter)
                }
                Carried::Inline(_) | Carried::Deflated(_) => false,
            },
            "too_old" => is_old(&envelope, letter),
            _ => false,
        }
    }

    /// Returns at how many receives the ledger was asked to count an attempt of the letter's message.
    fn tried(&self, letter: &Message) -> usize {
        locked(&self.world.table).tried(&letter.sent.dedup_id)
    }

    /// Tells whether a letter's event was to be one before, by right and for a reason of its own: while
    /// no letter is taken, or its message is not deleted, it comes again and its attempts go on.
    fn was_hopeless(&self, letter: &Message) -> bool {
        let asked = locked(&self.world.asked).clone();
        let own = |other: &&Message| {
            other.sent.dedup_id == letter.sent.dedup_id && reason(other) != reason(letter)
        };
        asked.iter().filter(own).any(|other| self.is_right(other))
    }

    /// Tells whether something was damaged when a letter was sent, or so shortly before that its
    /// sending may have been under way.
    fn is_by_damage(&self, letter: &Message) -> bool {
        const UNDER_WAY_MILLIS: u64 = 90_000;
        locked(&self.world.damage).was_there(letter.sent_at, UNDER_WAY_MILLIS)
    }

    fn text(&self, envelope: &Envelope) -> String {
        let bytes = carried(self.world, &envelope.body);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Returns the attempts that a letter tells of.
fn attempts(letter: &Message) -> usize {
    let told = letter.sent.attributes.get(ATTEMPTS_ATTRIBUTE);
    told.and_then(|told| told.parse().ok()).unwrap_or_default()
}

/// Tells whether a record of an event may have been forgotten when its letter was sent, by a clock
/// that may be two minutes ahead.
fn is_old(envelope: &Envelope, letter: &Message) -> bool {
    const LIMIT_MILLIS: i64 = 28 * 24 * 3_600_000;
    const SKEW_MILLIS: i64 = 120_000;
    let sent_at = at(letter.sent_at, SKEW_MILLIS).as_millisecond();
    sent_at - envelope.received_at.as_millisecond() > LIMIT_MILLIS
}
