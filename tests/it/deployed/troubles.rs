//! What goes wrong with a deployed stack is told with what to do about it.

use serde_json::Value;

use super::SOURCES;
use super::aws::Aws;

const DENIED: (u16, &str, &str) = (
    400,
    "AccessDeniedException",
    "User: arn:aws:iam::1:user/u is not authorized to perform: some:Action on resource: r",
);

#[track_caller]
fn failed(aws: &Aws, changes: &[(&str, &str)], args: &[&str], told: &[&str]) {
    let said = aws.run_with(changes, args);
    assert_eq!(said.code, Some(1), "{args:?}: {}{}", said.out, said.err);
    for told in told {
        assert!(said.err.contains(told), "{told}: {}", said.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_asked_and_as_whom_has_to_be_known() {
    let aws = Aws::start(SOURCES).await;
    let missing = aws
        .home
        .run_with(&aws.environment(), &["events", "--stack", "other"]);
    assert_eq!(missing.code, Some(1));
    for told in [
        "no stack `other` in eu-south-2",
        "the keys of the environment",
    ] {
        assert!(missing.err.contains(told), "{}", missing.err);
    }
    let no_region = [("AWS_REGION", "")];
    failed(&aws, &no_region, &["events"], &["set AWS_REGION"]);
    let nobody = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")];
    failed(&aws, &nobody, &["events"], &["`aws sso login`"]);
    let nowhere = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1")];
    failed(&aws, &nowhere, &["events"], &["AWS is not reached"]);
    let profile =
        "[profile there]\nregion = eu-south-2\naws_access_key_id = a\naws_secret_access_key = b\n";
    aws.home.write("config", profile);
    let path = aws.home.path().join("config");
    let by_profile = [
        nobody[0],
        nobody[1],
        no_region[0],
        ("AWS_PROFILE", "there"),
        ("AWS_CONFIG_FILE", path.to_str().unwrap()),
    ];
    assert_eq!(aws.run_with(&by_profile, &["events"]).code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_never_came_up_is_told_from_one_whose_update_failed() {
    let aws = Aws::start(SOURCES).await;
    for status in ["ROLLBACK_COMPLETE", "CREATE_FAILED", "DELETE_IN_PROGRESS"] {
        aws.known(|known| status.clone_into(&mut known.status));
        failed(&aws, &[], &["events"], &[status, "describe-stack-events"]);
    }
    aws.known(|known| "UPDATE_ROLLBACK_COMPLETE".clone_into(&mut known.status));
    aws.done(&["events"]);
    aws.known(|known| known.outputs.remove("TableName"));
    failed(&aws, &[], &["events"], &["no output `TableName`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lack_of_permission_names_the_action_and_haste_is_told_to_wait() {
    let aws = Aws::start(SOURCES).await;
    aws.home
        .write("switchhook.toml", &SOURCES.replace("desk", "table"));
    let played = aws.environment()[5].1.clone();
    let here = [
        ("AWS_ENDPOINT_URL_DYNAMODB", played.as_str()),
        ("AWS_ENDPOINT_URL_SQS", &played),
    ];
    let throttled = (400, "ThrottlingException", "Rate exceeded");
    for (operation, args) in [
        ("GetMetricData", &["sources"][..]),
        ("GetSecretValue", &["send", "voice"]),
        ("PutSecretValue", &["sources", "push", "--yes"]),
        ("Query", &["events"]),
        ("GetQueueAttributes", &["dead", "list"]),
        ("DescribeStacks", &["events"]),
    ] {
        aws.trouble("ReceiveMessage", DENIED);
        aws.trouble(operation, DENIED);
        let told = [
            "not authorized to perform: some:Action",
            "ask for the permission named above",
        ];
        failed(&aws, &here, args, &told);
        aws.trouble(operation, throttled);
        aws.trouble("ReceiveMessage", throttled);
        failed(&aws, &here, args, &["Rate exceeded", "in a minute"]);
        aws.known(|known| known.troubles.clear());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_not_whole_is_found() {
    let results = |aws: &Aws, changes: &[(&str, &str)], code: i32| -> Vec<(String, String)> {
        let said = aws.run_with(changes, &["check", "--json"]);
        assert_eq!(said.code, Some(code), "{}{}", said.out, said.err);
        let text = |look: &Value, field: &str| look[field].as_str().unwrap().to_owned();
        let looks = said.json_lines();
        let bad = looks.iter().filter(|look| look["result"] != "ok");
        bad.map(|look| (text(look, "check"), text(look, "detail")))
            .collect()
    };
    #[track_caller]
    fn only(bad: &[(String, String)], check: &str, told: &str) {
        let [(name, detail)] = bad else {
            panic!("{bad:#?}")
        };
        assert_eq!(name, check);
        assert!(detail.contains(told), "{detail}");
    }
    let aws = Aws::start(SOURCES).await;
    let secret = aws.known(|known| known.secret.take());
    only(&results(&aws, &[], 1), "sources", "sources push");
    aws.known(|known| known.secret = Some(r#"{"sources":{"voice":{"provider":"x"}}}"#.to_owned()));
    only(
        &results(&aws, &[], 1),
        "sources",
        "source `voice`: `provider`",
    );
    aws.known(|known| known.secret = secret);

    aws.known(|known| "UPDATE_ROLLBACK_FAILED".clone_into(&mut known.status));
    only(&results(&aws, &[], 1), "stack", "half-way");
    aws.known(|known| "UPDATE_ROLLBACK_COMPLETE".clone_into(&mut known.status));
    only(&results(&aws, &[], 0), "stack", "as before");
    aws.known(|known| "UPDATE_COMPLETE".clone_into(&mut known.status));

    aws.known(|known| known.oldest_message = Some(5_000.0));
    only(&results(&aws, &[], 0), "queue", "5000 s");
    aws.known(|known| known.oldest_message = None);
    aws.trouble("ListObjectsV2", (404, "NoSuchBucket", "no such bucket"));
    only(&results(&aws, &[], 1), "bodies", "deploying again");
    aws.known(|known| known.troubles.clear());

    let url = aws.known(|known| {
        known
            .outputs
            .insert("HealthUrl", "http://127.0.0.1:1/healthz".into())
    });
    only(&results(&aws, &[], 1), "health", "gave no answer");
    aws.known(|known| {
        known
            .outputs
            .insert("HealthUrl", "https://elsewhere.example/healthz".into())
    });
    only(&results(&aws, &[], 1), "health", "not on this machine");
    aws.known(|known| known.outputs.insert("HealthUrl", url.unwrap()));

    aws.known(|known| known.outputs.remove("BusName"));
    assert_eq!(results(&aws, &[], 0), [], "a bus is a choice");
    aws.known(|known| known.outputs.remove("RetentionDays"));
    let bad = results(&aws, &[], 1);
    assert!(bad.iter().any(|(check, _)| check == "outputs"), "{bad:?}");
}
