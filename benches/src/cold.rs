//! What a cold start of the product is made of: the same start with one thing more or less.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

use crate::candidates::{Candidate, Role, Stack};
use crate::figures::Figures;
use crate::measure::{Bench, Input, batches, deliveries};
use crate::statistics::median;
use crate::workload;

const BODY_BYTES: usize = 1024;
const BATCH: usize = 10;

/// One way to start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Variant {
    /// As on Lambda.
    Usual,
    /// Where a number is written as people of its country write it.
    NationalNumber,
    /// A batch of one event, and so one connection.
    OneEvent,
}

impl Variant {
    const ALL: [Self; 3] = [Self::Usual, Self::NationalNumber, Self::OneEvent];

    const fn name(self) -> &'static str {
        match self {
            Self::Usual => "as on Lambda",
            Self::NationalNumber => "with a national number",
            Self::OneEvent => "one event",
        }
    }

    fn deliveries(self) -> Vec<Input> {
        let texts = || Input {
            body: workload::texts_event(&workload::list_of_texts(1)),
            events: 1,
        };
        match self {
            Self::Usual => deliveries(BATCH, BODY_BYTES),
            Self::NationalNumber => std::iter::repeat_with(texts).take(BATCH).collect(),
            Self::OneEvent => deliveries(1, BODY_BYTES),
        }
    }
}

/// What one start took.
struct Start {
    cpu: f64,
    wall: f64,
    peak: f64,
}

/// Measures all variants, in interleaved rounds.
///
/// # Errors
///
/// When a function fails.
pub async fn run(bench: &Bench, rounds: usize, out: &Path) -> Result<()> {
    let rows: Vec<_> = [Role::Ingress, Role::Consumer]
        .iter()
        .flat_map(|role| Variant::ALL.map(|variant| (*role, variant)))
        .collect();
    let mut starts: Vec<Vec<Start>> = rows.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for ((role, variant), starts) in rows.iter().zip(&mut starts) {
            bench.cloud.clear();
            starts.push(start(bench, *role, *variant).await?);
        }
    }
    let mut figures = Figures::new();
    let mut text = "| cold start | CPU ms | ms | peak MiB |\n|---|---:|---:|---:|\n".to_owned();
    for ((role, variant), starts) in rows.iter().zip(&starts) {
        let middle = |get: fn(&Start) -> f64| median(&starts.iter().map(get).collect::<Vec<_>>());
        let (cpu, wall, peak) = (middle(|s| s.cpu), middle(|s| s.wall), middle(|s| s.peak));
        let (role, variant) = (role.name(), variant.name());
        figures.put(format!("cold peak MiB of {role}, {variant}"), peak);
        let _ = writeln!(
            text,
            "| {role}, {variant} | {cpu:.1} | {wall:.1} | {peak:.1} |"
        );
    }
    figures.keep(out, "cold")?;
    crate::report::write(&out.join("cold.md"), &text)
}

async fn start(bench: &Bench, role: Role, variant: Variant) -> Result<Start> {
    let stack = Stack::Switchhook;
    let deliveries = variant.deliveries();
    let mut messages = Vec::new();
    let input = match role {
        Role::Ingress => deliveries.first().cloned(),
        Role::Consumer => {
            let ingress = Candidate {
                stack,
                role: Role::Ingress,
            };
            messages = bench.messages(ingress, &deliveries).await?;
            batches(&messages, BATCH).pop()
        }
    };
    let candidate = Candidate { stack, role };
    let command = candidate.command(&bench.places, &bench.certificates);
    let running = bench.start_as(candidate, command).await?;
    let first = running.invoke(&input.context("no event")?).await?;
    bench.check_items(&messages)?;
    Ok(Start {
        cpu: first.cpu.as_secs_f64() * 1e3,
        wall: first.at.duration_since(running.started()).as_secs_f64() * 1e3,
        peak: running.footprint()?.peak_bytes as f64 / f64::from(1 << 20),
    })
}
