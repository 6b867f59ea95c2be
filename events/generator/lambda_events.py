"""Whole Lambda events: API Gateway's payload 2.0 for the ingress, SQS batches for the consumer."""

import base64
import json
import uuid

from .ai_sync_bodies import stored_gzip
from .ai_sync_fields import ended
from .case import ACCEPTED_AT_MS, FORM, JSON, RECEIVED_AT, dedup_key, sign

BODY = ended('{"call_id":"call_1"}').encode()
QUEUE_ARN = "arn:aws:sqs:eu-central-1:123456789012:switchhook-events.fifo"
DEAD_LETTERS_ARN = "arn:aws:sqs:eu-central-1:123456789012:switchhook-dead-letters.fifo"


def events() -> dict[str, dict]:
    return ingress_events() | consumer_events()


# API Gateway.


def http_event(*, method="POST", path="/webhooks/voice", query="", content_type=JSON, headers=None, body=None, base64_encoded=False):
    headers = {"content-type": content_type, "user-agent": "AISync-Webhooks/1.0", "x-forwarded-for": "192.0.2.10"} | (headers or {})
    event = {
        "version": "2.0",
        "routeKey": "GET /healthz" if path == "/healthz" else "ANY /webhooks/{proxy+}",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "abc123.execute-api.eu-central-1.amazonaws.com"} | headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": "abc123.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "abc123",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.10", "userAgent": "AISync-Webhooks/1.0"},
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "ANY /webhooks/{proxy+}",
            "stage": "$default",
            "time": "03/Feb/2026:04:05:06 +0000",
            "timeEpoch": ACCEPTED_AT_MS,
        },
        "isBase64Encoded": base64_encoded,
    }
    return event if body is None else event | {"body": body}


def signed(body: bytes, **more):
    headers = {"x-webhook-signature": "sha256=" + sign(body)} | more.pop("headers", {})
    if more.pop("as_base64", False):
        return http_event(headers=headers, body=base64.b64encode(body).decode(), base64_encoded=True, **more)
    return http_event(headers=headers, body=body.decode(), **more)


def ingress_events() -> dict[str, dict]:
    form = b"phone_number=%2B15550100003"
    wrong = http_event(headers={"x-webhook-signature": "sha256=test-signature"}, body=BODY.decode())
    broken = signed(BODY) | {"body": "no base64!", "isBase64Encoded": True}
    return {
        "ingress-json.json": signed(BODY),
        "ingress-base64.json": signed(BODY, as_base64=True),
        "ingress-gzip.json": signed(stored_gzip(BODY), as_base64=True, headers={"content-encoding": "gzip"}),
        "ingress-form.json": signed(form, as_base64=True, path="/webhooks/voice/contact", content_type=FORM),
        "ingress-health.json": http_event(method="GET", path="/healthz"),
        "ingress-wrong-method.json": http_event(method="GET"),
        "ingress-bad-signature.json": wrong,
        "ingress-broken-base64.json": broken,
        "ingress-odd-path.json": signed(BODY, path="/webhooks/voice/%zz é\\^[", query="a=%zz&[b]=é|c"),
    }


# SQS.


def delivery_id(number: int) -> str:
    """A UUIDv7 of the accepted time."""
    return str(uuid.UUID(int=ACCEPTED_AT_MS << 80 | 7 << 76 | 2 << 62 | number))


def envelope(delivery: str, kind: str, entity: str, dedup: dict, body: str, slug=None) -> str:
    written = {"version": 1, "id": f"{delivery}.0", "provider": "ai-sync"}
    written |= {"slug": slug} if slug else {}
    written |= {
        "received_at": RECEIVED_AT,
        "retention_days": 3650,
        "kind": kind,
        "provider_event": slug or kind,
        "entity": entity,
        "dedup": dedup,
        "reading": {},
        "headers": {"content-type": JSON, "user-agent": "AISync-Webhooks/1.0"},
        "body": {"inline": base64.b64encode(body.encode()).decode()},
    }
    return json.dumps(written, separators=(",", ":"))


def call_ended(delivery: str, call_id: str) -> str:
    dedup = {"key": dedup_key("call.ended", call_id), "window": "record"}
    return envelope(delivery, "call.ended", f"voice/call/{call_id}", dedup, ended(f'{{"call_id":"{call_id}"}}'))


def agent_updated(delivery: str) -> str:
    body = '{"event":"agent.updated","timestamp":"2025-01-15T09:05:00Z","data":{"agent_id":"agent_9","name":"Night desk"}}'
    canonical = '{"agent_id":"agent_9","name":"Night desk",}'
    key = dedup_key("agent.updated", '"2025-01-15T09:05:00Z"', canonical)
    dedup = {"key": key, "window": {"secs": 2 * 60 * 60}}
    return envelope(delivery, "agent.updated", "voice/agent/agent_9", dedup, body)


def message(number: int, group: str, body: str, attributes=None, message_attributes=None) -> dict:
    own = {
        "ApproximateReceiveCount": "1",
        "SentTimestamp": str(ACCEPTED_AT_MS),
        "SequenceNumber": str(18_870_000_000_000_000_000 + number * 256),
        "MessageGroupId": group,
        "SenderId": "AROAEXAMPLE:switchhook-ingress",
        "MessageDeduplicationId": f"{delivery_id(number)}.0",
        "ApproximateFirstReceiveTimestamp": str(ACCEPTED_AT_MS + 5),
    }
    return {
        "messageId": str(uuid.UUID(int=0x5FEA_0000_0000_4000_8000_0000_0000_0000 + number)),
        "receiptHandle": f"handle-{number}",
        "body": body,
        "attributes": own | (attributes or {}),
        "messageAttributes": message_attributes or {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE_ARN,
        "awsRegion": "eu-central-1",
    }


def consumer_events() -> dict[str, dict]:
    call_1, agent_9, call_2 = "voice/call/call_1", "voice/agent/agent_9", "voice/call/call_2"
    one = [message(1, call_1, call_ended(delivery_id(1), "call_1"))]
    # Three groups; the second message of call_1 is a copy in another delivery, and the first of
    # call_2 is none of ours: the event behind it must not wait for it.
    batch = [
        message(1, call_1, call_ended(delivery_id(1), "call_1")),
        message(2, call_2, '{"version":1,"id":"poison"'),
        message(3, agent_9, agent_updated(delivery_id(3))),
        message(4, call_1, call_ended(delivery_id(4), "call_1")),
        message(5, call_2, call_ended(delivery_id(5), "call_2")),
    ]
    kept = {"sequence_number": {"stringValue": str(18_870_000_000_000_000_256), "stringListValues": [], "binaryListValues": [], "dataType": "String"}}
    moved = [message(6, call_1, call_ended(delivery_id(1), "call_1"), {"DeadLetterQueueSourceArn": DEAD_LETTERS_ARN}, kept)]
    return {
        "consumer-one.json": {"Records": one},
        "consumer-batch.json": {"Records": batch},
        "consumer-redriven.json": {"Records": moved},
    }
