//! Tables for people and lines for programs.

use std::io::{self, IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use tokio::sync::watch;

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
        table.add_row(row.iter().map(|cell| shown(cell)).collect::<Vec<_>>());
    }
    writeln!(io::stdout().lock(), "{}", table.trim_fmt())
}

/// Prints one line.
pub(super) fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Says something beside the output.
pub(super) fn note(text: &str) -> io::Result<()> {
    writeln!(io::stderr().lock(), "switchhook: {text}")
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
    write!(io::stderr().lock(), "{question} [y/N] ")?;
    let mut interrupted = interrupted.clone();
    let line = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line)
    });
    tokio::select! {
        line = line => {
            let line = line.map_err(io::Error::from)??;
            Ok(Some(matches!(line.trim(), "y" | "Y" | "yes")))
        }
        _ = interrupted.wait_for(|is| *is) => Ok(None),
    }
}

/// Returns a text without what a terminal would act upon: senders write these texts.
pub(super) fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing_by_senders() {
        assert_eq!(
            shown("a\u{1b}[31mb\nc\u{9b}d"),
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}d"
        );
    }
}
