"""Tests of package.py: the same bytes in give the same bytes out, and what must not be packaged is refused."""

import json
import re
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

import yaml

import package

sys.path.insert(0, str(package.ROOT / "tests" / "local_aws"))
import guide  # noqa: E402: what follows the README on a local AWS


def program(machine=62, content=b"", interpreter=False):
    """Returns an ELF file with one segment, as far as package.py reads one."""
    header = bytearray(64)
    header[:5] = b"\x7fELF\x02"
    header[18:20] = machine.to_bytes(2, "little")
    header[32:40] = (64).to_bytes(8, "little")
    header[54:58] = (56).to_bytes(2, "little") + (1).to_bytes(2, "little")
    return bytes(header) + (3 if interpreter else 1).to_bytes(4, "little") + bytes(52) + content


class Cloudformation(yaml.SafeLoader):
    """YAML whose `!Sub` and the like are what stands behind them."""


def tagged(loader, _, node):
    kinds = {yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: loader.construct_sequence}
    return kinds[type(node)](node)


Cloudformation.add_multi_constructor("!", tagged)


def parsed(template):
    return yaml.load(template, Cloudformation)


TEMPLATE = (package.ROOT / "template.yaml").read_text()
OTHER = {"arm64": "x86_64", "x86_64": "arm64"}


