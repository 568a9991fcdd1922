"""A call ends when it must, whatever the other side does."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from postfach_http import Client, Lost, NotConnected
from postfach_http.call import lasting
from postfach_http.testkit import Line, Server, politely

pytestmark = pytest.mark.slow

CALL = 0.4  # seconds that a call gets


@contextmanager
def ending() -> Iterator[None]:
    """Fail where what is inside ends much later than the call."""
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < CALL + 3


def _drip(line: Line, data: bytes) -> None:
    for position in range(len(data)):
        line.say(data[position : position + 1])
        line.over.wait(CALL / 8)


def dripping_head(line: Line) -> None:
    line.request()
    _drip(line, b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1000)


def dripping_body(line: Line) -> None:
    line.request()
    line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    _drip(line, b"y" * 1000)


def interim_for_ever(line: Line) -> None:
    line.request()
    while True:
        line.say(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)


def header_for_ever(line: Line) -> None:
    line.request()
    line.say(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        line.say(b"y" * 1000)


def silent(line: Line) -> None:
    line.request()
    line.over.wait()


def deaf(line: Line) -> None:
    line.head()
    line.over.wait()


@pytest.mark.parametrize(
    "script", [dripping_head, dripping_body, interim_for_ever, header_for_ever, silent]
)
def test_the_end_holds_against_a_server_that(
    script: Callable[[Line], None], serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    with ending(), pytest.raises(Lost):
        asking(serve(script)).question("PUT", "/", body=b"x", seconds=CALL)


@pytest.mark.parametrize("interim", [b"", b"HTTP/1.1 102 Processing\r\n\r\n"])
def test_the_end_holds_where_nothing_is_taken(
    interim: bytes, serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    def script(line: Line) -> None:
        line.head()
        line.say(interim)
        line.over.wait()

    pieces = [b"x" * 1_000_000] * 50
    with ending(), pytest.raises(Lost, match="time was up"):
        asking(serve(script)).ask("PUT", "/", body=pieces, length=50_000_000, left=lasting(CALL))


def test_the_end_holds_where_the_body_is_slow_to_come(
    serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    def pieces() -> Iterator[bytes]:
        left = threading.Event()
        while True:
            yield b"x"
            left.wait(CALL / 4)

    with ending(), pytest.raises(Lost, match="time was up"):
        asking(serve(silent)).ask("PUT", "/", body=pieces(), length=1000, left=lasting(CALL))


def test_the_clock_is_asked_before_each_step(
    serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    """A machine that slept: the clock jumps, and no piece follows."""
    left = 10.0
    given: list[int] = []

    def pieces() -> Iterator[bytes]:
        nonlocal left
        for number in range(5):
            given.append(number)
            left = 10.0 if number < 2 else 0.0
            yield b"x"

    with pytest.raises(Lost, match="time was up"):
        asking(serve(silent)).ask("PUT", "/", body=pieces(), length=5, left=lambda: left)
    assert given == [0, 1, 2]


@pytest.mark.parametrize("left", [0.0, -1.0])
def test_without_time_no_connection_is_made(
    left: float, serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    server = serve(politely)
    with pytest.raises(NotConnected):
        asking(server).ask("GET", "/", left=lambda: left)
    assert server.connections == 0


def test_without_time_nothing_is_sent_on_a_kept_connection(
    serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    got: list[bytes] = []

    def script(line: Line) -> None:
        while True:
            got.append(line.request())
            line.answer()

    client = asking(serve(script))
    client.question("GET", "/")
    with pytest.raises(NotConnected):
        client.ask("PUT", "/", body=b"x", left=lambda: 0.0)
    client.question("GET", "/")
    assert [each.split(b" ")[0] for each in got] == [b"GET", b"GET"]


def test_a_handshake_that_does_not_come_is_no_connection(serve: Callable[..., Server]) -> None:
    server = serve(lambda line: line.over.wait())
    client = Client(f"https://127.0.0.1:{server.port}")
    with ending(), pytest.raises(NotConnected):
        client.question("GET", "/", seconds=CALL)


def test_a_host_that_takes_no_connection_is_no_connection() -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for each in (first, second):  # Linux takes one more than asked for
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        client = Client(f"http://127.0.0.1:{full.getsockname()[1]}")
        with ending(), pytest.raises(NotConnected, match="TimeoutError"):
            client.question("GET", "/", seconds=CALL)


def test_a_name_that_is_not_resolved_in_time_is_no_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        over.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        with ending(), pytest.raises(NotConnected, match="not resolved in time"):
            Client("http://mailbox.example").question("GET", "/", seconds=CALL)
    finally:
        over.set()


def test_a_name_that_is_not_known_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "canary")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(NotConnected, match="not known"):
        Client("http://mailbox.example").question("GET", "/")


def test_the_second_address_is_tried(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(politely)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = closed.getsockname()
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", each)
        for each in (dead, ("127.0.0.1", server.port))
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    client = Client("http://mailbox.example")
    assert client.question("GET", "/").status == 200
    client.close()
