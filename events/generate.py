#!/usr/bin/env python3
"""Writes the known-answer cases below this folder; `--check` only tells whether they are as it would.

Whatever a case expects was worked out by hand from the documents (the README and the provider's own
pages), never by running our Rust code. Python 3.11 and its standard library are all it takes.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import shutil
from pathlib import Path

from generator import (
    ai_sync_access,
    ai_sync_bodies,
    ai_sync_events,
    ai_sync_fields,
    cellcast_access,
    cellcast_events,
    cellcast_lists,
    cloudcontactai_access,
    cloudcontactai_events,
    cloudcontactai_fields,
    lambda_events,
    nectar_desk,
    nectar_desk_access,
    nectar_desk_people,
    odd_bytes,
    standard_webhooks,
)
from generator.case import CASES
from generator.text import write

HERE = Path(__file__).resolve().parent
MODULES = (
    ai_sync_access,
    ai_sync_bodies,
    ai_sync_events,
    ai_sync_fields,
    cellcast_access,
    cellcast_events,
    cellcast_lists,
    cloudcontactai_access,
    cloudcontactai_events,
    cloudcontactai_fields,
    nectar_desk,
    nectar_desk_access,
    nectar_desk_people,
    odd_bytes,
    standard_webhooks,
)


def files() -> dict[Path, bytes]:
    """Every file that belongs here, by its path."""
    for module in MODULES:
        module.add_cases()
    written = {}
    for case in CASES:
        folder = HERE / case.provider / case.name
        written[folder / "request.json"] = write(case.request()).encode()
        written[folder / "sources.toml"] = case.sources.encode()
        written[folder / "expected.json"] = write(case.expected).encode()
        if not case.recipe:
            written[folder / "body"] = case.body
    for name, event in lambda_events.events().items():
        written[HERE / "lambda" / name] = write(event).encode()
    return written


def provider_folders() -> list[Path]:
    others = ("generator", "lambda", "__pycache__")
    return [path for path in sorted(HERE.iterdir()) if path.is_dir() and path.name not in others]


def on_disk() -> set[Path]:
    found = {path for folder in provider_folders() for path in folder.rglob("*") if path.is_file()}
    return found | set((HERE / "lambda").glob("*.json"))


def check(wanted: dict[Path, bytes]) -> int:
    differing = [path for path, bytes_ in wanted.items() if not path.is_file() or path.read_bytes() != bytes_]
    for path in sorted(differing):
        print(f"differs: {path.relative_to(HERE)}")
    strangers = on_disk() - wanted.keys()
    for path in sorted(strangers):
        print(f"not written by this generator: {path.relative_to(HERE)}")
    return 1 if differing or strangers else 0


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="write nothing; fail if a file differs")
    only_check = arguments.parse_args().check
    wanted = files()
    if only_check:
        return check(wanted)
    for path in on_disk() - wanted.keys():
        path.unlink()
    for path, content in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for folder in (case for provider in provider_folders() for case in provider.iterdir()):
        if not any(folder.iterdir()):
            shutil.rmtree(folder)
    print(f"{len(CASES)} cases, {len(wanted)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
