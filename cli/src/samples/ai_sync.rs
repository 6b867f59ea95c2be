//! AI Sync's samples: its sixteen events, and the contact hooks as JSON and as a form.

use super::{JSON, Sample};

const FORM: &str = "application/x-www-form-urlencoded";

macro_rules! event {
    ($name:literal, $data:literal) => {
        Sample {
            name: $name,
            slug: None,
            content_type: JSON,
            template: concat!(
                r#"{"event":""#,
                $name,
                r#"","timestamp":"{at}","webhook_id":"wh_123456789","data":"#,
                $data,
                r#","metadata":{"version":"1.0"}}"#
            ),
        }
    };
}

pub(super) const SAMPLES: &[Sample] = &[
    event!(
        "call.started",
        r#"{"call_id":"call_{id}","agent_id":"agent_abc123","caller_number":"+1555{number}","called_number":"+15550100004","call_direction":"inbound","call_status":"ringing"}"#
    ),
    event!(
        "call.answered",
        r#"{"call_id":"call_{id}","agent_id":"agent_abc123","caller_number":"+1555{number}","called_number":"+15550100004","call_direction":"inbound","call_status":"in-progress"}"#
    ),
    event!(
        "call.transferred",
        r#"{"call_id":"call_{id}","agent_id":"agent_def456","caller_number":"+1555{number}","called_number":"+15550100004","call_status":"transferred","transferred_to":"+15550100009"}"#
    ),
    event!(
        "call.ended",
        r#"{"call_id":"call_{id}","agent_id":"agent_abc123","caller_number":"+1555{number}","called_number":"+15550100004","call_duration":180,"call_status":"completed","call_direction":"inbound","recording_url":"https://recordings.example/call_{id}.mp3","transcription":"Hello, this is John calling about...","sentiment":"positive","disposition":"interested","tags":["qualified","follow-up"],"custom_fields":{"lead_score":85,"next_action":"schedule_demo"}}"#
    ),
    event!(
        "agent.created",
        r#"{"agent_id":"agent_{id}","name":"Reception","status":"offline"}"#
    ),
    event!(
        "agent.updated",
        r#"{"agent_id":"agent_{id}","name":"Front desk","voice":"nova"}"#
    ),
    event!(
        "agent.status_changed",
        r#"{"agent_id":"agent_{id}","status":"online"}"#
    ),
    event!(
        "agent.performance",
        r#"{"agent_id":"agent_{id}","metrics":{"calls":42,"average_duration":173,"conversion":0.31}}"#
    ),
    event!(
        "campaign.started",
        r#"{"campaign_id":"camp_{id}","name":"Spring offer"}"#
    ),
    event!(
        "campaign.completed",
        r#"{"campaign_id":"camp_{id}","name":"Spring offer","totals":{"dialled":500,"answered":312,"leads":27}}"#
    ),
    event!(
        "lead.generated",
        r#"{"lead_id":"lead_{id}","name":"John Doe","phone_number":"+1555{number}","email":"john@example.com","agent_id":"agent_abc123"}"#
    ),
    event!(
        "appointment.scheduled",
        r#"{"appointment_id":"appt_{id}","name":"John Doe","phone_number":"+1555{number}","email":"john@example.com","starts_at":"2026-12-01T09:30:00Z","agent_id":"agent_abc123"}"#
    ),
    event!(
        "sms.sent",
        r#"{"message_id":"sms_{id}","from":"+15550100004","to":"+1555{number}","text":"Your appointment is confirmed.","segments":1,"price":"0.0075"}"#
    ),
    event!(
        "sms.received",
        r#"{"message_id":"in_{id}","from":"+1555{number}","to":"+15550100004","text":"Can you come on Friday?"}"#
    ),
    event!(
        "sms.failed",
        r#"{"message_id":"sms_{id}","from":"+15550100004","to":"+1555{number}","text":"Your appointment is confirmed.","error_code":"30007","reason":"Carrier violation"}"#
    ),
    event!(
        "sms.replied",
        r#"{"message_id":"re_{id}","from":"+1555{number}","to":"+15550100004","text":"Yes please","in_reply_to":"Your appointment is confirmed."}"#
    ),
    Sample {
        name: "contact",
        slug: Some("contact"),
        content_type: JSON,
        template: r#"{"phone_number":"+1555{number}","email":"john@example.com","first_name":"John","last_name":"Doe","address":"1 Main St","city":"Springfield","country":"US","new_user_field":"gold","powelist_id":"{id}"}"#,
    },
    Sample {
        name: "contact-form",
        slug: Some("contact"),
        content_type: FORM,
        template: "phone_number=%2B1555{number}&email=john%40example.com&first_name=John&last_name=Doe&city=Springfield&powelist_id={id}",
    },
    Sample {
        name: "contact-delete",
        slug: Some("contact-delete"),
        content_type: JSON,
        template: r#"{"phone_number":"+1555{number}","email":"john@example.com"}"#,
    },
];
