//! The laptop's stack: deliveries a second beside what its database alone can do, memory over many
//! events, and what `events` and `show` cost with many events in the ledger.
#![expect(
    clippy::indexing_slicing,
    reason = "an absent field of a JSON value is null"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use dynoxide::{Database, ImportOptions};
use nix::sys::resource::{UsageWho, getrusage};
use ring::hmac;
use serde_json::{Value, json};
use switchhook::local::data_dir::DataDir;
use switchhook::local::stack::{Stack, StackParts};
use switchhook_aws::clock::SystemClock;
use switchhook_core::config::Sources;
use switchhook_core::ids::DeliveryId;
use switchhook_core::ports::{PortError, PortFuture, SourceStore};
use switchhook_core::time::{Clock, Timestamp, hour};
use tokio::time::Instant;
use uuid::{NoContext, Uuid};

use crate::figures::Figures;
use crate::floor::http::Connection;
use crate::measure::Bench;
use crate::plot::{self, Curve, Labels, short};
use crate::process::Process;
use crate::statistics::median;
use crate::{TABLE, workload};

/// Senders side by side, and writers of the database alone: as many as the stack has pollers.
const SENDERS: usize = 8;
const WRITERS: usize = 4;
const BODY_BYTES: usize = 1024;
/// Runs of the stack, each followed by one of its database alone.
const PAIRS: usize = 3;
const PORT: u16 = 8787;
/// How long all accepted deliveries may take to be handled.
const PATIENCE: Duration = Duration::from_secs(1_800);
const SOURCES: &str = "[sources.voice]\nprovider = \"ai-sync\"\nsecrets = [\"example-secret\"]\n";

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Deliveries sent.
    pub deliveries: usize,
    /// The greatest ledger that is listed.
    pub ledger: usize,
}

/// Measures all of it.
///
/// # Errors
///
/// When a program fails.
pub async fn run(bench: &Bench, extent: Extent, out: &Path) -> Result<()> {
    let folder = tempfile::tempdir_in(&bench.places.work)?;
    let config = folder.path().join("switchhook.toml");
    fs::write(&config, SOURCES)?;
    let program = bench.places.release.join("switchhook");
    let laptop = Laptop {
        program,
        config,
        log: bench.places.work.join("local.log"),
    };

    let mut pairs = Vec::new();
    for _ in 0..PAIRS {
        let data = folder.path().join("through");
        let through = laptop.through(&data, extent.deliveries).await?;
        let limit = limit(&data, &data.join("limit.db"))?;
        fs::remove_dir_all(&data)?;
        pairs.push(Pair { through, limit });
    }
    let mut text = table(&pairs);
    let mut figures = Figures::new();
    let share = middle(&pairs, Pair::share);
    figures.put("share of the database, per cent", share);

    text += "\n| events in the ledger | `events` CPU ms | `show` CPU ms | deliveries handled a second |\n|---:|---:|---:|---:|\n";
    let (mut listing, mut showing) = (Vec::new(), Vec::new());
    let mut count = 1_000;
    while count <= extent.ledger {
        let data = folder.path().join("many");
        let entity = fill(&data, count).await?;
        let events = laptop.cpu(&data, &["events", "--json"])?;
        let show = laptop.cpu(&data, &["show", &entity, "--json"])?;
        let handled = laptop.through(&data, 1_000).await?.handled;
        let _ = writeln!(
            text,
            "| {count} | {:.1} | {:.1} | {handled:.0} |",
            events * 1e3,
            show * 1e3
        );
        figures.put(format!("events CPU ms at {count}"), events * 1e3);
        figures.put(format!("show CPU ms at {count}"), show * 1e3);
        listing.push((count as f64, events * 1e3));
        showing.push((count as f64, show * 1e3));
        fs::remove_dir_all(&data)?;
        count *= 10;
    }
    figures.keep(&bench.places, "laptop")?;
    crate::report::write(&out.join("laptop.md"), &text)?;
    let curves = [
        Curve {
            name: "events".into(),
            points: listing,
        },
        Curve {
            name: "show".into(),
            points: showing,
        },
    ];
    let labels = Labels {
        title: "The ledger's size and the commands",
        x: "events in the ledger",
        y: "CPU ms",
    };
    plot::curves(&out.join("growth-ledger.svg"), labels, &curves)
}

struct Laptop {
    program: PathBuf,
    config: PathBuf,
    log: PathBuf,
}

/// What became of deliveries.
struct Through {
    accepted: f64,
    handled: f64,
    cpu_micros: f64,
    /// Resident memory, MiB, at each tenth.
    memory: Vec<f64>,
}

