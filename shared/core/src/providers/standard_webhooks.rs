//! Standard Webhooks: any sender that follows the specification of that name.
//!
//! Its events are of types of its own, so that none is known here: each is recorded whole, as the one
//! event that its `webhook-id` names. The specification recommends a body with `type` and
//! `timestamp`; a body without them is recorded all the same.

use std::borrow::Cow;

use super::fields::Fields;
use super::{Element, Identity, Meaning, Provider};
use crate::data;
use crate::dedup::{DedupKey, Window};
use crate::kind::Kind;
use crate::request::Headers;
use crate::schemes::Scheme;
use crate::schemes::standard_webhooks::{self as scheme, StandardWebhooks as Signature};
use crate::time::OwnTime;

/// Longer than the specification's example of a retry schedule: ten attempts within 75 hours 35
/// minutes, with some jitter, each of which waits up to 30 seconds for its answer.
const RETRY_HORIZON_SECS: u32 = 4 * 24 * 60 * 60;

/// Any sender that follows Standard Webhooks (www.standardwebhooks.com).
#[derive(Debug)]
pub struct StandardWebhooks;

impl Provider for StandardWebhooks {
    fn name(&self) -> &'static str {
        "standard-webhooks"
    }

    fn scheme(&self) -> Option<&'static dyn Scheme> {
        Some(&Signature)
    }

    fn receives_texts(&self) -> bool {
        false
    }

    fn retry_horizon_secs(&self) -> u32 {
        RETRY_HORIZON_SECS
    }

    fn id_of_headers<'a>(&self, headers: &'a Headers) -> Option<&'a str> {
        scheme::id_of_headers(headers)
    }

    fn event_name(&self, element: &Element<'_>) -> Option<String> {
        element.object.text("type")
    }

    fn identify(&self, element: &Element<'_>) -> Result<Identity, Cow<'static, str>> {
        let id = self
            .id_of_headers(element.headers)
            .ok_or("no `webhook-id` header")?;
        Ok(Identity {
            kind: Kind::Unrecognised,
            key: id.to_owned(),
            dedup: DedupKey::new(&[id.as_bytes()], Window::Record),
        })
    }

    fn own_time(&self, element: &Element<'_>) -> Option<String> {
        element.object.text("timestamp")
    }

    /// All events are unrecognised, which is read without asking the provider.
    fn interpret(&self, _kind: Kind, element: &Element<'_>) -> Meaning {
        let own_time = self.own_time(element);
        let own_time = own_time.and_then(|text| OwnTime::read(&text, element.received_at));
        let data = data::Unknown {
            reason: None,
            extra: Fields::new(element.object.clone(), element).rest(),
        };
        Meaning {
            occurred_at: own_time.and_then(OwnTime::believed),
            data: data.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Reading;
    use crate::json::Object;

    fn with<T>(id: Option<&str>, json: &str, ask: impl Fn(&Element<'_>) -> T) -> T {
        let headers: Headers = id
            .map(|id| ("Webhook-Id".to_owned(), id.to_owned()))
            .into_iter()
            .collect();
        ask(&Element {
            object: Object::parse(json).unwrap(),
            raw: json.as_bytes(),
            slug: None,
            headers: &headers,
            reading: &Reading::default(),
            received_at: crate::time::parse_rfc3339("2026-01-15T13:00:00Z").unwrap(),
        })
    }

    #[test]
    fn the_id_of_the_header_alone_tells_events_apart() {
        let identify = |id, json| with(id, json, |e| StandardWebhooks.identify(e));
        let one = identify(Some("msg_1"), r#"{"id":"a"}"#).unwrap();
        assert_eq!((one.kind, one.key.as_str()), (Kind::Unrecognised, "msg_1"));
        assert_eq!(identify(Some("msg_1"), r#"{"id":"b"}"#).unwrap(), one);
        let other = identify(Some("msg_2"), r#"{"id":"a"}"#).unwrap();
        assert_ne!(other.dedup, one.dedup);
        for none in [None, Some(""), Some(" ")] {
            let refused = identify(none, r#"{"webhook-id":"msg_1"}"#).unwrap_err();
            assert_eq!(refused, "no `webhook-id` header");
        }
    }

    #[test]
    fn what_the_body_says_of_itself_is_taken_only_as_it_should_be() {
        for (json, name, at) in [
            (
                r#"{"type":"user.created","timestamp":"2022-11-03T20:26:10.344522Z"}"#,
                Some("user.created"),
                Some("2022-11-03T20:26:10.344522Z"),
            ),
            (r#"{"type":7,"timestamp":1667507170}"#, None, None),
            (
                r#"{"type":null,"timestamp":"2022-11-03T20:26:10"}"#,
                None,
                None,
            ),
            ("{}", None, None),
        ] {
            let told = with(None, json, |e| StandardWebhooks.event_name(e));
            assert_eq!(told.as_deref(), name, "{json}");
            let meaning = with(None, json, |e| {
                StandardWebhooks.interpret(Kind::Unrecognised, e)
            });
            let told = meaning.occurred_at.map(|at| at.to_string());
            assert_eq!(told.as_deref(), at, "{json}");
        }
    }
}
