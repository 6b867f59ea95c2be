//! From an admitted delivery to the events that go on the queue.

use std::borrow::Cow;

use bytes::Bytes;

use crate::admission::Admitted;
use crate::body::Carried;
use crate::config::Source;
use crate::content::{self, Unreadable};
use crate::dedup::{self, DedupKey, Window};
use crate::entity::{Entity, MAX_KEY_BYTES};
use crate::envelope::{self, CONTENT_ENCODING, CONTENT_TYPE, Envelope, Version};
use crate::ids::{DeliveryId, EventId};
use crate::json::Object;
use crate::kind::Kind;
use crate::providers::{Element, Identity};
use crate::request::Headers;
use crate::time::{self, Timestamp};

/// The longest sender's own name of an event that is kept, in bytes.
const MAX_EVENT_NAME_BYTES: usize = 256;

/// Why an event is unrecognised whose sender names its own types of events.
const OWN_EVENT: &str = "the sender's own type of event";

/// An event ready for the queue, and what must be stored before it is sent.
///
/// It is made of an [`Admitted`] request only, so that nothing unverified can be enqueued.
#[derive(Clone, Debug)]
pub struct Ready {
    /// What goes on the queue.
    envelope: Envelope,
    /// The body that goes to the body store first, under the key that the envelope points to.
    oversized: Option<Bytes>,
}

impl Ready {
    /// Returns what goes on the queue.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Notes the HTTP request that the event came in.
    #[must_use]
    pub fn of_request(mut self, request_id: Option<&str>) -> Self {
        self.envelope.request_id = request_id.map(str::to_owned);
        self
    }

    /// Returns the key and bytes that go to the body store before the message is sent, if any do.
    #[must_use]
    pub fn oversized(&self) -> Option<(&str, &Bytes)> {
        match (&self.envelope.body, &self.oversized) {
            (Carried::Stored(pointer), Some(bytes)) => Some((&pointer.key, bytes)),
            _ => None,
        }
    }
}

/// The time that was allowed for making events is used up.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the delivery takes longer than a delivery may")]
pub struct OutOfTime;

/// Makes the events of a delivery. An authentic delivery always has at least one.
#[must_use]
pub fn events(admitted: &Admitted<'_>, id: DeliveryId, received_at: Timestamp) -> Vec<Ready> {
    events_in_time(admitted, id, received_at, &|| true).unwrap_or_default()
}

/// As [`events`], as long as there is time left, which is asked between two steps.
///
/// # Errors
///
/// When there is none left.
pub fn events_in_time(
    admitted: &Admitted<'_>,
    id: DeliveryId,
    received_at: Timestamp,
    has_time: &dyn Fn() -> bool,
) -> Result<Vec<Ready>, OutOfTime> {
    let in_time = || has_time().then_some(()).ok_or(OutOfTime);
    let delivery = Delivery {
        admitted,
        id,
        received_at: time::to_millis(received_at),
    };
    let request = admitted.request();
    // As the consumer reads it, which has the headers that are kept only.
    let headers: Headers = envelope::kept_headers(&request.headers)
        .into_iter()
        .collect();
    in_time()?;
    let bytes = match content::decoded(&headers, &request.body) {
        Ok(bytes) => bytes,
        Err(error) => return Ok(vec![delivery.unreadable(&request.body, &error)]),
    };
    in_time()?;
    let provider = admitted.source().provider;
    let text = content::json_text(&headers, &bytes);
    let texts = match &text {
        Ok(text) => content::events(provider, text),
        Err(error) => Err(*error),
    };
    in_time()?;
    Ok(match texts.as_deref() {
        Err(error) => vec![delivery.unreadable(&bytes, error)],
        Ok([only]) => vec![delivery.event(0, only, &Part::Whole(&bytes))],
        Ok(several) => {
            let content_type = text.as_ref().ok().and_then(content::Text::part_type);
            let exact = text.as_ref().map(|text| text.bytes_of(&bytes, several));
            (0..)
                .zip(several.iter().zip(exact.unwrap_or_default()))
                .map(|(index, (text, bytes))| {
                    in_time()?;
                    let part = Part::Element {
                        bytes,
                        content_type,
                    };
                    // As the consumer reads it, which sees an element only.
                    let text = content::event_of_json(provider, text);
                    Ok(delivery.event(index, text, &part))
                })
                .collect::<Result<_, _>>()?
        }
    })
}

