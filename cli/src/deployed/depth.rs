//! How many messages a queue of the stack holds.

use std::fmt;

use aws_sdk_sqs::types::QueueAttributeName;
use switchhook_core::ports::PortError;

use super::{Deployed, DeployedError};

const VISIBLE: QueueAttributeName = QueueAttributeName::ApproximateNumberOfMessages;
const IN_FLIGHT: QueueAttributeName = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
const DELAYED: QueueAttributeName = QueueAttributeName::ApproximateNumberOfMessagesDelayed;

/// SQS's own counts, which may be a minute old.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Depth {
    /// Messages that nobody holds.
    pub(crate) visible: u64,
    /// Messages that somebody received and has not deleted.
    pub(crate) in_flight: u64,
    /// Messages that may not be received yet.
    pub(crate) delayed: u64,
}

impl Depth {
    /// Reports whether nothing is in the queue.
    pub(crate) const fn is_empty(self) -> bool {
        self.visible == 0 && self.in_flight == 0 && self.delayed == 0
    }
}

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            visible,
            in_flight,
            delayed,
        } = self;
        write!(
            f,
            "{visible} waiting, {in_flight} in flight, {delayed} delayed"
        )
    }
}

impl Deployed {
    /// Counts the messages of a queue.
    pub(crate) async fn depth(&self, url: &str) -> Result<Depth, DeployedError> {
        let asked = self.sqs().get_queue_attributes().queue_url(url);
        let asked = asked.set_attribute_names(Some(vec![VISIBLE, IN_FLIGHT, DELAYED]));
        let answer = asked.send().await;
        let answer = answer.map_err(|error| PortError::new("looking at the queue", error))?;
        let count = |name: &QueueAttributeName| {
            let count = answer.attributes().and_then(|all| all.get(name));
            let count = count.and_then(|count| count.parse().ok());
            count.unwrap_or_default()
        };
        Ok(Depth {
            visible: count(&VISIBLE),
            in_flight: count(&IN_FLIGHT),
            delayed: count(&DELAYED),
        })
    }
}
