//! The hot functions, one by one, to be counted: each is made ready once and then run again and again.

use std::fs;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use consumer::router::Router;
use consumer::routes::routes;
use ingress::event;
use serde_json::value::RawValue;
use switchhook_aws::clock::SystemClock;
use switchhook_aws::dynamodb::item;
use switchhook_aws::metrics;
use switchhook_aws::telemetry::Telemetry;
use switchhook_core::admission::{self, Admitted};
use switchhook_core::body;
use switchhook_core::canonical;
use switchhook_core::config::Sources;
use switchhook_core::envelope::Envelope;
use switchhook_core::ids::DeliveryId;
use switchhook_core::intake;
use switchhook_core::ledger::{self, RawBody, Record, RecordHead, RecordKey, Snapshot};
use switchhook_core::occurrence::{Occurrence, Sequence};
use switchhook_core::ports::message_body;
use switchhook_core::request::Request;
use switchhook_core::states::Stored;
use switchhook_core::time::Timestamp;
use tracing::dispatcher::{self, Dispatch};
use uuid::Uuid;

/// A documented payload of each provider.
const CASES: [&str; 5] = [
    "ai-sync/call-ended-documented",
    "cellcast/receive-documented",
    "cloudcontactai/message-incoming-documented",
    "nectar-desk/call-ended",
    "standard-webhooks/event-example",
];

/// What is done to the payload of each provider.
const STEPS: [&str; 13] = [
    "gateway-event",
    "admit",
    "intake",
    "envelope-encode",
    "envelope-decode",
    "dedup",
    "interpret",
    "apply",
    "deflate",
    "record-item",
    "record-head",
    "state-item",
    "metrics",
];

/// What has nothing to do: Standard Webhooks has no handler of its own.
const NOTHING: &str = "standard-webhooks/state-item";

/// Returns the names of all hot functions: `PROVIDER/STEP`.
#[must_use]
pub fn names() -> Vec<String> {
    let names = CASES.iter().flat_map(|case| {
        let provider = case.split('/').next().unwrap_or_default();
        STEPS.map(|step| format!("{provider}/{step}"))
    });
    names.filter(|name| name != NOTHING).collect()
}

/// Runs one of them so many times.
///
/// # Errors
///
/// When there is none of this name, or its case does not come to what it must.
pub fn run(name: &str, times: u32) -> Result<()> {
    let (provider, step) = name.split_once('/').context("PROVIDER/STEP")?;
    let case = CASES
        .iter()
        .find(|case| case.split('/').next() == Some(provider));
    let ready = Ready::new(case.with_context(|| format!("no provider {provider}"))?)?;
    let admitted = ready.admitted()?;
    let message = message_body(&ready.envelope)?;
    let raw = ready.request.body.clone();
    let occurrence = Occurrence::read(ready.envelope.clone(), Sequence(1), raw.clone())?;
    let record = record_of(&occurrence)?;
    let item = item::record_item(&record)?;
    let state = ready.applied(&occurrence)?;
    let counting = Counting::new(std::io::sink());
    for _ in 0..times {
        match step {
            "gateway-event" => drop(black_box(event::parse(&ready.event)?)),
            "admit" => drop(black_box(ready.admitted()?)),
            "intake" => drop(black_box(intake::events(&admitted, ready.id, ready.at))),
            "envelope-encode" => drop(black_box(message_body(&ready.envelope)?)),
            "envelope-decode" => drop(black_box(serde_json::from_str::<Envelope>(&message)?)),
            "dedup" => drop(black_box(ready.judged())),
            "interpret" => drop(black_box(ready.interpreted(raw.clone())?)),
            "apply" => drop(black_box(ready.applied(&occurrence)?)),
            "deflate" => drop(black_box(body::deflate(&raw))),
            "record-item" => drop(black_box(item::record_item(&record)?)),
            "record-head" => drop(black_box(item::read_head(&item)?)),
            "state-item" => {
                let state = state.as_ref().context("no state")?;
                drop(black_box(item::state_item(&record.key.entity, state, 2)));
            }
            "metrics" => counting.line(&record),
            _ => return Err(anyhow!("no step {step}")),
        }
    }
    Ok(())
}

/// The record of an event.
fn record_of(occurrence: &Occurrence) -> Result<Record> {
    let envelope = &occurrence.envelope;
    let deflated = body::deflate(&occurrence.raw);
    let raw = deflated.map_or_else(
        || RawBody::Plain(occurrence.raw.to_vec()),
        RawBody::Deflated,
    );
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
        is_repeatable_stop: false,
        data: canonical::write(&occurrence.data)?,
        raw,
        headers: envelope.headers.clone(),
        expires_at: envelope.expires_at(envelope.received_at),
    })
}

/// The telemetry of a function that runs.
struct Counting {
    telemetry: Telemetry,
    dispatch: Dispatch,
}

impl Counting {
    fn new(out: impl Write + Send + 'static) -> Self {
        let telemetry = Telemetry::new("bench", Arc::new(SystemClock), out);
        Self {
            dispatch: Dispatch::new(telemetry.subscriber()),
            telemetry,
        }
    }

    /// Counts an event, and writes the line that says so.
    fn line(&self, record: &Record) {
        dispatcher::with_default(&self.dispatch, || {
            let _invocation = self.telemetry.invocation("bench", None);
            metrics::event(record.key.entity.source(), record.kind);
        });
    }
}

/// One payload, with all that comes of it on its way.
struct Ready {
    event: Box<RawValue>,
    request: Request,
    sources: Sources,
    id: DeliveryId,
    at: Timestamp,
    envelope: Envelope,
    snapshot: Snapshot,
    router: Router,
}

