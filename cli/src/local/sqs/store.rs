//! The SQLite file: its schema, its transactions and the clock they run by.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, mem};

use rusqlite::{Connection, OptionalExtension, Params, Row, TransactionBehavior};

use super::turn::{Answer, Turn, turn};

/// Reads the time in milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The version of [`SCHEMA`], kept in the file.
const FORMAT: i64 = 1;

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements kept prepared: more than this module has.
const STATEMENTS: usize = 64;

/// `message_groups` is what makes a receive fast: a row for each group that holds messages, with
/// its oldest message (`head`) and the end of its longest visibility timeout (`blocked_until`,
/// 0 when free). The triggers keep it true whatever is done to `messages`.
///
/// `visible` is 0, or the moment when a received message becomes visible again.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS queues (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    attributes TEXT NOT NULL,
    created INTEGER NOT NULL,
    changed INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    queue INTEGER NOT NULL,
    grp TEXT NOT NULL,
    id TEXT NOT NULL,
    dedup TEXT NOT NULL,
    sent INTEGER NOT NULL,
    visible INTEGER NOT NULL DEFAULT 0,
    first_received INTEGER,
    last_received INTEGER,
    receives INTEGER NOT NULL DEFAULT 0,
    receipt TEXT,
    source TEXT,
    attributes TEXT NOT NULL,
    system_attributes TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_by_group ON messages (queue, grp, seq);