class Packages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def functions(self, name, machines=None):
        """Writes the functions for both processors, in an order and with modes that differ by the name."""
        folder = self.folder / name
        for arch, (machine, _, _) in sorted(package.ARCHES.items(), reverse=len(name) % 2 == 0):
            for function in package.FUNCTIONS:
                path = folder / arch / function / "bootstrap"
                path.parent.mkdir(parents=True)
                path.write_bytes(program((machines or {}).get(arch, machine), function.encode()))
                path.chmod(0o700 if len(name) % 2 else 0o755)
        return folder

    def release(self, name):
        out = self.folder / f"out-{name}"
        package.write(out, package.for_aws(TEMPLATE, self.functions(name), list(package.ARCHES)))
        return out

    def test_equal_programs_in_two_folders_give_equal_files(self):
        first, second = self.release("a"), self.release("bb")
        names = sorted(path.name for path in first.iterdir())
        self.assertEqual(names, sorted(path.name for path in second.iterdir()))
        for name in names:
            self.assertEqual((first / name).read_bytes(), (second / name).read_bytes(), name)

    def test_zip_holds_one_program_that_lambda_can_run(self):
        out = self.release("a")
        with zipfile.ZipFile(out / "ingress-x86_64.zip") as archive:
            [entry] = archive.infolist()
            self.assertEqual((entry.filename, entry.external_attr >> 16), ("bootstrap", 0o100755))
            self.assertEqual(entry.date_time, package.ZIP_TIME)
            self.assertEqual(archive.read(entry), program(62, b"ingress"))

    def test_zipped_and_unzipped_programs_give_equal_files(self):
        plain, inside = self.functions("a"), self.functions("bb")
        for path in inside.rglob("bootstrap"):
            path.with_suffix(".zip").write_bytes(package.zipped({"bootstrap": (0o755, path.read_bytes())}))
            path.unlink()
        arches = list(package.ARCHES)
        self.assertEqual(package.for_aws(TEMPLATE, plain, arches), package.for_aws(TEMPLATE, inside, arches))

    def test_archive_of_the_command_does_not_depend_on_the_machine(self):
        files = {"switchhook": (0o755, b"program"), "README.md": (0o644, b"text")}
        once = package.tarred("switchhook", files, 1_700_000_000)
        again = package.tarred("switchhook", dict(reversed(files.items())), 1_700_000_000)
        self.assertEqual(once, again)
        path = self.folder / "command.tar.gz"
        path.write_bytes(once)
        listed = subprocess.run(["tar", "tvzf", path, "--utc"], capture_output=True, text=True, check=True).stdout
        self.assertIn("-rwxr-xr-x 0/0", listed)
        self.assertIn("2023-11-14 22:13 switchhook/switchhook", listed)

    def test_checksums_are_of_every_file(self):
        out = self.release("a")
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", package.SUMS], cwd=out, check=True)
        listed = {line.split("  ")[1] for line in (out / package.SUMS).read_text().splitlines()}
        self.assertEqual(listed | {package.SUMS}, {path.name for path in out.iterdir()})

    def test_packaging_again_keeps_what_the_user_put_there(self):
        out = self.release("a")
        (out / "samconfig.toml").write_text("answers")
        package.write(out, package.for_aws(TEMPLATE, self.folder / "a", ["arm64"]))
        names = {path.name for path in out.iterdir()}
        self.assertIn("samconfig.toml", names)
        self.assertIn("template.yaml", names)
        self.assertNotIn("template-x86_64.yaml", names)
        self.assertNotIn("ingress-x86_64.zip", names)

    def test_program_for_another_processor_is_refused(self):
        for arch, (machine, _, _) in package.ARCHES.items():
            swapped = self.functions(f"swapped-{arch}", {OTHER[arch]: machine, arch: machine})
            package.for_aws(TEMPLATE, swapped, [arch])
            with self.assertRaisesRegex(package.PackageError, f"not a program for {OTHER[arch]}"):
                package.for_aws(TEMPLATE, swapped, [OTHER[arch]])

    def test_program_that_names_a_folder_of_this_machine_is_refused(self):
        for folder in (package.ROOT, Path.home()):
            with self.assertRaisesRegex(package.PackageError, "of this machine"):
                package.check_folders("ingress", program(62, f"{folder}/src/lib.rs".encode()))

    def test_dynamic_program_is_not_static(self):
        self.assertTrue(package.is_static(program()))
        self.assertFalse(package.is_static(program(interpreter=True)))

    def test_packaged_template_allows_only_the_processor_of_its_zips(self):
        for arch, (_, _, name) in package.ARCHES.items():
            template = parsed(package.packaged(TEMPLATE, arch))
            parameter = template["Parameters"]["Architecture"]
            self.assertEqual((parameter["AllowedValues"], parameter["Default"]), ([arch], arch), name)
            code = {
                resource["Properties"]["CodeUri"]
                for resource in template["Resources"].values()
                if resource["Type"] == "AWS::Serverless::Function"
            }
            self.assertEqual(code, {f"{function}-{arch}.zip" for function in package.FUNCTIONS})
            self.assertNotIn("BuildMethod", package.packaged(TEMPLATE, arch))

    def test_packaged_template_differs_in_nothing_else(self):
        source, made = parsed(TEMPLATE), parsed(package.packaged(TEMPLATE, "x86_64"))
        source["Parameters"]["Architecture"] = made["Parameters"]["Architecture"]
        for resource in source["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function":
                self.assertEqual(resource.pop("Metadata"), {"BuildMethod": "rust-cargolambda"})
                name = resource["Properties"]["CodeUri"].removeprefix("functions/")
                resource["Properties"]["CodeUri"] = f"{name}-x86_64.zip"
        self.assertEqual(source, made)

    def test_template_that_lost_what_is_replaced_is_refused(self):
        for line in ("      CodeUri: functions/ingress\n", "      BuildMethod: rust-cargolambda\n", "  Architecture:\n"):
            self.assertIn(line, TEMPLATE)
            with self.assertRaisesRegex(package.PackageError, "the template has"):
                package.packaged(TEMPLATE.replace(line, "", 1), "arm64")

    def test_template_of_another_version_is_refused(self):
        text = TEMPLATE if "SemanticVersion" in TEMPLATE else f"{TEMPLATE}    SemanticVersion: {package.version()}\n"
        package.packaged(text, "arm64")
        with self.assertRaisesRegex(package.PackageError, "published as 9.9.9"):
            package.packaged(text.replace(f"Version: {package.version()}", "Version: 9.9.9"), "arm64")

    def test_guide_deploys_what_a_release_has(self):
        readme = (package.ROOT / "README.md").read_text()
        text = "\n".join(command for step in guide.steps(readme) for command in step.commands)
        for arch, (_, _, name) in package.ARCHES.items():
            said = text
            for old, new in guide.words(readme, arch).items():
                said = said.replace(old, new)
            self.assertEqual(set(re.findall(r"--functions (\S+)", said)), {arch})
            self.assertEqual(set(re.findall(r"--template-file dist/(\S+)", said)), {name})
        self.assertIn(f"switchhook-{package.version()}-aws.zip", readme)

    def test_licences_are_of_what_the_programs_are_linked_with(self):
        def dependency(name, kind):
            return {"pkg": name, "dep_kinds": [{"kind": kind}]}

        def member(name, source="registry"):
            folder = self.folder / name
            folder.mkdir()
            (folder / "LICENSE").write_text("as is" if name != "linked" else "other terms")
            manifest = str(folder / "Cargo.toml")
            return {"id": name, "name": name, "version": "1", "source": source, "license": "MIT", "manifest_path": manifest}

        nodes = [
            {"id": "ingress", "deps": [dependency("linked", None), dependency("builds", "build"), dependency("tests", "dev")]},
            {"id": "linked", "deps": [dependency("below", None)]},
            *({"id": name, "deps": []} for name in ("builds", "tests", "below")),
        ]
        packages = [member("ingress", None), *map(member, ("tests", "linked", "builds", "below"))]
        text = package.licences({"packages": packages, "resolve": {"nodes": nodes}}).decode()
        self.assertTrue(text.startswith("below 1: MIT\nlinked 1: MIT\n"), text)
        self.assertEqual((text.count("as is"), text.count("other terms")), (1, 1))
        self.assertNotIn("builds", text)
        self.assertNotIn("tests", text)

    def test_bill_of_materials_is_the_same_in_every_folder(self):
        def written(serial, time, folder):
            reference = f"path+file://{folder}/functions/ingress#0.1.0"
            metadata = {"timestamp": time, "component": {"bom-ref": reference, "name": "ingress"}}
            return json.dumps({"bomFormat": "CycloneDX", "serialNumber": serial, "metadata": metadata})

        once = package.bill(written("urn:uuid:1", "2026-01-01T00:00:00Z", package.ROOT), "2026-02-03T04:05:06Z")
        other = package.bill(written("urn:uuid:2", "2026-01-02T00:00:00Z", "/switchhook"), "2026-02-03T04:05:06Z")
        self.assertEqual(once, other)
        with self.assertRaisesRegex(package.PackageError, "of this machine"):
            package.bill(written("urn:uuid:1", "2026-01-01T00:00:00Z", f"{Path.home()}/elsewhere"), "2026-02-03T04:05:06Z")


if __name__ == "__main__":
    unittest.main()
