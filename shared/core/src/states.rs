//! The current state of every entity: one typed, bounded item each, made of registers that converge.
//!
//! A state is what its user reads: one flat JSON object of the data's names. Beside it lie the
//! positions of its registers, which only handlers read. Handlers change states; nothing here knows
//! about events.

mod register;
mod stored;

pub use register::{MAX_TEXT_BYTES, NoPosition, Position, Register, Value};
pub use stored::{State, StateError, Stored};

use crate::data::{DeliveryStatus, Direction, Extra, MailStatus};
use crate::ids::EventId;
use crate::time::Timestamp;
use serde_json::value::RawValue;
use stored::states;

states! {
    /// One call, from all that was said about it.
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
        /// What came of it: `answered`, `transferred`, `abandoned` or `voicemail`.
        outcome: Outcome,
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
        /// What the agent made of it.
        disposition: String,
        /// What the agent wrote about it.
        note: String,
        /// Addresses of recordings.
        recordings: Vec<String>,
        /// How it felt.
        sentiment: String,
        /// What was said.
        transcript: String,
        /// Labels.
        tags: Vec<String>,
    }

    /// One outbound text.
    Message {
        /// The status of the highest rank.
        status: DeliveryStatus,
        /// The provider's word for it.
        status_raw: String,
        /// Whether nothing but a higher rank may follow.
        r#final: bool,
        /// The code that came with the status.
        error_code: String,
        /// Why it failed.
        reason: String,
        /// When the status was reached.
        status_at: Timestamp,
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
    }

    /// The texts between a customer's number and ours.
    Conversation {
        /// The customer's number.
        from: String,
        /// Our number.
        to: String,
        /// The last text of the customer.
        text: String,
        /// The text of ours that it answered.
        in_reply_to_text: String,
        /// `sms` and the like.
        channel: String,
        /// When the customer last wrote.
        last_inbound_at: Timestamp,
        /// Whether the customer's last word about it was to be left alone.
        opted_out: bool,
    }

    /// One outbound e-mail.
    Email {
        /// What became of it: the highest rank, then the latest.
        status: MailStatus,
        /// Why it bounced or what was complained about.
        reason: String,
        /// When the status was reached.
        status_at: Timestamp,
        /// The recipient's address.
        to: String,
        /// Our address.
        from: String,
        /// The subject.
        subject: String,
    }

    /// Whether a number or address may be written to: one item for each and its channel, of the
    /// whole stack.
    OptOut {
        /// The number, in E.164.
        phone: String,
        /// The e-mail address.
        email: String,
        /// The channel.
        channel: String,
        /// Whether it must be left alone.
        opted_out: bool,
        /// Since when.
        since: Timestamp,
        /// Through which source that was said.
        source: String,
    }

    /// A person in the provider's address book.
    Contact {
        /// The full name.
        name: String,
        /// The phone number.
        phone: String,
        /// The e-mail address.
        email: String,
        /// The postal address.
        address: String,
        /// The lists that the contact is on.
        lists: Vec<String>,
        /// Fields that the account defined itself.
        fields: Extra,
        /// Whether it was deleted: what stays is this mark and when.
        deleted: bool,
        /// Whether the person asked the provider to be left alone; a deletion leaves it.
        opted_out: bool,
        /// The channel that this is about.
        channel: String,
        /// How it was asked for.
        method: String,
        /// When it was asked for.
        opted_out_at: Timestamp,
    }

    /// A list of contacts.
    ContactList {
        /// The list's name.
        name: String,
        /// How many contacts are on it.
        size: u64,
    }

    /// A person or program that takes calls.
    Agent {
        /// The agent's name.
        name: String,
        /// `online` and the like.
        status: String,
        /// The latest figures.
        metrics: Box<RawValue>,
        /// When it was created.
        created_at: Timestamp,
    }

    /// An outbound campaign.
    Campaign {
        /// The campaign's name.
        name: String,
        /// `started` or `completed`.
        status: CampaignStatus,
        /// The latest figures.
        totals: Box<RawValue>,
        /// When it began.
        started_at: Timestamp,
        /// When it finished.
        completed_at: Timestamp,
    }

    /// A lead that was won.
    Lead {
        /// The person's name.
        name: String,
        /// The person's number.
        phone: String,
        /// The person's e-mail address.
        email: String,
        /// When an appointment with the person begins.
        starts_at: Timestamp,
        /// Who won it.
        agent: String,
        /// `generated`.
        status: LeadStatus,
        /// When it was won, as first told.
        generated_at: Timestamp,
    }

    /// A booked appointment.
    Appointment {
        /// The person's name.
        name: String,
        /// The person's number.
        phone: String,
        /// The person's e-mail address.
        email: String,
        /// When it begins.
        starts_at: Timestamp,
        /// Who booked it.
        agent: String,
        /// `scheduled`.
        status: AppointmentStatus,
        /// When it was last booked.
        scheduled_at: Timestamp,
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident),* $(,)? })*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$word_doc])* $word),* }

        impl Value for $name {}
    )* };
}

words! {
    /// What came of a call.
    Outcome {
        /// Somebody took it.
        Answered,
        /// It was handed on.
        Transferred,
        /// The caller hung up before anybody answered.
        Abandoned,
        /// The caller was sent to voicemail.
        Voicemail,
    }

    /// What became of a lead.
    LeadStatus {
        /// It was won.
        Generated,
    }

    /// What became of an appointment.
    AppointmentStatus {
        /// It was booked.
        Scheduled,
    }

    /// How far a campaign is.
    CampaignStatus {
        /// It runs.
        Started,
        /// It is over.
        Completed,
    }
}

impl Value for DeliveryStatus {}
impl Value for Direction {}
impl Value for EventId {}
impl Value for MailStatus {}
impl Value for Timestamp {}
impl Value for bool {}
impl Value for u64 {}
