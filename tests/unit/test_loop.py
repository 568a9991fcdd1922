"""A single run of a worker: what it waits for, and what it says of those before it."""

import errno
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from hub import app, starter, telemetry
from hub.app import loop
from hub.app.parts import Parts
from hub.app.vigil import Vigil
from hub.app.wake import Wake
from hub.clock import Clock, system_clock
from hub.config import Config, load
from hub.host import Host, Started, StartFailed, StartFault
from hub.journal import circuits, questions, workers
from postfach_mailbox import Health, Repeat
from tests.flow.papers import drop
from tests.unit.checked import CHECK, put
from tests.unit.dispatching import Process, capabilities
from tests.unit.notices import TurnedClock

TOLD = Started(capabilities=capabilities(Repeat.NEITHER), operations=frozenset())
NOT_STARTED = StartFailed(reason="no", fix="yes", fault=StartFault.REFUSED)


class Starting(Process):
    """A process that has not said its first word."""

    def fileno(self) -> int | None:
        return 0


@pytest.fixture
def clock() -> Clock:
    return system_clock()


@pytest.fixture
def file(tmp_path: Path, clock: Clock) -> Path:
    return starter.init(tmp_path / "h", clock.now()).config


def once(config: Config, clock: Clock, worker: str, *stems: str) -> list[str]:
    """Hand in, run once, and return the states of all notices."""
    wake = Wake()
    with app.worker(config, clock, worker) as parts:
        put(parts, *(drop(stem=stem) for stem in stems))
        loop.run(parts, wake, lambda _: None, once=True)
        with parts.journal.read() as connection:
            rows = questions.listed(connection, None, None, None)
    wake.close()
    return [row.state for row in rows]


def break_down(parts: Parts, name: str) -> None:
    with parts.journal.write() as tx:
        circuits.know(tx, [name])
        circuits.open_circuit(tx, name, circuits.START_FAILED, parts.clock.now())


@pytest.mark.slow
def test_a_single_run_waits_for_the_first_look_at_a_mailbox_that_was_out_of_order(
    file: Path, clock: Clock
) -> None:
    config = load(file, {})
    assert once(config, clock, "w1") == []  # its mailboxes have told what they can do
    with app.worker(config, clock, "w2") as parts:
        break_down(parts, "citizens")
    assert once(config, clock, "w3", "held") == ["DEPOSITED"]


@pytest.mark.slow
def test_a_single_run_waits_for_plugins_however_long_a_service_would(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "START_WAIT", 0.0)  # as if they took longer than a service waits
    assert once(load(file, {}), clock, "w1", "one") == ["DEPOSITED"]


@pytest.fixture
def out_of_order(file: Path) -> Iterator[Parts]:
    """Give a worker that finds the circuit of `archive` open; its process is one of the test."""
    config, clock = load(file, {}), TurnedClock()
    with app.worker(config, clock, "w1") as parts:
        break_down(parts, "archive")
    with app.worker(config, clock, "w2") as parts:
        yield parts


def play(parts: Parts) -> Starting:
    process = Starting(up=False)
    parts.dispatch.lines["archive"].host = cast("Host", process)
    return process


def test_one_that_does_not_start_is_waited_for_no_longer(out_of_order: Parts) -> None:
    process = play(out_of_order)
    assert out_of_order.asking
    process.said.append(NOT_STARTED)
    out_of_order.hear()
    assert not out_of_order.asking


def test_one_that_is_still_down_is_asked_once(out_of_order: Parts) -> None:
    process = play(out_of_order)
    process.up = True
    process.said.append(TOLD)
    out_of_order.hear()
    assert out_of_order.asking  # before it is asked
    out_of_order.dispatch.tend()
    (call,) = process.out
    assert out_of_order.asking
    process.answer(call, Health(status="down"))
    out_of_order.hear()
    assert not out_of_order.asking


def test_one_that_dies_at_the_first_look_is_waited_for_no_longer(out_of_order: Parts) -> None:
    process = play(out_of_order)
    process.up = True
    process.said.append(TOLD)
    out_of_order.hear()
    out_of_order.dispatch.tend()
    process.die()
    out_of_order.hear()
    assert out_of_order.dispatch.lines["archive"].starting  # again, for the next run to look at
    assert not out_of_order.asking


def test_one_that_falls_out_of_order_in_this_run_is_not_waited_for(out_of_order: Parts) -> None:
    line = out_of_order.dispatch.lines["citizens"]
    line.host = cast("Host", Process())
    out_of_order.dispatch.air.out_of_order(line, "CREDENTIALS")
    assert line.circuit_open
    assert not out_of_order.asking


@pytest.fixture
def log() -> io.StringIO:
    made = io.StringIO()
    telemetry.set_up(made)
    return made


def said(log: io.StringIO) -> list[str]:
    return [json.loads(line)["event"] for line in log.getvalue().splitlines()]


@pytest.mark.slow
def test_a_run_that_ended_and_left_claims_is_not_called_dead(
    file: Path, clock: Clock, log: io.StringIO
) -> None:
    file.write_text(file.read_text("utf-8") + CHECK.replace("clamd", "none"), "utf-8")
    config = load(file, {})
    assert once(config, clock, "w1", "waits") == []
    assert once(config, clock, "w2") == []
    assert "a worker is dead" not in said(log)
    assert said(log).count("drops still wait") == 1


@pytest.mark.slow
def test_a_worker_that_did_not_end_is_called_dead_once(
    file: Path, clock: Clock, log: io.StringIO
) -> None:
    config = load(file, {})
    with app.worker(config, clock, "w1") as parts, parts.journal.write() as tx:
        workers.begin(tx, "w1", clock.boot_id, 1, clock.now())
    once(config, clock, "w2")
    once(config, clock, "w3")
    assert said(log).count("a worker is dead") == 1


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOENT])
def test_a_service_waits_out_what_fails_of_the_machine(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def failing(_: loop.Loop) -> bool:
        raise OSError(number, "some file")

    monkeypatch.setattr(loop, "PAUSE", 0.0)
    monkeypatch.setattr(loop.Loop, "round", failing)
    wake = Wake()
    with app.worker(load(file, {}), clock, "w1") as parts, Vigil(parts) as vigil:
        turning = loop.Loop(parts=parts, wake=wake, announce=lambda _: None)
        if number == errno.EIO:
            assert not loop._turn(turning, vigil)
        else:
            with pytest.raises(OSError, match="some file"):
                loop._turn(turning, vigil)
    wake.close()
