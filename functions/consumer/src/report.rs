//! What is logged and counted of each event: one entry of the batch's log line, and its counts.
//!
//! The entries show ids, source and kind; never a key or what an event says.

use switchhook_aws::metrics;
use switchhook_aws::telemetry::EVENT;
use switchhook_core::attempts::Failure;
use switchhook_core::envelope::Envelope;
use switchhook_core::kind::Kind;
use switchhook_core::ports::PortError;
use switchhook_core::report::Report;

use crate::commit::{Committed, Outcome};
use crate::error::HandleError;
use crate::message::{Entry, Message};

/// What log lines say of a message.
pub(crate) struct About {
    id: String,
    source: String,
    kind: Option<Kind>,
}

/// Writes an entry at the level that it has, with the flags that are set.
macro_rules! entry {
    ($level:ident, $about:expr, $committed:expr, $outcome:expr, $message:expr) => {{
        let flag = |is_set: bool| is_set.then_some(true);
        tracing::$level!(
            target: EVENT,
            event_id = $about.id,
            source = $about.source,
            kind = $about.kind(),
            outcome = $outcome,
            implausible_time = flag($committed.has_implausible_time),
            slug_replay = flag($committed.is_slug_replay),
            unplaced_opt_out = flag($committed.is_unplaced_opt_out),
            message = $message
        )
    }};
}

impl About {
    pub(crate) fn of(message: &Message, envelope: Option<&Envelope>) -> Self {
        match envelope {
            Some(envelope) => Self {
                id: envelope.id.to_string(),
                source: envelope.entity.source().to_owned(),
                kind: Some(envelope.kind),
            },
            None => Self {
                id: message.id.clone(),
                source: String::new(),
                kind: None,
            },
        }
    }

    fn kind(&self) -> &'static str {
        self.kind.map_or("", Kind::as_str)
    }

    /// Reports an event that is in the ledger.
    pub(crate) fn committed(&self, committed: Committed) {
        let (outcome, message) = match committed.outcome {
            Outcome::Recorded => ("recorded", "event recorded"),
            Outcome::Duplicate => ("duplicate", "duplicate counted"),
            Outcome::Variant => ("variant", "variant kept"),
            Outcome::Known => ("known", "event known already"),
        };
        // Somebody should look at these; a clock that is wrong is counted only.
        let oddity = match committed {
            Committed {
                is_unplaced_opt_out: true,
                ..
            } => Some("opt-out without a readable number"),
            Committed {
                is_slug_replay: true,
                ..
            } => Some("the same body was recorded under another slug"),
            Committed { .. } => None,
        };
        match oddity {
            Some(oddity) => {
                let message = format!("{message}: {oddity}");
                entry!(warn, self, committed, outcome, message);
            }
            None => entry!(info, self, committed, outcome, message),
        }
        self.count(committed);
    }

    fn count(&self, committed: Committed) {
        let source = self.source.as_str();
        match (committed.outcome, self.kind) {
            (Outcome::Recorded, Some(kind)) => metrics::event(source, kind),
            (Outcome::Duplicate, _) => metrics::duplicate(source),
            (Outcome::Variant, _) => {
                metrics::duplicate(source);
                metrics::variant(source);
            }
            (Outcome::Recorded | Outcome::Known, _) => {}
        }
        if committed.has_implausible_time {
            metrics::implausible_time(source);
        }
        if committed.is_slug_replay {
            metrics::slug_replay(source);
        }
        if committed.is_unplaced_opt_out {
            metrics::unplaced_opt_out(source);
        }
    }

    /// Reports an event that is not in the ledger: a dead letter, or tried again.
    pub(crate) fn failed(&self, error: &HandleError, is_dead_letter: bool) {
        let (reason, kind) = (error.reason(), self.kind());
        let outcome = if is_dead_letter {
            "dead_letter"
        } else {
            "retried"
        };
        tracing::error!(
            target: EVENT,
            event_id = self.id,
            source = self.source,
            kind,
            outcome,
            reason,
            error = %Report(error),
            "event failed"
        );
        if is_dead_letter {
            metrics::dead_letter(reason);
        } else if error.failure() != Failure::ForGood {
            metrics::handler_error(reason);
        }
    }
}

/// Reports an event that did not run by itself.
pub(crate) fn in_span(entry: &Entry, report: impl FnOnce(&About)) {
    let envelope = entry.envelope.as_ref().ok();
    let request_id = envelope.and_then(|envelope| envelope.request_id.as_deref());
    let span = tracing::info_span!("event", request_id);
    span.in_scope(|| report(&About::of(&entry.message, envelope)));
}

/// Reports a dead letter that is not in its queue: its event is delivered again.
pub(crate) fn dead_letter_not_sent(message: &Message, error: &PortError) {
    tracing::error!(message_id = message.id, error = %Report(error), "dead letter not sent");
    metrics::handler_error("dead_letter_not_sent");
}
