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
