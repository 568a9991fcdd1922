"""A mailbox as the dispatch stage sees it: its child, its policy, its circuit, its next probe."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from hub import transition
from hub.clock import Clock
from hub.config import Config
from hub.dispatch.turns import Turns
from hub.host import Fault, Host, StartFault, restart_after
from hub.journal.attempts import Term
from hub.pacing import Bucket, Trust
from hub.transition import Policy
from postfach_mailbox import Capabilities
from postfach_mailbox.frames import Operation, Payload

MARGIN = 30.0  # seconds that a lease outlives its call: the child is killed long before
PROBE = 5.0  # seconds between looks at a mailbox whose circuit is open
# Seconds before the next look at one that was well at so many looks and took nothing afterwards:
# each time may cost a notice its certainty.
SEEMED_MENDED = (10.0, 30.0, 60.0, 300.0, 900.0)
# With nothing taken in between, so many of either open the circuit, before all that waits is in
# doubt: deaths of its process, answers that leave a notice in doubt.
DEATHS, DOUBTS = 3, 20
WITHOUT_RATE = (Operation.HEALTH, Operation.PREPARE)


@dataclass(slots=True, kw_only=True)  # what changes while the mailbox works
class Line:
    """One mailbox. Times are seconds on the clock that no one sets."""

    name: str
    host: Host
    clock: Clock
    in_flight: int
    waits: tuple[timedelta, ...]
    give_up: timedelta
    call_timeout: float
    capabilities: Capabilities | None = None
    circuit_open: bool = False
    deaths: int = 0
    doubts: int = 0
    restart_at: float | None = None
    probe_at: float = 0.0
    probing: int | None = None
    suspect_in_work: int | None = None
    bucket: Bucket | None = None
    trust: Trust = field(default_factory=Trust)
    unstarted: StartFault | Fault | None = None  # why its process did not start, if it did not
    looked: bool = False  # whether this run's first look at it, its circuit open, is over
    mended: int = 0  # times in a row that it seemed mended and took nothing afterwards
    backlog: bool = False  # whether something waits long for a place: nothing new overtakes it
    looked_back_at: float = 0.0
    turns: Turns = field(default_factory=Turns)
    calls: int = 0  # that reached its child

    @property
    def policy(self) -> Policy:
        """How it is tried again; a mailbox that never told counts as one that cannot be asked."""
        return transition.policy(self.waits, self.capabilities)

    @property
    def callable(self) -> bool:
        """Whether a deposit may be sent now."""
        return self.host.up and not self.circuit_open and self.capabilities is not None

    @property
    def starting(self) -> bool:
        """Whether its child runs and has not said yet whether it can be used."""
        return self.host.fileno() is not None and not self.host.up

    @property
    def returning(self) -> bool:
        """Whether its child died and is about to run again; too often, and its circuit opens."""
        coming = self.restart_at is not None or self.starting
        return self.deaths > 0 and coming and not self.circuit_open

    @property
    def places(self) -> int | None:
        """How many deposits it takes now; None where it cannot be called, so that work waits."""
        if not self.callable:
            return None
        free = self.host.free
        if self.trust.wary:
            free = min(free, max(0, free - self.in_flight + 1))  # one, if none is out
        return free if self.bucket is None else min(free, self.bucket.left(self.clock.elapsed()))

    @property
    def held_back_until(self) -> float | None:
        """When its rate lets the next call out; None where its rate holds nothing back."""
        now = self.clock.elapsed()
        if self.bucket is None or not self.callable or self.bucket.left(now):
            return None
        return self.bucket.next_at(now)

    def call(
        self,
        call: int,
        operation: Operation,
        payload: Payload | None,
        fds: Sequence[int] = (),
        *,
        end: float | None = None,
    ) -> bool:
        """Send a call. False: it did not reach the child, or its end is past already.

        end: of its lease's term, however long the commit took; None: after `call_timeout`
        """
        now = self.clock.elapsed()
        end = now + self.call_timeout if end is None else end
        if end <= now:
            return False
        reached = self.host.call(call, operation, payload, fds=fds, deadline=end)
        self.calls += int(reached)
        if reached and self.bucket and operation not in WITHOUT_RATE:
            self.bucket.take(now)
        return reached

    def term(self, worker: str, boot_id: str, now: float) -> Term:
        """Return the lease for a call that starts now: it ends well after the call's own end."""
        return Term(
            worker=worker,
            boot_id=boot_id,
            end=now + self.call_timeout + MARGIN,
            call_end=now + self.call_timeout,
            call=timedelta(seconds=self.call_timeout) * self.clock.speed,
        )

    def died(self, fault: Fault | None = None) -> bool:
        """Note that the child is gone; it starts again, the later the more often it died.

        Returns whether it has died so often that its circuit is to open.
        """
        self.restart_at = self.clock.elapsed() + restart_after(self.deaths, fault)
        self.deaths += 1
        self.probing, self.looked = None, True
        self.trust.lose()
        return self.deaths >= DEATHS

    def answered(self, *, taken: bool, unknown: bool) -> bool:
        """Note that its child answered a call.

        taken: the mailbox took or refused the notice, so it works; unknown: it may have taken it
        Returns whether it has answered so for so often that its circuit is to open.
        """
        self.trust.note(taken=taken)
        if taken:
            self.deaths = self.doubts = self.mended = 0
        self.doubts += int(unknown)
        return unknown and self.doubts >= DOUBTS

    def fall_out(self) -> None:
        """Note that its circuit is open; one that only seemed mended is looked at later each time.

        What was held is freed one call at a time, once it is mended.
        """
        self.circuit_open = self.looked = True
        if self.mended:
            last = len(SEEMED_MENDED)
            self.probe_at = self.clock.elapsed() + SEEMED_MENDED[min(self.mended, last) - 1]

    def looked_at(self, *, works: bool) -> None:
        """Note how a look at a mailbox whose circuit is open ended, and when the next is due."""
        self.probing, self.looked = None, True
        self.probe_at = self.clock.elapsed() + PROBE
        if works:
            self.circuit_open = False
            self.mended += 1
            self.trust.lose()


def make_line(name: str, config: Config, host: Host, clock: Clock) -> Line:
    """Return the line of a configured mailbox."""
    retry, table = config.retry_of(name), config.mailboxes[name]
    return Line(
        name=name,
        host=host,
        clock=clock,
        in_flight=table.in_flight,
        bucket=Bucket.full(table.rate, clock.elapsed()) if table.rate else None,
        waits=retry.wait,
        give_up=retry.give_up,
        call_timeout=table.call_timeout.total_seconds(),
    )
