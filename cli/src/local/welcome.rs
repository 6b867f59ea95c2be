//! What `local` prints when it starts and ends.
//!
//! That nobody reads it is no reason to end: errors of writing are ignored.

use std::io::Write as _;
use std::path::Path;

use switchhook_core::config::{Source, Sources};

use super::config::SourcesFile;
use crate::outbound::Url;
use crate::samples::{self, signing};
use crate::terminal::shown;
use crate::urls;

macro_rules! say {
    ($($text:tt)*) => {{
        for line in format!($($text)*).split('\n') {
            let _ = writeln!(std::io::stdout(), "{}", shown(line));
        }
    }};
}

/// Prints each source with its URL and how to send it something. Secrets and tokens of configured
/// sources are never printed.
pub(super) fn print(sources: &Sources, url: &str, config: Option<&Path>, aws_url: Option<&str>) {
    say!("Switchhook {} listens on {url}", env!("CARGO_PKG_VERSION"));
    match config {
        Some(path) => say!("Sources from {}", shown(&path.display().to_string())),
        None => say!("Demo sources (write a switchhook.toml for your own)"),
    }
    if let Some(aws_url) = aws_url {
        say!("SQS and DynamoDB answer on {aws_url}");
        say!(
            "Every user of this machine can read and change everything there: no credentials are checked"
        );
    }
    for source in sources.iter() {
        say!("\n  {}  ({})", source.name, source.provider.name());
        say!("  {url}{}", urls::shown_path(source));
        if let Some(example) = samples::of(source.provider.name()).first() {
            match config {
                Some(_) => say!("  try it: switchhook send {} {}", source.name, example.name),
                None => print_curl(source, url),
            }
        }
    }
}

/// Prints on standard error what is unwise in a file, placeholders of our own pages among it.
pub(super) fn warn(file: &SourcesFile, sources: &Sources) {
    let found = sources.placeholders().iter().chain(sources.warnings());
    let found = found.map(|finding| format!("warning: {finding}"));
    for warning in file.warning().into_iter().chain(found) {
        let _ = writeln!(std::io::stderr(), "switchhook: {}", shown(&warning));
    }
}

/// Prints where events are posted on to, and by which secret that is verified: its file only.
pub(super) fn print_forwarding(url: &Url, secret: &Path) {
    say!("\nEvery new event is posted on to {url}");
    say!(
        "signed by Standard Webhooks; the secret to verify by is in {}",
        shown(&secret.display().to_string())
    );
}

/// Prints what to do next.
pub(super) fn print_end() {
    say!("\nSee what arrived: switchhook events. Stop with Ctrl-C.\n");
}

pub(super) fn goodbye() {
    say!("Stopped. What was in flight is kept for the next start.");
}

fn print_curl(source: &Source, url: &str) {
    let samples = samples::of(source.provider.name());
    let best_known = samples.iter().find(|sample| sample.name == "call.ended");
    let Some(sample) = best_known.or(samples.first()) else {
        return;
    };
    let delivery = samples::build(sample, source, &samples::Variation::default());
    say!("  try it:");
    say!("  curl -X POST '{url}{}' \\", delivery.path);
    for (name, value) in &delivery.headers {
        match signing::made_by_shell(source, &delivery, name) {
            Some(made) => say!("    -H \"{name}: {made}\" \\"),
            None => say!("    -H '{name}: {value}' \\"),
        }
    }
    say!("    -d '{}'", String::from_utf8_lossy(&delivery.body));
}
