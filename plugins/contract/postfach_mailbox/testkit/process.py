"""The mailbox in its own process, as the hub runs it, with one call at a time.

    python -I -m postfach_mailbox.child, clean environment, empty working folder

Without the hub's limits: those are the operator's.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from postfach_mailbox.capabilities import Capabilities
from postfach_mailbox.frames import (
    TO_HUB,
    Answer,
    AnswerValue,
    Call,
    KeepAck,
    Kept,
    Start,
    Started,
    StartFailed,
    ToHub,
)
from postfach_mailbox.hooks import Keep
from postfach_mailbox.testkit.asked import now
from postfach_mailbox.wire import Inbox, Outbox, pack

if TYPE_CHECKING:
    from postfach_mailbox.payloads import Operation

START = 30.0  # seconds to start
GRACE = 5.0  # seconds past a call's end before the process counts as hanging


class ChildFailed(Exception):
    """The process did not start, died or did not answer."""


class Child:
    """A mailbox's process."""

    def __init__(self, process: "subprocess.Popen[bytes]", connection: socket.socket) -> None:
        self.process, self._connection = process, connection
        self._inbox, self._outbox = Inbox(descriptors=False), Outbox()
        self._frames: list[ToHub] = []
        self.capabilities: Capabilities
        self.operations: tuple[Operation, ...]

    def start(self, start: Start) -> None:
        """Send the first frame and wait for what the plugin says of itself. Raises ChildFailed."""
        self._send(pack(start))
        match self._next(now() + START):
            case Started(capabilities=Capabilities() as told, operations=operations):
                self.capabilities, self.operations = told, operations
            case StartFailed(reason=reason):
                raise ChildFailed(f"does not start: {reason}")
            case other:
                raise ChildFailed(f"said {other.kind} first")

    def carry(self, call: Call, fds: Sequence[int], keep: Keep) -> AnswerValue:
        """Send a call with its descriptors, and return its answer. Raises ChildFailed."""
        self._send(pack(call), fds)
        while True:
            match self._next(call.deadline + GRACE):
                case Answer(value=value):
                    return value
                case Kept(reference=reference):
                    keep(reference)
                    self._send(pack(KeepAck(id=call.id)))
                case other:
                    raise ChildFailed(f"answered a call with {other.kind}")

    def stop(self) -> int:
        """Close the connection, as a hub does that ends; return the exit status."""
        self._connection.close()
        return self.process.wait(GRACE)

    def left_behind(self, patience: float = 1.0) -> list[int]:
        """Return the processes of its group that are still there after `patience` seconds."""
        until = now() + patience
        while (found := _group(self.process.pid)) and now() < until:
            time.sleep(0.02)
        return found

    def _send(self, frame: bytes, fds: Sequence[int] = ()) -> None:
        self._outbox.put(frame, fds)
        try:
            while len(self._outbox):
                select.select([], [self._connection], [])
                self._outbox.flush(self._connection)
        except OSError as error:
            raise ChildFailed("its process is gone") from error

    def _next(self, until: float) -> ToHub:
        while not self._frames:
            if not select.select([self._connection], [], [], max(0.0, until - now()))[0]:
                raise ChildFailed("does not answer in time")
            if not self._inbox.receive(self._connection):
                raise ChildFailed(f"died, exit status {self.process.wait(GRACE)}")
            self._frames += [TO_HUB.validate_json(frame) for frame in self._inbox.frames()]
        return self._frames.pop(0)


def _group(group: int) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            # The name may hold anything; what follows it: state, parent, group.
            state, _, of = (process / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(of) == group and state != "Z":
                found.append(int(process.name))
    return found


@contextmanager
def running(start: Start) -> Iterator[Child]:
    """Start the mailbox's process, and end it with all of its group. Raises ChildFailed."""
    with tempfile.TemporaryDirectory(prefix="postfach-kit-") as folder:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                process = _run(theirs.fileno(), folder)
            child = Child(process, ours)
            try:
                child.start(start)
                yield child
            finally:
                with suppress(ProcessLookupError):  # it is not reaped yet, or its group is empty
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _run(fd: int, folder: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-I", "-m", "postfach_mailbox.child", str(fd), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[fd],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC", "HOME": folder},
        start_new_session=True,
    )
