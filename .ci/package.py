"""Packages built programs as the files of a release: zips, archives, templates, bills of materials, checksums.

    python3 .ci/package.py --functions target/dist/functions --arch x86_64 --out dist
    python3 .ci/package.py --functions target/dist/functions --everything target/dist --out dist
    python3 .ci/package.py --out target/templates          # the templates alone

FOLDER/ARCH/FUNCTION/bootstrap is where `cargo lambda build --lambda-dir` leaves a function (its `bootstrap.zip`
is read too). The output depends on the bytes given and on SOURCE_DATE_EPOCH, and on nothing else: no clock,
no order of a folder, no mode or owner of a file.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FUNCTIONS = ("ingress", "consumer")
# Lambda's word for a processor, and ELF's number, for what it is called elsewhere, and the template.
ARCHES = {"arm64": (183, "aarch64", "template.yaml"), "x86_64": (62, "x86_64", "template-x86_64.yaml")}
TARGETS = [f"{arch}-unknown-linux-{libc}" for arch in ("aarch64", "x86_64") for libc in ("gnu", "musl")]
PROGRAMS = {"ingress": "functions/ingress", "consumer": "functions/consumer", "switchhook": "cli"}
DOCUMENTS = ("LICENSE-APACHE", "LICENSE-MIT", "README.md")
SUMS = "SHA256SUMS"
# The oldest time of a zip. Not the commit's: functions that did not change are not to be deployed again.
ZIP_TIME = (1980, 1, 1, 0, 0, 0)


class PackageError(Exception):
    """Something must not be packaged."""


# ------------------------------------------------------------------------------------ programs


def check_processor(name, program, arch):
    if program[:4] != b"\x7fELF" or int.from_bytes(program[18:20], "little") != ARCHES[arch][0]:
        raise PackageError(f"{name} is not a program for {arch}")


def check_folders(name, content):
    """Refuses what names a folder of this machine: elsewhere the same commit would give other bytes."""
    folders = {str(ROOT), str(Path.cwd()), str(Path.home()), os.environ.get("CARGO_HOME", "")}
    for folder in folders - {"", "/"}:
        if f"{folder}/".encode() in content:
            raise PackageError(f"{name} names the folder {folder} of this machine")


def is_static(program):
    """Whether no segment of a 64-bit ELF names an interpreter (a dynamic linker)."""
    start, size, count = (int.from_bytes(program[at:end], "little") for at, end in ((32, 40), (54, 56), (56, 58)))
    kinds = [int.from_bytes(program[start + size * i :][:4], "little") for i in range(count)]
    return 3 not in kinds


def function(folder, arch, name):
    """Reads a function's program, zipped or not."""
    for spelled in (arch, arch.replace("_", "-")):  # Lambda's word, or cargo-lambda's
        path = folder / spelled / name / "bootstrap"
        if path.exists():
            return path.read_bytes()
        if path.with_suffix(".zip").exists():
            return zipfile.ZipFile(path.with_suffix(".zip")).read("bootstrap")
    raise PackageError(f"{name} for {arch} is not in {folder}")


def zipped(files, method=zipfile.ZIP_DEFLATED):
    """Returns a zip of named bytes, the same for the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, (mode, content) in sorted(files.items()):
            entry = zipfile.ZipInfo(name, ZIP_TIME)
            entry.create_system = 3  # Unix, whose modes follow
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = method
            archive.writestr(entry, content, compresslevel=9)
    return out.getvalue()


def tarred(folder, files, time):
    """Returns a gzipped tar of named bytes in one folder, the same for the same bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, (mode, content) in sorted(files.items()):
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mode, entry.mtime = len(content), mode, time
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(out.getvalue(), 9, mtime=0)


# ------------------------------------------------------------------------------------ templates


def version():
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
    return manifest["workspace"]["package"]["version"]


def substituted(pattern, replacement, text, count):
    text, found = re.subn(pattern, replacement, text, flags=re.M)
    if found != count:
        raise PackageError(f"the template has {found} times, not {count} times: {pattern}")
    return text


def for_processor(template, arch):
    """Returns the template for one processor, which allows no other."""
    pattern = r"^(  Architecture:\n(?:    .*\n)*?    AllowedValues: )\[[^\]]*\].*(\n    Default: )\w+$"
    return substituted(pattern, rf"\g<1>[{arch}]\g<2>{arch}", template, 1)


def packaged(template, arch):
    """Returns the template that names the zips beside it."""
    template = for_processor(template, arch)
    for name in FUNCTIONS:
        template = substituted(rf"^      CodeUri: functions/{name}$", f"      CodeUri: {name}-{arch}.zip", template, 1)
    # `sam build` has nothing to build here.
    template = substituted(r"^    Metadata:\n      BuildMethod: rust-cargolambda\n", "", template, len(FUNCTIONS))
    published = re.search(r"^    SemanticVersion: (\S+)$", template, re.M)
    if published and published[1] != version():
        raise PackageError(f"the template is published as {published[1]}, the workspace is {version()}")
    return template


# ------------------------------------------------------------------------------------ bills of materials


def bill(text, time):
    """Returns a bill of materials without what another build of the same would have otherwise."""
    document = json.loads(text)
    document.pop("serialNumber", None)
    document["metadata"]["timestamp"] = time
    text = json.dumps(document, indent=1, sort_keys=True)
    for folder in {str(ROOT), str(Path.cwd())}:
        text = text.replace(f"path+file://{folder}", "path+file:///switchhook").replace(f"file://{folder}", "file:///switchhook")
    check_folders("a bill of materials", text.encode())
    return (text + "\n").encode()


