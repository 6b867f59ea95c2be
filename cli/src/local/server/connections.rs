//! The connections of one listener, and how far each is.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::Limits;

/// The open connections, no more than there may be.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    most_bytes: usize,
    state: Mutex<State>,
    /// A connection ended, or became unfinished: there may be room.
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// Those that wait for their senders, by when they began to: the first waits for longest.
    unfinished: BTreeMap<u64, Unfinished>,
    /// How many are being answered: nothing ends those.
    answered: usize,
    /// The bytes of all bodies that are here, whole or not.
    held: usize,
}

#[derive(Debug)]
struct Unfinished {
    ended: watch::Sender<bool>,
    /// The bytes of its body that are here.
    held: usize,
}

impl State {
    fn add(&mut self, ended: watch::Sender<bool>) -> u64 {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        self.unfinished
            .insert(number, Unfinished { ended, held: 0 });
        number
    }

    /// Takes out one that is unfinished, and returns the bytes that it held.
    fn remove(&mut self, number: u64) -> Option<usize> {
        self.unfinished.remove(&number).map(|removed| removed.held)
    }

    /// Takes out one that is unfinished, with all that it held.
    fn forget(&mut self, number: u64) {
        let held = self.remove(number).unwrap_or_default();
        self.held = self.held.saturating_sub(held);
    }

    /// Takes out one that was answered, with all that it held.
    const fn leave(&mut self, held: usize) {
        self.answered = self.answered.saturating_sub(1);
        self.held = self.held.saturating_sub(held);
    }

    fn end(&mut self, number: u64) {
        if let Some(ended) = self.unfinished.remove(&number) {
            self.held = self.held.saturating_sub(ended.held);
            ended.ended.send_replace(true);
        }
    }

    fn end_oldest(&mut self) -> bool {
        let oldest = self.unfinished.keys().next().copied();
        oldest.inspect(|number| self.end(*number)).is_some()
    }

    /// Counts bytes of an unfinished body, at the cost of older ones where there are too many; `None`
    /// where there is no room before one that is being answered leaves it.
    fn hold(&mut self, number: u64, bytes: usize, most: usize) -> Option<()> {
        if !self.unfinished.contains_key(&number) {
            return Some(()); // it is ended already
        }
        while self.held > 0 && self.held.saturating_add(bytes) > most {
            let mut others = self.unfinished.iter();
            let (oldest, _) = others.find(|(other, it)| it.held > 0 && **other != number)?;
            let oldest = *oldest;
            self.end(oldest);
        }
        if let Some(own) = self.unfinished.get_mut(&number) {
            own.held = own.held.saturating_add(bytes);
            self.held = self.held.saturating_add(bytes);
        }
        Some(())
    }
}

impl Connections {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            most: limits.connections,
            most_bytes: limits.body_bytes,
            state: Mutex::default(),
            room: Notify::new(),
        }
    }

    /// Takes in a connection: at the cost of the one that is unfinished for longest where there are too
    /// many, and not before one is finished where all are being answered.
    pub(super) async fn enter(self: &Arc<Self>) -> Slot {
        self.wait_until(|| self.try_enter()).await
    }

    fn try_enter(self: &Arc<Self>) -> Option<Slot> {
        let mut state = self.lock();
        let open = state.unfinished.len().saturating_add(state.answered);
        if open >= self.most && !state.end_oldest() {
            return None;
        }
        let (ended, is_ended) = watch::channel(false);
        let number = state.add(ended.clone());
        drop(state);
        Some(Slot {
            connections: Arc::clone(self),
            place: Mutex::new(Place::Unfinished(number)),
            ended,
            is_ended,
            phase: watch::Sender::new(Phase::Head(Instant::now())),
        })
    }

    /// Ends the connections that are unfinished for longest, so many; `false` where there are none.
    pub(super) fn end_oldest(&self, count: usize) -> bool {
        let mut state = self.lock();
        (0..count).fold(false, |ended, _| state.end_oldest() || ended)
    }

    /// Asks again whenever there may be room.
    async fn wait_until<T>(&self, mut ask: impl FnMut() -> Option<T>) -> T {
        loop {
            let mut room = std::pin::pin!(self.room.notified());
            room.as_mut().enable(); // what is given back from here on is not missed
            if let Some(found) = ask() {
                return found;
            }
            room.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a connection is counted.
#[derive(Clone, Copy, Debug)]
enum Place {
    Unfinished(u64),
    /// With the bytes of the body.
    Answered(usize),
}

/// How far a connection is.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// A request began to arrive, or its connection began.
    Head(Instant),
    /// Its head is there; who reads its body keeps the time.
    Body,
    /// It is being answered.
    Answer,
    /// Nothing came since the last answer.
    Idle(Instant),
}

/// The place of one connection, which it leaves when this is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    connections: Arc<Connections>,
    place: Mutex<Place>,
    ended: watch::Sender<bool>,
    is_ended: watch::Receiver<bool>,
    phase: watch::Sender<Phase>,
}

