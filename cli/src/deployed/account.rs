//! The account and region that AWS's own tools would work in: by environment, profile, single sign-on or
//! the machine's role.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_smithy_types::timeout::TimeoutConfig;
use hyper_rustls::ConfigBuilderExt;
use rustls::ClientConfig;
use rustls::crypto::ring;
use switchhook_aws::connection::{Environment, ProcessEnvironment};
use switchhook_aws::https;
use switchhook_core::ports::PortError;

use super::DeployedError;

/// How long one attempt of a call may take: a person waits.
const ATTEMPT: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(5);

/// What every call is made with.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(super) sdk: SdkConfig,
    region: String,
}

/// What CloudFormation says of a stack.
#[derive(Clone, Debug, Default)]
pub(crate) struct Description {
    /// CloudFormation's word for how it is.
    pub(crate) status: String,
    pub(crate) outputs: HashMap<String, String>,
    pub(crate) parameters: HashMap<String, String>,
}

impl Account {
    /// Finds out region and credentials; neither is tried yet.
    pub(crate) async fn open() -> Result<Self, DeployedError> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(ATTEMPT);
        let sdk = aws_config::defaults(BehaviorVersion::latest())
            .http_client(https::client(machine_roots()?, CONNECT))
            .timeout_config(timeouts.build())
            .load()
            .await;
        let region = sdk.region().map(ToString::to_string);
        let region = region.ok_or(DeployedError::NoRegion)?;
        Ok(Self { sdk, region })
    }

    /// Returns the region.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Describes a stack; `None` where there is none of this name.
    pub(crate) async fn describe(&self, name: &str) -> Result<Option<Description>, DeployedError> {
        let client = aws_sdk_cloudformation::Client::new(&self.sdk);
        let described = client.describe_stacks().stack_name(name).send().await;
        let stacks = match described {
            Ok(described) => described.stacks.unwrap_or_default(),
            Err(error)
                if error.code() == Some("ValidationError")
                    && error
                        .message()
                        .is_some_and(|m| m.contains("does not exist")) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(PortError::new("looking for the stack", error).into()),
        };
        let Some(stack) = stacks.into_iter().next() else {
            return Ok(None);
        };
        let status = stack.stack_status.as_ref();
        let outputs = stack.outputs.unwrap_or_default().into_iter();
        let parameters = stack.parameters.unwrap_or_default().into_iter();
        Ok(Some(Description {
            status: status.map_or("", |status| status.as_str()).to_owned(),
            outputs: outputs
                .filter_map(|output| Some((output.output_key?, output.output_value?)))
                .collect(),
            parameters: parameters
                .filter_map(|one| Some((one.parameter_key?, one.parameter_value?)))
                .collect(),
        }))
    }

    /// Returns a client of AWS Lambda.
    pub(crate) fn functions(&self) -> aws_sdk_lambda::Client {
        aws_sdk_lambda::Client::new(&self.sdk)
    }
}

/// Says whose credentials are in use, without any of them.
pub(crate) fn credentials_in_use() -> String {
    credentials_of(&ProcessEnvironment)
}

fn credentials_of(env: &dyn Environment) -> String {
    match (env.var("AWS_PROFILE"), env.var("AWS_ACCESS_KEY_ID")) {
        (Some(profile), _) => format!("the profile `{profile}`"),
        (None, Some(_)) => "the keys of the environment".to_owned(),
        (None, None) => "the default profile".to_owned(),
    }
}

/// Returns a configuration of TLS that trusts what this machine trusts.
fn machine_roots() -> Result<ClientConfig, PortError> {
    const READING: &str = "reading the roots of trust of this machine";
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| PortError::new(READING, error))?;
    let trusting = builder.with_native_roots();
    let trusting = trusting.map_err(|error| PortError::new(READING, error))?;
    Ok(trusting.with_no_client_auth())
}
