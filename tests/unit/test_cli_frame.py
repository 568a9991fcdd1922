"""What holds for every command: where hub.toml comes from, exit codes, a quick start."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hub import cli, starter
from hub.clock import system_clock
from hub.spool import Claim
from tests.full_disk import file_size_limit

HEAVY = ("alembic", "cryptography", "lxml", "pydantic", "signxml", "sqlalchemy", "structlog")


def ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main([*arguments])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def run(config: Path) -> subprocess.CompletedProcess[str]:
    """Run the installed command until nothing is due."""
    return subprocess.run(
        [Path(sys.executable).with_name("hub"), "--config", config, "run", "--once", "--announce"],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return starter.init(tmp_path / "h", system_clock().now()).config.parent


def test_help_needs_nothing_heavy() -> None:
    code = f"import sys, hub.cli; print([n for n in {HEAVY!r} if n in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_the_configuration_is_the_option_else_the_environment_else_here(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HUB_CONFIG", raising=False)
    assert ended("config", "check") == 78
    monkeypatch.setenv("HUB_CONFIG", str(folder / "hub.toml"))
    assert ended("config", "check") == 0
    assert ended("--config", "none.toml", "config", "check") == 78
    monkeypatch.delenv("HUB_CONFIG")
    monkeypatch.chdir(folder)
    assert ended("config", "check") == 0


def test_errors_of_the_configuration_as_json(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "hub.toml"
    assert ended("--config", str(file), "config", "check", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "errors": []}
    file.write_text(file.read_text("utf-8").replace("rescan =", "rescam ="), "utf-8")
    assert ended("--config", str(file), "config", "check", "--json") == 78
    found = json.loads(capsys.readouterr().out)
    assert not found["ok"]
    assert "rescan" in found["errors"][0]


def test_no_secret_stands_in_what_is_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended("--config", str(folder / "hub.toml"), "config", "show", "--json") == 0
    shown = capsys.readouterr().out
    assert "keys/seal.pass" in shown
    assert (folder / "keys" / "seal.pass").read_text("utf-8").strip() not in shown


def test_a_bug_ends_with_70_and_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(cli.hub, "main", broken)
    assert ended("run") == 70
    assert "ZeroDivisionError: a bug" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "code"), [(errno.EIO, 74), (errno.ENOENT, 70)])
def test_what_fails_of_the_machine_is_no_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, code: int
) -> None:
    def failing(**_: object) -> None:
        raise OSError(number, os.strerror(number), "some/file")

    monkeypatch.setattr(cli.hub, "main", failing)
    assert ended("run") == code
    said = capsys.readouterr().err
    assert ("Traceback" in said) == (code == 70)
    assert "some/file" in said


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("--version") == 0
    assert capsys.readouterr().out == "hub, version 0.1.0\n"


@pytest.mark.slow
def test_a_run_on_a_full_disk_ends_with_75_and_the_next_one_goes_on(folder: Path) -> None:
    config = folder / "hub.toml"
    run(config)  # makes the database
    notice = str(folder / "examples" / "notice.xml")
    assert ended("--config", str(config), "submit", notice, "--to", "rostock/bauamt") == 0
    # the write-ahead log may grow by a few pages, which is less than the commit of a notice
    with file_size_limit(40 * 1024):
        full = run(config)
    assert (full.returncode, full.stdout) == (75, "")
    assert full.stderr.splitlines()[-1].startswith(
        f"hub: {config}: drops could not be taken over, "
    )
    ran = run(config)
    assert ran.returncode == 0
    assert [line.split()[0] for line in ran.stdout.splitlines()] == ["accepted", "final", "receipt"]


@pytest.mark.slow
def test_a_run_counts_what_stays_open(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(folder / "hub.toml")
    (folder / "var" / "mailboxes" / "citizens" / ".mailbox").unlink()
    notice = str(folder / "examples" / "notice.xml")
    assert ended("--config", config, "submit", notice, "--to", "rostock/bauamt") == 0
    ran = run(folder / "hub.toml")
    assert ran.returncode == 0
    assert ran.stderr.splitlines()[-1] == f"hub: {config}: 1 notice is open: DEFERRED"


@pytest.mark.slow
def test_a_run_names_drops_that_wait_for_a_check(folder: Path) -> None:
    config = folder / "hub.toml"
    with config.open("a", encoding="utf-8") as file:
        file.write('\n[checks.malware]\nplugin = "not-installed"\n')
    notice = str(folder / "examples" / "notice.xml")
    assert ended("--config", str(config), "submit", notice, "--to", "rostock/bauamt") == 0
    ran = run(config)
    assert (ran.returncode, ran.stdout) == (0, "")
    (path,) = folder.glob("spool/*/*/.claimed/*/*.xml")
    claim = Claim.parse(path.name)
    assert claim is not None
    said = ran.stderr.splitlines()[-1]
    assert said.startswith("hub: rostock/bauamt: claimed drops wait: ")
    assert claim.stem in said
