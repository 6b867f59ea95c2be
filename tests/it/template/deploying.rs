//! What the role that deploys needs: docs/deploy-policy.json, beside the resources of the template.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{strings, template};

/// The statements that each type of resource needs. The last ones are made by SAM out of a function.
const NEEDED: &[(&str, &[&str])] = &[
    ("AWS::ApiGatewayV2::Api", &["Api"]),
    ("AWS::ApiGatewayV2::ApiMapping", &["Api"]),
    ("AWS::ApiGatewayV2::DomainName", &["Api", "DomainName"]),
    ("AWS::ApiGatewayV2::Integration", &["Api"]),
    ("AWS::ApiGatewayV2::Route", &["Api"]),
    // A stage that logs makes a delivery of CloudWatch Logs (its guide, "Logs sent to CloudWatch Logs").
    ("AWS::ApiGatewayV2::Stage", &["Api", "AccessLog"]),
    ("AWS::CloudWatch::Alarm", &["Alarms"]),
    ("AWS::CloudWatch::Dashboard", &["Alarms"]),
    ("AWS::DynamoDB::Table", &["Table", "Key"]),
    ("AWS::Events::EventBus", &["FanOut"]),
    ("AWS::IAM::Role", &["Roles"]),
    ("AWS::Lambda::EventSourceMapping", &["Mapping"]),
    ("AWS::Lambda::Permission", &["Functions"]),
    ("AWS::Logs::LogGroup", &["Logs", "AccessLog"]),
    ("AWS::Pipes::Pipe", &["FanOut", "Roles"]),
    ("AWS::S3::Bucket", &["Bucket"]),
    ("AWS::S3::BucketPolicy", &["Bucket"]),
    ("AWS::SNS::Subscription", &["AlarmEmail"]),
    ("AWS::SNS::Topic", &["AlarmEmail"]),
    ("AWS::SQS::Queue", &["Queues"]),
    ("AWS::SQS::QueuePolicy", &["Queues"]),
    ("AWS::SecretsManager::Secret", &["Secret", "Key"]),
    (
        "AWS::Serverless::Function",
        &["Functions", "Roles", "Rollout"],
    ),
];

/// What `sam deploy` does by itself.
const ANYWAY: [&str; 2] = ["Deploy", "Artifacts"];

fn statements() -> BTreeMap<String, Value> {
    let path = tests::workspace_root().join("docs/deploy-policy.json");
    let policy: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter();
    statements
        .map(|statement| {
            let name = statement["Sid"].as_str().unwrap().to_owned();
            (name, statement.clone())
        })
        .collect()
}

#[test]
fn every_resource_of_the_template_is_one_that_the_deploying_role_may_make() {
    let template = template();
    let resources = template["Resources"].as_object().unwrap().values();
    let used: BTreeSet<_> = resources.map(|r| r["Type"].as_str().unwrap()).collect();
    let listed = NEEDED.iter().map(|(kind, _)| *kind);
    assert_eq!(used, listed.collect(), "what a type needs has to be known");
    let needed = NEEDED.iter().flat_map(|(_, names)| names.iter().copied());
    let needed: BTreeSet<_> = needed.chain(ANYWAY).map(str::to_owned).collect();
    assert_eq!(statements().into_keys().collect::<BTreeSet<_>>(), needed);
}

