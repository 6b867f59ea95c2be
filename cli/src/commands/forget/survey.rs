//! Looking for all that is somebody's: in the table, among the dead letters, in the store of bodies.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use futures_util::future::try_join_all;
use indicatif::ProgressBar;
use jiff::SignedDuration;
use switchhook_aws::clock::SystemClock;
use switchhook_aws::dead_letters::{DeadLetters, Letter, Unseen};
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_aws::dynamodb::erasing::{Part, TableItem};
use switchhook_core::body::Carried;
use switchhook_core::canonical;
use switchhook_core::dedup::sha256_hex;
use switchhook_core::entity::Entity;
use switchhook_core::erasure::Subject;
use switchhook_core::ids::EventId;
use switchhook_core::ledger::RawBody;
use switchhook_core::occurrence::{Occurrence, Sequence};
use switchhook_core::time::{Clock, Timestamp};
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
    /// How long after its acceptance an event is surely counted as queued.
    pub(super) settled: SignedDuration,
}

/// The entities whose large bodies have a digest: equal bytes that came again are in bodies that no record
/// points to.
type Owners = BTreeMap<String, BTreeSet<Entity>>;

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
        // Counted first: what was queued before and is no more is seen as a letter or in the table.
        let started = SystemClock.now();
        let is_queue_empty = letters.queued().await? == 0;
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
        let is_all_seen = is_queue_empty && found.plan.not_inspected == 0;
        let before = if is_all_seen { self.settled } else { QUEUED };
        let before = started.checked_sub(before).unwrap_or(Timestamp::MIN);
        self.look_for_lone_bodies(&mut found, before).await?;
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
            let is_evidence = one.evidence != Evidence::None;
            // Whether the body itself names the subject was not asked where the letter does.
            let named = (one.evidence != Evidence::Item).then_some(is_evidence);
            if let Some(key) = &one.body {
                found.named.entry(key.clone()).or_insert(named);
            }
            if let Some(entity) = one.entity.as_ref().filter(|_| is_evidence) {
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
            if is_theirs || one.evidence != Evidence::None {
                let source = one.entity.as_ref().map(Entity::source);
                let source = source.unwrap_or_default().to_owned();
                found.plan.others.extend(one.others);
                found.plan.letters.push(PlannedLetter {
                    source,
                    entity: one.entity,
                    message_id: one.message_id,
                    body: one.body,
                    evidence: one.evidence,
                });
            }
        }
    }

    async fn read_letter(&self, letter: Letter) -> Result<ReadLetter, CommandError> {
        let envelope = letter.envelope().ok();
        let group = letter.group(envelope.as_ref());
        let Some(envelope) = envelope else {
            let names = self.matcher.is_in("", &group) || self.matcher.is_in_message(&letter.body);
            return Ok(ReadLetter {
                message_id: letter.message_id,
                group,
                entity: None,
                kind: None,
                body: None,
                others: Vec::new(),
                evidence: if names {
                    Evidence::Item
                } else {
                    Evidence::None
                },
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
        let is_in_bytes = || {
            let headers = &envelope.headers;
            let bytes = bytes.as_ref();
            bytes.is_some_and(|bytes| self.matcher.is_in_body(source, headers, bytes))
        };
        let names =
            self.matcher.is_entity(&envelope.entity) || self.matcher.is_in(source, &letter.body);
        let evidence = match &body {
            _ if names => Evidence::Item,
            _ if !is_in_bytes() => Evidence::None,
            Some(_) => Evidence::Body,
            None => Evidence::Item,
        };
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
            evidence,
        })
    }

    /// Takes bodies that nothing names: what came twice, what a request that failed or a record that expired
    /// left behind. Those that were not accepted before a time may still be waited for: they stay, and with
    /// them the entities that they are found by.
    async fn look_for_lone_bodies(
        &self,
        found: &mut Found,
        before: Timestamp,
    ) -> Result<(), CommandError> {
        let owners = self.owners(found).await?;
        let lone = self.lone_bodies(found, &owners).await?;
        for key in lone {
            self.check_interrupt()?;
            let Some(body) = self.bodies.get(&key).await? else {
                continue;
            };
            let names = self
                .matcher
                .is_in_body(source(&key), &BTreeMap::new(), &body);
            let equal = owners.get(&sha256_hex(&body));
            if !names && equal.is_none() {
                continue;
            }
            if accepted(&key).is_none_or(|at| at < before) {
                found.plan.bodies.push(key);
                continue;
            }
            found.plan.awaited = found.plan.awaited.saturating_add(1);
            if let Some(owners) = equal.filter(|_| !names) {
                found.plan.keep(owners);
            }
        }
        Ok(())
    }

    /// Reads the large bodies beside the items that go.
    async fn owners(&self, found: &Found) -> Result<Owners, CommandError> {
        let mut owners = Owners::new();
        for item in &found.plan.items {
            let Some(key) = &item.body else {
                continue;
            };
            self.check_interrupt()?;
            if let Some(body) = self.bodies.get(key).await? {
                let owner = owners.entry(sha256_hex(&body)).or_default();
                owner.insert(item.entity.clone());
            }
        }
        Ok(owners)
    }

    /// Returns the keys of bodies that nothing names and that may be the subject's.
    async fn lone_bodies(
        &self,
        found: &Found,
        owners: &Owners,
    ) -> Result<BTreeSet<String>, CommandError> {
        let mut lone = BTreeSet::new();
        let entity = match &self.matcher.subject {
            Subject::Entity(_) if owners.is_empty() => return Ok(lone),
            Subject::Entity(entity) => Some(entity),
            Subject::Number(_) | Subject::Address(_) => None,
        };
        let mut after = None;
        loop {
            self.check_interrupt()?;
            let (keys, more) = self.bodies.keys(after).await?;
            lone.extend(keys.into_iter().filter(|key| {
                let may_be = entity.is_none_or(|entity| entity.source() == source(key));
                may_be && !found.named.contains_key(key)
            }));
            match more {
                Some(more) => after = Some(more),
                None => break,
            }
        }
        if entity.is_some() {
            self.leave_out_named(&mut lone).await?;
        }
        Ok(lone)
    }

    /// Leaves out the bodies that any item of the table points to: for an entity the table was not read.
    async fn leave_out_named(&self, keys: &mut BTreeSet<String>) -> Result<(), CommandError> {
        let mut after = None;
        while !keys.is_empty() {
            self.check_interrupt()?;
            let (items, end) = self.ledger.scan_page((0, 1), after).await?;
            for key in items.iter().filter_map(body_key) {
                keys.remove(key);
            }
            match end {
                Some(end) => after = Some(end),
                None => break,
            }
        }
        Ok(())
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
    evidence: Evidence,
}

fn body_key(item: &TableItem) -> Option<&str> {
    match &item.raw {
        Some(RawBody::Stored(pointer)) => Some(&pointer.key),
        Some(RawBody::Plain(_) | RawBody::Deflated(_)) | None => None,
    }
}

/// Returns the source that a body came from.
fn source(key: &str) -> &str {
    key.split('/').next().unwrap_or_default()
}

/// Returns when the event of a body was accepted.
fn accepted(key: &str) -> Option<Timestamp> {
    let name = key.rsplit('/').next().unwrap_or_default();
    let name = name.trim_end_matches(".unfinished");
    let id = name.parse::<EventId>().ok()?;
    id.delivery.time()
}
