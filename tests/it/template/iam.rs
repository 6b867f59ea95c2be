//! Roles: exactly the actions that are used, on exactly the resources that they are used on.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{properties, resources, strings};

/// Every action of every role and what it is for: called by which file, or taken by AWS itself.
const GRANTS: &[(&str, &str, &str, &str)] = &[
    // role, action, resource, used by
    (
        "ConsumerRole",
        "dynamodb:BatchGetItem",
        "Ledger.Arn",
        "dynamodb.rs",
    ),
    (
        "ConsumerRole",
        "dynamodb:PutItem",
        "Ledger.Arn",
        "dynamodb.rs",
    ),
    (
        "ConsumerRole",
        "dynamodb:UpdateItem",
        "Ledger.Arn",
        "dynamodb.rs",
    ),
    (
        "ConsumerRole",
        "logs:CreateLogStream",
        "ConsumerLogs.Arn",
        "Lambda",
    ),
    (
        "ConsumerRole",
        "logs:PutLogEvents",
        "ConsumerLogs.Arn",
        "Lambda",
    ),
    ("ConsumerRole", "s3:GetObject", "${Bodies.Arn}/*", "s3.rs"),
    // Without it S3 answers 403 for an object that is not there, which would be tried again for ever.
    ("ConsumerRole", "s3:ListBucket", "Bodies.Arn", "S3"),
    (
        "ConsumerRole",
        "sqs:ChangeMessageVisibility",
        "Queue.Arn",
        "sqs.rs",
    ),
    (
        "ConsumerRole",
        "sqs:DeleteMessage",
        "Queue.Arn",
        "the event source mapping",
    ),
    (
        "ConsumerRole",
        "sqs:GetQueueAttributes",
        "Queue.Arn",
        "the event source mapping",
    ),
    (
        "ConsumerRole",
        "sqs:ReceiveMessage",
        "Queue.Arn",
        "the event source mapping",
    ),
    (
        "ConsumerRole",
        "sqs:SendMessage",
        "DeadLetters.Arn",
        "sqs.rs",
    ),
    ("ConsumerRole", "xray:PutTelemetryRecords", "*", "Lambda"),
    ("ConsumerRole", "xray:PutTraceSegments", "*", "Lambda"),
    (
        "IngressRole",
        "logs:CreateLogStream",
        "IngressLogs.Arn",
        "Lambda",
    ),
    (
        "IngressRole",
        "logs:PutLogEvents",
        "IngressLogs.Arn",
        "Lambda",
    ),
    ("IngressRole", "s3:PutObject", "${Bodies.Arn}/*", "s3.rs"),
    (
        "IngressRole",
        "secretsmanager:GetSecretValue",
        "SourcesSecret.Id",
        "secrets_manager.rs",
    ),
    ("IngressRole", "sqs:SendMessage", "Queue.Arn", "sqs.rs"),
    ("IngressRole", "xray:PutTelemetryRecords", "*", "Lambda"),
    ("IngressRole", "xray:PutTraceSegments", "*", "Lambda"),
    (
        "PipeRole",
        "dynamodb:DescribeStream",
        "Ledger.StreamArn",
        "the pipe",
    ),
    (
        "PipeRole",
        "dynamodb:GetRecords",
        "Ledger.StreamArn",
        "the pipe",
    ),
    (
        "PipeRole",
        "dynamodb:GetShardIterator",
        "Ledger.StreamArn",
        "the pipe",
    ),
    (
        "PipeRole",
        "dynamodb:ListStreams",
        "Ledger.StreamArn",
        "the pipe",
    ),
    ("PipeRole", "events:PutEvents", "Bus.Arn", "the pipe"),
    (
        "PipeRole",
        "sqs:SendMessage",
        "PipeDeadLetters.Arn",
        "the pipe",
    ),
];

/// The one wildcard: X-Ray's actions know no resources (Service Authorization Reference).
const RESOURCELESS: [&str; 2] = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"];

