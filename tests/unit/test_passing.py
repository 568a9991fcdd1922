"""An event at which an observer's process dies is passed over; all others are told."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from hub import telemetry
from hub.attendant import Attendant
from hub.errors import StorageFailed
from hub.host import Fault
from hub.journal import Journal, observers, taking, tries, workers
from hub.observing import Observing
from hub.passing import Passing, Telling
from postfach_mailbox import Health, Observed, Reason
from postfach_mailbox.frames import Failed, Operation
from tests.unit.puppet import Puppet
from tests.unit.spools import TurnedClock, new_notice, open_new_journal

HOUR = 3600.0
HEALTHY = Health(status="up")
WHY = Reason(code="OTHER", text="no")


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def journal(tmp_path: Path, clock: TurnedClock) -> Iterator[Journal]:
    opened = open_new_journal(tmp_path, clock)
    with opened.write() as tx:
        workers.begin(tx, "w1", clock.boot_id, 1, clock.now())
        taking.insert(tx, [(new_notice(1, clock.now()), ())])
    yield opened
    opened.close()


@dataclass(kw_only=True)
class Observers:
    """The stage with observers of the tenant rostock, as one start of the hub has it."""

    journal: Journal
    clock: TurnedClock
    names: tuple[str, ...] = ("log",)
    deadly: Callable[[str, list[int]], bool] = lambda name, ids: False
    fault: Fault = Fault.ENDED
    puppets: dict[str, Puppet] = field(default_factory=dict)
    confirmed: dict[str, list[int]] = field(default_factory=dict)
    tried: list[list[int]] = field(default_factory=list)

    def start(self) -> Observing:
        """Start a hub, anew."""
        self.puppets = {name: Puppet() for name in self.names}
        attendants = {
            name: Attendant(
                kind="observer",
                name=name,
                host=cast("Any", puppet),
                clock=self.clock,
                call_timeout=30.0,
                tenants=frozenset({"rostock"}),
                bucket=None,
            )
            for name, puppet in self.puppets.items()
        }
        made = Observing(journal=self.journal, worker="w1", attendants=attendants)
        for puppet in self.puppets.values():
            puppet.start()
        made.poll()
        made.own()
        return made

    def turn(self, stage: Observing) -> None:
        """Tell what is to be told, and have each process die or confirm."""
        stage.tend()
        stage.poll()
        stage.step()
        for name, puppet in self.puppets.items():
            for call, operation in list(puppet.calls.items()):
                if operation is Operation.HEALTH:
                    puppet.answer(call, HEALTHY)
                    continue
                ids = [event.id for event in puppet.payloads[call].events]
                self.tried.append(ids)
                if self.deadly(name, ids):
                    puppet.die(self.fault)
                else:
                    self.confirmed.setdefault(name, []).extend(ids)
                    puppet.answer(call, Observed())
        stage.poll()
        self.clock.turn(seconds=HOUR)

    def rounds(self, count: int) -> None:
        """Work one start of the hub for a while."""
        stage = self.start()
        for _ in range(count):
            self.turn(stage)


def note(journal: Journal, clock: TurnedClock, count: int) -> None:
    for _ in range(count):
        with journal.write() as tx:
            tx.note(1, "notice.taken", clock.now(), message_id="urn:1")


def counted(journal: Journal) -> dict[tuple[str, str], int]:
    with journal.read() as connection:
        return tries.known(connection)


def at(event: int) -> Callable[[str, list[int]], bool]:
    return lambda name, ids: name == "log" and event in ids


def test_an_event_at_which_the_process_dies_is_told_alone_and_passed_over(
    journal: Journal, clock: TurnedClock
) -> None:
    world = Observers(journal=journal, clock=clock, names=("log", "other"), deadly=at(3))
    world.start()
    note(journal, clock, 6)
    log = io.StringIO()
    telemetry.set_up(log)
    world.rounds(20)
    assert world.confirmed == {"log": [1, 2, 4, 5, 6], "other": [1, 2, 3, 4, 5, 6]}
    assert [ids for ids in world.tried if 3 in ids and len(ids) == 1] == [[3]] * 3
    assert counted(journal) == {("observe", "log:3"): 3}
    said = [json.loads(line) for line in log.getvalue().splitlines()]
    (over,) = [one for one in said if one["event"] == "event passed over"]
    assert (over["level"], over["plugin"], over["row"]) == ("error", "log", 3)


def test_deaths_count_over_starts_of_the_hub(journal: Journal, clock: TurnedClock) -> None:
    world = Observers(journal=journal, clock=clock, deadly=at(1))
    world.start()
    note(journal, clock, 3)
    for _ in range(4):
        world.rounds(1)
    assert world.tried == [[1, 2, 3], [1], [1], [1]]
    world.rounds(2)
    assert world.confirmed == {"log": [2, 3]}
    assert counted(journal) == {("observe", "log:1"): 3}
    assert world.tried[4:] == [[2], [3]]


def test_what_was_in_hand_beside_it_is_held_against_no_event(
    journal: Journal, clock: TurnedClock
) -> None:
    world = Observers(journal=journal, clock=clock, deadly=lambda _, ids: len(ids) > 1)
    world.start()
    note(journal, clock, 4)
    for _ in range(3):
        world.rounds(1)
    world.rounds(10)
    assert world.confirmed["log"] == [1, 2, 3, 4]
    assert counted(journal) == {}


def test_one_that_is_silent_is_told_the_same_for_ever(journal: Journal, clock: TurnedClock) -> None:
    world = Observers(journal=journal, clock=clock, deadly=at(1), fault=Fault.DEADLINE)
    world.start()
    note(journal, clock, 1)
    world.rounds(20)
    assert world.confirmed == {}
    assert counted(journal) == {}
    assert world.tried.count([1]) > 5


def test_one_that_answers_with_an_error_is_told_the_same_for_ever(
    journal: Journal, clock: TurnedClock
) -> None:
    world = Observers(journal=journal, clock=clock)
    stage = world.start()
    note(journal, clock, 1)
    for _ in range(6):
        stage.step()
        (puppet,) = world.puppets.values()
        puppet.answer_all(Failed(reason=WHY))
        stage.poll()
        (attendant,) = stage.attendants.values()
        attendant.silent = False
    assert counted(journal) == {}
    world.turn(stage)
    assert world.confirmed == {"log": [1]}


def test_an_event_that_is_confirmed_at_last_starts_again_from_none(
    journal: Journal, clock: TurnedClock
) -> None:
    deaths: list[int] = []

    def twice(_: str, ids: list[int]) -> bool:
        deaths.extend(ids)
        return len(deaths) < 3

    world = Observers(journal=journal, clock=clock, deadly=twice)
    world.start()
    note(journal, clock, 1)
    world.rounds(10)
    assert world.confirmed == {"log": [1]}
    assert counted(journal) == {}


def test_a_death_that_cannot_be_written_counts_when_it_happens_again(
    journal: Journal, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageFailed("full", where="disk", fix="Make room")

    world = Observers(journal=journal, clock=clock, deadly=at(1))
    stage = world.start()
    note(journal, clock, 2)
    monkeypatch.setattr(tries, "count", full)
    for _ in range(3):
        world.turn(stage)
    monkeypatch.undo()
    for _ in range(16):
        world.turn(stage)
    assert world.confirmed == {"log": [2]}
    assert counted(journal)["observe", "log:1"] == 3


def test_an_observer_that_is_told_from_the_beginning_is_still_not_told_it(
    journal: Journal, clock: TurnedClock
) -> None:
    world = Observers(journal=journal, clock=clock, deadly=at(2))
    world.start()
    note(journal, clock, 3)
    world.rounds(12)
    with journal.write() as tx:
        tx.connection.exec_driver_sql("UPDATE observer SET cursor = 0")
    world.confirmed.clear()
    world.rounds(3)
    assert world.confirmed["log"] == [1, 3]
    with journal.read() as connection:
        assert observers.cursors(connection) == {"log": 3}


def test_what_one_observer_died_at_is_held_against_no_other(journal: Journal) -> None:
    passing = Passing(journal=journal)
    telling = Telling(observer="log", call=1, first=3, last=3, up_to=3)
    for _ in range(3):
        passing.died(telling, Fault.ENDED)
    for known in (passing, Passing(journal=journal)):
        known.learn()
        assert (known.over("log", 3), known.alone("log", 2)) == (True, True)
        assert (known.over("other", 3), known.alone("other", 2)) == (False, False)
    with journal.write() as tx:
        assert passing.forget(tx, "other", 9) == []
        assert passing.forget(tx, "log", 9) == []
