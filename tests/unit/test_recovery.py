"""Leases that are over, deadlines, and what three crashes do."""

from datetime import timedelta

import sqlalchemy as sa

from hub.journal import Journal, attempts, circuits, recovery, steps
from hub.journal.attempts import Term
from hub.journal.tables import notice
from hub.model import State
from tests.unit import notices
from tests.unit.notices import START, TurnedClock


def start(journal: Journal, number: int, *, suspect: bool = False) -> None:
    term = Term(
        worker="w1", boot_id="boot-1", end=1060.0, call_end=1030.0, call=timedelta(seconds=30)
    )
    with journal.write() as tx:
        fence = attempts.free_still(tx.connection, [number])[number]
        attempts.start(tx, term, [(number, fence, suspect, "deposit")], START)


def left(journal: Journal, boot: str, elapsed: float, dead: tuple[str, ...] = ()) -> list[int]:
    with journal.read() as connection:
        return [row.id for row in recovery.left_behind(connection, boot, elapsed, dead)]


def test_a_lease_is_over_by_its_end_by_another_boot_or_by_its_owner_s_death(
    journal: Journal,
) -> None:
    (number,) = notices.take(journal, notices.notice(1))
    start(journal, number)
    assert left(journal, "boot-1", 1059.0) == []
    assert left(journal, "boot-1", 1061.0) == [number]
    assert left(journal, "boot-2", 1.0) == [number]
    assert left(journal, "boot-1", 1001.0, ("w1",)) == [number]
    assert left(journal, "boot-1", 1001.0, ("w2",)) == []


def lose(journal: Journal) -> State:
    with journal.write() as tx:
        (row,) = recovery.left_behind(tx.connection, "boot-1", 5000.0, ())
        return recovery.recover(
            tx, row, State.IN_DOUBT, START, START, call_ends=None, in_the_air=("boot-1", 1030.0)
        )


def test_an_attempt_without_end_is_unknown_and_its_notice_in_doubt(journal: Journal) -> None:
    (number,) = notices.take(journal, notices.notice(1))
    start(journal, number)
    assert lose(journal) is State.IN_DOUBT
    with journal.read() as connection:
        (made,) = attempts.history(connection, [number])[number]
        row = connection.execute(sa.select(notice)).one()
    assert (made.outcome, made.code) == ("UNKNOWN", "HUB_STOPPED")
    assert (row.state, row.suspect, row.lease_owner, row.crashes) == ("IN_DOUBT", True, None, 0)


def test_the_third_crash_of_a_notice_worked_alone_holds_it(journal: Journal) -> None:
    (number,) = notices.take(journal, notices.notice(1))
    start(journal, number)
    states = [lose(journal)]
    for _ in range(recovery.CRASHES):
        start(journal, number, suspect=True)
        states.append(lose(journal))
    assert states == [State.IN_DOUBT] * 3 + [State.HELD]
    with journal.read() as connection:
        row = connection.execute(sa.select(notice)).one()
    assert (row.held_from, row.held_reason) == ("IN_DOUBT", circuits.HELD_BY_CRASHES)


def test_an_outcome_clears_suspicion(journal: Journal) -> None:
    (number,) = notices.take(journal, notices.notice(1))
    start(journal, number)
    lose(journal)
    start(journal, number, suspect=True)
    with journal.write() as tx:
        steps.step(tx, number, State.DEFERRED, START, START)
    with journal.read() as connection:
        row = connection.execute(sa.select(notice)).one()
    assert (row.suspect, row.crashes) == (False, 0)


def overdue(
    journal: Journal, after: timedelta, configured: tuple[str, ...] = ("archive",)
) -> list[int]:
    with journal.read() as connection:
        return [row.id for row in recovery.overdue(connection, START + after, 10, configured)]


def test_a_deadline_runs_unless_the_mailbox_is_out_of_order_by_our_own_fault(
    journal: Journal, clock: TurnedClock
) -> None:
    (number,) = notices.take(journal, notices.notice(1))
    with journal.write() as tx:
        circuits.know(tx, ["archive"])
    assert overdue(journal, timedelta(days=6)) == []
    assert overdue(journal, timedelta(days=8)) == [number]
    with journal.write() as tx:
        circuits.open_circuit(tx, "archive", "CREDENTIALS", clock.now())
    assert overdue(journal, timedelta(days=8)) == []
    assert overdue(journal, timedelta(days=8), ()) == [number]  # nobody mends what is gone


def test_what_is_held_goes_on_when_mended_with_the_lost_time_added(
    journal: Journal, clock: TurnedClock
) -> None:
    end = START + timedelta(days=7, hours=1)
    notices.take(journal, notices.notice(1), notices.notice(2, obsolete_after=end, deadline=end))
    with journal.write() as tx:
        circuits.know(tx, ["archive"])
        circuits.open_circuit(tx, "archive", "CREDENTIALS", clock.now())
        assert circuits.hold_waiting(tx, "archive", clock.now()) == 2
    clock.turn(3 * 86400)
    with journal.write() as tx:
        assert circuits.close_circuit(tx, "archive", clock.now()) == 2
    with journal.read() as connection:
        first, second = connection.execute(sa.select(notice).order_by(notice.c.id)).all()
    assert first.state == second.state == State.SEALED
    assert first.due_at == clock.now()
    assert first.deadline == START + timedelta(days=10)
    assert second.deadline == end  # what the notice itself says never moves


def test_nothing_is_held_for_a_mailbox_that_another_worker_found_mended(
    journal: Journal, clock: TurnedClock
) -> None:
    notices.take(journal, notices.notice(1))
    with journal.write() as tx:
        circuits.know(tx, ["archive"])
        assert circuits.hold_waiting(tx, "archive", clock.now()) == 0
    with journal.read() as connection:
        assert connection.execute(sa.select(notice)).one().state == State.SEALED


def test_what_waited_for_capabilities_gets_its_time_back(
    journal: Journal, clock: TurnedClock
) -> None:
    held = {"state": "HELD", "held_from": "SEALED", "held_at": START, "due_at": None}
    notices.take(journal, notices.notice(1, held_reason="capabilities", **held))
    clock.turn(30 * 86400)
    with journal.write() as tx:
        (row,) = circuits.untold(tx.connection, "archive", 10)
        circuits.admit(tx, row, "anna", "archive", clock.now())
    with journal.read() as connection:
        row = connection.execute(sa.select(notice)).one()
    assert (row.state, row.deadline) == (State.SEALED, START + timedelta(days=37))
