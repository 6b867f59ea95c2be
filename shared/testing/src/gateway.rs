//! Requests as API Gateway hands them to a function (HTTP API, payload format 2.0).
//!
//! This is written down here once more, and not taken from the laptop's endpoint, so that what that
//! does not let through (paths that are no URI, a sender without an address) can be tested too.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use serde_json::value::RawValue;

use crate::fixture::Request;

impl Request {
    /// Returns API Gateway's event of this request with this body: header names in lower case,
    /// repeated headers joined by commas, the body as base64 unless it is text of a text type, and
    /// no body where it is empty.
    ///
    /// # Panics
    ///
    /// When it cannot be written as JSON, which never happens.
    #[must_use]
    pub fn gateway_event(&self, body: &[u8], request_id: &str) -> Box<RawValue> {
        let headers = self.joined_headers();
        let content_type = headers.get("content-type").map_or("", String::as_str);
        let text = std::str::from_utf8(body)
            .ok()
            .filter(|_| is_text(content_type));
        let mut http = json!({
            "method": self.method,
            "path": self.path,
            "protocol": "HTTP/1.1",
            "userAgent": headers.get("user-agent"),
        });
        if let (Some(peer), Some(http)) = (&self.peer, http.as_object_mut()) {
            http.insert("sourceIp".to_owned(), json!(peer));
        }
        let mut event = json!({
            "version": "2.0",
            "routeKey": "ANY /webhooks/{proxy+}",
            "rawPath": self.path,
            "rawQueryString": self.query,
            "headers": headers,
            "requestContext": {"http": http, "requestId": request_id, "stage": "$default"},
            "isBase64Encoded": text.is_none(),
        });
        if let (false, Some(event)) = (body.is_empty(), event.as_object_mut()) {
            let body = text.map_or_else(|| STANDARD.encode(body), str::to_owned);
            event.insert("body".to_owned(), json!(body));
        }
        serde_json::value::to_raw_value(&event).unwrap_or_else(|error| panic!("{error}"))
    }

    fn joined_headers(&self) -> BTreeMap<String, String> {
        let mut joined: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (name, value) in &self.headers {
            let values = joined.entry(name.to_ascii_lowercase()).or_default();
            values.push(value);
        }
        joined
            .into_iter()
            .map(|(name, values)| (name, values.join(",")))
            .collect()
    }
}

fn is_text(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    essence.starts_with("text/") || essence == "application/json" || essence.ends_with("+json")
}
