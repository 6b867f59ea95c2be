//! AI Sync: sixteen dotted events in one envelope, and two contact hooks that are flat and perhaps
//! form-encoded.
//!
//! Only `call.ended` has documented data; both spellings of its fields are taken, and whatever is
//! not known stays in `extra`. The envelope's `timestamp` is the time of what the event names.
//! `webhook_id` names the webhook's configuration, not the event: it is no part of any key.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::fields::{Fields, conversation_key, first_id};
use super::{Element, Identity, Meaning, Provider};
use crate::data::{self, Data};
use crate::dedup::{self, DedupKey, Window};
use crate::json::{self, Object};
use crate::kind::Kind;
use crate::schemes::Scheme;
use crate::schemes::hmac_sha256::HmacSha256;
use crate::time::Timestamp;

/// Longer than the five attempts, which span 42.5 minutes.
const RETRY_HORIZON_SECS: u32 = 2 * 60 * 60;

/// AI Sync (docs.aisync.link).
#[derive(Debug)]
pub struct AiSync;

/// Whether an event can happen more than once to its entity.
#[derive(Clone, Copy, PartialEq)]
enum Occurs {
    Once,
    Repeatedly,
}

struct Event {
    name: &'static str,
    kind: Kind,
    occurs: Occurs,
}

const fn event(name: &'static str, kind: Kind, occurs: Occurs) -> Event {
    Event { name, kind, occurs }
}

/// The sixteen events of the documents.
const EVENTS: &[Event] = &[
    event("agent.created", Kind::AgentCreated, Occurs::Once),
    event(
        "agent.performance",
        Kind::AgentPerformance,
        Occurs::Repeatedly,
    ),
    event(
        "agent.status_changed",
        Kind::AgentStatus,
        Occurs::Repeatedly,
    ),
    event("agent.updated", Kind::AgentUpdated, Occurs::Repeatedly),
    event(
        "appointment.scheduled",
        Kind::AppointmentScheduled,
        Occurs::Once,
    ),
    event("call.answered", Kind::CallAnswered, Occurs::Once),
    event("call.ended", Kind::CallEnded, Occurs::Once),
    event("call.started", Kind::CallStarted, Occurs::Once),
    event(
        "call.transferred",
        Kind::CallTransferred,
        Occurs::Repeatedly,
    ),
    event("campaign.completed", Kind::CampaignCompleted, Occurs::Once),
    event("campaign.started", Kind::CampaignStarted, Occurs::Once),
    event("lead.generated", Kind::LeadGenerated, Occurs::Once),
    event("sms.failed", Kind::MessageStatus, Occurs::Once),
    event("sms.received", Kind::MessageReceived, Occurs::Once),
    // It is not known whether its `message_id` names the reply or the text that it answers.
    event("sms.replied", Kind::MessageReceived, Occurs::Repeatedly),
    event("sms.sent", Kind::MessageStatus, Occurs::Once),
];

const CONTACT: &str = "contact";
const CONTACT_DELETE: &str = "contact-delete";

const AGENT: &[&str] = &["agent_id"];
const CALLER: &[&str] = &["from", "from_number", "sender", "caller_number"];
const CALLED: &[&str] = &["to", "to_number", "recipient", "called_number"];
const MESSAGE: &[&str] = &["message_id", "sms_id"];
const PHONE: &[&str] = &["phone_number", "phone", "caller_number"];
const POWELIST: &[&str] = &["powelist_id", "powerlist_id"];

