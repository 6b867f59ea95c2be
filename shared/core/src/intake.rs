//! From an admitted delivery to the events that go on the queue.

use std::borrow::Cow;

use bytes::Bytes;

use crate::admission::Admitted;
use crate::body::Carried;
use crate::config::Source;
use crate::content::{self, Unreadable};
use crate::dedup::{self, DedupKey, Window};
use crate::entity::{Entity, MAX_KEY_BYTES};
use crate::envelope::{self, Envelope, Version};
use crate::ids::{DeliveryId, EventId};
use crate::json::Object;
use crate::kind::Kind;
use crate::providers::{Element, Identity};
use crate::time::{self, Timestamp};

/// The longest sender's own name of an event that is kept, in bytes.
const MAX_EVENT_NAME_BYTES: usize = 256;

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

    /// Returns the key and bytes that go to the body store before the message is sent, if any do.
    #[must_use]
    pub fn oversized(&self) -> Option<(&str, &Bytes)> {
        match (&self.envelope.body, &self.oversized) {
            (Carried::Stored(pointer), Some(bytes)) => Some((&pointer.key, bytes)),
            _ => None,
        }
    }
}

/// Makes the events of a delivery. An authentic delivery always has at least one.
#[must_use]
pub fn events(admitted: &Admitted<'_>, id: DeliveryId, received_at: Timestamp) -> Vec<Ready> {
    let source = admitted.source();
    let request = admitted.request();
    let found = identify(admitted);
    let id = EventId {
        delivery: id,
        index: 0,
    };
    let (body, oversized) = carry(source, id, &request.body);
    let envelope = Envelope {
        version: Version,
        id,
        provider: source.provider.name().to_owned(),
        slug: admitted.slug().map(str::to_owned),
        received_at: time::to_millis(received_at),
        retention_days: admitted.retention_days(),
        kind: found.identity.kind,
        provider_event: found.event_name.map(shortened),
        reason: found.reason.map(Cow::into_owned),
        entity: Entity::new(
            &source.name,
            found.identity.kind.entity_type(),
            &found.identity.key,
        ),
        dedup: found.identity.dedup,
        reading: source.reading.clone(),
        headers: envelope::kept_headers(&request.headers),
        body,
    };
    vec![Ready {
        envelope,
        oversized,
    }]
}

fn carry(source: &Source, id: EventId, bytes: &Bytes) -> (Carried, Option<Bytes>) {
    match Carried::inline(bytes) {
        Some(inline) => (inline, None),
        None => (
            Carried::stored(format!("{}/{id}", source.name), bytes),
            Some(bytes.clone()),
        ),
    }
}

fn shortened(mut name: String) -> String {
    name.truncate(name.floor_char_boundary(MAX_EVENT_NAME_BYTES));
    name
}

struct Found {
    identity: Identity,
    event_name: Option<String>,
    reason: Option<Cow<'static, str>>,
}

fn identify(admitted: &Admitted<'_>) -> Found {
    let request = admitted.request();
    let readable = content::json_text(&request.headers, &request.body);
    let unknown = |kind, event_name, reason| Found {
        identity: whole_delivery(admitted, kind),
        event_name,
        reason: Some(reason),
    };
    let unreadable = |error: Unreadable| unknown(Kind::Unreadable, None, error.to_string().into());
    let text = match readable {
        Ok(text) => text,
        Err(error) => return unreadable(error),
    };
    let object = match Object::parse(&text) {
        Ok(object) => object,
        Err(error) => return unreadable(error.into()),
    };
    let source = admitted.source();
    let element = Element {
        object,
        raw: &request.body,
        slug: admitted.slug(),
        reading: &source.reading,
    };
    let event_name = source.provider.event_name(&element);
    match source.provider.identify(&element).and_then(with_usable_key) {
        Ok(identity) => Found {
            identity,
            event_name,
            reason: None,
        },
        Err(reason) => unknown(Kind::Unrecognised, event_name, reason),
    }
}

fn with_usable_key(identity: Identity) -> Result<Identity, Cow<'static, str>> {
    if identity.key.len() <= MAX_KEY_BYTES {
        Ok(identity)
    } else {
        Err(format!("the key is longer than {MAX_KEY_BYTES} bytes").into())
    }
}

/// What is not known is itself by its slug and bytes, for as long as the provider may repeat it.
fn whole_delivery(admitted: &Admitted<'_>, kind: Kind) -> Identity {
    let slug = admitted.slug().unwrap_or_default();
    let window = Window::Secs(admitted.source().provider.retry_horizon_secs());
    Identity {
        kind,
        key: dedup::digest(&[slug.as_bytes(), &admitted.request().body]),
        dedup: DedupKey::new(&[kind.as_str().as_bytes()], window),
    }
}
