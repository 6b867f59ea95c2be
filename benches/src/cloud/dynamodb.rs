//! Tables in memory: as much of DynamoDB's protocol as the product, the floor and the peers speak.
#![expect(
    clippy::indexing_slicing,
    reason = "an absent field of a JSON value is null"
)]

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::Refused;
use super::units::{self, Item};

/// The tables whose key is `id`; elsewhere it is `pk` and `sk`.
pub const IDEMPOTENCY_TABLE: &str = "idempotency";

/// What one request costs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// All writes.
    pub(super) write: u64,
    /// Writes of states.
    pub(super) state: u64,
    /// Writes of the index.
    pub(super) index: u64,
    pub(super) read: u64,
}

/// All items by table and key.
#[derive(Debug, Default)]
pub(super) struct Tables(HashMap<String, Item>);

type Outcome = (Result<String, Refused>, Cost);

fn refused(code: &str, message: &str) -> Outcome {
    (Err(Refused::new(code, message)), Cost::default())
}

impl Tables {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The bytes that storage is charged for, of the tables and of the index.
    pub(super) fn stored_bytes(&self) -> (usize, usize) {
        let items = self.0.values().map(units::stored);
        items.fold((0, 0), |(table, index), item| {
            (table + item.0, index + item.1)
        })
    }

    pub(super) fn call(&mut self, operation: &str, body: &[u8]) -> Outcome {
        let request: Value = match serde_json::from_slice(body) {
            Ok(request) => request,
            Err(error) => return refused("SerializationException", &error.to_string()),
        };
        match operation {
            "BatchGetItem" => self.batch_get(&request),
            "GetItem" => self.get(&request),
            "PutItem" => self.put(&request),
            "UpdateItem" => self.update(&request),
            other => refused("UnknownOperationException", other),
        }
    }

    fn batch_get(&self, request: &Value) -> Outcome {
        let (mut responses, mut cost) = (Map::new(), Cost::default());
        for (table, wanted) in request["RequestItems"].as_object().into_iter().flatten() {
            let keys = wanted["Keys"].as_array().map_or(&[][..], Vec::as_slice);
            if keys.len() > 100 || wanted["ConsistentRead"] != json!(true) {
                return refused("ValidationException", "100 keys at most, consistently");
            }
            let mut found = Vec::new();
            for key in keys {
                let item = self.0.get(&place(table, key));
                cost.read += units::read(item);
                found.extend(item.map(|item| Value::Object(projected(item, wanted))));
            }
            responses.insert(table.clone(), Value::Array(found));
        }
        let answer = json!({"Responses": responses, "UnprocessedKeys": {}});
        (Ok(answer.to_string()), cost)
    }

    fn get(&self, request: &Value) -> Outcome {
        let item = self.0.get(&place(table(request), &request["Key"]));
        let cost = Cost {
            read: units::read(item),
            ..Cost::default()
        };
        let answer = item.map_or_else(|| json!({}), |item| json!({"Item": item}));
        (Ok(answer.to_string()), cost)
    }

    fn put(&mut self, request: &Value) -> Outcome {
        let Some(item) = request["Item"].as_object() else {
            return refused("ValidationException", "no item");
        };
        let place = place(table(request), &request["Item"]);
        let existing = self.0.get(&place);
        if !holds(request, existing) {
            let cost = units::refused(existing);
            return condition_failed(request, existing, cost);
        }
        let cost = written(existing, item);
        self.0.insert(place, item.clone());
        (Ok("{}".to_owned()), cost)
    }

    /// `SET a = :a, …` and `ADD set :element`, which is all that is asked for.
    fn update(&mut self, request: &Value) -> Outcome {
        let place = place(table(request), &request["Key"]);
        let existing = self.0.get(&place);
        let key = request["Key"].as_object().cloned().unwrap_or_default();
        let mut item = existing.cloned().unwrap_or(key);
        let expression = request["UpdateExpression"].as_str().unwrap_or_default();
        let Some((verb, assignments)) = expression.split_once(' ') else {
            return refused("ValidationException", expression);
        };
        for assignment in assignments.split(',') {
            let mut words = assignment.split([' ', '=']).filter(|word| !word.is_empty());
            let (Some(target), Some(value)) = (words.next(), words.next()) else {
                return refused("ValidationException", expression);
            };
            let value = &request["ExpressionAttributeValues"][value];
            let target = name(request, target).to_owned();
            match verb {
                "SET" => drop(item.insert(target, value.clone())),
                "ADD" => add(item.entry(target).or_insert(json!({"SS": []})), value),
                _ => return refused("ValidationException", expression),
            }
        }
        let cost = written(existing, &item);
        self.0.insert(place, item);
        (Ok("{}".to_owned()), cost)
    }
}

