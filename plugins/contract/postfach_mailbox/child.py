"""The mailbox's own process: `python -I -m postfach_mailbox.child FD PARENT`.

FD is its end of a socket pair, PARENT the hub's process id. It loads the one plugin that the first
frame names, says what it can do, and carries out calls in threads. The main thread only reads, so
that calls, and acknowledgements of `keep`, come in while all others work.

Crash safety: it dies with its hub (PR_SET_PDEATHSIG, and the end of the socket), and begins nothing
after a call's deadline; what it was doing is then unknown to the hub, never lost.
Security: nothing inherited but the socket; the hub confines the process before this runs.
"""

import ctypes
import os
import resource
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from postfach_mailbox import calls
from postfach_mailbox.frames import (
    TO_CHILD,
    Answer,
    Call,
    KeepAck,
    Kept,
    Start,
    Started,
    StartFailed,
    ToChild,
)
from postfach_mailbox.hooks import KeepFailed
from postfach_mailbox.loading import Loaded, StartRefused, load
from postfach_mailbox.outcomes import Frozen
from postfach_mailbox.wire import Broken, Inbox, pack

PR_SET_PDEATHSIG = 1
STACK_LEAST, STACK_MOST = 256 * 1024, 2 * 1024**2  # bytes
HEALTH_PLACES = 1  # threads beyond `in_flight`, so that health is answered while all others hang


class Hub:
    """The hub as the child sees it: frames in, frames out."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._inbox = Inbox(descriptors=True)
        self._sending = threading.Lock()
        self._kept: dict[int, threading.Event] = {}

    def frames(self) -> list[ToChild] | None:
        """Wait for frames; None when the hub has closed. Raises Broken at one of another kind."""
        if not self._inbox.receive(self._connection):
            return None
        try:
            return [TO_CHILD.validate_json(frame) for frame in self._inbox.frames()]
        except ValueError as error:
            raise Broken("a frame of the hub cannot be read") from error

    def fds(self, call: Call) -> tuple[int, ...]:
        """Return the descriptors that came with `call`."""
        return self._inbox.take(call.fds)

    def send(self, frame: Frozen) -> None:
        """Send a frame whole. Raises OSError when the hub is gone, ValueError if it is too long."""
        data = pack(frame)
        with self._sending:
            self._connection.sendall(data)

    def keep(self, call: Call, reference: str) -> None:
        """Return when the hub has committed `reference`. Raises KeepFailed at the call's end."""
        committed = threading.Event()
        self._kept[call.id] = committed
        try:
            self.send(Kept(id=call.id, reference=reference))
            left = call.deadline - time.clock_gettime(time.CLOCK_BOOTTIME)
            if not committed.wait(max(0.0, left)):
                raise KeepFailed("the hub did not commit the reference in time")
        finally:
            self._kept.pop(call.id, None)

    def committed(self, call: int) -> None:
        """Let the call go on that waits in `keep`."""
        if waiting := self._kept.get(call):
            waiting.set()


def die_with(parent: int) -> None:
    """Have the kernel end this process when the hub's ends; leave now if that has happened."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def small_stacks(in_flight: int) -> None:
    """Have the threads of `in_flight` calls fit into the address space that the process may take.

    A stack counts wholly, used or not; of a quarter of the space each call has its share.
    """
    space, _ = resource.getrlimit(resource.RLIMIT_AS)
    share = STACK_MOST if space == resource.RLIM_INFINITY else space // 4 // (in_flight + 1)
    size = min(STACK_MOST, max(STACK_LEAST, share))
    threading.stack_size(size - size % resource.getpagesize())


def serve(hub: Hub, loaded: Loaded, in_flight: int, waiting: list[ToChild]) -> None:
    """Carry out calls until the hub closes."""
    pool = ThreadPoolExecutor(in_flight + HEALTH_PLACES, thread_name_prefix="call")
    frames: list[ToChild] | None = waiting
    while frames is not None:
        for frame in frames:
            if isinstance(frame, Call):
                pool.submit(_carry_out, hub, loaded, frame, hub.fds(frame))
            elif isinstance(frame, KeepAck):
                hub.committed(frame.id)
            else:
                raise Broken("the hub started twice")
        frames = hub.frames()


def _carry_out(hub: Hub, loaded: Loaded, call: Call, fds: tuple[int, ...]) -> None:
    try:
        value = calls.perform(loaded, call, fds, lambda reference: hub.keep(call, reference))
    finally:
        for fd in fds:
            os.close(fd)
    try:
        try:
            hub.send(Answer(id=call.id, value=value))
        except ValueError:
            hub.send(Answer(id=call.id, value=calls.too_long(call.operation)))
    except OSError:  # the hub is gone, or the plugin closed the socket: no call can end any more
        os._exit(1)


def _first(hub: Hub) -> tuple[Start, list[ToChild]] | None:
    while (frames := hub.frames()) is not None:
        if frames:
            if not isinstance(frames[0], Start):
                raise Broken("the first frame is no start")
            return frames[0], frames[1:]
    return None


def main(arguments: list[str]) -> int:
    """Run until the hub closes or dies."""
    fd, parent = int(arguments[0]), int(arguments[1])
    die_with(parent)
    connection = socket.socket(fileno=fd)
    connection.set_inheritable(False)  # what the plugin starts does not hold the hub's socket
    hub = Hub(connection)
    if (first := _first(hub)) is None:
        return 0
    start, rest = first
    small_stacks(start.in_flight)
    try:
        loaded = load(start)
    except StartRefused as error:
        hub.send(StartFailed(reason=error.reason, fix=error.fix, configured=error.configured))
        return 0
    hub.send(Started(capabilities=loaded.capabilities, operations=loaded.operations))
    serve(hub, loaded, start.in_flight, rest)
    return 0


if __name__ == "__main__":
    # Without waiting for threads: the hub is gone, or has given up what they do.
    os._exit(main(sys.argv[1:]))
