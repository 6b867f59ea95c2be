//! The parts of a deployed stack that only checks and `pause` ask for: Lambda's functions and event source,
//! the pipe, the alarms and their topic, and what the table is set to.

use bytes::Bytes;
use ciborium::Value as Cbor;
use http::{Method, Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};

use super::aws::{cbor, field, map};
use crate::lambda::http::answer;

/// The id of the event source mapping.
pub(super) const MAPPING: &str = "01234567-89ab-cdef-0123-456789abcdef";

/// Lambda's word for the processor that `switchhook local` runs on.
pub(super) const HERE: &str = match std::env::consts::ARCH.as_bytes() {
    b"aarch64" => "arm64",
    _ => "x86_64",
};

const MAPPINGS: &str = "/2015-03-31/event-source-mappings/";
const FUNCTIONS: &str = "/2015-03-31/functions/";
const PIPES: &str = "/v1/pipes/";

/// What they are like.
#[derive(Debug)]
pub(super) struct Parts {
    /// The states of the event source from now on: the last one stays.
    pub(super) mapping: Vec<&'static str>,
    /// How often a change is refused, since another one is under way.
    pub(super) busy: usize,
    /// What was asked of the event source.
    pub(super) changes: Vec<bool>,
    /// How long a change takes: how often it is looked at until it is done.
    pub(super) looks_per_change: usize,
    /// Functions by name and qualifier.
    pub(super) functions: Vec<(&'static str, Option<&'static str>, Value)>,
    pub(super) concurrency: (i64, i64),
    pub(super) pipe: &'static str,
    pub(super) subscriptions: Vec<&'static str>,
    /// Alarms and their states.
    pub(super) alarms: Vec<(&'static str, &'static str)>,
    /// What alarms did.
    pub(super) history: Vec<(&'static str, &'static str)>,
    pub(super) table: Value,
    pub(super) expiry: &'static str,
    pub(super) recovery: &'static str,
}

impl Default for Parts {
    /// All is well.
    fn default() -> Self {
        let function = || {
            json!({
                "State": "Active", "LastUpdateStatus": "Successful", "Architectures": [HERE],
                "CodeSha256": "digest", "MemorySize": 512, "Timeout": 30, "Version": "$LATEST",
            })
        };
        Self {
            mapping: vec!["Enabled"],
            busy: 0,
            changes: Vec::new(),
            looks_per_change: 1,
            functions: vec![
                ("hooks-ingress", None, function()),
                ("hooks-consumer", None, function()),
            ],
            concurrency: (1_000, 1_000),
            pipe: "RUNNING",
            subscriptions: vec!["arn:aws:sns:eu-south-2:1:alarms:subscription"],
            alarms: vec![
                ("hooks-DeadLetters", "OK"),
                ("hooks-Silence", "INSUFFICIENT_DATA"),
            ],
            history: vec![(
                "hooks-DeadLetters",
                "Successfully executed action arn:aws:sns",
            )],
            table: json!({
                "DeletionProtectionEnabled": true,
                "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"},
            }),
            expiry: "ENABLED",
            recovery: "ENABLED",
        }
    }
}

/// Returns what a path asks for.
pub(super) fn operation(method: &Method, path: &str) -> Option<&'static str> {
    Some(match (method, path) {
        (&Method::GET, path) if path.starts_with(MAPPINGS) => "GetEventSourceMapping",
        (&Method::PUT, path) if path.starts_with(MAPPINGS) => "UpdateEventSourceMapping",
        (_, path) if path.starts_with(FUNCTIONS) => "GetFunctionConfiguration",
        (_, "/2016-08-19/account-settings") => "GetAccountSettings",
        (_, path) if path.starts_with(PIPES) => "DescribePipe",
        _ => return None,
    })
}

