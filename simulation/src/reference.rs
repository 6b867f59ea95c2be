//! The same events once more, one by one in their accepted order, by a consumer to whom nothing
//! happens: the states that there should be.

use std::collections::BTreeMap;
use std::sync::Arc;

use switchhook_core::entity::Entity;
use switchhook_core::states::Stored;

use crate::checker;
use crate::node::Node;
use crate::poller::handle_quietly;
use crate::world::{World, locked};

/// Returns the states after the events of these ids, in this order.
pub(crate) async fn states(
    world: &World,
    ids: &[String],
) -> Result<BTreeMap<Entity, Stored>, String> {
    let quiet = Arc::new(World::calm(locked(&world.sources).clone()));
    *locked(&quiet.bodies) = locked(&world.bodies).clone();
    let messages = world.queue.archive();
    let node = Node::start(&quiet, "reference", 0);
    for id in ids {
        let found = messages.iter().find(|message| message.sent.dedup_id == *id);
        let message = found.ok_or("a record is of no message")?;
        if !handle_quietly(&node, message).await {
            return Err(format!("{} is not taken without faults", message.sent.name));
        }
    }
    Ok(checker::states(&quiet))
}
