"""The hub's end of a plugin's process.

One Host is one plugin. It starts the child, hands it calls with descriptors, and turns what comes
back into events. Nothing here blocks: the hub's main loop selects on `fileno()` and on
`next_deadline()`, then asks for `events()`.

    start() -> Started | StartFailed
    call()  -> Kept* -> Answer, or Died with this call among `calls` (unknown) or `unsent`

Crash safety: a call that may have reached the child and has no Answer is unknown; one that surely
did not is `unsent`. A child that passes a call's deadline by more than GRACE, or breaks the
protocol, is killed with all that it started; starting it again, with backoff, is the caller's.
Security: the child gets its own settings and the descriptors of its calls, a clean environment, an
empty folder of its own as working and temporary folder, and no inherited descriptor.
Limits: docs/explanation/isolation.md says what a plugin can reach, and what may escape.
"""

import select
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from hub.clock import Clock
from hub.host import process
from hub.host.events import Died, Event, Fault, Refusal, StartFailed, StartFault
from hub.host.limits import Limits
from hub.host.process import Child
from hub.mailboxes import Installed
from postfach_mailbox import frames
from postfach_mailbox.frames import Operation, Payload
from postfach_mailbox.wire import Broken, pack

GRACE = 1.0  # seconds that a call may be late before its child is killed
START_TIMEOUT = 30.0  # seconds from start() to the child's first word


