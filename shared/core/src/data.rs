//! What events say, in the words that all providers share: one type for each shape of `data`.
//!
//! What is not known is not written: a record costs by its size. Whoever prints data adds the missing
//! [`names`] as null. A provider's other fields are kept in `extra` as they were sent. Times are RFC 3339,
//! durations whole seconds, money decimal text.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json;
use crate::kind::Kind;
use crate::time::Timestamp;

mod extra;

pub use extra::Extra;

/// Which way a call or text went.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the customer to us.
    Inbound,
    /// From us to the customer.
    Outbound,
}

/// What became of an outbound text, by rank: from `Excluded` on a status is final, and a higher one
/// wins over a lower one whatever their times.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryStatus {
    /// The provider took it.
    Accepted,
    /// It went out.
    Sent,
    /// It was filtered out before it was sent.
    Excluded,
    /// It was not delivered in time.
    Expired,
    /// It failed on the way.
    Failed,
    /// The carrier refused it.
    Rejected,
    /// It was deleted before it was delivered.
    Deleted,
    /// It reached the handset.
    Delivered,
}

impl DeliveryStatus {
    /// The rank: a higher one wins.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::Accepted => 1,
            Self::Sent => 2,
            Self::Excluded => 3,
            Self::Expired => 4,
            Self::Failed => 5,
            Self::Rejected => 6,
            Self::Deleted => 7,
            Self::Delivered => 8,
        }
    }

    /// Tells whether nothing but a higher rank may follow.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Accepted | Self::Sent => false,
            Self::Excluded
            | Self::Expired
            | Self::Failed
            | Self::Rejected
            | Self::Deleted
            | Self::Delivered => true,
        }
    }
}

/// What became of an outbound e-mail.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MailStatus {
    /// It could not be delivered.
    Bounced,
    /// It reached the mailbox.
    Delivered,
    /// Its reader called it spam.
    Complaint,
}

impl MailStatus {
    /// The rank: a higher one wins, whatever the times. A complaint follows a delivery; a mail can
    /// bounce after it was delivered, and be delivered after it bounced.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::Bounced | Self::Delivered => 1,
            Self::Complaint => 2,
        }
    }
}

/// What an inbound text asks for, where the provider read that itself.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Keyword {
    /// No further texts.
    Stop,
    /// Texts again, after a [`Keyword::Stop`].
    Start,
    /// Information about the sender; it changes no consent.
    Help,
}

/// The name of a provider's other fields: an object, be it empty.
const EXTRA: &str = "extra";

/// Returns the names that the data of a kind has, in the order in which it is printed.
pub fn names(kind: Kind) -> impl Iterator<Item = &'static str> {
    let names = match kind {
        Kind::AgentCreated | Kind::AgentPerformance | Kind::AgentStatus | Kind::AgentUpdated => {
            Agent::NAMES
        }
        Kind::AppointmentScheduled | Kind::LeadGenerated => Booking::NAMES,
        Kind::CallAbandoned
        | Kind::CallAnswered
        | Kind::CallEnded
        | Kind::CallStarted
        | Kind::CallTransferred
        | Kind::CallVoicemail => Call::NAMES,
        Kind::CallDisposition => CallDisposition::NAMES,
        Kind::CallRecording => CallRecording::NAMES,
        Kind::CampaignCompleted | Kind::CampaignStarted => Campaign::NAMES,
        Kind::ContactCreated | Kind::ContactDeleted | Kind::ContactModified => Contact::NAMES,
        Kind::ContactOptedIn | Kind::ContactOptedOut => OptedOut::NAMES,
        Kind::ContactListCreated | Kind::ContactListModified => ContactList::NAMES,
        Kind::EmailStatus => EmailStatus::NAMES,
        Kind::MessageReceived => MessageReceived::NAMES,
        Kind::MessageStatus => MessageStatus::NAMES,
        Kind::Unreadable | Kind::Unrecognised => Unknown::NAMES,
    };
    names.iter().map(|name| json::unmarked(name))
}

