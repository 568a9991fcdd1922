"""clamd's protocol: PING and INSTREAM, one connection for each command.

    a command and an answer end with a byte 0
    zINSTREAM    then chunks, each with its length in 4 bytes, big-endian; a length of 0 ends
    answer       `stream: OK`, `stream: <signature> FOUND` or `... ERROR`

Source: clamd(8) of ClamAV 1.0, section COMMANDS. clamd closes the connection where a stream is
longer than `StreamMaxLength`, after `INSTREAM size limit exceeded. ERROR`.
Limits: an answer is at most ANSWER bytes; every step ends within the time that is left.
"""

import re
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Literal

CHUNK = 64 * 1024  # bytes; clamd takes up to StreamMaxLength in one, memory says less
ANSWER = 4096  # bytes
_SIZE = struct.Struct("!I")
_FOUND = re.compile(r"stream: (?P<name>.+) FOUND")


class Away(Exception):
    """clamd cannot be reached, or did not answer in time."""


class Strange(Exception):
    """What answered does not speak clamd's protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What clamd says of a stream; `text` is the signature's name where it found something."""

    kind: Literal["ok", "found", "error"]
    text: str = ""


class Clamd:
    """Where a clamd listens: the path of a unix socket, or host and port."""

    def __init__(self, address: str | tuple[str, int]) -> None:
        self._address = address

    def ping(self, seconds: float) -> None:
        """Return when clamd answers. Raises Away, Strange."""
        with self._connect(seconds) as connection:
            try:
                connection.sendall(b"zPING\0")
                answer = _answer(connection)
            except OSError as error:
                raise Away(type(error).__name__) from error
        if answer != "PONG":
            raise Strange(answer[:40])

    def scan(self, stream: BinaryIO, seconds_left: Callable[[], float]) -> Answer:
        """Return what clamd says of a stream's bytes.

        seconds_left: asked before each step; 0 ends it
        Raises Away, Strange, and what reading the stream raises.
        """
        with self._connect(seconds_left()) as connection:
            sent = False
            try:
                # A clamd that has enough, since the stream is too long, closes; it has said why.
                with suppress(BrokenPipeError, ConnectionResetError):
                    _send(connection, stream, seconds_left)
                    sent = True
                _limit(connection, seconds_left())
                answer = _read(_answer(connection))
                if answer.kind == "ok" and not sent:
                    raise Strange("OK before the end of the stream")
                return answer
            except OSError as error:
                raise Away(type(error).__name__) from error

    def _connect(self, seconds: float) -> socket.socket:
        try:
            if isinstance(self._address, tuple):
                _see_left(seconds)
                return socket.create_connection(self._address, timeout=seconds)
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                _limit(connection, seconds)
                connection.connect(self._address)
            except BaseException:
                connection.close()
                raise
        except OSError as error:
            raise Away(type(error).__name__) from error
        return connection


def _send(connection: socket.socket, stream: BinaryIO, seconds_left: Callable[[], float]) -> None:
    _limit(connection, seconds_left())
    connection.sendall(b"zINSTREAM\0")
    while True:
        # Read before: an error of the document's own is not clamd's.
        chunk = _chunk(stream)
        _limit(connection, seconds_left())
        connection.sendall(_SIZE.pack(len(chunk)) + chunk)
        if not chunk:
            return


class Unreadable(Exception):
    """The document's own stream failed."""


def _chunk(stream: BinaryIO) -> bytes:
    try:
        return stream.read(CHUNK)
    except OSError as error:
        raise Unreadable(type(error).__name__) from error


def _answer(connection: socket.socket) -> str:
    found = bytearray()
    while not found.endswith(b"\0"):
        try:
            piece = connection.recv(ANSWER)
        except ConnectionResetError:
            piece = b""
        found += piece
        if not piece or len(found) > ANSWER:
            break
    if not found.endswith(b"\0"):  # a part of `stream: OK.Virus FOUND` may read `stream: OK`
        raise Away("closed before the end of its answer")
    return found[:-1].decode("utf-8", "replace")


def _read(text: str) -> Answer:
    if text == "stream: OK":
        return Answer(kind="ok")
    if found := _FOUND.fullmatch(text):
        return Answer(kind="found", text=found["name"])
    if text.endswith("ERROR"):
        return Answer(kind="error", text=text)
    raise Strange(text[:40])


def _limit(connection: socket.socket, seconds: float) -> None:
    _see_left(seconds)
    connection.settimeout(seconds)


def _see_left(seconds: float) -> None:
    if seconds <= 0:
        raise Away("no time is left")
