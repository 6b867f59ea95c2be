//! The event source mapping that hands the queue's messages to the consumer: it can be paused.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::ProvideErrorMetadata;
use switchhook_core::ports::PortError;

use super::{Deployed, DeployedError};

/// The output that names it; stacks of older templates have none.
pub(crate) const CONSUMER_EVENT_SOURCE: &str = "ConsumerEventSource";

/// It hands messages on.
pub(crate) const ENABLED: &str = "Enabled";
/// It hands nothing on: messages wait.
pub(crate) const DISABLED: &str = "Disabled";

/// The mapping.
#[derive(Clone, Debug)]
pub(crate) struct EventSource {
    client: Client,
    id: String,
}

impl EventSource {
    /// Returns Lambda's word for how it is: `Enabled`, `Disabled`, or what it is becoming.
    pub(crate) async fn state(&self) -> Result<String, PortError> {
        let asked = self.client.get_event_source_mapping().uuid(&self.id);
        let found = asked.send().await;
        let found = found
            .map_err(|error| PortError::new("looking at the consumer's event source", error))?;
        Ok(found.state.unwrap_or_default())
    }

    /// Asks for another state; `false` where an earlier change is not done yet.
    pub(crate) async fn enable(&self, is_enabled: bool) -> Result<bool, PortError> {
        let update = self.client.update_event_source_mapping().uuid(&self.id);
        match update.enabled(is_enabled).send().await {
            Ok(_) => Ok(true),
            Err(error)
                if matches!(
                    error.code(),
                    Some("ResourceInUseException" | "ResourceConflictException")
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(PortError::new(
                "changing the consumer's event source",
                error,
            )),
        }
    }
}

impl Deployed {
    /// Returns what hands the queue's messages to the consumer.
    pub(crate) fn event_source(&self) -> Result<EventSource, DeployedError> {
        let id = self.output(CONSUMER_EVENT_SOURCE)?.to_owned();
        let client = self.account.functions();
        Ok(EventSource { client, id })
    }
}
