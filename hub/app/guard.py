"""The guard: a thread that ends the process when its loop hangs, so that systemd starts it anew.

It counts the time in which the loop did not turn, and only while the guard itself ran: a process
that was stopped (SIGSTOP), or a machine that slept, has its time again when it goes on. Ending is
as a kill: nothing is written any more, and the next start goes on where this one stopped.

Limits: what holds the interpreter itself keeps the guard from running too; that is what systemd's
own watchdog is for (`hub.app.notify`).
"""

import os
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

from hub.clock import Clock
from hub.errors import TryLater
from hub.telemetry import logger

EVERY = 1.0  # seconds between looks
SAY = 1.0  # seconds that its last words may take: a log that nobody reads must not keep it


class Guard:
    """Watches the turns of a loop; `turned` is called by the loop, all else by the guard's thread.

    limit: seconds without a turn; end: called then, and never expected to return
    """

    def __init__(
        self, limit: float, clock: Clock, end: Callable[[float], None] | None = None
    ) -> None:
        self._limit, self._clock, self._end = limit, clock, end or _end
        self._turns = self._seen = 0
        self._silent, self._looked = 0.0, clock.elapsed()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="guard", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._looked = self._clock.elapsed()
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stopped.set()
        self._thread.join()

    def turned(self) -> None:
        """Note that the loop turned."""
        self._turns += 1

    def look(self) -> float:
        """Return for how many seconds the loop has not turned, as far as the guard saw."""
        now = self._clock.elapsed()
        passed, self._looked = now - self._looked, now
        if self._turns != self._seen:
            self._seen, self._silent = self._turns, 0.0
        else:
            self._silent += min(passed, 2 * EVERY)
        return self._silent

    def _run(self) -> None:
        while not self._stopped.wait(EVERY):
            if (silent := self.look()) >= self._limit:
                self._end(silent)


def _end(silent: float) -> None:
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001  # the way to it
    last_words = threading.Thread(target=_say, args=(silent, frame), daemon=True)
    last_words.start()
    last_words.join(SAY)
    os._exit(TryLater.exit_code)


def _say(silent: float, frame: FrameType | None) -> None:
    """Log where the loop hangs."""
    trace = None
    while frame is not None:
        trace = TracebackType(trace, frame, frame.f_lasti, frame.f_lineno)
        frame = frame.f_back
    hangs = TimeoutError().with_traceback(trace)
    logger().critical("the loop hangs - the process ends", seconds=round(silent), exc_info=hangs)
