//! Test doubles around the ports: they do the real work, note it, and fail, hang, lose answers or
//! end the run where a test says so.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use switchhook::local::bodies::FileBodies;
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_aws::sqs::SqsQueue;
use switchhook_core::attempts::Attempt;
use switchhook_core::config::Sources;
use switchhook_core::entity::Entity;
use switchhook_core::ids::EventId;
use switchhook_core::intake::Ready;
use switchhook_core::ledger::{Entry, Record, RecordHead, RecordKey, Snapshot, StateItem, Variant};
use switchhook_core::ports::{
    Added, BodyStore, DeadLetter, DeadLetterQueue, EventQueue, Ledger, PortError, PortFuture,
    Redelivery, SourceStore, Written,
};
use switchhook_core::states::Stored;
use switchhook_core::time::Timestamp;
use tokio::sync::{Barrier, Notify};

/// What a call does instead of its work, or with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// It fails and nothing was done.
    Refuse,
    /// It does its work and says that it failed.
    LoseAnswer,
    /// It never answers and does nothing.
    Hang,
    /// It panics.
    Panic,
    /// The run ends here, nothing done.
    CrashBefore,
    /// It does its work and the run ends.
    CrashAfter,
}

impl Fault {
    /// Every fault of a consumer's call.
    pub(crate) const ALL: [Self; 4] = [
        Self::Refuse,
        Self::LoseAnswer,
        Self::CrashBefore,
        Self::CrashAfter,
    ];
}

/// The fault of a port, for as long as it is set.
#[derive(Debug, Default)]
pub(crate) struct Switch(Mutex<Option<Fault>>);

impl Switch {
    /// From now on every call has this fault, or none.
    pub(crate) fn set(&self, fault: Option<Fault>) {
        *locked(&self.0) = fault;
    }

    async fn run<T>(
        &self,
        work: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        let fault = *locked(&self.0);
        match fault {
            None => work.await,
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::LoseAnswer) => {
                work.await?;
                Err(injected("the answer was lost"))
            }
            Some(Fault::Panic) => panic!("a port with a mistake"),
            Some(_) => Err(injected("refused")),
        }
    }
}

/// The order in which ports were asked for anything.
pub(crate) type Journal = Arc<Mutex<Vec<&'static str>>>;

/// Notes what is sent, and hands it on where there is a real queue behind it.
#[derive(Default)]
pub(crate) struct QueueDouble {
    pub(crate) fault: Switch,
    pub(crate) journal: Journal,
    pub(crate) real: Option<SqsQueue>,
    pub(crate) sent: Mutex<Vec<Ready>>,
}

impl QueueDouble {
    pub(crate) fn sent(&self) -> Vec<Ready> {
        locked(&self.sent).clone()
    }
}

impl EventQueue for QueueDouble {
    fn send<'a>(&'a self, events: &'a [Ready]) -> PortFuture<'a, ()> {
        Box::pin(async move {
            locked(&self.journal).push("send");
            let work = async {
                locked(&self.sent).extend_from_slice(events);
                match &self.real {
                    Some(queue) => queue.send(events).await,
                    None => Ok(()),
                }
            };
            self.fault.run(work).await
        })
    }
}

/// Keeps bodies in memory.
#[derive(Default)]
pub(crate) struct BodiesDouble {
    pub(crate) fault: Switch,
    pub(crate) journal: Journal,
    pub(crate) bodies: Mutex<HashMap<String, Bytes>>,
}

impl BodyStore for BodiesDouble {
    fn put<'a>(&'a self, key: &'a str, body: Bytes) -> PortFuture<'a, ()> {
        Box::pin(async move {
            locked(&self.journal).push("put");
            let work = async {
                locked(&self.bodies).insert(key.to_owned(), body);
                Ok(())
            };
            self.fault.run(work).await
        })
    }

    fn get<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<Bytes>> {
        Box::pin(async move { Ok(locked(&self.bodies).get(key).cloned()) })
    }
}

/// Holds a sources document.
#[derive(Default)]
pub(crate) struct SourcesDouble {
    pub(crate) fault: Switch,
    pub(crate) document: Mutex<String>,
}

impl SourceStore for SourcesDouble {
    fn load(&self) -> PortFuture<'_, Sources> {
        let document = async {
            Sources::from_toml(&locked(&self.document))
                .map_err(|error| PortError::new("reading", error))
        };
        Box::pin(self.fault.run(document))
    }
}

/// One call of the ledger.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Call {
    Read { states: usize, records: usize },
    PutState(Entity),
    PutRecord(EventId),
    PutVariant(EventId),
    AddEntry(Entry),
    AddAttempt(u32),
    TakeBackAttempt(u32),
}

