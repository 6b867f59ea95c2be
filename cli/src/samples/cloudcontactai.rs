//! CloudContactAI's samples: its eleven events, and both bodies of the generation without names.
//!
//! The unnamed ones have an `eventHash` here that their own senders leave out, so that sources with
//! secrets take them too.

use super::{JSON, Sample};

macro_rules! sample {
    ($name:literal, $template:expr) => {
        Sample {
            name: $name,
            slug: None,
            content_type: JSON,
            template: $template,
        }
    };
}

macro_rules! event {
    ($name:literal, $data:literal) => {
        sample!(
            $name,
            concat!(
                r#"{"eventType":""#,
                $name,
                r#"","eventHash":"{hex}","data":"#,
                $data,
                "}"
            )
        )
    };
}

pub(super) const SAMPLES: &[Sample] = &[
    event!(
        "message.sent",
        r#"{"SmsSid":{serial},"MessageStatus":"DELIVERED","To":"+1555{number}","Message":"Hello! Your order has been shipped.","CustomData":"order_id:{id}","ClientExternalId":"customer_{id}","CampaignId":67890,"CampaignTitle":"Order notifications","Segments":2,"TotalPrice":0.02}"#
    ),
    event!(
        "message.incoming",
        r#"{"SmsSid":0,"MessageStatus":"RECEIVED","To":"+15550100004","Message":"Yes, tell me more!","CustomData":"","ClientExternalId":"customer_{id}","CampaignId":67890,"CampaignTitle":"Spring offer","From":"+1555{number}"}"#
    ),
    event!(
        "message.received",
        r#"{"To":"+15550100004","From":"+1555{number}","Message":"Can you come on Friday?","TotalPrice":"0.01","Segments":1,"CampaignId":"67890","CampaignTitle":"Spring offer"}"#
    ),
    event!(
        "message.excluded",
        r#"{"SmsSid":0,"MessageStatus":"EXCLUDED","To":"+1555{number}","Message":"Hi {{name}}, look at our new products!","CustomData":"lead_source:website","ClientExternalId":"customer_{id}","CampaignId":67890,"CampaignTitle":"Product launch","ExcludedReason":"Duplicate phone number in campaign"}"#
    ),
    event!(
        "message.error.carrier",
        r#"{"SmsSid":{serial},"MessageStatus":"FAILED","To":"+1555{number}","Message":"Your code is 000000","CustomData":"attempt:1","ClientExternalId":"customer_{id}","CampaignId":0,"CampaignTitle":"","ErrorCode":"30008","ErrorMessage":"Unknown destination handset","ErrorType":"carrier"}"#
    ),
    event!(
        "message.error.cloudcontact",
        r#"{"SmsSid":{serial},"MessageStatus":"FAILED","To":"+1555{number}","Message":"Welcome to our service!","CustomData":"","ClientExternalId":"customer_{id}","CampaignId":67890,"CampaignTitle":"Welcome","ErrorCode":"CCAI-001","ErrorMessage":"Insufficient account balance","ErrorType":"cloudcontact"}"#
    ),
    event!(
        "contact.unsubscribed",
        r#"{"id":0,"MessageStatus":"DO_NOT_TEXT","To":"+15550100004","Message":"STOP","CustomData":"","ClientExternalId":"customer_{id}","CampaignId":67890,"CampaignTitle":"Spring offer","UnsubscribedAt":"{at}","ContactData":{"firstName":"Jon","lastName":"Doe","email":null,"phone":"+1555{number}"}}"#
    ),
    event!(
        "email.delivered",
        r#"{"clientId":1231,"campaignId":67890,"emailMessageId":{serial},"toEmail":"jon.{number}@example.com","fromEmail":"sender@example.com","subject":"Your monthly statement","timestamp":"{at}"}"#
    ),
    event!(
        "email.bounced",
        r#"{"clientId":1231,"campaignId":67890,"emailMessageId":{serial},"toEmail":"jon.{number}@example.com","fromEmail":"sender@example.com","subject":"Your monthly statement","timestamp":"{at}","bounceType":"Permanent","bounceSubType":"General"}"#
    ),
    event!(
        "email.complaint",
        r#"{"clientId":1231,"campaignId":67890,"emailMessageId":{serial},"toEmail":"jon.{number}@example.com","fromEmail":"sender@example.com","subject":"Your monthly statement","timestamp":"{at}","complaintFeedbackType":"abuse"}"#
    ),
    event!(
        "email.unsubscribed",
        r#"{"clientId":1231,"contactId":"contact-{id}","toEmail":"jon.{number}@example.com","unsubscribeMethod":"link_click","timestamp":"{at}"}"#
    ),
    sample!(
        "outbound-untyped",
        r#"{"message":"Hello John! Your order has been shipped.","segments":1,"smsSid":{serial},"messageStatus":"SENT","totalPrice":0.03,"to":"+1555{number}","eventHash":"{hex}"}"#
    ),
    sample!(
        "inbound-untyped",
        r#"{"campaign":{"id":67890,"title":"Default Campaign","message":"","senderPhone":null,"createdAt":"{at}","runAt":"null"},"from":"+1555{number}","to":"+15550100004","message":"Rockin","eventHash":"{hex}"}"#
    ),
];
