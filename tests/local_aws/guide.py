#!/usr/bin/env python3
"""Follows the README's guide to deploying, command by command, on a local AWS.

Every line of every "sh aws" block is one command, run in a fresh clone as it stands there. `sam deploy
--guided` is answered as a person would who takes each default. Needs what prove.py needs, on the PATH.

The local AWS differs from AWS in three things that the commands are adapted to: the functions run on this
machine's processor; the template is the one that `prove.adapted` makes; and the API has another host
name, which commands that send or ask for the functions' health are given.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pexpect

import prove

COMMAND_SECS = 3600  # sam build, from nothing


def commands(readme):
    blocks = re.findall(r"^```sh aws\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    return [line for line in "".join(blocks).splitlines() if line]


def with_host(command, stack):
    """Where the API is: AWS gives it a name of its own."""
    if command.startswith(("switchhook send ", "switchhook check --stack")):
        if not stack.outputs:
            found = stack.cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0]
            stack.outputs = {item["OutputKey"]: item["OutputValue"] for item in found["Outputs"]}
        return f"{command} --url '{stack.base()}'"
    return command


def on_this_machine(command):
    if prove.HERE == "arm64":
        return command
    command = command.replace("--arm64", f"--{prove.HERE}")
    if command == "sam build":
        command += f" --parameter-overrides Architecture={prove.HERE.replace('-', '_')}"
    return command


def answer(prompt):
    """What a person types: this machine's processor, yes to what is to be done, else Enter."""
    if "Architecture" in prompt:
        return prove.HERE.replace("-", "_")
    return "y" if "[y/N]" in prompt and "Disable rollback" not in prompt else ""


def run(command, folder, environment):
    print(f"$ {command}", flush=True)
    child = pexpect.spawn(
        "bash", ["-c", command], cwd=folder, env=environment, encoding="utf-8", timeout=COMMAND_SECS
    )
    child.logfile_read = sys.stdout
    # A question of sam ends with its default; a confirmation of the command, with its answers.
    while child.expect([r"[^\r\n]*(\[[^\]\r\n]*\]: |\[y/N\] )", pexpect.EOF]) == 0:
        child.sendline(answer(child.after))
    child.close()
    # The local AWS makes no metrics of log lines, so that every source is a silent one there.
    expected = 1 if "--silent-for" in command else 0
    prove.check(child.exitstatus == expected, f"`{command}` ended with {child.exitstatus}")


def follow(folder, programs):
    clone = folder / "switchhook"
    subprocess.run(["git", "clone", "--quiet", str(prove.ROOT), str(clone)], check=True)
    (clone / "target").symlink_to(prove.ROOT / "target")
    template = clone / "template.yaml"
    template.write_text(prove.adapted(template.read_text()))
    aws = prove.Aws(folder, programs)
    aws.start()
    environment = os.environ | {
        "PATH": f"{prove.ROOT / 'target' / 'debug'}:{os.environ['PATH']}",
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_REGION": prove.REGION,
        "AWS_DEFAULT_REGION": prove.REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "SAM_CLI_TELEMETRY": "0",
        "HOME": str(folder),
    }
    for name in ("CARGO_HOME", "RUSTUP_HOME"):
        environment.setdefault(name, str(Path.home() / f".{name.split('_')[0].lower()}"))
    stack = prove.Stack(aws, "switchhook")
    for command in commands((clone / "README.md").read_text()):
        run(with_host(on_this_machine(command), stack), clone, environment)


def main():
    programs = prove.Programs()
    with tempfile.TemporaryDirectory(prefix="switchhook-", ignore_cleanup_errors=True) as folder:
        try:
            follow(Path(folder), programs)
        finally:
            programs.end_all()
    print("the guide is right")


if __name__ == "__main__":
    main()
