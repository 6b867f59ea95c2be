//! `switchhook opt-outs`: the suppression list of the whole stack.

mod by_hand;
pub(super) mod owner;

use std::process::ExitCode;

use serde::Serialize;
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_core::channel;
use switchhook_core::entity::Entity;
use switchhook_core::providers::switchhook;
use switchhook_core::states::{OptOutView, Owner, SourceView, Stored, Word};
use switchhook_core::time::Timestamp;

use super::{CommandError, Context, no_match, output};
use crate::args::{self, OptOuts, OptOutsAction};

/// The exit code when the number or address that was looked up is on the list.
const ON_THE_LIST: u8 = 3;

/// One entry as programs read it.
#[derive(Debug, Serialize)]
struct Entry {
    phone: Option<String>,
    email: Option<String>,
    channel: String,
    opted_out: bool,
    unplaced: bool,
    since: Option<Timestamp>,
    source: Option<String>,
    sources: Vec<SourceView>,
}

impl From<OptOutView> for Entry {
    fn from(view: OptOutView) -> Self {
        Self {
            phone: view.phone,
            email: view.email,
            channel: view.channel,
            opted_out: view.opted_out,
            unplaced: view.unplaced,
            since: view.since,
            source: view.source,
            sources: view.sources,
        }
    }
}

impl Entry {
    fn read(stored: &Stored) -> Result<Self, CommandError> {
        let view: OptOutView = serde_json::from_str(&stored.state)?;
        Ok(view.into())
    }

    /// An owner without an item on the list.
    fn unknown(owner: Owner) -> Self {
        Self {
            phone: owner.phone,
            email: owner.email,
            channel: owner.channel,
            opted_out: false,
            unplaced: owner.is_unplaced,
            since: None,
            source: None,
            sources: Vec::new(),
        }
    }

    fn address(&self) -> &str {
        let address = self.phone.as_deref().or(self.email.as_deref());
        address.unwrap_or_default()
    }

    fn is_of_source(&self, name: &str) -> bool {
        let mut sources = self.sources.iter();
        sources.any(|view| view.opted_out && view.source == name)
    }
}

pub(super) async fn run(context: &Context, args: &OptOuts) -> Result<ExitCode, CommandError> {
    match (&args.action, &args.address) {
        (Some(OptOutsAction::Add(by_hand)), _) => {
            by_hand::queue(context, Word::Stop, by_hand).await
        }
        (Some(OptOutsAction::Remove(by_hand)), _) => {
            by_hand::queue(context, Word::Start, by_hand).await
        }
        (None, Some(address)) => {
            let owner = args::Owner {
                address: address.clone(),
                channel: args.channel.clone(),
                country: args.country.clone(),
            };
            look_up(context, &owner).await
        }
        (None, None) => list(context, args).await,
    }
}

/// Answers whether one number or address is on the list.
async fn look_up(context: &Context, asked: &args::Owner) -> Result<ExitCode, CommandError> {
    let ledger = context.ledger()?;
    let (owner, stored) = owner::find(&ledger, asked).await?;
    let entry = match stored {
        Some(stored) => Entry::read(&stored)?,
        None => Entry::unknown(owner),
    };
    if context.json {
        output::json(&entry)?;
    } else if entry.opted_out {
        print_table(std::slice::from_ref(&entry))?;
    } else {
        let (address, channel) = (entry.address(), &entry.channel);
        output::line(&format!("{address} is not on the list ({channel})."))?;
    }
    Ok(if entry.opted_out {
        ExitCode::from(ON_THE_LIST)
    } else {
        ExitCode::SUCCESS
    })
}

async fn list(context: &Context, args: &OptOuts) -> Result<ExitCode, CommandError> {
    let entries = listed(&context.ledger()?, args).await?;
    let is_filtered = args.source.is_some() || args.channel.is_some();
    if entries.is_empty() && is_filtered {
        // An operator's words have a source that no file configures.
        let source = args.source.as_deref();
        let source = source.filter(|name| *name != switchhook::SOURCE);
        no_match::note(context, "opt-outs", source).await?;
        return Ok(ExitCode::SUCCESS);
    }
    if context.json {
        for entry in &entries {
            output::json(entry)?;
        }
    } else if entries.is_empty() {
        output::line("Nobody is on the list.")?;
    } else {
        print_table(&entries)?;
    }
    let unplaced = entries.iter().filter(|entry| entry.unplaced).count();
    if unplaced > 0 && !context.json {
        output::note(&format!(
            "{unplaced} of them could not be read as a number or address: find out who they are, put those on the list with `switchhook opt-outs add`, and set the source's `country`"
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns those who are on the list, the longest ones first.
async fn listed(ledger: &DynamoDbLedger, args: &OptOuts) -> Result<Vec<Entry>, CommandError> {
    let wanted = args
        .channel
        .as_deref()
        .map(|word| channel::named(Some(word)));
    let is_of_channel = |entity: &Entity| {
        let place = entity.opted_out();
        place.is_some_and(|(_, of)| wanted.is_none_or(|wanted| wanted == of))
    };
    let mut entities = ledger.opt_outs().await?;
    entities.retain(is_of_channel);
    let mut entries = Vec::new();
    for (_, stored) in ledger.states(&entities).await? {
        let entry = Entry::read(&stored)?;
        let is_meant = args
            .source
            .as_deref()
            .is_none_or(|name| entry.is_of_source(name));
        if entry.opted_out && is_meant {
            entries.push(entry);
        }
    }
    entries.sort_by(|one, other| {
        (one.since, one.address(), &one.channel).cmp(&(
            other.since,
            other.address(),
            &other.channel,
        ))
    });
    Ok(entries)
}

fn print_table(entries: &[Entry]) -> Result<(), CommandError> {
    let rows = entries.iter().map(|entry| {
        let since = entry
            .since
            .map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string());
        let note = if entry.unplaced { "unplaced" } else { "" };
        vec![
            entry.address().to_owned(),
            entry.channel.clone(),
            since.unwrap_or_default(),
            entry.source.clone().unwrap_or_default(),
            note.to_owned(),
        ]
    });
    let headings = ["PHONE", "CHANNEL", "SINCE (UTC)", "SOURCE", ""];
    Ok(output::table(&headings, rows)?)
}
