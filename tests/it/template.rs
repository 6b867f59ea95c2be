//! The template says what it has to say, each rule with its reason.

mod account;
mod alarms;
mod deploying;
mod iam;
mod operations;
mod pipe;
mod yaml;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::TestStack;

use yaml::template;

/// Days that a message may wait in the queue and then in the dead-letter queue.
const DAYS_IN_QUEUES: u64 = 28;

/// Returns a resource's properties.
fn properties(name: &str) -> Value {
    resource(name)["Properties"].clone()
}

fn resource(name: &str) -> Value {
    let resource = template()["Resources"][name].clone();
    assert!(resource.is_object(), "there is no resource `{name}`");
    resource
}

/// Returns the resources of a type, by name.
fn resources(kind: &str) -> Vec<(String, Value)> {
    let template = template();
    let all = template["Resources"].as_object().unwrap();
    let all = all.iter().filter(|(_, resource)| resource["Type"] == kind);
    all.map(|(name, resource)| (name.clone(), resource.clone()))
        .collect()
}

fn strings(values: &Value) -> Vec<&str> {
    match values {
        Value::Array(values) => values.iter().map(|value| value.as_str().unwrap()).collect(),
        value => vec![value.as_str().unwrap()],
    }
}

#[test]
fn a_message_is_hidden_for_six_time_outs_of_the_consumer() {
    let timeout = properties("Consumer")["Timeout"].as_u64().unwrap();
    assert_eq!(
        properties("Queue")["VisibilityTimeout"],
        timeout * 6,
        "AWS's rule: less, and a message that is being retried comes to a second run"
    );
}

#[test]
fn the_queues_are_fifo_of_high_throughput_and_keep_what_they_are_given() {
    for name in ["Queue", "DeadLetters"] {
        let queue = properties(name);
        for (property, value, reason) in [
            ("FifoQueue", json!(true), "the order of an entity's events"),
            (
                "DeduplicationScope",
                json!("messageGroup"),
                "high-throughput mode",
            ),
            (
                "FifoThroughputLimit",
                json!("perMessageGroupId"),
                "high-throughput mode",
            ),
            (
                "MaximumMessageSize",
                json!(1 << 20),
                "an envelope of one MiB",
            ),
            (
                "MessageRetentionPeriod",
                json!(14 * 24 * 3600),
                "a weekend is no reason to lose anything",
            ),
            (
                "SqsManagedSseEnabled",
                json!({"Fn::If": ["HasKmsKey", {"Ref": "AWS::NoValue"}, true]}),
                "encrypted at rest",
            ),
        ] {
            assert_eq!(queue[property], value, "{name}.{property}: {reason}");
        }
        assert!(
            queue["ContentBasedDeduplication"].is_null(),
            "what is a duplicate is for the ledger to decide"
        );
        let name = queue["QueueName"]["Fn::Sub"][0].as_str().unwrap();
        assert!(name.ends_with(".fifo"), "SQS asks for it: {name}");
    }
    let redrive = &properties("Queue")["RedrivePolicy"];
    assert_eq!(
        redrive["maxReceiveCount"], 1_000,
        "SQS's count is shared by a whole batch: it judges nobody, it is a backstop"
    );
    assert_eq!(
        redrive["deadLetterTargetArn"]["Fn::GetAtt"],
        "DeadLetters.Arn"
    );
}

#[tokio::test]
async fn the_laptops_queue_has_the_same_settings() {
    let test = TestStack::open().await;
    let request = json!({"QueueUrl": "switchhook.fifo", "AttributeNames": ["All"]});
    let queues = test.stack.queues();
    let answer = queues
        .call("GetQueueAttributes", request.to_string().as_bytes())
        .await;
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    let queue = properties("Queue");
    for name in [
        "VisibilityTimeout",
        "MessageRetentionPeriod",
        "DeduplicationScope",
        "FifoThroughputLimit",
        "FifoQueue",
    ] {
        let expected = queue[name].to_string();
        assert_eq!(
            answer["Attributes"][name].as_str(),
            Some(expected.trim_matches('"')),
            "{name}"
        );
    }
    let redrive = answer["Attributes"]["RedrivePolicy"].as_str().unwrap();
    let redrive: Value = serde_json::from_str(redrive).unwrap();
    assert_eq!(
        redrive["maxReceiveCount"].to_string().trim_matches('"'),
        queue["RedrivePolicy"]["maxReceiveCount"].to_string()
    );
}

