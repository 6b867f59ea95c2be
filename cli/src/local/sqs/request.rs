//! The operations: a file each, and one line in each list here.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::batch::Batch;
use super::fault::{Code, Fault, refused};
use super::queue::{self, CreateQueue, GetQueueAttributes, GetQueueUrl};
use super::receive::ReceiveMessage;
use super::redrive::{self, StartMessageMoveTask};
use super::send::{self, Outgoing, SendMessage};
use super::settle::{self, ChangeMessageVisibility, DeleteMessage, NewVisibility, Settled};
use super::store::Session;

/// One request, read.
pub(super) enum Request {
    ChangeMessageVisibility(ChangeMessageVisibility),
    ChangeMessageVisibilityBatch(Batch<NewVisibility>),
    CreateQueue(CreateQueue),
    DeleteMessage(DeleteMessage),
    DeleteMessageBatch(Batch<Settled>),
    GetQueueAttributes(GetQueueAttributes),
    GetQueueUrl(GetQueueUrl),
    ReceiveMessage(ReceiveMessage),
    SendMessage(SendMessage),
    SendMessageBatch(Batch<Outgoing>),
    StartMessageMoveTask(StartMessageMoveTask),
}

impl Request {
    pub(super) fn parse(operation: &str, body: &[u8]) -> Result<Self, Fault> {
        Ok(match operation {
            "ChangeMessageVisibility" => Self::ChangeMessageVisibility(read(body)?),
            "ChangeMessageVisibilityBatch" => Self::ChangeMessageVisibilityBatch(read(body)?),
            "CreateQueue" => Self::CreateQueue(read(body)?),
            "DeleteMessage" => Self::DeleteMessage(read(body)?),
            "DeleteMessageBatch" => Self::DeleteMessageBatch(read(body)?),
            "GetQueueAttributes" => Self::GetQueueAttributes(read(body)?),
            "GetQueueUrl" => Self::GetQueueUrl(read(body)?),
            "ReceiveMessage" => Self::ReceiveMessage(read(body)?),
            "SendMessage" => Self::SendMessage(read(body)?),
            "SendMessageBatch" => Self::SendMessageBatch(read(body)?),
            "StartMessageMoveTask" => Self::StartMessageMoveTask(read(body)?),
            _ => {
                let message = "this queue does not know the operation";
                return Err(refused(Code::UnsupportedOperation, message));
            }
        })
    }

    pub(super) fn run(&self, session: &Session<'_>) -> Result<Value, Fault> {
        match self {
            Self::ChangeMessageVisibility(request) => settle::change(session, request),
            Self::ChangeMessageVisibilityBatch(batch) => settle::change_batch(session, batch),
            Self::CreateQueue(request) => queue::create(session, request),
            Self::DeleteMessage(request) => settle::delete(session, request),
            Self::DeleteMessageBatch(batch) => settle::delete_batch(session, batch),
            Self::GetQueueAttributes(request) => queue::attributes(session, request),
            Self::GetQueueUrl(request) => queue::url(session, request),
            Self::ReceiveMessage(request) => {
                Ok(super::receive::look(session, request)?.into_answer())
            }
            Self::SendMessage(request) => send::send(session, request),
            Self::SendMessageBatch(batch) => send::send_batch(session, batch),
            Self::StartMessageMoveTask(request) => redrive::move_all(session, request),
        }
    }
}

/// Reads the JSON; the refusal names the place only, as serde's own words may quote a body.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|err| {
        let (line, column) = (err.line(), err.column());
        let message = format!("not the JSON of this operation, at line {line} column {column}");
        refused(Code::Serialization, message)
    })
}
