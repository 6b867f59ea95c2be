//! The functions' ports onto the world, for one process.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use switchhook_aws::sqs::{
    ATTEMPTS_ATTRIBUTE, GROUP_ATTRIBUTE, REASON_ATTRIBUTE, SEQUENCE_ATTRIBUTE,
};
use switchhook_core::attempts::Attempt;
use switchhook_core::config::Sources;
use switchhook_core::entity::Entity;
use switchhook_core::envelope::{deduplication_id, deduplication_id_of_moved};
use switchhook_core::intake::Ready;
use switchhook_core::ledger::{Entry, Record, RecordHead, RecordKey, Snapshot, StateItem, Variant};
use switchhook_core::ports::{
    Added, BodyStore, DeadLetter, DeadLetterQueue, EventQueue, Ledger, PortError, PortFuture,
    Redelivery, SourceStore, Written, message_body,
};
use switchhook_core::retention::kept_until;
use switchhook_core::states::Stored;
use switchhook_core::time::Timestamp;

use crate::broken::{self, Broken};
use crate::node::{Node, failed};
use crate::poison;
use crate::queue::{Message, Outgoing};
use crate::traffic::RETENTION_DAYS;
use crate::world::{
    BODIES, BODY_READS, DEAD_LETTERS, LEDGER, QUEUE, REDELIVERY, SOURCES, STATES, WRITES, locked,
};

/// All ports of one process.
#[derive(Debug)]
pub(crate) struct Ports {
    node: Arc<Node>,
    /// State writes that wait for their record or entry: a mistake.
    waiting: Mutex<Vec<(Entity, Stored, u64)>>,
    /// Variants that wait for their entry: a mistake.
    waiting_variants: Mutex<Vec<Variant>>,
}

impl Ports {
    pub(crate) fn of(node: &Arc<Node>) -> Arc<Self> {
        Arc::new(Self {
            node: Arc::clone(node),
            waiting: Mutex::default(),
            waiting_variants: Mutex::default(),
        })
    }

    fn is_broken(&self, broken: Broken) -> bool {
        self.node.world.broken == Some(broken)
    }

    fn outgoing(&self, events: &[Ready]) -> Result<Vec<Outgoing>, PortError> {
        let outgoing = |event: &Ready| {
            let envelope = event.envelope();
            Ok(Outgoing {
                name: self.node.world.name(envelope.id),
                group: envelope.entity.message_group(),
                dedup_id: deduplication_id(envelope.id),
                body: message_body(envelope)?,
                attributes: [].into(),
            })
        };
        events.iter().map(outgoing).collect()
    }

    async fn enqueue(&self, messages: Vec<Outgoing>) -> Result<(), PortError> {
        let world = Arc::clone(&self.node.world);
        let names: Vec<_> = messages
            .iter()
            .map(|message| message.name.as_str())
            .collect();
        let what = format!("send {}", names.join(" "));
        // Of a batch, some messages may be taken and the others not; a lone request may be repeated
        // by the client itself.
        let is_parted = messages.len() > 1 && world.mishap();
        let is_taken = |message| (message, !is_parted || world.happens(0.5));
        let (taken, left): (Vec<_>, Vec<_>) = messages
            .into_iter()
            .map(is_taken)
            .partition(|(_, taken)| *taken);
        let twice = world.mishap();
        let effect = move || {
            for (message, _) in taken {
                if twice {
                    world.queue.send(&world, message.clone())?;
                }
                world.queue.send(&world, message)?;
            }
            Ok::<_, &str>(())
        };
        self.node.call(QUEUE, what, effect).await?.map_err(failed)?;
        if left.is_empty() {
            Ok(())
        } else {
            Err(failed("a part was refused"))
        }
    }

    /// Fails for the entity of which nothing can be written at the moment.
    fn fail_for(&self, entity: &Entity) -> Result<(), PortError> {
        match &*locked(&self.node.world.failing) {
            Some(failing) if failing == entity => Err(failed("throttled")),
            _ => Ok(()),
        }
    }

    /// Writes what waited for its record or entry: a mistake.
    async fn write_waiting(&self) -> Result<(), PortError> {
        let waiting = std::mem::take(&mut *locked(&self.waiting));
        for (entity, stored, read_version) in waiting {
            self.write_state(&entity, &stored, read_version).await?;
        }
        let waiting = std::mem::take(&mut *locked(&self.waiting_variants));
        for variant in waiting {
            self.write_variant(variant).await?;
        }
        Ok(())
    }

    async fn write_variant(&self, variant: Variant) -> Result<(), PortError> {
        let world = Arc::clone(&self.node.world);
        let what = format!("put variant {}", world.name(variant.id));
        let effect = move || locked(&world.table).put_variant(&world, variant);
        self.node.call(WRITES, what, effect).await
    }

