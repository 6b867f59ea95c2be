//! Events handed to the user's own application: posted over HTTP, signed by Standard Webhooks.
//!
//! Redirects are not followed: a signed event goes where it was told to and nowhere else.

mod signing;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use switchhook_aws::clock::SystemClock;
use switchhook_core::ids::EventId;
use switchhook_core::ledger::Record;
use switchhook_core::report::Report;
use switchhook_core::time::{Clock, Timestamp};

pub use signing::{SecretError, SigningSecret};

use crate::commands::event_json::EventJson;

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may take, of that: who is not reached by then is not there.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// Answers are read, so that their connection can be used again, but not without end.
const MAX_ANSWER_BYTES: usize = 64 << 10;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const OURS: HeaderValue =
    HeaderValue::from_static(concat!("switchhook/", env!("CARGO_PKG_VERSION")));

/// A client of HTTP/1.1, with or without TLS.
pub(crate) type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Returns a client that trusts what this machine trusts.
pub(crate) fn client() -> std::io::Result<HttpClient> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true); // a small request must not wait for an acknowledgement
    tcp.set_connect_timeout(Some(CONNECT_PATIENCE));
    tcp.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::ring::default_provider())?
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

/// Where the user's application listens. Paths and queries may hold tokens, so they are not shown.
#[derive(Clone)]
pub struct Url(Uri);

/// Why a text is no address to post to.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "an address begins with `http://` or `https://`, names a host, and has no user or password in it"
)]
pub struct UrlError;

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let uri: Uri = text.parse().map_err(|_| UrlError)?;
        let host = uri.authority().ok_or(UrlError)?;
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        if known && !host.host().is_empty() && !host.as_str().contains('@') {
            Ok(Self(uri))
        } else {
            Err(UrlError)
        }
    }
}

impl Url {
    /// Reports whether what is sent there leaves this machine unencrypted.
    #[must_use]
    pub fn is_plain_to_others(&self) -> bool {
        let host = self.0.host().unwrap_or_default();
        self.0.scheme_str() == Some("http") && !is_loopback(host)
    }
}

/// Reports whether a host of a URL, without a port, is a name or an address of this machine's loopback.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let address = address.parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.scheme_str().unwrap_or_default();
        let host = self.0.authority().map_or("", |host| host.as_str());
        let path = self.0.path_and_query().map_or("/", |path| path.as_str());
        let path = if path == "/" { "" } else { "/…" };
        write!(f, "{scheme}://{host}{path}")
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct NoAnswer {
    /// Whether nobody was there to ask: then nothing else gets through either.
    pub(crate) unreachable: bool,
    /// Why, for people.
    pub(crate) reason: String,
}

/// The user's application.
pub(crate) struct Target {
    client: HttpClient,
    url: Url,
    secret: SigningSecret,
}

impl Target {
    /// Names an application, and the secret that it verifies by.
    pub(crate) fn new(url: Url, secret: SigningSecret) -> std::io::Result<Self> {
        Ok(Self {
            client: client()?,
            url,
            secret,
        })
    }

    /// Posts an event and returns the status of the answer.
    pub(crate) async fn post(&self, id: EventId, body: Vec<u8>) -> Result<StatusCode, NoAnswer> {
        let exchange = tokio::time::timeout(PATIENCE, self.exchange(id, body));
        exchange.await.unwrap_or_else(|_| {
            Err(NoAnswer {
                unreachable: false,
                reason: format!("no answer within {} s", PATIENCE.as_secs()),
            })
        })
    }

    async fn exchange(&self, id: EventId, body: Vec<u8>) -> Result<StatusCode, NoAnswer> {
        let request = self.request(id, body).map_err(|error| NoAnswer {
            unreachable: false,
            reason: Report(&error).to_string(),
        })?;
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| NoAnswer {
            unreachable: error.is_connect(),
            reason: Report(&error).to_string(),
        })?;
        let status = answer.status();
        // The status is the answer, whatever comes after it.
        let _ = Limited::new(answer.into_body(), MAX_ANSWER_BYTES)
            .collect()
            .await;
        Ok(status)
    }

    fn request(&self, id: EventId, body: Vec<u8>) -> Result<Request<Full<Bytes>>, http::Error> {
        let (id, timestamp) = (id.to_string(), SystemClock.now().as_second());
        let signature = self.secret.sign(&id, timestamp, &body);
        Request::post(self.url.0.clone())
            .header(CONTENT_TYPE, JSON)
            .header(USER_AGENT, OURS)
            .header(ID, id)
            .header(TIMESTAMP, timestamp)
            .header(SIGNATURE, signature)
            .body(Full::from(body))
    }
}

/// What is posted: the envelope that Standard Webhooks recommends.
#[derive(Serialize)]
struct Message<'a> {
    r#type: &'a str,
    timestamp: Timestamp,
    data: EventJson,
}

/// Writes the body that hands an event out.
pub(crate) fn body(record: Record) -> Result<Vec<u8>, serde_json::Error> {
    let (kind, timestamp) = (
        record.kind,
        record.occurred_at.unwrap_or(record.received_at),
    );
    serde_json::to_vec(&Message {
        r#type: kind.as_str(),
        timestamp,
        data: EventJson::without_bytes(record)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_to_another_host_is_plain_to_others() {
        for (url, is_plain) in [
            ("http://127.0.0.1:3000/hooks", false),
            ("http://127.8.9.1", false),
            ("http://localhost:3000", false),
            ("http://LOCALHOST", false),
            ("http://[::1]:3000", false),
            ("http://[::ffff:127.0.0.1]", false),
            ("https://example.com/hooks", false),
            ("http://example.com/hooks", true),
            ("HTTP://example.com", true),
            ("http://192.168.0.7:3000", true),
            ("http://0.0.0.0", true),
            ("http://[::]", true),
            ("http://[fe80::1]", true),
            ("http://[::ffff:8.8.8.8]", true),
            ("http://localhost.example.com", true),
            ("http://127.0.0.1.example.com", true),
        ] {
            let url: Url = url.parse().unwrap();
            assert_eq!(url.is_plain_to_others(), is_plain, "{url}");
        }
    }

    #[test]
    fn an_address_shows_its_host_and_no_more() {
        for (text, shown) in [
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            (
                "https://example.com/hooks/token?key=1",
                "https://example.com/…",
            ),
        ] {
            let url: Url = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("token"));
        }
        for wrong in [
            "",
            "example.com",
            "localhost:3000",
            "/hooks",
            "ftp://example.com",
            "http://user:password@example.com/",
            "http://",
        ] {
            assert!(wrong.parse::<Url>().is_err(), "{wrong}");
        }
    }
}
