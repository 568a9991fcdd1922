"""A server that speaks clamd's protocol and knows one signature: for tests, and for trying out.

    python -m postfach_check_clamd.sandbox SOCKET

It answers PING and INSTREAM as clamd 1.0 does, as strictly, and finds the EICAR test file wherever
it stands in a stream. A stream that is longer than `limit` gets clamd's error and the connection's
end. `held` makes it read and not answer, as an engine that hangs.
"""

import socketserver
import struct
import sys
import threading
from io import BufferedIOBase
from pathlib import Path

# In two parts, so that no scanner takes this file for one.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + rb"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
SIGNATURE = "Win.Test.EICAR_HDB-1"
LIMIT = 25 * 1024 * 1024  # bytes of a stream, clamd's default for StreamMaxLength
_SIZE = struct.Struct("!I")


class _Connection(socketserver.StreamRequestHandler):
    """One command of one client."""

    server: "Sandbox"

    def handle(self) -> None:
        command = _until_zero(self.rfile)
        if command == b"zPING":
            self.wfile.write(b"PONG\0")
        elif command == b"zINSTREAM":
            answer = self._scan()
            self.server.held.wait()
            self.wfile.write(answer + b"\0")
        else:
            self.wfile.write(b"UNKNOWN COMMAND\0")

    def _scan(self) -> bytes:
        kept, length = b"", 0
        found = False
        while size := self._size():
            length += size
            if length > self.server.limit:
                return b"INSTREAM size limit exceeded. ERROR"
            kept = kept[-len(EICAR) :] + self.rfile.read(size)
            found = found or EICAR in kept
        with self.server.lock:
            self.server.streams.append(length)
        return f"stream: {SIGNATURE} FOUND".encode() if found else b"stream: OK"

    def _size(self) -> int:
        head = self.rfile.read(_SIZE.size)
        return int(_SIZE.unpack(head)[0]) if len(head) == _SIZE.size else 0


class Sandbox(socketserver.ThreadingUnixStreamServer):
    """The server, on a unix socket.

    streams: lengths of what it looked at; held: cleared, it reads and does not answer
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path: Path, *, limit: int = LIMIT) -> None:
        """Listen at `path`, where nothing may be yet but a socket that no one listens at."""
        path.unlink(missing_ok=True)
        super().__init__(str(path), _Connection)
        self.limit = limit
        self.lock = threading.Lock()
        self.streams: list[int] = []
        self.held = threading.Event()
        self.held.set()

    def asked(self) -> bool:
        """Whether it was sent a whole stream."""
        return bool(self.streams)


def _until_zero(stream: BufferedIOBase) -> bytes:
    found = bytearray()
    while (piece := stream.read(1)) not in (b"", b"\0") and len(found) < 64:
        found += piece
    return bytes(found)


def main(arguments: list[str]) -> int:
    """Serve until stopped."""
    if len(arguments) != 1:
        sys.stderr.write("give the path of a socket\n")
        return 64
    with Sandbox(Path(arguments[0])) as server:
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
