//! The secret of a deployed stack that holds its sources document.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::SdkError;
use switchhook_core::ports::PortError;

/// The most bytes that Secrets Manager keeps (its quotas).
pub(crate) const MAX_SECRET_BYTES: usize = 64 << 10;

/// The secret.
#[derive(Clone, Debug)]
pub(crate) struct SourcesSecret {
    client: Client,
    id: String,
}

impl SourcesSecret {
    pub(super) const fn new(client: Client, id: String) -> Self {
        Self { client, id }
    }

    /// Reads the document that is current; `None` before the first one.
    pub(crate) async fn read(&self) -> Result<Option<String>, PortError> {
        let read = self.client.get_secret_value().secret_id(&self.id);
        match read.send().await {
            Ok(secret) => Ok(Some(secret.secret_string.unwrap_or_default())),
            Err(SdkError::ServiceError(error)) if error.err().is_resource_not_found_exception() => {
                Ok(None)
            }
            Err(error) => Err(PortError::new("reading the sources secret", error)),
        }
    }

    /// Makes a document the current one, and returns its version's id.
    pub(crate) async fn write(&self, document: String) -> Result<String, PortError> {
        let write = self.client.put_secret_value().secret_id(&self.id);
        let written = write.secret_string(document).send().await;
        let written =
            written.map_err(|error| PortError::new("writing the sources secret", error))?;
        Ok(written.version_id.unwrap_or_default())
    }
}
