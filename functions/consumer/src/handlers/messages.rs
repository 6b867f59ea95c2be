//! Outbound texts: the status of the highest rank, and what is known of the text.

use switchhook_core::data::{self, DeliveryStatus};
use switchhook_core::states::Message;

use crate::router::Event;

/// Something became of a text. A status never goes back from a final one, whatever the times say.
pub fn status(message: &mut Message, event: &Event<'_, data::MessageStatus>) {
    let data = event.data;
    let reached = event.by_rank(data.status.map_or(0, DeliveryStatus::rank));
    message.status.set(data.status, reached);
    message.status_raw.set(data.status_raw.clone(), reached);
    message.r#final.set(data.r#final, reached);
    message.error_code.set(data.error_code.clone(), reached);
    message.reason.set(data.reason.clone(), reached);
    message.status_at.set(Some(event.time()), reached);
    let at = event.by_time();
    message.from.offer(data.from.as_ref(), at);
    message.to.offer(data.to.as_ref(), at);
    message.text.offer(data.text.as_ref(), at);
    message.segments.offer(data.segments.as_ref(), at);
    message.price.offer(data.price.as_ref(), at);
    event.mark(&mut message.updated_at, &mut message.updated_by, at);
}
