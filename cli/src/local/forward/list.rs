//! The list of events to hand on and of those handed on: one SQLite file.
//!
//! An event that is due has its place in the ledger and when to try it next; one that is settled has
//! its id only. A note lost with the machine does no harm: the ledger is asked at every start for
//! what is not in the list.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Row, Transaction, params};
use switchhook_core::entity::Entity;
use switchhook_core::ids::EventId;
use switchhook_core::ledger::RecordKey;
use switchhook_core::time::Timestamp;

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What the file says of itself when all that was in the ledger before its first use is settled.
const BEGUN: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS events (
    id TEXT PRIMARY KEY,
    entity TEXT,
    name TEXT,
    due INTEGER,
    tries INTEGER NOT NULL DEFAULT 0,
    refusals INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS events_due ON events (due) WHERE due IS NOT NULL;
";

/// Why the list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// SQLite refused or failed.
    #[error("the list of forwarded events failed")]
    Sqlite(#[from] rusqlite::Error),
    /// Another version of this program wrote the file.
    #[error("the list of forwarded events has format {0}, which this version does not know")]
    Format(i64),
    /// The thread that did it is gone.
    #[error("the list of forwarded events was not reached")]
    Stopped(#[from] tokio::task::JoinError),
}

/// An event, and where it is in the ledger.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) id: EventId,
    pub(super) key: RecordKey,
}

/// An event that is to be handed on.
#[derive(Clone, Debug)]
pub(super) struct Due {
    pub(super) note: Note,
    /// When to try it, in milliseconds since 1970.
    pub(super) at: i64,
    /// How often it was tried.
    pub(super) tries: u32,
    /// How often it was refused as wrong.
    pub(super) refusals: u32,
}

/// What became of a try.
#[derive(Clone, Debug)]
pub(super) enum Settled {
    /// Nothing more is to be done, now or later.
    Done(EventId),
    /// There is no such event: it may come yet.
    Absent(EventId),
    /// It is to be tried again at its time.
    Again(Due),
}

/// The file; cheap to clone.
#[derive(Clone)]
pub(super) struct List(Arc<Mutex<Connection>>);

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("List")
    }
}

impl List {
    /// Opens the file, which may be empty.
    pub(super) fn open(path: &Path) -> Result<Self, ListError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "secure_delete", "ON")?;
        // Until it has begun, what is written must not be lost with the machine.
        connection.pragma_update(None, "synchronous", "FULL")?;
        let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if !(0..=BEGUN).contains(&format) {
            return Err(ListError::Format(format));
        }
        connection.execute_batch(SCHEMA)?;
        // A start is a good moment to try everything again, whatever the clock said before.
        connection.execute("UPDATE events SET due = 0 WHERE due > 0", [])?;
        if format == BEGUN {
            connection.pragma_update(None, "synchronous", "NORMAL")?;
        }
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Tells whether what the ledger held before the first use is settled.
    pub(super) async fn has_begun(&self) -> Result<bool, ListError> {
        self.with(|tx| {
            let format: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok(format == BEGUN)
        })
        .await
    }

    /// Notes that it is. From now on losing the last notes does no harm.
    pub(super) async fn begin(&self) -> Result<(), ListError> {
        self.with(|tx| tx.pragma_update(None, "user_version", BEGUN))
            .await?;
        self.run(|connection| connection.pragma_update(None, "synchronous", "NORMAL"))
            .await
    }

    /// Takes events as settled, unless they are in the list.
    pub(super) async fn settle_new(&self, ids: Vec<EventId>) -> Result<(), ListError> {
        self.with(move |tx| {
            let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO events (id) VALUES (?)")?;
            ids.iter()
                .try_for_each(|id| insert.execute([id.to_string()]).map(drop))
        })
        .await
    }

    /// Takes events to hand on, unless they are in the list.
    pub(super) async fn add(&self, notes: Vec<Note>, now: i64) -> Result<(), ListError> {
        self.with(move |tx| {
            let mut insert = tx.prepare_cached(
                "INSERT OR IGNORE INTO events (id, entity, name, due) VALUES (?, ?, ?, ?)",
            )?;
            notes.iter().try_for_each(|Note { id, key }| {
                let row = params![id.to_string(), key.entity.as_str(), key.name, now];
                insert.execute(row).map(drop)
            })
        })
        .await
    }

    /// Returns the events that are due first.
    pub(super) async fn first(&self, count: usize) -> Result<Vec<Due>, ListError> {
        self.with(move |tx| {
            let mut select = tx.prepare_cached(
                "SELECT id, entity, name, due, tries, refusals FROM events
                 WHERE due IS NOT NULL ORDER BY due LIMIT ?",
            )?;
            let limit = i64::try_from(count).unwrap_or(i64::MAX);
            select.query_map([limit], read_due)?.collect()
        })
        .await
    }

    /// Notes what became of tries.
    pub(super) async fn settle(&self, settled: Vec<Settled>) -> Result<(), ListError> {
        self.with(move |tx| settled.into_iter().try_for_each(|one| write(tx, &one)))
            .await
    }

    /// Forgets settled events accepted before a time, in portions, so that nobody waits for long.
    pub(super) async fn forget_before(&self, time: Timestamp) -> Result<(), ListError> {
        const FORGET: &str = "DELETE FROM events WHERE id IN
            (SELECT id FROM events WHERE id < ? AND due IS NULL LIMIT 10000)";
        let mut forgotten = 1;
        while forgotten > 0 {
            let first = first_id(time);
            forgotten = self.with(move |tx| tx.execute(FORGET, [&first])).await?;
        }
        Ok(())
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ListError> {
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })
        .await
    }

    /// SQLite blocks, so it has a thread for blocking work.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ListError> {
        let connection = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut connection)
        });
        Ok(done.await??)
    }
}

