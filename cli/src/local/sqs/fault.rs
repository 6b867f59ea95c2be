//! What goes wrong, and how the SQS JSON protocol says it.

use serde_json::{Value, json};

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The value of the header `x-amzn-query-error`, by which SDKs know the error.
    pub query_error: Option<String>,
    /// JSON.
    pub body: String,
}

impl Answer {
    pub(super) fn new(operation: &str, result: Result<Value, Fault>) -> Self {
        match result {
            Ok(value) => Self {
                status: 200,
                query_error: None,
                body: value.to_string(),
            },
            Err(Fault::Refused { code, message }) => Self::refused(code, &message),
            Err(fault @ (Fault::Storage(_) | Fault::Corrupt(_))) => {
                let cause = std::error::Error::source(&fault).map(ToString::to_string);
                tracing::error!(operation, error = %fault, cause, "queue request failed");
                Self::failed()
            }
        }
    }

    fn refused(code: Code, message: &str) -> Self {
        Self {
            status: 400,
            query_error: Some(format!("{};Sender", code.query_name())),
            body: json!({ "__type": code.json_type(), "message": message }).to_string(),
        }
    }

    /// The storage's own words stay in the log.
    fn failed() -> Self {
        Self {
            status: 500,
            query_error: Some("InternalFailure;Receiver".to_owned()),
            body: json!({
                "__type": "com.amazon.coral.service#InternalFailure",
                "message": "the queue's storage failed",
            })
            .to_string(),
        }
    }
}

/// Why a request has no result.
///
/// INVARIANT: no message holds any part of a message's body or attributes.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The caller's fault.
    #[error("{message}")]
    Refused { code: Code, message: String },
    #[error("the queue file failed")]
    Storage(#[from] rusqlite::Error),
    #[error("the queue file holds unreadable JSON")]
    Corrupt(#[from] serde_json::Error),
}

/// Returns a refusal.
pub(super) fn refused(code: Code, message: impl Into<String>) -> Fault {
    Fault::Refused {
        code,
        message: message.into(),
    }
}

/// Returns a refusal of a parameter's value.
pub(super) fn invalid(message: impl Into<String>) -> Fault {
    refused(Code::InvalidParameterValue, message)
}

/// Returns the refusal of a request that lacks a parameter.
pub(super) fn missing(parameter: &str) -> Fault {
    let message = format!("the request must contain the parameter `{parameter}`");
    refused(Code::MissingParameter, message)
}

/// The errors a caller can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    BatchEntryIdsNotDistinct,
    BatchRequestTooLong,
    EmptyBatchRequest,
    InvalidAttributeName,
    InvalidAttributeValue,
    InvalidBatchEntryId,
    InvalidMessageContents,
    InvalidParameterValue,
    MissingParameter,
    QueueDoesNotExist,
    ReceiptHandleIsInvalid,
    ResourceNotFound,
    Serialization,
    TooManyEntriesInBatchRequest,
    UnsupportedOperation,
}

impl Code {
    /// Returns the name in `__type`.
    pub(super) fn json_type(self) -> &'static str {
        match self {
            Self::BatchEntryIdsNotDistinct => "com.amazonaws.sqs#BatchEntryIdsNotDistinct",
            Self::BatchRequestTooLong => "com.amazonaws.sqs#BatchRequestTooLong",
            Self::EmptyBatchRequest => "com.amazonaws.sqs#EmptyBatchRequest",
            Self::InvalidAttributeName => "com.amazonaws.sqs#InvalidAttributeName",
            Self::InvalidAttributeValue => "com.amazonaws.sqs#InvalidAttributeValue",
            Self::InvalidBatchEntryId => "com.amazonaws.sqs#InvalidBatchEntryId",
            Self::InvalidMessageContents => "com.amazonaws.sqs#InvalidMessageContents",
            Self::InvalidParameterValue => {
                "com.amazon.coral.service#InvalidParameterValueException"
            }
            Self::MissingParameter => "com.amazon.coral.service#MissingRequiredParameterException",
            Self::QueueDoesNotExist => "com.amazonaws.sqs#QueueDoesNotExist",
            Self::ReceiptHandleIsInvalid => "com.amazonaws.sqs#ReceiptHandleIsInvalid",
            Self::ResourceNotFound => "com.amazonaws.sqs#ResourceNotFoundException",
            Self::Serialization => "com.amazon.coral.service#SerializationException",
            Self::TooManyEntriesInBatchRequest => "com.amazonaws.sqs#TooManyEntriesInBatchRequest",
            Self::UnsupportedOperation => "com.amazonaws.sqs#UnsupportedOperation",
        }
    }

    /// Returns the name of the older query protocol, which SDKs still match by.
    pub(super) fn query_name(self) -> &'static str {
        match self {
            Self::BatchEntryIdsNotDistinct => "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            Self::BatchRequestTooLong => "AWS.SimpleQueueService.BatchRequestTooLong",
            Self::EmptyBatchRequest => "AWS.SimpleQueueService.EmptyBatchRequest",
            Self::InvalidAttributeName => "InvalidAttributeName",
            Self::InvalidAttributeValue => "InvalidAttributeValue",
            Self::InvalidBatchEntryId => "AWS.SimpleQueueService.InvalidBatchEntryId",
            Self::InvalidMessageContents => "InvalidMessageContents",
            Self::InvalidParameterValue => "InvalidParameterValue",
            Self::MissingParameter => "MissingParameter",
            Self::QueueDoesNotExist => "AWS.SimpleQueueService.NonExistentQueue",
            Self::ReceiptHandleIsInvalid => "ReceiptHandleIsInvalid",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::Serialization => "SerializationException",
            Self::TooManyEntriesInBatchRequest => {
                "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"
            }
            Self::UnsupportedOperation => "AWS.SimpleQueueService.UnsupportedOperation",
        }
    }
}
