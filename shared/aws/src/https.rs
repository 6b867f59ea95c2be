//! The HTTP client that AWS's SDK sends by: HTTP/1.1 by hyper, TLS by rustls and ring.
//!
//! The SDK's own can do more than its services speak (HTTP/2, proxies), which costs a tenth of a
//! function's size, and it reads the system's trusted roots, which costs half the instructions of a cold
//! start. A function has a handful of connections to two or three hosts: they are a list here, where a
//! pool for any number of them took a task and two channels for each request. Retries and the time-outs
//! of attempts are the SDK's affair.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Uri, header};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

/// How long a connection may wait for its next request. AWS gives idle ones up after some time, and what
/// is between may forget them without a word.
const MAX_IDLE: Duration = Duration::from_secs(60);

/// The variable that names a file of authorities to trust besides those that are built in.
pub const EXTRA_ROOTS: &str = "SSL_CERT_FILE";

/// There is no TLS to be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of [`EXTRA_ROOTS`] cannot be read.
    #[error("the authorities of the file that `{EXTRA_ROOTS}` names cannot be read")]
    ExtraRoots(#[source] pem::Error),
    /// The cryptography does not suit the protocol.
    #[error("the cryptography does not suit TLS")]
    Protocol(#[source] rustls::Error),
}

/// Returns a configuration of TLS that trusts the authorities of Mozilla's list, as it was when this
/// program was built, and those of a file if one is named.
///
/// # Errors
///
/// When the file cannot be read.
pub fn built_in_roots(extra: Option<String>) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(file) = extra {
        roots.add_parsable_certificates(certificates(&file).map_err(TlsError::ExtraRoots)?);
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Protocol)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_file_iter(file)?.collect()
}

/// Returns a client for AWS's SDK, which gives a connection this long to be made.
#[must_use]
pub fn client(tls: ClientConfig, connect: Duration) -> SharedHttpClient {
    let connector = connector(tls, connect);
    http_client_fn(move |_, _| connector.clone())
}

fn connector(tls: ClientConfig, connect: Duration) -> SharedHttpConnector {
    SharedHttpConnector::new(Http(Arc::new(Connections {
        tls: Arc::new(tls).into(),
        connect,
        idle: Mutex::default(),
    })))
}

/// Sends the SDK's requests.
struct Http(Arc<Connections>);

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connections = Arc::clone(&self.0);
        let given_up = Arc::new(AtomicBool::new(false));
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
                let given_up = Arc::clone(&given_up);
                capture.set_connection_retriever(move || Some(metadata(&given_up)));
            }
            connections.send(request, given_up).await
        })
    }
}

/// Lets the SDK give up a connection that a failed attempt used.
fn metadata(given_up: &Arc<AtomicBool>) -> ConnectionMetadata {
    let given_up = Arc::clone(given_up);
    ConnectionMetadata::builder()
        .proxied(false)
        .poison_fn(move || given_up.store(true, Ordering::Relaxed))
        .build()
}

/// The connections of all clients.
struct Connections {
    tls: TlsConnector,
    /// How long one may take to be made.
    connect: Duration,
    idle: Mutex<Vec<Connection>>,
}

/// One connection, which takes one request after the other.
struct Connection {
    origin: Origin,
    requests: SendRequest<SdkBody>,
    /// Whether the SDK gave it up after its last request.
    given_up: Arc<AtomicBool>,
    idle_since: Instant,
}

/// Where a connection leads.
#[derive(Clone, PartialEq)]
struct Origin {
    is_tls: bool,
    authority: Authority,
}

