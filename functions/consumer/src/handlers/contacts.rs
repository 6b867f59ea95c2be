//! Contacts: the current values, in the accepted order, since no provider tells a contact's time; and
//! whether the person asked the provider to be left alone, by the time of that.

use switchhook_core::data;
use switchhook_core::states::Contact;

use super::opt_outs;
use crate::router::Event;

/// A contact was made or changed.
pub fn modified(contact: &mut Contact, event: &Event<'_, data::Contact>) {
    let (data, at) = (event.data, event.by_sequence());
    contact.deleted.set(Some(false), at);
    contact.name.offer(data.name.as_ref(), at);
    contact.phone.offer(data.phone.as_ref(), at);
    contact.email.offer(data.email.as_ref(), at);
    contact.address.offer(data.address.as_ref(), at);
    contact.lists.offer(data.lists.as_ref(), at);
    contact.fields.offer(data.fields.as_ref(), at);
    event.mark(&mut contact.updated_at, &mut contact.updated_by, at);
}

/// A contact was deleted. The mark stays with its position, so that an older change that arrives
/// late does not bring the contact back.
pub fn deleted(contact: &mut Contact, event: &Event<'_, data::Contact>) {
    let at = event.by_sequence();
    contact.deleted.set(Some(true), at);
    contact.name.set(None, at);
    contact.phone.set(None, at);
    contact.email.set(None, at);
    contact.address.set(None, at);
    contact.lists.set(None, at);
    contact.fields.set(None, at);
    event.mark(&mut contact.updated_at, &mut contact.updated_by, at);
}

/// A person asked the provider to be left alone, or took that back.
pub fn consented(contact: &mut Contact, event: &Event<'_, data::OptedOut>) {
    if let Some((word, said)) = opt_outs::said(event.occurrence()) {
        contact.opted_out.add(word, said);
    }
    if event.is_repeated_stop() {
        return;
    }
    let (data, at) = (event.data, event.by_time());
    contact.channel.set(data.channel.clone(), at);
    contact.method.set(data.method.clone(), at);
    contact.opted_out_at.set(Some(event.time()), at);
    let order = event.by_sequence();
    contact.phone.offer(data.phone.as_ref(), order);
    contact.email.offer(data.email.as_ref(), order);
    event.mark(&mut contact.updated_at, &mut contact.updated_by, order);
}
