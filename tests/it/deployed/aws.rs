//! A deployed stack as `--stack` sees it: CloudFormation, CloudWatch, Secrets Manager, EventBridge and
//! S3 are played here; queues, ledger and ingress are those of a `switchhook local`.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use ciborium::Value as Cbor;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};

use super::parts::{self, MAPPING, Parts};
use crate::lambda::http::{answer, serve};
use crate::programs::{Home, Local, Said, exchange, lock, request};

pub(super) const STACK: &str = "hooks";
pub(super) const REGION: &str = "eu-south-2";

/// An error that a service answers: its status, code and message.
type Trouble = (u16, &'static str, &'static str);

/// What the services know.
#[derive(Default)]
pub(super) struct Known {
    pub(super) status: String,
    pub(super) outputs: BTreeMap<&'static str, String>,
    pub(super) parameters: BTreeMap<&'static str, &'static str>,
    /// What the parts of the stack are like that only checks ask for.
    pub(super) parts: Parts,
    pub(super) secret: Option<String>,
    /// Accepted deliveries, as CloudWatch counted them: source and Unix time.
    pub(super) deliveries: Vec<(&'static str, i64)>,
    /// How long the oldest message of the queue has waited.
    pub(super) oldest_message: Option<f64>,
    /// What was put on the bus.
    pub(super) bus: Vec<Value>,
    /// What goes wrong, by operation.
    pub(super) troubles: HashMap<&'static str, Trouble>,
    /// The operations asked for.
    pub(super) asked: Vec<String>,
    /// Where SQS and DynamoDB are.
    port: String,
    /// Another name of a table, and its own.
    pub(super) renamed: Option<(&'static str, &'static str)>,
    /// The tables asked of, by the names used.
    pub(super) tables: Vec<String>,
}

/// The stack, and somebody elsewhere who works on it.
pub(super) struct Aws {
    /// Where the command is run: no data there.
    pub(super) home: Home,
    /// Where the stack's own `local` keeps its data.
    pub(super) behind: Home,
    pub(super) local: Local,
    /// The queues and the table.
    port: String,
    address: SocketAddr,
    known: Arc<Mutex<Known>>,
}

impl Aws {
    /// Starts a stack that has a document of sources.
    pub(super) async fn start(toml: &str) -> Self {
        let behind = Home::new();
        behind.write("switchhook.toml", toml);
        let mut local = behind.local(&["--aws-port", "0"]);
        let line = local.program.line_with("SQS and DynamoDB answer on");
        let port = line.split_once("http://").unwrap().1.to_owned();
        let document: toml::Table = toml.parse().unwrap();
        let known = Arc::new(Mutex::new(Known {
            status: "UPDATE_COMPLETE".to_owned(),
            outputs: outputs(&local.address, &port),
            parameters: parameters(),
            port: port.clone(),
            secret: Some(serde_json::to_string(&document).unwrap()),
            ..Known::default()
        }));
        let (served, bodies) = (Arc::clone(&known), behind.data().join("bodies"));
        let address = serve(move |request| {
            let answered = lock(&served).answer(&request, &bodies);
            async move { answered }
        });
        Self {
            home: Home::new(),
            behind,
            local,
            port,
            address: address.await,
            known,
        }
    }

    pub(super) fn known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut lock(&self.known))
    }

    /// Lets an operation go wrong.
    pub(super) fn trouble(&self, operation: &'static str, trouble: Trouble) {
        self.known(|known| known.troubles.insert(operation, trouble));
    }

    /// Returns the environment of somebody who may do everything.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let (own, port) = (
            format!("http://{}", self.address),
            format!("http://{}", self.port),
        );
        let variables = [
            ("HOME", self.home.path().to_str().unwrap()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_REGION", REGION),
            ("AWS_ENDPOINT_URL", &own),
            ("AWS_ENDPOINT_URL_SQS", &port),
        ];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        variables.map(owned).into()
    }

    /// Puts something on the queue that no consumer can handle.
    pub(super) fn bury(&self, group: &str) {
        let body = json!({
            "QueueUrl": self.known(|known| known.outputs["QueueUrl"].clone()), "MessageBody": "poison",
            "MessageGroupId": group, "MessageDeduplicationId": group,
        });
        let (body, target) = (body.to_string(), "AmazonSQS.SendMessage");
        let length = body.len().to_string();
        let headers = [
            ("x-amz-target", target),
            ("content-length", length.as_str()),
        ];
        let sent = exchange(&self.port, &request("POST", "/", &headers, body.as_bytes()));
        assert_eq!(sent.status, 200);
    }

    /// Runs a command on the stack with other variables; an empty one is not set.
    pub(super) fn run_with(&self, changes: &[(&str, &str)], args: &[&str]) -> Said {
        let mut variables = self.environment();
        for (name, value) in changes {
            variables.retain(|(known, _)| known != name);
            variables.push(((*name).to_owned(), (*value).to_owned()));
        }
        variables.retain(|(_, value)| !value.is_empty());
        let args = [args, &["--stack", STACK]].concat();
        self.home.run_with(&variables, &args)
    }

    /// Runs a command on the stack.
    pub(super) fn run(&self, args: &[&str]) -> Said {
        self.run_with(&[], args)
    }

    /// Runs a command on the stack that must end with 0 and say nothing beside its output.
    #[track_caller]
    pub(super) fn done(&self, args: &[&str]) -> Said {
        let said = self.run(args);
        let ended = (said.code, said.err.as_str());
        assert_eq!(ended, (Some(0), ""), "{args:?}: {}", said.out);
        said
    }
}

