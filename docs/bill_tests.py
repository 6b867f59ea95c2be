"""Tests of docs/bill.py: known answers, computed by hand.

Run with python3 -m unittest discover -s docs -p bill_tests.py
"""

import contextlib
import copy
import doctest
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parent))
import bill  # noqa: E402

NAMES = """
api_request transfer_out_gb lambda_request lambda_gb_second_arm64 lambda_gb_second_x86_64 sqs_fifo_request
dynamodb_write_unit dynamodb_read_unit dynamodb_storage_gb_month dynamodb_recovery_gb_month logs_gb
logs_storage_gb_month custom_metric_month alarm_metric_month composite_alarm_month dashboard_month trace secret_month
secret_read s3_put s3_get s3_storage_gb_month kms_key_month kms_request bus_event pipe_request
""".split()

# A gigabyte of a million bytes and prices of 1 dollar make the arithmetic visible.
PRICES = {
    "gigabyte": 1_000_000,
    "prices": {
        name: {"usd": 1.0, "per": 1, "unit": name, "as_of": "2026-11", "source": "https://example.com", "read_in": "-"}
        for name in NAMES
    },
}
FIGURES = {
    "values": {
        "switchhook ingress, CPU µs/event": 1000.0,
        "switchhook consumer, CPU µs/event": 500.0,
        "node ingress, CPU µs/event": 2000.0,
        "node consumer, CPU µs/event": 3000.0,
        "node consumer, writes/event": 3.0,
    }
}
CASE = {
    "deliveries": 1, "events": 2, "batches": 1, "body_bytes": 100, "answer_bytes": 130, "message_bytes": 400,
    "stored_bytes": {"table": 3000, "index": 500},
    "requests": {
        "AmazonSQS.SendMessageBatch": 1, "DynamoDB.BatchGetItem": 1, "DynamoDB.PutItem": 4, "S3 PUT": 1, "S3 GET": 1,
    },
    "read_units": 4,
    "write_units": {"record": 4, "state": 2, "index": 2},
    "ingress_log": {"lines": 1, "bytes": 374},
    "consumer_log": {"lines": 2, "bytes": 548},
}
TEMPLATE = """
Parameters:
  Tracing: { Type: String, Default: PassThrough }
  FanOut: { Type: String, Default: "false" }
Conditions:
  HasFanOut: !Equals [!Ref FanOut, "true"]
  HasNoFanOut: !Not [!Condition HasFanOut]
  Always: !And [!Or [!Condition HasFanOut, !Condition HasNoFanOut], !Condition HasNoFanOut]
Globals:
  Function: { MemorySize: 1024, Architectures: [arm64], Tracing: !Ref Tracing }
Resources:
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties:
      DefaultRouteSettings: { DetailedMetricsEnabled: false }
      AccessLogSettings: { Format: "$context.requestId $context.status" }
  Webhooks: { Type: AWS::ApiGatewayV2::Route, Properties: {} }
  Health: { Type: AWS::ApiGatewayV2::Route, Properties: {} }
  Ingress: { Type: AWS::Serverless::Function, Properties: { LoggingConfig: { SystemLogLevel: WARN } } }
  Consumer: { Type: AWS::Serverless::Function, Properties: { LoggingConfig: { SystemLogLevel: WARN } } }
  Secret: { Type: AWS::SecretsManager::Secret }
  Dashboard: { Type: AWS::CloudWatch::Dashboard, Properties: { DashboardBody: "{}" } }
  PlainAlarm: { Type: AWS::CloudWatch::Alarm, Condition: Always, Properties: { MetricName: Errors, Period: 60 } }
  MathAlarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Metrics:
        - { Id: sum, Expression: !Sub "a + b", ReturnData: true }
        - { Id: a, MetricStat: { Period: 60 } }
        - { Id: b, MetricStat: { Period: 300 } }
        - !If [HasFanOut, { Id: c, MetricStat: { Period: 60 } }, !Ref AWS::NoValue]
  PipeAlarm: { Type: AWS::CloudWatch::Alarm, Condition: HasFanOut, Properties: { MetricName: Failed, Period: 60 } }
  Both: { Type: AWS::CloudWatch::CompositeAlarm, Properties: { AlarmRule: "x" } }
"""


