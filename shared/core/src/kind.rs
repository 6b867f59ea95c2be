//! The canonical event types, the same for every provider.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal on $entity:ident),* $(,)?) => {
        /// What happened, in the words that all providers share.
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        pub enum Kind { $($(#[$doc])* #[serde(rename = $name)] $variant),* }

        impl Kind {
            /// Every kind, in alphabetical order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Returns the name that users see, such as `call.ended`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// Returns the type of entity that events of this kind are about.
            #[must_use]
            pub const fn entity_type(self) -> EntityType {
                match self { $(Self::$variant => EntityType::$entity),* }
            }
        }
    };
}

kinds! {
    /// An agent was created.
    AgentCreated = "agent.created" on Agent,
    /// An agent's figures were reported.
    AgentPerformance = "agent.performance" on Agent,
    /// An agent went online or offline.
    AgentStatus = "agent.status" on Agent,
    /// An agent's configuration changed.
    AgentUpdated = "agent.updated" on Agent,
    /// An appointment was booked.
    AppointmentScheduled = "appointment.scheduled" on Appointment,
    /// The caller hung up before anybody answered.
    CallAbandoned = "call.abandoned" on Call,
    /// A call was answered.
    CallAnswered = "call.answered" on Call,
    /// What the agent made of a call was saved or changed.
    CallDisposition = "call.disposition" on Call,
    /// A call ended.
    CallEnded = "call.ended" on Call,
    /// The recordings of a call are there.
    CallRecording = "call.recording" on Call,
    /// A call began.
    CallStarted = "call.started" on Call,
    /// A call was handed on.
    CallTransferred = "call.transferred" on Call,
    /// A call was sent to voicemail.
    CallVoicemail = "call.voicemail" on Call,
    /// A campaign finished.
    CampaignCompleted = "campaign.completed" on Campaign,
    /// A campaign began.
    CampaignStarted = "campaign.started" on Campaign,
    /// A contact was made.
    ContactCreated = "contact.created" on Contact,
    /// A contact was deleted.
    ContactDeleted = "contact.deleted" on Contact,
    /// A contact was changed, or made without the provider saying so.
    ContactModified = "contact.modified" on Contact,
    /// A person took back that they asked to be left alone.
    ContactOptedIn = "contact.opted_in" on Contact,
    /// A person asked the provider to be left alone.
    ContactOptedOut = "contact.opted_out" on Contact,
    /// A contact list was made, or became non-empty.
    ContactListCreated = "contact_list.created" on ContactList,
    /// A contact list was changed.
    ContactListModified = "contact_list.modified" on ContactList,
    /// What became of an e-mail that went out.
    EmailStatus = "email.status" on Email,
    /// A lead was won.
    LeadGenerated = "lead.generated" on Lead,
    /// A text came in from a customer.
    MessageReceived = "message.received" on Conversation,
    /// What became of a text that went out.
    MessageStatus = "message.status" on Message,
    /// An authentic delivery that could not be parsed.
    Unreadable = "unreadable" on Delivery,
    /// An authentic delivery that is none of the known events.
    Unrecognised = "unrecognised" on Delivery,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is no kind.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no such kind of event")]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == text)
            .ok_or(UnknownKind)
    }
}

/// What an event can be about.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum EntityType {
    /// A person or program that takes calls.
    Agent,
    /// A booked appointment.
    Appointment,
    /// One call.
    Call,
    /// An outbound campaign.
    Campaign,
    /// A person in the provider's address book.
    Contact,
    /// A list of contacts.
    ContactList,
    /// The texts between a customer's number and ours.
    Conversation,
    /// A delivery that says nothing about anything known.
    Delivery,
    /// One outbound e-mail.
    Email,
    /// A lead.
    Lead,
    /// One outbound text.
    Message,
}

impl EntityType {
    const ALL: [Self; 11] = [
        Self::Agent,
        Self::Appointment,
        Self::Call,
        Self::Campaign,
        Self::Contact,
        Self::ContactList,
        Self::Conversation,
        Self::Delivery,
        Self::Email,
        Self::Lead,
        Self::Message,
    ];

    /// Returns the type of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|entity_type| entity_type.as_str() == name)
    }

    /// Returns the type as it stands in an entity's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Appointment => "appointment",
            Self::Call => "call",
            Self::Campaign => "campaign",
            Self::Contact => "contact",
            Self::ContactList => "contact_list",
            Self::Conversation => "conversation",
            Self::Delivery => "delivery",
            Self::Email => "email",
            Self::Lead => "lead",
            Self::Message => "message",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_written_as_it_is_read() {
        for kind in Kind::ALL {
            assert_eq!(kind.to_string().parse::<Kind>().unwrap(), *kind);
        }
        assert_eq!(format!("{:>12}", Kind::CallEnded), "  call.ended");
    }
}