fn outputs(local: &str, port: &str) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("WebhooksUrl", format!("http://{local}/webhooks")),
        ("HealthUrl", format!("http://{local}/healthz")),
        ("TableName", "switchhook".to_owned()),
        ("BodiesBucket", "bodies".to_owned()),
        (
            "QueueUrl",
            format!("http://{port}/000000000000/switchhook.fifo"),
        ),
        (
            "DeadLetterQueueUrl",
            format!("http://{port}/000000000000/switchhook-dead-letters.fifo"),
        ),
        ("SourcesSecretArn", "arn:of:the:secret".to_owned()),
        ("RetentionDays", "60".to_owned()),
        ("BusName", "hooks-events".to_owned()),
        ("ConsumerEventSource", MAPPING.to_owned()),
        ("IngressFunction", "hooks-ingress".to_owned()),
        ("ConsumerFunction", "hooks-consumer".to_owned()),
        ("AlarmTopic", "arn:aws:sns:eu-south-2:1:alarms".to_owned()),
        ("PipeName", "hooks-events".to_owned()),
    ])
}

fn parameters() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([
        ("AccountConcurrency", "1000"),
        ("ConsumerMaximumConcurrency", "10"),
        ("IngressReservedConcurrency", ""),
        ("Rollout", "None"),
        ("SilenceHours", "0"),
    ])
}

impl Known {
    fn answer(
        &mut self,
        request: &Request<Bytes>,
        bodies: &std::path::Path,
    ) -> Response<Full<Bytes>> {
        let signature = request.headers()["authorization"].to_str().unwrap();
        assert!(signature.contains(REGION), "{signature}");
        let path = request.uri().path();
        let target = request.headers().get("x-amz-target");
        let target = target.map(|target| target.to_str().unwrap().to_owned());
        let query = String::from_utf8_lossy(request.body());
        let action = query
            .split('&')
            .find_map(|field| field.strip_prefix("Action="));
        let operation = match &target {
            Some(target) => target.rsplit('.').next().unwrap().to_owned(),
            None if path.starts_with("/service/") => path.rsplit('/').next().unwrap().to_owned(),
            None if path == "/bodies" || path == "/bodies/" => "ListObjectsV2".to_owned(),
            None if path.starts_with("/bodies/") && request.method() == "DELETE" => {
                "DeleteObject".to_owned()
            }
            None if path.starts_with("/bodies/") => "GetObject".to_owned(),
            None => match parts::operation(request.method(), path) {
                Some(operation) => operation.to_owned(),
                None => action.unwrap().to_owned(),
            },
        };
        self.asked.push(operation.clone());
        if let Some((status, code, message)) = self.troubles.get(operation.as_str()) {
            return failure(&operation, *status, code, message);
        }
        let json = || serde_json::from_slice(request.body()).unwrap();
        match operation.as_str() {
            "DescribeStacks" => self.describe_stacks(request.body()),
            "GetMetricData" => self.metric_data(request.body()),
            "GetSecretValue" => match &self.secret {
                Some(secret) => answer(200, json!({"SecretString": secret}).to_string()),
                None => failure(&operation, 400, "ResourceNotFoundException", "no value"),
            },
            "PutSecretValue" => {
                let put: Value = json();
                assert_eq!(put["SecretId"], "arn:of:the:secret");
                self.secret = put["SecretString"].as_str().map(str::to_owned);
                answer(200, json!({"VersionId": "v"}).to_string())
            }
            "PutEvents" => {
                let put: Value = json();
                self.bus.extend(put["Entries"].as_array().unwrap().clone());
                answer(200, json!({"Entries": [{"EventId": "e"}]}).to_string())
            }
            "ListObjectsV2" => answer(200, list_of(bodies)),
            "DeleteObject" => {
                let key = path.strip_prefix("/bodies/").unwrap();
                std::fs::remove_file(bodies.join(key)).unwrap();
                answer(204, "")
            }
            "GetObject" => {
                let key = path.strip_prefix("/bodies/").unwrap();
                answer(200, std::fs::read(bodies.join(key)).unwrap())
            }
            other => {
                if let Some(answer) = self.parts.answer(other, request) {
                    return answer;
                }
                assert!(
                    target.as_ref().is_some_and(|target| {
                        target.starts_with("DynamoDB_") || target.starts_with("AmazonSQS")
                    }),
                    "nobody plays {other}"
                );
                self.of_local(request)
            }
        }
    }