def document(text=TEMPLATE):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        return bill.load_template(file.name)


def computed(text=TEMPLATE, case=CASE, **parameters):
    units = {"claim": 1, "state": 2, "completion": 3}
    counts = {
        "cases": {"median, one": case}, "custom_metrics_of_four_sources": 5, "peer": {"median": units},
    }
    return bill.Bill(PRICES, counts, FIGURES, bill.Template(document(text), **parameters))


def by_name(lines):
    return {line.what: round(line.dollars, 6) for line in lines}


class Events(unittest.TestCase):
    def test_every_line_of_a_million_events(self):
        lines = by_name(computed().events(CASE))
        # Two events share a delivery and a batch: half a million of each. The access log's line has 20 bytes.
        self.assertEqual(
            lines,
            {
                "API Gateway, requests": 500_000,
                "API Gateway, answers": 500_000 * (130 + 170) / 1e6,
                "Lambda, requests": 1_000_000,
                # 8 + 20 (S3) ms and two events of 1 ms at 1024 of 1769 MB: 3.46 ms; 1 GB.
                "Lambda, time of the ingress": 500_000 * 0.032,
                # one read and two writes of 5 ms, 20 (S3), two events of 0.5 ms: 1.73 ms.
                "Lambda, time of the consumer": 500_000 * 0.037,
                "SQS, send, receive, delete": 1_500_000,
                "DynamoDB, read units": 2_000_000,
                "DynamoDB, write units: state": 1_000_000,
                "DynamoDB, write units: record": 2_000_000,
                "DynamoDB, write units: index": 1_000_000,
                "S3, bodies put": 500_000,
                "S3, bodies got": 500_000,
                "Log lines of the ingress": (374 + 26) / 2,
                "Log lines of the consumer": (548 + 2 * 26) / 2,
                "Access log": (20 + 26) / 2,
            },
        )

    def test_messages_over_64_kb_are_several_requests(self):
        case = copy.deepcopy(CASE)
        case["message_bytes"] = 3 * 65_536 + 1
        lines = by_name(computed(case=case).events(case))
        self.assertEqual(lines["SQS, send, receive, delete"], (4 + 4 + 1) / 2 * 1e6)

    def test_large_bodies_are_several_requests_of_the_api(self):
        case = copy.deepcopy(CASE)
        case["body_bytes"] = 524_289
        self.assertEqual(by_name(computed(case=case).events(case))["API Gateway, requests"], 1e6)

    def test_traces_are_charged_where_the_template_has_them_on(self):
        lines = by_name(computed(Tracing="Active").events(CASE))
        # Half a million runs over 730 hours: 0.190 a second, and the first of each second is traced.
        self.assertAlmostEqual(lines["X-Ray, ingress"], 500_000 * bill.sampled(500_000, 730), 3)
        self.assertNotIn("X-Ray, ingress", by_name(computed().events(CASE)))
        self.assertAlmostEqual(bill.sampled(1, 730), 1, 3)
        self.assertAlmostEqual(bill.sampled(10**12, 1), 0.05, 3)

    def test_storage_of_a_month(self):
        self.assertEqual(
            by_name(computed().storage(CASE)),
            {
                "DynamoDB, table and index": 1750,
                "DynamoDB, point-in-time recovery of the table": 1500,
                "CloudWatch, log lines, uncompressed": (374 + 26 + 548 + 52 + 20 + 26) / 2,
            },
        )


