//! `switchhook dead`: the events that could not be handled.
//!
//! To look at a letter is to receive it, and so to hide it from everybody else: whatever happens,
//! an error or Ctrl-C too, what was not settled is put back at the end. The queues are spoken to as
//! on AWS. Letters themselves are not kept in memory, since there may be a million of them.

mod letter;
mod list;
mod reasons;
mod selecting;
mod settle;
mod show;
mod spool;
mod tally;

use std::io;
use std::process::ExitCode;

use indicatif::ProgressBar;
use switchhook_aws::dead_letters::{DeadLetters, Unseen};
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_core::ports::Ledger;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use self::letter::Seen;
use super::{CommandError, Context, output};
use crate::args::{Dead, DeadAction};

/// From how many letters on it takes long enough to show how far it is.
const MANY: u64 = 100;

pub(super) async fn run(context: &Context, args: &Dead) -> Result<ExitCode, CommandError> {
    if let DeadAction::Drop(drop) = &args.action
        && !(drop.yes || drop.chosen.dry_run || output::is_attended())
    {
        output::note("dropping without a terminal needs `--yes`; `--dry-run` only looks")?;
        return Ok(ExitCode::from(2));
    }
    let mut desk = Desk::open(context).await?;
    let done = act(context, &mut desk, &args.action).await;
    desk.progress.finish_and_clear();
    let put_back = desk.letters.put_back().await;
    let code = done?;
    put_back?;
    Ok(code)
}

async fn act(
    context: &Context,
    desk: &mut Desk,
    action: &DeadAction,
) -> Result<ExitCode, CommandError> {
    match action {
        DeadAction::List(selection) => list::run(context, desk, selection).await,
        DeadAction::Show(wanted) => show::run(context, desk, wanted).await,
        DeadAction::Redrive(redrive) => settle::redrive(context, desk, redrive).await,
        DeadAction::Drop(drop) => settle::drop_letters(context, desk, drop).await,
    }
}

/// The letters in hand, and what it takes to judge them.
struct Desk {
    letters: DeadLetters,
    ledger: DynamoDbLedger,
    interrupted: watch::Receiver<bool>,
    progress: ProgressBar,
    seen: u64,
}

impl Desk {
    async fn open(context: &Context) -> Result<Self, CommandError> {
        let ledger = context.ledger()?;
        let letters = context.dead_letters().await?;
        let progress = if context.json {
            ProgressBar::hidden()
        } else {
            ProgressBar::new_spinner()
        };
        Ok(Self {
            letters,
            ledger,
            interrupted: interrupted()?,
            progress,
            seen: 0,
        })
    }

    /// Takes the next letters and asks the ledger, once for all of them, which it has recorded.
    async fn page(&mut self) -> Result<Vec<Seen>, CommandError> {
        self.check_interrupt()?;
        let letters = self.letters.take().await?;
        let mut page: Vec<_> = letters.into_iter().map(Seen::new).collect();
        let keys: Vec<_> = page.iter().flat_map(Seen::record_keys).collect();
        if !keys.is_empty() {
            let snapshot = self.ledger.read(&[], &keys).await?;
            page.iter_mut().for_each(|seen| seen.look_up(&snapshot));
        }
        let count = u64::try_from(page.len()).unwrap_or(u64::MAX);
        self.seen = self.seen.saturating_add(count);
        if self.seen > MANY {
            self.progress.set_position(self.seen);
            self.progress
                .set_message(format!("{} dead letters looked at", self.seen));
        }
        Ok(page)
    }

    /// Between two requests, so that none is broken off.
    fn check_interrupt(&self) -> Result<(), CommandError> {
        if *self.interrupted.borrow() {
            return Err(CommandError::Interrupted);
        }
        Ok(())
    }

    /// Says so if there are letters that could not be looked at.
    async fn tell_unseen(&self) -> Result<(), CommandError> {
        let Unseen {
            held_elsewhere,
            waiting,
        } = self.letters.unseen().await?;
        if held_elsewhere > 0 {
            output::note(&format!(
                "not looked at, being in other hands: {held_elsewhere} (another `switchhook dead`, or one that was killed less than 15 minutes ago): repeat this later"
            ))?;
        }
        if waiting > 0 {
            output::note(&format!(
                "not looked at, waiting behind others of their entity or come meanwhile: {waiting}: repeat this when those are redriven or dropped"
            ))?;
        }
        Ok(())
    }
}

/// Listens for SIGINT and SIGTERM.
pub(super) fn interrupted() -> io::Result<watch::Receiver<bool>> {
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        sender.send_replace(true);
        sender.closed().await; // until nobody asks any more
    });
    Ok(receiver)
}
