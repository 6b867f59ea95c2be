//! The AWS SDK's way to the queues without a socket.

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;

use super::Queues;

const TARGET: &str = "x-amz-target";
const TARGET_PREFIX: &str = "AmazonSQS.";

/// Returns an HTTP client by which an `aws_sdk_sqs::Client` talks to these queues in process.
#[must_use]
pub fn http_client(queues: Queues) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Connector(queues));
    http_client_fn(move |_, _| connector.clone())
}

#[derive(Debug)]
struct Connector(Queues);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let queues = self.0.clone();
        HttpConnectorFuture::new(async move { answer(&queues, &request).await })
    }
}

async fn answer(queues: &Queues, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let target = request
        .headers()
        .get(TARGET)
        .and_then(|target| target.strip_prefix(TARGET_PREFIX));
    let Some(operation) = target else {
        return Err(ConnectorError::user(
            "not a request of the SQS JSON protocol".into(),
        ));
    };
    let Some(body) = request.body().bytes() else {
        return Err(ConnectorError::user(
            "a streaming body cannot be sent in process".into(),
        ));
    };
    let answer = queues.call(operation, body).await;
    let mut response = http::Response::builder()
        .status(answer.status)
        .header(http::header::CONTENT_TYPE, "application/x-amz-json-1.0");
    if let Some(query_error) = answer.query_error {
        response = response.header("x-amzn-query-error", query_error);
    }
    let response = response
        .body(SdkBody::from(answer.body))
        .map_err(|err| ConnectorError::other(err.into(), None))?;
    HttpResponse::try_from(response).map_err(|err| ConnectorError::other(err.into(), None))
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use aws_sdk_sqs::config::{BehaviorVersion, Region};
    use aws_sdk_sqs::primitives::Blob;
    use aws_sdk_sqs::types::MessageAttributeValue;
    use aws_sdk_sqs::{Client, Config};

    use super::super::testing::Laptop;
    use super::*;

    fn client(queues: Queues) -> Client {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(http_client(queues));
        Client::from_conf(config.build())
    }

    #[tokio::test]
    async fn the_sdk_sends_and_receives_in_process() {
        let laptop = Laptop::start().await;
        let client = client(laptop.queues.clone());
        let url = client
            .get_queue_url()
            .queue_name("queue.fifo")
            .send()
            .await
            .unwrap();
        let url = url.queue_url().unwrap();
        let raw = MessageAttributeValue::builder()
            .data_type("Binary")
            .binary_value(Blob::new([0_u8, 255]))
            .build()
            .unwrap();
        let send = client
            .send_message()
            .queue_url(url)
            .message_body("hé")
            .message_group_id("A");
        let send = send
            .message_deduplication_id("D")
            .message_attributes("raw", raw.clone());
        let sent = send.send().await.unwrap();
        assert!(sent.md5_of_message_attributes().is_some());

        let receive = client
            .receive_message()
            .queue_url(url)
            .message_attribute_names("All");
        let received = receive.send().await.unwrap();
        let [message] = received.messages() else {
            panic!("one message was sent");
        };
        assert_eq!(message.body(), Some("hé"));
        assert_eq!(message.message_id(), sent.message_id());
        assert_eq!(
            message.md5_of_message_attributes(),
            sent.md5_of_message_attributes()
        );
        assert_eq!(message.message_attributes().unwrap()["raw"], raw);

        let delete = client.delete_message().queue_url(url);
        delete
            .receipt_handle(message.receipt_handle().unwrap())
            .send()
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn the_sdk_knows_our_errors() {
        let laptop = Laptop::start().await;
        let client = client(laptop.queues.clone());
        let missing = client
            .get_queue_url()
            .queue_name("none.fifo")
            .send()
            .await
            .unwrap_err();
        assert!(missing.into_service_error().is_queue_does_not_exist());
        let send = client.receive_message().queue_url("http://x/0/queue.fifo");
        let invalid = send.max_number_of_messages(11).send().await.unwrap_err();
        let invalid = invalid.into_service_error();
        assert_eq!(invalid.meta().code(), Some("InvalidParameterValue"));
    }
}
