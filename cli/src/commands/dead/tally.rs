//! What became of letters: a line for each that deserves one, and the sum at the end.

use std::collections::BTreeMap;
use std::io;
use std::process::ExitCode;

use indicatif::ProgressBar;
use serde::Serialize;

use super::super::{CommandError, output};
use super::MANY;
use super::settle::Picked;

/// What became of a letter, or would.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    /// Its event is on the queue again.
    Redriven,
    /// It is deleted, and its event with it.
    Dropped,
    /// It is deleted: the ledger has its event.
    AlreadyRecorded,
    /// It is kept: the ledger may have had its event.
    TooOld,
    /// It is kept, since a queue refused.
    Failed,
}

impl Action {
    const fn told(self) -> &'static str {
        match self {
            Self::Redriven => "redriven",
            Self::Dropped => "dropped",
            Self::AlreadyRecorded => "dropped, already recorded",
            Self::TooOld => "refused, too old",
            Self::Failed => "failed, try again",
        }
    }

    fn summed(self, count: usize) -> String {
        match self {
            Self::Redriven => format!("redriven {count}"),
            Self::Dropped => format!("dropped {count}"),
            Self::AlreadyRecorded => format!("dropped {count} already recorded"),
            Self::TooOld => format!("refused {count} too old"),
            Self::Failed => format!("failed {count}"),
        }
    }
}

#[derive(Serialize)]
struct SettledJson<'a> {
    id: Option<&'a str>,
    message_id: &'a str,
    action: Action,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

/// Counts what became of letters.
#[derive(Debug)]
pub(super) struct Tally {
    json: bool,
    dry_run: bool,
    counts: BTreeMap<Action, usize>,
    progress: ProgressBar,
}

impl Tally {
    pub(super) fn new(json: bool, dry_run: bool) -> Self {
        Self {
            json,
            dry_run,
            counts: BTreeMap::new(),
            progress: ProgressBar::hidden(),
        }
    }

    /// Shows on a terminal how far it is, from here on.
    pub(super) fn begin(&mut self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        if !self.json && count > MANY {
            self.progress = ProgressBar::new(count);
        }
    }

    /// Counts a letter. A plain success is no line of its own for people.
    pub(super) fn note(&mut self, one: &Picked, action: Action) -> Result<(), CommandError> {
        let count = self.counts.entry(action).or_default();
        *count = count.saturating_add(1);
        self.progress.inc(1);
        if self.json {
            let settled = SettledJson {
                id: one.event.as_deref(),
                message_id: &one.message_id,
                action,
                dry_run: self.dry_run,
            };
            return Ok(output::json(&settled)?);
        }
        if self.dry_run || !matches!(action, Action::Redriven | Action::Dropped) {
            let (would, name) = (
                if self.dry_run { "would be " } else { "" },
                one.event.as_ref(),
            );
            let name = name.unwrap_or(&one.message_id);
            let line = format!("{name} ({}): {would}{}", one.about, action.told());
            self.progress.suspend(|| output::line(&line))?;
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    pub(super) fn count(&self, action: Action) -> usize {
        self.counts.get(&action).copied().unwrap_or_default()
    }

    /// Prints the sum, for people; nothing where an error came before anything else.
    pub(super) fn summary(&self, done: &Result<(), CommandError>) -> io::Result<()> {
        self.progress.finish_and_clear();
        if self.json || (done.is_err() && self.counts.is_empty()) {
            return Ok(());
        }
        let parts = self.counts.iter();
        let parts: Vec<_> = parts.map(|(action, count)| action.summed(*count)).collect();
        match (parts.is_empty(), self.dry_run) {
            (true, _) => output::line("no dead letter is meant: nothing was done"),
            (false, false) => output::line(&parts.join(", ")),
            (false, true) => output::line(&format!("would be: {}", parts.join(", "))),
        }
    }

    /// Fails if a letter failed or was refused.
    pub(super) fn code(&self) -> ExitCode {
        if self.count(Action::Failed) > 0 || self.count(Action::TooOld) > 0 {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}
