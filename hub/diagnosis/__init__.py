"""Detail for what the schema refused: which rule, in the schema's own terms.

libxml2 gives the verdict and xmlschema explains it. xmlschema is a hundred times slower and can
be kept busy by a crafted value, so it runs in a child process of its own, with a memory limit,
and is killed when an answer takes too long; the refusal then goes out without the detail.

    hub  --- length, envelope --->  python -m hub.diagnosis  --- length, JSON --->  hub

A child is started when first asked for, or by `start`, and again after it was killed.

Security: the child sees an envelope only after all layers before the schema have passed it; it
loads our schemas, follows no hint and answers in words of the schema, never of the envelope.
"""

import json
import socket
import subprocess
import sys
from dataclasses import dataclass

from hub.clock import Clock

TIME_LIMIT = 1.0  # seconds for one answer, the child's start included
MAX_ENVELOPE = 1024 * 1024  # bytes; larger envelopes are refused without detail
START_LIMIT = 30.0  # seconds after which a child that is not ready is given up

READY = b"R"
LENGTH = 4  # bytes of a length, big-endian


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Where an envelope breaks the schema, and which rule of the schema is broken.

    line: line of the element, 1 or more, where known; path: as `schemas.path_of` gives it
    expected: the rule; empty where there is nothing to add
    """

    line: int | None
    path: str
    expected: str


class Diagnoser:
    """Keeps the child and asks it; not for use by several threads at once."""

    def __init__(self, clock: Clock, time_limit: float = TIME_LIMIT) -> None:
        """time_limit: seconds that one answer may take."""
        self.clock, self.time_limit = clock, time_limit
        self.child: subprocess.Popen[bytes] | None = None
        self.channel: socket.socket | None = None
        self.started_at = 0.0
        self.ready = False

    def start(self) -> None:
        """Start the child, if there is none, and do not wait for it."""
        if self.child is not None:
            return
        ours, theirs = socket.socketpair()
        with theirs:
            self.child = subprocess.Popen(
                [sys.executable, "-I", "-m", "hub.diagnosis", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"LANG": "C.UTF-8"},
            )
        self.channel, self.started_at, self.ready = ours, self.clock.elapsed(), False

    def explain(self, data: bytes) -> Diagnosis | None:
        """Return what is wrong with the envelope; None if the child found nothing or not in time.

        Takes `time_limit` at most. Raises nothing.
        """
        if len(data) > MAX_ENVELOPE:
            return None
        deadline = self.clock.elapsed() + self.time_limit
        try:
            self.start()
            if not self.ready:
                self._wait_ready(deadline)
            self._send(len(data).to_bytes(LENGTH) + data, deadline)
            length = int.from_bytes(self._receive(LENGTH, deadline))
            found = json.loads(self._receive(length, deadline))
            return None if found is None else Diagnosis(**found)
        except (OSError, TypeError, ValueError):  # a time-out is an OSError; the others: no answer
            # A child that is only slow to start has not seen the envelope and may go on.
            if self.ready or self.clock.elapsed() - self.started_at > START_LIMIT:
                self.close()
            return None

    def close(self) -> None:
        """End the child. Another is started when next asked."""
        if self.channel is not None:
            self.channel.close()
        if self.child is not None:
            self.child.kill()
            self.child.wait()
        self.child = self.channel = None
        self.ready = False

    def _wait_ready(self, deadline: float) -> None:
        """Return when the child has loaded its schema. Raises OSError."""
        try:
            self._receive(len(READY), deadline)
        except ConnectionError:
            self.close()
            raise
        self.ready = True

    def _timed(self, deadline: float) -> socket.socket:
        """Return the channel, with the time left as its time limit. Raises OSError."""
        left = deadline - self.clock.elapsed()
        if self.channel is None or left <= 0:
            raise TimeoutError
        self.channel.settimeout(left)
        return self.channel

    def _send(self, data: bytes, deadline: float) -> None:
        self._timed(deadline).sendall(data)

    def _receive(self, length: int, deadline: float) -> bytes:
        """Return exactly so many bytes. Raises OSError."""
        received = b""
        while len(received) < length:
            piece = self._timed(deadline).recv(length - len(received))
            if not piece:
                raise ConnectionResetError
            received += piece
        return received
