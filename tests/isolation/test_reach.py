"""What a plugin can reach: under the hub's own user, and under one of its own."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hub.host import Started, StartFailed
from hub.mailboxes import Account
from tests.flow.papers import drop
from tests.flow.world import World
from tests.isolation.conftest import Hostile

pytestmark = pytest.mark.slow


@pytest.fixture
def belongings(world: World) -> dict[str, Path]:
    """Give the files that a hub has when it has worked."""
    world.put(drop(account="anna"))
    world.once()
    return {
        "master key": world.folder / "keys" / "master.key",
        "sealing key": world.folder / "keys" / "seal.p12",
        "password": world.folder / "keys" / "seal.pass",
        "database": world.folder / "var" / "hub.db",
        "vault": world.folder / "var" / "vault",
        "receipts": world.procedure / "out",
        "what is handed in": world.procedure / "in",
    }


def look(hostile: Hostile, belongings: dict[str, Path], whose: Account | None) -> Any:
    box = hostile("look", account=whose, look_at=[str(path) for path in belongings.values()])
    assert isinstance(box.start(), Started)
    return json.loads(box.outcome("x").evidence[0].data)


def test_under_the_hubs_own_user_a_plugin_can_read_what_the_hub_can(
    hostile: Hostile, belongings: dict[str, Path]
) -> None:
    seen = look(hostile, belongings, None)
    assert all(said.startswith("read ") for said in seen["reached"].values())
    assert seen["signal"] == "sent"


def test_under_its_own_user_a_plugin_reads_nothing_of_the_hubs(
    hostile: Hostile, belongings: dict[str, Path], other: Account
) -> None:
    for each in Path(next(iter(belongings.values()))).parents:  # as if it lay in a public place
        if each.stat().st_uid == 0 and each.name.startswith(("pytest-", "test_")):
            each.chmod(0o755)
    seen = look(hostile, belongings, other)
    assert set(seen["reached"].values()) == {"PermissionError"}
    assert seen["uid"] == [other.uid] * 3
    assert seen["gid"] == [other.gid] * 3
    assert seen["groups"] == []
    assert seen["signal"] == "PermissionError"
    assert Path(seen["folder"]).name.startswith("postfach-mailbox-")


@pytest.mark.parametrize("apart", [False, True])
def test_a_plugin_has_no_descriptor_but_the_hubs_socket_and_its_documents(
    hostile: Hostile, request: pytest.FixtureRequest, apart: bool
) -> None:
    seen = look(hostile, {}, request.getfixturevalue("other") if apart else None)
    inherited = [fd for fd, to in seen["descriptors"].items() if to == "/dev/null"]
    assert inherited == ["0", "1", "2"]
    sockets = [to for to in seen["descriptors"].values() if to.startswith("socket:")]
    documents = [to for to in seen["descriptors"].values() if to.endswith("(deleted)")]
    assert (len(sockets), len(documents)) == (1, 1)
    assert len(seen["descriptors"]) == 5  # with the three streams
    assert seen["no_new_privs"] == "1"


def test_a_user_that_the_hub_may_not_become_is_named(hostile: Hostile) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may become any user: not checked")
    event = hostile("good", account=Account(name="root", uid=0, gid=0)).start()
    assert isinstance(event, StartFailed)
    assert event.fix


def test_a_python_that_the_plugins_user_may_not_run_is_named(
    hostile: Hostile, python: Path, other: Account
) -> None:
    home = python.parents[1]
    home.chmod(0o700)
    try:
        event = hostile("good", account=other).start()
    finally:
        home.chmod(0o755)
    assert isinstance(event, StartFailed)
    assert "cannot be run (Permission denied)" in event.reason
    assert "may read and run" in event.fix
