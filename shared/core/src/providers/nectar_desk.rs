//! Nectar Desk: twelve events whose bodies do not say which they are, so that the URL's slug does.
//!
//! Its documents show the bodies of calls and messages; those of contacts and lists are not shown, so
//! that their usual spellings are taken, at the top level or one level down. Its empty objects may be
//! `[]`. Objects are looked into and stay whole in `extra`: `data` never holds all that they say.

use std::borrow::Cow;

use super::fields::{self, Fields};
use super::{Element, Identity, Meaning, Provider};
use crate::canonical::MAX_DATA_BYTES;
use crate::data::{self, Data, DeliveryStatus, Direction, Extra};
use crate::dedup::{self, DedupKey, Window};
use crate::json::{self, Object};
use crate::kind::Kind;
use crate::schemes::Scheme;

mod parties;

use parties::Parties;

/// Longer than the four attempts, which span 7 seconds and the time that they wait for answers.
const RETRY_HORIZON_SECS: u32 = 2 * 60;

/// Nectar Desk (api-docs.nectardesk.com).
#[derive(Debug)]
pub struct NectarDesk;

/// What makes two deliveries of an event one.
#[derive(Clone, Copy, PartialEq)]
enum Sameness {
    /// The same bytes.
    Bytes,
    /// The same bytes, shortly after each other: what was changed back may be changed again.
    BytesShortly,
    /// The same message.
    Id,
    /// The same recordings.
    Recordings,
}

struct Event {
    slug: &'static str,
    kind: Kind,
    sameness: Sameness,
}

const fn event(slug: &'static str, kind: Kind, sameness: Sameness) -> Event {
    Event {
        slug,
        kind,
        sameness,
    }
}

/// The twelve events of the documents, by the slugs of their URLs.
const EVENTS: &[Event] = &[
    event("call-abandoned", Kind::CallAbandoned, Sameness::Bytes),
    event(
        "call-disposition-modified",
        Kind::CallDisposition,
        Sameness::BytesShortly,
    ),
    event(
        "call-disposition-saved",
        Kind::CallDisposition,
        Sameness::Bytes,
    ),
    event("call-ended", Kind::CallEnded, Sameness::Bytes),
    event(
        "call-overflowed-to-voicemail",
        Kind::CallVoicemail,
        Sameness::Bytes,
    ),
    event(
        "call-recording-received",
        Kind::CallRecording,
        Sameness::Recordings,
    ),
    event(
        "contact-created",
        Kind::ContactCreated,
        Sameness::BytesShortly,
    ),
    event(
        "contact-list-created",
        Kind::ContactListCreated,
        Sameness::BytesShortly,
    ),
    event(
        "contact-list-modified",
        Kind::ContactListModified,
        Sameness::BytesShortly,
    ),
    event(
        "contact-modified",
        Kind::ContactModified,
        Sameness::BytesShortly,
    ),
    event("message-received", Kind::MessageReceived, Sameness::Id),
    event("message-sent", Kind::MessageStatus, Sameness::Id),
];

/// Their slugs.
const SLUGS: &[&str] = &[
    "call-abandoned",
    "call-disposition-modified",
    "call-disposition-saved",
    "call-ended",
    "call-overflowed-to-voicemail",
    "call-recording-received",
    "contact-created",
    "contact-list-created",
    "contact-list-modified",
    "contact-modified",
    "message-received",
    "message-sent",
];

const RECORDINGS: &str = "call_recordings";

impl Provider for NectarDesk {
    fn name(&self) -> &'static str {
        "nectar-desk"
    }

    fn scheme(&self) -> Option<&'static dyn Scheme> {
        None
    }

    fn deciding_slugs(&self) -> &'static [&'static str] {
        SLUGS
    }

    fn retry_horizon_secs(&self) -> u32 {
        RETRY_HORIZON_SECS
    }

    fn event_name(&self, element: &Element<'_>) -> Option<String> {
        element.slug.map(str::to_owned)
    }

    fn identify(&self, element: &Element<'_>) -> Result<Identity, Cow<'static, str>> {
        let slug = element
            .slug
            .ok_or("no event in the URL: end it in the event's name, such as `/call-ended`")?;
        let event = EVENTS
            .iter()
            .find(|event| event.slug == slug)
            .ok_or("unknown event in the URL")?;
        let id = own_id(event.kind, &element.object);
        let key = match event.kind {
            Kind::MessageReceived => conversation(element)
                .ok_or("neither a `conversationId` nor the numbers of both sides")?,
            _ => id.clone().ok_or("no `id`")?,
        };
        Ok(Identity {
            kind: event.kind,
            key,
            dedup: dedup(event, id.as_deref(), element),
        })
    }

    fn interpret(&self, kind: Kind, element: &Element<'_>) -> Meaning {
        let mut top = Fields::new(element.object.clone(), element);
        let occurred_at = match kind {
            Kind::CallAbandoned | Kind::CallEnded => top.peek_time("endedDate"),
            Kind::MessageReceived | Kind::MessageStatus => top.time(&["sentAt"]),
            _ => None,
        };
        let data = match wrapped(kind, &element.object) {
            Some((name, inner)) => {
                top.take(&[name], |_| Some(()));
                let mut data = read(kind, Fields::new(inner, element), element);
                fields::add_envelope(data.extra_mut(), top.rest());
                data
            }
            None => read(kind, top, element),
        };
        Meaning { occurred_at, data }
    }
}

