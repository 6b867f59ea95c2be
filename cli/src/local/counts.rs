//! The deliveries that were accepted, counted by source and day: AWS has a metric for it.
//!
//! A delivery is counted when the queue holds all of its events and before it is answered. So
//! whatever was answered with 200 is counted, and a program that is killed in between counts at most
//! one that was not answered. The counts have a file of their own: to count a delivery then waits for
//! no disk, and to list them takes no longer with a million events in the ledger.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, params};
use switchhook_core::intake::Ready;
use switchhook_core::ports::{EventQueue, PortError, PortFuture};
use switchhook_core::report::Report;
use switchhook_core::time::Timestamp;

use super::worker::Worker;
use crate::hits::Hits;

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The version of [`SCHEMA`], kept in the file.
const FORMAT: i64 = 1;
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// A row for each source and each day (since 1970, UTC) on which it was heard: few however many
/// deliveries there are, and those of days beyond the retention can be left out.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS deliveries (
    source TEXT NOT NULL,
    day INTEGER NOT NULL,
    count INTEGER NOT NULL,
    latest INTEGER NOT NULL,
    PRIMARY KEY (source, day)
) WITHOUT ROWID;
";

const COUNT: &str = "
INSERT INTO deliveries VALUES (?1, ?2, 1, ?3)
ON CONFLICT DO UPDATE SET count = count + 1, latest = MAX(latest, excluded.latest)";

/// Why the counts cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CountsError {
    /// SQLite refused or failed.
    #[error("the file of counted deliveries failed")]
    Sqlite(#[from] rusqlite::Error),
    /// Another version of this program wrote the file.
    #[error("the file of counted deliveries has format {0}, which this version does not know")]
    Format(i64),
    /// The machine has no thread left.
    #[error("the thread that counts deliveries does not start")]
    Thread(#[from] std::io::Error),
}

/// The file; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    connection: Arc<Mutex<Connection>>,
    worker: Arc<Worker>,
}

impl Counts {
    /// Opens the file, or makes a new one.
    pub(super) fn open(path: &Path) -> Result<Self, CountsError> {
        Ok(Self {
            connection: Arc::new(Mutex::new(connect(path)?)),
            worker: Arc::new(Worker::start("counts")?),
        })
    }

    /// Counts a delivery of a source; once it returns, the end of this process undoes nothing.
    async fn add(&self, source: &str, at: Timestamp) -> Result<(), PortError> {
        const COUNTING: &str = "counting a delivery";
        let (source, millis) = (source.to_owned(), at.as_millisecond());
        let connection = Arc::clone(&self.connection);
        let counted = self.worker.run(move || {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let row = params![source, day(millis), millis];
            connection.prepare_cached(COUNT)?.execute(row).map(drop)
        });
        let counted = counted.await.map_err(|e| PortError::new(COUNTING, e))?;
        counted.map_err(|e: rusqlite::Error| PortError::new(COUNTING, e))
    }
}

/// Returns what each source sent since the day of a time.
pub(crate) fn since(path: &Path, since: Timestamp) -> Result<HashMap<String, Hits>, CountsError> {
    if !path.exists() {
        return Ok(HashMap::new());
    }
    let connection = connect(path)?;
    let mut rows = connection.prepare(
        "SELECT source, SUM(count), MAX(latest) FROM deliveries WHERE day >= ?1 GROUP BY source",
    )?;
    let read = rows.query_map([day(since.as_millisecond())], |row| {
        let hits = Hits {
            hits: row.get(1)?,
            last_hit: Timestamp::from_millisecond(row.get(2)?).ok(),
        };
        Ok((row.get(0)?, hits))
    })?;
    Ok(read.collect::<Result<_, _>>()?)
}

fn connect(path: &Path) -> Result<Connection, CountsError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A commit is with the system then, not on the disk: it survives this process.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match format {
        FORMAT => {}
        0 => {
            connection.execute_batch(SCHEMA)?;
            connection.pragma_update(None, "user_version", FORMAT)?;
        }
        other => return Err(CountsError::Format(other)),
    }
    Ok(connection)
}

const fn day(millis: i64) -> i64 {
    millis.div_euclid(DAY_MILLIS)
}

/// The ingress's queue, which counts what it takes.
pub(super) struct CountedQueue<Q> {
    pub(super) queue: Q,
    pub(super) counts: Counts,
}

impl<Q: EventQueue> EventQueue for CountedQueue<Q> {
    fn send<'a>(&'a self, events: &'a [Ready]) -> PortFuture<'a, ()> {
        Box::pin(async move {
            self.queue.send(events).await?;
            if let Some(event) = events.first() {
                let envelope = event.envelope();
                let counted = self
                    .counts
                    .add(envelope.entity.source(), envelope.received_at);
                // The events are safe: a count that is short is no reason to refuse them.
                if let Err(error) = counted.await {
                    tracing::error!(error = %Report(&error), "delivery not counted");
                }
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn deliveries_are_counted_by_source_and_kept_apart_by_day() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("counts.sqlite");
        for (source, time) in [
            ("voice", "2026-03-01T23:59:59.999Z"),
            ("voice", "2026-03-02T00:00:00Z"),
            ("texts", "2026-03-02T05:00:00.120Z"),
            ("texts", "2026-03-02T04:00:00Z"), // the clock was set back
        ] {
            // Opened again for each: as after a `kill -9`, nothing is closed first.
            let counts = Counts::open(&path).unwrap();
            counts.add(source, at(time)).await.unwrap();
            std::mem::forget(counts);
        }
        let counted = |time: &str| {
            let hits = since(&path, at(time)).unwrap();
            let of = |source: &str| hits.get(source).map(|hits| (hits.hits, hits.last_hit));
            (of("voice"), of("texts"))
        };
        let texts = Some((2, Some(at("2026-03-02T05:00:00.120Z"))));
        let last = Some(at("2026-03-02T00:00:00Z"));
        assert_eq!(counted("2026-03-01T12:00:00Z"), (Some((2, last)), texts));
        assert_eq!(counted("2026-03-02T12:00:00Z"), (Some((1, last)), texts));
        assert_eq!(counted("2026-03-03T00:00:00Z"), (None, None));
    }

    #[tokio::test]
    async fn file_of_another_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("counts.sqlite");
        let other = Connection::open(&path).unwrap();
        other.pragma_update(None, "user_version", 7).unwrap();
        let refused = Counts::open(&path).unwrap_err();
        assert!(matches!(refused, CountsError::Format(7)), "{refused}");
    }
}
