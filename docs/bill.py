#!/usr/bin/env python3
"""Computes what Switchhook costs on AWS, and writes docs/bill.md and the summary in docs/operations.md.

It multiplies list prices (docs/prices.json) by counts: what the real programs ask of AWS and log
(docs/bill-counts.json, which a test of the workspace measures and holds), what the template holds (template.yaml: alarms,
dashboards, secrets, memory, tracing, the format of the access log), and the processor time that the
benchmark measured (docs/performance/figures/functions.json). What is assumed stands in this file
under "Assumed", and in the page.
"""

import argparse
import json
import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parent
MILLION = 1_000_000
KIB = 1024
CHUNK = 64 * KIB  # what SQS, a bus and a pipe count as one
API_CHUNK = 512 * KIB
LOG_LINE_OVERHEAD = 26  # bytes that CloudWatch counts for each line beside its text
HOURS_A_MONTH = 730

# ---------------------------------------------------------------- Assumed

SQS_WAIT_MS = 8
DYNAMODB_WAIT_MS = 5
S3_WAIT_MS = 20
FULL_PROCESSOR_MB = 1769  # the memory that buys one whole processor
POLLERS = 5  # of an event source with a maximum concurrency: they are not scaled down
POLLS_A_MINUTE = 3  # 20 seconds each
SECRET_READS_AN_HOUR = 12  # of an execution environment that is always warm
GATEWAY_BYTES = 170  # status line and headers that API Gateway adds to an answer
KMS_CALLERS = 5  # ingress and consumer at the queue, both at the table or secret, the pollers
KMS_REUSE_S = 300
OFFICE_HOURS_A_MONTH = 22 * 8

# Typical values of an access log line; `-` is what API Gateway writes where there is none.
CONTEXT = {
    "error.message": "-",
    "error.responseType": "-",
    "identity.sourceIp": "203.0.113.119",
    "identity.userAgent": "AISync-Webhooks/1.0",
    "integration.error": "-",
    "integration.integrationStatus": "200",
    "integration.latency": "12",
    "integration.requestId": "8f5d6a2e-1b7c-4f7e-9a51-0c2d3e4f5a6b",
    "integration.status": "200",
    "integrationErrorMessage": "-",
    "integrationLatency": "12",
    "integrationStatus": "200",
    "protocol": "HTTP/1.1",
    "requestId": "JKJaXmPLvHcESHA=",
    "requestTimeEpoch": "1796040000",
    "responseLatency": "14",
    "responseLength": "86",
    "routeKey": "ANY /webhooks/{proxy+}",
    "status": "200",
}

# What the naive peer's functions log of one run: Lambda's own lines in their default format, with
# tracing on, and one line of Powertools' logger for an event with its context.
PEER_ID = "8f5d6a2e-1b7c-4f7e-9a51-0c2d3e4f5a6b"
PEER_RUN_LINES = [
    f"START RequestId: {PEER_ID} Version: $LATEST\n",
    f"END RequestId: {PEER_ID}\n",
    f"REPORT RequestId: {PEER_ID}\tDuration: 28.14 ms\tBilled Duration: 29 ms\tMemory Size: 512 MB\t"
    "Max Memory Used: 124 MB\t\nXRAY TraceId: 1-5759e988-bd862e3fe1be46a994272793\t"
    "SegmentId: 53995c3f42cd8ad8\tSampled: true\t\n",
]
PEER_EVENT_LINE = (
    '{"level":"INFO","message":"event handled","timestamp":"2026-11-30T12:00:00.000Z","service":"hooks",'
    '"cold_start":false,"function_arn":"arn:aws:lambda:us-east-1:123456789012:function:hooks-consumer",'
    '"function_memory_size":"512","function_name":"hooks-consumer",'
    f'"function_request_id":"{PEER_ID}","sampling_rate":0,'
    '"xray_trace_id":"1-5759e988-bd862e3fe1be46a994272793",'
    '"event_id":"01a2b3c4-d5e6-7f80-9a1b-2c3d4e5f6071","source":"voice"}'
)

# ---------------------------------------------------------------- what is held against goals

CASES = [
    ("one", "messages received one at a time"),
    ("ten", "ten messages a batch"),
    ("list", "ten events a delivery"),
]
PAYLOADS = [("median", "the median documented payload"), ("2 KB", "a payload of 2 KB")]
GOALS = {("median", "one"): 6.00, ("median", "ten"): 4.60, ("median", "list"): 3.00}
FIXED_GOAL = 8.00


class BillError(Exception):
    """A reason why there is no bill."""


