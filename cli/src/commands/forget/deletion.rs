//! Deleting what was found, in an order that may be broken off: what the rest is found by goes last, and a
//! body goes before what names it.

use indicatif::ProgressBar;
use switchhook_aws::dead_letters::DeadLetters;
use switchhook_aws::dynamodb::DynamoDbLedger;
use tokio::sync::watch;

use super::super::CommandError;
use super::bodies::Bodies;
use super::plan::{Plan, PlannedItem, PlannedLetter};

/// How many items go together: as many as one request takes.
const TOGETHER: usize = 25;
/// How many letters go together.
const LETTERS_TOGETHER: usize = 10;

/// What it takes to delete.
pub(super) struct Deletion<'a> {
    pub(super) ledger: &'a DynamoDbLedger,
    pub(super) bodies: &'a Bodies,
    pub(super) letters: &'a mut DeadLetters,
    pub(super) interrupted: &'a watch::Receiver<bool>,
    pub(super) progress: &'a ProgressBar,
}

impl Deletion<'_> {
    /// Deletes everything of a plan; returns how many letters are still there.
    pub(super) async fn run(&mut self, plan: &Plan) -> Result<usize, CommandError> {
        let (last, first): (Vec<_>, Vec<_>) =
            plan.letters.iter().partition(|letter| letter.is_evidence);
        let mut left = self.delete_letters(&first).await?;
        // Items of one kind of evidence only are in one request: within one, nothing is in order.
        for items in plan
            .items
            .chunk_by(|one, other| one.evidence == other.evidence)
        {
            for items in items.chunks(TOGETHER) {
                self.delete_items(items).await?;
            }
        }
        for key in &plan.bodies {
            self.check_interrupt()?;
            self.bodies.delete(key).await?;
            self.progress.inc(1);
        }
        left = left.saturating_add(self.delete_letters(&last).await?);
        Ok(left)
    }

    async fn delete_items(&self, items: &[PlannedItem]) -> Result<(), CommandError> {
        self.check_interrupt()?;
        for key in items.iter().filter_map(|item| item.body.as_deref()) {
            self.bodies.delete(key).await?;
        }
        let keys: Vec<_> = items
            .iter()
            .map(|item| (&item.entity, item.sort.as_str()))
            .collect();
        self.ledger.delete_items(&keys).await?;
        self.progress
            .inc(u64::try_from(items.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    async fn delete_letters(&mut self, letters: &[&PlannedLetter]) -> Result<usize, CommandError> {
        let mut left = 0_usize;
        for letters in letters.chunks(LETTERS_TOGETHER) {
            self.check_interrupt()?;
            for key in letters.iter().filter_map(|letter| letter.body.as_deref()) {
                self.bodies.delete(key).await?;
            }
            let ids: Vec<_> = letters
                .iter()
                .map(|letter| letter.message_id.clone())
                .collect();
            let deleted = self.letters.delete(&ids).await?;
            left = left.saturating_add(ids.len().saturating_sub(deleted.len()));
        }
        Ok(left)
    }

    fn check_interrupt(&self) -> Result<(), CommandError> {
        if *self.interrupted.borrow() {
            return Err(CommandError::Interrupted);
        }
        Ok(())
    }
}