/// The stack, and right after it its database alone with the same items.
struct Pair {
    through: Through,
    /// Events that the database alone writes a second.
    limit: f64,
}

impl Pair {
    /// Returns the share of its database that the stack reaches, in per cent.
    fn share(&self) -> f64 {
        self.through.handled / self.limit * 100.0
    }
}

fn middle(pairs: &[Pair], get: fn(&Pair) -> f64) -> f64 {
    median(&pairs.iter().map(get).collect::<Vec<_>>())
}

fn table(pairs: &[Pair]) -> String {
    let memory = pairs.first().map_or(&[][..], |pair| &pair.through.memory);
    let memory: Vec<_> = memory.iter().map(|m| short(*m)).collect();
    let shares: Vec<_> = pairs.iter().map(|p| format!("{:.0}", p.share())).collect();
    let rows = [
        ("accepted a second", middle(pairs, |p| p.through.accepted)),
        (
            "fully handled a second",
            middle(pairs, |p| p.through.handled),
        ),
        ("its database alone, a second", middle(pairs, |p| p.limit)),
        ("share of it, %", middle(pairs, Pair::share)),
        (
            "CPU a delivery, µs",
            middle(pairs, |p| p.through.cpu_micros),
        ),
    ];
    let mut text = "| laptop, medians | |\n|---|---:|\n".to_owned();
    for (name, value) in rows {
        let _ = writeln!(text, "| {name} | {value:.0} |");
    }
    let _ = writeln!(
        text,
        "| shares of the single runs, % | {} |",
        shares.join(", ")
    );
    let _ = writeln!(
        text,
        "| resident MiB at each tenth | {} |",
        memory.join(", ")
    );
    text
}

impl Laptop {
    /// Runs `local` on a folder, and sends deliveries until all are handled.
    async fn through(&self, data: &Path, count: usize) -> Result<Through> {
        let mut command = Command::new(&self.program);
        command
            .args(["local", "--port", &PORT.to_string(), "--data"])
            .arg(data);
        command
            .arg("--config")
            .arg(&self.config)
            .env("NO_COLOR", "1");
        let process = Process::start(&mut command, &self.log)?;
        let address = format!("127.0.0.1:{PORT}");
        wait_for(
            || Ok(Connection::plain(&address).is_ok()),
            Duration::from_secs(60),
        )
        .await?;
        let (started, before) = (Instant::now(), process.clock.used()?);
        let mut memory = Vec::new();
        let mut accepted = 0.0;
        for _ in 0..10 {
            let sending = Instant::now();
            send(&address, count / 10)?;
            accepted += sending.elapsed().as_secs_f64();
            memory.push(resident_mebibytes(process.id())?);
        }
        let total = count / 10 * 10;
        wait_for(|| Ok(self.handled()? >= total), PATIENCE).await?;
        let handled = started.elapsed().as_secs_f64();
        let cpu = process.clock.used()?.saturating_sub(before).as_secs_f64();
        Ok(Through {
            accepted: total as f64 / accepted,
            handled: total as f64 / handled,
            cpu_micros: cpu / total as f64 * 1e6,
            memory,
        })
    }

    fn handled(&self) -> Result<usize> {
        Ok(fs::read_to_string(&self.log)?
            .matches("event recorded")
            .count())
    }

    /// Returns the processor seconds of a command that succeeds, the median of five.
    fn cpu(&self, data: &Path, args: &[&str]) -> Result<f64> {
        let mut values = Vec::new();
        for _ in 0..5 {
            let before = children_seconds()?;
            let mut command = Command::new(&self.program);
            command.args(args).arg("--data").arg(data);
            let output = command.stdout(Stdio::piped()).output()?;
            ensure!(
                output.status.success() && !output.stdout.is_empty(),
                "{args:?}: {output:?}"
            );
            values.push(children_seconds()? - before);
        }
        Ok(median(&values))
    }
}

/// Posts deliveries over several connections.
fn send(address: &str, count: usize) -> Result<()> {
    std::thread::scope(|scope| {
        let senders = (0..SENDERS).map(|sender| {
            let own = count / SENDERS + usize::from(sender < count % SENDERS);
            scope.spawn(move || send_one_by_one(address, own))
        });
        let senders: Vec<_> = senders.collect();
        senders
            .into_iter()
            .try_for_each(|sender| match sender.join() {
                Ok(sent) => sent,
                Err(_) => anyhow::bail!("a sender panicked"),
            })
    })
}

