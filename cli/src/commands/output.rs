//! Tables and lines for people, JSON for programs. Nothing that a terminal would act upon comes out of
//! here, but for a body that somebody asked for as it came.

use std::io::{self, IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use tokio::sync::watch;

use crate::terminal;

/// Prints rows under their headings, no wider than the terminal.
pub(super) fn table(
    headings: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> io::Result<()> {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings.iter().map(|heading| (*heading).to_owned()));
    for row in rows {
        let cells = row.iter().map(|cell| terminal::shown(cell));
        table.add_row(cells.collect::<Vec<_>>());
    }
    writeln!(io::stdout().lock(), "{}", table.trim_fmt())
}

/// Prints one line for people.
pub(super) fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{}", terminal::shown(text))
}

/// Prints one line of JSON.
pub(super) fn json(value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string(value)?;
    writeln!(io::stdout().lock(), "{}", terminal::json(&text))
}

/// Prints a text of several lines that is plain.
pub(super) fn plain(text: &str) -> io::Result<()> {
    debug_assert!(terminal::is_plain(text.as_bytes()), "it was checked");
    writeln!(io::stdout().lock(), "{text}")
}

/// Prints bytes as they are.
pub(super) fn raw(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Says something beside the output.
pub(super) fn note(text: &str) -> io::Result<()> {
    writeln!(io::stderr().lock(), "switchhook: {}", terminal::shown(text))
}

/// Tells whether somebody is there to answer a question.
pub(super) fn is_attended() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks the person at the terminal; `None` where a signal came instead of an answer.
pub(super) async fn ask(
    question: &str,
    interrupted: &watch::Receiver<bool>,
) -> io::Result<Option<bool>> {
    if !is_attended() {
        return Ok(Some(false));
    }
    prompt(question)?;
    let mut interrupted = interrupted.clone();
    let line = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line)
    });
    tokio::select! {
        line = line => Ok(Some(is_yes(&line.map_err(io::Error::from)??))),
        _ = interrupted.wait_for(|is| *is) => Ok(None),
    }
}

/// Asks the person at the terminal, where no signal has to be waited for.
pub(super) fn ask_now(question: &str) -> io::Result<bool> {
    prompt(question)?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(is_yes(&line))
}

fn prompt(question: &str) -> io::Result<()> {
    let question = terminal::shown(question);
    write!(io::stderr().lock(), "{question} [y/N] ")
}

fn is_yes(line: &str) -> bool {
    matches!(line.trim(), "y" | "Y" | "yes")
}

/// Reports whether a terminal gets what is printed.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}