@dataclass(frozen=True)
class Line:
    """One line of a bill."""

    what: str
    arithmetic: str
    dollars: float


def total(lines):
    return sum(line.dollars for line in lines)


def cents(dollars):
    """Writes dollars with two digits, a half rounded up.

    >>> cents(0.625), cents(0.124), cents(3)
    ('0.63', '0.12', '3.00')
    """
    return f"{dollars + 1e-9:.2f}"


def number(value):
    """Writes a count shortly.

    >>> number(3), number(0.1), number(1234567), number(2.13)
    ('3', '0.1', '1,234,567', '2.13')
    """
    text = f"{value:,.3f}" if value < 100 else f"{value:,.0f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class Prices:
    """The list prices."""

    def __init__(self, document):
        self.gigabyte = document["gigabyte"]
        self.prices = document["prices"]

    def of(self, name, count):
        """Returns what a count of something costs."""
        price = self.prices[name]
        return count * price["usd"] / price["per"]

    def text(self, name):
        price = self.prices[name]
        dollars = f"{price['usd']:.10f}".rstrip("0")
        whole, cents = dollars.split(".")
        dollars = f"{whole}.{cents:0<2}"
        per = {1: "", 1000: " a thousand", 10000: " per 10,000", MILLION: " per M"}[price["per"]]
        return dollars + per

    def line(self, what, name, factors, count):
        """Makes a line of a count, whose factors are shown."""
        return Line(what, f"{factors} × {self.text(name)}", self.of(name, count))

    def gigabytes(self, what, name, factors, bytes_):
        return self.line(what, name, f"{factors} = {number(bytes_ / self.gigabyte)} GB", bytes_ / self.gigabyte)


# ---------------------------------------------------------------- the template


def load_template(path):
    """Reads a template with CloudFormation's short forms."""
    try:
        import yaml
    except ImportError:
        raise BillError(
            "PyYAML is not installed: use the Python of target/ci-venv, or install PyYAML"
        ) from None

    class Loader(yaml.SafeLoader):
        pass

    def short_form(loader, suffix, node):
        if isinstance(node, yaml.ScalarNode):
            value = loader.construct_scalar(node)
        elif isinstance(node, yaml.SequenceNode):
            value = loader.construct_sequence(node, deep=True)
        else:
            value = loader.construct_mapping(node, deep=True)
        return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}

    Loader.add_multi_constructor("!", short_form)
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, Loader)


class Template:
    """A template as it is deployed with some parameters, the defaults elsewhere."""

    def __init__(self, document, **parameters):
        self.document = document
        self.parameters = {
            name: str(parameters.get(name, parameter.get("Default", "")))
            for name, parameter in document.get("Parameters", {}).items()
        }

    def resolve(self, value):
        """Resolves references to parameters and conditional values; leaves the rest."""
        if isinstance(value, list):
            found = [self.resolve(part) for part in value]
            return [part for part in found if part != {"Ref": "AWS::NoValue"}]
        if not isinstance(value, dict):
            return value
        if "Ref" in value:
            return self.parameters.get(value["Ref"], value)
        if "Fn::If" in value:
            condition, yes, no = value["Fn::If"]
            return self.resolve(yes if self.holds(condition) else no)
        found = {name: self.resolve(part) for name, part in value.items()}
        return {name: part for name, part in found.items() if part != {"Ref": "AWS::NoValue"}}

    def holds(self, name):
        if name not in self.document.get("Conditions", {}):
            raise BillError(f"the template has no condition `{name}`")
        return self.evaluate(self.document["Conditions"][name])

    def evaluate(self, condition):
        if not isinstance(condition, dict) or len(condition) != 1:
            raise BillError(f"no condition: {condition}")
        ((function, arguments),) = condition.items()
        if function == "Condition":
            return self.holds(arguments)
        if function == "Fn::Not":
            return not self.evaluate(arguments[0])
        if function == "Fn::And":
            return all(self.evaluate(part) for part in arguments)
        if function == "Fn::Or":
            return any(self.evaluate(part) for part in arguments)
        if function == "Fn::Equals":
            one, other = (self.resolve(part) for part in arguments)
            if isinstance(one, dict) or isinstance(other, dict):
                raise BillError(f"not known before the deployment: {condition}")
            return str(one) == str(other)
        raise BillError(f"unknown condition function `{function}`")

    def resources(self, kind):
        """Returns the properties of what is made of a kind, by its name."""
        found = {}
        for name, resource in self.document["Resources"].items():
            condition = resource.get("Condition")
            if resource["Type"] == kind and (condition is None or self.holds(condition)):
                found[name] = self.resolve(resource.get("Properties", {}))
        return found

    def only(self, kind):
        (found,) = self.resources(kind).values()
        return found

    def of_functions(self, name):
        """Returns a property that both functions have, their own or the global one."""
        globals_ = self.resolve(self.document.get("Globals", {}).get("Function", {}))
        functions = self.resources("AWS::Serverless::Function")
        found = {key: properties.get(name, globals_.get(name)) for key, properties in functions.items()}
        values = list(found.values())
        if not values or any(value != values[0] for value in values):
            raise BillError(f"the functions differ in {name}: {found}")
        return values[0]

    def alarm_metrics(self):
        """Returns the number of metrics that each alarm is charged for."""
        return {
            name: metrics_of(name, properties)
            for name, properties in self.resources("AWS::CloudWatch::Alarm").items()
        }