fn write(tx: &Transaction<'_>, settled: &Settled) -> rusqlite::Result<()> {
    let mut statement = tx.prepare_cached(match settled {
        Settled::Done(_) => "UPDATE events SET entity = NULL, name = NULL, due = NULL WHERE id = ?",
        Settled::Absent(_) => "DELETE FROM events WHERE id = ?",
        Settled::Again(_) => "UPDATE events SET due = ?2, tries = ?3, refusals = ?4 WHERE id = ?1",
    })?;
    match settled {
        Settled::Done(id) | Settled::Absent(id) => statement.execute([id.to_string()]),
        Settled::Again(due) => statement.execute(params![
            due.note.id.to_string(),
            due.at,
            due.tries,
            due.refusals
        ]),
    }
    .map(drop)
}

fn read_due(row: &Row<'_>) -> rusqlite::Result<Due> {
    let id: String = row.get(0)?;
    let id = id.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })?;
    let key = RecordKey {
        entity: Entity::from_name(row.get(1)?),
        name: row.get(2)?,
    };
    Ok(Due {
        note: Note { id, key },
        at: row.get(3)?,
        tries: row.get(4)?,
        refusals: row.get(5)?,
    })
}

/// Returns a text before which the ids of all events accepted before a time sort: a UUIDv7 begins
/// with its milliseconds.
fn first_id(time: Timestamp) -> String {
    let digits = format!("{:012x}", time.as_millisecond().max(0));
    let (high, low) = digits.split_at_checked(8).unwrap_or((&digits, ""));
    format!("{high}-{low}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(id: &str) -> Note {
        Note {
            id: id.parse().unwrap(),
            key: RecordKey {
                entity: Entity::from_name("voice/call/c".into()),
                name: "k".into(),
            },
        }
    }

    const EARLY: &str = "019aad2b-7c00-7000-8000-000000000001.0";
    const LATE: &str = "019aad2b-7c01-7000-8000-000000000001.0";

    async fn due(list: &List) -> Vec<(String, i64)> {
        let first = list.first(10).await.unwrap().into_iter();
        first.map(|due| (due.note.id.to_string(), due.at)).collect()
    }

    #[tokio::test]
    async fn an_event_is_listed_once_until_it_is_settled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        let list = List::open(&path).unwrap();
        assert!(!list.has_begun().await.unwrap());
        list.begin().await.unwrap();
        list.add(vec![note(LATE), note(LATE)], 7).await.unwrap();
        list.add(vec![note(EARLY)], 5).await.unwrap();
        let both = [(EARLY.to_owned(), 5), (LATE.to_owned(), 7)];
        assert_eq!(due(&list).await, both);

        let mut again = list.first(1).await.unwrap().remove(0);
        (again.at, again.tries, again.refusals) = (9, 2, 1);
        let done = Settled::Done(LATE.parse().unwrap());
        list.settle(vec![Settled::Again(again), done])
            .await
            .unwrap();
        list.add(vec![note(EARLY), note(LATE)], 1).await.unwrap();
        drop(list);
        let list = List::open(&path).unwrap();
        assert!(list.has_begun().await.unwrap());
        let left = list.first(10).await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!((left[0].at, left[0].tries, left[0].refusals), (0, 2, 1));

        let absent = Settled::Absent(EARLY.parse().unwrap());
        list.settle(vec![absent]).await.unwrap();
        list.add(vec![note(EARLY)], 1).await.unwrap();
        assert_eq!(due(&list).await, [(EARLY.to_owned(), 1)]);
    }

    #[tokio::test]
    async fn only_settled_events_from_before_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let list = List::open(&folder.path().join("list")).unwrap();
        let ids = || vec![EARLY.parse().unwrap(), LATE.parse().unwrap()];
        list.settle_new(ids()).await.unwrap();
        let at: EventId = LATE.parse().unwrap();
        list.forget_before(at.delivery.time().unwrap())
            .await
            .unwrap();
        list.add(vec![note(EARLY), note(LATE)], 1).await.unwrap();
        assert_eq!(due(&list).await, [(EARLY.to_owned(), 1)]);
        list.forget_before(Timestamp::MAX).await.unwrap();
        assert_eq!(due(&list).await.len(), 1);
    }

    #[test]
    fn a_file_of_another_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 9).unwrap();
        assert!(matches!(List::open(&path), Err(ListError::Format(9))));
    }
}