CREATE INDEX IF NOT EXISTS messages_in_order ON messages (queue);
CREATE INDEX IF NOT EXISTS messages_by_age ON messages (queue, sent);
CREATE INDEX IF NOT EXISTS messages_in_flight ON messages (queue, grp, visible) WHERE visible > 0;
CREATE TABLE IF NOT EXISTS message_groups (
    queue INTEGER NOT NULL,
    name TEXT NOT NULL,
    head INTEGER NOT NULL,
    blocked_until INTEGER NOT NULL,
    PRIMARY KEY (queue, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS groups_by_turn ON message_groups (queue, blocked_until, head);
CREATE TRIGGER IF NOT EXISTS message_added AFTER INSERT ON messages BEGIN
    INSERT OR IGNORE INTO message_groups VALUES (NEW.queue, NEW.grp, NEW.seq, NEW.visible);
END;
CREATE TRIGGER IF NOT EXISTS message_seen AFTER UPDATE OF visible ON messages BEGIN
    UPDATE message_groups SET blocked_until = COALESCE((SELECT MAX(visible) FROM messages
        WHERE queue = NEW.queue AND grp = NEW.grp AND visible > 0), 0)
    WHERE queue = NEW.queue AND name = NEW.grp;
END;
CREATE TRIGGER IF NOT EXISTS message_gone AFTER DELETE ON messages BEGIN
    DELETE FROM message_groups WHERE queue = OLD.queue AND name = OLD.grp
        AND NOT EXISTS (SELECT 1 FROM messages WHERE queue = OLD.queue AND grp = OLD.grp);
    UPDATE message_groups SET
        head = (SELECT MIN(seq) FROM messages WHERE queue = OLD.queue AND grp = OLD.grp),
        blocked_until = COALESCE((SELECT MAX(visible) FROM messages
            WHERE queue = OLD.queue AND grp = OLD.grp AND visible > 0), 0)
    WHERE queue = OLD.queue AND name = OLD.grp;
END;
CREATE TABLE IF NOT EXISTS dedup (
    queue INTEGER NOT NULL,
    scope TEXT NOT NULL,
    dedup TEXT NOT NULL,
    id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (queue, scope, dedup)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS dedup_by_end ON dedup (until);
CREATE TABLE IF NOT EXISTS attempts (
    queue INTEGER NOT NULL,
    attempt TEXT NOT NULL,
    receipts TEXT NOT NULL,
    received INTEGER NOT NULL,
    visible INTEGER NOT NULL,
    PRIMARY KEY (queue, attempt)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS attempts_by_age ON attempts (received);
";

/// Why the queue's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// SQLite refused or failed.
    #[error("the queue file failed")]
    Sqlite(#[from] rusqlite::Error),
    /// The machine has no thread left.
    #[error("the queue's thread does not start")]
    Thread(#[from] std::io::Error),
    /// A newer version of this program wrote the file.
    #[error("the queue file has format {found}, and this program knows up to {FORMAT}")]
    NewerFormat {
        /// The format of the file.
        found: i64,
    },
}

/// One connection to the file.
///
/// To commit is to wait for the disk. So all requests that wait while one commits are one
/// transaction after it, each in a savepoint of its own.
pub(super) struct Store {
    connection: Mutex<Connection>,
    waiting: Mutex<Vec<Box<dyn Turn>>>,
    clock: Clock,
    latest: AtomicU64,
    /// How many of a queue's messages are searched for groups.
    window: i64,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    pub(super) fn open(path: &Path, clock: Clock, window: i64) -> Result<Self, StorageError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // What is deleted leaves no byte behind.
        connection.pragma_update(None, "secure_delete", "ON")?;
        // What a savepoint may have to undo; else what is long of it goes to a file.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        prepare(&mut connection)?;
        Ok(Self {
            connection: Mutex::new(connection),
            waiting: Mutex::default(),
            clock,
            latest: AtomicU64::new(0),
            window,
        })
    }

    /// Has `work` wait for [`Store::run_waiting`], and tells whether it is the first that waits: who
    /// brings the first one has to see to it that they are run. Nothing remains of work that fails.
    pub(super) fn enqueue<T, E>(
        &self,
        base_url: &Arc<str>,
        work: impl FnOnce(&Session<'_>) -> Result<T, E> + Send + 'static,
    ) -> (Answer<T, E>, bool)
    where
        T: Send + 'static,
        E: From<rusqlite::Error> + Send + 'static,
    {
        let (turn, answer) = turn(Arc::clone(base_url), work);
        let mut waiting = lock(&self.waiting);
        let is_first = waiting.is_empty();
        waiting.push(turn);
        (answer, is_first)
    }

    /// Does `work` on this thread, and what waits with it.
    pub(super) fn transact<T, E>(
        &self,
        base_url: &Arc<str>,
        work: impl FnOnce(&Session<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<rusqlite::Error> + Send + 'static,
    {
        let (answer, _) = self.enqueue(base_url, work);
        self.run_waiting();
        answer.get()
    }

    /// Runs all that waits, in one transaction. Blocks its thread for as long as SQLite takes.
    pub(super) fn run_waiting(&self) {
        let mut connection = lock(&self.connection);
        let mut turns = mem::take(&mut *lock(&self.waiting));
        if turns.is_empty() {
            return;
        }
        let committed = self.run(&mut connection, &mut turns);
        for turn in turns {
            turn.tell(committed.as_ref().copied());
        }
    }

    fn run(
        &self,
        connection: &mut Connection,
        turns: &mut [Box<dyn Turn>],
    ) -> rusqlite::Result<()> {
        let mut transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let now = self.now();
        for turn in turns {
            let savepoint = transaction.savepoint()?;
            if turn.run(&savepoint, now, self.window) {
                savepoint.commit()?;
            } else {
                savepoint.finish()?; // rolls back
            }
        }
        transaction.commit()
    }

    /// Returns the time, which stands still while the clock goes back.
    fn now(&self) -> i64 {
        let now = (self.clock)();
        let latest = self.latest.fetch_max(now, Ordering::SeqCst).max(now);
        i64::try_from(latest).unwrap_or(i64::MAX)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn prepare(connection: &mut Connection) -> Result<(), StorageError> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > FORMAT {
        return Err(StorageError::NewerFormat { found });
    }
    tx.execute_batch(SCHEMA)?;
    tx.pragma_update(None, "user_version", FORMAT)?;
    Ok(tx.commit()?)
}

/// One request's part of a transaction.
pub(super) struct Session<'s> {
    pub(super) connection: &'s Connection,
    /// Milliseconds since 1970, the same throughout the request.
    pub(super) now: i64,
    /// How many of a queue's messages are searched for groups, from the oldest on.
    pub(super) window: i64,
    /// What queue addresses begin with.
    pub(super) base_url: &'s str,
}

impl Session<'_> {
    /// Runs a statement and returns how many rows it changed.
    pub(super) fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.connection.prepare_cached(sql)?.execute(params)
    }

    /// Returns the first row.
    pub(super) fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        self.connection
            .prepare_cached(sql)?
            .query_row(params, read)
            .optional()
    }

    /// Returns every row.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.connection
            .prepare_cached(sql)?
            .query_map(params, read)?
            .collect()
    }

    /// Returns the sequence number of the message just inserted.
    pub(super) fn last_seq(&self) -> i64 {
        self.connection.last_insert_rowid()
    }

    /// Returns the moment `seconds` from now.
    pub(super) fn after_secs(&self, seconds: i64) -> i64 {
        self.now.saturating_add(seconds.saturating_mul(1000))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Laptop, check};
    use super::*;

    #[tokio::test]
    async fn a_clock_going_back_changes_nothing() {
        check(
            "send A a0 = new
             receive 1 = a0
             back 3600
             receive 1 = nothing
             visible a0 20
             delete a0
             send A a1 = new
             receive 1 = a1
             pass 3630
             receive 1 = a1",
        )
        .await;
    }

    #[tokio::test]
    async fn a_file_opened_again_holds_what_was_answered() {
        check(
            "reopen
             receive 1 = nothing
             send A a0 D = new
             reopen
             send A a1 D = repeat
             receive 10 = a0",
        )
        .await;
    }

    #[tokio::test]
    async fn a_file_left_by_a_crash_opens_whole() {
        check(
            "crash
             receive 1 = nothing
             send A a0 D = new
             send A a1 = new
             receive 1 = a0
             crash
             send A other D = repeat
             receive 10 = nothing
             release = 1
             receive 10 = a0 a1",
        )
        .await;
    }

    #[tokio::test]
    async fn groups_mirror_messages_whatever_happens() {
        let laptop = Laptop::start().await;
        let store = &laptop.queues.shared.store;
        let mirrored = |session: &Session<'_>| {
            let kept = "SELECT queue, name, head, blocked_until FROM message_groups";
            let true_ones = "SELECT queue, grp, MIN(seq), MAX(visible) FROM messages GROUP BY 1, 2";
            let sql = format!(
                "SELECT NOT EXISTS ({kept} EXCEPT {true_ones})
                    AND NOT EXISTS ({true_ones} EXCEPT {kept})"
            );
            session.first(&sql, [], |row| row.get::<_, bool>(0))
        };
        let mut seed = 7_u32;
        for step in 0..500 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (group, some) = (seed >> 29, i64::from(seed >> 24) + 1);
            let same = store.transact(&"".into(), move |session| {
                match step % 4 {
                    0 | 1 => session.execute(
                        "INSERT INTO messages (queue, grp, id, dedup, sent, attributes,
                            system_attributes, body) VALUES (1, ?1, '', '', 0, '', '', '')",
                        [group.to_string()],
                    ),
                    2 => session.execute(
                        "UPDATE messages SET visible = seq % ?2 WHERE grp = ?1",
                        rusqlite::params![group.to_string(), some],
                    ),
                    _ => session.execute("DELETE FROM messages WHERE seq % 9 = ?1", [some % 9]),
                }?;
                mirrored(session)
            });
            let same: Result<Option<bool>, rusqlite::Error> = same;
            assert_eq!(same.unwrap(), Some(true), "step {step}");
        }
    }

    type Count = Result<i64, StorageError>;

    fn write(session: &Session<'_>) -> Result<usize, StorageError> {
        let sql = "INSERT INTO dedup SELECT 1, '', COUNT(*), '', 0, 0 FROM dedup";
        Ok(session.execute(sql, [])?)
    }

    fn written(store: &Store) -> i64 {
        let count = |session: &Session<'_>| -> Count {
            let sql = "SELECT COUNT(*) FROM dedup";
            Ok(session.first(sql, [], |row| row.get(0))?.unwrap())
        };
        store.transact(&"".into(), count).unwrap()
    }

    #[tokio::test]
    async fn of_those_that_wait_together_only_what_fails_is_undone() {
        let laptop = Laptop::start().await;
        let store = &laptop.queues.shared.store;
        let (before, _) = store.enqueue(&"".into(), write);
        let (failing, _) = store.enqueue(&"".into(), |session| -> Count {
            write(session)?;
            Err(StorageError::NewerFormat { found: 7 })
        });
        let (after, _) = store.enqueue(&"".into(), write);
        store.run_waiting();
        assert!(matches!(
            failing.get(),
            Err(StorageError::NewerFormat { found: 7 })
        ));
        assert!(before.get().is_ok() && after.get().is_ok());
        assert_eq!(written(store), 2);
    }

    #[tokio::test]
    async fn all_that_wait_together_are_told_where_nothing_is_committed() {
        let laptop = Laptop::start().await;
        let store = &laptop.queues.shared.store;
        let (before, _) = store.enqueue(&"".into(), write);
        let (ending, _) = store.enqueue(&"".into(), |session| -> Result<(), StorageError> {
            Ok(session.connection.execute_batch("ROLLBACK")?)
        });
        let (after, _) = store.enqueue(&"".into(), write);
        store.run_waiting();
        assert!(before.get().is_err() && ending.get().is_err() && after.get().is_err());
        assert_eq!(written(store), 0);
        let (before, _) = store.enqueue(&"".into(), write);
        let (failing, _) = store.enqueue(&"".into(), |session| -> Count {
            session.connection.execute_batch("ROLLBACK")?;
            Err(StorageError::NewerFormat { found: 7 })
        });
        store.run_waiting();
        assert!(before.get().is_err(), "nothing is committed");
        let own = failing.get();
        assert!(matches!(own, Err(StorageError::NewerFormat { found: 7 })));
        assert_eq!(written(store), 0);
    }

    #[tokio::test]
    async fn whoever_comes_first_sees_to_it_that_all_are_run() {
        let laptop = Laptop::start().await;
        let store = &laptop.queues.shared.store;
        let (_, is_first) = store.enqueue(&"".into(), write);
        let (answer, is_next_first) = store.enqueue(&"".into(), write);
        assert!(is_first && !is_next_first);
        store.run_waiting();
        assert!(answer.wait().await.is_ok());
        assert!(store.enqueue(&"".into(), write).1);
    }

    #[tokio::test]
    async fn what_panics_leaves_nothing_and_the_next_are_served() {
        let laptop = Laptop::start().await;
        let store = &laptop.queues.shared.store;
        let (before, _) = store.enqueue(&"".into(), write);
        let (panicking, _) = store.enqueue(&"".into(), |_| -> Count {
            std::panic::resume_unwind(Box::new("a mistake"))
        });
        let run = std::panic::AssertUnwindSafe(|| store.run_waiting());
        assert!(std::panic::catch_unwind(run).is_err());
        assert!(before.get().is_err() && panicking.get().is_err());
        assert_eq!(written(store), 0);
    }

    #[test]
    fn a_newer_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queues");
        let newer = Connection::open(&path).unwrap();
        newer
            .pragma_update(None, "user_version", FORMAT + 1)
            .unwrap();
        let refusal = Store::open(&path, Arc::new(|| 0), 1).unwrap_err();
        assert!(
            matches!(refusal, StorageError::NewerFormat { found: 2 }),
            "{refusal}"
        );
    }
}
