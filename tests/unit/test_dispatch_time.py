"""Time that a notice lost is given back whole, and once; no clock that is set makes it unsafe."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.dispatch.lines import MARGIN
from hub.issuing import Issuer
from hub.journal import attempts, circuits, deciding, pauses
from hub.seal import SealUnavailable
from hub.transition import Policy
from postfach_mailbox import Repeat, Unknown
from tests.unit.dispatching import CALL, DEPOSITED, WHY, Ground, Process, Worker, capabilities
from tests.unit.notices import START, TurnedClock

DAY = 86400
WEEK = timedelta(days=7)  # to the deadline of these notices
MAILBOX = ("mailbox", "archive")
HELD: dict[str, Any] = {"state": "HELD", "held_at": START, "due_at": None}
QUERYABLE = Policy(waits=(), repeat=Repeat.QUERYABLE, asks=True)


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    yield made
    made.close()


@pytest.fixture
def worker(ground: Ground) -> Worker:
    return Worker.make(ground, capabilities(Repeat.QUERYABLE))


def later(ground: Ground, number: int) -> timedelta:
    """Return by how much a notice's deadline has moved."""
    moved: timedelta = ground.row(number).deadline - START - WEEK
    return moved


def fault(ground: Ground) -> None:
    with ground.journal.write() as tx:
        circuits.open_circuit(tx, "archive", "CREDENTIALS", ground.clock.now())


def mend(ground: Ground) -> None:
    with ground.journal.write() as tx:
        circuits.close_circuit(tx, "archive", ground.clock.now())


def test_a_hub_that_stood_still_fails_nothing_that_waits_for_its_mailbox(
    ground: Ground, worker: Worker
) -> None:
    number = ground.take()
    fault(ground)
    ground.clock.turn(8 * DAY)
    worker.stage.tend()
    assert (ground.row(number).state, ground.row(number).held_at) == ("HELD", START)
    worker.mend()
    worker.stage.tend()
    assert (ground.row(number).state, later(ground, number)) == ("SEALED", timedelta(days=8))


def test_what_was_not_held_yet_when_its_mailbox_was_mended_gets_its_time_back(
    ground: Ground, worker: Worker
) -> None:
    number = ground.take()
    fault(ground)
    ground.clock.turn(8 * DAY)
    mend(ground)
    worker.stage.tend()
    assert (ground.row(number).state, later(ground, number)) == ("SEALED", timedelta(days=8))


def test_what_was_due_later_than_its_mailbox_fell_out_is_held_since_it_was_due(
    ground: Ground, worker: Worker
) -> None:
    number = ground.take(due_at=START + timedelta(days=1))
    fault(ground)
    ground.clock.turn(3 * DAY)
    mend(ground)
    assert later(ground, number) == timedelta(days=2)


def test_what_is_held_when_its_mailbox_falls_out_again_keeps_its_time(
    ground: Ground, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuits, "FREED", 1)
    first, second = ground.take(1), ground.take(2)
    fault(ground)
    ground.clock.turn(DAY)
    mend(ground)
    assert [ground.row(one).state for one in (first, second)] == ["SEALED", "HELD"]
    fault(ground)
    ground.clock.turn(8 * DAY)
    worker.stage.tend()
    assert ground.row(second).held_at == START
    worker.mend()
    worker.stage.tend()
    for number in (first, second):
        assert (ground.row(number).state, later(ground, number)) == ("SEALED", timedelta(days=9))


def test_a_pause_that_ends_before_it_is_held_counts_once(ground: Ground, worker: Worker) -> None:
    number = ground.take()
    fault(ground)
    with ground.journal.write() as tx:
        pauses.begin(tx, *MAILBOX, ground.clock.now())
    ground.clock.turn(DAY)
    with ground.journal.write() as tx:
        pauses.end(tx, *MAILBOX, ground.clock.now())
    ground.clock.turn(DAY)
    mend(ground)
    assert later(ground, number) == timedelta(days=2)