    /// Asks the stack's own table.
    fn of_local(&mut self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let target = request.headers()["x-amz-target"].to_str().unwrap();
        let mut body = String::from_utf8(request.body().to_vec()).unwrap();
        let asked: Value = serde_json::from_str(&body).unwrap();
        let named = asked["TableName"].as_str().map(str::to_owned);
        let batch = asked["RequestItems"].as_object();
        let batch = batch.and_then(|tables| tables.keys().next().cloned());
        self.tables.extend(named.or(batch));
        if let Some((other, own)) = self.renamed {
            body = body.replace(&format!("\"{other}\""), &format!("\"{own}\""));
        }
        let length = body.len().to_string();
        let headers = [
            ("x-amz-target", target),
            ("content-length", length.as_str()),
        ];
        let asked = self::request("POST", "/", &headers, body.as_bytes());
        let answered = exchange(&self.port, &asked);
        let mut text = String::from_utf8(answered.body).unwrap();
        if let Some((other, own)) = self.renamed {
            text = text.replace(&format!("\"{own}\":["), &format!("\"{other}\":["));
        }
        answer(answered.status, text)
    }

    fn describe_stacks(&self, asked: &[u8]) -> Response<Full<Bytes>> {
        let asked = String::from_utf8_lossy(asked);
        let is_there = !self.status.is_empty();
        if !is_there || !asked.split('&').any(|field| field == "StackName=hooks") {
            let message = "Stack with id other does not exist";
            return failure("DescribeStacks", 400, "ValidationError", message);
        }
        let output = |(key, value): (&&str, &String)| {
            format!(
                "<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
            )
        };
        let outputs: String = self.outputs.iter().map(output).collect();
        let parameter = |(key, value): (&&str, &&str)| {
            format!(
                "<member><ParameterKey>{key}</ParameterKey><ParameterValue>{value}</ParameterValue></member>"
            )
        };
        let parameters: String = self.parameters.iter().map(parameter).collect();
        let status = &self.status;
        answer(
            200,
            format!(
                "<DescribeStacksResponse><DescribeStacksResult><Stacks><member>\
                 <StackName>hooks</StackName><StackStatus>{status}</StackStatus>\
                 <CreationTime>2020-01-02T03:04:05.678Z</CreationTime>\
                 <Parameters>{parameters}</Parameters><Outputs>{outputs}</Outputs></member></Stacks></DescribeStacksResult>\
                 </DescribeStacksResponse>"
            ),
        )
    }

    /// Sums as CloudWatch does: by periods from the start of what is asked for on.
    fn metric_data(&self, asked: &[u8]) -> Response<Full<Bytes>> {
        let asked: Cbor = ciborium::from_reader(asked).unwrap();
        let secs = |name: &str| match field(&asked, name) {
            Cbor::Tag(1, time) => whole(time),
            other => panic!("{name}: {other:?}"),
        };
        let (start, end) = (secs("StartTime"), secs("EndTime"));
        let queries = field(&asked, "MetricDataQueries").as_array().unwrap();
        let results = queries.iter().map(|query| {
            let stat = field(query, "MetricStat");
            let period = whole(field(stat, "Period"));
            let points = self.points(stat, (start, end, period));
            map([
                ("Id", field(query, "Id").clone()),
                (
                    "Timestamps",
                    Cbor::Array(points.keys().map(|at| time(*at)).collect()),
                ),
                (
                    "Values",
                    Cbor::Array(points.values().map(|sum| Cbor::Float(*sum)).collect()),
                ),
                ("StatusCode", Cbor::Text("Complete".to_owned())),
            ])
        });
        let results = Cbor::Array(results.collect());
        cbor(200, &map([("MetricDataResults", results)]))
    }

