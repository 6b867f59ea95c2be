//! The suppression list: one item for each number or address and its channel, of the whole stack.
//!
//! Texts of several conversations and the providers' own unsubscribe events change it, so its version
//! guards the write. No opt-out vanishes: where neither a number nor an address can be read, the item
//! stands under the text as it came.

use switchhook_core::address;
use switchhook_core::channel;
use switchhook_core::data::{self, Data, Keyword};
use switchhook_core::entity::Entity;
use switchhook_core::keywords;
use switchhook_core::kind::Kind;
use switchhook_core::occurrence::Occurrence;
use switchhook_core::phone;
use switchhook_core::states::{OptOut, Owner, Said, Word};

use crate::router::Event;

/// Returns the word that an event says, if it says one.
fn word(event: &Occurrence) -> Option<Word> {
    match &event.data {
        Data::MessageReceived(data) => word_of_text(event, data),
        Data::OptedOut(_) if event.envelope.kind == Kind::ContactOptedIn => Some(Word::Start),
        Data::OptedOut(_) => Some(Word::Stop),
        _ => None,
    }
}

/// The provider's own reading of a text counts where there is one; our words are not asked then.
fn word_of_text(event: &Occurrence, data: &data::MessageReceived) -> Option<Word> {
    let own = || keywords::meaning(data.text.as_deref()?, &event.envelope.reading);
    match data.keyword.or_else(own)? {
        Keyword::Stop => Some(Word::Stop),
        Keyword::Start => Some(Word::Start),
        Keyword::Help => None,
    }
}

/// Returns the word that an event says as it is to be added to what was said before.
pub(super) fn said(event: &Occurrence) -> Option<(Word, Said)> {
    let word = word(event)?;
    let times = match word {
        Word::Stop => event.times_of_stop(),
        Word::Start => event.times_of_start(),
    };
    // The evidence is the record's event: a duplicate's own id is in no record.
    let record = event.role.record();
    let id = record.map_or(event.envelope.id, |record| record.id);
    Some((word, Said::new(times, id)))
}

/// Returns whether an event says STOP.
#[must_use]
pub fn says_stop(event: &Occurrence) -> bool {
    word(event) == Some(Word::Stop)
}

/// Returns whether an event says STOP of somebody who cannot be read.
#[must_use]
pub fn is_unplaced_stop(event: &Occurrence) -> bool {
    says_stop(event) && owner(event).is_some_and(|owner| owner.is_unplaced)
}

/// Returns the owner of the item that an event is about.
fn owner(event: &Occurrence) -> Option<Owner> {
    let (word, phone, email) = match &event.data {
        Data::MessageReceived(data) => (&data.channel, &data.from, &data.from),
        Data::OptedOut(data) => (&data.channel, &data.phone, &data.email),
        _ => return None,
    };
    let channel = channel::named(word.as_deref());
    let phone = phone.as_deref().map(str::trim).filter(|s| !s.is_empty());
    let email = email.as_deref();
    let address = email.and_then(address::email_address);
    let owner = |phone: Option<String>, email: Option<String>, channel: &str| Owner {
        phone,
        email,
        channel: channel.to_owned(),
        is_unplaced: false,
    };
    if let Some(id) = phone.filter(|_| channel == channel::MESSENGER) {
        return Some(Owner::of_id(id, channel));
    }
    let is_of_address = channel == channel::EMAIL || phone.is_none();
    let number = phone.filter(|phone| phone::is_e164(phone));
    Some(match (address, number) {
        (Some(address), _) if is_of_address => owner(None, Some(address), channel::EMAIL),
        (_, Some(phone)) if channel != channel::EMAIL => {
            owner(Some(phone.to_owned()), None, channel)
        }
        _ if channel == channel::EMAIL => unplaced(event, email.or(phone), channel),
        _ => unplaced(event, phone.or(email), channel),
    })
}

/// Returns the owner of an item that nobody will ask for: the text as it came or, where there is none,
/// the entity that the event is about.
fn unplaced(event: &Occurrence, written: Option<&str>, channel: &str) -> Owner {
    let written = written.filter(|text| !text.trim().is_empty());
    Owner::unplaced(written.unwrap_or(event.envelope.entity.as_str()), channel)
}

/// Returns the item that an event changes, if it says a word.
#[must_use]
pub fn entity(event: &Occurrence) -> Option<Entity> {
    word(event)?;
    let owner = owner(event)?;
    let key = owner.phone.or(owner.email)?;
    Some(Entity::opt_out(&key, &owner.channel))
}

/// A text that asks to be left alone, or to be texted again.
pub fn received(item: &mut OptOut, event: &Event<'_, data::MessageReceived>) {
    add(item, event.occurrence());
}

/// A person asked the provider to be left alone, or took that back.
pub fn consented(item: &mut OptOut, event: &Event<'_, data::OptedOut>) {
    add(item, event.occurrence());
}

fn add(item: &mut OptOut, event: &Occurrence) {
    if let Some((word, said)) = said(event)
        && let Some(owner) = owner(event)
    {
        let envelope = &event.envelope;
        let (source, scope) = (envelope.entity.source(), envelope.opt_in_scope);
        item.add(owner, source, word, said, scope);
    }
}
