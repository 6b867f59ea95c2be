//! `switchhook forget`: erases the data of a person.
//!
//! All of the table, the dead letters and the large bodies is read first; then everything found is
//! counted, asked about and deleted. The suppression list stays.

mod bodies;
mod deletion;
mod matcher;
mod plan;
mod survey;

use std::process::ExitCode;

use indicatif::ProgressBar;
use jiff::SignedDuration;
use serde_json::{Value, json};
use switchhook_aws::dead_letters::DeadLetters;
use switchhook_core::erasure::Subject;
use tokio::sync::watch;

use self::bodies::Bodies;
use self::deletion::Deletion;
use self::matcher::Matcher;
use self::plan::{Counts, Plan};
use self::survey::Survey;
use super::opt_outs::owner;
use super::{CommandError, Context, dead, output};
use crate::args::Forget;
use crate::local::erase;

/// How long after its acceptance an event of a stack is surely counted as queued: SQS counts with a delay
/// of up to a minute.
const SETTLED: SignedDuration = SignedDuration::from_mins(2);
/// The laptop's queue counts exactly; only a request that is being answered is not in it.
const SETTLED_LOCALLY: SignedDuration = SignedDuration::from_secs(2);

/// In how many segments the table of a stack is read side by side.
const SEGMENTS: i32 = 4;

pub(super) async fn run(context: &Context, args: &Forget) -> Result<ExitCode, CommandError> {
    let matcher = matcher(context, args).await?;
    if !(args.yes || args.dry_run || output::is_attended()) {
        return Err(CommandError::Refused(
            "without a terminal nothing is erased unless `--yes` is given; `--dry-run` only looks"
                .to_owned(),
        ));
    }
    let mut letters = context.dead_letters().await?;
    let interrupted = dead::interrupted()?;
    let done = forget(context, args, &matcher, &mut letters, &interrupted).await;
    let put_back = letters.put_back().await;
    let code = done?;
    put_back?;
    Ok(code)
}

/// Reads who is meant.
async fn matcher(context: &Context, args: &Forget) -> Result<Matcher, CommandError> {
    let country = args.country.as_deref().map(owner::country).transpose()?;
    let Some(subject) = Subject::parse(&args.subject, country.as_ref()) else {
        let text = &args.subject;
        return Err(CommandError::Usage(format!(
            "`{text}` is no number, no e-mail address and no entity: write a number with its country code, such as +15550100003, or name its country with --country; an entity is {{source}}/{{type}}/{{key}}"
        )));
    };
    match &subject {
        Subject::Entity(entity) if entity.opted_out().is_some() => {
            Err(CommandError::Refused(
                "the suppression list stays: it is the proof that the person must be left alone; `switchhook opt-outs remove` takes a number off it".to_owned(),
            ))
        }
        // How a source reads its numbers makes no difference to these.
        Subject::Entity(_) | Subject::Address(_) => Ok(Matcher::new(subject, None, None)),
        Subject::Number(_) => {
            context.existing()?;
            let sources = context.sources().await?;
            Ok(Matcher::new(subject, Some(&sources), country.as_ref()))
        }
    }
}

async fn forget(
    context: &Context,
    args: &Forget,
    matcher: &Matcher,
    letters: &mut DeadLetters,
    interrupted: &watch::Receiver<bool>,
) -> Result<ExitCode, CommandError> {
    let (ledger, bodies) = (context.ledger()?, Bodies::open(context)?);
    let progress = ProgressBar::new_spinner();
    let (segments, settled) = match context.stack {
        Some(_) => (SEGMENTS, SETTLED),
        None => (1, SETTLED_LOCALLY),
    };
    let survey = Survey {
        matcher,
        ledger: &ledger,
        bodies: &bodies,
        interrupted,
        progress: &progress,
        segments,
        settled,
    };
    let plan = survey.run(letters).await?;
    progress.finish_and_clear();
    let report = Report {
        json: context.json,
        dry_run: args.dry_run,
        queued: letters.queued().await?,
        plan: &plan,
    };
    report.table()?;
    let refusal = plan.refusal(args.at_most);
    if args.dry_run {
        if let Some(refusal) = refusal {
            output::note(&format!("would be refused: {refusal}"))?;
        }
        report.end(0)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(refusal) = refusal {
        if context.json {
            report.end(0)?;
        }
        return Err(CommandError::Refused(refusal));
    }
    let count = plan.len();
    if count > 0 && !args.yes {
        let question = format!("Erase {} for good?", counted(count, "item"));
        match output::ask(&question, interrupted).await? {
            Some(true) => {}
            Some(false) => {
                output::note("nothing was erased")?;
                return Ok(ExitCode::FAILURE);
            }
            None => return Err(CommandError::Interrupted),
        }
    }
    let progress = ProgressBar::new(count);
    let mut deletion = Deletion {
        ledger: &ledger,
        bodies: &bodies,
        letters,
        interrupted,
        progress: &progress,
    };
    let left = deletion.run(&plan).await?;
    progress.finish_and_clear();
    if context.stack.is_none() {
        clear_files(context, matcher, &plan).await?;
    }
    let left = u64::try_from(left).unwrap_or(u64::MAX);
    report.end(count.saturating_sub(left))?;
    if left > 0 {
        let letters = counted(left, "dead letter");
        return Err(CommandError::Refused(format!(
            "{letters} could not be deleted: repeat the same command"
        )));
    }
    Ok(ExitCode::SUCCESS)
}

/// Leaves nothing of what was deleted in the laptop's files, be it by an earlier run that was broken off.
async fn clear_files(
    context: &Context,
    matcher: &Matcher,
    plan: &Plan,
) -> Result<(), CommandError> {
    let erased: std::collections::HashSet<_> =
        plan.items.iter().map(|item| item.entity.as_str()).collect();
    erase::forget_forwarding(&context.data, |entity| {
        let is_theirs = || {
            let entity = switchhook_core::entity::Entity::from_name(entity.to_owned());
            matcher.is_entity(&entity)
        };
        erased.contains(entity) || is_theirs()
    })?;
    let data = context.data.clone();
    let cleared = tokio::task::spawn_blocking(move || erase::clear_deleted(&data)).await;
    Ok(cleared.map_err(std::io::Error::from)??)
}

fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

/// What is printed.
struct Report<'a> {
    json: bool,
    dry_run: bool,
    queued: u64,
    plan: &'a Plan,
}

