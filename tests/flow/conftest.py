"""What the end-to-end tests share."""

from pathlib import Path

import pytest

from tests.flow import moody as moody_mailbox
from tests.flow.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a new hub, its mailboxes in order."""
    return World.make(tmp_path / "hub")


@pytest.fixture(scope="session")
def with_moody(tmp_path_factory: pytest.TempPathFactory) -> moody_mailbox.Program:
    """Give the hub as it runs in a Python that has the moody mailbox installed."""
    return moody_mailbox.install(tmp_path_factory.mktemp("python"))


@pytest.fixture
def moody(with_moody: moody_mailbox.Program, tmp_path: Path) -> moody_mailbox.Moody:
    """Give a function from a mood and settings to a hub with a moody mailbox."""

    def make(mood: str = "good", more: dict[str, str] | None = None, **settings: str) -> World:
        return moody_mailbox.make(tmp_path / "hub", with_moody, mood, more or {}, **settings)

    return make
