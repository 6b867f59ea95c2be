//! HTTP/1.1 on loopback: accepts connections until the shutdown, then lets open requests finish.
//!
//! A listener holds so many connections, and a request has so long to arrive, head and body. What a
//! request says before its body may refuse it: then it is answered at once, and what still comes of
//! its body is thrown away.

mod connections;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, EXPECT};
use http::request::Parts;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use self::connections::{Connections, Slot, Watched};

/// How long to wait when no connection can be accepted, for instance for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The same, where connections were ended for it.
const SHORT_PAUSE: Duration = Duration::from_millis(1);
/// How many connections are ended for want of descriptors.
const ENDED_AT_A_TIME: usize = 8;
/// As many descriptors as both ports and everything else take, and some more.
const DESCRIPTORS: u64 = 1_024;
/// The longest head: several times what API Gateway takes (10,240 bytes).
const MAX_HEAD_BYTES: usize = 64 << 10;

/// What a listener bears.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The most connections at a time: a further one ends the one that is unfinished for longest.
    pub(super) connections: usize,
    /// The most bytes of bodies at a time: further ones end the oldest that are unfinished.
    pub(super) body_bytes: usize,
    /// How long a request may take to arrive, from its first byte or that of its connection.
    pub(super) request: Duration,
    /// How long a connection may be without a request after an answer.
    pub(super) idle: Duration,
}

impl Limits {
    /// The limits of every port.
    pub(super) const LOCAL: Self = Self {
        connections: 256,
        body_bytes: 128 << 20,
        request: Duration::from_secs(15),
        idle: Duration::from_secs(60),
    };
}

/// Why the body of a request is not there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unread {
    /// It took too long to arrive.
    Overdue,
    /// It is longer than was allowed. Its length may not be known.
    TooLong,
    /// It ended early, or is malformed.
    Broken,
}

/// What answers requests.
pub(super) trait Door: Clone + Send + Sync + 'static {
    /// Judges a request whose body has this length, if that is known, and returns how long the body
    /// may be; or the answer, where the body does not matter.
    fn admit(
        &self,
        peer: SocketAddr,
        head: &Parts,
        body_bytes: Option<u64>,
    ) -> impl Future<Output = Result<usize, Response<Full<Bytes>>>> + Send;

    /// Answers a whole request.
    fn answer(
        &self,
        peer: SocketAddr,
        head: Parts,
        body: Bytes,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;

    /// Answers a request whose body did not arrive.
    fn refuse(
        &self,
        head: &Parts,
        unread: Unread,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;
}

/// Lets this program have a descriptor for each connection, and for its files, where it may.
pub(super) fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < DESCRIPTORS) {
        let most = limit.maximum.unwrap_or(DESCRIPTORS);
        limit.current = Some(most.min(DESCRIPTORS));
        let _ = setrlimit(Resource::Nofile, limit); // with fewer, connections end earlier
    }
}

/// Serves requests until `shutdown`, then gives open ones `grace` to finish.
pub(super) async fn serve(
    listener: TcpListener,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
    grace: Duration,
    door: impl Door,
) {
    let (closing, closed) = watch::channel(());
    let connections = Arc::new(Connections::new(limits));
    let mut tasks = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            // Connections hold the descriptors that are missing, also for files.
            let has_ended = connections.end_oldest(ENDED_AT_A_TIME);
            let pause = if has_ended { SHORT_PAUSE } else { ACCEPT_PAUSE };
            tokio::time::sleep(pause).await;
            continue;
        };
        // A small answer must not wait for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let slot = tokio::select! {
            () = &mut shutdown => break,
            slot = connections.enter() => slot,
        };
        tasks.spawn(connection(
            stream,
            peer,
            limits,
            slot,
            door.clone(),
            closed.clone(),
        ));
    }
    drop((listener, closing));
    let drained = async { while tasks.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(grace, drained).await; // the rest ends with the JoinSet
}

/// Serves one connection until it ends, is overdue, or makes room for another.
async fn connection<S>(
    stream: S,
    peer: SocketAddr,
    limits: Limits,
    slot: Slot,
    door: impl Door,
    mut closed: watch::Receiver<()>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let slot = Arc::new(slot);
    let stream = Watched::new(stream, Arc::clone(&slot));
    let of_request = Arc::clone(&slot);
    let service = service_fn(move |request| {
        let (door, slot) = (door.clone(), Arc::clone(&of_request));
        async move { exchange(&door, peer, limits, &slot, request).await }
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None) // the slot keeps the time of the whole request
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service)
    );
    let mut over = std::pin::pin!(slot.over(limits));
    let outcome = tokio::select! {
        outcome = &mut connection => outcome,
        () = &mut over => return,
        _ = closed.changed() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                outcome = &mut connection => outcome,
                () = &mut over => return,
            }
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(error = %error, "connection ended");
    }
}

/// Reads one request and answers it.
async fn exchange(
    door: &impl Door,
    peer: SocketAddr,
    limits: Limits,
    slot: &Arc<Slot>,
    request: Request<Incoming>,
) -> io::Result<Response<Full<Bytes>>> {
    let overdue_at = slot.begin_body(limits);
    let (head, mut body) = request.into_parts();
    let longest = match door.admit(peer, &head, body.size_hint().exact()).await {
        Ok(longest) => longest,
        Err(answer) => return Ok(early(slot, &head, body, overdue_at, answer)),
    };
    let unread = match timeout_at(overdue_at, read(&mut body, longest, slot)).await {
        Ok(Ok(bytes)) if slot.begin_answer() => {
            let answer = door.answer(peer, head, bytes).await;
            slot.begin_idle();
            return Ok(answer);
        }
        Ok(Ok(_)) => return Err(io::ErrorKind::ConnectionAborted.into()), // it made room
        Ok(Err(unread)) => unread,
        Err(_) => Unread::Overdue,
    };
    let answer = door.refuse(&head, unread).await;
    Ok(match unread {
        Unread::TooLong => early(slot, &head, body, overdue_at, answer),
        Unread::Overdue | Unread::Broken => {
            slot.begin_idle();
            last(answer)
        }
    })
}

/// Reads a body into one piece: chunks of one byte cost no more than others.
async fn read(body: &mut Incoming, longest: usize, slot: &Slot) -> Result<Bytes, Unread> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Unread::Broken)?;
        let data = frame.data_ref().map_or(&[][..], |data| data);
        if data.len() > longest.saturating_sub(bytes.len()) {
            return Err(Unread::TooLong);
        }
        slot.hold(data.len()).await;
        bytes.extend_from_slice(data);
    }
    Ok(bytes.freeze())
}

/// Answers before the body arrived. A sender that is still writing reads the answer only if what it
/// writes is taken; one that waits for `100 Continue` is not asked to go on.
fn early(
    slot: &Arc<Slot>,
    head: &Parts,
    mut body: Incoming,
    overdue_at: Instant,
    answer: Response<Full<Bytes>>,
) -> Response<Full<Bytes>> {
    slot.begin_idle();
    if body.is_end_stream() {
        return answer;
    }
    if head.headers.contains_key(EXPECT) {
        return last(answer);
    }
    // It ends with its connection at the latest, which ends the body.
    let slot = Arc::clone(slot);
    tokio::spawn(timeout_at(overdue_at, async move {
        while let Some(Ok(_)) = body.frame().await {}
        slot.end_head();
    }));
    answer
}

/// Marks the last answer of a connection.
fn last(mut answer: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(CONNECTION, close);
    answer
}

#[cfg(test)]
mod tests;
