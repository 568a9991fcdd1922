"""A person's pause: nothing leaves, nothing begins, no deadline runs; and it costs no time."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hub.journal import circuits, deciding, pauses
from hub.transition import Policy
from postfach_mailbox import Held, Repeat, Unknown
from tests.unit.dispatching import DEPOSITED, WHY, Ground, Worker, capabilities
from tests.unit.notices import START, TurnedClock

DAY = 86400
WEEK = timedelta(days=7)  # to the deadline of these notices
TOLD = capabilities(Repeat.IDEMPOTENT)
MAILBOX, TENANT = ("mailbox", "archive"), ("tenant", "rostock")


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    made.take()
    yield made
    made.close()


def pause(ground: Ground, *which: tuple[str, str]) -> None:
    with ground.journal.write() as tx:
        for one in which:
            assert pauses.begin(tx, *one, ground.clock.now())


def resume(ground: Ground, which: tuple[str, str]) -> int | None:
    with ground.journal.write() as tx:
        return pauses.end(tx, *which, ground.clock.now())


def later(ground: Ground, number: int = 1) -> timedelta:
    """Return by how much a notice's deadline has moved."""
    moved: timedelta = ground.row(number).deadline - START - WEEK
    return moved


@pytest.mark.parametrize("which", [MAILBOX, TENANT])
def test_nothing_is_sent_while_it_is_paused(ground: Ground, which: tuple[str, str]) -> None:
    worker = Worker.make(ground, TOLD)
    pause(ground, which)
    assert worker.lease() == []
    assert not worker.stage.due_now()
    resume(ground, which)
    assert worker.stage.due_now()
    worker.work(DEPOSITED)
    assert ground.row().state == "DEPOSITED"


def test_a_pause_of_another_stops_nothing(ground: Ground) -> None:
    pause(ground, ("mailbox", "citizens"), ("tenant", "schwerin"))
    assert Worker.make(ground, TOLD).lease()


def test_a_call_in_flight_ends_as_usual(ground: Ground) -> None:
    worker = Worker.make(ground, TOLD)
    worker.lease()
    pause(ground, MAILBOX)
    worker.answer(DEPOSITED)
    assert ground.row().state == "DEPOSITED"


@pytest.mark.parametrize("which", [MAILBOX, TENANT])
def test_a_deadline_does_not_run_while_it_is_paused(ground: Ground, which: tuple[str, str]) -> None:
    worker = Worker.make(ground, TOLD)
    pause(ground, which)
    ground.clock.turn(30 * DAY)
    assert worker.stage.tend().finals == []
    assert resume(ground, which) == 1
    assert later(ground) == timedelta(days=30)
    assert worker.stage.tend().finals == []


def test_a_deadline_never_moves_past_what_the_notice_itself_says(ground: Ground) -> None:
    ends = START + WEEK + timedelta(hours=1)
    number = ground.take(2, obsolete_after=ends)
    pause(ground, MAILBOX)
    ground.clock.turn(3 * DAY)
    resume(ground, MAILBOX)
    assert ground.row(number).deadline == ends


def test_time_under_two_pauses_is_given_back_once(ground: Ground) -> None:
    pause(ground, MAILBOX)
    ground.clock.turn(DAY)
    pause(ground, TENANT)
    ground.clock.turn(DAY)
    resume(ground, MAILBOX)
    assert later(ground) == timedelta(days=1)
    ground.clock.turn(DAY)
    resume(ground, TENANT)
    assert later(ground) == timedelta(days=3)


def test_a_pause_within_another_moves_nothing_by_itself(ground: Ground) -> None:
    pause(ground, MAILBOX)
    ground.clock.turn(DAY)
    pause(ground, TENANT)
    ground.clock.turn(DAY)
    assert resume(ground, TENANT) == 0
    resume(ground, MAILBOX)
    assert later(ground) == timedelta(days=2)


