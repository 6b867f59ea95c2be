//! Explores scenarios with more faults than the tests do, or shows what each broken rule breaks.
#![expect(clippy::print_stdout, reason = "it prints what came of it")]

use std::process::ExitCode;

use clap::Parser;
use models::broken::Broken;
use models::check::{self, Report};
use models::scenario::Scenario;
use models::scenarios;

/// Explores the protocol.
#[derive(Debug, Parser)]
struct Args {
    /// Only scenarios and broken rules whose name holds this.
    #[arg(default_value = "")]
    name: String,
    /// Break the rules, one at a time, instead of keeping them.
    #[arg(long)]
    broken: bool,
    /// How many faults more than in the tests.
    #[arg(long, default_value_t = 0)]
    more_faults: u8,
    /// How many threads explore.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let is_well = if args.broken {
        break_rules(&args.name)
    } else {
        explore(&args)
    };
    if is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Explores what keeps to the rules; false when a law is broken all the same.
fn explore(args: &Args) -> bool {
    let named = scenarios::ALL
        .iter()
        .filter(|scenario| scenario.name.contains(&args.name));
    let mut is_well = true;
    for scenario in named {
        let scenario = Scenario {
            faults: scenario.faults.saturating_add(args.more_faults),
            most_receives: scenario.most_receives.saturating_add(args.more_faults),
            ..*scenario
        };
        println!("{}: {}", scenario.name, scenario.about);
        let report = check::whole(scenario, args.threads);
        is_well &= report.broken.is_none() && report.is_alive;
        tell(&report);
    }
    is_well
}

/// Breaks each rule; false when nothing comes of it.
fn break_rules(name: &str) -> bool {
    let mut is_well = true;
    for broken in Broken::ALL {
        let shown = format!("{broken:?}");
        if !shown.to_lowercase().contains(&name.to_lowercase()) {
            continue;
        }
        println!("{shown}, in the scenario `{}`", broken.scenario().name);
        let report = check::breaking(*broken);
        is_well &= report.broken.is_some();
        tell(&report);
    }
    is_well
}

fn tell(report: &Report) {
    let Report {
        states,
        depth,
        took,
        broken,
        is_alive,
    } = report;
    let secs = took.as_secs_f64();
    println!("  {states} states, up to {depth} steps deep, {secs:.1} s");
    match broken {
        None if *is_alive => println!("  every law holds\n"),
        None => println!("  every law holds, but the story has no end\n"),
        Some((law, story)) => {
            println!("  broken: {}", law.text());
            for (step, line) in (1..).zip(story) {
                println!("  {step:>3}. {line}");
            }
            println!();
        }
    }
}
