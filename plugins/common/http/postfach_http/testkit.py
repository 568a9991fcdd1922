"""For tests of clients: a server that does what it is told, byte by byte.

    with Server(lambda line: (line.request(), line.answer(503))) as server:
        ...  # server.port

A script gets one connection, TLS already spoken where there is a context. What a script raises,
other than that the client went away, is in `faults`.
"""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

Script = Callable[["Line"], object]
_GONE: Final = "the client has closed"


class Line:
    """The server's end of a connection."""

    def __init__(self, connection: socket.socket, over: threading.Event) -> None:
        """Take a connection; `over` is set when the test is done with the server."""
        self.socket = connection
        self.over = over

    def head(self) -> bytes:
        """Read a request's head only."""
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            data += self._some(1)
        return data

    def request(self) -> bytes:
        """Read a whole request."""
        head = self.head()
        return head + self.body(head)

    def body(self, head: bytes) -> bytes:
        """Read the body that a head announces."""
        body, wanted = bytearray(), length(head)
        while len(body) < wanted:
            body += self._some(wanted - len(body))
        return bytes(body)

    def say(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def answer(self, status: int = 200, body: bytes = b"ok", *more: bytes) -> None:
        """Answer; `more` are header lines."""
        head = b"".join(each + b"\r\n" for each in more)
        self.say(
            b"HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n" % (status, head, len(body)) + body
        )

    def reset(self) -> None:
        """End the connection with a reset instead of an end."""
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.socket.close()

    def until_closed(self) -> bytes:
        """Read until the client closes."""
        data = b""
        with suppress(OSError):
            while piece := self.socket.recv(65536):
                data += piece
        return data

    def _some(self, most: int) -> bytes:
        data = self.socket.recv(most)
        if not data:
            raise ConnectionAbortedError(_GONE)
        return data


def length(head: bytes) -> int:
    """Return the Content-Length of a head; 0: none."""
    found = [each for each in head.lower().split(b"\r\n") if each.startswith(b"content-length:")]
    return int(found[0].partition(b":")[2]) if found else 0


class Server:
    """Runs one script for each connection, in order; the last one for all that follow."""

    def __init__(self, *scripts: Script, context: ssl.SSLContext | None = None) -> None:
        """Listen on a free port of this machine."""
        self._scripts, self._context = scripts, context
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listening.getsockname()[1])
        self.connections = 0
        self.faults: list[Exception] = []
        self.over = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                script = self._scripts[min(self.connections, len(self._scripts) - 1)]
                self.connections += 1
                thread = threading.Thread(target=self._work, args=(connection, script), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _work(self, plain: socket.socket, script: Script) -> None:
        connection = plain
        self._open.append(plain)
        try:
            if self._context is not None:
                connection = self._context.wrap_socket(plain, server_side=True)
                self._open.append(connection)
            script(Line(connection, self.over))
        except OSError:
            pass  # the client went away, or was refused in the handshake
        except Exception as error:  # noqa: BLE001  # the test looks at it
            self.faults.append(error)
        finally:
            connection.close()

    def __enter__(self) -> Self:
        """Begin; it serves already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Break all connections, and wait for the scripts to end."""
        self.over.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._accepting.join()
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in self._open:
            each.close()


def context(
    certificate: Path,
    ca: Path | None = None,
    *,
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    tickets: int = 2,
) -> ssl.SSLContext:
    """Make a server's context of one version of TLS.

    ca: of the clients; who shows no certificate is refused. None: nobody is asked for one
    tickets: that are sent after the handshake of TLS 1.3
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = made.maximum_version = version
    made.num_tickets = tickets
    made.load_cert_chain(certificate)
    if ca is not None:
        made.load_verify_locations(ca)
        made.verify_mode = ssl.CERT_REQUIRED
    return made


def politely(line: Line) -> None:
    """Answer every request."""
    while True:
        line.request()
        line.answer()