class Month(unittest.TestCase):
    def test_fixed_costs_come_from_the_template(self):
        self.assertEqual(
            by_name(computed().fixed()),
            {
                "Alarms, metrics of 2": 3,
                "Composite alarms": 1,
                "Dashboard": 1,
                "Custom metrics of four sources": 5,
                "Secrets Manager, secret": 1,
                "Secrets Manager, reads of one environment that is always warm": 8_760,
                "SQS, empty receives": 657_000,
            },
        )

    def test_alarms_that_are_off_by_default_do_not_count(self):
        metrics = bill.Template(document()).alarm_metrics()
        self.assertEqual(metrics, {"PlainAlarm": 1, "MathAlarm": 2})
        metrics = bill.Template(document(), FanOut="true").alarm_metrics()
        self.assertEqual(metrics, {"MathAlarm": 3, "PipeAlarm": 1})

    def test_detailed_metrics_are_six_for_each_route(self):
        text = TEMPLATE.replace("DetailedMetricsEnabled: false", "DetailedMetricsEnabled: true")
        self.assertEqual(by_name(computed(text).fixed())["Detailed metrics of the API"], 12)

    def test_what_has_another_price_is_refused(self):
        for before, after in [
            ("Period: 300", "Period: 10"),
            ("a + b", "SELECT AVG(x)"),
            ("a + b", "SEARCH('x')"),
            ("SystemLogLevel: WARN", "SystemLogLevel: INFO"),
            ("$context.status", "$context.unheardOf"),
            ("!Ref FanOut", "!Ref AWS::Region"),
            ("Condition: Always", "Condition: Nowhere"),
        ]:
            with self.subTest(after), self.assertRaises(bill.BillError):
                computed(TEMPLATE.replace(before, after)).fixed()


class Peer(unittest.TestCase):
    def test_every_line_of_a_million_events(self):
        run = sum(len(line) + 26 for line in bill.PEER_RUN_LINES)
        event = len(bill.PEER_EVENT_LINE) + 26
        lines = by_name(computed().peer_events("median", 10))
        traces = lines.pop("X-Ray, ingress")
        self.assertEqual(round(traces), 840_155)
        self.assertEqual(
            lines,
            {
                "API Gateway, requests": 1_000_000,
                "API Gateway, answers": 300,
                "Lambda, requests": 1_100_000,
                "Lambda, time of the ingress": 1e6 * 0.012,
                # ten times three writes of 5 ms and 3 ms of a processor at 1024 of 1769 MB
                "Lambda, time of the consumer": 1e5 * 0.202,
                "SQS, send, receive, delete": 1_200_000,
                "DynamoDB, write units: claim": 1_000_000,
                "DynamoDB, write units: state": 2_000_000,
                "DynamoDB, write units: completion": 3_000_000,
                "Log lines of the ingress": run + event,
                "Log lines of the consumer": round(run / 10 + event, 6),
            },
        )


class Command(unittest.TestCase):
    def run_main(self, *arguments):
        errors = io.StringIO()
        with mock.patch.object(sys, "argv", ["bill.py", *map(str, arguments)]), contextlib.redirect_stderr(errors):
            return bill.main(), errors.getvalue()

    def test_check_fails_where_the_page_is_stale_and_where_a_goal_is_missed(self):
        with tempfile.TemporaryDirectory() as folder:
            page, prices = Path(folder) / "bill.md", Path(folder) / "prices.json"
            code, errors = self.run_main("--check", "--out", page)
            self.assertEqual(code, 1)
            self.assertIn("is stale", errors)
            self.run_main("--out", page)
            self.assertEqual(self.run_main("--check", "--out", page), (0, ""))
            page.write_text(page.read_text().replace("dollars", "euros", 1))
            self.assertEqual(self.run_main("--check", "--out", page)[0], 1)

            dearer = json.loads((bill.DOCS / "prices.json").read_text())
            dearer["prices"]["dashboard_month"]["usd"] = 30
            prices.write_text(json.dumps(dearer))
            self.run_main("--out", page, "--prices", prices)
            code, errors = self.run_main("--check", "--out", page, "--prices", prices)
            self.assertEqual(code, 1)
            self.assertIn("goal missed: fixed", errors)


def load_tests(loader, tests, pattern):
    del loader, pattern
    tests.addTests(doctest.DocTestSuite(bill))
    return tests


if __name__ == "__main__":
    unittest.main()
