//! What `local` prints while it runs: one line an event, and a clear one for every refusal.
//!
//! The lines are the functions' own log lines, written for people: ids, source and kind only.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use switchhook_aws::telemetry::EVENT;
use switchhook_core::time::Clock;

use crate::terminal::shown;

/// Prints the lines from now on. What is queued is not printed: it is recorded at once.
pub(super) fn init() {
    let filter = Targets::new()
        .with_default(Level::WARN)
        .with_target("consumer", Level::INFO)
        .with_target(EVENT, Level::INFO)
        .with_target("dynoxide", Level::ERROR);
    let lines = tracing_subscriber::fmt::layer().event_format(Lines);
    // A second call, in a test, finds lines printed already.
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init();
    switchhook_aws::telemetry::hide_panic_texts();
}

struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line::default();
        event.record(&mut line);
        let time = switchhook_aws::clock::SystemClock
            .now()
            .strftime("%H:%M:%S");
        let mark = match *event.metadata().level() {
            Level::ERROR => "✗",
            Level::WARN => "!",
            _ => "✓",
        };
        write!(writer, "{time} {mark} {}", shown(&line.message))?;
        for (name, value) in &line.fields {
            let value = shown(value);
            match *name {
                "source" | "kind" | "event_id" => write!(writer, "  {value}")?,
                // The words before it say so; the answer's header has the id.
                "outcome" | "request_id" | "slug_replay" | "unplaced_opt_out" => {}
                _ => write!(writer, "  {name}: {value}")?,
            }
        }
        writeln!(writer)
    }
}

#[derive(Default)]
struct Line {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Line {
    fn put(&mut self, field: &Field, value: String) {
        if field.name() == "message" {
            self.message = value;
        } else if !value.is_empty() {
            self.fields.push((field.name(), value));
        }
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}
