//! An HTTP request as the ingress sees it, before anything about it is believed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// The headers of a request: names in lower case, repeated headers joined by a comma, as API
/// Gateway's payload format 2.0 hands them over.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Headers(BTreeMap<String, String>);

impl Headers {
    /// Returns a header's value; several of one name come joined by commas.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn add(&mut self, mut name: String, value: String) {
        name.make_ascii_lowercase();
        match self.0.entry(name) {
            Entry::Vacant(place) => {
                place.insert(value);
            }
            Entry::Occupied(mut all) => all.get_mut().extend([",", &value]),
        }
    }
}

impl FromIterator<(String, String)> for Headers {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(headers: I) -> Self {
        let mut joined = Self::default();
        for (name, value) in headers {
            joined.add(name, value);
        }
        joined
    }
}

/// Reads an object of texts by the headers' names.
impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Joined;

        impl<'de> Visitor<'de> for Joined {
            type Value = Headers;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Headers, A::Error> {
                let mut headers = Headers::default();
                while let Some((name, value)) = object.next_entry()? {
                    headers.add(name, value);
                }
                Ok(headers)
            }
        }

        deserializer.deserialize_map(Joined)
    }
}

impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// One HTTP request. Its `Debug` shows neither path (it may hold a token) nor values nor body.
#[derive(Clone)]
pub struct Request {
    /// The method, as sent.
    pub method: String,
    /// The path as sent, not normalised and without the query.
    pub path: String,
    /// The headers.
    pub headers: Headers,
    /// The exact bytes of the body, a transfer's base64 undone and nothing else.
    pub body: Bytes,
    /// The address that the request came from, where it is known.
    pub peer: Option<IpAddr>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_headers_are_joined_and_names_lowered() {
        let headers: Headers = [("X-A", "1"), ("x-a", "2")]
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .into_iter()
            .collect();
        assert_eq!(headers.get("x-a"), Some("1,2"));
        let read: Headers = serde_json::from_str(r#"{"X-A":"1","x-a":"2"}"#).unwrap();
        assert_eq!(read, headers);
    }

    #[test]
    fn debug_shows_no_value() {
        let request = Request {
            method: "POST".into(),
            path: "/webhooks/a/t0ken-t0ken-t0ken-t0ken".into(),
            headers: std::iter::once(("authorization".into(), "Basic c2VjcmV0".into())).collect(),
            body: Bytes::from_static(b"+15550100003"),
            peer: None,
        };
        let shown = format!("{request:?}");
        for secret in ["t0ken", "c2VjcmV0", "1555"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