/// Writes stored data of a kind as it is printed: with all names, null where it is not known.
///
/// # Errors
///
/// When the text is no JSON object.
pub fn with_names(data: &str, kind: Kind) -> Result<String, serde_json::Error> {
    let absent = |name: &str| if name == EXTRA { "{}" } else { "null" };
    json::with_names(data, names(kind), absent)
}

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, Serialize)]
            pub struct $name {
                $(
                    $(#[$field_doc])*
                    #[serde(skip_serializing_if = "Option::is_none")]
                    pub $field: Option<$type>,
                )*
                /// The provider's other fields.
                #[serde(skip_serializing_if = "extra::is_empty")]
                pub extra: Extra,
            }

            impl $name {
                /// The names of the fields, in their order; a raw identifier has its mark.
                const NAMES: &[&str] = &[$(stringify!($field),)* EXTRA];
            }
        )*

        /// The data of one event: its shape follows from its kind.
        #[derive(Clone, Debug, Serialize)]
        #[serde(untagged)]
        pub enum Data { $($(#[$doc])* $name($name)),* }

        $(
            impl From<$name> for Data {
                fn from(data: $name) -> Self {
                    Self::$name(data)
                }
            }

            impl<'a> TryFrom<&'a Data> for &'a $name {
                type Error = WrongShape;

                fn try_from(data: &'a Data) -> Result<Self, WrongShape> {
                    match data {
                        Data::$name(data) => Ok(data),
                        #[expect(clippy::allow_attributes, reason = "one arm too many for a single shape")]
                        #[allow(unreachable_patterns, reason = "there are several shapes")]
                        _ => Err(WrongShape),
                    }
                }
            }
        )*

        impl Data {
            /// Returns the provider's other fields.
            #[must_use]
            pub const fn extra(&self) -> &Extra {
                match self { $(Self::$name(data) => &data.extra),* }
            }

            /// Returns the provider's other fields, to change them.
            pub const fn extra_mut(&mut self) -> &mut Extra {
                match self { $(Self::$name(data) => &mut data.extra),* }
            }
        }
    };
}

/// The data is of another shape than the handler of its kind takes.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the data has not the shape of its kind")]
pub struct WrongShape;

