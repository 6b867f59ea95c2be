//! `check --stack` on the parts that outputs do not show: each can be wrong while everything else is well.

use serde_json::{Value, json};

use super::SOURCES;
use super::aws::Aws;
use crate::lambda::http::{answer, serve};

/// Makes one part wrong, and expects one row that says so.
#[track_caller]
fn only(aws: &Aws, args: &[&str], (check, result): (&str, &str), parts: &[&str]) {
    let said = aws.run(&[&["check", "--json"], args].concat());
    let code = i32::from(result == "failed");
    assert_eq!(said.code, Some(code), "{}{}", said.out, said.err);
    let looks = said.json_lines();
    let bad: Vec<_> = looks.iter().filter(|look| look["result"] != "ok").collect();
    let [look] = bad.as_slice() else {
        panic!("{bad:#?}")
    };
    assert_eq!(
        (&look["check"], &look["result"]),
        (&json!(check), &json!(result))
    );
    let detail = look["detail"].as_str().unwrap();
    for part in parts {
        assert!(detail.contains(part), "{part}: {detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn table_that_lacks_what_the_template_sets_is_found() {
    let aws = Aws::start(SOURCES).await;
    let row = |result| ("table settings", result);
    aws.known(|known| known.parts.table["DeletionProtectionEnabled"] = json!(false));
    only(
        &aws,
        &[],
        row("warning"),
        &["deletion protection is off", "`DeletionProtection=true`"],
    );
    // An adopted table is not the template's to protect.
    aws.known(|known| known.parameters.insert("ExistingTable", "mine"));
    only(
        &aws,
        &[],
        row("warning"),
        &["--deletion-protection-enabled"],
    );
    aws.known(|known| {
        known.parameters.remove("ExistingTable");
        known.parts.table = json!({"DeletionProtectionEnabled": true});
    });
    only(&aws, &[], row("failed"), &["no stream", "NEW_IMAGE"]);
    aws.known(|known| {
        known.outputs.remove("BusName");
        known.outputs.remove("PipeName");
        known.parts.expiry = "DISABLED";
    });
    only(
        &aws,
        &[],
        row("warning"),
        &["nothing is forgotten", "AttributeName=expires_at"],
    );
    aws.known(|known| {
        known.parts.expiry = "ENABLING";
        known.parts.recovery = "DISABLED";
    });
    only(&aws, &[], row("warning"), &["point-in-time recovery"]);
    aws.known(|known| known.parts.recovery = "ENABLED");
    // A role that may not look makes nothing fail.
    aws.trouble(
        "DescribeTimeToLive",
        (400, "AccessDeniedException", "dynamodb:DescribeTimeToLive"),
    );
    only(
        &aws,
        &[],
        row("warning"),
        &["unknown", "dynamodb:DescribeTimeToLive", "permission"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_that_cannot_run_are_found() {
    let aws = Aws::start(SOURCES).await;
    let healthy =
        json!({"ok": true, "version": env!("CARGO_PKG_VERSION"), "architecture": "arm64"});
    let api = serve(move |_| {
        let body = healthy.to_string();
        async move { answer(200, body) }
    });
    let url = format!("http://{}", api.await);
    let args = ["--url", url.as_str()];
    let set = |field: &str, value: Value| {
        aws.known(|known| {
            for (_, _, function) in &mut known.parts.functions {
                function[field] = value.clone();
            }
        });
    };
    let row = |result| ("functions", result);
    set("Architectures", json!(["x86_64"]));
    let parts = [
        "configured for x86_64",
        "built for arm64",
        "the template of a release for x86_64",
        "hooks-ingress",
    ];
    only(&aws, &args, row("failed"), &parts);
    set("Architectures", json!(["arm64"]));
    assert_eq!(aws.run(&["check", "--url", &url]).code, Some(0));
    set("State", json!("Failed"));
    set("StateReason", json!("the image is gone"));
    only(
        &aws,
        &args,
        row("failed"),
        &["`hooks-consumer` cannot run (the image is gone)"],
    );
    set("State", json!("Inactive"));
    only(
        &aws,
        &args,
        row("warning"),
        &["`hooks-ingress` is Inactive"],
    );
    set("State", json!("Active"));
    set("LastUpdateStatus", json!("Failed"));
    only(
        &aws,
        &args,
        row("failed"),
        &["the last update of `hooks-ingress` failed"],
    );
    set("LastUpdateStatus", json!("InProgress"));
    only(&aws, &args, row("warning"), &["being updated"]);
    aws.known(|known| known.parts.functions.clear());
    only(
        &aws,
        &args,
        row("failed"),
        &["no such function", "deploying again"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn alias_that_serves_something_else_than_was_deployed_is_found() {
    let aws = Aws::start(SOURCES).await;
    aws.known(|known| {
        known
            .parameters
            .insert("Rollout", "Canary10Percent5Minutes");
        let mut live = known.parts.functions.clone();
        for (_, qualifier, function) in &mut live {
            *qualifier = Some("live");
            function["Version"] = json!("7");
        }
        known.parts.functions.extend(live);
    });
    let said = aws.done(&["check", "--json"]).json_lines();
    let rollout = said.iter().find(|look| look["check"] == "rollout").unwrap();
    assert_eq!(rollout["result"], "ok", "{rollout}");
    for (field, value) in [
        ("CodeSha256", json!("another")),
        (
            "Environment",
            json!({"Variables": {"QUEUE_URL": "another"}}),
        ),
        ("MemorySize", json!(1024)),
    ] {
        let before = aws.known(|known| {
            let (_, _, function) = &mut known.parts.functions[2];
            std::mem::replace(function, {
                let mut changed = function.clone();
                changed[field] = value;
                changed
            })
        });
        only(
            &aws,
            &[],
            ("rollout", "warning"),
            &["`hooks-ingress`", "version 7", "`live`"],
        );
        aws.known(|known| known.parts.functions[2].2 = before);
    }
    aws.known(|known| known.parts.functions.truncate(3));
    only(&aws, &[], ("rollout", "failed"), &["no such function"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_that_reach_nobody_are_found() {
    let aws = Aws::start(SOURCES).await;
    let row = ("alarms", "warning");
    aws.known(|known| known.parts.subscriptions = vec!["PendingConfirmation"]);
    only(&aws, &[], row, &["no confirmed subscription", "e-mail"]);
    aws.trouble(
        "ListSubscriptionsByTopic",
        (403, "AuthorizationError", "not yours"),
    );
    only(&aws, &[], row, &["is not known", "not yours"]);
    aws.known(|known| {
        known.troubles.clear();
        known.parts.subscriptions = vec!["arn:aws:sns:eu-south-2:1:alarms:s"];
        known.outputs.remove("AlarmTopic");
    });
    only(
        &aws,
        &[],
        row,
        &["nobody is notified", "`AlarmEmail=ADDRESS`"],
    );
    // Templates before the output had the parameter.
    aws.known(|known| {
        known
            .parameters
            .insert("AlarmTopicArn", "arn:aws:sns:eu-south-2:1:old")
    });
    assert!(aws.done(&["check"]).out.contains("alarms"));
    aws.known(|known| {
        known.parts.history = vec![(
            "hooks-Silence",
            "Failed to execute action arn:aws:sns:eu-south-2:1:old",
        )];
    });
    only(&aws, &[], row, &["notifications failed", "Silence", "key"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_that_fire_are_named_and_those_of_other_stacks_are_not() {
    let aws = Aws::start(SOURCES).await;
    aws.known(|known| {
        known.parts.alarms = vec![
            ("hooks-Unavailable", "ALARM"),
            ("hooks-DeadLetters", "ALARM"),
            ("hooks-Silence", "OK"),
            ("hooks-test-Api5xx", "ALARM"),
        ];
        known.parts.history = vec![("hooks-test-Api5xx", "Failed to execute action")];
    });
    let parts = [
        "in ALARM: DeadLetters, Unavailable;",
        "3 alarms",
        "`SilenceHours=24`",
    ];
    only(&aws, &[], ("alarms", "warning"), &parts);
    aws.known(|known| known.parts.alarms = vec![("hooks-test-Api5xx", "ALARM")]);
    only(&aws, &[], ("alarms", "warning"), &["there are none"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn account_that_differs_from_the_stacks_parameters_is_found() {
    let aws = Aws::start(SOURCES).await;
    aws.known(|known| known.parts.concurrency = (10, 10));
    let parts = ["`AccountConcurrency=10`", "small limit"];
    only(&aws, &[], ("concurrency", "warning"), &parts);
    aws.known(|known| known.parameters.insert("ConsumerMaximumConcurrency", "50"));
    // The stack stands: nothing of it fails.
    only(&aws, &[], ("concurrency", "warning"), &["may take 50"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pipe_that_stands_still_is_found() {
    let aws = Aws::start(SOURCES).await;
    for (state, result) in [
        ("STOPPED", "failed"),
        ("START_FAILED", "failed"),
        ("CREATE_FAILED", "failed"),
        ("STARTING", "warning"),
        ("UPDATING", "warning"),
    ] {
        aws.known(|known| known.parts.pipe = state);
        only(&aws, &[], ("pipe", result), &[state]);
    }
    aws.trouble(
        "DescribePipe",
        (404, "NotFoundException", "Pipe does not exist."),
    );
    only(
        &aws,
        &[],
        ("pipe", "failed"),
        &["does not exist", "deploying again"],
    );
    aws.trouble(
        "DescribePipe",
        (403, "AccessDeniedException", "pipes:DescribePipe"),
    );
    only(
        &aws,
        &[],
        ("pipe", "warning"),
        &["unknown", "pipes:DescribePipe"],
    );
    aws.known(|known| {
        known.troubles.clear();
        known.outputs.remove("PipeName")
    });
    aws.done(&["check"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn consumer_in_between_is_a_warning_and_a_lost_one_a_failure() {
    let aws = Aws::start(SOURCES).await;
    for state in ["Enabling", "Updating", "Creating"] {
        aws.known(|known| known.parts.mapping = vec![state]);
        only(&aws, &[], ("consumer", "warning"), &[state]);
    }
    aws.trouble(
        "GetEventSourceMapping",
        (404, "ResourceNotFoundException", "none"),
    );
    only(&aws, &[], ("consumer", "failed"), &["deploying again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stack_of_an_older_template_is_not_broken_for_want_of_outputs() {
    let aws = Aws::start(SOURCES).await;
    aws.known(|known| {
        for output in ["ConsumerEventSource", "AlarmTopic", "PipeName"] {
            known.outputs.remove(output);
        }
        known.parameters.clear();
    });
    let said = aws.done(&["check", "--json"]);
    let looks = said.json_lines();
    let bad: Vec<_> = looks.iter().filter(|look| look["result"] != "ok").collect();
    let names: Vec<_> = bad
        .iter()
        .map(|look| look["check"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["consumer", "alarms"]);
    assert!(
        bad[0]["detail"]
            .as_str()
            .unwrap()
            .contains("older than this command"),
        "{bad:?}"
    );
}
