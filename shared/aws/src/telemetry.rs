//! Logs of the functions: one JSON object a line, ids and codes only.

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Writes our own lines at `INFO` and everybody else's at `WARN`, without times: CloudWatch has its
/// own. Called once, at the start of `main`.
pub fn init() {
    let own = ["consumer", "ingress", "switchhook_aws", "switchhook_core"];
    let filter = Targets::new()
        .with_default(Level::WARN)
        .with_targets(own.map(|target| (target, Level::INFO)));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .without_time();
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .init();
    hide_panic_texts();
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
