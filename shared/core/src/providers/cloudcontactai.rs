//! CloudContactAI: texts, e-mails and unsubscribes, in four generations of bodies.
//!
//! Today's have an `eventType`, an `eventHash` where they are signed, and their fields in `data`
//! (page "Webhook Event Types"). Older ones are flat: named by a `type` (the first libraries), or by
//! nothing, so that their shape tells (page "Webhooks"). None has an id or a time of its own but for
//! e-mails and unsubscribes. What is not known stays in `extra`. What the `eventHash` is made of is
//! not published: it is no part of any key.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::fields::{self, Fields, first_id};
use super::{Element, Identity, Meaning, Provider};
use crate::data::{self, Data, DeliveryStatus, MailStatus};
use crate::dedup::{self, DedupKey, Window};
use crate::json::{self, Object};
use crate::kind::Kind;
use crate::phone;
use crate::schemes::Scheme;
use crate::schemes::ccai::Ccai;
use crate::time::{self, Timestamp};

/// No retries are documented: long enough for a sender's usual ones, short enough for a customer
/// who writes the same word again.
const RETRY_HORIZON_SECS: u32 = 10 * 60;

/// CloudContactAI (developer.cloudcontactai.com).
#[derive(Debug)]
pub struct CloudContactAi;

const EMAIL_UNSUBSCRIBED: &str = "email.unsubscribed";
const MESSAGE_EXCLUDED: &str = "message.excluded";
const MESSAGE_SENT: &str = "message.sent";

/// The events that bodies name.
const EVENTS: &[(&str, Kind)] = &[
    ("contact.unsubscribed", Kind::ContactOptedOut),
    ("email.bounced", Kind::EmailStatus),
    ("email.complaint", Kind::EmailStatus),
    ("email.delivered", Kind::EmailStatus),
    (EMAIL_UNSUBSCRIBED, Kind::ContactOptedOut),
    ("message.error.carrier", Kind::MessageStatus),
    ("message.error.cloudcontact", Kind::MessageStatus),
    (MESSAGE_EXCLUDED, Kind::MessageStatus),
    ("message.incoming", Kind::MessageReceived),
    ("message.received", Kind::MessageReceived),
    (MESSAGE_SENT, Kind::MessageStatus),
];

const CONTACT_DATA: &str = "ContactData";
const DATA: &str = "data";
const ERROR_CODE: &[&str] = &["ErrorCode"];
const FROM: &[&str] = &["From", "from"];
const MESSAGE: &[&str] = &["Message", "message"];
const NAME: &[&str] = &["eventType", "type"];
const SID: &[&str] = &["SmsSid", "smsSid"];
const STATUS: &[&str] = &["MessageStatus", "messageStatus"];
const TIMESTAMP: &str = "timestamp";
const TO: &[&str] = &["To", "to"];
const UNSUBSCRIBED_AT: &str = "UnsubscribedAt";

impl Provider for CloudContactAi {
    fn name(&self) -> &'static str {
        "cloudcontactai"
    }

    fn methods(&self) -> &'static str {
        "POST, PUT"
    }

    fn scheme(&self) -> Option<&'static dyn Scheme> {
        Some(&Ccai)
    }

    fn retry_horizon_secs(&self) -> u32 {
        RETRY_HORIZON_SECS
    }

    fn event_name(&self, element: &Element<'_>) -> Option<String> {
        NAME.iter().find_map(|name| element.object.text(name))
    }

    fn identify(&self, element: &Element<'_>) -> Result<Identity, Cow<'static, str>> {
        let name = self.event_name(element);
        let event = Event {
            kind: kind(name.as_deref(), &element.object)?,
            data: contents(name.as_deref(), &element.object)
                .unwrap_or_else(|| element.object.clone()),
            name: name.unwrap_or_default(),
        };
        Ok(event.identify(element)?)
    }

    fn interpret(&self, kind: Kind, element: &Element<'_>) -> Meaning {
        let mut top = Fields::new(element.object.clone(), element);
        let name = top.text(NAME);
        let Some(inner) = contents(name.as_deref(), &element.object) else {
            return read(kind, name.as_deref(), &element.object, top);
        };
        top.drop_object(DATA);
        let fields = Fields::new(inner.clone(), element);
        let mut meaning = read(kind, name.as_deref(), &inner, fields);
        fields::add_envelope(meaning.data.extra_mut(), top.rest());
        meaning
    }
}

/// Tells an event by its name, else by its shape.
fn kind(name: Option<&str>, object: &Object<'_>) -> Result<Kind, &'static str> {
    let has = |names: [&str; 2]| names.iter().all(|name| object.get(name).is_some());
    match name {
        Some(name) => EVENTS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, kind)| *kind)
            .ok_or("unknown event"),
        None if has(["messageStatus", "smsSid"]) => Ok(Kind::MessageStatus),
        None if has(["campaign", "from"]) => Ok(Kind::MessageReceived),
        None => Err("no `eventType`, and none of the shapes without one"),
    }
}

