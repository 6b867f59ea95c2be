//! The functions beside the floor and the peers: cold and warm, in interleaved rounds.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::candidates::{Candidate, Role, Stack};
use crate::cloud::sqs::Message;
use crate::figures::Figures;
use crate::measure::{Bench, Round, batches, deliveries};
use crate::plot::{self, Bar};
use crate::report::{Column, Table, progress};
use crate::statistics::{least, median, quantile};

/// The bytes of a delivery's body.
const BODY_BYTES: usize = 1024;
/// The messages of a batch.
const BATCH: usize = 10;
/// The delay of AWS's answers where latency is measured.
const DELAY: Duration = Duration::from_millis(5);

/// The caches that a profile simulates, those of the processor that `docs/performance.md` tells of: size,
/// ways, line. Callgrind has two levels, so the last is its second.
const CACHES: [&str; 4] = [
    "--cache-sim=yes",
    "--I1=32768,8,64",
    "--D1=49152,12,64",
    "--LL=2097152,16,64",
];

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Extent {
    /// Processes of each candidate.
    pub rounds: usize,
    /// Invocations of each process.
    pub invocations: usize,
    /// Whose programs.
    pub stacks: Vec<Stack>,
}

/// What a candidate's rounds come to.
#[derive(Clone, Debug)]
pub struct Medians {
    /// Whose.
    pub candidate: Candidate,
    /// The values, one for each of the columns.
    pub values: Vec<f64>,
    /// The MiB of what would be uploaded, as they are and compressed.
    pub artifact: (f64, f64),
}

type OfRounds = fn(&[f64]) -> f64;
type Get = fn(&Round) -> f64;

/// What is told of each candidate: name with its unit, which of the rounds' values, and how a round
/// says it. Neighbours on a shared machine disturb the least value least.
const COLUMNS: [(&str, OfRounds, Get); 14] = [
    ("cold CPU ms", median, |r| r.cold_cpu * 1e3),
    ("cold ms", median, |r| r.cold_wall * 1e3),
    ("cold peak MiB", median, |r| {
        mebibytes(r.cold_footprint.peak_bytes)
    }),
    ("CPU µs/event", median, |r| r.warm_cpu * 1e6),
    ("CPU µs/event, least", least, |r| r.warm_cpu * 1e6),
    ("p50 ms", median, |r| median(&r.warm_walls) * 1e3),
    ("p99 ms", median, |r| quantile(&r.warm_walls, 0.99) * 1e3),
    ("warm peak MiB", median, |r| {
        mebibytes(r.warm_footprint.peak_bytes)
    }),
    ("threads", median, |r| r.warm_footprint.threads as f64),
    ("requests/event", median, |r| per_event(r, r.bill.total())),
    ("reads/batch", median, |r| per_invocation(r, r.bill.reads())),
    ("writes/event", median, |r| per_event(r, r.bill.writes())),
    ("write units/event", median, |r| {
        per_event(r, r.bill.write_units)
    }),
    ("read units/event", median, |r| {
        per_event(r, r.bill.read_units)
    }),
];

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn per_invocation(round: &Round, count: u64) -> f64 {
    count as f64 / round.warm_walls.len().max(1) as f64
}

fn per_event(round: &Round, count: u64) -> f64 {
    count as f64 / round.events.max(1) as f64
}

/// Measures all candidates.
///
/// # Errors
///
/// When one of them fails or answers wrongly.
pub async fn run(bench: &Bench, extent: &Extent, out: &Path) -> Result<()> {
    let candidates = [Role::Ingress, Role::Consumer].iter().flat_map(|role| {
        extent.stacks.iter().map(|stack| Candidate {
            stack: *stack,
            role: *role,
        })
    });
    let candidates: Vec<_> = candidates.collect();
    let mut rounds: Vec<Vec<Round>> = vec![Vec::new(); candidates.len()];
    for round in 0..extent.rounds {
        progress(&format!(
            "functions: round {} of {}",
            round + 1,
            extent.rounds
        ));
        for index in turns(round, candidates.len()) {
            if let (Some(candidate), Some(rounds)) = (candidates.get(index), rounds.get_mut(index))
            {
                bench.cloud.clear();
                rounds.push(one(bench, *candidate, extent.invocations).await?);
            }
        }
    }
    let medians: Vec<_> = candidates
        .iter()
        .zip(&rounds)
        .map(|(candidate, rounds)| medians(bench, *candidate, rounds))
        .collect::<Result<_>>()?;
    let latencies = latencies(bench, extent).await?;
    kept(&medians, &latencies).keep(out, "functions")?;
    write(&medians, &latencies, out)
}

