//! What is to be deleted, counted by source.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Serialize;
use switchhook_aws::dynamodb::erasing::Part;
use switchhook_core::entity::Entity;

use super::matcher::Evidence;

/// The most items that are deleted without `--at-most`.
const MAX_ITEMS: u64 = 1_000;
/// The most others that may be named in them: a number of one's own names all who called it.
const MAX_OTHERS: usize = 20;

/// An item of the table.
#[derive(Debug)]
pub(super) struct PlannedItem {
    pub(super) entity: Entity,
    pub(super) sort: String,
    pub(super) part: Part,
    /// The key of the body beside it.
    pub(super) body: Option<String>,
    pub(super) evidence: Evidence,
}

/// A dead letter.
#[derive(Debug)]
pub(super) struct PlannedLetter {
    pub(super) message_id: String,
    pub(super) source: String,
    /// What it is about, where that can be read.
    pub(super) entity: Option<Entity>,
    /// The key of the body beside it.
    pub(super) body: Option<String>,
    pub(super) evidence: Evidence,
}

/// All that is to be deleted.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) items: Vec<PlannedItem>,
    pub(super) letters: Vec<PlannedLetter>,
    /// Keys of bodies that nothing names.
    pub(super) bodies: Vec<String>,
    /// Such bodies that stay for now, since their events may not be processed yet.
    pub(super) awaited: u64,
    /// Who else is named.
    pub(super) others: BTreeSet<String>,
    /// Entries of the suppression list, which stay.
    pub(super) kept_opt_outs: BTreeSet<Entity>,
    /// How many dead letters could not be had.
    pub(super) not_inspected: u64,
}

/// What is deleted of one source.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub(super) struct Counts {
    pub(super) states: u64,
    pub(super) records: u64,
    pub(super) variants: u64,
    pub(super) bodies: u64,
    pub(super) dead_letters: u64,
}

impl Counts {
    pub(super) const fn all(&self) -> [u64; 5] {
        [
            self.states,
            self.records,
            self.variants,
            self.bodies,
            self.dead_letters,
        ]
    }
}

impl Plan {
    /// Counts by source; what belongs to none that is known stands under an empty name.
    pub(super) fn counts(&self) -> BTreeMap<&str, Counts> {
        let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
        let mut count = |source, field: fn(&mut Counts) -> &mut u64| {
            let field = field(counts.entry(source).or_default());
            *field = field.saturating_add(1);
        };
        for item in &self.items {
            count(
                item.entity.source(),
                match item.part {
                    Part::State => |counts| &mut counts.states,
                    Part::Variant => |counts| &mut counts.variants,
                    Part::Record | Part::Attempts | Part::Other => |counts| &mut counts.records,
                },
            );
        }
        for letter in &self.letters {
            count(&letter.source, |counts| &mut counts.dead_letters);
        }
        for key in self.body_keys() {
            let source = key.split('/').next().unwrap_or_default();
            count(source, |counts| &mut counts.bodies);
        }
        counts
    }

    /// Returns the bodies that alone show whose their items and letters are: they go last.
    pub(super) fn showing_bodies(&self) -> HashSet<&str> {
        let of_items = self.items.iter().map(|item| (item.evidence, &item.body));
        let letters = self.letters.iter();
        let of_letters = letters.map(|letter| (letter.evidence, &letter.body));
        let showing = of_items
            .chain(of_letters)
            .filter(|(evidence, _)| *evidence == Evidence::Body);
        showing.filter_map(|(_, body)| body.as_deref()).collect()
    }

    fn body_keys(&self) -> BTreeSet<&str> {
        let of_items = self.items.iter().filter_map(|item| item.body.as_deref());
        let of_letters = self
            .letters
            .iter()
            .filter_map(|letter| letter.body.as_deref());
        let alone = self.bodies.iter().map(String::as_str);
        of_items.chain(of_letters).chain(alone).collect()
    }

    /// Returns how much there is to delete.
    pub(super) fn len(&self) -> u64 {
        let counts = self.counts();
        counts.values().flat_map(Counts::all).sum()
    }

