//! The suppression list: one state for each number or address and its channel, of the whole stack.
//!
//! Texts of several conversations and the providers' own unsubscribe events change it, so its version
//! guards the write, and its order is time alone, an opt-out winning a tie.

use switchhook_core::data::{self, Data};
use switchhook_core::entity::Entity;
use switchhook_core::occurrence::{Occurrence, Sequence};
use switchhook_core::phone;
use switchhook_core::states::{OptOut, Position};

use super::keywords::{Wish, wish};
use crate::router::Event;

/// The longest name of a channel.
const MAX_CHANNEL_CHARS: usize = 32;
/// The longest e-mail address (RFC 5321, erratum 1690).
const MAX_ADDRESS_BYTES: usize = 254;
/// The channel of texts.
const SMS: &str = "sms";
/// The channel of e-mail addresses.
const EMAIL: &str = "email";

/// Returns the channel's name as the list has it: one spelling for each, and SMS where the sender's
/// word is none. MMS goes to the same number by the same sender: who stops one stops both.
fn channel(word: Option<&str>) -> String {
    let word = word.unwrap_or_default().trim().to_ascii_lowercase();
    if word == "mms" {
        return SMS.to_owned();
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=MAX_CHANNEL_CHARS).contains(&word.len()) && word.chars().all(plain) {
        word
    } else {
        SMS.to_owned()
    }
}

/// Returns the position of a wish: by time, and an opt-out is the later one of a tie.
pub(super) fn position<D>(wish: Wish, event: &Event<'_, D>) -> Position {
    const TOP: u32 = u128::BITS.saturating_sub(1);
    let opt_out_first = u128::from(wish == Wish::OptOut) << TOP;
    let sequence = Sequence(opt_out_first | (event.sequence().0 & (u128::MAX >> 1)));
    Position::by_time(event.time(), sequence)
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
    Some(Entity::opt_out(number, &channel(data.channel.as_deref())))
}

/// A text that asks to be left alone, or to be texted again.
pub fn received(item: &mut OptOut, event: &Event<'_, data::MessageReceived>) {
    let data = event.data;
    let Some(wish) = wish(data.text.as_deref().unwrap_or_default(), event.reading()) else {
        return;
    };
    let at = position(wish, event);
    item.phone.set(data.from.clone(), at);
    item.channel.set(Some(channel(data.channel.as_deref())), at);
    wished(item, wish, event, at);
}

/// Whom an unsubscribe event is about: a number where it tells one, else an address.
enum Whom {
    Number { phone: String, channel: String },
    Address(String),
}

fn whom(data: &data::OptedOut) -> Option<Whom> {
    let channel = channel(data.channel.as_deref());
    let number = data.phone.clone().filter(|number| phone::is_e164(number));
    if channel != EMAIL
        && let Some(phone) = number
    {
        return Some(Whom::Number { phone, channel });
    }
    let address = data.email.as_deref()?.trim().to_lowercase();
    let fits = address.contains('@') && address.len() <= MAX_ADDRESS_BYTES;
    fits.then_some(Whom::Address(address))
}

/// Returns the place in the list of whom an unsubscribe event is about, where it tells.
#[must_use]
pub fn unsubscribed_entity(occurrence: &Occurrence) -> Option<Entity> {
    let Data::OptedOut(data) = &occurrence.data else {
        return None;
    };
    Some(match whom(data)? {
        Whom::Number { phone, channel } => Entity::opt_out(&phone, &channel),
        Whom::Address(address) => Entity::opt_out(&address, EMAIL),
    })
}

/// A person asked the provider to be left alone.
pub fn unsubscribed(item: &mut OptOut, event: &Event<'_, data::OptedOut>) {
    let at = position(Wish::OptOut, event);
    match whom(event.data) {
        Some(Whom::Number { phone, channel }) => {
            item.phone.set(Some(phone), at);
            item.channel.set(Some(channel), at);
        }
        Some(Whom::Address(address)) => {
            item.email.set(Some(address), at);
            item.channel.set(Some(EMAIL.to_owned()), at);
        }
        None => return,
    }
    wished(item, Wish::OptOut, event, at);
}

fn wished<D>(item: &mut OptOut, wish: Wish, event: &Event<'_, D>, at: Position) {
    item.opted_out.set(Some(wish == Wish::OptOut), at);
    item.since.set(Some(event.time()), at);
    item.source.set(Some(event.source().to_owned()), at);
    event.mark(&mut item.updated_at, &mut item.updated_by, at);
}
