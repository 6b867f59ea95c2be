//! The laptop's queue and database over HTTP (`--aws-port`), for other AWS tools.
//!
//! Signatures are not checked, so the port must be of no use to web pages: a request with an
//! `Origin` is refused, and so is one whose `Host` is not this machine's loopback (a page may point
//! its own name here). Nothing answers a preflight, and no header shares an answer.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;
use tokio::net::TcpListener;

use super::dynamodb::DynamoDb;
use super::server::{self, Door, Limits, Unread};
use super::sqs::Queues;
use crate::outbound;

const MAX_BODY_BYTES: usize = 20 * 1024 * 1024;

/// How long open requests may take once the port closes.
const GRACE: Duration = Duration::from_secs(2);

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");
const AWS_JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");

/// Serves both protocols until `shutdown`, then gives open requests two seconds.
pub async fn serve(
    listener: TcpListener,
    queues: Queues,
    db: DynamoDb,
    shutdown: impl Future<Output = ()>,
) {
    let address = listener
        .local_addr()
        .map(|address| format!("http://{address}"));
    let queues = queues.with_base_url(&address.unwrap_or_default());
    let port = Port { queues, db };
    server::serve(listener, Limits::LOCAL, shutdown, GRACE, port).await;
}

/// Why a request is not passed on.
#[derive(Debug, thiserror::Error)]
enum PortError {
    #[error("web pages may not use this port")]
    FromWebPage,
    #[error("the request's host is not a loopback address")]
    ForeignHost,
    #[error("only POST is allowed")]
    NotPost,
    #[error("the body is longer than {MAX_BODY_BYTES} bytes")]
    BodyTooLong,
    #[error("the body could not be read")]
    UnreadableBody,
    #[error("the request took too long to arrive")]
    Overdue,
    #[error("the header `x-amz-target` names neither SQS nor DynamoDB")]
    UnknownTarget,
}

impl PortError {
    fn status(&self) -> StatusCode {
        match self {
            Self::FromWebPage | Self::ForeignHost => StatusCode::FORBIDDEN,
            Self::NotPost => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Overdue => StatusCode::REQUEST_TIMEOUT,
            Self::UnreadableBody | Self::UnknownTarget => StatusCode::BAD_REQUEST,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::FromWebPage | Self::ForeignHost => "AccessDeniedException",
            Self::NotPost | Self::UnknownTarget => "UnknownOperationException",
            Self::BodyTooLong => "RequestEntityTooLargeException",
            Self::UnreadableBody => "SerializationException",
            Self::Overdue => "RequestTimeoutException",
        }
    }

    fn into_response(self) -> Response<Full<Bytes>> {
        let body = serde_json::json!({ "__type": self.code(), "message": self.to_string() });
        response(self.status(), body.to_string())
    }
}

#[derive(Clone)]
struct Port {
    queues: Queues,
    db: DynamoDb,
}

impl Door for Port {
    async fn admit(
        &self,
        _: SocketAddr,
        head: &Parts,
        body_bytes: Option<u64>,
    ) -> Result<usize, Response<Full<Bytes>>> {
        let longest = u64::try_from(MAX_BODY_BYTES).unwrap_or(u64::MAX);
        let refused = if let Err(refused) = check_caller(&head.headers) {
            refused
        } else if head.method != Method::POST {
            PortError::NotPost
        } else if body_bytes.is_some_and(|bytes| bytes > longest) {
            PortError::BodyTooLong
        } else {
            return Ok(MAX_BODY_BYTES);
        };
        Err(refused.into_response())
    }

    async fn answer(&self, _: SocketAddr, head: Parts, body: Bytes) -> Response<Full<Bytes>> {
        let target = head.headers.get(TARGET);
        let target = target.and_then(|value| value.to_str().ok());
        match target.and_then(|target| target.split_once('.')) {
            Some(("AmazonSQS", operation)) => self.queue(operation, &body).await,
            Some(("DynamoDB_20120810", operation)) => self.database(operation, &body).await,
            _ => PortError::UnknownTarget.into_response(),
        }
    }

    async fn refuse(&self, _: &Parts, unread: Unread) -> Response<Full<Bytes>> {
        let error = match unread {
            Unread::Overdue => PortError::Overdue,
            Unread::TooLong => PortError::BodyTooLong,
            Unread::Broken => PortError::UnreadableBody,
        };
        error.into_response()
    }
}

