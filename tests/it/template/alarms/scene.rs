//! What AWS and the functions report of a stack, minute by minute, as metric data.

use super::definition::{Metric, STACK};
use super::evaluation::Data;

/// What happens to a stack within a minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Minute {
    /// Deliveries that the ingress answers, by status.
    pub(super) answers: Vec<(&'static str, f64)>,
    /// Requests that API Gateway answers itself, since the ingress crashes or is throttled.
    pub(super) gateway_5xx: f64,
    /// Requests to URLs without a route, which API Gateway answers itself.
    pub(super) gateway_404: f64,
    /// Whether SQS reports anything of the main queue: not when it was left alone for six hours.
    pub(super) queue_asleep: bool,
    /// Whether the event source mapping does not fetch.
    pub(super) not_polled: bool,
    /// Messages that wait to be fetched.
    pub(super) visible: f64,
    /// Age of the oldest message, where there is one.
    pub(super) age: Option<f64>,
    /// Messages fetched.
    pub(super) received: f64,
    /// Runs of the consumer, and those that failed as a whole.
    pub(super) consumer_runs: f64,
    pub(super) consumer_errors: f64,
    /// Events recorded.
    pub(super) recorded: f64,
    /// Writes that DynamoDB throttles.
    pub(super) throttled_table: f64,
    pub(super) throttled_index: f64,
    /// Concurrency taken in the account, where anything runs in it.
    pub(super) claimed: f64,
    /// Counts of the functions' own, by metric.
    pub(super) counts: Vec<(&'static str, f64)>,
    /// Age of the oldest dead letter, where there is one.
    pub(super) dead_letter_age: Option<f64>,
    /// Whether the pipe is stopped.
    pub(super) pipe_stopped: bool,
    /// Executions of the pipe that went wrong, by metric.
    pub(super) pipe: Vec<(&'static str, f64)>,
    /// Messages in the pipe's dead-letter queue.
    pub(super) pipe_dead_letters: f64,
}

/// How a stack is used when nothing is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Traffic {
    /// Nothing was sent yet.
    None,
    /// A delivery an hour.
    Quiet,
    /// Five deliveries a minute.
    Steady,
    /// Thousands a minute, with duplicates, mistakes of senders and scanners.
    Busy,
    /// Busy for twelve hours, then nothing for twelve.
    DayAndNight,
}

/// Whether a service reports a zero while nothing happens: the documentation says of some metrics that they are
/// reported while the resource is active, and of some of them elsewhere that they are not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Zeros {
    Reported,
    Missing,
}

impl Traffic {
    /// Returns a minute of it.
    pub(super) fn minute(self, minute: usize) -> Minute {
        let rest = |divisor: usize| minute % divisor;
        let accepted = match self {
            Self::None => 0.0,
            Self::Quiet if rest(60) == 17 => 1.0,
            Self::Quiet => 0.0,
            Self::Steady => 5.0,
            Self::Busy => 3_000.0,
            Self::DayAndNight if rest(24 * 60) < 12 * 60 => 3_000.0,
            Self::DayAndNight => 0.0,
        };
        let mut it = Minute {
            received: accepted,
            recorded: accepted,
            consumer_runs: accepted,
            claimed: if accepted > 0.0 {
                1.0 + accepted / 50.0
            } else {
                0.0
            },
            age: (accepted > 0.0).then_some(4.0),
            visible: (accepted / 100.0).floor(),
            ..Minute::default()
        };
        it.answer("200", accepted);
        if accepted >= 3_000.0 {
            it.recorded -= 90.0;
            it.count("Duplicates", 90.0);
            it.answer("404", 1.0);
            it.gateway_404 = 20.0;
            if rest(5) == 0 {
                it.answer("401", 2.0);
            }
            if rest(720) < 6 {
                it.answer("404", 200.0);
            }
            if rest(30) == 0 {
                it.count("Unrecognised", 1.0);
                it.count("ImplausibleTimes", 1.0);
            }
        }
        it
    }
}