impl Connections {
    async fn send(
        &self,
        mut request: Request<SdkBody>,
        given_up: Arc<AtomicBool>,
    ) -> Result<HttpResponse, ConnectorError> {
        let origin = Origin::of(request.uri()).ok_or_else(no_origin)?;
        to_origin_form(&mut request, &origin)?;
        loop {
            let idle = self.take(&origin);
            let is_new = idle.is_none();
            let mut connection = match idle {
                Some(connection) => connection,
                None => self.connect(origin.clone()).await?,
            };
            match connection.requests.try_send_request(request).await {
                Ok(answer) => {
                    self.keep(connection, given_up);
                    return HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                        .map_err(|error| ConnectorError::other(error.into(), None));
                }
                // One that was closed while it was idle says so when it is asked.
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) if !is_new => request = unsent,
                    _ => return Err(ConnectorError::io(failed.into_error().into())),
                },
            }
        }
    }

    fn take(&self, origin: &Origin) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(Connection::is_usable);
        let fits = |one: &Connection| one.origin == *origin && one.requests.is_ready();
        let place = idle.iter().rposition(fits)?;
        Some(idle.swap_remove(place))
    }

    fn keep(&self, mut connection: Connection, given_up: Arc<AtomicBool>) {
        connection.given_up = given_up;
        connection.idle_since = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(connection);
    }

    async fn connect(&self, origin: Origin) -> Result<Connection, ConnectorError> {
        let requests = tokio::time::timeout(self.connect, self.requests(&origin))
            .await
            .map_err(|elapsed| ConnectorError::timeout(elapsed.into()))?
            .map_err(ConnectorError::io)?;
        Ok(Connection {
            origin,
            requests,
            given_up: Arc::default(),
            idle_since: Instant::now(),
        })
    }

    async fn requests(&self, origin: &Origin) -> Result<SendRequest<SdkBody>, BoxError> {
        let (host, port) = origin.host_and_port();
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?; // a small request must not wait for an acknowledgement
        if !origin.is_tls {
            return serve(TokioIo::new(stream)).await;
        }
        let name = ServerName::try_from(host.to_owned())?;
        serve(TokioIo::new(self.tls.connect(name, stream).await?)).await
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Speaks HTTP on a stream, in a task that ends with it.
async fn serve(
    stream: impl Read + Write + Unpin + Send + 'static,
) -> Result<SendRequest<SdkBody>, BoxError> {
    let (requests, connection) = http1::handshake(stream).await?;
    tokio::spawn(connection);
    Ok(requests)
}

impl Connection {
    fn is_usable(&self) -> bool {
        !self.requests.is_closed()
            && !self.given_up.load(Ordering::Relaxed)
            && self.idle_since.elapsed() < MAX_IDLE
    }
}

impl Origin {
    /// `http` is what an emulator's endpoint has.
    fn of(uri: &Uri) -> Option<Self> {
        Some(Self {
            is_tls: *uri.scheme()? == Scheme::HTTPS,
            authority: uri.authority()?.clone(),
        })
    }

    /// Returns the host, an IPv6 address without its brackets, and the port.
    fn host_and_port(&self) -> (&str, u16) {
        let host = self.authority.host().trim_matches(['[', ']']);
        (host, self.authority.port_u16().unwrap_or(self.usual_port()))
    }

    /// Returns what a signature has for the host: its port only where that is not the usual one.
    fn host_header(&self) -> &str {
        if self.authority.port_u16() == Some(self.usual_port()) {
            self.authority.host()
        } else {
            self.authority.as_str()
        }
    }

    const fn usual_port(&self) -> u16 {
        if self.is_tls { 443 } else { 80 }
    }
}

fn no_origin() -> ConnectorError {
    ConnectorError::user("the request's URI names no host".into())
}

/// Writes a request as the host itself is asked: by a path, and the host in a header.
fn to_origin_form(request: &mut Request<SdkBody>, origin: &Origin) -> Result<(), ConnectorError> {
    if !request.headers().contains_key(header::HOST) {
        let host = HeaderValue::from_str(origin.host_header())
            .map_err(|error| ConnectorError::user(error.into()))?;
        request.headers_mut().insert(header::HOST, host);
    }
    let root = || PathAndQuery::from_static("/");
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.unwrap_or_else(root).into();
    Ok(())
}

#[cfg(test)]
mod tests;