def metrics_of(name, alarm):
    """Counts the metrics of an alarm: one, or those that its expression uses.

    >>> metrics_of("a", {"MetricName": "Errors", "Period": 60})
    1
    >>> stat = {"MetricStat": {"Period": 60}}
    >>> metrics_of("b", {"Metrics": [{"Expression": "x + y"}, stat, stat]})
    2
    """
    if "MetricName" in alarm:
        periods, count = [alarm["Period"]], 1
    else:
        stats = [part["MetricStat"] for part in alarm["Metrics"] if "MetricStat" in part]
        periods, count = [stat["Period"] for stat in stats], len(stats)
        for part in alarm["Metrics"]:
            if re.search("SEARCH|SELECT|ANOMALY", json.dumps(part.get("Expression", ""))):
                raise BillError(f"{name}: the price of this expression is not known here")
    if count == 0:
        raise BillError(f"{name} has no metric")
    if any(int(period) < 60 for period in periods):
        raise BillError(f"{name}: alarms of high resolution have another price")
    return count


def access_log_line(format_):
    """Renders a line of the access log with typical values.

    >>> access_log_line('{"s":"$context.status","e":"$context.error.responseType"}')
    '{"s":"200","e":"-"}'
    """

    def value(match):
        name = match.group(1)
        if name not in CONTEXT:
            raise BillError(f"no typical value of $context.{name}")
        return CONTEXT[name]

    return re.sub(r"\$context\.([A-Za-z]+(?:\.[A-Za-z]+)*)", value, format_)


# ---------------------------------------------------------------- a million events


def chunks(requests, bytes_):
    """Returns what SQS charges: each request, and more of one that is over 64 KB.

    >>> chunks(1, 100), chunks(1, 65_537), chunks(10, 30_000)
    (1, 2, 10)
    """
    return requests * max(1, math.ceil(bytes_ / requests / CHUNK))


def billed_ms(wait_ms, cpu_us, memory_mb):
    """Returns the milliseconds that a run is charged for: waiting, and processor time by its share of one.

    >>> billed_ms(8, 192, 512), billed_ms(15, 3270, 512), billed_ms(15, 0, 512)
    (9, 27, 15)
    """
    share = min(1, memory_mb / FULL_PROCESSOR_MB)
    return math.ceil(wait_ms + cpu_us / 1000 / share)


def sampled(requests, hours):
    """Returns the share of requests that Lambda traces when they come at random within so many hours: the
    first of each second, and 5 % of the others.

    >>> round(sampled(1_000_000, 730), 2), round(sampled(1_000_000, 176), 2)
    (0.84, 0.53)
    """
    rate = requests / (hours * 3600)
    first = 1 - math.exp(-rate)
    return (first + 0.05 * (rate - first)) / rate


def requests_of(counts, *operations):
    return sum(counts["requests"].get(operation, 0) for operation in operations)


def log_bytes(log):
    return log["bytes"] + log["lines"] * LOG_LINE_OVERHEAD