impl Minute {
    /// Adds deliveries that the ingress answers with a status.
    pub(super) fn answer(&mut self, status: &'static str, number: f64) {
        self.answers.push((status, number));
    }

    /// Adds to a count of the functions.
    pub(super) fn count(&mut self, metric: &'static str, number: f64) {
        self.counts.push((metric, number));
    }

    /// Returns how many deliveries are accepted.
    pub(super) fn accepted(&self) -> f64 {
        let accepted = self.answers.iter().filter(|(status, _)| *status == "200");
        accepted.map(|(_, number)| number).sum()
    }

    /// Gives accepted deliveries another answer: nothing is queued, and so nothing recorded.
    pub(super) fn refuse(&mut self, status: &'static str) {
        for (answered, _) in &mut self.answers {
            if *answered == "200" {
                *answered = status;
            }
        }
        self.nothing_handled();
        (self.visible, self.age) = (0.0, None);
    }

    /// Takes out what the consumer did.
    pub(super) fn nothing_handled(&mut self) {
        (self.received, self.consumer_runs, self.recorded) = (0.0, 0.0, 0.0);
        self.counts.retain(|(metric, _)| *metric != "Duplicates");
    }

    /// Writes what is reported of it.
    pub(super) fn report(&self, data: &mut Data, minute: usize, zeros: Zeros) {
        let mut put = |metric: &Metric, value: f64| data.put(metric, minute, value);
        let mut seldom = |metric: &Metric, value: f64, active: bool| {
            if value > 0.0 || (active && zeros == Zeros::Reported) {
                put(metric, value);
            }
        };
        let answered: f64 = self.answers.iter().map(|(_, number)| number).sum();
        let requests = answered + self.gateway_5xx + self.gateway_404;
        let unavailable = self.answers.iter().filter(|(status, _)| *status == "503");
        let unavailable: f64 = unavailable.map(|(_, number)| number).sum();
        let api = |name| aws("ApiGateway", name, &[("ApiId", "Api")]);
        seldom(&api("Count"), requests, false);
        seldom(&api("5xx"), unavailable + self.gateway_5xx, requests > 0.0);
        for (status, number) in &self.answers {
            let status = ("Status", *status);
            if status.1 != "404" {
                let of = [("Stack", STACK), ("Source", "sms"), status];
                seldom(&ours("Deliveries", &of), *number, false);
            }
            if status.1 != "200" {
                let of = [("Stack", STACK), status];
                seldom(&ours("Deliveries", &of), *number, false);
            }
        }

        let queue = |name| aws("SQS", name, &[("QueueName", "Queue.QueueName")]);
        let active = !self.queue_asleep;
        if active {
            seldom(&queue("NumberOfMessagesSent"), self.accepted(), true);
            seldom(
                &queue("ApproximateAgeOfOldestMessage"),
                self.age.unwrap_or_default(),
                true,
            );
            // Where there is always a message, no poll comes back empty.
            let empty = if self.not_polled || self.received >= 1_000.0 {
                0.0
            } else {
                15.0
            };
            seldom(&queue("NumberOfEmptyReceives"), empty, true);
            seldom(&queue("NumberOfMessagesReceived"), self.received, true);
        }
        let dead = |name| aws("SQS", name, &[("QueueName", "DeadLetters.QueueName")]);
        let age = self.dead_letter_age.unwrap_or_default();
        seldom(&dead("ApproximateAgeOfOldestMessage"), age, false);
        let of = [("QueueName", "PipeDeadLetters.QueueName")];
        let pipe_dead = aws("SQS", "ApproximateNumberOfMessagesVisible", &of);
        seldom(&pipe_dead, self.pipe_dead_letters, false);

        let consumer = [("FunctionName", "Consumer")];
        let runs = self.consumer_runs > 0.0;
        let errors = aws("Lambda", "Errors", &consumer);
        seldom(
            &aws("Lambda", "ClaimedAccountConcurrency", &[]),
            self.claimed,
            false,
        );
        let table = ("TableName", "Ledger");
        let index = ("GlobalSecondaryIndexName", "by_time");
        let throttles = |of: &[(&str, &str)]| aws("DynamoDB", "WriteThrottleEvents", of);
        seldom(&throttles(&[table]), self.throttled_table, false);
        seldom(&throttles(&[table, index]), self.throttled_index, false);

        seldom(&ours("Events", &[("Stack", STACK)]), self.recorded, false);
        for (metric, number) in &self.counts {
            let by_source = ["Duplicates", "Variants", "SlugReplays"].contains(metric);
            let of: &[_] = if by_source {
                &[("Stack", STACK), ("Source", "sms")]
            } else {
                &[("Stack", STACK)]
            };
            seldom(&ours(metric, of), *number, false);
        }

        let pipe = |name| aws("EventBridge/Pipes", name, &[("PipeName", "Pipe")]);
        let executions = if self.pipe_stopped {
            0.0
        } else {
            (self.recorded / 10.0).ceil()
        };
        seldom(&pipe("Invocations"), executions, false);
        for name in PIPE_FAILURES {
            let failures = self.pipe.iter().filter(|(failed, _)| *failed == name);
            let failures = failures.map(|(_, number)| number).sum();
            seldom(&pipe(name), failures, executions > 0.0);
        }
        // These two are reported whatever else is missing: of a queue that is awake, of a function that runs.
        if active {
            put(&queue("ApproximateNumberOfMessagesVisible"), self.visible);
        }
        if runs {
            put(&errors, self.consumer_errors);
        }
    }
}

