//! What can be asked of the command line. Wrong usage exits with 2, as clap does by itself.

mod check;
mod dead;
mod forget;
mod opt_outs;
mod time;

use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args as Arguments, Parser, Subcommand};
use clap_complete::Shell;
use jiff::{SignedDuration, Timestamp};
use switchhook_core::ids::EventId;
use switchhook_core::kind::Kind;

pub use self::check::{Check, OtherTable, Pause};
pub use self::dead::{Chosen, Dead, DeadAction, DropLetters, Redrive, Selection, ShowLetter};
pub use self::forget::Forget;
pub use self::opt_outs::{ByHand, OptOuts, OptOutsAction, Owner};
use crate::outbound::Url;

/// Receives the webhooks of telephony and SMS providers.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  switchhook local\n  switchhook send ai-sync call.ended\n  switchhook events --source ai-sync --limit 10\n  switchhook show ai-sync/call/call_987\n  switchhook dead list --stack hooks\n\nWith --stack, AWS is asked as its own tools ask it: region and credentials come from the environment (AWS_REGION, AWS_PROFILE, AWS_ACCESS_KEY_ID, ...), the files of ~/.aws, single sign-on or the machine's role.\n\nExit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 the number of `opt-outs NUMBER` is on the list."
)]
pub struct Args {
    /// The folder that `switchhook local` keeps its data in
    #[arg(long, global = true, value_name = "DIR", default_value = ".switchhook")]
    pub data: PathBuf,
    /// The file of sources [default: switchhook.toml if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The stack on AWS to work on, instead of the laptop's data
    #[arg(long, global = true, value_name = "NAME", value_parser = stack_name)]
    pub stack: Option<String>,
    /// Print JSON: a listing is one object a line
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole receiver on this machine
    #[command(
        after_help = "Examples:\n  switchhook local\n  switchhook local --config switchhook.toml --port 9000\n  switchhook local --data /tmp/try --aws-port 4566\n  switchhook local --forward-to http://127.0.0.1:3000/hooks\n\nIt binds to 127.0.0.1 only, keeps everything in --data and stops with Ctrl-C.\n\n--forward-to posts every event that is committed from then on: at least once, in no promised order, again after a failure (1 s to 60 s later), signed by Standard Webhooks with the secret in the file forward-secret of the data folder. An event that is refused ten times (4xx) is given up."
    )]
    Local(Local),
    /// Build, sign and post sample deliveries
    #[command(
        after_help = "Examples:\n  switchhook send ai-sync call.ended\n  switchhook send ai-sync all --shuffle\n  switchhook send ai-sync sms.received --repeat 3\n  switchhook send ai-sync call.started --tamper\n  switchhook send ai-sync call.ended --count 1000 --rate 200\n  switchhook send ai-sync call.ended --stack hooks\n  switchhook send ai-sync bytes --stack hooks\n\nWith --stack, source and secrets are those of the stack, unless --config names a file. Without a sample the samples of the source are listed.\n\n`bytes` is no sample, and `all` is without it: it posts bodies that are hard to pass on unchanged (invalid UTF-8, ISO 8859-1, UTF-16, gzip, 4 MiB), each signed, waits until each is recorded, and says whether it arrived as sent. The events that it leaves are of no kind, so alarms for these may fire. Exit code 0 only if every byte arrived. With --json it is one object a body: body, bytes, content_type, content_encoding, status, id, result (as_sent, changed, refused, unknown), detail."
    )]
    Send(Send),
    /// List the sources, give a stack its sources, or make a token for one
    #[command(
        after_help = "Examples:\n  switchhook sources\n  switchhook sources --stack hooks\n  switchhook sources --stack hooks --silent-for 6h\n  switchhook sources push --stack hooks --config switchhook.toml\n  switchhook sources token\n\nHits are deliveries answered 200, copies too: from the ledger on the laptop, with --stack from CloudWatch, whose counts come about two minutes late. They go back as long as records live."
    )]
    Sources(Sources),
    /// List the newest events
    #[command(
        after_help = "Examples:\n  switchhook events\n  switchhook events --kind call.ended --since 2026-11-22T09:00:00Z\n  switchhook events --since 6h\n  switchhook events --since 2026-11-22 --until 2026-11-23\n  switchhook events --json --raw --limit 1000\n  switchhook events --stack hooks --source voice\n  switchhook events --stack hooks --table hooks-restored"
    )]
    Events(Events),
    /// Show an entity or an event
    #[command(
        after_help = "Examples:\n  switchhook show ai-sync/call/call_987\n  switchhook show ai-sync/conversation/+15550100003,+15550100004 --json\n  switchhook show 019aad2b-7c00-7000-8000-000000000001.0\n  switchhook show 019aad2b-7c00-7000-8000-000000000001.0 --raw\n  switchhook show 019aad2b-7c00-7000-8000-000000000001.0 --raw --output event.txt\n  switchhook show voice/call/call_987 --stack hooks\n  switchhook show voice/call/call_987 --stack hooks --table hooks-restored\n\nAn entity is shown with its state and its events, in the order accepted; an event with its headers and data, or as it came."
    )]
    Show(Show),
    /// List who must not be texted or mailed, look one up, or change the list by hand
    #[command(after_help = opt_outs::EXAMPLES)]
    OptOuts(OptOuts),
    /// Hand recorded events out again, changing nothing
    #[command(
        after_help = "Examples:\n  switchhook replay 019aad2b-7c00-7000-8000-000000000001.0 --to http://127.0.0.1:3000/hooks\n  switchhook replay --kind call.ended --since 2026-11-22T09:00:00Z --to https://example.com/hooks\n  switchhook replay --source ai-sync --to http://127.0.0.1:3000 --dry-run\n  switchhook replay --kind call.ended --since 2d --stack hooks\n  switchhook replay --source ai-sync --stack hooks --table hooks-restored --dry-run\n\nWithout --to, events of a stack are put on its bus, as its pipe puts them there. With --to, they are posted one after the other, in the order accepted, as `local --forward-to` posts them: signed by Standard Webhooks with the secret in the file forward-secret of the data folder. An event has the same webhook-id each time. It ends early when ten events in a row get no answer."
    )]
    Replay(Replay),
    /// Print what lets a shell complete commands
    #[command(
        after_help = "Examples:\n  switchhook completions bash > ~/.local/share/bash-completion/completions/switchhook\n  switchhook completions zsh > ~/.zfunc/_switchhook     (with ~/.zfunc in fpath)\n  switchhook completions fish > ~/.config/fish/completions/switchhook.fish\n  switchhook completions elvish >> ~/.config/elvish/rc.elv\n  switchhook completions powershell >> $PROFILE"
    )]
    Completions(Completions),
    /// List, show, redrive or drop dead letters: events that could not be handled
    #[command(after_help = dead::EXAMPLES)]
    Dead(Dead),
    /// Erase the data of a person: of a number, an address or an entity
    #[command(after_help = forget::EXAMPLES)]
    Forget(Forget),
    /// Check a file of sources without running anything, or a stack on AWS
    #[command(after_help = check::CHECK)]
    Check(Check),
    /// Let the consumer of a stack take no events for a while
    #[command(after_help = check::PAUSE)]
    Pause(Pause),
    /// Let the consumer of a stack take events again
    #[command(after_help = check::RESUME)]
    Resume(Pause),
}

