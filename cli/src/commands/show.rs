//! `switchhook show`: an entity's state, and its events in the accepted order. What parses as the id
//! of an event is one: entities hold a `/`, ids do not.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::value::RawValue;
use switchhook_core::entity::Entity;
use switchhook_core::ids::DeliveryId;
use switchhook_core::json;
use switchhook_core::ledger::{Record, Variant};
use switchhook_core::states::{self, Stored};

use super::event_json::{EventJson, VariantJson};
use super::{CommandError, Context, event, no_match, output};
use crate::args::Show;

#[derive(Serialize)]
struct Shown {
    entity: String,
    state: Option<Box<RawValue>>,
    events: Vec<EventJson>,
    variants: Vec<VariantJson>,
}

pub(super) async fn run(context: &Context, args: &Show) -> Result<ExitCode, CommandError> {
    if args.output.is_some() && context.json {
        return Err(CommandError::Usage(
            "`--output` takes an event as it came: leave `--json` out, or send what it prints to a file with `>`".to_owned(),
        ));
    }
    if let Ok(id) = args.what.parse() {
        return event::show(context, id, args.raw, args.output.as_deref()).await;
    }
    if args.raw && !context.json {
        return Err(CommandError::Usage(
            "the bytes of an entity's events are shown with `--json` only: add it, or name one event by its id".to_owned(),
        ));
    }
    let ledger = context.ledger()?;
    let entity = Entity::from_name(args.what.clone());
    let (state, records, variants) = (
        ledger.state(&entity).await?,
        ledger.events_of(&entity).await?,
        ledger.variants_of(&entity).await?,
    );
    if context.json {
        if state.is_none() && records.is_empty() {
            let source = args.what.split_once('/').map(|(source, _)| source);
            no_match::note(context, "states or events", source).await?;
        }
        print_json(context, args, state, records, variants).await?;
        return Ok(ExitCode::SUCCESS);
    }
    if state.is_none() && records.is_empty() && variants.is_empty() {
        if args.what.parse::<DeliveryId>().is_ok() {
            return Err(CommandError::NotFound(format!(
                "`{0}` is the id of a delivery: its first event is `{0}.0`",
                args.what
            )));
        }
        let name = &args.what;
        let source = args.what.split('/').next().unwrap_or_default();
        let unknown = match args.what.contains('/') {
            true => no_match::unknown_source(context, source).await,
            false => None,
        };
        let unknown = unknown.map(|unknown| format!("; {unknown}"));
        let unknown = unknown.unwrap_or_default();
        return Err(CommandError::NotFound(format!(
            "the ledger knows no `{name}`{unknown}: `switchhook events` lists entities as {{source}}/{{type}}/{{key}}, and the ids of events"
        )));
    }
    print_tables(state.as_ref(), &records)?;
    print_variants(&variants)?;
    Ok(ExitCode::SUCCESS)
}

async fn print_json(
    context: &Context,
    args: &Show,
    state: Option<Stored>,
    records: Vec<Record>,
    variants: Vec<Variant>,
) -> Result<(), CommandError> {
    let bodies = args.raw.then(|| context.bodies()).transpose()?;
    let mut events = Vec::with_capacity(records.len());
    for record in records {
        events.push(EventJson::of(record, bodies.as_deref()).await?);
    }
    let mut shown_variants = Vec::with_capacity(variants.len());
    for variant in variants {
        shown_variants.push(VariantJson::of(variant, bodies.as_deref()).await?);
    }
    let entity = Entity::from_name(args.what.clone());
    let state = state
        .map(|stored| {
            let state = json::without_half_pairs(&stored.state);
            RawValue::from_string(states::with_names(&state, entity.entity_type())?)
        })
        .transpose()?;
    let shown = Shown {
        entity: args.what.clone(),
        state,
        events,
        variants: shown_variants,
    };
    Ok(output::json(&shown)?)
}

fn print_tables(state: Option<&Stored>, records: &[Record]) -> Result<(), CommandError> {
    if let Some(stored) = state {
        // Values stay as they were sent: numbers beyond any type among them.
        let state: BTreeMap<String, &RawValue> = serde_json::from_str(&stored.state)?;
        let known = state.into_iter().filter(|(_, value)| value.get() != "null");
        output::table(
            &["STATE", ""],
            known.map(|(name, value)| vec![name, plain(value)]),
        )?;
        output::line("")?;
    }
    output::line("Events in the order accepted (the times are the senders'):")?;
    let rows = records.iter().map(|record| {
        let at = record.occurred_at.unwrap_or(record.received_at);
        vec![
            at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            record.kind.to_string(),
            record.provider_event.clone().unwrap_or_default(),
            record.deliveries.len().to_string(),
            record.variants.len().to_string(),
            record.id.to_string(),
        ]
    });
    Ok(output::table(
        &[
            "HAPPENED (UTC)",
            "KIND",
            "CALLED",
            "COPIES",
            "VARIANTS",
            "ID",
        ],
        rows,
    )?)
}

/// Lists the duplicates whose bytes differ from those recorded.
fn print_variants(variants: &[Variant]) -> Result<(), CommandError> {
    if variants.is_empty() {
        return Ok(());
    }
    output::line("")?;
    let rows = variants.iter().map(|variant| {
        let at = variant.received_at.strftime("%Y-%m-%d %H:%M:%S");
        vec![
            at.to_string(),
            variant.of.to_string(),
            variant.id.to_string(),
        ]
    });
    Ok(output::table(&["ACCEPTED (UTC)", "OF", "VARIANT"], rows)?)
}

/// Returns a value as people write it.
pub(super) fn plain(value: &RawValue) -> String {
    json::text(value).unwrap_or_else(|| value.get().to_owned())
}
