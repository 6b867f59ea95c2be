//! Runs simulations: `simulation SEED` prints one with its history, `simulation --seeds 0..5000`
//! many.
#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]
#![expect(clippy::arithmetic_side_effects, reason = "sums of a few thousand")]

use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use simulation::{Broken, Counts, run};

/// Simulates ingress and consumer with everything that can go wrong, decided by a seed.
#[derive(Debug, Parser)]
struct Args {
    /// One seed: its history is printed.
    #[arg(required_unless_present = "seeds")]
    seed: Option<u64>,
    /// Many seeds, as FROM..TO: only what goes wrong is printed.
    #[arg(long, value_parser = range, conflicts_with = "seed")]
    seeds: Option<Range<u64>>,
    /// Breaks something on purpose.
    #[arg(long)]
    broken: Option<Broken>,
    /// Goes on after the first seed that goes wrong.
    #[arg(long)]
    keep_going: bool,
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text
        .split_once("..")
        .ok_or("two numbers with `..` between them")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
    Ok(number(from)?..number(to)?)
}

fn main() -> ExitCode {
    let args = Args::parse();
    match (args.seed, &args.seeds) {
        (Some(seed), _) => one(seed, args.broken),
        (None, Some(seeds)) => many(seeds.clone(), &args),
        (None, None) => ExitCode::from(2),
    }
}

fn one(seed: u64, broken: Option<Broken>) -> ExitCode {
    let outcome = run(seed, broken);
    for line in &outcome.history {
        println!("{line}");
    }
    println!("{:?}", outcome.counts);
    for wrong in &outcome.wrong {
        println!("WRONG: {wrong}");
    }
    if outcome.wrong.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn many(seeds: Range<u64>, args: &Args) -> ExitCode {
    let begun = started();
    let (next, end) = (AtomicU64::new(seeds.start), AtomicU64::new(seeds.end));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || worker(&next, &end, args);
    let (counts, wrong) = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        // A simulation that is wrong itself is none that holds.
        let done = workers.into_iter().map(|worker| worker.join());
        let done = done.map(|ended| ended.unwrap_or((Counts::default(), 1)));
        done.fold((Counts::default(), 0), |(sum, all), (counts, wrong)| {
            (sum + counts, all + wrong)
        })
    });
    println!(
        "{wrong} of the seeds {seeds:?} went wrong; {counts:?}; {:.1?}",
        begun.elapsed()
    );
    if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long it took is told to people only"
)]
fn started() -> Instant {
    Instant::now()
}

fn worker(next: &AtomicU64, end: &AtomicU64, args: &Args) -> (Counts, u64) {
    let (mut counts, mut wrong) = (Counts::default(), 0);
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end.load(Ordering::Relaxed) {
            return (counts, wrong);
        }
        let outcome = run(seed, args.broken);
        counts = counts + outcome.counts;
        if let Some(first) = outcome.wrong.first() {
            println!("seed {seed}: {first}");
            wrong += 1;
            if !args.keep_going {
                end.store(0, Ordering::Relaxed);
            }
        }
    }
}