class Host:
    """A mailbox's child process."""

    def __init__(
        self,
        name: str,
        installed: Installed | StartFailed,
        config: Mapping[str, Any],
        *,
        in_flight: int,
        clock: Clock,
        limits: Limits = Limits(),  # noqa: B008  # frozen
        base: Path | None = None,
    ) -> None:
        """Prepare; `start` runs it.

        installed: the plugin; or why there is none, which is then all that `start` gives
        config: the plugin's own table; base: hub.toml's folder, for its relative paths
        in_flight: calls at once
        """
        self.name = name
        self._clock = clock
        self._in_flight = in_flight
        self._limits = limits
        self._installed = installed
        self._told = frames.plain_config(dict(config)), str((base or Path()).absolute())
        self._child: Child | None = None
        self._refusal: Refusal | None = None

    @property
    def plugin(self) -> str:
        """The plugin by distribution and version, as a pin names it; empty where there is none."""
        found = self._installed
        return "" if isinstance(found, StartFailed) else f"{found.distribution}=={found.version}"

    @property
    def up(self) -> bool:
        """Whether the mailbox has started and has not died."""
        return self._child is not None and self._child.up

    @property
    def free(self) -> int:
        """How many more calls it takes now."""
        if self._child is None or not self._child.up:
            return 0
        return max(0, self._in_flight - len(self._child.calls))

    def start(self) -> None:
        """Start the child, from the thread that lives as long as the hub does.

        Returns at once; Started or StartFailed comes by `events()`. Raises ValueError if it runs
        already.
        """
        if self._child is not None or self._refusal is not None:
            raise ValueError(f"{self.name} runs already")
        installed = self._installed
        if isinstance(installed, StartFailed):
            self._refusal = Refusal(installed)
            return
        start_by = self._clock.elapsed() + START_TIMEOUT
        try:
            self._child = process.spawn(installed, self._limits, self._in_flight, start_by)
        except OSError as error:
            self._refusal = Refusal(_no_process(error))
            return
        self._child.outbox.put(pack(_first_frame(installed, self._in_flight, *self._told)))
        process.flush(self._child)

    def fileno(self) -> int | None:
        """Return a descriptor that is readable when there are events, None while not running."""
        if self._refusal is not None:
            return self._refusal.fd
        return None if self._child is None else self._child.poll.fileno()

    def call(
        self,
        call: int,
        operation: Operation,
        payload: Payload | None = None,
        *,
        fds: Sequence[int] = (),
        deadline: float,
    ) -> bool:
        """Hand over a call. False: it surely did not reach the child.

        call: the caller's own number, unique among those in flight
        fds: descriptors that sources of `payload` count in; the caller may close them after this
        deadline: on `clock.elapsed()`
        A health call is taken also when no place is free.
        """
        child = self._child
        if child is None or not child.up or call in child.calls:
            return False
        if not self.free and operation is not Operation.HEALTH:
            return False
        frame = pack(
            frames.Call(
                id=call, operation=operation, deadline=deadline, payload=payload, fds=len(fds)
            )
        )
        try:
            child.outbox.put(frame, fds, tag=call)
        except OSError:  # no descriptor is left for it; what is in flight gives some back
            return False
        child.calls[call] = process.InFlight(operation, deadline)
        process.flush(child)
        return True

    def acknowledge_keep(self, call: int) -> None:
        """Let a call go on after its reference was committed; too late is no error."""
        child = self._child
        if child is None or call not in child.calls:
            return
        child.calls[call].keeping = False
        child.outbox.put(pack(frames.KeepAck(id=call)))
        process.flush(child)

    def events(self) -> list[Event]:
        """Return what happened since; reads without blocking, and enforces deadlines."""
        if (refusal := self._refusal) is not None:
            self._refusal = None
            return [refusal.take()]
        child = self._child
        if child is None:
            return []
        found: list[Event] = []
        try:
            ended = not process.pump(child, found)
        except Broken as error:
            return [*found, self._end(child, Fault.PROTOCOL, f"broke the protocol: {error}")]
        now = self._clock.elapsed()
        late = [call for call, each in child.calls.items() if now > each.deadline + GRACE]
        if isinstance(found[-1] if found else None, StartFailed):
            self._child = None
            process.bury(child)
        elif ended:
            found.append(self._end(child, Fault.ENDED, "ended"))
        elif late:
            reason = f"{len(late)} calls passed their deadline"
            found.append(self._end(child, Fault.DEADLINE, reason))
        elif not child.up and now > child.start_by:
            found.append(self._end(child, Fault.SILENT, "did not answer"))
        return found

    def next_deadline(self) -> float | None:
        """Return when `events()` must be asked at the latest, on `clock.elapsed()`."""
        child = self._child
        if child is None:
            return None
        ends = [each.deadline + GRACE for each in child.calls.values()]
        if not child.up:
            ends.append(child.start_by)
        return min(ends, default=None)

    def stop(self, grace: float) -> None:
        """End the child: close, wait up to `grace` seconds, kill. Calls in flight are unknown."""
        if self._refusal is not None:
            self._refusal.take()
            self._refusal = None
        child = self._child
        if child is None:
            return
        with suppress(OSError):  # it may be gone already
            child.connection.shutdown(socket.SHUT_RDWR)
        select.select([child.pidfd], [], [], max(0.0, grace))
        self._child = None
        process.bury(child)

    def _end(self, child: Child, fault: Fault, reason: str) -> Died | StartFailed:
        unsent = set(child.outbox.unsent())
        calls = tuple(call for call in child.calls if call not in unsent)
        self._child = None
        code, said = process.bury(child)
        how = f"exit status {code}" if code >= 0 else f"signal {-code}"
        word, _, rest = said.partition(" ")
        if word in Fault.__members__:
            fault, reason = Fault[word], rest
        if not child.up:
            return StartFailed(
                reason=f"{reason} before it was ready ({how})",
                fix="See to the plugin: its process ended by itself",
                fault=fault,
            )
        return Died(
            fault=fault,
            reason=f"{reason} ({how})",
            calls=calls,
            unsent=tuple(sorted(unsent)),
        )


def _first_frame(
    installed: Installed, in_flight: int, config: dict[str, JsonValue], base: str
) -> frames.Start:
    return frames.Start(
        group=installed.group,
        distribution=installed.distribution,
        version=installed.version,
        entry_point=installed.entry_point,
        record=installed.record,
        config=config,
        base=base,
        in_flight=in_flight,
    )


def _no_process(error: OSError) -> StartFailed:
    return StartFailed(
        reason=f"no process can be made ({error.strerror})",
        fix="See to the machine: processes, open files, memory, room in /tmp",
        fault=StartFault.NO_PROCESS,
    )
