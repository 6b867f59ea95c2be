//! What somebody else does to the ledger and the body store, and how it is put right again.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::world::{World, locked};

/// What was taken away, to be put back.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    bodies: BTreeMap<String, Bytes>,
}

impl Damage {
    /// Makes the states of some entities unreadable, and takes all stored bodies away.
    pub(crate) fn strike(&mut self, world: &World) {
        let mut table = locked(&world.table);
        let entities: Vec<_> = table.states.keys().cloned().collect();
        for entity in entities {
            if world.happens(0.5) {
                world.note("world", format!("the state of {entity} is damaged"));
                table.damaged.insert(entity);
            }
        }
        let bodies = std::mem::take(&mut *locked(&world.bodies));
        world.note("world", format!("{} bodies are gone", bodies.len()));
        self.bodies.extend(bodies);
    }

    /// Returns a body that was taken away.
    pub(crate) fn body(&self, key: &str) -> Option<Bytes> {
        self.bodies.get(key).cloned()
    }

    /// Puts all of it right.
    pub(crate) fn repair(&mut self, world: &World) {
        world.note("operator", "repairs what is damaged");
        locked(&world.table).damaged.clear();
        locked(&world.bodies).append(&mut self.bodies);
    }
}
