//! The suppression list: one state for each number and channel, of the whole stack.
//!
//! Texts of several conversations change it, so its version guards the write, and its order is time
//! alone, an opt-out winning a tie.

use switchhook_core::data::{self, Data};
use switchhook_core::entity::Entity;
use switchhook_core::occurrence::{Occurrence, Sequence};
use switchhook_core::phone;
use switchhook_core::states::{OptOut, Position};

use super::keywords::{Wish, wish};
use crate::router::Event;

/// The accepted order with one bit above it, so that an opt-out is the later one of a tie.
fn opt_out_first(opted_out: bool, sequence: Sequence) -> Sequence {
    const TOP: u32 = u128::BITS.saturating_sub(1);
    Sequence((u128::from(opted_out) << TOP) | (sequence.0 & (u128::MAX >> 1)))
}

/// Returns the number's place in the list, if the text asks for anything and the number is known.
#[must_use]
pub fn entity(occurrence: &Occurrence) -> Option<Entity> {
    let Data::MessageReceived(data) = &occurrence.data else {
        return None;
    };
    wish(data.text.as_deref()?, &occurrence.envelope.reading)?;
    let number = data
        .from
        .as_deref()
        .filter(|number| phone::is_e164(number))?;
    Some(Entity::opt_out(number, data.channel.as_deref()?))
}

/// A text that asks to be left alone, or to be texted again.
pub fn received(item: &mut OptOut, event: &Event<'_, data::MessageReceived>) {
    let data = event.data;
    let Some(wish) = wish(data.text.as_deref().unwrap_or_default(), event.reading()) else {
        return;
    };
    let opted_out = wish == Wish::OptOut;
    let at = Position::by_time(event.time(), opt_out_first(opted_out, event.sequence()));
    item.phone.set(data.from.clone(), at);
    item.channel.set(data.channel.clone(), at);
    item.opted_out.set(Some(opted_out), at);
    item.since.set(Some(event.time()), at);
    item.source.set(Some(event.source().to_owned()), at);
    event.mark(&mut item.updated_at, &mut item.updated_by, at);
}