/// The object that a contact or list is in, where it is not the body itself.
fn wrapped<'a>(kind: Kind, body: &Object<'a>) -> Option<(&'static str, Object<'a>)> {
    let names: &[&str] = match kind {
        Kind::ContactCreated | Kind::ContactModified => &["contact"],
        Kind::ContactListCreated | Kind::ContactListModified => {
            &["contactList", "contact_list", "list"]
        }
        _ => &[],
    };
    names.iter().find_map(|name| {
        let inner = Object::from_raw(body.get(name)?).ok()?;
        let is_empty = inner.iter().next().is_none();
        (!is_empty).then_some((*name, inner))
    })
}

fn own_id(kind: Kind, body: &Object<'_>) -> Option<String> {
    let id = |object: &Object<'_>| json::identifier(object.get("id")?);
    wrapped(kind, body)
        .and_then(|(_, inner)| id(&inner))
        .or_else(|| id(body))
}

fn conversation(element: &Element<'_>) -> Option<String> {
    let id = element
        .object
        .get("conversationId")
        .and_then(json::identifier);
    id.or_else(|| {
        let parties = Parties::of_message(&element.object, Direction::Inbound);
        let (customer, ours) = (parties.customer?, parties.ours?);
        Some(fields::conversation_key(&customer, &ours, element.reading))
    })
}

fn dedup(event: &Event, id: Option<&str>, element: &Element<'_>) -> DedupKey {
    let slug = event.slug.as_bytes();
    let digest = dedup::sha256_hex(element.raw);
    let shortly = Window::Secs(RETRY_HORIZON_SECS);
    let Some(id) = id.map(str::as_bytes) else {
        return DedupKey::new(&[slug, digest.as_bytes()], shortly);
    };
    let bytes = [slug, id, digest.as_bytes()];
    match event.sameness {
        Sameness::Bytes => DedupKey::new(&bytes, Window::Record),
        Sameness::BytesShortly => DedupKey::new(&bytes, shortly),
        Sameness::Id => DedupKey::new(&[slug, id], Window::Record),
        Sameness::Recordings => match sorted_recordings(&element.object).as_deref() {
            None | Some([]) => DedupKey::new(&bytes, Window::Record),
            Some(recordings) => {
                let recordings = recordings.iter().map(String::as_bytes);
                let parts: Vec<_> = [slug, id].into_iter().chain(recordings).collect();
                DedupKey::new(&parts, Window::Record)
            }
        },
    }
}

/// The recordings as they are written, whatever their order; `None` where there are too many, or too
/// much is written in them.
fn sorted_recordings(body: &Object<'_>) -> Option<Vec<String>> {
    let listed = body.get(RECORDINGS);
    listed.and_then(json::canonical)?; // the budget of all of them
    let listed = listed.and_then(json::all_elements)?;
    let mut written: Vec<_> = listed
        .into_iter()
        .map(json::canonical)
        .collect::<Option<_>>()?;
    written.sort_unstable();
    Some(written)
}

fn read(kind: Kind, fields: Fields<'_>, element: &Element<'_>) -> Data {
    match kind {
        Kind::CallDisposition => disposition(fields),
        Kind::CallRecording => recording(fields),
        Kind::ContactCreated | Kind::ContactModified => contact(fields),
        Kind::ContactListCreated | Kind::ContactListModified => contact_list(fields),
        Kind::MessageReceived => received(fields, element),
        Kind::MessageStatus => sent(fields, element),
        _ => call(fields, element),
    }
}

fn call(mut fields: Fields<'_>, element: &Element<'_>) -> Data {
    let parties = Parties::of_call(&element.object).normalised(element.reading);
    let direction = fields.direction(&["type"]);
    let (from, to) = match direction {
        Some(Direction::Inbound) => (parties.customer, parties.ours),
        Some(Direction::Outbound) => (parties.ours, parties.customer),
        None => (None, None),
    };
    data::Call {
        direction,
        from,
        to,
        agent: agent(&fields),
        status: fields.text(&["sub_type"]),
        started_at: fields.time(&["startedDate"]),
        answered_at: None,
        ended_at: fields.time(&["endedDate"]),
        duration_secs: fields.count(&["duration"]),
        talk_secs: fields.count(&["talkTime"]),
        wait_secs: fields.count(&["waitingTime"]),
        recordings: fields.recordings(&[RECORDINGS]),
        disposition: of_disposition(&fields, "code"),
        sentiment: None,
        transcript: None,
        tags: fields.texts(&["tags"]),
        extra: fields.rest(),
    }
    .into()
}

