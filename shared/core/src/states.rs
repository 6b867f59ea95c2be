//! The current state of every entity: one typed, bounded item each, made of registers that converge.
//!
//! A state is what its user reads: one flat JSON object of the data's names. Beside it lie the
//! positions of its registers, which only handlers read. Handlers change states; nothing here knows
//! about events.

mod consent;
mod opt_out;
mod register;
mod stored;

pub use consent::{Consent, Said, Word};
pub use opt_out::{OptOut, OptOutView, Owner, SourceView};
pub use register::{MAX_TEXT_BYTES, NoPosition, Position, Register, Value};
pub use stored::{State, StateError, StateExpiry, Stored};

use crate::data::{DeliveryStatus, Direction, Extra, MailStatus};
use crate::ids::EventId;
use crate::json;
use crate::kind::EntityType;
use crate::time::Timestamp;
use serde_json::value::RawValue;
use stored::{Field, states};

states! {
    /// One call, from all that was said about it.
    Call {
        /// Which way it went.
        direction: Register<Direction>,
        /// The caller's number.
        from: Register<String>,
        /// The called number.
        to: Register<String>,
        /// Who took it.
        agent: Register<String>,
        /// The provider's word.
        status: Register<String>,
        /// What came of it: `answered`, `transferred`, `abandoned` or `voicemail`.
        outcome: Register<Outcome>,
        /// When it began.
        started_at: Register<Timestamp>,
        /// When it was answered.
        answered_at: Register<Timestamp>,
        /// When it ended.
        ended_at: Register<Timestamp>,
        /// How long it took, in seconds.
        duration_secs: Register<u64>,
        /// How long people talked, in seconds.
        talk_secs: Register<u64>,
        /// How long the caller waited, in seconds.
        wait_secs: Register<u64>,
        /// What the agent made of it.
        disposition: Register<String>,
        /// What the agent wrote about it.
        note: Register<String>,
        /// Addresses of recordings.
        recordings: Register<Vec<String>>,
        /// How it felt.
        sentiment: Register<String>,
        /// What was said.
        transcript: Register<String>,
        /// Labels.
        tags: Register<Vec<String>>,
    }

    /// One outbound text.
    Message {
        /// The status of the highest rank.
        status: Register<DeliveryStatus>,
        /// The provider's word for it.
        status_raw: Register<String>,
        /// Whether nothing but a higher rank may follow.
        r#final: Register<bool>,
        /// The code that came with the status.
        error_code: Register<String>,
        /// Why it failed.
        reason: Register<String>,
        /// When the status was reached.
        status_at: Register<Timestamp>,
        /// Our number or name.
        from: Register<String>,
        /// The customer's number.
        to: Register<String>,
        /// What was sent.
        text: Register<String>,
        /// How many parts it was sent in.
        segments: Register<u64>,
        /// What it cost, as decimal text.
        price: Register<String>,
    }

    /// The texts between a customer's number and ours.
    Conversation {
        /// The customer's number.
        from: Register<String>,
        /// Our number.
        to: Register<String>,
        /// The last text of the customer.
        text: Register<String>,
        /// The text of ours that it answered.
        in_reply_to_text: Register<String>,
        /// `sms` and the like.
        channel: Register<String>,
        /// When the customer last wrote.
        last_inbound_at: Register<Timestamp>,
        /// Whether the customer is to be left alone, by what was texted here.
        opted_out: Consent,
    }

    /// One outbound e-mail.
    Email {
        /// What became of it: the highest rank, then the latest.
        status: Register<MailStatus>,
        /// Why it bounced or what was complained about.
        reason: Register<String>,
        /// When the status was reached.
        status_at: Register<Timestamp>,
        /// The recipient's address.
        to: Register<String>,
        /// Our address.
        from: Register<String>,
        /// The subject.
        subject: Register<String>,
    }

    /// A person in the provider's address book.
    Contact {
        /// The full name.
        name: Register<String>,
        /// The phone number.
        phone: Register<String>,
        /// The e-mail address.
        email: Register<String>,
        /// The postal address.
        address: Register<String>,
        /// The lists that the contact is on.
        lists: Register<Vec<String>>,
        /// Fields that the account defined itself.
        fields: Register<Extra>,
        /// Whether it was deleted: what stays is this mark and when.
        deleted: Register<bool>,
        /// Whether the person asked the provider to be left alone; a deletion leaves it.
        opted_out: Consent,
        /// The channel that this is about.
        channel: Register<String>,
        /// How it was asked for.
        method: Register<String>,
        /// When the person last asked to be left alone, or took that back.
        opted_out_at: Register<Timestamp>,
    }

    /// A list of contacts.
    ContactList {
        /// The list's name.
        name: Register<String>,
        /// How many contacts are on it.
        size: Register<u64>,
    }

    /// A person or program that takes calls.
    Agent {
        /// The agent's name.
        name: Register<String>,
        /// `online` and the like.
        status: Register<String>,
        /// The latest figures.
        metrics: Register<Box<RawValue>>,
        /// When it was created.
        created_at: Register<Timestamp>,
    }

    /// An outbound campaign.
    Campaign {
        /// The campaign's name.
        name: Register<String>,
        /// `started` or `completed`.
        status: Register<CampaignStatus>,
        /// The latest figures.
        totals: Register<Box<RawValue>>,
        /// When it began.
        started_at: Register<Timestamp>,
        /// When it finished.
        completed_at: Register<Timestamp>,
    }

    /// A lead that was won.
    Lead {
        /// The person's name.
        name: Register<String>,
        /// The person's number.
        phone: Register<String>,
        /// The person's e-mail address.
        email: Register<String>,
        /// When an appointment with the person begins.
        starts_at: Register<Timestamp>,
        /// Who won it.
        agent: Register<String>,
        /// `generated`.
        status: Register<LeadStatus>,
        /// When it was won, as first told.
        generated_at: Register<Timestamp>,
    }

    /// A booked appointment.
    Appointment {
        /// The person's name.
        name: Register<String>,
        /// The person's number.
        phone: Register<String>,
        /// The person's e-mail address.
        email: Register<String>,
        /// When it begins.
        starts_at: Register<Timestamp>,
        /// Who booked it.
        agent: Register<String>,
        /// `scheduled`.
        status: Register<AppointmentStatus>,
        /// When it was last booked.
        scheduled_at: Register<Timestamp>,
    }
}

/// Writes the stored state of an entity as it is printed: with all names, null where it is not known.
///
/// # Errors
///
/// When the text is no JSON object.
pub fn with_names(
    state: &str,
    entity_type: Option<EntityType>,
) -> Result<String, serde_json::Error> {
    let names = match entity_type {
        Some(EntityType::Agent) => Agent::NAMES,
        Some(EntityType::Appointment) => Appointment::NAMES,
        Some(EntityType::Call) => Call::NAMES,
        Some(EntityType::Campaign) => Campaign::NAMES,
        Some(EntityType::Contact) => Contact::NAMES,
        Some(EntityType::ContactList) => ContactList::NAMES,
        Some(EntityType::Conversation) => Conversation::NAMES,
        Some(EntityType::Email) => Email::NAMES,
        Some(EntityType::Lead) => Lead::NAMES,
        Some(EntityType::Message) => Message::NAMES,
        // An entry of the suppression list is printed as it is stored.
        Some(EntityType::Delivery) | None => &[],
    };
    let names = names.iter().map(|name| json::unmarked(name));
    json::with_names(state, names, |_| "null")
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
