//! The laptop's stack: deliveries a second beside what its database alone can do, and memory over many
//! events.
#![expect(
    clippy::indexing_slicing,
    reason = "an absent field of a JSON value is null"
)]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use dynoxide::Database;
use nix::sys::resource::{UsageWho, getrusage};
use ring::hmac;
use serde_json::{Value, json};
use switchhook::local::data_dir::DataDir;
use tokio::time::Instant;
use uuid::Uuid;

use crate::figures::Figures;
use crate::floor::http::Connection;
use crate::measure::Bench;
use crate::plot::short;
use crate::process::Process;
use crate::report::progress;
use crate::statistics::median;
use crate::{TABLE, workload};

/// Senders side by side, and writers of the database alone: as many as the stack has pollers.
const SENDERS: usize = 8;
const WRITERS: usize = 4;
pub(crate) const BODY_BYTES: usize = 1024;
/// Runs of the stack, each followed by one of its database alone.
const PAIRS: usize = 3;
const PORT: u16 = 8787;
/// How long no event may be recorded while some are left.
const PATIENCE: Duration = Duration::from_secs(120);
pub(crate) const SOURCES: &str =
    "[sources.voice]\nprovider = \"ai-sync\"\nsecrets = [\"example-secret\"]\n";

/// Measures deliveries a second, beside what the database alone can do.
///
/// # Errors
///
/// When a program fails.
pub async fn run(bench: &Bench, deliveries: usize, out: &Path) -> Result<()> {
    let folder = tempfile::tempdir_in(&bench.places.work)?;
    let laptop = Laptop::new(bench, folder.path(), "laptop")?;
    let mut pairs = Vec::new();
    for pair in 1..=PAIRS {
        progress(&format!("laptop: run {pair} of {PAIRS}"));
        let data = folder.path().join("through");
        let through = laptop.through(&data, deliveries, |_| {}).await?;
        let limit = limit(&data, &data.join("limit.db"))?;
        fs::remove_dir_all(&data)?;
        pairs.push(Pair { through, limit });
    }
    let text = table(&pairs);
    let mut figures = Figures::new();
    let share = middle(&pairs, Pair::share);
    figures.put("share of the database, per cent", share);
    figures.keep(out, "laptop")?;
    crate::report::write(&out.join("laptop.md"), &text)
}

/// Measures memory over many deliveries.
///
/// # Errors
///
/// When a program fails.
pub async fn memory(bench: &Bench, deliveries: usize, out: &Path) -> Result<()> {
    let folder = tempfile::tempdir_in(&bench.places.work)?;
    let laptop = Laptop::new(bench, folder.path(), "memory")?;
    let data = folder.path().join("through");
    let told = |accepted| progress(&format!("memory: {accepted} of {deliveries} deliveries"));
    let through = laptop.through(&data, deliveries, told).await?;
    let mut text = "| deliveries | resident MiB |\n|---:|---:|\n".to_owned();
    for (tenth, resident) in (1..).zip(&through.memory) {
        let _ = writeln!(text, "| {} | {resident:.1} |", deliveries / 10 * tenth);
    }
    let _ = writeln!(text, "| all handled | {:.1} |", through.end);
    let mut figures = Figures::new();
    figures.put("deliveries", (deliveries / 10 * 10) as f64);
    let half = through.memory.get(4).copied().unwrap_or_default();
    figures.put("resident MiB at half", half);
    figures.put("resident MiB at the end", through.end);
    figures.keep(out, "memory")?;
    crate::report::write(&out.join("memory.md"), &text)
}

/// The laptop's stack as a program.
pub(crate) struct Laptop {
    program: PathBuf,
    config: PathBuf,
    log: PathBuf,
}

/// What became of deliveries.
pub(crate) struct Through {
    accepted: f64,
    handled: f64,
    /// Processor time of a delivery.
    pub(crate) cpu_micros: f64,
    /// Resident memory, MiB, when each tenth is accepted.
    memory: Vec<f64>,
    /// And when all are handled.
    end: f64,
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
    /// Writes its configuration into a folder; its log is named after the measurement.
    pub(crate) fn new(bench: &Bench, folder: &Path, measurement: &str) -> Result<Self> {
        let program = bench.places.release.join("switchhook");
        let log = bench.places.work.join(format!("{measurement}.log"));
        Self::of_program(program, folder, log)
    }

