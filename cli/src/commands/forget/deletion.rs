//! Deleting what was found, in an order that may be broken off: what the rest is found by goes last, and a
//! body goes before what names it.

use std::collections::HashMap;

use indicatif::ProgressBar;
use switchhook_aws::dead_letters::DeadLetters;
use switchhook_aws::dynamodb::DynamoDbLedger;
use tokio::sync::watch;

use super::super::CommandError;
use super::bodies::Bodies;
use super::plan::{Plan, PlannedItem, PlannedLetter};

/// How many items go together: as many as one request takes.
const TOGETHER: usize = 25;

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
        let mut left = self.delete_letters(plan, false).await?;
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
        left = left.saturating_add(self.delete_letters(plan, true).await?);
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

    /// Takes all letters once more, since they cannot be held for long, and deletes some of them. Returns
    /// how many of those are still there.
    async fn delete_letters(
        &mut self,
        plan: &Plan,
        is_evidence: bool,
    ) -> Result<usize, CommandError> {
        let chosen = plan.letters.iter();
        let chosen = chosen.filter(|letter| letter.is_evidence == is_evidence);
        let mut wanted: HashMap<_, _> = chosen
            .map(|letter| (letter.message_id.as_str(), letter))
            .collect();
        while !wanted.is_empty() {
            self.check_interrupt()?;
            let page = self.letters.take().await?;
            if page.is_empty() {
                break;
            }
            let theirs = page
                .iter()
                .filter_map(|letter| wanted.get(letter.message_id.as_str()));
            let theirs: Vec<&PlannedLetter> = theirs.copied().collect();
            for key in theirs.iter().filter_map(|letter| letter.body.as_deref()) {
                self.bodies.delete(key).await?;
            }
            let ids: Vec<_> = theirs
                .iter()
                .map(|letter| letter.message_id.clone())
                .collect();
            let deleted = self.letters.delete(&ids).await?;
            wanted.retain(|id, _| !deleted.contains(*id));
            self.progress
                .inc(u64::try_from(deleted.len()).unwrap_or(u64::MAX));
        }
        self.letters.put_back().await?;
        Ok(wanted.len())
    }

    fn check_interrupt(&self) -> Result<(), CommandError> {
        if *self.interrupted.borrow() {
            return Err(CommandError::Interrupted);
        }
        Ok(())
    }
}
