//! A FIFO queue in memory, as SQS has it: groups, visibility, deduplication for five minutes in a
//! group, at least once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;

use crate::broken::Broken;
use crate::world::{World, locked};

/// The queues' visibility time-out, as the template has it.
pub(crate) const VISIBILITY_MILLIS: u64 = 180_000;
const DEDUPLICATION_MILLIS: u64 = 300_000;
const RETENTION_MILLIS: u64 = 14 * 24 * 3_600_000;
const MAX_BYTES: usize = 1 << 20;
/// Sequence numbers pass 64 bits soon.
const FIRST_SEQUENCE: u128 = (1 << 64) - 2_000;

/// How many messages are searched for groups, from the oldest on ("FIFO queue quotas" in the developer
/// guide of SQS).
const GROUP_WINDOW: usize = 120_000;

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// What the history calls it.
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) dedup_id: String,
    pub(crate) body: String,
    pub(crate) attributes: BTreeMap<&'static str, String>,
}

/// A message of the queue.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) sent: Outgoing,
    pub(crate) id: String,
    pub(crate) sequence: u128,
    pub(crate) receives: u32,
    pub(crate) receipt: String,
    pub(crate) sent_at: u64,
    /// Until when it is in flight.
    hidden_until: u64,
}

impl Message {
    /// What is sent at a time and may never be taken.
    pub(crate) fn on_its_way(sent: Outgoing, sent_at: u64) -> Self {
        Self {
            sent,
            id: String::new(),
            sequence: 0,
            receives: 0,
            receipt: String::new(),
            sent_at,
            hidden_until: 0,
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    messages: Vec<Message>,
    /// All that was ever taken.
    archive: Vec<Message>,
    receipts: u64,
}

/// A queue.
#[derive(Debug)]
pub(crate) struct FifoQueue {
    name: &'static str,
    /// How many messages are searched for groups.
    window: usize,
    /// The least that a receive asks for.
    least: usize,
    inner: Mutex<Inner>,
    changed: Notify,
}

impl FifoQueue {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            window: GROUP_WINDOW,
            least: 1,
            inner: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Searches so many messages only, and always asks for so many.
    pub(crate) const fn with_window(mut self, window: usize, least: usize) -> Self {
        self.window = window;
        self.least = least;
        self
    }

    /// Takes a message, unless it has the deduplication id of a recent one of its group.
    pub(crate) fn send(&self, world: &World, message: Outgoing) -> Result<(), &'static str> {
        if message.body.len() > MAX_BYTES || message.body.contains(is_refused) {
            return Err("SQS takes no such body");
        }
        let now = world.elapsed_millis();
        let mut inner = locked(&self.inner);
        let is_known = |known: &Message| {
            known.sent.group == message.group
                && known.sent.dedup_id == message.dedup_id
                && now < known.sent_at + DEDUPLICATION_MILLIS
        };
        if inner.archive.iter().rev().any(is_known) {
            world.note(self.name, format!("{} is there already", message.name));
            return Ok(());
        }
        let last = inner
            .archive
            .last()
            .map_or(FIRST_SEQUENCE, |last| last.sequence);
        let sequence = last + world.draw(|chance| chance.u128(1..300));
        world.note(
            self.name,
            format!("{} as {sequence} of {}", message.name, message.group),
        );
        let message = Message {
            id: world.draw(message_id),
            sequence,
            receives: 0,
            receipt: String::new(),
            sent_at: now,
            hidden_until: 0,
            sent: message,
        };
        inner.archive.push(message.clone());
        inner.messages.push(message);
        drop(inner);
        self.changed.notify_waiters();
        Ok(())
    }

    /// Gives out up to ten messages of free groups, each group's in order.
    pub(crate) fn receive(&self, world: &World) -> Vec<Message> {
        let now = world.elapsed_millis();
        let mut inner = locked(&self.inner);
        inner
            .messages
            .retain(|message| now < message.sent_at + RETENTION_MILLIS);
        let mut groups = free_groups(&inner.messages, self.window, now);
        if world.broken == Some(Broken::GroupsIgnored) {
            groups = inner
                .messages
                .iter()
                .map(|m| m.sent.group.clone())
                .collect();
            groups.dedup();
        }
        if world.happens(0.3) {
            world.draw(|chance| chance.shuffle(&mut groups));
        }
        let most = world.draw(|chance| chance.usize(self.least..=10));
        let mut taken = Vec::new();
        for group in groups {
            for message in &mut inner.messages {
                if message.sent.group == group && message.hidden_until <= now && taken.len() < most
                {
                    message.hidden_until = now + VISIBILITY_MILLIS;
                    message.receives += 1;
                    taken.push((message.sequence, group.clone()));
                }
            }
        }
        let mut messages = Vec::new();
        for (sequence, _) in taken {
            inner.receipts += 1;
            let receipt = inner.receipts.to_string();
            let message = inner
                .messages
                .iter_mut()
                .find(|m| m.sequence == sequence)
                .unwrap();
            message.receipt = receipt;
            messages.push(message.clone());
        }
        messages
    }

    /// Waits until there may be something to receive.
    pub(crate) async fn changed(&self, world: &World) {
        let changed = self.changed.notified();
        let now = world.elapsed_millis();
        let next = locked(&self.inner)
            .messages
            .iter()
            .map(|m| m.hidden_until)
            .filter(|at| *at > now)
            .min();
        match next {
            None => changed.await,
            Some(at) => {
                let pause = Duration::from_millis(at - now);
                _ = tokio::time::timeout(pause, changed).await;
            }
        }
    }

    /// Deletes a message, if this is its latest receipt and it is still in flight.
    pub(crate) fn delete(&self, world: &World, receipt: &str) -> bool {
        let now = world.elapsed_millis();
        let mut inner = locked(&self.inner);
        let before = inner.messages.len();
        inner
            .messages
            .retain(|m| m.receipt != receipt || m.hidden_until <= now);
        let deleted = inner.messages.len() < before;
        drop(inner);
        self.changed.notify_waiters();
        deleted
    }

    /// Hides a message in flight for so long from now.
    pub(crate) fn hide(&self, world: &World, receipt: &str, secs: u32) -> bool {
        let now = world.elapsed_millis();
        let mut inner = locked(&self.inner);
        let in_flight = |m: &&mut Message| m.receipt == receipt && m.hidden_until > now;
        let found = inner.messages.iter_mut().find(in_flight);
        let is_found = found.is_some();
        if let Some(message) = found {
            message.hidden_until = now + u64::from(secs) * 1_000;
        }
        drop(inner);
        self.changed.notify_waiters();
        is_found
    }

    pub(crate) fn is_empty(&self) -> bool {
        locked(&self.inner).messages.is_empty()
    }

    /// Returns what is in the queue.
    pub(crate) fn messages(&self) -> Vec<Message> {
        locked(&self.inner).messages.clone()
    }

    /// Returns all that ever was in it.
    pub(crate) fn archive(&self) -> Vec<Message> {
        locked(&self.inner).archive.clone()
    }

    /// Takes a message away, whoever has it.
    pub(crate) fn remove(&self, sequence: u128) {
        locked(&self.inner)
            .messages
            .retain(|message| message.sequence != sequence);
        self.changed.notify_waiters();
    }
}

/// Returns the groups within the window with no message in flight, that with the oldest message first.
fn free_groups(messages: &[Message], window: usize, now: u64) -> Vec<String> {
    let in_flight = messages.iter().filter(|m| m.hidden_until > now);
    let blocked: BTreeSet<_> = in_flight.map(|m| m.sent.group.as_str()).collect();
    let mut seen = BTreeSet::new();
    let searched = messages.iter().take(window);
    let free = searched.map(|m| m.sent.group.as_str());
    free.filter(|group| !blocked.contains(group) && seen.insert(*group))
        .map(str::to_owned)
        .collect()
}

/// Control characters and those that are none (API reference of `SendMessage`).
fn is_refused(c: char) -> bool {
    !matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn message_id(chance: &mut fastrand::Rng) -> String {
    let digits = hex::encode(chance.u128(..).to_be_bytes());
    let parts = [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ];
    parts.join("-")
}
