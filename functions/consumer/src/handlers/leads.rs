//! Leads: the current values, by the events' own times.

use switchhook_core::data;
use switchhook_core::states::{Lead, LeadStatus};

use crate::router::Event;

/// A lead was won. When it is told again, the first time stays the one at which it was won.
pub fn generated(lead: &mut Lead, event: &Event<'_, data::Booking>) {
    let at = event.by_time();
    lead.status.set(Some(LeadStatus::Generated), at);
    let (earliest, first) = event.earliest();
    lead.generated_at.set(Some(earliest), first);
    lead.name.offer(event.data.name.as_ref(), at);
    lead.phone.offer(event.data.phone.as_ref(), at);
    lead.email.offer(event.data.email.as_ref(), at);
    lead.starts_at.offer(event.data.starts_at.as_ref(), at);
    lead.agent.offer(event.data.agent.as_ref(), at);
    event.mark(&mut lead.updated_at, &mut lead.updated_by, at);
}