impl Slot {
    /// Waits until the connection must end: overdue, or for another one.
    pub(super) async fn over(&self, limits: Limits) {
        let mut is_ended = self.is_ended.clone();
        tokio::select! {
            _ = is_ended.wait_for(|ended| *ended) => {}
            () = self.overdue(limits) => {}
        }
    }

    async fn overdue(&self, limits: Limits) {
        let mut phases = self.phase.subscribe();
        loop {
            let phase = *phases.borrow_and_update();
            let due = match phase {
                Phase::Head(since) => since.checked_add(limits.request),
                Phase::Idle(since) => since.checked_add(limits.idle),
                Phase::Body | Phase::Answer => None,
            };
            let due = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => return,
                _ = phases.changed() => {}
            }
        }
    }

    /// Notes bytes of a request that had not begun.
    fn begin_head(&self) {
        self.phase.send_if_modified(|phase| {
            let begins = matches!(phase, Phase::Idle(_));
            if begins {
                *phase = Phase::Head(Instant::now());
            }
            begins
        });
    }

    /// Notes that what arrived belongs to a request that is answered already.
    pub(super) fn end_head(&self) {
        self.phase.send_if_modified(|phase| {
            let ends = matches!(phase, Phase::Head(_));
            if ends {
                *phase = Phase::Idle(Instant::now());
            }
            ends
        });
    }

    /// Notes that a head is there, and returns when its body is overdue.
    pub(super) fn begin_body(&self, limits: Limits) -> Instant {
        let since = match self.phase.send_replace(Phase::Body) {
            Phase::Head(since) => since,
            // It came with the request before it.
            Phase::Idle(_) | Phase::Body | Phase::Answer => Instant::now(),
        };
        since.checked_add(limits.request).unwrap_or(since)
    }

    /// Waits until so many more bytes of the body may be held.
    pub(super) async fn hold(&self, bytes: usize) {
        let place = *self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let Place::Unfinished(number) = place else {
            return;
        };
        let connections = &self.connections;
        let hold = || {
            connections
                .lock()
                .hold(number, bytes, connections.most_bytes)
        };
        connections.wait_until(hold).await;
    }

    /// Notes that a whole request is there, which is answered whoever else comes; `false` where it is
    /// too late.
    pub(super) fn begin_answer(&self) -> bool {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.connections.lock();
        if let Place::Unfinished(number) = *place {
            let Some(held) = state.remove(number) else {
                return false;
            };
            state.answered = state.answered.saturating_add(1);
            *place = Place::Answered(held);
        }
        drop(state);
        self.phase.send_replace(Phase::Answer);
        true
    }

    /// Notes that the request is answered.
    pub(super) fn begin_idle(&self) {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.connections.lock();
        match *place {
            Place::Answered(held) => state.leave(held),
            // One that is ended already stays so.
            Place::Unfinished(number) if !state.unfinished.contains_key(&number) => return,
            Place::Unfinished(number) => state.forget(number),
        }
        *place = Place::Unfinished(state.add(self.ended.clone()));
        drop(state);
        self.phase.send_replace(Phase::Idle(Instant::now()));
        self.connections.room.notify_waiters();
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let place = *self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.connections.lock();
        match place {
            Place::Unfinished(number) => state.forget(number),
            Place::Answered(held) => state.leave(held),
        }
        drop(state);
        self.connections.room.notify_waiters();
    }
}

/// A stream that notes when a request begins to arrive.
pub(super) struct Watched<S> {
    stream: S,
    slot: Arc<Slot>,
}

impl<S> Watched<S> {
    pub(super) const fn new(stream: S, slot: Arc<Slot>) -> Self {
        Self { stream, slot }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, into);
        if into.filled().len() > before {
            self.slot.begin_head();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }
}
