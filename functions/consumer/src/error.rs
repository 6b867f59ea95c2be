//! Why an event is not in the ledger, and what follows from it.

use switchhook_core::attempts::Failure;
use switchhook_core::occurrence::UnknownProvider;
use switchhook_core::ports::PortError;

use crate::router::ApplyError;

/// Why an event is not in the ledger.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// It never will be: it becomes a dead letter.
    #[error("the event cannot be handled ({reason})")]
    Terminal {
        /// The reason that the dead letter shows.
        reason: &'static str,
        /// What it came from, if from anything.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// It will be tried again.
    #[error("the event is tried again later")]
    Passing(#[source] PortError),
    /// Something outside did not answer in the function's time; handlers do not wait.
    #[error("the event was not finished in the function's time")]
    OutOfTime,
    /// Its handler has a mistake. What a panic says may be what the event says.
    #[error("the handler panicked")]
    Panicked,
}

impl HandleError {
    pub(crate) fn terminal(reason: &'static str) -> Self {
        Self::Terminal {
            reason,
            source: None,
        }
    }

    /// Returns what log lines and dead letters call it.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Terminal { reason, .. } => reason,
            Self::Passing(_) => "passing",
            Self::OutOfTime => "time",
            Self::Panicked => "panic",
        }
    }

    /// Returns what kind of failure it is.
    #[must_use]
    pub const fn failure(&self) -> Failure {
        match self {
            Self::Terminal { .. } => Failure::ForGood,
            Self::Passing(_) | Self::OutOfTime => Failure::Passing,
            Self::Panicked => Failure::Unknown,
        }
    }

    pub(crate) fn caused(
        reason: &'static str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Terminal {
            reason,
            source: Some(Box::new(source)),
        }
    }
}

impl From<PortError> for HandleError {
    fn from(error: PortError) -> Self {
        if error.is_permanent {
            return Self::caused("refused_by_table", error);
        }
        Self::Passing(error)
    }
}

impl From<ApplyError> for HandleError {
    fn from(error: ApplyError) -> Self {
        Self::caused("state", error)
    }
}

impl From<UnknownProvider> for HandleError {
    fn from(error: UnknownProvider) -> Self {
        Self::caused("provider", error)
    }
}
