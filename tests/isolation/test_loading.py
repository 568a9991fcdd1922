"""Only what hub.toml names, as hub.toml names it: each mistake puts one plugin out of order."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub.clock import system_clock
from hub.config import PluginConfig
from hub.host import Event, Host, Started, StartFailed, make_host
from hub.mailboxes import Account, Table, installed
from tests.foreign.box import wait

pytestmark = pytest.mark.slow

Start = Callable[..., Event]


@pytest.fixture
def start(python: Path, tmp_path: Path) -> Iterator[Start]:
    """Give a function that starts the plugin of a table of hub.toml, and returns its first word."""
    made: list[Host] = []

    def one(kind: Table = "mailboxes", **table: object) -> Event:
        given = {"plugin": "hostile", "python": str(python)} | table
        host = make_host(
            kind, "bad", PluginConfig.model_validate(given), base=tmp_path, clock=system_clock()
        )
        made.append(host)
        host.start()
        (event,) = wait(host, system_clock())
        return event

    yield one
    for host in made:
        host.stop(0.0)


@pytest.fixture
def record(python: Path) -> str:
    """Give the hash of the RECORD of the hostile mailbox as it is installed."""
    (one,) = [each for each in installed(python) if each.entry_point == "hostile"]
    assert one.record is not None
    return one.record


def refusal(event: Event) -> str:
    assert isinstance(event, StartFailed)
    assert event.fix
    return event.reason


def test_the_pinned_distribution_with_its_files_unchanged_starts(start: Start, record: str) -> None:
    pin = "postfach-mailbox-hostile==6.6.6"
    assert isinstance(start(pin=pin, record=record), Started)


def test_another_version_than_the_pinned_one_does_not_start(start: Start) -> None:
    said = refusal(start(pin="postfach-mailbox-hostile==1.0"))
    assert "hub.toml: mailboxes.bad.pin" in said
    assert "6.6.6" in said


def test_another_record_than_the_named_one_does_not_start(start: Start) -> None:
    assert "hub.toml: mailboxes.bad.record" in refusal(start(record="sha256:" + "0" * 64))


def test_a_changed_file_is_named(start: Start, python: Path, record: str) -> None:
    (file,) = python.parents[1].glob("lib/*/site-packages/postfach_mailbox_hostile/reach.py")
    before = file.read_bytes()
    file.write_bytes(before + b"# changed\n")
    try:
        said = refusal(start(record=record))
    finally:
        file.write_bytes(before)
    assert "changed files: postfach_mailbox_hostile/reach.py" in said


def test_a_python_that_is_not_there_is_named(start: Start, tmp_path: Path) -> None:
    said = refusal(start(python=str(tmp_path / "gone")))
    assert "hub.toml: mailboxes.bad.python" in said


def test_a_user_that_is_not_there_is_named(start: Start) -> None:
    assert "hub.toml: mailboxes.bad.user" in refusal(start(user="no-such-user"))


def test_a_plugin_starts_under_a_user_of_its_own(start: Start, other: Account) -> None:
    assert isinstance(start(user=other.name), Started)


def test_a_mailbox_is_no_check(start: Start) -> None:
    assert "hub.toml: checks.bad.plugin" in refusal(start("checks"))
