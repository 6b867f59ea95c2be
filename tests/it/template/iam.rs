//! Roles: exactly the actions that are used, on exactly the resources that they are used on.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{properties, resources, strings};

/// The stack's own table, or the one that it takes over; and so on.
const TABLE: &str = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/[Ledger or ExistingTable]";
const STREAM: &str = "[Ledger.StreamArn or arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${ExistingTable}/stream/${ExistingTableStream}]";
const BUCKET: &str = "arn:${AWS::Partition}:s3:::[Bodies or ExistingBucket]";
const OBJECTS: &str = "arn:${AWS::Partition}:s3:::[Bodies or ExistingBucket]/*";
const SECRET: &str = "[SourcesSecret.Id or ExistingSecret]";

/// What every role of a stack with a key of the account's own may do with it: S3, SQS, Secrets Manager and
/// DynamoDB use the key on behalf of who calls them (developer guides, "Encryption at rest").
const KEY_ACTIONS: [&str; 6] = [
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
];

/// Every action of every role and what it is for: called by which file, or taken by AWS itself.
const GRANTS: &[(&str, &str, &str, &str)] = &[
    // role, action, resource, used by
    (
        "ConsumerRole",
        "dynamodb:BatchGetItem",
        TABLE,
        "dynamodb.rs",
    ),
    ("ConsumerRole", "dynamodb:PutItem", TABLE, "dynamodb.rs"),
    ("ConsumerRole", "dynamodb:UpdateItem", TABLE, "dynamodb.rs"),
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
    ("ConsumerRole", "s3:GetObject", OBJECTS, "s3.rs"),
    // Without it S3 answers 403 for an object that is not there, which would be tried again for ever.
    ("ConsumerRole", "s3:ListBucket", BUCKET, "S3"),
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
    ("IngressRole", "s3:PutObject", OBJECTS, "s3.rs"),
    (
        "IngressRole",
        "secretsmanager:GetSecretValue",
        SECRET,
        "secrets_manager.rs",
    ),
    ("IngressRole", "sqs:SendMessage", "Queue.Arn", "sqs.rs"),
    ("IngressRole", "xray:PutTelemetryRecords", "*", "Lambda"),
    ("IngressRole", "xray:PutTraceSegments", "*", "Lambda"),
    ("PipeRole", "dynamodb:DescribeStream", STREAM, "the pipe"),
    ("PipeRole", "dynamodb:GetRecords", STREAM, "the pipe"),
    ("PipeRole", "dynamodb:GetShardIterator", STREAM, "the pipe"),
    ("PipeRole", "dynamodb:ListStreams", STREAM, "the pipe"),
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

/// Returns the statements of the roles whose policies stand here, without those that a condition adds.
fn statements() -> Vec<(String, Value)> {
    all_statements()
        .into_iter()
        .filter(|(_, statement)| statement["Fn::If"].is_null())
        .collect()
}

fn all_statements() -> Vec<(String, Value)> {
    let roles = resources("AWS::IAM::Role").into_iter();
    roles
        .filter(|(name, _)| name != "RolloutRole")
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
    shown(&statement["Resource"])
}

/// Writes a value of the template as text: `[A or B]` is `A` where a condition holds, else `B`.
fn shown(value: &Value) -> String {
    if let Some(text) = value.as_str() {
        return text.to_owned();
    }
    let function = value.as_object().filter(|map| map.len() == 1);
    let (name, argument) = function
        .and_then(|map| map.iter().next())
        .unwrap_or_else(|| panic!("one resource a statement: {value}"));
    match (name.as_str(), argument) {
        ("Ref" | "Fn::GetAtt" | "Fn::Sub", Value::String(text)) => text.clone(),
        ("Fn::If", Value::Array(parts)) => {
            format!("[{} or {}]", shown(&parts[1]), shown(&parts[2]))
        }
        ("Fn::Sub", Value::Array(parts)) => {
            let variables = parts[1].as_object().unwrap().iter();
            variables.fold(shown(&parts[0]), |text, (name, value)| {
                text.replace(&format!("${{{name}}}"), &shown(value))
            })
        }
        _ => panic!("an unknown function: {value}"),
    }
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
fn every_role_may_use_the_key_where_there_is_one() {
    let with_key: BTreeSet<_> = all_statements()
        .into_iter()
        .filter_map(|(role, statement)| {
            let condition = statement["Fn::If"].as_array()?.clone();
            assert_eq!(condition[0], "HasKmsKey", "{role}");
            assert_eq!(condition[1]["Resource"], json!({"Ref": "KmsKeyArn"}));
            assert_eq!(strings(&condition[1]["Action"]), KEY_ACTIONS, "{role}");
            assert_eq!(condition[2], json!({"Ref": "AWS::NoValue"}));
            Some(role)
        })
        .collect();
    let roles = ["ConsumerRole", "IngressRole", "PipeRole"];
    assert_eq!(with_key, roles.map(str::to_owned).into());
}

#[test]
fn a_boundary_bounds_every_role() {
    let bound = json!({"Fn::If": [
        "HasPermissionsBoundary", {"Ref": "PermissionsBoundary"}, {"Ref": "AWS::NoValue"},
    ]});
    let roles = resources("AWS::IAM::Role");
    assert_eq!(roles.len(), 4);
    for (name, role) in roles {
        assert_eq!(role["Properties"]["PermissionsBoundary"], bound, "{name}");
    }
}

#[test]
fn each_role_is_for_its_own_service_and_each_function_has_its_own() {
    for (name, service) in [
        ("ConsumerRole", "lambda"),
        ("IngressRole", "lambda"),
        ("PipeRole", "pipes"),
        ("RolloutRole", "codedeploy"),
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
