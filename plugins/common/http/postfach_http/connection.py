"""HTTP/1.1 on one connection: one request and its answer at a time (RFC 9112), parsed by h11."""

import select
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import h11

from postfach_http.call import Call
from postfach_http.failures import NotTrusted
from postfach_http.line import Line

_READ: Final = 64 * 1024
_HEAD: Final = 64 * 1024  # bytes of an answer's status and headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back.

    headers: names in lower case; values of one that comes more than once are joined by ", "
    body: at most the bytes that were asked for
    whole: False where the body was longer
    sent: False where the answer came while there was still some of the request's body to send, of
        which nothing was sent any more: the other side surely does not have the whole request
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool = True
    sent: bool = True


class Stale(Exception):
    """A kept connection was closed by the other side before anything of this call was sent."""


class BodyFailed(Exception):
    """What gives the body has raised; `error` is what."""

    def __init__(self, error: Exception) -> None:
        """Take what was raised."""
        super().__init__()
        self.error = error


class _Cut(Exception):
    """Nothing more is sent: there is an answer already, or the other side has closed."""

    def __init__(self, answer: h11.Response | None = None) -> None:
        super().__init__()
        self.answer = answer


class Connection:
    """One connection; `fit` says whether another request may follow on it."""

    def __init__(self, line: Line) -> None:
        """Take an open line."""
        self._line = line
        self._kept = False
        self.fit = False

    def exchange(
        self, request: h11.Request, body: Iterable[bytes], call: Call, most: int
    ) -> Answer:
        """Send a request and return its answer.

        Raises Stale; NotTrusted; BodyFailed; OSError; h11.RemoteProtocolError; and, where the body
        is not as long as announced, h11.LocalProtocolError. `call` knows what was sent.
        """
        self.fit = False
        self._check_kept()
        # A parser for this exchange alone: nothing of an earlier one can be taken for its answer.
        parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD)
        head: h11.Response | None = None
        try:
            for piece in _pieces(parser, request, body):
                self._send(piece, parser, call)
        except _Cut as cut:
            call.cut = True
            head = cut.answer
        head = head or self._head(parser, call)
        data, ended = self._body(parser, call, most)
        self.fit = self._kept = ended and _may_follow(parser)
        return Answer(
            status=head.status_code,
            headers=_headers(head),
            body=bytes(data[:most]),
            whole=ended and len(data) <= most,
            sent=not call.cut,
        )

    def close(self) -> None:
        """End it."""
        self._line.close()

    def _check_kept(self) -> None:
        """Look at a connection that was used before, as late as possible. Raises Stale.

        Nothing may come on it: an end, or bytes that no one asked for, end it.
        """
        if not self._kept or not self._line.ready(select.POLLIN, 0):
            return
        try:
            arrived = self._line.receive(1)
        except (OSError, NotTrusted) as error:
            raise Stale from error
        if arrived is not None:
            raise Stale

    def _send(self, data: bytes, parser: h11.Connection, call: Call) -> None:
        """Send all of it. Raises _Cut; Stale.

        Once something cannot be sent, the other side surely never has the whole request: what the
        system took before is not all of it.
        """
        rest = memoryview(data)
        while rest:
            call.seconds()
            self._listen(parser)
            try:
                sent = self._line.send(rest)
            except OSError as error:
                if self._kept and not call.begun:
                    raise Stale from error
                raise _Cut from error  # why it closed may be there to be read
            call.begun = call.begun or sent != 0
            if sent:
                rest = rest[sent:]
            else:
                self._line.wait(select.POLLIN | select.POLLOUT, call)

    def _listen(self, parser: h11.Connection) -> None:
        """Look for an answer while there is still something to send. Raises _Cut."""
        if not self._line.ready(select.POLLIN, 0):
            return
        try:
            arrived = self._line.receive(_READ)
        except OSError as error:
            raise _Cut from error
        if arrived is None:
            return
        parser.receive_data(arrived)
        while (event := parser.next_event()) is not h11.NEED_DATA:
            if not isinstance(event, h11.InformationalResponse):
                raise _Cut(event if isinstance(event, h11.Response) else None)

    def _head(self, parser: h11.Connection, call: Call) -> h11.Response:
        while True:
            event = self._next(parser, call)
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse):  # 101 is followed by a pause
                raise h11.RemoteProtocolError("no answer")

    def _body(self, parser: h11.Connection, call: Call, most: int) -> tuple[bytearray, bool]:
        """Return the body, cut off some bytes after `most`, and whether it ended."""
        data = bytearray()
        while len(data) <= most:
            event = self._next(parser, call)
            if isinstance(event, h11.Data):
                data += event.data
            else:
                return data, isinstance(event, h11.EndOfMessage)
        return data, False

    def _next(self, parser: h11.Connection, call: Call) -> object:
        while (event := parser.next_event()) is h11.NEED_DATA:
            call.seconds()
            arrived = self._line.receive(_READ)
            if arrived is None:
                self._line.wait(select.POLLIN, call)
            else:
                parser.receive_data(arrived)
        return event


def _pieces(parser: h11.Connection, request: h11.Request, body: Iterable[bytes]) -> Iterator[bytes]:
    yield parser.send(request) or b""
    for piece in _guarded(body):
        yield parser.send(h11.Data(data=piece)) or b""
    parser.send(h11.EndOfMessage())


def _guarded(body: Iterable[bytes]) -> Iterator[bytes]:
    """Tell an OSError of a file that is read from one of the connection."""
    pieces = iter(body)
    while True:
        try:
            piece = next(pieces)
        except StopIteration:
            return
        except Exception as error:  # foreign code; it passes through
            raise BodyFailed(error) from error
        yield piece


def _may_follow(parser: h11.Connection) -> bool:
    """Say whether both sides are done, keep the connection, and nothing came too much."""
    return (
        parser.our_state is h11.DONE
        and parser.their_state is h11.DONE
        and not parser.trailing_data[0]
    )


def _headers(head: h11.Response) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in head.headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
