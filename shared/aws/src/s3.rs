//! Amazon S3: the store of bodies too large for a message or an item.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use switchhook_core::ports::{BodyStore, PortError, PortFuture};
use tokio::time::timeout;

/// How long the bytes of a body may take after its head was answered: the SDK's time-outs end there.
const BODY_PATIENCE: Duration = Duration::from_secs(5);

use crate::on_demand::OnDemand;

/// A bucket that keeps bodies.
#[derive(Clone, Debug)]
pub struct S3Bodies {
    client: OnDemand<Client>,
    bucket: String,
}

impl S3Bodies {
    /// Uses the bucket of this name.
    #[must_use]
    pub fn new(client: impl Into<OnDemand<Client>>, bucket: String) -> Self {
        let client = client.into();
        Self { client, bucket }
    }
}

impl S3Bodies {
    /// Deletes a body; one that is not there is no error.
    ///
    /// # Errors
    ///
    /// When the bucket does not answer.
    pub async fn delete(&self, key: &str) -> Result<(), PortError> {
        let delete = self.client.delete_object().bucket(&self.bucket).key(key);
        let deleted = delete.send().await;
        deleted
            .map(drop)
            .map_err(|error| PortError::new("deleting a large body", error))
    }

    /// Returns the keys of some bodies, and what the next ones are asked for by.
    ///
    /// # Errors
    ///
    /// When the bucket does not answer.
    pub async fn keys(
        &self,
        after: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), PortError> {
        let list = self.client.list_objects_v2().bucket(&self.bucket);
        let listed = list.set_continuation_token(after).send().await;
        let listed = listed.map_err(|error| PortError::new("listing large bodies", error))?;
        let objects = listed.contents.unwrap_or_default();
        let keys = objects.into_iter().filter_map(|object| object.key);
        Ok((keys.collect(), listed.next_continuation_token))
    }
}

impl BodyStore for S3Bodies {
    fn put<'a>(&'a self, key: &'a str, body: Bytes) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let put = self.client.put_object().bucket(&self.bucket).key(key);
            let put = put.body(ByteStream::from(body)).send();
            put.await
                .map(drop)
                .map_err(|error| PortError::new("storing a large body", error))
        })
    }

    fn get<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<Bytes>> {
        const READING: &str = "reading a large body";
        Box::pin(async move {
            match self
                .client
                .get_object()
                .bucket(&self.bucket)
                .key(key)
                .send()
                .await
            {
                Ok(object) => {
                    let body = timeout(BODY_PATIENCE, object.body.collect()).await;
                    let body = body.map_err(|e| PortError::new(READING, e))?;
                    body.map(|body| Some(body.into_bytes()))
                        .map_err(|e| PortError::new(READING, e))
                }
                Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_key()) => {
                    Ok(None)
                }
                Err(error) => Err(PortError::new(READING, error)),
            }
        })
    }
}
