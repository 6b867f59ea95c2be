//! What the measurements found, kept beside their tables, so that the goals can be held against it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::report;

/// The figures of one measurement by their names.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Figures {
    /// On what machine, and when.
    of: String,
    values: BTreeMap<String, f64>,
}

fn file(out: &Path, measurement: &str) -> PathBuf {
    out.join("figures").join(format!("{measurement}.json"))
}

impl Figures {
    /// Makes figures of now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            of: report::machine(),
            values: BTreeMap::new(),
        }
    }

    /// Adds one; what is no number is none.
    pub fn put(&mut self, name: impl Into<String>, value: f64) {
        if value.is_finite() {
            self.values.insert(name.into(), value);
        }
    }

    /// Returns one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.get(name).copied()
    }

    /// Returns how many times the second the first is.
    #[must_use]
    pub fn ratio(&self, of: &str, to: &str) -> Option<f64> {
        Some(self.get(of)? / self.get(to).filter(|value| *value > 0.0)?)
    }

    /// Returns the greatest of those whose names begin so.
    #[must_use]
    pub fn greatest(&self, prefix: &str) -> Option<f64> {
        let named = self.values.iter().filter(|(n, _)| n.starts_with(prefix));
        named.map(|(_, value)| *value).max_by(f64::total_cmp)
    }

    /// Returns on what machine they were found, and when.
    #[must_use]
    pub fn of(&self) -> &str {
        &self.of
    }

    /// Adds all of another measurement.
    pub fn extend(&mut self, other: Self) {
        self.values.extend(other.values);
    }

    /// Keeps them as those of a measurement.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub fn keep(&self, out: &Path, measurement: &str) -> Result<()> {
        let path = file(out, measurement);
        fs::create_dir_all(path.parent().unwrap_or(out))?;
        let text = serde_json::to_string_pretty(self)?;
        fs::write(&path, text).with_context(|| path.display().to_string())
    }

    /// Reads those that a measurement left; none where it did not run.
    ///
    /// # Errors
    ///
    /// When they are not readable.
    pub fn of_measurement(out: &Path, measurement: &str) -> Result<Option<Self>> {
        let path = file(out, measurement);
        if !path.is_file() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path)?;
        let figures = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        Ok(Some(figures))
    }

    /// Forgets what an earlier run of a measurement left.
    ///
    /// # Errors
    ///
    /// When the file cannot be removed.
    pub fn forget(out: &Path, measurement: &str) -> Result<()> {
        match fs::remove_file(file(out, measurement)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_beside_its_table_until_it_is_forgotten() {
        let out = tempfile::tempdir().unwrap();
        let foreign = out.path().join("figures/drawing.svg");
        let mut figures = Figures::new();
        figures.put("deliveries", 7.0);
        figures.keep(out.path(), "memory").unwrap();
        fs::write(&foreign, "").unwrap();
        let found = || Figures::of_measurement(out.path(), "memory").unwrap();
        assert_eq!(found().unwrap().get("deliveries"), Some(7.0));
        for _ in 0..2 {
            Figures::forget(out.path(), "memory").unwrap();
            assert!(found().is_none());
        }
        assert!(foreign.exists(), "only what is ours is forgotten");
    }
}
