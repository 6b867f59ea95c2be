//! Cellcast's samples: both webhooks of both generations. The first of each is as live traffic is; the
//! documents' own reply has no `reply`.

use super::{JSON, Sample};

const INBOUND: Option<&str> = Some("inbound");
const STATUS: Option<&str> = Some("status");

const fn sample(name: &'static str, slug: Option<&'static str>, template: &'static str) -> Sample {
    Sample {
        name,
        slug,
        content_type: JSON,
        template,
    }
}

macro_rules! send {
    ($name:literal, $status:literal) => {
        sample(
            $name,
            STATUS,
            concat!(
                r#"{"_id":"{hex}","status":""#,
                $status,
                r#"","type":"send","sender":"cellcast","receiver":"+6140{number}"}"#
            ),
        )
    };
}

pub(super) const SAMPLES: &[Sample] = &[
    sample(
        "receive",
        INBOUND,
        r#"{"_id":"{hex}","status":"received","type":"receive","reply":"Yes please","message":"Can you come on Friday?","sender":"+6140{number}","receiver":"+61491570006"}"#,
    ),
    sample(
        "receive-documented",
        INBOUND,
        r#"{"_id":"{hex}","status":"delivered","type":"receive","message":"This is reply message","sender":"+6140{number}","receiver":"+61491570006"}"#,
    ),
    sample(
        "receive-stop",
        INBOUND,
        r#"{"_id":"{hex}","status":"received","type":"receive","reply":"STOP","message":"Can you come on Friday?","sender":"+6140{number}","receiver":"+61491570006"}"#,
    ),
    sample(
        "receive-legacy",
        INBOUND,
        r#"[{"from":"40{number}","body":"Yes please","received_at":"2025-01-15 14:30:25","message_id":"","custom_string":"visit-{id}","type":"SMS","original_message_id":"{hex}","original_body":"Can you come on Friday?"}]"#,
    ),
    send!("send", "delivered"),
    send!("send-received", "received"),
    send!("send-rejected", "rejected"),
    send!("send-expired", "expired"),
    send!("send-failed", "failed"),
    send!("send-dead", "dead"),
    sample(
        "send-legacy",
        STATUS,
        r#"[{"message_id":"{hex}","status":"Dispatched","recipient":"40{number}","custom_string":"visit-{id}"}]"#,
    ),
];
