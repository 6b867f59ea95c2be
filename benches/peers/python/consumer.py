"""The consumer as a user of Python would write it: Powertools for the FIFO batch and for idempotency,
one write of the call's state. The idempotency record keeps what the handler returns: the event's data."""

import base64
import json
import os

import boto3
from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
processor = SqsFifoPartialProcessor()
config = IdempotencyConfig(event_key_jmespath="key", expires_after_seconds=30 * 24 * 3600)
persistence = DynamoDBPersistenceLayer(table_name=os.environ["IDEMPOTENCY_TABLE_NAME"])

FIELDS = {
    "status": "call_status",
    "direction": "call_direction",
    "caller": "caller_number",
    "called": "called_number",
    "duration_secs": "call_duration",
    "disposition": "disposition",
    "sentiment": "sentiment",
    "transcript": "transcription",
    "recording": "recording_url",
    "tags": "tags",
}


@idempotent_function(data_keyword_argument="told", persistence_store=persistence, config=config)
def handle(told):
    data = told["data"]
    present = {field: data[name] for field, name in FIELDS.items() if name in data}
    present["updated_at"] = told["occurred_at"]
    table.update_item(
        Key={"pk": told["entity"], "sk": "state"},
        UpdateExpression="SET " + ", ".join(f"#{field} = :{field}" for field in present),
        ExpressionAttributeNames={f"#{field}": field for field in present},
        ExpressionAttributeValues={f":{field}": value for field, value in present.items()},
    )
    return data


def handle_record(record):
    envelope = json.loads(record.body)
    parsed = json.loads(base64.b64decode(envelope["body"]))
    told = {
        "key": f"{parsed['event']}|{envelope['entity']}",
        "entity": envelope["entity"],
        "occurred_at": parsed["timestamp"],
        "data": parsed["data"],
    }
    handle(told=told)


def handler(event, context):
    config.register_lambda_context(context)
    return process_partial_response(event=event, record_handler=handle_record, processor=processor, context=context)
