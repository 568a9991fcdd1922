"""Answers that came when their attempt was given up: kept, never a second end, a case."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import casework
from hub.casework import Decision
from hub.journal.cases import cases
from postfach_mailbox import Absent, Deferred, Pending, Reason, Refused, Repeat, Unknown
from postfach_mailbox.frames import AnswerValue
from tests.unit.dispatching import DEPOSITED, WHY, Ground, Worker, capabilities
from tests.unit.notices import TurnedClock

REFUSED = Refused(reason=Reason(code="RECIPIENT_DELETED", text="closed"))
TOLD = capabilities(Repeat.IDEMPOTENT)


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    made.take()
    yield made
    made.close()


def overtaken(ground: Ground, end: AnswerValue) -> Worker:
    """Return a worker that sleeps on a call while another one ends the notice by its own."""
    slow = Worker.make(ground, TOLD)
    slow.lease()
    fast = Worker.make(ground, TOLD, "w2")
    fast.stage.tend(["w1"])
    fast.work(end)
    return slow


def waiting(ground: Ground) -> list[str]:
    with ground.journal.read() as connection:
        return [case.kind for case in cases(connection, ground.config.mailboxes)]


@pytest.mark.parametrize(
    ("end", "late", "is_case"),
    [
        (DEPOSITED, DEPOSITED, False),
        (REFUSED, REFUSED, False),
        (DEPOSITED, REFUSED, True),
        (REFUSED, DEPOSITED, True),
    ],
    ids=["both-deposited", "both-refused", "refused-late", "deposited-late"],
)
def test_a_late_answer_is_a_case_unless_it_says_what_the_end_says(
    ground: Ground, end: AnswerValue, late: AnswerValue, is_case: bool
) -> None:
    slow = overtaken(ground, end)
    before, receipts = ground.row(), ground.receipts()
    finished = slow.answer(late)
    assert (finished.handouts, finished.finals) == ([], [])
    assert ground.row() == before
    assert ground.receipts() == receipts
    (kept,) = ground.late()
    assert (kept.closed_at is None) is is_case
    assert waiting(ground) == (["late"] if is_case else [])


@pytest.mark.parametrize(
    "late", [Unknown(reason=WHY), Deferred(reason=WHY), Pending(reference="1")]
)
def test_a_late_answer_that_decides_nothing_is_not_kept(ground: Ground, late: AnswerValue) -> None:
    overtaken(ground, DEPOSITED).answer(late)
    assert list(ground.late()) == []


def test_the_mailbox_s_own_late_answer_is_kept_encrypted(ground: Ground) -> None:
    overtaken(ground, REFUSED).answer(DEPOSITED)
    (kept,) = ground.late()
    assert kept.answer
    assert b"theirs" not in kept.answer


def test_a_late_deposit_leaves_doubt_as_it_is_until_the_end_agrees(ground: Ground) -> None:
    slow = overtaken(ground, Unknown(reason=WHY))
    slow.answer(DEPOSITED)
    assert ground.row().state == "IN_DOUBT"
    assert waiting(ground) == ["late"]
    ground.clock.turn(3600)
    Worker.make(ground, TOLD, "w3").work(DEPOSITED)
    assert ground.row().state == "DEPOSITED"
    assert waiting(ground) == []


def test_a_late_deposit_of_what_was_said_to_be_absent_can_be_settled_before_it_goes_again(
    ground: Ground,
) -> None:
    told = capabilities(Repeat.QUERYABLE)
    slow, fast = Worker.make(ground, told), Worker.make(ground, told, "w2")
    slow.lease()
    fast.stage.tend(["w1"])
    ground.clock.turn(3600)
    fast.work(Absent())
    slow.answer(DEPOSITED)
    assert (ground.row().state, waiting(ground)) == ("SEALED", ["late"])
    seen = Decision(settled_as="deposited", reason="seen", happened_at=None, user=1000)
    casework.settle(ground.journal, ground.issuer, 1, seen, ground.clock.now())
    assert (ground.row().settled_as, waiting(ground), fast.lease()) == ("deposited", [], [])
    assert ground.receipts()[-2:] == ["UNRESOLVED", "SETTLED"]


def test_a_late_answer_leaves_an_entry_of_the_evidence_log(ground: Ground) -> None:
    overtaken(ground, REFUSED).answer(DEPOSITED)
    with ground.journal.read() as connection:
        kinds = connection.exec_driver_sql("SELECT kind FROM entry ORDER BY id").scalars().all()
    assert kinds[-1] == "answer.late"