#[tokio::test]
async fn the_laptops_table_has_the_same_schema() {
    let test = TestStack::open().await;
    let described = |operation: &'static str| {
        let dynamodb = test.stack.dynamodb();
        async move {
            let table = br#"{"TableName":"switchhook"}"#;
            let answer = dynamodb.call(operation, table).await;
            serde_json::from_str::<Value>(&answer.body).unwrap()
        }
    };
    let table = described("DescribeTable").await["Table"].clone();
    let ledger = properties("Ledger");
    assert_eq!(ledger["KeySchema"], table["KeySchema"]);
    let definitions = |table: &Value| -> BTreeSet<String> {
        let definitions = table["AttributeDefinitions"].as_array().unwrap();
        definitions.iter().map(ToString::to_string).collect()
    };
    assert_eq!(definitions(&ledger), definitions(&table));
    let (index, local) = (
        &ledger["GlobalSecondaryIndexes"][0],
        &table["GlobalSecondaryIndexes"][0],
    );
    for part in ["IndexName", "KeySchema", "Projection"] {
        assert_eq!(index[part], local[part], "{part}");
    }
    assert_eq!(
        ledger["GlobalSecondaryIndexes"].as_array().unwrap().len(),
        1
    );
    let expiry = &described("DescribeTimeToLive").await["TimeToLiveDescription"];
    assert_eq!(
        ledger["TimeToLiveSpecification"]["AttributeName"],
        expiry["AttributeName"]
    );
    assert_eq!(ledger["TimeToLiveSpecification"]["Enabled"], true);
}

#[test]
fn warm_throughput_is_that_of_the_parameter_for_table_and_index_alike() {
    let ledger = properties("Ledger");
    let warm = json!({"Fn::If": [
        "HasWarmThroughput",
        {"WriteUnitsPerSecond": {"Ref": "WarmThroughput"}},
        {"Ref": "AWS::NoValue"},
    ]});
    assert_eq!(ledger["WarmThroughput"], warm);
    assert_eq!(
        ledger["GlobalSecondaryIndexes"][0]["WarmThroughput"], warm,
        "an index that is throttled throttles its table"
    );
    let template = template();
    assert_eq!(template["Parameters"]["WarmThroughput"]["Default"], "");
    assert_eq!(
        template["Conditions"]["HasWarmThroughput"],
        json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "WarmThroughput"}, ""]}]})
    );
}