/// Who answered, else who came last: by name, else by id.
fn agent(fields: &Fields<'_>) -> Option<String> {
    let written = fields.peek("agents")?;
    let listed = json::elements(written).unwrap_or_else(|| vec![written]);
    let mut agents = listed
        .iter()
        .filter_map(|agent| Object::from_raw(agent).ok());
    let answered = |agent: &Object<'_>| {
        let action = agent.text("action").unwrap_or_default();
        action.trim().eq_ignore_ascii_case("answered")
    };
    // One at a time: each may have as many fields as are read.
    let mut last = None;
    let agent = agents.find(|agent| {
        last = Some(agent.clone()).filter(|agent| !answered(agent));
        last.is_none()
    });
    let agent = agent.or(last)?;
    let name = agent.text("name").filter(|name| !name.trim().is_empty());
    name.or_else(|| json::identifier(agent.get("id")?))
}

fn of_disposition(fields: &Fields<'_>, name: &str) -> Option<String> {
    fields.peek_object("disposition")?.text(name)
}

fn disposition(fields: Fields<'_>) -> Data {
    data::CallDisposition {
        disposition: of_disposition(&fields, "code"),
        note: of_disposition(&fields, "note"),
        extra: fields.rest(),
    }
    .into()
}

fn recording(mut fields: Fields<'_>) -> Data {
    data::CallRecording {
        recordings: fields.recordings(&[RECORDINGS]),
        extra: fields.rest(),
    }
    .into()
}

fn contact(mut fields: Fields<'_>) -> Data {
    data::Contact {
        name: full_name(&mut fields),
        phone: fields.phone(&["phone", "phoneNumber"]),
        email: fields.text(&["email"]),
        address: fields.text(&["address"]),
        lists: lists(&mut fields, &["lists", "contactLists", "contact_lists"]),
        fields: fields.take(&["additionalFields"], |raw| {
            Some(Extra::of(Object::from_raw(raw).ok()?.iter()))
        }),
        extra: fields.rest(),
    }
    .into()
}

/// The full name; the parts that it is joined from stay, since the line does not tell them apart.
fn full_name(fields: &mut Fields<'_>) -> Option<String> {
    let parts = ["firstName", "lastName"].map(|name| fields.peek_text(name));
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    let joined = (!parts.is_empty()).then(|| parts.join(" "));
    joined.or_else(|| fields.text(&["fullName", "name"]))
}

/// Lists by their ids, or by their names where they have none; lists told as objects stay.
fn lists(fields: &mut Fields<'_>, names: &[&str]) -> Option<Vec<String>> {
    let plain = fields.take(names, |raw| {
        json::all_elements(raw)
            .filter(|_| raw.get().len() <= MAX_DATA_BYTES)?
            .into_iter()
            .map(json::identifier)
            .collect()
    });
    plain.or_else(|| {
        let written = names.iter().find_map(|name| fields.peek(name))?;
        let of = |raw| {
            let list = Object::from_raw(raw).ok()?;
            ["id", "name"]
                .iter()
                .find_map(|name| json::identifier(list.get(name)?))
        };
        let listed = json::all_elements(written)?.into_iter();
        listed.map(of).collect()
    })
}

fn contact_list(mut fields: Fields<'_>) -> Data {
    data::ContactList {
        name: fields.text(&["name"]),
        size: fields.count(&[
            "size",
            "count",
            "contactsCount",
            "contactCount",
            "contacts_count",
        ]),
        extra: fields.rest(),
    }
    .into()
}

fn received(mut fields: Fields<'_>, element: &Element<'_>) -> Data {
    let parties = Parties::of_message(&element.object, Direction::Inbound);
    let parties = parties.normalised(element.reading);
    drop_plain_numbers(&mut fields);
    data::MessageReceived {
        from: parties.customer,
        to: parties.ours,
        text: fields.text(&["text"]),
        in_reply_to_text: None,
        channel: fields.text(&["type"]),
        keyword: None,
        extra: fields.rest(),
    }
    .into()
}

fn sent(mut fields: Fields<'_>, element: &Element<'_>) -> Data {
    let parties = Parties::of_message(&element.object, Direction::Outbound);
    let parties = parties.normalised(element.reading);
    drop_plain_numbers(&mut fields);
    data::MessageStatus {
        status: Some(DeliveryStatus::Sent),
        status_raw: fields.text(&["status"]),
        r#final: Some(DeliveryStatus::Sent.is_final()),
        from: parties.ours,
        to: parties.customer,
        text: fields.text(&["text"]),
        segments: None,
        price: None,
        error_code: None,
        reason: None,
        extra: fields.rest(),
    }
    .into()
}

/// Takes the numbers out that are all that is written of a side.
fn drop_plain_numbers(fields: &mut Fields<'_>) {
    for name in parties::SIDES {
        fields.take(&[name], |raw| {
            json::text(raw).filter(|text| parties::is_number(text))
        });
    }
}

#[cfg(test)]
mod tests;