impl Ready {
    fn new(case: &str) -> Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../events")
            .join(case);
        let read =
            |name: &str| fs::read(folder.join(name)).with_context(|| format!("{case}/{name}"));
        let request: switchhook_testing::Request = serde_json::from_slice(&read("request.json")?)?;
        let sources = Sources::from_toml(&String::from_utf8(read("sources.toml")?)?)?;
        let at: Timestamp = request.received_at.parse()?;
        let gateway_event = request.gateway_event(&read("body")?, "JKJaXmPLvHcESHA=");
        let request = event::parse(&gateway_event)?.request;
        let id = DeliveryId::new(Uuid::from_u128(0x019a_ad2b_7c00_7000_8000_0000_0000_0001));
        let admitted = admission::admit(&sources, &request, at)?;
        let events = intake::events(&admitted, id, at);
        let first = events.first().context("no event")?;
        let envelope = first.envelope().clone();
        let name = envelope.dedup.record_name(at);
        let key = RecordKey {
            entity: envelope.entity.clone(),
            name,
        };
        let head = RecordHead {
            id: envelope.id,
            received_at: at,
            occurred_at: None,
            sequence: Sequence(1),
            digest: envelope.digest.clone(),
            deliveries: [id].into(),
            variants: [].into(),
            is_repeatable_stop: false,
            expires_at: envelope.expires_at(at),
        };
        let snapshot = Snapshot {
            records: [(key, head)].into(),
            ..Snapshot::default()
        };
        Ok(Self {
            event: gateway_event,
            request,
            sources,
            id,
            at,
            envelope,
            snapshot,
            router: routes(),
        })
    }

    fn admitted(&self) -> Result<Admitted<'_>> {
        Ok(admission::admit(&self.sources, &self.request, self.at)?)
    }

    fn judged(&self) -> ledger::Known {
        let Envelope {
            entity, dedup, id, ..
        } = &self.envelope;
        let digest = self.envelope.digest.as_deref();
        self.snapshot.knows(entity, dedup, *id, digest, self.at)
    }

    /// From the bytes to the canonical data.
    fn interpreted(&self, raw: Bytes) -> Result<String> {
        let occurrence = Occurrence::read(self.envelope.clone(), Sequence(1), raw)?;
        Ok(canonical::write(&occurrence.data)?)
    }

    /// The handlers twice: a first event and one that finds a state, both encoded.
    fn applied(&self, occurrence: &Occurrence) -> Result<Option<Stored>> {
        let mut stored = None;
        for route in self.router.routes(self.envelope.kind) {
            let first = route.apply(None, occurrence)?;
            stored = Some(route.apply(Some(&first), occurrence)?);
        }
        Ok(stored)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;
    use crate::cloud::units;
    use crate::payloads::is_documented;
    use crate::statistics::median;

    /// The most units of a record, its entry in the index included.
    const MOST_RECORD_UNITS: u64 = 3;

    /// The attributes as JSON writes them.
    fn json(item: &item::Item) -> units::Item {
        let value = |value: &AttributeValue| match value {
            AttributeValue::S(text) => json!({"S": text}),
            AttributeValue::N(digits) => json!({"N": digits}),
            AttributeValue::B(bytes) => json!({"B": STANDARD.encode(bytes)}),
            AttributeValue::Ss(set) => json!({"SS": set}),
            other => panic!("{other:?}"),
        };
        let attributes = item.iter();
        attributes
            .map(|(name, attribute)| (name.clone(), value(attribute)))
            .collect()
    }

    /// What the bill of a million events rests on: the units of the record, the index, and the state.
    #[test]
    fn documented_payloads_cost_no_more_units_than_the_bill_says() -> Result<()> {
        let (mut records, mut all) = (Vec::new(), Vec::new());
        for case in switchhook_testing::cases()
            .iter()
            .filter(|case| is_documented(case))
        {
            let ready = Ready::new(&case.name)?;
            let body = ready.request.body.clone();
            let sequence = Sequence(18_849_496_460_467_696_128);
            let occurrence = Occurrence::read(ready.envelope.clone(), sequence, body)?;
            let record = record_of(&occurrence)?;
            let item = json(&item::record_item(&record)?);
            let units = units::write(None, &item);
            let state = ready.applied(&occurrence)?;
            let state = state.map(|state| json(&item::state_item(&record.key.entity, &state, 1)));
            let state_units = state.as_ref().map_or(0, |state| units::write(None, state));
            let (bytes, state_bytes) = (units::size(&item), state.as_ref().map_or(0, units::size));
            println!(
                "{}: {} bytes, record {bytes} bytes {units} units, state {state_bytes} bytes {state_units} units",
                case.name,
                case.body.len()
            );
            assert!(units <= MOST_RECORD_UNITS, "{}: {units}", case.name);
            assert!(state_units <= 1, "{}: {state_units}", case.name);
            records.push(units as f64);
            all.push((units + state_units) as f64);
        }
        assert!((median(&records) - 2.0).abs() < 0.1, "{records:?}");
        assert!((median(&all) - 3.0).abs() < 0.1, "{all:?}");
        Ok(())
    }

    #[test]
    fn line_of_metrics_is_about_its_event_alone() -> Result<()> {
        let ready = Ready::new("ai-sync/call-ended-documented")?;
        let body = ready.request.body.clone();
        let occurrence = Occurrence::read(ready.envelope, Sequence(1), body)?;
        let out = tempfile::NamedTempFile::new()?;
        let (record, counting) = (record_of(&occurrence)?, Counting::new(out.reopen()?));
        counting.line(&record);
        counting.line(&record);
        let lines = fs::read_to_string(out.path())?;
        assert_eq!(lines.matches(r#""Events":1"#).count(), 2, "{lines}");
        assert_eq!(lines.lines().count(), 2, "{lines}");
        Ok(())
    }
}
