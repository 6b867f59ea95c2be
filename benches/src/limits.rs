//! The limits of DynamoDB's partitions and of SQS FIFO, simulated: what happens to a backlog at ten
//! thousand events a second, by the number of shards of the time index.
//!
//! A fluid model in steps of five seconds. Chance decides where the hashes of keys lie, and a seed
//! decides chance. Nothing is measured here, so the same commit writes the same files anywhere.

mod partitions;
mod queue;
mod traffic;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::plot::{self, Curve, Labels};
use crate::report;
use crate::statistics::median;
use partitions::Partitions;
use traffic::{ENTITIES, Traffic};

/// Write units of an event in the table: its record and its state, both in its entity's partition
/// (the median documented payload; `payloads.md`).
const TABLE_UNITS: f64 = 2.0;
/// Its write units in the time index.
const INDEX_UNITS: f64 = 1.0;

/// Events a second that the consumer handles where nothing is throttled: 50 batches at once, ten
/// events a batch, 27 ms each (`ConsumerMaximumConcurrency` of the template, and
/// `docs/performance.md`, "A million events in dollars").
const CONSUMER: f64 = 50.0 * 10.0 / 0.027;

/// Write units a second that a new on-demand table or index takes (guide to `DynamoDB`,
/// "Understanding `DynamoDB` warm throughput in different scenarios").
const NEW: u32 = 4_000;
/// The template's `WarmThroughput` that is simulated.
const WARM: u32 = 40_000;

/// How long a run may take to drain, in seconds from its begin.
const HORIZON: usize = 2 * 3_600;
/// The seconds of a step.
const STEP: usize = 5;
/// The first hour: that of the traffic.
const HOUR: usize = 3_600;
/// How many placements of keys are simulated.
const SEEDS: u64 = 25;
/// One shard is what a key of the hour is, for as long as the hour lasts.
const SHARDS: [usize; 4] = [1, 8, 16, 32];

/// What the partitions are like when the traffic begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Start {
    /// A new table and a new index.
    New,
    /// Both with [`WARM`] from the start.
    Warm,
    /// Both as an hour of the same traffic left them.
    Used,
}

impl Start {
    const ALL: [Self; 3] = [Self::New, Self::Warm, Self::Used];

    const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Warm => "`WarmThroughput`",
            Self::Used => "after such an hour",
        }
    }
}

/// What is simulated.
#[derive(Clone, Copy, Debug)]
struct Case {
    traffic: Traffic,
    shards: usize,
    start: Start,
}

/// What came of a run.
#[derive(Clone, Debug)]
struct Outcome {
    /// Events that wait, after each step.
    backlog: Vec<f64>,
    /// The longest that an event waited, in seconds.
    delay: f64,
}

impl Outcome {
    fn peak(&self) -> f64 {
        self.backlog.iter().copied().fold(0.0, f64::max)
    }

    fn at(&self, second: usize) -> f64 {
        self.backlog.get(second / STEP).copied().unwrap_or_default()
    }

    /// Returns from when on less than a second's events wait; `None` if that is not within
    /// [`HORIZON`].
    fn drained(&self) -> Option<usize> {
        const FEW: f64 = 10_000.0;
        let last = self.backlog.iter().rposition(|events| *events > FEW);
        let drained = last.map_or(0, |step| step + 1);
        (drained < self.backlog.len()).then_some(drained * STEP)
    }
}

impl Case {
    fn run(self, seed: u64) -> Outcome {
        let mut rng = fastrand::Rng::with_seed(seed);
        let units = if self.start == Start::Warm { WARM } else { NEW };
        let mut table = Partitions::new(&mut rng, ENTITIES, units, TABLE_UNITS);
        let mut index = Partitions::new(&mut rng, self.shards, units, INDEX_UNITS);
        if self.start == Start::Used {
            self.simulate(&mut table, &mut index);
            table.rest();
            index.rest();
        }
        self.simulate(&mut table, &mut index)
    }

