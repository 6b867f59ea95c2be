//! Agents: the current values, by the events' own times.

use switchhook_core::data;
use switchhook_core::states::Agent;

use crate::router::Event;

/// An agent was created.
pub fn created(agent: &mut Agent, event: &Event<'_, data::Agent>) {
    agent.created_at.set(Some(event.time()), event.by_time());
    changed(agent, event);
}

/// Something about an agent changed or was measured.
pub fn changed(agent: &mut Agent, event: &Event<'_, data::Agent>) {
    let at = event.by_time();
    agent.name.offer(event.data.name.as_ref(), at);
    agent.status.offer(event.data.status.as_ref(), at);
    agent.metrics.offer(event.data.metrics.as_ref(), at);
    event.mark(&mut agent.updated_at, &mut agent.updated_by, at);
}
