"""The watch over a service: that its loop turns, its stages move, its ticker ticks.

    each turn      the guard's thread sees it (`hub.app.guard`)
    each second    the worker's lock file says it to `hub doctor`, systemd is told
    standing still said once in the log, kept in the lock file; for the limit: an orderly end, 75

Ending is for what a new start can mend, since that reads all anew: a stage that does not move
though nothing keeps it from moving, a ticker that is silent though it was mended. A disk or a
database that fails is waited out, as long as it takes.
"""

from types import TracebackType
from typing import Self

from hub.app.guard import Guard
from hub.app.notify import Notifier
from hub.app.parts import Parts
from hub.app.standstill import DISPATCH, Standstill
from hub.errors import HubError, TryLater
from hub.schedule import SILENT_AFTER
from hub.spool import Heartbeat
from hub.telemetry import logger

SAY = 1.0  # seconds between two words to doctor and systemd
STOPPED = 10.0  # seconds between two turns: the process, or the machine, was stopped meanwhile
SAY_AGAIN = 60.0  # seconds until a turn that fails as the one before is logged again
FAILS, TICKER = "its turns fail", "ticker"


class Vigil:
    """For one service; used by the loop's thread only."""

    def __init__(self, parts: Parts) -> None:
        """Watch over a worker."""
        self._parts, self._limit = parts, parts.config.hub.watchdog.total_seconds()
        self._guard = Guard(self._limit, parts.clock)
        self._notifier = Notifier.of_environment()
        self._standstill = Standstill(parts=parts, limit=self._limit)
        self._still: dict[str, float] = {}
        self._failing: tuple[type[Exception], float, float] | None = None
        self._said = 0.0
        self._ticked = (0.0, parts.clock.elapsed())  # the ticker's last tick, and when it was seen

    def __enter__(self) -> Self:
        """Begin."""
        self._guard.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End; what stops then takes its time."""
        self._guard.stop()
        self._notifier.close()

    def turned(self, last_tick: float) -> None:
        """Note a turn that went well. Raises TryLater where a new start is needed.

        last_tick: the ticker's, on the clock that no one sets
        """
        self._failing = None
        now = self._turned()
        if now - self._said < SAY:
            return
        if now - self._said > STOPPED:  # all has its whole time again
            self._standstill.since.clear()
            self._ticked = (last_tick, now)
        elif last_tick != self._ticked[0]:
            self._ticked = (last_tick, now)
        silent, still = now - self._ticked[1], self._standstill.look()
        if silent > 2 * SILENT_AFTER * SAY:  # time to be mended it had
            still[TICKER] = self._ticked[1]
        self._tell(still)
        self._say(now)
        gone = [what for what in still if what.startswith(DISPATCH)]
        if gone or silent >= self._limit:
            raise TryLater(
                f"{', '.join(gone) or TICKER} stood still for {self._limit:.0f} s",
                where=str(self._parts.config.file),
                fix="Start the hub again; if it stands still again, look at the log and hub doctor",
            )

    def failed(self, error: HubError | OSError) -> None:
        """Note a turn that failed: logged once, and again while it goes on like that."""
        now = self._turned()
        kind, since, logged = self._failing or (None, now, 0.0)
        if kind is not type(error) or now - logged >= SAY_AGAIN:
            logger().error("worker pauses", exc_info=error)
            logged = now
        self._failing = (type(error), since, logged)
        self._say(now)

    def _turned(self) -> float:
        self._guard.turned()
        return self._parts.clock.elapsed()

    def _tell(self, still: dict[str, float]) -> None:
        """Log what stands still now and did not before."""
        for what in still.keys() - self._still.keys():
            stage, _, mailbox = what.partition(" ")
            logger().error("a stage stands still", stage=stage, mailbox=mailbox or None)
        for what in self._still.keys() - still.keys():
            stage, _, mailbox = what.partition(" ")
            logger().info("a stage moves again", stage=stage, mailbox=mailbox or None)
        self._still = still

    def _say(self, now: float) -> None:
        if now - self._said < SAY:
            return
        self._said = now
        fails = {FAILS: self._failing[1]} if self._failing else {}
        self._parts.lock.say(Heartbeat(at=now, still=self._still | fails))
        self._notifier.turned()
