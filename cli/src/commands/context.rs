//! What every command asks for, made of the data folder or of a deployed stack. Which of the two it
//! is, commands need not know.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::SignedDuration;
use switchhook_aws::clock::SystemClock;
use switchhook_aws::dead_letters::DeadLetters;
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_aws::sqs::SqsQueue;
use switchhook_core::config::{MIN_RETENTION_DAYS, Sources};
use switchhook_core::ports::BodyStore;
use switchhook_core::time::{Clock, Timestamp};

use super::CommandError;
use crate::deployed::Deployed;
use crate::hits::{Hits, Metrics};
use crate::local::bodies::FileBodies;
use crate::local::config::{SourcesFile, chosen_file};
use crate::local::counts;
use crate::local::data_dir::{DataDir, DataDirError};
use crate::local::stack::{self, StackError};
use crate::outbound::SigningSecret;

/// What every command knows.
#[derive(Debug)]
pub(super) struct Context {
    /// The folder of the laptop's data.
    pub(super) data: DataDir,
    /// The file of sources, where one is named.
    pub(super) config: Option<PathBuf>,
    /// Whether programs read the output.
    pub(super) json: bool,
    /// The stack, where one is named; else the laptop's is meant.
    pub(super) stack: Option<Deployed>,
}

impl Context {
    /// Checks that there are data to work on.
    pub(super) fn existing(&self) -> Result<(), CommandError> {
        match &self.stack {
            Some(_) => Ok(()),
            None => Ok(self.data.existing()?),
        }
    }

    /// Returns the ledger.
    pub(super) fn ledger(&self) -> Result<DynamoDbLedger, CommandError> {
        if let Some(stack) = &self.stack {
            return Ok(stack.ledger()?);
        }
        self.data.existing()?;
        Ok(stack::open_ledger(&self.data)?)
    }

    /// Returns the store of large bodies.
    pub(super) fn bodies(&self) -> Result<Box<dyn BodyStore>, CommandError> {
        Ok(match &self.stack {
            Some(stack) => Box::new(stack.bodies()?),
            None => Box::new(FileBodies::new(self.data.bodies())),
        })
    }

    /// Returns the dead letters.
    pub(super) async fn dead_letters(&self) -> Result<DeadLetters, CommandError> {
        let clock = Arc::new(SystemClock);
        if let Some(stack) = &self.stack {
            return Ok(stack.dead_letters(clock)?);
        }
        self.data.existing()?;
        Ok(stack::open_dead_letters(&self.data, clock).await?)
    }

    /// Returns the queue of events.
    pub(super) async fn queue(&self) -> Result<SqsQueue, CommandError> {
        if let Some(stack) = &self.stack {
            return Ok(stack.queue()?);
        }
        self.data.existing()?;
        Ok(stack::open_queue(&self.data, Arc::new(SystemClock)).await?)
    }

    /// Returns the time by the clock that accepts deliveries: this machine's, or AWS's.
    pub(super) async fn accepting_time(&self) -> Result<Timestamp, CommandError> {
        match &self.stack {
            Some(stack) => Ok(stack.now().await?),
            None => Ok(SystemClock.now()),
        }
    }

    /// Returns how long records live, in days.
    pub(super) async fn retention_days(&self) -> Result<u16, CommandError> {
        if let Some(stack) = &self.stack {
            return Ok(stack.retention_days()?);
        }
        let sources = self.sources().await;
        Ok(sources.map_or(MIN_RETENTION_DAYS, |sources| sources.retention_days))
    }

    /// Tells whether a consumer takes what is on the queue.
    pub(super) fn is_consumed(&self) -> bool {
        self.stack.is_some() || self.data.is_owned()
    }

    /// Returns the sources of the named file, else those of the stack; on the laptop those that
    /// `local` last ran with, else those of the usual file.
    pub(super) async fn sources(&self) -> Result<Sources, CommandError> {
        match (&self.config, &self.stack) {
            (Some(path), _) => Ok(SourcesFile::new(path.clone()).read()?),
            (None, Some(stack)) => Ok(stack.sources().await?),
            (None, None) => self.sources_of_laptop(),
        }
    }

    fn sources_of_laptop(&self) -> Result<Sources, CommandError> {
        let file = match self.data.last_run() {
            Ok(run) => run.config.unwrap_or_else(|| self.data.demo_sources()),
            Err(never_ran) => chosen_file(None).ok_or(never_ran)?,
        };
        Ok(SourcesFile::new(file).read()?)
    }

    /// Returns how far back there is anything to look for.
    pub(super) async fn reach(&self) -> Result<SignedDuration, CommandError> {
        let days = self.retention_days().await?;
        Ok(SignedDuration::from_hours(
            i64::from(days).saturating_mul(24),
        ))
    }

    /// Returns the address that the sources' URLs go on from: of the stack, or that `local` last
    /// served, or the one it serves by default.
    pub(super) fn url(&self) -> Result<String, CommandError> {
        if let Some(stack) = &self.stack {
            return Ok(stack.url()?.to_owned());
        }
        let run = self.data.last_run();
        Ok(run.map_or_else(|_| "http://127.0.0.1:8787".to_owned(), |run| run.url))
    }

    /// Returns the same address for sending something there.
    pub(super) fn reachable_url(&self) -> Result<String, CommandError> {
        match &self.stack {
            Some(stack) => Ok(stack.reachable(stack.url()?)?.to_owned()),
            None => self.url(),
        }
    }

    /// Counts what each source sent, for so long at least.
    pub(super) async fn hits(
        &self,
        sources: &Sources,
        at_least: SignedDuration,
    ) -> Result<HashMap<String, Hits>, CommandError> {
        let now = SystemClock.now();
        let days = SignedDuration::from_hours(i64::from(sources.retention_days).saturating_mul(24));
        let since = now.checked_sub(days.max(at_least)).unwrap_or_default();
        if let Some(stack) = &self.stack {
            let names: Vec<_> = sources.iter().map(|source| source.name.as_str()).collect();
            let metrics = Metrics {
                client: stack.cloudwatch(),
                stack: stack.name(),
                now,
            };
            return Ok(metrics.hits(&names, since).await?);
        }
        if matches!(self.data.existing(), Err(DataDirError::Absent(_))) {
            return Ok(HashMap::new());
        }
        self.data.existing()?;
        let counted = counts::since(&self.data.counts(), since);
        Ok(counted.map_err(StackError::from)?)
    }

    /// Returns the secret that events are signed by, which the data folder keeps.
    pub(super) fn signing_secret(&self) -> Result<SigningSecret, CommandError> {
        // It may be made here: first see that the folder is ours.
        if self.stack.is_some() {
            self.data.make()?;
        } else {
            self.data.existing()?;
        }
        Ok(SigningSecret::of_file(&self.data.forward_secret())?)
    }
}
