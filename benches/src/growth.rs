//! How cost grows: the functions' with bodies, events of a delivery, entities, and events of one
//! entity; the laptop's with the events in its ledger.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use crate::candidates::{Candidate, Role, Stack};
use crate::figures::Figures;
use crate::ledger::{self, Cost};
use crate::measure::{Bench, Input, batches, deliveries};
use crate::plot::{self, Curve, Labels, short};
use crate::report::progress;
use crate::statistics::{median, power_law};
use crate::workload;

const INGRESS: Candidate = Candidate {
    stack: Stack::Switchhook,
    role: Role::Ingress,
};
const CONSUMER: Candidate = Candidate {
    stack: Stack::Switchhook,
    role: Role::Consumer,
};

/// The messages of a batch.
const BATCH: usize = 10;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Processes for each point.
    pub rounds: usize,
    /// The events of the greatest ledger.
    pub ledger: usize,
}

/// Measures all of it.
///
/// # Errors
///
/// When a function fails or answers wrongly.
pub async fn run(bench: &Bench, extent: Extent, out: &Path) -> Result<()> {
    let mut growth = Growth {
        bench,
        rounds: extent.rounds,
        figures: Figures::new(),
        text:
            "| what grows | from | to | exponent | of the last step |\n|---|---:|---:|---:|---:|\n"
                .into(),
    };
    progress("growth: bodies of a delivery");
    let bodies = growth.bodies().await?;
    growth.plot(
        out,
        "bodies",
        "bytes of a body",
        "CPU µs a delivery",
        &bodies,
    )?;
    progress("growth: events of a delivery");
    let lists = growth.lists().await?;
    growth.plot(
        out,
        "lists",
        "events of a delivery",
        "CPU µs a delivery",
        &lists,
    )?;
    progress("growth: events of entities");
    let entities = growth.entities().await?;
    growth.plot(out, "entities", "events", "CPU µs of all events", &entities)?;
    let costs = ledger::costs(bench, extent.ledger).await?;
    if costs.len() > 1 {
        growth.plot(
            out,
            "ledger",
            "events in the ledger",
            "CPU ms",
            &Growth::ledger(&costs),
        )?;
    }
    growth.text += &ledgers(&costs);
    for Cost {
        events,
        listing,
        showing,
        sources,
        ..
    } in costs
    {
        let figures = &mut growth.figures;
        figures.put(format!("events CPU ms at {events}"), listing);
        figures.put(format!("show CPU ms at {events}"), showing);
        figures.put(format!("sources CPU ms at {events}"), sources);
    }
    growth.figures.keep(out, "growth")?;
    crate::report::write(&out.join("growth.md"), &growth.text)
}

fn ledgers(costs: &[Cost]) -> String {
    let mut text = "\n| events in the ledger | `events` CPU ms | `show` CPU ms | `sources` CPU ms | a delivery, CPU ms |\n|---:|---:|---:|---:|---:|\n".to_owned();
    for Cost {
        events,
        listing,
        showing,
        sources,
        delivery,
    } in costs
    {
        text +=
            &format!("| {events} | {listing:.1} | {showing:.1} | {sources:.1} | {delivery:.2} |\n");
    }
    text
}

/// What was measured at each point, in interleaved rounds.
#[derive(Default)]
struct Samples(BTreeMap<u32, Vec<f64>>);

impl Samples {
    fn add(&mut self, at: u32, value: f64) {
        self.0.entry(at).or_default().push(value);
    }

    /// The medians.
    fn curve(&self, name: &str) -> Curve {
        let points = self.0.iter();
        Curve {
            name: name.to_owned(),
            points: points
                .map(|(at, all)| (f64::from(*at), median(all)))
                .collect(),
        }
    }
}

struct Growth<'a> {
    bench: &'a Bench,
    rounds: usize,
    figures: Figures,
    text: String,
}

