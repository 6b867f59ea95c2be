//! Alarms as the template defines them, with the values of parameters put in.
//!
//! What is not known here fails the test: no property of an alarm is left out silently.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::expression::{self, Expression};

/// The name of the stack in these tests.
pub(super) const STACK: &str = "hooks";

/// An alarm on one metric, or on an expression of several.
#[derive(Clone, Debug)]
pub(super) struct Alarm {
    /// The name without the stack's.
    pub(super) name: String,
    pub(super) inputs: Vec<Input>,
    /// What is compared with the threshold, by ids of `inputs`.
    pub(super) result: Expression,
    /// Minutes that make one data point.
    pub(super) period: usize,
    pub(super) evaluation_periods: usize,
    pub(super) datapoints_to_alarm: usize,
    pub(super) comparison: Comparison,
    pub(super) threshold: f64,
    pub(super) missing: MissingData,
}

/// A metric that an alarm looks at.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub(super) id: String,
    pub(super) metric: Metric,
    pub(super) statistic: Statistic,
}

/// A metric with its dimensions.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Metric {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) dimensions: BTreeMap<String, String>,
}

/// How the values within a period make one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Statistic {
    Sum,
    Maximum,
    Average,
}

/// How a data point is compared with the threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Comparison {
    Greater,
    AtLeast,
    Less,
    AtMost,
}

/// How an alarm treats data points that are missing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum MissingData {
    Missing,
    Ignore,
    Breaching,
    NotBreaching,
}

impl Comparison {
    /// Returns whether a value breaches the threshold.
    pub(super) fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::Greater => value > threshold,
            Self::AtLeast => value >= threshold,
            Self::Less => value < threshold,
            Self::AtMost => value <= threshold,
        }
    }
}

/// Returns the alarms that a stack with these parameters has; defaults for the others.
pub(super) fn alarms(template: &Value, parameters: &[(&str, &str)]) -> Vec<Alarm> {
    let resolver = Resolver {
        template,
        parameters,
    };
    let resources = template["Resources"].as_object().unwrap();
    let alarms = resources.iter().filter(|(name, resource)| {
        let kind = resource["Type"].as_str().unwrap();
        let other = kind.starts_with("AWS::CloudWatch::")
            && !["AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"].contains(&kind);
        assert!(!other, "{name}: nothing here evaluates {kind}");
        kind == "AWS::CloudWatch::Alarm"
            && resource["Condition"]
                .as_str()
                .is_none_or(|condition| resolver.condition(condition))
    });
    alarms
        .map(|(name, alarm)| {
            let name = name.strip_suffix("Alarm").expect("named so");
            resolver.alarm(name, &alarm["Properties"])
        })
        .collect()
}

struct Resolver<'a> {
    template: &'a Value,
    parameters: &'a [(&'a str, &'a str)],
}