/// Returns whose turn it is in a round: each round begins with the next one, and every other round goes
/// backwards, so that nobody always comes after the same neighbour.
fn turns(round: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<_> = (0..count).collect();
    order.rotate_left(round % count.max(1));
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

async fn one(bench: &Bench, candidate: Candidate, invocations: usize) -> Result<Round> {
    match candidate.role {
        Role::Ingress => {
            let inputs = deliveries(invocations, BODY_BYTES);
            let round = bench.round(candidate, &inputs).await?;
            let sent = bench.cloud.message_count();
            ensure!(
                sent == invocations,
                "{sent} messages of {invocations} deliveries"
            );
            Ok(round)
        }
        Role::Consumer => {
            let messages = messages(bench, candidate.stack, invocations * BATCH).await?;
            consumed(bench, candidate, &messages, BATCH).await
        }
    }
}

/// Has a consumer handle messages, and checks what it keeps.
async fn consumed(
    bench: &Bench,
    candidate: Candidate,
    messages: &[Message],
    each: usize,
) -> Result<Round> {
    let round = bench.round(candidate, &batches(messages, each)).await?;
    bench.check_items(messages)?;
    Ok(round)
}

/// Returns so many messages that the stack's own ingress made, in a cloud that is empty otherwise.
async fn messages(bench: &Bench, stack: Stack, events: usize) -> Result<Vec<Message>> {
    let ingress = Candidate {
        stack,
        role: Role::Ingress,
    };
    bench.cloud.clear();
    let deliveries = deliveries(events, BODY_BYTES);
    bench.messages(ingress, &deliveries).await
}

fn medians(bench: &Bench, candidate: Candidate, rounds: &[Round]) -> Result<Medians> {
    let values =
        COLUMNS.map(|(_, of_rounds, get)| of_rounds(&rounds.iter().map(get).collect::<Vec<_>>()));
    let (raw, packed) = candidate.artifact(&bench.places)?;
    Ok(Medians {
        candidate,
        values: values.into(),
        artifact: (mebibytes(raw), mebibytes(packed)),
    })
}

/// What the goals are held against.
fn kept(medians: &[Medians], latencies: &[Latency]) -> Figures {
    let mut figures = Figures::new();
    for median in medians {
        let name = median.candidate.name();
        for ((column, ..), value) in COLUMNS.iter().zip(&median.values) {
            figures.put(format!("{name}, {column}"), *value);
        }
        figures.put(format!("{name}, zip MiB"), median.artifact.1);
    }
    for Latency { stack, ratio, .. } in latencies {
        figures.put(format!("{} consumer, ten beside one", stack.name()), *ratio);
    }
    figures
}

/// Latencies of a consumer where AWS takes its time: medians over rounds.
struct Latency {
    stack: Stack,
    one: f64,
    ten: f64,
    ratio: f64,
}

async fn latencies(bench: &Bench, extent: &Extent) -> Result<Vec<Latency>> {
    let mut pairs = vec![Vec::new(); extent.stacks.len()];
    for round in 0..extent.rounds {
        progress(&format!(
            "latencies: round {} of {}",
            round + 1,
            extent.rounds
        ));
        for (stack, pairs) in extent.stacks.iter().zip(&mut pairs) {
            let one = slow(bench, *stack, 1).await?;
            pairs.push((one, slow(bench, *stack, BATCH).await?));
        }
    }
    let middle = |pairs: &[(f64, f64)], get: fn((f64, f64)) -> f64| {
        median(&pairs.iter().map(|pair| get(*pair)).collect::<Vec<_>>())
    };
    let latencies = extent.stacks.iter().zip(&pairs);
    let latencies = latencies.map(|(stack, pairs)| Latency {
        stack: *stack,
        one: middle(pairs, |(one, _)| one),
        ten: middle(pairs, |(_, ten)| ten),
        ratio: middle(pairs, |(one, ten)| ten / one),
    });
    Ok(latencies.collect())
}

/// Returns the milliseconds that a consumer takes for batches of so many events.
async fn slow(bench: &Bench, stack: Stack, each: usize) -> Result<f64> {
    const COUNT: usize = 20;
    let candidate = Candidate {
        stack,
        role: Role::Consumer,
    };
    let messages = messages(bench, stack, COUNT * each).await?;
    bench.cloud.set_delay(DELAY);
    let round = consumed(bench, candidate, &messages, each).await;
    bench.cloud.set_delay(Duration::ZERO);
    Ok(median(&round?.warm_walls) * 1e3)
}

fn write(medians: &[Medians], latencies: &[Latency], out: &Path) -> Result<()> {
    let mut text = String::new();
    for role in [Role::Ingress, Role::Consumer] {
        let of_role: Vec<_> = medians
            .iter()
            .filter(|m| m.candidate.role == role)
            .collect();
        text += &table(role, &of_role);
    }
    text += "\n| AWS answers after 5 ms | one event, ms | ten of ten entities, ms | ratio |\n|---|---:|---:|---:|\n";
    for latency in latencies {
        let Latency {
            stack,
            one,
            ten,
            ratio,
        } = latency;
        let name = stack.name();
        text += &format!("| {name} | {one:.1} | {ten:.1} | {ratio:.2} |\n");
    }
    crate::report::write(&out.join("functions.md"), &text)?;
    let bars: Vec<_> = medians.iter().flat_map(bars).collect();
    let wanted = |group: &str| {
        bars.iter()
            .filter(|bar| bar.group.ends_with(group))
            .cloned()
            .collect::<Vec<_>>()
    };
    plot::bars(
        &out.join("cold.svg"),
        "Processor time to the first answer, ms",
        &wanted("cold CPU ms"),
    )?;
    plot::bars(
        &out.join("warm.svg"),
        "Processor time of an event, µs",
        &wanted("CPU µs/event"),
    )
}

fn table(role: Role, medians: &[&Medians]) -> String {
    let baseline = medians.iter().find(|f| f.candidate.stack == Stack::Floor);
    let mut table = Table::new(role.name());
    for median in medians {
        let floor = |index: usize| baseline.and_then(|b| b.values.get(index)).copied();
        let cells = COLUMNS.iter().zip(&median.values).enumerate();
        let mut columns: Vec<_> = cells
            .map(|(index, ((name, ..), value))| Column {
                name,
                value: *value,
                baseline: floor(index),
            })
            .collect();
        let (raw, packed) = median.artifact;
        columns.push(Column {
            name: "MiB",
            value: raw,
            baseline: None,
        });
        columns.push(Column {
            name: "zip MiB",
            value: packed,
            baseline: None,
        });
        table.row(median.candidate.stack.name(), &columns);
    }
    table.to_markdown()
}

fn bars(medians: &Medians) -> Vec<Bar> {
    let values = COLUMNS.iter().zip(&medians.values);
    values
        .map(|((name, ..), value)| Bar {
            group: format!("{} {name}", medians.candidate.role.name()),
            name: medians.candidate.stack.name().to_owned(),
            value: *value,
        })
        .collect()
}

/// Runs a program under callgrind: its first event, then warm ones. The profile goes to the work folder.
///
/// # Errors
///
/// When valgrind is missing, or the program fails.
pub async fn profile(bench: &Bench, role: Role, program: &Path, warm: usize) -> Result<()> {
    let candidate = Candidate {
        stack: Stack::Switchhook,
        role,
    };
    let inputs = match role {
        Role::Ingress => deliveries(1 + warm, BODY_BYTES),
        Role::Consumer => {
            let events = (1 + warm) * BATCH;
            batches(&messages(bench, candidate.stack, events).await?, BATCH)
        }
    };
    let plain = candidate.command(&bench.places, &bench.certificates);
    let mut command = std::process::Command::new("valgrind");
    let file = bench.places.work.join(format!("{}.callgrind", role.name()));
    let to = format!("--callgrind-out-file={}", file.display());
    command
        .args(["--tool=callgrind", &to])
        .args(CACHES)
        .arg(program)
        .env_clear();
    command.envs(
        plain
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let running = bench.start_as(candidate, command).await?;
    for input in inputs {
        running.invoke(&input).await?;
    }
    running.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_always_comes_after_the_same_one_and_nobody_is_left_out() {
        let rounds = [0, 1, 2, 3].map(|round| turns(round, 4));
        let expected = [[0, 1, 2, 3], [0, 3, 2, 1], [2, 3, 0, 1], [2, 1, 0, 3]];
        assert_eq!(rounds, expected);
        assert!(turns(5, 0).is_empty());
    }

    #[test]
    fn the_goals_find_the_figures_of_the_functions() {
        let all = [Role::Ingress, Role::Consumer].map(|role| {
            Stack::ALL.map(|stack| Medians {
                candidate: Candidate { stack, role },
                values: vec![1.0; COLUMNS.len()],
                artifact: (1.0, 1.0),
            })
        });
        let latency = Latency {
            stack: Stack::Switchhook,
            one: 1.0,
            ten: 1.0,
            ratio: 1.0,
        };
        let table = crate::goals::table(&kept(all.as_flattened(), &[latency]));
        let told = table.lines().filter(|line| line.contains("| 1.00"));
        // Nine of processor time, two of requests, one of latency, two of memory, two of zips.
        assert_eq!(told.count(), 16, "{table}");
    }
}
