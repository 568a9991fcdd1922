"""Checks and observers are loaded as mailboxes are; versions and files are looked at before."""

import base64
import hashlib
import itertools
import os
import py_compile
from importlib import metadata
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from postfach_mailbox import record
from postfach_mailbox.frames import TO_CHILD, Group, Operation, Start
from postfach_mailbox.loading import StartRefused, load
from postfach_mailbox.version import CONTRACT_VERSION, fits

NUMBERS = itertools.count(1)
CHECK = """
from postfach_mailbox import CheckCapabilities, Health, Passed, Settings, hookimpl

class Check:
    class Config(Settings):
        pass

    def __init__(self, config):
        pass

    def capabilities(self):
        return CheckCapabilities(contract="1.0")

    def check(self, submission):
        return Passed()

    def health(self):
        return Health(status="up")

@hookimpl
def postfach_check():
    return Check
"""
OBSERVER = (
    CHECK.replace("Check", "Observer")
    .replace("check(self, submission)", "observe(self, events)")
    .replace("Passed", "Observed")
    .replace("postfach_check", "postfach_observer")
)


class Site:
    """A folder on sys.path with a distribution in it, RECORD and all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.package = folder / f"some_package_{next(NUMBERS)}"

    def install(self, text: str, group: Group = "postfach.checks") -> str:
        """Install; return the hash of RECORD."""
        self.package.mkdir()
        info = self.folder / "postfach_some-1.0.dist-info"
        info.mkdir()
        files = {
            self.package / "__init__.py": text,
            self.package / "part.py": "A = 1\n",
            info / "METADATA": "Name: postfach-some\nVersion: 1.0\n",
            info / "entry_points.txt": f"[{group}]\nsome = {self.package.name}\n",
        }
        lines = []
        for path, content in files.items():
            path.write_text(content, "utf-8")
            digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest())
            name = path.relative_to(self.folder)
            lines.append(f"{name},sha256={digest.rstrip(b'=').decode()},{len(content)}\n")
        record_file = info / "RECORD"
        lines.append(f"{record_file.relative_to(self.folder)},,\n")
        record_file.write_text("".join(lines), "utf-8")
        return "sha256:" + hashlib.sha256(record_file.read_bytes()).hexdigest()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.pycache_prefix", None)
    return Site(tmp_path)


def start(group: Group = "postfach.checks", **more: str) -> Start:
    return Start.model_validate(
        {
            "group": group,
            "distribution": "postfach-some",
            "version": "1.0",
            "entry_point": "some",
            "config": {},
            "base": "/srv/hub",
            "in_flight": 1,
            **more,
        }
    )


def refused(what: Start) -> str:
    with pytest.raises(StartRefused) as caught:
        load(what)
    return caught.value.reason


@pytest.mark.parametrize(
    ("text", "group", "operation"),
    [
        (CHECK, "postfach.checks", Operation.CHECK),
        (OBSERVER, "postfach.observers", Operation.OBSERVE),
    ],
)
def test_a_check_and_an_observer_are_loaded_by_their_group(
    site: Site, text: str, group: Group, operation: Operation
) -> None:
    site.install(text, group)
    assert load(start(group)).operations == (operation, Operation.HEALTH)


def test_a_mailbox_or_observer_in_the_group_of_checks_is_refused(site: Site) -> None:
    site.install(OBSERVER)
    assert "postfach_observer" in refused(start())


def test_a_misspelt_operation_of_a_check_is_refused_and_named(site: Site) -> None:
    site.install(CHECK.replace("    def health", "    def chek(self): ...\n    def health"))
    assert "chek" in refused(start())


@pytest.mark.parametrize("operation", ["check", "health", "capabilities"])
def test_a_check_without_a_required_operation_is_refused(site: Site, operation: str) -> None:
    site.install(CHECK.replace(f"def {operation}(", f"def _{operation}("))
    assert operation in refused(start())


def test_capabilities_of_another_kind_are_refused(site: Site) -> None:
    site.install(CHECK.replace("CheckCapabilities", "ObserverCapabilities"))
    assert "capabilities() returned" in refused(start())


@pytest.mark.parametrize("version", ["2.0", "0.9", "1.99"])
def test_a_plugin_for_another_contract_is_refused_with_both_numbers(
    site: Site, version: str
) -> None:
    site.install(CHECK.replace('"1.0"', f'"{version}"'))
    reason = refused(start())
    assert version in reason
    assert CONTRACT_VERSION in reason


def test_an_environment_with_another_contract_than_the_hub_is_refused_before_any_import(
    site: Site,
) -> None:
    site.install("raise SystemExit('must not run')")
    reason = refused(start(contract="1.7"))
    assert "1.7" in reason
    assert CONTRACT_VERSION in reason


def test_a_start_of_a_newer_hub_can_still_be_read() -> None:
    newer = start(contract="1.7").model_dump() | {"colour": "blue"}
    assert TO_CHILD.validate_python(newer) == start(contract="1.7")


@pytest.mark.parametrize(
    ("wanted", "offered", "works"),
    [
        ("1.0", "1.0", True),
        ("1.0", "1.2", True),
        ("1.2", "1.10", True),
        ("1.3", "1.2", False),
        ("2.0", "1.2", False),
        ("1.2", "2.2", False),
    ],
)
def test_an_older_plugin_of_the_same_major_version_works(
    wanted: str, offered: str, works: bool
) -> None:
    assert fits(wanted, offered) is works


def test_a_distribution_that_is_as_its_record_says_is_loaded(site: Site) -> None:
    found = site.install(CHECK)
    assert record.digest(metadata.distribution("postfach-some")) == found
    assert load(start(record=found)).operations


def test_another_record_than_the_pinned_one_is_refused_with_both(site: Site) -> None:
    found = site.install("raise SystemExit('must not run')")
    wanted = "sha256:" + "0" * 64
    reason = refused(start(record=wanted))
    assert found in reason
    assert wanted in reason


def test_changed_missing_and_added_files_are_named_before_any_import(site: Site) -> None:
    found = site.install("raise SystemExit('must not run')")
    name = site.package.name
    (site.package / "__init__.py").write_text("raise SystemExit('changed')")
    (site.package / "part.py").unlink()
    (site.package / "part.abi3.so").touch()
    reason = refused(start(record=found))
    assert f"changed files: {name}/__init__.py, {name}/part.abi3.so, {name}/part.py" in reason


def test_bytecode_beside_a_pinned_plugin_is_not_run(site: Site) -> None:
    found = site.install(CHECK)
    source = site.package / "__init__.py"
    size, now = source.stat().st_size, source.stat().st_mtime_ns
    planted = site.folder / "planted.py"
    planted.write_text("raise SystemExit('must not run')".ljust(size), "utf-8")
    os.utime(planted, ns=(now, now))  # by time and size it is the source's
    py_compile.compile(str(planted), cache_from_source(str(source)), dfile=str(source))
    assert load(start(record=found)).operations
