//! An event's way behind the ingress: its message, the body store, and the consumer's own commit.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use consumer::commit::{Committer, Outcome};
use consumer::error::HandleError;
use consumer::message::{AgeLimit, Message};
use consumer::routes::routes;
use futures_util::FutureExt;
use switchhook_core::body::{Carried, MAX_INLINE_BYTES};
use switchhook_core::dedup;
use switchhook_core::entity::Entity;
use switchhook_core::envelope::Envelope;
use switchhook_core::ids::EventId;
use switchhook_core::intake::Ready;
use switchhook_core::ledger::{Beginning, Snapshot};
use switchhook_core::occurrence::Sequence;
use switchhook_core::ports::{Added, BodyStore, message_body};
use switchhook_core::states::Stored;
use switchhook_core::time::{Clock, Timestamp};

use crate::input::{delivery_id, now};
use crate::shelf::{Items, Shelf};

/// The most bytes of a message (quotas of SQS).
const MAX_MESSAGE_BYTES: usize = 1 << 20;

thread_local! {
    static WAY: Way = Way::new();
    static FORMS: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
}

/// Returns the forms in which bodies travelled, in all laws that this thread checked.
#[must_use]
pub fn forms() -> BTreeSet<&'static str> {
    FORMS.with_borrow(BTreeSet::clone)
}

/// An event survives queue, body store and commit; returns its bytes behind them, as its record
/// tells them.
pub(crate) fn survives(event: &Ready) -> Vec<u8> {
    let message = message_body(event.envelope()).expect("an envelope can be written");
    assert!(
        message.len() <= MAX_MESSAGE_BYTES,
        "{} bytes",
        message.len()
    );
    assert!(message.chars().all(is_taken_by_sqs));
    let group = event.envelope().entity.message_group();
    assert!((1..=128).contains(&group.len()) && group.chars().all(|c| c.is_ascii_graphic()));
    let received: Envelope = serde_json::from_str(&message).expect("an envelope can be read");
    assert_eq!(&received, event.envelope());
    WAY.with(|way| way.of(event, &received))
}

/// Returns the states after messages were handled one after the other by the consumer's own commit: each
/// an envelope with its bytes in it, and its number in the accepted order.
pub(crate) fn states_after<'a>(
    messages: impl Iterator<Item = &'a (Envelope, Sequence)>,
) -> BTreeMap<Entity, Stored> {
    WAY.with(|way| {
        *way.shelf.items() = Items::default();
        for (envelope, sequence) in messages {
            way.handle(envelope, *sequence);
        }
        let states = way.shelf.items().states.clone().into_iter();
        states
            .filter_map(|(entity, item)| Some((entity, item.stored?)))
            .collect()
    })
}

