//! `switchhook completions`: what lets a shell complete our commands.

use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;

use super::CommandError;
use crate::args::{Args, Completions};

pub(super) fn run(args: &Completions) -> Result<ExitCode, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "switchhook", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
