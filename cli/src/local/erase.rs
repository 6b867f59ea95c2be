//! What it takes that nothing of what was deleted is left in the data folder.
//!
//! SQLite keeps deleted rows in free pages, in gaps of others and in its write-ahead log. Files are
//! therefore written anew without them, and the logs cut off. `dynoxide` has no `secure_delete`.

use std::path::Path;
use std::time::Duration;

use dynoxide::DynoxideError;
use rusqlite::{Connection, OpenFlags, params};

use super::data_dir::DataDir;
use super::dynamodb::{DynamoDb, OpenError};

/// How long to wait for others who write to a file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// How often the ledger is tried, which gives up after 5 s.
const MAX_TRIES: u32 = 12;
/// How long to wait for the readers of a log: `local` must not take long to stop.
const LOG_TIMEOUT: Duration = Duration::from_millis(500);

/// Why bytes may be left.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{file}` could not be cleared of what was deleted: repeat this, or stop `switchhook local` first"
)]
pub struct EraseError {
    file: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl EraseError {
    fn of(path: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let file = path.file_name().unwrap_or(path.as_os_str());
        Self {
            file: file.to_string_lossy().into_owned(),
            source: source.into(),
        }
    }
}

/// Writes the folder's databases anew without what was deleted, whether `local` runs or not.
///
/// # Errors
///
/// When a file cannot be written.
pub fn clear_deleted(data: &DataDir) -> Result<(), EraseError> {
    let ledger = data.ledger();
    clear_ledger(&ledger).map_err(|error| EraseError::of(&ledger, error))?;
    for path in [data.queue(), data.forward_list()] {
        let cleared = open(&path, BUSY_TIMEOUT).and_then(|connection| match connection {
            Some(connection) => connection.execute_batch("VACUUM"),
            None => Ok(()),
        });
        cleared.map_err(|error| EraseError::of(&path, error))?;
    }
    cut_logs(data)
}

/// The ledger's own SQL functions are known to its own connection only.
fn clear_ledger(path: &Path) -> Result<(), OpenError> {
    let ledger = DynamoDb::open(path)?;
    let mut tries = 0_u32;
    loop {
        tries = tries.saturating_add(1);
        match ledger.database().vacuum() {
            Err(DynoxideError::InternalServerError(_)) if tries < MAX_TRIES => {}
            done => return Ok(done?),
        }
    }
}

/// Moves what is in the write-ahead logs into their databases and cuts the logs off. One that somebody
/// reads is left: `local` does this again when it stops.
///
/// # Errors
///
/// When a file cannot be written.
pub fn cut_logs(data: &DataDir) -> Result<(), EraseError> {
    for path in [data.ledger(), data.queue(), data.forward_list()] {
        let cut = open(&path, LOG_TIMEOUT).and_then(|connection| match connection {
            Some(connection) => {
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            }
            None => Ok(()),
        });
        cut.map_err(|error| EraseError::of(&path, error))?;
    }
    Ok(())
}

/// Takes the names of entities off the list of events to hand on: their records are gone.
///
/// # Errors
///
/// When the list cannot be written.
pub fn forget_forwarding(
    data: &DataDir,
    is_erased: impl Fn(&str) -> bool,
) -> Result<(), EraseError> {
    let path = data.forward_list();
    let forgotten = open(&path, BUSY_TIMEOUT).and_then(|connection| match connection {
        Some(connection) => forget_entities(&connection, is_erased),
        None => Ok(()),
    });
    forgotten.map_err(|error| EraseError::of(&path, error))
}

fn forget_entities(
    connection: &Connection,
    is_erased: impl Fn(&str) -> bool,
) -> rusqlite::Result<()> {
    let mut select =
        connection.prepare("SELECT id, entity FROM events WHERE entity IS NOT NULL")?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows: Vec<(String, String)> = rows.collect::<Result<_, _>>()?;
    let mut update = connection
        .prepare("UPDATE events SET entity = NULL, name = NULL, due = NULL WHERE id = ?")?;
    let mut erased = rows.iter().filter(|(_, entity)| is_erased(entity));
    erased.try_for_each(|(id, _)| update.execute(params![id]).map(drop))
}

/// Opens a database that is there.
fn open(path: &Path, timeout: Duration) -> rusqlite::Result<Option<Connection>> {
    if !path.exists() {
        return Ok(None);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(timeout)?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    Ok(Some(connection))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SECRET: &str = "+15550100003";

    fn folder() -> (tempfile::TempDir, DataDir) {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::new(folder.path().to_owned());
        DynamoDb::open(&data.ledger()).unwrap();
        (folder, data)
    }

    fn is_left(data: &DataDir) -> bool {
        let mut files = vec![data.queue(), data.forward_list()];
        for mut log in files.clone() {
            log.as_mut_os_string().push("-wal");
            files.push(log);
        }
        files.iter().filter(|path| path.exists()).any(|path| {
            let bytes = fs::read(path).unwrap();
            bytes
                .windows(SECRET.len())
                .any(|some| some == SECRET.as_bytes())
        })
    }

    #[test]
    fn deleted_rows_are_in_no_file_afterwards_while_others_have_it_open() {
        let (_folder, data) = folder();
        let connection = Connection::open(data.queue()).unwrap();
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .unwrap();
        connection.execute_batch("CREATE TABLE t (x TEXT)").unwrap();
        for n in 0..500 {
            let text = format!("{SECRET} {n}");
            connection
                .execute("INSERT INTO t VALUES (?)", [text])
                .unwrap();
        }
        connection.execute("DELETE FROM t", []).unwrap();
        assert!(is_left(&data), "or this test shows nothing");
        clear_deleted(&data).unwrap();
        assert!(!is_left(&data));
        clear_deleted(&data).unwrap();
    }

    #[test]
    fn forwarded_events_of_erased_entities_lose_their_names() {
        let (_folder, data) = folder();
        forget_forwarding(&data, |_| true).unwrap();
        let connection = Connection::open(data.forward_list()).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE events (id TEXT, entity TEXT, name TEXT, due INTEGER);
                 INSERT INTO events VALUES ('1', 'a', 'x', 1), ('2', 'b', 'y', 2), ('3', NULL, NULL, NULL);",
            )
            .unwrap();
        forget_forwarding(&data, |entity| entity == "a").unwrap();
        let mut select = connection
            .prepare("SELECT id FROM events WHERE entity IS NULL AND due IS NULL")
            .unwrap();
        let ids = select.query_map([], |row| row.get(0)).unwrap();
        let ids: Vec<String> = ids.map(Result::unwrap).collect();
        assert_eq!(ids, ["1", "3"]);
    }
}
