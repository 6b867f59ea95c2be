//! `switchhook`: runs the receiver on a laptop, and shows what a ledger holds.
#![expect(clippy::print_stderr, reason = "errors of a command line go there")]

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use switchhook::args::Args;
use switchhook::commands;
use switchhook::deployed::advice;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match commands::run(Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            for (index, line) in error.lines().iter().enumerate() {
                let before = if index == 0 { "switchhook:" } else { " " };
                eprintln!("{before} {line}");
            }
            if let Some(advice) = advice(&error) {
                eprintln!("switchhook: {advice}");
            }
            ExitCode::from(error.exit_code())
        }
    }
}
