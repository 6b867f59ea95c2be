#!/usr/bin/env python3
"""Deploys template.yaml on a local AWS and proves it with real deliveries.

The release zips run behind the template's own HTTP API, roles, FIFO queue, event source mapping, table
and bucket, all made by CloudFormation out of template.yaml; the roles' policies are enforced. What an
operator does is done by the real `switchhook … --stack`, which finds everything by the stack's outputs.
Then each zip's program runs under AWS's runtime interface emulator with the events of events/lambda.

    python3 -m venv VENV && VENV/bin/pip install -r tests/local_aws/requirements.txt
    PATH=VENV/bin:$PATH python3 tests/local_aws/prove.py

With `--serve` it deploys the stack, says how to reach it, and waits for Ctrl-C instead: a local AWS for
`sam local`, `cargo lambda watch` and `switchhook … --stack`.

Everything is on 127.0.0.1 and in a temporary folder. Ends with 1 at the first thing that is not as it
should be, and ends only processes that it started.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import platform
import pty
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.error
import urllib.request
import zipfile
from datetime import datetime, timezone
from pathlib import Path

import boto3
import samcli
from botocore.config import Config
from botocore.exceptions import ClientError

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-central-1"
STACK = "hooks"
FUNCTIONS = ("ingress", "consumer")
# The source that events/lambda are of.
FILES_SOURCE = {"provider": "ai-sync", "secrets": ["example-secret"]}
FILES_TIME = "2026-02-03T04:05:06.789Z"  # the accepted time of events/lambda
BUILD_SECS, PROOF_SECS = 3600, 600
# For whose batches the local AWS asks for a permission of their own.
BATCHED = ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:SendMessage")
# ELF's number of the machine that a program is for.
MACHINES = {"x86-64": 62, "arm64": 183}
MAX_ZIP_BYTES = 4 << 20
HERE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86-64"

started = time.monotonic()


def told(text):
    print(f"{time.monotonic() - started:6.1f} s  {text}", flush=True)


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def wait_for(what, probe, secs=30):
    """Returns what `probe` returns once that is true."""
    end = time.monotonic() + secs
    while True:
        found = probe()
        if found:
            return found
        check(time.monotonic() < end, f"not within {secs} s: {what}")
        time.sleep(0.2)


# ------------------------------------------------------------------------------------ programs


def build(zips, arches):
    for arch in arches:
        command = ["cargo", "lambda", "build", "--release", "--locked", f"--{arch}"]
        command += ["--output-format", "zip", "--lambda-dir", str(zips / arch)]
        for function in FUNCTIONS:
            command += ["--package", function]
        subprocess.run(command, cwd=ROOT, check=True, timeout=BUILD_SECS)


def check_zips(zips, arches):
    for arch in arches:
        for function in FUNCTIONS:
            path = zips / arch / function / "bootstrap.zip"
            program = zipfile.ZipFile(path).read("bootstrap")
            check(int.from_bytes(program[18:20], "little") == MACHINES[arch], f"{path} is not for {arch}")
            zipped = path.stat().st_size
            told(f"{arch} {function}: {zipped / 1e6:.2f} MB zipped, {len(program) / 1e6:.2f} MB")
            check(zipped <= MAX_ZIP_BYTES, f"{path} has {zipped} bytes, more than {MAX_ZIP_BYTES}")


class Programs:
    """What was started here, and nothing else, is ended here."""

    def __init__(self):
        self.running = []

    def start(self, command, log, **options):
        with open(log, "ab") as out:
            program = subprocess.Popen(
                command, stdout=out, stderr=out, start_new_session=True, **options
            )
        self.running.append(program)
        return program

    def end(self, program):
        if program.poll() is None:
            program.terminate()
            try:
                program.wait(20)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
        self.running.remove(program)

    def end_all(self):
        for program in reversed(list(self.running)):
            self.end(program)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


# ------------------------------------------------------------------------------------ the local AWS


class Aws:
    def __init__(self, folder, programs):
        self.folder, self.programs = folder, programs
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.program = None

    def credentials(self, key="test", secret="test"):
        """What the environment of a program holds that uses the local AWS as its users do."""
        return {
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.url,
        }

    def start(self):
        for name in ("state", "s3", "tmp"):
            (self.folder / name).mkdir(exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder / "tmp"),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,  # where the functions find it
            "AUTH": "true",  # policies are enforced, each function by its own role
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.folder / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self.folder / "s3"),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
        }
        self.program = self.programs.start(
            [sys.executable, "-m", "ministack"], self.folder / "aws.log", env=environment, cwd=self.folder
        )
        wait_for("the local AWS answers", self.answers)

    def answers(self):
        check(self.program.poll() is None, f"the local AWS ended: {self.folder / 'aws.log'}")
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self):
        self.programs.end(self.program)

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
        )


def adapted(template):
    """The template as the local AWS takes it, which differs from AWS in two things.

    It speaks plain HTTP only, so the policies that refuse that are left out; `prove_tls_only` adds them.
    And it asks for a permission of its own for each batch operation, where AWS asks for that of the
    single one (API reference of SQS: `SendMessage` grants `SendMessageBatch` too).
    """
    blocks = re.split(r"\n(?=  [A-Za-z0-9]+:\n)", template)
    kept = [block for block in blocks if not (re.match(r"  \w+Policy:\n", block) and "TlsOnly" in block)]
    check(len(blocks) - len(kept) == 4, "the template has four policies that refuse plain HTTP")
    template = "\n".join(kept)
    for single, both in {
        "Action: sqs:SendMessage\n": "Action: [sqs:SendMessage, sqs:SendMessageBatch]\n",
        "- sqs:ChangeMessageVisibility\n": (
            "- sqs:ChangeMessageVisibility\n                  - sqs:ChangeMessageVisibilityBatch\n"
        ),
    }.items():
        check(single in template, f"no role has {single}")
        template = template.replace(single, both)
    return template


class Stack:
    def __init__(self, aws, name):
        self.aws, self.name = aws, name
        for service in ("cloudformation", "dynamodb", "s3", "sqs", "logs", "lambda", "secretsmanager"):
            setattr(self, service.replace("lambda", "functions"), aws.client(service))
        self.outputs = {}

    def deploy(self, template, zips):
        """Makes or updates the stack by a change set, as `sam deploy` does."""
        for function in FUNCTIONS:
            key = f"{function}.zip"
            self.s3.upload_file(str(zips / HERE / function / "bootstrap.zip"), "artifacts", key)
            template = template.replace(
                f"CodeUri: functions/{function}\n", f"CodeUri: s3://artifacts/{key}\n"
            )
        self.s3.put_object(Bucket="artifacts", Key=f"{self.name}.yaml", Body=template.encode())
        parameters = {"Architecture": HERE.replace("-", "_"), "FanOut": "true"}
        kind = "UPDATE" if self.outputs else "CREATE"
        names = {"StackName": self.name, "ChangeSetName": kind.lower()}
        self.cloudformation.create_change_set(
            **names,
            ChangeSetType=kind,
            TemplateURL=f"{self.aws.url}/artifacts/{self.name}.yaml",
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
            ],
        )

        def planned():
            change = self.cloudformation.describe_change_set(**names)
            check(change["Status"] != "FAILED", f"change set: {change.get('StatusReason')}")
            return change["Status"] == "CREATE_COMPLETE"

        wait_for("the change set", planned)
        self.cloudformation.execute_change_set(**names)
        wait_for("the stack", lambda: self.status().endswith("COMPLETE"), 60)
        check(self.status() == f"{kind}_COMPLETE", self.failures())
        found = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}

    def status(self):
        return self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"]

    def failures(self):
        events = self.cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        failed = [event for event in events if "FAILED" in event["ResourceStatus"]]
        return [(event["LogicalResourceId"], event.get("ResourceStatusReason")) for event in failed]

    def push(self, document):
        self.secretsmanager.put_secret_value(
            SecretId=self.outputs["SourcesSecretArn"], SecretString=json.dumps(document)
        )

    def environment(self, function):
        """What a function needs outside of the local AWS to work beside it."""
        name = self.outputs[f"{function.capitalize()}Function"]
        configured = self.functions.get_function_configuration(FunctionName=name)
        return {
            **configured["Environment"]["Variables"],
            **self.aws.credentials(),
        }

    # ---- requests

    def base(self):
        """The API's address on the local AWS; what stands before the path is no part of it."""
        api = self.outputs["HealthUrl"].removeprefix("https://").split(".")[0]
        return f"{self.aws.url}/_aws/execute-api/{api}/$default"

    def request(self, path, body=None, headers=None):
        request = urllib.request.Request(self.base() + path, data=body, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, dict(answer.headers), json.loads(answer.read())
        except urllib.error.HTTPError as answer:
            return answer.code, dict(answer.headers), json.loads(answer.read())

    def post(self, secret, body):
        """Posts a signed AI Sync body and returns the delivery's id and the request's."""
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"x-webhook-signature": f"sha256={signature}", "content-type": "application/json"}
        status, headers, answer = self.request("/webhooks/ai-sync", body, headers)
        check(status == 200, f"{status} {answer}")
        return answer["id"], headers["x-request-id"]

    # ---- what came of them

    def records(self):
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=self.outputs["TableName"], ConsistentRead=True
        )
        items = [item for page in pages for item in page["Items"]]
        return [item for item in items if item["sk"]["S"].startswith("event#")]

    def records_of(self, entity):
        return [record for record in self.records() if record["pk"]["S"] == entity]

    def depth(self, url):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def is_idle(self):
        return self.depth(self.outputs["QueueUrl"]) == 0

    def take_dead_letters(self):
        url = self.outputs["DeadLetterQueueUrl"]
        received = self.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return received.get("Messages", [])

    def consumer_runs(self, enabled):
        mapping = self.functions.list_event_source_mappings(
            FunctionName=self.outputs["ConsumerFunction"]
        )["EventSourceMappings"][0]
        self.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)
        state = "Enabled" if enabled else "Disabled"
        wait_for(
            f"the consumer's mapping is {state}",
            lambda: self.functions.get_event_source_mapping(UUID=mapping["UUID"])["State"] == state,
        )
        if not enabled:
            time.sleep(1.5)  # a poll that is under way

    def lines(self, output):
        group = self.outputs[output]
        pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        texts = [event["message"] for page in pages for event in page["events"]]
        return [line for text in texts for line in text.splitlines()]


