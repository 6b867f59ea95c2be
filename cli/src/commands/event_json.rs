//! An event as `events --json` and `show --json` print it, and as it is handed out.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use switchhook_core::body;
use switchhook_core::body::MAX_BODY_BYTES;
use switchhook_core::data;
use switchhook_core::json::without_half_pairs;
use switchhook_core::ledger::{RawBody, Record, Variant};
use switchhook_core::ports::{BodyStore, PortError};
use switchhook_core::time::Timestamp;

use super::CommandError;

/// One event.
#[derive(Debug, Serialize)]
pub(crate) struct EventJson {
    id: String,
    source: String,
    provider: String,
    kind: &'static str,
    provider_event: Option<String>,
    entity: String,
    received_at: Timestamp,
    occurred_at: Option<Timestamp>,
    deliveries: usize,
    variants: usize,
    data: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<String, String>>,
}

impl EventJson {
    /// Makes the object of a record; with a body store, its exact bytes too.
    pub(super) async fn of(
        record: Record,
        bodies: Option<&dyn BodyStore>,
    ) -> Result<Self, CommandError> {
        let raw = match bodies {
            Some(bodies) => Some(STANDARD.encode(raw_bytes(&record.raw, bodies).await?)),
            None => None,
        };
        let event = Self::without_bytes(record)?;
        Ok(Self { raw, ..event })
    }

    /// Adds the headers that were kept.
    pub(super) fn with_headers(self, headers: BTreeMap<String, String>) -> Self {
        Self {
            headers: Some(headers),
            ..self
        }
    }

    /// Makes the object of a record, without its exact bytes.
    pub(crate) fn without_bytes(record: Record) -> Result<Self, serde_json::Error> {
        Ok(Self {
            id: record.id.to_string(),
            source: record.key.entity.source().to_owned(),
            provider: record.provider,
            kind: record.kind.as_str(),
            provider_event: record.provider_event,
            entity: record.key.entity.to_string(),
            received_at: record.received_at,
            occurred_at: record.occurred_at,
            deliveries: record.deliveries.len(),
            variants: record.variants.len(),
            data: RawValue::from_string(data::with_names(
                &without_half_pairs(&record.data),
                record.kind,
            )?)?,
            raw: None,
            headers: None,
        })
    }
}

/// A variant as `show --json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct VariantJson {
    id: String,
    of: String,
    received_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
}

impl VariantJson {
    /// Makes the object of a variant; with a body store, its exact bytes too.
    pub(super) async fn of(
        variant: Variant,
        bodies: Option<&dyn BodyStore>,
    ) -> Result<Self, CommandError> {
        let raw = match bodies {
            Some(bodies) => Some(STANDARD.encode(raw_bytes(&variant.raw, bodies).await?)),
            None => None,
        };
        Ok(Self {
            id: variant.id.to_string(),
            of: variant.of.to_string(),
            received_at: variant.received_at,
            raw,
        })
    }
}

/// Returns the exact bytes of an event.
pub(super) async fn raw_bytes(
    raw: &RawBody,
    bodies: &dyn BodyStore,
) -> Result<Bytes, CommandError> {
    const READING: &str = "reading an event's bytes";
    match raw {
        RawBody::Plain(bytes) => Ok(Bytes::copy_from_slice(bytes)),
        RawBody::Deflated(deflated) => {
            let bytes = body::inflate(deflated, MAX_BODY_BYTES);
            let bytes = bytes.ok_or_else(|| PortError::new(READING, "they do not inflate"))?;
            Ok(bytes.into())
        }
        RawBody::Stored(pointer) => {
            let bytes = bodies.get(&pointer.key).await?;
            let bytes =
                bytes.ok_or_else(|| PortError::new(READING, "the body store has not got them"))?;
            if !pointer.describes(&bytes) {
                return Err(PortError::new(READING, "the body store has other ones").into());
            }
            Ok(bytes)
        }
    }
}
