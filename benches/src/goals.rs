//! The goals, held against what the measurements left.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use crate::figures::Figures;

/// The measurements that the goals are of.
pub const MEASUREMENTS: [&str; 6] = [
    "functions",
    "cold",
    "payloads",
    "growth",
    "laptop",
    "memory",
];

/// The events that the goals of a large ledger are of.
pub const MANY_EVENTS: usize = 1_000_000;

#[derive(Clone, Copy, Debug)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtMost(limit) => write!(f, "at most {limit}"),
            Self::AtLeast(limit) => write!(f, "at least {limit}"),
        }
    }
}

struct Goal {
    what: &'static str,
    bound: Bound,
    unit: &'static str,
    value: fn(&Figures) -> Option<f64>,
}

const fn goal(
    what: &'static str,
    bound: Bound,
    unit: &'static str,
    value: fn(&Figures) -> Option<f64>,
) -> Goal {
    Goal {
        what,
        bound,
        unit,
        value,
    }
}

/// How many times the floor the product takes.
fn beside_floor(figures: &Figures, role: &str, figure: &str) -> Option<f64> {
    figures.ratio(
        &format!("switchhook {role}, {figure}"),
        &format!("floor {role}, {figure}"),
    )
}

/// How many times less than a peer the product takes.
fn less_than(figures: &Figures, peer: &str, role: &str, figure: &str) -> Option<f64> {
    figures.ratio(
        &format!("{peer} {role}, {figure}"),
        &format!("switchhook {role}, {figure}"),
    )
}

/// The most memory of a function, warm and of all kinds of cold starts.
fn peak(figures: &Figures, role: &str) -> Option<f64> {
    let warm = figures.get(&format!("switchhook {role}, warm peak MiB"))?;
    let cold = figures.greatest(&format!("cold peak MiB of {role}"));
    Some(cold.map_or(warm, |cold| cold.max(warm)))
}

const COLD: &str = "cold CPU ms";
const WARM: &str = "CPU µs/event";

use Bound::{AtLeast, AtMost};

const GOALS: [Goal; 30] = [
    goal(
        "ingress cold: CPU beside the floor",
        AtMost(2.0),
        " ×",
        |f| beside_floor(f, "ingress", COLD),
    ),
    goal(
        "ingress cold: less CPU than Node.js",
        AtLeast(25.0),
        " ×",
        |f| less_than(f, "node", "ingress", COLD),
    ),
    goal(
        "ingress cold: less CPU than Python",
        AtLeast(60.0),
        " ×",
        |f| less_than(f, "python", "ingress", COLD),
    ),
    goal(
        "ingress warm: CPU beside the floor",
        AtMost(3.0),
        " ×",
        |f| beside_floor(f, "ingress", WARM),
    ),
    goal(
        "ingress warm: less CPU than Node.js",
        AtLeast(5.0),
        " ×",
        |f| less_than(f, "node", "ingress", WARM),
    ),
    goal(
        "ingress warm: less CPU than Python",
        AtLeast(5.0),
        " ×",
        |f| less_than(f, "python", "ingress", WARM),
    ),
    goal(
        "consumer warm: CPU beside the floor",
        AtMost(3.0),
        " ×",
        |f| beside_floor(f, "consumer", WARM),
    ),
    goal(
        "consumer warm: less CPU than Node.js",
        AtLeast(8.0),
        " ×",
        |f| less_than(f, "node", "consumer", WARM),
    ),
    goal(
        "consumer warm: less CPU than Python",
        AtLeast(10.0),
        " ×",
        |f| less_than(f, "python", "consumer", WARM),
    ),
    goal("reads of a batch", AtMost(1.0), "", |f| {
        f.get("switchhook consumer, reads/batch")
    }),
    goal("writes of an event", AtMost(2.0), "", |f| {
        f.get("switchhook consumer, writes/event")
    }),
    goal(
        "write units of the median documented payload, the state changed",
        AtMost(3.0),
        "",
        |f| f.get("units where the state changes"),
    ),
    goal(
        "write units of the median documented payload, the state unchanged",
        AtMost(2.0),
        "",
        |f| f.get("units where no state changes"),
    ),
    goal(
        "latency of ten events of ten entities beside one, AWS answering after 5 ms",
        AtMost(1.5),
        " ×",
        |f| f.get("switchhook consumer, ten beside one"),
    ),
    goal("peak memory of the ingress", AtMost(10.0), " MiB", |f| {
        peak(f, "ingress")
    }),
    goal("peak memory of the consumer", AtMost(12.0), " MiB", |f| {
        peak(f, "consumer")
    }),
    goal("zip of the ingress", AtMost(4.0), " MiB", |f| {
        f.get("switchhook ingress, zip MiB")
    }),
    goal("zip of the consumer", AtMost(4.0), " MiB", |f| {
        f.get("switchhook consumer, zip MiB")
    }),
    goal(
        "laptop: fully handled deliveries, of what its database alone allows",
        AtLeast(70.0),
        " %",
        |f| f.get("share of the database, per cent"),
    ),
    goal(
        "laptop: resident memory after a million events beside half of them",
        AtMost(1.1),
        " ×",
        |f| {
            f.get("deliveries")
                .filter(|count| *count >= MANY_EVENTS as f64)?;
            f.ratio("resident MiB at the end", "resident MiB at half")
        },
    ),
    goal(
        "`events` at a million events: CPU",
        AtMost(100.0),
        " ms",
        |f| f.get("events CPU ms at 1000000"),
    ),
    goal(
        "`show` at a million events: CPU",
        AtMost(100.0),
        " ms",
        |f| f.get("show CPU ms at 1000000"),
    ),
    goal(
        "`sources` at a million events: CPU",
        AtMost(100.0),
        " ms",
        |f| f.get("sources CPU ms at 1000000"),
    ),
    goal(
        "growth with bodies: greatest exponent",
        AtMost(LINEAR),
        "",
        |f| f.greatest("exponent of bodies"),
    ),
    goal(
        "growth with events of a delivery: exponent",
        AtMost(LINEAR),
        "",
        |f| f.greatest("exponent of lists"),
    ),
    goal(
        "growth with events of as many entities: exponent",
        AtMost(LINEAR),
        "",
        |f| f.get("exponent of entities, entity each"),
    ),
    goal(
        "growth with events of one entity: exponent",
        AtMost(LINEAR),
        "",
        |f| f.get("exponent of entities, one hot entity"),
    ),
    goal(
        "growth with the ledger: greatest exponent",
        AtMost(LINEAR),
        "",
        |f| f.greatest("exponent of ledger"),
    ),
    goal(
        "growth: greatest exponent of all",
        AtMost(LINEAR),
        "",
        |f| f.greatest("exponent of"),
    ),
    goal(
        "growth: greatest exponent of a last step",
        AtMost(LINEAR),
        "",
        |f| f.greatest("last exponent of"),
    ),
];

