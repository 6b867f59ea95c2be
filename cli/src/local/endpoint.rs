//! Plays API Gateway: HTTP requests become events of payload format 2.0, and the ingress's
//! responses HTTP answers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;
use ingress::answer::Answer;
use ingress::event;
use ingress::service::HeadAnswer;
use lambda_http::Body;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use serde_json::json;

use super::server::{Door, Unread};
use super::stack::Stack;

/// The largest payload of an HTTP API (quotas of API Gateway): more never reaches the ingress.
const MAX_PAYLOAD_BYTES: usize = 10 << 20;

/// The ingress, behind what plays API Gateway.
#[derive(Clone)]
pub(super) struct Endpoint(Arc<Stack>);

impl Endpoint {
    pub(super) const fn new(stack: Arc<Stack>) -> Self {
        Self(stack)
    }

    /// Judges a request by its head and the length of its body.
    async fn judge(&self, head: &Parts, body_bytes: usize) -> HeadAnswer {
        let (method, path) = (head.method.as_str(), head.uri.path());
        let ingress = self.0.ingress();
        ingress
            .answer_head(method, path, body_bytes, &request_id())
            .await
    }
}

impl Door for Endpoint {
    async fn admit(
        &self,
        _: SocketAddr,
        head: &Parts,
        body_bytes: Option<u64>,
    ) -> Result<usize, Response<Full<Bytes>>> {
        let bytes = usize::try_from(body_bytes.unwrap_or_default()).unwrap_or(usize::MAX);
        let longest = self.judge(head, bytes).await.map_err(http_response)?;
        Ok(longest.min(MAX_PAYLOAD_BYTES))
    }

    async fn answer(&self, peer: SocketAddr, head: Parts, body: Bytes) -> Response<Full<Bytes>> {
        let request_id = request_id();
        let event = gateway_event(&head, &body, peer, &request_id);
        let response = match serde_json::value::to_raw_value(&event) {
            Ok(event) => self.0.ingress().serve(&event).await,
            Err(_) => event::response(Answer::unavailable(), &request_id),
        };
        http_response(response)
    }

    async fn refuse(&self, head: &Parts, unread: Unread) -> Response<Full<Bytes>> {
        if unread == Unread::TooLong {
            // Longer than any source takes: the ingress says which one refuses it.
            if let Err(refused) = self.judge(head, usize::MAX).await {
                return http_response(refused);
            }
        }
        let (status, code, reason) = match unread {
            Unread::Overdue => (408, "timeout", "the request took too long to arrive"),
            Unread::TooLong => (413, "too_large", "the body is too long"),
            Unread::Broken => (400, "bad_request", "the body ended early or is malformed"),
        };
        tracing::warn!(status, error = reason, "delivery refused");
        let answer = Answer {
            status,
            header: None,
            body: format!(r#"{{"error":"{code}"}}"#),
        };
        http_response(event::response(answer, &request_id()))
    }
}

fn request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Makes the event that API Gateway would make: header names in lower case, repeated headers joined
/// by commas, and a body that is no text as base64.
#[must_use]
pub fn gateway_event(
    head: &Parts,
    body: &[u8],
    peer: SocketAddr,
    request_id: &str,
) -> serde_json::Value {
    let headers = joined(&head.headers);
    let user_agent = headers.get("user-agent").cloned().unwrap_or_default();
    let text = as_text(headers.get("content-type").map_or("", String::as_str), body);
    json!({
        "version": "2.0",
        "routeKey": "ANY /webhooks/{proxy+}",
        "rawPath": head.uri.path(),
        "rawQueryString": head.uri.query().unwrap_or_default(),
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "http": {
                "method": head.method.as_str(),
                "path": head.uri.path(),
                "protocol": "HTTP/1.1",
                "sourceIp": peer.ip().to_string(),
                "userAgent": user_agent,
            },
            "requestId": request_id,
            "stage": "$default",
        },
        "isBase64Encoded": text.is_none(),
        "body": text.map_or_else(|| STANDARD.encode(body), str::to_owned),
    })
}

fn joined(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut joined = BTreeMap::new();
    for name in headers.keys() {
        let values = headers
            .get_all(name)
            .iter()
            .map(|v| String::from_utf8_lossy(v.as_bytes()));
        joined.insert(
            name.as_str().to_owned(),
            values.collect::<Vec<_>>().join(","),
        );
    }
    joined
}

/// Returns a body that is handed on as text: JSON and text types only, and valid UTF-8.
fn as_text<'a>(content_type: &str, body: &'a [u8]) -> Option<&'a str> {
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let is_text = essence.starts_with("text/")
        || essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"));
    if is_text {
        std::str::from_utf8(body).ok()
    } else {
        None
    }
}

fn http_response(response: ApiGatewayV2httpResponse) -> Response<Full<Bytes>> {
    let body = match response.body {
        Some(Body::Text(text)) => Bytes::from(text),
        Some(Body::Binary(bytes)) => Bytes::from(bytes),
        Some(_) | None => Bytes::new(),
    };
    let mut answer = Response::new(Full::new(body));
    let status = u16::try_from(response.status_code).ok();
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    *answer.status_mut() = status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    *answer.headers_mut() = response.headers;
    answer
        .headers_mut()
        .entry(CONTENT_TYPE)
        .or_insert(HeaderValue::from_static("application/json"));
    answer
        .headers_mut()
        .insert(NO_SNIFF, HeaderValue::from_static("nosniff"));
    answer
}

const NO_SNIFF: HeaderName = HeaderName::from_static("x-content-type-options");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_of_text_types_are_handed_on_as_text() {
        assert_eq!(
            as_text("application/json; charset=utf-8", b"{}"),
            Some("{}")
        );
        assert_eq!(as_text("text/plain", b"x"), Some("x"));
        assert_eq!(as_text("application/problem+json", b"x"), Some("x"));
        for (content_type, body) in [
            ("application/json", &b"\xff"[..]),
            ("application/x-www-form-urlencoded", b"a=1"),
            ("", b"{}"),
            ("image/png", b"x"),
        ] {
            assert_eq!(as_text(content_type, body), None, "{content_type}");
        }
    }

    #[test]
    fn repeated_headers_are_joined() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", HeaderValue::from_static("1"));
        headers.append("X-A", HeaderValue::from_static("2"));
        assert_eq!(joined(&headers)["x-a"], "1,2");
    }
}