def test_what_is_released_into_doubt_while_its_mailbox_is_out_of_order_gets_its_time_once(
    ground: Ground, worker: Worker
) -> None:
    number = ground.take(held_from="IN_DOUBT", held_reason="crashes", **HELD)
    ground.clock.turn(DAY)
    fault(ground)
    ground.clock.turn(DAY)
    with ground.journal.write() as tx:
        row = attempts.row(tx.connection, number)
        deciding.release(tx, row, QUERYABLE, ground.clock.now())
    ground.clock.turn(DAY)
    mend(ground)
    assert later(ground, number) == timedelta(days=3)


@pytest.mark.parametrize(("days", "lost"), [(1, 0), (3, 1)])
def test_a_notice_loses_no_time_before_its_own(
    ground: Ground, worker: Worker, days: int, lost: int
) -> None:
    begins = START + timedelta(days=2)
    number = ground.take(held_from="SEALED", held_reason="capabilities", not_before=begins, **HELD)
    ground.clock.turn(days * DAY)
    worker.stage.tend()
    assert (ground.row(number).state, later(ground, number)) == ("SEALED", timedelta(days=lost))


def test_what_waits_for_capabilities_that_are_known_by_now_goes_on(
    ground: Ground, worker: Worker
) -> None:
    worker.stage.tend()
    number = ground.take(held_from="SEALED", held_reason="capabilities", **HELD)
    worker.stage.tend()
    assert ground.row(number).state == "SEALED"


@pytest.mark.parametrize("who", ["child", "hub"])
def test_a_clock_that_is_set_after_a_call_was_lost_lets_nobody_ask_sooner(
    ground: Ground, worker: Worker, who: str
) -> None:
    number = ground.take()
    worker.lease()
    if who == "child":
        worker.answer(Unknown(reason=WHY))
    else:
        worker = Worker.make(ground, capabilities(Repeat.QUERYABLE), "w2")
        worker.stage.tend(["w1"])
    ground.clock.time += timedelta(days=1)
    with ground.journal.write() as tx:
        row = attempts.row(tx.connection, number)
        deciding.hasten(tx, row, QUERYABLE, ground.clock.now())
    assert worker.lease() == []
    ground.clock.turn(CALL)
    assert [call.operation for call in worker.lease()] == ["reconcile"]


@pytest.mark.slow
def test_what_is_sent_again_need_not_wait_for_the_end_of_a_lost_call(ground: Ground) -> None:
    ground.take()
    worker = Worker.make(ground, capabilities(Repeat.IDEMPOTENT))
    worker.work(Unknown(reason=WHY))
    assert [call.operation for call in worker.lease()] == ["deposit"]


def test_an_answer_that_waits_for_the_seal_is_not_given_up(
    ground: Ground, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = ground.take()

    def away(*_: object, **__: object) -> None:
        raise SealUnavailable("the key service is away", where="", fix="")

    worker.lease()
    with monkeypatch.context() as without:
        without.setattr(Issuer, "of_notice", away)
        with pytest.raises(SealUnavailable):
            worker.answer(DEPOSITED)
    ground.clock.turn(CALL + MARGIN + 1)
    worker.stage.tend()
    worker.hear()
    assert (ground.row(number).state, ground.late(number)) == ("DEPOSITED", [])


def test_a_notice_under_suspicion_has_its_turn_though_others_always_wait(ground: Ground) -> None:
    worker = Worker.make(ground, capabilities(Repeat.IDEMPOTENT), process=Process(in_flight=1))
    suspect = ground.take()
    worker.lease()
    worker.process.die()
    worker.hear()
    for number in range(2, 5):
        ground.take(number, due_at=START - timedelta(minutes=number))
    worker.process.up = True
    for _ in range(4):
        worker.work(DEPOSITED)
        ground.take(10 + ground.rows()[-1].id, due_at=START + timedelta(seconds=1))
        ground.clock.turn(1)
    assert ground.row(suspect).state == "DEPOSITED"


def test_a_machine_that_makes_no_process_opens_the_circuit(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_: Process) -> None:
        raise OSError(24, "too many open files")

    worker.ground.take()
    worker.process.die()
    worker.hear()
    monkeypatch.setattr(Process, "start", none)
    worker.ground.clock.turn(60)
    worker.stage.tend()
    assert worker.line.circuit_open
    assert not worker.stage.due_now()
