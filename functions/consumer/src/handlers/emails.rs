//! Outbound e-mails: what became of each, by rank and then by the events' own times.

use switchhook_core::data::{self, MailStatus};
use switchhook_core::states::Email;

use crate::router::Event;

/// Something became of an e-mail.
pub fn status(email: &mut Email, event: &Event<'_, data::EmailStatus>) {
    let data = event.data;
    let reached = event.by_rank(data.status.map_or(0, MailStatus::rank));
    email.status.set(data.status, reached);
    email.reason.set(data.reason.clone(), reached);
    email.status_at.set(Some(event.time()), reached);
    let at = event.by_time();
    email.to.offer(data.to.as_ref(), at);
    email.from.offer(data.from.as_ref(), at);
    email.subject.offer(data.subject.as_ref(), at);
    event.mark(&mut email.updated_at, &mut email.updated_by, at);
}
