import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from hub.clock import system_clock
from hub.schedule import SILENT_AFTER, Ticker

WAIT = 20.0  # seconds; none of these tests waits so long unless it fails


class Ticks:
    """Counts calls, and lets a test wait for the next ones."""

    def __init__(self) -> None:
        self.count = 0
        self.changed = threading.Condition()

    def __call__(self) -> None:
        with self.changed:
            self.count += 1
            self.changed.notify_all()

    def wait_for(self, more: int) -> bool:
        with self.changed:
            wanted = self.count + more
            return self.changed.wait_for(lambda: self.count >= wanted, timeout=WAIT)


@contextmanager
def ticking(ticker: Ticker) -> Iterator[Ticker]:
    ticker.start()
    try:
        yield ticker
    finally:
        ticker.stop()


class Elapsed:
    """The machine's clock, moved ahead at will."""

    boot_id = "test"
    speed = 1
    mark = ""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def elapsed(self) -> float:
        return system_clock().elapsed() + self.ahead


def test_it_wakes_again_and_again_and_remembers_when() -> None:
    ticks, clock = Ticks(), Elapsed()
    before = clock.elapsed()
    with ticking(Ticker(ticks, 0.02, clock)) as ticker:
        assert ticks.wait_for(3)
        assert before < ticker.last_tick <= clock.elapsed()
        assert not ticker.mend()


def test_a_stopped_one_wakes_no_more_and_may_be_stopped_again() -> None:
    ticks = Ticks()
    with ticking(Ticker(ticks, 0.02, Elapsed())) as ticker:
        assert ticks.wait_for(1)
        ticker.stop()
        count = ticks.count
        assert not ticker.mend()
    assert ticks.count == count


def test_a_failing_call_does_not_end_the_ticking() -> None:
    ticks = Ticks()

    def fail() -> None:
        ticks()
        raise RuntimeError("on purpose")

    with ticking(Ticker(fail, 0.02, Elapsed())):
        assert ticks.wait_for(3)


def test_one_that_a_clock_step_has_silenced_is_set_going_again() -> None:
    ticks, clock = Ticks(), Elapsed()
    with ticking(Ticker(ticks, 0.05, clock)) as ticker:
        assert ticks.wait_for(1)
        # What a step of one hour back leaves behind: the next run lies an hour ahead.
        hour = datetime.now(UTC) + timedelta(hours=1)
        ticker._scheduler.get_job("tick").modify(next_run_time=hour)
        clock.ahead = (SILENT_AFTER + 1) * 0.05 + 1
        assert ticker.mend()
        assert ticks.wait_for(2)


def test_an_interval_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="every=0"):
        Ticker(Ticks(), 0, Elapsed())