/// The bytes of a delivery that identify an event. Its content encoding is undone: a retry may be
/// compressed anew.
enum Part<'a> {
    /// All of them.
    Whole(&'a [u8]),
    /// Those of one of several elements.
    Element {
        bytes: &'a [u8],
        /// The content type by which it is read, where that is not the one of the delivery.
        content_type: Option<&'static str>,
    },
}

impl<'a> Part<'a> {
    const fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Whole(bytes) | Self::Element { bytes, .. } => bytes,
        }
    }
}

/// What the events of a delivery have in common.
struct Delivery<'a> {
    admitted: &'a Admitted<'a>,
    id: DeliveryId,
    received_at: Timestamp,
}

impl Delivery<'_> {
    fn unreadable(&self, bytes: &[u8], error: &Unreadable) -> Ready {
        let found = self.unknown(Kind::Unreadable, bytes, None, error.to_string().into());
        self.ready(0, found, &Part::Whole(bytes))
    }

    /// Makes the event of one JSON text.
    fn event(&self, index: u16, text: &str, part: &Part<'_>) -> Ready {
        let found = match Object::parse(text) {
            Ok(object) => self.identify(object, part),
            Err(error) => {
                let reason = Unreadable::from(error).to_string();
                self.unknown(Kind::Unreadable, part.bytes(), None, reason.into())
            }
        };
        self.ready(index, found, part)
    }

    fn identify(&self, object: Object<'_>, part: &Part<'_>) -> Found {
        let source = self.admitted.source();
        let element = Element {
            object,
            raw: part.bytes(),
            slug: self.admitted.slug(),
            headers: &self.admitted.request().headers,
            reading: &source.reading,
            received_at: self.received_at,
        };
        let event_name = source.provider.event_name(&element);
        match source.provider.identify(&element).and_then(with_usable_key) {
            // What would identify it may be in what is not read.
            Err(_) if element.object.has_member_beyond_budget() => {
                let reason = Unreadable::TooManyFields.to_string();
                self.unknown(Kind::Unreadable, element.raw, event_name, reason.into())
            }
            Ok(identity) => Found {
                under_other_slugs: under_other_slugs(source, &element, &identity),
                reason: (identity.kind == Kind::Unrecognised).then_some(OWN_EVENT.into()),
                identity,
                event_name,
            },
            Err(reason) => self.unknown(Kind::Unrecognised, element.raw, event_name, reason),
        }
    }

    /// What is not known is itself by its slug and its sender's id or, where there is none, its bytes,
    /// for as long as the provider may repeat it.
    fn unknown(
        &self,
        kind: Kind,
        bytes: &[u8],
        event_name: Option<String>,
        reason: Cow<'static, str>,
    ) -> Found {
        let slug = self.admitted.slug().unwrap_or_default();
        let provider = self.admitted.source().provider;
        let window = Window::Secs(provider.retry_horizon_secs());
        let bytes = match provider.id_of_headers(&self.admitted.request().headers) {
            Some(id) => id.as_bytes(),
            None => bytes,
        };
        Found {
            identity: Identity {
                kind,
                key: dedup::digest(&[slug.as_bytes(), bytes]),
                dedup: DedupKey::new(&[kind.as_str().as_bytes()], window),
            },
            event_name,
            reason: Some(reason),
            under_other_slugs: Vec::new(),
        }
    }

    fn ready(&self, index: u16, found: Found, part: &Part<'_>) -> Ready {
        let source = self.admitted.source();
        let id = EventId {
            delivery: self.id,
            index,
        };
        let request = self.admitted.request();
        let mut headers = envelope::kept_headers(&request.headers);
        let (body, oversized) = match part {
            Part::Whole(_) => carry(source, id, Bytes::clone(&request.body)),
            Part::Element {
                bytes,
                content_type,
            } => {
                headers.remove(CONTENT_ENCODING);
                if let Some(content_type) = content_type {
                    headers.insert(CONTENT_TYPE.to_owned(), (*content_type).to_owned());
                }
                carry(source, id, Bytes::copy_from_slice(bytes))
            }
        };
        let Identity { kind, key, dedup } = found.identity;
        let envelope = Envelope {
            version: Version,
            id,
            request_id: None,
            provider: source.provider.name().to_owned(),
            slug: self.admitted.slug().map(str::to_owned),
            received_at: self.received_at,
            retention_days: self.admitted.retention_days(),
            state_retention_days: self.admitted.state_retention_days(),
            kind,
            provider_event: found.event_name.map(shortened),
            reason: found.reason.map(Cow::into_owned),
            entity: Entity::new(&source.name, kind.entity_type(), &key),
            dedup,
            under_other_slugs: found.under_other_slugs,
            digest: Some(dedup::content_digest(part.bytes())),
            opt_in_scope: self.admitted.opt_in_scope(),
            reading: source.reading.clone(),
            headers,
            body,
        };
        Ready {
            envelope,
            oversized,
        }
    }
}

