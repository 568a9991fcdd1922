"""What a person decides: freeing, hastening, settling; and what counts as a case."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub import casework
from hub.casework import Decision, Settled
from hub.errors import DataInvalid, TryLater
from hub.journal import circuits, deciding, pauses, questions, recovery
from hub.journal.cases import cases
from hub.journal.tables import handout, notice, receipt
from postfach_mailbox import Deferred, Held, Pending, Reason, Refused, Repeat, Unknown
from postfach_mailbox.frames import AnswerValue, Operation
from tests.unit.dispatching import CALL, DEPOSITED, WHY, Ground, Worker, capabilities
from tests.unit.notices import START, TurnedClock

UNKNOWN, PENDING = Unknown(reason=WHY), Pending(reference="1")
REFUSED = Refused(reason=Reason(code="RECIPIENT_DELETED", text="closed"))
CONFIGURED = ("archive", "citizens")


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    made.take()
    yield made
    made.close()


def attempted(ground: Ground, outcome: AnswerValue, repeat: Repeat = Repeat.NEITHER) -> Worker:
    worker = Worker.make(ground, capabilities(repeat))
    worker.work(outcome)
    return worker


def crashed(ground: Ground, repeat: Repeat = Repeat.IDEMPOTENT) -> Worker:
    """Return a worker whose notice is held by crashes."""
    worker = Worker.make(ground, capabilities(repeat))
    for _ in range(recovery.CRASHES + 1):
        ground.clock.turn(3600)
        worker.line.circuit_open = False
        worker.lease()
        worker.process.die()
        worker.hear()
        worker.process.start()
    assert ground.row().held_reason == "crashes"
    return worker


def settle(ground: Ground, settled_as: str = "failed") -> Settled:
    decision = Decision(
        settled_as=settled_as, reason="asked the authority", happened_at=None, user=1000
    )
    return casework.settle(ground.journal, ground.issuer, 1, decision, ground.clock.now())


def known(ground: Ground, configured: tuple[str, ...] = CONFIGURED) -> list[str]:
    with ground.journal.read() as connection:
        return [case.kind for case in cases(connection, configured)]


def texts(ground: Ground) -> list[str]:
    with ground.journal.read() as connection:
        of = sa.select(receipt.c.bytes).order_by(receipt.c.id)
        return [data.decode() for data in connection.scalars(of)]


@pytest.mark.parametrize("settled_as", ["deposited", "failed"])
@pytest.mark.parametrize("outcome", [UNKNOWN, PENDING, Held(reason=WHY)])
def test_what_is_open_and_not_known_ends_unresolved_and_settled(
    ground: Ground, outcome: AnswerValue, settled_as: str
) -> None:
    attempted(ground, outcome)
    files = settle(ground, settled_as).files
    row = ground.row()
    assert (row.state, row.settled_as, row.settled_at) == ("UNRESOLVED", settled_as, START)
    assert row.held_from is None
    assert ground.receipts() == ["ACCEPTED", "UNRESOLVED", "SETTLED"]
    assert [one.name for one in files] == ["stem1.02.unresolved.xml", "stem1.03.settled.xml"]
    assert f'<Outcome as="{settled_as}">SETTLED</Outcome>' in texts(ground)[-1]
    assert "asked the authority" in texts(ground)[-1]
    assert "DepositedAt" not in texts(ground)[-1]
    assert known(ground) == []


def test_what_ended_unresolved_gets_a_settled_receipt_alone(ground: Ground) -> None:
    worker = attempted(ground, UNKNOWN)
    ground.clock.turn(8 * 86400)
    worker.stage.tend()
    assert known(ground) == ["unresolved"]
    settle(ground)
    assert ground.receipts() == ["ACCEPTED", "UNRESOLVED", "SETTLED"]
    assert known(ground) == []


def test_a_decision_is_made_once(ground: Ground) -> None:
    attempted(ground, UNKNOWN)
    settle(ground)
    with pytest.raises(DataInvalid, match="settled as failed already"):
        settle(ground, "deposited")
    assert ground.receipts().count("SETTLED") == 1
    with pytest.raises(sa.exc.IntegrityError, match="settled_once"), ground.journal.write() as tx:
        tx.connection.execute(sa.update(notice).values(settled_as="deposited"))


@pytest.mark.parametrize("outcome", [DEPOSITED, REFUSED, Deferred(reason=WHY)])
def test_what_is_known_is_not_settled(ground: Ground, outcome: AnswerValue) -> None:
    attempted(ground, outcome)
    before = ground.row(), ground.receipts()
    with pytest.raises(DataInvalid):
        settle(ground)
    assert (ground.row(), ground.receipts()) == before


def test_what_is_in_work_is_settled_later(ground: Ground) -> None:
    Worker.make(ground, capabilities(Repeat.NEITHER)).lease()
    with pytest.raises(TryLater):
        settle(ground)


def test_only_a_doubt_that_ended_unresolved_can_be_settled(ground: Ground) -> None:
    attempted(ground, DEPOSITED)
    with pytest.raises(sa.exc.IntegrityError), ground.journal.write() as tx:
        tx.connection.execute(sa.update(notice).values(settled_as="failed"))


def test_a_result_that_comes_after_settling_changes_nothing(ground: Ground) -> None:
    told = capabilities(Repeat.NEITHER)
    slow = Worker.make(ground, told)
    slow.lease()
    Worker.make(ground, told, "w2").stage.tend(["w1"])
    settle(ground, "failed")
    slow.answer(DEPOSITED)
    assert ground.row().state == "UNRESOLVED"
    assert known(ground) == ["late"]
    assert settle(ground, "deposited").late == 1
    assert known(ground) == []
    assert (ground.row().settled_as, ground.receipts().count("SETTLED")) == ("failed", 1)


def test_settling_closes_answers_that_came_late(ground: Ground) -> None:
    told = capabilities(Repeat.NEITHER)
    slow = Worker.make(ground, told)
    slow.lease()
    Worker.make(ground, told, "w2").stage.tend(["w1"])
    slow.answer(DEPOSITED)
    assert sorted(known(ground)) == ["in-doubt", "late"]
    assert settle(ground, "deposited").late == 1
    assert known(ground) == []


def release(ground: Ground) -> None:
    with ground.journal.write() as tx:
        policy = questions.policy(tx.connection, "archive")
        deciding.release(
            tx, tx.connection.execute(sa.select(notice)).one(), policy, ground.clock.now()
        )


def test_what_crashes_held_goes_on_where_a_person_frees_it(ground: Ground) -> None:
    worker = crashed(ground)
    assert known(ground) == ["held"]
    ground.clock.turn(86400)
    before = ground.row()
    release(ground)
    row = ground.row()
    assert (row.state, row.due_at, row.crashes) == ("IN_DOUBT", ground.clock.now(), 0)
    assert row.suspect
    with ground.journal.write() as tx:  # its crashes opened the circuit; that time comes with it
        (since,) = pauses.circuits_open(tx.connection).values()
        circuits.close_circuit(tx, "archive", ground.clock.now())
    assert ground.row().deadline - before.deadline == ground.clock.now() - since
    assert ground.clock.now() - since >= timedelta(days=1)
    worker.line.circuit_open = False
    worker.work(DEPOSITED)
    assert ground.row().state == "DEPOSITED"


def test_what_is_freed_into_a_doubt_is_asked_for_when_its_call_is_over(ground: Ground) -> None:
    crashed(ground, Repeat.QUERYABLE)
    release(ground)
    assert ground.row().due_at == ground.clock.now() + timedelta(seconds=CALL)


def test_what_is_freed_into_a_doubt_that_nobody_can_end_stays_a_case(ground: Ground) -> None:
    attempted(ground, UNKNOWN)
    held = {"state": "HELD", "held_from": "IN_DOUBT", "held_reason": "payload", "held_at": START}
    with ground.journal.write() as tx:
        tx.connection.execute(sa.update(notice).values(**held))
    assert known(ground) == ["held"]
    release(ground)
    assert ground.row().due_at is None
    assert known(ground) == ["in-doubt"]


def hasten(ground: Ground) -> None:
    with ground.journal.write() as tx:
        policy = questions.policy(tx.connection, "archive")
        row = tx.connection.execute(sa.select(notice)).one()
        deciding.hasten(tx, row, policy, ground.clock.now())


def test_a_question_is_not_hastened_into_the_time_of_its_call(ground: Ground) -> None:
    worker = attempted(ground, UNKNOWN, Repeat.QUERYABLE)
    hasten(ground)
    assert ground.row().due_at == START + timedelta(seconds=CALL)
    ground.clock.turn(CALL)
    assert [call.operation for call in worker.lease()] == [Operation.RECONCILE]


def test_a_question_about_what_the_mailbox_took_is_hastened_at_once(ground: Ground) -> None:
    attempted(ground, PENDING, Repeat.QUERYABLE)
    hasten(ground)
    assert ground.row().due_at == START


@pytest.mark.parametrize(
    ("repeat", "outcome", "kinds"),
    [
        (Repeat.NEITHER, UNKNOWN, ["in-doubt"]),
        (Repeat.NEITHER, PENDING, ["in-doubt"]),
        (Repeat.IDEMPOTENT, PENDING, ["in-doubt"]),
        (Repeat.IDEMPOTENT, UNKNOWN, []),
        (Repeat.QUERYABLE, UNKNOWN, []),
        (Repeat.NEITHER, Deferred(reason=WHY), []),
        (Repeat.NEITHER, Held(reason=WHY), []),
        (Repeat.NEITHER, DEPOSITED, []),
    ],
)
def test_a_doubt_that_nothing_ends_by_itself_is_a_case(
    ground: Ground, repeat: Repeat, outcome: AnswerValue, kinds: list[str]
) -> None:
    attempted(ground, outcome, repeat)
    assert known(ground) == kinds


@pytest.mark.parametrize(
    ("outcome", "kinds"), [(UNKNOWN, ["in-doubt"]), (Held(reason=WHY), ["held"])]
)
def test_what_waits_for_a_mailbox_that_left_hub_toml_is_a_case(
    ground: Ground, outcome: AnswerValue, kinds: list[str]
) -> None:
    attempted(ground, outcome, Repeat.IDEMPOTENT)
    assert known(ground, ("citizens",)) == kinds


def test_receipts_of_a_decision_wait_for_a_hub_that_writes_them(ground: Ground) -> None:
    attempted(ground, UNKNOWN)
    settle(ground)
    with ground.journal.read() as connection:
        of = sa.select(handout.c.id).where(handout.c.written_at.is_(None))
        assert len(connection.scalars(of).all()) == 3
