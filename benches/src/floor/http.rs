//! HTTP/1.1 on one blocking connection, plain or over TLS: one write a request, answers with a length.

use std::fmt;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::variable;

/// An answer.
#[derive(Debug)]
pub struct Response {
    head: String,
    /// Its body.
    pub body: Vec<u8>,
}

impl Response {
    /// Returns a header, its name in lower case.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn header(&self, name: &str) -> Result<&str> {
        find(&self.head, name).with_context(|| format!("no {name}"))
    }
}

fn find<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut headers = head.split("\r\n").filter_map(|line| line.split_once(": "));
    let found = headers.find(|(found, _)| found.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}

trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// A connection that stays open.
pub struct Connection {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects to `host:port`.
    ///
    /// # Errors
    ///
    /// When nobody listens there.
    pub fn plain(address: &str) -> Result<Self> {
        Ok(Self::over(socket(address)?))
    }

    /// Connects to a host by TLS, trusting the roots in `SSL_CERT_FILE`.
    ///
    /// # Errors
    ///
    /// When nobody listens there, or it is somebody else.
    pub fn tls(host: &str) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_file_iter(variable("SSL_CERT_FILE")?)? {
            roots.add(root?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned())?;
        let session = ClientConnection::new(Arc::new(config), name)?;
        let socket = socket(&format!("{host}:443"))?;
        Ok(Self::over(StreamOwned::new(session, socket)))
    }

    fn over(stream: impl Stream + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            buffer: vec![0; 16 << 10],
        }
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    ///
    /// When the connection breaks, or the status is not a 2xx.
    pub fn exchange(&mut self, head: &str, body: &[u8]) -> Result<Response> {
        let mut request = Vec::with_capacity(head.len() + body.len());
        request.extend_from_slice(head.as_bytes());
        request.extend_from_slice(body);
        self.stream.write_all(&request)?;
        self.stream.flush()?;
        let response = self.read()?;
        ensure!(
            response.head.starts_with("HTTP/1.1 2"),
            "{} {}",
            response.head,
            String::from_utf8_lossy(&response.body)
        );
        Ok(response)
    }

    fn read(&mut self) -> Result<Response> {
        let mut read = Vec::new();
        let end = loop {
            self.read_some(&mut read)?;
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
        };
        let mut body = read.split_off(end + 4);
        read.truncate(end);
        let head = String::from_utf8(read)?;
        let length: usize = find(&head, "content-length").unwrap_or("0").parse()?;
        body.reserve(length.saturating_sub(body.len()));
        while body.len() < length {
            self.read_some(&mut body)?;
        }
        Ok(Response { head, body })
    }

    fn read_some(&mut self, into: &mut Vec<u8>) -> Result<()> {
        let count = self.stream.read(&mut self.buffer)?;
        match self.buffer.get(..count) {
            None | Some([]) => bail!("the connection was closed"),
            Some(bytes) => into.extend_from_slice(bytes),
        }
        Ok(())
    }
}

fn socket(address: &str) -> Result<TcpStream> {
    let socket = TcpStream::connect(address).with_context(|| address.to_owned())?;
    socket.set_nodelay(true)?;
    Ok(socket)
}
