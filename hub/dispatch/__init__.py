"""Stage 3: notices go to their mailboxes, and what becomes of each is written down.

    B lease    what is due, its attempt committed as started before the call leaves
    C deposit  the mailbox's own promise, concurrently, in its child
    D result   one commit: outcomes, evidence, sealed receipts

A mailbox that cannot be used by our own fault opens its circuit: what waits for it is held, and
goes on when its `health()` is up. A result is written only where the lease is still ours.

Crash safety: an attempt without end is UNKNOWN; `tend` finds it, and only a mailbox that is
IDEMPOTENT is sent the same key and bytes again.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hub import parcel
from hub.dispatch.leasing import Departure, Leasing
from hub.dispatch.lines import Line, make_line
from hub.dispatch.listening import LOST, NOT_SENT, Air
from hub.dispatch.results import Flight, Result, Results
from hub.errors import StorageFailed
from hub.journal import circuits
from hub.journal.attempts import Lease, Term
from hub.journal.handouts import Handout
from hub.model import State
from hub.parcel import Parcel
from hub.seal import SealUnavailable
from hub.telemetry import logger
from postfach_mailbox.frames import Operation

__all__ = ["Air", "Dispatch", "Finished", "Leasing", "Line", "Results", "make_line"]


@dataclass(slots=True, kw_only=True)  # collected over one round
class Finished:
    """What a round made: receipts to write, final states to announce."""

    handouts: list[Handout] = field(default_factory=list)
    finals: list[tuple[str, State]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)  # `stopping` turns once
class Dispatch:
    """The stage, for one worker. For one thread."""

    leasing: Leasing
    results: Results
    lines: Mapping[str, Line]
    air: Air
    stopping: bool = False

    @property
    def flights(self) -> int:
        """How many calls are out."""
        return len(self.air.flights)

    def places(self, name: str) -> int | None:
        """Return how many deposits a mailbox takes now; None where it cannot be called."""
        return None if self.stopping else self.lines[name].places

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
        payload, segments = parcel.payload(departure.parcel, flight.lease.n)
        fds: list[int] = []
        try:
            fds.extend(self.leasing.vault.open(one) for one in segments)
            reached = line.call(call, Operation.DEPOSIT, payload, fds)
        except (StorageFailed, ValueError) as error:
            logger().error("call failed", mailbox=line.name, exc_info=error)
            reached = False
        finally:
            for fd in fds:
                os.close(fd)
        if not reached:
            self.air.landed.append(Result(flight=flight, outcome=NOT_SENT))
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
        finished, batch = Finished(), list(self.air.landed)
        if not batch:
            return finished
        written = self.results.write(batch)
        self.air.landed.clear()
        for name in written.opened:
            self.lines[name].fall_out()
        if written.stale:
            logger().warning("results came too late", count=written.stale)
        finished.handouts.extend(written.handouts)
        finished.finals.extend(written.finals)
        return finished

    def tend(self, dead: Iterable[str] = ()) -> Finished:
        """Look after what time brings: lost leases, deadlines, circuits, dead children.

        dead: workers found dead on this machine; their leases end at once
        """
        finished = Finished()
        self.leasing.recover(self.lines, dead)
        try:
            files, finals = self.leasing.expire()
            for line in self.air.told:
                files = files + self.leasing.admit(line)
            self.air.told.clear()
        except SealUnavailable as error:
            logger().error("deadlines wait for the seal", exc_info=error)
        else:
            finished.handouts.extend(files)
            finished.finals.extend(finals)
        if not self.stopping:
            for line in self.lines.values():
                self._tend_line(line)
        return finished

    def due_now(self) -> bool:
        """Whether something is due that a mailbox could take now."""
        lines = [line for line in self.lines.values() if line.callable]
        return any(self.leasing.waits_now(line) for line in lines)

    def lost(self) -> None:
        """Give up what is out: the children were stopped, so the outcomes are unknown."""
        for call in list(self.air.flights):
            flight = self.air.flights[call]
            self.air.land(self.lines[flight.mailbox], call, LOST)

    def _tend_line(self, line: Line) -> None:
        clock, journal = self.leasing.clock, self.leasing.journal
        now = clock.elapsed()
        if line.restart_at is not None and now >= line.restart_at:
            line.restart_at = None
            try:
                line.host.start()
            except OSError as error:  # no process to be had now: later
                logger().error("mailbox does not start", mailbox=line.name, exc_info=error)
                line.died()
        if not line.circuit_open:
            return
        with journal.write() as tx:
            circuits.hold_waiting(tx, line.name, clock.now())
        if line.host.up and line.probing is None and now >= line.probe_at:
            call = self.air.number()
            if line.call(call, Operation.HEALTH, None):
                line.probing = call
