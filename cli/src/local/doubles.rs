//! A ledger without a receiver, and records of nothing in particular: for tests only.

use std::path::Path;
use std::sync::Arc;

use switchhook_aws::clock::SystemClock;
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_core::config::Sources;
use switchhook_core::entity::Entity;
use switchhook_core::ids::EventId;
use switchhook_core::kind::Kind;
use switchhook_core::ledger::{RawBody, Record, RecordKey};
use switchhook_core::ports::{PortError, PortFuture, SourceStore};
use switchhook_core::time::Timestamp;

use super::stack::{Stack, StackParts};

struct NoSources;

impl SourceStore for NoSources {
    fn load(&self) -> PortFuture<'_, Sources> {
        Box::pin(async { Err(PortError::new("reading", "there are none")) })
    }
}

/// An empty ledger in a folder.
pub(crate) async fn ledger(folder: &Path) -> DynamoDbLedger {
    let stack = Stack::open(StackParts {
        data: folder.to_owned(),
        sources: Arc::new(NoSources),
        clock: Arc::new(SystemClock),
    });
    stack.await.unwrap().ledger().clone()
}

/// A record of nothing in particular.
pub(crate) fn record(id: EventId, received_at: Timestamp) -> Record {
    Record {
        key: RecordKey {
            entity: Entity::from_name("voice/call/c".into()),
            name: id.to_string(),
        },
        id,
        provider: "ai-sync".into(),
        kind: Kind::CallEnded,
        provider_event: None,
        slug: None,
        received_at,
        occurred_at: None,
        sequence: "1".parse().unwrap(),
        digest: None,
        deliveries: [id.delivery].into(),
        variants: [].into(),
        is_repeatable_stop: false,
        data: "{}".into(),
        raw: RawBody::Plain(Vec::new()),
        headers: [].into(),
        expires_at: Timestamp::MAX,
    }
}
