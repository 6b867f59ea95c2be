//! AWS Secrets Manager: where the sources document lies in the cloud.

use aws_sdk_secretsmanager::Client;
use switchhook_core::config::Sources;
use switchhook_core::ports::{PortError, PortFuture, SourceStore};

/// The secret that holds the sources document as JSON.
#[derive(Clone, Debug)]
pub struct SecretsManagerSources {
    client: Client,
    secret_id: String,
}

impl SecretsManagerSources {
    /// Uses the secret of this name or ARN.
    #[must_use]
    pub const fn new(client: Client, secret_id: String) -> Self {
        Self { client, secret_id }
    }
}

impl SourceStore for SecretsManagerSources {
    fn load(&self) -> PortFuture<'_, Sources> {
        const READING: &str = "reading the sources secret";
        Box::pin(async move {
            let request = self
                .client
                .get_secret_value()
                .secret_id(&self.secret_id)
                .send();
            let secret = request
                .await
                .map_err(|error| PortError::new(READING, error))?;
            let text = secret.secret_string();
            let text = text.ok_or_else(|| PortError::new(READING, "the secret holds no text"))?;
            Sources::from_json(text).map_err(|error| PortError::new(READING, error))
        })
    }
}