    fn simulate(self, table: &mut Partitions, index: &mut Partitions) -> Outcome {
        let (mut backlog, mut delay) = (Vec::with_capacity(HORIZON / STEP), 0.0_f64);
        for second in (STEP..=HORIZON).step_by(STEP) {
            let arrived = self.traffic.arrived(second);
            table.refill(STEP as f64);
            index.refill(STEP as f64);
            queue::step(table, index, arrived, CONSUMER * STEP as f64);
            table.split(STEP as f64);
            index.split(STEP as f64);
            let waiting = table.waiting(arrived);
            backlog.push(waiting);
            if waiting >= 1.0 {
                let oldest = self.traffic.arrival(table.oldest());
                delay = delay.max(second as f64 - oldest);
            }
            if second > HOUR && waiting < 1.0 {
                break;
            }
        }
        Outcome { backlog, delay }
    }

    fn outcomes(self) -> Vec<Outcome> {
        (0..SEEDS).map(|seed| self.run(seed)).collect()
    }
}

/// Simulates all of it, prints the tables and writes them with their plots.
///
/// # Errors
///
/// When a file cannot be written.
#[expect(
    clippy::print_stdout,
    reason = "what was simulated is what the program prints"
)]
pub fn run(out: &Path) -> Result<()> {
    let mut text = String::new();
    for traffic in Traffic::ALL {
        report::progress(&format!("limits: {}", traffic.title()));
        let mut curves = Vec::new();
        let _ = writeln!(
            text,
            "{}. {SEEDS} placements of the keys; the median, and the worst in brackets.\n\n\
             | partitions of the index | at the start | most that wait | wait when the hour ends | longest wait | drained after |\n\
             |---|---|---:|---:|---:|---:|",
            traffic.title()
        );
        for shards in SHARDS {
            for start in Start::ALL {
                let case = Case {
                    traffic,
                    shards,
                    start,
                };
                let outcomes = case.outcomes();
                text += &row(case, &outcomes);
                if let Some(name) = plotted(case) {
                    curves.push(curve(name, &outcomes));
                }
            }
        }
        text.push('\n');
        let labels = Labels {
            title: traffic.title(),
            x: "minutes",
            y: "events that wait, millions (the worst placement)",
        };
        let path = out.join(format!("limits-{}.svg", traffic.name()));
        plot::over_time(&path, labels, &curves)?;
    }
    text += &queue::table();
    println!("{text}");
    fs::create_dir_all(out)?;
    Ok(fs::write(out.join("limits.md"), text)?)
}

fn index_name(shards: usize) -> String {
    match shards {
        1 => "one, the hour".to_owned(),
        16 => "**16 shards**".to_owned(),
        _ => format!("{shards} shards"),
    }
}

const fn plotted(case: Case) -> Option<&'static str> {
    match (case.shards, case.start) {
        (1, Start::Warm) => Some("hour, WarmThroughput"),
        (8, Start::Warm) => Some("8 shards, WarmThroughput"),
        (16, Start::New) => Some("16 shards, new"),
        (16, Start::Warm) => Some("16 shards, WarmThroughput"),
        _ => None,
    }
}

fn row(case: Case, outcomes: &[Outcome]) -> String {
    let cell = |get: &dyn Fn(&Outcome) -> f64, write: fn(f64) -> String| {
        let values: Vec<f64> = outcomes.iter().map(get).collect();
        let (middle, worst) = (median(&values), values.iter().copied().fold(0.0, f64::max));
        match (write(middle), write(worst)) {
            (middle, worst) if middle == worst => middle,
            (middle, worst) => format!("{middle} ({worst})"),
        }
    };
    // What is not drained waits on.
    let is_over = outcomes.iter().all(|outcome| outcome.drained().is_none());
    let over = if is_over { "over " } else { "" };
    let drained = |outcome: &Outcome| outcome.drained().map_or(f64::INFINITY, |s| s as f64);
    format!(
        "| {} | {} | {} | {} | {over}{} | {} |\n",
        index_name(case.shards),
        case.start.name(),
        cell(&Outcome::peak, events),
        cell(&|outcome| outcome.at(HOUR - 1), events),
        cell(&|outcome| outcome.delay, minutes),
        cell(&drained, minutes),
    )
}

