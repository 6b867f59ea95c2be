//! The event bus of a deployed stack, given events as the template's pipe gives them.

use std::borrow::Cow;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde::Serialize;
use switchhook_core::json::without_half_pairs;
use switchhook_core::ledger::Record;
use switchhook_core::ports::PortError;

/// What the pipe names as the source of its events.
const SOURCE: &str = "switchhook";

const PUTTING: &str = "putting an event on the bus";

/// A bus of Amazon EventBridge.
#[derive(Clone, Debug)]
pub(crate) struct Bus {
    client: Client,
    name: String,
}

/// An event's detail: the fields of the pipe's input template, all of them texts.
#[derive(Serialize)]
struct Detail<'a> {
    id: String,
    source: &'a str,
    provider: &'a str,
    kind: &'static str,
    entity: &'a str,
    received_at: String,
    sequence: String,
    data: Cow<'a, str>,
}

impl Bus {
    pub(super) const fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Puts an event on the bus; the inner `Err` says why the bus did not take this one.
    pub(crate) async fn put(&self, record: &Record) -> Result<Result<(), String>, PortError> {
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(SOURCE)
            .detail_type(record.kind.as_str())
            .detail(detail(record)?);
        let put = self.client.put_events().entries(entry.build()).send().await;
        let put = put.map_err(|error| PortError::new(PUTTING, error))?;
        let mut codes = put.entries().iter().filter_map(|entry| entry.error_code());
        Ok(codes.next().map_or(Ok(()), |code| Err(code.to_owned())))
    }
}

fn detail(record: &Record) -> Result<String, PortError> {
    let entity = &record.key.entity;
    let detail = Detail {
        id: record.id.to_string(),
        source: entity.source(),
        provider: &record.provider,
        kind: record.kind.as_str(),
        entity: entity.as_str(),
        received_at: record.received_at.as_millisecond().to_string(),
        sequence: record.sequence.to_string(),
        data: without_half_pairs(&record.data),
    };
    serde_json::to_string(&detail).map_err(|error| PortError::new(PUTTING, error))
}
