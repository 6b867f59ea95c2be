//! Arguments of `dead`.

use clap::{ArgGroup, Args as Arguments, Subcommand};
use jiff::Timestamp;
use switchhook_core::kind::Kind;

/// What `dead --help` ends with.
pub(super) const EXAMPLES: &str = "Examples:
  switchhook dead list
  switchhook dead list --stack hooks
  switchhook dead show 019aad2b-7c00-7000-8000-000000000001.0
  switchhook dead redrive --source voice --reason state
  switchhook dead drop 019aad2b-7c00-7000-8000-000000000001.0

A dead letter is an event that was acknowledged and could not be handled. It waits, for up to
14 days, until it is redriven (handled again, in its old place) or dropped.";

const LIST_EXAMPLES: &str = "Examples:
  switchhook dead list
  switchhook dead list --reason body_missing --since 2d
  switchhook dead list --json

With --json it is one object a line: id (null where it cannot be read), message_id, source,
provider, kind, provider_event, entity, received_at, reason, dead_since, recorded.";

const SHOW_EXAMPLES: &str = "Examples:
  switchhook dead show 019aad2b-7c00-7000-8000-000000000001.0
  switchhook dead show 019aad2b-7c00-7000-8000-000000000001.0 --json";

const REDRIVE_EXAMPLES: &str = "Examples:
  switchhook dead redrive 019aad2b-7c00-7000-8000-000000000001.0
  switchhook dead redrive --source voice --reason state --dry-run
  switchhook dead redrive --all --stack hooks

An event that the ledger has already is not redriven: its letter is deleted. One that was accepted
so long ago that the ledger may have forgotten it is refused without --force. Broken off at any
point, it loses nothing and may be repeated. With --json it is one object a letter: id, message_id,
action (redriven, already_recorded, too_old, failed), and dry_run with --dry-run.
Exit code 1 if a letter failed or was refused.";

const DROP_EXAMPLES: &str = "Examples:
  switchhook dead drop 019aad2b-7c00-7000-8000-000000000001.0
  switchhook dead drop --source test --until 2026-11-22T09:00:00Z --dry-run
  switchhook dead drop --all --yes

On a terminal it asks first; elsewhere it needs --yes or --dry-run (exit code 2 without).
With --json it is one object a letter: id, message_id, action (dropped, failed), and dry_run with
--dry-run.";

/// Arguments of `dead`.
#[derive(Arguments, Debug)]
pub struct Dead {
    /// What to do with dead letters
    #[command(subcommand)]
    pub action: DeadAction,
}

/// What can be done with dead letters.
#[derive(Debug, Subcommand)]
pub enum DeadAction {
    /// List dead letters
    #[command(after_help = LIST_EXAMPLES)]
    List(Selection),
    /// Show a dead letter: why it is one, what to do, its headers and its body
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ShowLetter),
    /// Send dead letters back to the queue, to be handled again
    #[command(after_help = REDRIVE_EXAMPLES)]
    Redrive(Redrive),
    /// Delete dead letters for good: their events are then nowhere
    #[command(after_help = DROP_EXAMPLES)]
    Drop(DropLetters),
}

/// Which letters: those that fit all that is given.
#[derive(Arguments, Clone, Debug, Default)]
pub struct Selection {
    /// Only letters of these events, or with these message ids
    #[arg(value_name = "EVENT-ID")]
    pub ids: Vec<String>,
    /// Only events of this source
    #[arg(long)]
    pub source: Option<String>,
    /// Only events of this kind, such as call.ended
    #[arg(long, value_parser = super::kind(), hide_possible_values = true)]
    pub kind: Option<Kind>,
    /// Only events of this entity
    #[arg(long)]
    pub entity: Option<String>,
    /// Only letters with this reason, such as state
    #[arg(long)]
    pub reason: Option<String>,
    /// Only events accepted at this time or later: RFC 3339, a date (midnight UTC) or an age (6h, 2d)
    #[arg(long, value_name = "TIME", value_parser = super::time::time, allow_hyphen_values = true)]
    pub since: Option<Timestamp>,
    /// Only events accepted before this time: RFC 3339, a date (midnight UTC) or an age (6h, 2d)
    #[arg(long, value_name = "TIME", value_parser = super::time::time, allow_hyphen_values = true)]
    pub until: Option<Timestamp>,
}

impl Selection {
    /// Reports whether every letter is meant, but for those that are named.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        let Self {
            ids: _,
            source,
            kind,
            entity,
            reason,
            since,
            until,
        } = self;
        source.is_none()
            && kind.is_none()
            && entity.is_none()
            && reason.is_none()
            && since.is_none()
            && until.is_none()
    }
}

/// Which letters to change: nothing is changed that was not asked for.
#[derive(Arguments, Clone, Debug)]
#[command(group = ArgGroup::new("which").required(true).multiple(true)
    .args(["ids", "source", "kind", "entity", "reason", "since", "until", "all"]))]
pub struct Chosen {
    /// Which ones
    #[command(flatten)]
    pub selection: Selection,
    /// All dead letters
    #[arg(long, conflicts_with_all = ["ids", "source", "kind", "entity", "reason", "since", "until"])]
    pub all: bool,
    /// Change nothing, and tell what would be done
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `dead show`.
#[derive(Arguments, Debug)]
pub struct ShowLetter {
    /// The event's id, or the letter's message id
    #[arg(value_name = "EVENT-ID")]
    pub id: String,
}

/// Arguments of `dead redrive`.
#[derive(Arguments, Debug)]
pub struct Redrive {
    /// Which ones
    #[command(flatten)]
    pub chosen: Chosen,
    /// Redrive events too that the ledger may have recorded and forgotten
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `dead drop`.
#[derive(Arguments, Debug)]
pub struct DropLetters {
    /// Which ones
    #[command(flatten)]
    pub chosen: Chosen,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}