    /// Leaves out everything of some entities.
    pub(super) fn keep(&mut self, entities: &BTreeSet<Entity>) {
        self.items.retain(|item| !entities.contains(&item.entity));
        let is_kept = |entity: &Entity| entities.contains(entity);
        self.letters
            .retain(|letter| !letter.entity.as_ref().is_some_and(is_kept));
    }

    /// Puts items into the order of their deletion.
    pub(super) fn sort(&mut self) {
        self.items.sort_by(|one, other| {
            let key = |item: &PlannedItem| item.evidence;
            let by_name = || (&one.entity, &one.sort).cmp(&(&other.entity, &other.sort));
            key(one).cmp(&key(other)).then_with(by_name)
        });
        self.items.dedup_by(|one, other| {
            (&one.entity, &one.sort, one.evidence) == (&other.entity, &other.sort, other.evidence)
        });
    }

    /// Returns why so much is not deleted.
    pub(super) fn refusal(&self, at_most: Option<u64>) -> Option<String> {
        let (items, others) = (self.len(), self.others.len());
        match at_most {
            Some(at_most) if items > at_most => Some(format!(
                "{items} items are found, more than `--at-most {at_most}`"
            )),
            Some(_) => None,
            None if others > MAX_OTHERS => Some(format!(
                "{items} items are found, and they name {others} others: this looks like a number or address of your own; `--at-most {items}` deletes them all the same"
            )),
            None if items > MAX_ITEMS => Some(format!(
                "{items} items are found: more than {MAX_ITEMS} are deleted with `--at-most {items}` only"
            )),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, sort: &str, part: Part, evidence: Evidence) -> PlannedItem {
        PlannedItem {
            entity: Entity::from_name(name.to_owned()),
            sort: sort.to_owned(),
            part,
            body: None,
            evidence,
        }
    }

    fn plan(items: usize, others: usize) -> Plan {
        let items =
            (0..items).map(|n| item("a/call/c", &n.to_string(), Part::Record, Evidence::Item));
        Plan {
            items: items.collect(),
            others: (0..others).map(|n| n.to_string()).collect(),
            ..Plan::default()
        }
    }

    #[test]
    fn much_is_refused_unless_it_was_asked_for() {
        for (items, others, at_most, refused) in [
            (0, 0, None, false),
            (1_000, 20, None, false),
            (1_001, 0, None, true),
            (21, 21, None, true),
            (1_001, 21, Some(1_001), false),
            (1_001, 0, Some(1_000), true),
            (1, 0, Some(0), true),
        ] {
            let refusal = plan(items, others).refusal(at_most);
            assert_eq!(refusal.is_some(), refused, "{items} {others}: {refusal:?}");
        }
    }

    #[test]
    fn what_others_are_found_by_is_deleted_last() {
        let items = vec![
            item("a/call/c", "event#1", Part::Record, Evidence::Item),
            item("a/call/c", "state", Part::State, Evidence::None),
            item("a/call/b", "event#2", Part::Record, Evidence::Body),
            item("a/call/c", "state", Part::State, Evidence::None),
        ];
        let mut plan = Plan {
            items,
            ..Plan::default()
        };
        plan.sort();
        let order: Vec<_> = plan.items.iter().map(|item| item.sort.as_str()).collect();
        assert_eq!(order, ["state", "event#2", "event#1"]);
    }

    #[test]
    fn a_body_that_two_name_counts_once() {
        let mut plan = plan(1, 0);
        plan.items[0].body = Some("a/1".to_owned());
        plan.letters.push(PlannedLetter {
            message_id: "m".to_owned(),
            source: "a".to_owned(),
            entity: None,
            body: Some("a/1".to_owned()),
            evidence: Evidence::Body,
        });
        assert_eq!(plan.showing_bodies(), ["a/1"].into());
        plan.bodies.push("b/2".to_owned());
        let counts = plan.counts();
        assert_eq!(counts["a"].all(), [0, 1, 0, 1, 1]);
        assert_eq!(counts["b"].all(), [0, 0, 0, 1, 0]);
        assert_eq!(plan.len(), 4);
    }
}
