//! `switchhook replay`: recorded events handed out again, as forwarding does it, or as the pipe of a
//! deployed stack does. No state is touched, and an event has the same id each time, so a receiver can
//! tell that it has it.

use std::process::ExitCode;

use indicatif::ProgressBar;
use serde::Serialize;
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_aws::dynamodb::timeline::Order;
use switchhook_core::ids::EventId;
use switchhook_core::kind::Kind;
use switchhook_core::ledger::{Record, RecordKey};

use super::events;
use super::send::progress_bar;
use super::{CommandError, Context, event, no_match, output};
use crate::args::{Filters, Replay};
use crate::deployed::Bus;
use crate::outbound::{self, NoAnswer, Target, Url};

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
    if args.to.is_none() && context.stack.is_none() {
        return Err(CommandError::Usage(
            "there is no event bus on the laptop: say where the events go with `--to URL`"
                .to_owned(),
        ));
    }
    if let Some(url) = &args.to {
        super::check_plain_http("--to", url, args.allow_plain_http)?;
    }
    let way = match args.dry_run {
        true => None,
        false => way(context, args.to)?,
    };
    let ledger = context.ledger()?;
    let source = args.filters.source.clone();
    let keys = if args.ids.is_empty() {
        matching(&ledger, &args.filters, context).await?
    } else {
        named(&ledger, args.ids).await?
    };
    if keys.is_empty() {
        no_match::note(context, "events", source.as_deref()).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut replay = Replaying {
        way,
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

/// Where events go.
enum Way {
    /// Posted to an address.
    Post(Box<Target>),
    /// Put on the stack's bus.
    Bus(Bus),
}

fn way(context: &Context, to: Option<Url>) -> Result<Option<Way>, CommandError> {
    Ok(match (to, &context.stack) {
        (Some(url), _) => {
            let target = Target::new(url, context.signing_secret()?)?;
            Some(Way::Post(Box::new(target)))
        }
        (None, Some(stack)) => Some(Way::Bus(stack.bus()?)),
        (None, None) => None,
    })
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
    let span = events::span(filters, context.reach().await?);
    let mut timeline = ledger.timeline(span, Order::OldestFirst, usize::MAX);
    let mut keys = Vec::new();
    while let Some(page) = timeline.next().await? {
        let wanted = page
            .into_iter()
            .filter(|event| events::is_wanted(event, filters));
        keys.extend(wanted.map(|event| event.key));
    }
    Ok(keys)
}

struct Replaying {
    /// Without one nothing is handed out.
    way: Option<Way>,
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
        match &self.way {
            None => {}
            Some(Way::Bus(bus)) => {
                posted.error = bus.put(&record).await?.err();
                self.accept(posted.error.is_none());
            }
            Some(Way::Post(target)) => {
                match target.post(record.id, outbound::body(record)?).await {
                    Ok(status) => {
                        posted.status = Some(status.as_u16());
                        self.silence = 0;
                        self.accept(status.is_success());
                    }
                    Err(NoAnswer { reason, .. }) => {
                        posted.error = Some(reason);
                        self.silence = self.silence.saturating_add(1);
                    }
                }
            }
        }
        self.posted = self.posted.saturating_add(1);
        self.bar.inc(1);
        Ok(self.bar.suspend(|| match self.json {
            true => output::json(&posted),
            false => output::line(&self.line(&posted)),
        })?)
    }

    fn accept(&mut self, is_accepted: bool) {
        self.accepted = self.accepted.saturating_add(usize::from(is_accepted));
    }

    fn line(&self, posted: &Posted) -> String {
        let Posted {
            id, source, kind, ..
        } = posted;
        let answer = match (&posted.status, &posted.error, &self.way) {
            (Some(status), _, _) => format!("{status}  "),
            (None, Some(error), Some(Way::Bus(_))) => {
                format!("not taken ({error})  ")
            }
            (None, Some(error), _) => format!("no answer ({error})  "),
            (None, None, _) => String::new(),
        };
        format!("{answer}{id}  {source}  {kind}")
    }

    /// Sums up; it is a failure unless every event was answered by a 2xx.
    fn summary(&self, all: usize) -> Result<ExitCode, CommandError> {
        let Self {
            posted, accepted, ..
        } = self;
        let dry = self.way.is_none();
        if !self.json {
            let untried = all.saturating_sub(*posted);
            output::line(&match (&self.way, untried) {
                (None, _) => format!("{posted} would be handed out"),
                (Some(Way::Bus(bus)), _) => {
                    format!("{accepted} of {posted} put on the bus {}", bus.name())
                }
                (Some(Way::Post(_)), 0) => {
                    format!("{posted} posted, {accepted} answered with 2xx")
                }
                (Some(Way::Post(_)), _) => format!(
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
