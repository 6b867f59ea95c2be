//! One item of the suppression list: whether a number or address may be written to on one channel.
//!
//! It is derived from what was said through each source, which rests beside it. No register is needed:
//! whose item it is follows from its key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::consent::{Consent, Said, Word};
use super::stored::{State, StateError, Stored};
use crate::channel;
use crate::config::OptInScope;
use crate::dedup;
use crate::ids::EventId;
use crate::time::Timestamp;

/// The owner of an item: the number or address, and what else its key says.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Owner {
    /// The number in E.164, or the text as it came where `is_unplaced`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The e-mail address, or the text as it came where `is_unplaced`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The channel.
    pub channel: String,
    /// Whether neither a number nor an address could be read, so that nobody will ask for this item.
    #[serde(default)]
    pub is_unplaced: bool,
}

/// The longest text that an item stands under as it came, in bytes; of a longer one it is the digest.
const MAX_TEXT_BYTES: usize = 128;

impl Owner {
    /// An owner that a provider's own id stands for, as on [`channel::MESSENGER`].
    #[must_use]
    pub fn of_id(id: &str, channel: &str) -> Self {
        Self {
            phone: Some(bounded(id)),
            email: None,
            channel: channel.to_owned(),
            is_unplaced: false,
        }
    }

    /// An owner whose number or address could not be read: the text as it came stands for it.
    #[must_use]
    pub fn unplaced(text: &str, channel: &str) -> Self {
        let text = bounded(text);
        let (phone, email) = if channel == channel::EMAIL {
            (None, Some(text))
        } else {
            (Some(text), None)
        };
        Self {
            phone,
            email,
            channel: channel.to_owned(),
            is_unplaced: true,
        }
    }
}

/// Returns the text that an item stands under: keys are bounded where they are made.
fn bounded(text: &str) -> String {
    let text = text.trim();
    if text.len() > MAX_TEXT_BYTES {
        dedup::content_digest(text.as_bytes())
    } else {
        text.to_owned()
    }
}

/// One item of the suppression list.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct OptOut {
    owner: Owner,
    /// By source.
    consents: BTreeMap<String, Consent>,
    /// The latest START that counts for every source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stack_start: Option<Said>,
}

/// What users read of an item.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct OptOutView {
    /// The number in E.164, or the text as it came where `unplaced`.
    pub phone: Option<String>,
    /// The e-mail address, or the text as it came where `unplaced`.
    pub email: Option<String>,
    /// The channel.
    pub channel: String,
    /// Whether the person must be left alone.
    pub opted_out: bool,
    /// Whether it could not be read who must be left alone.
    pub unplaced: bool,
    /// Since when: the own time of the latest STOP that stands, else of the latest START.
    pub since: Option<Timestamp>,
    /// Through which source that was said.
    pub source: Option<String>,
    /// What stands through each source.
    pub sources: Vec<SourceView>,
    /// As `since`, under the name that every state has it.
    pub updated_at: Option<Timestamp>,
    /// The event that said so.
    pub updated_by: Option<EventId>,
}

/// What stands through one source.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SourceView {
    /// The source.
    pub source: String,
    /// Whether its STOP stands.
    pub opted_out: bool,
    /// Since when.
    pub at: Timestamp,
    /// The event that said so.
    pub event: EventId,
}

impl OptOut {
    /// Takes a word in that was said of `owner` through `source`.
    pub fn add(&mut self, owner: Owner, source: &str, word: Word, said: Said, scope: OptInScope) {
        self.owner = owner;
        let consent = self.consents.entry(source.to_owned()).or_default();
        consent.add(word, said);
        if word == Word::Start && scope == OptInScope::Stack {
            let latest = self.stack_start.map(|before| before.max(said));
            self.stack_start = latest.or(Some(said));
        }
    }

    /// Returns what users read.
    #[must_use]
    pub fn view(&self) -> OptOutView {
        let latest = self.latest(|consent| consent.standing_stop(self.stack_start));
        let opted_out = latest.is_some();
        let latest = latest.or_else(|| self.latest(|consent| consent.start));
        let since = latest.map(|(said, _)| said.own);
        let owner = self.owner.clone();
        OptOutView {
            phone: owner.phone,
            email: owner.email,
            channel: owner.channel,
            opted_out,
            unplaced: owner.is_unplaced,
            since,
            source: latest.map(|(_, source)| source.to_owned()),
            sources: self.source_views().collect(),
            updated_at: since,
            updated_by: latest.map(|(said, _)| said.event),
        }
    }