/// The fields of a named event, where they are not those of the body itself.
fn contents<'a>(name: Option<&str>, object: &Object<'a>) -> Option<Object<'a>> {
    name.and_then(|_| member(object, DATA))
}

fn member<'a>(object: &Object<'a>, name: &str) -> Option<Object<'a>> {
    Object::from_raw(object.get(name)?).ok()
}

/// An event whose kind is known, with its fields.
struct Event<'a> {
    name: String,
    kind: Kind,
    data: Object<'a>,
}

impl Event<'_> {
    fn identify(&self, element: &Element<'_>) -> Result<Identity, &'static str> {
        let (key, dedup) = match self.kind {
            Kind::MessageReceived => {
                let numbers = first_id(&self.data, FROM).zip(first_id(&self.data, TO));
                let (customer, ours) = numbers.ok_or("not both a `From` and a `To`")?;
                let key = fields::conversation_key(&customer, &ours, element.reading);
                (key, self.by_bytes(element))
            }
            Kind::MessageStatus => self.message(element)?,
            Kind::EmailStatus => {
                let key = first_id(&self.data, &["emailMessageId"]).ok_or("no `emailMessageId`")?;
                let dedup = self.by_time(TIMESTAMP, &key, Window::Record, element);
                (key, dedup)
            }
            _ => self.unsubscribed(element)?,
        };
        Ok(Identity {
            kind: self.kind,
            key,
            dedup,
        })
    }

    /// A text that went out, or did not: the sender's number for it, which is 0 where it has none.
    fn message(&self, element: &Element<'_>) -> Result<(String, DedupKey), &'static str> {
        let data = &self.data;
        let Some(sid) = first_id(data, SID).filter(|sid| is_positive(sid)) else {
            let to = first_id(data, TO).ok_or("neither a `SmsSid` nor a `To`")?;
            return Ok((to, self.by_bytes(element)));
        };
        let (status, code) = (first_id(data, STATUS), first_id(data, ERROR_CODE));
        let parts = [
            self.name.as_bytes(),
            sid.as_bytes(),
            status.as_deref().unwrap_or_default().as_bytes(),
            code.as_deref().unwrap_or_default().as_bytes(),
        ];
        let dedup = DedupKey::new(&parts, Window::Record);
        Ok((sid, dedup))
    }

    fn unsubscribed(&self, element: &Element<'_>) -> Result<(String, DedupKey), &'static str> {
        let (key, time) = if self.name == EMAIL_UNSUBSCRIBED {
            let key = first_id(&self.data, &["contactId", "toEmail"]);
            (
                key.ok_or("neither a `contactId` nor a `toEmail`")?,
                TIMESTAMP,
            )
        } else {
            let phone = contact_phone(&self.data).and_then(json::identifier);
            let key = phone.or_else(|| first_id(&self.data, TO));
            let key = key.ok_or("neither a phone in `ContactData` nor a `To`")?;
            (key, UNSUBSCRIBED_AT)
        };
        // A contact may unsubscribe again, and a clock may tell the same time twice.
        let shortly = Window::Secs(RETRY_HORIZON_SECS);
        let dedup = self.by_time(time, &key, shortly, element);
        Ok((key, dedup))
    }

    /// The key of what its time tells apart, where it has one.
    fn by_time(&self, time: &str, key: &str, window: Window, element: &Element<'_>) -> DedupKey {
        let told = self.data.text(time);
        match told.as_deref().and_then(time::parse_rfc3339) {
            Some(at) => {
                let at = at.to_string();
                let parts = [self.name.as_bytes(), key.as_bytes(), at.as_bytes()];
                DedupKey::new(&parts, window)
            }
            None => self.by_bytes(element),
        }
    }

    /// The key of what may rightly happen again with the same bytes; they hold the `eventHash`.
    fn by_bytes(&self, element: &Element<'_>) -> DedupKey {
        let digest = dedup::sha256_hex(element.raw);
        let parts = [self.name.as_bytes(), digest.as_bytes()];
        DedupKey::new(&parts, Window::Secs(RETRY_HORIZON_SECS))
    }
}

/// Tells whether digits are a number above 0, of any length.
fn is_positive(digits: &str) -> bool {
    digits.bytes().all(|b| b.is_ascii_digit()) && digits.bytes().any(|b| b != b'0')
}

/// The phone of `ContactData`, where there is something that can be one.
fn contact_phone<'a>(data: &Object<'a>) -> Option<&'a RawValue> {
    let phone = member(data, CONTACT_DATA)?.get("phone")?;
    json::identifier(phone).map(|_| phone)
}