impl Parts {
    /// Answers what is asked of these parts; `None` for everything else.
    pub(super) fn answer(
        &mut self,
        operation: &str,
        request: &Request<Bytes>,
    ) -> Option<Response<Full<Bytes>>> {
        Some(match operation {
            "GetEventSourceMapping" => self.mapping(request.uri().path()),
            "UpdateEventSourceMapping" => self.change(request.body()),
            "GetFunctionConfiguration" => self.function(request.uri()),
            "GetAccountSettings" => {
                let (total, unreserved) = self.concurrency;
                let limit = json!({
                    "ConcurrentExecutions": total, "UnreservedConcurrentExecutions": unreserved,
                    "TotalCodeSize": 1, "CodeSizeUnzipped": 1, "CodeSizeZipped": 1,
                });
                said(&json!({"AccountLimit": limit}))
            }
            "DescribePipe" => {
                let queue = "arn:aws:sqs:eu-south-2:000000000000:switchhook-dead-letters.fifo";
                let stream =
                    json!({"DeadLetterConfig": {"Arn": queue}, "StartingPosition": "LATEST"});
                said(&json!({
                    "Name": "hooks-events", "CurrentState": self.pipe, "StateReason": "because",
                    "SourceParameters": {"DynamoDBStreamParameters": stream},
                }))
            }
            "ListSubscriptionsByTopic" => self.subscribers(),
            "DescribeAlarms" => self.alarms(request.body()),
            "DescribeAlarmHistory" => self.history(),
            "DescribeTable" => said(&json!({"Table": self.table})),
            "DescribeTimeToLive" => {
                let expiry =
                    json!({"TimeToLiveStatus": self.expiry, "AttributeName": "expires_at"});
                said(&json!({"TimeToLiveDescription": expiry}))
            }
            "DescribeContinuousBackups" => {
                let recovery = json!({"PointInTimeRecoveryStatus": self.recovery});
                let backups = json!({
                    "ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": recovery,
                });
                said(&json!({"ContinuousBackupsDescription": backups}))
            }
            _ => return None,
        })
    }

    fn mapping(&mut self, path: &str) -> Response<Full<Bytes>> {
        assert!(path.ends_with(MAPPING), "{path}");
        let state = match self.mapping.len() {
            1 => self.mapping[0],
            _ => self.mapping.remove(0),
        };
        said(&json!({"UUID": MAPPING, "State": state}))
    }

    fn change(&mut self, body: &[u8]) -> Response<Full<Bytes>> {
        let body: Value = serde_json::from_slice(body).unwrap();
        let is_enabled = body["Enabled"].as_bool().unwrap();
        assert_eq!(body.as_object().unwrap().len(), 1, "nothing else changes");
        if self.busy > 0 {
            self.busy -= 1;
            let mut refused = answer(400, json!({"Message": "in use"}).to_string());
            let code = "ResourceInUseException".parse().unwrap();
            refused.headers_mut().insert("x-amzn-errortype", code);
            return refused;
        }
        self.changes.push(is_enabled);
        let (becoming, done) = match is_enabled {
            true => ("Enabling", "Enabled"),
            false => ("Disabling", "Disabled"),
        };
        self.mapping = vec![becoming; self.looks_per_change];
        self.mapping.push(done);
        said(&json!({"UUID": MAPPING, "State": becoming}))
    }

    fn function(&self, uri: &http::Uri) -> Response<Full<Bytes>> {
        let path = uri.path().strip_prefix(FUNCTIONS).unwrap();
        let name = path.strip_suffix("/configuration").unwrap();
        let qualifier = uri
            .query()
            .and_then(|query| query.strip_prefix("Qualifier="));
        let mut functions = self.functions.iter();
        match functions.find(|(known, of, _)| *known == name && *of == qualifier) {
            Some((_, _, function)) => said(function),
            None => {
                let mut refused = answer(404, json!({"Message": "no such function"}).to_string());
                let code = "ResourceNotFoundException".parse().unwrap();
                refused.headers_mut().insert("x-amzn-errortype", code);
                refused
            }
        }
    }

    fn subscribers(&self) -> Response<Full<Bytes>> {
        let member = |arn: &&str| {
            format!(
                "<member><SubscriptionArn>{arn}</SubscriptionArn><Protocol>email</Protocol></member>"
            )
        };
        let members: String = self.subscriptions.iter().map(member).collect();
        answer(
            200,
            format!(
                "<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult>\
                 <Subscriptions>{members}</Subscriptions>\
                 </ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>"
            ),
        )
    }

    fn alarms(&self, body: &[u8]) -> Response<Full<Bytes>> {
        let asked: Cbor = ciborium::from_reader(body).unwrap();
        let prefix = field(&asked, "AlarmNamePrefix")
            .as_text()
            .unwrap()
            .to_owned();
        assert_eq!(prefix, "hooks-");
        let alarms = self.alarms.iter().map(|(name, state)| {
            map([
                ("AlarmName", Cbor::Text((*name).to_owned())),
                ("StateValue", Cbor::Text((*state).to_owned())),
            ])
        });
        cbor(200, &map([("MetricAlarms", Cbor::Array(alarms.collect()))]))
    }

    fn history(&self) -> Response<Full<Bytes>> {
        let items = self.history.iter().map(|(name, summary)| {
            map([
                ("AlarmName", Cbor::Text((*name).to_owned())),
                ("HistoryItemType", Cbor::Text("Action".to_owned())),
                ("HistorySummary", Cbor::Text((*summary).to_owned())),
            ])
        });
        let items = Cbor::Array(items.collect());
        cbor(200, &map([("AlarmHistoryItems", items)]))
    }
}

fn said(value: &Value) -> Response<Full<Bytes>> {
    answer(200, value.to_string())
}
