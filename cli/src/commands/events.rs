//! `switchhook events`: the newest events, oldest of them first.

use std::cmp::Reverse;
use std::pin::pin;
use std::process::ExitCode;

use futures_util::TryStreamExt;
use jiff::SignedDuration;
use switchhook_aws::clock::SystemClock;
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_aws::dynamodb::listing::{Listed, Order};
use switchhook_core::ledger::Record;
use switchhook_core::time::{Clock, Timestamp};

use super::event_json::EventJson;
use super::hours::{earlier, later};
use super::{CommandError, Context, hours, no_match, output};
use crate::args::{Events, Filters};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

pub(super) async fn run(context: &Context, args: &Events) -> Result<ExitCode, CommandError> {
    if args.raw && !context.json {
        return Err(CommandError::Usage(
            "the bytes of several events are shown with `--json` only: add it, or ask `switchhook show EVENT-ID --raw`".to_owned(),
        ));
    }
    let ledger = context.ledger()?;
    let records = newest(&ledger, args, context.reach().await?).await?;
    if records.is_empty() && args.limit > 0 && !args.filters.is_empty() {
        no_match::note(context, "events", args.filters.source.as_deref()).await?;
        return Ok(ExitCode::SUCCESS);
    }
    if context.json {
        let bodies = args.raw.then(|| context.bodies()).transpose()?;
        for record in records {
            let event = EventJson::of(record, bodies.as_deref()).await?;
            output::json(&event)?;
        }
    } else if records.is_empty() {
        output::line("No events. Send one: switchhook send SOURCE SAMPLE")?;
    } else {
        print_table(&records)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks from the newest on, until there are enough.
async fn newest(
    ledger: &DynamoDbLedger,
    args: &Events,
    retention: SignedDuration,
) -> Result<Vec<Record>, CommandError> {
    let (since, until) = span(&args.filters, retention);
    let mut listed: Vec<Listed> = Vec::new();
    let mut pages = pin!(hours::pages(ledger, (since, until), Order::NewestFirst));
    while listed.len() < args.limit
        && let Some(page) = pages.try_next().await?
    {
        let wanted = |event: &_| wanted(event, &args.filters, since, until);
        listed.extend(page.into_iter().filter(wanted));
    }
    // The index orders the events of one delivery by the letters of their ids.
    listed.sort_by_key(|event| Reverse((event.received_at, event.id)));
    listed.truncate(args.limit);
    let keys: Vec<_> = listed.into_iter().map(|event| event.key).collect();
    let mut records = ledger.records(&keys).await?;
    records.sort_by_key(|record| (record.received_at, record.id));
    Ok(records)
}

/// Returns from when to when there can be events that are asked for.
pub(super) fn span(filters: &Filters, retention: SignedDuration) -> (Timestamp, Timestamp) {
    let now = SystemClock.now();
    // There is nothing after this hour (clocks differ a little) nor before the retention.
    let (newest, oldest) = (later(now, HOUR), earlier(now, retention));
    let until = filters.until.unwrap_or(newest).min(newest);
    (filters.since.unwrap_or(oldest).max(oldest), until)
}

/// Tells whether an event is asked for.
pub(super) fn wanted(
    event: &Listed,
    filters: &Filters,
    since: Timestamp,
    until: Timestamp,
) -> bool {
    let entity = &event.key.entity;
    (since..until).contains(&event.received_at)
        && filters
            .source
            .as_deref()
            .is_none_or(|source| source == entity.source())
        && filters.kind.is_none_or(|kind| kind == event.kind)
        && filters
            .entity
            .as_deref()
            .is_none_or(|name| name == entity.as_str())
}

fn print_table(records: &[Record]) -> Result<(), CommandError> {
    let rows = records.iter().map(|record| {
        vec![
            record.received_at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            record.kind.to_string(),
            record.key.entity.to_string(),
            record.deliveries.len().to_string(),
            record.id.to_string(),
        ]
    });
    Ok(output::table(
        &["RECEIVED (UTC)", "KIND", "ENTITY", "COPIES", "ID"],
        rows,
    )?)
}
