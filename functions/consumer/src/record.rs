//! An event's record, and the bytes that it keeps.

use bytes::Bytes;
use switchhook_core::body::{self, Carried, MAX_BODY_BYTES};
use switchhook_core::canonical;
use switchhook_core::ledger::{RawBody, Record, RecordKey};
use switchhook_core::occurrence::Occurrence;
use switchhook_core::time::Timestamp;

use crate::error::HandleError;
use crate::handlers::opt_outs;

pub(crate) fn damaged() -> HandleError {
    HandleError::terminal("body_damaged")
}

/// Returns the exact bytes that a message carries, and how the record keeps them; `None` where they are
/// in the body store.
pub(crate) fn carried_bytes(carried: &Carried) -> Result<Option<(Bytes, RawBody)>, HandleError> {
    match carried {
        Carried::Inline(base64) => {
            let bytes = base64.decode().ok_or_else(damaged)?;
            let resting = body::deflate(&bytes);
            let resting = resting.map_or_else(|| RawBody::Plain(bytes.clone()), RawBody::Deflated);
            Ok(Some((bytes.into(), resting)))
        }
        Carried::Deflated(base64) => {
            let deflated = base64.decode().ok_or_else(damaged)?;
            let bytes = body::inflate(&deflated, MAX_BODY_BYTES).ok_or_else(damaged)?;
            Ok(Some((bytes.into(), RawBody::Deflated(deflated))))
        }
        Carried::Stored(_) => Ok(None),
    }
}

/// Returns the record of an event.
pub(crate) fn record_of(
    occurrence: &Occurrence,
    raw: RawBody,
    expires_at: Timestamp,
) -> Result<Record, HandleError> {
    let envelope = &occurrence.envelope;
    let data = canonical::write(&occurrence.data).map_err(|e| HandleError::caused("data", e))?;
    Ok(Record {
        key: RecordKey {
            entity: envelope.entity.clone(),
            name: envelope.dedup.record_name(envelope.received_at),
        },
        id: envelope.id,
        provider: envelope.provider.clone(),
        kind: envelope.kind,
        provider_event: envelope.provider_event.clone(),
        slug: envelope.slug.clone(),
        received_at: envelope.received_at,
        occurred_at: occurrence.occurred_at,
        sequence: occurrence.sequence,
        digest: envelope.digest.clone(),
        deliveries: [envelope.id.delivery].into(),
        variants: [].into(),
        is_repeatable_stop: occurrence.may_be_repeated() && opt_outs::says_stop(occurrence),
        data,
        raw,
        headers: envelope.headers.clone(),
        expires_at,
    })
}