impl Resolver<'_> {
    fn alarm(&self, name: &str, properties: &Value) -> Alarm {
        let properties = properties.as_object().unwrap();
        let known = [
            "AlarmName",
            "AlarmDescription",
            "Metrics",
            "Namespace",
            "MetricName",
            "Dimensions",
            "Statistic",
            "Period",
            "EvaluationPeriods",
            "DatapointsToAlarm",
            "ComparisonOperator",
            "Threshold",
            "TreatMissingData",
            "AlarmActions",
            "OKActions",
        ];
        only(name, properties, &known);
        let title = self.text(&properties["AlarmName"]);
        assert_eq!(title, format!("{STACK}-{name}"));
        let (inputs, result, seconds) = match properties.get("Metrics") {
            Some(entries) => {
                for plain in &known[3..8] {
                    assert!(
                        !properties.contains_key(*plain),
                        "{name}: {plain} beside Metrics"
                    );
                }
                self.entries(name, entries.as_array().unwrap())
            }
            None => {
                let input = Input {
                    id: "metric".to_owned(),
                    metric: self.metric(properties),
                    statistic: statistic(name, &properties["Statistic"]),
                };
                let result = Expression::Id(input.id.clone());
                (vec![input], result, self.number(&properties["Period"]))
            }
        };
        let period = whole(seconds / 60.0);
        let evaluation_periods = whole(self.number(&properties["EvaluationPeriods"]));
        let most = if seconds >= 3_600.0 {
            7 * 24 * 60
        } else {
            24 * 60
        };
        assert!(
            period * evaluation_periods <= most,
            "{name}: CloudWatch looks back no further"
        );
        let datapoints = properties.get("DatapointsToAlarm");
        let datapoints = datapoints.map(|value| whole(self.number(value)));
        let datapoints_to_alarm = datapoints.unwrap_or(evaluation_periods);
        assert!(datapoints_to_alarm <= evaluation_periods, "{name}");
        Alarm {
            name: name.to_owned(),
            inputs,
            result,
            period,
            evaluation_periods,
            datapoints_to_alarm,
            comparison: match properties["ComparisonOperator"].as_str().unwrap() {
                "GreaterThanThreshold" => Comparison::Greater,
                "GreaterThanOrEqualToThreshold" => Comparison::AtLeast,
                "LessThanThreshold" => Comparison::Less,
                "LessThanOrEqualToThreshold" => Comparison::AtMost,
                other => panic!("{name}: unknown operator {other}"),
            },
            threshold: self.number(&properties["Threshold"]),
            missing: match properties
                .get("TreatMissingData")
                .map(|value| self.text(value))
            {
                None => MissingData::Missing,
                Some(text) => match text.as_str() {
                    "missing" => MissingData::Missing,
                    "ignore" => MissingData::Ignore,
                    "breaching" => MissingData::Breaching,
                    "notBreaching" => MissingData::NotBreaching,
                    other => panic!("{name}: unknown treatment {other}"),
                },
            },
        }
    }

    /// Reads `Metrics`, with expressions that name others put together to one.
    fn entries(&self, name: &str, entries: &[Value]) -> (Vec<Input>, Expression, f64) {
        let mut inputs = Vec::new();
        let mut expressions = BTreeMap::new();
        let mut results = Vec::new();
        let mut periods = Vec::new();
        for entry in entries {
            let entry = entry.as_object().unwrap();
            let known = ["Id", "Expression", "MetricStat", "ReturnData", "Label"];
            only(name, entry, &known);
            let id = entry["Id"].as_str().unwrap().to_owned();
            assert!(
                id.starts_with(|c: char| c.is_ascii_lowercase()),
                "{name}: {id}"
            );
            if entry.get("ReturnData") != Some(&Value::Bool(false)) {
                results.push(id.clone());
            }
            let Some(of) = entry.get("MetricStat") else {
                let text = self.text(&entry["Expression"]);
                let read = expression::parse(&text);
                let read = read.unwrap_or_else(|error| panic!("{name}: {error}"));
                expressions.insert(id, read);
                continue;
            };
            let of = of.as_object().unwrap();
            only(name, of, &["Metric", "Period", "Stat"]);
            let metric = of["Metric"].as_object().unwrap();
            only(name, metric, &["Namespace", "MetricName", "Dimensions"]);
            periods.push(self.number(&of["Period"]));
            inputs.push(Input {
                id,
                metric: self.metric(metric),
                statistic: statistic(name, &of["Stat"]),
            });
        }
        assert_eq!(results.len(), 1, "{name}: one entry returns data");
        assert!(entries.len() <= 10, "{name}: CloudWatch takes ten");
        assert!(
            periods.iter().all(|period| *period == periods[0]),
            "{name}: each metric must have the same period"
        );
        let result = expand(&Expression::Id(results[0].clone()), &expressions);
        let used: BTreeSet<_> = result.ids().into_iter().collect();
        let given: BTreeSet<_> = inputs.iter().map(|input| input.id.as_str()).collect();
        assert_eq!(used, given, "{name}: metrics used and metrics given");
        assert_eq!(given.len(), inputs.len(), "{name}: an id is given twice");
        (inputs, result, periods[0])
    }

    fn metric(&self, properties: &Map<String, Value>) -> Metric {
        let dimensions = properties.get("Dimensions").map(|dimensions| {
            let dimensions = dimensions.as_array().unwrap().iter();
            let dimensions = dimensions.map(|dimension| {
                only(
                    "dimension",
                    dimension.as_object().unwrap(),
                    &["Name", "Value"],
                );
                (
                    self.text(&dimension["Name"]),
                    self.text(&dimension["Value"]),
                )
            });
            dimensions.collect()
        });
        Metric {
            namespace: self.text(&properties["Namespace"]),
            name: self.text(&properties["MetricName"]),
            dimensions: dimensions.unwrap_or_default(),
        }
    }

    fn number(&self, value: &Value) -> f64 {
        match value {
            Value::Number(number) => number.as_f64().unwrap(),
            other => self.text(other).parse().unwrap(),
        }
    }

    /// Resolves a value: a resource's reference is its logical id, an attribute's is `Resource.Attribute`.
    fn text(&self, value: &Value) -> String {
        match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Object(call) if call.len() == 1 => {
                let (function, argument) = call.iter().next().unwrap();
                match function.as_str() {
                    "Ref" => self.reference(argument.as_str().unwrap()),
                    "Fn::GetAtt" => match argument {
                        Value::String(text) => text.clone(),
                        parts => self.texts(parts).join("."),
                    },
                    "Fn::If" => {
                        let holds = self.condition(argument[0].as_str().unwrap());
                        self.text(&argument[if holds { 1 } else { 2 }])
                    }
                    "Fn::Sub" => self.substitute(argument.as_str().expect("one text")),
                    other => panic!("unknown function {other}"),
                }
            }
            other => panic!("not a text: {other}"),
        }
    }

    fn texts(&self, values: &Value) -> Vec<String> {
        let values = values.as_array().unwrap().iter();
        values.map(|value| self.text(value)).collect()
    }

    fn reference(&self, name: &str) -> String {
        if let Some((_, value)) = self.parameters.iter().find(|(known, _)| *known == name) {
            return (*value).to_owned();
        }
        match name {
            "AWS::StackName" => STACK.to_owned(),
            _ if self.template["Resources"][name].is_object() => name.to_owned(),
            _ => match &self.template["Parameters"][name]["Default"] {
                Value::Null => panic!("unknown reference {name}"),
                default => self.text(default),
            },
        }
    }

    fn substitute(&self, text: &str) -> String {
        let mut parts = text.split("${");
        let mut result = parts.next().unwrap().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap();
            result += &match name.split_once('.') {
                Some(_) => name.to_owned(),
                None => self.reference(name),
            };
            result += rest;
        }
        result
    }

    fn condition(&self, name: &str) -> bool {
        let condition = &self.template["Conditions"][name];
        assert!(condition.is_object(), "unknown condition {name}");
        self.holds(condition)
    }

    fn holds(&self, condition: &Value) -> bool {
        let condition = condition.as_object().unwrap();
        let (function, argument) = condition.iter().next().unwrap();
        let mut all = argument.as_array().into_iter().flatten();
        match function.as_str() {
            "Condition" => self.condition(argument.as_str().unwrap()),
            "Fn::Equals" => self.text(&argument[0]) == self.text(&argument[1]),
            "Fn::Not" => !self.holds(&argument[0]),
            "Fn::And" => all.all(|condition| self.holds(condition)),
            "Fn::Or" => all.any(|condition| self.holds(condition)),
            other => panic!("unknown condition {other}"),
        }
    }
}

