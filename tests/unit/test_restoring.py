"""A copy that becomes a journal again: what is put in doubt, and what is not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hub.journal import (
    Journal,
    attempts,
    circuits,
    handouts,
    posting,
    recovery,
    remains,
    restoring,
    steps,
)
from hub.journal.attempts import Term
from hub.journal.remains import Found
from hub.journal.restoring import CODE, SLACK, Restoration
from hub.journal.tables import notice
from hub.model import State
from postfach_mailbox import Repeat
from tests.unit import notices
from tests.unit.dispatching import capabilities
from tests.unit.notices import START

NOW = START + timedelta(hours=2)
LOST = START + timedelta(hours=1)
MADE = Restoration(at=NOW, backup_at=START, lost_until=LOST, head="1:ab", user=7)
ISSUED = START + timedelta(minutes=10)


def told(journal: Journal, name: str, repeat: Repeat) -> None:
    with journal.write() as tx:
        circuits.know(tx, [name])
        circuits.told(tx, name, capabilities(repeat).model_dump_json(), START)


def restore(journal: Journal) -> list[str]:
    """Restore; return the state of each notice as it was doubted."""
    with journal.write() as tx:
        restoring.begin(tx, MADE)
        return [row.state for row in restoring.doubt(tx, restoring.suspect(tx, MADE), NOW)]


def row(journal: Journal, number: int = 1) -> sa.Row[tuple[object, ...]]:
    with journal.read() as connection:
        return attempts.row(connection, number)


def tried(journal: Journal, number: int = 1) -> list[tuple[str, str, str | None, str | None]]:
    with journal.read() as connection:
        rows = attempts.history(connection, [number]).get(number, [])
    return [(one.operation, one.outcome, one.code, one.reference) for one in rows]


def put(journal: Journal, **values: object) -> None:
    with journal.write() as tx:
        tx.connection.execute(sa.update(notice).values(**values))


@pytest.mark.parametrize("state", ["SEALED", "DEFERRED"])
def test_what_may_have_been_sent_since_is_in_doubt(journal: Journal, state: str) -> None:
    notices.take(journal, notices.notice(1, state=state))
    assert restore(journal) == [state]
    assert (row(journal).state, row(journal).restored) == ("IN_DOUBT", True)
    assert tried(journal) == [("deposit", "UNKNOWN", CODE, None)]


def test_more_are_doubted_than_one_statement_takes(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "AT_ONCE", 2)
    notices.take(journal, *(notices.notice(number) for number in range(1, 6)))
    assert len(restore(journal)) == 5
    assert {row(journal, number).state for number in range(1, 6)} == {"IN_DOUBT"}


def test_what_has_no_seal_yet_is_in_doubt_once_it_is_sealed(journal: Journal) -> None:
    notices.take(journal, notices.notice(1, state="ACCEPTED"))
    restore(journal)
    assert row(journal).state == "ACCEPTED"
    fence = row(journal).fence
    with journal.write() as tx:
        recovery.seal(tx, 1, fence)
    assert row(journal).state == "IN_DOUBT"


def test_what_was_held_is_freed_into_doubt(journal: Journal) -> None:
    held = {"held_from": "SEALED", "held_at": START, "held_reason": circuits.HELD_BY_CAPABILITIES}
    notices.take(journal, notices.notice(1, state="HELD", **held))
    restore(journal)
    assert (row(journal).state, row(journal).held_from) == ("HELD", "IN_DOUBT")
    held_now = row(journal)
    with journal.write() as tx:
        circuits.admit(tx, held_now, "anna", "archive", NOW)
    assert row(journal).state == "IN_DOUBT"


def test_what_may_not_go_before_the_loss_was_not_sent(journal: Journal) -> None:
    later = LOST + timedelta(seconds=1)
    notices.take(journal, notices.notice(1, not_before=later), notices.notice(2, not_before=LOST))
    assert restore(journal) == ["SEALED"]
    assert [row(journal, number).state for number in (1, 2)] == ["SEALED", "IN_DOUBT"]


@pytest.mark.parametrize("state", ["PENDING", "IN_DOUBT"])
def test_what_was_in_doubt_already_stays_and_keeps_its_reference(
    journal: Journal, state: str
) -> None:
    notices.take(journal, notices.notice(1))
    put(journal, state=state)
    assert restore(journal) == []
    assert (row(journal).state, row(journal).restored) == (state, True)
    assert tried(journal) == []


def test_a_call_that_was_out_ended_unknown_and_its_reference_is_asked_for(journal: Journal) -> None:
    notices.take(journal, notices.notice(1))
    term = Term(worker="w1", boot_id="b", end=99.0, call_end=60.0, call=timedelta(seconds=30))
    with journal.write() as tx:
        (lease,) = attempts.start(tx, term, [(1, 0, False, "deposit")], START)
        attempts.keep(tx, "w1", lease, "theirs")
    restore(journal)
    assert tried(journal) == [
        ("deposit", "UNKNOWN", "HUB_STOPPED", "theirs"),
        ("deposit", "UNKNOWN", CODE, "theirs"),
    ]
    assert (row(journal).lease_owner, row(journal).state) == (None, "IN_DOUBT")
    with journal.write() as tx:
        assert attempts.holding(tx.connection, "w1", [lease]) == set()


def test_a_final_notice_is_left_alone(journal: Journal) -> None:
    notices.take(journal, notices.notice(1))
    with journal.write() as tx:
        steps.step(tx, 1, State.DEPOSITED, None, START)
    assert restore(journal) == []
    assert not row(journal).restored


@pytest.mark.parametrize(
    ("repeat", "state", "overdue"),
    [(Repeat.IDEMPOTENT, "SEALED", False), (Repeat.NEITHER, "IN_DOUBT", True)],
)
def test_states_of_applications_are_sent_again_or_hold_up_none(
    journal: Journal, repeat: Repeat, state: str, overdue: bool
) -> None:
    told(journal, "archive", repeat)
    status = {"kind": "status", "application_id": "a", "status": "RECEIVED", "status_at": START}
    notices.take(journal, notices.notice(1, **status), notices.notice(2, **status))
    restore(journal)
    for number in (1, 2):
        assert row(journal, number).state == state
        assert (row(journal, number).deadline <= NOW) == overdue


def test_the_log_goes_on_under_another_id_that_names_the_former(journal: Journal) -> None:
    restore(journal)
    with journal.read() as connection:
        assert restoring.lost_until(connection) == LOST
        body = connection.exec_driver_sql("SELECT body FROM entry").scalar()
        log = connection.exec_driver_sql("SELECT value FROM meta WHERE key = 'log_id'").scalar()
    assert body is not None
    assert f'"former_log":"{journal.log_id}"'.encode() in body
    assert log != journal.log_id


def meet(journal: Journal, written: timedelta, **changes: object) -> set[int]:
    """Take a notice after a restore that was written so long after the loss; return the doubted."""
    restore(journal)
    (number,) = notices.take(journal, notices.notice(1, **changes))
    key = notices.notice(1).message_key
    with journal.write() as tx:
        return restoring.meet(tx, [(number, key, LOST + written)], LOST, NOW)


@pytest.mark.parametrize("written", [-timedelta(days=400), timedelta(0), SLACK])
def test_what_was_written_before_the_loss_may_have_been_taken_before(
    journal: Journal, written: timedelta
) -> None:
    assert meet(journal, written) == {1}
    assert (row(journal).state, row(journal).restored) == ("IN_DOUBT", True)


def test_what_was_written_after_it_or_may_go_after_it_only_was_not_sent(journal: Journal) -> None:
    assert meet(journal, SLACK + timedelta(seconds=1)) == set()
    assert row(journal).state == "SEALED"


def test_what_may_go_only_after_the_loss_was_not_sent_before(journal: Journal) -> None:
    assert meet(journal, timedelta(0), not_before=LOST + timedelta(seconds=1)) == set()


def found(outcome: str, **changes: object) -> Found:
    fields = {
        "tenant": "rostock",
        "procedure": "bauamt",
        "file": "stem1.02.failed.xml",
        "stem": "stem1",
        "nn": 2,
        "suffix": "failed",
        "receipt_id": "r1",
        "outcome": outcome,
        "message_id": notices.notice(1).message_id,
        "accepted_at": START,
        "issued_at": ISSUED,
        "log_entry": "e" * 64,
        "data": b"<Receipt/>",
    }
    return Found(**fields | changes)  # type: ignore[arg-type]  # tests name fields


@pytest.mark.parametrize(
    ("outcome", "state"), [("FAILED", "HELD"), ("UNRESOLVED", "HELD"), ("DEPOSITED", "IN_DOUBT")]
)
def test_what_a_receipt_says_that_was_found_is_not_contradicted(
    journal: Journal, outcome: str, state: str
) -> None:
    with journal.write() as tx:
        remains.keep(tx, found(outcome))
    assert meet(journal, timedelta(days=1)) == {1}
    assert (row(journal).state, row(journal).held_reason) == (
        state,
        circuits.HELD_BY_RESTORE if state == "HELD" else None,
    )


@pytest.mark.parametrize(("outcome", "state"), [("FAILED", "FAILED"), ("STATUS_SET", "DEPOSITED")])
def test_a_receipt_that_was_found_ends_its_notice_and_becomes_its_own(
    journal: Journal, outcome: str, state: str
) -> None:
    notices.take(journal, notices.notice(1))
    with journal.write() as tx:
        assert remains.adopt(tx, found(outcome), NOW) is not None
    assert (row(journal).state, row(journal).final_at) == (state, ISSUED)
    with journal.read() as connection:
        lying = list(handouts.untaken(connection, "rostock", "bauamt"))
    assert lying == [("stem1.02.failed.xml", 1, NOW)]


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": "ACCEPTED"},
        {"message_id": "urn:other"},
        {"tenant": "wismar"},
        {"procedure": "other"},
        {"accepted_at": START + timedelta(seconds=1)},
        {"accepted_at": None},
    ],
)
def test_a_receipt_about_something_else_ends_nothing(
    journal: Journal, changes: dict[str, Any]
) -> None:
    notices.take(journal, notices.notice(1))
    with journal.write() as tx:
        assert remains.adopt(tx, replace(found("FAILED"), **changes), NOW) is None
    assert row(journal).state == "SEALED"


def test_no_name_is_given_again_that_a_lost_journal_may_have_given(journal: Journal) -> None:
    notices.take(journal, notices.notice(1))
    restore(journal)
    issue = handouts.Issue(
        receipt_id="r",
        outcome="DEPOSITED",
        suffix="deposited",
        final=True,
        data=b"x",
        issued_at=NOW,
        tenant="rostock",
        procedure="bauamt",
        stems=("stem1",),
        notice_id=1,
    )
    with journal.write() as tx:
        (file,) = handouts.issue(tx, [issue])
        assert handouts.next_number(tx.connection, "rostock", "bauamt", "new") == 101
    assert file.name == "stem1.101.deposited.xml"


def test_a_letter_that_may_be_on_its_way_is_in_doubt_too(journal: Journal) -> None:
    notices.take(journal, notices.notice(1))
    restore(journal)
    with journal.write() as tx:
        steps.step(tx, 1, State.FAILED, None, NOW)
        posting.order(tx, 1, "print", NOW)
        job = posting.of(tx.connection, 1)
    assert job is not None
    assert job.state == "IN_DOUBT"
    assert tried(journal, job.id) == [("deposit", "UNKNOWN", CODE, None)]
