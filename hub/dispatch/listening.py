"""What the mailboxes' children say, and what it makes of their lines and flights."""

import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import cast

from hub.clock import Clock
from hub.dispatch.flights import LOST, NOT_SENT, Answered, Flight, Result
from hub.dispatch.lines import Line
from hub.host import Answer, Died, Kept, Started, StartFailed, StartFault
from hub.journal import Journal, attempts, circuits
from hub.telemetry import logger
from postfach_mailbox import Absent, Capabilities, Deferred, Health, Held, Prepared, Unknown
from postfach_mailbox.frames import OUTCOMES, AnswerValue, Failed


@dataclass(slots=True, kw_only=True)  # what is in the air
class Air:
    """Calls that are out, and results that are not written yet; for one thread."""

    journal: Journal
    clock: Clock
    worker: str
    flights: dict[int, Flight] = field(default_factory=dict)
    landed: deque[Result] = field(default_factory=deque)
    told: list[Line] = field(default_factory=list)
    beside: set[int] = field(default_factory=set)  # calls of the return channel that are out
    back: deque[tuple[int, AnswerValue | None]] = field(default_factory=deque)  # None: child gone
    _calls: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def number(self) -> int:
        """Return a call's number, never used before."""
        return next(self._calls)

    def hear(self, line: Line) -> None:
        """Take in what a mailbox's child said."""
        for event in line.host.events():
            match event:
                case Started(capabilities=Capabilities() as told):
                    self._started(line, told)
                case StartFailed():
                    self._unstarted(line, event)
                case Died():
                    self._died(line, event)
                case Kept():
                    self._kept(line, event)
                case Answer() if event.call in self.beside:
                    self._came_back(event.call, event.outcome)
                case Answer():
                    self._answered(line, event)

    def _came_back(self, call: int, outcome: AnswerValue | None) -> None:
        if call in self.beside:
            self.beside.discard(call)
            self.back.append((call, outcome))

    def land(self, line: Line, call: int, outcome: Answered) -> None:
        """End a flight; its result is written with the next commit D."""
        if line.suspect_in_work == call:
            line.suspect_in_work = None
        if flight := self.flights.pop(call, None):
            self.landed.append(Result(flight=flight, outcome=outcome))

    def out_of_order(self, line: Line, reason: str) -> None:
        """Open a mailbox's circuit."""
        with self.journal.write() as tx:
            circuits.open_circuit(tx, line.name, reason, self.clock.now())
        line.fall_out()

    def _started(self, line: Line, told: Capabilities) -> None:
        line.capabilities, line.unstarted = told, None
        if not line.mended:  # else it is looked at in its time
            line.probe_at = 0.0
        with self.journal.write() as tx:
            circuits.told(tx, line.name, told.model_dump_json(), self.clock.now())
        self.told.append(line)
        logger().info("mailbox started", mailbox=line.name)

    def _unstarted(self, line: Line, event: StartFailed) -> None:
        # Said once, not at each new try; what is not to be found was said when it was looked for.
        if event.fault not in (line.unstarted, StartFault.NOT_FOUND):
            said = "mailbox does not start - hub doctor says why"
            logger().error(said, mailbox=line.name, code=event.fault.value)
        line.unstarted = event.fault
        self.out_of_order(line, circuits.START_FAILED)
        line.died()

    def _died(self, line: Line, event: Died) -> None:
        logger().error(
            "mailbox died", mailbox=line.name, code=event.fault.value, count=len(event.calls)
        )
        if line.died(event.fault):
            self.out_of_order(line, f"CHILD_DIES_{event.fault}")
        for call in (*event.calls, *event.unsent):
            self._came_back(call, None)
        for call in event.calls:
            self.land(line, call, LOST)
        for call in event.unsent:
            self.land(line, call, NOT_SENT)

    def _kept(self, line: Line, event: Kept) -> None:
        flight = self.flights.get(event.call)
        if flight is None:
            return
        with self.journal.write() as tx:
            ours = attempts.keep(tx, self.worker, flight.lease, event.reference)
        if ours:
            line.host.acknowledge_keep(event.call)

    def _answered(self, line: Line, event: Answer) -> None:
        if isinstance(event.outcome, Health):
            works = event.outcome.status != "down"
            if works:
                self._mended(line)
            line.looked_at(works=works)
        elif isinstance(event.outcome, Prepared | Failed):  # made without asking the mailbox
            self.land(line, event.call, event.outcome)
        elif isinstance(event.outcome, (*OUTCOMES, Absent)):
            unknown = isinstance(event.outcome, Unknown)
            taken = not (unknown or isinstance(event.outcome, Deferred | Held))
            if line.answered(taken=taken, unknown=unknown) and not line.circuit_open:
                self.out_of_order(line, "ANSWERS_LOST")
            self.land(line, event.call, cast("Answered", event.outcome))

    def _mended(self, line: Line) -> None:
        with self.journal.write() as tx:
            count = circuits.close_circuit(tx, line.name, self.clock.now())
        logger().info("mailbox mended", mailbox=line.name, count=count)
