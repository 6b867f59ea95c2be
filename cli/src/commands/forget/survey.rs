//! Looking for all that is somebody's: in the table, among the dead letters, in the store of bodies.

use std::collections::{BTreeSet, HashMap, HashSet};

use futures_util::future::try_join_all;
use indicatif::ProgressBar;
use jiff::SignedDuration;
use switchhook_aws::clock::SystemClock;
use switchhook_aws::dead_letters::{DeadLetters, Letter, Unseen};
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_aws::dynamodb::erasing::{Part, TableItem};
use switchhook_core::body::Carried;
use switchhook_core::canonical;
use switchhook_core::entity::Entity;
use switchhook_core::erasure::Subject;
use switchhook_core::ids::EventId;
use switchhook_core::ledger::RawBody;
use switchhook_core::occurrence::{Occurrence, Sequence};
use switchhook_core::time::Clock;
use tokio::sync::watch;

use super::super::CommandError;
use super::bodies::Bodies;
use super::matcher::{Evidence, Matcher, inline_bytes, is_whole};
use super::plan::{Plan, PlannedItem, PlannedLetter};

/// How long a body may wait for its record: until then its event may be queued.
const QUEUED: SignedDuration = SignedDuration::from_hours(1);

/// What it takes to look.
pub(super) struct Survey<'a> {
    pub(super) matcher: &'a Matcher,
    pub(super) ledger: &'a DynamoDbLedger,
    pub(super) bodies: &'a Bodies,
    pub(super) interrupted: &'a watch::Receiver<bool>,
    pub(super) progress: &'a ProgressBar,
    /// In how many segments the table is read side by side.
    pub(super) segments: i32,
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Found {
    plan: Plan,
    /// Entities of which everything goes.
    entities: BTreeSet<Entity>,
    /// Keys of bodies that something names, and whether they name the subject, where that was asked.
    named: HashMap<String, Option<bool>>,
}

impl Found {
    fn merge(&mut self, other: Self) {
        self.plan.items.extend(other.plan.items);
        self.plan.others.extend(other.plan.others);
        self.plan.kept_opt_outs.extend(other.plan.kept_opt_outs);
        self.entities.extend(other.entities);
        self.named.extend(other.named);
    }
}

