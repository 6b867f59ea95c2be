//! Campaigns: whether they run and what came of them, by the events' own times.

use switchhook_core::data;
use switchhook_core::states::{Campaign, CampaignStatus};

use crate::router::Event;

/// A campaign that is over runs no more, however late its start is told.
const fn rank(status: CampaignStatus) -> u8 {
    match status {
        CampaignStatus::Started => 1,
        CampaignStatus::Completed => 2,
    }
}

/// A campaign began.
pub fn started(campaign: &mut Campaign, event: &Event<'_, data::Campaign>) {
    campaign.started_at.set(Some(event.time()), event.by_time());
    told(campaign, event, CampaignStatus::Started);
}

/// A campaign finished.
pub fn completed(campaign: &mut Campaign, event: &Event<'_, data::Campaign>) {
    campaign
        .completed_at
        .set(Some(event.time()), event.by_time());
    told(campaign, event, CampaignStatus::Completed);
}

fn told(campaign: &mut Campaign, event: &Event<'_, data::Campaign>, status: CampaignStatus) {
    let at = event.by_time();
    campaign
        .status
        .set(Some(status), event.by_rank(rank(status)));
    campaign.name.offer(event.data.name.as_ref(), at);
    campaign.totals.offer(event.data.totals.as_ref(), at);
    event.mark(&mut campaign.updated_at, &mut campaign.updated_by, at);
}
