"""How the proofs here begin and end: options, a build, a deployed stack, a folder, an exit code.

Nothing is proven here.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from botocore.exceptions import ClientError

from deployment import (
    BUILD_SECS,
    HERE,
    MACHINES,
    REGION,
    ROOT,
    STACK,
    TEMPLATE,
    Aws,
    Programs,
    Stack,
    Switchhook,
    adapted,
    build,
    check_zips,
    told,
)


def options(description):
    """What every proof is told."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--zips", type=Path, default=ROOT / "target" / "lambda", help="where the zips are")
    parser.add_argument("--one-arch", action="store_true", help="zips for this machine's processor only")
    parser.add_argument("--no-build", action="store_true", help="take the zips and the command as they are")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    return parser


def deployed(arguments, folder, programs, secs):
    """Builds, and deploys a stack without sources; the rest may take so many seconds."""
    binary = ROOT / "target" / "debug" / "switchhook"
    arches = [HERE] if arguments.one_arch else list(MACHINES)
    if not arguments.no_build:
        build(arguments.zips, arches)
        command = ["cargo", "build", "--quiet", "--locked", "--workspace", "--bin", "switchhook"]
        subprocess.run(command, cwd=ROOT, check=True, timeout=BUILD_SECS)
        told("built")
    signal.alarm(secs)
    check_zips(arguments.zips, arches)
    command = Switchhook(binary, folder, programs)
    aws = Aws(folder, programs)
    aws.start()
    aws.client("s3").create_bucket(
        Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    command.make_users(aws)
    stack = Stack(aws, STACK)
    stack.deploy(adapted(TEMPLATE.read_text()), arguments.zips)
    told("the template is deployed; every policy of its roles is enforced")
    return stack, command


def run(proof, arguments):
    """Runs a proof in a folder of its own and exits: 0 if it holds, else 1."""
    programs = Programs()
    folder = Path(tempfile.mkdtemp(prefix="switchhook-"))
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(TimeoutError("out of time")))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    done = False
    try:
        proof(arguments, folder, programs)
        done = True
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