    /// Writes its configuration into a folder.
    pub(crate) fn of_program(program: PathBuf, folder: &Path, log: PathBuf) -> Result<Self> {
        let config = folder.join("switchhook.toml");
        fs::write(&config, SOURCES)?;
        Ok(Self {
            program,
            config,
            log,
        })
    }

    /// Returns the configuration's file.
    pub(crate) fn config(&self) -> &Path {
        &self.config
    }

    /// Runs `local` on a folder, and sends deliveries until all are handled. Tells after each tenth how
    /// many are accepted.
    pub(crate) async fn through(
        &self,
        data: &Path,
        count: usize,
        told: impl Fn(usize),
    ) -> Result<Through> {
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
        for tenth in 1..=10 {
            let sending = Instant::now();
            send(&address, count / 10)?;
            accepted += sending.elapsed().as_secs_f64();
            memory.push(resident_mebibytes(process.id())?);
            told(count / 10 * tenth);
        }
        let total = count / 10 * 10;
        self.all_recorded(total).await?;
        let handled = started.elapsed().as_secs_f64();
        let cpu = process.clock.used()?.saturating_sub(before).as_secs_f64();
        Ok(Through {
            accepted: total as f64 / accepted,
            handled: total as f64 / handled,
            cpu_micros: cpu / total as f64 * 1e6,
            memory,
            end: resident_mebibytes(process.id())?,
        })
    }

    /// Waits until the log tells of so many events.
    async fn all_recorded(&self, total: usize) -> Result<()> {
        let mut recorded = Recorded::new(BufReader::new(File::open(&self.log)?));
        let (mut before, mut since) = (0, Instant::now());
        loop {
            let count = recorded.count()?;
            if count >= total {
                return Ok(());
            }
            if count > before {
                (before, since) = (count, Instant::now());
            }
            let is_slow = since.elapsed() > PATIENCE;
            ensure!(!is_slow, "{count} of {total} events, and no more");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Returns the processor seconds of a command that succeeds, the median of five.
    pub(crate) fn cpu(&self, data: &Path, args: &[&str]) -> Result<f64> {
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

/// Counts the events that a log tells of; each look goes on where the last one ended.
struct Recorded<R> {
    log: R,
    line: Vec<u8>,
    count: usize,
}

impl<R: BufRead> Recorded<R> {
    const fn new(log: R) -> Self {
        Self {
            log,
            line: Vec::new(),
            count: 0,
        }
    }

    fn count(&mut self) -> Result<usize> {
        // The last line may not be whole yet.
        while self.log.read_until(b'\n', &mut self.line)? > 0 && self.line.ends_with(b"\n") {
            if String::from_utf8_lossy(&self.line).contains("event recorded") {
                self.count += 1;
            }
            self.line.clear();
        }
        Ok(self.count)
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

pub(crate) fn is_record(item: &Value) -> bool {
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

pub(crate) fn scan(database: &Database) -> Result<Vec<Value>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A log that ends now and goes on later.
    struct Growing(Vec<&'static [u8]>);

    impl std::io::Read for Growing {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            let part = self.0.pop().unwrap_or_default();
            to[..part.len()].copy_from_slice(part);
            Ok(part.len())
        }
    }

    #[test]
    fn events_are_counted_once_over_many_looks() {
        let parts: [&[u8]; 5] = [
            b"INFO event recorded\nINFO other\nINFO event rec",
            b"",
            b"orded\n",
            b"",
            b"INFO event recorded\n",
        ];
        let parts = parts.into_iter().rev().collect();
        let mut recorded = Recorded::new(BufReader::new(Growing(parts)));
        let counts = [(); 3].map(|()| recorded.count().unwrap());
        assert_eq!(counts, [1, 2, 3]);
    }
}