impl Port {
    async fn queue(&self, operation: &str, body: &[u8]) -> Response<Full<Bytes>> {
        let answer = self.queues.call(operation, body).await;
        let mut response = response(status(answer.status), answer.body);
        let query_error = answer
            .query_error
            .and_then(|name| HeaderValue::try_from(name).ok());
        if let Some(query_error) = query_error {
            response.headers_mut().insert(QUERY_ERROR, query_error);
        }
        response
    }

    async fn database(&self, operation: &str, body: &[u8]) -> Response<Full<Bytes>> {
        let answer = self.db.call(operation, body).await;
        response(status(answer.status), answer.body)
    }
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn response(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, AWS_JSON);
    response
}

/// Refuses what a browser may have sent for a page.
fn check_caller(headers: &HeaderMap) -> Result<(), PortError> {
    if headers.contains_key(ORIGIN) {
        return Err(PortError::FromWebPage);
    }
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next().map(HeaderValue::to_str), hosts.next()) {
        (Some(Ok(host)), None) if is_loopback(host) => Ok(()),
        _ => Err(PortError::ForeignHost),
    }
}

/// Tells whether `host`, with or without a port, is a name or address of this machine's loopback.
fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<http::uri::Authority>() else {
        return false;
    };
    !host.contains('@') && outbound::is_loopback(authority.host())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

    use tokio::net::TcpStream;

    use super::*;

    #[test]
    fn only_loopback_hosts_are_answered() {
        for (host, is_ours) in [
            ("localhost", true),
            ("LOCALHOST:4566", true),
            ("127.0.0.1:4566", true),
            ("127.8.9.1", true),
            ("[::1]:4566", true),
            ("", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example:4566", false),
            ("evil.example@127.0.0.1", false),
            ("192.168.0.7", false),
            ("[::ffff:8.8.8.8]", false),
        ] {
            assert_eq!(is_loopback(host), is_ours, "{host}");
        }
    }

    #[test]
    fn web_pages_and_doubled_hosts_are_refused() {
        let check = |given: &[(HeaderName, &'static str)]| {
            let headers = given.iter().cloned();
            let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
            let mut map = HeaderMap::new();
            headers.for_each(|(name, value)| {
                map.append(name, value);
            });
            check_caller(&map).map_err(|err| err.status().as_u16())
        };
        assert_eq!(check(&[(HOST, "localhost")]), Ok(()));
        assert_eq!(check(&[(HOST, "localhost"), (ORIGIN, "null")]), Err(403));
        assert_eq!(check(&[(HOST, "localhost"), (HOST, "localhost")]), Err(403));
        assert_eq!(check(&[]), Err(403));
    }

    /// Sends a request as written, and returns the status line.
    async fn status_of(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(request.replace('\n', "\r\n").as_bytes())
            .await
            .unwrap();
        let mut line = String::new();
        tokio::io::BufReader::new(stream)
            .read_line(&mut line)
            .await
            .unwrap();
        line.trim_end().to_owned()
    }

    #[tokio::test]
    async fn requests_are_routed_until_the_shutdown() {
        let folder = tempfile::tempdir().unwrap();
        let queues = Queues::open(&folder.path().join("queues"), Arc::new(|| 0)).unwrap();
        let db = DynamoDb::open(&folder.path().join("ledger")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let shutdown = async move { drop(stopped.await) };
        let served = tokio::spawn(serve(listener, queues, db, shutdown));
        for (headers, wanted) in [
            (
                "Host: localhost\nx-amz-target: DynamoDB_20120810.ListTables",
                "HTTP/1.1 200 OK",
            ),
            (
                "Host: localhost\nx-amz-target: AmazonSQS.Nothing",
                "HTTP/1.1 400 Bad Request",
            ),
            (
                "Host: localhost\nx-amz-target: Other.Nothing",
                "HTTP/1.1 400 Bad Request",
            ),
            (
                "Host: localhost\nOrigin: https://evil.example",
                "HTTP/1.1 403 Forbidden",
            ),
            ("Host: evil.example", "HTTP/1.1 403 Forbidden"),
        ] {
            let request = format!("POST / HTTP/1.1\n{headers}\nContent-Length: 2\n\n{{}}");
            assert_eq!(status_of(address, &request).await, wanted, "{headers}");
        }
        let get = status_of(address, "GET / HTTP/1.1\nHost: localhost\n\n").await;
        assert_eq!(get, "HTTP/1.1 405 Method Not Allowed");
        let long = format!("Content-Length: {}\n\n", MAX_BODY_BYTES.saturating_add(1));
        let long = format!("POST / HTTP/1.1\nHost: localhost\n{long}");
        assert_eq!(
            status_of(address, &long).await,
            "HTTP/1.1 413 Payload Too Large"
        );
        stop.send(()).unwrap();
        served.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