    async fn write_entry(&self, key: &RecordKey, entry: Entry) -> Result<Added, PortError> {
        let (world, key) = (Arc::clone(&self.node.world), key.clone());
        let copy = entry
            .delivery
            .map(|delivery| world.name_of_delivery(delivery));
        let what = format!("count {}", copy.unwrap_or_default());
        let effect = move || locked(&world.table).add_entry(&world, &key, &entry);
        self.node.call(WRITES, what, effect).await
    }

    /// Tells whether a state waits for what should come after it: a mistake.
    fn waits(&self, entity: &Entity, stored: &Stored) -> bool {
        let world = &self.node.world;
        match world.broken {
            Some(Broken::RecordBeforeState) => true,
            Some(Broken::EntryBeforeState) => broken::is_of_variant(world, entity, stored),
            Some(Broken::StopEntryBeforeList) => {
                entity.source() == "_" && broken::is_of_duplicate(world, entity, stored)
            }
            _ => false,
        }
    }

    async fn write_state(
        &self,
        entity: &Entity,
        stored: &Stored,
        read_version: u64,
    ) -> Result<Written<StateItem>, PortError> {
        let world = Arc::clone(&self.node.world);
        self.fail_for(entity)?;
        let what = format!("put the state of {entity}");
        let (entity, stored) = (entity.clone(), stored.clone());
        let effect = move || locked(&world.table).put_state(&world, entity, stored, read_version);
        self.node.call(STATES, what, effect).await
    }
}

impl EventQueue for Ports {
    fn send<'a>(&'a self, events: &'a [Ready]) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let messages = self.outgoing(events)?;
            if self.is_broken(Broken::AnswerBeforeEnqueue) {
                let own = Self::of(&self.node);
                tokio::spawn(async move { own.enqueue(messages).await });
                return Ok(());
            }
            self.enqueue(messages).await
        })
    }
}

impl Redelivery for Ports {
    fn delay<'a>(&'a self, receipt_handles: &'a [String], secs: u32) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let world = Arc::clone(&self.node.world);
            let handles = receipt_handles.to_owned();
            let what = format!("delay {} by {secs} s", handles.len());
            let effect = move || {
                let hidden = handles
                    .iter()
                    .map(|handle| world.queue.hide(&world, handle, secs));
                hidden.filter(|hidden| !hidden).count()
            };
            match self.node.call(REDELIVERY, what, effect).await? {
                0 => Ok(()),
                _ => Err(failed("a receipt handle had expired")),
            }
        })
    }
}

impl DeadLetterQueue for Ports {
    fn bury<'a>(&'a self, letter: &'a DeadLetter) -> PortFuture<'a, ()> {
        Box::pin(async move {
            if self.is_broken(Broken::LettersLost) {
                return Ok(());
            }
            let world = Arc::clone(&self.node.world);
            let message = Outgoing {
                name: format!("letter of {} ({})", letter.sequence, letter.reason),
                group: letter.message_id.clone(),
                dedup_id: deduplication_id_of_moved(&letter.message_id).to_owned(),
                body: letter.body.clone(),
                attributes: [
                    (ATTEMPTS_ATTRIBUTE, letter.attempts.to_string()),
                    (GROUP_ATTRIBUTE, letter.group.clone()),
                    (SEQUENCE_ATTRIBUTE, letter.sequence.to_string()),
                    (REASON_ATTRIBUTE, letter.reason.clone()),
                ]
                .into(),
            };
            let asked = Message::on_its_way(message.clone(), world.elapsed_millis());
            locked(&world.asked).push(asked);
            let what = format!("bury {}", message.name);
            let effect = move || world.dead_letters.send(&world, message);
            self.node
                .call(DEAD_LETTERS, what, effect)
                .await?
                .map_err(failed)
        })
    }
}

impl BodyStore for Ports {
    fn put<'a>(&'a self, key: &'a str, body: Bytes) -> PortFuture<'a, ()> {
        let world = Arc::clone(&self.node.world);
        let (what, key) = (
            format!("store a body of {} bytes", body.len()),
            key.to_owned(),
        );
        let effect = {
            let world = Arc::clone(&world);
            move || world.keep_body(key, body)
        };
        if self.is_broken(Broken::BodyAfterMessage) {
            let node = Arc::clone(&self.node);
            tokio::spawn(async move { node.call(BODIES, what, effect).await });
            return Box::pin(async { Ok(()) });
        }
        Box::pin(self.node.call(BODIES, what, effect))
    }

    fn get<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<Bytes>> {
        let (world, key) = (Arc::clone(&self.node.world), key.to_owned());
        let effect = move || locked(&world.bodies).get(&key).cloned();
        Box::pin(async move {
            let got = self.node.call(BODY_READS, "get a body".to_owned(), effect);
            match got.await {
                Err(_) if self.is_broken(Broken::BodyReadAsMissing) => Ok(None),
                got => got,
            }
        })
    }
}

impl SourceStore for Ports {
    fn load(&self) -> PortFuture<'_, Sources> {
        let world = Arc::clone(&self.node.world);
        let effect = move || locked(&world.sources).clone();
        Box::pin(
            self.node
                .call(SOURCES, "load the sources".to_owned(), effect),
        )
    }
}

