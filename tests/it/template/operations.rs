//! Alarms, the dashboard and logs: what operators are told.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use switchhook_aws::metrics::{METRICS, NAMESPACE};

use super::{properties, resources, template};

fn alarms() -> Vec<(String, Value)> {
    let alarms = resources("AWS::CloudWatch::Alarm").into_iter();
    alarms
        .map(|(name, alarm)| (name, alarm["Properties"].clone()))
        .collect()
}

/// Checks that a metric of ours is told with these dimensions.
pub(super) fn check_metric(name: &str, dimensions: &BTreeSet<&str>, of: &str) {
    let known = METRICS.iter().find(|(metric, _)| *metric == name);
    let (_, sets) = known.unwrap_or_else(|| panic!("{of}: nothing counts `{name}`"));
    assert!(
        sets.iter()
            .any(|set| set.iter().copied().collect::<BTreeSet<_>>() == *dimensions),
        "{of}: `{name}` is not counted by {dimensions:?}"
    );
}

/// Returns what an alarm looks at: namespace, metric, dimensions.
fn metrics_of(alarm: &Value) -> Vec<Value> {
    match alarm["Metrics"].as_array() {
        None => vec![alarm.clone()],
        Some(entries) => entries
            .iter()
            .map(|entry| entry["MetricStat"]["Metric"].clone())
            .filter(|metric| !metric.is_null())
            .collect(),
    }
}

#[test]
fn what_must_wake_somebody_has_an_alarm() {
    let alarms: BTreeSet<_> = alarms().into_iter().map(|(name, _)| name).collect();
    for wanted in [
        "AccountConcurrency",
        "ApiRate",
        "ConsumerErrors",
        "ConsumerStopped",
        "DeadLetters",
        "DeadLettersAge",
        "ImplausibleTimes",
        "OldestMessage",
        "PipeDeadLetters",
        "PipeFailures",
        "PipeStopped",
        "QueueBacklog",
        "RefusedAuthentications",
        "Silence",
        "SourcesNotRefreshed",
        "TableThrottles",
        "Unavailable",
        "UnknownUrls",
        "UnplacedOptOuts",
        "Unreadable",
        "Unrecognised",
    ] {
        assert!(alarms.contains(&format!("{wanted}Alarm")), "no {wanted}");
    }
}

/// SQS searches 120,000 messages for groups.
#[test]
fn backlog_alarm_comes_well_before_the_window_of_the_queue_is_full() {
    let alarms = alarms();
    let (_, backlog) = alarms
        .iter()
        .find(|(name, _)| name == "QueueBacklogAlarm")
        .unwrap();
    assert_eq!(backlog["MetricName"], "ApproximateNumberOfMessagesVisible");
    let queue = json!({"Fn::GetAtt": "Queue.QueueName"});
    assert_eq!(backlog["Dimensions"][0]["Value"], queue);
    let threshold = backlog["Threshold"].as_u64().unwrap();
    let window = u64::from(switchhook::local::sqs::GROUP_WINDOW);
    assert!(threshold * 2 < window, "{threshold}");
}

#[test]
fn every_alarm_goes_to_the_topic_and_only_where_there_is_one() {
    let actions = json!({"Fn::If": [
        "HasAlarmEmail", [{"Ref": "AlarmTopic"}],
        {"Fn::If": ["HasAlarmTopicArn", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]},
    ]});
    for (name, alarm) in alarms() {
        assert_eq!(alarm["AlarmActions"], actions, "{name}");
        assert_eq!(alarm["OKActions"], actions, "{name}");
        let missing = if name == "SilenceAlarm" {
            "breaching"
        } else {
            "notBreaching"
        };
        assert_eq!(
            alarm["TreatMissingData"], missing,
            "{name}: without a request there is no data"
        );
        for metric in metrics_of(&alarm) {
            if metric["Namespace"] != NAMESPACE {
                continue;
            }
            let dimensions = metric["Dimensions"].as_array().unwrap();
            let dimensions = dimensions
                .iter()
                .map(|dimension| dimension["Name"].as_str().unwrap());
            let of = metric["MetricName"].as_str().unwrap();
            check_metric(of, &dimensions.collect(), &name);
        }
    }
}