impl Provider for AiSync {
    fn name(&self) -> &'static str {
        "ai-sync"
    }

    fn scheme(&self) -> Option<&'static dyn Scheme> {
        Some(&HmacSha256)
    }

    fn deciding_slugs(&self) -> &'static [&'static str] {
        &[CONTACT, CONTACT_DELETE]
    }

    fn retry_horizon_secs(&self) -> u32 {
        RETRY_HORIZON_SECS
    }

    fn event_name(&self, element: &Element<'_>) -> Option<String> {
        let named = element.object.text("event");
        match hook(element) {
            Some(_) => element.slug.map(str::to_owned),
            None => named.or_else(|| element.slug.map(str::to_owned)),
        }
    }

    fn identify(&self, element: &Element<'_>) -> Result<Identity, Cow<'static, str>> {
        match (known(&element.object), hook(element)) {
            (Some(event), _) => identify_event(event, element),
            (None, Some(kind)) => identify_contact(kind, element),
            (None, None) if element.object.get("event").is_some() => Err("unknown event".into()),
            (None, None) if element.slug.is_some() => Err("unknown event in the URL".into()),
            (None, None) => Err("no `event`, and none in the URL".into()),
        }
    }

    fn interpret(&self, kind: Kind, element: &Element<'_>) -> Meaning {
        let mut top = Fields::new(element.object.clone(), element);
        if kind == Kind::ContactModified || kind == Kind::ContactDeleted {
            return Meaning {
                occurred_at: None,
                data: contact(top, element),
            };
        }
        let name = top.text(&["event"]).unwrap_or_default();
        let occurred_at = top.time(&["timestamp"]);
        let inner = data_object(&element.object);
        if inner.is_some() {
            top.drop_object("data");
        }
        let fields = Fields::new(inner.unwrap_or_default(), element);
        let mut data = read(kind, &name, occurred_at, fields);
        super::fields::add_envelope(data.extra_mut(), top.rest());
        Meaning { occurred_at, data }
    }
}

fn known(object: &Object<'_>) -> Option<&'static Event> {
    let name = object.text("event")?;
    EVENTS.iter().find(|event| event.name == name)
}

/// The contact hook that the URL names, unless the body names a known event.
fn hook(element: &Element<'_>) -> Option<Kind> {
    if known(&element.object).is_some() {
        return None;
    }
    match element.slug? {
        CONTACT => Some(Kind::ContactModified),
        CONTACT_DELETE => Some(Kind::ContactDeleted),
        _ => None,
    }
}

fn data_object<'a>(object: &Object<'a>) -> Option<Object<'a>> {
    Object::from_raw(object.get("data")?).ok()
}

fn identify_event(event: &Event, element: &Element<'_>) -> Result<Identity, Cow<'static, str>> {
    let data = data_object(&element.object).ok_or("no `data` object")?;
    let key = entity_key(event.kind, &data, element)?;
    let own_id = match (event.occurs, event.kind) {
        (Occurs::Repeatedly, _) => None,
        (Occurs::Once, Kind::MessageReceived) => first_id(&data, MESSAGE),
        (Occurs::Once, _) => Some(key.clone()),
    };
    let dedup = match own_id {
        Some(id) => DedupKey::new(&[event.name.as_bytes(), id.as_bytes()], Window::Record),
        None => repeatable(event, element),
    };
    Ok(Identity {
        kind: event.kind,
        key,
        dedup,
    })
}

fn entity_key(
    kind: Kind,
    data: &Object<'_>,
    element: &Element<'_>,
) -> Result<String, Cow<'static, str>> {
    let id = |names: &[&str], missing: &'static str| first_id(data, names).ok_or(missing.into());
    match kind {
        Kind::MessageReceived => first_id(data, &["conversation_id"])
            .or_else(|| numbers_key(data, element))
            .ok_or_else(|| "neither a `conversation_id` nor both numbers".into()),
        Kind::MessageStatus => id(MESSAGE, "no `message_id`"),
        Kind::AgentCreated | Kind::AgentPerformance | Kind::AgentStatus | Kind::AgentUpdated => {
            id(AGENT, "no `agent_id`")
        }
        Kind::CampaignStarted | Kind::CampaignCompleted => id(&["campaign_id"], "no `campaign_id`"),
        Kind::LeadGenerated => id(&["lead_id"], "no `lead_id`"),
        Kind::AppointmentScheduled => id(&["appointment_id"], "no `appointment_id`"),
        _ => id(&["call_id"], "no `call_id`"),
    }
}

fn numbers_key(data: &Object<'_>, element: &Element<'_>) -> Option<String> {
    let (customer, ours) = (first_id(data, CALLER)?, first_id(data, CALLED)?);
    Some(conversation_key(&customer, &ours, element.reading))
}

