//! Tables for people, with ratios to a baseline, and the machine that they are of.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use anyhow::Result;

use crate::plot::short;

/// One value of a row.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    /// What it is.
    pub name: &'a str,
    /// The value.
    pub value: f64,
    /// What it is told as a multiple of, where that makes sense.
    pub baseline: Option<f64>,
}

/// A table of candidates, one a column, so that it stays narrow.
#[derive(Clone, Debug)]
pub struct Table {
    title: String,
    names: Vec<String>,
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    /// Makes an empty table.
    #[must_use]
    pub fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            names: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Adds a candidate.
    pub fn row(&mut self, name: &str, columns: &[Column<'_>]) {
        self.names.push(name.to_owned());
        for (index, column) in columns.iter().enumerate() {
            let cell = cell(column);
            match self.rows.get_mut(index) {
                Some((_, cells)) => cells.push(cell),
                None => self.rows.push((column.name.to_owned(), vec![cell])),
            }
        }
    }

    /// Writes it as Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = format!("\n| {} | {} |\n", self.title, self.names.join(" | "));
        let _ = writeln!(text, "|---{}|", "|---:".repeat(self.names.len()));
        for (name, cells) in &self.rows {
            let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
        }
        text
    }
}

fn cell(column: &Column<'_>) -> String {
    let value = short(column.value);
    match column.baseline {
        Some(baseline) if baseline > 0.0 && baseline != column.value => {
            format!("{value} ({:.1}×)", column.value / baseline)
        }
        _ => value,
    }
}

/// Prints a text and writes it to a file, with the machine and the time.
///
/// # Errors
///
/// When the file cannot be written.
#[expect(
    clippy::print_stdout,
    reason = "what was measured is what the program prints"
)]
pub fn write(path: &Path, text: &str) -> Result<()> {
    let text = format!("{}\n{text}", machine());
    println!("{text}");
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    Ok(fs::write(path, text)?)
}

/// Says on the terminal how far a long measurement is.
#[expect(
    clippy::print_stderr,
    reason = "results alone go to the standard output"
)]
pub fn progress(text: &str) {
    eprintln!("{text}");
}

/// Says what machine this is, how busy, and when.
#[must_use]
pub fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name\t: "));
    let cores = cpu
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    let now = jiff::Timestamp::from_millisecond(now_millis()).unwrap_or_default();
    format!(
        "{}, {cores} cores, {}, load {load}, {}; {}\n",
        model.unwrap_or("unknown processor"),
        std::env::consts::ARCH,
        now.strftime("%Y-%m-%d %H:%M UTC"),
        *VERSIONS
    )
}

/// What the programs are made of and run by.
static VERSIONS: LazyLock<String> = LazyLock::new(|| {
    let told = [
        ("commit", commit()),
        ("", told("rustc", &["--version"])),
        ("Node.js", told("node", &["--version"])),
        ("", told("python3", &["--version"])),
    ];
    let known = told.into_iter().filter_map(|(name, told)| {
        let text = format!("{name} {}", told?);
        Some(text.trim().to_owned())
    });
    known.collect::<Vec<_>>().join(", ")
});

/// Returns the commit that was built, and says where it was not all; documents are what this writes.
fn commit() -> Option<String> {
    let head = told("git", &["rev-parse", "--short=12", "HEAD"])?;
    let sources = [":/", ":(top,exclude)docs"];
    let changes = told(
        "git",
        &[&["status", "--porcelain", "--"][..], &sources].concat(),
    )?;
    let changed = if changes.is_empty() {
        ""
    } else {
        " with changes"
    };
    Some(head + changed)
}

/// Returns what a program says, run in this folder.
fn told(program: &str, args: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command.output().ok().filter(|o| o.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn now_millis() -> i64 {
    use switchhook_core::time::Clock;
    switchhook_aws::clock::SystemClock.now().as_millisecond()
}
