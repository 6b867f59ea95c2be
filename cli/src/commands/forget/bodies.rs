//! The store of large bodies, as far as erasing needs it.

use bytes::Bytes;
use switchhook_aws::s3::S3Bodies;
use switchhook_core::ports::{BodyStore, PortError};

use super::super::{CommandError, Context};
use crate::local::bodies::FileBodies;

/// A bucket of a stack, or the laptop's folder.
#[derive(Debug)]
pub(super) enum Bodies {
    Bucket(S3Bodies),
    Folder(FileBodies),
}

impl Bodies {
    pub(super) fn open(context: &Context) -> Result<Self, CommandError> {
        Ok(match &context.stack {
            Some(stack) => Self::Bucket(stack.bodies()?),
            None => Self::Folder(FileBodies::new(context.data.bodies())),
        })
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Bytes>, PortError> {
        match self {
            Self::Bucket(bucket) => bucket.get(key).await,
            Self::Folder(folder) => folder.get(key).await,
        }
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), PortError> {
        match self {
            Self::Bucket(bucket) => bucket.delete(key).await,
            Self::Folder(folder) => folder.delete(key).await,
        }
    }

    /// Returns the keys of some bodies, and what the next ones are asked for by.
    pub(super) async fn keys(
        &self,
        after: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), PortError> {
        match self {
            Self::Bucket(bucket) => bucket.keys(after).await,
            Self::Folder(folder) => Ok((folder.keys()?, None)),
        }
    }
}