class Bill:
    """All that bills are computed from."""

    def __init__(self, prices, counts, figures, template):
        self.prices = Prices(prices)
        self.counts = counts
        self.figures = figures["values"]
        self.template = template
        self.memory = int(template.of_functions("MemorySize"))
        (self.architecture,) = template.of_functions("Architectures")
        self.tracing = template.of_functions("Tracing")
        for name, function in template.resources("AWS::Serverless::Function").items():
            if function["LoggingConfig"]["SystemLogLevel"] != "WARN":
                raise BillError(f"{name}: lines of the platform are not counted here")
        stage = template.only("AWS::ApiGatewayV2::Stage")
        self.access_log = access_log_line(stage["AccessLogSettings"]["Format"])

    def cpu(self, program):
        return self.figures[f"{program}, CPU µs/event"]

    def lambda_time(self, what, runs, ms, architecture=None):
        name = f"lambda_gb_second_{architecture or self.architecture}"
        gigabytes = self.memory / KIB
        factors = f"{number(runs)} M × {number(ms)} ms × {number(gigabytes)} GB"
        return self.prices.line(what, name, factors, runs * MILLION * ms / 1000 * gigabytes)

    def events(self, counts):
        """Returns the lines of a million events like those counted, storage apart."""
        prices, events = self.prices, counts["events"]
        deliveries, batches = counts["deliveries"] / events, counts["batches"] / events
        lines = []

        def add(what, name, per_event):
            lines.append(prices.line(what, name, f"{number(per_event)} M", per_event * MILLION))

        body = counts["body_bytes"] / counts["deliveries"]
        add("API Gateway, requests", "api_request", deliveries * math.ceil(body / API_CHUNK))
        answer = counts["answer_bytes"] / counts["deliveries"] + GATEWAY_BYTES
        lines.append(
            prices.gigabytes(
                "API Gateway, answers", "transfer_out_gb", f"{number(deliveries)} M × {number(answer)} bytes",
                deliveries * MILLION * answer,
            )
        )
        add("Lambda, requests", "lambda_request", deliveries + batches)
        lines.extend(self.durations(counts, deliveries, batches))
        sends = requests_of(counts, "AmazonSQS.SendMessage", "AmazonSQS.SendMessageBatch")
        sent = chunks(sends, counts["message_bytes"])
        received = chunks(counts["batches"], counts["message_bytes"])
        deleted = counts["batches"]
        lines.append(
            prices.line(
                "SQS, send, receive, delete", "sqs_fifo_request",
                f"({number(sent / events)} + {number(received / events)} + {number(deleted / events)}) M",
                (sent + received + deleted) / events * MILLION,
            )
        )
        add("DynamoDB, read units", "dynamodb_read_unit", counts["read_units"] / events)
        for part in ("state", "record", "index"):
            add(f"DynamoDB, write units: {part}", "dynamodb_write_unit", counts["write_units"][part] / events)
        for what, operation, name in (("S3, bodies put", "S3 PUT", "s3_put"), ("S3, bodies got", "S3 GET", "s3_get")):
            if requests_of(counts, operation):
                add(what, name, requests_of(counts, operation) / events)
        access = len(self.access_log.encode()) + LOG_LINE_OVERHEAD
        for what, bytes_, each in (
            ("Log lines of the ingress", log_bytes(counts["ingress_log"]), deliveries),
            ("Log lines of the consumer", log_bytes(counts["consumer_log"]), batches),
            ("Access log", access * counts["deliveries"], deliveries),
        ):
            factors = f"{number(each)} M × {number(bytes_ / events / each)} bytes"
            lines.append(prices.gigabytes(what, "logs_gb", factors, bytes_ / events * MILLION))
        if self.tracing == "Active":
            lines.append(self.traces("X-Ray, ingress", deliveries))
            lines.append(self.traces("X-Ray, consumer", batches))
        return [line for line in lines if line.dollars]

    def durations(self, counts, deliveries, batches):
        # Puts into S3 precede the send; gets precede the read; events of a batch go side by side.
        ingress_wait = SQS_WAIT_MS + S3_WAIT_MS * requests_of(counts, "S3 PUT")
        of_delivery = counts["events"] / counts["deliveries"]
        ingress = billed_ms(ingress_wait, of_delivery * self.cpu("switchhook ingress"), self.memory)
        reads = requests_of(counts, "DynamoDB.BatchGetItem") / counts["batches"]
        writes = requests_of(counts, "DynamoDB.PutItem", "DynamoDB.UpdateItem") / counts["events"]
        consumer_wait = DYNAMODB_WAIT_MS * (reads + writes) + S3_WAIT_MS * requests_of(counts, "S3 GET")
        of_batch = counts["events"] / counts["batches"]
        consumer = billed_ms(consumer_wait, of_batch * self.cpu("switchhook consumer"), self.memory)
        return [
            self.lambda_time("Lambda, time of the ingress", deliveries, ingress),
            self.lambda_time("Lambda, time of the consumer", batches, consumer),
        ]

    def traces(self, what, runs, hours=HOURS_A_MONTH):
        share = sampled(runs * MILLION, hours)
        return self.prices.line(what, "trace", f"{number(runs)} M × {share * 100:.0f} %", runs * MILLION * share)

    def storage(self, counts):
        """Returns the lines of keeping a million events for a month."""
        prices, events = self.prices, counts["events"]
        table, index = (counts["stored_bytes"][part] / events * MILLION for part in ("table", "index"))
        logs = (
            log_bytes(counts["ingress_log"]) + log_bytes(counts["consumer_log"])
            + counts["deliveries"] * (len(self.access_log.encode()) + LOG_LINE_OVERHEAD)
        ) / events * MILLION
        each = f"M × {number((table + index) / MILLION)} bytes"
        return [
            prices.gigabytes("DynamoDB, table and index", "dynamodb_storage_gb_month", each, table + index),
            prices.gigabytes(
                "DynamoDB, point-in-time recovery of the table", "dynamodb_recovery_gb_month",
                f"M × {number(table / MILLION)} bytes", table,
            ),
            prices.gigabytes(
                "CloudWatch, log lines, uncompressed", "logs_storage_gb_month",
                f"M × {number(logs / MILLION)} bytes", logs,
            ),
        ]

    # ---------------------------------------------------------------- a month

    def polling(self):
        receives = POLLERS * POLLS_A_MINUTE * 60 * HOURS_A_MONTH
        factors = f"{POLLERS} pollers × {POLLS_A_MINUTE} a minute × {60 * HOURS_A_MONTH:,} minutes"
        return self.prices.line("SQS, empty receives", "sqs_fifo_request", factors, receives)

    def secrets(self, count):
        reads = SECRET_READS_AN_HOUR * HOURS_A_MONTH
        return [
            self.prices.line("Secrets Manager, secret", "secret_month", number(count), count),
            self.prices.line(
                "Secrets Manager, reads of one environment that is always warm", "secret_read",
                f"{SECRET_READS_AN_HOUR} an hour × {HOURS_A_MONTH} hours", reads,
            ),
        ]

    def fixed(self):
        """Returns the lines of a month without an event, with four sources."""
        prices, template = self.prices, self.template
        metrics = sum(template.alarm_metrics().values())
        alarms = len(template.alarm_metrics())
        custom = self.counts["custom_metrics_of_four_sources"]
        lines = [
            prices.line(f"Alarms, metrics of {alarms}", "alarm_metric_month", number(metrics), metrics),
        ]
        composites = len(template.resources("AWS::CloudWatch::CompositeAlarm"))
        if composites:
            lines.append(prices.line("Composite alarms", "composite_alarm_month", number(composites), composites))
        dashboards = len(template.resources("AWS::CloudWatch::Dashboard"))
        lines.append(prices.line("Dashboard", "dashboard_month", number(dashboards), dashboards))
        lines.append(prices.line("Custom metrics of four sources", "custom_metric_month", number(custom), custom))
        stage = template.only("AWS::ApiGatewayV2::Stage")
        if stage.get("DefaultRouteSettings", {}).get("DetailedMetricsEnabled") is True:
            detailed = 6 * len(template.resources("AWS::ApiGatewayV2::Route"))
            lines.append(prices.line("Detailed metrics of the API", "custom_metric_month", number(detailed), detailed))
        lines.extend(self.secrets(len(template.resources("AWS::SecretsManager::Secret"))))
        lines.append(self.polling())
        return lines

    # ---------------------------------------------------------------- the naive peer

    def peer_events(self, payload, batch):
        """Returns the lines of a million events of the naive peer (Node.js), in batches of this size."""
        prices, counts = self.prices, self.counts["cases"][f"{payload}, one"]
        lines = []

        def add(what, name, per_event):
            lines.append(prices.line(what, name, f"{number(per_event)} M", per_event * MILLION))

        add("API Gateway, requests", "api_request", 1)
        answer = counts["answer_bytes"] + GATEWAY_BYTES
        lines.append(
            prices.gigabytes(
                "API Gateway, answers", "transfer_out_gb", f"1 M × {number(answer)} bytes", answer * MILLION
            )
        )
        add("Lambda, requests", "lambda_request", 1 + 1 / batch)
        ingress = billed_ms(SQS_WAIT_MS, self.cpu("node ingress"), self.memory)
        writes = self.figures["node consumer, writes/event"]
        consumer = billed_ms(batch * writes * DYNAMODB_WAIT_MS, batch * self.cpu("node consumer"), self.memory)
        lines.append(self.lambda_time("Lambda, time of the ingress", 1, ingress, "x86_64"))
        lines.append(self.lambda_time("Lambda, time of the consumer", 1 / batch, consumer, "x86_64"))
        lines.append(
            prices.line(
                "SQS, send, receive, delete", "sqs_fifo_request",
                f"(1 + {number(1 / batch)} + {number(1 / batch)}) M", (1 + 2 / batch) * MILLION,
            )
        )
        units = self.counts["peer"][payload]
        for part in ("claim", "state", "completion"):
            add(f"DynamoDB, write units: {part}", "dynamodb_write_unit", units[part])
        run = sum(len(line.encode()) + LOG_LINE_OVERHEAD for line in PEER_RUN_LINES)
        event = len(PEER_EVENT_LINE) + LOG_LINE_OVERHEAD
        for what, runs in (("Log lines of the ingress", 1), ("Log lines of the consumer", 1 / batch)):
            factors = f"{number(runs)} M × {number(run)} bytes + 1 M × {event} bytes"
            lines.append(prices.gigabytes(what, "logs_gb", factors, (runs * run + event) * MILLION))
        lines.append(self.traces("X-Ray, ingress", 1))
        return lines

    def peer_fixed(self):
        return [*self.secrets(1), self.polling()]


