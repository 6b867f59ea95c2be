//! Conversations: what the customer last wrote, and whether they want to be left alone.

use switchhook_core::data;
use switchhook_core::states::Conversation;

use super::opt_outs;
use crate::router::Event;

/// A text came in.
pub fn received(conversation: &mut Conversation, event: &Event<'_, data::MessageReceived>) {
    if let Some((word, said)) = opt_outs::said(event.occurrence()) {
        conversation.opted_out.add(word, said);
    }
    if event.is_repeated_stop() {
        return;
    }
    let (data, at) = (event.data, event.by_time());
    conversation.from.offer(data.from.as_ref(), at);
    conversation.to.offer(data.to.as_ref(), at);
    conversation.channel.offer(data.channel.as_ref(), at);
    conversation.text.set(data.text.clone(), at);
    conversation
        .in_reply_to_text
        .set(data.in_reply_to_text.clone(), at);
    conversation.last_inbound_at.set(Some(event.time()), at);
    event.mark(
        &mut conversation.updated_at,
        &mut conversation.updated_by,
        at,
    );
}