impl Command {
    /// Tells whether it has anything to do with a deployed stack.
    #[must_use]
    pub const fn takes_stack(&self) -> bool {
        match self {
            Self::Local(_) | Self::Completions(_) => false,
            Self::Sources(sources) => !matches!(sources.action, Some(SourcesAction::Token)),
            Self::Send(_)
            | Self::Events(_)
            | Self::Show(_)
            | Self::OptOuts(_)
            | Self::Replay(_)
            | Self::Dead(_)
            | Self::Forget(_)
            | Self::Check(_)
            | Self::Pause(_)
            | Self::Resume(_) => true,
        }
    }

    /// Returns the table to read instead of the stack's own, if one is named.
    #[must_use]
    pub fn table(&self) -> Option<&str> {
        let other = match self {
            Self::Events(events) => &events.other,
            Self::Show(show) => &show.other,
            Self::OptOuts(opt_outs) => &opt_outs.other,
            Self::Replay(replay) => &replay.other,
            Self::Local(_)
            | Self::Send(_)
            | Self::Sources(_)
            | Self::Completions(_)
            | Self::Dead(_)
            | Self::Forget(_)
            | Self::Check(_)
            | Self::Pause(_)
            | Self::Resume(_) => return None,
        };
        other.table.as_deref()
    }
}

/// Reads the name of a stack, which is not looked for before it can be one.
fn stack_name(text: &str) -> Result<String, &'static str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    if begins && text.len() <= 128 && text.chars().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("a stack's name begins with a letter and holds letters, digits and `-` only")
    }
}

