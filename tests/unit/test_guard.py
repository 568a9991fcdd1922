"""The guard: a loop that hangs ends its process; one that was stopped has its time again."""

import os
import subprocess
import sys
from contextlib import suppress

import pytest

from hub.app.guard import Guard
from hub.errors import TryLater
from tests.material import ROOT
from tests.unit.spools import TurnedClock

HANGS = """
import sys, threading
from hub import telemetry
from hub.app.guard import Guard
from hub.clock import system_clock
telemetry.set_up(sys.stderr)
guard = Guard(1.0, system_clock())
guard.start()
guard.turned()
def here_it_hangs():
    threading.Event().wait()
here_it_hangs()
"""


def watched(*turns: bool, passing: float = 1.0) -> list[float]:
    """Let time pass between looks of a guard; return what it saw at each."""
    clock = TurnedClock()
    guard, seen = Guard(5.0, clock), []
    for turned in turns:
        if turned:
            guard.turned()
        clock.turn(seconds=passing)
        seen.append(round(guard.look(), 1))
    return seen


def test_a_loop_that_turns_is_never_silent() -> None:
    assert watched(True, True, True) == [0.0, 0.0, 0.0]


def test_a_loop_that_hangs_is_silent_since_it_turned_last() -> None:
    assert watched(True, False, False, False, True) == [0.0, 1.0, 2.0, 3.0, 0.0]


def test_a_process_that_was_stopped_has_its_time_again() -> None:
    assert watched(True, False, False, passing=3600.0) == [0.0, 2.0, 4.0]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_log_that_nobody_reads_keeps_no_hanging_process_alive() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    os.set_blocking(writing, True)
    ended = subprocess.run([sys.executable, "-c", HANGS], stderr=writing, check=False, cwd=ROOT)
    assert ended.returncode == TryLater.exit_code
    os.close(reading)
    os.close(writing)


@pytest.mark.slow
def test_a_process_whose_loop_hangs_ends_with_75_and_says_where() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HANGS], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert ended.returncode == TryLater.exit_code == 75
    assert "the loop hangs" in ended.stderr
    assert "<string>:" in ended.stderr  # the program's own line
    assert "threading.py:" in ended.stderr
