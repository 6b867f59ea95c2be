//! `switchhook pause` and `switchhook resume`: the consumer of a stack takes no events for a while.
//!
//! Its event source mapping is switched off and on. A function throttled to nothing instead would use up
//! the receives of every message, until SQS moves them to the dead letters.

use std::process::ExitCode;
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::json;
use tokio::time::Instant;

use super::{CommandError, Context, output};
use crate::args::Pause;
use crate::deployed::{DISABLED, Deployed, ENABLED};

/// How often Lambda is asked how far it is.
const PAUSE: Duration = Duration::from_millis(500);

/// What becomes of the consumer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Goal {
    Paused,
    Running,
}

impl Goal {
    const fn name(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Running => "running",
        }
    }

    /// Lambda's word for it.
    const fn state(self) -> &'static str {
        match self {
            Self::Paused => DISABLED,
            Self::Running => ENABLED,
        }
    }
}

pub(super) async fn run(
    context: &Context,
    args: &Pause,
    goal: Goal,
) -> Result<ExitCode, CommandError> {
    let Some(stack) = &context.stack else {
        return Err(CommandError::Usage(
            "the laptop's consumer cannot be paused: stop `switchhook local`, or name a stack with `--stack`".to_owned(),
        ));
    };
    let progress = match context.json {
        true => ProgressBar::hidden(),
        false => ProgressBar::new_spinner(),
    };
    let within = args.within.unsigned_abs();
    let changed = change(stack, goal, within, &progress).await;
    progress.finish_and_clear();
    report(context, stack, goal, changed?)?;
    Ok(ExitCode::SUCCESS)
}

/// Asks for the change until it is done; returns whether there was anything to change.
async fn change(
    stack: &Deployed,
    goal: Goal,
    within: Duration,
    progress: &ProgressBar,
) -> Result<bool, CommandError> {
    let source = stack.event_source()?;
    let started = Instant::now();
    let mut is_asked = false;
    let mut is_changed = false;
    loop {
        let state = source.state().await?;
        if state == goal.state() {
            return Ok(is_changed);
        }
        is_changed = true;
        if state == "Deleting" {
            return Err(CommandError::Refused(format!(
                "the consumer of the stack `{}` is being deleted",
                stack.name()
            )));
        }
        // What is changing already is waited for: Lambda takes one change at a time.
        if !is_asked && [ENABLED, DISABLED].contains(&state.as_str()) {
            is_asked = source.enable(goal == Goal::Running).await?;
        }
        if started.elapsed() >= within {
            return Err(late(stack, goal, &state, is_asked));
        }
        progress.set_message(format!("the consumer is {state}, to be {}", goal.state()));
        progress.tick();
        tokio::time::sleep(PAUSE).await;
    }
}

fn late(stack: &Deployed, goal: Goal, state: &str, is_asked: bool) -> CommandError {
    let name = stack.name();
    let asked = match is_asked {
        true => "the change was asked for and goes on",
        false => "an earlier change is under way, and this one was not asked for yet",
    };
    CommandError::Refused(format!(
        "the consumer of the stack `{name}` is not {} in time (it is {state}): {asked}; repeat the command, or look with `switchhook check --stack {name}`",
        goal.name()
    ))
}

fn report(
    context: &Context,
    stack: &Deployed,
    goal: Goal,
    is_changed: bool,
) -> Result<(), CommandError> {
    let name = stack.name();
    if context.json {
        let report = json!({"stack": name, "consumer": goal.name(), "changed": is_changed});
        return Ok(output::json(&report)?);
    }
    let already = if is_changed { "" } else { "already " };
    output::line(&match goal {
        Goal::Paused => format!("{already}paused: the consumer of `{name}` takes no events"),
        Goal::Running => format!("{already}running: the consumer of `{name}` takes events"),
    })?;
    if goal == Goal::Paused {
        output::line(&format!(
            "Deliveries are still accepted, and their events wait in the queue: after 14 days they are lost. `switchhook resume --stack {name}` goes on."
        ))?;
    }
    Ok(())
}
