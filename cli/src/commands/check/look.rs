//! What came of looking at one thing, and how all of it is printed.

use std::fmt;
use std::process::ExitCode;

use serde::Serialize;
use switchhook_core::report::Report;

use super::super::{CommandError, output};
use crate::deployed::{advice, is_absent};

/// What came of looking.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Ok,
    Warning,
    Failed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "FAILED",
        })
    }
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Look {
    check: &'static str,
    result: Verdict,
    detail: String,
}

pub(super) type Looked = Result<(Verdict, String), CommandError>;

pub(super) fn fine(detail: impl Into<String>) -> Looked {
    Ok((Verdict::Ok, detail.into()))
}

pub(super) fn warning(detail: impl Into<String>) -> Looked {
    Ok((Verdict::Warning, detail.into()))
}

pub(super) fn failed(detail: impl Into<String>) -> Looked {
    Ok((Verdict::Failed, detail.into()))
}

/// Names a look at something that a stack cannot do without: an error means that it is not whole.
pub(super) fn look(check: &'static str, looked: Looked) -> Look {
    let (result, detail) = looked.unwrap_or_else(|error| (Verdict::Failed, reason(&error)));
    Look {
        check,
        result,
        detail,
    }
}

/// Names a look at something that works without being looked at: an error is a warning, unless it is that
/// nothing is there.
pub(super) fn side_look(check: &'static str, looked: Looked) -> Look {
    let unknown = |error| match is_absent(&error) {
        true => Err(error),
        false => warning(format!("unknown: {}", reason(&error))),
    };
    look(check, looked.or_else(unknown))
}

fn reason(error: &CommandError) -> String {
    let advice = advice(error).map(|advice| format!("; {advice}"));
    Report(error).to_string() + &advice.unwrap_or_default()
}

/// What several observations of one thing come to.
#[derive(Debug, Default)]
pub(super) struct Findings {
    failures: Vec<String>,
    warnings: Vec<String>,
    notes: Vec<String>,
}

impl Findings {
    pub(super) fn fail(&mut self, text: impl Into<String>) {
        self.failures.push(text.into());
    }

    pub(super) fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Reports whether nothing is wrong.
    pub(super) const fn is_good(&self) -> bool {
        self.failures.is_empty() && self.warnings.is_empty()
    }

    /// Takes failures for warnings, where nothing is deployed that could fail.
    pub(super) fn at_most_warnings(self) -> Self {
        Self {
            failures: Vec::new(),
            warnings: [self.failures, self.warnings].concat(),
            notes: self.notes,
        }
    }

    /// Returns the worst of it, with the gravest first.
    pub(super) fn looked(self) -> Looked {
        let verdict = match (self.failures.is_empty(), self.warnings.is_empty()) {
            (false, _) => Verdict::Failed,
            (true, false) => Verdict::Warning,
            (true, true) => Verdict::Ok,
        };
        let all = [self.failures, self.warnings, self.notes].concat();
        Ok((verdict, all.join("; ")))
    }
}

/// Prints all looks; exit code 1 if one of them failed.
pub(super) fn print(is_json: bool, looks: &[Look]) -> Result<ExitCode, CommandError> {
    if is_json {
        for look in looks {
            output::json(look)?;
        }
    } else {
        let rows = looks.iter().map(|look| {
            let verdict = look.result.to_string();
            vec![look.check.to_owned(), verdict, look.detail.clone()]
        });
        output::table(&["CHECK", "RESULT", ""], rows)?;
    }
    let is_good = looks.iter().all(|look| look.result != Verdict::Failed);
    Ok(if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
