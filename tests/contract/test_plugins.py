"""`hub plugin list` and `hub plugin check`, as an operator runs them."""

import json
import os
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from hub import plugins
from hub.errors import NotAvailable
from tests.contract import environment
from tests.contract.environment import NAME
from tests.flow.world import World
from tests.foreign.environment import public_base

pytestmark = pytest.mark.slow

ARCHIVE = '[mailboxes.archive]\nplugin = "directory"\n'


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path / "hub")


def listed(world: World, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(world.hub("plugin", "list", "--json", code=code).stdout)
    return found


def row(found: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = [each for each in found["plugins"] if each["plugin"] == name]
    assert isinstance(one, dict)
    return one


def test_a_plugin_is_enabled_by_the_tables_that_name_it(world: World) -> None:
    found = row(listed(world), "directory")
    assert found["enabled"] == ["mailboxes.archive", "mailboxes.citizens"]
    assert (found["group"], found["pinned"]) == ("postfach.mailboxes", False)
    assert found["record"].startswith("sha256:")


def test_a_plugin_is_pinned_when_every_table_pins_it(world: World) -> None:
    pin = 'plugin = "directory"\npin = "postfach-mailbox-directory==1.0.0"\n'
    world.configure('plugin = "directory"\n', pin)
    assert row(listed(world), "directory")["pinned"] is False
    # The first table again: its key moves, so that the other's line is the first to be found.
    world.configure(f"{pin}scheme", f"# first\n{pin}scheme ")
    world.configure('[mailboxes.citizens]\nplugin = "directory"\n', f"[mailboxes.citizens]\n{pin}")
    found = row(listed(world), "directory")
    assert (found["pinned"], found["record_pinned"]) == (True, False)


def test_a_python_of_its_own_is_looked_into(world: World, python: Path) -> None:
    world.configure(ARCHIVE, f'[mailboxes.archive]\nplugin = "fake"\npython = "{python}"\n')
    found = listed(world)
    fake = row(found, "fake")
    assert (fake["enabled"], fake["python"]) == (["mailboxes.archive"], str(python))
    assert fake["distribution"] == NAME
    own = [each for each in found["plugins"] if each["plugin"] == "directory"]
    assert {each["python"]: each["enabled"] for each in own} == {
        None: ["mailboxes.citizens"],
        str(python): [],
    }


def test_what_cannot_be_had_is_named_and_the_rest_is_listed(world: World) -> None:
    world.configure(ARCHIVE, '[mailboxes.archive]\nplugin = "not-installed"\n')
    found = listed(world, code=78)
    assert row(found, "directory")["enabled"] == ["mailboxes.citizens"]
    (problem,) = found["problems"]
    assert "mailboxes.archive.plugin" in problem


def test_the_list_imports_no_plugin_that_is_not_enabled() -> None:
    program = (
        "import sys; from hub import plugins; found = plugins.overview(None);"
        "names = [each.offered.entry_point for each in found.rows];"
        "print('directory' in names, 'postfach_mailbox_directory' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout.split() == ["True", "False"]


def test_the_list_works_where_there_is_no_hub_toml(world: World) -> None:
    (world.folder / "hub.toml").unlink()
    said = world.hub("plugin", "list").stdout
    assert "mailbox directory  postfach-mailbox-directory==1.0.0  not enabled" in said


@pytest.mark.slow
def test_the_directory_mailbox_reaches_what_it_claims(world: World) -> None:
    found = json.loads(world.hub("plugin", "check", "archive", "--json").stdout)
    assert (found["claimed"], found["reached"], found["holds"]) == ("gold", "gold", True)
    states = {each["state"] for each in found["findings"]}
    assert states == {"passed", "exempt", "not-applicable"}


@pytest.mark.slow
def test_a_mailbox_is_checked_in_the_python_that_it_has(world: World, python: Path) -> None:
    world.configure(ARCHIVE, f'[mailboxes.archive]\nplugin = "fake"\npython = "{python}"\n')
    said = world.hub("plugin", "check", "archive").stdout
    assert said.startswith(f"{NAME} 1.0.0\n")
    assert said.endswith("level reached: gold, claimed: none\n")


def test_a_mailbox_without_a_kit_cannot_be_checked(world: World, python: Path) -> None:
    world.configure(ARCHIVE, f'[mailboxes.archive]\nplugin = "kitless"\npython = "{python}"\n')
    said = world.hub("plugin", "check", "archive", code=69).stderr
    assert "postfach.testkits" in said


@pytest.mark.slow
def test_a_quality_toml_that_exempts_what_is_no_rule_is_named(world: World, python: Path) -> None:
    world.configure(ARCHIVE, f'[mailboxes.archive]\nplugin = "muddled"\npython = "{python}"\n')
    said = world.hub("plugin", "check", "archive", code=69).stderr
    assert "no-such-rule" in said


def test_a_check_that_does_not_end_is_ended(world: World) -> None:
    with pytest.raises(NotAvailable, match="did not end in 0 s"):
        plugins.check(None, "directory", at_most=0.05)


def test_a_mailbox_is_checked_as_the_user_that_it_has(world: World) -> None:
    nobody = pwd.getpwnam("nobody")
    base = public_base()
    if os.geteuid() != 0 or base is None:
        pytest.skip("needs root, and a Python that every user may run: not checked")
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        python = environment.make(Path(place) / "python", base)
        table = f'plugin = "whoami"\npython = "{python}"\nuser = "nobody"\n'
        world.configure(ARCHIVE, f"[mailboxes.archive]\n{table}")
        said = world.hub("plugin", "check", "archive", code=69).stderr
    assert f"imported by user {nobody.pw_uid}" in said


def test_a_name_that_is_no_mailbox_is_refused(world: World) -> None:
    assert "hub plugin list" in world.hub("plugin", "check", "nothing", code=65).stderr
