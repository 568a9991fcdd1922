"""What fails, or kills the hub, three times is set aside, over restarts; the rest goes on."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from hub.caution import FRESH, Caution
from hub.errors import StorageFailed
from hub.journal import Journal, tries, workers
from tests.unit import notices
from tests.unit.notices import TurnedClock

ALL = ["a", "b", "poison", "c"]


class Killed(BaseException):
    """The process dies: nothing catches that."""


@pytest.fixture
def journal(tmp_path: Path, clock: TurnedClock) -> Iterator[Journal]:
    opened = notices.journal(tmp_path, clock)
    with opened.write() as tx:
        workers.begin(tx, "dead", "boot-0", 1, clock.now())
    yield opened
    opened.close()


def started(journal: Journal, clock: TurnedClock) -> Caution:
    made = Caution(journal=journal, clock=clock)
    made.begin()
    return made


def run(caution: Caution, error: BaseException, aside: list[str]) -> list[str]:
    """Work all; return what went well."""
    done: list[str] = []

    def act(batch: Sequence[str]) -> None:
        if "poison" in batch:
            raise error
        done.extend(batch)

    caution.work("stage", ALL, act, name=lambda one: one, aside=aside.append)
    return done


def test_what_kills_each_start_is_worked_alone_and_set_aside(
    journal: Journal, clock: TurnedClock
) -> None:
    aside: list[str] = []
    for _ in range(3):
        with pytest.raises(Killed):
            run(started(journal, clock), Killed(), aside)
    assert aside == []
    assert run(started(journal, clock), Killed(), aside) == ["a", "b", "c"]
    assert aside == ["poison"]


def test_what_raises_stops_no_other_and_is_set_aside_at_its_third_time(
    journal: Journal, clock: TurnedClock
) -> None:
    caution, aside = started(journal, clock), list[str]()
    clock.turn(FRESH)
    for _ in range(3):
        assert run(caution, ValueError("of the item"), aside) == ["a", "b", "c"]
        assert aside == []
    assert run(caution, ValueError("of the item"), aside) == ["a", "b", "c"]
    assert aside == ["poison"]


def test_what_nobody_can_hold_is_left_alone(journal: Journal, clock: TurnedClock) -> None:
    caution = started(journal, clock)
    tried = []

    def act(batch: Sequence[str]) -> None:
        tried.append(list(batch))
        raise ValueError

    for _ in range(5):
        caution.work("stage", ["poison"], act, name=lambda one: one)
    assert len(tried) == 3
    assert caution.leaves("stage", "poison")
    assert started(journal, clock).leaves("stage", "poison")


def test_a_fault_of_the_disk_is_held_against_nothing(journal: Journal, clock: TurnedClock) -> None:
    for _ in range(5):
        with pytest.raises(StorageFailed):
            run(started(journal, clock), StorageFailed("full", where="", fix=""), [])
    with journal.read() as connection:
        assert tries.known(connection) == {}


@pytest.mark.parametrize("dead", [True, False], ids=["after a minute", "after an end"])
def test_a_hub_counts_nothing_before_it_works(
    journal: Journal, clock: TurnedClock, dead: bool
) -> None:
    if not dead:
        with journal.write() as tx:
            workers.end(tx, "dead", clock.now())
    caution = started(journal, clock)
    if dead:
        clock.turn(FRESH)
    before = journal.commits
    caution.work("stage", ["a", "b"], lambda batch: None, name=lambda one: one)
    assert journal.commits == before
