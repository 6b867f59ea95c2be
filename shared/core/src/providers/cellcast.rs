//! Cellcast: a webhook for texts that come in and one for what became of those that went out, of two
//! generations.
//!
//! The current generation sends objects with a `type`; the legacy one sends lists of objects without
//! it, told by their fields. `status` says nothing about the direction: the documented example of a
//! reply has one. Where a body has `reply`, that is the customer's text and `message` the text of ours
//! that it answers.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::fields::{self, Fields};
use super::{Element, Identity, Meaning, Provider};
use crate::content;
use crate::data::{self, Data, DeliveryStatus};
use crate::dedup::{self, DedupKey, Window};
use crate::json::{self, JsonError, Object};
use crate::kind::Kind;
use crate::phone;
use crate::schemes::Scheme;
use crate::schemes::basic::Basic;

/// Nothing is documented about retries: long enough for those of a passing fault, short enough for a
/// customer who writes the same word again.
const RETRY_HORIZON_SECS: u32 = 10 * 60;

/// Cellcast (developer.cellcast.com).
#[derive(Debug)]
pub struct Cellcast;

/// What an event is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Event {
    /// A text came in.
    Receive,
    /// Something became of a text that went out.
    Send,
}

impl Event {
    /// The sender's own name for it.
    const fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Send => "send",
        }
    }
}

const MESSAGES: &str = "messages";
const TYPE: &str = "type";
const STATUS: &str = "status";
const RECEIVED_AT: &str = "received_at";
/// Where a customer's text stands, unless there is a [`REPLY`].
const TEXT: &[&str] = &["message", "body"];
const REPLY: &str = "reply";

const ID: &[&str] = &["_id"];
const LEGACY_ID: &[&str] = &["message_id"];
const MESSAGE: &[&str] = &["_id", "message_id"];
const CUSTOMER: &[&str] = &["sender", "from"];
const OURS: &[&str] = &["receiver"];
const RECIPIENT: &[&str] = &["receiver", "recipient"];

/// What only an event has, and no list of them.
const OF_AN_EVENT: &[&str] = &["_id", "from", "message_id", "sender", TYPE];

/// The legacy generation's types of inbound texts, which are channels.
const CHANNELS: &[&str] = &["sms", "mms"];

const INBOUND: &str = "inbound";
const STATUS_SLUG: &str = "status";

impl Provider for Cellcast {
    fn name(&self) -> &'static str {
        "cellcast"
    }

    fn scheme(&self) -> Option<&'static dyn Scheme> {
        Some(&Basic)
    }

    fn default_country(&self) -> Option<&'static str> {
        Some("AU")
    }

    fn deciding_slugs(&self) -> &'static [&'static str] {
        &[INBOUND, STATUS_SLUG]
    }

    fn retry_horizon_secs(&self) -> u32 {
        RETRY_HORIZON_SECS
    }

    fn parts<'a>(&self, body: &'a str) -> Result<Option<Vec<&'a RawValue>>, JsonError> {
        let value = json::value(body)?;
        if let Some(elements) = json::first_elements(value, content::MAX_EVENTS) {
            return Ok(Some(elements));
        }
        let Ok(object) = Object::from_raw(value) else {
            return Ok(None); // told apart when it is read as an event
        };
        if OF_AN_EVENT.iter().any(|name| object.get(name).is_some()) {
            return Ok(None);
        }
        Ok(object
            .get(MESSAGES)
            .and_then(|list| json::first_elements(list, content::MAX_EVENTS)))
    }

    fn event_name(&self, element: &Element<'_>) -> Option<String> {
        match find(element) {
            Ok(event) => Some(event.name().to_owned()),
            Err(_) => own_type(&element.object).filter(|word| !is_channel(word)),
        }
    }

    fn identify(&self, element: &Element<'_>) -> Result<Identity, Cow<'static, str>> {
        match find(element)? {
            Event::Receive => identify_receive(element),
            Event::Send => identify_send(element),
        }
    }

    fn interpret(&self, kind: Kind, element: &Element<'_>) -> Meaning {
        let mut fields = Fields::new(element.object.clone(), element);
        if kind == Kind::MessageReceived {
            return Meaning {
                occurred_at: fields.time(&[RECEIVED_AT]),
                data: received(fields, &element.object),
            };
        }
        Meaning {
            occurred_at: None,
            data: status(fields),
        }
    }
}

