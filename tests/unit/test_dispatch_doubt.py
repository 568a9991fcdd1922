"""Each row of the table of outcomes, through stage and journal; and what follows from it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hub.model import State
from postfach_mailbox import (
    Absent,
    Deferred,
    Held,
    Pending,
    Reason,
    Refused,
    Repeat,
    Unknown,
)
from postfach_mailbox.frames import AnswerValue, Operation, ReconcilePayload
from tests.unit.dispatching import CALL, DEPOSITED, WAITS, WHY, Ground, Worker, capabilities
from tests.unit.notices import START, TurnedClock

IDEMPOTENT, QUERYABLE, NEITHER = Repeat.IDEMPOTENT, Repeat.QUERYABLE, Repeat.NEITHER
PENDING, DEFERRED, HELD = Pending(reference="id-1"), Deferred(reason=WHY), Held(reason=WHY)
REFUSED = Refused(reason=Reason(code="RECIPIENT_DELETED", text="closed"))
UNKNOWN, ABSENT = Unknown(reason=WHY), Absent()
DEPOSIT, RECONCILE = Operation.DEPOSIT, Operation.RECONCILE
ONE_CALL = timedelta(seconds=CALL)


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    made.take()
    yield made
    made.close()


def called(worker: Worker) -> list[Operation]:
    """Return what is called of what is due now."""
    return [call.operation for call in worker.lease()]


def kind(outcome: AnswerValue) -> str:
    return type(outcome).__name__


FIRST: list[tuple[AnswerValue, str, list[str]]] = [
    (DEPOSITED, "DEPOSITED", ["DEPOSITED"]),
    (PENDING, "PENDING", ["ACCEPTED"]),
    (DEFERRED, "DEFERRED", ["ACCEPTED"]),
    (REFUSED, "FAILED", ["FAILED"]),
    (HELD, "HELD", ["ACCEPTED"]),
    (UNKNOWN, "IN_DOUBT", ["ACCEPTED"]),
]


@pytest.mark.parametrize("repeat", list(Repeat))
@pytest.mark.parametrize(("outcome", "state", "receipts"), FIRST, ids=[row[1] for row in FIRST])
def test_a_first_attempt_ends_as_the_table_says(
    ground: Ground, outcome: AnswerValue, state: str, receipts: list[str], repeat: Repeat
) -> None:
    worker = Worker.make(ground, capabilities(repeat))
    assert worker.work(outcome).operation is DEPOSIT
    row = ground.row()
    assert (row.state, ground.receipts()) == (state, receipts)
    assert row.lease_owner is None
    assert worker.line.circuit_open is (state == "HELD")
    assert row.held_from == ("SEALED" if state == "HELD" else None)


# in doubt: (repeat, state, call that is made of it, or none)
DOUBT: list[tuple[Repeat, AnswerValue, str, Operation | None]] = [
    (IDEMPOTENT, UNKNOWN, "at-once", DEPOSIT),
    (IDEMPOTENT, PENDING, "at-once", None),
    (IDEMPOTENT, PENDING, "later", RECONCILE),
    (QUERYABLE, UNKNOWN, "at-once", RECONCILE),
    (QUERYABLE, PENDING, "at-once", RECONCILE),
    (NEITHER, UNKNOWN, "later", None),
    (NEITHER, PENDING, "at-once", None),
    (NEITHER, PENDING, "later", RECONCILE),
]
DOUBTS = [f"{repeat}-{kind(kept)}-{confirms}" for repeat, kept, confirms, _ in DOUBT]


@pytest.mark.parametrize(("repeat", "first", "confirms", "call"), DOUBT, ids=DOUBTS)
def test_in_doubt_only_what_the_mailbox_promised_is_called(
    ground: Ground, repeat: Repeat, first: AnswerValue, confirms: str, call: Operation | None
) -> None:
    worker = Worker.make(ground, capabilities(repeat, confirms=confirms))
    worker.work(first)
    assert (ground.row().due_at is None) is (call is None)
    ground.clock.turn(3600)
    assert called(worker) == ([] if call is None else [call])


AFTER: list[tuple[AnswerValue, str | None]] = [
    (DEPOSITED, "DEPOSITED"),
    (PENDING, "PENDING"),
    (DEFERRED, None),
    (REFUSED, "FAILED"),
    (HELD, None),
    (UNKNOWN, None),
]


@pytest.mark.parametrize(
    "doubt",
    [row[:3] for row in DOUBT if row[3]],
    ids=[name for name, row in zip(DOUBTS, DOUBT, strict=True) if row[3]],
)
@pytest.mark.parametrize(("outcome", "state"), AFTER, ids=[kind(row[0]) for row in AFTER])
def test_doubt_ends_only_as_the_table_says(
    ground: Ground,
    doubt: tuple[Repeat, AnswerValue, str],
    outcome: AnswerValue,
    state: str | None,
) -> None:
    repeat, first, confirms = doubt
    worker = Worker.make(ground, capabilities(repeat, confirms=confirms))
    worker.work(first)
    before = ground.row().state
    ground.clock.turn(3600)
    worker.work(outcome)
    row = ground.row()
    assert row.state == (state or before)
    assert worker.line.circuit_open is (outcome is HELD)
    assert row.due_at is not None or State(row.state).final or row.state == "PENDING"
    finals = [one for one in ground.receipts() if one != "ACCEPTED"]
    assert finals == ([row.state] if State(row.state).final else [])


def test_absent_ends_doubt_and_the_notice_goes_again(ground: Ground) -> None:
    worker = Worker.make(ground, capabilities(QUERYABLE))
    worker.work(UNKNOWN)
    ground.clock.turn(3600)
    worker.work(ABSENT)
    assert (ground.row().state, ground.row().due_at) == ("SEALED", ground.clock.now())
    assert worker.work(DEPOSITED).operation is DEPOSIT
    assert [one.outcome for one in ground.tries()] == ["UNKNOWN", "ABSENT", "DEPOSITED"]
    assert ground.receipts() == ["ACCEPTED", "DEPOSITED"]


def test_a_mailbox_is_asked_only_when_its_last_call_can_not_be_in_the_air(ground: Ground) -> None:
    worker = Worker.make(ground, capabilities(QUERYABLE))
    worker.lease()
    worker.process.die()
    worker.hear()
    worker.process.start()
    assert ground.row().due_at >= START + ONE_CALL
    ground.clock.turn(CALL - 1)
    assert worker.lease() == []


def test_what_a_dead_hub_left_is_asked_for_only_when_its_call_is_over(ground: Ground) -> None:
    Worker.make(ground, capabilities(QUERYABLE)).lease()
    worker = Worker.make(ground, capabilities(QUERYABLE), "w2")
    worker.stage.tend(["w1"])
    row = ground.row()
    assert (row.state, row.suspect) == ("IN_DOUBT", True)
    assert row.due_at >= START + ONE_CALL


def asked(worker: Worker) -> str | None:
    (call,) = worker.lease()
    assert isinstance(call.payload, ReconcilePayload)
    return call.payload.reference


def test_a_mailbox_is_asked_by_the_id_that_it_named(ground: Ground) -> None:
    worker = Worker.make(ground, capabilities(QUERYABLE))
    worker.work(PENDING)
    ground.clock.turn(3600)
    assert asked(worker) == "id-1"
    worker.answer(UNKNOWN)
    ground.clock.turn(3600)
    assert asked(worker) == "id-1"


def test_the_id_of_a_deposit_that_was_absent_is_not_asked_for_again(ground: Ground) -> None:
    worker = Worker.make(ground, capabilities(QUERYABLE))
    worker.work(PENDING)
    ground.clock.turn(3600)
    worker.work(ABSENT)
    worker.work(UNKNOWN)
    ground.clock.turn(3600)
    assert asked(worker) is None


def test_what_is_pending_is_asked_for_by_the_mailbox_s_own_wish(ground: Ground) -> None:
    worker = Worker.make(ground, capabilities(NEITHER, confirms="later"))
    worker.work(Pending(reference="1", check_after=timedelta(seconds=90)))
    assert ground.row().due_at == START + timedelta(seconds=90)


@pytest.mark.parametrize(
    ("repeat", "first", "end"),
    [
        (QUERYABLE, UNKNOWN, "UNRESOLVED"),
        (NEITHER, UNKNOWN, "UNRESOLVED"),
        (IDEMPOTENT, PENDING, "UNRESOLVED"),
        (NEITHER, DEFERRED, "FAILED"),
    ],
)
def test_a_deadline_in_doubt_is_unresolved_and_never_failed(
    ground: Ground, repeat: Repeat, first: AnswerValue, end: str
) -> None:
    worker = Worker.make(ground, capabilities(repeat))
    worker.work(first)
    ground.clock.turn(8 * 86400)
    finished = worker.stage.tend()
    assert [state for _, state in finished.finals] == [end]
    assert ground.receipts() == ["ACCEPTED", end]


def test_the_schedule_counts_each_call_that_ended_open(ground: Ground) -> None:
    worker = Worker.make(ground, capabilities(QUERYABLE))
    worker.work(UNKNOWN)
    for _ in range(2):
        ground.clock.turn(3600)
        worker.work(DEFERRED)
    assert ground.row().failures == 3
    assert ground.row().due_at >= ground.clock.now() + WAITS[1] * 0.1


def test_a_lost_call_and_the_next_one_may_answer_at_once_and_only_the_next_counts(
    ground: Ground,
) -> None:
    worker = Worker.make(ground, capabilities(IDEMPOTENT))
    worker.lease()
    ground.clock.turn(3600)  # suspended: its own lease is over
    worker.stage.tend()
    first, second = [call.number for call in worker.lease()]
    worker.process.answer(first, REFUSED)
    worker.process.answer(second, DEPOSITED)
    worker.hear()
    assert [one.outcome for one in ground.tries()] == ["UNKNOWN", "DEPOSITED"]
    assert (ground.row().state, ground.receipts()) == ("DEPOSITED", ["DEPOSITED"])
    assert len(ground.late()) == 1
