//! `switchhook show EVENT-ID`: one event, for people, for programs, or as it came.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde_json::value::RawValue;
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_core::ids::EventId;
use switchhook_core::ledger::Record;
use switchhook_core::time::Timestamp;

use super::event_json::{EventJson, raw_bytes};
use super::show::plain;
use super::{CommandError, Context, output};
use crate::{files, terminal};

pub(super) async fn show(
    context: &Context,
    id: EventId,
    raw: bool,
    to: Option<&Path>,
) -> Result<ExitCode, CommandError> {
    let ledger = context.ledger()?;
    let record = find(&ledger, id).await?;
    let bodies = context.bodies()?;
    if context.json {
        let headers = record.headers.clone();
        let event = EventJson::of(record, raw.then_some(bodies.as_ref())).await?;
        output::json(&event.with_headers(headers))?;
    } else if raw {
        let body = raw_bytes(&record.raw, bodies.as_ref()).await?;
        print_raw(&record, &body, to)?;
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

/// Prints the headers that were kept, an empty line, and the body byte for byte; or writes them to a
/// file.
fn print_raw(record: &Record, body: &[u8], to: Option<&Path>) -> Result<(), CommandError> {
    let headers = record.headers.iter();
    let headers = headers.map(|(name, value)| format!("{name}: {value}\n"));
    let mut raw: Vec<u8> = headers.collect::<String>().into();
    raw.push(b'\n');
    raw.extend_from_slice(body);
    if let Some(path) = to {
        return write_new(path, &raw);
    }
    if output::is_terminal() && !terminal::is_plain(&raw) {
        return Err(CommandError::Refused(format!(
            "the bytes of event `{0}` are no plain text, and a terminal would act on them: `switchhook show {0} --raw --output FILE` writes them to a file, and with `| cat` they are printed all the same",
            record.id
        )));
    }
    Ok(output::raw(&raw)?)
}

/// Writes a file that is not there yet, for its owner only.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), CommandError> {
    let failed = |error: io::Error| {
        let shown = path.display();
        CommandError::Refused(match error.kind() {
            io::ErrorKind::AlreadyExists => {
                format!("`{shown}` is there already, and is not overwritten: name another file")
            }
            _ => format!("`{shown}` cannot be written: {error}"),
        })
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let mut file = files::open_private(&mut options, path).map_err(failed)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(|error| {
        // Half of it would pass for the whole.
        let _ = fs::remove_file(path);
        failed(error)
    })
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
