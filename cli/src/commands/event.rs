//! `switchhook show EVENT-ID`: one event, for people, for programs, or as it came.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::value::RawValue;
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_core::ids::EventId;
use switchhook_core::ledger::Record;
use switchhook_core::time::Timestamp;

use super::event_json::{EventJson, raw_bytes};
use super::show::plain;
use super::{CommandError, Context, output};

pub(super) async fn show(
    context: &Context,
    id: EventId,
    raw: bool,
) -> Result<ExitCode, CommandError> {
    let ledger = context.ledger()?;
    let record = find(&ledger, id).await?;
    let bodies = context.bodies()?;
    if context.json {
        let headers = record.headers.clone();
        let event = EventJson::of(record, raw.then_some(bodies.as_ref())).await?;
        let json = serde_json::to_string(&event.with_headers(headers))?;
        output::line(&json)?;
    } else if raw {
        let body = raw_bytes(&record.raw, bodies.as_ref()).await?;
        print_raw(&record.headers, &body)?;
    } else {
        print_tables(&record)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Finds an event, which must be there.
pub(super) async fn find(ledger: &DynamoDbLedger, id: EventId) -> Result<Record, CommandError> {
    ledger.find(id).await?.ok_or_else(|| {
        CommandError::NotFound(format!(
            "the ledger knows no event `{id}`: `switchhook events` lists the ids of those it knows; the id of a copy, or of an event that is not handled yet, is none"
        ))
    })
}

/// Prints the headers that were kept, an empty line, and the body byte for byte.
fn print_raw(headers: &BTreeMap<String, String>, body: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for (name, value) in headers {
        writeln!(out, "{name}: {value}")?;
    }
    writeln!(out)?;
    out.write_all(body)?;
    out.flush()
}

fn print_tables(record: &Record) -> Result<(), CommandError> {
    let time = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string();
    let happened = record.occurred_at.map(time);
    let variants = match record.variants.len() {
        0 => String::new(),
        count => format!("{count}, listed by `switchhook show {}`", record.key.entity),
    };
    let rows = [
        ("id", record.id.to_string()),
        ("source", record.key.entity.source().to_owned()),
        ("provider", record.provider.clone()),
        ("kind", record.kind.to_string()),
        ("called", record.provider_event.clone().unwrap_or_default()),
        ("entity", record.key.entity.to_string()),
        ("accepted (UTC)", time(record.received_at)),
        ("happened (UTC)", happened.unwrap_or_default()),
        ("copies", record.deliveries.len().to_string()),
        ("variants", variants),
    ];
    let known = rows.into_iter().filter(|(_, value)| !value.is_empty());
    output::table(
        &["EVENT", ""],
        known.map(|(name, value)| vec![name.to_owned(), value]),
    )?;
    if !record.headers.is_empty() {
        output::line("")?;
        let rows = record.headers.iter();
        output::table(
            &["HEADERS", ""],
            rows.map(|(name, value)| vec![name.clone(), value.clone()]),
        )?;
    }
    // Values stay as they were sent: numbers beyond any type among them.
    let data: BTreeMap<String, &RawValue> = serde_json::from_str(&record.data)?;
    let known = data.into_iter().filter(|(_, value)| value.get() != "null");
    output::line("")?;
    Ok(output::table(
        &["DATA", ""],
        known.map(|(name, value)| vec![name, plain(value)]),
    )?)
}