fn add(set: &mut Value, elements: &Value) {
    if let (Some(set), Some(new)) = (set["SS"].as_array_mut(), elements["SS"].as_array()) {
        let absent: Vec<_> = new.iter().filter(|e| !set.contains(e)).cloned().collect();
        set.extend(absent);
    }
}

fn table(request: &Value) -> &str {
    request["TableName"].as_str().unwrap_or_default()
}

fn place(table: &str, key: &Value) -> String {
    let names: &[&str] = if table == IDEMPOTENCY_TABLE {
        &["id"]
    } else {
        &["pk", "sk"]
    };
    let parts = names
        .iter()
        .map(|name| key[*name]["S"].as_str().unwrap_or_default());
    parts.fold(table.to_owned(), |place, part| place + "\n" + part)
}

/// Tells whether a condition holds: "there is none yet", "there is one", or "it has the version read".
fn holds(request: &Value, existing: Option<&Item>) -> bool {
    let Some(condition) = request["ConditionExpression"].as_str() else {
        return true;
    };
    if condition.contains("attribute_not_exists(") {
        return existing.is_none();
    }
    if condition == "version = :read" {
        let read = &request["ExpressionAttributeValues"][":read"];
        return existing.and_then(|item| item.get("version")) == Some(read);
    }
    existing.is_some()
}

fn condition_failed(request: &Value, existing: Option<&Item>, write: u64) -> Outcome {
    let mut answer = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
        "message": "The conditional request failed",
    });
    if request["ReturnValuesOnConditionCheckFailure"] == json!("ALL_OLD") {
        answer["Item"] = json!(existing);
    }
    let cost = Cost {
        write,
        ..Cost::default()
    };
    (Err(Refused(answer.to_string())), cost)
}

fn written(old: Option<&Item>, new: &Item) -> Cost {
    let write = units::write(old, new);
    let is_state = new.get("sk") == Some(&json!({"S": "state"}));
    let state = if is_state { write } else { 0 };
    Cost {
        write,
        state,
        index: units::index(old, new),
        read: 0,
    }
}

/// Resolves a name that may stand for another.
fn name<'a>(request: &'a Value, name: &'a str) -> &'a str {
    request["ExpressionAttributeNames"][name]
        .as_str()
        .unwrap_or(name)
}

fn projected(item: &Item, wanted: &Value) -> Item {
    let Some(projection) = wanted["ProjectionExpression"].as_str() else {
        return item.clone();
    };
    let names = projection.split(',').map(|part| name(wanted, part.trim()));
    let found = names.filter_map(|name| Some((name.to_owned(), item.get(name)?.clone())));
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(tables: &mut Tables, version: u32, condition: &str) -> bool {
        let request = json!({
            "TableName": "switchhook", "ConditionExpression": condition,
            "Item": {"pk": {"S": "e"}, "sk": {"S": "state"}, "version": {"N": version.to_string()}},
            "ExpressionAttributeValues": {":read": {"N": (version - 1).to_string()}},
        });
        tables
            .call("PutItem", request.to_string().as_bytes())
            .0
            .is_ok()
    }

    #[test]
    fn conditions_hold_or_do_not() {
        let tables = &mut Tables::default();
        assert!(!put(tables, 1, "version = :read"));
        assert!(put(tables, 1, "attribute_not_exists(pk)"));
        assert!(!put(tables, 1, "attribute_not_exists(pk)"));
        assert!(put(tables, 2, "version = :read"));
        assert!(!put(tables, 2, "version = :read"));
    }

    #[test]
    fn an_update_sets_and_adds() {
        let tables = &mut Tables::default();
        for expression in ["SET #a = :a, b = :b", "ADD s :s", "ADD s :s"] {
            let request = json!({
                "TableName": "switchhook", "Key": {"pk": {"S": "e"}, "sk": {"S": "state"}},
                "UpdateExpression": expression, "ExpressionAttributeNames": {"#a": "a"},
                "ExpressionAttributeValues": {":a": {"S": "1"}, ":b": {"N": "2"}, ":s": {"SS": ["x"]}},
            });
            assert!(
                tables
                    .call("UpdateItem", request.to_string().as_bytes())
                    .0
                    .is_ok()
            );
        }
        let expected = json!({
            "pk": {"S": "e"}, "sk": {"S": "state"},
            "a": {"S": "1"}, "b": {"N": "2"}, "s": {"SS": ["x"]},
        });
        assert_eq!(tables.0.values().next(), expected.as_object());
    }
}
