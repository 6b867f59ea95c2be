//! The list of handlers: which function applies which kind of event.
//!
//! `unrecognised` and `unreadable` have no line: they are about nothing, and their records are all
//! there is to know of them.

use switchhook_core::kind::Kind;

use crate::handlers::{
    agents, appointments, calls, campaigns, contact_lists, contacts, conversations, emails, leads,
    messages, opt_outs,
};
use crate::router::Router;

/// Returns every handler, by kind in alphabetical order.
#[must_use]
pub fn routes() -> Router {
    Router::default()
        .on(Kind::AgentCreated, agents::created)
        .on(Kind::AgentPerformance, agents::changed)
        .on(Kind::AgentStatus, agents::changed)
        .on(Kind::AgentUpdated, agents::changed)
        .on(Kind::AppointmentScheduled, appointments::scheduled)
        .on(Kind::CallAbandoned, calls::abandoned)
        .on(Kind::CallAnswered, calls::answered)
        .on(Kind::CallDisposition, calls::disposed)
        .on(Kind::CallEnded, calls::ended)
        .on(Kind::CallRecording, calls::recorded)
        .on(Kind::CallStarted, calls::told)
        .on(Kind::CallTransferred, calls::transferred)
        .on(Kind::CallVoicemail, calls::sent_to_voicemail)
        .on(Kind::CampaignCompleted, campaigns::completed)
        .on(Kind::CampaignStarted, campaigns::started)
        .on(Kind::ContactCreated, contacts::modified)
        .on(Kind::ContactDeleted, contacts::deleted)
        .on(Kind::ContactModified, contacts::modified)
        .on(Kind::ContactOptedIn, contacts::consented)
        .also(Kind::ContactOptedIn, opt_outs::entity, opt_outs::consented)
        .on(Kind::ContactOptedOut, contacts::consented)
        .also(Kind::ContactOptedOut, opt_outs::entity, opt_outs::consented)
        .on(Kind::ContactListCreated, contact_lists::told)
        .on(Kind::ContactListModified, contact_lists::told)
        .on(Kind::EmailStatus, emails::status)
        .on(Kind::LeadGenerated, leads::generated)
        .on(Kind::MessageReceived, conversations::received)
        .also(Kind::MessageReceived, opt_outs::entity, opt_outs::received)
        .on(Kind::MessageStatus, messages::status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_that_is_about_something_has_a_handler() {
        let router = routes();
        for kind in Kind::ALL {
            let about_nothing = matches!(kind, Kind::Unreadable | Kind::Unrecognised);
            assert_eq!(router.routes(*kind).is_empty(), about_nothing, "{kind}");
        }
    }
}
