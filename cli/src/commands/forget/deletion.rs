//! Deleting what was found, in an order that may be broken off: what the rest is found by goes last. A body
//! goes before what points to it, unless it alone names the person: without its item it is found by itself.

use std::collections::{HashMap, HashSet};

use indicatif::ProgressBar;
use switchhook_aws::dead_letters::DeadLetters;
use switchhook_aws::dynamodb::DynamoDbLedger;
use tokio::sync::watch;

use super::super::CommandError;
use super::bodies::Bodies;
use super::matcher::Evidence;
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
        let last = plan.showing_bodies();
        // Some of them are found by bodies of records only, whose bytes they have.
        for key in &plan.bodies {
            self.delete_body(key).await?;
        }
        let mut left = self.delete_letters(plan, false, &last).await?;
        // Items of one kind of evidence only are in one request: within one, nothing is in order.
        for items in plan
            .items
            .chunk_by(|one, other| one.evidence == other.evidence)
        {
            for items in items.chunks(TOGETHER) {
                self.delete_items(items, &last).await?;
            }
        }
        left.extend(self.delete_letters(plan, true, &last).await?);
        let needed: HashSet<_> = left
            .iter()
            .filter_map(|letter| letter.body.as_deref())
            .collect();
        for key in last.difference(&needed) {
            self.delete_body(key).await?;
        }
        Ok(left.len())
    }

    async fn delete_body(&self, key: &str) -> Result<(), CommandError> {
        self.check_interrupt()?;
        self.bodies.delete(key).await?;
        self.progress.inc(1);
        Ok(())
    }

    /// Deletes bodies but for those that go last.
    async fn delete_bodies<'k>(
        &self,
        keys: impl Iterator<Item = &'k str>,
        last: &HashSet<&str>,
    ) -> Result<(), CommandError> {
        for key in keys.filter(|key| !last.contains(key)) {
            self.bodies.delete(key).await?;
        }
        Ok(())
    }

    async fn delete_items(
        &self,
        items: &[PlannedItem],
        last: &HashSet<&str>,
    ) -> Result<(), CommandError> {
        self.check_interrupt()?;
        let bodies = items.iter().filter_map(|item| item.body.as_deref());
        self.delete_bodies(bodies, last).await?;
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
    /// those that are still there.
    async fn delete_letters<'p>(
        &mut self,
        plan: &'p Plan,
        is_evidence: bool,
        last: &HashSet<&str>,
    ) -> Result<Vec<&'p PlannedLetter>, CommandError> {
        let chosen = plan.letters.iter();
        let chosen = chosen.filter(|letter| (letter.evidence != Evidence::None) == is_evidence);
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
            let bodies = theirs.iter().filter_map(|letter| letter.body.as_deref());
            self.delete_bodies(bodies, last).await?;
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
        Ok(wanted.into_values().collect())
    }

    fn check_interrupt(&self) -> Result<(), CommandError> {
        if *self.interrupted.borrow() {
            return Err(CommandError::Interrupted);
        }
        Ok(())
    }
}
