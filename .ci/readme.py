"""Runs the commands of the README, as they stand there, in a fresh clone.

Every line of every ```sh block is one command. `cargo run -- local` is left running, and stopped at
the end as a person would stop it; every other command must succeed, and its output is shown. Blocks
that cannot run here are marked ```text.
"""

import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
START_SECONDS = 900
STOP_SECONDS = 20


def commands(readme: str) -> list[str]:
    """All lines of all sh blocks; a backslash continues a line."""
    blocks = re.findall(r"^```sh\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", "").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def is_local(command: str) -> bool:
    return re.fullmatch(r"cargo run -- local( .*)?", command) is not None


def start(command: str, clone: pathlib.Path, env: dict[str, str]) -> subprocess.Popen:
    """Starts the receiver and waits until it listens."""
    log = clone / "local.log"
    process = subprocess.Popen(
        shlex.split(command), cwd=clone, env=env, stdout=log.open("w"), stderr=subprocess.STDOUT
    )
    deadline = time.monotonic() + START_SECONDS
    while "Stop with Ctrl-C" not in log.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"`{command}` does not listen:\n{log.read_text()}")
        time.sleep(0.2)
    print(log.read_text(), flush=True)
    return process


def stop(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGINT)
    if process.wait(STOP_SECONDS) != 0:
        sys.exit(f"the receiver ended with {process.returncode}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        clone = pathlib.Path(folder) / "switchhook"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        env = os.environ | {"CARGO_TARGET_DIR": str(ROOT / "target"), "CARGO_TERM_QUIET": "true"}
        running = None
        todo = commands((clone / "README.md").read_text())
        try:
            for command in todo:
                if "git clone" in command or command.startswith("cd "):
                    continue  # done already
                print(f"$ {command}", flush=True)
                if is_local(command):
                    running = running or start(command, clone, env)
                    continue
                subprocess.run(command, shell=True, cwd=clone, env=env, check=True)
        finally:
            if running is not None:
                stop(running)
        if running is None or len(todo) < 5:
            sys.exit("the README lost its commands")


main()