shapes! {
    /// Data of `message.received`.
    MessageReceived {
        /// The customer's number.
        from: String,
        /// Our number.
        to: String,
        /// What the customer wrote.
        text: String,
        /// The text of ours that it answers.
        in_reply_to_text: String,
        /// `sms` and the like.
        channel: String,
        /// The provider's own reading of the text as an opt-out keyword.
        keyword: Keyword,
    }
    /// Data of `message.status`.
    MessageStatus {
        /// The status, where it is known what the provider's word means.
        status: DeliveryStatus,
        /// The provider's word.
        status_raw: String,
        /// Whether the status is final.
        r#final: bool,
        /// Our number or name.
        from: String,
        /// The customer's number.
        to: String,
        /// What was sent.
        text: String,
        /// How many parts it was sent in.
        segments: u64,
        /// What it cost, as decimal text.
        price: String,
        /// The provider's or carrier's code.
        error_code: String,
        /// Why it failed.
        reason: String,
    }
    /// Data of `email.status`.
    EmailStatus {
        /// What became of it.
        status: MailStatus,
        /// The recipient's address.
        to: String,
        /// Our address.
        from: String,
        /// The subject.
        subject: String,
        /// Why it bounced or what was complained about.
        reason: String,
    }
    /// Data of `call.disposition`.
    CallDisposition {
        /// What the agent made of it.
        disposition: String,
        /// What the agent wrote about it.
        note: String,
    }
    /// Data of `call.recording`.
    CallRecording {
        /// Addresses of recordings, https only.
        recordings: Vec<String>,
    }
    /// Data of `contact.opted_out` and `contact.opted_in`.
    OptedOut {
        /// The person's number.
        phone: String,
        /// The person's e-mail address.
        email: String,
        /// The channel that it is about.
        channel: String,
        /// How it was asked for.
        method: String,
    }
    /// Data of both `contact_list.*` kinds.
    ContactList {
        /// The list's name.
        name: String,
        /// How many contacts are on it.
        size: u64,
    }
    /// Data of the other `call.*` kinds.
    Call {
        /// Which way it went.
        direction: Direction,
        /// The caller's number.
        from: String,
        /// The called number.
        to: String,
        /// Who took it.
        agent: String,
        /// The provider's word.
        status: String,
        /// When it began.
        started_at: Timestamp,
        /// When it was answered.
        answered_at: Timestamp,
        /// When it ended.
        ended_at: Timestamp,
        /// How long it took, in seconds.
        duration_secs: u64,
        /// How long people talked, in seconds.
        talk_secs: u64,
        /// How long the caller waited, in seconds.
        wait_secs: u64,
        /// Addresses of recordings, https only.
        recordings: Vec<String>,
        /// What the agent made of it.
        disposition: String,
        /// How it felt.
        sentiment: String,
        /// What was said.
        transcript: String,
        /// Labels.
        tags: Vec<String>,
    }
    /// Data of `contact.created`, `contact.modified` and `contact.deleted`.
    Contact {
        /// The full name.
        name: String,
        /// The phone number.
        phone: String,
        /// The e-mail address.
        email: String,
        /// The postal address, in one line.
        address: String,
        /// The lists that the contact is on.
        lists: Vec<String>,
        /// Fields that the account defined itself.
        fields: Extra,
    }
    /// Data of all `agent.*` kinds.
    Agent {
        /// The agent's name.
        name: String,
        /// `online` and the like, in the provider's words.
        status: String,
        /// Figures, as sent.
        metrics: Box<RawValue>,
    }
    /// Data of both `campaign.*` kinds.
    Campaign {
        /// The campaign's name.
        name: String,
        /// Figures, as sent.
        totals: Box<RawValue>,
    }
    /// Data of `lead.generated` and `appointment.scheduled`.
    Booking {
        /// The person's name.
        name: String,
        /// The person's number.
        phone: String,
        /// The person's e-mail address.
        email: String,
        /// When the appointment begins.
        starts_at: Timestamp,
        /// Who won it.
        agent: String,
    }
    /// Data of `unrecognised` and `unreadable`.
    Unknown {
        /// Why it is not known what happened.
        reason: String,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_final_from_excluded_on() {
        use DeliveryStatus::{
            Accepted, Deleted, Delivered, Excluded, Expired, Failed, Rejected, Sent,
        };
        let all = [
            Accepted, Sent, Excluded, Expired, Failed, Rejected, Deleted, Delivered,
        ];
        assert!(all.is_sorted_by_key(|status| status.rank()));
        let is_final = all.map(DeliveryStatus::is_final);
        assert_eq!(is_final.iter().position(|is_final| *is_final), Some(2));
        assert!(is_final.is_sorted());
    }

    #[test]
    fn what_is_not_known_is_printed_and_not_stored() {
        let stored = |keyword| {
            let data = MessageReceived {
                keyword,
                ..MessageReceived::default()
            };
            serde_json::to_string(&Data::from(data)).unwrap()
        };
        let rest = r#""from":null,"to":null,"text":null,"in_reply_to_text":null,"channel":null"#;
        for (keyword, written, printed) in [
            (Some(Keyword::Stop), r#"{"keyword":"stop"}"#, "\"stop\""),
            (Some(Keyword::Start), r#"{"keyword":"start"}"#, "\"start\""),
            (Some(Keyword::Help), r#"{"keyword":"help"}"#, "\"help\""),
            (None, "{}", "null"),
        ] {
            let data = stored(keyword);
            assert_eq!(data, written);
            let expected = format!(r#"{{{rest},"keyword":{printed},"extra":{{}}}}"#);
            assert_eq!(with_names(&data, Kind::MessageReceived).unwrap(), expected);
        }
        let text = with_names("{}", Kind::MessageStatus).unwrap();
        assert!(text.contains(r#""final":null"#), "{text}");
    }
}
