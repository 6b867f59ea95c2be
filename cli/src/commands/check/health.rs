//! How the ingress answers: behind the API's own address, and behind the sources' URLs.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use serde::Deserialize;
use switchhook_core::report::Report;

use super::super::CommandError;
use super::look::{Looked, fine, warning};
use crate::deployed::{Deployed, HEALTH_URL};
use crate::outbound;

/// How long the health URL may take to answer, a cold start included.
const PATIENCE: Duration = Duration::from_secs(15);
const MAX_ANSWER_BYTES: usize = 4 << 10;

/// What the ingress says of itself.
#[derive(Deserialize)]
pub(super) struct Healthy {
    ok: bool,
    version: String,
    /// What it was compiled for; older versions do not say.
    pub(super) architecture: Option<String>,
}

impl Healthy {
    /// Compares its version with that of this command.
    pub(super) fn looked(&self) -> Looked {
        let (version, ours) = (&self.version, env!("CARGO_PKG_VERSION"));
        if version == ours {
            return fine(format!("version {version}"));
        }
        warning(format!("version {version}, this command's is {ours}"))
    }
}

/// Asks the ingress how it is.
pub(super) async fn ask(stack: &Deployed, url: Option<&str>) -> Result<Healthy, CommandError> {
    let of_sources = |url: &str| format!("{}/healthz", url.trim_end_matches('/'));
    let Some(url) = url else {
        let own = stack.reachable(stack.output(HEALTH_URL)?)?;
        let healthy = healthy(own).await?;
        let other = of_sources(stack.reachable(stack.url()?)?);
        return match other == own {
            true => Ok(healthy),
            false => self::healthy(&other).await,
        };
    };
    healthy(&of_sources(url)).await
}

/// Returns what an ingress says that is well.
async fn healthy(url: &str) -> Result<Healthy, CommandError> {
    let failed = |reason: String| {
        CommandError::Refused(format!(
            "{url} {reason}: is its DNS record there, and does the log of the ingress say more?"
        ))
    };
    let (status, body) = get(url).await.map_err(failed)?;
    match serde_json::from_slice::<Healthy>(&body) {
        Ok(healthy) if status == 200 && healthy.ok => Ok(healthy),
        _ => Err(failed(format!("answered {status}"))),
    }
}

/// Returns status and body of an answer, or why there is none.
pub(super) async fn get(url: &str) -> Result<(u16, Bytes), String> {
    let answered = tokio::time::timeout(PATIENCE, exchange(url)).await;
    let answered = answered.map_err(|_| "gave no answer within 15 s".to_owned())?;
    answered.map_err(|error| format!("gave no answer ({})", Report(error.as_ref())))
}

async fn exchange(url: &str) -> Result<(u16, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let request = Request::get(url).body(Full::default())?;
    let response = outbound::client()?.request(request).await?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES);
    Ok((status, body.collect().await?.to_bytes()))
}
