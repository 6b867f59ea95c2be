//! The benchmark's command line.
//! `cargo run --release --package benches --bin benches -- all` measures everything.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use benches::candidates::{Places, Role, Stack};
use benches::certificates::Certificates;
use benches::cloud::Cloud;
use benches::figures::Figures;
use benches::functions::{self, Extent};
use benches::instructions::{self, Verdict};
use benches::measure::Bench;
use benches::{cold, goals, growth, laptop, ledger, limits, namespace, payloads, setup, workload};
use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;

/// The laptop's, since its database is measured here by itself.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Measures what Switchhook costs.
#[derive(Debug, Parser)]
#[command(name = "benches")]
struct Args {
    #[command(subcommand)]
    command: Command,
    /// Do not build anything: what is there is current.
    #[arg(long, global = true)]
    built: bool,
    /// Where tables, plots and figures go; `goals` is of the figures there.
    #[arg(long, global = true, default_value = "docs/performance")]
    out: PathBuf,
    #[arg(long = "inside-own-network", global = true, hide = true)]
    inside: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// All of the following, but for the profile.
    All,
    /// The functions beside the floor and the peers.
    Functions {
        /// Processes of each candidate.
        #[arg(long, default_value_t = 15)]
        rounds: usize,
        /// Invocations of each process.
        #[arg(long, default_value_t = 300)]
        invocations: usize,
        /// Only these: switchhook, node, python, floor.
        #[arg(long, value_delimiter = ',')]
        stacks: Vec<String>,
    },
    /// What a cold start is made of.
    Cold {
        /// Starts of each kind.
        #[arg(long, default_value_t = 20)]
        rounds: usize,
    },
    /// One function under callgrind with its simulation of the caches, to see what dominates it.
    Profile {
        /// `ingress` or `consumer`.
        role: String,
        /// A build of it with symbols: `cargo rustc --release --package ROLE -- -C strip=none`.
        program: PathBuf,
        /// Invocations after the first.
        #[arg(long, default_value_t = 0)]
        warm: usize,
    },
    /// How cost grows with bodies, events of a delivery, entities, events of one entity, the ledger.
    Growth {
        /// Processes for each point, in interleaved rounds.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// The events of the greatest ledger.
        #[arg(long, default_value_t = goals::MANY_EVENTS)]
        ledger: usize,
    },
    /// Write units of the documented payloads.
    Payloads,
    /// The laptop's stack: deliveries a second, beside its database alone.
    Laptop {
        /// Deliveries to send.
        #[arg(long, default_value_t = 20_000)]
        deliveries: usize,
    },
    /// The laptop's memory over many deliveries.
    Memory {
        /// Deliveries to send.
        #[arg(long, default_value_t = goals::MANY_EVENTS)]
        deliveries: usize,
    },
    /// The laptop's listings, with the build that this is of: not part of `all`.
    Listings {
        /// The events of each ledger.
        #[arg(long, value_delimiter = ',', default_values_t = [20_000, 200_000])]
        events: Vec<usize>,
    },
    /// The backlog at AWS's limits, simulated: not part of `all`.
    Limits,
    /// The table of goals, from what the measurements left when they ran last.
    Goals,
    /// Instructions of the hot functions, beside the committed counts.
    Instructions {
        /// How much one may grow, in per cent.
        #[arg(long, default_value_t = 3.0)]
        limit: f64,
        /// Make the counts the baseline.
        #[arg(long)]
        accept: bool,
    },
}

impl Command {
    /// Returns whose programs it runs.
    fn stacks(&self) -> Vec<Stack> {
        match self {
            Self::All => Stack::ALL.to_vec(),
            Self::Functions { stacks, .. } => chosen(stacks),
            _ => vec![Stack::Switchhook],
        }
    }
}

