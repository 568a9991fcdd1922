"""Waking the loop from other threads and from signals, through a pipe."""

import os
import selectors
import signal
from collections.abc import Iterable
from contextlib import suppress
from types import FrameType


class Wake:
    """A pipe that the loop waits on; `poke` may be called from any thread or signal handler."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.terminations = 0

    def poke(self) -> None:
        """Wake the loop; a full pipe wakes it anyway."""
        with suppress(BlockingIOError):
            os.write(self._write, b".")

    def wait(self, others: Iterable[int], seconds: float) -> None:
        """Wait until poked, or one of the other descriptors is readable, or time is up."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._read, selectors.EVENT_READ)
            for fd in others:
                selector.register(fd, selectors.EVENT_READ)
            selector.select(max(0.0, seconds))
        with suppress(BlockingIOError):
            os.read(self._read, 65536)

    def on_termination(self) -> None:
        """Count SIGTERM and SIGINT from now on, and wake the loop at each."""
        signal.signal(signal.SIGTERM, self._terminated)
        signal.signal(signal.SIGINT, self._terminated)

    def _terminated(self, _number: int, _frame: FrameType | None) -> None:
        self.terminations += 1
        self.poke()

    def close(self) -> None:
        """Close the pipe; nothing may poke any more."""
        os.close(self._read)
        os.close(self._write)