impl Ledger for Ports {
    fn read<'a>(
        &'a self,
        states: &'a [Entity],
        records: &'a [RecordKey],
    ) -> PortFuture<'a, Snapshot> {
        let world = Arc::clone(&self.node.world);
        let (states, records) = (states.to_owned(), records.to_owned());
        let what = format!("read {} states, {} records", states.len(), records.len());
        let effect = move || locked(&world.table).read(&world, &states, &records);
        Box::pin(self.node.call(LEDGER, what, effect))
    }

    fn put_state<'a>(
        &'a self,
        entity: &'a Entity,
        stored: &'a Stored,
        read_version: u64,
    ) -> PortFuture<'a, Written<StateItem>> {
        if self.waits(entity, stored) {
            locked(&self.waiting).push((entity.clone(), stored.clone(), read_version));
            return Box::pin(async { Ok(Written::Done) });
        }
        Box::pin(self.write_state(entity, stored, read_version))
    }

    fn put_record<'a>(&'a self, record: &'a Record) -> PortFuture<'a, Written<RecordHead>> {
        Box::pin(async move {
            // A record is bounded far below what the table takes: it is refused here only where no state
            // was written before it, since a state that is refused leaves nothing behind.
            let has_state = locked(&self.node.world.table)
                .states
                .contains_key(&record.key.entity);
            if poison::is_refused(record) && !has_state {
                let refused = "the item is refused for what it holds";
                return Err(PortError::permanent("writing a record", refused));
            }
            let world = Arc::clone(&self.node.world);
            let what = format!("put record {}", world.name(record.id));
            let mut own = record.clone();
            if self.is_broken(Broken::ImplausibleTimeBelieved) {
                own.occurred_at = broken::implausible_time(record).or(own.occurred_at);
            }
            let effect = move || locked(&world.table).put_record(&world, own);
            self.fail_for(&record.key.entity)?;
            let written = self.node.call(WRITES, what, effect).await?;
            self.write_waiting().await?;
            match &written {
                Written::Refused(head)
                    if head.id != record.id && self.is_broken(Broken::RefusedPutOnlyCounts) =>
                {
                    let delivery = record.id.delivery;
                    let entry = head.entry(delivery, None, record.expires_at);
                    self.write_entry(&record.key, entry).await?;
                    Ok(Written::Done)
                }
                _ => Ok(written),
            }
        })
    }

    fn put_variant<'a>(&'a self, variant: &'a Variant) -> PortFuture<'a, ()> {
        let mut own = variant.clone();
        if self.is_broken(Broken::VariantExpiresWithRecord) {
            let of = variant.of.delivery.time().unwrap_or_default();
            own.expires_at = kept_until(of, RETENTION_DAYS);
        }
        if self.is_broken(Broken::EntryBeforeVariant) {
            locked(&self.waiting_variants).push(own);
            return Box::pin(async { Ok(()) });
        }
        Box::pin(self.write_variant(own))
    }

    fn add_entry<'a>(&'a self, record: &'a RecordKey, entry: &'a Entry) -> PortFuture<'a, Added> {
        Box::pin(async move {
            let added = self.write_entry(record, entry.clone()).await?;
            self.write_waiting().await?;
            Ok(if self.is_broken(Broken::EntryOfNothing) {
                Added::Done
            } else {
                added
            })
        })
    }

    fn add_attempt<'a>(
        &'a self,
        message_id: &'a str,
        receive: u32,
        _expires_at: Timestamp,
    ) -> PortFuture<'a, Attempt> {
        Box::pin(async move {
            let (node, id) = (Arc::clone(&self.node), message_id.to_owned());
            let waiting = Arc::new(());
            let waits = Arc::downgrade(&waiting);
            let what = format!("count the attempt at receive {receive}");
            let effect = move || {
                if waits.strong_count() > 0 && !node.is_dead() {
                    node.tries(Some((id.clone(), receive)));
                } else {
                    node.world.count_stroke(&id, receive);
                }
                Attempt::counted(&locked(&node.world.table).add_attempt(&node.world, id, receive))
            };
            let counted = self.node.call(WRITES, what, effect).await;
            drop(waiting);
            counted
        })
    }

    fn take_back_attempt<'a>(&'a self, message_id: &'a str, receive: u32) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let (world, id) = (Arc::clone(&self.node.world), message_id.to_owned());
            self.node.tries(None);
            // Unless it is done while somebody waits for it.
            world.count_stroke(&id, receive);
            let waiting = Arc::new(());
            let waits = Arc::downgrade(&waiting);
            let what = format!("take back the attempt at receive {receive}");
            let effect = move || {
                if waits.strong_count() > 0 {
                    world.take_back_stroke(&id, receive);
                }
                locked(&world.table).take_back_attempt(&world, &id, receive);
            };
            let taken = self.node.call(WRITES, what, effect).await;
            drop(waiting);
            taken
        })
    }
}
