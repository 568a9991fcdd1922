"""The watch over a service: what stands still is said once, and ends the service in the end."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import app, starter, telemetry
from hub.app.parts import Parts
from hub.app.vigil import Vigil
from hub.config import load
from hub.dispatch import Line
from hub.errors import StorageFailed, TryLater
from hub.journal import pauses
from hub.spool import heartbeat
from postfach_mailbox import Repeat
from tests.flow.papers import drop
from tests.unit.checked import put
from tests.unit.dispatching import Process, capabilities
from tests.unit.notices import TurnedClock

LIMIT = 300.0  # seconds: as hub.toml has it


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def parts(tmp_path: Path, clock: TurnedClock) -> Iterator[Parts]:
    config = load(starter.init(tmp_path / "h", clock.now()).config, {})
    with app.worker(config, clock, "w1") as made:
        yield made


@pytest.fixture
def log() -> io.StringIO:
    made = io.StringIO()
    telemetry.set_up(made)
    return made


@pytest.fixture
def waiting(parts: Parts, log: io.StringIO) -> Line:
    """Give a mailbox that takes one at a time, at which two are due that nobody sends."""
    line = parts.dispatch.lines["citizens"]
    line.host = Process(in_flight=1)  # type: ignore[assignment]  # played
    line.capabilities = capabilities(Repeat.IDEMPOTENT)
    line.backlog = True  # so that none is sent when it is taken
    put(parts, drop(stem="one"), drop(stem="two"))
    parts.intake.scan()
    while parts.intake.busy:
        parts.intake.step()
    return line


def said(log: io.StringIO) -> list[tuple[str, str | None]]:
    found = [json.loads(line) for line in log.getvalue().splitlines()]
    return [(one["event"], one.get("stage")) for one in found if "stage" in one["event"]]


def watch(
    vigil: Vigil,
    clock: TurnedClock,
    seconds: int,
    every: float = 5.0,
    last_tick: float | None = None,
) -> None:
    """Let the loop turn for a time; its ticker too, or it is silent since its last tick."""
    for _ in range(int(seconds / every)):
        clock.turn(seconds=every)
        vigil.turned(clock.elapsed() if last_tick is None else last_tick)


def still(parts: Parts) -> list[str]:
    found = heartbeat(parts.config.spool.path, "w1")
    assert found
    return sorted(found.still)


def test_a_service_that_has_nothing_to_do_is_well(parts: Parts, clock: TurnedClock) -> None:
    watch(Vigil(parts), clock, 1000)
    assert still(parts) == []
    found = heartbeat(parts.config.spool.path, "w1")
    assert found
    assert found.at == clock.elapsed()


def test_a_mailbox_at_which_nothing_moves_though_it_could_ends_the_service_in_an_orderly_way(
    parts: Parts, clock: TurnedClock, waiting: Line, log: io.StringIO
) -> None:
    vigil = Vigil(parts)
    watch(vigil, clock, 300)
    assert (said(log), still(parts)) == ([], [])
    with pytest.raises(TryLater, match="citizens stood still") as ended:
        watch(vigil, clock, 10)
    assert ended.value.exit_code == 75
    assert said(log) == [("a stage stands still", "dispatch")]
    assert still(parts) == ["dispatch citizens"]


@pytest.mark.parametrize("reason", ["call out", "paused", "out of order", "moves"])
def test_what_is_kept_from_moving_by_a_known_reason_does_not_stand_still(
    parts: Parts, clock: TurnedClock, waiting: Line, reason: str
) -> None:
    vigil = Vigil(parts)
    if reason == "call out":
        parts.dispatch.lease()
    elif reason == "paused":
        with parts.journal.write() as tx:
            pauses.begin(tx, pauses.MAILBOX, "citizens", clock.now())
    elif reason == "out of order":
        waiting.circuit_open = True
    for _ in range(10):
        watch(vigil, clock, 100)
        waiting.calls += int(reason == "moves")
    assert still(parts) == []


def test_a_service_that_was_stopped_meanwhile_has_its_whole_time_again(
    parts: Parts, clock: TurnedClock, waiting: Line
) -> None:
    vigil = Vigil(parts)
    watch(vigil, clock, 200)
    clock.turn(seconds=3600)  # SIGSTOP, or the machine slept
    watch(vigil, clock, 200)
    assert still(parts) == []


def test_a_ticker_that_stays_silent_is_said_once_and_ends_the_service(
    parts: Parts, clock: TurnedClock, log: io.StringIO
) -> None:
    vigil, last = Vigil(parts), clock.elapsed()
    with pytest.raises(TryLater, match="ticker"):
        watch(vigil, clock, 1000, 1.0, last_tick=last)
    assert LIMIT <= clock.elapsed() - last <= LIMIT + 3
    assert said(log) == [("a stage stands still", "ticker")]


def test_turns_that_fail_are_waited_out_logged_now_and_then_and_told_to_doctor(
    parts: Parts, clock: TurnedClock, log: io.StringIO
) -> None:
    vigil = Vigil(parts)
    for _ in range(1000):
        clock.turn(seconds=1.0)
        vigil.failed(StorageFailed("full", where="disk", fix="Make room"))
    assert log.getvalue().count("worker pauses") == 17
    assert still(parts) == ["its turns fail"]
    watch(vigil, clock, 5)
    assert still(parts) == []


def test_an_open_notice_past_its_deadline_for_long_is_said_and_ends_nothing(
    parts: Parts, clock: TurnedClock, waiting: Line, log: io.StringIO
) -> None:
    with parts.journal.write() as tx:
        tx.connection.exec_driver_sql("UPDATE notice SET deadline = accepted_at")
    watch(Vigil(parts), clock, 1000)
    assert said(log) == [("a stage stands still", "deadlines")]
    assert still(parts) == ["deadlines"]