#[test]
fn a_new_stack_is_not_called_silent() {
    assert_eq!(template()["Parameters"]["SilenceHours"]["Default"], 0);
}

#[test]
fn every_alarm_is_explained() {
    let page = tests::workspace_root().join("docs/operations.md");
    let page = std::fs::read_to_string(page).unwrap();
    let explained: BTreeSet<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(str::to_owned)
        .collect();
    let alarms: BTreeSet<_> = alarms()
        .iter()
        .map(|(name, _)| name.strip_suffix("Alarm").expect("named so").to_owned())
        .collect();
    assert_eq!(explained, alarms);
}

#[test]
fn silence_is_measured_in_hours_of_the_parameter() {
    let silence = properties("SilenceAlarm");
    assert_eq!(silence["Period"], 3_600);
    assert_eq!(silence["EvaluationPeriods"]["Ref"], "SilenceHours");
    assert_eq!(
        template()["Parameters"]["SilenceHours"]["MaxValue"],
        7 * 24,
        "CloudWatch looks back no further than a week"
    );
}

#[test]
fn the_dashboard_shows_every_metric_that_is_counted() {
    let body = properties("Dashboard")["DashboardBody"]["Fn::Sub"][0].clone();
    let body: Value = serde_json::from_str(body.as_str().unwrap()).expect("JSON");
    let mut shown = BTreeSet::new();
    for widget in body["widgets"].as_array().unwrap() {
        let title = widget["properties"]["title"].as_str().unwrap();
        let place = widget["x"].as_u64().unwrap() + widget["width"].as_u64().unwrap();
        assert!(place <= 24, "{title}");
        let metrics = widget["properties"]["metrics"].as_array();
        for metric in metrics.into_iter().flatten() {
            let Some((name, dimensions)) = shown_metric(metric) else {
                continue;
            };
            check_metric(
                &name,
                &dimensions.iter().map(String::as_str).collect(),
                title,
            );
            shown.insert(name);
        }
    }
    let counted = METRICS.iter().map(|(name, _)| (*name).to_owned());
    assert_eq!(shown, counted.collect());
    let text = body.to_string();
    for wanted in [
        "\"p50\"",
        "\"p99\"",
        "ApproximateAgeOfOldestMessage",
        "ApproximateNumberOfMessagesVisible",
        "${DeadLetters.QueueName}",
    ] {
        assert!(text.contains(wanted), "{wanted}");
    }
}

/// Returns name and dimensions of a metric of ours, searched for or named.
fn shown_metric(metric: &Value) -> Option<(String, Vec<String>)> {
    if let Some(search) = metric[0]["expression"].as_str() {
        let schema = search.split(['{', '}']).nth(1)?;
        let mut parts = schema.split(',');
        assert_eq!(parts.next(), Some(NAMESPACE));
        let name = search.split("MetricName=\"").nth(1)?.split('"').next()?;
        return Some((name.to_owned(), parts.map(str::to_owned).collect()));
    }
    if metric[0] != NAMESPACE {
        return None;
    }
    let rest = metric.as_array()?.iter().skip(1).filter_map(Value::as_str);
    let rest: Vec<_> = rest.map(str::to_owned).collect();
    let dimensions = rest.iter().skip(1).step_by(2).cloned().collect();
    Some((rest[0].clone(), dimensions))
}

#[test]
fn log_lines_are_structured_and_kept_for_as_long_as_asked() {
    for (function, group) in [("Ingress", "IngressLogs"), ("Consumer", "ConsumerLogs")] {
        let logging = &properties(function)["LoggingConfig"];
        assert_eq!(logging["LogFormat"], "JSON", "{function}");
        assert_eq!(
            logging["ApplicationLogLevel"], "INFO",
            "{function}: metrics are lines of this level"
        );
        assert_eq!(logging["LogGroup"]["Ref"], group, "{function}");
    }
    for (name, group) in resources("AWS::Logs::LogGroup") {
        assert_eq!(
            group["Properties"]["RetentionInDays"]["Ref"], "LogRetentionDays",
            "{name}"
        );
    }
    let stage = properties("ApiStage");
    assert_eq!(
        stage["AccessLogSettings"]["DestinationArn"]["Fn::GetAtt"],
        "ApiLogs.Arn"
    );
}
