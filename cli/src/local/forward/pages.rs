//! Asks the ledger for all that it holds.

use jiff::SignedDuration;
use switchhook_aws::clock::SystemClock;
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_aws::dynamodb::timeline::{Listed, Order, Timeline};
use switchhook_core::ports::PortError;
use switchhook_core::time::{Clock, Timestamp};

use super::list::Note;

/// The most events that are noted in one transaction of the list.
const MAX_PAGE: usize = 1_000;

/// Everything that the ledger holds, a bounded number of events at a time.
pub(super) struct Pages {
    timeline: Timeline,
    /// What was read and not returned yet.
    read: std::vec::IntoIter<Listed>,
}

impl Pages {
    /// Begins at the oldest.
    pub(super) fn new(ledger: &DynamoDbLedger, retention: SignedDuration) -> Self {
        let oldest = SystemClock.now().checked_sub(retention);
        let span = (oldest.unwrap_or(Timestamp::MIN), Timestamp::MAX);
        Self {
            timeline: ledger.timeline(span, Order::OldestFirst, MAX_PAGE),
            read: Vec::new().into_iter(),
        }
    }

    /// Returns the next ones; `None` when there are no more.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Note>>, PortError> {
        if self.read.len() == 0 {
            let Some(read) = self.timeline.next().await? else {
                return Ok(None);
            };
            self.read = read.into_iter();
        }
        let page = self.read.by_ref().take(MAX_PAGE);
        let note = |Listed { id, key, .. }| Note { id, key };
        Ok(Some(page.map(note).collect()))
    }
}

#[cfg(test)]
mod tests {
    use switchhook_core::ports::Ledger;

    use super::*;
    use crate::local::doubles::{ledger, record};

    #[tokio::test]
    async fn every_event_is_found_once_in_order_however_many_came_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger(folder.path()).await;
        let now = SystemClock.now();
        let (mut wanted, days) = (Vec::new(), SignedDuration::from_hours(24));
        let ago = |hours: i64| now.checked_sub(SignedDuration::from_hours(hours)).unwrap();
        // More than a page of one millisecond, and others before and after it.
        for index in 0..2_100_u16 {
            let at = match index {
                0 => ago(23),
                1..=2_050 => ago(5),
                2_051..=2_090 => ago(1),
                _ => now,
            };
            let id = format!("019aad2b-7c00-7000-8000-000000000001.{index}");
            let id = id.parse().unwrap();
            ledger.put_record(&record(id, at)).await.unwrap();
            wanted.push(id);
        }
        let early = "019aad2b-7c00-7000-8000-000000000002.0".parse().unwrap();
        ledger.put_record(&record(early, ago(26))).await.unwrap();
        let mut pages = Pages::new(&ledger, days);
        let mut found = Vec::new();
        while let Some(notes) = pages.next().await.unwrap() {
            assert!(notes.len() <= 1_000);
            found.extend(notes.into_iter().map(|note| note.id));
        }
        assert_eq!(found, wanted);
    }
}
