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
        Kind::CallAbandoned | Kind::CallEnded | Kind::CallVoicemail => 4,
        Kind::CallTransferred => 3,
        Kind::CallAnswered => 2,
        _ => 1,
    }
}

/// What a disposition or a recording event says outranks what other events of the call mention: it is
/// what became of the call afterwards.
const AFTERWARDS: u8 = 1;

const fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Answered => 1,
        Outcome::Transferred => 2,
        Outcome::Abandoned => 3,
        Outcome::Voicemail => 4,
    }
}

/// A call was answered.
pub fn answered(call: &mut Call, event: &Event<'_, data::Call>) {
    came_to(call, event, Outcome::Answered);
    told(call, event);
}

/// A call was handed on.
pub fn transferred(call: &mut Call, event: &Event<'_, data::Call>) {
    came_to(call, event, Outcome::Transferred);
    told(call, event);
}

/// The caller hung up before anybody answered.
pub fn abandoned(call: &mut Call, event: &Event<'_, data::Call>) {
    came_to(call, event, Outcome::Abandoned);
    told(call, event);
}

/// A call was sent to voicemail.
pub fn sent_to_voicemail(call: &mut Call, event: &Event<'_, data::Call>) {
    came_to(call, event, Outcome::Voicemail);
    told(call, event);
}

/// A call ended. Where people talked, somebody had answered.
pub fn ended(call: &mut Call, event: &Event<'_, data::Call>) {
    if event.data.talk_secs.is_some_and(|secs| secs > 0) {
        came_to(call, event, Outcome::Answered);
    }
    told(call, event);
}

fn came_to(call: &mut Call, event: &Event<'_, data::Call>, outcome: Outcome) {
    call.outcome
        .set(Some(outcome), event.by_rank(rank(outcome)));
}

/// What the agent made of a call was saved or changed. No provider tells when: the accepted order
/// decides.
pub fn disposed(call: &mut Call, event: &Event<'_, data::CallDisposition>) {
    let at = event.by_rank_and_sequence(AFTERWARDS);
    call.disposition.set(event.data.disposition.clone(), at);
    call.note.set(event.data.note.clone(), at);
    event.mark(&mut call.updated_at, &mut call.updated_by, event.by_time());
}

/// The recordings of a call are there.
pub fn recorded(call: &mut Call, event: &Event<'_, data::CallRecording>) {
    let at = event.by_rank_and_sequence(AFTERWARDS);
    call.recordings.offer(event.data.recordings.as_ref(), at);
    event.mark(&mut call.updated_at, &mut call.updated_by, event.by_time());
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
