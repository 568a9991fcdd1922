"""The wall clock is set: nothing ends early, nothing waits for good, and people are told."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.doctor import machine
from hub.journal import timekeeping
from hub.journal.tables import entry
from postfach_mailbox import Deferred, Repeat
from tests.unit.dispatching import WHY, Ground, Worker, capabilities
from tests.unit.findings import bad
from tests.unit.notices import START, TurnedClock

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
NOT_NOW = Deferred(reason=WHY)


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    yield made
    made.close()


def make(ground: Ground, name: str = "w1") -> Worker:
    """Return a worker that has looked at the clock."""
    worker = Worker.make(ground, capabilities(Repeat.IDEMPOTENT), name)
    worker.stage.tend()
    return worker


def told(ground: Ground) -> int:
    """Return how often the evidence log says that the clock was set."""
    with ground.journal.read() as connection:
        found = sa.select(sa.func.count()).where(entry.c.kind == "clock.set")
        return int(connection.scalar(found) or 0)


def test_a_step_ahead_gives_nothing_up_and_does_so_in_due_time(ground: Ground) -> None:
    number, worker = ground.take(), make(ground)
    worker.work(NOT_NOW)
    ground.clock.time += 30 * DAY
    assert worker.stage.tend().finals == []
    assert (ground.row(number).state, told(ground)) == ("DEFERRED", 1)
    ground.clock.turn(WEEK.total_seconds() + 1)
    assert len(worker.stage.tend().finals) == 1


def test_a_step_ahead_and_back_again_leaves_what_waits_due(ground: Ground) -> None:
    number, worker = ground.take(), make(ground)
    worker.work(NOT_NOW)
    for step in (3 * DAY, -3 * DAY):
        ground.clock.time += step
        worker.stage.tend()
        ground.clock.turn(3600)
        worker.work(NOT_NOW)
    assert ground.row(number).due_at <= ground.clock.now() + max(worker.line.waits)
    assert ground.row(number).deadline <= ground.clock.now() + WEEK
    assert told(ground) == 2


@pytest.mark.parametrize("step", [HOUR, 365 * DAY])
def test_a_step_back_makes_no_wait_longer(ground: Ground, step: timedelta) -> None:
    tried, worker = ground.take(1), make(ground)
    worker.work(NOT_NOW)
    new = ground.take(2, accepted_at=START, due_at=ground.clock.now())
    ground.clock.time -= step
    worker.stage.tend()
    assert ground.row(new).due_at <= ground.clock.now()
    assert ground.row(tried).due_at <= ground.clock.now() + worker.line.waits[0]
    assert ground.row(tried).deadline <= ground.clock.now() + WEEK


def test_what_a_procedure_asks_for_counts_by_the_clock_as_it_is_set(ground: Ground) -> None:
    later = START + DAY
    number, worker = ground.take(not_before=later, due_at=later), make(ground)
    dated = ground.take(2, obsolete_after=later, deadline=later, due_at=START + HOUR)
    ground.clock.time -= HOUR
    worker.stage.tend()
    assert ground.row(number).due_at == later
    ground.clock.time += 2 * DAY
    assert len(worker.stage.tend().finals) == 1
    assert (ground.row(number).state, ground.row(dated).state) == ("SEALED", "FAILED")


def test_of_two_workers_one_alone_moves_what_waits(ground: Ground) -> None:
    number, one, other = ground.take(), make(ground), make(ground, "w2")
    one.work(NOT_NOW)
    ground.clock.turn(3600)
    ground.clock.time += DAY / 2
    for worker in (one, other, one):
        worker.stage.tend()
    assert ground.row(number).deadline == START + WEEK + HOUR / 60 * 30 + DAY / 2 - HOUR / 2
    assert told(ground) == 1


def test_a_step_while_no_hub_ran_is_found_at_the_next_start(ground: Ground) -> None:
    number = ground.take()
    make(ground).work(NOT_NOW)
    ground.clock.time += 30 * DAY
    make(ground, "w2")
    assert (ground.row(number).state, told(ground)) == ("DEFERRED", 1)


def test_a_clock_that_went_back_over_a_boot_is_found_by_the_last_commit(ground: Ground) -> None:
    number, worker = ground.take(), make(ground)
    ground.clock.turn(3 * 86400)  # in which no commit tells the time
    worker.work(NOT_NOW)
    ground.clock.boot_id, ground.clock.time = "boot-2", START - 365 * DAY
    worker = make(ground, "w2")
    assert ground.row(number).due_at <= ground.clock.now() + max(worker.line.waits)
    assert told(ground) == 1


@pytest.mark.parametrize("noted", ["boot-1", "boot-1 soon", "boot-1 nan", "boot-1 inf", ""])
def test_what_was_noted_of_the_clock_and_is_damaged_is_noted_anew(
    ground: Ground, noted: str
) -> None:
    number = ground.take()
    make(ground)
    deadline = ground.row(number).deadline
    with ground.journal.write() as tx:
        of = sa.text("UPDATE meta SET value = :noted WHERE key = 'clock'")
        tx.connection.execute(of, {"noted": noted})
    worker = make(ground, "w2")
    assert (ground.row(number).deadline, told(ground)) == (deadline, 0)
    ground.clock.time += 30 * DAY
    worker.stage.tend()
    assert told(ground) == 1


def test_a_clock_that_runs_on_is_no_clock_that_was_set(ground: Ground) -> None:
    ground.take()
    worker = make(ground)
    worker.work(NOT_NOW)
    before = ground.row()
    ground.clock.turn(3 * 86400)
    ground.clock.time += timedelta(seconds=0.5)  # as NTP slews
    worker.stage.tend()
    make(ground, "w2")
    assert (ground.row().deadline, told(ground)) == (before.deadline, 0)


def test_the_doctor_says_for_a_day_that_the_clock_was_set(ground: Ground) -> None:
    ground.take()
    worker = make(ground)
    ground.clock.time += HOUR
    worker.stage.tend()
    (found,) = bad(machine.look_at_clock(ground.clock, ground.journal))
    assert "was set" in found
    ground.clock.turn(86401)
    assert bad(machine.look_at_clock(ground.clock, ground.journal)) == []


class Stopped(TurnedClock):
    """A clock of a process that is stopped for a minute while it reads the time."""

    def now(self) -> datetime:
        self.seconds += 60.0
        return super().now()


def test_a_process_that_was_stopped_amid_its_look_knows_nothing() -> None:
    found = timekeeping.read(TurnedClock())
    assert found
    assert found.ahead == START.timestamp() - 1000.0
    assert timekeeping.read(Stopped()) is None
