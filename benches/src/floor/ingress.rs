//! The floor's ingress: the secret once, then one HMAC, one parse, one message a delivery.

use std::borrow::Cow;
use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde::{Deserialize, Serialize};
use switchhook_aws::clock::SystemClock;
use switchhook_core::time::Clock;

use super::{Service, run, variable};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow)]
    raw_path: Cow<'a, str>,
    #[serde(borrow)]
    headers: Headers<'a>,
    #[serde(borrow)]
    body: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Headers<'a> {
    #[serde(borrow, rename = "x-webhook-signature")]
    signature: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    call_id: Cow<'a, str>,
}

/// What travels on the queue.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) entity: Cow<'a, str>,
    pub(super) received_at: i64,
    #[serde(borrow)]
    pub(super) body: Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessage<'a> {
    queue_url: &'a str,
    message_group_id: &'a str,
    message_deduplication_id: &'a str,
    message_body: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Secret {
    secret_string: String,
}

#[derive(Deserialize)]
struct Sources {
    sources: HashMap<String, Source>,
}

#[derive(Deserialize)]
struct Source {
    #[serde(default)]
    secrets: Vec<String>,
}

struct Ingress {
    secrets: Service,
    queue: Service,
    queue_url: String,
    keys: HashMap<String, hmac::Key>,
}

/// Runs for ever.
///
/// # Errors
///
/// At the first delivery that is not as expected.
pub fn main() -> Result<()> {
    let mut ingress = Ingress {
        secrets: Service::new("secretsmanager")?,
        queue: Service::new("sqs")?,
        queue_url: variable("QUEUE_URL")?,
        keys: HashMap::new(),
    };
    run(move |event| ingress.handle(event))
}

impl Ingress {
    fn handle(&mut self, event: &[u8]) -> Result<String> {
        let event: Event<'_> = serde_json::from_slice(event)?;
        if self.keys.is_empty() {
            self.load_keys()?;
        }
        let source = event.raw_path.strip_prefix("/webhooks/").context("path")?;
        let tag = hex::decode(event.signature()?)?;
        let key = self.keys.get(source).context("no such source")?;
        hmac::verify(key, event.body.as_bytes(), &tag)
            .ok()
            .context("not authentic")?;
        let Body { data } = serde_json::from_str(&event.body)?;
        let id = uuid::Uuid::now_v7().to_string();
        let envelope = Envelope {
            id: Cow::Borrowed(&id),
            entity: Cow::Owned(format!("{source}/call/{}", data.call_id)),
            received_at: SystemClock.now().as_millisecond(),
            body: Cow::Owned(STANDARD.encode(event.body.as_bytes())),
        };
        let message = serde_json::to_string(&SendMessage {
            queue_url: &self.queue_url,
            message_group_id: &envelope.entity,
            message_deduplication_id: &id,
            message_body: &serde_json::to_string(&envelope)?,
        })?;
        let sent = self.queue.call("AmazonSQS.SendMessage", &message)?;
        ensure!(sent.body.starts_with(b"{"), "not sent");
        Ok(format!(
            r#"{{"statusCode":200,"headers":{{"content-type":"application/json"}},"body":"{{\"received\":true,\"id\":\"{id}\",\"events\":1}}"}}"#
        ))
    }

    fn load_keys(&mut self) -> Result<()> {
        let request = format!(r#"{{"SecretId":"{}"}}"#, variable("SOURCES_SECRET_ID")?);
        let answer = self
            .secrets
            .call("secretsmanager.GetSecretValue", &request)?;
        let secret: Secret = serde_json::from_slice(&answer.body)?;
        let Sources { sources } = serde_json::from_str(&secret.secret_string)?;
        for (name, Source { secrets }) in sources {
            let key = secrets
                .first()
                .map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
            self.keys.extend(key.map(|key| (name, key)));
        }
        Ok(())
    }
}

impl Event<'_> {
    fn signature(&self) -> Result<&str> {
        self.headers
            .signature
            .strip_prefix("sha256=")
            .context("signature")
    }
}