/// API reference of `SendMessage`.
fn is_taken_by_sqs(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// The real commit on stores in memory.
struct Way {
    shelf: Arc<Shelf>,
    committer: Committer,
}

/// The message of an event, received once.
fn message(envelope: &Envelope, sequence: Sequence) -> Message {
    Message {
        id: String::new(),
        receipt_handle: String::new(),
        group: envelope.entity.message_group(),
        sequence,
        receives: 1,
        age_limit: AgeLimit::Kept,
        body: String::new(),
    }
}

impl Way {
    fn new() -> Self {
        let shelf = Arc::new(Shelf::default());
        let port = || Arc::<Shelf>::clone(&shelf);
        let committer = Committer::new(port(), port(), Arc::new(Noon), routes());
        Self { shelf, committer }
    }

    fn of(&self, event: &Ready, received: &Envelope) -> Vec<u8> {
        *self.shelf.items() = Items::default();
        if let Some((key, bytes)) = event.oversized() {
            at_once(self.shelf.put(key, bytes.clone())).expect("a map takes it");
        }
        note_form(&received.body);
        if let Carried::Stored(pointer) = &received.body {
            self.is_missed(&pointer.key, received);
        }
        assert_eq!(self.commits(received).ok(), Some(Outcome::Recorded));
        assert!(self.is_known(received), "its own record is not known");
        let bytes = self.shelf.told(received);
        self.comes_again(received, &bytes);
        bytes
    }

    /// Another delivery of an event counts in its record; other bytes are kept beside those there.
    fn comes_again(&self, first: &Envelope, bytes: &[u8]) {
        let again = |number, other: Option<&[u8]>| {
            let mut again = first.clone();
            again.id = EventId {
                delivery: delivery_id(number),
                ..first.id
            };
            if let Some(other) = other {
                again.body = Carried::inline(other).expect("it fits");
                again.digest = Some(dedup::content_digest(other));
            }
            again
        };
        let other = [bytes, b" "].concat();
        let other = other.get(..MAX_INLINE_BYTES).unwrap_or(&other);
        let copy = again(1_001, None);
        assert_eq!(self.handle(&copy, Sequence(2)), Outcome::Duplicate);
        let variant = again(1_002, Some(other));
        let expected = if first.digest == variant.digest {
            Outcome::Duplicate
        } else {
            Outcome::Variant
        };
        assert_eq!(self.handle(&variant, Sequence(3)), expected);
        for known in [first, &copy, &variant] {
            let outcome = self.handle(known, Sequence(1));
            let is_known =
                outcome == Outcome::Known || outcome == Outcome::Variant && known.id.index > 0;
            assert!(is_known, "{outcome:?}");
        }
        self.shelf.counts(first, 3);
        assert_eq!(
            self.shelf.told(first),
            bytes,
            "the bytes that are recorded stay"
        );
        if expected == Outcome::Variant {
            self.shelf.keeps(&variant, other);
        }
    }

    /// Handles a message as the consumer does.
    fn handle(&self, envelope: &Envelope, sequence: Sequence) -> Outcome {
        let mut snapshot = self.snapshot(envelope);
        let message = message(envelope, sequence);
        match self.committer.begin(&message, envelope, &snapshot) {
            Beginning::Nothing => Outcome::Known,
            Beginning::CountCopy(key) => {
                let counted = self
                    .committer
                    .count_duplicate(&key, envelope, None, &mut snapshot);
                assert_eq!(at_once(counted).expect("maps take it"), Added::Done);
                Outcome::Duplicate
            }
            Beginning::TouchBody => {
                let commit = self
                    .committer
                    .commit(&message, envelope.clone(), &mut snapshot);
                at_once(commit).expect("it can be committed").outcome
            }
            other => panic!("{other:?}"),
        }
    }

    fn commits(&self, envelope: &Envelope) -> Result<Outcome, HandleError> {
        let mut snapshot = self.snapshot(envelope);
        let message = message(envelope, Sequence(1));
        let begins = self.committer.begin(&message, envelope, &snapshot);
        assert_eq!(begins, Beginning::TouchBody);
        let commit = self
            .committer
            .commit(&message, envelope.clone(), &mut snapshot);
        Ok(at_once(commit)?.outcome)
    }

    fn is_known(&self, envelope: &Envelope) -> bool {
        let message = message(envelope, Sequence(1));
        let snapshot = self.snapshot(envelope);
        self.committer.begin(&message, envelope, &snapshot) == Beginning::Nothing
    }

    fn snapshot(&self, envelope: &Envelope) -> Snapshot {
        let read = self.committer.snapshot(std::iter::once(envelope));
        at_once(read).expect("maps can be read")
    }

    /// A body that is gone, or is another one, is no body.
    fn is_missed(&self, key: &str, envelope: &Envelope) {
        let body = self
            .shelf
            .items()
            .bodies
            .remove(key)
            .expect("it was stored");
        self.is_refused(envelope, "body_missing");
        let mut other = body.to_vec();
        other[0] ^= 1;
        for other in [other, body.slice(1..).to_vec()] {
            self.shelf
                .items()
                .bodies
                .insert(key.to_owned(), other.into());
            self.is_refused(envelope, "body_damaged");
        }
        self.shelf.items().bodies.insert(key.to_owned(), body);
    }

    fn is_refused(&self, envelope: &Envelope, reason: &str) {
        let refused = self.commits(envelope).expect_err("it has no body");
        assert_eq!(refused.reason(), reason);
        let items = self.shelf.items();
        assert!(items.records.is_empty() && items.states.is_empty());
    }
}

/// Maps answer at once.
fn at_once<T>(answer: impl Future<Output = T>) -> T {
    answer.now_or_never().expect("nothing waits")
}

fn note_form(body: &Carried) {
    let form = match body {
        Carried::Inline(base64) => {
            assert!(base64.decode().expect("base64").len() <= MAX_INLINE_BYTES);
            "inline"
        }
        Carried::Deflated(base64) => {
            assert!(base64.decode().expect("base64").len() <= MAX_INLINE_BYTES);
            "deflated"
        }
        Carried::Stored(pointer) => {
            assert!(pointer.length > MAX_INLINE_BYTES);
            "stored"
        }
    };
    FORMS.with_borrow_mut(|forms| forms.insert(form));
}

/// The clock stands still.
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        now()
    }
}