fn carry(source: &Source, id: EventId, bytes: Bytes) -> (Carried, Option<Bytes>) {
    match Carried::inline(&bytes) {
        Some(inline) => (inline, None),
        None => (
            Carried::stored(format!("{}/{id}", source.name), &bytes),
            Some(bytes),
        ),
    }
}

fn shortened(mut name: String) -> String {
    name.truncate(name.floor_char_boundary(MAX_EVENT_NAME_BYTES));
    name
}

/// Who an event was found to be.
struct Found {
    identity: Identity,
    event_name: Option<String>,
    reason: Option<Cow<'static, str>>,
    under_other_slugs: Vec<DedupKey>,
}

/// Returns the keys that the same body has under other slugs, where its signature says nothing of the
/// URL.
fn under_other_slugs(source: &Source, element: &Element<'_>, own: &Identity) -> Vec<DedupKey> {
    let slugs = source.unsigned_slugs();
    let Some(slug) = element.slug.filter(|slug| slugs.contains(slug)) else {
        return Vec::new();
    };
    let others = slugs.iter().filter(|other| **other != slug);
    let others = others.filter_map(|other| {
        let element = Element {
            slug: Some(other),
            ..element.clone()
        };
        let found = source.provider.identify(&element).ok()?;
        let is_same_entity =
            found.key == own.key && found.kind.entity_type() == own.kind.entity_type();
        (is_same_entity && found.dedup != own.dedup).then_some(found.dedup)
    });
    others.collect()
}

