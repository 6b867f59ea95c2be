//! Nectar Desk's samples: its twelve events, and other bodies that they come with.

use super::{JSON, Sample};

macro_rules! sample {
    ($name:literal, $body:literal) => {
        sample!($name, $name, $body)
    };
    ($name:literal, $slug:literal, $body:literal) => {
        Sample {
            name: $name,
            slug: Some($slug),
            content_type: JSON,
            template: $body,
        }
    };
}

pub(super) const SAMPLES: &[Sample] = &[
    sample!(
        "call-ended",
        r#"{"id":{serial},"type":"inbound","startedDate":"{at}","endedDate":"{at}","duration":110,"talkTime":90,"waitingTime":9,"tags":["support"],"call_type":"inbound_ring_group","call_recordings":[],"number":{"id":4,"number":"+15550100004","numberWithAlias":"+15550100004 (Desk)","alias":"Desk"},"campaign":"","external_numbers":[{"number":"+1555{number}","is_any_transfer":0}],"transfer_details":{},"abandoned":0,"sub_type":"(Support)Handled","ringGroup":{"id":3,"name":"Support"},"contact":{"id":{serial},"firstName":"John","lastName":"Doe","email":"john@example.com","phone":"+1555{number}","createDate":"{at}","additionalFields":null,"integrations":[]},"agents":[{"id":1,"name":"Agent X","action":"Missed","type":"Normal call"},{"id":2,"name":"Agent Y","action":"Answered","type":"Normal call"}]}"#
    ),
    sample!(
        "call-ended-minimal",
        "call-ended",
        r#"{"id":{serial},"type":"outbound","startedDate":"{at}","endedDate":"{at}","duration":0,"talkTime":0,"waitingTime":0,"tags":[],"call_type":"outbound","call_recordings":[],"number":{},"campaign":"","external_numbers":[{"number":"+1555{number}","is_any_transfer":0}],"transfer_details":[],"abandoned":0,"sub_type":"Not Answered","agents":{"id":2,"name":"Agent Y","action":"Called","type":"Normal call"}}"#
    ),
    sample!(
        "call-abandoned",
        r#"{"id":{serial},"type":"inbound","startedDate":"{at}","endedDate":"{at}","duration":24,"talkTime":0,"waitingTime":24,"tags":[],"call_type":"inbound_ring_group","call_recordings":[],"number":{"id":4,"number":"+15550100004","numberWithAlias":"+15550100004 (Desk)","alias":"Desk"},"campaign":"","external_numbers":[{"number":"+1555{number}","is_any_transfer":0}],"transfer_details":{},"abandoned":1,"sub_type":"(Support)Abandoned","ringGroup":{"id":3,"name":"Support"},"agents":[]}"#
    ),
    sample!(
        "call-overflowed-to-voicemail",
        r#"{"id":{serial},"type":"inbound","startedDate":"{at}","endedDate":"","duration":31,"talkTime":0,"waitingTime":31,"tags":[],"call_type":"inbound_ring_group","call_recordings":["desk.example/api/call/recording/{serial}"],"number":{"id":4,"number":"+15550100004","numberWithAlias":"+15550100004 (Desk)","alias":"Desk"},"campaign":"","external_numbers":[{"number":"+1555{number}","is_any_transfer":0}],"transfer_details":{},"abandoned":0,"sub_type":"(Support)Voicemail","ringGroup":{"id":3,"name":"Support"},"agents":[]}"#
    ),
    sample!(
        "call-disposition-saved",
        r#"{"id":{serial},"type":"inbound","startedDate":"{at}","endedDate":"{at}","duration":110,"talkTime":90,"waitingTime":9,"disposition":{"id":5,"code":"Call back","note":"Prefers mornings."}}"#
    ),
    sample!(
        "call-disposition-modified",
        r#"{"id":{serial},"type":"inbound","startedDate":"{at}","endedDate":"{at}","duration":110,"talkTime":90,"waitingTime":9,"disposition":{"code":"Sold","note":""}}"#
    ),
    sample!(
        "call-recording-received",
        r#"{"id":{serial},"type":"inbound","startedDate":"{at}","endedDate":"{at}","duration":110,"talkTime":90,"waitingTime":9,"call_recordings":["desk.example/api/call/recording/{serial}","desk.example/api/call/recording/{serial}?part=2"]}"#
    ),
    sample!(
        "contact-created",
        r#"{"id":{serial},"firstName":"John","lastName":"Doe","email":"john@example.com","phone":"+1555{number}","createDate":"{at}","additionalFields":{"plan":"gold"},"lists":[{"id":8,"name":"Leads"}],"integrations":[]}"#
    ),
    sample!(
        "contact-modified",
        r#"{"id":{serial},"firstName":"John","lastName":null,"email":"john.doe@example.com","phone":"+1555{number}","createDate":"{at}","additionalFields":[],"lists":[],"integrations":[]}"#
    ),
    sample!(
        "contact-modified-nested",
        "contact-modified",
        r#"{"contact":{"id":{serial},"firstName":"John","lastName":"Doe","email":"","phone":"+1555{number}","additionalFields":{"plan":"silver"},"contactLists":[8,9]}}"#
    ),
    sample!(
        "contact-list-created",
        r#"{"id":{serial},"name":"Leads","count":1}"#
    ),
    sample!(
        "contact-list-modified",
        r#"{"list":{"id":{serial},"name":"Leads of spring","contactsCount":42}}"#
    ),
    sample!(
        "message-received",
        r#"{"id":{serial},"type":"sms","conversationId":{serial},"sentAt":"{at}","text":"Can you call me back?","contact":{"id":{serial},"fullName":"John Doe"},"agent":{},"fromNumber":{"id":4,"number":"+15550100004","numberWithAlias":"+15550100004 (Desk)","alias":"Desk"},"toNumber":"+1555{number}"}"#
    ),
    sample!(
        "message-received-stop",
        "message-received",
        r#"{"id":9{serial},"type":"sms","conversationId":{serial},"sentAt":"{at}","text":"STOP","contact":{},"agent":[],"fromNumber":{"id":4,"number":"+15550100004","numberWithAlias":"+15550100004 (Desk)","alias":"Desk"},"toNumber":"+1555{number}"}"#
    ),
    sample!(
        "message-received-livechat",
        "message-received",
        r#"{"id":8{serial},"type":"livechat","conversationId":8{serial},"sentAt":"{at}","text":"Hello, are you open today?","contact":{},"agent":{"id":2,"fullName":"Agent Y"},"visitor":"Visitor {serial}"}"#
    ),
    sample!(
        "message-sent",
        r#"{"id":7{serial},"type":"sms","conversationId":{serial},"sentAt":"{at}","text":"We call you at ten.","contact":{"id":{serial},"fullName":"John Doe"},"agent":{"id":2,"fullName":"Agent Y"},"fromNumber":{"id":4,"number":"+15550100004","numberWithAlias":"+15550100004 (Desk)","alias":"Desk"},"toNumber":"+1555{number}"}"#
    ),
];