# ---------------------------------------------------------------- the page


def table(lines, goal=None):
    rows = ["| what | arithmetic | dollars |", "|---|---|---:|"]
    rows += [f"| {line.what} | {line.arithmetic} | {cents(line.dollars)} |" for line in lines]
    sum_ = f"| **together** | {'' if goal is None else f'goal: at most {goal:.2f}'} | **{cents(total(lines))}** |"
    return "\n".join([*rows, sum_]) + "\n"


def without_traces(lines):
    return [line for line in lines if not line.what.startswith("X-Ray")]


def summary(bill):
    rows = [
        "| a million events | Switchhook | goal | naive peer | with its traces |",
        "|---|---:|---:|---:|---:|",
    ]
    for payload, described in PAYLOADS:
        for case, how in CASES:
            ours = total(bill.events(bill.counts["cases"][f"{payload}, {case}"]))
            goal = GOALS.get((payload, case))
            peer = ["", ""]
            if case != "list":
                lines = bill.peer_events(payload, 1 if case == "one" else 10)
                peer = [f"{cents(total(without_traces(lines)))}", f"{cents(total(lines))}"]
            goal = "" if goal is None else f"{goal:.2f}"
            rows.append(f"| {described}, {how} | **{cents(ours)}** | {goal} | {peer[0]} | {peer[1]} |")
    fixed, peer = total(bill.fixed()), total(bill.peer_fixed())
    rows.append(f"| a month, whatever comes | **{cents(fixed)}** | {FIXED_GOAL:.2f} | {cents(peer)} | {cents(peer)} |")
    return "\n".join(rows) + "\n"


