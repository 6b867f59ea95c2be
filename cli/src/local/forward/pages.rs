//! Asks the ledger for all that it holds.

use jiff::SignedDuration;
use switchhook_aws::clock::SystemClock;
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_aws::dynamodb::item::Item;
use switchhook_aws::dynamodb::listing::{Listed, Order};
use switchhook_core::ports::PortError;
use switchhook_core::time::{Clock, Timestamp};

use super::list::Note;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Everything that the ledger holds, hour by hour, a bounded number of events at a time.
pub(super) struct Pages {
    ledger: DynamoDbLedger,
    hour: Timestamp,
    end: Timestamp,
    after: Option<Item>,
}

impl Pages {
    /// Begins at the oldest.
    pub(super) fn new(ledger: DynamoDbLedger, retention: SignedDuration) -> Self {
        let now = SystemClock.now();
        let hour = now.checked_sub(retention).unwrap_or(Timestamp::UNIX_EPOCH);
        Self {
            ledger,
            hour,
            end: now.checked_add(HOUR).unwrap_or(Timestamp::MAX), // clocks differ a little
            after: None,
        }
    }

    /// Returns the next ones; `None` when there are no more.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Note>>, PortError> {
        if self.hour > self.end {
            return Ok(None);
        }
        let page = self
            .ledger
            .hour_page(self.hour, Order::OldestFirst, self.after.take());
        let (listed, after) = page.await?;
        if after.is_none() {
            self.hour = self.hour.checked_add(HOUR).unwrap_or(Timestamp::MAX);
        }
        self.after = after;
        let note = |Listed { id, key, .. }| Note { id, key };
        Ok(Some(listed.into_iter().map(note).collect()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use switchhook_core::ports::Ledger;

    use super::*;
    use crate::local::doubles::{ledger, record};

    #[tokio::test]
    async fn every_event_is_found_once_however_many_came_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger(folder.path()).await;
        let now = SystemClock.now();
        let (mut wanted, days) = (BTreeSet::new(), SignedDuration::from_hours(24));
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
            wanted.insert(id);
        }
        let early = "019aad2b-7c00-7000-8000-000000000002.0".parse().unwrap();
        ledger.put_record(&record(early, ago(26))).await.unwrap();
        let mut pages = Pages::new(ledger, days);
        let (mut found, mut count) = (BTreeSet::new(), 0);
        while let Some(notes) = pages.next().await.unwrap() {
            assert!(notes.len() <= 1_000);
            count += notes.len();
            found.extend(notes.into_iter().map(|note| note.id));
        }
        assert_eq!((found, count), (wanted, 2_100));
    }
}