impl Report<'_> {
    /// Prints what was found, for people.
    fn table(&self) -> Result<(), CommandError> {
        let counts = self.plan.counts();
        if self.json || counts.is_empty() {
            return Ok(());
        }
        let rows = counts.iter().map(|(source, counts)| {
            let source = if source.is_empty() { "unknown" } else { source };
            let counts = counts.all().into_iter().map(|count| count.to_string());
            std::iter::once(source.to_owned()).chain(counts).collect()
        });
        let headings = [
            "SOURCE",
            "STATES",
            "RECORDS",
            "VARIANTS",
            "BODIES",
            "DEAD LETTERS",
        ];
        Ok(output::table(&headings, rows)?)
    }

    /// Prints how it ended.
    fn end(&self, deleted: u64) -> Result<(), CommandError> {
        if self.plan.counts().is_empty() {
            output::note("nothing found")?;
        }
        if self.json {
            output::line(&self.json(deleted).to_string())?;
        } else {
            self.lines(deleted)?;
        }
        if self.plan.not_inspected > 0 {
            let letters = counted(self.plan.not_inspected, "dead letter");
            output::note(&format!(
                "{letters} could not be inspected: held by another `switchhook` process (or one killed in the last 15 minutes), or behind others of the same entity; repeat this later"
            ))?;
        }
        if self.plan.awaited > 0 {
            let count = self.plan.awaited;
            let bodies = if count == 1 { "body" } else { "bodies" };
            output::note(&format!(
                "{count} large {bodies} may belong to events that are not processed yet, and stay with what they are found by: repeat this when nothing is queued"
            ))?;
        }
        Ok(())
    }

    fn lines(&self, deleted: u64) -> Result<(), CommandError> {
        let found = self.plan.len();
        if found > 0 {
            output::line(&if self.dry_run {
                format!("would be erased: {}", counted(found, "item"))
            } else {
                format!("erased: {}", counted(deleted, "item"))
            })?;
        }
        let kept = self.plan.kept_opt_outs.len();
        if kept > 0 {
            let entries = if kept == 1 { "entry" } else { "entries" };
            output::line(&format!("kept: {kept} {entries} of the suppression list"))?;
        }
        if self.queued > 0 {
            let events = counted(self.queued, "event");
            let are = if self.queued == 1 { "is" } else { "are" };
            output::line(&format!(
                "{events} {are} still queued and may be theirs: repeat this when none is"
            ))?;
        }
        Ok(())
    }

    fn json(&self, deleted: u64) -> Value {
        let sources = self.plan.counts();
        let sources = sources
            .iter()
            .map(|(source, counts)| source_json(source, counts));
        json!({
            "items": self.plan.len(),
            "deleted": deleted,
            "others": self.plan.others.len(),
            "kept_opt_outs": self.plan.kept_opt_outs.len(),
            "not_inspected": self.plan.not_inspected.saturating_add(self.plan.awaited),
            "queued": self.queued,
            "dry_run": self.dry_run,
            "sources": sources.collect::<Vec<_>>(),
        })
    }
}

fn source_json(source: &str, counts: &Counts) -> Value {
    let mut json = json!(counts);
    if let Some(fields) = json.as_object_mut() {
        let source = Some(source).filter(|source| !source.is_empty());
        fields.insert("source".to_owned(), json!(source));
    }
    json
}