/// Finds out what an event is: by its type, else by the URL, else by the legacy generation's fields.
fn find(element: &Element<'_>) -> Result<Event, &'static str> {
    let object = &element.object;
    if let Some(word) = own_type(object) {
        if let Some(event) = event_of(&word) {
            return Ok(event);
        }
        if !is_channel(&word) {
            return Err("unknown `type`");
        }
    }
    let has = |name| object.get(name).is_some();
    match element.slug {
        Some(INBOUND) => Ok(Event::Receive),
        Some(STATUS_SLUG) => Ok(Event::Send),
        _ if has("from") && has("body") => Ok(Event::Receive),
        _ if has("recipient") && has(STATUS) => Ok(Event::Send),
        Some(_) => Err("no `type`, and an unknown event in the URL"),
        None => Err("no `type`, and no event in the URL"),
    }
}

fn own_type(object: &Object<'_>) -> Option<String> {
    object.text(TYPE).filter(|word| !word.trim().is_empty())
}

fn event_of(word: &str) -> Option<Event> {
    [Event::Receive, Event::Send]
        .into_iter()
        .find(|event| word.eq_ignore_ascii_case(event.name()))
}

fn is_channel(word: &str) -> bool {
    CHANNELS.iter().any(|name| word.eq_ignore_ascii_case(name))
}

fn identify_receive(element: &Element<'_>) -> Result<Identity, Cow<'static, str>> {
    let object = &element.object;
    let customer = fields::first_id(object, CUSTOMER).ok_or("neither a `sender` nor a `from`")?;
    // The legacy generation does not say which number of ours was written to.
    let key = match fields::first_id(object, OURS) {
        Some(ours) => fields::conversation_key(&customer, &ours, element.reading),
        None => phone::normalise(&customer, element.reading.country.as_ref()),
    };
    Ok(Identity {
        kind: Kind::MessageReceived,
        key,
        dedup: dedup_of_receive(&customer, element),
    })
}

/// It is not known whether `_id` names the reply or the text that it answers. Two replies may share it,
/// and their words: a STOP after a START must count, so that only what comes soon again is a retry.
fn dedup_of_receive(customer: &str, element: &Element<'_>) -> DedupKey {
    let object = &element.object;
    let text = || digest_of(customers_text(object), element);
    let window = Window::Secs(RETRY_HORIZON_SECS);
    let (parts, window) = if let Some(id) = fields::first_id(object, ID) {
        (vec![id, customer.to_owned(), text()], window)
    } else if let Some(id) = fields::first_id(object, LEGACY_ID) {
        (vec![id], Window::Record)
    } else if object.get("sender").is_some() {
        let digest = dedup::sha256_hex(element.raw);
        (vec![customer.to_owned(), digest], window)
    } else {
        let received_at = written(object, RECEIVED_AT);
        (vec![customer.to_owned(), received_at, text()], window)
    };
    let parts = std::iter::once(Event::Receive.name()).chain(parts.iter().map(String::as_str));
    DedupKey::new(&parts.map(str::as_bytes).collect::<Vec<_>>(), window)
}

/// A text, and what is none as it was sent; nothing where there is nothing.
fn written(object: &Object<'_>, name: &str) -> String {
    match object.get(name) {
        Some(raw) => json::text(raw).unwrap_or_else(|| raw.get().to_owned()),
        None => String::new(),
    }
}

/// The digest of a text, or of all bytes where there is none.
fn digest_of(text: Option<String>, element: &Element<'_>) -> String {
    match text {
        Some(text) => dedup::sha256_hex(text.as_bytes()),
        None => dedup::sha256_hex(element.raw),
    }
}

/// Tells whether a body has a reply: then `message` is a text of ours. A null is none.
fn has_reply(object: &Object<'_>) -> bool {
    object.get(REPLY).is_some_and(|raw| raw.get() != "null")
}

fn customers_text(object: &Object<'_>) -> Option<String> {
    if has_reply(object) {
        return object.text(REPLY);
    }
    TEXT.iter().find_map(|name| object.text(name))
}

fn identify_send(element: &Element<'_>) -> Result<Identity, Cow<'static, str>> {
    let object = &element.object;
    let id = fields::first_id(object, MESSAGE).ok_or("neither an `_id` nor a `message_id`")?;
    let recipient = fields::first_id(object, RECIPIENT);
    let word = written(object, STATUS).to_ascii_lowercase();
    let customer = recipient.as_deref().unwrap_or_default();
    let parts = [Event::Send.name(), &id, customer, &word].map(str::as_bytes);
    // A text to several recipients has one id, and each of them a status.
    let key = match &recipient {
        Some(recipient) => format!("{id},{recipient}"),
        None => id.clone(),
    };
    Ok(Identity {
        kind: Kind::MessageStatus,
        dedup: DedupKey::new(&parts, Window::Record),
        key,
    })
}

fn received(mut fields: Fields<'_>, object: &Object<'_>) -> Data {
    let has_reply = has_reply(object);
    let channel = fields.take(&[TYPE], |raw| {
        json::text(raw).filter(|word| is_channel(word) || event_of(word).is_some())
    });
    let channel = channel.filter(|word| is_channel(word));
    data::MessageReceived {
        from: fields.phone(CUSTOMER),
        to: fields.phone(OURS),
        text: fields.text(if has_reply { &[REPLY] } else { TEXT }),
        in_reply_to_text: fields.text(if has_reply {
            &["message", "original_body"]
        } else {
            &["original_body"]
        }),
        channel: Some(channel.map_or("sms".to_owned(), |word| word.to_ascii_lowercase())),
        keyword: None,
        extra: fields.rest(),
    }
    .into()
}

fn status(mut fields: Fields<'_>) -> Data {
    fields.take(&[TYPE], |raw| event_of(&json::text(raw)?));
    let status_raw = fields.text(&[STATUS]);
    let status = status_raw.as_deref().and_then(meaning);
    data::MessageStatus {
        status,
        status_raw,
        r#final: status.map(DeliveryStatus::is_final),
        from: fields.phone(&["sender"]),
        to: fields.phone(RECIPIENT),
        extra: fields.rest(),
        ..data::MessageStatus::default()
    }
    .into()
}

/// What the words of both generations mean. `received` is Cellcast's own receipt of the text, not the
/// handset's.
fn meaning(word: &str) -> Option<DeliveryStatus> {
    Some(match word.to_ascii_lowercase().as_str() {
        "queued" => DeliveryStatus::Accepted,
        "dispatched" | "received" | "sent" => DeliveryStatus::Sent,
        "expired" => DeliveryStatus::Expired,
        "aborted" | "failed" => DeliveryStatus::Failed,
        "rejected" => DeliveryStatus::Rejected,
        "dead" => DeliveryStatus::Deleted,
        "delivered" => DeliveryStatus::Delivered,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
