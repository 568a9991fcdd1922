"""A proxy connects us, and sees nothing but where to."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from postfach_http import Client, NotConnected, NotTrusted, Tls
from postfach_http.testkit import Line, Server, context, politely
from postfach_sandbox import ca


class Proxy:
    """Connects by CONNECT, or says no; remembers what it saw."""

    def __init__(self, port: int, answer: bytes = b"HTTP/1.1 200 Connected\r\n\r\n") -> None:
        self._port, self._answer = port, answer
        self.seen = b""

    def __call__(self, line: Line) -> None:
        self.seen += line.head()
        line.say(self._answer)
        if b" 200 " not in self._answer:
            return
        with socket.create_connection(("127.0.0.1", self._port)) as there:
            back = threading.Thread(target=self._pump, args=(there, line.socket))
            back.start()
            self._pump(line.socket, there)
            back.join()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self.seen += data
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def client_of(server: Server, proxy: Server, trusted: Tls) -> Client:
    return Client(
        f"https://localhost:{server.port}", trusted, proxy=f"http://127.0.0.1:{proxy.port}"
    )


def test_a_proxy_connects_us(serve: Callable[..., Server], files: ca.Files) -> None:
    server = serve(politely, context=context(files.server))
    proxy = Proxy(server.port)
    client = client_of(server, serve(proxy), Tls(files.ca))
    for _ in range(2):
        assert client.question("PUT", "/", body=b"canary").status == 200
    client.close()
    first = proxy.seen.partition(b"\r\n")[0]
    assert first == b"CONNECT localhost:%d HTTP/1.1" % server.port
    assert proxy.seen.count(b"CONNECT") == 1
    assert b"canary" not in proxy.seen


def test_behind_a_proxy_certificates_are_checked_too(
    serve: Callable[..., Server], files: ca.Files
) -> None:
    server = serve(politely, context=context(files.server))
    client = client_of(server, serve(Proxy(server.port)), Tls(files.stranger_ca))
    with pytest.raises(NotTrusted):
        client.question("PUT", "/", body=b"x")


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://else.example/\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"",
    ],
)
def test_what_a_proxy_refuses_was_not_sent(
    said: bytes, serve: Callable[..., Server], files: ca.Files
) -> None:
    server = serve(politely, context=context(files.server))
    client = client_of(server, serve(Proxy(server.port, said)), Tls(files.ca))
    with pytest.raises(NotConnected, match="proxy"):
        client.question("PUT", "/", body=b"x")
    assert server.connections == 0
