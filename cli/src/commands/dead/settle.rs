//! `switchhook dead redrive` and `dead drop`: letters leave the dead-letter queue.
//!
//! All letters are looked at before the first is sent, so that those of an entity go in their order
//! and none that comes back meanwhile is met again. A letter is deleted only after its event was
//! sent: broken off in between, it is sent again, and known then as a duplicate.

use std::io;
use std::process::ExitCode;

use switchhook_aws::clock::SystemClock;
use switchhook_aws::dead_letters::Redriven;
use switchhook_core::ledger::{self, Entry, Known, RecordKey};
use switchhook_core::occurrence::Sequence;
use switchhook_core::ports::{Added, Ledger};
use switchhook_core::time::Clock;

use super::super::{CommandError, Context, no_match, output};
use super::Desk;
use super::letter::Seen;
use super::selecting::Finder;
use super::spool::{Span, Spool};
use super::tally::{Action, Tally};
use crate::args::{DropLetters, Redrive, Selection};

/// How many letters are settled together: as many as one request takes.
const TOGETHER: usize = 10;

/// As much of a letter as it takes to settle it.
#[derive(Debug)]
pub(super) struct Picked {
    pub(super) message_id: String,
    /// The event's id, where it can be read.
    pub(super) event: Option<String>,
    /// What lines say of it beside the id.
    pub(super) about: String,
    entry: Option<(RecordKey, Entry)>,
    group: String,
    sequence: Sequence,
    place: Sequence,
    known: Known,
    is_too_old: bool,
    /// Its message, where that is needed.
    body: Option<Span>,
}

impl Picked {
    fn new(seen: Seen, body: Option<Span>) -> Self {
        let event = seen.event.ok();
        let about = event.as_ref().map_or_else(
            || "unreadable".to_owned(),
            |event| format!("{}, {}", event.entity.source(), event.kind),
        );
        Self {
            event: event.as_ref().map(|event| event.id.to_string()),
            about,
            entry: seen.entry,
            group: seen.letter.group(event.as_ref()),
            sequence: seen.letter.sequence.unwrap_or_default(),
            place: seen.letter.place,
            known: seen.known,
            is_too_old: event.is_some_and(|event| event.is_too_old(SystemClock.now())),
            message_id: seen.letter.message_id,
            body,
        }
    }

    /// Says what is to become of it.
    fn plan(&self, force: bool) -> Action {
        match self.known.redrive(self.is_too_old, force) {
            ledger::Redrive::Send => Action::Redriven,
            ledger::Redrive::Drop => Action::AlreadyRecorded,
            ledger::Redrive::Refuse => Action::TooOld,
        }
    }
}

/// Looks at all letters and picks those that are meant, in the order to settle them in.
async fn pick(
    desk: &mut Desk,
    finder: &mut Finder<'_>,
    mut spool: Option<&mut Spool>,
    also: impl Fn(&Seen) -> bool,
) -> Result<Vec<Picked>, CommandError> {
    let mut picked = Vec::new();
    loop {
        let page = desk.page().await?;
        if page.is_empty() {
            break;
        }
        for seen in page {
            if finder.wants(&seen) && also(&seen) {
                let body = match &mut spool {
                    Some(spool) => Some(spool.put(&seen.letter.body)?),
                    None => None,
                };
                picked.push(Picked::new(seen, body));
            }
        }
    }
    desk.progress.finish_and_clear();
    let order = |one: &Picked| (one.sequence, one.place);
    picked.sort_by(|a, b| (&a.group, order(a)).cmp(&(&b.group, order(b))));
    Ok(picked)
}

pub(super) async fn redrive(
    context: &Context,
    desk: &mut Desk,
    args: &Redrive,
) -> Result<ExitCode, CommandError> {
    let mut tally = Tally::new(context.json, args.chosen.dry_run);
    let done = redrive_all(desk, args, &mut tally).await;
    summarise(context, &args.chosen.selection, &tally, &done).await?;
    if tally.count(Action::Redriven) > 0 && !args.chosen.dry_run && !context.is_consumed() {
        output::note("`switchhook local` does not run: it handles what was redriven when it runs")?;
    }
    if tally.count(Action::TooOld) > 0 {
        output::note(
            "the ledger may have recorded and forgotten what is too old: `--force` redrives it all the same",
        )?;
    }
    done?;
    desk.tell_unseen().await?;
    Ok(tally.code())
}

async fn redrive_all(
    desk: &mut Desk,
    args: &Redrive,
    tally: &mut Tally,
) -> Result<(), CommandError> {
    let mut finder = Finder::new(&args.chosen.selection);
    let mut spool = Spool::new();
    let mut picked = pick(desk, &mut finder, Some(&mut spool), |_| true).await?;
    finder.check()?;
    if args.chosen.dry_run {
        for one in &picked {
            tally.note(one, one.plan(args.force))?;
        }
        return Ok(());
    }
    while !picked.is_empty() {
        tally.begin(picked.len());
        for some in picked.chunks(TOGETHER) {
            desk.check_interrupt()?;
            redrive_some(desk, &mut spool, some, args.force, tally).await?;
        }
        // What SQS itself moved is in its entity's group, and comes to light ten at a time. (What the
        // consumer buried meanwhile is left alone: it would be redriven for ever.)
        spool = Spool::new();
        let moved = |seen: &Seen| seen.letter.reason.is_none();
        picked = pick(desk, &mut finder, Some(&mut spool), moved).await?;
    }
    Ok(())
}