def options(bill, document):
    prices, cases = bill.prices, bill.counts["cases"]
    one = cases["median, one"]
    fan_out = Template(document, FanOut="true")
    more = sum(fan_out.alarm_metrics().values()) - sum(bill.template.alarm_metrics().values())
    silence = Template(document, SilenceHours="24")
    silent = sum(silence.alarm_metrics().values()) - sum(bill.template.alarm_metrics().values())
    office = bill.traces("", 1, OFFICE_HOURS_A_MONTH).dollars
    month = bill.traces("", 1).dollars
    bus = prices.of("bus_event", MILLION) + prices.of("pipe_request", MILLION)
    kms_requests = KMS_CALLERS * HOURS_A_MONTH * 3600 // KMS_REUSE_S
    kms = prices.of("kms_key_month", 1) + prices.of("kms_request", kms_requests)
    duplicate = [total(bill.events(cases[f"{payload}, duplicate"])) for payload, _ in PAYLOADS]
    s3 = prices.of("s3_put", MILLION) + prices.of("s3_get", MILLION)
    large = total(bill.events(cases["large"]))
    rows = [
        (
            "`Tracing` is `Active`", f"{cents(office)} to {cents(month)} per M runs of a function",
            f"Lambda traces the first request of each second and 5 % of the others: {sampled(MILLION, 730) * 100:.0f} % of a million "
            f"that are spread over a month, {sampled(MILLION, OFFICE_HOURS_A_MONTH) * 100:.0f} % of a million in office hours. The consumer's runs "
            "have their own traces, linked to the ingress's",
        ),
        (
            "`FanOut`", f"{cents(bus)} per M events, {cents(prices.of('alarm_metric_month', more))} a month for {more} metrics of its alarms",
            f"an event on the bus ({prices.text('bus_event')}) and through the pipe ({prices.text('pipe_request')}), "
            "twice as much for an event over 64 KB; duplicates cost nothing. Reads of the table's stream by a pipe are not known to be charged",
        ),
        ("`KmsKeyArn`", f"{cents(kms)} a month", f"the key, and about {kms_requests:,} requests to it: {KMS_CALLERS} callers, each every five minutes; each large body is another request"),
        ("`SilenceHours`", f"{cents(prices.of('alarm_metric_month', silent))} a month", "its alarm"),
        ("a body over 32 KB compressed", f"{cents(s3)} per M in S3", f"{prices.text('s3_put')} and {prices.text('s3_get')}; {cents(large)} per M for all of an event with a body of {cases['large']['body_bytes'] // KIB} KB, and {prices.text('s3_storage_gb_month')} a GB and month"),
        ("a duplicate", " and ".join(map(cents, duplicate)) + " per M", "of the median payload and of 2 KB, one at a time. DynamoDB charges its count by the whole record"),
        ("a refused delivery", f"{cents(refused(bill, one))} per M", "request, run and lines of the ingress; nothing behind it"),
    ]
    text = ["| what | dollars | why |", "|---|---|---|"]
    text += [f"| {what} | {dollars} | {why} |" for what, dollars, why in rows]
    return "\n".join(text) + "\n"


