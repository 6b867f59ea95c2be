//! Calls: one record of the call, from whatever was said about it.
//!
//! Events of a call come late and out of order (retries take up to 43 minutes): every register goes
//! by the events' own times, and what one event does not say leaves what another said.

use switchhook_core::data;
use switchhook_core::kind::Kind;
use switchhook_core::states::{Call, Outcome};

use crate::router::Event;

/// How far a call is: what a later step says of it is not undone by an earlier one that is told
/// late, whatever its time.
const fn step(kind: Kind) -> u8 {
    match kind {
        Kind::CallEnded => 4,
        Kind::CallTransferred => 3,
        Kind::CallAnswered => 2,
        _ => 1,
    }
}

/// A call was answered.
pub fn answered(call: &mut Call, event: &Event<'_, data::Call>) {
    call.outcome
        .set(Some(Outcome::Answered), event.by_rank(step(event.kind())));
    told(call, event);
}

/// A call was handed on.
pub fn transferred(call: &mut Call, event: &Event<'_, data::Call>) {
    call.outcome.set(
        Some(Outcome::Transferred),
        event.by_rank(step(event.kind())),
    );
    told(call, event);
}

/// Something was said about a call.
pub fn told(call: &mut Call, event: &Event<'_, data::Call>) {
    let (data, at) = (event.data, event.by_time());
    call.direction.offer(data.direction.as_ref(), at);
    call.from.offer(data.from.as_ref(), at);
    call.to.offer(data.to.as_ref(), at);
    call.agent.offer(data.agent.as_ref(), at);
    call.status
        .offer(data.status.as_ref(), event.by_rank(step(event.kind())));
    call.started_at.offer(data.started_at.as_ref(), at);
    call.answered_at.offer(data.answered_at.as_ref(), at);
    call.ended_at.offer(data.ended_at.as_ref(), at);
    call.duration_secs.offer(data.duration_secs.as_ref(), at);
    call.talk_secs.offer(data.talk_secs.as_ref(), at);
    call.wait_secs.offer(data.wait_secs.as_ref(), at);
    call.disposition.offer(data.disposition.as_ref(), at);
    call.recordings.offer(data.recordings.as_ref(), at);
    call.sentiment.offer(data.sentiment.as_ref(), at);
    call.transcript.offer(data.transcript.as_ref(), at);
    call.tags.offer(data.tags.as_ref(), at);
    event.mark(&mut call.updated_at, &mut call.updated_by, at);
}
