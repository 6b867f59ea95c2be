"""template.yaml deployed on a local AWS, and the command beside it: what the proofs here share.

The release zips run behind the template's own HTTP API, roles, FIFO queue, event source mapping, table
and bucket, all made by CloudFormation out of template.yaml; the roles' policies are enforced. Everything
is on 127.0.0.1 and in a temporary folder, and only what was started here is ended.

Nothing is proven or run here.
"""

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
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-central-1"
sys.path.insert(0, str(ROOT / ".ci"))
import package  # noqa: E402: what makes a release

STACK = "hooks"
TEMPLATE = ROOT / "template.yaml"
FUNCTIONS = ("ingress", "consumer")
BUILD_SECS = 3600
# Whose batches need their own permission on the local AWS.
BATCHED = ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:SendMessage")
# ELF's number of the machine that a program is for.
MACHINES = {"x86-64": 62, "arm64": 183}
MAX_ZIP_BYTES = 9 << 19  # 4.5 MiB: a panic unwinds, which takes a tenth more than ending the process
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


def adapted(template, tls_only=False):
    """The template as the local AWS takes it, which differs from AWS in four things.

    It speaks plain HTTP only, so the policies that refuse that are left out, unless `tls_only`.
    It asks for a separate permission for each batch operation, where AWS asks for that of the
    single one (API reference of SQS: `SendMessage` grants `SendMessageBatch` too).
    It takes no alarm on an expression: such a one is made on the first of its metrics
    (tests/it/template/alarms evaluates the expressions).
    And a parameter's value stays text for it, which no SDK reads where a number or a truth value belongs.
    """
    blocks = re.split(r"\n(?=  [A-Za-z0-9]+:\n)", template)
    kept = [block for block in blocks if not (re.match(r"  \w+Policy:\n", block) and "TlsOnly" in block)]
    check(len(blocks) - len(kept) == 4, "the template has four policies that refuse plain HTTP")
    template = "\n".join(plain_alarm(block) for block in (blocks if tls_only else kept))
    for single, both in {
        "Action: sqs:SendMessage\n": "Action: [sqs:SendMessage, sqs:SendMessageBatch]\n",
        "- sqs:ChangeMessageVisibility\n": (
            "- sqs:ChangeMessageVisibility\n                  - sqs:ChangeMessageVisibilityBatch\n"
        ),
        "MaximumConcurrency: !Ref ConsumerMaximumConcurrency\n": "MaximumConcurrency: 10\n",
        "\nConditions:\n": "\nConditions:\n  IsProtected: !Equals [!Ref DeletionProtection, \"true\"]\n",
        "DeletionProtectionEnabled: !Ref DeletionProtection\n": (
            "DeletionProtectionEnabled: !If [IsProtected, true, false]\n"
        ),
    }.items():
        check(single in template, f"the template has no {single}")
        template = template.replace(single, both)
    return template


def plain_alarm(block):
    """An alarm on an expression, as one on the first of its metrics."""
    found = re.search(r"      Metrics:\n(.*?)(?=      EvaluationPeriods)", block, re.DOTALL)
    if found is None:
        return block
    first = re.split(r"\n        - Id: ", found[1])[1]
    lines = [line.strip() for line in first.splitlines()[1:]]
    stat = {name: value for name, value in (line.split(": ", 1) for line in lines if ": " in line and line[0] != "-")}
    plain = [f"Namespace: {stat['Namespace']}", f"MetricName: {stat['MetricName']}"]
    dimensions = [line for line in lines if line.startswith("-")]
    plain += ["Dimensions:", *(f"  {line}" for line in dimensions)] if dimensions else []
    plain += [f"Statistic: {stat['Stat']}", f"Period: {stat['Period']}"]
    return block.replace(found[0], "".join(f"      {line}\n" for line in plain))


class Stack:
    def __init__(self, aws, name):
        self.aws, self.name = aws, name
        for service in ("cloudformation", "dynamodb", "s3", "sqs", "logs", "lambda", "secretsmanager"):
            setattr(self, service.replace("lambda", "functions"), aws.client(service))
        self.outputs, self.deployments = {}, 0
        self.parameters = {"Architecture": HERE.replace("-", "_"), "FanOut": "true"}

    def deploy(self, template, zips, **parameters):
        """Makes or updates the stack by a change set, as `sam deploy` does. Parameters stay as they are set."""
        self.parameters |= parameters
        template = package.for_processor(template, self.parameters["Architecture"])
        for function in FUNCTIONS:
            key = f"{function}.zip"
            self.s3.upload_file(str(zips / HERE / function / "bootstrap.zip"), "artifacts", key)
            template = template.replace(
                f"CodeUri: functions/{function}\n", f"CodeUri: s3://artifacts/{key}\n"
            )
        self.s3.put_object(Bucket="artifacts", Key=f"{self.name}.yaml", Body=template.encode())
        kind = "UPDATE" if self.outputs else "CREATE"
        self.deployments += 1
        names = {"StackName": self.name, "ChangeSetName": f"{kind.lower()}-{self.deployments}"}
        self.cloudformation.create_change_set(
            **names,
            ChangeSetType=kind,
            TemplateURL=f"{self.aws.url}/artifacts/{self.name}.yaml",
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()
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

    def items(self):
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=self.outputs["TableName"], ConsistentRead=True
        )
        return [item for page in pages for item in page["Items"]]

    def records(self):
        return [item for item in self.items() if item["sk"]["S"].startswith("event#")]

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


def large_call(key, event="call.ended"):
    """A body that no compression makes small: it goes to the bucket."""
    noise = base64.b64encode(random.Random(key).randbytes(60_000)).decode()
    return call(key, event, f',"noise":"{noise}"')


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
        check(len(rows) == 17, f"the table of the commands' actions: {rows}")
        for name, cell in rows:
            actions = ["cloudformation:DescribeStacks", *re.findall(r"`([a-z0-9]+:[A-Za-z]+)`", cell)]
            actions += [f"{action}Batch" for action in actions if action in BATCHED]
            # The local AWS judges every request about a mapping as one for their list.
            if "lambda:GetEventSourceMapping" in actions:
                actions.append("lambda:ListEventSourceMappings")
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


def strings(value):
    if isinstance(value, dict):
        return [text for key, inner in value.items() if key != "provider" for text in strings(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in strings(inner)]
    return [value] if isinstance(value, str) else []
