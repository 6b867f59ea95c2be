//! Switchhook itself: words that an operator adds to the suppression list by hand.
//!
//! They are events like any other, so that they are recorded, ordered and shown as evidence. No source
//! can be configured with this provider: its events come from the command line only.

use std::borrow::Cow;

use serde::Serialize;

use super::fields::Fields;
use super::{Element, Identity, Meaning, Provider};
use crate::body::Carried;
use crate::config::{OptInScope, Reading};
use crate::data;
use crate::dedup::{self, DedupKey, Window};
use crate::entity::Entity;
use crate::envelope::{Envelope, Version};
use crate::ids::{DeliveryId, EventId};
use crate::kind::Kind;
use crate::schemes::Scheme;
use crate::states::{Owner, Word};
use crate::time::{self, Timestamp};

/// The source of its events: no configured source can be called so.
pub const SOURCE: &str = "_";

/// How a person was taken on the list, or off it.
const METHOD: &str = "by hand";

/// The operator of this stack.
#[derive(Debug)]
pub struct Switchhook;

/// A word that an operator says of somebody.
#[derive(Clone, Debug, Serialize)]
pub struct ByHand {
    event: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    channel: String,
    because: String,
}

impl ByHand {
    /// A word about `owner`, and why it is said.
    #[must_use]
    pub fn new(word: Word, owner: Owner, because: String) -> Self {
        Self {
            event: match word {
                Word::Stop => Kind::ContactOptedOut,
                Word::Start => Kind::ContactOptedIn,
            },
            phone: owner.phone,
            email: owner.email,
            channel: owner.channel,
            because,
        }
    }

    /// Returns the event that goes on the queue. An operator's START counts for every source.
    ///
    /// # Errors
    ///
    /// When it cannot be written as JSON, which none of ours brings about, or is too long for a message.
    pub fn envelope(
        &self,
        delivery: DeliveryId,
        received_at: Timestamp,
        retention_days: u16,
    ) -> Result<Envelope, TooLongError> {
        let body = serde_json::to_vec(self).map_err(|_| TooLongError)?;
        let key = self.phone.as_ref().or(self.email.as_ref());
        let key = key.map(String::as_str).unwrap_or_default();
        let name = self.event.as_str();
        let id = EventId { delivery, index: 0 };
        let parts = [name.as_bytes(), &delivery.to_string().into_bytes()];
        Ok(Envelope {
            version: Version,
            id,
            request_id: None,
            provider: Switchhook.name().to_owned(),
            slug: None,
            received_at: time::to_millis(received_at),
            retention_days,
            // What was done by hand stays until it is erased by hand.
            state_retention_days: None,
            kind: self.event,
            provider_event: Some(name.to_owned()),
            reason: None,
            entity: Entity::new(SOURCE, self.event.entity_type(), key),
            dedup: DedupKey::new(&parts, Window::Record),
            under_other_slugs: Vec::new(),
            digest: Some(dedup::content_digest(&body)),
            opt_in_scope: OptInScope::Stack,
            reading: Reading::default(),
            headers: [].into(),
            body: Carried::inline(&body).ok_or(TooLongError)?,
        })
    }
}

/// The reason is too long to be sent.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the reason is too long: a few sentences are enough")]
pub struct TooLongError;

impl Provider for Switchhook {
    fn name(&self) -> &'static str {
        "switchhook"
    }

    fn scheme(&self) -> Option<&'static dyn Scheme> {
        None
    }

    fn retry_horizon_secs(&self) -> u32 {
        0
    }

    fn event_name(&self, element: &Element<'_>) -> Option<String> {
        element.object.text("event")
    }

    /// Its events get their identity where they are made.
    fn identify(&self, _element: &Element<'_>) -> Result<Identity, Cow<'static, str>> {
        Err("an operator's word does not come by HTTP".into())
    }

    fn interpret(&self, _kind: Kind, element: &Element<'_>) -> Meaning {
        let mut fields = Fields::new(element.object.clone(), element);
        fields.text(&["event"]);
        let data = data::OptedOut {
            phone: fields.text(&["phone"]),
            email: fields.text(&["email"]),
            channel: fields.text(&["channel"]),
            method: Some(METHOD.to_owned()),
            extra: fields.rest(),
        };
        Meaning {
            occurred_at: None,
            data: data.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Data;
    use crate::occurrence::{Occurrence, Sequence};

    #[test]
    fn word_by_hand_is_read_as_it_was_said() {
        let owner = Owner {
            phone: Some("+15550100003".to_owned()),
            channel: "sms".to_owned(),
            ..Owner::default()
        };
        let word = ByHand::new(Word::Start, owner, "called us, case 7".to_owned());
        let delivery = "019aad2b-7c00-7000-8000-000000000001".parse().unwrap();
        let envelope = word.envelope(delivery, Timestamp::UNIX_EPOCH, 30).unwrap();
        assert_eq!(envelope.entity.as_str(), "_/contact/+15550100003");
        assert_eq!(envelope.kind, Kind::ContactOptedIn);
        let Carried::Inline(body) = &envelope.body else {
            panic!("not inline")
        };
        let raw = body.decode().unwrap().into();
        let event = Occurrence::read(envelope, Sequence(1), raw).unwrap();
        let Data::OptedOut(data) = event.data else {
            panic!("another shape")
        };
        assert_eq!(data.phone.as_deref(), Some("+15550100003"));
        assert_eq!(data.method.as_deref(), Some("by hand"));
        assert_eq!(data.extra["because"].get(), "\"called us, case 7\"");
        assert_eq!(data.extra.len(), 1);
    }
}
