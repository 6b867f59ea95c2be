//! Instructions of the hot functions, by valgrind's callgrind, beside those of a committed file.
//!
//! A function's count is the difference between a program that runs it ten times and one that runs it
//! a hundred and ten times, so what it takes to start and to make ready counts for nothing. Valgrind's
//! processor has no SHA instructions, so digests cost more here than on any machine.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::hot;

const FEW: u32 = 10;
const MANY: u32 = 110;

/// What to do with the counts.
#[derive(Clone, Copy, Debug)]
pub enum Verdict {
    /// Fail where one grew by more than so many per cent.
    Check(f64),
    /// Make them the baseline.
    Accept,
}

/// Counts all hot functions.
///
/// # Errors
///
/// When valgrind is missing, or one of them grew.
pub fn run(release: &Path, baseline: &Path, verdict: Verdict, out: &Path) -> Result<()> {
    let program = release.join("hot");
    let counts = hot::names().into_iter().map(|name| {
        let counted = |times| count(&program, &name, times);
        let per_run = counted(MANY)?.saturating_sub(counted(FEW)?) / u64::from(MANY - FEW);
        Ok((name, per_run))
    });
    let counts: BTreeMap<String, u64> = counts.collect::<Result<_>>()?;
    if let Verdict::Accept = verdict {
        fs::write(baseline, serde_json::to_string_pretty(&counts)? + "\n")?;
    }
    let kept = fs::read_to_string(baseline).unwrap_or_else(|_| "{}".to_owned());
    let kept: BTreeMap<String, u64> = serde_json::from_str(&kept)?;
    crate::report::write(&out.join("instructions.md"), &table(&counts, &kept))?;
    match verdict {
        Verdict::Accept => Ok(()),
        Verdict::Check(percent) => check(&counts, &kept, percent),
    }
}

fn count(program: &Path, name: &str, times: u32) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([name, &times.to_string()])
        .output()
        .context("valgrind is missing")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name}: {told}");
    let collected = told
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, digits) = collected.with_context(|| format!("no count in {told}"))?;
    Ok(digits.trim().parse()?)
}

fn growth(count: u64, kept: u64) -> f64 {
    (count as f64 / kept.max(1) as f64 - 1.0) * 100.0
}

fn table(counts: &BTreeMap<String, u64>, kept: &BTreeMap<String, u64>) -> String {
    let mut text =
        "| function | instructions | baseline | change |\n|---|---:|---:|---:|\n".to_owned();
    for (name, count) in counts {
        let _ = match kept.get(name) {
            Some(kept) => writeln!(
                text,
                "| {name} | {count} | {kept} | {:+.1} % |",
                growth(*count, *kept)
            ),
            None => writeln!(text, "| {name} | {count} | | new |"),
        };
    }
    text
}

/// Fails for what grew, and for what the baseline lacks or has too much.
fn check(counts: &BTreeMap<String, u64>, kept: &BTreeMap<String, u64>, percent: f64) -> Result<()> {
    ensure!(
        counts.keys().eq(kept.keys()),
        "the baseline is of other functions: accept the new counts"
    );
    let grown: Vec<_> = counts
        .iter()
        .filter(|(name, count)| {
            kept.get(*name)
                .is_none_or(|kept| growth(**count, *kept) > percent)
        })
        .map(|(name, _)| name.as_str())
        .collect();
    if !grown.is_empty() {
        bail!("grown by more than {percent} %: {}", grown.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(list: &[(&str, u64)]) -> BTreeMap<String, u64> {
        list.iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    }

    #[test]
    fn growth_beyond_the_limit_fails_and_names_the_function() {
        let kept = counts(&[("a", 1000), ("b", 1000)]);
        assert!(check(&counts(&[("a", 1015), ("b", 10)]), &kept, 2.0).is_ok());
        let grown = check(&counts(&[("a", 1000), ("b", 1021)]), &kept, 2.0);
        assert!(grown.unwrap_err().to_string().ends_with(": b"));
        assert!(
            check(&counts(&[("a", 1)]), &kept, 2.0).is_err(),
            "one is not counted"
        );
    }

    #[test]
    fn every_hot_function_runs() {
        for name in hot::names() {
            hot::run(&name, 1).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        }
        assert!(hot::run("ai-sync/none", 1).is_err());
    }
}
