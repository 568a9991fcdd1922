"""A drop at which a check's process dies waits by itself; all others pass. Tests speak for it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hub import app, starter
from hub.app.parts import Parts
from hub.clock import Clock
from hub.config import load
from hub.errors import StorageFailed
from hub.host import Fault
from hub.intake.suspects import SELDOM
from hub.journal import tries
from postfach_mailbox import Health, Passed
from postfach_mailbox.frames import Operation
from tests.flow.papers import Drop, drop
from tests.unit.checked import CHECK, claims, kinds, look, put, start_check
from tests.unit.puppet import Puppet
from tests.unit.spools import TurnedClock

pytestmark = pytest.mark.slow
TURNS = 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    started = starter.init(tmp_path / "h", TurnedClock().now())
    with started.config.open("a", encoding="utf-8") as file:
        file.write(CHECK)
    return started.config.parent


@dataclass(kw_only=True)
class Checked:
    """A worker whose check dies of one notice."""

    parts: Parts
    check: Puppet
    poison: str
    fault: Fault = Fault.ENDED
    tried: list[int] = field(default_factory=list)  # how many were in hand beside the poison

    def turns(self, count: int, seconds: float = 60.0) -> None:
        """Look at the spool, and have the check answer, or die, each time."""
        for _ in range(count):
            self.parts.checks.tend()
            look(self.parts, seconds)
            while self.check.calls:
                self._say()
                self.parts.hear()
                while self.parts.intake.busy:
                    self.parts.intake.step()

    def _say(self) -> None:
        asked = {
            call: self.check.payloads[call].notice.message_id
            for call, operation in self.check.calls.items()
            if operation is Operation.CHECK
        }
        if self.poison in asked.values():
            self.tried.append(len(asked) - 1)
            self.check.die(self.fault)
            return
        for call in list(self.check.calls):
            self.check.answer(call, Passed() if call in asked else Health(status="up"))


def started(parts: Parts, poison: str) -> Checked:
    return Checked(parts=parts, check=start_check(parts), poison=poison)


@pytest.fixture
def parts(folder: Path) -> Iterator[Parts]:
    with app.worker(load(folder / "hub.toml", {}), TurnedClock(), "w1") as made:
        yield made
        made.stop(0.0)


def counted(parts: Parts) -> list[int]:
    with parts.journal.read() as connection:
        return list(tries.known(connection).values())


def sound() -> list[Drop]:
    return [drop(stem=f"sound{n}") for n in range(6)]


def test_a_drop_at_which_the_check_dies_is_asked_about_alone_and_set_aside(parts: Parts) -> None:
    poison = drop(stem="poison")
    hub = started(parts, poison.message_id)
    put(parts, poison, *sound())
    hub.turns(TURNS)
    assert kinds(parts) == [(f"sound{n}", "taken") for n in range(6)]
    assert claims(parts) == [("poison", 0)]
    assert hub.tried == [3, 0, 0]
    assert counted(parts) == [3]
    put(parts, drop(stem="later"))
    hub.turns(1)
    assert ("later", "taken") in kinds(parts)


def test_it_is_asked_about_again_and_taken_when_the_check_is_mended(parts: Parts) -> None:
    poison = drop(stem="poison")
    hub = started(parts, poison.message_id)
    put(parts, poison)
    hub.turns(TURNS)
    assert len(hub.tried) == 3
    hub.turns(1, seconds=SELDOM)
    hub.turns(3)
    assert len(hub.tried) == 4
    hub.poison = ""
    hub.turns(1, seconds=SELDOM)
    assert kinds(parts) == [("poison", "taken")]
    assert counted(parts) == []


def test_what_waits_makes_no_work_where_more_are_out_than_are_asked_about_from_now_on(
    parts: Parts,
) -> None:
    hub = started(parts, "none")
    put(parts, *sound())
    look(parts)
    assert len(hub.check.calls) == 4
    assert parts.intake.parked.coming is False
    parts.checks.suspects.died("malware", ["another"], Fault.ENDED)
    assert parts.checks.room("rostock") == 0
    assert parts.intake.busy is False
    assert parts.intake.parked.coming is False


def test_a_check_that_is_too_slow_has_not_died(parts: Parts) -> None:
    poison = drop(stem="poison")
    hub = started(parts, poison.message_id)
    hub.fault = Fault.DEADLINE
    put(parts, poison)
    hub.turns(2 * TURNS)
    assert len(hub.tried) > 5
    assert counted(parts) == []


def test_deaths_count_over_starts_of_the_hub(folder: Path) -> None:
    poison, clock = drop(stem="poison"), TurnedClock()
    asked = []
    for number in range(5):
        with _worker(folder, clock, f"w{number}") as parts:
            hub = started(parts, poison.message_id)
            if number:
                spool = parts.spools["rostock", "bauamt"]
                parts.intake.recover(spool, spool.adopt(f"w{number - 1}"))
            else:
                put(parts, poison, *sound())
            hub.turns(1)
            asked.append(len(hub.tried))
            if number == 4:
                hub.turns(1)
                assert len(kinds(parts)) == 6
                assert claims(parts) == [("poison", 0)]
            parts.stop(0.0)
    assert asked == [1, 1, 1, 0, 0]


def _worker(folder: Path, clock: Clock, name: str) -> AbstractContextManager[Parts]:
    return app.worker(load(folder / "hub.toml", {}), clock, name)


def test_a_death_that_cannot_be_written_counts_when_it_happens_again(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageFailed("full", where="disk", fix="Make room")

    poison = drop(stem="poison")
    hub = started(parts, poison.message_id)
    put(parts, poison, *sound())
    monkeypatch.setattr(tries, "count", full)
    hub.turns(2)
    assert counted(parts) == []
    monkeypatch.undo()
    hub.turns(TURNS)
    assert counted(parts) == [3]
    assert len(kinds(parts)) == 6
