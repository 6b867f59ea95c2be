//! A request that waits for its turn in a transaction with others, and its answer.

use std::sync::Arc;

use rusqlite::{Connection, ffi};
use tokio::sync::oneshot;

use super::store::Session;

/// A request that waits.
pub(super) trait Turn: Send {
    /// Does the work, and returns whether it is to stay.
    fn run(&mut self, connection: &Connection, now: i64, window: i64) -> bool;

    /// Answers, once it is known whether all is committed.
    fn tell(self: Box<Self>, committed: Result<(), &rusqlite::Error>);
}

/// What a request will be answered.
pub(super) struct Answer<T, E>(oneshot::Receiver<Result<T, E>>);

impl<T, E: From<rusqlite::Error>> Answer<T, E> {
    /// Waits for the answer.
    pub(super) async fn wait(self) -> Result<T, E> {
        self.0.await.unwrap_or_else(|_| aborted())
    }

    /// Returns the answer to a request that had its turn.
    pub(super) fn get(mut self) -> Result<T, E> {
        self.0.try_recv().unwrap_or_else(|_| aborted())
    }
}

/// There is no answer where the thread that ran the request panicked.
fn aborted<T, E: From<rusqlite::Error>>() -> Result<T, E> {
    Err(failure(ffi::SQLITE_ABORT, None).into())
}

struct Request<T, E, W> {
    base_url: Arc<str>,
    work: Option<W>,
    result: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
}

/// Makes a request of some work, and whence its answer comes.
pub(super) fn turn<T, E, W>(base_url: Arc<str>, work: W) -> (Box<dyn Turn>, Answer<T, E>)
where
    T: Send + 'static,
    E: From<rusqlite::Error> + Send + 'static,
    W: FnOnce(&Session<'_>) -> Result<T, E> + Send + 'static,
{
    let (answer, told) = oneshot::channel();
    let request = Request {
        base_url,
        work: Some(work),
        result: None,
        answer,
    };
    (Box::new(request), Answer(told))
}

impl<T, E, W> Turn for Request<T, E, W>
where
    T: Send,
    E: From<rusqlite::Error> + Send,
    W: FnOnce(&Session<'_>) -> Result<T, E> + Send,
{
    fn run(&mut self, connection: &Connection, now: i64, window: i64) -> bool {
        let session = Session {
            connection,
            now,
            window,
            base_url: &self.base_url,
        };
        self.result = self.work.take().map(|work| work(&session));
        matches!(self.result, Some(Ok(_)))
    }

    fn tell(self: Box<Self>, committed: Result<(), &rusqlite::Error>) {
        let result = match (committed, self.result) {
            // What failed by itself knows best why: SQLite may have undone all of it at once.
            (Err(error), Some(Ok(_))) | (Err(error), None) => Some(Err(again(error).into())),
            (_, result) => result,
        };
        if let Some(result) = result {
            let _ = self.answer.send(result);
        }
    }
}

/// The same error once more, for each request that it met.
fn again(error: &rusqlite::Error) -> rusqlite::Error {
    let code = error
        .sqlite_error()
        .map_or(ffi::SQLITE_ERROR, |e| e.extended_code);
    failure(code, Some(error.to_string()))
}

fn failure(code: i32, message: Option<String>) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), message)
}
