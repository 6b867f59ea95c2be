//! What somebody else does to the ledger and the body store, and how it is put right again.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::world::{World, locked};

/// What was taken away or spoiled, to be put right.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    struck_at: Option<u64>,
    repaired_at: Option<u64>,
    /// The bodies to be put right, as they were.
    bodies: BTreeMap<String, Bytes>,
    /// All that were ever spoiled.
    spoiled: BTreeSet<String>,
}

impl Damage {
    /// Makes the states of some entities unreadable, and spoils all stored bodies, those too that are
    /// stored before it is repaired.
    pub(crate) fn strike(&mut self, world: &World) {
        self.struck_at = Some(world.elapsed_millis());
        let mut table = locked(&world.table);
        let entities: Vec<_> = table.states.keys().cloned().collect();
        for entity in entities {
            if world.happens(0.5) {
                world.note("world", format!("the state of {entity} is damaged"));
                table.damaged.insert(entity);
            }
        }
        let bodies = std::mem::take(&mut *locked(&world.bodies));
        for (key, body) in bodies {
            let rest = self.spoil(world, &key, body);
            locked(&world.bodies).extend(rest.map(|rest| (key, rest)));
        }
    }

    /// Keeps a body as it was, and returns what is left of it in the store.
    pub(crate) fn spoil(&mut self, world: &World, key: &str, body: Bytes) -> Option<Bytes> {
        let rest = world.happens(0.5).then(|| body.slice(1..));
        let become_of_it = if rest.is_some() { "spoiled" } else { "gone" };
        world.note("world", format!("a body is {become_of_it}"));
        self.bodies.insert(key.to_owned(), body);
        self.spoiled.insert(key.to_owned());
        rest
    }

    pub(crate) fn lasts(&self) -> bool {
        self.struck_at.is_some() && self.repaired_at.is_none()
    }

    /// Tells whether something was damaged at some time in the span up to this moment.
    pub(crate) fn was_there(&self, until: u64, span: u64) -> bool {
        let is_over = self.repaired_at.is_some_and(|at| at + span < until);
        self.struck_at.is_some_and(|at| at <= until) && !is_over
    }

    /// Tells whether this body was ever spoiled.
    pub(crate) fn has_spoiled(&self, key: &str) -> bool {
        self.spoiled.contains(key)
    }

    /// Returns a spoiled body as it was.
    pub(crate) fn body(&self, key: &str) -> Option<Bytes> {
        self.bodies.get(key).cloned()
    }

    /// Puts all of it right.
    pub(crate) fn repair(&mut self, world: &World) {
        if !self.lasts() {
            return;
        }
        self.repaired_at = Some(world.elapsed_millis());
        world.note("operator", "repairs what is damaged");
        locked(&world.table).damaged.clear();
        locked(&world.bodies).append(&mut self.bodies);
    }
}