fn only(of: &str, object: &Map<String, Value>, known: &[&str]) {
    for key in object.keys() {
        assert!(
            known.contains(&key.as_str()),
            "{of}: unknown property {key}"
        );
    }
}

fn statistic(name: &str, value: &Value) -> Statistic {
    match value.as_str().unwrap() {
        "Sum" => Statistic::Sum,
        "Maximum" => Statistic::Maximum,
        "Average" => Statistic::Average,
        other => panic!("{name}: unknown statistic {other}"),
    }
}

fn whole(value: f64) -> usize {
    let text = value.to_string();
    text.parse()
        .unwrap_or_else(|_| panic!("{value} is not whole"))
}

/// Puts expressions in the place of their ids.
fn expand(expression: &Expression, by_id: &BTreeMap<String, Expression>) -> Expression {
    let expand = |inner: &Expression| expand(inner, by_id);
    match expression {
        Expression::Id(id) => by_id.get(id).map_or_else(|| expression.clone(), expand),
        Expression::Number(_) => expression.clone(),
        Expression::Minus(inner) => Expression::Minus(Box::new(expand(inner))),
        Expression::Array(items) => Expression::Array(items.iter().map(expand).collect()),
        Expression::Call(function, items) => {
            Expression::Call(*function, items.iter().map(expand).collect())
        }
        Expression::Operation(operator, left, right) => {
            let (left, right) = (expand(left), expand(right));
            Expression::Operation(*operator, Box::new(left), Box::new(right))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Returns an alarm on the sum of two metrics.
    fn on_two() -> Value {
        let metric = |id: &str| {
            json!({"Id": id, "ReturnData": false, "MetricStat": {
                "Metric": {"Namespace": "AWS/SQS", "MetricName": id, "Dimensions": [
                    {"Name": "QueueName", "Value": {"Fn::If": ["Own", {"Fn::GetAtt": "Q.QueueName"}, "x"]}},
                ]},
                "Period": 300, "Stat": "Sum",
            }})
        };
        json!({
            "AlarmName": {"Fn::Sub": "${AWS::StackName}-Two"},
            "Metrics": [
                {"Id": "result", "Expression": {"Fn::Sub": "both * ${Factor}"}},
                {"Id": "both", "Expression": "SUM([a, b])", "ReturnData": false},
                metric("a"),
                metric("b"),
            ],
            "EvaluationPeriods": {"Ref": "Factor"},
            "ComparisonOperator": "LessThanOrEqualToThreshold",
            "Threshold": 1.5,
        })
    }

    fn read(properties: &Value, kind: &str) -> Vec<Alarm> {
        let template = json!({
            "Parameters": {"Factor": {"Default": 2}},
            "Conditions": {"Own": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Factor"}, "3"]}]}},
            "Resources": {"TwoAlarm": {"Type": kind, "Condition": "Own", "Properties": properties}},
        });
        let without = alarms(&template, &[("Factor", "3")]);
        assert!(without.is_empty(), "its condition does not hold");
        alarms(&template, &[])
    }

    #[test]
    fn alarm_is_read_with_parameters_and_other_expressions_put_in() {
        let [alarm] = read(&on_two(), "AWS::CloudWatch::Alarm")
            .try_into()
            .unwrap();
        assert_eq!(alarm.name, "Two");
        let result = expression::parse("SUM([a, b]) * 2").unwrap();
        assert_eq!(alarm.result, result);
        assert_eq!((alarm.period, alarm.evaluation_periods), (5, 2));
        assert_eq!(alarm.datapoints_to_alarm, 2);
        assert_eq!(alarm.comparison, Comparison::AtMost);
        assert_eq!(alarm.missing, MissingData::Missing);
        let queues = alarm
            .inputs
            .iter()
            .map(|input| &input.metric.dimensions["QueueName"]);
        assert_eq!(queues.collect::<Vec<_>>(), ["Q.QueueName"; 2]);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for (of, name, value) in [
            ("", "Unit", json!("Count")),
            ("", "AlarmName", json!("Two")),
            ("/Metrics/0", "Expression", json!("RATE(both)")),
            ("/Metrics/0", "Expression", json!("a * 2")),
            ("/Metrics/0", "ReturnData", json!(false)),
            ("/Metrics/1", "ReturnData", json!(true)),
            ("/Metrics/2", "AccountId", json!("1")),
            ("/Metrics/2/MetricStat", "Stat", json!("p99")),
            ("/Metrics/2/MetricStat", "Period", json!(60)),
            ("/Metrics/2/MetricStat", "Unit", json!("Count")),
            ("/Metrics/3", "Id", json!("a")),
            ("", "EvaluationPeriods", json!(289)),
            (
                "",
                "EvaluationPeriods",
                json!({"Fn::FindInMap": ["a", "b", "c"]}),
            ),
            ("", "ComparisonOperator", json!("LessThanLowerThreshold")),
        ] {
            let mut properties = on_two();
            properties.pointer_mut(of).unwrap()[name] = value;
            let read = || read(&properties, "AWS::CloudWatch::Alarm");
            assert!(std::panic::catch_unwind(read).is_err(), "{of} {name}");
        }
    }

    #[test]
    #[should_panic(expected = "nothing here evaluates AWS::CloudWatch::CompositeAlarm")]
    fn composite_alarm_is_refused() {
        read(&on_two(), "AWS::CloudWatch::CompositeAlarm");
    }
}
