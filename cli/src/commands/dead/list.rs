//! `switchhook dead list`.

use std::process::ExitCode;

use switchhook_core::time::Timestamp;

use super::super::{CommandError, Context, no_match, output};
use super::Desk;
use super::letter::{self, LetterJson, Seen};
use super::selecting::Finder;
use crate::args::Selection;

pub(super) async fn run(
    context: &Context,
    desk: &mut Desk,
    selection: &Selection,
) -> Result<ExitCode, CommandError> {
    let mut finder = Finder::new(selection);
    let mut rows = Vec::new();
    let mut is_empty = true;
    loop {
        let page = desk.page().await?;
        if page.is_empty() {
            break;
        }
        for seen in page.iter().filter(|seen| finder.wants(seen)) {
            is_empty = false;
            if context.json {
                output::json(&LetterJson::from(seen))?;
            } else {
                rows.push(row(seen));
            }
        }
    }
    desk.progress.finish_and_clear();
    if is_empty && !selection.is_empty() && finder.misses_none() {
        no_match::note(context, "dead letters", selection.source.as_deref()).await?;
    } else if !context.json {
        print(rows, &finder)?;
    }
    desk.tell_unseen().await?;
    finder.check()?;
    Ok(ExitCode::SUCCESS)
}

/// A line of the table, and the accepted time that it is sorted by.
type Row = (Option<Timestamp>, Vec<String>);

fn row(seen: &Seen) -> Row {
    let event = seen.event.as_ref().ok();
    let accepted = event.map(|event| event.received_at);
    let cells = vec![
        accepted.map_or_else(|| "unreadable".to_owned(), letter::time),
        letter::reason_shown(seen.reason()).into_owned(),
        event
            .map(|event| event.kind.to_string())
            .unwrap_or_default(),
        event
            .map(|event| event.entity.to_string())
            .unwrap_or_default(),
        seen.name(),
        if seen.is_recorded() { "yes" } else { "no" }.to_owned(),
    ];
    (accepted, cells)
}

fn print(mut rows: Vec<Row>, finder: &Finder<'_>) -> Result<(), CommandError> {
    if rows.is_empty() {
        if finder.misses_none() {
            output::line("No dead letters.")?;
        }
        return Ok(());
    }
    rows.sort_by_key(|(accepted, _)| *accepted);
    let headings = [
        "ACCEPTED (UTC)",
        "REASON",
        "KIND",
        "ENTITY",
        "ID",
        "RECORDED",
    ];
    Ok(output::table(
        &headings,
        rows.into_iter().map(|(_, cells)| cells),
    )?)
}