impl Survey<'_> {
    /// Between two requests, so that none is broken off.
    fn check_interrupt(&self) -> Result<(), CommandError> {
        if *self.interrupted.borrow() {
            return Err(CommandError::Interrupted);
        }
        Ok(())
    }

    /// Looks everywhere.
    pub(super) async fn run(&self, letters: &mut DeadLetters) -> Result<Plan, CommandError> {
        let mut found = Found::default();
        let read = self.read_letters(letters).await?;
        let Unseen {
            held_elsewhere,
            waiting,
        } = letters.unseen().await?;
        found.plan.not_inspected = held_elsewhere.saturating_add(waiting);
        // To read the table may take longer than letters can be held.
        letters.put_back().await?;
        if let Subject::Entity(entity) = &self.matcher.subject {
            found.entities.insert(entity.clone());
        } else {
            let segments = (0..self.segments).map(|segment| self.scan(segment));
            for part in try_join_all(segments).await? {
                found.merge(part);
            }
        }
        self.take_letters(read, &mut found);
        for entity in std::mem::take(&mut found.entities) {
            self.take_entity(&entity, &mut found).await?;
        }
        if !matches!(self.matcher.subject, Subject::Entity(_)) {
            self.look_for_lone_bodies(&mut found).await?;
        }
        found.plan.sort();
        Ok(found.plan)
    }

    /// Reads one segment of the table.
    async fn scan(&self, segment: i32) -> Result<Found, CommandError> {
        let mut found = Found::default();
        let mut after = None;
        loop {
            self.check_interrupt()?;
            let read = self.ledger.scan_page((segment, self.segments), after);
            let (items, end) = read.await?;
            for item in &items {
                self.look_at_item(item, &mut found).await?;
            }
            self.progress
                .inc(u64::try_from(items.len()).unwrap_or(u64::MAX));
            let read = self.progress.position();
            self.progress.set_message(format!("{read} items read"));
            match end {
                Some(end) => after = Some(end),
                None => return Ok(found),
            }
        }
    }

    async fn look_at_item(&self, item: &TableItem, found: &mut Found) -> Result<(), CommandError> {
        if item.part == Part::Attempts {
            return Ok(());
        }
        if item.entity.opted_out().is_some() {
            if item.part == Part::State && self.matcher.is_in_item(item) {
                found.plan.kept_opt_outs.insert(item.entity.clone());
            }
            return Ok(());
        }
        if let Some(key) = body_key(item) {
            found.named.entry(key.to_owned()).or_default();
        }
        let evidence = self.evidence(item, found).await?;
        if evidence == Evidence::None {
            return Ok(());
        }
        let is_named_after = self.matcher.is_entity(&item.entity);
        if is_whole(&item.entity, item.kind.as_deref(), is_named_after) {
            found.entities.insert(item.entity.clone());
        } else {
            self.take_item(item, evidence, found);
        }
        Ok(())
    }

    /// Finds out how an item names the subject. The body beside it is read only where nothing else does.
    async fn evidence(
        &self,
        item: &TableItem,
        found: &mut Found,
    ) -> Result<Evidence, CommandError> {
        if self.matcher.is_in_item(item) {
            return Ok(Evidence::Item);
        }
        let Some(key) = body_key(item) else {
            return Ok(Evidence::None);
        };
        let known = found.named.get(key).copied().flatten();
        let names = match known {
            Some(names) => names,
            None => self.is_in_body(key, item, found).await?,
        };
        Ok(if names {
            Evidence::Body
        } else {
            Evidence::None
        })
    }

    async fn is_in_body(
        &self,
        key: &str,
        item: &TableItem,
        found: &mut Found,
    ) -> Result<bool, CommandError> {
        self.check_interrupt()?;
        let body = self.bodies.get(key).await?;
        let names = body.is_some_and(|body| {
            let source = item.entity.source();
            self.matcher.is_in_body(source, &item.headers, &body)
        });
        found.named.insert(key.to_owned(), Some(names));
        Ok(names)
    }

    fn take_item(&self, item: &TableItem, evidence: Evidence, found: &mut Found) {
        let source = item.entity.source();
        let data = item.data.as_deref().unwrap_or_default();
        let others = self.matcher.others_in(source, data);
        found.plan.others.extend(others);
        found.plan.items.push(PlannedItem {
            entity: item.entity.clone(),
            sort: item.sort.clone(),
            part: item.part,
            body: body_key(item).map(str::to_owned),
            evidence,
        });
    }

    /// Takes everything of an entity, what came meanwhile included.
    async fn take_entity(&self, entity: &Entity, found: &mut Found) -> Result<(), CommandError> {
        let mut after = None;
        loop {
            self.check_interrupt()?;
            let (items, end) = self.ledger.partition_page(entity, after).await?;
            for item in &items {
                if let Some(key) = body_key(item) {
                    found.named.entry(key.to_owned()).or_default();
                }
                let evidence = self.evidence(item, found).await?;
                self.take_item(item, evidence, found);
            }
            match end {
                Some(end) => after = Some(end),
                None => return Ok(()),
            }
        }
    }

    /// Reads all dead letters. Their messages are not kept: there may be a million of them.
    async fn read_letters(
        &self,
        letters: &mut DeadLetters,
    ) -> Result<Vec<ReadLetter>, CommandError> {
        let mut read = Vec::new();
        loop {
            self.check_interrupt()?;
            let page = letters.take().await?;
            if page.is_empty() {
                return Ok(read);
            }
            for letter in page {
                read.push(self.read_letter(letter).await?);
            }
        }
    }

    /// Takes the letters that name the subject, and those of entities of which everything goes.
    fn take_letters(&self, letters: Vec<ReadLetter>, found: &mut Found) {
        for one in &letters {
            found
                .named
                .extend(one.body.clone().map(|key| (key, Some(one.is_evidence))));
            if let Some(entity) = one.entity.as_ref().filter(|_| one.is_evidence) {
                let is_named_after = self.matcher.is_entity(entity);
                if is_whole(entity, one.kind, is_named_after) {
                    found.entities.insert(entity.clone());
                }
            }
        }
        let groups: HashSet<_> = found.entities.iter().map(Entity::message_group).collect();
        for one in letters {
            let is_theirs = match &one.entity {
                Some(entity) => found.entities.contains(entity),
                None => groups.contains(&one.group),
            };
            if is_theirs || one.is_evidence {
                let source = one.entity.as_ref().map(Entity::source).unwrap_or_default();
                found.plan.others.extend(one.others);
                found.plan.letters.push(PlannedLetter {
                    source: source.to_owned(),
                    message_id: one.message_id,
                    body: one.body,
                    is_evidence: one.is_evidence,
                });
            }
        }
    }

    async fn read_letter(&self, letter: Letter) -> Result<ReadLetter, CommandError> {
        let envelope = letter.envelope().ok();
        let group = letter.group(envelope.as_ref());
        let Some(envelope) = envelope else {
            let is_evidence =
                self.matcher.is_in("", &group) || self.matcher.is_in_message(&letter.body);
            return Ok(ReadLetter {
                message_id: letter.message_id,
                group,
                entity: None,
                kind: None,
                body: None,
                others: Vec::new(),
                is_evidence,
            });
        };
        let source = envelope.entity.source();
        let body = match &envelope.body {
            Carried::Stored(pointer) => Some(pointer.key.clone()),
            Carried::Inline(_) | Carried::Deflated(_) => None,
        };
        let bytes = match &body {
            Some(key) => self.bodies.get(key).await?.map(|bytes| bytes.to_vec()),
            None => inline_bytes(&envelope.body),
        };
        let is_evidence = self.matcher.is_entity(&envelope.entity)
            || self.matcher.is_in(source, &letter.body)
            || bytes.as_ref().is_some_and(|bytes| {
                let headers = &envelope.headers;
                self.matcher.is_in_body(source, headers, bytes)
            });
        let others = bytes
            .and_then(|bytes| {
                Occurrence::read(envelope.clone(), Sequence::default(), bytes.into()).ok()
            })
            .and_then(|event| canonical::write(&event.data).ok())
            .map(|data| self.matcher.others_in(source, &data));
        Ok(ReadLetter {
            message_id: letter.message_id,
            group,
            kind: Some(envelope.kind.as_str()),
            others: others.unwrap_or_default(),
            entity: Some(envelope.entity),
            body,
            is_evidence,
        })
    }

    /// Takes bodies that nothing names: what a request that failed or a record that expired left behind.
    async fn look_for_lone_bodies(&self, found: &mut Found) -> Result<(), CommandError> {
        let mut after = None;
        loop {
            let (keys, more) = self.bodies.keys(after).await?;
            for key in keys {
                if found.named.contains_key(&key) || may_be_queued(&key) {
                    continue;
                }
                self.check_interrupt()?;
                let source = key.split('/').next().unwrap_or_default();
                let body = self.bodies.get(&key).await?;
                let none = std::collections::BTreeMap::new();
                if body.is_some_and(|body| self.matcher.is_in_body(source, &none, &body)) {
                    found.plan.bodies.push(key);
                }
            }
            match more {
                Some(more) => after = Some(more),
                None => return Ok(()),
            }
        }
    }
}

/// A dead letter as far as it matters here.
struct ReadLetter {
    message_id: String,
    group: String,
    entity: Option<Entity>,
    kind: Option<&'static str>,
    body: Option<String>,
    /// Who else it names.
    others: Vec<String>,
    is_evidence: bool,
}

fn body_key(item: &TableItem) -> Option<&str> {
    match &item.raw {
        Some(RawBody::Stored(pointer)) => Some(&pointer.key),
        Some(RawBody::Plain(_) | RawBody::Deflated(_)) | None => None,
    }
}

/// Returns whether a body is so young that its event may not be recorded yet.
fn may_be_queued(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or_default();
    let name = name.trim_end_matches(".unfinished");
    let accepted = name
        .parse::<EventId>()
        .ok()
        .and_then(|id| id.delivery.time());
    accepted.is_some_and(|at| SystemClock.now().duration_since(at) < QUEUED)
}
