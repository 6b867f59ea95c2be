//! The table of `docs/operations.md` that says what each command needs: nothing that a command asks of AWS
//! may be missing there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use tests::workspace_root;

use super::aws::Aws;
use super::received;
use crate::programs::eventually;

/// Returns the actions of each row.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let page = fs::read_to_string(workspace_root().join("docs/operations.md")).unwrap();
    let (_, table) = page.split_once("| command | actions |").unwrap();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let row = |line: &str| {
        let mut cells = line.trim_matches('|').splitn(2, " | ");
        let command = cells.next().unwrap().trim().trim_matches('`').to_owned();
        let actions = cells.next().unwrap().split('`').skip(1).step_by(2);
        let actions = actions.filter(|text| text.contains(':')).map(str::to_owned);
        (command, actions.collect())
    };
    rows.map(row).collect()
}

/// Returns the permission that an operation needs.
fn action(operation: &str) -> String {
    let service = match operation {
        "DescribeStacks" => "cloudformation",
        "GetMetricData" | "DescribeAlarms" | "DescribeAlarmHistory" => "cloudwatch",
        "GetSecretValue" | "PutSecretValue" => "secretsmanager",
        "PutEvents" => "events",
        "ListObjectsV2" => return "s3:ListBucket".to_owned(),
        "GetObject" | "DeleteObject" => "s3",
        "GetEventSourceMapping"
        | "UpdateEventSourceMapping"
        | "GetFunctionConfiguration"
        | "GetAccountSettings" => "lambda",
        "DescribePipe" => "pipes",
        "ListSubscriptionsByTopic" => "sns",
        "SendMessage"
        | "SendMessageBatch"
        | "ReceiveMessage"
        | "DeleteMessage"
        | "DeleteMessageBatch"
        | "ChangeMessageVisibility"
        | "ChangeMessageVisibilityBatch"
        | "GetQueueAttributes"
        | "GetQueueUrl" => {
            // The permission for one message is that for a batch.
            let single = operation.strip_suffix("Batch").unwrap_or(operation);
            return format!("sqs:{single}");
        }
        _ => "dynamodb",
    };
    format!("{service}:{operation}")
}

/// Runs a command and returns what it needed beside finding the stack.
fn needed(aws: &Aws, args: &[&str]) -> BTreeSet<String> {
    aws.known(|known| known.asked.clear());
    let double = aws.environment()[5].1.clone();
    let said = aws.run_with(&[("AWS_ENDPOINT_URL_SQS", &double)], args);
    assert!(
        matches!(said.code, Some(0 | 1 | 3)),
        "{args:?}: {}",
        said.err
    );
    aws.known(|known| {
        let actions = known.asked.iter().map(|operation| action(operation));
        let actions = actions.filter(|action| action != "cloudformation:DescribeStacks");
        actions.collect()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_action_that_a_command_asks_for_is_in_its_row() {
    let (aws, events) = received("voice").await;
    aws.home
        .write("switchhook.toml", &super::SOURCES.replace("desk", "table"));
    let (id, entity) = (&events[0]["id"], &events[0]["entity"]);
    let (id, entity) = (id.as_str().unwrap(), entity.as_str().unwrap());
    let rows = documented();
    let mut tried = BTreeSet::new();
    let mut try_one = |row: &'static str, runs: &[&[&str]]| -> BTreeSet<String> {
        tried.insert(row.to_owned());
        let all: BTreeSet<_> = runs.iter().flat_map(|args| needed(&aws, args)).collect();
        let missing: Vec<_> = all.difference(&rows[row]).collect();
        assert!(
            missing.is_empty(),
            "`{row}` of docs/operations.md lacks {missing:?}"
        );
        all
    };
    let letter = |group: &str| {
        aws.bury(group);
        eventually("the letter", || {
            aws.done(&["dead", "list", "--json"]).json_lines().pop()
        })
    };
    // These rows are asked for to the last action, so that nobody gets more than it takes.
    let looks: &[&[&str]] = &[
        &["check"],
        &["check", "--before-delete"],
        &["check", "--before-deploy"],
    ];
    assert_eq!(try_one("check", looks), rows["check"]);
    assert_eq!(try_one("pause", &[&["pause"]]), rows["pause"]);
    assert_eq!(try_one("resume", &[&["resume"]]), rows["resume"]);
    let sends: &[&[&str]] = &[
        &["send", "voice", "call.ended"],
        &["send", "voice", "bytes"],
    ];
    assert_eq!(try_one("send", sends), rows["send"]);

    let first = letter("voice/call/poison");
    let message = first["message_id"].as_str().unwrap();
    try_one("dead list", &[&["dead", "list"]]);
    try_one("dead show", &[&["dead", "show", message]]);
    try_one("dead redrive", &[&["dead", "redrive", message]]);
    letter("voice/call/other");
    try_one("dead drop", &[&["dead", "drop", "--all", "--yes"]]);
    try_one("events", &[&["events", "--json", "--raw"]]);
    try_one(
        "show",
        &[&["show", id, "--raw"], &["show", entity, "--json"]],
    );
    try_one("opt-outs", &[&["opt-outs"], &["opt-outs", "+15550100003"]]);
    let by_hand = |word: &'static str| ["opt-outs", word, "+15550100003", "--because", "asked"];
    try_one("opt-outs add", &[&by_hand("add")]);
    try_one("opt-outs remove", &[&by_hand("remove")]);
    try_one(
        "replay",
        &[&["replay", id], &["replay", "--source", "voice"]],
    );
    try_one("sources", &[&["sources"]]);
    try_one("sources push", &[&["sources", "push", "--yes"]]);
    try_one(
        "forget",
        &[&["forget", "+15550100003", "--yes", "--at-most", "100000"]],
    );
    assert!(
        tried.iter().eq(rows.keys()),
        "rows that nobody tries: {rows:?}"
    );
}
