//! Reads the template: YAML with CloudFormation's short forms, as JSON with the long ones.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// Returns the template of the workspace.
pub(super) fn template() -> Value {
    let text = std::fs::read_to_string(tests::workspace_root().join("template.yaml")).unwrap();
    let documents = Yaml::load_from_str(&text).unwrap();
    json(&documents[0])
}

fn json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => (*value).into(),
        Yaml::Value(Scalar::Integer(value)) => (*value).into(),
        Yaml::Value(Scalar::FloatingPoint(value)) => value.into_inner().into(),
        Yaml::Value(Scalar::String(value)) => value.as_ref().into(),
        Yaml::Sequence(items) => items.iter().map(json).collect(),
        Yaml::Mapping(entries) => {
            let entries = entries.iter().map(|(key, value)| (text(key), json(value)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        Yaml::Tagged(tag, value) => match tag.suffix.as_str() {
            "Ref" => json!({"Ref": json(value)}),
            "Condition" => json!({"Condition": json(value)}),
            function => json!({format!("Fn::{function}"): json(value)}),
        },
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => panic!("{yaml:?}"),
    }
}

fn text(key: &Yaml<'_>) -> String {
    match json(key) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