/// Arguments of `local`.
#[derive(Arguments, Debug)]
pub struct Local {
    /// The port of the webhooks; 0 for any that is free
    #[arg(long, default_value_t = 8787)]
    pub port: u16,
    /// Open SQS and DynamoDB to other tools, and to every user of this machine, on this port of
    /// 127.0.0.1; 0 for any that is free
    #[arg(long, value_name = "PORT")]
    pub aws_port: Option<u16>,
    /// Post each committed event on to this address
    #[arg(long, value_name = "URL")]
    pub forward_to: Option<Url>,
    /// Let --forward-to send events to another host without encryption
    #[arg(long)]
    pub allow_plain_http: bool,
}

/// Arguments of `send`.
#[derive(Arguments, Debug)]
pub struct Send {
    /// The source to send as
    pub source: String,
    /// The sample to send, `all`, or `bytes`
    pub sample: Option<String>,
    /// Send each delivery this often, with the same bytes
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,
    /// Send this many different deliveries of each sample
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub count: u32,
    /// Send at most this many deliveries a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Send in random order
    #[arg(long)]
    pub shuffle: bool,
    /// Corrupt each delivery after it was signed: its body, or the credential that does not cover it
    #[arg(long)]
    pub tamper: bool,
    /// Where to send to [default: the address of `switchhook local`, or of the stack]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

/// Arguments of `sources`.
#[derive(Arguments, Debug)]
pub struct Sources {
    /// What to do with sources
    #[command(subcommand)]
    pub action: Option<SourcesAction>,
    /// List only those that sent nothing for so long, such as 6h; exit code 1 if there are any
    #[arg(long, value_name = "AGE", value_parser = time::span, allow_hyphen_values = true)]
    pub silent_for: Option<SignedDuration>,
}

/// What can be done with sources besides listing them.
#[derive(Debug, Subcommand)]
pub enum SourcesAction {
    /// Make the sources of a file those of a stack, and show what changes
    #[command(
        after_help = "Examples:\n  switchhook sources push --stack hooks\n  switchhook sources push --stack hooks --config switchhook.toml --dry-run\n  switchhook sources push --stack hooks --config switchhook.toml --yes\n\nWhat would change is shown by source, secrets and tokens by their number only. On a terminal it asks first; elsewhere it needs --yes or --dry-run (exit code 2 without). Functions that run take the new sources over within five minutes, within one when a delivery is refused meanwhile; nothing is deployed anew.\n\nTo rotate a secret, push the new one beside the old, change it at the provider, then push the new one alone.\n\nWith --json it is one object a source: source, change (added, changed, removed), fields, and dry_run with --dry-run."
    )]
    Push(Push),
    /// Make a token for the URL of a source
    Token,
}

/// Arguments of `sources push`.
#[derive(Arguments, Debug)]
pub struct Push {
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Change nothing, and show what would change
    #[arg(long)]
    pub dry_run: bool,
}

/// Reads a kind of event; the error lists them, and names the nearest one.
fn kind() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.iter().map(|kind| kind.as_str()))
        .try_map(|kind| kind.parse::<Kind>())
}

/// Which events are meant.
#[derive(Arguments, Clone, Debug)]
pub struct Filters {
    /// Only events of this source
    #[arg(long)]
    pub source: Option<String>,
    /// Only events of this kind, such as call.ended
    #[arg(long, value_parser = kind(), hide_possible_values = true)]
    pub kind: Option<Kind>,
    /// Only events of this entity
    #[arg(long)]
    pub entity: Option<String>,
    /// Only events accepted at this time or later: RFC 3339, a date (midnight UTC) or an age (6h, 2d)
    #[arg(long, value_name = "TIME", value_parser = time::time, allow_hyphen_values = true)]
    pub since: Option<Timestamp>,
    /// Only events accepted before this time: RFC 3339, a date (midnight UTC) or an age (6h, 2d)
    #[arg(long, value_name = "TIME", value_parser = time::time, allow_hyphen_values = true)]
    pub until: Option<Timestamp>,
}

impl Filters {
    /// Reports whether every event is meant.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        let Self {
            source,
            kind,
            entity,
            since,
            until,
        } = self;
        source.is_none() && kind.is_none() && entity.is_none() && since.is_none() && until.is_none()
    }
}

