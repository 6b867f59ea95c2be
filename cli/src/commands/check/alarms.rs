//! Whether the stack's alarms are there, quiet, and reach somebody.

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{AlarmType, HistoryItemType, StateValue};
use jiff::SignedDuration;
use switchhook_aws::clock::SystemClock;
use switchhook_core::ports::PortError;
use switchhook_core::time::Clock;

use super::look::{Findings, Looked};
use crate::deployed::{ALARM_TOPIC, Deployed};

const READING: &str = "looking at the alarms";
/// How far back failed actions are looked for: CloudWatch keeps the history for 30 days.
const HISTORY: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The history is that of all alarms of the account: it is not read without end.
const MAX_PAGES: usize = 20;

/// Looks at all alarms of a stack.
pub(super) async fn alarms(stack: &Deployed) -> Looked {
    let mut findings = Findings::default();
    check_topic(stack, &mut findings).await;
    let (count, firing) = states(stack).await?;
    if count == 0 {
        findings.warn("there are none: were they deleted?");
    }
    if !firing.is_empty() {
        findings.warn(format!(
            "in ALARM: {}; docs/operations.md says for each what to do first",
            firing.join(", ")
        ));
    }
    let failed = failed_actions(stack).await?;
    if !failed.is_empty() {
        findings.warn(format!(
            "notifications failed in the last 7 days: {}; does the topic's policy or key keep CloudWatch out?",
            failed.join(", ")
        ));
    }
    findings.note(match count {
        1 => "1 alarm".to_owned(),
        count => format!("{count} alarms"),
    });
    if stack.parameter("SilenceHours") == Some("0") {
        findings
            .note("none for silence: deploy with `SilenceHours=24` or so when deliveries come in");
    }
    findings.looked()
}

/// Looks whether anybody is notified.
async fn check_topic(stack: &Deployed, findings: &mut Findings) {
    // Stacks of older templates have the parameter only.
    let topic = stack.optional_output(ALARM_TOPIC);
    let Some(topic) = topic.or_else(|| stack.parameter("AlarmTopicArn")) else {
        findings
            .warn("nobody is notified: deploy with `AlarmEmail=ADDRESS` or `AlarmTopicArn=ARN`");
        return;
    };
    match confirmed(stack, topic).await {
        Ok(0) => findings.warn(format!(
            "nobody is notified: `{topic}` has no confirmed subscription; has the e-mail from AWS been confirmed?"
        )),
        Ok(_) => {}
        // The topic may be another account's.
        Err(error) => findings.warn(format!(
            "whether `{topic}` has a confirmed subscription is not known: {}",
            switchhook_core::report::Report(&error)
        )),
    }
}

/// Counts the confirmed subscriptions of a topic.
async fn confirmed(stack: &Deployed, topic: &str) -> Result<usize, PortError> {
    let mut pages = stack
        .sns()
        .list_subscriptions_by_topic()
        .topic_arn(topic)
        .into_paginator()
        .send();
    let mut count: usize = 0;
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| PortError::new("looking at the topic", error))?;
        let arns = page
            .subscriptions()
            .iter()
            .filter_map(|one| one.subscription_arn());
        // Until somebody confirms, the ARN is the word `PendingConfirmation`.
        count = count.saturating_add(arns.filter(|arn| arn.starts_with("arn:")).count());
    }
    Ok(count)
}

/// Returns the short name of an alarm of this stack. Another stack's name may begin with ours and a
/// hyphen; what follows in our own alarms has none.
fn short<'a>(stack: &Deployed, alarm: &'a str) -> Option<&'a str> {
    let rest = alarm.strip_prefix(stack.name())?.strip_prefix('-')?;
    (!rest.contains('-')).then_some(rest)
}

/// Counts the alarms, and names those that fire.
async fn states(stack: &Deployed) -> Result<(usize, Vec<String>), PortError> {
    let mut pages = stack
        .cloudwatch()
        .describe_alarms()
        .alarm_name_prefix(format!("{}-", stack.name()))
        .alarm_types(AlarmType::MetricAlarm)
        .alarm_types(AlarmType::CompositeAlarm)
        .into_paginator()
        .send();
    let (mut count, mut firing) = (0_usize, Vec::new());
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| PortError::new(READING, error))?;
        let metric = page.metric_alarms().iter();
        let metric = metric.map(|alarm| (alarm.alarm_name(), alarm.state_value()));
        let composite = page.composite_alarms().iter();
        let composite = composite.map(|alarm| (alarm.alarm_name(), alarm.state_value()));
        for (name, state) in metric.chain(composite) {
            let Some(name) = name.and_then(|name| short(stack, name)) else {
                continue;
            };
            count = count.saturating_add(1);
            if state == Some(&StateValue::Alarm) {
                firing.push(name.to_owned());
            }
        }
    }
    firing.sort();
    Ok((count, firing))
}

/// Names the alarms whose notification failed lately.
async fn failed_actions(stack: &Deployed) -> Result<Vec<String>, PortError> {
    let since = SystemClock.now().checked_sub(HISTORY).unwrap_or_default();
    let mut pages = stack
        .cloudwatch()
        .describe_alarm_history()
        .alarm_types(AlarmType::MetricAlarm)
        .alarm_types(AlarmType::CompositeAlarm)
        .history_item_type(HistoryItemType::Action)
        .start_date(DateTime::from_secs(since.as_second()))
        .into_paginator()
        .send();
    let mut failed = Vec::new();
    for _ in 0..MAX_PAGES {
        let Some(page) = pages.next().await else {
            break;
        };
        let page = page.map_err(|error| PortError::new(READING, error))?;
        for item in page.alarm_history_items() {
            let is_failed = item
                .history_summary()
                .is_some_and(|summary| summary.contains("Failed") || summary.contains("failed"));
            let name = item.alarm_name().and_then(|name| short(stack, name));
            failed.extend(name.filter(|_| is_failed).map(str::to_owned));
        }
    }
    failed.sort();
    failed.dedup();
    Ok(failed)
}
