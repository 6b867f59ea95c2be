//! Logs and metrics of the functions: one JSON object a line, ids and codes only.

use std::io::stdout;

use switchhook_core::time::Clock;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::clock::SystemClock;
use crate::metrics::{Metrics, Origin, TARGET};

/// The crates whose lines are told from `INFO` on; everybody else's from `WARN` on.
const OWN: [&str; 4] = ["consumer", "ingress", "switchhook_aws", "switchhook_core"];

/// The telemetry of a function that runs.
#[derive(Clone, Debug)]
pub struct Telemetry(Metrics);

/// Writes log lines and adds up metrics from now on. Called once, at the start of `main`.
#[must_use]
pub fn init(origin: Origin) -> Telemetry {
    let metrics = Metrics::new(origin);
    subscriber(metrics.clone(), stdout).init();
    hide_panic_texts();
    Telemetry(metrics)
}

impl Telemetry {
    /// Writes the metrics of an invocation that is over.
    pub fn flush(&self) {
        self.0.flush(SystemClock.now(), &mut stdout().lock());
    }
}

/// Makes what listens inside Lambda. Log lines come without times, since CloudWatch has its own, and
/// with the `request_id` of the delivery that they are about.
pub fn subscriber<W>(metrics: Metrics, to: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> tracing_subscriber::fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    let told = Targets::new()
        .with_default(Level::WARN)
        .with_targets(OWN.map(|target| (target, Level::INFO)));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .without_time()
        .with_writer(to);
    let counted = Targets::new().with_target(TARGET, Level::INFO);
    tracing_subscriber::registry()
        .with(lines.with_filter(told))
        .with(metrics.with_filter(counted))
}

/// Logs where a panic happened and not its text, which may hold what a sender wrote.
pub fn hide_panic_texts() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::error!(location, "panicked");
    }));
}
