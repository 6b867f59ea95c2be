//! The HTTP client that AWS's SDK sends by: HTTP/1.1, TLS by rustls and ring.
//!
//! The SDK's own can do more than its services speak (HTTP/2, proxies), which costs a tenth of a
//! function's size, and it reads the system's trusted roots, which costs half the instructions of a cold
//! start. Retries and the time-outs of attempts are the SDK's affair.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{
    CaptureConnection, HttpConnector as Tcp, capture_connection,
};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::error::Elapsed;
use tower_service::Service;

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
    let mut tcp = Tcp::new();
    tcp.set_nodelay(true); // a small request must not wait for an acknowledgement
    tcp.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http() // an emulator's endpoint has no TLS
        .enable_http1()
        .wrap_connector(tcp);
    let in_time = InTime { connector, connect };
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .build(in_time);
    SharedHttpConnector::new(Http(client))
}

/// Makes connections, and gives up those that take too long.
#[derive(Clone)]
struct InTime {
    connector: HttpsConnector<Tcp>,
    connect: Duration,
}

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for InTime {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connected = tokio::time::timeout(self.connect, self.connector.call(to));
        Box::pin(async move { connected.await? })
    }
}

/// Sends the SDK's requests.
struct Http(Client<InTime, SdkBody>);

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        let connection = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || metadata(connection.clone()));
        }
        let answer = self.0.request(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await.map_err(failure)?.map(SdkBody::from_body_1_x);
            HttpResponse::try_from(answer).map_err(|e| ConnectorError::other(e.into(), None))
        })
    }
}

/// Lets the SDK give up a connection that a failed attempt used.
fn metadata(connection: CaptureConnection) -> Option<ConnectionMetadata> {
    connection.connection_metadata().as_ref()?;
    let poison = move || {
        if let Some(connection) = connection.connection_metadata().as_ref() {
            connection.poison();
        }
    };
    let metadata = ConnectionMetadata::builder()
        .proxied(false)
        .poison_fn(poison);
    Some(metadata.build())
}

/// Tells the SDK what to try again: what failed between two machines may work the next time.
fn failure(error: Error) -> ConnectorError {
    if has_source::<Elapsed>(&error) {
        return ConnectorError::timeout(error.into());
    }
    ConnectorError::io(error.into())
}

fn has_source<E: std::error::Error + 'static>(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<E>())
}

#[cfg(test)]
mod tests;
