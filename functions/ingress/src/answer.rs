//! The answers of the HTTP contract: JSON under 1 KB, never anything that was sent.

use switchhook_core::admission::Refusal;
use switchhook_core::ids::DeliveryId;

/// Seconds after which a sender should try again: long enough for a passing fault, short enough
/// for senders that give up after a few seconds.
const RETRY_AFTER: &str = "2";

/// An answer before it is put into API Gateway's form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// A header besides those that every answer has.
    pub header: Option<(&'static str, &'static str)>,
    /// The body: JSON.
    pub body: String,
}

impl Answer {
    /// The delivery is durable.
    #[must_use]
    pub fn received(id: DeliveryId, events: usize) -> Self {
        let body = format!(r#"{{"received":true,"id":"{id}","events":{events}}}"#);
        Self {
            status: 200,
            header: None,
            body,
        }
    }

    /// The function is alive. Its architecture is shown to compare it with that which the function is
    /// configured with.
    #[must_use]
    pub fn healthy() -> Self {
        let (version, architecture) = (env!("CARGO_PKG_VERSION"), architecture());
        let body =
            format!(r#"{{"ok":true,"version":"{version}","architecture":"{architecture}"}}"#);
        Self {
            status: 200,
            header: None,
            body,
        }
    }

    /// The request is not let in.
    #[must_use]
    pub fn refused(refusal: &Refusal) -> Self {
        let header = match refusal {
            Refusal::MethodNotAllowed { allow, .. } => Some(("allow", *allow)),
            Refusal::Unauthorized { challenge, .. } => challenge.map(|c| ("www-authenticate", c)),
            Refusal::NotFound(_) | Refusal::TooLarge { .. } => None,
        };
        Self {
            status: refusal.status(),
            header,
            body: error(refusal.code()),
        }
    }

    /// The method is not one of those that a fixed path has.
    #[must_use]
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self {
            status: 405,
            header: Some(("allow", allow)),
            body: error("method_not_allowed"),
        }
    }

    /// Something of ours failed: the sender should try again.
    #[must_use]
    pub fn unavailable() -> Self {
        Self {
            status: 503,
            header: Some(("retry-after", RETRY_AFTER)),
            body: error("unavailable"),
        }
    }
}

/// Returns what this program was compiled for, in Lambda's words.
#[must_use]
pub const fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        std::env::consts::ARCH
    }
}

fn error(code: &str) -> String {
    format!(r#"{{"error":"{code}"}}"#)
}
