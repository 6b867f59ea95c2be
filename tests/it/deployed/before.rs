//! `check --before-deploy` and `check --before-delete`: what would go wrong, and what would be left behind.

use super::SOURCES;
use super::aws::Aws;
use crate::lambda::http::{answer, serve};
use crate::programs::{Said, eventually};

/// Returns a row of a check.
#[track_caller]
fn row(said: &Said, check: &str) -> (String, String) {
    let looks = said.json_lines();
    let look = looks.iter().find(|look| look["check"] == check);
    let look = look.unwrap_or_else(|| panic!("no {check}: {looks:#?}{}", said.err));
    let text = |field: &str| look[field].as_str().unwrap().to_owned();
    (text("result"), text("detail"))
}

#[track_caller]
fn has(detail: &str, parts: &[&str]) {
    for part in parts {
        assert!(detail.contains(part), "{part}: {detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_stack_in_a_large_account_can_be_deployed() {
    let aws = Aws::start(SOURCES).await;
    aws.known(|known| known.status.clear());
    let said = aws.done(&["check", "--before-deploy", "--json"]);
    let looks = said.json_lines();
    let names: Vec<_> = looks
        .iter()
        .map(|look| look["check"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["account", "name", "stack", "concurrency"]);
    assert!(
        looks.iter().all(|look| look["result"] == "ok"),
        "{looks:#?}"
    );
    has(
        &row(&said, "account").1,
        &["eu-south-2", "the keys of the environment", "10,000"],
    );
    has(&row(&said, "stack").1, &["will be created"]);
    aws.known(|known| assert_eq!(known.asked, ["DescribeStacks", "GetAccountSettings"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn name_is_as_long_as_the_names_of_its_queues_allow() {
    let aws = Aws::start(SOURCES).await;
    for (length, code, result) in [(41, 0, "ok"), (42, 1, "failed")] {
        let name = "n".repeat(length);
        let args = [
            "check",
            "--before-deploy",
            "--json",
            "--stack",
            name.as_str(),
        ];
        let said = aws.home.run_with(&aws.environment(), &args);
        assert_eq!(said.code, Some(code), "{}", said.err);
        assert_eq!(row(&said, "name").0, result);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stack_that_is_in_the_way_is_named_with_the_way_out() {
    let aws = Aws::start(SOURCES).await;
    for (status, result, part) in [
        (
            "ROLLBACK_FAILED",
            "failed",
            "--no-deletion-protection-enabled",
        ),
        (
            "ROLLBACK_COMPLETE",
            "failed",
            "delete-stack --stack-name hooks",
        ),
        ("DELETE_FAILED", "failed", "could not be deleted"),
        (
            "UPDATE_ROLLBACK_FAILED",
            "failed",
            "continue-update-rollback",
        ),
        ("UPDATE_IN_PROGRESS", "failed", "wait"),
        ("REVIEW_IN_PROGRESS", "warning", "change set"),
        ("UPDATE_COMPLETE", "ok", "will be updated"),
    ] {
        aws.known(|known| status.clone_into(&mut known.status));
        let said = aws.run(&["check", "--before-deploy", "--json"]);
        let (found, detail) = row(&said, "stack");
        assert_eq!(found, result, "{detail}");
        has(&detail, &[status, part]);
        assert_eq!(said.code, Some(i32::from(result == "failed")));
    }
    aws.known(|known| known.outputs.clear());
    let said = aws.run(&["check", "--before-deploy", "--json"]);
    has(&row(&said, "stack").1, &["none of Switchhook's"]);
    assert_eq!(said.code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn small_account_gets_the_values_that_fit() {
    let aws = Aws::start(SOURCES).await;
    aws.known(|known| {
        known.status.clear();
        known.parts.concurrency = (10, 10);
    });
    let said = aws.run(&["check", "--before-deploy", "--json"]);
    assert_eq!(said.code, Some(0), "{}", said.out);
    let (result, detail) = row(&said, "concurrency");
    assert_eq!(result, "warning");
    has(
        &detail,
        &[
            "`AccountConcurrency=10`",
            "`ConsumerMaximumConcurrency=5`",
            "no `IngressReservedConcurrency` fits",
            "L-B99A9384",
        ],
    );
    let fitting = ["ConsumerMaximumConcurrency=5", "AccountConcurrency=10"];
    let reserve = "IngressReservedConcurrency=5";
    let with = |parameters: &[&str]| {
        let mut args = vec!["check", "--before-deploy", "--json"];
        for parameter in parameters {
            args.extend(["--parameter", parameter]);
        }
        let said = aws.run(&args);
        (said.code, row(&said, "concurrency"))
    };
    let (code, (_, detail)) = with(&fitting);
    assert_eq!(code, Some(0));
    assert!(!detail.contains("AccountConcurrency"), "{detail}");
    let (code, (result, detail)) = with(&[fitting[0], reserve]);
    assert_eq!((code, result.as_str()), (Some(1), "failed"));
    has(
        &detail,
        &["deploy without `IngressReservedConcurrency`", "needs 110"],
    );
    let (code, (_, detail)) = with(&["ConsumerMaximumConcurrency=many"]);
    assert_eq!(code, Some(1));
    has(
        &detail,
        &["`ConsumerMaximumConcurrency` is no whole number"],
    );

    // The stack's own reserve is free for its next deployment.
    aws.known(|known| {
        "UPDATE_COMPLETE".clone_into(&mut known.status);
        known.parts.concurrency = (200, 120);
        known.parameters.insert("IngressReservedConcurrency", "80");
        known.parameters.insert("AccountConcurrency", "200");
    });
    assert_eq!(with(&[]).1.0, "ok");
    assert_eq!(with(&["IngressReservedConcurrency=100"]).1.0, "failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn account_that_lets_nobody_in_is_reported_before_a_deployment() {
    let aws = Aws::start(SOURCES).await;
    let denied = (
        403,
        "AccessDenied",
        "not authorized to perform: cloudformation:DescribeStacks",
    );
    aws.trouble("DescribeStacks", denied);
    let said = aws.run(&["check", "--before-deploy", "--json"]);
    assert_eq!(said.code, Some(1));
    has(
        &row(&said, "account").1,
        &["cloudformation:DescribeStacks", "ask for the permission"],
    );
    aws.known(|known| known.troubles.clear());
    let said = aws.run_with(
        &[("AWS_REGION", "")],
        &["check", "--before-deploy", "--json"],
    );
    assert_eq!(said.code, Some(1));
    has(&row(&said, "account").1, &["set AWS_REGION"]);
    aws.trouble(
        "GetAccountSettings",
        (403, "AccessDeniedException", "lambda:GetAccountSettings"),
    );
    let said = aws.run(&["check", "--before-deploy", "--json"]);
    has(&row(&said, "concurrency").1, &["lambda:GetAccountSettings"]);
    for wrong in [
        &["check", "--before-deploy"][..],
        &["check", "--before-delete"],
        &[
            "check",
            "--before-deploy",
            "--stack",
            "hooks",
            "--config",
            "a.toml",
        ],
    ] {
        let said = aws.home.run_with(&aws.environment(), wrong);
        assert_eq!(said.code, Some(2), "{wrong:?}: {}", said.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_would_be_left_behind_is_found_before_a_deletion() {
    let aws = Aws::start(SOURCES).await;
    let throttled = serve(|_| async { answer(429, r#"{"message":"Too Many Requests"}"#) }).await;
    let throttled = format!("http://{throttled}");
    let look = |url: Option<&str>| {
        let mut args = vec!["check", "--before-delete", "--json"];
        args.extend(url.iter().flat_map(|url| ["--url", url]));
        aws.run(&args)
    };
    let said = look(Some(&throttled));
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert!(
        said.json_lines().iter().all(|look| look["result"] == "ok"),
        "{}",
        said.out
    );
    let (_, kept) = row(&said, "kept");
    has(
        &kept,
        &[
            "table switchhook",
            "bucket bodies",
            "arn:of:the:secret",
            "switchhook-dead-letters.fifo",
        ],
    );
    let said = look(None);
    assert_eq!(
        said.code,
        Some(0),
        "a sender that stopped is nothing left behind"
    );
    let (result, detail) = row(&said, "deliveries");
    assert_eq!(result, "warning");
    has(&detail, &["stop the senders", "ThrottlingRateLimit=0"]);

    aws.bury("voice/call/poison");
    let said = eventually("the dead letter", || {
        let said = look(Some(&throttled));
        (row(&said, "dead letters").0 == "failed").then_some(said)
    });
    assert_eq!(said.code, Some(1));
    has(
        &row(&said, "dead letters").1,
        &["1 waiting", "`switchhook dead list --stack hooks`"],
    );
    // The double's pipe has the same queue for what it gives up.
    has(
        &row(&said, "pipe dead letters").1,
        &["`switchhook replay`", "purge-queue"],
    );
    aws.done(&["dead", "drop", "--all", "--yes"]);
    assert_eq!(look(Some(&throttled)).code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn event_that_waits_is_left_behind_and_a_paused_consumer_named() {
    let aws = Aws::start(SOURCES).await;
    aws.bury("voice/call/poison");
    let look = || aws.run(&["check", "--before-delete", "--json"]);
    eventually("the dead letter", || {
        (row(&look(), "dead letters").0 == "failed").then_some(())
    });
    // Nobody takes what is in that queue.
    aws.known(|known| {
        let letters = known.outputs["DeadLetterQueueUrl"].clone();
        known.outputs.insert("QueueUrl", letters);
    });
    let said = look();
    assert_eq!(said.code, Some(1));
    let (result, detail) = row(&said, "queue");
    assert_eq!(result, "failed");
    has(
        &detail,
        &["1 waiting, 0 in flight, 0 delayed", "wait until"],
    );
    aws.known(|known| known.parts.mapping = vec!["Disabled"]);
    has(
        &row(&look(), "queue").1,
        &["paused", "`switchhook resume --stack hooks`"],
    );
}
