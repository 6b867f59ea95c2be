//! One process of a candidate: cold to its first answer, then warm, every answer checked.
#![expect(
    clippy::indexing_slicing,
    reason = "an absent field of a JSON value is null"
)]

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;

use crate::candidates::{Candidate, Places, Role};
use crate::certificates::Certificates;
use crate::cloud::sqs::Message;
use crate::cloud::{Bill, Cloud};
use crate::process::{Footprint, Process};
use crate::runtime_api::{Invocation, RuntimeApi};
use crate::workload;

/// All that a measurement takes.
#[derive(Debug)]
pub struct Bench {
    /// Where programs and files are.
    pub places: Places,
    /// Whom to trust.
    pub certificates: Certificates,
    /// The services.
    pub cloud: Cloud,
}

/// What a function is handed.
#[derive(Clone, Debug)]
pub struct Input {
    /// The event as Lambda writes it.
    pub body: Bytes,
    /// The webhook events in it.
    pub events: usize,
}

/// A candidate that runs.
#[derive(Debug)]
pub struct Running {
    cloud: Cloud,
    candidate: Candidate,
    process: Process,
    api: RuntimeApi,
}

/// What one process took, in seconds, bytes and counts.
#[derive(Clone, Debug)]
pub struct Round {
    /// Processor time from the start to the first answer.
    pub cold_cpu: f64,
    /// Time from the start to the first answer.
    pub cold_wall: f64,
    /// The footprint after the first answer.
    pub cold_footprint: Footprint,
    /// Processor time an event, warm.
    pub warm_cpu: f64,
    /// Times of the warm invocations.
    pub warm_walls: Vec<f64>,
    /// The footprint after the last answer.
    pub warm_footprint: Footprint,
    /// What the warm events asked of AWS.
    pub bill: Bill,
    /// The number of warm events; of an ingress, of deliveries.
    pub events: usize,
}

impl Bench {
    /// Starts a candidate.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub async fn start(&self, candidate: Candidate) -> Result<Running> {
        let command = candidate.command(&self.places, &self.certificates);
        self.start_as(candidate, command).await
    }

    /// Starts a candidate by another command.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub async fn start_as(&self, candidate: Candidate, mut command: Command) -> Result<Running> {
        let api = RuntimeApi::start().await?;
        command.env("AWS_LAMBDA_RUNTIME_API", api.address.to_string());
        let log = format!("{}.log", candidate.name().replace(' ', "-"));
        let process = Process::start(&mut command, &self.places.work.join(log))?;
        api.attend(process.clock);
        Ok(Running {
            cloud: self.cloud.clone(),
            candidate,
            process,
            api,
        })
    }

    /// Runs one process of a candidate over events: the first one is cold, and the warm ones count after
    /// the first fifth.
    ///
    /// # Errors
    ///
    /// When an answer is not what it must be.
    pub async fn round(&self, candidate: Candidate, inputs: &[Input]) -> Result<Round> {
        let running = self.start(candidate).await?;
        let (first, rest) = inputs.split_first().context("no events")?;
        let cold = running.invoke(first).await?;
        let cold_footprint = running.process.footprint()?;
        let (heating, counted) = rest.split_at(rest.len() / 5);
        let mut before = cold.cpu;
        for input in heating {
            before = running.invoke(input).await?.cpu;
        }
        let _ = self.cloud.take_bill();
        let mut walls = Vec::with_capacity(counted.len());
        let mut after = before;
        for input in counted {
            let invocation = running.invoke(input).await?;
            walls.push(invocation.wall.as_secs_f64());
            after = invocation.cpu;
        }
        let events = match candidate.role {
            Role::Ingress => counted.len(),
            Role::Consumer => counted.iter().map(|input| input.events).sum(),
        };
        Ok(Round {
            cold_cpu: cold.cpu.as_secs_f64(),
            cold_wall: cold
                .at
                .duration_since(running.process.started)
                .as_secs_f64(),
            cold_footprint,
            warm_cpu: after.saturating_sub(before).as_secs_f64() / events.max(1) as f64,
            warm_walls: walls,
            warm_footprint: running.process.footprint()?,
            bill: self.cloud.take_bill(),
            events,
        })
    }

    /// Has an ingress put deliveries on the queue, and returns its messages.
    ///
    /// # Errors
    ///
    /// When one is not accepted, or not every event is queued.
    pub async fn messages(&self, ingress: Candidate, deliveries: &[Input]) -> Result<Vec<Message>> {
        drop(self.cloud.take_messages());
        let running = self.start(ingress).await?;
        for delivery in deliveries {
            running.invoke(delivery).await?;
        }
        let messages = self.cloud.take_messages();
        let events: usize = deliveries.iter().map(|delivery| delivery.events).sum();
        let found = messages.len();
        ensure!(found == events, "{events} events, {found} messages");
        Ok(messages)
    }

    /// Checks that the tables hold what comes of these messages and nothing else: a record each, and a
    /// state of each entity.
    ///
    /// # Errors
    ///
    /// When they hold more or less.
    pub fn check_items(&self, messages: &[Message]) -> Result<()> {
        let entities: BTreeSet<_> = messages.iter().map(|message| &message.group).collect();
        let (kept, expected) = (self.cloud.item_count(), messages.len() + entities.len());
        ensure!(kept == expected, "{kept} items, not {expected}");
        Ok(())
    }
}

