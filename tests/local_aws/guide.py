#!/usr/bin/env python3
"""Follows the README's guide to deploying, word for word, on a local AWS.

Every line of every "sh aws" block is one command, run in a fresh clone as it stands there; for x86_64 with the words
that the guide itself says to put in. `sam deploy --guided` is answered as the guide says: by the answers of a table
where it gives some, else by Enter.

The guide is followed to its end by somebody who chose this machine's processor and builds, and once more, up to the
deployment, by somebody who chose the other: its functions cannot run here, but what was deployed is compared with the
zips, byte for byte. `--release FOLDER` holds the files of a release, as `.ci/release` makes them: who chose the other
processor unpacks those instead of building, as the guide says. With `--unpack` both do.

The local AWS differs from AWS in what `deployment.adapted` says, and its API has another address: the templates
have both before the guide is begun. It makes no metrics of log lines, so that every source is a silent one there, and
it hands bodies on as text, which changes some (FAIL_HERE).
Needs what prove.py needs, on the PATH.
"""

import argparse
import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pexpect

import deployment

COMMAND_SECS = 3600  # a release build, from nothing
PROCESSORS = {"arm64": "template.yaml", "x86_64": "template-x86_64.yaml"}
HERE = deployment.HERE.replace("-", "_")
# What ends with 1 on the local AWS, as it should.
FAIL_HERE = (" --silent-for ", "switchhook send voice bytes ")


class Step:
    """A block of the guide: its commands, and the answers that the text before it gives."""

    def __init__(self, text, answers):
        self.answers = answers
        self.commands = text.replace("\\\n", "").splitlines()


def steps(readme):
    """The guide's blocks in their order, with the answers of a table before them, unless `**` begins a new step."""
    found, answers = [], {}
    pattern = r"^```sh aws\n(.*?)^```$|^\| `(\w+)` \| `([^`]*)` \||^\*\*"
    for match in re.finditer(pattern, readme, re.M | re.S):
        text, parameter, value = match.groups()
        if text is not None:
            found.append(Step(text, dict(answers)))
        elif parameter is not None:
            answers[parameter] = value
        else:
            answers = {}
    return found


def words(readme, processor):
    """What the guide says to put in for a processor that its lines are not for."""
    if processor == "arm64":
        return {}
    [sentence] = re.findall(rf"For {processor}, put (.*?)\.\n\n", readme, re.S)
    pairs = re.findall(r"`(\S+)`\s+for\s+`(\S+)`", sentence)
    deployment.check(len(pairs) == 2, f"the guide has other words for {processor}: {pairs}")
    return {old: new for new, old in pairs}


def answer(prompt, answers):
    """What a person types: the guide's answers, yes to what is to be done, else Enter."""
    for parameter, value in answers.items():
        if re.search(rf"Parameter {parameter}\b", prompt):
            return value
    return "y" if "[y/N]" in prompt and "Disable rollback" not in prompt else ""


def run(command, answers, folder, environment, expected=0):
    print(f"$ {command}", flush=True)
    child = pexpect.spawn(
        "bash", ["-c", command], cwd=folder, env=environment, encoding="utf-8", timeout=COMMAND_SECS
    )
    child.logfile_read = sys.stdout
    said = ""
    # A question of sam ends with its default; a confirmation of the command, with its answers.
    while child.expect([r"[^\r\n]*(\[[^\]\r\n]*\]: |\[y/N\] )", pexpect.EOF]) == 0:
        said += child.before + child.after
        child.sendline(answer(child.after, answers))
    said += child.before
    child.close()
    deployment.check(child.exitstatus == expected, f"`{command}` ended with {child.exitstatus}")
    return said


def with_local_address(template, aws):
    """The API's address on the local AWS, where AWS gives it a host name."""
    public = "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"
    deployment.check(public in template, f"the template names no {public}")
    return template.replace(public, f"{aws.url}/_aws/execute-api/${{Api}}/$default")


