//! Why a deployed stack cannot be used, and what to do about it.

use std::error::Error;
use std::iter;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::error::ErrorMetadata;
use switchhook_core::config::ConfigError;
use switchhook_core::ports::PortError;

/// Why a deployed stack cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeployedError {
    /// Nothing says where to look.
    #[error(
        "no AWS region is set: set AWS_REGION, or AWS_PROFILE to a profile of ~/.aws/config that has a region"
    )]
    NoRegion,
    /// There is no such stack there.
    #[error(
        "there is no stack `{name}` in {region} for {credentials}: AWS_REGION and AWS_PROFILE say where to look, and `aws cloudformation list-stacks` shows what is there"
    )]
    Absent {
        /// The name.
        name: String,
        /// Where it was looked for.
        region: String,
        /// By whom.
        credentials: String,
    },
    /// It was not made, or is no more.
    #[error(
        "the stack `{stack}` is of no use yet or no longer ({status}): `aws cloudformation describe-stack-events --stack-name {stack}` says why; deploy it (again)"
    )]
    Unusable {
        /// The stack.
        stack: String,
        /// CloudFormation's word for how it is.
        status: String,
    },
    /// It has no event bus.
    #[error(
        "the stack `{stack}` has no event bus: deploy it with `FanOut=true`, or say where the events go with `--to URL`"
    )]
    NoBus {
        /// The stack.
        stack: String,
    },
    /// It does not tell what a stack of ours tells.
    #[error(
        "the stack `{stack}` has no output `{output}` of use: deploy this version's template to it, unless it is no Switchhook stack"
    )]
    NoOutput {
        /// The stack.
        stack: String,
        /// What is missing.
        output: &'static str,
    },
    /// No document was pushed yet.
    #[error(
        "the stack `{stack}` has no sources yet: `switchhook sources push --stack {stack} --config FILE` gives it some, and until then it answers 503"
    )]
    Unconfigured {
        /// The stack.
        stack: String,
    },
    /// The document in the secret.
    #[error("the sources document of the stack is refused: push another one")]
    Refused(#[source] ConfigError),
    /// A local AWS tells addresses of the real one.
    #[error(
        "`{url}` is not on this machine, and AWS_ENDPOINT_URL names a local AWS: say with `--url` where the stack is to be reached"
    )]
    Elsewhere {
        /// The address.
        url: String,
    },
    /// A service of AWS.
    #[error(transparent)]
    Aws(#[from] PortError),
}

/// Says what a person can do about an error of AWS, if that is known.
#[must_use]
pub fn advice(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let chain = || iter::successors(Some(error), |error| (*error).source());
    // What lies behind an error says more than what failed because of it.
    if chain().any(|error| error.is::<CredentialsError>()) {
        return Some(
            "there are no AWS credentials that work: set AWS_PROFILE and sign in (`aws sso login`, `aws configure`), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        );
    }
    let code = |error: &(dyn Error + 'static)| match error.downcast_ref::<ErrorMetadata>() {
        Some(metadata) => metadata.code().and_then(advice_of_code),
        // An error that its service declares has a type of its own, whose text begins with the code.
        None => error.to_string().split(':').next().and_then(advice_of_code),
    };
    chain().find_map(code).or_else(|| {
        let is_unreachable = chain().any(|error| error.is::<ConnectorError>());
        is_unreachable.then_some(
            "AWS is not reached: is this machine on line, the region (AWS_REGION) right, and AWS_ENDPOINT_URL unset or where a local AWS listens?",
        )
    })
}

/// Reports whether a service does not know what was named.
pub(crate) fn is_absent(error: &(dyn Error + 'static)) -> bool {
    let mut chain = iter::successors(Some(error), |error| (*error).source());
    chain.any(|error| {
        ["ResourceNotFoundException:", "NotFoundException:"]
            .iter()
            .any(|code| error.to_string().starts_with(code))
            || error
                .downcast_ref::<ErrorMetadata>()
                .and_then(ErrorMetadata::code)
                .is_some_and(|code| code.ends_with("NotFoundException"))
    })
}

fn advice_of_code(code: &str) -> Option<&'static str> {
    // Some services add a namespace or the word that it is an exception.
    let code = code.rsplit(['.', '#']).next().unwrap_or(code);
    match code.strip_suffix("Exception").unwrap_or(code) {
        "AccessDenied" | "AuthorizationError" | "UnauthorizedOperation" | "Forbidden" => Some(
            "the credentials in use may not do that: ask for the permission named above, or choose others with AWS_PROFILE",
        ),
        "ExpiredToken" | "RequestExpired" => {
            Some("the session has expired: sign in again (`aws sso login`)")
        }
        "InvalidClientTokenId"
        | "UnrecognizedClient"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "InvalidSignature" => Some(
            "AWS does not know the credentials in use: choose others with AWS_PROFILE, or sign in again",
        ),
        "Throttling"
        | "Throttled"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "SlowDown"
        | "ProvisionedThroughputExceeded" => {
            Some("AWS has too much to do for this account: repeat the command in a minute")
        }
        "ResourceNotFound" | "NotFound" | "NoSuchBucket" | "QueueDoesNotExist"
        | "NonExistentQueue" => Some(
            "a part of the stack is gone, perhaps deleted by hand: `switchhook check --stack NAME` says which, and deploying again makes it anew",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_every_spelling_are_told_apart() {
        for (code, told) in [
            ("AccessDenied", "may not do that"),
            ("AccessDeniedException", "may not do that"),
            ("com.amazon.coral.service#AccessDeniedException", "may not"),
            ("ExpiredTokenException", "expired"),
            ("UnrecognizedClientException", "does not know"),
            ("ThrottlingException", "in a minute"),
            ("AWS.SimpleQueueService.NonExistentQueue", "gone"),
        ] {
            let metadata = ErrorMetadata::builder().code(code).build();
            let error = PortError::new("looking", metadata);
            assert!(advice(&error).is_some_and(|a| a.contains(told)), "{code}");
        }
        let metadata = ErrorMetadata::builder().code("Other").build();
        assert_eq!(advice(&PortError::new("looking", metadata)), None);
        let none = CredentialsError::not_loaded("none");
        let error = DeployedError::from(PortError::new("looking", none));
        assert!(advice(&error).is_some_and(|a| a.contains("AWS_PROFILE")));
    }
}