fn statements() -> Vec<(String, Value)> {
    let roles = resources("AWS::IAM::Role").into_iter();
    roles
        .flat_map(|(name, role)| {
            let properties = &role["Properties"];
            assert!(
                properties["ManagedPolicyArns"].is_null(),
                "{name}: what it may do stands in this template"
            );
            let policies = properties["Policies"].as_array().unwrap();
            let statements = policies
                .iter()
                .flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap());
            let statements: Vec<_> = statements.map(|s| (name.clone(), s.clone())).collect();
            statements
        })
        .collect()
}

fn resource_of(statement: &Value) -> String {
    let resource = &statement["Resource"];
    let named = [&resource["Fn::GetAtt"], &resource["Fn::Sub"], resource];
    let named = named.iter().find_map(|value| value.as_str());
    named
        .unwrap_or_else(|| panic!("one resource a statement: {statement}"))
        .to_owned()
}

#[test]
fn every_role_has_what_is_listed_and_nothing_else() {
    let granted: BTreeSet<_> = statements()
        .iter()
        .flat_map(|(role, statement)| {
            assert_eq!(statement["Effect"], "Allow");
            let resource = resource_of(statement);
            strings(&statement["Action"])
                .into_iter()
                .map(|action| (role.clone(), action.to_owned(), resource.clone()))
                .collect::<Vec<_>>()
        })
        .collect();
    let listed = GRANTS.iter().map(|(role, action, resource, _)| {
        (
            (*role).to_owned(),
            (*action).to_owned(),
            (*resource).to_owned(),
        )
    });
    assert_eq!(granted, listed.collect());
}

#[test]
fn there_is_no_wildcard_but_x_rays() {
    for (role, statement) in statements() {
        assert!(statement["NotAction"].is_null() && statement["NotResource"].is_null());
        let resource = resource_of(&statement);
        for action in strings(&statement["Action"]) {
            assert!(!action.contains('*'), "{role}: {action}");
            // The objects of one bucket have no other name than this.
            let own = resource.strip_suffix("/*").unwrap_or(&resource);
            assert!(
                !own.contains('*') || RESOURCELESS.contains(&action),
                "{role}: {action} on {resource}"
            );
        }
    }
}

#[test]
fn what_a_function_may_do_is_what_its_adapters_do() {
    for (_, action, _, user) in GRANTS.iter().filter(|grant| grant.3.ends_with(".rs")) {
        let source = tests::workspace_root().join("shared/aws/src").join(user);
        let source = std::fs::read_to_string(source).unwrap();
        let (_, operation) = action.split_once(':').unwrap();
        let words = operation.chars().flat_map(|c| {
            let underscore = c.is_ascii_uppercase().then_some('_');
            underscore.into_iter().chain([c.to_ascii_lowercase()])
        });
        let call: String = words.skip(1).collect();
        let called = [format!(".{call}()"), format!(".{call}_batch()")];
        assert!(
            called.iter().any(|call| source.contains(call)),
            "nothing in {user} calls {action}"
        );
    }
}

#[test]
fn each_role_is_for_its_own_service_and_each_function_has_its_own() {
    for (name, service) in [
        ("ConsumerRole", "lambda"),
        ("IngressRole", "lambda"),
        ("PipeRole", "pipes"),
    ] {
        let role = properties(name);
        let trust = role["AssumeRolePolicyDocument"]["Statement"]
            .as_array()
            .unwrap();
        assert_eq!(trust.len(), 1, "{name}");
        assert_eq!(
            trust[0]["Principal"],
            json!({"Service": format!("{service}.amazonaws.com")}),
            "{name}"
        );
    }
    for (function, role) in [
        ("Ingress", "IngressRole.Arn"),
        ("Consumer", "ConsumerRole.Arn"),
    ] {
        let function = properties(function);
        assert_eq!(function["Role"]["Fn::GetAtt"], role);
        assert!(function["Policies"].is_null());
    }
    assert_eq!(properties("Pipe")["RoleArn"]["Fn::GetAtt"], "PipeRole.Arn");
}