class Reader:
    """Somebody who follows the guide in their own clone and account, for one processor."""

    def __init__(self, folder, programs, processor, release):
        folder.mkdir()
        self.processor, self.release = processor, release
        self.clone = folder / "switchhook"
        subprocess.run(["git", "clone", "--quiet", str(deployment.ROOT), str(self.clone)], check=True)
        (self.clone / "target").symlink_to(deployment.ROOT / "target")
        self.aws = deployment.Aws(folder, programs)
        self.aws.start()
        self.adapt(self.clone / "template.yaml")
        self.environment = os.environ | {
            "PATH": f"{deployment.ROOT / 'target' / 'debug'}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": self.aws.url,
            "AWS_REGION": deployment.REGION,
            "AWS_DEFAULT_REGION": deployment.REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "SAM_CLI_TELEMETRY": "0",
            "HOME": str(folder),
        }
        for name in ("CARGO_HOME", "RUSTUP_HOME"):
            self.environment.setdefault(name, str(Path.home() / f".{name.split('_')[0].lower()}"))

    def adapt(self, template):
        template.write_text(with_local_address(deployment.adapted(template.read_text()), self.aws))

    def unpack(self):
        """Does what the guide's text says of a release, which the local AWS cannot serve."""
        shutil.copytree(self.release, self.clone / "dist")
        self.adapt(self.clone / "dist" / PROCESSORS[self.processor])

    def follow(self, readme, to_the_end):
        """Runs the guide's commands for the processor."""
        deployed = 0
        for step in steps(readme):
            for command in step.commands:
                for old, new in words(readme, self.processor).items():
                    command = command.replace(old, new)
                if command.startswith(".ci/release ") and self.release:
                    self.unpack()
                    continue
                expected = int(any(failing in command for failing in FAIL_HERE))
                said = run(command, step.answers, self.clone, self.environment, expected)
                if command.startswith("switchhook events "):
                    deployment.check("call.ended" in said, "the delivery that was sent is not recorded")
                if command.startswith("sam deploy "):
                    deployed += 1
                    self.compare()
                    if not to_the_end:
                        self.contradict(command)
                        return
        deployment.check(deployed == 3, f"the guide deploys {deployed} times")

    def contradict(self, command):
        """The other processor is no answer: the stack stays as it is."""
        [other] = set(PROCESSORS) - {self.processor}
        run(command, {"Architecture": other}, self.clone, self.environment, 1)
        self.compare()
        deployment.told(f"`{other}` is refused by the template for {self.processor}")

    def compare(self):
        """What is deployed is, byte for byte, the zips beside the template, for their processor."""
        functions = self.aws.client("lambda")
        for name in deployment.FUNCTIONS:
            path = self.clone / "dist" / f"{name}-{self.processor}.zip"
            digest = base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()
            found = functions.get_function_configuration(FunctionName=f"switchhook-{name}")
            deployment.check(found["CodeSha256"] == digest, f"{name}: other bytes than {path.name}")
            deployment.check(found["Architectures"] == [self.processor], f"{name}: {found['Architectures']}")
        deployment.told(f"what is deployed is the zips for {self.processor}, byte for byte")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--release", type=Path, help="the files of a release")
    parser.add_argument("--unpack", action="store_true", help="take them for this machine's processor too")
    parser.add_argument("--only", choices=PROCESSORS, help="follow the guide for this processor alone")
    arguments = parser.parse_args()
    programs = deployment.Programs()
    guide = (deployment.ROOT / "README.md").read_text()
    with tempfile.TemporaryDirectory(prefix="switchhook-", ignore_cleanup_errors=True) as folder:
        try:
            for processor in [arguments.only] if arguments.only else PROCESSORS:
                here = processor == HERE
                release = None if here and not arguments.unpack else arguments.release
                reader = Reader(Path(folder) / processor, programs, processor, release)
                reader.follow(guide, to_the_end=here)
        finally:
            programs.end_all()
    print("the guide is right")


if __name__ == "__main__":
    main()
