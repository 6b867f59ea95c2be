//! Providers: the kinds of sender. A provider is one file of this folder and one line of [`ALL`].

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::config::Reading;
use crate::data::Data;
use crate::dedup::DedupKey;
use crate::json::{JsonError, Object};
use crate::kind::Kind;
use crate::request::Headers;
use crate::schemes::Scheme;
use crate::time::Timestamp;

pub mod ai_sync;
pub mod cellcast;
pub mod cloudcontactai;
mod fields;
pub mod nectar_desk;
pub mod standard_webhooks;
pub mod switchhook;

pub(crate) use fields::IMPLAUSIBLE_TIME;

/// Every provider, in alphabetical order.
pub const ALL: &[&dyn Provider] = &[
    &ai_sync::AiSync,
    &cellcast::Cellcast,
    &cloudcontactai::CloudContactAi,
    &nectar_desk::NectarDesk,
    &standard_webhooks::StandardWebhooks,
];

/// Returns the provider of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Provider> {
    ALL.iter().copied().find(|provider| provider.name() == name)
}

/// Returns the provider of an event on the queue: one of [`ALL`], or Switchhook itself.
#[must_use]
pub fn of_event(name: &str) -> Option<&'static dyn Provider> {
    let own: &'static dyn Provider = &switchhook::Switchhook;
    find(name).or_else(|| (name == own.name()).then_some(own))
}

/// One event as a provider wrote it.
#[derive(Clone, Debug)]
pub struct Element<'a> {
    /// Its fields.
    pub object: Object<'a>,
    /// Its exact bytes.
    pub raw: &'a [u8],
    /// The slug of the URL.
    pub slug: Option<&'a str>,
    /// The headers of its delivery; after the queue, those that a record keeps.
    pub headers: &'a Headers,
    /// How to read numbers.
    pub reading: &'a Reading,
    /// The accepted time.
    pub received_at: Timestamp,
}

/// Who an event is: decided at the ingress.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// What happened.
    pub kind: Kind,
    /// The key of the entity that it is about, as the provider wrote it.
    pub key: String,
    /// What makes it the same event as another one.
    pub dedup: DedupKey,
}

/// What an event says: found out by the consumer.
#[derive(Clone, Debug)]
pub struct Meaning {
    /// When it happened, where the provider says so.
    pub occurred_at: Option<Timestamp>,
    /// What it says.
    pub data: Data,
}

/// A kind of sender: how it proves itself, and what its events mean.
///
/// All functions are total: whatever an authentic sender writes has an answer.
pub trait Provider: Sync {
    /// Returns the provider's name in the configuration.
    fn name(&self) -> &'static str;

    /// Returns the methods it uses, as an `Allow` header lists them.
    fn methods(&self) -> &'static str {
        "POST"
    }

    /// Returns the scheme of its signature or credentials; `None` where a token of the URL is all
    /// that it offers.
    fn scheme(&self) -> Option<&'static dyn Scheme>;

    /// Returns the country that its national numbers are of, where the source names none.
    fn default_country(&self) -> Option<&'static str> {
        None
    }

    /// Reports whether customers' texts come in through it, an opt-out among them perhaps.
    fn receives_texts(&self) -> bool {
        true
    }

    /// Returns the slugs that decide what a body means, where the body does not say it.
    fn deciding_slugs(&self) -> &'static [&'static str] {
        &[]
    }

    /// Returns how long, in seconds, it may repeat a delivery that has no identity of its own.
    fn retry_horizon_secs(&self) -> u32;

    /// Returns the id that a delivery's headers give its one event, where its sender tells it there. It
    /// names the event even if the body cannot be read.
    fn id_of_headers<'a>(&self, _headers: &'a Headers) -> Option<&'a str> {
        None
    }

    /// Returns the events of a body that can hold several; `None` where the body is one event.
    ///
    /// # Errors
    ///
    /// When the body is no JSON that can be read.
    fn parts<'a>(&self, _body: &'a str) -> Result<Option<Vec<&'a RawValue>>, JsonError> {
        Ok(None)
    }

    /// Returns the sender's own name for an event, where it has one.
    fn event_name(&self, element: &Element<'_>) -> Option<String>;

    /// Finds out who an event is.
    ///
    /// # Errors
    ///
    /// Why it is none of the known events: it becomes `unrecognised` with this reason.
    fn identify(&self, element: &Element<'_>) -> Result<Identity, Cow<'static, str>>;

    /// Returns the own time, as it was sent, of an event that [`Self::identify`] does not know.
    fn own_time(&self, _element: &Element<'_>) -> Option<String> {
        None
    }

    /// Finds out what an event of the kind that [`Self::identify`] told says.
    fn interpret(&self, kind: Kind, element: &Element<'_>) -> Meaning;
}

impl std::fmt::Debug for dyn Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_each_is_found_by_its_name() {
        assert!(ALL.is_sorted_by_key(|provider| provider.name()));
        for provider in ALL {
            assert_eq!(find(provider.name()).unwrap().name(), provider.name());
        }
        assert!(find("nobody").is_none());
    }

    #[test]
    fn each_has_its_methods_country_and_retry_horizon() {
        const MINUTE: u32 = 60;
        let told = ALL.iter().map(|provider| {
            (
                provider.name(),
                provider.methods(),
                provider.default_country(),
                provider.retry_horizon_secs(),
            )
        });
        let expected = [
            ("ai-sync", "POST", None, 120 * MINUTE),
            ("cellcast", "POST", Some("AU"), 10 * MINUTE),
            ("cloudcontactai", "POST, PUT", None, 10 * MINUTE),
            ("nectar-desk", "POST", None, 2 * MINUTE),
            ("standard-webhooks", "POST", None, 4 * 24 * 60 * MINUTE),
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
}