/// What deploying, rolling back and deleting cannot do without, by AWS's references of these types.
const INDISPENSABLE: &[(&str, &[&str])] = &[
    (
        "Deploy",
        &[
            "CreateChangeSet",
            "ExecuteChangeSet",
            "DescribeStacks",
            "DescribeStackEvents",
            "ContinueUpdateRollback",
            "DeleteStack",
        ],
    ),
    ("Artifacts", &["PutObject", "GetObject", "DeleteObject"]),
    ("Api", &["POST", "GET", "PATCH", "DELETE"]),
    (
        "AccessLog",
        &[
            "CreateLogDelivery",
            "PutResourcePolicy",
            "DescribeResourcePolicies",
            "DescribeLogGroups",
        ],
    ),
    (
        "Functions",
        &[
            "CreateFunction",
            "UpdateFunctionCode",
            "UpdateFunctionConfiguration",
            "PublishVersion",
            "CreateAlias",
            "UpdateAlias",
            "AddPermission",
            "RemovePermission",
            "PutFunctionConcurrency",
            "DeleteFunction",
        ],
    ),
    (
        "Mapping",
        &[
            "CreateEventSourceMapping",
            "UpdateEventSourceMapping",
            "GetEventSourceMapping",
            "DeleteEventSourceMapping",
        ],
    ),
    (
        "Roles",
        &[
            "CreateRole",
            "PutRolePolicy",
            "PassRole",
            "PutRolePermissionsBoundary",
            "AttachRolePolicy",
            "DeleteRolePolicy",
            "DeleteRole",
        ],
    ),
    (
        "Queues",
        &[
            "CreateQueue",
            "SetQueueAttributes",
            "GetQueueAttributes",
            "DeleteQueue",
        ],
    ),
    (
        "Table",
        &[
            "CreateTable",
            "DescribeTable",
            "UpdateTable",
            "UpdateTimeToLive",
            "UpdateContinuousBackups",
            "DeleteTable",
        ],
    ),
    (
        "Bucket",
        &[
            "CreateBucket",
            "PutLifecycleConfiguration",
            "PutEncryptionConfiguration",
            "PutBucketPublicAccessBlock",
            "PutBucketOwnershipControls",
            "PutBucketPolicy",
            "DeleteBucket",
        ],
    ),
    (
        "Secret",
        &[
            "CreateSecret",
            "DescribeSecret",
            "UpdateSecret",
            "DeleteSecret",
        ],
    ),
    (
        "Logs",
        &[
            "CreateLogGroup",
            "PutRetentionPolicy",
            "AssociateKmsKey",
            "DeleteLogGroup",
        ],
    ),
    (
        "Alarms",
        &[
            "PutMetricAlarm",
            "DeleteAlarms",
            "PutDashboard",
            "DeleteDashboards",
        ],
    ),
    (
        "AlarmEmail",
        &["CreateTopic", "Subscribe", "Unsubscribe", "DeleteTopic"],
    ),
    (
        "FanOut",
        &[
            "CreateEventBus",
            "UpdateEventBus",
            "DeleteEventBus",
            "CreatePipe",
            "UpdatePipe",
            "DeletePipe",
        ],
    ),
    (
        "Rollout",
        &[
            "CreateApplication",
            "CreateDeploymentGroup",
            "CreateDeployment",
            "GetDeployment",
            "DeleteDeploymentGroup",
            "DeleteApplication",
        ],
    ),
    ("DomainName", &["CreateServiceLinkedRole"]),
    (
        "Key",
        &["CreateGrant", "Decrypt", "DescribeKey", "GenerateDataKey"],
    ),
];

#[test]
fn each_statement_has_what_its_resources_cannot_do_without() {
    let statements = statements();
    let listed: BTreeSet<_> = INDISPENSABLE
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(statements.keys().cloned().collect::<BTreeSet<_>>(), listed);
    for (name, operations) in INDISPENSABLE {
        let actions = strings(&statements[*name]["Action"]);
        for operation in *operations {
            let wanted = format!(":{operation}");
            assert!(
                actions.iter().any(|action| action.ends_with(&wanted)),
                "{name}: {operation}"
            );
        }
    }
}

#[test]
fn the_deploying_role_has_no_more_than_it_needs() {
    // Without names of resources (Service Authorization Reference), or with generated names.
    let anywhere = ["AccessLog", "Mapping", "Rollout"];
    for (name, statement) in statements() {
        for action in strings(&statement["Action"]) {
            assert!(!action.contains('*'), "{name}: {action}");
        }
        for resource in strings(&statement["Resource"]) {
            assert_eq!(resource == "*", anywhere.contains(&name.as_str()), "{name}");
        }
    }
}

#[test]
fn the_policy_fits_into_a_role() {
    let statements: Vec<_> = statements().into_values().collect();
    let text: usize = statements.iter().map(|s| s.to_string().len()).sum();
    assert!(
        text < 10_000,
        "{text} characters: all inline policies of a role have 10,240"
    );
}
