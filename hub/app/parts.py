"""What a worker is made of; `hub.app.worker` puts it together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hub.acknowledgement import Acknowledgements
from hub.attendant import Attendant
from hub.caution import Caution
from hub.clock import Clock
from hub.config import Config
from hub.damage import Damage
from hub.dispatch import Dispatch, Line
from hub.durable import Barriers
from hub.intake import Checks, Intake
from hub.journal import Journal
from hub.observing import Observing
from hub.outbound import Outbound
from hub.returns import Returns
from hub.sealing import Sealing
from hub.spool import Spool, WorkerLock
from hub.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The stages of one worker, and what they stand on."""

    config: Config
    clock: Clock
    worker: str
    journal: Journal
    vault: Vault
    spools: Mapping[tuple[str, str], Spool]
    intake: Intake
    dispatch: Dispatch
    sealing: Sealing
    returns: Returns
    outbound: Outbound
    acknowledgements: Acknowledgements
    observing: Observing
    damage: Damage
    caution: Caution
    barriers: Barriers
    lock: WorkerLock

    @property
    def checks(self) -> Checks:
        """The checks that drops wait for."""
        return self.intake.taker.checks

    @property
    def attendants(self) -> list[Attendant]:
        """The plugins beside the mailboxes: checks and observers."""
        return [*self.checks.attendants.values(), *self.observing.attendants.values()]

    @property
    def starting(self) -> bool:
        """Whether a plugin's process has not said its first word yet."""
        return any(line.starting for line in self.dispatch.lines.values()) or any(
            one.starting for one in self.attendants
        )

    @property
    def asking(self) -> bool:
        """Whether a call to a plugin is out, or one goes out as soon as a plugin allows it."""
        checked = self.checks.in_flight or self.intake.parked.coming
        looked_at = any(_is_looked_at(line) for line in self.dispatch.lines.values())
        return bool(self.dispatch.flights or looked_at or checked or self.observing.busy)

    @property
    def settling(self) -> bool:
        """Whether a drop may still settle, and there is room to take it."""
        return self.intake.room.short is None and self.intake.taker.settling.pending

    def start(self) -> None:
        """Start the plugins' processes."""
        for line in self.dispatch.lines.values():
            line.host.start()
        for one in self.attendants:
            one.host.start()

    def hear(self) -> None:
        """Take in what the plugins' processes said."""
        self.dispatch.poll()
        self.checks.poll()
        self.observing.poll()

    def descriptors(self) -> Iterator[int]:
        """Give the descriptors that are readable when a plugin's process said something."""
        hosts = [line.host for line in self.dispatch.lines.values()]
        for host in (*hosts, *(one.host for one in self.attendants)):
            if (fd := host.fileno()) is not None:
                yield fd

    def ends(self) -> Iterator[float]:
        """Give when something is due by itself, on the clock that no one sets."""
        for line in self.dispatch.lines.values():
            if (end := line.host.next_deadline()) is not None:
                yield end
            if (until := line.held_back_until) is not None:
                yield until
        for channel in self.returns.channels.values():
            if (again := channel.next_at) is not None:
                yield again
        for one in self.attendants:
            if (at := one.next_at) is not None:
                yield at
        if (marks := self.outbound.marks_due()) is not None:
            yield marks

    def stop(self, grace: float) -> None:
        """End the plugins' processes; calls of mailboxes that are out are unknown then."""
        for line in self.dispatch.lines.values():
            line.host.stop(grace)
        self.checks.stop()
        self.observing.stop()


def _is_looked_at(line: Line) -> bool:
    """Whether it is seen to whether a mailbox whose circuit was open is mended.

    That has its end: a process that does not start, and a call, are killed in time.
    """
    coming = line.starting or line.host.up
    return line.probing is not None or (line.circuit_open and not line.looked and coming)