    fn points(&self, stat: &Cbor, span: (i64, i64, i64)) -> BTreeMap<i64, f64> {
        let metric = field(stat, "Metric");
        let text = |value: &Cbor| value.as_text().unwrap().to_owned();
        let dimensions = field(metric, "Dimensions").as_array().unwrap();
        let dimensions: BTreeMap<_, _> = dimensions
            .iter()
            .map(|one| (text(field(one, "Name")), text(field(one, "Value"))))
            .collect();
        let named = |name: &str| dimensions[name].as_str();
        let (start, end, period) = span;
        match text(field(metric, "MetricName")).as_str() {
            "Deliveries" => {
                assert_eq!((named("Stack"), named("Status")), (STACK, "200"));
                assert_eq!(start % period, 0, "periods that others see too");
                let mut sums = BTreeMap::new();
                let within = self
                    .deliveries
                    .iter()
                    .filter(|(source, at)| *source == named("Source") && (start..end).contains(at));
                for (_, at) in within {
                    *sums.entry(at - (at - start) % period).or_default() += 1.0;
                }
                sums
            }
            "ApproximateAgeOfOldestMessage" => {
                assert_eq!(named("QueueName"), "switchhook.fifo");
                self.oldest_message
                    .map(|age| (end - 60, age))
                    .into_iter()
                    .collect()
            }
            other => panic!("nobody counts {other}"),
        }
    }
}

/// Lists what lies in a folder as a bucket does.
fn list_of(bodies: &std::path::Path) -> String {
    let mut list = String::new();
    for source in std::fs::read_dir(bodies).into_iter().flatten() {
        let source = source.unwrap();
        for body in std::fs::read_dir(source.path()).unwrap() {
            let (source, body) = (source.file_name(), body.unwrap().file_name());
            let (source, body) = (source.to_str().unwrap(), body.to_str().unwrap());
            list.push_str(&format!("<Contents><Key>{source}/{body}</Key></Contents>"));
        }
    }
    format!("<ListBucketResult>{list}</ListBucketResult>")
}

/// Answers an error as the service of an operation writes it.
fn failure(operation: &str, status: u16, code: &str, message: &str) -> Response<Full<Bytes>> {
    match operation {
        "DescribeStacks" | "ListSubscriptionsByTopic" => answer(
            status,
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
            ),
        ),
        "GetObject" | "ListObjectsV2" => answer(
            status,
            format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"),
        ),
        "GetMetricData" | "DescribeAlarms" | "DescribeAlarmHistory" => {
            let text = |text: &str| Cbor::Text(text.to_owned());
            cbor(
                status,
                &map([("__type", text(code)), ("message", text(message))]),
            )
        }
        // What is asked for by its path has the code in a header, and the letter of the message large.
        _ => {
            let body = json!({"__type": code, "message": message, "Message": message});
            let mut answer = answer(status, body.to_string());
            let headers = answer.headers_mut();
            headers.insert("x-amzn-errortype", code.parse().unwrap());
            answer
        }
    }
}

pub(super) fn cbor(status: u16, value: &Cbor) -> Response<Full<Bytes>> {
    let mut body = Vec::new();
    ciborium::into_writer(value, &mut body).unwrap();
    let mut answer = answer(status, body);
    let headers = answer.headers_mut();
    headers.insert("smithy-protocol", "rpc-v2-cbor".parse().unwrap());
    headers.insert("content-type", "application/cbor".parse().unwrap());
    answer
}

pub(super) fn map<const N: usize>(fields: [(&str, Cbor); N]) -> Cbor {
    let fields = fields.map(|(name, value)| (Cbor::Text(name.to_owned()), value));
    Cbor::Map(fields.into())
}

pub(super) fn field<'a>(map: &'a Cbor, name: &str) -> &'a Cbor {
    let fields = map.as_map().unwrap();
    let named = fields.iter().find(|(key, _)| key.as_text() == Some(name));
    &named.unwrap_or_else(|| panic!("no {name} in {map:?}")).1
}

fn time(secs: i64) -> Cbor {
    Cbor::Tag(1, Box::new(Cbor::Integer(secs.into())))
}

#[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
fn whole(value: &Cbor) -> i64 {
    match value {
        Cbor::Integer(number) => i128::from(*number) as i64,
        Cbor::Float(number) => *number as i64,
        other => panic!("no number: {other:?}"),
    }
}
