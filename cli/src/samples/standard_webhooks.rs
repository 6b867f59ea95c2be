//! Samples of Standard Webhooks: the specification's own events, and one without what it recommends.

use super::{JSON, Sample};

macro_rules! sample {
    ($name:literal, $body:literal) => {
        Sample {
            name: $name,
            slug: None,
            content_type: JSON,
            template: $body,
        }
    };
}

pub(super) const SAMPLES: &[Sample] = &[
    sample!(
        "example.event",
        r#"{"type":"example.event","timestamp":"{at}","data":{"foo":"bar_{id}","fizzbuzz":2}}"#
    ),
    sample!(
        "contact.created",
        r#"{"type":"contact.created","timestamp":"{at}","data":{"id":"contact_{id}","type":"contact","fullName":"John Doe","address":"1 Main St, Springfield, USA","phoneNumber":"+1555{number}","birthday":"1980-04-19","occupation":"Engineer"}}"#
    ),
    sample!(
        "contact.created-thin",
        r#"{"type":"contact.created","timestamp":"{at}","data":{"id":"contact_{id}"}}"#
    ),
    sample!("without-type", r#"{"test":{serial}}"#),
];
