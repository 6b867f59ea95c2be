//! What the ledger already holds of an event, and what follows from it.

use super::{RecordHead, RecordKey, Snapshot};
use crate::attempts;
use crate::dedup::DedupKey;
use crate::entity::Entity;
use crate::ids::EventId;
use crate::time::Timestamp;

/// What the ledger already holds of an event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Known {
    /// Nothing: it is new.
    No,
    /// It is recorded, and this delivery with these bytes is counted.
    Counted,
    /// It is recorded with the same bytes, and this delivery is to be counted there.
    Copy(RecordKey),
    /// It is recorded with other bytes: these are to be kept, and their fields to be offered.
    Variant(RecordKey),
    /// It is recorded with the same bytes, which say STOP and may be a word of their own: to be put on
    /// the suppression list before this delivery is counted.
    RepeatedStop(RecordKey),
}

/// Why an event can never be recorded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RunRefusal {
    /// Its entity has an item that cannot be read.
    DamagedItem,
    /// A record of it may have expired: it might be counted twice.
    TooOld,
}

impl RunRefusal {
    /// Returns the reason that a dead letter shows.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::DamagedItem => "item",
            Self::TooOld => "too_old",
        }
    }
}

/// How the run of an event begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Beginning {
    /// There is nothing to do: it is recorded, and this delivery of it is counted.
    Nothing,
    /// It is counted as a copy in this record, and that is all.
    CountCopy(RecordKey),
    /// It can never be recorded, for this reason: it becomes a dead letter.
    Refuse(RunRefusal),
    /// Its attempt is counted before its body is touched.
    CountAttempt,
    /// Its body is touched at once.
    TouchBody,
}

/// What becomes of a dead letter that a person redrives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Redrive {
    /// It is sent to the queue again.
    Send,
    /// It is dropped: the ledger has its event and its bytes.
    Drop,
    /// It stays: the ledger may have recorded and forgotten its event.
    Refuse,
}

impl Known {
    /// Says how the run of an event begins that was received so often, and that there may be a
    /// reason to refuse.
    ///
    /// INVARIANT: what is recorded is never refused, so that no event is recorded and a dead letter
    /// because something happened to it meanwhile; and where attempts count, no body is touched
    /// before its attempt is counted. Bytes that are not kept yet are refused only where nothing can
    /// be written about their entity: with the record there, an old event is not counted twice.
    #[must_use]
    pub fn begin(&self, refusal: Option<RunRefusal>, receives: u32) -> Beginning {
        match (self, refusal) {
            (Self::Counted, _) => Beginning::Nothing,
            (Self::Copy(key), _) => Beginning::CountCopy(key.clone()),
            (Self::No, Some(refusal)) => Beginning::Refuse(refusal),
            (_, Some(RunRefusal::DamagedItem)) => Beginning::Refuse(RunRefusal::DamagedItem),
            _ if attempts::is_counted(receives) => Beginning::CountAttempt,
            _ => Beginning::TouchBody,
        }
    }

    /// Says what becomes of a dead letter of this event.
    #[must_use]
    pub const fn redrive(&self, is_too_old: bool, is_forced: bool) -> Redrive {
        match self {
            Self::Counted | Self::Copy(_) => Redrive::Drop,
            Self::Variant(_) | Self::RepeatedStop(_) => Redrive::Send,
            Self::No if is_too_old && !is_forced => Redrive::Refuse,
            Self::No => Redrive::Send,
        }
    }
}

