//! Tells the forwarder what was committed, without holding the consumer up.
//!
//! A decorator of the ledger notes each record after its write. Notes wait in bounded memory; when
//! there is no room for one, the ledger itself is asked later for what was missed.

use std::sync::Arc;

use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_core::attempts::Attempt;
use switchhook_core::entity::Entity;
use switchhook_core::ledger::{Entry, Record, RecordHead, RecordKey, Snapshot, StateItem, Variant};
use switchhook_core::ports::{Added, Ledger, PortFuture, Written};
use switchhook_core::states::Stored;
use switchhook_core::time::Timestamp;
use tokio::sync::{Notify, mpsc};

use super::list::Note;

/// How many notes wait at most.
const ROOM: usize = 10_000;

/// Where notes are put.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    notes: mpsc::Sender<Note>,
    missed: Arc<Notify>,
}

/// Where notes come out.
#[derive(Debug)]
pub(super) struct Notes {
    pub(super) notes: mpsc::Receiver<Note>,
    /// Is notified when there was no room for a note.
    pub(super) missed: Arc<Notify>,
}

/// Makes both ends.
pub(super) fn feed() -> (Feed, Notes) {
    let (sender, notes) = mpsc::channel(ROOM);
    let missed = Arc::new(Notify::new());
    let feed = Feed {
        notes: sender,
        missed: Arc::clone(&missed),
    };
    (feed, Notes { notes, missed })
}

impl Feed {
    fn note(&self, record: &Record) {
        let note = Note {
            id: record.id,
            key: record.key.clone(),
        };
        if self.notes.try_send(note).is_err() {
            self.missed.notify_one();
        }
    }
}

/// A ledger that tells of its new records.
pub(super) struct ToldLedger {
    pub(super) ledger: DynamoDbLedger,
    pub(super) feed: Feed,
}

impl Ledger for ToldLedger {
    fn read<'a>(
        &'a self,
        states: &'a [Entity],
        records: &'a [RecordKey],
    ) -> PortFuture<'a, Snapshot> {
        self.ledger.read(states, records)
    }

    fn put_state<'a>(
        &'a self,
        entity: &'a Entity,
        stored: &'a Stored,
        read_version: u64,
    ) -> PortFuture<'a, Written<StateItem>> {
        self.ledger.put_state(entity, stored, read_version)
    }

    /// After a failure nobody knows whether the record was written, and the redelivery will not
    /// write it again if it was: so it is noted too, and looked for.
    fn put_record<'a>(&'a self, record: &'a Record) -> PortFuture<'a, Written<RecordHead>> {
        Box::pin(async move {
            let written = self.ledger.put_record(record).await;
            match &written {
                Ok(Written::Refused(head)) if head.id != record.id => {}
                Ok(Written::Done | Written::Refused(_)) | Err(_) => self.feed.note(record),
            }
            written
        })
    }

    /// A variant is no event and is not handed out.
    fn put_variant<'a>(&'a self, variant: &'a Variant) -> PortFuture<'a, ()> {
        self.ledger.put_variant(variant)
    }

    fn add_entry<'a>(&'a self, record: &'a RecordKey, entry: &'a Entry) -> PortFuture<'a, Added> {
        self.ledger.add_entry(record, entry)
    }

    fn add_attempt<'a>(
        &'a self,
        message_id: &'a str,
        receive: u32,
        expires_at: Timestamp,
    ) -> PortFuture<'a, Attempt> {
        self.ledger.add_attempt(message_id, receive, expires_at)
    }

    fn take_back_attempt<'a>(&'a self, message_id: &'a str, receive: u32) -> PortFuture<'a, ()> {
        self.ledger.take_back_attempt(message_id, receive)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Duration, timeout};

    use super::*;
    use crate::local::doubles::record;

    #[tokio::test]
    async fn what_finds_no_room_is_told_as_missed() {
        let (feed, mut notes) = feed();
        let id = "019aad2b-7c00-7000-8000-000000000001.0".parse().unwrap();
        let record = record(id, Timestamp::UNIX_EPOCH);
        for _ in 0..ROOM {
            feed.note(&record);
        }
        let nothing = timeout(Duration::from_millis(1), notes.missed.notified());
        nothing.await.unwrap_err();
        feed.note(&record);
        let missed = timeout(Duration::from_secs(9), notes.missed.notified());
        missed.await.unwrap();
        assert_eq!(notes.notes.recv().await.unwrap().id, id);
    }
}
