//! The deliveries that all candidates are given: AI Sync's documented `call.ended`, of any size.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ring::hmac;
use serde_json::{Value, json};

use crate::cloud::sqs::Message;

/// The secret of the sources.
pub const SECRET: &str = "example-secret";

/// The sources document, as Secrets Manager holds it.
#[must_use]
pub fn sources() -> String {
    let users = json!([{"username": "hooks", "password": "secret"}]);
    json!({"sources": {
        "voice": {"provider": "ai-sync", "secrets": [SECRET]},
        "texts": {"provider": "cellcast", "users": users, "country": "AU"},
    }})
    .to_string()
}

/// Numbers that never come again in one run, so that no delivery is a copy of another one.
pub fn fresh() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Returns a body of `bytes` bytes, or the least that the fields take, about a call.
#[must_use]
pub fn call_ended(call: &str, bytes: usize) -> String {
    let body = |transcription: &str| {
        json!({
            "event": "call.ended", "timestamp": "2025-01-15T14:30:25.123Z", "webhook_id": "wh_123456789",
            "data": {
                "call_id": call, "agent_id": "agent_abc123",
                "caller_number": "+15550100003", "called_number": "+15550100004",
                "call_duration": 180, "call_status": "completed", "call_direction": "outbound",
                "recording_url": format!("https://recordings.example.com/{call}.mp3"),
                "transcription": transcription, "sentiment": "positive", "disposition": "interested",
                "tags": ["qualified", "follow-up"],
                "custom_fields": {"lead_score": 85, "next_action": "schedule_demo"},
            },
            "metadata": {"version": "1.0", "signature": "sha256=abc123def456"},
        })
        .to_string()
    };
    let fields = body("").len();
    body(&speech(bytes.saturating_sub(fields)))
}

/// Returns text of about the redundancy of speech: words of a list, in no order.
#[must_use]
pub fn speech(bytes: usize) -> String {
    const WORDS: [&str; 16] = [
        "appointment",
        "calling",
        "tomorrow",
        "about",
        "the",
        "quote",
        "for",
        "your",
        "account",
        "please",
        "number",
        "we",
        "delivery",
        "is",
        "at",
        "seven",
    ];
    let mut state = 1_u64;
    let words = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        WORDS
            .get((state >> 60) as usize)
            .copied()
            .unwrap_or_default()
    });
    let mut text = String::with_capacity(bytes + 16);
    for word in words {
        if text.len() >= bytes {
            break;
        }
        text.push_str(word);
        text.push(' ');
    }
    text.truncate(bytes);
    text
}

/// Returns the text of one inbound message; all are of one conversation.
#[must_use]
pub fn text_received(number: u64) -> String {
    json!({
        "event": "sms.received", "timestamp": "2025-01-15T12:10:00Z",
        "data": {
            "message_id": format!("msg_{number}"), "conversation_id": "conv_8",
            "from": "+15550100003", "to": "+15550100004", "text": format!("Text number {number}"),
        },
    })
    .to_string()
}

/// Returns Cellcast's older kind of delivery with so many texts in it.
#[must_use]
pub fn list_of_texts(count: u64) -> String {
    let texts = (0..count).map(|_| {
        let number = fresh();
        json!({
            "from": format!("4{:08}", number % 100_000_000), "body": "Yes", "received_at": "2025-01-15 14:30:25",
            "message_id": format!("M{number:X}"), "custom_string": "visit-7", "type": "SMS",
            "original_message_id": "0F00AA", "original_body": "Coming?",
        })
    });
    Value::from(texts.collect::<Vec<_>>()).to_string()
}

/// Returns API Gateway's event of a delivery to source `voice`.
#[must_use]
pub fn voice_event(body: &str) -> Bytes {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = hex::encode(hmac::sign(&key, body.as_bytes()));
    gateway_event(
        "voice",
        ("x-webhook-signature", &format!("sha256={signature}")),
        body,
    )
}

/// Returns API Gateway's event of a delivery to source `texts`.
#[must_use]
pub fn texts_event(body: &str) -> Bytes {
    let login = format!("Basic {}", STANDARD.encode("hooks:secret"));
    gateway_event("texts/inbound", ("authorization", &login), body)
}

fn gateway_event(path: &str, credential: (&str, &str), body: &str) -> Bytes {
    let host = "abc123.execute-api.eu-central-1.amazonaws.com";
    let path = format!("/webhooks/{path}");
    json!({
        "version": "2.0", "routeKey": "ANY /webhooks/{proxy+}", "rawPath": path, "rawQueryString": "",
        "headers": {
            "host": host, "content-type": "application/json", "user-agent": "AISync-Webhooks/1.0",
            "content-length": body.len().to_string(), "accept": "*/*",
            "x-amzn-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793",
            "x-forwarded-for": "192.0.2.10", "x-forwarded-port": "443", "x-forwarded-proto": "https",
            credential.0: credential.1,
        },
        "requestContext": {
            "accountId": "123456789012", "apiId": "abc123", "domainName": host, "domainPrefix": "abc123",
            "http": {
                "method": "POST", "path": path, "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.10", "userAgent": "AISync-Webhooks/1.0",
            },
            "requestId": "JKJaXmPLvHcESHA=", "routeKey": "ANY /webhooks/{proxy+}", "stage": "$default",
            "time": "03/Feb/2026:04:05:06 +0000", "timeEpoch": 1_770_091_506_789_u64,
        },
        "isBase64Encoded": false, "body": body,
    })
    .to_string()
    .into()
}

/// Returns the SQS event of a batch, as Lambda's event source mapping makes it.
#[must_use]
pub fn batch_event(messages: &[Message]) -> Bytes {
    let records = messages.iter().map(|message| {
        json!({
            "messageId": message.id, "receiptHandle": format!("AQEB{}", STANDARD.encode(&message.id).repeat(4)),
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": "1", "SentTimestamp": "1770091506789",
                "SequenceNumber": message.sequence_number(), "MessageGroupId": message.group,
                "SenderId": "AROAEXAMPLE:switchhook-ingress", "MessageDeduplicationId": message.id,
                "ApproximateFirstReceiveTimestamp": "1770091506794",
            },
            "messageAttributes": {}, "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3", "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:events.fifo",
            "awsRegion": "eu-central-1",
        })
    });
    json!({"Records": records.collect::<Vec<_>>()})
        .to_string()
        .into()
}
