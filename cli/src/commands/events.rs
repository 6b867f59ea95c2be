//! `switchhook events`: the newest events, oldest of them first.

use std::process::ExitCode;

use jiff::SignedDuration;
use switchhook_aws::clock::SystemClock;
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_aws::dynamodb::timeline::{Listed, Order};
use switchhook_core::ledger::Record;
use switchhook_core::time::{Clock, Timestamp};

use super::event_json::EventJson;
use super::{CommandError, Context, no_match, output};
use crate::args::{Events, Filters};

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
    let span = span(&args.filters, retention);
    let mut listed: Vec<Listed> = Vec::new();
    let mut timeline = ledger.timeline(span, Order::NewestFirst, args.limit);
    while listed.len() < args.limit
        && let Some(page) = timeline.next().await?
    {
        let page = page.into_iter();
        listed.extend(page.filter(|event| is_wanted(event, &args.filters)));
    }
    listed.truncate(args.limit);
    let keys: Vec<_> = listed.into_iter().map(|event| event.key).collect();
    let mut records = ledger.records(&keys).await?;
    records.sort_by_key(|record| (record.received_at, record.id));
    Ok(records)
}

/// Returns the accepted times that are asked for; before the retention there is nothing.
pub(super) fn span(filters: &Filters, retention: SignedDuration) -> (Timestamp, Timestamp) {
    let oldest = earlier(SystemClock.now(), retention);
    let since = filters.since.unwrap_or(oldest).max(oldest);
    (since, filters.until.unwrap_or(Timestamp::MAX))
}

pub(super) fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// Returns whether an event of the span is asked for.
pub(super) fn is_wanted(event: &Listed, filters: &Filters) -> bool {
    let entity = &event.key.entity;
    filters
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