/// The real ledger behind faults.
pub(crate) struct FaultyLedger {
    inner: DynamoDbLedger,
    calls: Mutex<Vec<Call>>,
    /// The faults by the number of the call, counted since the last [`Self::plan`].
    plan: Mutex<Vec<Option<Fault>>>,
    number: AtomicUsize,
    crashed: Notify,
    conflicts: AtomicUsize,
    meeting: Mutex<Option<(Entity, Arc<Barrier>)>>,
    outage: Mutex<Option<Outage>>,
}

/// Tells which calls fail while it lasts.
type Outage = fn(&Call) -> bool;

impl FaultyLedger {
    pub(crate) fn new(inner: DynamoDbLedger) -> Self {
        Self {
            inner,
            calls: Mutex::default(),
            plan: Mutex::default(),
            number: AtomicUsize::new(0),
            crashed: Notify::new(),
            conflicts: AtomicUsize::new(0),
            meeting: Mutex::default(),
            outage: Mutex::default(),
        }
    }

    /// From now on these calls are refused, or none.
    pub(crate) fn set_outage(&self, outage: Option<Outage>) {
        *locked(&self.outage) = outage;
    }

    /// Has this fault at the call of this number, counted from 0 from now on.
    pub(crate) fn fail_at(&self, number: usize, fault: Fault) {
        let mut plan = vec![None; number];
        plan.push(Some(fault));
        self.plan(plan);
    }

    /// Has these faults at the calls from now on.
    pub(crate) fn plan(&self, plan: Vec<Option<Fault>>) {
        *locked(&self.plan) = plan;
        self.number.store(0, Ordering::SeqCst);
    }

    /// Returns the calls since it was last asked.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *locked(&self.calls))
    }

    /// Returns how often a state was refused since it had changed meanwhile.
    pub(crate) fn conflicts(&self) -> usize {
        self.conflicts.load(Ordering::SeqCst)
    }

    /// Ends when a crash was reached.
    pub(crate) async fn crashed(&self) {
        self.crashed.notified().await;
    }

    /// The next two runs that read this entity's state alone both have it before either goes on.
    pub(crate) fn let_two_meet_at(&self, entity: Entity) {
        *locked(&self.meeting) = Some((entity, Arc::new(Barrier::new(2))));
    }

    async fn run<T>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        let is_out = locked(&self.outage).is_some_and(|outage| outage(&call));
        locked(&self.calls).push(call);
        if is_out {
            return Err(injected("an outage"));
        }
        let number = self.number.fetch_add(1, Ordering::SeqCst);
        let fault = locked(&self.plan).get(number).copied().flatten();
        match fault {
            None => work.await,
            Some(Fault::Refuse) => Err(injected("refused")),
            Some(Fault::LoseAnswer) => {
                work.await?;
                Err(injected("the answer was lost"))
            }
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Panic) => panic!("a port with a mistake"),
            Some(Fault::CrashBefore) => self.crash().await,
            Some(Fault::CrashAfter) => {
                work.await?;
                self.crash().await
            }
        }
    }

    pub(crate) async fn crash<T>(&self) -> T {
        self.crashed.notify_one();
        std::future::pending().await
    }

    async fn meet(&self, states: &[Entity]) {
        let meeting = match (&*locked(&self.meeting), states) {
            (Some((entity, barrier)), [only]) if entity == only => Arc::clone(barrier),
            _ => return,
        };
        if meeting.wait().await.is_leader() {
            *locked(&self.meeting) = None;
        }
    }
}

