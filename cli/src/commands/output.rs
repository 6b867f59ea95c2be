//! Tables for people and lines for programs.

use std::io::{self, IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};

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
