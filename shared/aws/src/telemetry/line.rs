//! One line of the log: JSON.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use switchhook_core::time::Timestamp;
use tracing::Level;
use tracing::field::{Field, Visit};

use super::Ids;
use crate::metrics::Sums;

/// The fields of an event of `tracing`, in their order; what is empty is left out.
#[derive(Default)]
pub(super) struct Record {
    pub(super) message: String,
    pub(super) fields: Vec<(&'static str, Value)>,
}

impl Record {
    pub(super) fn new(message: &str) -> Self {
        Self {
            message: message.to_owned(),
            fields: Vec::new(),
        }
    }

    fn put(&mut self, field: &Field, value: Value) {
        self.fields.push((field.name(), value));
    }

    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let mut fields = self.fields.iter();
        fields.try_for_each(|(name, value)| map.serialize_entry(name, value))
    }
}

impl Visit for Record {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else if !value.is_empty() {
            self.put(field, value.into());
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields.len()))?;
        self.write(&mut map)?;
        map.end()
    }
}

/// One line of the log.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) now: Timestamp,
    pub(super) level: Level,
    pub(super) record: &'a Record,
    pub(super) ids: &'a Ids,
    pub(super) events: &'a [Record],
    pub(super) is_cold: bool,
    pub(super) sums: Option<&'a Sums>,
    pub(super) stack: &'a str,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("timestamp", &format_args!("{:.3}", self.now))?;
        line.serialize_entry("level", self.level.as_str())?;
        line.serialize_entry("message", &self.record.message)?;
        if let Some(id) = &self.ids.lambda {
            line.serialize_entry("requestId", id)?;
        }
        if let Some(id) = &self.ids.trace {
            line.serialize_entry("xray_trace_id", id)?;
        }
        self.record.write(&mut line)?;
        if !self.events.is_empty() {
            line.serialize_entry("events", self.events)?;
        }
        if self.is_cold {
            line.serialize_entry("cold_start", &true)?;
        }
        if let Some(sums) = self.sums {
            sums.write(self.stack, self.now, &mut line)?;
        }
        line.end()
    }
}
