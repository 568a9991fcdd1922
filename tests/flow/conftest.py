"""What the end-to-end tests share."""

from pathlib import Path

import pytest

from tests.flow.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a new hub, its mailboxes in order."""
    return World.make(tmp_path / "hub")