/// The greatest exponent that counts as linear.
const LINEAR: f64 = 1.05;

/// Writes the table of goals from what the measurements left.
///
/// # Errors
///
/// When what they left is not readable, or the table cannot be written.
pub fn run(out: &Path) -> Result<()> {
    let (mut all, mut text) = (Figures::new(), String::new());
    for measurement in MEASUREMENTS {
        let figures = Figures::of_measurement(out, measurement)?;
        let of = figures.as_ref().map_or("not measured", Figures::of).trim();
        let _ = writeln!(text, "- `{measurement}`: {of}");
        all.extend(figures.unwrap_or_default());
    }
    text += &table(&all);
    crate::report::write(&out.join("goals.md"), &text)
}

/// Tells goal by goal the value, and whether it is met.
pub(crate) fn table(figures: &Figures) -> String {
    let mut text = "\n| goal | value | met |\n|---|---:|---|\n".to_owned();
    for Goal {
        what,
        bound,
        unit,
        value,
    } in GOALS
    {
        let (value, met) = match value(figures) {
            Some(value) if bound.is_met(value) => (format!("{value:.2}{unit}"), "yes"),
            Some(value) => (format!("{value:.2}{unit}"), "no"),
            None => ("not measured".to_owned(), ""),
        };
        let _ = writeln!(text, "| {what}: {bound}{unit} | {value} | {met} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row<'a>(table: &'a str, goal: &str) -> &'a str {
        let mut rows = table.lines().filter(|line| line.contains(goal));
        rows.next().unwrap()
    }

    #[test]
    fn a_goal_is_met_or_not_or_not_measured() {
        let mut figures = Figures::new();
        figures.put("switchhook ingress, cold CPU ms", 5.0);
        figures.put("floor ingress, cold CPU ms", 2.5);
        figures.put("node ingress, cold CPU ms", 100.0);
        let table = table(&figures);
        assert!(row(&table, "cold: CPU beside the floor").ends_with("| 2.00 × | yes |"));
        assert!(row(&table, "cold: less CPU than Node").ends_with("| 20.00 × | no |"));
        assert!(row(&table, "cold: less CPU than Python").ends_with("| not measured |  |"));
    }

    #[test]
    fn memory_of_fewer_events_than_the_goal_has_does_not_count() {
        let mut figures = Figures::new();
        figures.put("deliveries", 1_000.0);
        figures.put("resident MiB at half", 40.0);
        figures.put("resident MiB at the end", 41.0);
        assert!(row(&table(&figures), "resident memory").contains("not measured"));
        figures.put("deliveries", 1_000_000.0);
        assert!(row(&table(&figures), "resident memory").ends_with("| 1.02 × | yes |"));
    }

    #[test]
    fn the_greatest_of_all_exponents_counts() {
        let mut figures = Figures::new();
        figures.put("exponent of bodies, ingress", 0.9);
        figures.put("exponent of ledger, events", 1.06);
        let table = table(&figures);
        assert!(row(&table, "with bodies").ends_with("| yes |"));
        assert!(row(&table, "exponent of all").ends_with("| no |"));
    }
}
