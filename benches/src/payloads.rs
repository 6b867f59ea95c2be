//! What the documented payloads cost in DynamoDB: write units of the record and of the states, through
//! the real functions. Standard Webhooks documents no event of its own.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use switchhook_testing::Case;

use crate::candidates::{Candidate, Role, Stack};
use crate::figures::Figures;
use crate::measure::{Bench, Input, batches};
use crate::statistics::median;

/// The twelve that Nectar Desk sends; no page of its calls any case "documented".
const NECTAR_DESK: [&str; 12] = [
    "contact-created",
    "contact-modified",
    "list-created",
    "list-modified",
    "call-ended",
    "call-abandoned",
    "call-overflowed-to-voicemail",
    "disposition-saved",
    "disposition-modified",
    "recording",
    "message-received",
    "message-sent",
];

struct Cost {
    name: String,
    bytes: usize,
    record: u64,
    states: u64,
    requests: u64,
}

/// Runs every documented payload through the functions.
///
/// # Errors
///
/// When one of them is not accepted or not handled.
pub async fn run(bench: &Bench, out: &Path) -> Result<()> {
    let mut costs = Vec::new();
    for case in switchhook_testing::cases()
        .iter()
        .filter(|case| is_documented(case))
    {
        costs.push(cost(bench, case).await.with_context(|| case.name.clone())?);
    }
    ensure!(!costs.is_empty(), "no payload is documented");
    bench.cloud.set_secret(&crate::workload::sources());
    let mut figures = Figures::new();
    let all: Vec<_> = costs.iter().map(|c| c.record as f64).collect();
    figures.put("units where no state changes", median(&all));
    let changing = costs.iter().filter(|cost| cost.states > 0);
    let changing: Vec<_> = changing.map(|c| (c.record + c.states) as f64).collect();
    figures.put("units where the state changes", median(&changing));
    figures.keep(out, "payloads")?;
    crate::report::write(&out.join("payloads.md"), &table(&costs))
}

pub(crate) fn is_documented(case: &Case) -> bool {
    let (provider, name) = case.name.split_once('/').unwrap_or_default();
    match provider {
        "nectar-desk" => NECTAR_DESK.contains(&name),
        _ => name.ends_with("-documented"),
    }
}

async fn cost(bench: &Bench, case: &Case) -> Result<Cost> {
    bench.cloud.clear();
    let sources: toml::Table = case.sources.parse()?;
    bench.cloud.set_secret(&serde_json::to_string(&sources)?);
    let stack = Stack::Switchhook;
    let ingress = Candidate {
        stack,
        role: Role::Ingress,
    };
    let event = case.request.gateway_event(&case.body, "JKJaXmPLvHcESHA=");
    let delivery = Input {
        body: Bytes::from(event.get().to_owned()),
        events: case.expected.events.len(),
    };
    let messages = bench.messages(ingress, &[delivery]).await?;
    let consumer = bench
        .start(Candidate {
            stack,
            role: Role::Consumer,
        })
        .await?;
    let _ = bench.cloud.take_bill();
    for batch in batches(&messages, 1) {
        consumer.invoke(&batch).await?;
    }
    let bill = bench.cloud.take_bill();
    let states = case.expected.states.values().flatten().count();
    let (kept, expected) = (bench.cloud.item_count(), messages.len() + states);
    ensure!(kept >= expected, "{kept} items, not {expected}");
    Ok(Cost {
        name: case.name.clone(),
        bytes: case.body.len(),
        record: bill.write_units - bill.state_units,
        states: bill.state_units,
        requests: bill.total(),
    })
}

fn table(costs: &[Cost]) -> String {
    let mut text = "| payload | bytes | units of the record, index included | of states | requests |\n|---|---:|---:|---:|---:|\n".to_owned();
    for Cost {
        name,
        bytes,
        record,
        states,
        requests,
    } in costs
    {
        let _ = writeln!(
            text,
            "| {name} | {bytes} | {record} | {states} | {requests} |"
        );
    }
    let middle = |get: fn(&Cost) -> f64| median(&costs.iter().map(get).collect::<Vec<_>>());
    let _ = writeln!(
        text,
        "| median | {} | {} | {} | {} |",
        middle(|c| c.bytes as f64),
        middle(|c| c.record as f64),
        middle(|c| c.states as f64),
        middle(|c| c.requests as f64)
    );
    text
}
