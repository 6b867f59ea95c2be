"""The ingress as a user of Python would write it: verify, find the call, send to a FIFO queue, answer."""

import base64
import datetime
import hashlib
import hmac
import json
import os
import uuid

import boto3
from aws_lambda_powertools.utilities import parameters

sqs = boto3.client("sqs")


def answer(status, body):
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}


def is_signed(body, sent, secrets):
    sent = sent.lower().removeprefix("sha256=")
    return any(
        hmac.compare_digest(hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(), sent) for secret in secrets
    )


def handler(event, context):
    source = event["rawPath"].split("/")[2]
    document = parameters.get_secret(os.environ["SOURCES_SECRET_ID"], max_age=300, transform="json")
    configured = document["sources"].get(source)
    if configured is None:
        return answer(404, {"error": "not_found"})
    text = event.get("body") or ""
    body = base64.b64decode(text) if event["isBase64Encoded"] else text.encode()
    if not is_signed(body, event["headers"].get("x-webhook-signature", ""), configured["secrets"]):
        return answer(401, {"error": "unauthorized"})
    parsed = json.loads(body)
    delivery = str(uuid.uuid4())
    envelope = {
        "id": delivery,
        "source": source,
        "kind": parsed["event"],
        "entity": f"{source}/call/{parsed['data']['call_id']}",
        "received_at": datetime.datetime.now(datetime.timezone.utc).isoformat(),
        "body": base64.b64encode(body).decode(),
    }
    sqs.send_message(
        QueueUrl=os.environ["QUEUE_URL"],
        MessageGroupId=envelope["entity"],
        MessageDeduplicationId=delivery,
        MessageBody=json.dumps(envelope),
    )
    return answer(200, {"received": True, "id": delivery, "events": 1})
