//! The log line of a request, and its count: one of each for every answer to a delivery.
//!
//! The lines show ids, names of the configuration, sizes and codes; never what was sent.

use std::collections::BTreeSet;
use std::error::Error;

use switchhook_aws::metrics;
use switchhook_aws::telemetry::REQUEST;
use switchhook_core::admission::{Admitted, Refusal};
use switchhook_core::ids::DeliveryId;
use switchhook_core::intake::Ready;
use switchhook_core::report::Report;

use crate::answer::Answer;

/// Reports a delivery whose events are queued.
pub(crate) fn accepted(admitted: &Admitted<'_>, id: DeliveryId, events: &[Ready]) -> Answer {
    let answer = Answer::received(id, events.len());
    let source = admitted.source().name.as_str();
    let kinds = events.iter().map(|event| event.envelope().kind.as_str());
    let kinds: BTreeSet<_> = kinds.collect();
    tracing::info!(
        target: REQUEST,
        source,
        status = answer.status,
        delivery_id = %id,
        events = events.len(),
        // One text: the queries of CloudWatch group by it as it is.
        kinds = kinds.into_iter().collect::<Vec<_>>().join(","),
        bytes = admitted.request().body.len(),
        "delivery accepted"
    );
    metrics::delivery(Some(source), answer.status);
    answer
}

/// Reports a delivery that is refused.
pub(crate) fn refused(refusal: &Refusal) -> Answer {
    let (source, status) = (refusal.source_name(), refusal.status());
    tracing::warn!(target: REQUEST, source, status, error = %Report(refusal), "delivery refused");
    metrics::delivery(source, status);
    Answer::refused(refusal)
}

/// What is known of a delivery that something of ours failed for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Failed<'a> {
    pub(crate) source: Option<&'a str>,
    pub(crate) delivery_id: Option<DeliveryId>,
    pub(crate) error: Option<&'a (dyn Error + 'static)>,
}

/// Reports a delivery that the sender should send again: something of ours failed.
pub(crate) fn unavailable(message: &'static str, failed: Failed<'_>) -> Answer {
    let answer = Answer::unavailable();
    let Failed {
        source,
        delivery_id,
        error,
    } = failed;
    let (status, delivery_id) = (answer.status, delivery_id.map(|id| id.to_string()));
    let error = error.map(|error| Report(error).to_string());
    tracing::error!(target: REQUEST, source, status, delivery_id, error, message);
    metrics::delivery(source, answer.status);
    answer
}
