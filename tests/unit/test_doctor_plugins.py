"""Plugins that are out of order: what the doctor says to a person, and the log."""

import io
import json
from pathlib import Path

import pytest

from hub import config, starter, telemetry
from hub.clock import system_clock
from hub.config import Config
from hub.doctor import children
from hub.host import make_host

TABLES = """
[checks.malware]
plugin = "nothing"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return starter.init(tmp_path / "h", system_clock().now()).config


def changed(file: Path, old: str, new: str) -> Config:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new) + TABLES, "utf-8")
    return config.load(file, {})


def test_a_plugin_that_cannot_be_had_names_its_key_and_what_waits(file: Path) -> None:
    settings = changed(file, 'plugin = "directory"', 'plugin = "directory"\npin = "some==9"')
    (found,) = children.look(settings, "archive", system_clock())
    assert (found.subject, found.exit_code) == ("mailbox archive", 78)
    assert found.what.startswith("hub.toml: mailboxes.archive.pin: pinned to some==9")
    assert found.why == "Notices for it wait, or are held."
    (found,) = children.look(settings, "malware", system_clock(), "checks")
    assert found.what.startswith("hub.toml: checks.malware.plugin: ")
    assert found.why.startswith("Drops ")


@pytest.mark.slow
def test_a_mailbox_that_is_down_says_so_in_its_own_words(file: Path) -> None:
    settings = changed(file, 'plugin = "directory"', 'plugin = "directory"')
    (file.parent / "var" / "mailboxes" / "archive" / ".mailbox").unlink()
    (found,) = children.look(settings, "archive", system_clock())
    assert found.exit_code == 69
    assert ": down: " in found.what
    assert found.fix == children.BEHIND


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("mailboxes", "archive", {"code": "mailboxes.archive.user", "mailbox": "archive"}),
        ("checks", "malware", {"code": "checks.malware.plugin", "plugin": "malware"}),
    ],
)
def test_the_log_names_the_key_of_a_plugin_that_cannot_be_had(
    file: Path, kind: str, name: str, said: dict[str, str]
) -> None:
    settings = changed(file, 'plugin = "directory"', 'plugin = "directory"\nuser = "no-such"')
    log = io.StringIO()
    telemetry.set_up(log)
    make_host(kind, name, getattr(settings, kind)[name], base=file.parent, clock=system_clock())  # type: ignore[arg-type]  # a text that is one of the three
    line = json.loads(log.getvalue())
    assert line.pop("event") == "plugin not to be had - hub doctor says why"
    assert {key: line[key] for key in said} == said
