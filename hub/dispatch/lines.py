"""A mailbox as the dispatch stage sees it: its child, its policy, its circuit, its next probe."""

from dataclasses import dataclass
from datetime import timedelta

from hub.config import Config
from hub.host import Host
from hub.journal.attempts import Term
from hub.transition import Policy
from postfach_mailbox import Capabilities, Repeat

MARGIN = 30.0  # seconds that a lease outlives its call: the child is killed long before
PROBE = 5.0  # seconds between two looks at a mailbox whose circuit is open
RESTARTS = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0)  # seconds before a dead child is started again


@dataclass(slots=True, kw_only=True)  # what changes while the mailbox works
class Line:
    """One mailbox. Times are seconds on the clock that no one sets."""

    name: str
    host: Host
    waits: tuple[timedelta, ...]
    give_up: timedelta
    call_timeout: float
    capabilities: Capabilities | None = None
    circuit_open: bool = False
    deaths: int = 0
    restart_at: float | None = None
    probe_at: float = 0.0
    probing: int | None = None
    suspect_in_work: int | None = None

    @property
    def policy(self) -> Policy:
        """How it is tried again; a mailbox that never told counts as one that cannot be asked."""
        repeat = self.capabilities.repeat if self.capabilities else Repeat.NEITHER
        return Policy(waits=self.waits, repeat=repeat)

    @property
    def callable(self) -> bool:
        """Whether a deposit may be sent now."""
        return self.host.up and not self.circuit_open and self.capabilities is not None

    @property
    def starting(self) -> bool:
        """Whether its child runs and has not said yet whether it can be used."""
        return self.host.fileno() is not None and not self.host.up

    @property
    def places(self) -> int | None:
        """How many deposits it takes now; None where it cannot be called, so that work waits."""
        return self.host.free if self.callable else None

    def term(self, worker: str, boot_id: str, now: float) -> Term:
        """Return the lease for a call that starts now: it ends well after the call's own end."""
        return Term(worker=worker, boot_id=boot_id, end=now + self.call_timeout + MARGIN)

    def died(self, now: float) -> None:
        """Note that the child is gone; it starts again, later each time."""
        self.restart_at = now + RESTARTS[min(self.deaths, len(RESTARTS) - 1)]
        self.deaths += 1
        self.probing = None


def make_line(name: str, config: Config, host: Host) -> Line:
    """Return the line of a configured mailbox."""
    retry = config.retry_of(name)
    return Line(
        name=name,
        host=host,
        waits=retry.wait,
        give_up=retry.give_up,
        call_timeout=config.mailboxes[name].call_timeout.total_seconds(),
    )
