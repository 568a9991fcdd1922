"""Frames and descriptors over a stream socket, for either end.

The hub's end never blocks: an Outbox keeps what the socket did not take yet, an Inbox what is not
yet a whole frame. Descriptors travel beside the first byte of their frame; the kernel keeps both
in order, so they are handed out to the frames that ask for them, in the same order.
"""

import array
import errno
import fcntl
import os
import socket
import struct
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from postfach_mailbox.outcomes import Frozen

FRAME_MAX = 4 * 1024 * 1024  # bytes; the largest text of a notice, quoted, stays below it
FDS_MAX = 253  # SCM_MAX_FD of Linux
# The socket is full; or too many descriptors are under way, until the other end takes some.
FULL = frozenset({errno.EAGAIN, errno.ETOOMANYREFS})
_CHUNK = 256 * 1024
_HEAD = struct.Struct("!I")


class Broken(Exception):
    """The other end does not keep to the protocol; its text names no content."""


def pack(frame: Frozen) -> bytes:
    """Return a frame's bytes. Raises ValueError when it is longer than a frame may be."""
    body = frame.model_dump_json(exclude_defaults=False).encode()
    if len(body) > FRAME_MAX:
        raise ValueError(f"a frame of {len(body)} bytes; {FRAME_MAX} are allowed")
    return _HEAD.pack(len(body)) + body


class Inbox:
    """What came in: bytes that become frames, and the descriptors that came with them."""

    def __init__(self, *, descriptors: bool) -> None:
        self._bytes = bytearray()
        self._fds: deque[int] = deque()
        self._room = socket.CMSG_SPACE(FDS_MAX * array.array("i").itemsize) if descriptors else 0

    def receive(self, connection: socket.socket) -> bool:
        """Read once. False: the other end is closed. Raises BlockingIOError where nothing waits."""
        data, ancillary, flags, _ = connection.recvmsg(_CHUNK, self._room, socket.MSG_CMSG_CLOEXEC)
        for level, kind, raw in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds = array.array("i")
                fds.frombytes(raw[: len(raw) - len(raw) % fds.itemsize])
                self._fds.extend(fds)
        if flags & socket.MSG_CTRUNC and self._room:
            raise Broken("descriptors were lost: the limit of open files is too low")
        self._bytes += data
        return bool(data)

    def close(self) -> None:
        """Forget what came in, and close the descriptors that no one took."""
        self._bytes.clear()
        while self._fds:
            os.close(self._fds.popleft())

    def frames(self) -> Iterator[bytes]:
        """Take out the whole frames that are there. Raises Broken at one that is too long."""
        while len(self._bytes) >= _HEAD.size:
            (length,) = _HEAD.unpack_from(self._bytes)
            if length > FRAME_MAX:
                raise Broken("a frame is too long")
            end = _HEAD.size + length
            if len(self._bytes) < end:
                return
            frame = bytes(memoryview(self._bytes)[_HEAD.size : end])
            del self._bytes[:end]
            yield frame

    def take(self, count: int) -> tuple[int, ...]:
        """Hand out the next descriptors; the caller closes them."""
        if count > len(self._fds):
            raise Broken("descriptors are missing")
        return tuple(self._fds.popleft() for _ in range(count))


@dataclass(slots=True)  # shrinks as it goes out
class _Waiting:
    """A frame on its way out: what is left of it, and its descriptors until the first byte went."""

    tag: int | None
    rest: memoryview
    fds: tuple[int, ...] = field(default=())


class Outbox:
    """What goes out over a socket that does not block."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, frame: bytes, fds: Sequence[int] = (), tag: int | None = None) -> None:
        """Queue a frame; descriptors are duplicated, so that the caller may close its own.

        Raises OSError where they cannot be.
        """
        own: list[int] = []
        try:
            for fd in fds:
                own.append(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3))  # noqa: PERF401  # for the undo
        except OSError:
            for fd in own:
                os.close(fd)
            raise
        self._waiting.append(_Waiting(tag, memoryview(frame), tuple(own)))

    def flush(self, connection: socket.socket) -> None:
        """Send what the socket takes. Raises OSError when the other end is gone."""
        while self._waiting:
            first = self._waiting[0]
            try:
                sent = _send(connection, first)
            except OSError as error:
                if error.errno in FULL:
                    return
                raise
            self._close(first)
            first.rest = first.rest[sent:]
            if not first.rest:
                self._waiting.popleft()

    def unsent(self) -> tuple[int, ...]:
        """Return the tags of frames that did not go out whole: they cannot have had an effect."""
        return tuple(each.tag for each in self._waiting if each.tag is not None)

    def close(self) -> None:
        """Forget what waits."""
        for each in self._waiting:
            self._close(each)
        self._waiting.clear()

    def _close(self, waiting: _Waiting) -> None:
        for fd in waiting.fds:
            with suppress(OSError):
                os.close(fd)
        waiting.fds = ()


def _send(connection: socket.socket, waiting: _Waiting) -> int:
    if not waiting.fds:
        return connection.send(waiting.rest)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", waiting.fds))]
    return connection.sendmsg([waiting.rest], rights)
