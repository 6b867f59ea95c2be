//! `switchhook`: runs the receiver on a laptop, and shows what a ledger holds.
#![expect(clippy::print_stderr, reason = "errors of a command line go there")]

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use switchhook::args::Args;
use switchhook::commands;
use switchhook::deployed::advice;
use switchhook::files;
use switchhook::terminal::shown;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    files::set_private_umask();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return refuse(&error),
    };
    match commands::run(args) {
        Ok(code) => code,
        Err(error) => {
            for (index, line) in error.lines().iter().enumerate() {
                let before = if index == 0 { "switchhook:" } else { " " };
                eprintln!("{before} {}", shown(line));
            }
            if let Some(advice) = advice(&error) {
                eprintln!("switchhook: {}", shown(advice));
            }
            ExitCode::from(error.exit_code())
        }
    }
}

/// Prints what clap says, which may repeat arguments: a script may have them from a sender.
fn refuse(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    let lines: Vec<_> = text.lines().map(shown).collect();
    let is_plain = lines.iter().map(String::as_str).eq(text.lines());
    if is_plain {
        error.exit(); // in colour, where there is one
    }
    eprintln!("{}", lines.join("\n"));
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1))
}
