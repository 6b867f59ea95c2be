//! `switchhook sources push`: the sources of a file become those of a deployed stack.
//!
//! The stack itself stays as it is: the functions that run read the secret again by themselves.

mod difference;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use self::difference::Change;
use super::{CommandError, Context, check, output};
use crate::args::Push;
use crate::deployed::{Deployed, MAX_SECRET_BYTES};
use crate::local::config::{SourcesFile, chosen_file};

pub(super) async fn run(context: &Context, args: &Push) -> Result<ExitCode, CommandError> {
    let Some(stack) = &context.stack else {
        let reason = "sources are pushed to a stack: name it with `--stack`";
        return Err(CommandError::Usage(reason.to_owned()));
    };
    if !(args.yes || args.dry_run || output::is_attended()) {
        let reason = "pushing without a terminal needs `--yes`; `--dry-run` only looks";
        return Err(CommandError::Usage(reason.to_owned()));
    }
    let document = document(context, stack)?;
    let secret = stack.secret()?;
    let present = secret.read().await?;
    let present = match present.as_deref().map(serde_json::from_str).transpose() {
        Ok(present) => present,
        Err(_) => {
            output::note("what the stack has now is no JSON: nothing can be said about it")?;
            None
        }
    };
    let changes = difference::between(present.as_ref(), &document);
    print(context, &changes, args.dry_run)?;
    if changes.is_empty() || args.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    if !args.yes && !confirm(stack)? {
        output::note("nothing was pushed")?;
        return Ok(ExitCode::FAILURE);
    }
    secret.write(document.to_string()).await?;
    output::note(
        "pushed: functions that run take it over within five minutes, within one when a delivery is refused meanwhile",
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Reads the file as what the stack is to have, if it can have that.
fn document(context: &Context, stack: &Deployed) -> Result<serde_json::Value, CommandError> {
    let file = chosen_file(context.config.clone());
    let file = SourcesFile::new(file.unwrap_or_else(|| PathBuf::from("switchhook.toml")));
    let (sources, document) = (check::read(&file)?, file.json()?);
    if let Some(refusal) = check::too_large(&sources) {
        return Err(CommandError::Refused(refusal));
    }
    let kept = stack.retention_days()?;
    if sources.retention_days > kept {
        return Err(CommandError::Refused(format!(
            "`retention_days` is {}, and the stack keeps large bodies for records of {kept} days: deploy it with a larger `RetentionDays` first",
            sources.retention_days
        )));
    }
    let bytes = document.to_string().len();
    if bytes > MAX_SECRET_BYTES {
        return Err(CommandError::Refused(format!(
            "`{}` is {bytes} bytes as JSON, and a secret holds {MAX_SECRET_BYTES}: take out what is no longer used, or divide the sources between two stacks",
            file.path().display()
        )));
    }
    for warning in file.warning().into_iter().chain(check::warnings(&sources)) {
        output::note(&warning)?;
    }
    Ok(document)
}

fn print(context: &Context, changes: &[Change], dry_run: bool) -> Result<(), CommandError> {
    if context.json {
        for change in changes {
            output::json(&change.json(dry_run))?;
        }
    } else if changes.is_empty() {
        output::line("Nothing changes: the stack has these sources.")?;
    }
    if !context.json {
        for change in changes {
            output::line(&change.to_string())?;
        }
    }
    Ok(())
}

/// Asks the person at the terminal.
fn confirm(stack: &Deployed) -> io::Result<bool> {
    let place = format!("{} ({})", stack.name(), stack.status());
    output::ask_now(&format!("Push this to the stack {place}?"))
}
