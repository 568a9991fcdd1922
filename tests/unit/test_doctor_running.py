"""The doctor's look at hubs that run, and at work that does not move."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub import config, starter
from hub.clock import system_clock
from hub.config import Config
from hub.doctor import running
from hub.journal import Journal, circuits, open_journal, pauses
from hub.spool import Heartbeat, WorkerLock
from tests.unit import notices
from tests.unit.findings import bad
from tests.unit.notices import TurnedClock

Act = Callable[[Journal, TurnedClock], None]


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    return config.load(starter.init(tmp_path / "h", system_clock().now()).config, {})


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def journal(settings: Config, clock: TurnedClock) -> Iterator[Journal]:
    opened = open_journal(settings.hub.database_file, clock, create=True)
    yield opened
    opened.close()


@pytest.fixture
def lock(settings: Config) -> Iterator[WorkerLock]:
    with WorkerLock.hold(settings.spool.path, "w1") as held:
        yield held


def test_where_no_hub_runs_doctor_says_so(settings: Config, clock: TurnedClock) -> None:
    (found,) = running.look_at_workers(settings, clock)
    assert (found.ok, found.what) == (True, "none runs here")


def test_a_hub_that_turns_is_well_and_one_that_is_silent_is_not(
    settings: Config, clock: TurnedClock, lock: WorkerLock
) -> None:
    assert bad(running.look_at_workers(settings, clock)) == []  # it is starting
    lock.say(Heartbeat(at=clock.elapsed()))
    clock.turn(seconds=59)
    assert bad(running.look_at_workers(settings, clock)) == []
    clock.turn(seconds=2)
    assert bad(running.look_at_workers(settings, clock)) == [
        "runs, and its loop has not turned for 61 s"
    ]


def test_what_a_hub_says_stands_still_is_found(
    settings: Config, clock: TurnedClock, lock: WorkerLock
) -> None:
    now = clock.elapsed()
    many = {f"dispatch m{n:03d}": now - 400 for n in range(100)}
    lock.say(Heartbeat(at=now, still=many))  # longer than what fits
    assert "dispatch m000: since 400 s" in bad(running.look_at_workers(settings, clock))
    lock.say(Heartbeat(at=now, still={"dispatch citizens": now - 400}))
    assert bad(running.look_at_workers(settings, clock)) == ["dispatch citizens: since 400 s"]


def test_what_no_heartbeat_is_none() -> None:
    for data in (b"", b"\0" * 10, b"{}", b"[]", b'{"at": "x", "still": {}}', b'{"at": 1}', b"1"):
        assert Heartbeat.read(data) is None


def pause(journal: Journal, clock: TurnedClock) -> None:
    with journal.write() as tx:
        pauses.begin(tx, pauses.TENANT, "rostock", clock.now())


def break_down(journal: Journal, clock: TurnedClock) -> None:
    with journal.write() as tx:
        circuits.know(tx, ["archive"])
        circuits.open_circuit(tx, "archive", circuits.START_FAILED, clock.now())


def write(statement: str) -> Act:
    def act(journal: Journal, clock: TurnedClock) -> None:
        with journal.write() as tx:
            tx.connection.exec_driver_sql(statement)

    return act


LEASED = "UPDATE notice SET lease_owner = 'w1', lease_boot = 'boot-1', lease_end = 1e9"
ELSEWHERE = """INSERT INTO attempt (notice_id, n, operation, worker, fence, started_at)
    VALUES (1, 1, 'deposit', 'w1', 1, '2026-02-03T10:29:00.000000Z')"""


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (write("SELECT 1"), "1 are due at archive, where nothing is tried"),
        (write("UPDATE notice SET state = 'ACCEPTED'"), "1 wait for their seal"),
        (write("UPDATE notice SET deadline = accepted_at"), "1 are open past their deadline"),
        (pause, ""),
        (break_down, ""),
        (write(LEASED), ""),
        (write(ELSEWHERE), ""),
        (write("UPDATE notice SET due_at = '2026-02-03T10:25:00.000000Z'"), ""),
    ],
    ids=["due", "no seal", "overdue", "paused", "out of order", "in work", "tried", "not long"],
)
def test_work_that_is_due_for_long_and_does_not_move_is_found(
    settings: Config, journal: Journal, clock: TurnedClock, act: Act, words: str
) -> None:
    notices.take(journal, notices.notice(1))
    clock.turn(seconds=1800)
    act(journal, clock)
    found = bad(running.look_at_work(settings, clock, journal))
    assert any(words in what for what in found) if words else found == []
