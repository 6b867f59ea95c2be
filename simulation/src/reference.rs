//! The same events once more, one by one, by a consumer to whom nothing happens: the states that there
//! should be. First the recorded ones in their accepted order, then every other delivery in its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use switchhook_core::entity::Entity;
use switchhook_core::states::Stored;

use crate::evidence::Evidence;
use crate::node::Node;
use crate::poller::handle_quietly;
use crate::states;
use crate::world::{World, locked};

/// Returns the states after all events.
pub(crate) async fn states(evidence: &Evidence<'_>) -> Result<BTreeMap<Entity, Stored>, String> {
    let world = evidence.world;
    let quiet = Arc::new(World::calm(locked(&world.sources).clone()));
    *locked(&quiet.bodies) = locked(&world.bodies).clone();
    let messages = world.queue.archive();
    let node = Node::start(&quiet, "reference", 0);
    let recorded: BTreeSet<_> = evidence.seen.iter().map(|one| one.record.id).collect();
    let mut ids: Vec<_> = evidence.arrived.iter().collect();
    ids.sort_by_key(|one| (!recorded.contains(&one.envelope.id), one.sequence));
    for one in ids {
        let id = one.envelope.id.to_string();
        let found = messages.iter().find(|message| message.sent.dedup_id == id);
        let message = found.ok_or("a record is of no message")?;
        if !handle_quietly(&node, message).await {
            return Err(format!("{} is not taken without faults", message.sent.name));
        }
    }
    Ok(states::of(&quiet))
}