def refused(bill, counts):
    """Returns what a million refused deliveries cost: the part of the front, about as much as of an accepted one."""
    front = ("API Gateway", "Log lines of the ingress", "Access log", "Lambda, time of the ingress")
    lines = [line for line in bill.events(counts) if line.what.startswith(front)]
    return total(lines) + bill.prices.of("lambda_request", MILLION)


def price_table(prices):
    rows = ["| price | of | as of | AWS's page | read in |", "|---:|---|---|---|---|"]
    for name, price in prices.prices.items():
        per = "" if price["per"] == 1 else f" / {price['per']:,}"
        dollars = prices.text(name).split(" ")[0]
        rows.append(f"| {dollars}{per} | {price['unit']} | {price['as_of']} | <{price['source']}> | {price['read_in']} |")
    return "\n".join(rows) + "\n"


def page(bill, document):
    counts = bill.counts
    documented = counts["documented"]
    part = []
    part.append(f"""# What Switchhook costs on AWS

<!-- Written by docs/bill.py; do not edit. -->

List prices of us-east-1 in US dollars, without free tiers. `python3 docs/bill.py` computes this page from
[prices](prices.json) with their dates, [counts](bill-counts.json) that a test measures of the real
programs, and `template.yaml`; CI fails where the page, a count or a goal no longer holds.

{summary(bill)}
Storage comes on top, by how long events are kept ([below](#storage)).

## What is counted, and what is assumed

- **Measured** by a test through the real functions, warm: requests, read and write units by DynamoDB's rules, bytes of
  messages, answers and log lines, and the custom metrics of four sources.
- **From the template**: alarms and their metrics (an alarm on an expression is charged by each metric that it
  uses), dashboard, secret, {bill.memory} MB of memory, {bill.architecture}, tracing `{bill.tracing}`, the access log's format. A line of it has
  {len(bill.access_log)} bytes with typical values. CloudWatch counts {LOG_LINE_OVERHEAD} bytes more for each line.
- **The median documented payload** has {counts['cases']['median, one']['body_bytes']} bytes (CloudContactAI, `email.complaint`). Over all {len(documented['payloads'])} documented payloads, an event takes
  {number(documented['read_units']['median'])} read units in the median and {number(documented['read_units']['mean'])} in the mean, {number(documented['write_units']['median'])} write units in the median and {number(documented['write_units']['mean'])} in the mean. The payload of 2 KB is
  AI Sync's `call.ended` with a transcript. Ten events a delivery are a list of Cellcast's, each of that size.
- **Assumed**: AWS answers after {SQS_WAIT_MS} ms (SQS), {DYNAMODB_WAIT_MS} ms (DynamoDB), {S3_WAIT_MS} ms (S3). Lambda's time is that and the processor time which the
  [benchmark](performance.md) measured at 1 KiB, by the share of a processor that the memory buys ({bill.memory} of {FULL_PROCESSOR_MB} MB), rounded up to a
  millisecond. The events of a batch are handled side by side. API Gateway adds {GATEWAY_BYTES} bytes to an answer.
- **Left out**: cold starts (some milliseconds for each new environment), retries, messages to the alarms' topic, and
  queries that people make. Traffic within the region is free.
""")
    for payload, described in PAYLOADS:
        part.append(f"## A million events: {described}\n")
        for case, how in CASES:
            lines = bill.events(counts["cases"][f"{payload}, {case}"])
            part.append(f"### {how[0].upper()}{how[1:]}\n\n{table(lines, GOALS.get((payload, case)))}")
    part.append(f"## A month, whatever comes\n\n{table(bill.fixed(), FIXED_GOAL)}")
    part.append(
        "Other metrics are charged for the hours in which they occur: a refusal, a duplicate, a dead letter. "
        "Each further source has a metric more.\n"
    )
    part.append("## Storage\n\nOf a million events, for each month that they are kept. In CloudWatch, lines are kept compressed, so they cost less.\n")
    for payload, described in PAYLOADS:
        lines = bill.storage(counts["cases"][f"{payload}, one"])
        part.append(f"### {described[0].upper()}{described[1:]}\n\n{table(lines)}")
    part.append(f"## What costs more, or less\n\n{options(bill, document)}")
    part.append("""## The naive peer

What a user would otherwise write with Node.js and Powertools ([sources](../benches/peers/node)): verify, send to a FIFO
queue, handle with idempotency. It keeps neither the exact bytes nor a record to list by time. Its requests, processor time
and, at 1 KiB, write units are measured by the [benchmark](performance/functions.md); units of the other payloads follow from the same three
writes by DynamoDB's rules. It runs on x86-64, 512 MB, one event after the other, and takes one event a delivery.
Lambda's own lines are in their default format, with one line of Powertools' logger for each event in each function.
Tracing is on, as in the templates that `sam init` makes; of its traces only those of the ingress are counted, of a million spread over a
month. It has no alarm, dashboard or metric.
""")
    for payload, described in PAYLOADS:
        for case, how in CASES[:2]:
            lines = bill.peer_events(payload, 1 if case == "one" else 10)
            part.append(f"### {described[0].upper()}{described[1:]}, {how}\n\n{table(lines)}")
    part.append(f"### A month\n\n{table(bill.peer_fixed())}")
    part.append(f"## Prices\n\nAs they are in [prices.json](prices.json). AWS's own pages show numbers to browsers only, so each names where it was read.\n\n{price_table(bill.prices)}")
    return "\n".join(part)