def linked(metadata):
    """Returns the packages that the programs are linked with, themselves and what only builds them left out."""
    packages = {package["id"]: package for package in metadata["packages"]}
    edges = {node["id"]: node["deps"] for node in metadata["resolve"]["nodes"]}
    todo = [id for id, package in packages.items() if package["name"] in PROGRAMS and package["source"] is None]
    seen = set(todo)
    while todo:
        for edge in edges[todo.pop()]:
            if edge["pkg"] not in seen and any(kind["kind"] is None for kind in edge["dep_kinds"]):
                seen.add(edge["pkg"])
                todo.append(edge["pkg"])
    found = [packages[id] for id in seen if packages[id]["source"] is not None]
    return sorted(found, key=lambda package: (package["name"], package["version"]))


def licences(metadata):
    """The licences of everything in the programs, each text once, with the packages that it came with."""
    texts, lines = {}, []
    for package in linked(metadata):
        name = f"{package['name']} {package['version']}"
        lines.append(f"{name}: {package['license'] or package['license_file']}\n")
        folder = Path(package["manifest_path"]).parent
        for path in sorted(folder.iterdir()):
            if re.match(r"(licen[cs]e|copying|copyright|notice|unlicense)", path.name, re.I) and path.is_file():
                text = path.read_text(errors="replace").strip().replace("\r\n", "\n")
                texts.setdefault(text, []).append(name)
    for text, names in texts.items():
        lines += ["\n", "-" * 100, "\n", ", ".join(names), "\n\n", text, "\n"]
    return "".join(lines).encode()


def tool(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def build_record(time):
    """What somebody needs to know who builds the same again."""
    lines = {
        "version": version(),
        "commit": tool("git", "rev-parse", "HEAD"),
        "commit time": time,
        "rustc": tool("rustc", "--version"),
        "cargo-lambda": tool("cargo", "lambda", "--version"),
        "cargo-zigbuild": tool("cargo-zigbuild", "--version"),
        "zig": tool(sys.executable, "-m", "ziglang", "version"),
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
    }
    return "".join(f"{name}: {value}\n" for name, value in lines.items()).encode()


# ------------------------------------------------------------------------------------ all of it


def documents():
    return {name: (0o644, (ROOT / name).read_bytes()) for name in DOCUMENTS}


def for_aws(template, functions, arches, mapped=True):
    """Returns the templates, the zips that they name, and the documents that the templates name."""
    files = documents()
    for arch in arches:
        files[ARCHES[arch][2]] = (0o644, packaged(template, arch).encode())
        for name in FUNCTIONS if functions else ():
            program = function(functions, arch, name)
            check_processor(f"{name} for {arch}", program, arch)
            if mapped:
                check_folders(f"{name} for {arch}", program)
            files[f"{name}-{arch}.zip"] = (0o644, zipped({"bootstrap": (0o755, program)}))
    return files


def commands(built, licences, seconds):
    files = {}
    for arch, (_, target, _) in ARCHES.items():
        program = (built / f"{target}-unknown-linux-musl" / "release" / "switchhook").read_bytes()
        check_processor(f"switchhook for {arch}", program, arch)
        check_folders(f"switchhook for {arch}", program)
        if not is_static(program):
            raise PackageError(f"switchhook for {arch} is not static")
        inside = {"switchhook": (0o755, program), "LICENSES-OF-DEPENDENCIES.txt": licences, **documents()}
        files[f"switchhook-linux-{arch}.tar.gz"] = (0o644, tarred("switchhook", inside, seconds))
    return files


def bills(time):
    found = {}
    for name, folder in PROGRAMS.items():
        text = (ROOT / folder / f"{name}.cdx.json").read_text()
        found[f"{name}.cdx.json"] = (0o644, bill(text, time))
    for member in tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["members"]:
        for path in (ROOT / member).glob("*.cdx.json"):  # cargo-cyclonedx leaves one with each member
            path.unlink()
    return found


def sums(files):
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, (_, content) in sorted(files.items())]
    return "".join(lines).encode()


def write(out, files):
    """Writes the files, and takes away what an earlier release listed there; the rest is the user's."""
    out.mkdir(parents=True, exist_ok=True)
    old = out / SUMS
    for line in old.read_text().splitlines() if old.exists() else []:
        (out / Path(line.split("  ", 1)[1]).name).unlink(missing_ok=True)
    for name, (_, content) in files.items():
        (out / name).write_bytes(content)
    old.write_bytes(sums(files))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--template", type=Path, default=ROOT / "template.yaml")
    parser.add_argument("--functions", type=Path, help="where the functions are; without it, the templates alone")
    parser.add_argument("--arch", choices=ARCHES, action="append", help="only this processor")
    parser.add_argument("--everything", type=Path, metavar="TARGET", help="also what cargo built in this folder")
    parser.add_argument("--unmapped", action="store_true", help="take functions that name folders of this machine")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        files = for_aws(arguments.template.read_text(), arguments.functions, arguments.arch or list(ARCHES), not arguments.unmapped)
        if arguments.everything:
            seconds = int(os.environ["SOURCE_DATE_EPOCH"])
            time = tool("date", "--utc", "--date", f"@{seconds}", "+%Y-%m-%dT%H:%M:%SZ")
            platforms = [f"--filter-platform={target}" for target in TARGETS]
            metadata = json.loads(tool("cargo", "metadata", "--locked", "--format-version", "1", *platforms))
            files["LICENSES-OF-DEPENDENCIES.txt"] = (0o644, licences(metadata))
            archive = zipped(files, zipfile.ZIP_STORED)
            files |= {f"switchhook-{version()}-aws.zip": (0o644, archive), "BUILD": (0o644, build_record(time))}
            files |= commands(arguments.everything, files["LICENSES-OF-DEPENDENCIES.txt"], seconds) | bills(time)
        write(arguments.out, files)
    except PackageError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
