//! `switchhook replay`: recorded events handed out again, as forwarding does it. No state is touched,
//! and an event has the same `webhook-id` each time, so a receiver can tell that it has it.

use std::process::ExitCode;

use indicatif::ProgressBar;
use serde::Serialize;
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_aws::dynamodb::item::Item;
use switchhook_core::ids::EventId;
use switchhook_core::kind::Kind;
use switchhook_core::ledger::{Record, RecordKey};
use switchhook_core::time::Timestamp;

use super::events::{self, HOUR};
use super::send::progress_bar;
use super::{CommandError, Context, event, output};
use crate::args::{Filters, Replay};
use crate::local::stack;
use crate::outbound::{self, NoAnswer, SigningSecret, Target};

/// After so many events in a row without an answer the others are not tried.
const MAX_SILENCE: u32 = 10;
/// How many records are read at a time.
const AT_A_TIME: usize = 25;

/// What became of one event.
#[derive(Serialize)]
struct Posted {
    id: EventId,
    source: String,
    kind: Kind,
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(super) async fn run(context: &Context, args: Replay) -> Result<ExitCode, CommandError> {
    let Some(url) = args.to else {
        return Err(CommandError::Usage(
            "there is no event bus on the laptop: say where the events go with `--to URL`"
                .to_owned(),
        ));
    };
    context.data.existing()?;
    let ledger = stack::open_ledger(&context.data)?;
    let keys = if args.ids.is_empty() {
        matching(&ledger, &args.filters, context).await?
    } else {
        named(&ledger, args.ids).await?
    };
    let target = if args.dry_run {
        None
    } else {
        let secret = SigningSecret::of_file(&context.data.forward_secret())?;
        Some(Target::new(url, secret)?)
    };
    let mut replay = Replaying {
        target,
        json: context.json,
        bar: progress_bar(keys.len(), !context.json && keys.len() > 1),
        posted: 0,
        accepted: 0,
        silence: 0,
    };
    for keys in keys.chunks(AT_A_TIME) {
        let mut records = ledger.records(keys).await?;
        records.sort_by_key(|record| (record.received_at, record.id));
        for record in records {
            if replay.silence < MAX_SILENCE {
                replay.one(record).await?;
            }
        }
    }
    replay.bar.finish_and_clear();
    replay.summary(keys.len())
}

/// Finds the named events before any of them is posted.
async fn named(
    ledger: &DynamoDbLedger,
    mut ids: Vec<EventId>,
) -> Result<Vec<RecordKey>, CommandError> {
    ids.sort();
    ids.dedup();
    let mut keys = Vec::with_capacity(ids.len());
    for id in ids {
        keys.push(event::find(ledger, id).await?.key);
    }
    Ok(keys)
}

/// Lists the events that the filters let through, in the order accepted.
async fn matching(
    ledger: &DynamoDbLedger,
    filters: &Filters,
    context: &Context,
) -> Result<Vec<RecordKey>, CommandError> {
    let (since, until) = events::span(filters, context.retention());
    let (mut hour, mut after): (Timestamp, Option<Item>) = (since, None);
    let mut keys = Vec::new();
    while hour <= events::later(until, HOUR) {
        let (listed, next) = ledger.hour_page(hour, after.take()).await?;
        let wanted = |event: &_| events::wanted(event, filters, since, until);
        keys.extend(listed.into_iter().filter(wanted).map(|event| event.key));
        if next.is_none() {
            hour = events::later(hour, HOUR);
        }
        after = next;
    }
    Ok(keys)
}

struct Replaying {
    /// Without a target nothing is posted.
    target: Option<Target>,
    json: bool,
    bar: ProgressBar,
    posted: usize,
    accepted: usize,
    /// How many events in a row got no answer.
    silence: u32,
}

impl Replaying {
    async fn one(&mut self, record: Record) -> Result<(), CommandError> {
        let mut posted = Posted {
            id: record.id,
            source: record.key.entity.source().to_owned(),
            kind: record.kind,
            status: None,
            error: None,
        };
        if let Some(target) = &self.target {
            match target.post(record.id, outbound::body(record)?).await {
                Ok(status) => {
                    posted.status = Some(status.as_u16());
                    self.silence = 0;
                    self.accepted = self
                        .accepted
                        .saturating_add(usize::from(status.is_success()));
                }
                Err(NoAnswer { reason, .. }) => {
                    posted.error = Some(reason);
                    self.silence = self.silence.saturating_add(1);
                }
            }
        }
        self.posted = self.posted.saturating_add(1);
        self.bar.inc(1);
        let line = self.line(&posted)?;
        Ok(self.bar.suspend(|| output::line(&line))?)
    }

    fn line(&self, posted: &Posted) -> Result<String, CommandError> {
        if self.json {
            return Ok(serde_json::to_string(posted)?);
        }
        let Posted {
            id, source, kind, ..
        } = posted;
        let answer = match (&posted.status, &posted.error) {
            (Some(status), _) => format!("{status}  "),
            (None, Some(error)) => format!("no answer ({})  ", output::shown(error)),
            (None, None) => String::new(),
        };
        Ok(format!("{answer}{id}  {source}  {kind}"))
    }

    /// Sums up; it is a failure unless every event was answered by a 2xx.
    fn summary(&self, all: usize) -> Result<ExitCode, CommandError> {
        let Self {
            posted, accepted, ..
        } = self;
        let dry = self.target.is_none();
        if !self.json {
            let untried = all.saturating_sub(*posted);
            output::line(&match (dry, untried) {
                _ if all == 0 => "No such events.".to_owned(),
                (true, _) => format!("{posted} would be posted"),
                (false, 0) => format!("{posted} posted, {accepted} answered with 2xx"),
                (false, _) => format!(
                    "{posted} posted, {accepted} answered with 2xx; {untried} not tried, since nobody answers"
                ),
            })?;
        }
        Ok(if dry || *accepted == all {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}