async fn redrive_some(
    desk: &mut Desk,
    spool: &mut Spool,
    some: &[Picked],
    force: bool,
    tally: &mut Tally,
) -> Result<(), CommandError> {
    let (mut to_send, mut to_delete) = (Vec::new(), Vec::new());
    for one in some {
        match one.plan(force) {
            Action::Redriven => to_send.push(redriven(one, spool, force)?),
            Action::AlreadyRecorded => {
                if is_counted(desk, one).await? {
                    to_delete.push(one.message_id.clone());
                }
            }
            Action::TooOld | Action::Dropped | Action::Failed => {}
        }
    }
    to_delete.extend(desk.letters.redrive(&to_send).await?);
    let deleted = desk.letters.delete(&to_delete).await?;
    for one in some {
        let action = match one.plan(force) {
            Action::TooOld => Action::TooOld,
            planned if deleted.contains(&one.message_id) => planned,
            // Whether or not it was sent, its letter is still there.
            _ => Action::Failed,
        };
        tally.note(one, action)?;
    }
    Ok(())
}

fn redriven(one: &Picked, spool: &mut Spool, force: bool) -> io::Result<Redriven> {
    let body = one.body.map(|span| spool.get(span)).transpose()?;
    Ok(Redriven {
        message_id: one.message_id.clone(),
        group: one.group.clone(),
        sequence: one.sequence,
        forced: force,
        body: body.unwrap_or_default(),
    })
}

/// Counts a delivery in its record, as if the consumer had found it a duplicate; returns whether it is
/// counted there. A record that expired meanwhile has its bytes no more, and the letter stays.
async fn is_counted(desk: &Desk, one: &Picked) -> Result<bool, CommandError> {
    let Some((record, entry)) = &one.entry else {
        return Ok(true);
    };
    Ok(desk.ledger.add_entry(record, entry).await? == Added::Done)
}

pub(super) async fn drop_letters(
    context: &Context,
    desk: &mut Desk,
    args: &DropLetters,
) -> Result<ExitCode, CommandError> {
    let mut finder = Finder::new(&args.chosen.selection);
    let picked = pick(desk, &mut finder, None, |_| true).await?;
    finder.check()?;
    let mut tally = Tally::new(context.json, args.chosen.dry_run);
    let asked = args.chosen.dry_run || args.yes || picked.is_empty();
    if !asked && !confirm(desk, picked.len()).await? {
        output::note("nothing was dropped")?;
        return Ok(ExitCode::FAILURE);
    }
    let done = if args.chosen.dry_run {
        let mut all = picked.iter();
        all.try_for_each(|one| tally.note(one, Action::Dropped))
    } else {
        drop_all(desk, &picked, &mut tally).await
    };
    summarise(context, &args.chosen.selection, &tally, &done).await?;
    done?;
    desk.tell_unseen().await?;
    Ok(tally.code())
}

async fn drop_all(
    desk: &mut Desk,
    picked: &[Picked],
    tally: &mut Tally,
) -> Result<(), CommandError> {
    tally.begin(picked.len());
    for some in picked.chunks(TOGETHER) {
        desk.check_interrupt()?;
        let ids: Vec<_> = some.iter().map(|one| one.message_id.clone()).collect();
        let deleted = desk.letters.delete(&ids).await?;
        for one in some {
            let action = match deleted.contains(&one.message_id) {
                true => Action::Dropped,
                false => Action::Failed,
            };
            tally.note(one, action)?;
        }
    }
    Ok(())
}

/// Prints the sum, or says that the filter matches nothing.
async fn summarise(
    context: &Context,
    selection: &Selection,
    tally: &Tally,
    done: &Result<(), CommandError>,
) -> Result<(), CommandError> {
    if done.is_ok() && tally.is_empty() && !selection.is_empty() {
        return no_match::note(context, "dead letters", selection.source.as_deref()).await;
    }
    Ok(tally.summary(done)?)
}

/// Asks the person at the terminal.
async fn confirm(desk: &Desk, count: usize) -> Result<bool, CommandError> {
    if !output::is_attended() {
        return Ok(false);
    }
    let events = if count == 1 { "event" } else { "events" };
    output::ask(&format!(
        "Delete {count} acknowledged {events} for good, so that nothing is left of them?"
    ))?;
    let mut interrupted = desk.interrupted.clone();
    let line = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line)
    });
    let line = tokio::select! {
        line = line => line.map_err(io::Error::from)??,
        _ = interrupted.wait_for(|is| *is) => return Err(CommandError::Interrupted),
    };
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}