/// What a pipe reports of executions that went wrong.
const PIPE_FAILURES: [&str; 5] = [
    "ExecutionFailed",
    "ExecutionPartiallyFailed",
    "ExecutionThrottled",
    "ExecutionTimeout",
    "TargetStagePartiallyFailed",
];

/// Metrics of AWS that alarms may use: their dimensions, and the statistics that mean something, as the pages of
/// the services document them.
pub(super) const AWS_METRICS: &[(&str, &[&str], &[&str], &str)] = &[
    ("AWS/ApiGateway", &["5xx", "Count"], &["ApiId"], "Sum"),
    (
        "AWS/DynamoDB",
        &["WriteThrottleEvents"],
        &["TableName"],
        "Sum",
    ),
    (
        "AWS/DynamoDB",
        &["WriteThrottleEvents"],
        &["GlobalSecondaryIndexName", "TableName"],
        "Sum",
    ),
    (
        "AWS/EventBridge/Pipes",
        &[
            "Invocations",
            "ExecutionFailed",
            "ExecutionPartiallyFailed",
            "ExecutionThrottled",
            "ExecutionTimeout",
            "TargetStagePartiallyFailed",
        ],
        &["PipeName"],
        "Sum",
    ),
    ("AWS/Lambda", &["ClaimedAccountConcurrency"], &[], "Maximum"),
    ("AWS/Lambda", &["Errors"], &["FunctionName"], "Sum"),
    (
        "AWS/SQS",
        &[
            "NumberOfEmptyReceives",
            "NumberOfMessagesReceived",
            "NumberOfMessagesSent",
        ],
        &["QueueName"],
        "Sum",
    ),
    (
        "AWS/SQS",
        &[
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesVisible",
        ],
        &["QueueName"],
        "Maximum",
    ),
];

fn aws(service: &str, name: &str, dimensions: &[(&str, &str)]) -> Metric {
    metric(&format!("AWS/{service}"), name, dimensions)
}

fn ours(name: &str, dimensions: &[(&str, &str)]) -> Metric {
    metric("Switchhook", name, dimensions)
}

fn metric(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Metric {
    let dimensions = dimensions.iter();
    let dimensions = dimensions.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Metric {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        dimensions: dimensions.collect(),
    }
}