# ------------------------------------------------------------------------------------ deliveries


def call(key, event="call.ended", more=""):
    return (
        f'{{"event":"{event}","timestamp":"2026-02-03T04:05:06.007Z",'
        f'"data":{{"call_id":"{key}","caller_number":"+15550100003"{more}}}}}'
    ).encode()


def large_call(key):
    """A body that no compression makes small: it goes to the bucket."""
    noise = base64.b64encode(random.Random(key).randbytes(60_000)).decode()
    return call(key, more=f',"noise":"{noise}"')


class Switchhook:
    """The command, and a document with a demo source of every provider that it knows."""

    def __init__(self, binary, folder, programs):
        self.binary, self.document, self.folder = binary, folder / "sources.toml", folder
        self.users = {}
        data = folder / "laptop"
        command = [binary, "--data", data, "local", "--port", "0"]
        local = programs.start([str(part) for part in command], folder / "local.log", cwd=folder)
        demo = data / "demo.toml"
        wait_for("the demo sources", demo.exists)
        time.sleep(0.5)
        programs.end(local)
        shutil.copy(demo, self.document)
        self.sources = tomllib.loads(self.document.read_text())

    def run(self, *arguments):
        command = [str(self.binary), "--config", str(self.document), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def make_users(self, aws):
        """A user for each command, who may do what docs/operations.md says it needs, and no more."""
        iam = aws.client("iam")
        text = (ROOT / "docs" / "operations.md").read_text()
        rows = re.findall(r"^\| `([a-z -]+)` \| (.*`[a-z0-9]+:[A-Z].*) \|$", text, re.M)
        check(len(rows) == 12, f"the table of the commands' actions: {rows}")
        for name, cell in rows:
            actions = ["cloudformation:DescribeStacks", *re.findall(r"`([a-z0-9]+:[A-Za-z]+)`", cell)]
            actions += [f"{action}Batch" for action in actions if action in BATCHED]
            statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            user = name.replace(" ", "-")
            iam.create_user(UserName=user)
            iam.put_user_policy(UserName=user, PolicyName="command", PolicyDocument=policy)
            key = iam.create_access_key(UserName=user)["AccessKey"]
            self.users[name] = (key["AccessKeyId"], key["SecretAccessKey"])

    def start(self, stack, arguments, **streams):
        """Starts a command on a deployed stack, as its own user and in a folder that has none of its data."""
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        user = self.users.get(" ".join(arguments[:2])) or self.users[arguments[0]]
        environment = {"PATH": os.environ["PATH"], "HOME": str(elsewhere), **stack.aws.credentials(*user)}
        command = [str(self.binary), *arguments, "--stack", stack.name]
        return subprocess.run(
            command, stdout=subprocess.PIPE, text=True, timeout=60, env=environment, cwd=elsewhere, **streams
        )

    def on(self, stack, *arguments, code=0):
        said = self.start(stack, arguments, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        shown = f"{' '.join(arguments)}: {said.returncode} {said.stdout}{said.stderr}"
        check(said.returncode == code, shown)
        for secret in self.secrets():
            check(secret not in said.stderr, f"a secret is shown: {arguments}")
        return said.stdout

    def lines(self, stack, *arguments, code=0):
        return [json.loads(line) for line in self.on(stack, *arguments, "--json", code=code).splitlines()]

    def secrets(self):
        values = [value for source in self.sources["sources"].values() for value in strings(source)]
        return [value for value in values if len(value) >= 12]

    def answering(self, stack, answer, *arguments):
        """Runs a command on a terminal where somebody types an answer, and returns its exit code."""
        terminal, end = pty.openpty()
        try:
            os.write(terminal, answer.encode())
            return self.start(stack, arguments, stdin=end, stderr=end).returncode
        finally:
            os.close(terminal)
            os.close(end)

    def push(self, stack):
        said = self.on(stack, "sources", "push", "--config", str(self.document), "--yes")
        check(not any(secret in said for secret in self.secrets()), "a secret is shown")
        return said

    def samples(self, source):
        return self.run("send", source).stdout.split()

    def send(self, source, sample, url, *more):
        return self.run("send", source, sample, "--url", url, *more)


def prove_unconfigured(stack):
    check(stack.request("/healthz")[0] == 200, "healthz")
    status, headers, _ = stack.request("/webhooks/ai-sync", b"{}")
    check((status, headers.get("retry-after")) == (503, "2"), f"without a secret: {status}")
    told("without a sources document: healthz 200, a webhook 503 with Retry-After")


def prove_samples(stack, command):
    """Every sample of every provider is recorded once, under the id that it was answered."""
    expected = {}
    for source in command.sources["sources"]:
        samples = command.samples(source)
        check(samples, f"no samples of {source}")
        for sample in samples:
            sent = command.send(source, sample, stack.base())
            check(sent.returncode == 0, f"{source} {sample}: {sent.stdout}{sent.stderr}")
            answer = json.loads(sent.stdout.split(" ", 1)[1])
            for index in range(answer["events"]):
                expected[f"{answer['id']}.{index}"] = (source, sample)
        told(f"{source}: {len(samples)} samples answered 200")

    def recorded():
        seen = [record["id"]["S"] for record in stack.records()]
        check(len(seen) == len(set(seen)), "an event is recorded twice")
        deliveries = {id for record in stack.records() for id in record["deliveries"]["SS"]}
        return all(id in seen or id.split(".")[0] in deliveries for id in expected)

    wait_for("every sample is recorded", recorded, 60)
    unknown = [r["kind"]["S"] for r in stack.records() if r["kind"]["S"] == "unreadable"]
    check(not unknown, "a sample is unreadable")
    told(f"{len(expected)} events of samples recorded, each once")


def prove_duplicates(stack, command):
    for source in command.sources["sources"]:
        sample = command.samples(source)[0]
        before = {record["id"]["S"] for record in stack.records()}
        sent = command.send(source, sample, stack.base(), "--repeat", "3")
        check(sent.returncode == 0, f"{source} {sample}: {sent.stdout}{sent.stderr}")

        def counted():
            new = [record for record in stack.records() if record["id"]["S"] not in before]
            return new and all(len(record["deliveries"]["SS"]) == 3 for record in new)

        wait_for(f"three copies of {source} {sample} are one record", counted)
    told("three copies of a delivery are one record that counts three, for every source")


def prove_refusals(stack, command):
    before = len(stack.records())
    sent = command.send("ai-sync", "call.ended", stack.base(), "--tamper")
    check(sent.returncode == 1 and sent.stdout.startswith("401"), sent.stdout)
    check(stack.request("/webhooks/nobody", b"{}")[0] == 404, "an unknown source")
    check(stack.request("/elsewhere", b"{}")[0] == 404, "no route")
    status, headers, _ = stack.request("/webhooks/ai-sync")
    check((status, headers.get("allow")) == (405, "POST"), "GET of a webhook")
    check(stack.is_idle() and len(stack.records()) == before, "something refused came through")
    told("a changed body 401, an unknown source 404, GET 405, and nothing of them is queued")


def prove_large_body(stack, secret):
    body = large_call("large")
    delivery, _ = stack.post(secret, body)
    [record] = wait_for("the large one", lambda: stack.records_of("ai-sync/call/large"))
    pointer = json.loads(record["raw_stored"]["S"])
    kept = stack.s3.get_object(Bucket=stack.outputs["BodiesBucket"], Key=pointer["key"])["Body"].read()
    check(kept == body, "the bucket has other bytes")
    check(pointer["key"] == f"ai-sync/{delivery}.0", pointer["key"])
    told(f"a body of {len(body)} bytes went through S3 and came back byte for byte")


def prove_poison(stack, secret):
    """One batch: a poison between two events of its group, and another group beside them."""
    stack.consumer_runs(False)
    stack.post(secret, call("p1", "call.started"))
    stack.sqs.send_message(
        QueueUrl=stack.outputs["QueueUrl"],
        MessageBody="poison",
        MessageGroupId="ai-sync/call/p1",
        MessageDeduplicationId="poison",
    )
    stack.post(secret, call("p1"))
    stack.post(secret, call("p2"))
    check(stack.depth(stack.outputs["QueueUrl"]) == 4, "four messages wait")
    stack.consumer_runs(True)
    wait_for("the neighbours", lambda: len(stack.records_of("ai-sync/call/p1")) == 2)
    wait_for("the other group", lambda: len(stack.records_of("ai-sync/call/p2")) == 1)
    [letter] = wait_for("the dead letter", stack.take_dead_letters)
    reason = letter["MessageAttributes"]["reason"]["StringValue"]
    check((letter["Body"], reason) == ("poison", "envelope"), f"{reason}: {letter['Body']}")
    check(letter["MessageAttributes"]["sequence_number"]["StringValue"], "its place is kept")
    stack.sqs.delete_message(
        QueueUrl=stack.outputs["DeadLetterQueueUrl"], ReceiptHandle=letter["ReceiptHandle"]
    )
    wait_for("the queue is empty", stack.is_idle)
    told("a poison event is dead-lettered alone; its neighbours in group and batch came through")


def prove_failure(stack):
    """While the dead-letter queue takes nothing, a poison event comes again; it is not lost."""
    url = stack.outputs["DeadLetterQueueUrl"]
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    stack.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    stack.sqs.send_message(
        QueueUrl=stack.outputs["QueueUrl"],
        MessageBody="another poison",
        MessageGroupId="ai-sync/call/f1",
        MessageDeduplicationId="another poison",
    )
    wait_for(
        "the failure is told",
        lambda: any("dead letter not sent" in line for line in stack.lines("ConsumerLogGroup")),
    )
    stack.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    [letter] = wait_for("the dead letter, after its delay", stack.take_dead_letters)
    stack.sqs.delete_message(QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"])
    wait_for("the queue is empty", stack.is_idle)
    told("what failed came again after its delay, and nothing of it was lost")


def prove_redrive(stack, command, secret):
    """What could not be handled is put right, redriven, and takes its original place."""
    stack.consumer_runs(False)
    delivery, _ = stack.post(secret, large_call("r1"))
    where = {"Bucket": stack.outputs["BodiesBucket"], "Key": f"ai-sync/{delivery}.0"}
    body = stack.s3.get_object(**where)["Body"].read()
    stack.s3.delete_object(**where)
    stack.consumer_runs(True)
    event = f"{delivery}.0"
    [letter] = wait_for("the dead letter", lambda: command.lines(stack, "dead", "list"))
    check((letter["id"], letter["reason"], letter["recorded"]) == (event, "body_missing", False), letter)
    [shown] = command.lines(stack, "dead", "show", event)
    check(not stack.records_of("ai-sync/call/r1"), "recorded without its body")
    stack.s3.put_object(**where, Body=body)
    for options in (["--dry-run"], []):
        [redriven] = command.lines(stack, "dead", "redrive", event, *options)
        check(redriven["action"] == "redriven", redriven)
    [record] = wait_for("the redriven one", lambda: stack.records_of("ai-sync/call/r1"))
    check(record["id"]["S"] == event, record["id"])
    check(int(record["sequence"]["S"]) == int(shown["sequence_number"]), "another place")
    check(command.on(stack, "dead", "list", "--json") == "", "a letter is left")
    told("`dead redrive` sends a letter that was put right to its original place")


def prove_dropping(stack, command):
    stack.sqs.send_message(
        QueueUrl=stack.outputs["QueueUrl"],
        MessageBody="poison",
        MessageGroupId="ai-sync/call/d1",
        MessageDeduplicationId="dropped",
    )
    [letter] = wait_for("the dead letter", lambda: command.lines(stack, "dead", "list"))
    command.on(stack, "dead", "drop", "--all", code=2)  # nobody is asked
    [looked] = command.lines(stack, "dead", "drop", "--all", "--dry-run")
    check(looked["dry_run"] and len(command.lines(stack, "dead", "list")) == 1, looked)
    [dropped] = command.lines(stack, "dead", "drop", letter["message_id"], "--yes")
    check((dropped["action"], command.lines(stack, "dead", "list")) == ("dropped", []), dropped)
    told("`dead drop` asks, looks and drops")


def prove_reading(stack, command, secret):
    """What the commands show is what the table and the bucket hold."""
    stop = b'{"event":"sms.received","data":{"from":"+15550100003","to":"+15550100004","message":"STOP"}}'
    stack.post(secret, stop)
    wait_for("the number", lambda: command.lines(stack, "opt-outs", "+15550100003"))
    records = {record["id"]["S"]: record for record in stack.records()}
    events = command.lines(stack, "events", "--limit", "1000")
    check({event["id"] for event in events} == records.keys(), "other events")
    [large] = stack.records_of("ai-sync/call/large")
    shown = command.on(stack, "show", large["id"]["S"], "--raw")
    check(shown.endswith("\n" + large_call("large").decode()), "other bytes")
    [entity] = command.lines(stack, "show", "ai-sync/call/large")
    check([event["id"] for event in entity["events"]] == [large["id"]["S"]], entity)
    told(f"`events` lists all {len(events)} events, `show` their bytes, `opt-outs` who said STOP")
    sent = command.on(stack, "send", "ai-sync", "call.ended", "--url", stack.base())
    check(sent.startswith("200 "), sent)
    elsewhere = command.on(stack, "send", "ai-sync", "call.ended", code=1)
    check(elsewhere == "", "sent to the public address of an API that is not there")
    told("`send` signs by the stack's own secret, and calls nobody else")


def prove_check(stack, command):
    looks = command.lines(stack, "check", "--url", stack.base())
    bad = [look for look in looks if look["result"] != "ok"]
    check(not bad and len(looks) == 8, bad)
    command.on(Stack(stack.aws, "nowhere"), "events", code=1)
    told("`check` finds the stack whole")


def prove_hits(stack, command):
    """The local AWS does not read metrics out of log lines, so what they say is put there by API."""
    told_by = stack.aws.client("cloudwatch")
    counts = [json.loads(line) for line in stack.lines("IngressLogGroup") if '"Deliveries"' in line]
    data, hits = [], {}
    for count in counts:
        [directive] = [d for d in count["_aws"]["CloudWatchMetrics"] if d["Metrics"][0]["Name"] == "Deliveries"]
        if count["Status"] == "200":
            hits[count["Source"]] = hits.get(count["Source"], 0) + count["Deliveries"]
        for names in directive["Dimensions"]:
            data.append({
                "MetricName": "Deliveries",
                "Dimensions": [{"Name": name, "Value": count[name]} for name in names],
                "Timestamp": datetime.fromtimestamp(count["_aws"]["Timestamp"] / 1000, timezone.utc),
                "Value": count["Deliveries"],
            })
    for start in range(0, len(data), 500):
        told_by.put_metric_data(Namespace=directive["Namespace"], MetricData=data[start : start + 500])
    listed = {source["name"]: source for source in command.lines(stack, "sources")}
    check({name: source["hits"] for name, source in listed.items()} == hits, (listed, hits))
    for source in listed.values():
        last = datetime.fromisoformat(source["last_hit"])
        check((datetime.now(timezone.utc) - last).total_seconds() < PROOF_SECS, source)
        check(source["url"].startswith(stack.outputs["WebhooksUrl"]), source)
    check(command.lines(stack, "sources", "--silent-for", "1h") == [], "silent")
    told(f"`sources` tells {sum(hits.values())} hits as the log lines count them")


def prove_replay(stack, command):
    queue = stack.sqs.create_queue(QueueName="of-the-bus")["QueueUrl"]
    arn = stack.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events, bus = stack.aws.client("events"), stack.outputs["BusName"]
    pattern = json.dumps({"source": ["switchhook"], "detail-type": ["call.ended"]})
    events.put_rule(Name="ended", EventBusName=bus, EventPattern=pattern)
    events.put_targets(Rule="ended", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    [large] = stack.records_of("ai-sync/call/large")
    said = command.on(stack, "replay", large["id"]["S"])
    check(f"1 of 1 put on the bus {bus}" in said, said)

    def handed_out():
        found = stack.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        details = [json.loads(message["Body"])["detail"] for message in found]
        return [detail for detail in details if detail["id"] == large["id"]["S"]]

    detail = wait_for("the replayed event", handed_out)[0]
    check(json.loads(detail["data"]) == json.loads(large["data"]["S"]), detail)
    told("`replay` hands a recorded event to the rules of the stack's bus")


def prove_rotation(stack, command):
    """A new secret is pushed beside the old one and then alone: nothing is deployed or started anew."""
    old = command.sources["sources"]["ai-sync"]["secrets"][0]
    new = hashlib.sha256(old.encode()).hexdigest()
    text = command.document.read_text()
    both = text.replace(f'"{old}"', f'"{new}", "{old}"')
    since = time.monotonic()

    def is_taken(secret):
        body = call("rotated")
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return stack.request("/webhooks/ai-sync", body, {"x-webhook-signature": signature})[0] == 200

    command.document.write_text(both)
    pushing = ("sources", "push", "--config", str(command.document))
    command.on(stack, *pushing, code=2)  # nobody is asked
    check(command.answering(stack, "n\n", *pushing) == 1, "a no is none")
    check(command.push(stack) == "~ ai-sync: secrets 1 added (2 now)\n", "another change")
    wait_for("the new secret", lambda: is_taken(new), 70)
    check(is_taken(old), "the old secret went too early")
    command.document.write_text(text.replace(old, new))
    check(command.answering(stack, "y\n", *pushing) == 0, "a yes is none")
    check("Nothing changes" in command.push(stack), "a yes pushes nothing")
    command.sources = tomllib.loads(command.document.read_text())
    check(is_taken(new), "the new secret is refused")
    wait_for("the queue is empty", stack.is_idle)
    told(f"`sources push` rotates a secret: taken over without a deployment, {time.monotonic() - since:.0f} s")
    return new


def prove_restart(stack, secret):
    """What was accepted outlives everything that runs; what the ledger knew, it still knows."""
    stack.consumer_runs(False)
    for key in ("s1", "s2", "p1"):
        stack.post(secret, call(key))
    before = len(stack.records())
    stack.aws.stop()
    stack.aws.start()
    check(stack.depth(stack.outputs["QueueUrl"]) == 3, "the queue forgot")
    check(len(stack.records()) == before, "the ledger forgot")
    stack.consumer_runs(True)
    wait_for("what had waited", lambda: stack.records_of("ai-sync/call/s2"))
    wait_for("the queue is empty", stack.is_idle)
    check(len(stack.records()) == before + 2, "a duplicate from before the restart is known")
    told("three events wait over a restart of everything: two are recorded, one is a duplicate")


def prove_telemetry(stack, command, secret):
    _, request_id = stack.post(secret, call("traced"))
    wait_for("the traced one", lambda: stack.records_of("ai-sync/call/traced"))
    ingress, consumer = stack.lines("IngressLogGroup"), stack.lines("ConsumerLogGroup")
    for lines, message in ((ingress, "event queued"), (consumer, "event recorded")):
        found = [json.loads(line) for line in lines if request_id in line and message in line]
        check(found, f"`{message}` does not name the request")
        check(found[0]["span"]["request_id"] == request_id, found)
    hidden = [*command.secrets(), "15550100003"]
    for line in ingress + consumer:
        for value in hidden:
            check(value not in line, f"a log line shows what it must not: {line}")
    counts = [json.loads(line) for line in ingress + consumer if '"_aws"' in line]
    for count in counts:
        for directive in count["_aws"]["CloudWatchMetrics"]:
            for name in [metric["Name"] for metric in directive["Metrics"]] + directive["Dimensions"][0]:
                check(name in count, f"{name} is not on its line")
    events = sum(count.get("Events", 0) for count in counts)
    told(f"one request id from delivery to commit; {len(counts)} lines of metrics, {events} events counted")


def strings(value):
    if isinstance(value, dict):
        return [text for key, inner in value.items() if key != "provider" for text in strings(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in strings(inner)]
    return [value] if isinstance(value, str) else []


def prove_tls_only(stack, template, zips):
    stack.deploy(template, zips)
    for output in ("QueueUrl", "DeadLetterQueueUrl"):
        try:
            stack.depth(stack.outputs[output])
        except ClientError as error:
            check(error.response["Error"]["Code"].startswith("AccessDenied"), error)
        else:
            raise AssertionError(f"{output} answers plain HTTP")
    # The local AWS keeps a bucket's policy without applying it to this call.
    policy = stack.s3.get_bucket_policy(Bucket=stack.outputs["BodiesBucket"])["Policy"]
    check("aws:SecureTransport" in policy, policy)
    told("the whole template, as an update: the queues refuse plain HTTP")


# ------------------------------------------------------------------------------------ the emulator


class Emulator:
    """A zip's program under AWS's runtime interface emulator, beside the resources of a stack."""

    def __init__(self, function, stack, zips, folder, programs):
        place = folder / f"{function}-{HERE}"
        zipfile.ZipFile(zips / HERE / function / "bootstrap.zip").extractall(place)
        program = place / "bootstrap"
        program.chmod(0o755)
        rapid = Path(samcli.__file__).parent / "local" / "rapid"
        emulator = place / "rie"
        shutil.copy(rapid / f"aws-lambda-rie-{HERE.replace('-', '_')}", emulator)
        emulator.chmod(0o755)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        environment = stack.environment(function)
        command = [str(emulator), "--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
        command += ["--runtime-api-address", f"127.0.0.1:{free_port()}", str(program)]
        self.log = folder / f"{function}.log"
        programs.start(command, self.log, env=environment, cwd=place)
        wait_for("the emulator listens", lambda: listens(port))

    def invoke(self, event):
        request = urllib.request.Request(self.url, data=event.encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def prove_emulator(stack, zips, folder, programs):
    """The tables of events/lambda/README.md, file by file."""
    stack.push({"sources": {"voice": FILES_SOURCE}})
    stack.consumer_runs(False)
    files = ROOT / "events" / "lambda"
    rows = re.findall(r"^\| `([a-z0-9-]+\.json)`:.*\| (.+) \|$", (files / "README.md").read_text(), re.M)
    check({name for name, _ in rows} == {file.name for file in files.glob("*.json")}, "the tables")
    ingress = Emulator("ingress", stack, zips, folder, programs)
    statuses = []
    for name, expected in rows:
        if name.startswith("ingress-"):
            answer = ingress.invoke((files / name).read_text())
            check(str(answer["statusCode"]) == expected[:3], f"{name}: {answer}")
            statuses.append(answer["statusCode"])
    queued = statuses.count(200) - 1  # healthz queues nothing
    check(stack.depth(stack.outputs["QueueUrl"]) == queued, "what was answered 200 is queued")
    told(f"emulator: {len(statuses)} events of the ingress answered as told, {queued} queued")

    consumer = Emulator("consumer", stack, zips, folder, programs)
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    names = [name for name, _ in rows if name.startswith("consumer-")]
    for name in names:
        # Longer ago than records live, it would be `too_old`.
        event = (files / name).read_text().replace(FILES_TIME, now)
        check(consumer.invoke(event) == {"batchItemFailures": []}, name)
    check({r["pk"]["S"] for r in stack.records()} >= {"voice/call/call_1", "voice/call/call_2"}, "records")
    [letter] = stack.take_dead_letters()
    check(letter["MessageAttributes"]["reason"]["StringValue"] == "envelope", "the poison")
    told(f"emulator: {len(names)} events of the consumer handled as told")


# ------------------------------------------------------------------------------------ all of it


def serve(stack, command, folder):
    signal.alarm(0)
    command.sources["sources"]["voice"] = FILES_SOURCE
    stack.push(command.sources)
    environments = {function: stack.environment(function) for function in FUNCTIONS}
    for function, environment in environments.items():
        lines = [f"{name}={value}\n" for name, value in environment.items()]
        (folder / f"{function}.env").write_text("".join(lines))
    for_sam = {function.capitalize(): environment for function, environment in environments.items()}
    (folder / "env.json").write_text(json.dumps(for_sam, indent=2))
    print(f"""
the sources        {command.document}, and `voice` of events/lambda
deliveries         switchhook --config {command.document} send ai-sync call.ended --url '{stack.base()}'
any AWS tool       AWS_ENDPOINT_URL={stack.aws.url} AWS_REGION={REGION} AWS_ACCESS_KEY_ID=test
                   AWS_SECRET_ACCESS_KEY=test; the stack is `{stack.name}`
cargo lambda       cargo lambda watch --package ingress --env-file {folder}/ingress.env
                   cargo lambda invoke ingress --data-file events/lambda/ingress-json.json
sam, with Docker   sam local invoke Ingress --event events/lambda/ingress-json.json \\
                     --env-vars {folder}/env.json --docker-network host
                   sam local start-api --env-vars {folder}/env.json --docker-network host
Ctrl-C ends it.""", flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        pass


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zips", type=Path, default=ROOT / "target" / "lambda", help="where the zips are")
    parser.add_argument("--one-arch", action="store_true", help="zips for this machine's processor only")
    parser.add_argument("--no-build", action="store_true", help="take the zips and the command as they are")
    parser.add_argument("--serve", action="store_true", help="deploy, and leave it running until Ctrl-C")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    return parser.parse_args()


def prove(arguments, folder, programs):
    binary = ROOT / "target" / "debug" / "switchhook"
    arches = [HERE] if arguments.one_arch else list(MACHINES)
    if not arguments.no_build:
        build(arguments.zips, arches)
        command = ["cargo", "build", "--quiet", "--locked", "--package", "switchhook"]
        subprocess.run(command, cwd=ROOT, check=True, timeout=BUILD_SECS)
        told("built")
    signal.alarm(PROOF_SECS)
    check_zips(arguments.zips, arches)
    command = Switchhook(binary, folder, programs)
    secret = command.sources["sources"]["ai-sync"]["secrets"][0]
    aws = Aws(folder, programs)
    aws.start()
    aws.client("s3").create_bucket(
        Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    command.make_users(aws)
    template = (ROOT / "template.yaml").read_text()
    stack = Stack(aws, STACK)
    stack.deploy(adapted(template), arguments.zips)
    told("the template is deployed; every policy of its roles is enforced")
    if arguments.serve:
        serve(stack, command, folder)
        return
    prove_unconfigured(stack)
    command.on(stack, "sources", code=1)  # says how to push some
    command.push(stack)
    prove_samples(stack, command)
    prove_duplicates(stack, command)
    prove_refusals(stack, command)
    prove_large_body(stack, secret)
    prove_poison(stack, secret)
    prove_failure(stack)
    prove_redrive(stack, command, secret)
    prove_dropping(stack, command)
    prove_telemetry(stack, command, secret)
    prove_reading(stack, command, secret)
    prove_check(stack, command)
    prove_hits(stack, command)
    prove_replay(stack, command)
    secret = prove_rotation(stack, command)
    prove_restart(stack, secret)
    second = Stack(aws, "emulated")
    second.deploy(adapted(template), arguments.zips)
    prove_emulator(second, arguments.zips, folder, programs)
    prove_tls_only(stack, template, arguments.zips)


def main():
    arguments = options()
    programs = Programs()
    folder = Path(tempfile.mkdtemp(prefix="switchhook-"))
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(TimeoutError("out of time")))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    done = False
    try:
        prove(arguments, folder, programs)
        done = True
        told("ended" if arguments.serve else "proven")
    except (AssertionError, ClientError, OSError, subprocess.SubprocessError) as error:
        told(f"FAILED: {error}")
    finally:
        signal.alarm(0)
        programs.end_all()
        if done and not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            told(f"its logs are in {folder}")
    sys.exit(0 if done else 1)


if __name__ == "__main__":
    main()
