//! The laptop with many events in its ledger: what `events`, `show` and a delivery cost.
#![expect(
    clippy::indexing_slicing,
    reason = "an absent field of a JSON value is null"
)]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};
use dynoxide::ImportOptions;
use serde_json::{Value, json};
use switchhook::local::data_dir::DataDir;
use switchhook::local::stack::{Stack, StackParts};
use switchhook_aws::clock::SystemClock;
use switchhook_aws::dynamodb::item::{Entries, SHARD};
use switchhook_core::config::Sources;
use switchhook_core::ids::DeliveryId;
use switchhook_core::ports::{PortError, PortFuture, SourceStore};
use switchhook_core::time::{Clock, Timestamp};
use uuid::{NoContext, Uuid};

use crate::laptop::{BODY_BYTES, Laptop, SOURCES, is_record, scan};
use crate::measure::Bench;
use crate::report::progress;
use crate::statistics::median;
use crate::{TABLE, workload};

/// The deliveries that are sent to a ledger at a time.
const DELIVERIES: usize = 1_000;
/// How many times they are sent.
const TIMES: usize = 3;

/// What a ledger of so many events costs, in milliseconds of processor time.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Its events.
    pub events: usize,
    /// Listing the last of them.
    pub listing: f64,
    /// Showing one entity.
    pub showing: f64,
    /// Listing the sources.
    pub sources: f64,
    /// Handling one delivery more.
    pub delivery: f64,
}

/// Measures ledgers of a thousand events and more, up to so many.
///
/// # Errors
///
/// When a program fails.
pub async fn costs(bench: &Bench, greatest: usize) -> Result<Vec<Cost>> {
    let folder = tempfile::tempdir_in(&bench.places.work)?;
    let laptop = Laptop::new(bench, folder.path(), "growth")?;
    let mut costs = Vec::new();
    let mut events = 1_000;
    while events <= greatest {
        progress(&format!("growth: a ledger of {events} events"));
        let data = folder.path().join("many");
        let entity = fill(&data, events).await?;
        let listing = laptop.cpu(&data, &["events", "--json"])? * 1e3;
        let showing = laptop.cpu(&data, &["show", &entity, "--json"])? * 1e3;
        let config = laptop.config().to_string_lossy();
        let sources = laptop.cpu(&data, &["sources", "--json", "--config", &config])? * 1e3;
        let mut deliveries = Vec::new();
        for _ in 0..TIMES {
            let through = laptop.through(&data, DELIVERIES, |_| {}).await?;
            deliveries.push(through.cpu_micros / 1e3);
        }
        costs.push(Cost {
            events,
            listing,
            showing,
            sources,
            delivery: median(&deliveries),
        });
        fs::remove_dir_all(&data)?;
        events *= 10;
    }
    Ok(costs)
}

/// Measures the two listings of ledgers of so many events, with the program beside this one: of a debug
/// build too, and without anything else. Prints a table.
///
/// # Errors
///
/// When a program fails.
#[expect(
    clippy::print_stdout,
    reason = "what was measured is what the program prints"
)]
pub async fn listings(work: &Path, sizes: &[usize]) -> Result<()> {
    let program = std::env::current_exe()?.with_file_name("switchhook");
    let folder = tempfile::tempdir_in(work)?;
    let log = folder.path().join("log");
    let laptop = Laptop::of_program(program, folder.path(), log)?;
    let config = laptop.config().to_string_lossy();
    let commands: [&[&str]; 3] = [
        &["events", "--limit", "50", "--json"],
        &["events", "--limit", "50", "--json", "--source", "voice"],
        &["sources", "--json", "--config", &config],
    ];
    println!(
        "| events in the ledger | `events --limit 50`, CPU ms | with `--source` | `sources` |"
    );
    println!("|---:|---:|---:|---:|");
    for events in sizes {
        let data = folder.path().join("many");
        fill(&data, *events).await?;
        let millis = commands.map(|args| Ok(laptop.cpu(&data, args)? * 1e3));
        let [newest, of_source, sources]: [Result<f64>; 3] = millis;
        println!(
            "| {events} | {:.0} | {:.0} | {:.0} |",
            newest?, of_source?, sources?
        );
        fs::remove_dir_all(&data)?;
    }
    Ok(())
}

struct FixedSources;

impl SourceStore for FixedSources {
    fn load(&self) -> PortFuture<'_, Sources> {
        Box::pin(async { Sources::from_toml(SOURCES).map_err(|e| PortError::new("reading", e)) })
    }
}

/// Fills a fresh folder with copies of one real event and its state, a second apart, and returns the
/// name of one of their entities.
async fn fill(data: &Path, count: usize) -> Result<String> {
    let parts = StackParts {
        data: data.to_owned(),
        sources: Arc::new(FixedSources),
        clock: Arc::new(SystemClock),
    };
    let folder = DataDir::new(data.to_owned());
    drop(folder.own()?); // makes the folder, as `local` does
    let stack = Stack::open(parts).await?;
    let event = workload::voice_event(&workload::call_ended("call_first", BODY_BYTES));
    let event: Box<serde_json::value::RawValue> = serde_json::from_slice(&event)?;
    let answer = stack.ingress().serve(&event).await;
    ensure!(answer.status_code == 200, "{answer:?}");
    stack.drain().await?;
    let originals = scan(stack.dynamodb().database())?;
    ensure!(originals.len() == 2, "{} items", originals.len());
    let now = SystemClock.now().as_millisecond();
    stack.dynamodb().database().enable_bulk_loading()?;
    let numbers: Vec<_> = (1..count).collect();
    for chunk in numbers.chunks(5_000) {
        let copies = chunk
            .iter()
            .flat_map(|n| originals.iter().map(|item| copy(item, *n, now)));
        let items = copies
            .map(serde_json::from_value)
            .collect::<Result<Vec<_>, _>>()?;
        stack
            .dynamodb()
            .database()
            .import_items(TABLE, items, ImportOptions::default())?;
    }
    stack.dynamodb().database().disable_bulk_loading()?;
    Ok("voice/call/call_7".to_owned())
}

/// A copy of an item, of another call and as many seconds ago.
fn copy(item: &Value, number: usize, now: i64) -> Value {
    let mut copy = item.clone();
    copy["pk"]["S"] = format!("voice/call/call_{number}").into();
    if is_record(item) {
        let millis = now - i64::try_from(number).unwrap_or_default() * 1_000;
        let at = Timestamp::from_millisecond(millis).unwrap_or_default();
        let seconds = u64::try_from(at.as_second()).unwrap_or_default();
        let time = uuid::Timestamp::from_unix(NoContext, seconds, 0);
        let delivery = DeliveryId::new(Uuid::new_v7(time)).to_string();
        copy["received_at"]["N"] = millis.to_string().into();
        let id = format!("{delivery}.0");
        copy[SHARD]["S"] = Entries::Events.shard_of(&id).into();
        copy["id"]["S"] = id.into();
        copy["deliveries"] = json!({"SS": [delivery]});
        copy["sequence"]["S"] = (1_000_000_000 + number).to_string().into();
    }
    copy
}
