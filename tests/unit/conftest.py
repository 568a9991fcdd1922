"""What the tests of mailboxes' children share, and those of the journal."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.host import Started
from hub.journal import Journal
from hub.mailboxes import Installed
from tests import foreign
from tests.foreign.box import ODD, Box, Make
from tests.unit import notices
from tests.unit.backups import Kept, kept_in
from tests.unit.notices import TurnedClock


@pytest.fixture(scope="session")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a Python with the mailbox `odd` installed."""
    return foreign.interpreter(tmp_path_factory.mktemp("python"))


@pytest.fixture
def make(interpreter: Path) -> Iterator[Make]:
    """Give a function that makes a Box; all are stopped at the end."""
    made: list[Box] = []

    def one(installed: Installed = ODD, base: Path | None = None, **config: str) -> Box:
        python = interpreter if installed is ODD else None
        made.append(Box(python, installed, base, config))
        return made[-1]

    yield one
    for each in made:
        each.host.stop(0.0)


@pytest.fixture
def box(make: Make) -> Box:
    """Give a mailbox that has started."""
    made = make(note="hello")
    assert isinstance(made.start(), Started)
    return made


@pytest.fixture
def clock() -> TurnedClock:
    """Give a clock that a test turns."""
    return TurnedClock()


@pytest.fixture
def journal(tmp_path: Path, clock: TurnedClock) -> Iterator[Journal]:
    """Give a journal by that clock, closed at the end."""
    made = notices.journal(tmp_path, clock)
    yield made
    made.close()


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """Give a hub's journal and vault that hold something to be backed up."""
    with kept_in(tmp_path) as made:
        yield made