/// The key of what may rightly happen again with the same data: STOP, START, STOP are three texts. The
/// time is part of it as it was written.
fn repeatable(event: &Event, element: &Element<'_>) -> DedupKey {
    let timestamp = element.object.get("timestamp").map_or("", RawValue::get);
    let data = element.object.get("data").map_or("", RawValue::get);
    let canonical = element.object.get("data").and_then(json::canonical);
    let parts = [
        event.name.as_bytes(),
        timestamp.as_bytes(),
        canonical.as_deref().unwrap_or(data).as_bytes(),
    ];
    DedupKey::new(&parts, Window::Secs(RETRY_HORIZON_SECS))
}

/// What names a contact: the first of them that there is.
const CONTACT_KEYS: &[&str] = &["phone_number", "phone", "email"];

fn identify_contact(kind: Kind, element: &Element<'_>) -> Result<Identity, Cow<'static, str>> {
    let fields = contact_object(element);
    let key = first_id(&fields, CONTACT_KEYS).ok_or("neither a `phone_number` nor an `email`")?;
    let slug = element.slug.unwrap_or_default();
    let digest = dedup::sha256_hex(element.raw);
    let window = Window::Secs(RETRY_HORIZON_SECS);
    let dedup = DedupKey::new(&[slug.as_bytes(), digest.as_bytes()], window);
    Ok(Identity { kind, key, dedup })
}

/// The contact's fields: flat, or in `data` like those of the other events.
fn contact_object<'a>(element: &Element<'a>) -> Object<'a> {
    let flat = &element.object;
    if CONTACT_KEYS.iter().any(|name| flat.get(name).is_some()) {
        return flat.clone();
    }
    data_object(flat).unwrap_or_else(|| flat.clone())
}

/// The contact's own names: where they have another type than they should, they are no custom fields.
const CONTACT_NAMES: &[&str] = &[
    "name",
    "phone_number",
    "phone",
    "email",
    "powelist_id",
    "powerlist_id",
];
/// Names of the envelope, where it is flat.
const ENVELOPE_NAMES: &[&str] = &["event", "timestamp", "webhook_id", "metadata", "signature"];

fn contact(top: Fields<'_>, element: &Element<'_>) -> Data {
    let object = contact_object(element);
    let nested = object.get("data").is_none() && element.object.get("data").is_some();
    let mut fields = Fields::new(object, element);
    let mut data = data::Contact {
        name: fields
            .text(&["name"])
            .or_else(|| joined(&fields, &["first_name", "last_name"], " ")),
        phone: fields.phone(&["phone_number", "phone"]),
        email: fields.text(&["email"]),
        address: joined(
            &fields,
            &["address", "city", "state", "zip", "country"],
            ", ",
        ),
        lists: fields.take(POWELIST, |raw| match json::identifier(raw) {
            Some(id) => Some(vec![id]),
            None => super::fields::texts_of(raw),
        }),
        ..data::Contact::default()
    };
    let mut custom = fields.rest();
    let own_envelope = if nested { &[][..] } else { ENVELOPE_NAMES };
    for name in CONTACT_NAMES.iter().chain(own_envelope) {
        data.extra.take_field(&mut custom, name, (*name).to_owned());
    }
    if nested {
        let mut top = top;
        top.take(&["data"], |_| Some(()));
        let mut rest = top.rest();
        data.extra.note_left_out(&rest);
        while let Some(name) = rest.keys().next().cloned() {
            data.extra.take_field(&mut rest, &name, name.clone());
        }
    }
    data.fields = (!custom.is_empty()).then_some(custom);
    data.into()
}

/// Several texts as one line; the parts stay where they are, since the line does not tell them apart.
fn joined(fields: &Fields<'_>, names: &[&str], separator: &str) -> Option<String> {
    let parts: Vec<_> = names
        .iter()
        .filter_map(|name| fields.peek_text(name))
        .collect();
    (!parts.is_empty()).then(|| parts.join(separator))
}

