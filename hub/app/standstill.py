"""What stands still: work is due, it could go, and nothing of it has moved for a while.

A call that is out ends at its deadline, a rate lets the next one go, a pause and a mailbox out of
order are known reasons: none of these is a standstill. What remains is a fault of the hub's own.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from hub.app.parts import Parts
from hub.dispatch import Line
from hub.journal import recovery

DISPATCH, DEADLINES = "dispatch", "deadlines"


@dataclass(slots=True, kw_only=True)  # remembers since when
class Standstill:
    """The stages of one worker.

    limit: seconds without a move; since: when each that may stand still was first seen so
    """

    parts: Parts
    limit: float
    since: dict[str, float] = field(default_factory=dict)
    _calls: dict[str, int] = field(default_factory=dict)

    def look(self) -> dict[str, float]:
        """Return since when each stage stands still that has done so for the limit."""
        now = self.parts.clock.elapsed()
        found = {f"{DISPATCH} {line.name}" for line in self._lines() if self._waits(line)}
        if self._overdue():
            found.add(DEADLINES)
        self.since = {what: self.since.get(what, now) for what in found}
        return {what: at for what, at in self.since.items() if now - at >= self.limit}

    def _lines(self) -> list[Line]:
        return list(self.parts.dispatch.lines.values())

    def _waits(self, line: Line) -> bool:
        """Whether something is due at a mailbox that could be called, and is not."""
        moved = self._calls.get(line.name) != line.calls
        self._calls[line.name] = line.calls
        flights = self.parts.dispatch.air.flights.values()
        if moved or not line.callable or any(one.mailbox == line.name for one in flights):
            return False
        held_back = line.held_back_until is not None
        return not held_back and self.parts.dispatch.leasing.waits_now(line)

    def _overdue(self) -> bool:
        """Whether a notice is open that ought to have ended by its deadline a limit ago."""
        before = self.parts.clock.now() - timedelta(seconds=self.limit)
        with self.parts.journal.read() as connection:
            return bool(recovery.overdue(connection, before, 1, self.parts.config.mailboxes))