fn with_usable_key(identity: Identity) -> Result<Identity, Cow<'static, str>> {
    if identity.key.len() <= MAX_KEY_BYTES {
        Ok(identity)
    } else {
        Err(format!("the key is longer than {MAX_KEY_BYTES} bytes").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::admit;
    use crate::config::Sources;
    use crate::request::Request;

    const TOKEN: &str = "abcdefghijklmnopqrstuvwxyz";

    /// Makes something of a delivery to a source of this provider.
    fn of_delivery<T>(
        provider: &str,
        slug: &str,
        body: &'static str,
        make: impl FnOnce(&Admitted<'_>, DeliveryId) -> T,
    ) -> T {
        let unsigned = if provider == "nectar-desk" {
            ""
        } else {
            "unsigned = true"
        };
        let sources =
            format!("[sources.a]\nprovider = \"{provider}\"\ntokens = [\"{TOKEN}\"]\n{unsigned}");
        let sources = Sources::from_toml(&sources).unwrap();
        let request = Request {
            method: "POST".into(),
            path: format!("/webhooks/a/{TOKEN}{slug}"),
            headers: std::iter::empty().collect(),
            body: Bytes::from_static(body.as_bytes()),
            peer: None,
        };
        let admitted = admit(&sources, &request, Timestamp::UNIX_EPOCH).unwrap();
        let id = "019aad2b-7c00-7000-8000-000000000001".parse().unwrap();
        make(&admitted, id)
    }

    /// Returns the one event of a delivery to a source of this provider.
    #[track_caller]
    fn envelope(provider: &str, slug: &str, body: &'static str) -> Envelope {
        let events = of_delivery(provider, slug, body, |admitted, id| {
            events(admitted, id, Timestamp::UNIX_EPOCH)
        });
        let [event] = <[Ready; 1]>::try_from(events).unwrap();
        event.envelope().clone()
    }

    #[test]
    fn time_is_asked_for_between_two_steps_and_before_each_element() {
        use std::cell::Cell;
        let list = r#"[{"message_id":"1"},{"message_id":"2"},{"message_id":"3"}]"#;
        let asked = Cell::new(0);
        // Returns how many events there are where the time lasts for so many steps.
        let lasts = |steps: usize| {
            asked.set(0);
            let has_time = || {
                asked.set(asked.get() + 1);
                asked.get() <= steps
            };
            of_delivery("cellcast", "/status", list, |admitted, id| {
                events_in_time(admitted, id, Timestamp::UNIX_EPOCH, &has_time)
                    .map(|events| events.len())
            })
        };
        assert!(matches!(lasts(usize::MAX), Ok(3)));
        let all = asked.get();
        assert!(all >= 5, "{all}");
        for steps in 0..all {
            assert!(matches!(lasts(steps), Err(OutOfTime)), "{steps}");
        }
        assert!(matches!(lasts(all), Ok(3)));
    }

    #[test]
    fn what_is_not_known_is_itself_by_its_slug_and_its_bytes() {
        let one = envelope("nectar-desk", "/call-ended", "{");
        assert_eq!(one.kind, Kind::Unreadable);
        assert_eq!(
            envelope("nectar-desk", "/call-ended", "{").entity,
            one.entity
        );
        for (slug, body) in [("/call-ended", "{{"), ("/message-sent", "{"), ("", "{")] {
            let other = envelope("nectar-desk", slug, body);
            assert_ne!(other.entity, one.entity, "{slug} {body}");
        }
    }

    #[test]
    fn contact_hook_names_what_it_would_be_under_the_other_slug() {
        let contact = r#"{"phone_number":"+15550100003"}"#;
        let source = "[sources.a]\nprovider = \"ai-sync\"\nsecrets = [\"key\"]";
        let sources = Sources::from_toml(source).unwrap();
        let envelope = |slug: &str, body: &str| {
            let signature = "0".repeat(64);
            let request = Request {
                method: "POST".into(),
                path: format!("/webhooks/a{slug}"),
                headers: std::iter::once(("x-webhook-signature".to_owned(), signature)).collect(),
                body: Bytes::copy_from_slice(body.as_bytes()),
                peer: None,
            };
            let source = sources.get("a").unwrap();
            let slug = slug.strip_prefix('/');
            let element = Element {
                object: Object::parse(body).unwrap(),
                raw: &request.body,
                slug,
                headers: &request.headers,
                reading: &source.reading,
                received_at: Timestamp::UNIX_EPOCH,
            };
            let own = source.provider.identify(&element).unwrap();
            (under_other_slugs(source, &element, &own), own.dedup)
        };
        let (others, own) = envelope("/contact", contact);
        assert_eq!(others, [envelope("/contact-delete", contact).1]);
        assert_eq!(envelope("/contact-delete", contact).0, [own]);
        let call = r#"{"event":"call.ended","data":{"call_id":"c"}}"#;
        for slug in ["", "/contact", "/other"] {
            assert_eq!(
                envelope(slug, call).0,
                [],
                "the body says what it is: {slug}"
            );
        }
    }

    #[test]
    fn only_what_is_not_known_has_a_reason() {
        let known = r#"{"event":"call.ended","timestamp":"2026-02-03T04:05:06Z","data":{"call_id":"call_1"}}"#;
        let known = envelope("ai-sync", "", known);
        assert_eq!((known.kind, known.reason), (Kind::CallEnded, None));
        let other = envelope("ai-sync", "", r#"{"event":"call.paused","data":{}}"#);
        assert_eq!(other.kind, Kind::Unrecognised);
        assert!(other.reason.is_some());
    }

    #[test]
    fn a_name_of_an_event_is_cut_between_characters() {
        assert_eq!(shortened("call.ended".to_owned()), "call.ended");
        let letters = MAX_EVENT_NAME_BYTES / 2 - 1;
        let long = |letters| format!("a{}", "é".repeat(letters));
        assert_eq!(shortened(long(MAX_EVENT_NAME_BYTES)), long(letters));
    }
}
