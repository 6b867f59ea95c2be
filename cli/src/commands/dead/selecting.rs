//! Which letters are meant.

use std::collections::BTreeSet;

use super::super::CommandError;
use super::letter::Seen;
use crate::args::Selection;

/// Picks letters, and remembers which ids it has not come across.
#[derive(Debug)]
pub(super) struct Finder<'a> {
    selection: &'a Selection,
    missing: BTreeSet<&'a str>,
}

impl<'a> Finder<'a> {
    pub(super) fn new(selection: &'a Selection) -> Self {
        Self {
            selection,
            missing: selection.ids.iter().map(String::as_str).collect(),
        }
    }

    /// Tells whether a letter is meant.
    pub(super) fn wants(&mut self, seen: &Seen) -> bool {
        self.is_named(seen) && fits(self.selection, seen)
    }

    fn is_named(&mut self, seen: &Seen) -> bool {
        if self.selection.ids.is_empty() {
            return true;
        }
        let names = [seen.name(), seen.letter.message_id.clone()];
        for name in &names {
            self.missing.remove(name.as_str());
        }
        self.selection.ids.iter().any(|id| names.contains(id))
    }

    pub(super) fn misses_none(&self) -> bool {
        self.missing.is_empty()
    }

    /// Fails for ids of no letter.
    pub(super) fn check(&self) -> Result<(), CommandError> {
        if self.misses_none() {
            return Ok(());
        }
        let missing: Vec<_> = self.missing.iter().copied().collect();
        Err(CommandError::NotFound(format!(
            "there is no dead letter `{}`: `switchhook dead list` shows those there are, and `switchhook events` what was recorded",
            missing.join("`, `")
        )))
    }
}

fn fits(selection: &Selection, seen: &Seen) -> bool {
    let Selection {
        ids: _,
        source,
        kind,
        entity,
        reason,
        since,
        until,
    } = selection;
    let event = seen.event.as_ref().ok();
    // What a letter does not tell, it does not fit.
    let of_source = |name: &String| event.is_some_and(|event| event.entity.source() == name);
    let of_entity = |name: &String| event.is_some_and(|event| event.entity.as_str() == name);
    source.as_ref().is_none_or(of_source)
        && entity.as_ref().is_none_or(of_entity)
        && kind.is_none_or(|kind| event.is_some_and(|event| event.kind == kind))
        && reason.as_ref().is_none_or(|reason| reason == seen.reason())
        && since.is_none_or(|since| event.is_some_and(|event| event.received_at >= since))
        && until.is_none_or(|until| event.is_some_and(|event| event.received_at < until))
}
