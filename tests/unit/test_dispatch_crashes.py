"""A mailbox's process that dies: its notices are worked singly, and one that kills it is held."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.journal import recovery
from postfach_mailbox import Absent, Deferred, Repeat
from postfach_mailbox.frames import Operation
from tests.unit.dispatching import DEPOSITED, WHY, Ground, Worker, capabilities
from tests.unit.notices import TurnedClock


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    made.take()
    yield made
    made.close()


def crash(worker: Worker) -> None:
    """Let what is due leave, and the process die of it."""
    assert worker.lease()
    crash_now(worker)


def crash_now(worker: Worker) -> None:
    worker.process.die()
    worker.hear()
    worker.process.start()
    worker.line.trust.note(taken=True)  # else it gets one call at a time anyway


def test_what_was_in_the_air_when_the_process_died_is_worked_alone(ground: Ground) -> None:
    ground.take(2)
    worker = Worker.make(ground, capabilities(Repeat.IDEMPOTENT))
    crash(worker)
    assert [(row.state, row.suspect) for row in ground.rows()] == [("IN_DOUBT", True)] * 2
    assert (len(worker.lease()), len(worker.lease())) == (1, 1)
    worker.answer(DEPOSITED)
    assert len(worker.lease()) == 1
    worker.answer(DEPOSITED)
    assert [row.state for row in ground.rows()] == ["DEPOSITED"] * 2


def test_others_go_on_beside_one_that_is_under_suspicion(ground: Ground) -> None:
    worker = Worker.make(ground, capabilities(Repeat.IDEMPOTENT))
    crash(worker)
    ground.take(2)
    assert len(worker.lease()) == 2


@pytest.mark.parametrize(
    ("repeat", "called"),
    [(Repeat.IDEMPOTENT, Operation.DEPOSIT), (Repeat.QUERYABLE, Operation.RECONCILE)],
)
def test_the_third_crash_of_one_that_was_alone_holds_it_with_its_doubt(
    ground: Ground, repeat: Repeat, called: Operation
) -> None:
    worker = Worker.make(ground, capabilities(repeat))
    crash(worker)
    for number in range(recovery.CRASHES):
        ground.clock.turn(3600)
        worker.line.circuit_open = False
        assert ground.row().crashes == number
        (call,) = worker.lease()
        assert (call.operation, ground.row().crashes) == (called, number + 1)
        crash_now(worker)
    row = ground.row()
    assert (row.state, row.held_from, row.held_reason) == ("HELD", "IN_DOUBT", "crashes")
    assert (row.suspect, row.due_at, row.lease_owner) == (True, None, None)
    assert ground.receipts() == ["ACCEPTED"]


def test_a_question_that_is_answered_takes_back_no_crash_of_sending(ground: Ground) -> None:
    worker = Worker.make(ground, capabilities(Repeat.QUERYABLE))
    crash(worker)
    sent = 0
    answers: list[Deferred | Absent] = [Deferred(reason=WHY), *[Absent()] * recovery.CRASHES]
    for said in answers:
        ground.clock.turn(3600)
        worker.line.circuit_open = False
        (asked,) = worker.lease()
        assert asked.operation is Operation.RECONCILE
        worker.answer(said)
        assert (ground.row().crashes, ground.row().suspect) == (sent, True)
        if isinstance(said, Absent):
            (call,) = worker.lease()
            assert call.operation is Operation.DEPOSIT
            sent += 1
            crash_now(worker)
    row = ground.row()
    assert (row.state, row.held_from, row.held_reason) == ("HELD", "IN_DOUBT", "crashes")
    assert ground.receipts() == ["ACCEPTED"]


def test_crashes_of_process_and_hub_count_together(ground: Ground) -> None:
    told = capabilities(Repeat.IDEMPOTENT)
    crash(Worker.make(ground, told))
    for number in range(recovery.CRASHES):
        worker = Worker.make(ground, told, f"w{number}")
        ground.clock.turn(3600)
        assert worker.lease()
        if number % 2:
            crash_now(worker)
        else:
            Worker.make(ground, told, "other").stage.tend([f"w{number}"])
    assert ground.row().held_reason == "crashes"


def test_an_answer_clears_suspicion(ground: Ground) -> None:
    worker = Worker.make(ground, capabilities(Repeat.IDEMPOTENT))
    crash(worker)
    worker.work(Deferred(reason=WHY))
    row = ground.row()
    assert (row.suspect, row.crashes) == (False, 0)


def test_a_hub_that_stops_is_no_crash_of_its_notices(ground: Ground) -> None:
    worker = Worker.make(ground, capabilities(Repeat.IDEMPOTENT))
    worker.lease()
    worker.stage.lost()
    worker.stage.finish()
    row = ground.row()
    assert (row.state, row.suspect) == ("IN_DOUBT", False)
    assert [one.code for one in ground.tries()] == ["HUB_STOPPED"]
