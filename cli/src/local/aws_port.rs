//! The laptop's queue and database over HTTP (`--aws-port`), for other AWS tools.
//!
//! Signatures are not checked, so the port must be of no use to web pages: a request with an
//! `Origin` is refused, and so is one whose `Host` is not this machine's loopback (a page may point
//! its own name here). Nothing answers a preflight, and no header shares an answer.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use tokio::net::TcpListener;

use super::dynamodb::DynamoDb;
use super::server;
use super::sqs::Queues;

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
    server::serve(listener, shutdown, GRACE, move |_, request| {
        let port = port.clone();
        async move { port.answer(request).await }
    })
    .await;
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
    #[error("the header `x-amz-target` names neither SQS nor DynamoDB")]
    UnknownTarget,
}

impl PortError {
    fn of_body(err: &(dyn std::error::Error + 'static)) -> Self {
        if err.is::<LengthLimitError>() {
            Self::BodyTooLong
        } else {
            Self::UnreadableBody
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::FromWebPage | Self::ForeignHost => StatusCode::FORBIDDEN,
            Self::NotPost => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnreadableBody | Self::UnknownTarget => StatusCode::BAD_REQUEST,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::FromWebPage | Self::ForeignHost => "AccessDeniedException",
            Self::NotPost | Self::UnknownTarget => "UnknownOperationException",
            Self::BodyTooLong => "RequestEntityTooLargeException",
            Self::UnreadableBody => "SerializationException",
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

impl Port {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match self.route(request).await {
            Ok(response) => response,
            Err(err) => err.into_response(),
        }
    }

    async fn route(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, PortError> {
        check_caller(request.headers())?;
        if request.method() != Method::POST {
            return Err(PortError::NotPost);
        }
        let (parts, body) = request.into_parts();
        let target = parts
            .headers
            .get(TARGET)
            .and_then(|value| value.to_str().ok());
        let target = target.and_then(|target| target.split_once('.'));
        let body = read(body).await?;
        match target {
            Some(("AmazonSQS", operation)) => Ok(self.queue(operation, &body).await),
            Some(("DynamoDB_20120810", operation)) => Ok(self.database(operation, &body).await),
            _ => Err(PortError::UnknownTarget),
        }
    }

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

/// Reads a body, unless it says or turns out that it is too long.
async fn read(body: Incoming) -> Result<Bytes, PortError> {
    let longest = u64::try_from(MAX_BODY_BYTES).unwrap_or(u64::MAX);
    if body.size_hint().lower() > longest {
        return Err(PortError::BodyTooLong);
    }
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
    Ok(body.map_err(|err| PortError::of_body(&*err))?.to_bytes())
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
    let name = authority.host();
    let address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    !host.contains('@')
        && (name.eq_ignore_ascii_case("localhost")
            || address
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback()))
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
    async fn status_of(address: std::net::SocketAddr, request: &str) -> String {
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