fn read(kind: Kind, name: Option<&str>, object: &Object<'_>, mut fields: Fields<'_>) -> Meaning {
    let occurred_at: Option<Timestamp> = match (kind, name) {
        (Kind::EmailStatus, _) | (Kind::ContactOptedOut, Some(EMAIL_UNSUBSCRIBED)) => {
            fields.time(&[TIMESTAMP])
        }
        (Kind::ContactOptedOut, _) => fields.time(&[UNSUBSCRIBED_AT]),
        _ => None,
    };
    let data = match kind {
        Kind::MessageReceived => received(fields),
        Kind::EmailStatus => email(name, fields),
        Kind::ContactOptedOut if name == Some(EMAIL_UNSUBSCRIBED) => email_opted_out(fields),
        Kind::ContactOptedOut => opted_out(object, fields),
        _ => status(name, fields),
    };
    Meaning { occurred_at, data }
}

fn received(mut fields: Fields<'_>) -> Data {
    data::MessageReceived {
        from: fields.phone(FROM),
        to: fields.phone(TO),
        text: fields.text(MESSAGE),
        in_reply_to_text: None,
        channel: Some("sms".to_owned()),
        keyword: None,
        extra: fields.rest(),
    }
    .into()
}

fn status(name: Option<&str>, mut fields: Fields<'_>) -> Data {
    let status_raw = fields.text(STATUS);
    let status = match name {
        // Its example says DELIVERED, its text that it was sent: the handset is not meant.
        Some(MESSAGE_SENT) => Some(DeliveryStatus::Sent),
        Some(MESSAGE_EXCLUDED) => Some(DeliveryStatus::Excluded),
        Some(_) => Some(DeliveryStatus::Failed),
        None => status_raw.as_deref().and_then(untyped_status),
    };
    data::MessageStatus {
        status,
        status_raw,
        r#final: status.map(DeliveryStatus::is_final),
        from: fields.phone(FROM),
        to: fields.phone(TO),
        text: fields.text(MESSAGE),
        segments: fields.count(&["Segments", "segments"]),
        price: fields.money(&["TotalPrice", "totalPrice"]),
        error_code: fields.id(ERROR_CODE),
        reason: fields.text(&["ErrorMessage", "ExcludedReason"]),
        extra: fields.rest(),
    }
    .into()
}

/// The status of a body that names no event.
fn untyped_status(word: &str) -> Option<DeliveryStatus> {
    match word {
        "SENT" | "DELIVERED" => Some(DeliveryStatus::Sent),
        "EXCLUDED" => Some(DeliveryStatus::Excluded),
        "FAILED" => Some(DeliveryStatus::Failed),
        _ => None,
    }
}

fn email(name: Option<&str>, mut fields: Fields<'_>) -> Data {
    let (status, reason) = match name {
        Some("email.bounced") => (Some(MailStatus::Bounced), bounce(&fields)),
        Some("email.complaint") => (
            Some(MailStatus::Complaint),
            fields.text(&["complaintFeedbackType"]),
        ),
        Some("email.delivered") => (Some(MailStatus::Delivered), None),
        _ => (None, None),
    };
    data::EmailStatus {
        status,
        to: fields.text(&["toEmail"]),
        from: fields.text(&["fromEmail"]),
        subject: fields.text(&["subject"]),
        reason,
        extra: fields.rest(),
    }
    .into()
}

/// Both words of a bounce as one text; they stay where they are as well.
fn bounce(fields: &Fields<'_>) -> Option<String> {
    let words: Vec<_> = ["bounceType", "bounceSubType"]
        .iter()
        .filter_map(|name| fields.peek_text(name))
        .collect();
    (!words.is_empty()).then(|| words.join(": "))
}

/// The contact's e-mail address is none of it: texts are what the person asked to be spared.
fn opted_out(object: &Object<'_>, mut fields: Fields<'_>) -> Data {
    let country = fields.reading().country.as_ref();
    let normalised = |raw| Some(phone::normalise(&json::identifier(raw)?, country));
    let own = contact_phone(object).and_then(normalised);
    let texted = || TO.iter().find_map(|name| normalised(object.get(name)?));
    let is_number = |phone: &String| phone::is_e164(phone);
    data::OptedOut {
        // The address book holds what somebody typed. The number that was texted is one.
        phone: match own {
            Some(phone) if is_number(&phone) => Some(phone),
            Some(phone) => texted().filter(is_number).or(Some(phone)),
            None => fields.phone(TO),
        },
        email: None,
        channel: Some("sms".to_owned()),
        method: fields.text(STATUS),
        extra: fields.rest(),
    }
    .into()
}

fn email_opted_out(mut fields: Fields<'_>) -> Data {
    data::OptedOut {
        phone: None,
        email: fields.text(&["toEmail"]),
        channel: Some("email".to_owned()),
        method: fields.text(&["unsubscribeMethod"]),
        extra: fields.rest(),
    }
    .into()
}

#[cfg(test)]
mod tests;