impl RecordHead {
    /// Returns what this record, which covers an event, holds of it.
    ///
    /// INVARIANT: the digest decides whether bytes are kept, never the delivery alone: one delivery
    /// may hold an event twice, with different bytes. Then the delivery is counted as soon as one of
    /// the two is, while the bytes of the other may be kept for an earlier delivery only, and not for
    /// as long.
    fn holds(&self, key: RecordKey, id: EventId, digest: Option<&str>) -> Known {
        let is_counted = self.deliveries.contains(&id.delivery);
        if self.differs_from(digest) {
            let is_kept = digest.is_some_and(|digest| self.variants.contains(digest));
            return if is_counted && is_kept && id.index == 0 {
                Known::Counted
            } else {
                Known::Variant(key)
            };
        }
        match (is_counted, self.is_repeatable_stop) {
            (true, _) => Known::Counted,
            (false, true) => Known::RepeatedStop(key),
            (false, false) => Known::Copy(key),
        }
    }
}

impl Snapshot {
    /// Returns what is recorded of an event with bytes of this digest, accepted at `received_at`.
    #[must_use]
    pub fn knows(
        &self,
        entity: &Entity,
        dedup: &DedupKey,
        id: EventId,
        digest: Option<&str>,
        received_at: Timestamp,
    ) -> Known {
        for name in dedup.candidates(received_at) {
            let key = RecordKey {
                entity: entity.clone(),
                name,
            };
            let Some(record) = self.records.get(&key) else {
                continue;
            };
            if dedup.covers(record.received_at, received_at) {
                return record.holds(key, id, digest);
            }
        }
        Known::No
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::dedup::Window;
    use crate::kind::EntityType;
    use crate::occurrence::Sequence;

    pub(in super::super) fn id(n: u8) -> EventId {
        format!("019aad2b-7c00-7000-8000-0000000000{n:02x}.0")
            .parse()
            .unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    pub(in super::super) fn head(n: u8, second: i64) -> RecordHead {
        RecordHead {
            id: id(n),
            received_at: at(second),
            occurred_at: None,
            sequence: Sequence(u128::from(n)),
            digest: Some("d1".to_owned()),
            deliveries: [id(n).delivery].into(),
            variants: [].into(),
            is_repeatable_stop: false,
            expires_at: at(second.saturating_add(1_000)),
        }
    }

    fn entity() -> Entity {
        Entity::new("voice", EntityType::Call, "c")
    }

    fn key(dedup: &DedupKey, first: i64) -> RecordKey {
        RecordKey {
            entity: entity(),
            name: dedup.record_name(at(first)),
        }
    }

    fn snapshot(dedup: &DedupKey, first: i64) -> Snapshot {
        Snapshot {
            records: [(key(dedup, first), head(1, first))].into(),
            ..Snapshot::default()
        }
    }

    /// Returns what a snapshot knows of delivery `n` of bytes of this digest.
    fn known(snapshot: &Snapshot, dedup: &DedupKey, n: u8, digest: &str, second: i64) -> Known {
        snapshot.knows(&entity(), dedup, id(n), Some(digest), at(second))
    }

    #[test]
    fn duplicate_within_the_window_is_a_copy_and_after_it_new() {
        let dedup = DedupKey::new(&[b"x"], Window::Secs(7200));
        let snapshot = snapshot(&dedup, 10_000);
        for second in [10_000, 10_001, 17_199, 2_801, 9_999] {
            let copy = Known::Copy(key(&dedup, 10_000));
            assert_eq!(known(&snapshot, &dedup, 2, "d1", second), copy, "{second}");
        }
        for second in [17_200, 2_800, 1_000_000] {
            let found = known(&snapshot, &dedup, 2, "d1", second);
            assert_eq!(found, Known::No, "{second}");
        }
    }

    #[test]
    fn bytes_decide_what_is_kept_and_not_the_delivery() {
        let dedup = DedupKey::new(&[b"x"], Window::Record);
        let mut snapshot = snapshot(&dedup, 0);
        let key = key(&dedup, 0);
        let variant = Known::Variant(key.clone());
        assert_eq!(known(&snapshot, &dedup, 1, "d1", 0), Known::Counted);
        assert_eq!(
            known(&snapshot, &dedup, 1, "d2", 0),
            variant,
            "one delivery"
        );
        assert_eq!(known(&snapshot, &dedup, 2, "d2", 0), variant);
        let without = snapshot.knows(&entity(), &dedup, id(2), None, at(0));
        assert_eq!(
            without,
            Known::Copy(key.clone()),
            "no digest counts as equal"
        );
        let head = snapshot.records.get_mut(&key).unwrap();
        head.variants.insert("d2".to_owned());
        assert_eq!(known(&snapshot, &dedup, 1, "d2", 0), Known::Counted);
        assert_eq!(
            known(&snapshot, &dedup, 2, "d2", 0),
            variant,
            "another delivery"
        );
        let second = EventId { index: 1, ..id(1) };
        let found = snapshot.knows(&entity(), &dedup, second, Some("d2"), at(0));
        assert_eq!(found, variant, "kept, but perhaps for an earlier delivery");
        let head = snapshot.records.get_mut(&key).unwrap();
        head.digest = None;
        assert_eq!(known(&snapshot, &dedup, 2, "d2", 0), Known::Copy(key));
    }

    #[test]
    fn stop_that_may_be_a_word_of_its_own_is_a_repeated_stop_until_it_is_counted() {
        let dedup = DedupKey::new(&[b"x"], Window::Secs(600));
        let mut snapshot = snapshot(&dedup, 0);
        let key = key(&dedup, 0);
        snapshot.records.get_mut(&key).unwrap().is_repeatable_stop = true;
        let repeated = Known::RepeatedStop(key.clone());
        assert_eq!(known(&snapshot, &dedup, 2, "d1", 60), repeated);
        assert_eq!(known(&snapshot, &dedup, 1, "d1", 0), Known::Counted);
        let variant = Known::Variant(key);
        assert_eq!(known(&snapshot, &dedup, 2, "d2", 60), variant);
    }

    #[test]
    fn letter_goes_back_unless_its_bytes_are_kept_or_its_record_may_have_expired() {
        let key = key(&DedupKey::new(&[b"x"], Window::Record), 0);
        for (is_too_old, is_forced) in [(false, false), (false, true), (true, false), (true, true)]
        {
            let redrive = |known: Known| known.redrive(is_too_old, is_forced);
            assert_eq!(redrive(Known::Counted), Redrive::Drop);
            assert_eq!(redrive(Known::Copy(key.clone())), Redrive::Drop);
            assert_eq!(redrive(Known::Variant(key.clone())), Redrive::Send);
            assert_eq!(redrive(Known::RepeatedStop(key.clone())), Redrive::Send);
            let expected = if is_too_old && !is_forced {
                Redrive::Refuse
            } else {
                Redrive::Send
            };
            assert_eq!(redrive(Known::No), expected);
        }
    }

    #[test]
    fn recorded_event_is_not_refused_and_refused_event_is_not_tried() {
        let key = key(&DedupKey::new(&[b"x"], Window::Record), 0);
        let (old, damaged) = (RunRefusal::TooOld, RunRefusal::DamagedItem);
        for receives in [1, 3] {
            let try_it = if receives == 1 {
                Beginning::TouchBody
            } else {
                Beginning::CountAttempt
            };
            for refusal in [None, Some(old), Some(damaged)] {
                let begin = |known: &Known| known.begin(refusal, receives);
                assert_eq!(begin(&Known::Counted), Beginning::Nothing);
                let copy = Beginning::CountCopy(key.clone());
                assert_eq!(begin(&Known::Copy(key.clone())), copy);
                let expected = refusal.map_or(try_it.clone(), Beginning::Refuse);
                assert_eq!(begin(&Known::No), expected);
                for known in [
                    Known::Variant(key.clone()),
                    Known::RepeatedStop(key.clone()),
                ] {
                    let expected = if refusal == Some(damaged) {
                        Beginning::Refuse(damaged)
                    } else {
                        try_it.clone()
                    };
                    assert_eq!(begin(&known), expected);
                }
            }
        }
    }
}
