"""Asks the laptop's queue, as any other AWS tool would, whether it behaves as SQS FIFO does.

Starts `switchhook local` with an AWS port in a folder of its own and runs the 24 checks of
tests/probe_sqs.py against it.
"""

import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
START_SECONDS = 60


def aws_url(log: pathlib.Path, process: subprocess.Popen) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"SQS and DynamoDB answer on (\S+)", log.read_text()):
            return found.group(1)
        time.sleep(0.1)
    sys.exit(f"the receiver does not start:\n{log.read_text()}")


def main() -> int:
    program = ROOT / "target" / "debug" / "switchhook"
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "log"
        command = [program, "local", "--data", f"{folder}/data", "--port", "0", "--aws-port", "0"]
        process = subprocess.Popen(command, stdout=log.open("w"), stderr=subprocess.STDOUT)
        try:
            probe = [sys.executable, ROOT / "tests" / "probe_sqs.py", aws_url(log, process)]
            return subprocess.run(probe, timeout=120).returncode
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


sys.exit(main())