fn read(kind: Kind, name: &str, at: Option<Timestamp>, fields: Fields<'_>) -> Data {
    match kind {
        Kind::MessageReceived => received(fields),
        Kind::MessageStatus => status(name, fields),
        Kind::AgentCreated | Kind::AgentPerformance | Kind::AgentStatus | Kind::AgentUpdated => {
            agent(fields)
        }
        Kind::CampaignStarted | Kind::CampaignCompleted => campaign(fields),
        Kind::LeadGenerated | Kind::AppointmentScheduled => booking(fields),
        _ => call(kind, at, fields),
    }
}

fn call(kind: Kind, at: Option<Timestamp>, mut fields: Fields<'_>) -> Data {
    let mut named = |own: Kind, name: &str| {
        let told = if kind == own { at } else { None };
        told.or_else(|| fields.time(&[name]))
    };
    let (started_at, answered_at, ended_at) = (
        named(Kind::CallStarted, "started_at"),
        named(Kind::CallAnswered, "answered_at"),
        named(Kind::CallEnded, "ended_at"),
    );
    data::Call {
        direction: fields.direction(&["call_direction", "direction"]),
        from: fields.phone(&["caller_number", "from"]),
        to: fields.phone(&["called_number", "to"]),
        agent: fields.id(AGENT),
        status: fields.text(&["call_status", "status"]),
        started_at,
        answered_at,
        ended_at,
        duration_secs: fields.count(&["call_duration", "duration"]),
        talk_secs: fields.count(&["talk_time"]),
        wait_secs: fields.count(&["wait_time"]),
        recordings: fields.recording(&["recording_url"]),
        disposition: fields.text(&["disposition"]),
        sentiment: fields.text(&["sentiment"]),
        transcript: fields.text(&["transcription", "transcript"]),
        tags: fields.texts(&["tags"]),
        extra: fields.rest(),
    }
    .into()
}

fn received(mut fields: Fields<'_>) -> Data {
    data::MessageReceived {
        from: fields.phone(CALLER),
        to: fields.phone(CALLED),
        text: fields.text(&["text", "message", "body", "content"]),
        in_reply_to_text: fields.text(&["in_reply_to_text", "in_reply_to", "original_message"]),
        channel: fields.text(&["channel"]).or_else(|| Some("sms".to_owned())),
        keyword: None,
        extra: fields.rest(),
    }
    .into()
}

fn status(name: &str, mut fields: Fields<'_>) -> Data {
    let status = match name {
        "sms.failed" => data::DeliveryStatus::Failed,
        _ => data::DeliveryStatus::Sent, // `sms.sent`: what its documents call delivered, is sent
    };
    data::MessageStatus {
        status: Some(status),
        status_raw: fields.text(&["status", "sms_status"]),
        r#final: Some(status.is_final()),
        from: fields.phone(CALLER),
        to: fields.phone(CALLED),
        text: fields.text(&["text", "message", "body", "content"]),
        segments: fields.count(&["segments"]),
        price: fields.money(&["price", "cost"]),
        error_code: fields.id(&["error_code"]),
        reason: fields.text(&["reason", "error_message", "failure_reason", "error"]),
        extra: fields.rest(),
    }
    .into()
}

fn agent(mut fields: Fields<'_>) -> Data {
    data::Agent {
        name: fields.text(&["name", "agent_name"]),
        status: fields.text(&["status", "agent_status", "new_status"]),
        metrics: fields.object(&["metrics", "performance"]),
        extra: fields.rest(),
    }
    .into()
}

fn campaign(mut fields: Fields<'_>) -> Data {
    data::Campaign {
        name: fields.text(&["name", "campaign_name"]),
        totals: fields.object(&["totals", "results"]),
        extra: fields.rest(),
    }
    .into()
}

fn booking(mut fields: Fields<'_>) -> Data {
    data::Booking {
        name: fields
            .text(&["name", "contact_name"])
            .or_else(|| joined(&fields, &["first_name", "last_name"], " ")),
        phone: fields.phone(PHONE),
        email: fields.text(&["email"]),
        starts_at: fields.time_ahead(&[
            "starts_at",
            "scheduled_at",
            "start_time",
            "appointment_time",
        ]),
        agent: fields.id(AGENT),
        extra: fields.rest(),
    }
    .into()
}

#[cfg(test)]
mod tests;