fn events(count: f64) -> String {
    match count {
        c if c >= 1e6 => format!("{:.1} million", c / 1e6),
        c if c >= 20_000.0 => format!("{:.0} thousand", c / 1e3),
        c if c >= 1.0 => "under 20 thousand".to_owned(),
        _ => "0".to_owned(),
    }
}

fn minutes(seconds: f64) -> String {
    match seconds {
        s if s.is_infinite() => format!("over {} h", HORIZON / 3_600),
        s if s > 90.0 => format!("{:.0} min", s / 60.0),
        s if s > 2.0 => format!("{s:.0} s"),
        _ => "–".to_owned(),
    }
}

fn curve(name: &str, outcomes: &[Outcome]) -> Curve {
    let worst = outcomes
        .iter()
        .max_by(|one, other| one.peak().total_cmp(&other.peak()));
    let backlog = worst.map_or(&[][..], |outcome| &outcome.backlog);
    let shown = backlog.iter().enumerate().step_by(4);
    Curve {
        name: name.to_owned(),
        points: shown
            .map(|(step, events)| ((step * STEP) as f64 / 60.0, events / 1e6))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(traffic: Traffic, shards: usize, start: Start) -> Outcome {
        let case = Case {
            traffic,
            shards,
            start,
        };
        let outcomes = case.outcomes().into_iter();
        outcomes
            .max_by(|one, other| one.peak().total_cmp(&other.peak()))
            .unwrap()
    }

    #[test]
    fn key_of_the_hour_lets_the_backlog_grow_however_warm_it_is() {
        for start in Start::ALL {
            let outcome = worst(Traffic::Steady, 1, start);
            let grown: Vec<_> = (10..=59).map(|minute| outcome.at(minute * 60)).collect();
            assert!(
                grown.is_sorted() && outcome.at(HOUR - 1) > 30e6,
                "{start:?}"
            );
            assert_eq!(outcome.drained(), None);
        }
    }

    #[test]
    fn sixteen_shards_let_none_grow_once_partitions_are_split() {
        for traffic in Traffic::ALL {
            let outcome = worst(traffic, 16, Start::Used);
            assert!(outcome.peak() < 1.0, "{traffic:?}: {}", outcome.peak());
        }
    }

    #[test]
    fn sixteen_shards_drain_what_warm_partitions_hold_up_within_the_hour() {
        for traffic in Traffic::ALL {
            let case = Case {
                traffic,
                shards: 16,
                start: Start::Warm,
            };
            let outcomes = case.outcomes();
            let peaks: Vec<_> = outcomes.iter().map(Outcome::peak).collect();
            assert!(median(&peaks) < 1.0, "{traffic:?}: {peaks:?}");
            assert!(outcomes.iter().all(|outcome| outcome.at(HOUR - 1) < 1.0));
        }
    }

    #[test]
    fn sixteen_shards_drain_what_new_partitions_hold_up() {
        for traffic in Traffic::ALL {
            let outcome = worst(traffic, 16, Start::New);
            assert!(outcome.drained().is_some(), "{traffic:?}");
        }
    }

    #[test]
    fn eight_shards_are_too_few_for_ten_thousand_events_a_second() {
        let outcome = worst(Traffic::Steady, 8, Start::Used);
        assert!(outcome.at(HOUR - 1) > outcome.at(HOUR / 2) + 1e6);
    }

    #[test]
    fn committed_figures_are_those_of_this_simulation() {
        let out = tempfile::tempdir().unwrap();
        run(out.path()).unwrap();
        let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance");
        for file in ["limits.md", "limits-steady.svg", "limits-campaign.svg"] {
            let [simulated, committed] = [out.path(), &committed]
                .map(|folder| fs::read_to_string(folder.join(file)).unwrap());
            assert!(simulated == committed, "{file}: run `benches limits`");
        }
    }
}
