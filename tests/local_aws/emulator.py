"""The zips' programs under AWS's runtime interface emulator, with the events of events/lambda."""

import json
import re
import shutil
import socket
import urllib.request
import zipfile
from datetime import datetime, timezone
from pathlib import Path

import samcli

from deployment import HERE, ROOT, check, free_port, told, wait_for

# The source that events/lambda are of.
FILES_SOURCE = {"provider": "ai-sync", "secrets": ["example-secret"]}
FILES_TIME = "2026-02-03T04:05:06.789Z"  # the accepted time of events/lambda


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
