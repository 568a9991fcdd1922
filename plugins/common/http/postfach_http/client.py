"""One request and its answer, over connections that are kept open, called from threads.

No redirect is followed, no cookie is kept, and no setting is taken from the environment.
"""

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final
from urllib.parse import SplitResult, urlsplit

import h11

from postfach_http.call import Call, lasting
from postfach_http.connection import Answer, BodyFailed, Connection, Stale
from postfach_http.failures import Failed, Lost, NotConnected
from postfach_http.line import secured
from postfach_http.network import connect, tunnel
from postfach_http.tls import Loaded, Tls

__all__ = ["MOST", "Answer", "Client"]

MOST: Final = 64 * 1024  # bytes of an answer's body
IDLE: Final = 30.0  # seconds that an unused connection is kept; many servers end it after 60

_PATH: Final = re.compile(r"/[!-~]*")
_OURS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


class _Generation:
    """The connections that were made with one state of the certificates.

    kept: those that no call uses, with the time since when; its ends are safe for threads
    """

    def __init__(self, loaded: Loaded | None) -> None:
        self.loaded = loaded
        self.kept: deque[tuple[Connection, float]] = deque()
        self.over = False

    def close(self) -> None:
        self.over = True
        while self.kept:
            with suppress(IndexError):  # another thread was faster
                self.kept.pop()[0].close()


class Client:
    """The service at one URL. Safe for threads: each call has a connection of its own."""

    def __init__(self, base_url: str, tls: Tls | None = None, *, proxy: str | None = None) -> None:
        """Take where it is; opens nothing. Raises ValueError: a URL that cannot be used.

        base_url: https://HOST[:PORT][/PREFIX]; http:// speaks no TLS
        tls: None: the system's certificates are trusted, and we show none
        proxy: http://HOST:PORT by which all connections go; none is taken from the environment
        """
        self._url = _checked(base_url, "base_url")
        self._proxy = _checked(proxy, "proxy") if proxy is not None else None
        self._tls = (tls or Tls()) if self._url.scheme == "https" else None
        if self._proxy is not None and self._tls is None:
            raise ValueError("proxy: only for a base_url with https://")
        self._lock = threading.Lock()
        self._current = _Generation(None)

    def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes] | None = None,
        length: int | None = None,
        left: Callable[[], float],
        most: int = MOST,
    ) -> Answer:
        """Send a request and return its answer, whatever its status.

        path: begins with "/"; with the query, encoded as RFC 3986 wants it
        body: sent with an exact Content-Length, never chunked; pieces are asked for one by one
        length: bytes of all pieces together; needed for a body that is not bytes
        left: seconds that the call may still take; asked before each step, and no step takes longer
        most: bytes of the answer's body that are returned; a longer one ends the connection

        Raises NotConnected, NotTrusted, Lost; ValueError before anything is sent: a header, path or
        length that cannot be sent. What `body` raises passes through: the request is then broken
        off before its last byte, so the other side surely does not have the whole of it.
        """
        request, pieces = self._request(method, path, headers or {}, body, length)
        call = Call(left)
        while True:
            with self._connection(call) as connection:
                try:
                    return connection.exchange(request, pieces, call, most)
                except Stale:
                    continue  # nothing was sent, and no piece was asked for
                except BodyFailed as failed:
                    raise failed.error from None
                except (OSError, h11.ProtocolError) as error:
                    raise _failure(error, call) from error

    def question(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        seconds: float = 10.0,
    ) -> Answer:
        """Ask something small, which ends after so many seconds; else as `ask`."""
        return self.ask(method, path, headers=headers, body=body, left=lasting(seconds))

    def close(self) -> None:
        """Close what no call uses. It can be used again."""
        with self._lock:
            self._current.close()
            self._current = _Generation(self._current.loaded)

    def __del__(self) -> None:
        """Close what is kept open."""
        with suppress(AttributeError):  # __init__ has raised
            self._current.close()

    @contextmanager
    def _connection(self, call: Call) -> Iterator[Connection]:
        """Lend a connection on which nothing is under way. Raises NotTrusted, NotConnected."""
        generation = self._generation()
        connection = _kept(generation) or self._made(generation.loaded, call)
        try:
            yield connection
        except BaseException:
            connection.fit = False
            raise
        finally:
            with self._lock:
                keep = connection.fit and not generation.over
                if keep:
                    generation.kept.append((connection, time.monotonic()))
            if not keep:
                connection.close()

    def _generation(self) -> _Generation:
        """Return the connections of the certificates as they are now. Raises NotTrusted."""
        loaded = self._tls.loaded() if self._tls is not None else None
        with self._lock:
            if self._current.loaded is not loaded:
                # Calls under way end on their connections, which are closed then.
                self._current.close()
                self._current = _Generation(loaded)
            return self._current

    def _made(self, loaded: Loaded | None, call: Call) -> Connection:
        host, port = _place(self._url)
        if loaded is None:
            return Connection(connect(host, port, call))
        if self._proxy is None:
            line = connect(host, port, call)
        else:
            line = connect(*_place(self._proxy), call)
            try:
                tunnel(line, host, port, call)
            except Failed:
                line.close()
                raise
        return Connection(secured(line, loaded.context, host, call))

    def _request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None,
        length: int | None,
    ) -> tuple[h11.Request, Iterable[bytes]]:
        """Return what is sent. Raises ValueError."""
        if not _PATH.fullmatch(path):
            raise ValueError("path: begins with a slash, and is encoded as RFC 3986 wants it")
        if _OURS.intersection(map(str.lower, headers)):
            raise ValueError(f"headers: these are set by the client: {', '.join(sorted(_OURS))}")
        sent = [("Host", self._url.netloc), ("Accept-Encoding", "identity"), *headers.items()]
        if isinstance(body, bytes) or (body is None and method in _WITH_BODY):
            length, body = len(body or b""), [body or b""]
        if length is not None:
            sent.append(("Content-Length", str(length)))
        elif body is not None:
            raise ValueError("length: needed for a body that is not bytes")
        try:
            target = self._url.path.rstrip("/") + path
            return h11.Request(method=method, target=target, headers=sent), body or ()
        except (h11.LocalProtocolError, UnicodeEncodeError):
            # Its text would hold the header.
            raise ValueError("a header or the method holds what cannot be sent") from None


def _kept(generation: _Generation) -> Connection | None:
    """Return a connection that was used lately, and close those that were not."""
    while generation.kept:
        with suppress(IndexError):  # another thread was faster
            connection, since = generation.kept.pop()
            if time.monotonic() - since < IDLE:
                return connection
            connection.close()
    return None


def _failure(error: Exception, call: Call) -> Failed:
    what = "time was up" if isinstance(error, TimeoutError) else type(error).__name__
    return Lost(f"no answer ({what})") if call.begun else NotConnected(f"nothing was sent ({what})")


def _checked(url: str, what: str) -> SplitResult:
    parts = urlsplit(url)
    schemes = ("https", "http") if what == "base_url" else ("http",)
    if (
        parts.scheme not in schemes
        or not parts.hostname
        or parts.username is not None
        or parts.query
        or parts.fragment
    ):
        raise ValueError(f"{what}: {schemes[0]}://HOST, with :PORT where needed")
    return parts


def _place(url: SplitResult) -> tuple[str, int]:
    return url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