impl Growth<'_> {
    fn plot(&mut self, out: &Path, name: &str, x: &str, y: &str, curves: &[Curve]) -> Result<()> {
        for curve in curves {
            let [.., before, last] = curve.points.as_slice() else {
                continue;
            };
            let first = curve.points.first().map_or(0.0, |point| point.0);
            let (all, end) = (power_law(&curve.points).0, power_law(&[*before, *last]).0);
            let of = format!("exponent of {name}, {}", curve.name);
            self.figures.put(format!("last {of}"), end);
            self.figures.put(of, all);
            let (first, most) = (short(first), short(last.0));
            self.text += &format!(
                "| {}, {x} | {first} | {most} | {all:.2} | {end:.2} |\n",
                curve.name
            );
        }
        let title = format!("How cost grows with {x}");
        let labels = Labels {
            title: &title,
            x,
            y,
        };
        plot::curves(&out.join(format!("growth-{name}.svg")), labels, curves)
    }

    /// Bodies of 1 KB to 4 MiB, through both functions.
    async fn bodies(&self) -> Result<[Curve; 2]> {
        let (mut taken, mut handled) = (Samples::default(), Samples::default());
        for _ in 0..self.rounds {
            for shift in [10, 12, 14, 15, 16, 18, 20, 22] {
                // The greatest body is the greatest that is let in.
                let bytes = 1_u32 << shift;
                let count = if shift < 18 { 60 } else { 15 };
                let inputs = || deliveries(count, bytes as usize);
                self.bench.cloud.clear();
                taken.add(bytes, self.once(INGRESS, inputs()).await?);
                let messages = self.bench.messages(INGRESS, &inputs()).await?;
                handled.add(bytes, self.once(CONSUMER, batches(&messages, 1)).await?);
                self.bench.check_items(&messages)?;
            }
        }
        Ok([taken.curve("ingress"), handled.curve("consumer")])
    }

    /// Deliveries of 1 to 1,000 events, through the ingress.
    async fn lists(&self) -> Result<[Curve; 1]> {
        let mut samples = Samples::default();
        for _ in 0..self.rounds {
            for events in [1, 3, 10, 30, 100, 300, 1_000_u32] {
                let lists = std::iter::repeat_with(|| workload::list_of_texts(events.into()));
                let inputs: Vec<_> = lists
                    .take(20)
                    .map(|list| Input {
                        body: workload::texts_event(&list),
                        events: events as usize,
                    })
                    .collect();
                self.bench.cloud.clear();
                samples.add(events, self.once(INGRESS, inputs).await?);
            }
        }
        Ok([samples.curve("ingress")])
    }

    /// 1 to 10,000 events, each of its own entity or all of one, through the consumer.
    async fn entities(&self) -> Result<[Curve; 2]> {
        let (mut many, mut one) = (Samples::default(), Samples::default());
        for _ in 0..self.rounds {
            for count in [1, 10, 100, 1_000, 10_000_u32] {
                let events = count as usize;
                many.add(count, self.all(&deliveries(events, 1024)).await?);
                let texts = std::iter::repeat_with(|| workload::text_received(workload::fresh()));
                let texts = texts.take(events).map(|text| Input {
                    body: workload::voice_event(&text),
                    events: 1,
                });
                one.add(count, self.all(&texts.collect::<Vec<_>>()).await?);
            }
        }
        Ok([many.curve("entity each"), one.curve("one hot entity")])
    }

    /// The laptop's commands and a delivery with more and more events in the ledger.
    fn ledger(costs: &[Cost]) -> [Curve; 4] {
        let curve = |name: &str, get: fn(&Cost) -> f64| Curve {
            name: name.to_owned(),
            points: costs.iter().map(|c| (c.events as f64, get(c))).collect(),
        };
        [
            curve("`events`", |cost| cost.listing),
            curve("`show`", |cost| cost.showing),
            curve("`sources`", |cost| cost.sources),
            curve("a delivery to the laptop", |cost| cost.delivery),
        ]
    }

    /// The warm processor time of an event in microseconds.
    async fn once(&self, candidate: Candidate, inputs: Vec<Input>) -> Result<f64> {
        let round = self.bench.round(candidate, &inputs).await?;
        Ok(round.warm_cpu * 1e6)
    }

    /// The processor time of the consumer, warm, for all of these deliveries, in microseconds.
    async fn all(&self, deliveries: &[Input]) -> Result<f64> {
        self.bench.cloud.clear();
        let mut messages = self.bench.messages(INGRESS, deliveries).await?;
        let first = crate::measure::deliveries(1, 1024);
        let warming = self.bench.messages(INGRESS, &first).await?;
        let running = self.bench.start(CONSUMER).await?;
        let mut before = std::time::Duration::ZERO;
        for input in batches(&warming, 1) {
            before = running.invoke(&input).await?.cpu;
        }
        let mut after = before;
        for input in batches(&messages, BATCH) {
            after = running.invoke(&input).await?.cpu;
        }
        messages.extend(warming);
        self.bench.check_items(&messages)?;
        Ok(after.saturating_sub(before).as_secs_f64() * 1e6)
    }
}
