"""Whose notice goes next at a mailbox at which more is due than it takes."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.journal import pauses, queue
from hub.journal.tables import notice
from postfach_mailbox import Repeat
from tests.unit.dispatching import DEPOSITED, Ground, Process, Worker, capabilities
from tests.unit.notices import START, TurnedClock

LATER = START + timedelta(minutes=1)


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path, TurnedClock())
    made.clock.turn(seconds=600)
    yield made
    made.close()


def worker(ground: Ground, in_flight: int) -> Worker:
    told = capabilities(Repeat.IDEMPOTENT)
    return Worker.make(ground, told, process=Process(in_flight=in_flight))


def change(ground: Ground, number: int, **values: object) -> None:
    with ground.journal.write() as tx:
        tx.connection.execute(sa.update(notice).where(notice.c.id == number).values(**values))


def sent(work: Worker, times: int) -> list[int]:
    """Let one call after the other leave, each deposited; return the notices in that order."""
    found = []
    for _ in range(times):
        for call in work.lease():
            flight = work.stage.air.flights[call.number]
            found.append(flight.lease.notice_id)
            work.process.answer(call.number, DEPOSITED)
        work.hear()
    return found


def test_authorities_take_turns_however_many_notices_one_has(ground: Ground) -> None:
    flood = [ground.take(number, due_at=START) for number in range(1, 7)]
    other = [ground.take(number, tenant="wismar", due_at=LATER) for number in (7, 8)]
    assert sent(worker(ground, 1), 5) == [flood[0], other[0], flood[1], other[1], flood[2]]


def test_with_more_places_each_authority_has_its_share_and_no_place_is_left_empty(
    ground: Ground,
) -> None:
    for number in range(1, 9):
        ground.take(number, due_at=START)
    other = ground.take(9, tenant="wismar", due_at=LATER)
    work = worker(ground, 4)
    assert len(work.lease()) == 4
    assert other in {one.lease.notice_id for one in work.stage.air.flights.values()}


def test_what_was_deferred_and_what_is_new_take_turns(ground: Ground) -> None:
    old = [ground.take(number, due_at=START) for number in range(1, 4)]
    for number in old:
        change(ground, number, state="DEFERRED", failures=1)
    new = [ground.take(number, due_at=LATER) for number in range(4, 7)]
    assert sent(worker(ground, 1), 4) == [new[0], old[0], new[1], old[1]]


def test_what_a_crash_left_has_its_turn_and_no_more(ground: Ground) -> None:
    suspects = [ground.take(number, due_at=START) for number in (1, 2)]
    for number in suspects:
        change(ground, number, suspect=True)
    rest = [ground.take(number, due_at=LATER) for number in (3, 4, 5)]
    assert sorted(sent(worker(ground, 1), 4)) == sorted([*suspects, *rest[:2]])
    assert set(sent(worker(ground, 1), 1)) == {rest[2]}


def test_nothing_new_begins_at_once_where_more_waits_than_the_mailbox_takes(
    ground: Ground,
) -> None:
    work = worker(ground, 2)
    assert work.stage.places("archive") == 2
    for number in range(1, 6):
        ground.take(number, due_at=START)
    (first, _) = work.lease()
    assert work.stage.places("archive") == 0
    work.process.answer(first.number, DEPOSITED)
    work.hear()
    assert work.line.places == 1
    assert work.stage.places("archive") == 0  # it is for what waits
    sent(work, 4)
    assert work.stage.places("archive") == 2


def test_a_paused_authority_has_no_turn(ground: Ground) -> None:
    for number in (1, 2, 3):
        ground.take(number, due_at=START)
    other = ground.take(4, tenant="wismar", due_at=LATER)
    with ground.journal.write() as tx:
        pauses.begin(tx, pauses.TENANT, "rostock", START)
    assert sent(worker(ground, 1), 2) == [other]


def test_turns_are_found_by_an_index_however_many_notices_wait(ground: Ground) -> None:
    plans = []
    with ground.journal.read() as connection:
        given = {"mailbox": "archive", "now": "2026-02-03T10:00:00.000000Z"}
        of = "SELECT id FROM notice WHERE open = 1 AND mailbox = :mailbox AND tenant = 'a'"
        for statement in (
            str(queue._TENANTS),
            f"{of} AND (state = 'SEALED') = 1 AND due_at <= :now ORDER BY due_at LIMIT 5",
        ):
            plan = connection.execute(sa.text(f"EXPLAIN QUERY PLAN {statement}"), given)
            plans += [row.detail for row in plan]
    assert [one for one in plans if "SCAN notice" in one or "TEMP B-TREE" in one] == []
    assert sum("notice_turn" in one for one in plans) >= 3


def test_what_waits_for_a_moment_is_overtaken_and_what_waits_long_is_not_though_all_is_taken(
    ground: Ground,
) -> None:
    work = worker(ground, 2)
    for number in range(1, 4):
        ground.take(number, due_at=ground.clock.now())
    first, second = work.lease()
    work.lease()  # no place is free: the third waits, seen for the first time
    work.process.answer(first.number, DEPOSITED)
    work.hear()
    assert work.stage.places("archive") == 1
    ground.take(4, due_at=ground.clock.now())  # and takes it
    work.process.call(99, second.operation, deadline=0.0)
    ground.clock.turn(seconds=1.0)
    work.lease()
    work.process.answer(99, DEPOSITED)
    assert work.stage.places("archive") == 0
