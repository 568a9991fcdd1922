"""Stage 3: notices go to their mailboxes, and what becomes of each is written down.

    B lease    what is due, its attempt committed as started before the call leaves
    C deposit  the mailbox's own promise, concurrently, in its child
    D result   one commit: outcomes, evidence, sealed receipts

A mailbox that cannot be used by our own fault opens its circuit: what waits for it is held, and
goes on when its `health()` is up. A result is written only where the lease is still ours.

    turns       whose turn it is where more is due than a mailbox takes
    leasing     what is due: a deposit, a question, or bytes to be made first
    preparing   bytes that are made once, before the first attempt
    results     how attempts ended, and answers that came too late
    tending     what time brings

Crash safety: an attempt without end is UNKNOWN; `tend` finds it, and only a mailbox that is
IDEMPOTENT is sent the same key and bytes again; one that is QUERYABLE is asked.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hub.dispatch.departing import Departure
from hub.dispatch.flights import NOT_SENT, STOPPED, UNREADABLE, Flight, Result
from hub.dispatch.leasing import Leasing
from hub.dispatch.lines import Line, make_line
from hub.dispatch.listening import Air
from hub.dispatch.preparing import Preparing
from hub.dispatch.results import Results
from hub.dispatch.tending import Tending
from hub.errors import HubError, StorageFailed
from hub.journal.attempts import Lease, Term
from hub.journal.handouts import Handout
from hub.model import State
from hub.parcel import Parcel
from hub.receipt import Outcome
from hub.seal import SealUnavailable
from hub.telemetry import logger
from postfach_mailbox import Prepared
from postfach_mailbox.cipher import Damaged

__all__ = [
    "Air",
    "Dispatch",
    "Finished",
    "Leasing",
    "Line",
    "Preparing",
    "Results",
    "Tending",
    "make_line",
]


@dataclass(slots=True, kw_only=True)  # collected over one round
class Finished:
    """What a round made: receipts to write, and what the final ones say."""

    handouts: list[Handout] = field(default_factory=list)
    finals: list[tuple[str, Outcome]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)  # `stopping` turns once
class Dispatch:
    """The stage, for one worker. For one thread."""

    leasing: Leasing
    preparing: Preparing
    results: Results
    tending: Tending
    lines: Mapping[str, Line]
    air: Air
    stopping: bool = False

    @property
    def flights(self) -> int:
        """How many calls are out."""
        return len(self.air.flights)

    def places(self, name: str) -> int | None:
        """Return how many first attempts may begin now; None where the mailbox cannot be called.

        Where bytes are to be made first none begins at once, nor where something waits long for a
        place: `lease` sees to it, each in its turn.
        """
        line = self.lines[name]
        places = None if self.stopping else line.places
        prepares = line.capabilities is not None and line.capabilities.prepares
        return 0 if places is not None and (prepares or line.backlog) else places

    def term(self, name: str) -> Term:
        """Return the lease of a call to a mailbox that starts now."""
        clock = self.leasing.clock
        return self.lines[name].term(self.leasing.worker, clock.boot_id, clock.elapsed())

    def begin(self, name: str, lease: Lease, made: Parcel, tenant: str, procedure: str) -> None:
        """Send a first attempt that intake has written as started."""
        line = self.lines[name]
        flight = Flight(
            mailbox=name,
            lease=lease,
            state=State.SEALED,
            failures=0,
            tenant=tenant,
            procedure=procedure,
            delivery_key=made.delivery_key,
            facts=made.facts,
            policy=line.policy,
        )
        self._send(line, Departure(flight=flight, parcel=made))

    def lease(self) -> int:
        """Send what is due, as much as each mailbox takes now; returns how many."""
        if self.stopping:
            return 0
        count = 0
        for line in self.lines.values():
            for departure in self.leasing.due(line):
                self._send(line, departure)
                count += 1
        return count

    def _send(self, line: Line, departure: Departure) -> None:
        call, flight = self.air.number(), departure.flight
        failed, fds = NOT_SENT, list[int]()
        try:
            operation, payload, segments = departure.call()
            fds.extend(self.leasing.vault.open(one) for one in segments)
            reached = line.call(call, operation, payload, fds, end=flight.lease.call_end)
        except (Damaged, ValueError) as error:  # of this notice: it is held, the rest flows
            message_id = flight.facts.message_id
            logger().error("payload damaged", message_id=message_id, exc_info=error)
            failed, reached = UNREADABLE, False
        except StorageFailed as error:
            logger().error("call failed", mailbox=line.name, exc_info=error)
            reached = False
        finally:
            for fd in fds:
                os.close(fd)
        if not reached:
            self.air.landed.append(Result(flight=flight, outcome=failed))
            return
        self.air.flights[call] = flight
        if flight.suspect:
            line.suspect_in_work = call

    def poll(self) -> None:
        """Take in what the mailboxes' children said."""
        for line in self.lines.values():
            self.air.hear(line)

    def finish(self) -> Finished:
        """Write what has landed: one commit.

        Raises StorageFailed, SealUnavailable; then nothing is written, and all of it stays.
        """
        finished, landed = Finished(), list(self.air.landed)
        ended = [one for one in landed if not isinstance(one.outcome, Prepared)]
        made = [one for one in landed if isinstance(one.outcome, Prepared)]
        if ended:
            self._write(ended, finished)
            self.air.landed.clear()
            self.air.landed.extend(made)
        if made:
            begun = self.preparing.store(made, self.lines, begin=not self.stopping)
            self.air.landed.clear()
            for departure in begun:
                self._send(self.lines[departure.flight.mailbox], departure)
        return finished

    def _write(self, ended: Sequence[Result], finished: Finished) -> None:
        try:
            written = self.results.write(ended)
        except (HubError, SealUnavailable):
            raise
        except Exception as error:  # noqa: BLE001  # of one notice's rows: it keeps no other back
            for one in ended if len(ended) > 1 else ():
                self._write([one], finished)
            if len(ended) == 1:  # its attempt stays without end, so it is in doubt, and counted
                message_id = ended[0].flight.facts.message_id
                logger().error("result not written", message_id=message_id, exc_info=error)
            return
        for name in written.opened:
            self.lines[name].fall_out()
        if written.stale:
            logger().warning("results came too late", count=written.stale)
        if written.late:
            logger().error("late answers wait for a person", count=written.late)
        finished.handouts.extend(written.handouts)
        finished.finals.extend(written.finals)

    def tend(self, dead: Iterable[str] = ()) -> Finished:
        """Look after what time brings: lost leases, deadlines, circuits, dead children.

        dead: workers found dead on this machine; their leases end at once
        """
        finished = Finished()
        self.tending.follow(self.lines)
        landed = {one.flight.lease.attempt_id for one in self.air.landed}
        self.tending.recover(self.lines, dead, landed)
        try:
            files, finals = self.tending.expire()
            for line in self.lines.values():
                # Not only when it tells: intake may take one for it that did not see that yet.
                if line in self.air.told or line.callable:
                    files = files + self.tending.admit(line)
            self.air.told.clear()
        except SealUnavailable as error:
            logger().error("deadlines wait for the seal", exc_info=error)
        else:
            finished.handouts.extend(files)
            finished.finals.extend(finals)
        if not self.stopping:
            for line in self.lines.values():
                self.tending.see_to(line, self.air)
        return finished

    def due_now(self) -> bool:
        """Whether something is due that a mailbox could take now, or once its child runs again."""
        lines = [line for line in self.lines.values() if line.callable or line.returning]
        return any(self.leasing.waits_now(line) for line in lines)

    def lost(self) -> None:
        """Give up what is out: the children were stopped, so the outcomes are unknown."""
        for call in list(self.air.flights):
            flight = self.air.flights[call]
            self.air.land(self.lines[flight.mailbox], call, STOPPED)