    /// Returns the latest of a word over all sources, and its source.
    fn latest(&self, word: impl Fn(&Consent) -> Option<Said>) -> Option<(Said, &str)> {
        let consents = self.consents.iter();
        let said = consents.filter_map(|(source, consent)| Some((word(consent)?, source.as_str())));
        said.max_by_key(|(said, source)| (said.own, said.event, *source))
    }

    fn source_views(&self) -> impl Iterator<Item = SourceView> {
        self.consents.iter().filter_map(|(source, consent)| {
            let stop = consent.standing_stop(self.stack_start);
            // What the stack's START lifted may have no START of its own.
            let latest = stop.or(consent.start).or(self.stack_start)?;
            Some(SourceView {
                source: source.clone(),
                opted_out: stop.is_some(),
                at: latest.own,
                event: latest.event,
            })
        })
    }
}

/// Users read the view; what it is derived from rests where positions do.
impl State for OptOut {
    fn load(stored: &Stored) -> Result<Self, StateError> {
        Ok(serde_json::from_str(&stored.positions)?)
    }

    fn store(&self) -> Result<Stored, StateError> {
        Ok(Stored {
            state: serde_json::to_string(&self.view())?,
            positions: serde_json::to_string(self)?,
            expiry: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute.saturating_mul(60)).unwrap()
    }

    fn said(minute: i64) -> Said {
        Said {
            own: at(minute),
            accepted: at(minute),
            event: format!("019aad2b-7c00-7000-8000-{minute:012x}.0")
                .parse()
                .unwrap(),
        }
    }

    fn after(words: &[(&str, Word, i64, OptInScope)]) -> OptOut {
        let mut item = OptOut::default();
        let owner = Owner {
            phone: Some("+15550100003".to_owned()),
            channel: "sms".to_owned(),
            ..Owner::default()
        };
        for (source, word, minute, scope) in words {
            item.add(owner.clone(), source, *word, said(*minute), *scope);
        }
        item
    }

    const STOP_A: (&str, Word, i64, OptInScope) = ("a", Word::Stop, 1, OptInScope::Source);
    const STOP_B: (&str, Word, i64, OptInScope) = ("b", Word::Stop, 2, OptInScope::Source);

    #[test]
    fn start_of_one_source_leaves_the_stop_of_another() {
        let item = after(&[STOP_A, STOP_B, ("a", Word::Start, 3, OptInScope::Source)]);
        let view = item.view();
        assert!(view.opted_out);
        assert_eq!(
            (view.since, view.source.as_deref()),
            (Some(at(2)), Some("b"))
        );
        let sources: Vec<_> = view
            .sources
            .iter()
            .map(|view| (view.source.as_str(), view.opted_out, view.at))
            .collect();
        assert_eq!(sources, [("a", false, at(3)), ("b", true, at(2))]);
    }

    #[test]
    fn start_of_the_stack_lifts_every_stop_before_it_in_every_order() {
        let start = ("_", Word::Start, 3, OptInScope::Stack);
        let later = ("a", Word::Stop, 4, OptInScope::Source);
        for words in [
            [STOP_A, STOP_B, start],
            [start, STOP_A, STOP_B],
            [STOP_A, start, STOP_B],
        ] {
            let item = after(&words);
            let view = item.view();
            assert!(!view.opted_out);
            assert_eq!(
                (view.since, view.source.as_deref()),
                (Some(at(3)), Some("_"))
            );
            assert!(after(&[&words[..], &[later]].concat()).view().opted_out);
        }
    }

    #[test]
    fn item_survives_its_storage() {
        let item = after(&[STOP_A, ("b", Word::Start, 3, OptInScope::Stack)]);
        let stored = item.store().unwrap();
        assert_eq!(OptOut::load(&stored).unwrap(), item);
        let view: OptOutView = serde_json::from_str(&stored.state).unwrap();
        assert_eq!(view, item.view());
        assert!(stored.state.starts_with(
            r#"{"phone":"+15550100003","email":null,"channel":"sms","opted_out":false,"unplaced":false,"#
        ));
    }
}
