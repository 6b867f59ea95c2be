//! What a real account does with the template, which no local AWS shows: races, quotas, guards, and
//! what is left when a stack fails, is deleted or is made again.

use serde_json::{Value, json};

use super::{properties, resource, resources, template};

fn depends_on(name: &str) -> Vec<String> {
    match &resource(name)["DependsOn"] {
        Value::Null => Vec::new(),
        Value::String(one) => vec![one.clone()],
        many => serde_json::from_value(many.clone()).unwrap(),
    }
}

fn parameter(name: &str) -> Value {
    let parameter = template()["Parameters"][name].clone();
    assert!(parameter.is_object(), "there is no parameter `{name}`");
    parameter
}

/// The length of `${AWS::StackName}-…` without the stack's name; the id's first part has 8 digits, its last 12.
fn length_beside_the_name(sub: &Value) -> usize {
    let text = sub.as_str().or_else(|| sub[0].as_str()).unwrap();
    text.replace("${AWS::StackName}", "")
        .replace("${First}${Last}", "012345670123456789ab")
        .len()
}

#[test]
fn a_name_of_41_characters_fits_everywhere() {
    let longest = |kind: &str, property: &str, limit: usize| {
        for (name, _) in resources(kind) {
            let own = properties(&name)[property]["Fn::Sub"].clone();
            if own.is_null() {
                continue; // a generated name fits
            }
            let room = limit - length_beside_the_name(&own);
            assert!(room >= 41, "{name}: {room}, and the guide says 41");
        }
    };
    longest("AWS::SQS::Queue", "QueueName", 80);
    longest("AWS::Serverless::Function", "FunctionName", 64);
}

#[test]
fn what_races_on_aws_is_made_one_after_the_other() {
    assert_eq!(
        depends_on("HealthRoute"),
        ["WebhooksRoute"],
        "two routes at once are refused as a concurrent modification"
    );
    assert_eq!(depends_on("ApiStage"), ["WebhooksRoute", "HealthRoute"]);
    assert_eq!(
        depends_on("ApiIntegration"),
        ["ApiMayInvokeIngress"],
        "or requests come to an alias that API Gateway may not invoke yet"
    );
    assert_eq!(
        depends_on("Pipe"),
        ["ConsumerQueue", "Dashboard"],
        "the stream and the role are not seen everywhere for some time"
    );
    assert!(
        properties("Pipe")["Name"].is_null(),
        "a pipe of another table is another pipe, beside the old one for a moment"
    );
}

#[test]
fn the_consumer_is_updated_before_the_ingress() {
    assert_eq!(
        depends_on("Ingress"),
        ["ConsumerQueue"],
        "or a new ingress writes what the old consumer cannot read"
    );
    let target =
        json!({"Fn::If": ["HasRollout", {"Ref": "ConsumerAliaslive"}, {"Ref": "Consumer"}]});
    assert_eq!(properties("ConsumerQueue")["FunctionName"], target);
}

#[test]
fn access_logs_are_delivered_in_accounts_with_many_groups() {
    let name = properties("ApiLogs")["LogGroupName"]["Fn::Sub"][0].clone();
    assert_eq!(
        name, "/aws/vendedlogs/${AWS::StackName}-api-${First}${Last}",
        "others are listed in one policy of the account, of 5,120 characters"
    );
}

#[test]
fn small_accounts_are_not_used_up() {
    assert_eq!(parameter("ConsumerMaximumConcurrency")["Default"], 10);
    assert_eq!(parameter("AccountConcurrency")["Default"], 1_000);
    assert_eq!(parameter("IngressReservedConcurrency")["Default"], "");
}

#[test]
fn what_exists_can_be_handed_in() {
    let (ingress, consumer) = (properties("Ingress"), properties("Consumer"));
    let ingress = &ingress["Environment"]["Variables"];
    let consumer = &consumer["Environment"]["Variables"];
    let output = |name: &str| template()["Outputs"][name]["Value"].clone();
    for (condition, own, existing, uses) in [
        (
            "MakesTable",
            "Ledger",
            "ExistingTable",
            vec![consumer["TABLE_NAME"].clone(), output("TableName")],
        ),
        (
            "MakesBucket",
            "Bodies",
            "ExistingBucket",
            vec![
                ingress["BODIES_BUCKET"].clone(),
                consumer["BODIES_BUCKET"].clone(),
                output("BodiesBucket"),
            ],
        ),
        (
            "MakesSecret",
            "SourcesSecret",
            "ExistingSecret",
            vec![
                ingress["SOURCES_SECRET_ID"].clone(),
                output("SourcesSecretArn"),
            ],
        ),
    ] {
        assert_eq!(resource(own)["Condition"], condition, "{own}");
        let made = &template()["Conditions"][condition];
        assert_eq!(*made, json!({"Fn::Equals": [{"Ref": existing}, ""]}));
        for value in uses {
            let chosen = json!({"Fn::If": [condition, {"Ref": own}, {"Ref": existing}]});
            assert_eq!(value, chosen, "{own}");
        }
    }
}

