"""A plugin's process that is no mailbox: a check or an observer, as the stage that asks it sees it.

It is asked as many things at once as hub.toml says while it answers usefully. One that does not,
several times in a row, is asked for nothing but its health until it is up; then it is trusted with
one call at a time, until one is of use. Its process is started anew when it dies, later each time,
and trusted with one call likewise.

No answer of its own makes the hub wait: what a call was about is the caller's, and stays there.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from hub.clock import Clock
from hub.config import CheckConfig, ObserverConfig
from hub.host import Answer, Died, Fault, Host, Started, StartFailed, StartFault, restart_after
from hub.pacing import Bucket
from hub.telemetry import logger
from postfach_mailbox import Health
from postfach_mailbox.frames import Operation, Payload

IN_VAIN = 3  # calls in a row without a useful answer
PROBES = (1.0, 2.0, 5.0, 10.0)  # seconds between looks at one that does not answer
Ended = Answer | Fault | None
"""How a call ended. Fault: the process died with it in hand; None: it did not reach the process."""


@dataclass(slots=True, kw_only=True)  # follows its process
class Attendant:
    """A configured check or observer: its process, and how far it is trusted.

    kind: `check` or `observer`
    tenants: whose; None: those of all
    call_timeout: seconds
    """

    kind: str
    name: str
    host: Host
    clock: Clock
    call_timeout: float
    tenants: frozenset[str] | None
    bucket: Bucket | None
    wary: bool = False
    silent: bool = False
    starting: bool = True
    _in_vain: int = 0
    _looks: int = 0
    _probe_at: float = 0.0
    _probing: int | None = None
    _deaths: int = 0
    _unstarted: StartFault | Fault | None = None
    _restart_at: float = 0.0
    _in_flight: set[int] = field(default_factory=set)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def serves(self, tenant: str) -> bool:
        """Whether it is about this tenant."""
        return self.tenants is None or tenant in self.tenants

    @property
    def room(self) -> int:
        """How many calls it takes, but for its rate."""
        if self.silent:
            return 0
        free = self.host.free
        return min(free, 0 if self._in_flight else 1) if self.wary else free

    @property
    def places(self) -> int:
        """How many calls it takes now."""
        if self.bucket is None:
            return self.room
        return min(self.room, self.bucket.left(self.clock.elapsed()))

    def call(self, operation: Operation, payload: Payload, fds: Sequence[int] = ()) -> int | None:
        """Send a call that ends after `call_timeout`; return its number.

        None: it did not reach the process, which counts as an answer in vain.
        Raises ValueError where the payload is longer than a frame may be.
        """
        now, number = self.clock.elapsed(), next(self._numbers)
        deadline = now + self.call_timeout
        if not self.host.call(number, operation, payload, fds=fds, deadline=deadline):
            self.answered(useful=False)
            return None
        self._in_flight.add(number)
        if self.bucket:
            self.bucket.take(now)
        return number

    def poll(self) -> list[tuple[int, Ended]]:
        """Return which calls ended and how: by an answer, or as its process died.

        The caller says by `answered` whether an answer was of use.
        """
        ended: list[tuple[int, Ended]] = []
        for event in self.host.events():
            match event:
                case Started():
                    self.starting, self._unstarted = False, None
                    logger().info(f"{self.kind} started", plugin=self.name)
                case StartFailed():
                    self._not_started(event)
                case Died():
                    logger().error(f"{self.kind} died", plugin=self.name, code=event.fault.value)
                    self._died(event.fault)
                    ended += [(call, event.fault) for call in event.calls]
                    ended += [(call, None) for call in event.unsent]
                case Answer(outcome=Health() as health):
                    self._looked_at(works=health.status != "down")
                case Answer():
                    ended.append((event.call, event))
        self._in_flight -= {call for call, _ in ended}
        return ended

    def answered(self, *, useful: bool) -> None:
        """Note whether a call brought what it was made for."""
        if useful:
            self.wary = self.silent = False
            self._in_vain = self._looks = self._deaths = 0
            return
        self._in_vain += 1
        if not self.silent and (self.wary or self._in_vain >= IN_VAIN):
            self.silent = True
            self._probe_at = self.clock.elapsed() + PROBES[min(self._looks, len(PROBES) - 1)]
            self._looks += 1
            logger().warning(f"{self.kind} does not answer", plugin=self.name)

    def tend(self) -> None:
        """Start its process again, ask for its health, when it is time."""
        now = self.clock.elapsed()
        if self.host.fileno() is None and now >= self._restart_at:
            self.host.start()
        elif self.silent and self.host.up and self._probing is None and now >= self._probe_at:
            number = next(self._numbers)
            deadline = now + self.call_timeout
            if self.host.call(number, Operation.HEALTH, None, deadline=deadline):
                self._probing = number

    @property
    def next_at(self) -> float | None:
        """When it must be polled again at the latest, on `clock.elapsed()`; `tend` has its tick."""
        ends = [self.host.next_deadline()]
        if self.bucket is not None and not self.bucket.left(now := self.clock.elapsed()):
            ends.append(self.bucket.next_at(now))
        return min((end for end in ends if end is not None), default=None)

    def _not_started(self, event: StartFailed) -> None:
        # Said once, not at each new try; what is not to be found was said when it was looked for.
        if event.fault not in (self._unstarted, StartFault.NOT_FOUND):
            said = f"{self.kind} does not start - hub doctor says why"
            logger().error(said, plugin=self.name, code=event.fault.value)
        self._unstarted = event.fault
        self._died()

    def _died(self, fault: Fault | None = None) -> None:
        self._restart_at = self.clock.elapsed() + restart_after(self._deaths, fault)
        self._deaths += 1
        self.starting, self.wary, self._probing = False, True, None

    def _looked_at(self, *, works: bool) -> None:
        self._probing = None
        if works:
            self.silent, self.wary, self._in_vain = False, True, 0
            logger().info(f"{self.kind} is up", plugin=self.name)
        else:
            self._probe_at = self.clock.elapsed() + PROBES[min(self._looks, len(PROBES) - 1)]
            self._looks += 1


def make_attendant(
    kind: str,
    name: str,
    table: CheckConfig | ObserverConfig,
    *,
    host: Host,
    clock: Clock,
) -> Attendant:
    """Return the attendant of a configured check or observer; not started."""
    return Attendant(
        kind=kind,
        name=name,
        host=host,
        clock=clock,
        call_timeout=table.call_timeout.total_seconds(),
        tenants=None if table.tenants is None else frozenset(table.tenants),
        bucket=Bucket.full(table.rate, clock.elapsed()) if table.rate else None,
    )
