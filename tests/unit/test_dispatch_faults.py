"""Faults beside a mailbox: a damaged vault, slow commits, a clock that is set, another worker."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub import parcel
from hub.dispatch.lines import DEATHS, DOUBTS, MARGIN
from hub.host import Fault
from hub.journal import attempts, circuits, deciding, taking
from hub.journal.cases import cases
from hub.journal.tables import payload
from hub.transition import Policy
from postfach_mailbox import Held, Prepared, Repeat, Unknown
from postfach_mailbox.frames import AnswerValue
from tests.unit.dispatching import CALL, DEPOSITED, WHY, Ground, Process, Worker, capabilities
from tests.unit.notices import START, TurnedClock

IDEMPOTENT, QUERYABLE, NEITHER = Repeat.IDEMPOTENT, Repeat.QUERYABLE, Repeat.NEITHER
UNTOLD = {"state": "HELD", "held_from": "SEALED", "held_reason": "capabilities", "due_at": None}


class TickingClock(TurnedClock):
    """A clock that goes on whenever it is read."""

    def elapsed(self) -> float:
        self.seconds += 1.0
        return self.seconds


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    made.take()
    yield made
    made.close()


def lose_documents(ground: Ground, notice_id: int) -> None:
    with ground.journal.read() as connection:
        of = sa.select(payload.c.segment).where(payload.c.notice_id == notice_id)
        for segment in filter(None, connection.scalars(of)):
            ground.vault.remove(segment)


def waiting(ground: Ground) -> list[tuple[int, str]]:
    with ground.journal.read() as connection:
        found = cases(connection, ground.config.mailboxes)
    return [(case.row.id, case.kind) for case in found]


def test_a_notice_whose_documents_are_gone_is_held_alone_and_the_rest_flows(
    ground: Ground,
) -> None:
    ground.take(2)
    lose_documents(ground, 1)
    worker = Worker.make(ground, capabilities(IDEMPOTENT))
    worker.work(DEPOSITED)
    first, second = ground.rows()
    assert (first.state, first.held_from, first.held_reason) == ("HELD", "SEALED", "payload")
    assert second.state == "DEPOSITED"
    assert not worker.line.circuit_open
    assert waiting(ground) == [(1, "held")]


def test_a_notice_that_this_version_cannot_read_is_held_alone(ground: Ground) -> None:
    row = ground.row(1)
    key = ground.vault.unwrap(row.key_wrapped, row.delivery_key.encode("ascii"))
    with ground.vault.segment() as segment:
        other, _ = parcel.stored(segment, key, row.delivery_key, parcel.CONTENT, b"{}")
    with ground.journal.write() as tx:
        taking.replace(tx, 1, other)
    assert Worker.make(ground, capabilities(IDEMPOTENT)).lease() == []
    assert ground.row().held_reason == "payload"


@pytest.mark.slow
def test_a_notice_whose_documents_are_gone_keeps_its_doubt(ground: Ground) -> None:
    worker = Worker.make(ground, capabilities(IDEMPOTENT))
    worker.work(Unknown(reason=WHY))
    lose_documents(ground, 1)
    worker.lease()
    worker.hear()
    row = ground.row()
    assert (row.state, row.held_from, row.held_reason) == ("HELD", "IN_DOUBT", "payload")


def test_what_does_not_open_when_its_mailbox_tells_is_a_case_and_the_rest_flows(
    ground: Ground,
) -> None:
    broken, sound = (ground.take(n, held_at=START, **UNTOLD) for n in (2, 3))
    with ground.journal.write() as tx:
        tx.connection.execute(
            sa.update(payload)
            .where(payload.c.notice_id == broken, payload.c.item == "content")
            .values(bytes=b"x" * 40)
        )
    worker = Worker.make(ground, capabilities(IDEMPOTENT))
    worker.stage.air.told.append(worker.line)
    worker.stage.tend()
    row = ground.row(broken)
    assert (row.state, row.held_reason, row.held_at) == ("HELD", "payload", START)
    assert ground.row(sound).state != "HELD"
    assert waiting(ground) == [(broken, "held")]


def test_what_its_mailbox_can_take_at_last_still_waits_for_its_own_time(ground: Ground) -> None:
    begins = START + timedelta(days=2)
    number = ground.take(2, held_at=START, not_before=begins, **UNTOLD)
    worker = Worker.make(ground, capabilities(IDEMPOTENT))
    worker.stage.air.told.append(worker.line)
    worker.stage.tend()
    assert (ground.row(number).state, ground.row(number).due_at) == ("SEALED", begins)


def test_nobody_hastens_a_notice_past_its_own_time(ground: Ground) -> None:
    begins = START + timedelta(days=2)
    row = ground.row(ground.take(2, not_before=begins, due_at=begins))
    policy = Policy(waits=(), repeat=IDEMPOTENT)
    with ground.journal.write() as tx:
        assert deciding.hasten(tx, row, policy, START) == begins


def test_a_call_ends_well_before_its_lease_however_long_the_commit_took(tmp_path: Path) -> None:
    ground = Ground.make(tmp_path / "h", TickingClock())
    for number in range(1, 4):
        ground.take(number)
    worker = Worker.make(ground, capabilities(QUERYABLE))
    for call in worker.lease():
        assert call.deadline <= ground.row().lease_end - MARGIN
    ground.close()


def test_a_call_whose_end_is_past_before_it_leaves_is_not_sent(tmp_path: Path) -> None:
    ground = Ground.make(tmp_path / "h", TickingClock())
    ground.take()
    worker = Worker.make(ground, capabilities(NEITHER))
    worker.line.call_timeout = 0.5
    worker.stage.lease()
    worker.hear()
    assert (worker.process.got, ground.row().state) == ([], "HELD")
    ground.close()


@pytest.mark.parametrize("who", ["child", "hub"])
def test_a_clock_that_is_set_in_mid_call_does_not_shorten_the_wait(
    ground: Ground, who: str
) -> None:
    worker = Worker.make(ground, capabilities(QUERYABLE))
    worker.lease()
    ground.clock.time += timedelta(days=1)
    if who == "child":
        worker.process.die()
        worker.hear()
    else:
        Worker.make(ground, capabilities(QUERYABLE), "w2").stage.tend(["w1"])
    over = ground.clock.now() + timedelta(seconds=CALL)
    assert ground.row().due_at >= over
    with ground.journal.write() as tx:
        policy = Policy(waits=(), repeat=QUERYABLE, asks=True)
        row = attempts.row(tx.connection, 1)
        assert deciding.hasten(tx, row, policy, ground.clock.now()) == over


def test_a_circuit_that_a_worker_opened_and_left_is_mended_by_another(ground: Ground) -> None:
    Worker.make(ground, capabilities(IDEMPOTENT)).lease()
    other = Worker.make(ground, capabilities(IDEMPOTENT), "w2")
    first = Worker.make(ground, capabilities(IDEMPOTENT), "w3")
    other.stage.tend(["w1"])
    first.work(Held(reason=WHY))
    number = ground.take(2)
    first.stage.tend()
    assert ground.row(number).held_reason == "mailbox"
    other.stage.tend()
    assert other.stage.places("archive") is None
    other.mend()
    assert other.stage.places("archive") == 1  # until it has shown that it works
    assert ground.row(number).state == "SEALED"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "at_first"), [(None, DEATHS), (Unknown(reason=WHY), DOUBTS)], ids=["dies", "unknown"]
)
def test_a_mailbox_that_makes_nothing_but_doubt_costs_few_notices_their_certainty(
    ground: Ground, answer: AnswerValue | None, at_first: int
) -> None:
    for number in range(2, 80):
        ground.take(number)
    worker = Worker.make(ground, capabilities(NEITHER))
    for _ in range(6 * 60):  # minutes
        minute(worker, answer)
    states = Counter(row.state for row in ground.rows())
    assert states["IN_DOUBT"] <= worker.process.in_flight + at_first + 4 * 6 + 4  # 4 an hour
    assert states.total() == 79
    assert set(states) <= {"HELD", "SEALED", "IN_DOUBT"}
    for _ in range(120):  # and all goes on by itself once the mailbox works
        minute(worker, DEPOSITED)
    assert Counter(row.state for row in ground.rows()) == Counter(
        IN_DOUBT=states["IN_DOUBT"], DEPOSITED=79 - states["IN_DOUBT"]
    )


def minute(worker: Worker, answer: AnswerValue | None) -> None:
    """Let a minute pass; the mailbox says that it is well.

    answer: to what it is sent; None: its process dies of it
    """
    worker.ground.clock.turn(60)
    worker.mend()
    calls = worker.lease()
    if calls and answer is None:
        worker.process.die()
    elif answer is not None:
        for call in calls:
            worker.process.answer(call.number, answer)
    worker.hear()


def test_what_a_mended_mailbox_held_goes_on_bit_by_bit_and_a_single_run_waits_for_it(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuits, "FREED", 2)
    for number in range(2, 6):
        ground.take(number)
    worker = Worker.make(ground, capabilities(IDEMPOTENT))
    worker.line.trust.lose()  # so that one leaves
    worker.work(Held(reason=WHY))
    worker.stage.tend()
    assert [row.state for row in ground.rows()] == ["HELD"] * 5
    ground.clock.turn(60)
    worker.mend()
    while worker.stage.due_now():
        for call in (calls := worker.lease()):
            worker.process.answer(call.number, DEPOSITED)
        worker.hear()
        if not calls:
            worker.stage.tend()
    assert [row.state for row in ground.rows()] == ["DEPOSITED"] * 5


@contextmanager
def counted(ground: Ground) -> Iterator[Counter[str]]:
    """Count the statements that go to the database."""
    found: Counter[str] = Counter()

    def note(*args: Any) -> None:
        found[args[2].split(None, 1)[0]] += 1

    engine = ground.journal._engine  # nothing else sees statements
    sa.event.listen(engine, "before_cursor_execute", note)
    yield found
    sa.event.remove(engine, "before_cursor_execute", note)


def statements(folder: Path, count: int) -> Counter[str]:
    """Return what it costs to lease notices and prepare their bytes."""
    ground = Ground.make(folder, TurnedClock())
    for number in range(1, count + 1):
        ground.take(number)
    worker = Worker.make(
        ground, capabilities(IDEMPOTENT, prepares=True), process=Process(in_flight=16)
    )
    with counted(ground) as found:
        assert len(worker.lease()) == count
        for call in list(worker.process.out.values()):
            worker.process.answer(call.number, Prepared(data=b"made"))
        worker.hear()
    assert len(worker.process.out) == count
    ground.close()
    return found


def test_what_leasing_reads_does_not_grow_with_the_number_of_notices(tmp_path: Path) -> None:
    one, many = statements(tmp_path / "one", 1), statements(tmp_path / "many", 8)
    assert many["SELECT"] == one["SELECT"]
    assert many["UPDATE"] == one["UPDATE"]


def test_a_mailbox_that_took_too_much_stays_away_for_longer(ground: Ground) -> None:
    worker = Worker.make(ground, capabilities(QUERYABLE))
    worker.process.die(Fault.PROCESSES)
    worker.hear()
    (line,) = worker.stage.lines.values()
    assert line.restart_at == ground.clock.elapsed() + 15.0
