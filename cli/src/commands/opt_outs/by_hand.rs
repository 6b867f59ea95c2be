//! `switchhook opt-outs add` and `remove`: an operator's word, queued as an event like any other.

use std::process::ExitCode;

use jiff::SignedDuration;
use serde_json::json;
use switchhook_core::ids::DeliveryId;
use switchhook_core::providers::switchhook;
use switchhook_core::states::Word;
use switchhook_core::time::Timestamp;
use uuid::{NoContext, Uuid};

use super::super::{CommandError, Context, output};
use super::owner;
use crate::args::ByHand;

pub(super) async fn queue(
    context: &Context,
    word: Word,
    args: &ByHand,
) -> Result<ExitCode, CommandError> {
    let (owner, _) = owner::find(&context.ledger()?, &args.owner).await?;
    let address = owner.phone.clone().or_else(|| owner.email.clone());
    let address = address.unwrap_or_default();
    let channel = owner.channel.clone();
    let said = switchhook::ByHand::new(word, owner, args.because.clone());
    let now = context.accepting_time().await?;
    // AWS says whole seconds. Within one, the STOP is the later word: the safe side.
    let is_rounded = context.stack.is_some() && word == Word::Stop;
    let within = SignedDuration::from_millis(if is_rounded { 999 } else { 0 });
    let now = now.checked_add(within);
    let now = now.map_err(|error| CommandError::Refused(error.to_string()))?;
    let delivery = delivery_id(now);
    let envelope = said
        .envelope(delivery, now, context.retention_days().await?)
        .map_err(|error| CommandError::Usage(error.to_string()))?;
    context.queue().await?.send_envelope(&envelope).await?;
    if context.json {
        let queued = json!({"id": envelope.id, "entity": envelope.entity, "kind": envelope.kind});
        output::json(&queued)?;
    } else {
        let change = match word {
            Word::Stop => "put on",
            Word::Start => "taken off",
        };
        output::line(&format!(
            "queued: {address} will be {change} the list ({channel})"
        ))?;
    }
    if !context.is_consumed() {
        output::note("`switchhook local` is not running; the list changes when it starts")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn delivery_id(now: Timestamp) -> DeliveryId {
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
    let at = uuid::Timestamp::from_unix(NoContext, seconds, nanos);
    DeliveryId::new(Uuid::new_v7(at))
}
