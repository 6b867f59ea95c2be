//! The floor: the least that the same requests can cost, written by hand for this one event.
//!
//! One HMAC, one parse, signed HTTP/1.1 over TLS on blocking sockets, and nothing that a receiver needs
//! besides: no retries, time-outs, metrics, other providers, configuration or handlers.

pub mod consumer;
pub mod http;
pub mod ingress;
pub mod signing;

use anyhow::{Context, Result};
use switchhook_aws::connection::{Environment, ProcessEnvironment};

use http::{Connection, Response};

/// Returns a variable of the environment.
///
/// # Errors
///
/// When it is not set.
pub fn variable(name: &'static str) -> Result<String> {
    ProcessEnvironment.var(name).context(name)
}

/// Asks the Lambda Runtime API for events for ever, and answers each.
///
/// # Errors
///
/// When an event cannot be handled.
pub fn run(mut handle: impl FnMut(&[u8]) -> Result<String>) -> Result<()> {
    let api = variable("AWS_LAMBDA_RUNTIME_API")?;
    let mut connection = Connection::plain(&api)?;
    let prefix = "/2018-06-01/runtime/invocation";
    let next = format!("GET {prefix}/next HTTP/1.1\r\nhost: {api}\r\n\r\n");
    loop {
        let event = connection.exchange(&next, &[])?;
        let answer = handle(&event.body)?;
        let id = event.header("lambda-runtime-aws-request-id")?;
        let length = answer.len();
        let head = format!(
            "POST {prefix}/{id}/response HTTP/1.1\r\nhost: {api}\r\ncontent-length: {length}\r\n\r\n"
        );
        connection.exchange(&head, answer.as_bytes())?;
    }
}

/// One AWS service.
#[derive(Debug)]
pub struct Service {
    name: &'static str,
    host: String,
    signer: signing::Signer,
    connection: Option<Connection>,
}

impl Service {
    /// Names a service of the region.
    ///
    /// # Errors
    ///
    /// When region or credentials are not set.
    pub fn new(name: &'static str) -> Result<Self> {
        let signer = signing::Signer::from_environment()?;
        Ok(Self {
            name,
            host: format!("{name}.{}.amazonaws.com", signer.region),
            signer,
            connection: None,
        })
    }

    /// Calls an operation of the JSON protocols.
    ///
    /// # Errors
    ///
    /// When it cannot be called, or refuses.
    pub fn call(&mut self, target: &str, body: &str) -> Result<Response> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            empty => empty.insert(Connection::tls(&self.host)?),
        };
        let date = signing::now();
        let headers = [
            ("content-type", "application/x-amz-json-1.0"),
            ("host", &self.host),
            ("x-amz-date", &date),
            ("x-amz-security-token", &self.signer.token),
            ("x-amz-target", target),
        ];
        let authorization = self
            .signer
            .authorization(self.name, &headers, body.as_bytes(), &date);
        let mut head = String::with_capacity(1_536);
        head.push_str("POST / HTTP/1.1\r\n");
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.extend(["authorization: ", &authorization, "\r\n"]);
        head.extend(["content-length: ", &body.len().to_string(), "\r\n\r\n"]);
        connection.exchange(&head, body.as_bytes())
    }
}