impl Ledger for FaultyLedger {
    fn read<'a>(
        &'a self,
        states: &'a [Entity],
        records: &'a [RecordKey],
    ) -> PortFuture<'a, Snapshot> {
        let call = Call::Read {
            states: states.len(),
            records: records.len(),
        };
        let work = self.run(call, self.inner.read(states, records));
        Box::pin(async move {
            let read = work.await;
            self.meet(states).await;
            read
        })
    }

    fn put_state<'a>(
        &'a self,
        entity: &'a Entity,
        stored: &'a Stored,
        read_version: u64,
    ) -> PortFuture<'a, Written<StateItem>> {
        let work = self.run(
            Call::PutState(entity.clone()),
            self.inner.put_state(entity, stored, read_version),
        );
        Box::pin(async move {
            let written = work.await;
            if matches!(written, Ok(Written::Refused(_))) {
                self.conflicts.fetch_add(1, Ordering::SeqCst);
            }
            written
        })
    }

    fn put_record<'a>(&'a self, record: &'a Record) -> PortFuture<'a, Written<RecordHead>> {
        Box::pin(self.run(Call::PutRecord(record.id), self.inner.put_record(record)))
    }

    fn put_variant<'a>(&'a self, variant: &'a Variant) -> PortFuture<'a, ()> {
        let work = self.inner.put_variant(variant);
        Box::pin(self.run(Call::PutVariant(variant.id), work))
    }

    fn add_entry<'a>(&'a self, record: &'a RecordKey, entry: &'a Entry) -> PortFuture<'a, Added> {
        let work = self.inner.add_entry(record, entry);
        Box::pin(self.run(Call::AddEntry(entry.clone()), work))
    }

    fn add_attempt<'a>(
        &'a self,
        message_id: &'a str,
        receive: u32,
        expires_at: Timestamp,
    ) -> PortFuture<'a, Attempt> {
        let work = self.inner.add_attempt(message_id, receive, expires_at);
        Box::pin(self.run(Call::AddAttempt(receive), work))
    }

    fn take_back_attempt<'a>(&'a self, message_id: &'a str, receive: u32) -> PortFuture<'a, ()> {
        let work = self.inner.take_back_attempt(message_id, receive);
        Box::pin(self.run(Call::TakeBackAttempt(receive), work))
    }
}

/// The real body store, in which some bodies end every run that fetches them.
pub(crate) struct DeadlyBodies {
    inner: FileBodies,
    ledger: Arc<FaultyLedger>,
    deadly: Mutex<HashSet<String>>,
    fetched: Mutex<Vec<String>>,
}

impl DeadlyBodies {
    pub(crate) fn new(inner: FileBodies, ledger: Arc<FaultyLedger>) -> Self {
        Self {
            inner,
            ledger,
            deadly: Mutex::default(),
            fetched: Mutex::default(),
        }
    }

    /// From now on the body of this key is deadly, or no longer.
    pub(crate) fn set_deadly(&self, key: &str, is_deadly: bool) {
        let mut deadly = locked(&self.deadly);
        if is_deadly {
            deadly.insert(key.to_owned());
        } else {
            deadly.remove(key);
        }
    }

    /// From now on no body is deadly.
    pub(crate) fn heal(&self) {
        locked(&self.deadly).clear();
    }

    /// Returns the keys of the bodies that were fetched since it was last asked.
    pub(crate) fn take_fetched(&self) -> Vec<String> {
        std::mem::take(&mut *locked(&self.fetched))
    }
}

impl BodyStore for DeadlyBodies {
    fn put<'a>(&'a self, key: &'a str, body: Bytes) -> PortFuture<'a, ()> {
        self.inner.put(key, body)
    }

    fn get<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<Bytes>> {
        Box::pin(async move {
            locked(&self.fetched).push(key.to_owned());
            let is_deadly = locked(&self.deadly).contains(key);
            if is_deadly {
                return self.ledger.crash().await;
            }
            self.inner.get(key).await
        })
    }
}

/// The real queue on the consumer's side: it notes delays.
pub(crate) struct RedeliveryDouble {
    pub(crate) fault: Switch,
    inner: SqsQueue,
    delays: Mutex<Vec<(usize, u32)>>,
}

impl RedeliveryDouble {
    pub(crate) fn new(inner: SqsQueue) -> Self {
        Self {
            fault: Switch::default(),
            inner,
            delays: Mutex::default(),
        }
    }

    /// Returns how many messages were delayed at a time, and for how many seconds, since it was
    /// last asked.
    pub(crate) fn take_delays(&self) -> Vec<(usize, u32)> {
        std::mem::take(&mut *locked(&self.delays))
    }
}

impl Redelivery for RedeliveryDouble {
    fn delay<'a>(&'a self, receipt_handles: &'a [String], secs: u32) -> PortFuture<'a, ()> {
        locked(&self.delays).push((receipt_handles.len(), secs));
        Box::pin(self.fault.run(self.inner.delay(receipt_handles, secs)))
    }
}

/// The real dead-letter queue behind a fault.
pub(crate) struct DeadLettersDouble {
    pub(crate) fault: Switch,
    inner: SqsQueue,
}

impl DeadLettersDouble {
    pub(crate) fn new(inner: SqsQueue) -> Self {
        Self {
            fault: Switch::default(),
            inner,
        }
    }
}

impl DeadLetterQueue for DeadLettersDouble {
    fn bury<'a>(&'a self, letter: &'a DeadLetter) -> PortFuture<'a, ()> {
        Box::pin(self.fault.run(self.inner.bury(letter)))
    }
}

fn injected(what: &'static str) -> PortError {
    PortError::new("a call with an injected fault", what)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}
