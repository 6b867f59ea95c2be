//! The commands: each is one file of this folder.

mod check;
mod completions;
mod context;
mod dead;
mod event;
pub(crate) mod event_json;
mod events;
mod forget;
mod no_match;
mod opt_outs;
mod output;
mod pause;
mod push;
mod replay;
mod send;
mod show;
mod sources;

use std::error::Error;
use std::iter;
use std::process::ExitCode;

use switchhook_core::config::ConfigError;
use switchhook_core::ports::PortError;
use switchhook_core::report::Report;
use switchhook_core::states::StateError;

pub use self::check::Invalid;
use self::context::Context;
use self::pause::Goal;
use crate::args::{Args, Command, SourcesAction};
use crate::deployed::{Deployed, DeployedError, is_absent};
use crate::local::config::SourcesError;
use crate::local::data_dir::{DataDir, DataDirError};
use crate::local::erase::EraseError;
use crate::local::stack::StackError;
use crate::local::{self, LocalError, Options};
use crate::outbound::{SecretError, Url};
use crate::secrets::NoRandomness;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// `local` does not run.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The data folder.
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// The configuration.
    #[error(transparent)]
    Sources(#[from] SourcesError),
    /// The stack on AWS.
    #[error(transparent)]
    Deployed(#[from] DeployedError),
    /// The ledger.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// The ledger does not answer.
    #[error(transparent)]
    Port(#[from] PortError),
    /// There is no randomness.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// What the ledger holds is damaged.
    #[error("an item of the ledger is damaged")]
    Damaged(#[from] serde_json::Error),
    /// A state that the ledger holds is damaged.
    #[error("a state of the ledger cannot be read")]
    State(#[source] StateError),
    /// A file is refused.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// What was named is not there; says what is.
    #[error("{0}")]
    NotFound(String),
    /// What was given cannot be taken; says why, and what to do.
    #[error("{0}")]
    Refused(String),
    /// The arguments do not go together; says what does.
    #[error("{0}")]
    Usage(String),
    /// The command is the laptop's or nobody's.
    #[error("this command does nothing to a deployed stack: leave `--stack` out")]
    NoStack,
    /// What was deleted may be left in files.
    #[error(transparent)]
    Erase(#[from] EraseError),
    /// The secret to sign by.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// SIGINT or SIGTERM.
    #[error(
        "interrupted: what was not done yet is as it was, and the same command may be repeated"
    )]
    Interrupted,
    /// The terminal or a pipe.
    #[error("the output cannot be written")]
    Output(#[from] std::io::Error),
}

impl CommandError {
    /// Returns what to print: the error on one line, then each mistake of a document on its own.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mistakes: Vec<String> = match (self, config_error(self)) {
            (Self::Invalid(invalid), _) => invalid.lines().collect(),
            (_, Some(refused)) => refused.mistakes().iter().map(ToString::to_string).collect(),
            (_, None) => return vec![Report(self).to_string()],
        };
        // All that is said before the document's own error.
        let before = chain(self).take_while(|error| !error.is::<ConfigError>());
        let mut said: Vec<_> = before.map(ToString::to_string).collect();
        said.dedup();
        let head = said.join(": ");
        match mistakes.as_slice() {
            [only] => vec![format!("{head}: {only}")],
            _ => [format!("{head}:")].into_iter().chain(mistakes).collect(),
        }
    }

    /// Returns the exit code: 2 for wrong usage, 1 for everything else.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::NoStack => 2,
            _ => 1,
        }
    }
}

/// Finds a refused document among an error's reasons.
fn config_error(error: &CommandError) -> Option<&ConfigError> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// Iterates over an error and its sources.
fn chain(error: &CommandError) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    iter::successors(Some(first), |error| (*error).source())
}

/// Does what was asked.
///
/// # Errors
///
/// Why it could not be done.
pub fn run(args: Args) -> Result<ExitCode, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(dispatch(args));
    // Work that was broken off (a poll that waits) must not hold the exit up.
    runtime.shutdown_background();
    match done {
        // The reader of our output has gone: nobody is left to tell.
        Err(CommandError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            Ok(ExitCode::SUCCESS)
        }
        done => done,
    }
}

/// Refuses to send events to another host without encryption, unless that is asked for.
fn check_plain_http(flag: &str, url: &Url, is_allowed: bool) -> Result<(), CommandError> {
    if is_allowed || !url.is_plain_to_others() {
        return Ok(());
    }
    Err(CommandError::Usage(format!(
        "`{flag} {url}` sends events to another host unencrypted, for everybody on the way to read: use `https://`, or insist with `--allow-plain-http`"
    )))
}

async fn dispatch(args: Args) -> Result<ExitCode, CommandError> {
    let table = args.command.table().map(str::to_owned);
    if table.is_some() && args.stack.is_none() {
        return Err(CommandError::Usage(
            "the laptop has one table: `--table` goes with `--stack`".to_owned(),
        ));
    }
    if let (Command::Check(check), Some(name), None) = (&args.command, &args.stack, &args.config)
        && check.before_deploy
    {
        return check::before_deploy::run(name, check, args.json).await;
    }
    let stack = match &args.stack {
        Some(_) if !args.command.takes_stack() => return Err(CommandError::NoStack),
        Some(name) => {
            let stack = Deployed::open(name.clone()).await?;
            Some(stack.with_table(table.clone()))
        }
        None => None,
    };
    let done = perform(args, stack).await;
    match (done, table) {
        (Err(error), Some(table)) if is_absent(&error) => Err(CommandError::NotFound(format!(
            "there is no table `{table}` in this account and region: `aws dynamodb list-tables` shows what is there"
        ))),
        (done, _) => done,
    }
}

async fn perform(args: Args, stack: Option<Deployed>) -> Result<ExitCode, CommandError> {
    let context = Context {
        data: DataDir::new(args.data.clone()),
        config: args.config,
        json: args.json,
        stack,
    };
    match args.command {
        Command::Local(local) => {
            if let Some(url) = &local.forward_to {
                check_plain_http("--forward-to", url, local.allow_plain_http)?;
            }
            let options = Options {
                data: args.data,
                config: context.config,
                port: local.port,
                aws_port: local.aws_port,
                forward_to: local.forward_to,
            };
            local::run(options).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Send(send) => send::run(&context, send).await,
        Command::Sources(sources) => match sources.action {
            None => sources::run(&context, sources.silent_for).await,
            Some(SourcesAction::Push(push)) => push::run(&context, &push).await,
            Some(SourcesAction::Token) => sources::print_token(&context),
        },
        Command::Events(events) => events::run(&context, &events).await,
        Command::Show(show) => show::run(&context, &show).await,
        Command::OptOuts(opt_outs) => opt_outs::run(&context, &opt_outs).await,
        Command::Replay(replay) => replay::run(&context, replay).await,
        Command::Completions(completions) => completions::run(&completions),
        Command::Dead(dead) => dead::run(&context, &dead).await,
        Command::Forget(forget) => forget::run(&context, &forget).await,
        Command::Check(check) => check::run(&context, &check).await,
        Command::Pause(pause) => pause::run(&context, &pause, Goal::Paused).await,
        Command::Resume(resume) => pause::run(&context, &resume, Goal::Running).await,
    }
}