fn send_one_by_one(address: &str, count: usize) -> Result<()> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, workload::SECRET.as_bytes());
    let mut connection = Connection::plain(address)?;
    for _ in 0..count {
        let body = workload::call_ended(&format!("call_{}", Uuid::now_v7()), BODY_BYTES);
        let tag = hex::encode(hmac::sign(&key, body.as_bytes()));
        let head = format!(
            "POST /webhooks/voice HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nx-webhook-signature: {tag}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        connection.exchange(&head, body.as_bytes())?;
    }
    Ok(())
}

async fn wait_for(mut look: impl FnMut() -> Result<bool>, patience: Duration) -> Result<()> {
    let started = Instant::now();
    while !look()? {
        ensure!(started.elapsed() < patience, "waited in vain");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

fn resident_mebibytes(pid: u32) -> Result<f64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let pages: f64 = statm.split(' ').nth(1).context("statm")?.parse()?;
    Ok(pages * 4096.0 / f64::from(1 << 20))
}

fn children_seconds() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// Writes the items of a ledger once more into a fresh one, by as many writers as the laptop has, and
/// returns how many events a second that makes.
fn limit(data: &Path, fresh: &Path) -> Result<f64> {
    let ledger = Database::new(&DataDir::new(data.to_owned()).ledger().to_string_lossy())?;
    let items = scan(&ledger)?;
    let events = items.iter().filter(|item| is_record(item)).count();
    let puts: Vec<_> = items.iter().map(put).collect();
    let database = Database::new(&fresh.to_string_lossy())?;
    let table = ledger.describe_table(serde_json::from_value(json!({"TableName": TABLE}))?)?;
    database.create_table(serde_json::from_value(creation(&serde_json::to_value(
        table,
    )?))?)?;
    let started = Instant::now();
    std::thread::scope(|scope| {
        let share = puts.len().div_ceil(WRITERS).max(1);
        let writers: Vec<_> = puts
            .chunks(share)
            .map(|own| {
                let database = database.clone();
                scope.spawn(move || own.iter().try_for_each(|put| write_one(&database, put)))
            })
            .collect();
        writers
            .into_iter()
            .try_for_each(|writer| match writer.join() {
                Ok(written) => written,
                Err(_) => anyhow::bail!("a writer panicked"),
            })
    })?;
    Ok(events as f64 / started.elapsed().as_secs_f64())
}

fn write_one(database: &Database, put: &Value) -> Result<()> {
    database.put_item(serde_json::from_value(put.clone())?)?;
    Ok(())
}

fn is_record(item: &Value) -> bool {
    item["sk"]["S"]
        .as_str()
        .is_some_and(|sort| sort.starts_with("event#"))
}

fn put(item: &Value) -> Value {
    json!({"TableName": TABLE, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"})
}

/// What makes a table like a described one.
fn creation(described: &Value) -> Value {
    let table = &described["Table"];
    let indexes = table["GlobalSecondaryIndexes"]
        .as_array()
        .into_iter()
        .flatten();
    let indexes = indexes.map(|index| {
        json!({"IndexName": index["IndexName"], "KeySchema": index["KeySchema"], "Projection": index["Projection"]})
    });
    json!({
        "TableName": TABLE, "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": table["AttributeDefinitions"], "KeySchema": table["KeySchema"],
        "GlobalSecondaryIndexes": indexes.collect::<Vec<_>>(),
    })
}

fn scan(database: &Database) -> Result<Vec<Value>> {
    let (mut items, mut request) = (Vec::new(), json!({"TableName": TABLE}));
    loop {
        let page = database.scan(serde_json::from_value(request.clone())?)?;
        let mut page = serde_json::to_value(page)?;
        if let Some(found) = page["Items"].as_array_mut() {
            items.append(found);
        }
        match page["LastEvaluatedKey"].take() {
            Value::Null => return Ok(items),
            key => request["ExclusiveStartKey"] = key,
        }
    }
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
    let originals = scan(stack.database())?;
    ensure!(originals.len() == 2, "{} items", originals.len());
    let now = SystemClock.now().as_millisecond();
    stack.database().enable_bulk_loading()?;
    let numbers: Vec<_> = (1..count).collect();
    for chunk in numbers.chunks(5_000) {
        let copies = chunk
            .iter()
            .flat_map(|n| originals.iter().map(|item| copy(item, *n, now)));
        let items = copies
            .map(serde_json::from_value)
            .collect::<Result<Vec<_>, _>>()?;
        stack
            .database()
            .import_items(TABLE, items, ImportOptions::default())?;
    }
    stack.database().disable_bulk_loading()?;
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
        copy["hour"]["S"] = hour(at).into();
        copy["id"]["S"] = format!("{delivery}.0").into();
        copy["deliveries"] = json!({"SS": [delivery]});
        copy["sequence"]["S"] = (1_000_000_000 + number).to_string().into();
    }
    copy
}