SUMMARY = re.compile(r"(?<=<!-- written by docs/bill\.py -->\n).*?(?=<!-- end -->)", re.DOTALL)


def with_summary(text, summary_):
    """Returns a page with the summary at its place.

    >>> with_summary("a\\n<!-- written by docs/bill.py -->\\nold\\n<!-- end -->\\n", "new\\n")
    'a\\n<!-- written by docs/bill.py -->\\nnew\\n<!-- end -->\\n'
    """
    text, count = SUMMARY.subn(lambda _: summary_, text)
    if count != 1:
        raise BillError("there is no place for the summary")
    return text


def missed_goals(bill):
    missed = []
    for (payload, case), goal in GOALS.items():
        dollars = total(bill.events(bill.counts["cases"][f"{payload}, {case}"]))
        if dollars > goal:
            missed.append(f"{payload}, {case}: {cents(dollars)} dollars a million events, goal {goal:.2f}")
    if total(bill.fixed()) > FIXED_GOAL:
        missed.append(f"fixed: {cents(total(bill.fixed()))} dollars a month, goal {FIXED_GOAL:.2f}")
    return missed


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the page is stale or a goal is missed")
    parser.add_argument("--template", type=Path, default=DOCS.parent / "template.yaml", help="the template to read")
    parser.add_argument("--prices", type=Path, default=DOCS / "prices.json", help="the prices to read")
    parser.add_argument("--counts", type=Path, default=DOCS / "bill-counts.json", help="the counts to read")
    parser.add_argument(
        "--out", type=Path, default=DOCS / "bill.md",
        help="the page to write, or to check; docs/bill.md together with the summary in docs/operations.md",
    )
    return parser.parse_args()


def main():
    given = arguments()
    figures = DOCS / "performance/figures/functions.json"
    prices, counts, figures = (json.loads(path.read_text()) for path in (given.prices, given.counts, figures))
    document = load_template(given.template)
    bill = Bill(prices, counts, figures, Template(document))
    pages = {given.out: page(bill, document)}
    if given.out.resolve() == DOCS / "bill.md":
        operations = DOCS / "operations.md"
        pages[operations] = with_summary(operations.read_text(), summary(bill))
    missed = missed_goals(bill)
    for goal in missed:
        print(f"goal missed: {goal}", file=sys.stderr)
    if not given.check:
        for path, text in pages.items():
            path.write_text(text)
        return 0
    stale = [path for path, text in pages.items() if not path.is_file() or path.read_text() != text]
    for path in stale:
        print(f"{path} is stale: run python3 docs/bill.py", file=sys.stderr)
    return 1 if stale or missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BillError as error:
        sys.exit(f"no bill: {error}")