#[test]
fn the_ledger_costs_by_use_and_can_be_brought_back() {
    let ledger = properties("Ledger");
    assert_eq!(ledger["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(
        ledger["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true,
        "a mistake of ours is undone to the second"
    );
    assert_eq!(
        ledger["StreamSpecification"]["StreamViewType"], "NEW_IMAGE",
        "the record is the outbox"
    );
    assert_eq!(
        ledger["DeletionProtectionEnabled"]["Ref"],
        "DeletionProtection"
    );
    assert_eq!(
        template()["Parameters"]["DeletionProtection"]["Default"],
        "false",
        "a first deployment that fails must be able to take the table back"
    );
}

#[test]
fn what_cannot_be_made_again_outlives_the_stack() {
    let names = [
        "TableName",
        "BucketName",
        "Name",
        "LogGroupName",
        "QueueName",
    ];
    for name in [
        "Ledger",
        "Bodies",
        "BodiesPolicy",
        "SourcesSecret",
        "Queue",
        "QueuePolicy",
        "DeadLetters",
        "DeadLettersPolicy",
        "PipeDeadLetters",
        "PipeDeadLettersPolicy",
        "ApiLogs",
        "IngressLogs",
        "ConsumerLogs",
    ] {
        let resource = resource(name);
        assert_eq!(resource["DeletionPolicy"], "RetainExceptOnCreate", "{name}");
        assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{name}");
        for own in names
            .iter()
            .map(|property| &resource["Properties"][*property])
        {
            assert!(
                own.is_null() || own["Fn::Sub"][1] == parts_of_the_stack_id(),
                "{name}: with a fixed name the stack could not be made again"
            );
        }
    }
}

/// What differs between two stacks of one name: `arn:…:stack/NAME/01234567-…-…-…-0123456789ab`. The id is a UUID of
/// version 1: its last part is a machine's and may be the same, its first is time.
fn parts_of_the_stack_id() -> Value {
    let id = json!({"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]});
    let part = |at: usize| json!({"Fn::Select": [at, {"Fn::Split": ["-", id.clone()]}]});
    json!({"First": part(0), "Last": part(4)})
}

#[test]
fn bodies_outlive_their_records_by_as_long_as_a_message_may_wait() {
    let template = template();
    let parameter = &template["Parameters"]["RetentionDays"];
    let mapping = template["Mappings"]["BodyDays"].as_object().unwrap();
    let allowed: BTreeSet<_> = strings(&parameter["AllowedValues"]).into_iter().collect();
    assert_eq!(allowed, mapping.keys().map(String::as_str).collect());
    for (days, bodies) in mapping {
        let days: u64 = days.parse().unwrap();
        assert!(days >= 30, "the least retention of a sources document");
        assert_eq!(bodies["Days"], days + DAYS_IN_QUEUES);
    }
    let bodies = properties("Bodies");
    assert_eq!(
        bodies["LifecycleConfiguration"]["Rules"],
        json!([{
            "Id": "forget", "Status": "Enabled",
            "ExpirationInDays": {"Fn::FindInMap": ["BodyDays", {"Ref": "RetentionDays"}, "Days"]},
        }]),
        "every body, whatever its key"
    );
}

#[test]
fn bodies_are_private_and_encrypted() {
    let bodies = properties("Bodies");
    for property in [
        "BlockPublicAcls",
        "BlockPublicPolicy",
        "IgnorePublicAcls",
        "RestrictPublicBuckets",
    ] {
        assert_eq!(
            bodies["PublicAccessBlockConfiguration"][property], true,
            "{property}"
        );
    }
    let rule = &bodies["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["Fn::If"];
    let algorithm = |at: usize| &rule[at]["ServerSideEncryptionByDefault"]["SSEAlgorithm"];
    assert_eq!(rule[0], "HasKmsKey");
    assert_eq!(
        (algorithm(1), algorithm(2)),
        (&json!("aws:kms"), &json!("AES256"))
    );
    assert_eq!(
        bodies["OwnershipControls"]["Rules"][0]["ObjectOwnership"],
        "BucketOwnerEnforced"
    );
}

#[test]
fn queues_and_bodies_refuse_plain_http() {
    let policies = ["AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"].map(resources);
    let mut covered = BTreeSet::new();
    for (name, policy) in policies.concat() {
        let properties = &policy["Properties"];
        let statements = properties["PolicyDocument"]["Statement"]
            .as_array()
            .unwrap();
        assert_eq!(statements.len(), 1, "{name}: it denies and allows nothing");
        let statement = &statements[0];
        let of = |value: &Value| value["Ref"].as_str().unwrap_or_default().to_owned();
        let resource = match properties["Queues"].get(0) {
            Some(queue) => of(queue),
            None => of(&properties["Bucket"]),
        };
        let arn = json!({"Fn::GetAtt": format!("{resource}.Arn")});
        let (action, arns) = if properties["Bucket"].is_null() {
            ("sqs:*", arn)
        } else {
            let objects = json!({"Fn::Sub": format!("${{{resource}.Arn}}/*")});
            ("s3:*", json!([arn, objects]))
        };
        let expected = json!({
            "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": action,
            "Resource": arns, "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        });
        assert_eq!(statement, &expected, "{name}");
        covered.insert(resource);
    }
    let holders = ["AWS::SQS::Queue", "AWS::S3::Bucket"].map(resources);
    let holders = holders.concat().into_iter().map(|(name, _)| name);
    assert_eq!(covered, holders.collect());
}

#[test]
fn the_event_source_mapping_reports_single_failures_and_is_bounded() {
    assert!(properties("Consumer")["Events"].is_null(), "one mapping");
    assert_eq!(resources("AWS::Lambda::EventSourceMapping").len(), 1);
    let mapping = properties("ConsumerQueue");
    assert_eq!(mapping["EventSourceArn"]["Fn::GetAtt"], "Queue.Arn");
    assert_eq!(
        mapping["FunctionResponseTypes"],
        json!(["ReportBatchItemFailures"]),
        "without it the answer is ignored and failed events are deleted"
    );
    assert_eq!(mapping["BatchSize"], 10, "the most of a FIFO queue");
    assert_eq!(
        mapping["ScalingConfig"]["MaximumConcurrency"]["Ref"],
        "ConsumerMaximumConcurrency"
    );
    assert!(
        properties("Consumer")["ReservedConcurrentExecutions"].is_null(),
        "messages that are throttled use up their receives"
    );
}

#[test]
fn the_functions_are_built_by_cargo_lambda_for_the_chosen_processor() {
    let template = template();
    let globals = &template["Globals"]["Function"];
    assert_eq!(globals["Runtime"], "provided.al2023");
    assert_eq!(globals["Handler"], "bootstrap");
    assert_eq!(globals["Tracing"]["Ref"], "Tracing");
    assert_eq!(
        template["Parameters"]["Tracing"]["Default"], "PassThrough",
        "Lambda records one request a second and 5 % of the others: most of a month's"
    );
    assert_eq!(globals["Architectures"][0]["Ref"], "Architecture");
    // `sam build` reads the default, and deploying asks: two values could disagree, and functions
    // that are not for their processor cannot start. `.ci/package.py` makes the template for x86_64.
    assert_eq!(
        template["Parameters"]["Architecture"]["AllowedValues"],
        json!(["arm64"])
    );
    assert_eq!(template["Parameters"]["Architecture"]["Default"], "arm64");
    let names: Vec<_> = resources("AWS::Serverless::Function")
        .into_iter()
        .map(|(name, function)| {
            assert_eq!(
                function["Metadata"]["BuildMethod"], "rust-cargolambda",
                "{name}"
            );
            let folder = function["Properties"]["CodeUri"].as_str().unwrap();
            let manifest = tests::workspace_root().join(folder).join("Cargo.toml");
            assert!(manifest.exists(), "{name}");
            name
        })
        .collect();
    assert_eq!(names, ["Consumer", "Ingress"]);
}

#[test]
fn a_function_is_given_the_variables_that_it_reads() {
    for (function, name) in [("ingress", "Ingress"), ("consumer", "Consumer")] {
        let main = tests::workspace_root().join(format!("functions/{function}/src/main.rs"));
        let main = std::fs::read_to_string(main).unwrap();
        let read: BTreeSet<_> = main
            .split("variables::")
            .skip(1)
            .map(|rest| {
                let name = rest.chars();
                let name = name.take_while(|c| c.is_ascii_uppercase() || *c == '_');
                name.collect::<String>()
            })
            .filter(|variable| !variable.is_empty())
            .collect();
        let properties = properties(name);
        let given = properties["Environment"]["Variables"].as_object().unwrap();
        assert_eq!(
            given.keys().cloned().collect::<BTreeSet<_>>(),
            read,
            "{name}"
        );
    }
    let variables = &properties("Consumer")["Environment"]["Variables"];
    assert_eq!(variables["DEAD_LETTER_QUEUE_URL"]["Ref"], "DeadLetters");
    assert!(
        !template().to_string().contains("AWS_ENDPOINT_URL"),
        "a deployed function calls AWS and nobody else"
    );
}

#[test]
fn every_request_gets_an_answer_of_ours() {
    let routes: BTreeSet<_> = resources("AWS::ApiGatewayV2::Route")
        .into_iter()
        .map(|(_, route)| route["Properties"]["RouteKey"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        routes,
        ["ANY /webhooks/{proxy+}", "GET /healthz"]
            .map(str::to_owned)
            .into()
    );
    let integration = properties("ApiIntegration");
    assert_eq!(
        integration["PayloadFormatVersion"], "2.0",
        "what the ingress reads"
    );
    assert_eq!(integration["IntegrationType"], "AWS_PROXY");
    let stage = properties("ApiStage");
    assert_eq!(stage["StageName"], "$default", "no stage in the path");
    let settings = &stage["DefaultRouteSettings"];
    for limit in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
        assert!(
            settings[limit].as_u64().unwrap() >= 1_000,
            "{limit}: API Gateway's own 429 makes Nectar Desk give up for good"
        );
    }
    assert_eq!(
        settings["DetailedMetricsEnabled"], false,
        "charged by route, and no alarm needs them"
    );
    let wait = integration["TimeoutInMillis"].as_u64().unwrap();
    let timeout = properties("Ingress")["Timeout"].as_u64().unwrap();
    assert!(wait >= timeout * 1_000, "the ingress ends first");
}

#[test]
fn access_logs_show_the_route_and_never_the_path() {
    let stage = properties("ApiStage");
    let format = stage["AccessLogSettings"]["Format"].as_str().unwrap();
    let format: Value = serde_json::from_str(format).expect("one line of JSON");
    let shown: BTreeSet<_> = format
        .as_object()
        .unwrap()
        .values()
        .map(|value| value.as_str().unwrap())
        .collect();
    // `path`, `protocol` with its line, `domainName` and every header and query are left out.
    assert_eq!(
        shown,
        [
            "$context.error.responseType",
            "$context.identity.sourceIp",
            "$context.integration.error",
            "$context.requestId",
            "$context.responseLatency",
            "$context.routeKey",
            "$context.status",
        ]
        .into(),
        "a path may hold a token"
    );
}

#[test]
fn nothing_is_reserved_exposed_or_paid_for_unless_asked() {
    let template = template();
    for parameter in [
        "AlarmEmail",
        "AlarmTopicArn",
        "CertificateArn",
        "DomainName",
        "ExistingBucket",
        "ExistingSecret",
        "ExistingTable",
        "IngressReservedConcurrency",
        "KmsKeyArn",
        "PermissionsBoundary",
    ] {
        assert_eq!(
            template["Parameters"][parameter]["Default"], "",
            "{parameter}"
        );
    }
    assert_eq!(template["Parameters"]["FanOut"]["Default"], "false");
    assert_eq!(
        properties("Ingress")["ReservedConcurrentExecutions"],
        json!({"Fn::If": [
            "HasReservedConcurrency", {"Ref": "IngressReservedConcurrency"}, {"Ref": "AWS::NoValue"},
        ]})
    );
    for (kind, condition) in [
        ("AWS::ApiGatewayV2::DomainName", "HasDomain"),
        ("AWS::ApiGatewayV2::ApiMapping", "HasDomain"),
        ("AWS::Events::EventBus", "HasFanOut"),
        ("AWS::Pipes::Pipe", "HasFanOut"),
        ("AWS::SNS::Topic", "HasAlarmEmail"),
        ("AWS::SNS::Subscription", "HasAlarmEmail"),
    ] {
        for (name, resource) in resources(kind) {
            assert_eq!(resource["Condition"], condition, "{name}");
        }
    }
}

#[test]
fn the_template_holds_no_secret() {
    let secret = properties("SourcesSecret");
    let properties: Vec<_> = secret.as_object().unwrap().keys().collect();
    assert_eq!(
        properties,
        ["Description", "KmsKeyId"],
        "a value here would overwrite the pushed one some day"
    );
}
