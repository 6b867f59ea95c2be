//! How requests to AWS are signed: Signature Version 4 of a `POST` to `/`, which is all that the
//! services with JSON protocols are asked.
//!
//! The SDK's own signer takes any request, so it takes each apart anew and derives the day's key for
//! each. That cost a sixth of a delivery's instructions. S3, whose requests have paths, keeps it.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::sign::v4::generate_signing_key;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::{
    AuthScheme, AuthSchemeEndpointConfig, AuthSchemeId, Sign,
};
use aws_smithy_runtime_api::client::identity::{Identity, SharedIdentityResolver};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::{GetIdentityResolver, RuntimeComponents};
use aws_smithy_types::config_bag::ConfigBag;
use aws_types::region::Region;
use jiff::Timestamp;
use ring::{digest, hmac};

/// The scheme's name, which the services ask for: this one takes the place of the SDK's own.
const SCHEME: AuthSchemeId = AuthSchemeId::new("sigv4");

const DATE: &str = "x-amz-date";
const TOKEN: &str = "x-amz-security-token";

/// Signs the requests of one service.
pub(crate) struct JsonSigner {
    region: Region,
    service: &'static str,
    key: Mutex<Option<DayKey>>,
}

/// What signs for a day.
#[derive(Clone)]
struct DayKey {
    access_key: String,
    /// `YYYYMMDD`.
    day: String,
    key: hmac::Key,
}

impl fmt::Debug for JsonSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonSigner")
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// Why a request is not signed.
#[derive(Debug, thiserror::Error)]
enum SigningError {
    #[error("a request of a JSON protocol is a `POST` to `/` without a query")]
    OtherRequest,
    #[error("the body of a request is not in memory")]
    StreamedBody,
    #[error("the identity has no credentials of AWS")]
    NoCredentials,
}

impl JsonSigner {
    /// Makes a signer of requests to a service, by the name that signatures have for it.
    pub(crate) const fn new(region: Region, service: &'static str) -> Self {
        let key = Mutex::new(None);
        Self {
            region,
            service,
            key,
        }
    }

    fn sign(
        &self,
        request: &mut HttpRequest,
        credentials: &Credentials,
        now: SystemTime,
    ) -> Result<(), BoxError> {
        let host = host(request)?.to_owned();
        let time = Timestamp::try_from(now)?
            .strftime("%Y%m%dT%H%M%SZ")
            .to_string();
        let day = time.get(..8).unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert("host", host);
        headers.insert(DATE, time.clone());
        if let Some(token) = credentials.session_token() {
            headers.insert(TOKEN, token.to_owned());
        }
        let (canonical, names) = canonical(request)?;
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let mut to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n");
        to_sign.push_str(&sha256(canonical.as_bytes()));
        let tag = hmac::sign(&self.key(credentials, day, now), to_sign.as_bytes());
        let mut authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature=",
            credentials.access_key_id()
        );
        authorization.push_str(&hex::encode(tag));
        request.headers_mut().insert("authorization", authorization);
        Ok(())
    }

    fn key(&self, credentials: &Credentials, day: &str, now: SystemTime) -> hmac::Key {
        let access_key = credentials.access_key_id();
        let mut kept = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = &*kept
            && kept.day == day
            && kept.access_key == access_key
        {
            return kept.key.clone();
        }
        let secret = credentials.secret_access_key();
        let key = generate_signing_key(secret, now, self.region.as_ref(), self.service);
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_ref());
        *kept = Some(DayKey {
            access_key: access_key.to_owned(),
            day: day.to_owned(),
            key: key.clone(),
        });
        key
    }
}

/// Returns host and port of a request's URI, as the `host` header has them.
fn host(request: &HttpRequest) -> Result<&str, SigningError> {
    let uri = request.uri();
    let authority = uri.split_once("://").map(|(_, rest)| rest);
    let authority = authority.map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    match authority {
        Some(host) if request.method() == "POST" && !host.contains(['/', '?', '@']) => Ok(host),
        _ => Err(SigningError::OtherRequest),
    }
}

/// Returns the request as it is signed, and the names of the headers that are.
fn canonical(request: &HttpRequest) -> Result<(String, String), SigningError> {
    let body = request.body().bytes().ok_or(SigningError::StreamedBody)?;
    let signed = |name: &str| matches!(name, "host" | "content-type") || name.starts_with("x-amz-");
    let headers = request.headers().iter();
    let mut headers: Vec<_> = headers.filter(|(name, _)| signed(name)).collect();
    headers.sort_unstable();
    let mut canonical = String::with_capacity(2_048);
    let mut names = String::with_capacity(128);
    canonical.push_str("POST\n/\n\n");
    for (name, value) in headers {
        canonical.extend([name, ":"]);
        push_words(&mut canonical, value);
        canonical.push('\n');
        if !names.is_empty() {
            names.push(';');
        }
        names.push_str(name);
    }
    canonical.extend(["\n", &names, "\n"]);
    canonical.push_str(&sha256(body));
    Ok((canonical, names))
}

/// Appends a header's value with one space where it has several, and none around it.
fn push_words(text: &mut String, value: &str) {
    let words = value.split(' ').filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        text.push_str(if index == 0 { "" } else { " " });
        text.push_str(word);
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

impl Sign for JsonSigner {
    fn sign_http_request(
        &self,
        request: &mut HttpRequest,
        identity: &Identity,
        _: AuthSchemeEndpointConfig<'_>,
        components: &RuntimeComponents,
        _: &ConfigBag,
    ) -> Result<(), BoxError> {
        let credentials = identity.data().ok_or(SigningError::NoCredentials)?;
        let now = components.time_source().unwrap_or_default().now();
        self.sign(request, credentials, now)
    }
}

impl AuthScheme for JsonSigner {
    fn scheme_id(&self) -> AuthSchemeId {
        SCHEME
    }

    fn identity_resolver(
        &self,
        resolvers: &dyn GetIdentityResolver,
    ) -> Option<SharedIdentityResolver> {
        resolvers.identity_resolver(SCHEME)
    }

    fn signer(&self) -> &dyn Sign {
        self
    }
}

#[cfg(test)]
mod tests;
