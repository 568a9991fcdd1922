"""What the tests of bad plugins share: a Python with the hostile mailbox, and a Host with it."""

import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.host import Limits
from hub.mailboxes import Account, Installed
from tests.flow.world import World
from tests.foreign import environment
from tests.foreign.box import Box

HOSTILE = Installed(
    name="hostile",
    distribution="postfach-mailbox-hostile",
    version="6.6.6",
    entry_point="hostile",
)

Hostile = Callable[..., Box]
"""Makes a Box with the hostile mailbox; it is stopped at the end of its test."""


@pytest.fixture(scope="session")
def python() -> Iterator[Path]:
    """Make a Python with the hostile mailbox in it, one that any user may run if there is one."""
    folder = Path(tempfile.mkdtemp(prefix="isolation-"))  # pytest's folders are for its user alone
    folder.chmod(0o755)
    yield environment.make(folder, environment.HOSTILE, base=environment.public_base())
    shutil.rmtree(folder)


@pytest.fixture
def other() -> Account:
    """Give a user that is not the tests' own, and may run the Python of `python`."""
    if os.geteuid() != 0:
        pytest.skip("only root may run a process as another user: not checked")
    if environment.public_base() is None:
        pytest.skip("no Python that every user may run: not checked")
    found = pwd.getpwnam("nobody")
    return Account(name="nobody", uid=found.pw_uid, gid=found.pw_gid)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a new hub, its mailboxes in order."""
    return World.make(tmp_path / "hub")


@pytest.fixture
def hostile(python: Path) -> Iterator[Hostile]:
    """Give a function that makes a hostile mailbox which does `act`."""
    made: list[Box] = []

    def one(
        act: str,
        limits: Limits | None = None,
        account: Account | None = None,
        in_flight: int = 3,
        **config: Any,
    ) -> Box:
        box = Box(
            python,
            HOSTILE,
            config={"act": act} | config,
            limits=limits or Limits(),
            in_flight=in_flight,
            account=account,
        )
        made.append(box)
        return box

    yield one
    for each in made:
        each.host.stop(0.0)


def processes_of(python: Path) -> list[int]:
    """Return all processes of this Python, and their guardians."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(python).encode() in command:
                found.append(int(entry.name))
    return found
