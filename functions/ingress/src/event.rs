//! API Gateway's HTTP API events (payload format 2.0) in, its responses out.
//!
//! `lambda_http` gives the runtime and the answer's type. Its conversion into an `http::Request` is
//! not used: it panics on bad base64 and on paths or queries that are no URI, before any code of ours,
//! and every request must get an answer of ours. Its type of an event, which keeps everything, is not
//! used either: it takes a third more instructions to read than what is needed of it.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use lambda_http::Body;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use serde::Deserialize;
use serde_json::value::RawValue;
use switchhook_core::json::Misplaced;
use switchhook_core::request::{Headers, Request};

use crate::answer::Answer;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request and the id under which API Gateway knows it.
#[derive(Clone, Debug)]
pub struct Call {
    /// The request.
    pub request: Request,
    /// API Gateway's id of it.
    pub request_id: Option<String>,
}

/// Why an event is no request. That is never the sender's fault.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// It is not an event of payload format 2.0.
    #[error("not an HTTP API event of payload format 2.0")]
    Format(#[source] Misplaced),
    /// Its method is none of HTTP.
    #[error("the event's method is no HTTP method")]
    Method,
    /// Its body says that it is base64 and is not.
    #[error("the event's body is not the base64 that it says it is")]
    Base64,
}

/// What is read of an event. All else of payload format 2.0 is passed over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    raw_path: Option<String>,
    headers: Option<Headers>,
    #[serde(borrow)]
    body: Option<Text<'a>>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: Context,
}

/// A text, copied only where the event escapes something of it: base64 never is.
#[derive(Default, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    request_id: Option<String>,
    http: Http,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: String,
    source_ip: Option<String>,
}

/// Reads an event as it came.
///
/// # Errors
///
/// When it is not what API Gateway sends.
pub fn parse(event: &RawValue) -> Result<Call, EventError> {
    let event: Event<'_> =
        serde_json::from_str(event.get()).map_err(|error| EventError::Format(error.into()))?;
    let Context { request_id, http } = event.request_context;
    if Method::from_bytes(http.method.as_bytes()).is_err() {
        return Err(EventError::Method);
    }
    let Text(text) = event.body.unwrap_or_default();
    let body = if event.is_base64_encoded {
        STANDARD
            .decode(text.as_ref())
            .map_err(|_| EventError::Base64)?
            .into()
    } else {
        Bytes::from(text.into_owned())
    };
    let request = Request {
        method: http.method,
        path: event.raw_path.unwrap_or_default(),
        headers: event.headers.unwrap_or_default(),
        body,
        peer: http.source_ip.and_then(|address| address.parse().ok()),
    };
    Ok(Call {
        request,
        request_id,
    })
}

/// Puts an answer into API Gateway's form.
#[must_use]
pub fn response(answer: Answer, request_id: &str) -> ApiGatewayV2httpResponse {
    let mut headers = HeaderMap::new();
    headers.insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some((name, value)) = answer.header {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = answer.status.into();
    response.headers = headers;
    response.body = Some(Body::Text(answer.body));
    response
}