impl Running {
    /// Hands out an event and checks the answer.
    ///
    /// # Errors
    ///
    /// When the answer is not what it must be.
    pub async fn invoke(&self, input: &Input) -> Result<Invocation> {
        let name = self.candidate.name();
        let invocation = self.api.invoke(input.body.clone()).await;
        let invocation = invocation.with_context(|| name.clone())?;
        let answer: Value =
            serde_json::from_slice(&invocation.answer).with_context(|| name.clone())?;
        let is_right = match self.candidate.role {
            Role::Ingress => is_received(&answer, input.events),
            Role::Consumer => answer["batchItemFailures"] == serde_json::json!([]),
        };
        ensure!(is_right, "{name} answered {answer}");
        let dead = self.cloud.dead_letter_count();
        ensure!(dead == 0, "{name} gave up {dead} events");
        Ok(invocation)
    }

    /// Returns when it was started.
    #[must_use]
    pub const fn started(&self) -> Instant {
        self.process.started
    }

    /// Ends the process as Lambda does, and waits for it.
    ///
    /// # Errors
    ///
    /// When it cannot be signalled.
    pub fn end(mut self) -> Result<()> {
        self.process.terminate()
    }

    /// Returns its footprint.
    ///
    /// # Errors
    ///
    /// When the process has ended.
    pub fn footprint(&self) -> Result<Footprint> {
        self.process.footprint()
    }
}

/// Tells whether an answer says that so many events were received.
fn is_received(answer: &Value, events: usize) -> bool {
    let body = answer["body"].as_str().unwrap_or_default();
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    answer["statusCode"] == 200 && body["received"] == true && body["events"] == events
}

/// Returns deliveries of `bytes` bytes each, all about different calls.
#[must_use]
pub fn deliveries(count: usize, bytes: usize) -> Vec<Input> {
    let bodies = std::iter::repeat_with(|| {
        workload::call_ended(&format!("call_{}", workload::fresh()), bytes)
    });
    bodies
        .take(count)
        .map(|body| Input {
            body: workload::voice_event(&body),
            events: 1,
        })
        .collect()
}

/// Returns messages as batches.
#[must_use]
pub fn batches(messages: &[Message], events_each: usize) -> Vec<Input> {
    messages
        .chunks(events_each)
        .map(|batch| Input {
            body: workload::batch_event(batch),
            events: batch.len(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_tells_as_many_events_as_were_sent() {
        let answer = |status: u16, body: &str| json!({"statusCode": status, "body": body});
        let right = answer(200, r#"{"received":true,"id":"i","events":3}"#);
        assert!(is_received(&right, 3));
        assert!(!is_received(&right, 2));
        assert!(!is_received(&answer(200, r#"{"received":true}"#), 1));
        assert!(!is_received(
            &answer(500, r#"{"received":true,"events":1}"#),
            1
        ));
    }
}
