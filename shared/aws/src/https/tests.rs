//! The client against servers of its own machine: with TLS, without, silent, gone.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::AtomicUsize;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

const LONG: Duration = Duration::from_secs(10);
const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";

/// Sends a request and tells the status, or how it failed.
async fn ask(url: &str, extra: Option<&Path>, connect: Duration) -> Result<u16, ConnectorError> {
    let extra = extra.map(|path| path.to_str().unwrap().to_owned());
    let connector = connector(built_in_roots(extra).unwrap(), connect);
    let answer = connector.call(HttpRequest::get(url).unwrap()).await;
    answer.map(|answer| answer.status().as_u16())
}

/// Listens, and answers each connection by these bytes.
async fn listen(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(answer).await;
        }
    });
    address
}

/// Listens with TLS by a certificate of its own, which is written to a file.
async fn listen_by_tls(certificate: &Path) -> u16 {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(certificate, own.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(NOT_FOUND).await;
            }
        }
    });
    port
}

#[tokio::test]
async fn an_answer_is_handed_on() {
    let address = listen(NOT_FOUND).await;
    let status = ask(&format!("http://{address}/"), None, LONG).await;
    assert_eq!(status.unwrap(), 404);
}

#[tokio::test]
async fn what_fails_on_the_way_may_be_tried_again() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = nobody.local_addr().unwrap();
    drop(nobody);
    let closed = listen(b"").await;
    for address in [refused, closed] {
        let failure = ask(&format!("http://{address}/"), None, LONG).await;
        assert!(failure.unwrap_err().is_io(), "{address}");
    }
}

#[tokio::test]
async fn a_handshake_that_takes_too_long_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", silent.local_addr().unwrap());
    let failure = ask(&url, None, Duration::from_millis(50)).await;
    assert!(failure.unwrap_err().is_timeout());
}

#[tokio::test]
async fn who_is_vouched_for_by_nobody_is_not_spoken_to() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    let url = format!("https://localhost:{}/", listen_by_tls(&one).await);
    listen_by_tls(&other).await;
    for strange in [None, Some(other.as_path())] {
        assert!(ask(&url, strange, LONG).await.unwrap_err().is_io());
    }
    assert_eq!(ask(&url, Some(&one), LONG).await.unwrap(), 404);
}

#[test]
fn a_file_of_authorities_that_is_not_there_is_told() {
    let missing = built_in_roots(Some("/nonexistent".to_owned()));
    assert!(matches!(missing, Err(TlsError::ExtraRoots(_))));
}

/// A server that counts its connections and, where it is told to, closes each after one answer.
struct Counting {
    url: String,
    connections: Arc<AtomicUsize>,
}

impl Counting {
    async fn start(is_closing: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    while stream.read(&mut [0; 1024]).await.is_ok_and(|n| n > 0) {
                        let _ = stream.write_all(NOT_FOUND).await;
                        if is_closing {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, connections }
    }

    /// Asks once more, and lets what the connection has to say arrive.
    async fn ask(&self, connector: &SharedHttpConnector) -> CaptureSmithyConnection {
        let capture = CaptureSmithyConnection::new();
        let mut request = HttpRequest::get(&self.url).unwrap();
        request.add_extension(capture.clone());
        let answer = connector.call(request).await.unwrap();
        assert_eq!(answer.status().as_u16(), 404);
        drop(answer);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        capture
    }

    fn count(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

fn plain() -> SharedHttpConnector {
    connector(built_in_roots(None).unwrap(), LONG)
}

#[tokio::test]
async fn a_connection_takes_one_request_after_the_other() {
    let (server, connector) = (Counting::start(false).await, plain());
    for _ in 0..3 {
        server.ask(&connector).await;
    }
    assert_eq!(server.count(), 1);
    tokio::join!(server.ask(&connector), server.ask(&connector));
    assert_eq!(server.count(), 2, "one for each request at a time");
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_replaced() {
    let (server, connector) = (Counting::start(true).await, plain());
    for _ in 0..3 {
        server.ask(&connector).await;
    }
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn a_connection_that_the_sdk_gave_up_is_not_used_again() {
    let (server, connector) = (Counting::start(false).await, plain());
    let used = server.ask(&connector).await;
    used.get().unwrap().poison();
    server.ask(&connector).await;
    assert_eq!(server.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_idle_for_long_is_not_used_again() {
    let (server, connector) = (Counting::start(false).await, plain());
    server.ask(&connector).await;
    tokio::time::advance(MAX_IDLE / 2).await;
    server.ask(&connector).await;
    assert_eq!(server.count(), 1);
    tokio::time::advance(MAX_IDLE).await;
    server.ask(&connector).await;
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn hosts_do_not_share_connections() {
    let (one, other, connector) = (
        Counting::start(false).await,
        Counting::start(false).await,
        plain(),
    );
    one.ask(&connector).await;
    other.ask(&connector).await;
    one.ask(&connector).await;
    assert_eq!((one.count(), other.count()), (1, 1));
}

#[test]
fn a_host_is_asked_by_its_name_and_port() {
    let origin = |uri: &'static str| Origin::of(&Uri::from_static(uri)).unwrap();
    for (uri, is_tls, host, port) in [
        (
            "https://sqs.eu-west-1.amazonaws.com/",
            true,
            "sqs.eu-west-1.amazonaws.com",
            443,
        ),
        ("http://localhost", false, "localhost", 80),
        ("http://[::1]:4566/a?b", false, "::1", 4566),
    ] {
        let origin = origin(uri);
        assert_eq!(origin.is_tls, is_tls);
        assert_eq!(origin.host_and_port(), (host, port));
    }
}

#[test]
fn a_host_is_told_without_its_usual_port() {
    for (uri, host) in [
        ("https://a.example", "a.example"),
        ("https://a.example:443/", "a.example"),
        ("https://a.example:80/", "a.example:80"),
        ("http://[::1]:80/", "[::1]"),
        ("http://127.0.0.1:4566/", "127.0.0.1:4566"),
    ] {
        let origin = Origin::of(&Uri::from_static(uri)).unwrap();
        assert_eq!(origin.host_header(), host, "{uri}");
    }
}
