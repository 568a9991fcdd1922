"""Finding the plugin that hub.toml names, in the hub's Python or in one of its own."""

import os
import sys
from pathlib import Path

import pytest

from hub.errors import ConfigError
from hub.mailboxes import Unanswered, find, installed
from hub.mailboxes.asking import ask
from tests import foreign
from tests.foreign.table import Table

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a Python with the mailbox `odd` installed."""
    return foreign.interpreter(tmp_path_factory.mktemp("python"))


def refusal(table: Table) -> str:
    with pytest.raises(ConfigError) as caught:
        find("mailboxes", "archive", table)
    assert caught.value.fix
    return str(caught.value)


def program(folder: Path, text: str) -> Path:
    """Make something that stands where a Python should."""
    made = folder / "python"
    made.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    made.chmod(0o755)
    return made


def test_an_installed_mailbox_is_found_by_its_entry_point() -> None:
    found = find("mailboxes", "archive", Table("directory", "Postfach_Mailbox.Directory==1.0.0"))
    assert (found.distribution, found.version) == ("postfach-mailbox-directory", "1.0.0")
    assert (found.name, found.entry_point) == ("archive", "directory")


def test_a_mailbox_that_is_not_installed_is_named_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"mailboxes\.archive\.plugin.*directori.*directory"):
        find("mailboxes", "archive", Table("directori"))


def test_another_version_than_the_pinned_one_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"mailboxes\.archive\.pin.*9\.9.*1\.0\.0"):
        find("mailboxes", "archive", Table("directory", "postfach-mailbox-directory==9.9"))


def test_two_distributions_with_one_name_are_refused_unless_a_pin_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = {"never_imported": "raise SystemExit('was imported')"}
    foreign.install(tmp_path, "evil-box", "9.9", modules, "directory = never_imported")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"evil-box 9\.9, postfach-mailbox-directory"):
        find("mailboxes", "archive", Table("directory"))
    pin = "postfach-mailbox-directory==1.0.0"
    assert find("mailboxes", "archive", Table("directory", pin)).version == "1.0.0"


def test_a_plugin_of_another_kind_is_not_found() -> None:
    with pytest.raises(ConfigError, match=r"checks\.virus\.plugin.*check 'directory'"):
        find("checks", "virus", Table("directory"))


@pytest.mark.slow
def test_a_plugin_is_found_in_a_python_of_its_own(interpreter: Path) -> None:
    found = find("mailboxes", "archive", Table("odd", python=interpreter))
    assert (found.distribution, found.version) == ("postfach-mailbox-odd", "2.0")
    assert found.python == interpreter
    assert "mailbox 'odd'" in refusal(Table("odd"))
    assert f"Install it into {interpreter}" in refusal(Table("even", python=interpreter))


def test_the_record_of_a_distribution_is_compared(interpreter: Path) -> None:
    (one,) = [each for each in installed() if each.entry_point == "directory"]
    assert one.record is not None
    assert find("mailboxes", "archive", Table("directory", record=one.record)).record == one.record
    other = "sha256:" + "0" * 64
    said = refusal(Table("directory", record=other))
    assert "mailboxes.archive.record" in said
    assert one.record in said
    assert "not there" in refusal(Table("odd", record=other, python=interpreter))


def test_what_is_installed_is_listed_without_being_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = {"never_imported": "raise SystemExit('was imported')"}
    foreign.install(tmp_path, "evil-box", "9.9", modules, "evil = never_imported")
    monkeypatch.syspath_prepend(tmp_path)
    listed = {each.entry_point: each for each in installed()}
    assert listed["evil"].distribution == "evil-box"
    assert listed["directory"].summary
    assert "never_imported" not in sys.modules


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("exit 3", "exit status 3"),
        ("echo nonsense", "does not say what it has"),
        ("kill -9 $$", "exit status -9"),
        ("exec cat /dev/zero", "did not answer"),
        ("sleep 1000 & exit 0", "did not answer"),
        ("exec sleep 1000", "did not answer"),
        ("""echo '{"contract": "7.3", "offered": []}'""", "version 7.3 of the contract"),
    ],
)
def test_a_python_that_gives_no_answer_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Unanswered) as caught:
        ask(program(tmp_path, text), timeout=1.0)
    assert said in caught.value.what
    assert str(tmp_path) in caught.value.what + caught.value.fix
    assert caught.value.fix


def test_a_python_that_is_not_there_is_an_error_of_its_key(tmp_path: Path) -> None:
    said = refusal(Table("directory", python=tmp_path / "python"))
    assert said.startswith("hub.toml: mailboxes.archive.python: ")
    assert "No such file" in said


def test_a_python_without_the_contract_is_an_error_of_its_key(tmp_path: Path) -> None:
    bare = program(tmp_path, f'exec {sys.executable} -S "$@"')
    assert "Install postfach-mailbox there" in refusal(Table("directory", python=bare))


def test_a_user_that_is_none_or_the_hubs_own_is_an_error_of_its_key() -> None:
    said = refusal(Table("directory", user="no-such-user"))
    assert said.startswith("hub.toml: mailboxes.archive.user: there is no user 'no-such-user'")
    own = Path.owner(Path(f"/proc/{os.getpid()}"))
    assert "is the hub's own user" in refusal(Table("directory", user=own))