/// Arguments of `events`.
#[derive(Arguments, Debug)]
pub struct Events {
    /// Which ones
    #[command(flatten)]
    pub filters: Filters,
    /// How many, the newest ones
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: usize,
    /// With --json, the exact bytes too, as base64
    #[arg(long)]
    pub raw: bool,
    /// Where to read
    #[command(flatten)]
    pub other: OtherTable,
}

/// Arguments of `show`.
#[derive(Arguments, Debug)]
pub struct Show {
    /// An entity, {source}/{type}/{key}, or the id of an event
    #[arg(value_name = "ENTITY|EVENT-ID", value_parser = NonEmptyStringValueParser::new())]
    pub what: String,
    /// The headers and exact bytes of an event; with --json, the bytes as base64
    #[arg(long)]
    pub raw: bool,
    /// Write the headers and bytes to this file, which must not exist, instead of printing them
    #[arg(long, value_name = "FILE", requires = "raw")]
    pub output: Option<PathBuf>,
    /// Where to read
    #[command(flatten)]
    pub other: OtherTable,
}

/// Arguments of `replay`.
#[derive(Arguments, Debug)]
#[command(group = clap::ArgGroup::new("which").multiple(true).required(true)
    .args(["ids", "source", "kind", "entity", "since", "until"]))]
pub struct Replay {
    /// The ids of the events
    #[arg(value_name = "EVENT-ID", conflicts_with_all = ["source", "kind", "entity", "since", "until"])]
    pub ids: Vec<EventId>,
    /// Which ones, if not by their ids
    #[command(flatten)]
    pub filters: Filters,
    /// Where to post them [default: the bus of the stack]
    #[arg(long, value_name = "URL")]
    pub to: Option<Url>,
    /// Let --to send events to another host without encryption
    #[arg(long)]
    pub allow_plain_http: bool,
    /// Only list what would be posted
    #[arg(long)]
    pub dry_run: bool,
    /// Where to read
    #[command(flatten)]
    pub other: OtherTable,
}

/// Arguments of `completions`.
#[derive(Arguments, Debug)]
pub struct Completions {
    /// The shell
    pub shell: Shell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn common_arguments_may_stand_after_the_command() {
        let args = Args::try_parse_from(["switchhook", "events", "--data", "d", "--json", "--raw"])
            .unwrap();
        assert_eq!(args.data, PathBuf::from("d"));
        assert!(args.json);
    }

    #[test]
    fn wrong_usage_exits_with_two() {
        for wrong in [
            &["switchhook"][..],
            &["switchhook", "nope"],
            &["switchhook", "events", "--kind", "x"],
            &["switchhook", "send"],
            &["switchhook", "replay", "--to", "http://localhost"],
            &["switchhook", "replay", "no-id", "--to", "http://localhost"],
            &["switchhook", "local", "--forward-to", "localhost:3000"],
            &["switchhook", "completions", "tcsh"],
            &["switchhook", "dead"],
            &["switchhook", "dead", "show"],
            &["switchhook", "dead", "redrive"],
            &["switchhook", "dead", "redrive", "--force"],
            &["switchhook", "dead", "redrive", "--all", "id"],
            &["switchhook", "dead", "drop", "--yes"],
            &["switchhook", "dead", "drop", "--all", "--source", "voice"],
            &["switchhook", "events", "--stack", "no name"],
            &["switchhook", "sources", "--silent-for", "6"],
            &["switchhook", "sources", "--silent-for", "-6h"],
            &["switchhook", "sources", "--silent-for", "1 month"],
            &["switchhook", "check", "--url", "http://localhost"],
            &["switchhook", "check", "--before-deploy", "--before-delete"],
            &["switchhook", "check", "--parameter", "A=1"],
            &[
                "switchhook",
                "check",
                "--before-deploy",
                "--parameter",
                "A=1",
            ],
            &[
                "switchhook",
                "check",
                "--before-deploy",
                "--parameter",
                "AccountConcurrency",
            ],
            &["switchhook", "pause", "--within", "5"],
            &["switchhook", "resume", "--within", "-5m"],
            &["switchhook", "events", "--table", "a b"],
            &["switchhook", "dead", "list", "--table", "restored"],
            &["switchhook", "forget"],
            &["switchhook", "forget", ""],
            &["switchhook", "forget", "+15550100003", "--at-most", "many"],
        ] {
            assert_eq!(
                Args::try_parse_from(wrong).unwrap_err().exit_code(),
                2,
                "{wrong:?}"
            );
        }
    }
}
