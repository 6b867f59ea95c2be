//! What `local` prints when it starts and ends.
#![expect(clippy::print_stdout, reason = "this is what the command is for")]

use std::path::Path;

use switchhook_core::config::{Source, Sources};

use crate::samples;
use crate::urls;

/// Prints each source with its URL and how to send it something. Secrets and tokens of configured
/// sources are never printed.
pub(super) fn print(sources: &Sources, url: &str, config: Option<&Path>, aws_url: Option<&str>) {
    println!("Switchhook {} listens on {url}", env!("CARGO_PKG_VERSION"));
    match config {
        Some(path) => println!("Sources from {}", path.display()),
        None => println!("Demo sources (write a switchhook.toml for your own)"),
    }
    if let Some(aws_url) = aws_url {
        println!("SQS and DynamoDB answer on {aws_url}");
    }
    for source in sources.iter() {
        println!("\n  {}  ({})", source.name, source.provider.name());
        println!("  {url}{}", urls::shown_path(source));
        match config {
            Some(_) => println!(
                "  try it: switchhook send {} {}",
                source.name,
                example(source)
            ),
            None => print_curl(source, url),
        }
    }
    println!("\nSee what arrived: switchhook events. Stop with Ctrl-C.\n");
}

pub(super) fn goodbye() {
    println!("Stopped. What was in flight is kept for the next start.");
}

fn example(source: &Source) -> &'static str {
    samples::of(source.provider.name())
        .first()
        .map_or("", |sample| sample.name)
}

fn print_curl(source: &Source, url: &str) {
    let samples = samples::of(source.provider.name());
    let Some(sample) = samples.iter().find(|sample| sample.name == "call.ended") else {
        return;
    };
    let delivery = samples::build(sample, source, &samples::Variation::default());
    println!("  try it:");
    println!("  curl -X POST '{url}{}' \\", delivery.path);
    for (name, value) in &delivery.headers {
        println!("    -H '{name}: {value}' \\");
    }
    println!("    -d '{}'", String::from_utf8_lossy(&delivery.body));
}
