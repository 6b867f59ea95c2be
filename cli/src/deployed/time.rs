//! What time it is on AWS: the clock of this machine may be wrong, and what an operator says must stand
//! in the order of what people said before.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_sqs::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sqs::error::BoxError;
use jiff::fmt::rfc2822;
use switchhook_core::ports::PortError;
use switchhook_core::time::Timestamp;

use super::{Deployed, DeployedError, QUEUE_URL};

/// Notes the `Date` of an answer.
#[derive(Clone, Debug, Default)]
struct NoteDate(Arc<Mutex<Option<String>>>);

impl Intercept for NoteDate {
    fn name(&self) -> &'static str {
        "NoteDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date.map(str::to_owned);
        Ok(())
    }
}

impl Deployed {
    /// Returns the time as SQS says it, in whole seconds.
    pub(crate) async fn now(&self) -> Result<Timestamp, DeployedError> {
        const ASKING: &str = "asking AWS for the time";
        let noted = NoteDate::default();
        let asked = self
            .sqs()
            .get_queue_attributes()
            .queue_url(self.output(QUEUE_URL)?)
            .customize()
            .interceptor(noted.clone())
            .send();
        asked.await.map_err(|error| PortError::new(ASKING, error))?;
        let date = noted.0.lock().unwrap_or_else(PoisonError::into_inner);
        let date = date.as_deref().and_then(|date| rfc2822::parse(date).ok());
        let date = date.ok_or_else(|| PortError::new(ASKING, "its answer has no date"))?;
        Ok(date.timestamp())
    }
}