#[test]
fn one_key_is_for_everything_that_rests() {
    let key = json!({"Fn::If": ["HasKmsKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]});
    for (kind, property) in [
        ("AWS::SQS::Queue", "KmsMasterKeyId"),
        ("AWS::SNS::Topic", "KmsMasterKeyId"),
        ("AWS::SecretsManager::Secret", "KmsKeyId"),
        ("AWS::Logs::LogGroup", "KmsKeyId"),
    ] {
        for (name, _) in resources(kind) {
            assert_eq!(properties(&name)[property], key, "{name}");
        }
    }
    let table = &properties("Ledger")["SSESpecification"]["Fn::If"];
    assert_eq!(table[0], "HasKmsKey");
    assert_eq!(table[1]["KMSMasterKeyId"]["Ref"], "KmsKeyArn");
}

#[test]
fn new_code_takes_over_at_once_or_step_by_step() {
    let template = template();
    let globals = &template["Globals"]["Function"];
    assert_eq!(globals["AutoPublishAlias"], "live");
    assert_eq!(
        globals["AutoPublishAliasAllProperties"], true,
        "or a change of the settings alone would publish nothing"
    );
    let preference = &globals["DeploymentPreference"];
    let of_rollout = |part: &str| json!({"Fn::FindInMap": ["Rollouts", {"Ref": "Rollout"}, part]});
    assert_eq!(preference["Enabled"], of_rollout("Enabled"));
    assert_eq!(preference["Type"], of_rollout("Type"));
    assert_eq!(
        preference["Alarms"],
        json!([
            {"Ref": "UnavailableAlarm"}, {"Ref": "ConsumerErrorsAlarm"}, {"Ref": "DeadLettersAlarm"},
        ]),
        "what a bad build would set off"
    );
    let rollout = parameter("Rollout");
    assert_eq!(rollout["Default"], "None");
    let kinds = template["Mappings"]["Rollouts"].as_object().unwrap();
    for kind in rollout["AllowedValues"].as_array().unwrap() {
        let kind = kind.as_str().unwrap();
        assert_eq!(kinds[kind]["Enabled"], kind != "None", "{kind}");
        let own = if kind == "None" { "AllAtOnce" } else { kind };
        assert_eq!(kinds[kind]["Type"], own);
    }
    // A version is published for every change of what the function has, or `live` would bring an old table back.
    for (function, parameters) in [
        ("Ingress", ["Tracing", "ExistingBucket", "ExistingSecret"]),
        ("Consumer", ["Tracing", "ExistingBucket", "ExistingTable"]),
    ] {
        let described = parameters.map(|name| format!("${{{name}}}")).join(" ");
        assert_eq!(
            properties(function)["VersionDescription"],
            json!({"Fn::Sub": described})
        );
        let variables = properties(function)["Environment"].to_string();
        for name in template["Parameters"].as_object().unwrap().keys() {
            let is_used = variables.contains(&format!("{{\"Ref\":\"{name}\"}}"));
            assert!(
                !is_used || parameters.contains(&name.as_str()),
                "{function}: {name}"
            );
        }
    }
    // Without a rollout the functions' newest code and settings take the traffic, whatever the alias says.
    let ingress = json!({"Fn::If": [
        "HasRollout", {"Ref": "IngressAliaslive"}, {"Fn::GetAtt": "Ingress.Arn"},
    ]});
    assert_eq!(properties("ApiIntegration")["IntegrationUri"], ingress);
    let permitted =
        json!({"Fn::If": ["HasRollout", {"Ref": "IngressAliaslive"}, {"Ref": "Ingress"}]});
    assert_eq!(properties("ApiMayInvokeIngress")["FunctionName"], permitted);
}

#[test]
fn the_consoles_address_is_that_of_the_partition() {
    let hosts = &template()["Mappings"]["Console"];
    assert_eq!(hosts["aws"]["Host"], "console.aws.amazon.com");
    assert_eq!(hosts["aws-cn"]["Host"], "console.amazonaws.cn");
    assert_eq!(hosts["aws-us-gov"]["Host"], "console.amazonaws-us-gov.com");
    let text = template().to_string();
    assert!(
        !text.contains("arn:aws:"),
        "China and GovCloud are other partitions"
    );
}