def test_only_time_since_it_was_taken_or_may_begin_is_given_back(ground: Ground) -> None:
    pause(ground, MAILBOX)
    ground.clock.turn(DAY)
    since, begins = ground.clock.now(), ground.clock.now() + timedelta(days=1)
    second = ground.take(2, accepted_at=since)
    third = ground.take(3, accepted_at=since, not_before=begins)
    ground.clock.turn(2 * DAY)
    resume(ground, MAILBOX)
    assert later(ground, second) == timedelta(days=2)
    assert later(ground, third) == timedelta(days=1)


def test_time_in_which_it_was_held_is_given_back_once(ground: Ground) -> None:
    worker = Worker.make(ground, TOLD)
    worker.lease()
    pause(ground, MAILBOX)
    ground.clock.turn(DAY)
    worker.answer(Held(reason=WHY))
    ground.clock.turn(DAY)
    resume(ground, MAILBOX)
    assert later(ground) == timedelta(days=1)
    with ground.journal.write() as tx:
        circuits.close_circuit(tx, "archive", ground.clock.now())
    assert later(ground) == timedelta(days=2)


def mend(ground: Ground) -> None:
    with ground.journal.write() as tx:
        circuits.close_circuit(tx, "archive", ground.clock.now())


OVERLAPS = {
    "circuit-within": ["pause", "fault", "mend", "resume"],
    "pause-within": ["fault", "pause", "resume", "mend"],
    "pause-first": ["pause", "fault", "resume", "mend"],
    "circuit-first": ["fault", "pause", "mend", "resume"],
}


@pytest.mark.parametrize("order", list(OVERLAPS.values()), ids=list(OVERLAPS))
@pytest.mark.parametrize("in_doubt", [True, False], ids=["doubt", "held"])
def test_time_under_a_pause_and_an_open_circuit_is_given_back_once(
    ground: Ground, order: list[str], in_doubt: bool
) -> None:
    worker = Worker.make(ground, capabilities(Repeat.QUERYABLE))
    if in_doubt:
        worker.work(Unknown(reason=WHY))
        ground.clock.turn(3600)
    worker.lease()
    steps: dict[str, Callable[[], object]] = {
        "pause": lambda: pause(ground, TENANT),
        "fault": lambda: worker.answer(Held(reason=WHY)),
        "mend": lambda: mend(ground),
        "resume": lambda: resume(ground, TENANT),
    }
    for one in order:
        steps[one]()
        ground.clock.turn(DAY)
    assert later(ground) == timedelta(days=3)


def test_time_in_which_it_was_held_for_itself_under_a_pause_is_given_back_once(
    ground: Ground,
) -> None:
    held = {"state": "HELD", "held_from": "SEALED", "held_reason": "crashes", "due_at": None}
    number = ground.take(2, **held, held_at=START)
    ground.clock.turn(DAY)
    pause(ground, TENANT)
    ground.clock.turn(DAY)
    row, policy = ground.row(number), Policy(waits=(), repeat=Repeat.IDEMPOTENT)
    with ground.journal.write() as tx:
        deciding.release(tx, row, policy, ground.clock.now())
    assert later(ground, number) == timedelta(days=1)
    ground.clock.turn(DAY)
    resume(ground, TENANT)
    assert later(ground, number) == timedelta(days=3)


def test_doubt_gets_its_time_back_too(ground: Ground) -> None:
    worker = Worker.make(ground, capabilities(Repeat.NEITHER))
    worker.work(Unknown(reason=WHY))
    pause(ground, TENANT)
    ground.clock.turn(30 * DAY)
    resume(ground, TENANT)
    assert worker.stage.tend().finals == []
    assert ground.row().state == "IN_DOUBT"


def test_a_pause_begins_and_ends_once(ground: Ground) -> None:
    pause(ground, MAILBOX)
    with ground.journal.write() as tx:
        assert not pauses.begin(tx, *MAILBOX, ground.clock.now())
    assert resume(ground, MAILBOX) == 0
    assert resume(ground, MAILBOX) is None