/// Finds stacks by their names; none are all.
fn chosen(names: &[String]) -> Vec<Stack> {
    let wanted = |stack: &Stack| names.is_empty() || names.iter().any(|name| name == stack.name());
    Stack::ALL.into_iter().filter(wanted).collect()
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()?;
    let places = Places {
        release: root.join("target/release"),
        work: root.join("target/benches"),
    };
    std::fs::create_dir_all(&places.work)?;
    // These take no network, and no program that would have to be built.
    match &args.command {
        Command::Listings { events } => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let measured = runtime.block_on(ledger::listings(&places.work, events));
            return measured.map(|()| ExitCode::SUCCESS);
        }
        Command::Goals => return goals::run(&args.out).map(|()| ExitCode::SUCCESS),
        Command::Limits => return limits::run(&args.out).map(|()| ExitCode::SUCCESS),
        _ => {}
    }
    if !args.inside {
        if !args.built {
            setup::run(&root, &places, &args.command.stacks())?;
        }
        let status = namespace::run_inside(&places.work, &places.release.join("benches"))?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        return Ok(code.map_or(ExitCode::FAILURE, ExitCode::from));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(inside(args, places))?;
    Ok(ExitCode::SUCCESS)
}

async fn inside(args: Args, places: Places) -> Result<()> {
    let certificates = Certificates::make(&places.work)?;
    let cloud = Cloud::start(Arc::clone(&certificates.server), &workload::sources()).await?;
    let bench = Bench {
        places,
        certificates,
        cloud,
    };
    std::fs::create_dir_all(&args.out)?;
    let commands = match args.command {
        Command::All => {
            for measurement in goals::MEASUREMENTS {
                Figures::forget(&args.out, measurement)?;
            }
            ALL.iter()
                .map(|name| by_default(name))
                .collect::<Result<_>>()?
        }
        one => vec![one],
    };
    for command in commands {
        let outcome = measure(&bench, command, &args.out).await;
        outcome.context("the benchmark did not finish")?;
    }
    Ok(())
}

/// What `all` measures, each as it is without options.
const ALL: [&str; 8] = [
    "functions",
    "cold",
    "payloads",
    "growth",
    "laptop",
    "memory",
    "goals",
    "instructions",
];

fn by_default(name: &str) -> Result<Command> {
    Ok(Args::try_parse_from(["benches", name])?.command)
}

async fn measure(bench: &Bench, command: Command, out: &Path) -> Result<()> {
    match command {
        Command::All => bail!("not one measurement"),
        Command::Functions {
            rounds,
            invocations,
            stacks,
        } => {
            let extent = Extent {
                rounds,
                invocations,
                stacks: chosen(&stacks),
            };
            functions::run(bench, &extent, out).await
        }
        Command::Cold { rounds } => cold::run(bench, rounds, out).await,
        Command::Profile {
            role,
            program,
            warm,
        } => {
            let role = Role::of(&role).context("`ingress` or `consumer`")?;
            functions::profile(bench, role, &program, warm).await
        }
        Command::Growth { rounds, ledger } => {
            let extent = growth::Extent { rounds, ledger };
            growth::run(bench, extent, out).await
        }
        Command::Payloads => payloads::run(bench, out).await,
        Command::Laptop { deliveries } => laptop::run(bench, deliveries, out).await,
        Command::Memory { deliveries } => laptop::memory(bench, deliveries, out).await,
        Command::Goals => goals::run(out),
        Command::Limits => limits::run(out),
        Command::Listings { events } => ledger::listings(&bench.places.work, &events).await,
        Command::Instructions { limit, accept } => {
            let verdict = if accept {
                Verdict::Accept
            } else {
                Verdict::Check(limit)
            };
            let baseline = Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.json");
            instructions::run(&bench.places.release, &baseline, verdict, out)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_made_of_commands() {
        for name in ALL {
            assert!(!matches!(by_default(name).unwrap(), Command::All), "{name}");
        }
    }

    #[test]
    fn the_goals_are_told_after_all_that_they_are_of() {
        let place = |name: &str| ALL.iter().position(|of_all| *of_all == name).unwrap();
        for measurement in goals::MEASUREMENTS {
            assert!(place(measurement) < place("goals"), "{measurement}");
        }
    }
}
