"""The ticker: wakes a stage at an interval, and nothing else.

APScheduler keeps no due time of ours: those stand in the journal, and a tick only means "look
there". Its store is the memory's, so it never unpickles anything.

A step of the wall clock moves APScheduler's next run: an hour back stops it for an hour. So the
ticks are counted on the clock that no one sets, and `mend`, called by whoever waits anyway, sets a
ticker going again that has fallen silent.
"""

from collections.abc import Callable
from datetime import UTC

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from hub.clock import Clock

SILENT_AFTER = 3  # intervals


class Ticker:
    """Calls `wake` every `every` seconds in a thread of its own.

    every: seconds, greater than 0; wake: quick, may be called from any thread
    """

    def __init__(self, wake: Callable[[], None], every: float, clock: Clock) -> None:
        if every <= 0:
            raise ValueError(f"Ticker({every=})")
        self._wake, self._every, self._clock = wake, every, clock
        self._trigger = IntervalTrigger(seconds=every, timezone=UTC)
        self._scheduler = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
            timezone=UTC,
        )
        # On the clock that counts suspension and is never set; `ticked_at` by ticks alone.
        self.last_tick = self.ticked_at = clock.elapsed()

    def start(self) -> None:
        """Begin to tick; the first tick comes after one interval."""
        self._scheduler.add_job(self._tick, self._trigger, id="tick")
        self.last_tick = self._clock.elapsed()
        self._scheduler.start()

    def stop(self) -> None:
        """Stop; a tick that is under way is waited for. Stopping twice is no error."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def mend(self) -> bool:
        """Set a silent ticker going again; returns whether it was silent.

        Silent is one that runs and has not ticked for three intervals.
        """
        silent_for = self._clock.elapsed() - self.last_tick
        if not self._scheduler.running or silent_for <= SILENT_AFTER * self._every:
            return False
        self.last_tick = self._clock.elapsed()
        self._scheduler.reschedule_job("tick", trigger=self._trigger)
        return True

    def _tick(self) -> None:
        self.last_tick = self.ticked_at = self._clock.elapsed()
        self._wake()
